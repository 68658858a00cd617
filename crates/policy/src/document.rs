//! Reading a policy document as AWS reads it: the same checks, in the same order, with the same words.
//!
//! Owns the grammar and the messages of `MalformedPolicyDocument`. Knows nothing of evaluation.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::arn_pattern::ArnPattern;
use crate::condition::{Condition, ConditionError};
use crate::entry::PrincipalEntry;
use crate::pattern::Pattern;
use crate::policy::{DocumentKind, PolicyError};
use crate::resource_format;
use crate::statement::{Effect, Element, Statement};

/// What is longer is not read at all. AWS's own managed policies reach 160 KB, a customer's policies 32 KB.
pub(crate) const LONGEST: usize = 1024 * 1024;

pub(crate) const SYNTAX: &str = "Syntax errors in policy.";
pub(crate) const LEGACY: &str = "The policy failed legacy parsing";
const CURRENT: &str = "2012-10-17";

/// The elements that a document may have.
pub const DOCUMENT_ELEMENTS: [&str; 3] = ["Version", "Id", "Statement"];

/// The elements that a statement may have.
pub const STATEMENT_ELEMENTS: [&str; 9] = [
    "Sid",
    "Effect",
    "Principal",
    "NotPrincipal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
];

type Parsed<T> = Result<T, PolicyError>;

fn error<T>(message: impl Into<String>) -> Parsed<T> {
    Err(PolicyError::new(message))
}

fn syntax(detail: impl Into<String>) -> PolicyError {
    PolicyError::with(SYNTAX, detail)
}

/// A document, checked and compiled.
pub(crate) struct Document {
    pub(crate) id: Option<String>,
    pub(crate) is_current: bool,
    pub(crate) statements: Vec<Statement>,
}

/// A statement whose syntax is checked and whose sense is not.
struct Raw<'a> {
    sid: Option<&'a str>,
    effect: &'a str,
    principals: Option<Element<(&'a str, &'a str)>>,
    actions: Option<Element<&'a str>>,
    resources: Option<Element<&'a str>>,
    conditions: Vec<(&'a str, &'a str, Vec<String>)>,
}

/// How much of AWS's checking a reader does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rigour {
    /// All of it.
    Strict,
    /// What is needed to understand the document.
    Lenient,
}

/// Reads a document as AWS does.
pub(crate) fn read(json: &str, kind: DocumentKind) -> Parsed<Document> {
    parse(json, kind, Rigour::Strict)
}

/// Reads what can be understood, though AWS would not take it: an empty list of statements, a principal where none
/// belongs, none where one does.
pub(crate) fn read_leniently(json: &str, kind: DocumentKind) -> Parsed<Document> {
    parse(json, kind, Rigour::Lenient)
}

fn parse(json: &str, kind: DocumentKind, rigour: Rigour) -> Parsed<Document> {
    if json.len() > LONGEST {
        return Err(syntax(format!("it is longer than {LONGEST} bytes")));
    }
    let value: Value =
        serde_json::from_str(json).map_err(|why| syntax(format!("it is not JSON: {why}")))?;
    let top = value
        .as_object()
        .ok_or_else(|| syntax("it must be an object with Version and Statement"))?;
    known(top, &DOCUMENT_ELEMENTS)?;
    let version = optional_text(top, "Version")?;
    if version.is_some_and(|version| !matches!(version, "2008-10-17" | CURRENT)) {
        return Err(syntax("Version must be 2012-10-17 or 2008-10-17"));
    }
    let id = optional_text(top, "Id")?;
    let statements: Vec<&Value> = match top.get("Statement") {
        Some(Value::Array(list)) if !list.is_empty() || rigour == Rigour::Lenient => {
            list.iter().collect()
        }
        Some(one @ Value::Object(_)) => vec![one],
        _ => return Err(syntax("Statement must be a statement or a list of them")),
    };
    let raw = statements
        .iter()
        .enumerate()
        .map(|(index, statement)| {
            let object = statement
                .as_object()
                .ok_or_else(|| syntax("it must be an object"));
            object
                .and_then(Raw::read)
                .map_err(|why| why.within(&format!("statement {}", index + 1)))
        })
        .collect::<Parsed<Vec<_>>>()?;
    let is_current = version == Some(CURRENT);
    match rigour {
        Rigour::Strict => {
            if kind == DocumentKind::Managed && !is_current {
                return error("Policy document must be version 2012-10-17 or greater.");
            }
            check(&raw, kind)?;
        }
        Rigour::Lenient => check_needed(&raw, kind)?,
    }
    let statements = raw
        .into_iter()
        .enumerate()
        .map(|(index, statement)| {
            statement
                .compile(index, kind, is_current, rigour)
                .map_err(|why| why.within(&format!("statement {}", index + 1)))
        })
        .collect::<Parsed<Vec<_>>>()?;
    Ok(Document {
        id: id.map(str::to_owned),
        is_current,
        statements,
    })
}

