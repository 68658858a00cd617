//! Access Advisor: which services and actions a user, group, role or policy really used, and when.
//!
//! Owns the report jobs. The record of use is the request path's; a job is a look at it at one time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{Arn, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{page, time};
use super::policy_usage::{self, Entity};
use super::scope::{iam, iam_mut};
use super::service_names;
use crate::call::{Call, Reply};
use crate::state::State as Range;
use crate::usage::LastUse;

/// How far back use is told.
const TRACKED_FOR: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Whether a use is recent enough to be told.
pub(super) fn is_tracked(used: Timestamp, now: Timestamp) -> bool {
    now.duration_since(used) < TRACKED_FOR
}

/// A report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    actions: bool,
    made: Timestamp,
    /// By namespace, as in `iam`.
    services: BTreeMap<String, Service>,
}
crate::row!(Job);

/// The use of one service.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Service {
    /// By name, as in `ListUsers`.
    actions: BTreeMap<String, (String, LastUse)>,
    /// Who used it, and when last.
    entities: BTreeMap<String, (Entity, Timestamp)>,
    last: Option<(String, LastUse)>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Generate {
    arn: String,
    granularity: Option<String>,
}

pub(super) fn generate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Generate = call.read()?;
    let state = iam(range, call)?;
    let account = range.account(call.account())?;
    let subject: Arn = input
        .arn
        .parse()
        .map_err(|_| errors::invalid_input(format!("ARN {} is not valid.", input.arn)))?;
    let granted = policy_usage::services_granted(state, &subject, call.account())?;
    let mut services: BTreeMap<String, Service> = granted
        .into_iter()
        .map(|name| (name, Service::default()))
        .collect();
    for entity in policy_usage::principals_of(state, &subject, call.account())? {
        for (action, used) in account.usage.actions(&entity.id) {
            if !is_tracked(used.at, call.now) {
                continue;
            }
            let name = action.split_once(':').map_or(&*action, |(_, name)| name);
            let service = services.entry(used.service.clone()).or_default();
            service.note(name, &entity, &used);
        }
    }
    let job = Job {
        actions: input.granularity.as_deref() == Some("ACTION_LEVEL"),
        made: call.now,
        services,
    };
    let id = range.ids.uuid();
    iam_mut(range, call)?.jobs.insert(id.clone(), Arc::new(job));
    Ok(super::output::reply(json!({"JobId": id})))
}

impl Service {
    fn note(&mut self, action: &str, entity: &Entity, used: &LastUse) {
        let newer =
            |last: &Option<(String, LastUse)>| last.as_ref().is_none_or(|(_, l)| l.at < used.at);
        if newer(&self.last) {
            self.last = Some((entity.arn.clone(), used.clone()));
        }
        if newer(&self.actions.get(action).cloned()) {
            self.actions
                .insert(action.to_owned(), (entity.arn.clone(), used.clone()));
        }
        let seen = self
            .entities
            .entry(entity.arn.clone())
            .or_insert_with(|| (entity.clone(), used.at));
        seen.1 = seen.1.max(used.at);
    }

