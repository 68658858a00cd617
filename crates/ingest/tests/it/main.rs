//! Reading logs as a user would.

#[cfg(test)]
mod kinds;
#[cfg(test)]
mod reading;
