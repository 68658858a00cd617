//! `stockade policy simulate`: one question and all policies that have a say, as JSON.
//!
//! Owns the form of a case and of its answer. Decisions are `evaluate.rs`'s. Nothing is added to what the case says:
//! a condition key that its context lacks is absent.

use serde_json::{Map, Value, json};

use crate::actions;
use crate::context::Context;
use crate::decision::{Decision, Verdict};
use crate::evaluate::{Named, Policies, Request, ResourceRule, evaluate, evaluate_some};
use crate::policy::{DocumentKind, Policy};
use crate::principal::Principal;

/// Whether a wildcard in a case's resource is one resource's name, or stands for many.
const WILDCARDS: [char; 2] = ['*', '?'];

/// A case that cannot be decided, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CaseError(String);

/// A question with the policies that have a say.
#[derive(Debug, Clone)]
pub struct Case {
    name: Option<String>,
    principal: Principal,
    action: String,
    resource: String,
    owner: Option<String>,
    /// The resource's wildcards are meant: is there one that may be touched?
    some: bool,
    context: Context,
    identity: Vec<Named>,
    resource_policy: Option<Named>,
    boundary: Vec<Named>,
    session: Vec<Named>,
    scps: Vec<Vec<Named>>,
    rcps: Vec<Vec<Named>>,
    endpoint: Vec<Named>,
}

type Read<T> = Result<T, CaseError>;

fn wrong<T>(what: impl Into<String>) -> Read<T> {
    Err(CaseError(what.into()))
}

/// The name that a case gives itself, whatever else is wrong with it.
pub fn name_of(case: &Value) -> Option<&str> {
    case.get("name").and_then(Value::as_str)
}

/// Decides a case: the answer, or what is wrong with the case, as an object with the case's name.
pub fn simulate(case: &Value) -> (Value, bool) {
    match Case::read(case) {
        Ok(case) => (case.answer(), true),
        Err(why) => (
            json!({"name": name_of(case), "error": why.to_string()}),
            false,
        ),
    }
}

impl Case {
    /// Reads a case.
    ///
    /// # Errors
    /// Where something is missing or cannot be understood, with its place.
    pub fn read(case: &Value) -> Read<Self> {
        let Some(case) = case.as_object() else {
            return wrong("a case must be an object with request and the policies that have a say");
        };
        let Some(request) = member(case, "request") else {
            return wrong("request is missing: give principal, action and resource");
        };
        let Some(request) = request.as_object() else {
            return wrong("request must be an object with principal, action and resource");
        };
        let action = text(request, "action", "request.action")?;
        if !action.contains(':') {
            return wrong(format!(
                "request.action: `{}` has no service: write it as in s3:GetObject",
                short(&action)
            ));
        }
        let (resource, owner) = resource(request)?;
        let wildcard_only = match member(request, "wildcardOnlyAction") {
            None => false,
            Some(Value::Bool(only)) => *only,
            Some(_) => return wrong("request.wildcardOnlyAction must be true or false"),
        };
        Ok(Self {
            name: name_of(&Value::Object(case.clone())).map(str::to_owned),
            principal: principal(request, &action)?,
            some: resource.contains(WILDCARDS) && !wildcard_only,
            action,
            resource,
            owner,
            context: context(request)?,
            identity: policies(case, "identityPolicies", DocumentKind::Identity)?,
            resource_policy: member(case, "resourcePolicy")
                .map(|item| policy(item, "resourcePolicy", DocumentKind::Resource))
                .transpose()?,
            boundary: policies(case, "permissionBoundaries", DocumentKind::Identity)?,
            session: session(case)?,
            scps: levels(case, "serviceControlPolicies", DocumentKind::Scp)?,
            rcps: levels(case, "resourceControlPolicies", DocumentKind::Rcp)?,
            endpoint: policies(case, "endpointPolicies", DocumentKind::Resource)?,
        })
    }

