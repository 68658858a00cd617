//! The evaluation of a request against every policy that has a say, in AWS's order: a denial anywhere, then the
//! organisation's levels, the endpoint, the resource's own policy, and what limits the caller.
//!
//! Owns the order and the rules of trust policies, key policies, root, federated users and services. Must not
//! allocate for statements that do not match.

use std::sync::Arc;

use crate::context::Context;
use crate::decision::{Decision, PolicyKind, StatementRef, Verdict};
use crate::entry::{Caller, Reach};
use crate::policy::Policy;
use crate::principal::Principal;
use crate::statement::{Effect, Statement};

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
    /// Resource control policies of the resource's account, by level. They only deny, so that a level without one
    /// allows everything. Empty where they do not apply.
    pub rcps: &'a [Vec<Named>],
    /// The policies of the VPC endpoint that the request came through. Any of them may allow.
    pub endpoint: &'a [Named],
}

/// Decides a request.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    Evaluation::new(request, policies).decide()
}

/// What needs no permission, whatever policies say.
const FREE: [&str; 2] = ["sts:getcalleridentity", "sts:getsessiontoken"];

/// What a bucket owner's root may do though the bucket's policy denies it, so that nobody is locked out for good.
const NEVER_LOCKED_OUT: [&str; 3] = [
    "s3:getbucketpolicy",
    "s3:putbucketpolicy",
    "s3:deletebucketpolicy",
];

/// A statement that matched.
#[derive(Clone, Copy)]
struct Hit<'a> {
    policy: &'a Named,
    statement: &'a Statement,
    kind: PolicyKind,
}

/// The statements of one kind of policy that matched.
#[derive(Default)]
struct Hits<'a> {
    allows: Vec<Hit<'a>>,
    denies: Vec<Hit<'a>>,
}

struct Evaluation<'a> {
    request: &'a Request<'a>,
    policies: &'a Policies<'a>,
    action: String,
    caller: Caller<'a>,
    same_account: bool,
}

impl<'a> Evaluation<'a> {
    fn new(request: &'a Request<'a>, policies: &'a Policies<'a>) -> Self {
        let caller_account = request.principal.account();
        let owner = request
            .resource_account
            .or_else(|| request.resource.split(':').nth(4))
            // `aws` owns what all accounts share, as AWS's managed policies.
            .filter(|account| !account.is_empty() && *account != "aws");
        Self {
            request,
            policies,
            action: request.action.to_ascii_lowercase(),
            caller: Caller::new(request.principal),
            same_account: caller_account.is_some()
                && owner.is_none_or(|owner| caller_account == Some(owner)),
        }
    }

    fn decide(&self) -> Decision {
        if FREE.contains(&self.action.as_str()) {
            return allowed(None, &[], "the action needs no permission".to_owned());
        }
        let (resource, closest) = self.resource();
        let identity = self.scan(PolicyKind::Identity, self.policies.identity);
        let boundary = self.scan(PolicyKind::Boundary, self.policies.boundary);
        let session = self.scan(PolicyKind::Session, self.policies.session);
        let endpoint = self.scan(PolicyKind::Endpoint, self.policies.endpoint);
        // Organisations bind the members of an account: not services, not strangers.
        let scps: Vec<Hits<'_>> = match self.request.principal.account() {
            Some(_) => self.levels(PolicyKind::Scp, self.policies.scps),
            None => Vec::new(),
        };
        let rcps = self.levels(PolicyKind::Rcp, self.policies.rcps);

        let denies: Vec<Hit<'_>> = scps
            .iter()
            .chain(&rcps)
            .chain([&endpoint, &resource, &identity, &boundary, &session])
            .flat_map(|hits| hits.denies.iter().copied())
            .collect();
        if let Some(first) = denies.first() {
            return explicit(first.kind, &denies);
        }
        // Resource control policies only deny: AWS attaches its full access to every level, for good.
        if let Some(level) = scps.iter().position(|hits| hits.allows.is_empty()) {
            let detail = format!(" at level {} of {}", level + 1, scps.len());
            return self.implicit(PolicyKind::Scp, &detail);
        }
        if !self.policies.endpoint.is_empty() && endpoint.allows.is_empty() {
            return self.implicit(PolicyKind::Endpoint, "");
        }