/// What a statement cannot be evaluated without.
fn check_needed(statements: &[Raw<'_>], kind: DocumentKind) -> Parsed<()> {
    use DocumentKind::{Identity, Managed, Rcp, Scp};
    for (index, statement) in statements.iter().enumerate() {
        let lacks = |what: &str| {
            let message = format!("Policy statement must contain {what}.");
            PolicyError::with(&message, format!("statement {} has none", index + 1))
        };
        if !matches!(statement.effect, "Allow" | "Deny") {
            let detail = format!("statement {}: Effect must be Allow or Deny", index + 1);
            return Err(PolicyError::with(LEGACY, detail));
        }
        if statement.actions.is_none() {
            return Err(lacks("actions"));
        }
        if statement.resources.is_none() && matches!(kind, Identity | Managed | Scp | Rcp) {
            return Err(lacks("resources"));
        }
    }
    Ok(())
}

/// What AWS checks of the whole, in its order.
fn check(statements: &[Raw<'_>], kind: DocumentKind) -> Parsed<()> {
    use DocumentKind::{Identity, Managed, Rcp, Resource, Scp, Trust};
    let of_iam = matches!(kind, Identity | Managed | Trust);
    for statement in statements {
        if statement.principals.is_some() && matches!(kind, Identity | Managed | Scp) {
            return error("Policy document should not specify a principal.");
        }
        // "ALLOW" passes the syntax check and fails the next one.
        if !matches!(statement.effect, "Allow" | "Deny") {
            return error(LEGACY);
        }
        let sid = statement.sid.unwrap_or_default();
        if of_iam && !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return error(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
            );
        }
    }
    let mut seen = HashSet::new();
    for sid in statements.iter().filter_map(|statement| statement.sid) {
        if !sid.is_empty() && !seen.insert(sid) && kind != Resource {
            return error("Statement IDs (SID) in a single policy must be unique.");
        }
    }
    for statement in statements {
        let Some(actions) = &statement.actions else {
            return error("Policy statement must contain actions.");
        };
        if actions.entries.is_empty() {
            return error("Policy statement must contain actions.");
        }
    }
    for statement in statements {
        let resources = statement.resources.as_ref();
        match kind {
            Identity | Managed | Scp => {
                for resource in resources.iter().flat_map(|element| &element.entries) {
                    resource_format::check(resource).map_err(PolicyError::new)?;
                }
            }
            Trust if resources.is_some() => return error("Has prohibited field Resource"),
            Trust | Resource | Rcp => {}
        }
    }
    for action in statements
        .iter()
        .flat_map(|statement| &statement.actions)
        .flat_map(|element| &element.entries)
    {
        check_action(action, kind)?;
    }
    for statement in statements {
        let is_empty = statement
            .resources
            .as_ref()
            .is_none_or(|element| element.entries.is_empty());
        if is_empty && matches!(kind, Identity | Managed | Scp | Rcp) {
            return error("Policy statement must contain resources.");
        }
        let nobody = statement
            .principals
            .as_ref()
            .is_none_or(|element| element.entries.is_empty());
        match kind {
            Trust if nobody => {
                return error(
                    "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in policy has a statement with no principals!",
                );
            }
            Resource | Rcp if nobody => return error("Missing required field Principal"),
            _ => {}
        }
    }
    Ok(())
}

fn check_action(action: &str, kind: DocumentKind) -> Parsed<()> {
    if kind == DocumentKind::Trust {
        let of_sts = action
            .get(..4)
            .is_some_and(|vendor| vendor.eq_ignore_ascii_case("sts:"));
        if !of_sts {
            return error("AssumeRole policy may only specify STS AssumeRole actions.");
        }
    }
    if action == "*" {
        return Ok(());
    }
    let Some((vendor, name)) = action.split_once(':') else {
        return error("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.");
    };
    if name.contains(':') {
        return error("Actions/Condition can contain only one colon.");
    }
    let is_vendor = vendor == "*"
        || vendor
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'));
    if !is_vendor {
        return error(format!("Vendor {vendor} is not valid"));
    }
    Ok(())
}

impl<'a> Raw<'a> {
    fn read(object: &'a Map<String, Value>) -> Parsed<Self> {
        known(object, &STATEMENT_ELEMENTS)?;
        let effect = optional_text(object, "Effect")?
            .filter(|effect| {
                ["allow", "deny"]
                    .iter()
                    .any(|e| e.eq_ignore_ascii_case(effect))
            })
            .ok_or_else(|| syntax("Effect must be Allow or Deny"))?;
        Ok(Self {
            sid: optional_text(object, "Sid")?,
            effect,
            principals: element(object, "Principal", "NotPrincipal", principals)?,
            actions: element(object, "Action", "NotAction", texts)?,
            resources: element(object, "Resource", "NotResource", texts)?,
            conditions: object.get("Condition").map_or(Ok(Vec::new()), conditions)?,
        })
    }

    fn compile(
        self,
        index: usize,
        kind: DocumentKind,
        is_current: bool,
        rigour: Rigour,
    ) -> Parsed<Statement> {
        let principals = match self.principals {
            None => None,
            Some(element) => Some(Element {
                negated: element.negated,
                entries: element
                    .entries
                    .into_iter()
                    .map(|(kind, name)| match principal(kind, name) {
                        // It names nobody.
                        Err(_) if rigour == Rigour::Lenient => {
                            Ok(PrincipalEntry::Aws(name.to_owned()))
                        }
                        read => read,
                    })
                    .collect::<Parsed<_>>()?,
            }),
        };
        let conditions = self
            .conditions
            .into_iter()
            .map(|(operator, key, values)| {
                Condition::new(operator, key, values, is_current).map_err(|problem| match problem {
                    ConditionError::Operator => {
                        syntax(format!("there is no condition operator {operator}"))
                    }
                    ConditionError::Date => {
                        PolicyError::with(LEGACY, format!("{operator} of {key} needs a date"))
                    }
                })
            })
            .collect::<Parsed<_>>()?;
        let actions = self
            .actions
            .ok_or_else(|| syntax("it has neither Action nor NotAction"))?;
        let statement = Statement {
            index,
            sid: self.sid.filter(|sid| !sid.is_empty()).map(str::to_owned),
            effect: if self.effect == "Allow" {
                Effect::Allow
            } else {
                Effect::Deny
            },
            principals,
            actions: Element {
                negated: actions.negated,
                entries: actions.entries.into_iter().map(Pattern::action).collect(),
            },
            resources: self.resources.map(|element| Element {
                negated: element.negated,
                entries: element
                    .entries
                    .into_iter()
                    .map(|text| ArnPattern::new(text, is_current))
                    .collect(),
            }),
            conditions,
        };
        if kind == DocumentKind::Rcp && rigour == Rigour::Strict {
            check_rcp(&statement)?;
        }
        Ok(statement)
    }
}

/// A resource control policy only denies, and to everybody; `RCPFullAWSAccess` alone allows.
fn check_rcp(statement: &Statement) -> Parsed<()> {
    let everyone =
        !statement.is_not_principal() && statement.principals() == [PrincipalEntry::Everyone];
    let full = statement.covers_every_action()
        && statement.covers_every_resource()
        && statement.conditions.is_empty();
    if everyone && (statement.effect == Effect::Deny || full) {
        Ok(())
    } else {
        Err(syntax(
            "a resource control policy denies, to the principal *",
        ))
    }
}

/// Whether an object has no other members than these.
fn known(object: &Map<String, Value>, names: &[&str]) -> Parsed<()> {
    match object.keys().find(|key| !names.contains(&key.as_str())) {
        Some(stranger) => Err(syntax(format!(
            "there is no element {stranger} here: there are {}",
            names.join(", ")
        ))),
        None => Ok(()),
    }
}

fn principal(kind: &str, name: &str) -> Parsed<PrincipalEntry> {
    let invalid = || {
        PolicyError::new(format!(
            "Invalid principal in policy: \"{kind}\":\"{name}\""
        ))
    };
    let is_name = !name.is_empty() && !name.contains(char::is_whitespace);
    match kind {
        "AWS" => PrincipalEntry::aws(name).ok_or_else(invalid),
        "Service" if is_name => Ok(PrincipalEntry::Service(name.to_owned())),
        "Federated" if is_name => Ok(PrincipalEntry::Federated(name.to_owned())),
        "CanonicalUser" if is_name => Ok(PrincipalEntry::CanonicalUser(name.to_owned())),
        _ => Err(invalid()),
    }
}

fn optional_text<'a>(object: &'a Map<String, Value>, key: &str) -> Parsed<Option<&'a str>> {
    match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(syntax(format!("{key} must be a text"))),
    }
}