    /// Decides the case.
    pub fn decide(&self) -> Decision {
        let request = Request {
            principal: &self.principal,
            action: &self.action,
            resource: &self.resource,
            resource_account: self.owner.as_deref(),
            context: &self.context,
        };
        let rule = self.rule();
        let nobody = Named::new("resourcePolicy", Policy::empty());
        let resource = match &self.resource_policy {
            Some(policy) => Some((policy, rule)),
            // A role or a key without a policy lets nobody in.
            None if rule != ResourceRule::Ordinary => Some((&nobody, rule)),
            None => None,
        };
        let policies = Policies {
            identity: &self.identity,
            resource,
            boundary: &self.boundary,
            session: &self.session,
            scps: &self.scps,
            rcps: &self.rcps,
            endpoint: &self.endpoint,
        };
        let decision = if self.some {
            evaluate_some(&request, &policies)
        } else {
            evaluate(&request, &policies)
        };
        match self.reserved() {
            Some(what) if decision.is_allowed() => Decision {
                verdict: Verdict::ImplicitlyDenied,
                decided_by: None,
                statements: Vec::new(),
                missing: Vec::new(),
                reason: format!("{what} is AWS's own: {} is for AWS alone", self.action),
            },
            _ => decision,
        }
    }

    /// The decision, as the command prints it.
    pub fn answer(&self) -> Value {
        let decision = self.decide();
        let statements: Vec<Value> = decision
            .statements
            .iter()
            .map(|statement| {
                json!({
                    "policy": statement.policy,
                    "type": statement.kind.as_str(),
                    "sid": statement.sid,
                    "index": statement.index,
                })
            })
            .collect();
        json!({
            "name": self.name,
            "decision": decision.verdict,
            "decidedBy": decision.decided_by.map(|kind| kind.as_str()),
            "statements": statements,
            "explanation": decision.reason,
        })
    }

    /// How the resource's policy counts, which the action and the resource tell.
    fn rule(&self) -> ResourceRule {
        let action = self.action.to_ascii_lowercase();
        let kind = self.resource.splitn(6, ':').nth(5).unwrap_or_default();
        let assumes = action.starts_with("sts:assumerole")
            || matches!(
                action.as_str(),
                "sts:tagsession" | "sts:setsourceidentity" | "sts:setcontext"
            );
        if assumes {
            ResourceRule::RoleTrust
        } else if action.starts_with("kms:") && kind.starts_with("key/") {
            ResourceRule::KmsKey
        } else {
            ResourceRule::Ordinary
        }
    }

    /// What the action would change that AWS keeps for itself: its managed policies, the roles of IAM Identity
    /// Center, the aliases of its keys.
    fn reserved(&self) -> Option<&'static str> {
        let action = self.action.to_ascii_lowercase();
        let parts: Vec<&str> = self.resource.splitn(6, ':').collect();
        let [_, _, service, _, account, resource] = parts.as_slice() else {
            return None;
        };
        let what = match *service {
            "iam" if *account == "aws" && resource.starts_with("policy/") => "the managed policy",
            "iam" if resource.starts_with("role/aws-reserved/") => "the role",
            "kms" if resource.starts_with("alias/aws/") => "the alias",
            _ => return None,
        };
        let own = action
            .strip_prefix(service)
            .and_then(|rest| rest.strip_prefix(':'))?;
        let changes = actions::find(&action).is_none_or(|action| !action.level.only_looks());
        // Keys are used by their aliases; only the aliases themselves are fixed.
        let of_alias = *service != "kms" || own.ends_with("alias");
        (changes && of_alias).then_some(what)
    }
}

/// A member that is there: null counts as absent.
fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).filter(|value| !value.is_null())
}

fn text(object: &Map<String, Value>, name: &str, place: &str) -> Read<String> {
    match member(object, name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text.clone()),
        Some(Value::String(_)) => wrong(format!("{place} is empty")),
        Some(_) => wrong(format!("{place} must be a text")),
        None => wrong(format!("{place} is missing")),
    }
}

/// The beginning of what a person wrote, for a message.
fn short(text: &str) -> String {
    text.chars().take(200).collect()
}

fn principal(request: &Map<String, Value>, action: &str) -> Read<Principal> {
    const FORMS: &str =
        "give an ARN, a service such as ec2.amazonaws.com, or {\"type\": \"Anonymous\"}";
    match member(request, "principal") {
        None => wrong(format!("request.principal is missing: {FORMS}")),
        Some(Value::Object(kind)) if kind.get("type") == Some(&json!("Anonymous")) => {
            Ok(Principal::Anonymous)
        }
        Some(Value::String(name)) => {
            let federated = ["sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML"]
                .iter()
                .any(|own| own.eq_ignore_ascii_case(action));
            if federated {
                // Whoever calls these has no credentials yet: a provider vouches.
                return Ok(Principal::Federated {
                    provider: name.clone(),
                });
            }
            name.parse()
                .map_err(|why| CaseError(format!("request.principal: {why}")))
        }
        Some(_) => wrong(format!("request.principal cannot be read: {FORMS}")),
    }
}

