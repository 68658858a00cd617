//! The evaluation of a request against every policy that has a say.

use std::sync::Arc;

use crate::context::Context;
use crate::decision::{Decision, Verdict};
use crate::document::Policy;
use crate::principal::Principal;

/// A policy and what decisions call it.
#[derive(Debug, Clone)]
pub struct Named {
    /// An ARN, or such as `inline QuarantineDeny`.
    pub name: String,
    /// The document.
    pub policy: Arc<Policy>,
}

impl Named {
    /// A policy with its name.
    pub fn new(name: impl Into<String>, policy: impl Into<Arc<Policy>>) -> Self {
        Self {
            name: name.into(),
            policy: policy.into(),
        }
    }
}

/// What somebody wants to do.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: &'a Principal,
    /// As in `iam:ListUsers`.
    pub action: &'a str,
    /// The resource's ARN, or `*` where the action has none.
    pub resource: &'a str,
    /// The account that owns the resource. Without it the ARN's account counts, and where that has none
    /// (`arn:aws:s3:::bucket`) the caller's.
    pub resource_account: Option<&'a str>,
    /// The condition keys that the request carries.
    pub context: &'a Context,
}

/// How a resource's policy counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResourceRule {
    /// In the resource's own account it is enough by itself (buckets, queues, topics, secrets, …).
    #[default]
    Ordinary,
    /// A role's trust policy: it must allow.
    RoleTrust,
    /// A KMS key policy: identity policies count only where it delegates to the account.
    KmsKey,
}

/// Every policy that has a say. What does not exist stays empty.
#[derive(Debug, Clone, Copy, Default)]
pub struct Policies<'a> {
    /// Of the user, their groups, or the role. For a federated user: of the user who asked for the session.
    pub identity: &'a [Named],
    /// The resource's own policy.
    pub resource: Option<(&'a Named, ResourceRule)>,
    /// The permissions boundary of the user or role.
    pub boundary: Option<&'a Named>,
    /// Given when the session was made. Any of them may allow. A federated user without one is allowed nothing
    /// by identity policies.
    pub session: &'a [Named],
    /// Service control policies of the caller's account, a level each: root, units, account. Every level must
    /// allow; a level without a policy allows nothing. Empty for no organisation, for the management account and
    /// for service-linked roles.
    pub scps: &'a [Vec<Named>],
    /// Resource control policies of the resource's account, by level as `scps`. Empty where they do not apply.
    pub rcps: &'a [Vec<Named>],
    /// The policies of the VPC endpoint that the request came through. Any of them may allow.
    pub endpoint: &'a [Named],
}

/// Decides a request.
pub fn evaluate(_request: &Request<'_>, _policies: &Policies<'_>) -> Decision {
    Decision {
        verdict: Verdict::ImplicitlyDenied,
        decided_by: None,
        statements: Vec::new(),
        reason: String::new(),
    }
}
