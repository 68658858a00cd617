//! Whom the policy documents of a request let in.
//!
//! Owns the reading of principals out of `Allow` statements, wherever in the request they stand,
//! as JSON or as JSON text. Must not evaluate: a condition is only told apart into one that holds
//! callers to known accounts, organisations or networks, and one that does not.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use stockade_scan::Raw;

use crate::look::{Look, REQUEST};

/// Documents within documents are read no deeper than this.
const DEPTH: usize = 24;

/// Condition keys that hold callers to an account, organisation, network or service.
const NARROWING: &[&str] = &[
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "kms:calleraccount",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "sts:externalid",
];

/// Condition keys that keep a grant inside the organisation.
const ORGANISATION: &[&str] = &[
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceorgid",
];

/// What log delivery needs: who may only put objects reads nothing.
const DELIVERY: &[&str] = &["s3:putobject", "s3:putobjectacl", "s3:abortmultipartupload"];

/// Whom the documents let in.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Grants {
    /// Accounts other than the event's own.
    pub(crate) foreign: BTreeSet<String>,
    /// Everybody, and nothing narrows it.
    pub(crate) everybody: bool,
}

impl Grants {
    /// Reads the documents in the event's request.
    pub(crate) fn of(look: &Look<'_>) -> Self {
        let mut grants = Self::default();
        if let Some(request) = look.top(REQUEST).and_then(Raw::tree) {
            grants.read(&request, look.account().as_deref(), DEPTH);
        }
        grants
    }

    fn read(&mut self, value: &Value, own: Option<&str>, depth: usize) {
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.read(item, own, depth)),
            Value::Object(map) => {
                if is_statement(map) {
                    self.statement(map, own);
                } else {
                    map.values().for_each(|inner| self.read(inner, own, depth));
                }
            }
            Value::String(text) if text.trim_start().starts_with('{') => {
                if let Ok(inner) = serde_json::from_str::<Value>(text) {
                    self.read(&inner, own, depth);
                }
            }
            _ => {}
        }
    }

    fn statement(&mut self, map: &Map<String, Value>, own: Option<&str>) {
        if !texts(map.get("Effect")).any(|effect| effect.eq_ignore_ascii_case("allow")) {
            return;
        }
        let actions: Vec<String> = texts(map.get("Action"))
            .map(str::to_ascii_lowercase)
            .collect();
        let delivers = !actions.is_empty() && actions.iter().all(|a| DELIVERY.contains(&&**a));
        let within = narrowed(map.get("Condition"), ORGANISATION);
        if map.contains_key("NotPrincipal") {
            self.everybody |= !narrowed(map.get("Condition"), NARROWING);
        }
        let principal = map.get("Principal");
        for name in texts(principal).chain(texts(principal.and_then(|p| p.get("AWS")))) {
            if name == "*" {
                self.everybody |= !narrowed(map.get("Condition"), NARROWING);
            } else if let Some(account) = account_of(name)
                && own.is_some_and(|own| own != account)
                && !delivers
                && !within
            {
                self.foreign.insert(account.to_owned());
            }
        }
    }
}

fn is_statement(map: &Map<String, Value>) -> bool {
    map.contains_key("Effect")
        && (map.contains_key("Principal") || map.contains_key("NotPrincipal"))
}

/// The text, or each text of the list.
fn texts(value: Option<&Value>) -> impl Iterator<Item = &str> {
    let (one, many) = match value {
        Some(Value::String(text)) => (Some(text.as_str()), None),
        Some(Value::Array(items)) => (None, Some(items)),
        _ => (None, None),
    };
    one.into_iter()
        .chain(many.into_iter().flatten().filter_map(Value::as_str))
}

/// The account of `123456789012` or `arn:aws:iam::123456789012:root`.
fn account_of(name: &str) -> Option<&str> {
    let account = match name.strip_prefix("arn:") {
        Some(_) => name.split(':').nth(4)?,
        None => name,
    };
    (account.len() == 12 && account.bytes().all(|b| b.is_ascii_digit())).then_some(account)
}

