//! The evaluation of a request against every policy that has a say, in AWS's order: a denial anywhere, then the
//! organisation's levels, the endpoint, the resource's own policy, and what limits the caller.
//!
//! Owns the order and the rules of trust policies, key policies, root, federated users and services. [`decide`]
//! allocates nothing; [`evaluate`] goes the same way and keeps what it saw.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::arn_pattern::{ArnPattern, Split};
use crate::context::Context;
use crate::decision::{Decision, PolicyKind, Verdict};
use crate::entry::Reach;
use crate::explain::{Hit, explain};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::question::{Lower, Question, Resource, Sieve};
use crate::statement::{Effect, Statement};

/// A policy and what decisions call it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// The permissions boundary of the user or role: AWS has one at most. Of several any may allow.
    pub boundary: &'a [Named],
    /// Given when the session was made. Any of them may allow. A federated user without one is allowed nothing
    /// by identity policies.
    pub session: &'a [Named],
    /// Service control policies of the caller's account, a level each: root, units, account. Every level must
    /// allow; a level without a policy allows nothing. Empty for no organisation and for the management account;
    /// they do not bind service-linked roles.
    pub scps: &'a [Vec<Named>],
    /// Resource control policies of the resource's account, by level. They only deny, so that a level without one
    /// allows everything. Empty where they do not apply; they do not bind service-linked roles.
    pub rcps: &'a [Vec<Named>],
    /// The policies of the VPC endpoint that the request came through. Any of them may allow.
    pub endpoint: &'a [Named],
}

/// Who decided a request, and how: a [`Decision`] without its reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The outcome.
    pub verdict: Verdict,
    /// The kind of policy that allowed, denied, or failed to allow; none where no policy had a say.
    pub decided_by: Option<PolicyKind>,
}

impl Outcome {
    /// Whether the request may go on.
    pub fn is_allowed(&self) -> bool {
        self.verdict == Verdict::Allowed
    }
}

/// Decides a request.
pub fn decide(request: &Request<'_>, policies: &Policies<'_>) -> Outcome {
    let lower = Lower::new(request.action);
    let resource = Resource::One(Split::new(request.resource));
    let ruling = Evaluation::new(request, policies, lower.as_str(), resource).rule(&mut ());
    Outcome {
        verdict: ruling.verdict,
        decided_by: ruling.by,
    }
}

/// Decides a request, and says why.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    reasoned(
        request,
        policies,
        Resource::One(Split::new(request.resource)),
    )
}

/// Decides whether a request would be allowed on some resource of those that the wildcards in its resource mean. A
/// denial counts only if it meets all of them.
pub fn evaluate_some(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    let wanted = ArnPattern::new(request.resource, false);
    reasoned(request, policies, Resource::SomeOf(wanted))
}

fn reasoned<'a>(
    request: &Request<'a>,
    policies: &Policies<'a>,
    resource: Resource<'a>,
) -> Decision {
    let lower = Lower::new(request.action);
    let evaluation = Evaluation::new(request, policies, lower.as_str(), resource);
    let mut hits = Vec::new();
    let ruling = evaluation.rule(&mut hits);
    explain(&evaluation, ruling, &hits)
}

/// What needs no permission, whatever policies say.
const FREE: [&str; 2] = ["sts:getcalleridentity", "sts:getsessiontoken"];

/// What a bucket owner's root may do though the bucket's policy denies it, so that nobody is locked out for good.
const NEVER_LOCKED_OUT: [&str; 3] = [
    "s3:getbucketpolicy",
    "s3:putbucketpolicy",
    "s3:deletebucketpolicy",
];

/// Who is told of the statements that match.
trait Watch<'a> {
    /// Whether every statement is of interest, and not only those that change the outcome.
    const ALL: bool;

    fn see(&mut self, hit: Hit<'a>);
}

impl Watch<'_> for () {
    const ALL: bool = false;

    fn see(&mut self, _hit: Hit<'_>) {}
}

impl<'a> Watch<'a> for Vec<Hit<'a>> {
    const ALL: bool = true;

    fn see(&mut self, hit: Hit<'a>) {
        self.push(hit);
    }
}

/// The outcome, and what of its reasons the statements do not tell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ruling {
    pub(crate) verdict: Verdict,
    pub(crate) by: Option<PolicyKind>,
    pub(crate) ground: Ground,
}

/// Why, where the kind of policy alone does not say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ground {
    Statements,
    /// The action needs no permission.
    Free,
    /// Root is allowed what nothing denies.
    Root,
    /// This level of the organisation, from 1, of so many.
    Level(usize, usize),
    /// The resource is another account's.
    Abroad,
}

/// What the statements of one kind of policy say.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    allows: bool,
    denies: bool,
}

