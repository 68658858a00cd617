//! The store as two processes, a crash and a forger would use it.

#[cfg(test)]
mod abuse;
