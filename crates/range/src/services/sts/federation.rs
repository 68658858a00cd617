//! `GetFederationToken`: a part of a user's permissions under another name.

use serde::Deserialize;
use serde_json::json;
use stockade_model::Arn;
use stockade_policy::Principal;
use stockade_wire::AwsError;

use super::credentials::{self, PolicyArn, Tag};
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
pub fn needs(_: &Range, call: &Call<'_>) -> Vec<Need> {
    let name = call
        .input
        .get("Name")
        .and_then(serde_json::Value::as_str)
        .unwrap_or_default();
    let on = arn(call, name).to_string();
    let mut needs = vec![Need::new("sts:GetFederationToken", on.clone())];
    if call.input.contains_key("Tags") {
        needs.push(Need::new("sts:TagSession", on));
    }
    needs
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
    let policies = credentials::session_policies(
        range,
        call.account(),
        input.policy.as_deref(),
        &input.policy_arns,
    )?;
    let most = if issuer.resource == "root" {
        3_600
    } else {
        129_600
    };
    let seconds = input.duration_seconds.unwrap_or(43_200).min(most);
    let mut session = credentials::session(call.now, seconds);
    session.policies = policies;
    session.issuer_id = Some(call.caller.user_id.clone());
    session.tags = input
        .tags
        .iter()
        .map(|tag| (tag.key.clone(), tag.value.clone()))
        .collect();
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
    let credentials = credentials::issue(range, caller, session, call.now);
    let mut output = json!({
        "Credentials": credentials,
        "FederatedUser": {"FederatedUserId": user_id, "Arn": arn.to_string()},
    });
    if let (Some(size), Some(members)) = (
        credentials::packed_size(input.policy.as_deref(), &input.tags),
        output.as_object_mut(),
    ) {
        members.insert("PackedPolicySize".into(), size.into());
    }
    Ok(Reply::of_value(output))
}
