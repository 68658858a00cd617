//! `AssumeRoleWithSAML` and `AssumeRoleWithWebIdentity`: a role for those whom an identity provider vouches for.
//!
//! Owns the session. Who they are was found out before (`vouched.rs`).

use serde::Deserialize;
use serde_json::{Map, Value, json};
use stockade_policy::Context;
use stockade_wire::AwsError;

use super::credentials::{self, PolicyArn};
use super::role_session::{self, Grant, Question, USUAL_SECONDS};
use super::session_tags;
use super::vouched::{Vouched, invalid};
use crate::call::{Call, RecordExtras, Reply};
use crate::row::Need;
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    role_arn: String,
    #[serde(default)]
    policy_arns: Vec<PolicyArn>,
    policy: Option<String>,
    duration_seconds: Option<i64>,
    minimum_session_token_size: Option<usize>,
}

/// Somebody is there: the request path refuses these calls where nobody is vouched for.
fn vouched<'a>(call: &Call<'a>) -> Result<&'a Vouched, AwsError> {
    call.vouched
        .ok_or_else(|| invalid("Nobody vouches for the caller"))
}

/// The operation's own action under the role's trust policy.
pub fn needs(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let input: Input = call.read()?;
    let vouched = vouched(call)?;
    let mut context = Context::new();
    for (key, values) in &vouched.federation.context {
        context.insert(key, values.iter().cloned());
    }
    context.set(
        "aws:FederatedProvider",
        vouched.federation.provider.as_str(),
    );
    let question = Question {
        action: &format!("sts:{}", call.operation),
        role: &input.role_arn,
        session: &vouched.session_name,
        tags: &vouched.tags,
        transitive: &vouched.transitive_tags,
        inherits_tags: false,
        source_identity: vouched.source_identity.as_deref(),
        context_providers: Vec::new(),
        context,
    };
    Ok(role_session::needs(range, call.now, question))
}

/// Hands out a session of the role.
pub fn assume(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let vouched = vouched(call)?;
    // The trust policy decided already: a role that is not there has none, and was refused.
    let target = role_session::target(range, call.now, &input.role_arn).ok_or_else(|| {
        let message = format!("Not authorized to perform sts:{}", call.operation);
        AwsError::new(403, "AccessDenied", message)
    })?;
    // The provider's word is a limit, not a wish: the shorter of both counts.
    let longest = vouched.longest.unwrap_or(i64::MAX);
    let asked = match input.duration_seconds {
        Some(asked) => role_session::seconds(&target, Some(asked))?,
        None if vouched.longest.is_some() => longest.min(target.longest),
        None => USUAL_SECONDS,
    };
    let (document, arns) = (input.policy.as_deref(), input.policy_arns.as_slice());
    let mut session = credentials::session(range, call, asked.min(longest));
    session.policies = credentials::session_policies(range, &target.account, document, arns)?;
    session.tags = vouched.tags.clone();
    session.transitive_tags = vouched.transitive_tags.clone();
    session_tags::check(&session.tags, &session.transitive_tags)?;
    session.source_identity = vouched.source_identity.clone();
    session.federation = Some(vouched.federation.clone());
    let packed = credentials::packed_size(document, arns, &session.tags)?;
    let grant = Grant {
        target: &target,
        name: &vouched.session_name,
        provider: Some(vouched.federation.provider.clone()),
        session,
        packed,
        least_token: input.minimum_session_token_size,
    };
    let mut answer = role_session::hand_out(range, call.now, grant);
    answer.extend(vouched.answer.clone());
    let mut reply = Reply::from(answer);
    let mut resources = vec![target.resource()];
    resources.extend(vouched.resources.iter().cloned());
    reply.record = RecordExtras {
        resources: Some(Value::Array(resources)),
        ..RecordExtras::default()
    };
    Ok(reply)
}

/// What the record shows of such a call, whatever it comes to: who is vouched for, and never what proves it.
pub fn describe(call: &Call<'_>) -> RecordExtras {
    let text = |name: &str| call.input.get(name).cloned();
    let mut parameters = Map::new();
    for (member, shown) in [
        ("PrincipalArn", "principalArn"),
        ("RoleSessionName", "roleSessionName"),
        ("RoleArn", "roleArn"),
        ("ProviderId", "providerId"),
        ("DurationSeconds", "durationSeconds"),
        ("Policy", "policy"),
        ("PolicyArns", "policyArns"),
    ] {
        if let Some(value) = text(member) {
            parameters.insert(shown.to_owned(), lower(value));
        }
    }
    let role = call.input.get("RoleArn").and_then(Value::as_str);
    let Some(vouched) = call.vouched else {
        return RecordExtras {
            request_parameters: Some(Value::Object(parameters)),
            user_identity: Some(json!({"type": "Unknown", "principalId": "", "userName": ""})),
            also_in: role.and_then(super::vouched::account_of),
            ..RecordExtras::default()
        };
    };
    parameters.extend(vouched.parameters.clone());
    if !vouched.tags.is_empty() {
        let tags: Map<String, Value> = vouched
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), value.as_str().into()))
            .collect();
        parameters.insert("principalTags".into(), Value::Object(tags));
    }
    if !vouched.transitive_tags.is_empty() {
        let keys = vouched.transitive_tags.clone();
        parameters.insert("transitiveTagKeys".into(), keys.into());
    }
    RecordExtras {
        request_parameters: Some(Value::Object(parameters)),
        user_identity: Some(vouched.identity.clone()),
        // AWS tells the record's readers no more than that.
        refusal_message: Some("An unknown error occurred".to_owned()),
        additional: Some(Value::Object(vouched.additional.clone())),
        ..RecordExtras::default()
    }
}

/// `PolicyArns` as records spell its members.
fn lower(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(lower).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect(),
        other => other,
    }
}
