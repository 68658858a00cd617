//! What an evaluation says: the verdict, who decided it, and AWS's words for a refusal.
//!
//! Owns the wording. Decides nothing.

use std::fmt;

use serde::Serialize;

use crate::evaluate::{Outcome, Request};

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

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
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

impl fmt::Display for StatementRef {
    /// The policy's name with the statement's `Sid`, or its place from 1.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sid {
            Some(sid) => write!(f, "{} (Sid {sid})", self.policy),
            None => write!(f, "{} (statement {})", self.policy, self.index + 1),
        }
    }
}

/// A statement that allows the action, and why not this time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Which.
    pub statement: StatementRef,
    /// What stands in the way.
    pub gap: Gap,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} allows it, but {}", self.statement, self.gap)
    }
}

/// The first thing that keeps a statement from matching.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum Gap {
    /// It speaks of other resources.
    Resource,
    /// It names others.
    Principal,
    /// A condition does not hold.
    Condition {
        /// As the document spells it.
        operator: String,
        /// The condition key.
        key: String,
        /// The request does not carry the key.
        absent: bool,
    },
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resource => f.write_str("not on this resource"),
            Self::Principal => f.write_str("not to this principal"),
            Self::Condition {
                operator,
                key,
                absent: true,
            } => write!(
                f,
                "its condition {operator} needs {key}, which the request lacks"
            ),
            Self::Condition { operator, key, .. } => {
                write!(f, "its condition {operator} of {key} does not hold")
            }
        }
    }
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
    /// Of an implicit denial: statements that speak of the action and allow all the same not, the first ten.
    pub missing: Vec<Missing>,
    /// Why, in a line, for people.
    pub reason: String,
}

impl Decision {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }

    /// The decision without its reasons.
    pub fn outcome(&self) -> Outcome {
        Outcome {
            verdict: self.verdict,
            decided_by: self.decided_by,
        }
    }

    /// The ARN of the policy that denies, where AWS tells it: of IAM's and the organisation's policies that have one.
    fn denying_arn(&self, kind: PolicyKind) -> Option<&str> {
        use PolicyKind::{Boundary, Identity, Rcp, Scp, Session};
        let told = matches!(kind, Identity | Boundary | Session | Scp | Rcp);
        let policy = &self
            .statements
            .iter()
            .find(|statement| statement.kind == kind)?
            .policy;
        (told && policy.starts_with("arn:")).then_some(policy)
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
                let which = self.denying_arn(kind).map(|arn| format!(": {arn}"));
                format!(
                    " with an explicit deny in {} {}{}",
                    article(kind),
                    kind.as_str(),
                    which.unwrap_or_default()
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
            resource if action.starts_with("s3:") => format!(" on resource: \"{resource}\""),
            resource => format!(" on resource: {resource}"),
        };
        format!(
            "User: {} is not authorized to perform: {action}{on}{why}",
            request.principal.name()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Context;
    use crate::principal::Principal;

    #[test]
    fn refusals_read_like_those_of_aws() {
        let principal: Principal = "arn:aws:iam::111122223333:user/anna".parse().unwrap();
        let context = Context::new();
        let refusal = |verdict, kind, action, resource| {
            let decision = Decision {
                verdict,
                decided_by: Some(kind),
                statements: Vec::new(),
                missing: Vec::new(),
                reason: String::new(),
            };
            decision.refusal(&Request {
                principal: &principal,
                action,
                resource,
                resource_account: None,
                context: &context,
            })
        };
        use PolicyKind::{Boundary, Identity, Rcp, Resource, Scp, Session, Trust};
        use Verdict::{ExplicitlyDenied, ImplicitlyDenied};
        const WHO: &str =
            "User: arn:aws:iam::111122223333:user/anna is not authorized to perform: ";
        for (verdict, kind, action, resource, expected) in [
            (
                ImplicitlyDenied,
                Identity,
                "iam:ListUsers",
                "arn:aws:iam::111122223333:user/",
                "iam:ListUsers on resource: arn:aws:iam::111122223333:user/ because no identity-based policy allows the iam:ListUsers action",
            ),
            (
                ImplicitlyDenied,
                Boundary,
                "ec2:DescribeInstances",
                "*",
                "ec2:DescribeInstances because no permissions boundary allows the ec2:DescribeInstances action",
            ),
            (
                ImplicitlyDenied,
                Session,
                "sqs:ListQueues",
                "*",
                "sqs:ListQueues because no session policy allows the sqs:ListQueues action",
            ),
            (
                ImplicitlyDenied,
                Scp,
                "sqs:ListQueues",
                "*",
                "sqs:ListQueues because no service control policy allows the sqs:ListQueues action",
            ),
            (
                ImplicitlyDenied,
                Trust,
                "sts:AssumeRole",
                "*",
                "sts:AssumeRole because no role trust policy allows the sts:AssumeRole action",
            ),
            (
                ExplicitlyDenied,
                Identity,
                "sqs:ListQueues",
                "*",
                "sqs:ListQueues with an explicit deny in an identity-based policy",
            ),
            (
                ExplicitlyDenied,
                Trust,
                "sts:AssumeRole",
                "*",
                "sts:AssumeRole with an explicit deny in the role trust policy",
            ),
            (
                ExplicitlyDenied,
                Resource,
                "s3:GetObject",
                "arn:aws:s3:::b/k",
                "s3:GetObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a resource-based policy",
            ),
            (
                ExplicitlyDenied,
                Rcp,
                "s3:GetObject",
                "arn:aws:s3:::b/k",
                "s3:GetObject on resource: \"arn:aws:s3:::b/k\" with an explicit deny in a resource control policy",
            ),
        ] {
            assert_eq!(
                refusal(verdict, kind, action, resource),
                format!("{WHO}{expected}")
            );
        }
    }

    #[test]
    fn a_refusal_names_the_policy_that_has_an_arn() {
        let principal: Principal = "arn:aws:iam::111122223333:user/anna".parse().unwrap();
        let context = Context::new();
        let refusal = |kind, policy: &str| {
            let decision = Decision {
                verdict: Verdict::ExplicitlyDenied,
                decided_by: Some(kind),
                statements: vec![StatementRef {
                    policy: policy.to_owned(),
                    kind,
                    sid: None,
                    index: 0,
                }],
                missing: Vec::new(),
                reason: String::new(),
            };
            let request = Request {
                principal: &principal,
                action: "sqs:ListQueues",
                resource: "*",
                resource_account: None,
                context: &context,
            };
            let text = decision.refusal(&request);
            text.split_once("with an explicit deny in a")
                .unwrap()
                .1
                .to_owned()
        };
        const SCP: &str =
            "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-1";
        const MANAGED: &str = "arn:aws:iam::111122223333:policy/no";
        assert_eq!(
            refusal(PolicyKind::Scp, SCP),
            format!(" service control policy: {SCP}")
        );
        assert_eq!(
            refusal(PolicyKind::Identity, MANAGED),
            format!("n identity-based policy: {MANAGED}")
        );
        assert_eq!(
            refusal(PolicyKind::Identity, "inline no"),
            "n identity-based policy"
        );
        assert_eq!(
            refusal(PolicyKind::Resource, "arn:aws:s3:::b"),
            " resource-based policy"
        );
    }
}
