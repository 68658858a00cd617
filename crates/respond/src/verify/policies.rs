//! Layer one: may any identity of the lineage still do what the attacker did, by the policies as
//! they are now?

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_model::{AccountId, Arn};
use stockade_policy::{Context, Named, Policies, Policy, Principal, Request, Verdict, evaluate};

use super::Layer;
use crate::aws::{Aws, Call, CallError, Fault, Reach};
use crate::iam_action::iam_action;
use crate::inline::{Holder, HolderKind};
use crate::lineage::Lineage;
use crate::triage::{PolicyDocument, UserFacts, managed, of_holder, scp_levels};

/// What an attacker wants, whether or not this one has tried it.
const SENSITIVE: [&str; 16] = [
    "iam:CreateAccessKey",
    "iam:CreateUser",
    "iam:AttachUserPolicy",
    "iam:DeleteUserPolicy",
    "iam:PutUserPolicy",
    "iam:UpdateAccessKey",
    "iam:PassRole",
    "iam:UpdateAssumeRolePolicy",
    "sts:AssumeRole",
    "s3:GetObject",
    "s3:ListAllMyBuckets",
    "s3:PutBucketPolicy",
    "secretsmanager:GetSecretValue",
    "ssm:GetParameter",
    "ec2:RunInstances",
    "cloudtrail:StopLogging",
];

/// The policies that bind an identity now.
struct Bound {
    identity: Vec<Named>,
    boundary: Option<Named>,
    scps: Vec<Vec<Named>>,
}

/// One way to act: a principal with its context.
struct Way {
    what: String,
    principal: Principal,
    context: Context,
}

pub(super) async fn layer(
    reach: &Reach,
    facts: &UserFacts,
    lineage: &Lineage,
    now: Timestamp,
) -> Layer {
    let mut layer = Layer::new("policies");
    let actions = actions(facts);
    for (arn, deny_all) in identities(facts, lineage) {
        let Ok(account) = arn.account.parse::<AccountId>() else {
            continue;
        };
        match bound(reach, facts, &account, &arn).await {
            Ok(None) => layer.proved.push(format!("{arn} is gone")),
            Ok(Some((id, bound))) => {
                for way in ways(lineage, &arn, &id, deny_all, now) {
                    judge(&mut layer, &way, &bound, &actions);
                }
            }
            Err(error) => layer
                .missing
                .push(format!("the policies of {arn} could not be read: {error}")),
        }
    }
    layer.judged()
}

/// The users and roles of the lineage, and whether every session of it is to be stopped.
fn identities(facts: &UserFacts, lineage: &Lineage) -> Vec<(Arn, bool)> {
    let mut arns = vec![(facts.arn.clone(), true)];
    let users = facts
        .other_users
        .iter()
        .filter(|user| user.made || user.password);
    arns.extend(users.filter_map(|user| Some((user.state.known()?.arn.clone(), true))));
    arns.extend(
        lineage
            .users
            .iter()
            .filter_map(|arn| Some((arn.parse().ok()?, true))),
    );
    let roles = lineage.roles.iter();
    arns.extend(roles.filter_map(|role| Some((role.arn.parse().ok()?, role.made))));
    let mut seen = BTreeSet::new();
    arns.retain(|(arn, _)| seen.insert(arn.to_string()));
    arns
}

/// The IAM actions that the attacker used, and the sensitive ones.
fn actions(facts: &UserFacts) -> Vec<String> {
    let mut actions: BTreeSet<String> = SENSITIVE.into_iter().map(str::to_owned).collect();
    let called = facts
        .callers
        .iter()
        .flat_map(|caller| caller.actions.keys());
    actions.extend(called.filter_map(|call| iam_action(call)));
    actions.into_iter().collect()
}

async fn bound(
    reach: &Reach,
    facts: &UserFacts,
    account: &AccountId,
    arn: &Arn,
) -> Result<Option<(String, Bound)>, CallError> {
    let aws = reach.account(account).await?;
    let aws = aws.as_ref();
    let holder = if arn.resource_type() == "role" {
        Holder::role(arn.resource_name())
    } else {
        Holder::user(arn.resource_name())
    };
    let Some((found, id)) = read(aws, &holder).await? else {
        return Ok(None);
    };
    let (mut policies, inline) = of_holder(aws, &holder).await?;
    policies.extend(inline);
    if holder.kind == HolderKind::User {
        let call = Call::new(
            "iam",
            "ListGroupsForUser",
            json!({ "UserName": holder.name }),
        );
        for group in crate::aws::pages(aws, &call, "Groups").await? {
            let name = group.get("GroupName").and_then(Value::as_str);
            let (attached, inline) =
                of_holder(aws, &Holder::group(name.unwrap_or_default())).await?;
            policies.extend(attached.into_iter().chain(inline));
        }
    }
    let boundary = match found
        .get("PermissionsBoundary")
        .and_then(|b| b.get("PermissionsBoundaryArn")?.as_str())
    {
        Some(arn) => Some(parse(&managed(aws, arn).await?)?),
        None => None,
    };
    let identity: Result<_, _> = policies.iter().map(parse).collect();
    Ok(Some((
        id,
        Bound {
            identity: identity?,
            boundary,
            scps: scps(reach, facts, account).await,
        },
    )))
}

