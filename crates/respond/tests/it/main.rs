//! The response against a small AWS of this test's own that fails, dies and is attacked on command.

#[cfg(test)]
mod after;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod loops;
#[cfg(test)]
mod proof;
#[cfg(test)]
mod scene;
#[cfg(test)]
mod suspects;
