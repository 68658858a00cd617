//! The range as its callers see it: every test signs real requests and reads real answers.

#[cfg(test)]
mod accounts;
#[cfg(test)]
mod authentication;
#[cfg(test)]
mod authorisation;
#[cfg(test)]
mod cloud;
#[cfg(test)]
mod delivery;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod history;
#[cfg(test)]
mod open;
#[cfg(test)]
mod records;
#[cfg(test)]
mod regions;
#[cfg(test)]
mod sessions;
#[cfg(test)]
mod snapshots;
#[cfg(test)]
mod sockets;
#[cfg(test)]
mod tls;
