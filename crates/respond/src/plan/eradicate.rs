//! The plan that removes what the lineage left behind. What can be taken back comes first; what
//! cannot comes last, each with an approval of its own.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};
use stockade_model::AccountId;
use stockade_store::IncidentId;

use super::contain::{inline_state, user_policy_name};
use super::draft::{Draft, Place};
use super::{Phase, Plan, PlanError, PlanKind, PlanOrder, Subject, Work, remove, trust};
use crate::actions::{
    Action as _, DeleteAccessKey, DeleteLoginProfile, DeletePolicy, DeletePolicyVersion,
    DeleteRole, DeleteUser, DetachIdentityPolicy, PutUserDeny, RemoveInlinePolicy,
    RemoveUserFromGroup, RestoreBucketPolicy, RestoreDefaultPolicyVersion, RestoreTrustPolicy,
    SetAccessKeyStatus,
};
use crate::fact::Fact;
use crate::inline::Holder;
use crate::persistence::{Left, Persistence};
use crate::survey::{Holdings, Item, Remains, Version, describe};
use crate::triage::UserFacts;

/// What an eradication is told.
#[derive(Debug, Clone)]
pub struct EradicateOptions {
    /// The incident.
    pub incident: IncidentId,
    /// The time.
    pub now: Timestamp,
    /// How long a write takes until it counts everywhere, in seconds.
    pub propagation: i64,
}

/// Makes the plan. Pure.
pub fn eradicate(
    facts: &UserFacts,
    survey: &[Item],
    options: &EradicateOptions,
) -> Result<Plan, PlanError> {
    let mut making = Making {
        facts,
        options,
        draft: Draft::default(),
        last: Vec::new(),
        keys: BTreeSet::new(),
        notes: Vec::new(),
        unknowns: Vec::new(),
    };
    making.save(survey);
    for item in survey {
        making.item(item);
    }
    for then in std::mem::take(&mut making.last) {
        then(&mut making.draft);
    }
    if making
        .draft
        .steps
        .iter()
        .all(|step| step.change().is_none())
    {
        let mut why = match facts.lineage.why() {
            // Not to be taken for a clean bill.
            Some(why) => format!(
                "what {} left behind is unknown ({why}). Run `stockade respond user {}` again when events can be read: it brings the incident's facts up to date",
                facts.arn, facts.name
            ),
            None => "nothing is left that can be removed".to_owned(),
        };
        if !making.notes.is_empty() {
            why = format!("{why}. {}", making.notes.join("; "));
        }
        return Err(PlanError::Nothing(why));
    }
    if !facts.secrets_read.is_empty() {
        let names: Vec<&str> = facts.secrets_read.iter().map(|s| s.name.as_str()).collect();
        making.notes.push(format!(
            "Rotate, first at their target, every secret that the lineage has read: {}.",
            names.join(", ")
        ));
    }
    Ok(Plan {
        incident: options.incident,
        kind: PlanKind::Eradicate,
        subject: facts.arn.to_string(),
        created: options.now,
        order: PlanOrder::Safe,
        propagation: options.propagation,
        quarantined: Vec::new(),
        steps: making.draft.steps,
        impact: Vec::new(),
        unknowns: making.unknowns,
        notes: making.notes,
        lockout: Vec::new(),
    })
}

/// A one-way step that is added when all others are.
type Then = Box<dyn FnOnce(&mut Draft)>;

struct Making<'a> {
    facts: &'a UserFacts,
    options: &'a EradicateOptions,
    draft: Draft,
    last: Vec<Then>,
    keys: BTreeSet<String>,
    notes: Vec<String>,
    unknowns: Vec<String>,
}

fn holder_of(left: &Left) -> Option<Holder> {
    Some(match left {
        Left::AccessKey { user, .. }
        | Left::SwitchedOn { user, .. }
        | Left::LoginProfile { user }
        | Left::Membership { user, .. } => Holder::user(user),
        Left::User { name } => Holder::user(name),
        Left::Role { name } | Left::Trust { role: name, .. } => Holder::role(name),
        Left::Attached { holder, .. } | Left::Inline { holder, .. } => holder.clone(),
        _ => return None,
    })
}

