//! The policy simulator: what the engine would decide, without doing anything.
//!
//! Owns the way from the simulator's input to the engine's. Decisions are the policy crate's.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Arn;
use stockade_policy::{
    Context, Decision, Named, Policies, Policy, PolicyKind, Principal, Request, ResourceRule,
    Verdict, evaluate,
};
use stockade_wire::AwsError;

use super::errors;
use super::output::{page, reply};
use super::scope::iam;
use super::state::State;
use crate::call::{Call, Reply};
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    policy_source_arn: Option<String>,
    #[serde(default)]
    policy_input_list: Vec<String>,
    #[serde(default)]
    permissions_boundary_policy_input_list: Vec<String>,
    #[serde(default)]
    action_names: Vec<String>,
    #[serde(default)]
    resource_arns: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    #[serde(default)]
    context_entries: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    context_key_name: Option<String>,
    #[serde(default)]
    context_key_values: Vec<String>,
}

/// Whose permissions are simulated, and all that has a say.
struct Simulation {
    principal: Principal,
    identity: Vec<Named>,
    boundary: Option<Named>,
    resource: Option<Named>,
    scps: Vec<Vec<Named>>,
    context: Context,
    owner: Option<String>,
}

fn parse(
    text: &str,
    name: String,
    read: fn(&str) -> Result<Policy, stockade_policy::PolicyError>,
) -> Result<Named, AwsError> {
    read(text)
        .map(|policy| Named::new(name.clone(), policy))
        .map_err(|error| errors::invalid_input(format!("{name}: {error}")))
}

fn inputs(texts: &[String], list: &str) -> Result<Vec<Named>, AwsError> {
    let numbered = texts.iter().enumerate();
    numbered
        .map(|(at, text)| parse(text, format!("{list}.{}", at + 1), Policy::parse))
        .collect()
}

/// The user, group or role whose policies are simulated: who it is as a caller, what it is granted, its boundary.
fn source(
    state: &State,
    arn: &Arn,
    call: &Call<'_>,
) -> Result<(Principal, Vec<Named>, Option<Named>), AwsError> {
    let name = arn.resource_name();
    let account = call.account();
    let none = || errors::no_such_entity(format!("ARN {arn} cannot be found."));
    match arn.resource_type() {
        "user" => {
            let user = state
                .user(name)
                .filter(|user| user.arn(account) == *arn)
                .ok_or_else(none)?;
            let principal = Principal::User {
                arn: arn.clone(),
                user_id: user.id.clone(),
            };
            Ok((
                principal,
                state.policies_of_user(name),
                state.boundary_of_user(name),
            ))
        }
        "group" => {
            let group = state
                .group(name)
                .filter(|group| group.arn(account) == *arn)
                .ok_or_else(none)?;
            let principal = Principal::User {
                arn: arn.clone(),
                user_id: group.id.clone(),
            };
            Ok((principal, state.policies_of_group(name), None))
        }
        "role" => {
            let role = state
                .role(name)
                .filter(|role| role.arn(account) == *arn)
                .ok_or_else(none)?;
            let session = format!("assumed-role/{}/simulation", role.name);
            let principal = Principal::Role {
                role_arn: arn.clone(),
                session_arn: Arn::aws("sts", "", account.as_str(), session),
                role_id: role.id.clone(),
                provider: None,
            };
            Ok((
                principal,
                state.policies_of_role(name),
                state.boundary_of_role(name),
            ))
        }
        _ => Err(errors::invalid_input(format!(
            "Invalid Entity Arn: {arn} does not clearly define entity type and name."
        ))),
    }
}

fn read_arn(text: &str) -> Result<Arn, AwsError> {
    text.parse()
        .map_err(|_| errors::invalid_input(format!("Invalid ARN: {text}")))
}

