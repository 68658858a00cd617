//! Fields that are worked out from an event, which rules name like fields of the record.
//!
//! Owns what they mean. Rules name them `stockade.…`. What a policy document in an event really
//! allows belongs here once detection asks the policy engine.

use std::borrow::Cow;

use crate::grants::Grants;
use crate::look::{Look, Names};

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
    pub(crate) fn of(look: &Look<'_>) -> Self {
        if let Some(code) = look.error_code() {
            return if is_refusal(&code) {
                Self::Refused
            } else {
                Self::Failed
            };
        }
        let login = look.name() == "ConsoleLogin"
            && look.text(&["responseElements", "ConsoleLogin"]).as_deref() == Some("Failure");
        if login { Self::Failed } else { Self::Done }
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

    /// Makes known which members of an event it rests on.
    pub(crate) fn link(self, names: &mut Names) {
        names.slot("requestParameters");
        names.slot("responseElements");
    }

    /// Its value in an event, as JSON.
    pub(crate) fn of(self, look: &Look<'_>) -> Option<Cow<'static, str>> {
        match self {
            Self::Outcome => Some(Cow::Borrowed(match Outcome::of(look) {
                Outcome::Done => "\"done\"",
                Outcome::Refused => "\"refused\"",
                Outcome::Failed => "\"failed\"",
            })),
            Self::Principal => quoted(&look.principal()),
            Self::ForeignAccount => quoted(&Grants::of(look).foreign.pop_first()?),
            Self::OpenToAll => Grants::of(look).everybody.then_some(Cow::Borrowed("true")),
        }
    }
}

fn quoted(text: &str) -> Option<Cow<'static, str>> {
    serde_json::to_string(text).ok().map(Cow::Owned)
}

/// Whether an error says that the caller lacks the permission, in any of AWS's spellings.
pub(crate) fn is_refusal(code: &str) -> bool {
    matches!(code, "AccessDenied" | "AccessDeniedException")
        || code.ends_with("UnauthorizedOperation")
}