impl Making<'_> {
    fn save(&mut self, survey: &[Item]) {
        let mut subjects: Vec<Subject> = Vec::new();
        for item in survey {
            let there = !matches!(&item.now, Fact::Known(Remains::Gone | Remains::ByHand))
                && item.now.known().is_some();
            let Some((holder, account)) = holder_of(&item.found.left)
                .filter(|_| there)
                .zip(item.found.account.parse::<AccountId>().ok())
            else {
                continue;
            };
            let kind = match holder.kind {
                crate::inline::HolderKind::User => "user",
                crate::inline::HolderKind::Role => "role",
                crate::inline::HolderKind::Group => continue,
            };
            let mut arn = self.facts.arn.clone();
            arn.account = account.to_string();
            arn.resource = format!("{kind}/{}", holder.name);
            let subject = Subject { account, arn };
            if !subjects.contains(&subject) {
                subjects.push(subject);
            }
        }
        let place = Place {
            phase: Phase::Save,
            account: &self.facts.account,
            why: "what is removed is kept, with its hash: it is evidence too",
        };
        let title = match &*subjects {
            [one] => format!("save the state of {}", one.arn),
            more => format!("save the state of {} identities", more.len()),
        };
        self.draft.push(&place, title, Work::Save(subjects));
    }

    fn item(&mut self, item: &Item) {
        let what = describe(&item.found);
        let remains = match &item.now {
            Fact::Unknown { why } => return self.unknowns.push(format!("{what}: {why}")),
            Fact::Known(remains) => remains,
        };
        let Ok(account) = item.found.account.parse::<AccountId>() else {
            return;
        };
        let Persistence { call, by, at, .. } = &item.found;
        let why = format!("the lineage left it: {call} by {by} at {at}");
        let place = Place {
            phase: Phase::Remove,
            account: &account,
            why: &why,
        };
        match remains {
            Remains::Gone => {}
            Remains::ByHand => self.notes.push(format!("By hand: {what}, {why}.")),
            Remains::There(state) => self.there(&place, item, state),
            Remains::Identity(holdings) => self.identity(&place, &item.found.left, holdings),
            Remains::Versions(versions) => self.versions(&place, &item.found, versions),
        }
    }

    fn one_way(&mut self, place: &Place<'_>, add: impl FnOnce(&mut Draft, &Place<'_>) + 'static) {
        let (account, why) = (place.account.clone(), place.why.to_owned());
        self.last.push(Box::new(move |draft| {
            let place = Place {
                phase: Phase::OneWay,
                account: &account,
                why: &why,
            };
            add(draft, &place);
        }));
    }

    fn there(&mut self, place: &Place<'_>, item: &Item, state: &Value) {
        let state = state.clone();
        match &item.found.left {
            Left::AccessKey { user, id } => self.key(place, user, id, &state),
            Left::SwitchedOn { user, id } => {
                // A key that the lineage made is made inactive and deleted as such.
                let params = SetAccessKeyStatus::inactive(user, id);
                let twice = self.draft.steps.iter().any(|step| {
                    step.change().is_some_and(|change| {
                        change.action == SetAccessKeyStatus::NAME && change.params == json!(params)
                    })
                });
                if !twice {
                    self.draft
                        .change::<SetAccessKeyStatus>(place, &params, state);
                }
            }
            Left::LoginProfile { user } => {
                let params = DeleteLoginProfile::params(user);
                self.one_way(place, move |draft, place| {
                    draft.change::<DeleteLoginProfile>(place, &params, state);
                });
            }
            Left::Trust { .. } => match trust::restored(&item.found, self.facts) {
                trust::Restored::Not => {}
                trust::Restored::To(role, before, document) => {
                    let params = RestoreTrustPolicy::params(role.arn.resource_name(), document);
                    self.draft
                        .change::<RestoreTrustPolicy>(place, &params, before);
                }
                trust::Restored::Unknown(why) => self.unknowns.push(why),
            },
            Left::Attached { holder, policy_arn } => {
                let params = DetachIdentityPolicy::params(holder.clone(), policy_arn);
                self.draft
                    .change::<DetachIdentityPolicy>(place, &params, state);
            }
            Left::Inline {
                holder,
                policy_name,
            } => {
                let params = RemoveInlinePolicy::params(holder.clone(), policy_name);
                self.draft
                    .change::<RemoveInlinePolicy>(place, &params, state);
            }
            Left::Membership { user, group } => {
                let params = RemoveUserFromGroup::params(user, group);
                self.draft
                    .change::<RemoveUserFromGroup>(place, &params, state);
            }
            Left::BucketPolicy { bucket, earlier } => match earlier {
                Some(earlier) => {
                    let params = RestoreBucketPolicy::params(bucket, earlier.clone());
                    self.draft
                        .change::<RestoreBucketPolicy>(place, &params, state);
                }
                None => self.unknowns.push(format!(
                    "what the policy of bucket {bucket} was before is in no event: look at it by hand"
                )),
            },
            _ => {}
        }
    }

    /// Inactive first; deleted last.
    fn key(&mut self, place: &Place<'_>, user: &str, id: &str, state: &Value) {
        // A key of a user who was made is left behind twice: by itself, and with the user.
        if !self.keys.insert(id.to_owned()) {
            return;
        }
        let params = SetAccessKeyStatus::inactive(user, id);
        let first = self
            .draft
            .change::<SetAccessKeyStatus>(place, &params, state.clone());
        let delete = DeleteAccessKey::params(user, id);
        let state = state.clone();
        self.one_way(place, move |draft, place| match first {
            Some(step) => {
                let left = json!({"status": "Inactive"});
                draft.then::<DeleteAccessKey>(place, &delete, &step, &left);
            }
            None => {
                draft.change::<DeleteAccessKey>(place, &delete, state);
            }
        });
    }

    /// A user or role that the lineage made.
    fn identity(&mut self, place: &Place<'_>, left: &Left, holdings: &Holdings) {
        let (Left::User { name } | Left::Role { name }) = left else {
            return;
        };
        let is_user = matches!(left, Left::User { .. });
        if !holdings.others.is_empty() {
            self.unknowns.push(format!(
                "{name} cannot be deleted before these are removed by hand: {}",
                holdings.others.join(", ")
            ));
        }
        let policy = user_policy_name(self.options.incident);
        let mut deny = inline_state(&holdings.inline, &policy);
        let mut deny_step = None;
        if is_user {
            let params = PutUserDeny::params(name, &policy);
            deny_step = self
                .draft
                .change::<PutUserDeny>(place, &params, deny.clone());
            if deny_step.is_some() {
                deny = json!({"document": params.document});
            }
        }
        let holder = if is_user {
            Holder::user(name)
        } else {
            Holder::role(name)
        };
        let kept = if is_user { policy.as_str() } else { "" };
        remove::policies(&mut self.draft, place, &holder, holdings, kept);
        for (id, status) in &holdings.keys {
            self.key(place, name, id, &json!({ "status": status }));
        }
        if holdings.login_profile {
            let params = DeleteLoginProfile::params(name);
            self.one_way(place, move |draft, place| {
                let before = json!({"login_profile": true});
                draft.change::<DeleteLoginProfile>(place, &params, before);
            });
        }
        if !holdings.others.is_empty() {
            return;
        }
        let name = name.clone();
        self.one_way(place, move |draft, place| {
            if is_user {
                remove::deny(draft, place, &name, &policy, deny_step, deny);
                let params = DeleteUser::params(&name);
                draft.change::<DeleteUser>(place, &params, json!({"exists": true}));
            } else {
                let params = DeleteRole::params(&name);
                draft.change::<DeleteRole>(place, &params, json!({"exists": true}));
            }
        });
    }

    fn versions(&mut self, place: &Place<'_>, found: &Persistence, versions: &[Version]) {
        let newest = |except: &str| {
            versions
                .iter()
                .filter(|v| v.id != except && v.created.is_none_or(|at| at < found.at))
                .max_by_key(|v| v.created)
        };
        match &found.left {
            Left::Policy { arn } => {
                let params = DeletePolicy::params(arn);
                self.one_way(place, move |draft, place| {
                    draft.change::<DeletePolicy>(place, &params, json!({"exists": true}));
                });
            }
            Left::PolicyVersion { arn, version } => {
                let Some(ours) = versions.iter().find(|v| v.id == *version) else {
                    return;
                };
                if ours.default {
                    let Some(good) = newest(version) else {
                        self.unknowns.push(format!(
                            "{arn} has no version but the lineage's {version}: write its policy by hand"
                        ));
                        return;
                    };
                    let params = RestoreDefaultPolicyVersion::params(arn, &good.id);
                    let before = json!({ "default": version });
                    self.draft
                        .change::<RestoreDefaultPolicyVersion>(place, &params, before);
                }
                let params = DeletePolicyVersion::params(arn, version);
                let document = ours.document.clone();
                self.one_way(place, move |draft, place| {
                    let before = document.map_or(Value::Null, |d| json!({ "document": d }));
                    draft.change::<DeletePolicyVersion>(place, &params, before);
                });
            }
            Left::DefaultVersion { arn, version } => {
                let is_default = versions.iter().any(|v| v.id == *version && v.default);
                let already = self.draft.steps.iter().any(|step| {
                    step.change().is_some_and(|c| {
                        c.action == "restore_default_policy_version"
                            && c.params.get("policy_arn") == Some(&json!(arn))
                    })
                });
                if !is_default || already {
                    return;
                }
                match newest(version) {
                    Some(good) => {
                        self.notes.push(format!(
                            "Which version of {arn} was the default before is not in the trail: {} is the newest that the lineage did not choose.",
                            good.id
                        ));
                        let params = RestoreDefaultPolicyVersion::params(arn, &good.id);
                        let before = json!({ "default": version });
                        self.draft
                            .change::<RestoreDefaultPolicyVersion>(place, &params, before);
                    }
                    None => self.unknowns.push(format!(
                        "{arn} has no other version than {version}: look at it by hand"
                    )),
                }
            }
            _ => {}
        }
    }
}
