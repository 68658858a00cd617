//! The client against an endpoint that fails in every way that endpoints do.

#[cfg(test)]
mod faults;
#[cfg(test)]
mod server;
