//! The client against an endpoint that fails in every way that endpoints do.

mod faults;
mod server;
