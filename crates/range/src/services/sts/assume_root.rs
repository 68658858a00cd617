//! `AssumeRoot`: one task that needs a member account's root, for a quarter of an hour.
//!
//! Owns the session. What the five tasks allow is in AWS's own managed policies.

use serde::Deserialize;
use serde_json::json;
use stockade_model::{AccountId, Arn};
use stockade_policy::{Context, Named, Principal};
use stockade_wire::AwsError;

use super::credentials;
use super::role_session::invalid;
use crate::call::{Call, Caller, RecordExtras, Reply};
use crate::row::Need;
use crate::services::iam::aws_managed;
use crate::services::iam::root_access::{RootFeature, TRUSTED_SERVICE};
use crate::state::State as Range;

const LONGEST: i64 = 900;
const TASKS: [&str; 5] = [
    "arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials",
    "arn:aws:iam::aws:policy/root-task/IAMCreateRootUserPassword",
    "arn:aws:iam::aws:policy/root-task/IAMDeleteRootUserCredentials",
    "arn:aws:iam::aws:policy/root-task/S3UnlockBucketPolicy",
    "arn:aws:iam::aws:policy/root-task/SQSUnlockQueuePolicy",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    target_principal: String,
    task_policy_arn: Task,
    duration_seconds: Option<i64>,
    minimum_session_token_size: Option<usize>,
}

#[derive(Deserialize)]
struct Task {
    arn: Option<String>,
}

impl Input {
    /// The account, by its id or by the ARN of its root.
    fn account(&self) -> Result<AccountId, AwsError> {
        let text = &self.target_principal;
        let by_arn = || {
            let arn: Arn = text.parse().ok()?;
            (arn.service == "iam" && arn.resource == "root")
                .then(|| arn.account.parse().ok())
                .flatten()
        };
        text.parse()
            .ok()
            .or_else(by_arn)
            .ok_or_else(|| invalid(&format!("{text} is not a member account or its root user")))
    }

    fn task(&self) -> Result<&'static str, AwsError> {
        let named = self.task_policy_arn.arn.as_deref().unwrap_or_default();
        TASKS
            .into_iter()
            .find(|task| *task == named)
            .ok_or_else(|| invalid(&format!("{named} is not a task policy")))
    }
}

fn root_of(account: &AccountId) -> String {
    format!("arn:aws:iam::{account}:root")
}

/// `sts:AssumeRoot` on the member's root. The caller's own policies decide: a root user has none.
pub fn needs(_: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let input: Input = call.read()?;
    let account = input.account()?;
    let mut context = Context::new();
    context.set("sts:TaskPolicyArn", input.task()?);
    context.set("aws:ResourceAccount", account.as_str());
    Ok(vec![Need {
        context,
        owner: Some(call.account().clone()),
        ..Need::new("sts:AssumeRoot", root_of(&account))
    }])
}

/// Hands out a session of the member's root that can do its task and nothing else.
pub fn assume(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let (account, task) = (input.account()?, input.task()?);
    if call.is_for_host(credentials::GLOBAL_ENDPOINT) {
        return Err(invalid(
            "AssumeRoot is not supported by the global endpoint",
        ));
    }
    let seconds = input.duration_seconds.unwrap_or(LONGEST);
    let refused = || {
        let message = format!(
            "User: {} is not authorized to perform: sts:AssumeRoot on resource: {}",
            call.caller.arn,
            root_of(&account)
        );
        AwsError::new(403, "AccessDenied", message)
    };
    let is_root = matches!(call.caller.principal, Principal::Root { .. });
    if is_root || !may_reach(range, call, &account, feature_for(task)) {
        return Err(refused());
    }
    let document = aws_managed::document(task).ok_or_else(refused)?;
    let mut session = credentials::session(range, call, seconds);
    session.policies = vec![Named::new(task, document.policy)];
    session.assumed_root = true;
    let before = call.caller.session.as_ref();
    session.source_identity = before.and_then(|before| before.source_identity.clone());
    let source_identity = session.source_identity.clone();
    let caller = Caller {
        account: account.clone(),
        principal: Principal::Root {
            account: account.clone(),
        },
        arn: root_of(&account),
        user_id: account.to_string(),
        access_key: None,
        session: None,
    };
    let least = input.minimum_session_token_size;
    let mut answer = credentials::issue(range, caller, session, call.now, least);
    if let Some(identity) = source_identity {
        answer.insert("SourceIdentity".into(), identity.into());
    }
    let mut reply = Reply::from(answer);
    reply.record = RecordExtras {
        resources: Some(
            json!([{"accountId": account.as_str(), "type": "AWS::IAM::Root", "ARN": root_of(&account)}]),
        ),
        also_in: Some(account),
        ..RecordExtras::default()
    };
    Ok(reply)
}

/// What an organisation must have switched on for a task.
fn feature_for(task: &str) -> RootFeature {
    match task.rsplit('/').next() {
        Some(name) if name.starts_with("IAM") => RootFeature::RootCredentialsManagement,
        _ => RootFeature::RootSessions,
    }
}

/// Whether the caller's account may act as the root of another: the management account, or one to which it delegated
/// IAM, in an organisation that trusts IAM and has this switched on; and never of the management account itself.
fn may_reach(range: &Range, call: &Call<'_>, account: &AccountId, feature: RootFeature) -> bool {
    let organizations = range
        .organizations
        .effective(call.now, range.config.iam_delay);
    let Some(organization) = organizations.of(call.account()) else {
        return false;
    };
    let switched_on = range
        .accounts
        .get(&organization.management)
        .is_some_and(|management| management.iam.read().root_features.contains(&feature));
    let delegated = organization.delegates.get(call.account());
    let administers = organization.management == *call.account()
        || delegated.is_some_and(|services| services.contains_key(TRUSTED_SERVICE));
    organization.trusts(TRUSTED_SERVICE)
        && switched_on
        && administers
        && organization.members.contains_key(account)
        && organization.management != *account
}
