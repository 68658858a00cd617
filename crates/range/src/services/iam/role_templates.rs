//! Role templates: roles as AWS's services suggest them, made by `AcquireRole` from a few values.
//!
//! Owns the catalogue and the making. AWS publishes no list of its templates: these are the range's own, after the
//! few that its documentation names.

use std::sync::{Arc, LazyLock};

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::{Arn, Timestamp};
use stockade_policy::Context;
use stockade_wire::AwsError;

use super::attachments::Grants;
use super::documents::{Document, encode};
use super::errors;
use super::output::{reply, time};
use super::roles::{self, Role, SourceTemplate};
use super::scope::{iam, iam_mut};
use super::state::{State, key};
use super::tags::{self, Tag};
use super::templates::{self, FillError, Values};
use super::trust;
use crate::call::{Call, Reply};
use crate::row::Need;
use crate::state::State as Range;

const CATALOGUE: &str = include_str!("../../../data/role-templates.json");
const ARN_PREFIX: &str = "arn:aws:iam::aws:role-template/";
/// Every template has one version so far.
const VERSION: u32 = 1;

/// A role template.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Template {
    name: String,
    description: String,
    service: String,
    created: Timestamp,
    #[serde(default = "yes")]
    enabled: bool,
    role_name: String,
    path: String,
    role_description: String,
    trust: Value,
    #[serde(default)]
    managed: Vec<String>,
    #[serde(default)]
    inline: Vec<Inline>,
    #[serde(default)]
    tags: Vec<Tag>,
    max_session_duration: Option<u32>,
    #[serde(default)]
    parameters: Vec<Value>,
}

#[derive(Debug, Deserialize)]
struct Inline {
    name: String,
    document: Value,
}

/// A parameter, as answers show it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    name: String,
    r#type: String,
    #[serde(default)]
    is_required: bool,
    default_value: Option<String>,
}

fn yes() -> bool {
    true
}

static TEMPLATES: LazyLock<Vec<Template>> =
    LazyLock::new(|| serde_json::from_str(CATALOGUE).unwrap_or_default());

impl Template {
    fn arn(&self) -> String {
        format!("{ARN_PREFIX}{}", self.name)
    }

    /// The template and its version that a call asks for.
    fn find(arn: &str, minor: Option<u32>) -> Result<&'static Self, AwsError> {
        if !arn.starts_with("arn:aws:iam::") || !arn.contains(":role-template/") {
            return Err(errors::invalid_input(format!("ARN {arn} is not valid.")));
        }
        let found = TEMPLATES
            .iter()
            .find(|template| arn.strip_prefix(ARN_PREFIX) == Some(template.name.as_str()))
            .ok_or_else(|| {
                errors::no_such_entity(format!("Role template {arn} cannot be found."))
            })?;
        match minor {
            Some(other) if other != VERSION => Err(errors::no_such_entity(format!(
                "Minor version {other} of role template {arn} cannot be found."
            ))),
            _ => Ok(found),
        }
    }

    fn parameters(&self) -> impl Iterator<Item = Parameter> {
        self.parameters
            .iter()
            .filter_map(|value| serde_json::from_value(value.clone()).ok())
    }

    fn shown(&self) -> Value {
        let inline: Vec<_> = self
            .inline
            .iter()
            .map(|policy| {
                json!({
                    "PolicyName": policy.name,
                    "PolicyDocument": encode(&policy.document.to_string()),
                })
            })
            .collect();
        json!({
            "TemplateArn": self.arn(),
            "TemplateName": self.name,
            "TemplateVersionId": self.version_id(),
            "Description": self.description,
            "MajorVersion": 1,
            "DefaultMinorVersion": VERSION,
            "ManagedByType": "Service",
            "ManagedByValue": self.service,
            "Enabled": self.enabled,
            "MinorVersion": VERSION,
            "RoleNamePattern": self.role_name,
            "RolePathPattern": self.path,
            "RoleDescriptionPattern": self.role_description,
            "AssumeRolePolicyDocumentTemplate": encode(&self.trust.to_string()),
            "InlinePolicyTemplates": inline,
            "ManagedPolicyArns": self.managed,
            "ParametersDefinition": self.parameters,
            "RoleTagsTemplate": self.tags,
            "MaxSessionDuration": self.max_session_duration.unwrap_or(roles::MAX_SESSION),
            "VersionEnabled": self.enabled,
            "CreateTimestamp": time(self.created),
            "UpdateTimestamp": time(self.created),
        })
    }

    /// The same in every range: made from the template's ARN.
    fn version_id(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.arn().as_bytes());
        let hex: String = hex::encode_upper(digest.as_ref())
            .chars()
            .take(17)
            .collect();
        format!("ARTV{hex}")
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Get {
    template_arn: String,
    minor_version: Option<u32>,
}