/// An element or its negation; both together are an error.
fn element<'a, T>(
    object: &'a Map<String, Value>,
    name: &str,
    negation: &str,
    read: impl Fn(&'a Value) -> Parsed<Vec<T>>,
) -> Parsed<Option<Element<T>>> {
    let (value, negated) = match (object.get(name), object.get(negation)) {
        (None, None) => return Ok(None),
        (Some(value), None) => (value, false),
        (None, Some(value)) => (value, true),
        (Some(_), Some(_)) => {
            return Err(syntax(format!("it has both {name} and {negation}")));
        }
    };
    let entries = read(value).map_err(|why| why.within(if negated { negation } else { name }))?;
    Ok(Some(Element { negated, entries }))
}

/// A text or a list of them. AWS passes over null in a list.
fn texts(value: &Value) -> Parsed<Vec<&str>> {
    match value {
        Value::String(text) => Ok(vec![text]),
        Value::Array(list) => list
            .iter()
            .filter(|item| !item.is_null())
            .map(|item| {
                item.as_str()
                    .ok_or_else(|| syntax("every item must be a text"))
            })
            .collect(),
        _ => Err(syntax("it must be a text or a list of texts")),
    }
}

/// `"*"`, or an object of kinds with their names.
fn principals(value: &Value) -> Parsed<Vec<(&str, &str)>> {
    match value {
        Value::String(text) => Ok(vec![("AWS", text)]),
        Value::Object(kinds) => {
            let mut all = Vec::new();
            for (kind, names) in kinds {
                all.extend(texts(names)?.into_iter().map(|name| (kind.as_str(), name)));
            }
            Ok(all)
        }
        _ => Err(syntax(
            "it must be \"*\", or an object such as {\"AWS\": …}",
        )),
    }
}

fn conditions(value: &Value) -> Parsed<Vec<(&str, &str, Vec<String>)>> {
    let mut all = Vec::new();
    let wrong = || syntax("Condition must be an object of operators, each an object of keys");
    for (operator, keys) in value.as_object().ok_or_else(wrong)? {
        for (key, values) in keys.as_object().ok_or_else(wrong)? {
            let values = match values {
                Value::Array(list) => list.iter().map(scalar).collect::<Parsed<_>>()?,
                one => vec![scalar(one)?],
            };
            all.push((operator.as_str(), key.as_str(), values));
        }
    }
    Ok(all)
}

fn scalar(value: &Value) -> Parsed<String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(value) => Ok(value.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(syntax(
            "a condition's value must be a text, a number or a boolean",
        )),
    }
}
