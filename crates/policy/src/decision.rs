//! What an evaluation says: the verdict, who decided it, and AWS's words for a refusal.
//!
//! Owns the wording. Decides nothing.

use serde::Serialize;

use crate::evaluate::Request;

/// The outcome of an evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Verdict {
    /// The request may go on.
    Allowed,
    /// A statement with `Deny` refuses it.
    ExplicitlyDenied,
    /// Nothing allows it, or some policy that must allow it does not.
    ImplicitlyDenied,
}

/// The kind of policy that decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub enum PolicyKind {
    /// Attached to the user, their groups, or the role.
    Identity,
    /// Attached to the resource.
    Resource,
    /// A role's trust policy.
    Trust,
    /// The permissions boundary.
    Boundary,
    /// Given when the session was made.
    Session,
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
    /// The policy of the VPC endpoint that the request came through.
    Endpoint,
}

impl PolicyKind {
    /// As AWS's refusals call it: `identity-based policy`, `service control policy`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::Trust => "role trust policy",
            Self::Boundary => "permissions boundary",
            Self::Session => "session policy",
            Self::Scp => "service control policy",
            Self::Rcp => "resource control policy",
            Self::Endpoint => "VPC endpoint policy",
        }
    }
}

/// A statement that decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StatementRef {
    /// The policy's name as it was passed in.
    pub policy: String,
    /// The policy's kind.
    pub kind: PolicyKind,
    /// The statement's `Sid`.
    pub sid: Option<String>,
    /// The statement's place in its document, from 0.
    pub index: usize,
}

/// What an evaluation says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The outcome.
    pub verdict: Verdict,
    /// The kind of policy that allowed, denied, or failed to allow; none where no policy had a say, as for
    /// root in its own account.
    pub decided_by: Option<PolicyKind>,
    /// The statements that allowed or denied; empty for an implicit denial.
    pub statements: Vec<StatementRef>,
    /// Why, in a line, for people.
    pub reason: String,
}

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// AWS's message to a refused caller.
    pub fn refusal(&self, request: &Request<'_>) -> String {
        let action = request.action;
        let article = |kind: PolicyKind| match kind {
            PolicyKind::Identity => "an",
            PolicyKind::Trust => "the",
            _ => "a",
        };
        let why = match (self.verdict, self.decided_by) {
            (Verdict::ExplicitlyDenied, Some(kind)) => {
                format!(
                    " with an explicit deny in {} {}",
                    article(kind),
                    kind.as_str()
                )
            }
            (Verdict::ImplicitlyDenied, Some(kind)) => {
                format!(" because no {} allows the {action} action", kind.as_str())
            }
            _ => String::new(),
        };
        // AWS leaves out the resource where the action has none.
        let on = match request.resource {
            "" | "*" => String::new(),
            resource => format!(" on resource: {resource}"),
        };
        format!(
            "User: {} is not authorized to perform: {action}{on}{why}",
            request.principal.name()
        )
    }
}
