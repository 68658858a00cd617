//! `AssumeRole`: another identity for a while, if its trust policy lets the caller.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::json;
use stockade_model::{AccountId, Arn};
use stockade_policy::{Context, Named, Principal, ResourceRule};
use stockade_wire::AwsError;

use super::credentials::{self, PolicyArn, Tag};
use crate::call::{Call, Caller, RecordExtras, Reply};
use crate::row::Need;
use crate::services::iam::roles::Role;
use crate::state::State as Range;

/// A session that another role's session asked for lasts an hour at most.
const CHAINED_SECONDS: i64 = 3_600;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    role_arn: String,
    role_session_name: String,
    #[serde(default)]
    policy_arns: Vec<PolicyArn>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
    #[serde(default)]
    tags: Vec<Tag>,
    #[serde(default)]
    transitive_tag_keys: Vec<String>,
    external_id: Option<String>,
    serial_number: Option<String>,
    token_code: Option<String>,
    source_identity: Option<String>,
}

/// A role by its ARN, as far as changes have spread.
fn find<'a>(range: &'a Range, call: &Call<'_>, arn: &str) -> Option<(AccountId, &'a Role)> {
    let parsed: Arn = arn.parse().ok()?;
    let account: AccountId = parsed.account.parse().ok()?;
    let iam = range
        .accounts
        .get(&account)?
        .iam
        .effective(call.now, range.config.iam_delay);
    let role = iam.role(parsed.resource_name())?;
    (role.arn(&account) == parsed).then_some((account, role))
}

