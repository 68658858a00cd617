//! The range: a local AWS that says no and remembers. Every call is authenticated, authorised and recorded.
//!
//! Owns the accounts, the clock, and the behaviour of the services. Must not be used by `respond`: what
//! works here works on AWS.

pub mod answer;
pub mod authn;
pub mod authz;
pub mod birth;
pub mod call;
pub mod clock;
mod control;
pub mod delayed;
pub mod desk;
pub mod front;
pub mod ids;
mod issuers;
pub mod profile;
pub mod provider_keys;
pub mod regions;
pub mod request;
pub mod row;
pub mod rows;
pub mod seen;
pub mod server;
pub mod services;
mod sockets;
pub mod state;
pub mod store;
pub mod table;
pub mod tls;
pub mod trail;
pub mod usage;
pub mod whole;
mod wildcard;
pub mod x509;