impl Simulation {
    fn read(range: &Range, call: &Call<'_>, input: &Input) -> Result<Self, AwsError> {
        let state = iam(range, call)?;
        let (mut principal, mut identity, mut boundary) = match &input.policy_source_arn {
            Some(arn) => source(state, &read_arn(arn)?, call)?,
            None => (
                Principal::Root {
                    account: call.account().clone(),
                },
                Vec::new(),
                None,
            ),
        };
        // Root may do everything without a policy; the simulator's nameless caller may not.
        if input.policy_source_arn.is_none() {
            principal = Principal::User {
                arn: Arn::aws("iam", "", call.account().as_str(), "user/simulation"),
                user_id: "AIDASIMULATION".to_owned(),
            };
        }
        if let Some(arn) = &input.caller_arn {
            let arn = read_arn(arn)?;
            let id = iam(range, call)?
                .user(arn.resource_name())
                .map(|user| user.id.clone());
            principal = Principal::User {
                user_id: id.unwrap_or_else(|| "AIDASIMULATION".to_owned()),
                arn,
            };
        }
        identity.extend(inputs(&input.policy_input_list, "PolicyInputList")?);
        let limits = inputs(
            &input.permissions_boundary_policy_input_list,
            "PermissionsBoundaryPolicyInputList",
        )?;
        if let Some(limit) = limits.into_iter().next() {
            boundary = Some(limit);
        }
        let resource = input.resource_policy.as_deref();
        let resource = resource
            .map(|text| parse(text, "ResourcePolicy".to_owned(), Policy::parse_resource))
            .transpose()?;
        let scps = match &input.policy_source_arn {
            Some(_) => range.organizations.read().scp_levels(call.account()),
            None => Vec::new(),
        };
        let mut context = context_of(&principal, call);
        for entry in &input.context_entries {
            if let Some(name) = &entry.context_key_name {
                context.insert(name, entry.context_key_values.iter().map(String::as_str));
            }
        }
        let owner = input.resource_owner.as_deref().map(read_arn).transpose()?;
        Ok(Self {
            principal,
            identity,
            boundary,
            resource,
            scps,
            context,
            owner: owner.map(|arn| arn.account),
        })
    }

    fn decide(&self, action: &str, resource: &str) -> Decision {
        evaluate(
            &self.request(action, resource),
            &Policies {
                identity: &self.identity,
                resource: self
                    .resource
                    .as_ref()
                    .map(|policy| (policy, ResourceRule::Ordinary)),
                boundary: self.boundary.as_slice(),
                scps: &self.scps,
                ..Policies::default()
            },
        )
    }

    fn request<'a>(&'a self, action: &'a str, resource: &'a str) -> Request<'a> {
        Request {
            principal: &self.principal,
            action,
            resource,
            resource_account: self.owner.as_deref(),
            context: &self.context,
        }
    }

    /// Whether these policies alone would allow it.
    fn allowed_by(&self, policies: &[Named], action: &str, resource: &str) -> bool {
        let alone = Policies {
            identity: policies,
            ..Policies::default()
        };
        evaluate(&self.request(action, resource), &alone).is_allowed()
    }

    /// The condition keys of every policy that has a say for which the request has no value.
    fn missing(&self) -> BTreeSet<&str> {
        let all = self
            .identity
            .iter()
            .chain(&self.boundary)
            .chain(&self.resource);
        keys_of(all)
            .into_iter()
            .filter(|key| self.context.get(key).is_none())
            .collect()
    }

    fn result(&self, action: &str, resource: &str) -> Value {
        let decision = self.decide(action, resource);
        let matched: Vec<_> = decision
            .statements
            .iter()
            .map(|statement| {
                json!({
                    "SourcePolicyId": statement.policy,
                    "SourcePolicyType": source_type(&statement.policy, statement.kind, &self.principal),
                })
            })
            .collect();
        let boundary = self.boundary.as_ref().map(|boundary| {
            let allowed = self.allowed_by(std::slice::from_ref(boundary), action, resource);
            json!({"AllowedByPermissionsBoundary": allowed})
        });
        let organizations = (!self.scps.is_empty()).then(|| {
            let allowed = self
                .scps
                .iter()
                .all(|level| self.allowed_by(level, action, resource));
            json!({"AllowedByOrganizations": allowed})
        });
        json!({
            "EvalActionName": action,
            "EvalResourceName": resource,
            "EvalDecision": match decision.verdict {
                Verdict::Allowed => "allowed",
                Verdict::ExplicitlyDenied => "explicitDeny",
                Verdict::ImplicitlyDenied => "implicitDeny",
            },
            "MatchedStatements": matched,
            "MissingContextValues": self.missing(),
            "PermissionsBoundaryDecisionDetail": boundary,
            "OrganizationsDecisionDetail": organizations,
        })
    }
}

/// The kind of a policy, from the name that the look-up gave it.
fn source_type(name: &str, kind: PolicyKind, principal: &Principal) -> &'static str {
    if matches!(kind, PolicyKind::Resource | PolicyKind::Trust) {
        "resource"
    } else if name.starts_with("arn:aws:iam::aws:") {
        "aws-managed"
    } else if name.starts_with("arn:") {
        "user-managed"
    } else if name.starts_with("group ") {
        "group"
    } else if name.starts_with("inline ") {
        match principal {
            Principal::Role { .. } => "role",
            Principal::User { arn, .. } if arn.resource_type() == "group" => "group",
            _ => "user",
        }
    } else {
        "none"
    }
}