/// The resource, and whose it is.
fn resource(request: &Map<String, Value>) -> Read<(String, Option<String>)> {
    const FORM: &str = "give {\"resource\": ARN or \"*\", \"accountId\": account}";
    match member(request, "resource") {
        None => wrong(format!("request.resource is missing: {FORM}")),
        Some(Value::Object(object)) => {
            let name = text(object, "resource", "request.resource.resource")?;
            let owner = match member(object, "accountId") {
                None => None,
                Some(_) => Some(text(object, "accountId", "request.resource.accountId")?),
            };
            if name != "*" && !name.starts_with("arn:") {
                return wrong(format!(
                    "request.resource.resource: `{}` is neither an ARN nor *",
                    short(&name)
                ));
            }
            Ok((name, owner))
        }
        Some(_) => wrong(format!("request.resource must be an object: {FORM}")),
    }
}

fn context(request: &Map<String, Value>) -> Read<Context> {
    let mut context = Context::new();
    let keys = match member(request, "context") {
        None => return Ok(context),
        Some(Value::Object(keys)) => keys,
        Some(_) => {
            return wrong("request.context must be an object of condition keys with their values");
        }
    };
    for (key, value) in keys {
        let scalar = |value: &Value| match value {
            Value::String(text) => Ok(text.clone()),
            Value::Bool(_) | Value::Number(_) => Ok(value.to_string()),
            _ => wrong(format!(
                "request.context.{}: a value must be a text, a number or a boolean, or a list of them",
                short(key)
            )),
        };
        match value {
            Value::Null => {}
            Value::Array(values) => {
                let values = values.iter().map(scalar).collect::<Read<Vec<_>>>()?;
                context.insert(key, values);
            }
            one => context.set(key, scalar(one)?),
        }
    }
    Ok(context)
}

/// A document, or `{"name", "policy": document}`.
fn policy(item: &Value, place: &str, kind: DocumentKind) -> Read<Named> {
    let (name, document) = match item.get("policy") {
        Some(document) if item.get("Statement").is_none() => {
            let name = item.get("name").and_then(Value::as_str).unwrap_or(place);
            (name, document)
        }
        _ => (place, item),
    };
    match Policy::parse_leniently(&document.to_string(), kind) {
        Ok(policy) => Ok(Named::new(name, policy)),
        Err(why) => {
            let detail = why.detail().map(|detail| format!(" ({detail})"));
            wrong(format!("{place}: {why}{}", detail.unwrap_or_default()))
        }
    }
}

fn policies(case: &Map<String, Value>, list: &str, kind: DocumentKind) -> Read<Vec<Named>> {
    match member(case, list) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => listed(items, list, kind),
        Some(_) => wrong(format!("{list} must be a list of policies")),
    }
}

fn listed(items: &[Value], place: &str, kind: DocumentKind) -> Read<Vec<Named>> {
    let numbered = items.iter().enumerate();
    numbered
        .map(|(at, item)| policy(item, &format!("{place}[{at}]"), kind))
        .collect()
}

/// One session policy, or a list: a session may have several.
fn session(case: &Map<String, Value>) -> Read<Vec<Named>> {
    const PLACE: &str = "sessionPolicy";
    match member(case, PLACE) {
        None => Ok(Vec::new()),
        Some(Value::Array(items)) => listed(items, PLACE, DocumentKind::Identity),
        Some(item) => Ok(vec![policy(item, PLACE, DocumentKind::Identity)?]),
    }
}

