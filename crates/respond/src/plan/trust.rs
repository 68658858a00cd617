//! A role's trust policy without what the lineage put there.

use serde_json::{Value, json};
use stockade_model::Arn;

use crate::document;
use crate::persistence::{Left, Persistence};
use crate::triage::{RoleFacts, UserFacts};

/// What a trust policy is restored to.
pub(super) enum Restored<'a> {
    /// It is no edit of trust, or it is gone already.
    Not,
    /// The role, its state now, the document.
    To(&'a RoleFacts, Value, Value),
    /// Nobody knows what stood there.
    Unknown(String),
}

/// What the trust policy that the lineage edited is to be: the document of before, where an event
/// tells it, else the one of now without principals that are strangers or the lineage's.
pub(super) fn restored<'a>(left: &Persistence, facts: &'a UserFacts) -> Restored<'a> {
    let Left::Trust { role, put, earlier } = &left.left else {
        return Restored::Not;
    };
    let found = facts
        .roles
        .iter()
        .find(|known| known.arn.account == left.account && known.arn.resource_name() == role);
    let Some((known, now)) = found.and_then(|known| Some((known, known.trust.known()?))) else {
        return Restored::Unknown(format!(
            "the trust policy of role {role} in account {} was edited by the lineage and could not be read: restore it by hand",
            left.account
        ));
    };
    if known.made {
        return Restored::Not;
    }
    let before = json!({ "document": now });
    if let Some(earlier) = earlier {
        // Somebody may have set it right already.
        return match now == earlier {
            true => Restored::Not,
            false => Restored::To(known, before, earlier.clone()),
        };
    }
    if put.as_ref().is_some_and(|put| put != now) {
        return Restored::Unknown(format!(
            "the trust policy of {} was edited by the lineage and again by somebody since: look at it by hand",
            known.arn
        ));
    }
    match stripped(now, &known.arn, facts) {
        Some(document) if document == *now => Restored::Unknown(format!(
            "the trust policy of {} was edited by the lineage; what stood there before is in no event, and nobody in it is a stranger: look at it by hand",
            known.arn
        )),
        Some(document) => Restored::To(known, before, document),
        None => Restored::Unknown(format!(
            "the trust policy of {} names strangers alone; what stood there before is in no event: write it by hand (the role's sessions are revoked)",
            known.arn
        )),
    }
}

/// The document without strangers; none when no statement is left.
fn stripped(document: &Value, role: &Arn, facts: &UserFacts) -> Option<Value> {
    let statements: Vec<Value> = document::list(document.get("Statement"))
        .into_iter()
        .filter_map(|statement| strip(statement, role, facts))
        .collect();
    if statements.is_empty() {
        return None;
    }
    let mut document = document.clone();
    let same = document
        .get("Statement")
        .is_some_and(|now| document::list(Some(now)).into_iter().eq(statements.iter()));
    if !same && let Some(members) = document.as_object_mut() {
        members.insert("Statement".to_owned(), Value::Array(statements));
    }
    Some(document)
}

fn strip(statement: &Value, role: &Arn, facts: &UserFacts) -> Option<Value> {
    if statement.get("Effect").and_then(Value::as_str) != Some("Allow") {
        return Some(statement.clone());
    }
    let principal = statement.get("Principal")?;
    if principal.as_str() == Some("*") {
        return None;
    }
    let aws = document::list(principal.get("AWS"));
    let kept: Vec<&Value> = aws
        .iter()
        .copied()
        .filter(|one| one.as_str().is_some_and(|one| !stranger(one, role, facts)))
        .collect();
    if kept.len() == aws.len() {
        return Some(statement.clone());
    }
    let mut principal = principal.clone();
    let members = principal.as_object_mut()?;
    match kept.as_slice() {
        [] => members.remove("AWS"),
        [one] => members.insert("AWS".to_owned(), (*one).clone()),
        many => members.insert("AWS".to_owned(), json!(many)),
    };
    if members.is_empty() {
        return None;
    }
    let mut statement = statement.clone();
    statement
        .as_object_mut()?
        .insert("Principal".to_owned(), principal);
    Some(statement)
}

/// Whether a principal is of an account that is neither the role's nor the organisation's, or is
/// of the lineage.
fn stranger(principal: &str, role: &Arn, facts: &UserFacts) -> bool {
    if principal == "*" {
        return true;
    }
    let arn = principal.parse::<Arn>().ok();
    let account = arn.as_ref().map_or(principal, |arn| arn.account.as_str());
    let own = account == role.account || account == facts.account.as_str();
    let organization = facts.organization.known().and_then(Option::as_ref);
    let member = organization.is_some_and(|organization| {
        let accounts = organization.accounts.known();
        accounts.is_some_and(|list| list.iter().any(|id| id.as_str() == account))
    });
    // A deleted user stands there by its unique id, and no one is let in by it.
    let is_id = arn.is_none() && account.starts_with("AIDA");
    let lineage = facts.lineage.known();
    let made = lineage.is_some_and(|lineage| {
        lineage.users.iter().any(|user| user == principal) || lineage.subject == principal
    });
    made || !(own || member || is_id)
}