/// `sts:AssumeRole` on the role under its trust policy; with tags also `sts:TagSession`, with a source identity
/// also `sts:SetSourceIdentity`. A role that is not there is refused like one that does not trust the caller.
pub fn needs(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let Ok(input) = call.read::<Input>() else {
        return vec![Need::new("sts:AssumeRole", "*")];
    };
    let found = find(range, call, &input.role_arn);
    let mut context = Context::new();
    context.set("sts:RoleSessionName", input.role_session_name.as_str());
    if let Some(id) = &input.external_id {
        context.set("sts:ExternalId", id.as_str());
    }
    if let Some(identity) = &input.source_identity {
        context.set("sts:SourceIdentity", identity.as_str());
    }
    for tag in &input.tags {
        context.set(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    context.insert("aws:TagKeys", input.tags.iter().map(|tag| tag.key.clone()));
    context.insert(
        "sts:TransitiveTagKeys",
        input.transitive_tag_keys.iter().cloned(),
    );
    if let Some((_, role)) = &found {
        for tag in &role.tags {
            context.set(&format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
            context.set(&format!("iam:ResourceTag/{}", tag.key), tag.value.as_str());
        }
    }
    // An MFA code that is right makes this one call one with MFA.
    if let Some(serial) = &input.serial_number
        && mfa_passes(range, call, serial, input.token_code.as_deref()).unwrap_or(false)
    {
        context.set("aws:MultiFactorAuthPresent", "true");
        context.set("aws:MultiFactorAuthAge", "0");
    }
    let mut actions = vec!["sts:AssumeRole"];
    if !input.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if input.source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    actions
        .into_iter()
        .map(|action| Need {
            context: context.clone(),
            owner: found.as_ref().map(|(account, _)| account.clone()),
            policy: found.as_ref().map(|(_, role)| {
                (
                    Named::new("trust policy", Arc::clone(&role.trust.policy)),
                    ResourceRule::RoleTrust,
                )
            }),
            ..Need::new(action, input.role_arn.as_str())
        })
        .collect()
}

/// Hands out a session of the role.
pub fn assume(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    // The trust policy decided already: a role that is not there has none, and was refused.
    let (account, role) =
        find(range, call, &input.role_arn).ok_or_else(|| refused(call, &input.role_arn))?;
    let (role_id, role_name) = (role.id.clone(), role.name.clone());
    let role_arn = role.arn(&account);
    if matches!(call.caller.principal, Principal::Root { .. }) {
        return Err(AwsError::new(
            403,
            "AccessDenied",
            "Roles may not be assumed by root accounts.",
        ));
    }
    let chained = matches!(call.caller.principal, Principal::Role { .. });
    let seconds = input.duration_seconds.unwrap_or(3_600);
    if chained
        && input
            .duration_seconds
            .is_some_and(|seconds| seconds > CHAINED_SECONDS)
    {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if seconds > i64::from(role.max_session) {
        return Err(invalid(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let policies = credentials::session_policies(
        range,
        &account,
        input.policy.as_deref(),
        &input.policy_arns,
    )?;
    let mut session = credentials::session(call.now, seconds);
    session.policies = policies;
    session.chained = chained;
    session.mfa = match &input.serial_number {
        Some(serial) => mfa_passes(range, call, serial, input.token_code.as_deref())?,
        None => false,
    };
    session.tags = input
        .tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect();
    session.transitive_tags = input.transitive_tag_keys.clone();
    inherit(&mut session, call, &input)?;
    let user_id = format!("{role_id}:{}", input.role_session_name);
    let session_arn = Arn::aws(
        "sts",
        "",
        account.as_str(),
        format!("assumed-role/{role_name}/{}", input.role_session_name),
    );
    let source_identity = session.source_identity.clone();
    let caller = Caller {
        account: account.clone(),
        arn: session_arn.to_string(),
        user_id: user_id.clone(),
        principal: Principal::Role {
            role_arn: role_arn.clone(),
            session_arn: session_arn.clone(),
            role_id,
            provider: None,
        },
        access_key: None,
        session: None,
    };
    let credentials = credentials::issue(range, caller, session, call.now);
    let mut output = json!({
        "Credentials": credentials,
        "AssumedRoleUser": {"AssumedRoleId": user_id, "Arn": session_arn.to_string()},
    });
    if let Some(members) = output.as_object_mut() {
        if let Some(size) = credentials::packed_size(input.policy.as_deref(), &input.tags) {
            members.insert("PackedPolicySize".into(), size.into());
        }
        if let Some(identity) = source_identity {
            members.insert("SourceIdentity".into(), identity.into());
        }
    }
    let resources = json!([{"accountId": account.as_str(), "type": "AWS::IAM::Role", "ARN": role_arn.to_string()}]);
    let mut reply = Reply::of_value(output);
    reply.record = RecordExtras {
        resources: Some(resources),
        also_in: Some(account),
        ..RecordExtras::default()
    };
    Ok(reply)
}

/// What a chained session takes over from the one before: transitive tags, which it may not change, and the
/// source identity.
fn inherit(
    session: &mut crate::call::Session,
    call: &Call<'_>,
    input: &Input,
) -> Result<(), AwsError> {
    session.source_identity = input.source_identity.clone();
    let Some(before) = &call.caller.session else {
        return Ok(());
    };
    for key in &before.transitive_tags {
        if session
            .tags
            .iter()
            .any(|(own, _)| own.eq_ignore_ascii_case(key))
        {
            return Err(AwsError::new(
                400,
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session.",
            ));
        }
        if let Some(tag) = before.tags.iter().find(|(own, _)| own == key) {
            session.tags.push(tag.clone());
            session.transitive_tags.push(key.clone());
        }
    }
    match (&before.source_identity, &input.source_identity) {
        (Some(old), Some(new)) if old != new => Err(AwsError::new(
            403,
            "AccessDenied",
            "The source identity of a session cannot be changed.",
        )),
        (Some(old), _) => {
            session.source_identity = Some(old.clone());
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

fn refused(call: &Call<'_>, role: &str) -> AwsError {
    let message = format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
        call.caller.arn
    );
    AwsError::new(403, "AccessDenied", message)
}

fn invalid(why: &str) -> AwsError {
    AwsError::new(400, "ValidationError", why)
}

/// Whether an MFA code is right for a device of the caller's.
pub fn mfa_passes(
    range: &Range,
    call: &Call<'_>,
    serial: &str,
    code: Option<&str>,
) -> Result<bool, AwsError> {
    let wrong = || {
        AwsError::new(
            403,
            "AccessDenied",
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        )
    };
    let Principal::User { arn, .. } = &call.caller.principal else {
        return Err(wrong());
    };
    let iam = range
        .account(call.account())?
        .iam
        .effective(call.now, range.config.iam_delay);
    let device = iam
        .mfa_devices_of(arn.resource_name())
        .find(|device| device.serial == serial)
        .ok_or_else(wrong)?;
    if code.is_some_and(|code| device.accepts(code, call.now)) {
        Ok(true)
    } else {
        Err(wrong())
    }
}
