//! What a call must be allowed to do: its action, on which ARNs, with Organizations' condition keys.
//!
//! Owns the ARNs on which Organizations' actions are authorised. Decides nothing.

use serde::Deserialize;
use stockade_policy::Context;

use super::tags::{self, Tag};
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// Every member that tells what a call is about.
#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase", default)]
struct About {
    account_id: Option<String>,
    handshake_id: Option<String>,
    service_principal: Option<String>,
    target: Option<Party>,
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

/// Whom an invitation is for.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Party {
    id: String,
    r#type: String,
}

fn context(about: &About, kind: Option<&str>) -> Context {
    let mut context = Context::new();
    if let Some(service) = &about.service_principal {
        context.set("organizations:ServicePrincipal", service);
    }
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
    let mut resources: Vec<(String, Vec<Tag>)> = Vec::new();
    if let Some(organization) = organization {
        let tags = |id: &str| {
            tags::tags_of(range, organization, id)
                .unwrap_or_default()
                .to_vec()
        };
        if let Some(policy) = &policy {
            resources.push((organization.policy_arn(policy), policy.tags.clone()));
        }
        let asked = about
            .target
            .as_ref()
            .filter(|party| party.r#type == "ACCOUNT");
        let targets = [
            about.account_id.as_ref(),
            about.child_id.as_ref(),
            about.organizational_unit_id.as_ref(),
            about.parent_id.as_ref(),
            about.resource_id.as_ref(),
            about.root_id.as_ref(),
            about.source_parent_id.as_ref(),
            about.destination_parent_id.as_ref(),
            about.target_id.as_ref(),
            asked.map(|party| &party.id),
        ];
        for id in targets.into_iter().flatten() {
            let arn = match organization.policies.get(id) {
                Some(policy) => organization.policy_arn(policy),
                None if id.starts_with("rp-") => match organization.resource_policy_arn() {
                    Some(arn) => arn,
                    None => continue,
                },
                None => organization.target_arn(id),
            };
            resources.push((arn, tags(id)));
        }
        if call.operation.ends_with("ResourcePolicy")
            && let Some(arn) = organization.resource_policy_arn()
        {
            let tags = organization
                .resource_policy
                .as_ref()
                .map(|policy| policy.tags.clone());
            resources.push((arn, tags.unwrap_or_default()));
        }
    }
    if let Some(id) = &about.handshake_id
        && let Some(handshake) = range.organizations.read().handshakes.get(id)
    {
        resources.push((handshake.arn(), Vec::new()));
    }
    if resources.is_empty() {
        resources.push(("*".to_owned(), Vec::new()));
    }
    // A member's own policies decide first, as if all were its account's own. Whether it is its to see at all is
    // `scope.rs`'s business.
    let management = organization.map(|organization| organization.management.clone());
    let need = |action: &str, resource: String, tags: &[Tag]| {
        let mut need = Need::new(action, resource);
        need.owner = Some(call.account().clone());
        need.context = context(&about, kind);
        if let Some(management) = &management {
            need.context.set("aws:ResourceAccount", management.as_str());
        }
        for tag in tags {
            need.context
                .set(&format!("aws:ResourceTag/{}", tag.key), tag.value.as_str());
        }
        need
    };
    let mut needs: Vec<Need> = resources
        .into_iter()
        .map(|(resource, tags)| need(&action, resource, &tags))
        .collect();
    // What is made with tags is tagged: that takes its own permission.
    if !about.tags.is_empty() && call.operation != "TagResource" {
        needs.push(need(
            "organizations:TagResource",
            made(range, call, kind),
            &[],
        ));
    }
    needs
}

/// The ARN of what a call makes, whose id is not there yet.
fn made(range: &Range, call: &Call<'_>, kind: Option<&str>) -> String {
    let Some(organization) = range.organizations.read().of(call.account()) else {
        return "*".to_owned();
    };
    let id = &organization.id;
    match call.operation {
        "CreateAccount" | "CreateGovCloudAccount" | "InviteAccountToOrganization" => {
            organization.arn(&format!("account/{id}/*"))
        }
        "CreateOrganizationalUnit" => organization.arn(&format!("ou/{id}/*")),
        "CreatePolicy" => {
            let kind = kind.unwrap_or("*").to_ascii_lowercase();
            organization.arn(&format!("policy/{id}/{kind}/*"))
        }
        "PutResourcePolicy" => organization.arn(&format!("resourcepolicy/{id}/*")),
        _ => organization.arn(&format!("transfer/{id}/billing/inbound/*")),
    }
}