fn levels(case: &Map<String, Value>, list: &str, kind: DocumentKind) -> Read<Vec<Vec<Named>>> {
    let levels = match member(case, list) {
        None => return Ok(Vec::new()),
        Some(Value::Array(levels)) => levels,
        Some(_) => return wrong(format!("{list} must be a list of levels")),
    };
    let numbered = levels.iter().enumerate();
    numbered
        .map(|(at, level)| match level.get("policies") {
            Some(Value::Array(items)) => listed(items, &format!("{list}[{at}].policies"), kind),
            _ => wrong(format!(
                "{list}[{at}]: a level must be {{\"orgIdentifier\": …, \"policies\": […]}}"
            )),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = r#"{"Version":"2012-10-17","Statement":[{"Sid":"All","Effect":"Allow","Action":"*","Resource":"*"}]}"#;

    fn all() -> Value {
        serde_json::from_str(ALL).unwrap()
    }

    fn case(changes: &Value) -> Value {
        let mut case = json!({
            "name": "x",
            "request": {
                "principal": "arn:aws:iam::111122223333:user/anna",
                "action": "s3:GetObject",
                "resource": {"resource": "arn:aws:s3:::b/k", "accountId": "111122223333"},
                "context": {"aws:SecureTransport": true, "aws:TagKeys": ["a", "b"], "n": 3, "none": null},
            },
            "identityPolicies": [all()],
            "unknown": {"is": "ignored"},
        });
        for (key, value) in changes.as_object().unwrap() {
            let (at, key) = match key.strip_prefix("request.") {
                Some(key) => (&mut case["request"], key),
                None => (&mut case, key.as_str()),
            };
            at[key] = value.clone();
        }
        case
    }

    fn decision(changes: &Value) -> String {
        let (answer, _) = simulate(&case(changes));
        answer["decision"]
            .as_str()
            .map_or_else(|| answer.to_string(), str::to_owned)
    }

    #[test]
    fn an_answer_says_who_decided_and_by_which_statement() {
        let (answer, decided) = simulate(&case(&json!({})));
        assert!(decided);
        assert_eq!(
            answer,
            json!({"name": "x", "decision": "Allowed", "decidedBy": "identity-based policy",
                "statements": [{"policy": "identityPolicies[0]", "type": "identity-based policy", "sid": "All", "index": 0}],
                "explanation": "allowed by identity-based policy identityPolicies[0]"})
        );
        let named = json!([{"name": "mine", "policy": all()}]);
        let (answer, _) = simulate(&case(&json!({"identityPolicies": named})));
        assert_eq!(answer["statements"][0]["policy"], "mine");
    }

    #[test]
    fn what_is_missing_is_told() {
        let only = json!([{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": "*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}}]);
        let (answer, _) = simulate(&case(&json!({"identityPolicies": only})));
        assert_eq!(
            answer["explanation"],
            "no identity-based policy allows s3:GetObject; nearest: identityPolicies[0] (statement 1) allows it, but its \
             condition Bool needs aws:MultiFactorAuthPresent, which the request lacks"
        );
    }

    #[test]
    fn levels_and_lists() {
        let level = |policies: Value| json!([{"orgIdentifier": "r", "policies": policies}]);
        for (changes, expected) in [
            (
                json!({"serviceControlPolicies": level(json!([]))}),
                "ImplicitlyDenied",
            ),
            (json!({"serviceControlPolicies": []}), "Allowed"),
            (json!({"serviceControlPolicies": null}), "Allowed"),
            (
                json!({"resourceControlPolicies": level(json!([]))}),
                "Allowed",
            ),
            (
                json!({"serviceControlPolicies": level(json!([{"Version": "2012-10-17", "Statement": []}]))}),
                "ImplicitlyDenied",
            ),
            (json!({"permissionBoundaries": []}), "Allowed"),
            (
                json!({"identityPolicies": [], "request.principal": {"type": "Anonymous"}}),
                "ImplicitlyDenied",
            ),
            (
                json!({"request.principal": "lambda.amazonaws.com"}),
                "ImplicitlyDenied",
            ),
            (
                json!({"sessionPolicy": {"name": "s", "policy": all()}}),
                "Allowed",
            ),
            (json!({"sessionPolicy": [all(), all()]}), "Allowed"),
            (json!({"request.context": null}), "Allowed"),
        ] {
            assert_eq!(decision(&changes), expected, "{changes}");
        }
    }

    #[test]
    fn a_wildcard_asks_for_some_resource_unless_the_action_has_none() {
        let narrow = json!([{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*"}}]);
        for (resource, only, expected) in [
            ("*", false, "Allowed"),
            ("*", true, "ImplicitlyDenied"),
            ("arn:aws:s3:::b/x*", false, "Allowed"),
            ("arn:aws:s3:::c/*", false, "ImplicitlyDenied"),
        ] {
            let changes = json!({"identityPolicies": narrow, "request.wildcardOnlyAction": only, "request.resource": {"resource": resource}});
            assert_eq!(decision(&changes), expected, "{resource} {only}");
        }
    }

    #[test]
    fn roles_and_keys_need_their_policies() {
        let on = |action: &str, resource: &str| {
            decision(
                &json!({"request.action": action, "request.resource": {"resource": resource, "accountId": "111122223333"}}),
            )
        };
        const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/1";
        const ALIAS: &str = "arn:aws:kms:eu-west-1:111122223333:alias/mine";
        const ROLE: &str = "arn:aws:iam::111122223333:role/app";
        assert_eq!(on("kms:Decrypt", KEY), "ImplicitlyDenied");
        assert_eq!(on("kms:DeleteAlias", ALIAS), "Allowed");
        assert_eq!(on("kms:ListKeys", "*"), "Allowed");
        assert_eq!(on("sts:AssumeRole", ROLE), "ImplicitlyDenied");
        assert_eq!(on("iam:GetRole", ROLE), "Allowed");
    }

    #[test]
    fn what_is_awss_own_stays() {
        let on = |action: &str, resource: &str| {
            decision(
                &json!({"request.action": action, "request.resource": {"resource": resource, "accountId": "111122223333"}}),
            )
        };
        const MANAGED: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
        const SSO: &str =
            "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_X";
        for (action, resource, expected) in [
            ("iam:DeletePolicy", MANAGED, "ImplicitlyDenied"),
            ("iam:GetPolicy", MANAGED, "Allowed"),
            ("iam:PassRole", SSO, "ImplicitlyDenied"),
            ("iam:GenerateServiceLastAccessedDetails", SSO, "Allowed"),
            (
                "kms:DeleteAlias",
                "arn:aws:kms:eu-west-1:111122223333:alias/aws/s3",
                "ImplicitlyDenied",
            ),
        ] {
            assert_eq!(on(action, resource), expected, "{action}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_its_place() {
        for (changes, expected) in [
            (
                json!({"request": null}),
                "request is missing: give principal, action and resource",
            ),
            (
                json!({"request": 1}),
                "request must be an object with principal, action and resource",
            ),
            (
                json!({"request.action": "GetObject"}),
                "request.action: `GetObject` has no service: write it as in s3:GetObject",
            ),
            (json!({"request.action": ""}), "request.action is empty"),
            (
                json!({"request.principal": {"type": "User"}}),
                "request.principal cannot be read: give an ARN",
            ),
            (
                json!({"request.principal": "anna"}),
                "request.principal: `anna` names no principal",
            ),
            (
                json!({"request.resource": "*"}),
                "request.resource must be an object",
            ),
            (
                json!({"request.resource": {"resource": "bucket"}}),
                "request.resource.resource: `bucket` is neither an ARN nor *",
            ),
            (
                json!({"request.resource": {"resource": "*", "accountId": 1}}),
                "request.resource.accountId must be a text",
            ),
            (
                json!({"request.context": []}),
                "request.context must be an object",
            ),
            (
                json!({"request.context": {"k": {}}}),
                "request.context.k: a value must be",
            ),
            (
                json!({"request.wildcardOnlyAction": "yes"}),
                "request.wildcardOnlyAction must be true or false",
            ),
            (
                json!({"identityPolicies": {}}),
                "identityPolicies must be a list of policies",
            ),
            (
                json!({"identityPolicies": [1]}),
                "identityPolicies[0]: Syntax errors in policy. (it must be an object",
            ),
            (
                json!({"identityPolicies": [{"Statement": [{"Effect": "Allow", "Action": "*", "Resources": "*"}]}]}),
                "identityPolicies[0]: Syntax errors in policy. (statement 1: there is no element Resources here",
            ),
            (
                json!({"resourcePolicy": {"Statement": {"Effect": "Permit", "Action": "*"}}}),
                "resourcePolicy: Syntax errors in policy. (statement 1: Effect must be Allow or Deny)",
            ),
            (
                json!({"serviceControlPolicies": [{"orgIdentifier": "r"}]}),
                "serviceControlPolicies[0]: a level must be",
            ),
        ] {
            let (answer, decided) = simulate(&case(&changes));
            assert!(!decided, "{changes}");
            assert_eq!(answer["name"], "x");
            let error = answer["error"].as_str().unwrap();
            assert!(error.starts_with(expected), "{error}");
        }
        assert!(simulate(&json!([])).0["error"].is_string());
    }
}
