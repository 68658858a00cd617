//! The temporary credentials that are out.

use serde::{Deserialize, Serialize};
use stockade_model::Secret;

use crate::call::Caller;
use crate::table::Table;

/// The temporary credentials that are out, by access key id (`ASIA…`).
#[derive(Debug, Clone, Default)]
pub struct State {
    issued: Table<String, Issued>,
    /// When those that have ended were last forgotten.
    swept: Option<jiff::Timestamp>,
}

crate::rows!(State {
    values: [swept],
    below: [issued],
});

/// Temporary credentials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// The secret access key.
    #[serde(with = "stockade_model::exposed")]
    pub secret: Secret,
    /// The token that must come with it.
    #[serde(with = "stockade_model::exposed")]
    pub token: Secret,
    /// Who a call with them comes from.
    pub caller: Caller,
}
crate::row!(Issued);

impl State {
    /// The credentials with this access key id.
    pub fn find(&self, access_key: &str) -> Option<&Issued> {
        self.issued.get(access_key)
    }

    /// Hands credentials out. Those that have ended are forgotten a day later, so that until then their
    /// holder is told that they have expired.
    pub fn issue(&mut self, access_key: String, issued: Issued, now: jiff::Timestamp) {
        let (hour, day) = (
            jiff::SignedDuration::from_hours(1),
            jiff::SignedDuration::from_hours(24),
        );
        // To look at all of them each time would make a session dearer the more there are.
        if self
            .swept
            .is_none_or(|swept| now.duration_since(swept) >= hour)
        {
            self.swept = Some(now);
            self.issued.retain(|_, old| {
                old.caller
                    .session
                    .as_ref()
                    .is_some_and(|session| now.duration_since(session.expires) < day)
            });
        }
        self.issued.insert(access_key, issued);
    }
}