pub(super) fn get(_: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Get = call.read()?;
    let template = Template::find(&input.template_arn, input.minor_version)?;
    Ok(reply(json!({"RoleTemplateVersion": template.shown()})))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Acquire {
    template_arn: String,
    template_minor_version: Option<u32>,
    #[serde(default)]
    replacement_values: std::collections::BTreeMap<String, Replacement>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Replacement {
    values: Vec<String>,
}

/// A role as a template with its values describes it.
struct Wanted {
    name: String,
    path: String,
    description: String,
    trust: String,
    inline: Vec<(String, String)>,
    managed: Vec<String>,
    tags: Vec<Tag>,
    max_session: u32,
    source: SourceTemplate,
}

impl Wanted {
    fn read(call: &Call<'_>) -> Result<Self, AwsError> {
        let input: Acquire = call.read()?;
        let template = Template::find(&input.template_arn, input.template_minor_version)?;
        if !template.enabled {
            return Err(AwsError::new(
                400,
                "RoleTemplateDisabled",
                format!("Role template {} is disabled.", input.template_arn),
            ));
        }
        let values = read_values(template, input.replacement_values, call)?;
        Self::fill(template, &values).map_err(|error| errors::invalid_input(error.to_string()))
    }

    fn fill(template: &Template, values: &Values) -> Result<Self, FillError> {
        let inline = template.inline.iter().map(|policy| {
            let document = templates::fill(&policy.document, values)?;
            Ok((policy.name.clone(), document.to_string()))
        });
        let tags = template.tags.iter().map(|tag| {
            Ok(Tag {
                key: templates::fill_text(&tag.key, values)?,
                value: templates::fill_text(&tag.value, values)?,
            })
        });
        Ok(Self {
            name: templates::fill_text(&template.role_name, values)?,
            path: templates::fill_text(&template.path, values)?,
            description: templates::fill_text(&template.role_description, values)?,
            trust: templates::fill(&template.trust, values)?.to_string(),
            inline: inline.collect::<Result<_, FillError>>()?,
            managed: template.managed.clone(),
            tags: tags.collect::<Result<_, FillError>>()?,
            max_session: template.max_session_duration.unwrap_or(roles::MAX_SESSION),
            source: SourceTemplate {
                template_arn: template.arn(),
                template_minor_version: VERSION,
            },
        })
    }

    /// The role that it becomes.
    fn role(self, range: &Range, id: String, now: Timestamp) -> Result<Role, AwsError> {
        let mut grants = Grants::default();
        for (name, text) in &self.inline {
            grants
                .inline
                .insert(name.clone(), Document::identity(text)?);
        }
        grants.attached.extend(self.managed);
        Ok(Role {
            name: self.name,
            id,
            path: self.path,
            created: now,
            description: Some(self.description),
            max_session: self.max_session,
            trust: trust::read(range, &self.trust)?,
            boundary: None,
            tags: tags::merged(&[], self.tags)?,
            grants,
            template: Some(self.source),
        })
    }
}

/// The values of a call, held against what the template asks for.
fn read_values(
    template: &Template,
    given: std::collections::BTreeMap<String, Replacement>,
    call: &Call<'_>,
) -> Result<Values, AwsError> {
    let mut values: Values = given
        .into_iter()
        .map(|(name, replacement)| (name, replacement.values))
        .collect();
    let invalid = |text: String| errors::invalid_input(text);
    let known: Vec<Parameter> = template.parameters().collect();
    if let Some(name) = values
        .keys()
        .find(|name| known.iter().all(|p| p.name != **name))
    {
        return Err(invalid(format!(
            "The role template has no parameter {name}."
        )));
    }
    for parameter in known {
        let name = &parameter.name;
        match (values.get(name), &parameter.default_value) {
            (Some(given), _) => check_type(&parameter, given)?,
            (None, Some(default)) => {
                values.insert(name.clone(), vec![default.clone()]);
            }
            (None, None) if parameter.is_required => {
                return Err(invalid(format!(
                    "No value is given for the parameter {name}."
                )));
            }
            (None, None) => {}
        }
    }
    values.insert("AccountId".to_owned(), vec![call.account().to_string()]);
    Ok(values)
}

fn check_type(parameter: &Parameter, values: &[String]) -> Result<(), AwsError> {
    let kind = parameter.r#type.as_str();
    let one_of = |value: &String| match kind {
        "Number" | "NumberList" => value.parse::<f64>().is_ok(),
        "Arn" | "ArnList" => value.parse::<Arn>().is_ok(),
        _ => !value.is_empty(),
    };
    let counted = match kind.ends_with("List") {
        true => !values.is_empty(),
        false => values.len() == 1,
    };
    if counted && values.iter().all(one_of) {
        return Ok(());
    }
    Err(errors::invalid_input(format!(
        "The value of the parameter {} must be of the type {kind}.",
        parameter.name
    )))
}

/// What `AcquireRole` must be allowed: to look at a role that is there, else to make it with all that it has.
pub(super) fn needs(range: &Range, call: &Call<'_>) -> Vec<Need> {
    let state = iam(range, call).ok();
    let Ok(wanted) = Wanted::read(call) else {
        return vec![Need::new("iam:CreateRole", "*")];
    };
    let arn = |path: &str| format!("arn:aws:iam::{}:role{path}{}", call.account(), wanted.name);
    if let Some(role) = state.and_then(|state| state.role(&wanted.name)) {
        return vec![Need::new("iam:GetRole", arn(&role.path))];
    }
    let need = |action: &str, context: Context| Need {
        context,
        ..Need::new(action, arn(&wanted.path))
    };
    let mut tagged = Context::new();
    for tag in &wanted.tags {
        tagged.set(&format!("aws:RequestTag/{}", tag.key), &tag.value);
    }
    let keys: Vec<&str> = wanted.tags.iter().map(|tag| tag.key.as_str()).collect();
    tagged.insert("aws:TagKeys", keys);
    let mut needs = vec![need("iam:CreateRole", tagged.clone())];
    if !wanted.tags.is_empty() {
        needs.push(need("iam:TagRole", tagged));
    }
    if !wanted.inline.is_empty() {
        needs.push(need("iam:PutRolePolicy", Context::new()));
    }
    for policy in &wanted.managed {
        let mut context = Context::new();
        context.set("iam:PolicyARN", policy);
        needs.push(need("iam:AttachRolePolicy", context));
    }
    needs
}

pub(super) fn acquire(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let wanted = Wanted::read(call)?;
    let state = iam(range, call)?;
    if let Some(role) = state.role(&wanted.name) {
        check_same(range, role, &wanted)?;
        return Ok(reply(json!({"Role": role.details(range, call.account())})));
    }
    check_new(state, &wanted)?;
    let id = range.ids.unique("AROA");
    let role = wanted.role(range, id, call.now)?;
    let answer = json!({"Role": role.details(range, call.account())});
    iam_mut(range, call)?
        .roles
        .insert(key(&role.name), Arc::new(role));
    Ok(reply(answer))
}

fn check_new(state: &State, wanted: &Wanted) -> Result<(), AwsError> {
    let letters = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    let name = &wanted.name;
    if name.is_empty() || name.len() > roles::NAME_LENGTH || !name.chars().all(letters) {
        return Err(errors::invalid_input(format!(
            "The role name {name} is not valid."
        )));
    }
    roles::check_room(state)
}

/// Refuses a role of the wanted name that is another's, or no longer what the template makes.
fn check_same(range: &Range, role: &Role, wanted: &Wanted) -> Result<(), AwsError> {
    if role.template.as_ref() != Some(&wanted.source) {
        return Err(AwsError::new(
            409,
            "NameConflict",
            format!(
                "Role with name {} already exists and was not created from the role template {}.",
                role.name, wanted.source.template_arn
            ),
        ));
    }
    let same_json = |a: &str, b: &str| {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        read(a).is_some() && read(a) == read(b)
    };
    let inline = role.grants.inline.len() == wanted.inline.len()
        && wanted.inline.iter().all(|(name, text)| {
            let kept = role.grants.inline.get(name);
            kept.is_some_and(|kept| same_json(&kept.text, text))
        });
    let managed = role.grants.attached.len() == wanted.managed.len()
        && wanted
            .managed
            .iter()
            .all(|arn| role.grants.attached.contains(arn));
    if inline && managed && same_json(&role.trust_text(range), &wanted.trust) {
        return Ok(());
    }
    Err(AwsError::new(
        409,
        "RoleModified",
        format!(
            "Role with name {} was modified since it was created from the role template {}.",
            role.name, wanted.source.template_arn
        ),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::aws_managed;
    use super::super::bench::Cloud;
    use super::*;

    fn arn(name: &str) -> String {
        format!("{ARN_PREFIX}{name}")
    }

    #[test]
    fn the_catalogue_can_be_read_and_names_what_there_is() {
        assert_eq!(TEMPLATES.len(), 5);
        for template in TEMPLATES.iter() {
            assert_eq!(template.parameters().count(), template.parameters.len());
            for policy in &template.managed {
                assert!(aws_managed::find(policy).is_some(), "{policy}");
            }
            let mut cloud = Cloud::new();
            let input = json!({"TemplateArn": template.arn()});
            let shown = cloud.iam("GetRoleTemplateVersion", input).unwrap();
            assert_eq!(shown["RoleTemplateVersion"]["TemplateName"], template.name);
        }
    }

    #[test]
    fn a_role_is_made_once_and_then_found() {
        let mut cloud = Cloud::new();
        let input = json!({"TemplateArn": arn("LambdaS3ReadRoleTemplate"), "ReplacementValues": {
            "RoleName": {"Values": ["reader"]},
            "ObjectArns": {"Values": ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]},
        }});
        let made = cloud.iam("AcquireRole", input.clone()).unwrap()["Role"].clone();
        assert_eq!(
            made["Arn"],
            "arn:aws:iam::123456789012:role/service-role/reader"
        );
        assert_eq!(
            made["Tags"],
            json!([{"Key": "Environment", "Value": "production"}])
        );
        assert_eq!(made["SourceRoleTemplate"]["TemplateMinorVersion"], 1);
        let policy = cloud
            .iam(
                "GetRolePolicy",
                json!({"RoleName": "reader", "PolicyName": "ReadObjects"}),
            )
            .unwrap();
        let text = policy["PolicyDocument"].as_str().unwrap();
        assert!(
            text.contains("%3Aa%2F%2A") && text.contains("%3Ab%2F%2A"),
            "{text}"
        );
        let again = cloud.iam("AcquireRole", input.clone()).unwrap();
        assert_eq!(again["Role"]["RoleId"], made["RoleId"]);
        cloud
            .iam(
                "DeleteRolePolicy",
                json!({"RoleName": "reader", "PolicyName": "ReadObjects"}),
            )
            .unwrap();
        assert_eq!(cloud.refused("AcquireRole", input).0, "RoleModified");
    }

    #[test]
    fn values_are_held_against_the_template() {
        let mut cloud = Cloud::new();
        let values = |values: Value| json!({"TemplateArn": arn("LambdaS3ReadRoleTemplate"), "ReplacementValues": values});
        for bad in [
            json!({}),
            json!({"RoleName": {"Values": ["r"]}}),
            json!({"RoleName": {"Values": ["r"]}, "ObjectArns": {"Values": ["no arn"]}}),
            json!({"RoleName": {"Values": ["a", "b"]}, "ObjectArns": {"Values": ["arn:aws:s3:::a/*"]}}),
            json!({"RoleName": {"Values": ["no/name"]}, "ObjectArns": {"Values": ["arn:aws:s3:::a/*"]}}),
            json!({"RoleName": {"Values": ["r"]}, "ObjectArns": {"Values": ["arn:aws:s3:::a/*"]}, "Other": {"Values": ["x"]}}),
        ] {
            assert_eq!(
                cloud.refused("AcquireRole", values(bad.clone())).0,
                "InvalidInput",
                "{bad}"
            );
        }
        for (input, code) in [
            (json!({"TemplateArn": arn("None")}), "NoSuchEntity"),
            (
                json!({"TemplateArn": "arn:aws:s3:::bucket-of-templates"}),
                "InvalidInput",
            ),
            (
                json!({"TemplateArn": arn("PowerUserRoleTemplate"), "TemplateMinorVersion": 9}),
                "NoSuchEntity",
            ),
            (
                json!({"TemplateArn": arn("ElasticTranscoderRoleTemplate")}),
                "RoleTemplateDisabled",
            ),
        ] {
            assert_eq!(cloud.refused("AcquireRole", input).0, code);
        }
        let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
        cloud
            .iam(
                "CreateRole",
                json!({"RoleName": "PowerUserRole", "AssumeRolePolicyDocument": trust}),
            )
            .unwrap();
        let taken = cloud.refused(
            "AcquireRole",
            json!({"TemplateArn": arn("PowerUserRoleTemplate")}),
        );
        assert_eq!(taken.0, "NameConflict");
    }

    #[test]
    fn each_part_of_the_role_needs_its_own_permission() {
        let mut cloud = Cloud::new();
        let statement = |actions: Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
        let input = || json!({"TemplateArn": arn("PowerUserRoleTemplate")});
        let low = cloud.user_with("low", statement(json!(["iam:CreateRole"])));
        let refused = cloud.call(&low, "iam", "AcquireRole", input()).unwrap_err();
        assert!(
            refused.message.contains("iam:AttachRolePolicy"),
            "{}",
            refused.message
        );
        let put = json!({"UserName": "low", "PolicyName": "own", "PolicyDocument": statement(json!(["iam:CreateRole", "iam:AttachRolePolicy"])).to_string()});
        cloud.iam("PutUserPolicy", put).unwrap();
        cloud.call(&low, "iam", "AcquireRole", input()).unwrap();
        // Now it is there, to be looked at.
        let refused = cloud.call(&low, "iam", "AcquireRole", input()).unwrap_err();
        assert!(
            refused.message.contains("iam:GetRole"),
            "{}",
            refused.message
        );
    }
}