    fn shown(&self, namespace: &str, with_actions: bool) -> Value {
        let last = self.last.as_ref();
        let actions: Vec<_> = self
            .actions
            .iter()
            .map(|(name, (entity, used))| {
                json!({
                    "ActionName": name,
                    "LastAccessedEntity": entity,
                    "LastAccessedTime": time(used.at),
                    "LastAccessedRegion": used.region,
                })
            })
            .collect();
        json!({
            "ServiceName": service_names::name_of(namespace),
            "ServiceNamespace": namespace,
            "LastAuthenticated": last.map(|(_, used)| time(used.at)),
            "LastAuthenticatedEntity": last.map(|(entity, _)| entity),
            "LastAuthenticatedRegion": last.map(|(_, used)| &used.region),
            "TotalAuthenticatedEntities": self.entities.len(),
            "TrackedActionsLastAccessed": (with_actions && !actions.is_empty()).then_some(actions),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfJob {
    job_id: String,
    service_namespace: Option<String>,
}

fn job<'a>(range: &'a Range, call: &Call<'_>, id: &str) -> Result<&'a Job, AwsError> {
    iam(range, call)?
        .jobs
        .get(id)
        .map(Arc::as_ref)
        .ok_or_else(|| errors::no_such_entity(format!("The job {id} cannot be found.")))
}

impl Job {
    fn state(&self) -> Value {
        json!({
            "JobStatus": "COMPLETED",
            "JobCreationDate": time(self.made),
            "JobCompletionDate": time(self.made),
        })
    }
}

pub(super) fn details(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfJob = call.read()?;
    let job = job(range, call, &input.job_id)?;
    let mut more = job.state();
    if let Some(members) = more.as_object_mut() {
        let kind = if job.actions {
            "ACTION_LEVEL"
        } else {
            "SERVICE_LEVEL"
        };
        members.insert("JobType".into(), kind.into());
    }
    let services = job
        .services
        .iter()
        .map(|(namespace, service)| (namespace.clone(), service.shown(namespace, job.actions)));
    page(call, "ServicesLastAccessed", more, services)
}

pub(super) fn entities(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfJob = call.read()?;
    let job = job(range, call, &input.job_id)?;
    let namespace = input.service_namespace.unwrap_or_default();
    let found = job
        .services
        .get(&namespace)
        .into_iter()
        .flat_map(|service| {
            service.entities.iter().map(|(arn, (entity, at))| {
                let shown = json!({
                    "EntityInfo": {
                        "Arn": arn,
                        "Name": entity.name,
                        "Type": entity.kind,
                        "Id": entity.id,
                        "Path": entity.path,
                    },
                    "LastAuthenticated": time(*at),
                });
                (arn.clone(), shown)
            })
        });
    page(call, "EntityDetailsList", job.state(), found)
}

/// The namespaces of actions such as `iam:ListUsers`; `*` is of every service.
pub(super) fn namespaces<'a>(actions: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for action in actions {
        let namespace = action
            .split_once(':')
            .map_or(action, |(namespace, _)| namespace);
        match namespace {
            "*" => found.extend(service_names::all().map(str::to_owned)),
            named if !named.contains(['*', '?']) => {
                found.insert(named.to_ascii_lowercase());
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn what_was_used_is_told_and_what_was_granted_and_not_used() {
        let mut cloud = Cloud::new();
        let own = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["s3:GetObject", "iam:List*", "ec2:*"], "Resource": "*"},
        ]});
        let anna = cloud.user_with("anna", own);
        let account = super::super::bench::ACCOUNT.parse().unwrap();
        let (now, region) = (cloud.now, "eu-west-1".parse().unwrap());
        let usage = &mut cloud.range.account_mut(&account).unwrap().usage;
        usage.record_action(&anna.user_id, "iam:ListUsers", now, &region);
        let job = cloud
            .iam(
                "GenerateServiceLastAccessedDetails",
                json!({"Arn": anna.arn, "Granularity": "ACTION_LEVEL"}),
            )
            .unwrap();
        let details = cloud
            .iam("GetServiceLastAccessedDetails", job.clone())
            .unwrap();
        assert_eq!(
            (&details["JobStatus"], &details["JobType"]),
            (&json!("COMPLETED"), &json!("ACTION_LEVEL"))
        );
        let services = details["ServicesLastAccessed"].as_array().unwrap();
        let names: Vec<_> = services
            .iter()
            .map(|s| s["ServiceNamespace"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["ec2", "iam", "s3"]);
        assert!(services[0].get("LastAuthenticated").is_none());
        assert_eq!(services[0]["TotalAuthenticatedEntities"], 0);
        assert_eq!(services[1]["LastAuthenticatedEntity"], anna.arn);
        assert_eq!(
            services[1]["TrackedActionsLastAccessed"][0]["ActionName"],
            "ListUsers"
        );
        let who = json!({"JobId": job["JobId"], "ServiceNamespace": "iam"});
        let who = cloud
            .iam("GetServiceLastAccessedDetailsWithEntities", who)
            .unwrap();
        assert_eq!(who["EntityDetailsList"][0]["EntityInfo"]["Name"], "anna");
        let all = cloud.user_with(
            "all",
            serde_json::from_str(super::super::bench::ALL).unwrap(),
        );
        let job = cloud
            .iam(
                "GenerateServiceLastAccessedDetails",
                json!({"Arn": all.arn}),
            )
            .unwrap();
        let details = cloud.iam("GetServiceLastAccessedDetails", job).unwrap();
        let services = details["ServicesLastAccessed"].as_array().unwrap();
        assert_eq!(services.len(), super::service_names::all().count());
        assert_eq!(
            cloud
                .refused("GetServiceLastAccessedDetails", json!({"JobId": "x"}))
                .0,
            "NoSuchEntity"
        );
        let nobody = json!({"Arn": "arn:aws:iam::123456789012:user/nobody"});
        assert_eq!(
            cloud
                .refused("GenerateServiceLastAccessedDetails", nobody)
                .0,
            "NoSuchEntity"
        );
    }
}
