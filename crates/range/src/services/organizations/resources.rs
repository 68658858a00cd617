//! What a call must be allowed to do: its action, on which ARNs, with Organizations' condition keys.
//!
//! Owns the ARNs on which Organizations' actions are authorised. Decides nothing.

use serde::Deserialize;
use stockade_policy::Context;

use super::tags::Tag;
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// Every member that tells what a call is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct About {
    account_id: Option<String>,
    child_id: Option<String>,
    destination_parent_id: Option<String>,
    organizational_unit_id: Option<String>,
    parent_id: Option<String>,
    policy_id: Option<String>,
    resource_id: Option<String>,
    root_id: Option<String>,
    source_parent_id: Option<String>,
    target_id: Option<String>,
    filter: Option<String>,
    policy_type: Option<String>,
    r#type: Option<String>,
    tags: Vec<Tag>,
    tag_keys: Vec<String>,
}

fn context(about: &About, kind: Option<&str>) -> Context {
    let mut context = Context::new();
    for tag in &about.tags {
        context.set(&format!("aws:RequestTag/{}", tag.key), &tag.value);
    }
    let keys: Vec<&str> = match about.tag_keys.is_empty() {
        true => about.tags.iter().map(|tag| tag.key.as_str()).collect(),
        false => about.tag_keys.iter().map(String::as_str).collect(),
    };
    context.insert("aws:TagKeys", keys);
    if let Some(kind) = kind {
        context.set("organizations:PolicyType", kind);
    }
    context
}

/// On every resource that the call names; on `*` where it names none.
pub fn named(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let about: About = call.read().unwrap_or_default();
    let action = format!("organizations:{}", call.operation);
    let organization = range.organizations.read().of(call.account());
    let policy = about.policy_id.as_deref();
    let policy =
        policy.and_then(|id| organization.and_then(|organization| organization.policy(id)));
    let kind = None
        .or(about.r#type.as_deref())
        .or(about.filter.as_deref())
        .or(about.policy_type.as_deref())
        .or(policy.as_ref().map(|policy| policy.kind.name()));
    let mut resources = Vec::new();
    if let Some(organization) = organization {
        resources.extend(
            policy
                .as_ref()
                .map(|policy| organization.policy_arn(policy)),
        );
        let targets = [
            &about.account_id,
            &about.child_id,
            &about.organizational_unit_id,
            &about.parent_id,
            &about.resource_id,
            &about.root_id,
            &about.source_parent_id,
            &about.destination_parent_id,
            &about.target_id,
        ];
        for id in targets.into_iter().flatten() {
            resources.push(match organization.policies.get(id) {
                Some(policy) => organization.policy_arn(policy),
                None => organization.target_arn(id),
            });
        }
    }
    if resources.is_empty() {
        resources.push("*".to_owned());
    }
    let need = |resource| {
        let mut need = Need::new(&action, resource);
        need.context = context(&about, kind);
        need
    };
    resources.into_iter().map(need).collect()
}