/// The keys that a request of this caller carries whatever it asks.
fn context_of(principal: &Principal, call: &Call<'_>) -> Context {
    let mut context = Context::new()
        .with("aws:CurrentTime", call.now.to_string())
        .with("aws:EpochTime", call.now.as_second().to_string())
        .with("aws:PrincipalType", principal.kind());
    if let Some(arn) = principal.principal_arn() {
        context.set("aws:PrincipalArn", arn);
    }
    if let Some(account) = principal.account() {
        context.set("aws:PrincipalAccount", account);
    }
    if let Some(id) = principal.user_id() {
        context.set("aws:userid", id);
    }
    if let Principal::User { arn, .. } = principal {
        context.set("aws:username", arn.resource_name());
    }
    context
}

fn run(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    if let Some(bad) = input.action_names.iter().find(|name| !name.contains(':')) {
        return Err(errors::invalid_input(format!("Invalid Action: {bad}")));
    }
    let simulation = Simulation::read(range, call, &input)?;
    let anything = ["*".to_owned()];
    let resources = match input.resource_arns.as_slice() {
        [] => anything.as_slice(),
        given => given,
    };
    let mut results = BTreeMap::new();
    for action in &input.action_names {
        for resource in resources {
            let place = results.len();
            results.insert(format!("{place:08}"), simulation.result(action, resource));
        }
    }
    page(call, "EvaluationResults", Value::Null, results)
}

pub(super) fn principal(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    run(range, call)
}

pub(super) fn custom(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    run(range, call)
}

fn keys_of<'a>(policies: impl Iterator<Item = &'a Named>) -> BTreeSet<&'a str> {
    policies
        .flat_map(|named| named.policy.statements())
        .flat_map(|statement| statement.conditions())
        .map(|condition| condition.key())
        .collect()
}

pub(super) fn context_keys(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let mut policies = inputs(&input.policy_input_list, "PolicyInputList")?;
    if let Some(arn) = &input.policy_source_arn {
        policies.extend(source(iam(range, call)?, &read_arn(arn)?, call)?.1);
    }
    Ok(reply(json!({"ContextKeyNames": keys_of(policies.iter())})))
}

pub(super) fn context_keys_of_principal(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    context_keys(range, call)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::Cloud;

    #[test]
    fn the_simulator_says_what_the_engine_would() {
        let mut cloud = Cloud::new();
        let own = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}},
        ]});
        let anna = cloud.user_with("anna", own);
        let input = json!({"PolicySourceArn": anna.arn, "ActionNames": ["s3:GetObject", "s3:DeleteObject", "iam:ListUsers"],
            "ResourceArns": ["arn:aws:s3:::b/k"],
            "ContextEntries": [{"ContextKeyName": "aws:MultiFactorAuthPresent", "ContextKeyValues": ["false"], "ContextKeyType": "boolean"}]});
        let answer = cloud.iam("SimulatePrincipalPolicy", input.clone()).unwrap();
        let results = answer["EvaluationResults"].as_array().unwrap();
        let decisions: Vec<_> = results
            .iter()
            .map(|r| r["EvalDecision"].as_str().unwrap())
            .collect();
        assert_eq!(decisions, ["allowed", "explicitDeny", "implicitDeny"]);
        assert_eq!(
            results[0]["MatchedStatements"][0]["SourcePolicyType"],
            "user"
        );
        assert_eq!(results[0]["MissingContextValues"], json!([]));
        let mut without = input;
        without.as_object_mut().unwrap().remove("ContextEntries");
        let answer = cloud.iam("SimulatePrincipalPolicy", without).unwrap();
        assert_eq!(
            answer["EvaluationResults"][0]["MissingContextValues"],
            json!(["aws:MultiFactorAuthPresent"])
        );
    }

    #[test]
    fn a_custom_policy_is_bounded_and_errors_are_told() {
        let mut cloud = Cloud::new();
        let all = super::super::bench::ALL;
        let s3 = all.replace("\"Action\":\"*\"", "\"Action\":\"s3:*\"");
        let input = json!({"PolicyInputList": [all], "PermissionsBoundaryPolicyInputList": [s3], "ActionNames": ["iam:ListUsers", "s3:GetObject"]});
        let answer = cloud.iam("SimulateCustomPolicy", input).unwrap();
        let results = answer["EvaluationResults"].as_array().unwrap();
        assert_eq!(results[0]["EvalDecision"], "implicitDeny");
        assert_eq!(
            results[0]["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"],
            false
        );
        assert_eq!(results[1]["EvalDecision"], "allowed");
        let bad = json!({"PolicyInputList": ["{"], "ActionNames": ["s3:GetObject"]});
        assert_eq!(cloud.refused("SimulateCustomPolicy", bad).0, "InvalidInput");
        let bad = json!({"PolicyInputList": [all], "ActionNames": ["GetObject"]});
        assert_eq!(cloud.refused("SimulateCustomPolicy", bad).0, "InvalidInput");
    }
}
