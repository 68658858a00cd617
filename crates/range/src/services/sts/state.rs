//! The temporary credentials that are out.

use stockade_model::Secret;

use crate::call::Caller;
use crate::table::Table;

/// The temporary credentials that are out, by access key id (`ASIA…`).
#[derive(Debug, Clone, Default)]
pub struct State {
    issued: Table<String, Issued>,
}

/// Temporary credentials.
#[derive(Debug, Clone)]
pub struct Issued {
    /// The secret access key.
    pub secret: Secret,
    /// The token that must come with it.
    pub token: Secret,
    /// Who a call with them comes from.
    pub caller: Caller,
}

impl State {
    /// The credentials with this access key id.
    pub fn find(&self, access_key: &str) -> Option<&Issued> {
        self.issued.get(access_key)
    }

    /// Hands credentials out. Those that have ended are forgotten a day later, so that until then their
    /// holder is told that they have expired.
    pub fn issue(&mut self, access_key: String, issued: Issued, now: jiff::Timestamp) {
        let day = jiff::SignedDuration::from_hours(24);
        self.issued.retain(|_, old| {
            old.caller
                .session
                .as_ref()
                .is_some_and(|session| now.duration_since(session.expires) < day)
        });
        self.issued.insert(access_key, issued);
    }
}
