//! Fields that are worked out from an event, which rules name like fields of the record.
//!
//! Owns what they mean. Rules name them `stockade.…`. What a policy document in an event really
//! allows belongs here once detection asks the policy engine.

use serde_json::Value;
use stockade_model::Event;

use crate::grants::Grants;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Outcome {
    /// AWS did it.
    Done,
    /// AWS refused it for want of permission.
    Refused,
    /// It failed for another reason.
    Failed,
}

impl Outcome {
    /// How the event's call ended. A console login tells of its failure in its answer and not in
    /// `errorCode`.
    pub fn of(event: &Event) -> Self {
        if event.is_refused() {
            return Self::Refused;
        }
        let login = event.name() == "ConsoleLogin"
            && event.text(&["responseElements", "ConsoleLogin"]) == Some("Failure");
        if event.error_code().is_some() || login {
            Self::Failed
        } else {
            Self::Done
        }
    }

    /// The name in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// A field that is worked out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Derived {
    /// `stockade.outcome`: done, refused or failed.
    Outcome,
    /// `stockade.principal`: who called, as findings have it.
    Principal,
    /// `stockade.foreign_account`: an account other than the event's own that a policy document in
    /// the request lets in; absent where there is none.
    ForeignAccount,
    /// `stockade.open_to_all`: true where a policy document in the request lets everybody in.
    OpenToAll,
}

impl Derived {
    /// Finds one by the name that rules use.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "stockade.outcome" => Some(Self::Outcome),
            "stockade.principal" => Some(Self::Principal),
            "stockade.foreign_account" => Some(Self::ForeignAccount),
            "stockade.open_to_all" => Some(Self::OpenToAll),
            _ => None,
        }
    }

    /// Its value in an event.
    pub(crate) fn of(self, event: &Event) -> Option<Value> {
        match self {
            Self::Outcome => Some(Value::from(Outcome::of(event).as_str())),
            Self::Principal => Some(Value::from(event.principal())),
            Self::ForeignAccount => Grants::of(event).foreign.pop_first().map(Value::from),
            Self::OpenToAll => Grants::of(event).everybody.then_some(Value::Bool(true)),
        }
    }
}
