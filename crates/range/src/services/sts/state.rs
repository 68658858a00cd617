//! The temporary credentials that are out.

use serde::{Deserialize, Serialize};
use stockade_model::Secret;

use crate::call::Caller;
use crate::ids::Ids;
use crate::table::Table;

/// The temporary credentials that are out, by access key id (`ASIA…`).
#[derive(Debug, Clone, Default)]
pub struct State {
    issued: Table<String, Issued>,
    /// When those that have ended were last forgotten.
    swept: Option<jiff::Timestamp>,
    /// The last step of each MFA device whose code was used, by serial number.
    spent: Table<String, Spent>,
    /// What authorisation messages are sealed with.
    pub(super) message_key: Option<MessageKey>,
}

crate::rows!(State {
    values: [swept, message_key],
    below: [issued, spent],
});

/// The last step whose code was used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Spent(i64);
crate::row!(Spent);

/// What authorisation messages are sealed with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct MessageKey(
    #[serde(with = "stockade_model::exposed")]
    /// 32 bytes in hexadecimal.
    pub(super) Secret,
);

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
    /// Nothing is out yet.
    pub fn new(ids: &mut Ids) -> Self {
        Self {
            message_key: Some(MessageKey(Secret::new(ids.hex(64)))),
            ..Self::default()
        }
    }

    /// The credentials with this access key id.
    pub fn find(&self, access_key: &str) -> Option<&Issued> {
        self.issued.get(access_key)
    }

    /// Whether an MFA device's code of this step, or of a later one, was used.
    pub fn is_spent(&self, serial: &str, step: i64) -> bool {
        self.spent.get(serial).is_some_and(|last| last.0 >= step)
    }

    pub(super) fn spend_code(&mut self, serial: String, step: i64) {
        self.spent.insert(serial, Spent(step));
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
