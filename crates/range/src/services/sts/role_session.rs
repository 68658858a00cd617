//! What the ways into a role have in common: finding the role, what its trust policy is asked, and the session.
//!
//! Owns the session of a role. Who may have one is `authz.rs`.

use std::sync::Arc;

use serde_json::{Value, json};
use stockade_model::{AccountId, Arn, Timestamp};
use stockade_policy::{Context, Named, Principal, ResourceRule};
use stockade_wire::{AwsError, Object};

use super::credentials;
use super::session_tags::Tags;
use crate::call::{Caller, Session};
use crate::row::Need;
use crate::services::iam::roles::Role;
use crate::state::State as Range;

/// The session that one gets who does not say for how long.
pub const USUAL_SECONDS: i64 = 3_600;

/// A role that is to be assumed.
#[derive(Debug, Clone)]
pub struct Target {
    /// Whose it is.
    pub account: AccountId,
    /// `AROA…`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// The longest session, in seconds.
    pub longest: i64,
}

impl Target {
    /// The role as the trail's record shows it.
    pub fn resource(&self) -> Value {
        json!({
            "accountId": self.account.as_str(),
            "type": "AWS::IAM::Role",
            "ARN": self.arn.to_string(),
        })
    }
}

/// A role by its ARN, as far as changes have spread.
pub fn find<'a>(range: &'a Range, now: Timestamp, arn: &str) -> Option<(AccountId, &'a Role)> {
    let parsed: Arn = arn.parse().ok()?;
    let account: AccountId = parsed.account.parse().ok()?;
    let iam = range
        .accounts
        .get(&account)?
        .iam
        .effective(now, range.config.iam_delay);
    let role = iam.role(parsed.resource_name())?;
    (role.arn(&account) == parsed).then_some((account, role))
}

/// The same, to be assumed.
pub fn target(range: &Range, now: Timestamp, arn: &str) -> Option<Target> {
    let (account, role) = find(range, now, arn)?;
    Some(Target {
        id: role.id.clone(),
        name: role.name.clone(),
        arn: role.arn(&account),
        longest: role.max_session.into(),
        account,
    })
}

/// Refuses what is no role's ARN.
pub fn check_arn(arn: &str) -> Result<(), AwsError> {
    let parsed = arn.parse::<Arn>().ok();
    match parsed {
        Some(arn) if arn.service == "iam" && arn.resource.starts_with("role/") => Ok(()),
        Some(_) => Err(invalid(&format!("{arn} is invalid"))),
        None => Err(invalid(&format!("{arn} is invalid"))),
    }
}

/// What is asked of a role's trust policy.
#[derive(Debug)]
pub struct Question<'a> {
    /// As in `sts:AssumeRole`.
    pub action: &'a str,
    /// The role.
    pub role: &'a str,
    /// The session's name.
    pub session: &'a str,
    /// The tags that the call gives.
    pub tags: &'a Tags,
    /// The keys of those that go on to chained sessions.
    pub transitive: &'a [String],
    /// Whether tags come from the session before.
    pub inherits_tags: bool,
    /// The source identity, given or taken over.
    pub source_identity: Option<&'a str>,
    /// Who vouches for further context of the session, by ARN.
    pub context_providers: Vec<String>,
    /// Further condition keys.
    pub context: Context,
}

/// The action on the role under its trust policy; with tags also `sts:TagSession`, with a source identity also
/// `sts:SetSourceIdentity`, with a context provider also `sts:SetContext`. A role that is not there is refused like one that does not trust the caller.
pub fn needs(range: &Range, now: Timestamp, question: Question<'_>) -> Vec<Need> {
    let found = find(range, now, question.role);
    let mut context = question.context;
    context.set("sts:RoleSessionName", question.session);
    context.insert(
        "sts:RequestContextProviders",
        question.context_providers.iter().cloned(),
    );
    if let Some(identity) = question.source_identity {
        context.set("sts:SourceIdentity", identity);
    }
    for (key, value) in question.tags {
        context.set(&format!("aws:RequestTag/{key}"), value.as_str());
    }
    context.insert(
        "aws:TagKeys",
        question.tags.iter().map(|(key, _)| key.clone()),
    );
    context.insert("sts:TransitiveTagKeys", question.transitive.iter().cloned());
    if let Some((_, role)) = &found {
        for tag in &role.tags {
            context.set(&format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
            context.set(&format!("iam:ResourceTag/{}", tag.key), tag.value.as_str());
        }
    }
    let mut actions = vec![question.action];
    if !question.tags.is_empty() || question.inherits_tags {
        actions.push("sts:TagSession");
    }
    if question.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    if !question.context_providers.is_empty() {
        actions.push("sts:SetContext");
    }
    let need = |action| Need {
        context: context.clone(),
        owner: found.as_ref().map(|(account, _)| account.clone()),
        policy: found.as_ref().map(|(_, role)| {
            (
                Named::new("trust policy", Arc::clone(&role.trust.policy)),
                ResourceRule::RoleTrust,
            )
        }),
        ..Need::new(action, question.role)
    };
    actions.into_iter().map(need).collect()
}

/// How long a session is to last.
///
/// # Errors
/// Longer than the role allows.
pub fn seconds(target: &Target, asked: Option<i64>) -> Result<i64, AwsError> {
    let seconds = asked.unwrap_or(USUAL_SECONDS);
    if seconds > target.longest {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(seconds)
}

/// A role's session that is to be handed out.
#[derive(Debug)]
pub struct Grant<'a> {
    /// The role.
    pub target: &'a Target,
    /// The session's name.
    pub name: &'a str,
    /// The identity provider through which the role is assumed.
    pub provider: Option<String>,
    /// What the session carries.
    pub session: Session,
    /// How much of their room policies and tags take.
    pub packed: Option<Value>,
    /// How long the token must be at least.
    pub least_token: Option<usize>,
}

/// Hands out a role's session: the members of the answer.
pub fn hand_out(range: &mut Range, now: Timestamp, grant: Grant<'_>) -> Object {
    let Grant { target, name, .. } = grant;
    let user_id = format!("{}:{name}", target.id);
    let arn = Arn::aws(
        "sts",
        "",
        target.account.as_str(),
        format!("assumed-role/{}/{name}", target.name),
    );
    let source_identity = grant.session.source_identity.clone();
    let caller = Caller {
        account: target.account.clone(),
        arn: arn.to_string(),
        user_id: user_id.clone(),
        principal: Principal::Role {
            role_arn: target.arn.clone(),
            session_arn: arn.clone(),
            role_id: target.id.clone(),
            provider: grant.provider,
        },
        access_key: None,
        session: None,
    };
    let mut answer = credentials::issue(range, caller, grant.session, now, grant.least_token);
    let user = json!({"AssumedRoleId": user_id, "Arn": arn.to_string()});
    answer.insert("AssumedRoleUser".into(), user);
    if let Some(size) = grant.packed {
        answer.insert("PackedPolicySize".into(), size);
    }
    if let Some(identity) = source_identity {
        answer.insert("SourceIdentity".into(), identity.into());
    }
    answer
}

pub(super) fn invalid(why: &str) -> AwsError {
    AwsError::new(400, "ValidationError", why)
}