        let within = self.within(&boundary, &session);
        let by_identity = self.by_identity(&identity);
        let resource_kind = self.resource_kind();
        if self.request.principal.account().is_none() {
            // Services, strangers and the anonymous have nothing but the resource's policy.
            return match closest {
                Reach::None => self.implicit(resource_kind, ""),
                _ => by(resource_kind, &resource.allows),
            };
        }
        if self.same_account {
            match (closest, within) {
                (Reach::Direct, _) | (Reach::Behind, None) => {
                    return by(resource_kind, &resource.allows);
                }
                (Reach::Behind, Some(missing)) => return self.implicit(missing, ""),
                (Reach::Account | Reach::None, _) => {}
            }
            if self.needs_resource() && closest == Reach::None {
                return self.implicit(resource_kind, "");
            }
            return match (by_identity, within) {
                (false, _) => self.implicit(PolicyKind::Identity, ""),
                (true, Some(missing)) => self.implicit(missing, ""),
                (true, None) => self.by_caller(&identity, &resource),
            };
        }
        if !by_identity {
            return self.implicit(
                PolicyKind::Identity,
                ", and the resource is another account's",
            );
        }
        if let Some(missing) = within {
            return self.implicit(missing, "");
        }
        if closest == Reach::None {
            return self.implicit(resource_kind, ", and the resource is another account's");
        }
        self.by_caller(&identity, &resource)
    }

    /// What limits the caller and does not allow: the boundary or the session policies.
    fn within(&self, boundary: &Hits<'_>, session: &Hits<'_>) -> Option<PolicyKind> {
        if self.policies.boundary.is_some() && boundary.allows.is_empty() {
            return Some(PolicyKind::Boundary);
        }
        // A federated user without session policies may do nothing; a role's session then has all of the role's.
        let limited = !self.policies.session.is_empty()
            || matches!(self.request.principal, Principal::FederatedUser { .. });
        (limited && session.allows.is_empty()).then_some(PolicyKind::Session)
    }

    /// Whether the caller's own policies allow. Root needs none, nor does a session that root asked for.
    fn by_identity(&self, identity: &Hits<'_>) -> bool {
        match self.request.principal {
            Principal::Root { .. } => true,
            Principal::FederatedUser { issuer, .. } if issuer.resource == "root" => true,
            _ => !identity.allows.is_empty(),
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

    /// The resource policy's statements that match, and how closely those that allow name the caller.
    fn resource(&self) -> (Hits<'a>, Reach) {
        let mut hits = Hits::default();
        let mut closest = Reach::None;
        let Some((policy, _)) = self.policies.resource else {
            return (hits, closest);
        };
        let kind = self.resource_kind();
        let bounded = self.policies.boundary.is_some();
        let never_locked_out = self.same_account
            && matches!(self.request.principal, Principal::Root { .. })
            && NEVER_LOCKED_OUT.contains(&self.action.as_str());
        for statement in policy.policy.statements() {
            if !self.matches(statement) {
                continue;
            }
            let reach = statement.reach(&self.caller, self.request.context, bounded);
            let hit = Hit {
                policy,
                statement,
                kind,
            };
            match statement.effect {
                _ if reach == Reach::None => {}
                Effect::Deny if never_locked_out => {}
                Effect::Deny => hits.denies.push(hit),
                Effect::Allow => {
                    closest = closest.max(reach);
                    hits.allows.push(hit);
                }
            }
        }
        (hits, closest)
    }

    fn levels(&self, kind: PolicyKind, levels: &'a [Vec<Named>]) -> Vec<Hits<'a>> {
        levels.iter().map(|level| self.scan(kind, level)).collect()
    }

    /// The statements that match, of policies that the caller or the resource is subject to as a whole.
    fn scan(&self, kind: PolicyKind, policies: impl IntoIterator<Item = &'a Named>) -> Hits<'a> {
        let mut hits = Hits::default();
        for policy in policies {
            for statement in policy.policy.statements() {
                if !self.matches(statement)
                    || statement.reach(&self.caller, self.request.context, false) == Reach::None
                {
                    continue;
                }
                let hit = Hit {
                    policy,
                    statement,
                    kind,
                };
                match statement.effect {
                    Effect::Allow => hits.allows.push(hit),
                    Effect::Deny => hits.denies.push(hit),
                }
            }
        }
        hits
    }

    fn matches(&self, statement: &Statement) -> bool {
        statement.matches(&self.action, self.request.resource, self.request.context)
    }

    fn by_caller(&self, identity: &Hits<'_>, resource: &Hits<'_>) -> Decision {
        if identity.allows.is_empty() {
            return match resource.allows.as_slice() {
                [] => allowed(None, &[], "root is allowed what nothing denies".to_owned()),
                hits => by(self.resource_kind(), hits),
            };
        }
        let all: Vec<Hit<'_>> = identity
            .allows
            .iter()
            .chain(&resource.allows)
            .copied()
            .collect();
        by(PolicyKind::Identity, &all)
    }

    fn implicit(&self, kind: PolicyKind, detail: &str) -> Decision {
        Decision {
            verdict: Verdict::ImplicitlyDenied,
            decided_by: Some(kind),
            statements: Vec::new(),
            reason: format!("no {kind} allows {}{detail}", self.request.action),
        }
    }
}

fn by(kind: PolicyKind, hits: &[Hit<'_>]) -> Decision {
    let reason = match hits.first() {
        Some(hit) => format!("allowed by {kind} {}", hit.policy.name),
        None => format!("allowed by {kind}"),
    };
    allowed(Some(kind), hits, reason)
}

fn allowed(kind: Option<PolicyKind>, hits: &[Hit<'_>], reason: String) -> Decision {
    Decision {
        verdict: Verdict::Allowed,
        decided_by: kind,
        statements: hits.iter().map(StatementRef::from).collect(),
        reason,
    }
}

fn explicit(kind: PolicyKind, denies: &[Hit<'_>]) -> Decision {
    let statements: Vec<_> = denies.iter().map(StatementRef::from).collect();
    let reason = match statements.first() {
        Some(first) => format!("denied by {kind} {first}"),
        None => format!("denied by {kind}"),
    };
    Decision {
        verdict: Verdict::ExplicitlyDenied,
        decided_by: Some(kind),
        statements,
        reason,
    }
}

impl From<&Hit<'_>> for StatementRef {
    fn from(hit: &Hit<'_>) -> Self {
        Self {
            policy: hit.policy.name.clone(),
            kind: hit.kind,
            sid: hit.statement.sid.clone(),
            index: hit.statement.index,
        }
    }
}