/// A request on its way through the policies.
pub(crate) struct Evaluation<'a, 'q> {
    pub(crate) principal: &'a Principal,
    pub(crate) action: &'a str,
    pub(crate) policies: Policies<'a>,
    pub(crate) question: Question<'q>,
    same_account: bool,
}

impl<'a: 'q, 'q> Evaluation<'a, 'q> {
    fn new(
        request: &Request<'a>,
        policies: &Policies<'a>,
        lower: &'q str,
        resource: Resource<'q>,
    ) -> Self {
        let caller_account = request.principal.account();
        let owner = request
            .resource_account
            .or_else(|| Split::new(request.resource).account())
            // `aws` owns what all accounts share, as AWS's managed policies.
            .filter(|account| !account.is_empty() && *account != "aws");
        Self {
            principal: request.principal,
            action: request.action,
            policies: *policies,
            question: Question {
                action: lower,
                resource,
                context: request.context,
                sieve: Sieve::of_action(lower),
            },
            same_account: caller_account.is_some()
                && owner.is_none_or(|owner| caller_account == Some(owner)),
        }
    }

    fn rule<W: Watch<'a>>(&self, watch: &mut W) -> Ruling {
        if FREE.contains(&self.question.action) {
            return ruling(Verdict::Allowed, None, Ground::Free);
        }
        let mut denied = None;
        // Whether the answer is known: a denial, and nobody who wants to hear the rest.
        let note = |denied: &mut Option<PolicyKind>, kind, found: Found| {
            if found.denies {
                denied.get_or_insert(kind);
            }
            denied.is_some() && !W::ALL
        };
        let explicit = |kind| ruling(Verdict::ExplicitlyDenied, Some(kind), Ground::Statements);
        let has_account = self.principal.account().is_some();
        let bound = !self.principal.is_service_linked();

        // Organisations bind the members of an account: not services, not strangers.
        let mut silent = None;
        let levels = if has_account && bound {
            self.policies.scps
        } else {
            &[]
        };
        for (index, level) in levels.iter().enumerate() {
            let found = self.scan(PolicyKind::Scp, level, watch);
            if note(&mut denied, PolicyKind::Scp, found) {
                return explicit(PolicyKind::Scp);
            }
            if !found.allows && silent.is_none() {
                silent = Some(Ground::Level(index + 1, levels.len()));
            }
        }
        // Resource control policies only deny: AWS attaches its full access to every level, for good.
        for level in self.policies.rcps.iter().filter(|_| bound) {
            let found = self.scan(PolicyKind::Rcp, level, watch);
            if note(&mut denied, PolicyKind::Rcp, found) {
                return explicit(PolicyKind::Rcp);
            }
        }
        let endpoint = self.scan(PolicyKind::Endpoint, self.policies.endpoint, watch);
        if note(&mut denied, PolicyKind::Endpoint, endpoint) {
            return explicit(PolicyKind::Endpoint);
        }
        let resource_kind = self.resource_kind();
        let (resource, closest) = self.scan_resource(resource_kind, watch);
        if note(&mut denied, resource_kind, resource) {
            return explicit(resource_kind);
        }
        let identity = self.scan(PolicyKind::Identity, self.policies.identity, watch);
        if note(&mut denied, PolicyKind::Identity, identity) {
            return explicit(PolicyKind::Identity);
        }
        let boundary = self.scan(PolicyKind::Boundary, self.policies.boundary, watch);
        if note(&mut denied, PolicyKind::Boundary, boundary) {
            return explicit(PolicyKind::Boundary);
        }
        let session = self.scan(PolicyKind::Session, self.policies.session, watch);
        note(&mut denied, PolicyKind::Session, session);
        if let Some(kind) = denied {
            return explicit(kind);
        }

        let implicit = |kind, ground| ruling(Verdict::ImplicitlyDenied, Some(kind), ground);
        let allowed = |kind| ruling(Verdict::Allowed, Some(kind), Ground::Statements);
        if let Some(level) = silent {
            return implicit(PolicyKind::Scp, level);
        }
        if !self.policies.endpoint.is_empty() && !endpoint.allows {
            return implicit(PolicyKind::Endpoint, Ground::Statements);
        }
        if !has_account {
            // Services, strangers and the anonymous have nothing but the resource's policy.
            return match closest {
                Reach::None => implicit(resource_kind, Ground::Statements),
                _ => allowed(resource_kind),
            };
        }
        let limit = self.limit(boundary, session);
        let by_identity = identity.allows || self.is_rooted();
        let by_caller = || match (identity.allows, closest) {
            (true, _) => allowed(PolicyKind::Identity),
            (false, Reach::None) => ruling(Verdict::Allowed, None, Ground::Root),
            (false, _) => allowed(resource_kind),
        };
        if self.same_account {
            match (closest, limit) {
                (Reach::Direct, _) | (Reach::Behind, None) => return allowed(resource_kind),
                (Reach::Behind, Some(kind)) => return implicit(kind, Ground::Statements),
                (Reach::Account | Reach::None, _) => {}
            }
            if self.needs_resource() && closest == Reach::None {
                return implicit(resource_kind, Ground::Statements);
            }
            return match (by_identity, limit) {
                (false, _) => implicit(PolicyKind::Identity, Ground::Statements),
                (true, Some(kind)) => implicit(kind, Ground::Statements),
                (true, None) => by_caller(),
            };
        }
        if !by_identity {
            return implicit(PolicyKind::Identity, Ground::Abroad);
        }
        if let Some(kind) = limit {
            return implicit(kind, Ground::Statements);
        }
        if closest == Reach::None {
            return implicit(resource_kind, Ground::Abroad);
        }
        by_caller()
    }

    /// What limits the caller and does not allow: the boundary or the session policies.
    fn limit(&self, boundary: Found, session: Found) -> Option<PolicyKind> {
        if !self.policies.boundary.is_empty() && !boundary.allows {
            return Some(PolicyKind::Boundary);
        }
        // A federated user without session policies may do nothing; a role's session then has all of the role's.
        let limited = !self.policies.session.is_empty()
            || matches!(self.principal, Principal::FederatedUser { .. });
        (limited && !session.allows).then_some(PolicyKind::Session)
    }

    /// Whether the caller needs no policy of its own: root, and a session that root asked for.
    fn is_rooted(&self) -> bool {
        match self.principal {
            Principal::Root { .. } => true,
            Principal::FederatedUser { issuer, .. } => issuer.resource == "root",
            _ => false,
        }
    }

    /// Whether the resource's policy must allow though the caller is of its account.
    fn needs_resource(&self) -> bool {
        matches!(
            self.policies.resource,
            Some((_, ResourceRule::RoleTrust | ResourceRule::KmsKey))
        )
    }

    fn resource_kind(&self) -> PolicyKind {
        match self.policies.resource {
            Some((_, ResourceRule::RoleTrust)) => PolicyKind::Trust,
            _ => PolicyKind::Resource,
        }
    }

    /// What the resource's policy says, and how closely the statements that allow name the caller.
    fn scan_resource<W: Watch<'a>>(&self, kind: PolicyKind, watch: &mut W) -> (Found, Reach) {
        let mut found = Found::default();
        let mut closest = Reach::None;
        let Some((policy, _)) = self.policies.resource else {
            return (found, closest);
        };
        let never_locked_out = self.same_account
            && matches!(self.principal, Principal::Root { .. })
            && NEVER_LOCKED_OUT.contains(&self.question.action);
        for statement in policy.policy.candidates(&self.question) {
            let effect = statement.effect;
            if (effect == Effect::Deny && never_locked_out) || !statement.matches(&self.question) {
                continue;
            }
            let reach = self.reach(statement);
            if reach == Reach::None {
                continue;
            }
            watch.see(Hit::new(policy, statement, kind));
            match effect {
                Effect::Deny => found.denies = true,
                Effect::Allow => {
                    found.allows = true;
                    closest = closest.max(reach);
                }
            }
        }
        (found, closest)
    }

    /// How closely a statement of the resource's policy names the caller.
    pub(crate) fn reach(&self, statement: &Statement) -> Reach {
        let bounded = !self.policies.boundary.is_empty();
        statement.reach(self.principal, self.question.context, bounded)
    }

    /// What policies say that the caller or the resource is subject to as a whole.
    fn scan<W: Watch<'a>>(&self, kind: PolicyKind, policies: &'a [Named], watch: &mut W) -> Found {
        let mut found = Found::default();
        // Identity policies have no principals; an endpoint's and the organisation's may.
        let named = |statement: &Statement| {
            !matches!(kind, PolicyKind::Endpoint | PolicyKind::Rcp)
                || statement.principals.is_none()
                || statement.reach(self.principal, self.question.context, false) != Reach::None
        };
        for policy in policies {
            for statement in policy.policy.candidates(&self.question) {
                let effect = statement.effect;
                if !W::ALL && effect == Effect::Allow && found.allows {
                    continue;
                }
                if !statement.matches(&self.question) || !named(statement) {
                    continue;
                }
                watch.see(Hit::new(policy, statement, kind));
                match effect {
                    Effect::Allow => found.allows = true,
                    Effect::Deny => {
                        found.denies = true;
                        if !W::ALL {
                            return found;
                        }
                    }
                }
            }
        }
        found
    }
}

fn ruling(verdict: Verdict, by: Option<PolicyKind>, ground: Ground) -> Ruling {
    Ruling {
        verdict,
        by,
        ground,
    }
}
