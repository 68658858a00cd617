//! The plan that gives the honest users something better than keys, and then, after a clean soak,
//! removes the keys and makes the user anew.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_store::IncidentId;

use super::contain::{inline_state, user_policy_name};
use super::draft::{Draft, Place};
use super::{
    Phase, Plan, PlanError, PlanKind, PlanOrder, Requirement, Subject, Work, impact, remove,
};
use crate::actions::{
    CreateRole, CreateUser, DeleteAccessKey, DeleteLoginProfile, DeleteUser, PutRolePolicy,
    SetAccessKeyStatus,
};
use crate::fact::Fact;
use crate::iam_action::iam_action;
use crate::inline::Holder;
use crate::survey::Holdings;
use crate::triage::{Caller, UserFacts};

/// More resources than these are given as `*`.
const MOST_RESOURCES: usize = 20;

/// What a recovery is told.
#[derive(Debug, Clone)]
pub struct RecoverOptions {
    /// The incident.
    pub incident: IncidentId,
    /// The time.
    pub now: Timestamp,
    /// The new role's name.
    pub role: String,
    /// Who may assume it, as the `Principal` of its trust policy:
    /// `{"Service": "ec2.amazonaws.com"}`, `{"AWS": "arn:…"}`.
    pub trust: Value,
    /// When the containment was complete.
    pub contained_at: Timestamp,
    /// How long it must hold before anything is deleted, in hours.
    pub soak_hours: i64,
    /// How long a write takes until it counts everywhere, in seconds.
    pub propagation: i64,
}

/// How the subject is now.
#[derive(Debug, Clone, PartialEq)]
pub struct RecoverSurvey {
    /// What the user holds; none when the user is gone.
    pub holdings: Option<Holdings>,
    /// The roles of the account whose trust policy names the user.
    pub trusting: Fact<Vec<String>>,
}

/// Looks at the subject as it is now. Changes nothing.
pub async fn recover_survey(
    reach: &crate::aws::Reach,
    facts: &UserFacts,
) -> Result<RecoverSurvey, crate::aws::CallError> {
    let aws = reach.account(&facts.account).await?;
    let holder = Holder::user(&facts.name);
    Ok(RecoverSurvey {
        holdings: crate::survey::holdings(aws.as_ref(), &holder).await?,
        trusting: crate::survey::trusting(aws.as_ref(), &facts.arn.to_string())
            .await
            .into(),
    })
}

/// Makes the plan. Pure.
pub fn recover(
    facts: &UserFacts,
    survey: &RecoverSurvey,
    options: &RecoverOptions,
) -> Result<Plan, PlanError> {
    let mut draft = Draft::default();
    let (mut notes, mut unknowns) = (Vec::new(), Vec::new());
    let why = "every write replaces what is there; what was there is kept, with its hash";
    let place = |phase, why| Place {
        phase,
        account: &facts.account,
        why,
    };
    let subjects = survey.holdings.iter().map(|_| Subject {
        account: facts.account.clone(),
        arn: facts.arn.clone(),
    });
    draft.push(
        &place(Phase::Save, why),
        format!("save the state of user {}", facts.name),
        Work::Save(subjects.collect()),
    );
    replace(&mut draft, facts, options, &mut notes);
    match &survey.holdings {
        Some(holdings) => retire(&mut draft, facts, holdings, options, &mut unknowns),
        None => notes.push(format!("User {} is gone already.", facts.name)),
    }
    notes.push(format!(
        "The new user {} has another unique id (AIDA…): a policy that names the old one shows that id in the name's place and lets nobody in, until the name is written again.",
        facts.name
    ));
    match &survey.trusting {
        Fact::Known(roles) if roles.is_empty() => {
            notes.push("No role of the account names the user in its trust policy.".to_owned());
        }
        Fact::Known(roles) => notes.push(format!(
            "These roles name the user in their trust policy, and must be written again afterwards: {}.",
            roles.join(", ")
        )),
        Fact::Unknown { why } => {
            unknowns.push(format!("which roles name the user in their trust policy: {why}"));
        }
    }
    notes.push(format!(
        "The service control policy of the containment ({}) still denies the user's ARN, the new user's too: detach and delete it in Organizations by hand. Do not undo the containment for that: it would also put back the trust policies that the attacker had written.",
        super::scp_name(options.incident)
    ));
    Ok(Plan {
        incident: options.incident,
        kind: PlanKind::Recover,
        subject: facts.arn.to_string(),
        created: options.now,
        order: PlanOrder::Safe,
        propagation: options.propagation,
        quarantined: Vec::new(),
        steps: draft.steps,
        impact: impact::of_containment(facts)
            .into_iter()
            .filter(|hurt| hurt.identity == facts.arn.to_string())
            .map(|hurt| super::Impact {
                effect: format!("must use role {} in place of its key", options.role),
                ..hurt
            })
            .collect(),
        unknowns,
        notes,
        lockout: Vec::new(),
    })
}

