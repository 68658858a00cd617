//! `AssumeRole`: another identity for a while, if its trust policy lets the caller.

use serde::Deserialize;
use serde_json::json;
use stockade_model::Arn;
use stockade_policy::{Context, Principal};
use stockade_wire::AwsError;

use super::credentials::{self, PolicyArn, Tag};
use super::mfa;
use super::role_session::{self, Grant, Question, invalid};
use super::session_tags;
use crate::call::{Call, RecordExtras, Reply, Session};
use crate::row::Need;
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
    #[serde(default)]
    provided_contexts: Vec<ProvidedContext>,
    minimum_session_token_size: Option<usize>,
}

/// What a context provider says of the user behind a session.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ProvidedContext {
    #[serde(default)]
    provider_arn: String,
    #[serde(default)]
    context_assertion: String,
}

impl ProvidedContext {
    /// The provider's ARN: AWS's own, for there are no others.
    fn provider(&self) -> Result<String, AwsError> {
        let arn: Option<Arn> = self.provider_arn.parse().ok();
        let is_provider = arn.is_some_and(|arn| {
            arn.service == "iam" && arn.account == "aws" && arn.resource_type() == "contextProvider"
        });
        if !is_provider || self.context_assertion.is_empty() {
            return Err(invalid(&format!(
                "{} is not a context provider with an assertion",
                self.provider_arn
            )));
        }
        Ok(self.provider_arn.clone())
    }
}

/// `sts:AssumeRole` under the role's trust policy. An MFA code that is wrong is refused before anything else.
pub fn needs(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let input: Input = call.read()?;
    role_session::check_arn(&input.role_arn)?;
    let mut context = Context::new();
    if let Some(id) = &input.external_id {
        context.set("sts:ExternalId", id.as_str());
    }
    // An MFA code that is right makes this one call one with MFA.
    let serial = input.serial_number.as_deref();
    if mfa::check(range, call, serial, input.token_code.as_deref())?.is_some() {
        context.set("aws:MultiFactorAuthPresent", "true");
        context.set("aws:MultiFactorAuthAge", "0");
    }
    let before = call.caller.session.as_ref();
    let taken_over = before.and_then(|session| session.source_identity.as_deref());
    let question = Question {
        action: "sts:AssumeRole",
        role: &input.role_arn,
        session: &input.role_session_name,
        tags: &credentials::tags(&input.tags),
        transitive: &input.transitive_tag_keys,
        inherits_tags: before
            .is_some_and(|session| session_tags::handed_on(session).next().is_some()),
        source_identity: input.source_identity.as_deref().or(taken_over),
        context_providers: input
            .provided_contexts
            .iter()
            .map(ProvidedContext::provider)
            .collect::<Result<_, _>>()?,
        context,
    };
    Ok(role_session::needs(range, call.now, question))
}

/// Hands out a session of the role.
pub fn assume(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    if matches!(call.caller.principal, Principal::Root { .. }) {
        return Err(denied("Roles may not be assumed by root accounts."));
    }
    // The trust policy decided already: a role that is not there has none, and was refused.
    let target = role_session::target(range, call.now, &input.role_arn)
        .ok_or_else(|| refused(call, &input.role_arn))?;
    let chained = matches!(call.caller.principal, Principal::Role { .. });
    if chained && input.duration_seconds.is_some_and(|s| s > CHAINED_SECONDS) {
        return Err(invalid(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    let seconds = role_session::seconds(&target, input.duration_seconds)?;
    if !input.provided_contexts.is_empty() {
        // They are signed by Identity Center, and the range has none whose signature could be right.
        return Err(invalid(
            "The context assertion that was provided is not valid.",
        ));
    }
    let (document, arns) = (input.policy.as_deref(), input.policy_arns.as_slice());
    let mut session = credentials::session(range, call, seconds);
    session.policies = credentials::session_policies(range, &target.account, document, arns)?;
    session.chained = chained;
    session.tags = credentials::tags(&input.tags);
    session.transitive_tags = input.transitive_tag_keys;
    session_tags::check(&session.tags, &session.transitive_tags)?;
    let packed = credentials::packed_size(document, arns, &session.tags)?;
    session.source_identity = input.source_identity;
    if let Some(before) = &call.caller.session {
        session_tags::inherit(&mut session, before)?;
        keep_identity(&mut session, before)?;
    }
    let serial = input.serial_number.as_deref();
    let code = mfa::check(range, call, serial, input.token_code.as_deref())?;
    session.mfa = code.is_some();
    if let Some(code) = code {
        code.spend(range);
    }
    let grant = Grant {
        target: &target,
        name: &input.role_session_name,
        provider: None,
        session,
        packed,
        least_token: input.minimum_session_token_size,
    };
    let answer = role_session::hand_out(range, call.now, grant);
    let mut reply = Reply::from(answer);
    reply.record = RecordExtras {
        resources: Some(json!([target.resource()])),
        also_in: Some(target.account),
        ..RecordExtras::default()
    };
    Ok(reply)
}

/// Once it is set, the source identity stays.
fn keep_identity(session: &mut Session, before: &Session) -> Result<(), AwsError> {
    match (&before.source_identity, &session.source_identity) {
        (Some(old), Some(new)) if old != new => Err(denied(
            "The source identity of a session cannot be changed.",
        )),
        (Some(old), _) => {
            session.source_identity = Some(old.clone());
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

fn denied(why: &str) -> AwsError {
    AwsError::new(403, "AccessDenied", why)
}

fn refused(call: &Call<'_>, role: &str) -> AwsError {
    denied(&format!(
        "User: {} is not authorized to perform: sts:AssumeRole on resource: {role}",
        call.caller.arn
    ))
}
