//! Reading logs as a user would.

#[cfg(test)]
mod reading;
