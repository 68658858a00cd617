//! What the simulator is asked: read, checked, and with every policy that has a say.
//!
//! Owns the checks of the input, in AWS's words and order. Decides nothing.

use serde::Deserialize;
use stockade_model::Arn;
use stockade_policy::{Context, Named, Policy, PolicyError, Principal, actions};
use stockade_wire::AwsError;

use super::super::errors;
use super::super::scope::iam;
use super::entries::{self, Entry};
use super::exclusions::{Exclusion, Identifier};
use super::sources::{Granted, Source, entity, source_arn};
use crate::call::Call;
use crate::state::State as Range;

/// The user id of one who has no name: AWS puts this in.
const NOBODY: &str = "STUB_PRINCIPAL_FOR_POLICY_SIMULATOR";

/// What `ec2:RunInstances` may be simulated as. AWS takes them with resources missing too.
const INSTANCE_SCENARIOS: [&str; 6] = [
    "EC2-Classic-InstanceStore",
    "EC2-Classic-EBS",
    "EC2-VPC-InstanceStore",
    "EC2-VPC-InstanceStore-Subnet",
    "EC2-VPC-EBS",
    "EC2-VPC-EBS-Subnet",
];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    #[serde(default)]
    policy_source_arn: String,
    #[serde(default)]
    policy_input_list: Vec<String>,
    #[serde(default)]
    permissions_boundary_policy_input_list: Vec<String>,
    #[serde(default)]
    ordered_organization_policy_input_list: Vec<Level>,
    #[serde(default)]
    policy_exclusion_list: Vec<Identifier>,
    #[serde(default)]
    action_names: Vec<String>,
    #[serde(default)]
    resource_arns: Vec<String>,
    resource_policy: Option<String>,
    resource_owner: Option<String>,
    caller_arn: Option<String>,
    #[serde(default)]
    context_entries: Vec<Entry>,
    resource_handling_option: Option<String>,
}

/// A level of an organisation.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Level {
    #[serde(default)]
    service_control_policy_input_list: Vec<String>,
}

/// A question, complete.
#[derive(Debug)]
pub struct Question {
    pub actions: Vec<String>,
    /// ARNs, or `*` alone.
    pub resources: Vec<String>,
    pub principal: Principal,
    /// The account of the caller.
    pub account: String,
    pub identity: Vec<Source>,
    pub boundary: Option<Source>,
    pub resource_policy: Option<Source>,
    /// The organisation's levels; none where the caller's account is in no organisation.
    pub organization: Option<Vec<Vec<Named>>>,
    /// The account that owns resources whose ARN names none.
    pub owner: Option<String>,
    /// The context that was given.
    pub given: Context,
    /// The same, with what AWS adds.
    pub context: Context,
}

impl Question {
    /// Of the policies of a user, group or role.
    pub fn of_principal(range: &Range, call: &Call<'_>) -> Result<Self, AwsError> {
        let input: Input = call.read()?;
        let arn = source_arn(&input.policy_source_arn, call)?;
        let read = input.policy_exclusion_list.iter().map(Identifier::read);
        let exclusions = read.collect::<Result<Vec<_>, _>>()?;
        let mut granted = Granted::of(iam(range, call)?, &arn)?;
        granted
            .identity
            .retain(|source| !exclusions.iter().any(|e| e.excludes(source)));
        let excluded = |wanted: fn(&Exclusion) -> bool| exclusions.iter().any(wanted);
        if excluded(|e| matches!(e, Exclusion::Boundary)) {
            granted.boundary = None;
        }
        let organizations = range.organizations.read();
        let is_member = organizations.organization_id_of(call.account()).is_some();
        let levels = match granted.service_linked {
            true => Vec::new(),
            false => organizations.scp_levels(call.account()),
        };
        let bound = is_member && !excluded(|e| matches!(e, Exclusion::Scps));
        Self::read(&input, call, granted, bound.then_some(levels), Some(arn))
    }

