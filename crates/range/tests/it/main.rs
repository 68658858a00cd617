//! The range as its callers see it: every test signs real requests and reads real answers.

mod accounts;
mod authentication;
mod authorisation;
mod cloud;
mod delivery;
mod history;
mod records;
mod sessions;
mod sockets;