async fn read(aws: &dyn Aws, holder: &Holder) -> Result<Option<(Value, String)>, CallError> {
    let (operation, member, name, id) = match holder.kind {
        HolderKind::Role => ("GetRole", "Role", "RoleName", "RoleId"),
        _ => ("GetUser", "User", "UserName", "UserId"),
    };
    let call = Call::new("iam", operation, json!({ name: holder.name }));
    let found = crate::aws::find(aws, &call).await?;
    let found = found.and_then(|mut answer| answer.remove(member));
    Ok(found.map(|found| {
        let id = found.get(id).and_then(Value::as_str).unwrap_or_default();
        let id = id.to_owned();
        (found, id)
    }))
}

/// Service control policies can only deny more: not to know them is to be on the safe side.
async fn scps(reach: &Reach, facts: &UserFacts, account: &AccountId) -> Vec<Vec<Named>> {
    let organization = facts.organization.known().and_then(Option::as_ref);
    let Some(organization) = organization else {
        return Vec::new();
    };
    let ours = organization.management_account == reach.identity().account;
    if !ours || organization.management_account == *account {
        return Vec::new();
    }
    let home = reach.home();
    let Ok(levels) = scp_levels(home.as_ref(), account.as_str()).await else {
        return Vec::new();
    };
    let levels = levels.iter().map(|level| {
        let policies = level.policies.iter().map(parse);
        policies.collect::<Result<Vec<Named>, CallError>>()
    });
    levels.collect::<Result<Vec<_>, _>>().unwrap_or_default()
}

fn parse(policy: &PolicyDocument) -> Result<Named, CallError> {
    match Policy::parse(&policy.document.to_string()) {
        Ok(parsed) => Ok(Named::new(&policy.name, parsed)),
        Err(error) => {
            let call = Call::new("iam", "GetPolicy", json!({}));
            let why = format!("policy {} cannot be evaluated: {error}", policy.name);
            Err(CallError::new(&call, Fault::Refused, "", &why))
        }
    }
}

/// How the lineage could act as this identity.
fn ways(lineage: &Lineage, arn: &Arn, id: &str, every_session: bool, now: Timestamp) -> Vec<Way> {
    let base = || {
        Context::new()
            .with("aws:PrincipalArn", arn.to_string())
            .with("aws:PrincipalAccount", &arn.account)
            .with("aws:SecureTransport", "true")
            .with("aws:CurrentTime", now.to_string())
    };
    if arn.resource_type() == "user" {
        return vec![Way {
            what: arn.to_string(),
            principal: Principal::User {
                arn: arn.clone(),
                user_id: id.to_owned(),
            },
            context: base().with("aws:username", arn.resource_name()),
        }];
    }
    let session = |what: String, name: &str, issued: Timestamp| Way {
        what,
        principal: Principal::Role {
            role_arn: arn.clone(),
            session_arn: Arn {
                service: "sts".to_owned(),
                resource: format!("assumed-role/{}/{name}", arn.resource_name()),
                ..arn.clone()
            },
            role_id: id.to_owned(),
            provider: None,
        },
        context: base().with("aws:TokenIssueTime", issued.to_string()),
    };
    let keys = lineage
        .keys
        .iter()
        .filter(|key| key.role.as_deref() == Some(arn.to_string().as_str()));
    let mut ways: Vec<Way> = keys
        .map(|key| {
            let name = key.principal.rsplit('/').next().unwrap_or_default();
            let what = format!("session {} of {arn}", key.id);
            session(what, name, key.issued_at.unwrap_or(now))
        })
        .collect();
    if every_session {
        let what = format!("a new session of {arn}");
        ways.push(session(what, "new", now));
    }
    ways
}

fn judge(layer: &mut Layer, way: &Way, bound: &Bound, actions: &[String]) {
    let policies = Policies {
        identity: &bound.identity,
        boundary: bound.boundary.as_slice(),
        scps: &bound.scps,
        ..Policies::default()
    };
    let (mut denied, mut by) = (0_usize, BTreeSet::new());
    let (mut allowed, mut open) = (Vec::new(), Vec::new());
    for action in actions {
        let request = Request {
            principal: &way.principal,
            action,
            resource: "*",
            resource_account: None,
            context: &way.context,
        };
        let decision = evaluate(&request, &policies);
        match decision.verdict {
            Verdict::ExplicitlyDenied => {
                denied += 1;
                by.extend(decision.statements.into_iter().map(|s| s.policy));
            }
            Verdict::Allowed => allowed.push(action.as_str()),
            Verdict::ImplicitlyDenied => open.push(action.as_str()),
        }
    }
    let what = &way.what;
    if !allowed.is_empty() {
        layer.evidence.push(format!(
            "{what} may still do {} of {} actions: {}",
            allowed.len(),
            actions.len(),
            allowed.join(", ")
        ));
    }
    // Nothing allows it on every resource, but something may on one: that is no proof.
    if allowed.is_empty() && !open.is_empty() {
        layer.missing.push(format!(
            "{what} is not denied {} of {} actions explicitly ({}): a statement about one resource may allow them. Put the deny on it, or look at its policies",
            open.len(),
            actions.len(),
            open.join(", ")
        ));
    }
    if denied == actions.len() {
        let by: Vec<String> = by.into_iter().collect();
        layer.proved.push(format!(
            "{what} is denied all {denied} actions explicitly, by {}",
            by.join(", ")
        ));
    }
}