    /// Of policies that stand in the call.
    pub fn of_policies(call: &Call<'_>) -> Result<Self, AwsError> {
        let input: Input = call.read()?;
        let mut levels = Vec::new();
        for (index, level) in input
            .ordered_organization_policy_input_list
            .iter()
            .enumerate()
        {
            let place = index + 1;
            let documents = &level.service_control_policy_input_list;
            if documents.is_empty() {
                return Err(errors::invalid_input(format!(
                    "Organization policy at index {place} must contain at least one service control policy"
                )));
            }
            let read = documents.iter().map(|text| {
                let policy = Policy::parse_scp(text).map_err(|_| {
                    errors::invalid_input(format!(
                        "Organization policy at index {place} has invalid content"
                    ))
                })?;
                Ok(Named::new(format!("Organization.{place}"), policy))
            });
            levels.push(read.collect::<Result<Vec<_>, AwsError>>()?);
        }
        let organization = (!levels.is_empty()).then_some(levels);
        Self::read(&input, call, Granted::default(), organization, None)
    }

    fn read(
        input: &Input,
        call: &Call<'_>,
        granted: Granted,
        organization: Option<Vec<Vec<Named>>>,
        source: Option<Arn>,
    ) -> Result<Self, AwsError> {
        let resources = match input.resource_arns.as_slice() {
            [] => vec!["*".to_owned()],
            given => given.to_vec(),
        };
        check_resources(&resources)?;
        check_actions(&input.action_names, &resources)?;
        check_scenario(input, &resources)?;
        let given = entries::context(&input.context_entries)?;
        let mut identity = granted.identity;
        for (index, text) in input.policy_input_list.iter().enumerate() {
            identity.push(parsed(
                format!("PolicyInputList.{}", index + 1),
                text,
                &format!("Policy input list item {}", index + 1),
                Policy::parse,
            )?);
        }
        let boundary = match input.permissions_boundary_policy_input_list.as_slice() {
            [] => granted.boundary,
            [text] => Some(parsed(
                "PermissionsBoundaryPolicyInputList.1".to_owned(),
                text,
                "Permissions boundary policy input list item 1",
                Policy::parse,
            )?),
            _ => {
                return Err(errors::invalid_input(
                    "The list of Permissions Boundary policies cannot exceed 1 items.",
                ));
            }
        };
        let caller = match &input.caller_arn {
            None => source,
            Some(text) => Some(entity(text).ok_or_else(|| {
                errors::invalid_input(
                    "Invalid caller - Caller must be an IAM user, role or group in this context.",
                )
            })?),
        };
        let owner = input.resource_owner.as_deref().map(owner).transpose()?;
        let resource_policy = resource_policy(input, &resources, caller.as_ref())?;
        let account = caller
            .as_ref()
            .map_or_else(|| call.account().to_string(), |arn| arn.account.clone());
        Ok(Self {
            actions: input.action_names.clone(),
            resources,
            context: with_caller(&given, caller.as_ref(), &account),
            principal: principal(caller, &account),
            account,
            identity,
            boundary,
            resource_policy,
            organization,
            owner,
            given,
        })
    }

    /// Whether resources were named.
    pub fn names_resources(&self) -> bool {
        self.resources != ["*"]
    }
}

/// The caller as policies see it. A role stands for its sessions.
fn principal(caller: Option<Arn>, account: &str) -> Principal {
    match caller {
        Some(arn) if arn.resource_type() == "role" => Principal::Role {
            session_arn: arn.clone(),
            role_arn: arn,
            role_id: String::new(),
            provider: None,
        },
        Some(arn) => Principal::User {
            arn,
            user_id: String::new(),
        },
        None => Principal::User {
            arn: Arn::aws("iam", "", account, format!("user/{NOBODY}")),
            user_id: String::new(),
        },
    }
}

/// The keys that AWS fills in where the call does not.
fn with_caller(given: &Context, caller: Option<&Arn>, account: &str) -> Context {
    let mut context = given.clone();
    let mut add = |key: &str, value: &str| {
        if given.get(key).is_none() {
            context.set(key, value);
        }
    };
    add("aws:PrincipalAccount", account);
    match caller {
        Some(arn) => {
            let text = arn.to_string();
            add("aws:PrincipalArn", &text);
            add("aws:userid", &text);
            if arn.resource_type() == "user" {
                add("aws:username", arn.resource_name());
            }
        }
        None => add("aws:userid", NOBODY),
    }
    context
}

