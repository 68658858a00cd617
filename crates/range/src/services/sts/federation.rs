//! `GetFederationToken`: a part of a user's permissions under another name.

use serde::Deserialize;
use serde_json::json;
use stockade_model::Arn;
use stockade_policy::{Context, Principal};
use stockade_wire::AwsError;

use super::credentials::{self, PolicyArn, Tag};
use super::session_tags;
use crate::call::{Call, Caller, Reply};
use crate::row::Need;
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    name: String,
    policy: Option<String>,
    #[serde(default)]
    policy_arns: Vec<PolicyArn>,
    duration_seconds: Option<i64>,
    #[serde(default)]
    tags: Vec<Tag>,
}

fn arn(call: &Call<'_>, name: &str) -> Arn {
    Arn::aws(
        "sts",
        "",
        call.account().as_str(),
        format!("federated-user/{name}"),
    )
}

/// `sts:GetFederationToken` on the federated user, and `sts:TagSession` where it is tagged.
pub fn needs(_: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let input: Input = call.read()?;
    let on = arn(call, &input.name).to_string();
    let mut context = Context::new();
    for tag in &input.tags {
        context.set(&format!("aws:RequestTag/{}", tag.key), tag.value.as_str());
    }
    context.insert("aws:TagKeys", input.tags.iter().map(|tag| tag.key.clone()));
    let mut actions = vec!["sts:GetFederationToken"];
    if !input.tags.is_empty() {
        actions.push("sts:TagSession");
    }
    let need = |action| Need {
        context: context.clone(),
        ..Need::new(action, on.clone())
    };
    Ok(actions.into_iter().map(need).collect())
}

/// Hands out credentials that follow the user's policies, cut down to the session's.
pub fn token(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let issuer: Arn = match &call.caller.principal {
        Principal::User { arn, .. } => arn.clone(),
        Principal::Root { account } => Arn::aws("iam", "", account.as_str(), "root"),
        _ => {
            return Err(AwsError::new(
                403,
                "AccessDenied",
                "Cannot call GetFederationToken with session credentials",
            ));
        }
    };
    let (document, arns) = (input.policy.as_deref(), input.policy_arns.as_slice());
    let policies = credentials::session_policies(range, call.account(), document, arns)?;
    let most = if issuer.resource == "root" {
        3_600
    } else {
        129_600
    };
    let seconds = input.duration_seconds.unwrap_or(43_200).min(most);
    let mut session = credentials::session(range, call, seconds);
    session.policies = policies;
    session.issuer_id = Some(call.caller.user_id.clone());
    session.tags = credentials::tags(&input.tags);
    session_tags::check(&session.tags, &[])?;
    let packed = credentials::packed_size(document, arns, &session.tags)?;
    let arn = arn(call, &input.name);
    let user_id = format!("{}:{}", call.account(), input.name);
    let caller = Caller {
        account: call.account().clone(),
        arn: arn.to_string(),
        user_id: user_id.clone(),
        principal: Principal::FederatedUser {
            arn: arn.clone(),
            issuer,
            user_id: user_id.clone(),
        },
        access_key: None,
        session: None,
    };
    let mut answer = credentials::issue(range, caller, session, call.now, None);
    let user = json!({"FederatedUserId": user_id, "Arn": arn.to_string()});
    answer.insert("FederatedUser".into(), user);
    if let Some(size) = packed {
        answer.insert("PackedPolicySize".into(), size);
    }
    Ok(Reply::from(answer))
}