/// A role with what the honest callers need.
fn replace(
    draft: &mut Draft,
    facts: &UserFacts,
    options: &RecoverOptions,
    notes: &mut Vec<String>,
) {
    let why = "a role's credentials are short-lived and nowhere to be leaked";
    let place = Place {
        phase: Phase::Replace,
        account: &facts.account,
        why,
    };
    let trust = json!({"Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": options.trust, "Action": "sts:AssumeRole"
    }]});
    let description = format!("In place of the keys of user {}", facts.name);
    let params = CreateRole::params(&options.role, trust, &description);
    draft.change::<CreateRole>(&place, &params, Value::Null);
    match least_privilege(facts) {
        Some(document) => {
            let why = "what the honest callers did in the last 30 days, and nothing else";
            let place = Place {
                phase: Phase::Replace,
                account: &facts.account,
                why,
            };
            let params = PutRolePolicy::params(&options.role, "LeastPrivilege", document);
            draft.change::<PutRolePolicy>(&place, &params, Value::Null);
            notes.push("The role's permissions come from the trail: actions that happen once a year, and data events that the trail does not record, are missing. Read them before approving.".to_owned());
        }
        None => notes.push(
            "No caller is known to be honest (the attacker's addresses may be named with --suspect at the triage): the role gets no permissions. Give it what its users need."
                .to_owned(),
        ),
    }
    draft.settle(options.propagation);
}

/// Statements for the actions of the honest callers of the user's own keys, by their resources.
fn least_privilege(facts: &UserFacts) -> Option<Value> {
    if !facts.attacker_is_known() {
        return None;
    }
    let subject = facts.arn.to_string();
    let honest = |caller: &&Caller| caller.suspect.is_none() && caller.identity == subject;
    let mut needed: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for caller in facts.callers.iter().filter(honest) {
        for call in caller.actions.keys() {
            let Some(action) = iam_action(call) else {
                continue;
            };
            let named = caller.resources.get(call).into_iter().flatten().cloned();
            needed.entry(action).or_default().extend(named);
        }
    }
    let mut by_resources: BTreeMap<Vec<String>, Vec<String>> = BTreeMap::new();
    for (action, resources) in needed {
        let resources: Vec<String> = if resources.is_empty() || resources.len() > MOST_RESOURCES {
            vec!["*".to_owned()]
        } else {
            resources.into_iter().collect()
        };
        by_resources.entry(resources).or_default().push(action);
    }
    if by_resources.is_empty() {
        return None;
    }
    let statements: Vec<Value> = by_resources
        .into_iter()
        .map(|(resources, actions)| {
            json!({"Effect": "Allow", "Action": actions, "Resource": resources})
        })
        .collect();
    Some(json!({"Version": "2012-10-17", "Statement": statements}))
}

/// The user's policies, keys and the user itself, after a clean soak.
fn retire(
    draft: &mut Draft,
    facts: &UserFacts,
    holdings: &Holdings,
    options: &RecoverOptions,
    unknowns: &mut Vec<String>,
) {
    let soak = || Requirement::CleanSoak {
        since: options.contained_at,
        hours: options.soak_hours,
    };
    let place = |phase, why| Place {
        phase,
        account: &facts.account,
        why,
    };
    let policy = user_policy_name(options.incident);
    let first = draft.steps.len();
    let why = "nobody needs them any more";
    let remove = place(Phase::Remove, why);
    remove::policies(
        draft,
        &remove,
        &Holder::user(&facts.name),
        holdings,
        &policy,
    );
    let one_way = place(Phase::OneWay, "the soak was clean: nothing uses it");
    for (id, status) in &holdings.keys {
        let params = SetAccessKeyStatus::inactive(&facts.name, id);
        let before = json!({ "status": status });
        let delete = DeleteAccessKey::params(&facts.name, id);
        match draft.change::<SetAccessKeyStatus>(&remove, &params, before.clone()) {
            Some(step) => {
                let left = json!({"status": "Inactive"});
                draft.then::<DeleteAccessKey>(&one_way, &delete, &step, &left);
            }
            None => {
                draft.change::<DeleteAccessKey>(&one_way, &delete, before);
            }
        }
    }
    if holdings.login_profile {
        let params = DeleteLoginProfile::params(&facts.name);
        draft.change::<DeleteLoginProfile>(&one_way, &params, json!({"login_profile": true}));
    }
    if holdings.others.is_empty() {
        let deny = inline_state(&holdings.inline, &policy);
        remove::deny(draft, &one_way, &facts.name, &policy, None, deny);
        let params = DeleteUser::params(&facts.name);
        let deleted = draft.change::<DeleteUser>(&one_way, &params, json!({"exists": true}));
        if let Some(step) = deleted {
            let tags = facts.tags.known().into_iter().flatten();
            let tags = tags.map(|(key, value)| json!({"Key": key, "Value": value}));
            let params = CreateUser::params(&facts.name, &facts.path, tags.collect());
            let anew = place(Phase::Replace, "people keep their name; keys it gets none");
            let left = json!({"exists": false});
            draft.then::<CreateUser>(&anew, &params, &step, &left);
        }
    } else {
        unknowns.push(format!(
            "user {} cannot be deleted before these are removed by hand: {}",
            facts.name,
            holdings.others.join(", ")
        ));
    }
    for step in draft.steps.iter_mut().skip(first) {
        step.requires = Some(soak());
    }
}