fn parsed(
    name: String,
    text: &str,
    place: &str,
    read: fn(&str) -> Result<Policy, PolicyError>,
) -> Result<Source, AwsError> {
    let policy =
        read(text).map_err(|_| errors::invalid_input(format!("{place} has invalid content")))?;
    Ok(Source::input(name, text, policy))
}

fn resource_policy(
    input: &Input,
    resources: &[String],
    caller: Option<&Arn>,
) -> Result<Option<Source>, AwsError> {
    let Some(text) = &input.resource_policy else {
        return Ok(None);
    };
    if caller.is_none() {
        return Err(errors::invalid_input(
            "Invalid caller - Caller cannot be null or empty.",
        ));
    }
    if resources == ["*"] {
        return Err(errors::invalid_input(
            "Invalid Entity Arn: * does not clearly define entity type and name.",
        ));
    }
    let source = parsed(
        "ResourcePolicy".to_owned(),
        text,
        "Resource policy",
        Policy::parse_resource,
    )?;
    let statements = source.named.policy.statements().iter();
    if statements
        .flat_map(stockade_policy::Statement::resources)
        .any(|resource| resource == "*")
    {
        return Err(no_arn("*"));
    }
    Ok(Some(source))
}

fn no_arn(text: &str) -> AwsError {
    errors::invalid_input(format!(
        "ResourceNames are not in a valid ARN format: {text}."
    ))
}

fn check_resources(resources: &[String]) -> Result<(), AwsError> {
    let is_arn = |text: &str| {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        matches!(parts.as_slice(), ["arn", partition, service, _, _, resource]
            if !partition.is_empty() && !service.is_empty() && !resource.is_empty())
    };
    match resources {
        [one] if one == "*" => Ok(()),
        _ => match resources.iter().find(|resource| !is_arn(resource)) {
            Some(bad) => Err(no_arn(bad)),
            None => Ok(()),
        },
    }
}

fn check_actions(names: &[String], resources: &[String]) -> Result<(), AwsError> {
    if names.iter().any(|name| !name.contains(':')) {
        return Err(errors::invalid_input(
            "The action is invalid since it is missing names",
        ));
    }
    let (known, unknown): (Vec<&str>, Vec<&str>) = names
        .iter()
        .map(String::as_str)
        .partition(|name| actions::find(name).is_some());
    if resources != ["*"] && !known.is_empty() && !unknown.is_empty() {
        return Err(errors::invalid_input(format!(
            "Invalid Input Actions: [{}] and [{}] require different authorization information.",
            known.join(","),
            unknown.join(",")
        )));
    }
    Ok(())
}

fn check_scenario(input: &Input, resources: &[String]) -> Result<(), AwsError> {
    let Some(option) = &input.resource_handling_option else {
        return Ok(());
    };
    if resources == ["*"] {
        return Ok(());
    }
    let fits = |action: &&String| {
        action.eq_ignore_ascii_case("ec2:RunInstances")
            && INSTANCE_SCENARIOS.contains(&option.as_str())
    };
    match input.action_names.iter().find(|action| !fits(action)) {
        Some(action) => Err(errors::invalid_input(format!(
            "Invalid input resource handling options. Action does not support resource handling options: {action}."
        ))),
        None => Ok(()),
    }
}

/// The account of a `ResourceOwner`: the ARN of something of its IAM, as of its root.
fn owner(text: &str) -> Result<String, AwsError> {
    let arn: Option<Arn> = text.parse().ok();
    arn.filter(|arn| {
        arn.service == "iam"
            && arn.account.len() == 12
            && arn.account.bytes().all(|byte| byte.is_ascii_digit())
            && !arn.resource.is_empty()
    })
    .map(|arn| arn.account)
    .ok_or_else(|| errors::invalid_input(format!("'{text}' is not a valid as a Resource Owner.")))
}