/// Whether the condition asks for one of the keys to be something: neither for it not to be, nor
/// for anything at all.
fn narrowed(condition: Option<&Value>, keys: &[&str]) -> bool {
    let Some(Value::Object(operators)) = condition else {
        return false;
    };
    operators
        .iter()
        .filter(|(operator, _)| {
            let operator = operator.to_ascii_lowercase();
            !operator.contains("not") && !operator.starts_with("null")
        })
        .filter_map(|(_, asked)| asked.as_object())
        .flatten()
        .any(|(key, value)| {
            let anything = |text: &str| matches!(text, "*" | "0.0.0.0/0" | "::/0");
            keys.contains(&&*key.to_ascii_lowercase()) && !texts(Some(value)).any(anything)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::Names;
    use crate::testing::{event, looked};
    use serde_json::json;

    fn grants(request: Value) -> Grants {
        let event = event(json!({
            "recipientAccountId": "111122223333",
            "requestParameters": request,
        }));
        looked(&event, Names::new(), Grants::of)
    }

    fn foreign(request: Value) -> Vec<String> {
        grants(request).foreign.into_iter().collect()
    }

    #[test]
    fn foreign_accounts_show_beside_own_ones_in_every_spelling() {
        let own = "arn:aws:iam::111122223333:role/app";
        for principal in [
            json!({"AWS": ["444455556666", own]}),
            json!({"AWS": "arn:aws:iam::444455556666:root"}),
            json!({"AWS": [own, "arn:aws-us-gov:sts::444455556666:assumed-role/x/y"]}),
        ] {
            let statement =
                json!({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"});
            let document =
                json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": own}}, statement]});
            assert_eq!(
                foreign(json!({"policyDocument": document.to_string()})),
                ["444455556666"]
            );
            assert_eq!(foreign(json!({"bucketPolicy": document})), ["444455556666"]);
            assert_eq!(
                foreign(
                    json!({"attributes": {"Policy": json!({"Statement": statement}).to_string()}})
                ),
                ["444455556666"]
            );
        }
    }

    #[test]
    fn what_lets_nobody_in_is_not_a_grant() {
        let of = |statement: Value| grants(json!({"policy": {"Statement": [statement]}}));
        let foreign = json!({"AWS": "444455556666"});
        for statement in [
            json!({"Effect": "Deny", "Principal": foreign}),
            json!({"Effect": "Deny", "Principal": "*"}),
            json!({"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}}),
            json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::cloudfront:user/x"}}),
            json!({"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
            json!({"Effect": "Allow", "Principal": foreign, "Action": ["s3:PutObject"]}),
            json!({"Effect": "Allow", "Principal": foreign, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
            json!({"Effect": "Allow", "Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:t"}}}),
            json!({"Effect": "Allow", "Action": "*", "Resource": "*"}),
        ] {
            assert_eq!(of(statement.clone()), Grants::default(), "{statement}");
        }
    }

    #[test]
    fn everybody_is_everybody_unless_something_holds_it() {
        let of = |statement: Value| grants(json!({"policy": {"Statement": statement}})).everybody;
        assert!(of(json!({"Effect": "Allow", "Principal": "*"})));
        assert!(of(json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}})));
        assert!(of(
            json!({"Effect": "Allow", "NotPrincipal": {"AWS": "444455556666"}})
        ));
        for condition in [
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
            json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}),
            json!({"StringLike": {"aws:PrincipalArn": "*"}}),
        ] {
            assert!(
                of(json!({"Effect": "Allow", "Principal": "*", "Condition": condition})),
                "{condition}"
            );
        }
    }

    #[test]
    fn broken_and_bottomless_documents_are_passed_over() {
        assert_eq!(
            grants(json!({"policy": "{\"Statement\": ["})),
            Grants::default()
        );
        assert_eq!(grants(json!(null)), Grants::default());
        let mut deep = json!({"Effect": "Allow", "Principal": "*"});
        for _ in 0..60 {
            deep = json!([deep]);
        }
        assert_eq!(grants(deep), Grants::default());
    }
}
