//! Both ends against each other: whatever one writes, the other reads.

mod hostile;
mod make;
mod round_trip;
