//! Both ends against each other: whatever one writes, the other reads.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail"
)]

mod hostile;
mod make;
mod round_trip;
