//! Fields that are worked out from an event, which rules name like fields of the record.
//!
//! Owns what they mean. Rules name them `stockade.…`; `docs/reference/detector-fields.md` describes them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::access::Access;
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
    /// `stockade.foreign_account`: each account other than the event's own that the call lets in.
    ForeignAccount,
    /// `stockade.open_to_all`: true where the call lets everybody in.
    OpenToAll,
    /// `stockade.administrator`: true where the call gives everything on everything.
    Administrator,
    /// `stockade.escalation`: each action that the call gives and by which its holder can make an
    /// administrator of itself.
    Escalation,
    /// `stockade.shared_provider`: each identity provider of everybody's that the call lets in
    /// without saying whom of it.
    SharedProvider,
}

impl Derived {
    /// Every one, by the name that rules use.
    pub(crate) const ALL: [(&'static str, Self); 7] = [
        ("stockade.outcome", Self::Outcome),
        ("stockade.principal", Self::Principal),
        ("stockade.foreign_account", Self::ForeignAccount),
        ("stockade.open_to_all", Self::OpenToAll),
        ("stockade.administrator", Self::Administrator),
        ("stockade.escalation", Self::Escalation),
        ("stockade.shared_provider", Self::SharedProvider),
    ];

    /// Finds one by the name that rules use.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, field)| *field)
    }

    /// Makes known which members of an event it rests on.
    pub(crate) fn link(self, names: &mut Names) {
        names.slot("requestParameters");
        names.slot("responseElements");
    }

    /// Its values in an event, as JSON.
    pub(crate) fn of(self, look: &Look<'_>) -> Vec<Cow<'static, str>> {
        let truth = |truth: bool| Vec::from_iter(truth.then_some(Cow::Borrowed("true")));
        let all = |texts: BTreeSet<String>| texts.iter().filter_map(|text| quoted(text)).collect();
        match self {
            Self::Outcome => vec![Cow::Borrowed(match Outcome::of(look) {
                Outcome::Done => "\"done\"",
                Outcome::Refused => "\"refused\"",
                Outcome::Failed => "\"failed\"",
            })],
            Self::Principal => Vec::from_iter(quoted(&look.principal())),
            Self::ForeignAccount => all(Access::of(look).foreign),
            Self::OpenToAll => truth(Access::of(look).everybody),
            Self::Administrator => truth(Access::of(look).administrator),
            Self::Escalation => all(Access::of(look).escalation),
            Self::SharedProvider => all(Access::of(look).providers),
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
