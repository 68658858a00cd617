//! JSON scanned once, from its bytes, without a tree and without an allocation.
//!
//! Owns where a record begins and ends, where its members stand, and lazy values within it. Nothing
//! is looked into before somebody asks: a container that is passed over is held to balance and to
//! no more. Must not know what a member means, nor open anything.

mod blocks;
mod scanner;
mod value;

pub use scanner::{Fault, Member, Next, Scanner, Step};
pub use value::{Elements, Kind, Members, Raw, is_key};
