//! `userIdentity`: who called, as the trail shows it.
//!
//! Owns the form of every kind of caller.

use serde_json::{Map, Value, json};
use stockade_policy::Principal;

use super::seconds;
use crate::call::{Caller, FederationKind};

/// `userIdentity` in the caller's own account.
pub fn identity(caller: &Caller) -> Value {
    let account = caller.account.as_str();
    let known = |kind: &str| json!({"type": kind, "principalId": caller.user_id, "arn": caller.arn, "accountId": account});
    let mut identity = match &caller.principal {
        Principal::Root { .. } => known("Root"),
        Principal::User { arn, .. } => {
            let mut user = known("IAMUser");
            add(&mut user, "userName", arn.resource_name().into());
            user
        }
        Principal::Role { .. } => known("AssumedRole"),
        Principal::FederatedUser { .. } => known("FederatedUser"),
        Principal::Service { name } => return json!({"type": "AWSService", "invokedBy": name}),
        // What the provider says of them is in the record's own hands.
        Principal::Federated { provider } => {
            return json!({"type": "Unknown", "principalId": caller.user_id, "identityProvider": provider});
        }
        Principal::Anonymous => return stranger(caller),
    };
    if let Some(key) = &caller.access_key {
        add(&mut identity, "accessKeyId", key.as_str().into());
    }
    if let Some(context) = session_context(caller) {
        add(&mut identity, "sessionContext", context);
    }
    let session = caller.session.as_ref();
    if let Some(partner) = session.and_then(|session| session.delegate.as_ref()) {
        let partner = json!({"accountId": partner.as_str()});
        add(&mut identity, "invokedByDelegate", partner);
    }
    identity
}

/// `userIdentity` in another account's log: it learns the account and the id, not the name.
pub(super) fn stranger(caller: &Caller) -> Value {
    match &caller.principal {
        Principal::Anonymous => {
            json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"})
        }
        Principal::Service { .. } => identity(caller),
        _ => json!({
            "type": "AWSAccount",
            "principalId": caller.user_id,
            "accountId": caller.account.as_str(),
        }),
    }
}

fn add(value: &mut Value, name: &str, member: Value) {
    if let Some(members) = value.as_object_mut() {
        members.insert(name.to_owned(), member);
    }
}

fn session_context(caller: &Caller) -> Option<Value> {
    let session = caller.session.as_ref()?;
    let account = caller.account.as_str();
    let mut context = Map::new();
    match &caller.principal {
        Principal::Role {
            role_arn, role_id, ..
        } => {
            let issuer = json!({
                "type": "Role",
                "principalId": role_id,
                "arn": role_arn.to_string(),
                "accountId": account,
                "userName": role_arn.resource_name(),
            });
            context.insert("sessionIssuer".into(), issuer);
        }
        Principal::FederatedUser { issuer, .. } => {
            let is_user = issuer.resource_type() == "user";
            let kind = if is_user { "IAMUser" } else { "Root" };
            let mut shown = json!({"type": kind, "arn": issuer.to_string(), "accountId": account});
            let id = if is_user {
                session.issuer_id.as_deref()
            } else {
                Some(account)
            };
            if let Some(id) = id {
                add(&mut shown, "principalId", id.into());
            }
            if is_user {
                add(&mut shown, "userName", issuer.resource_name().into());
            }
            context.insert("sessionIssuer".into(), shown);
        }
        _ => {}
    }
    if let Some(federation) = &session.federation {
        let data = match federation.kind {
            FederationKind::WebIdentity => {
                json!({"federatedProvider": federation.provider, "attributes": {}})
            }
            FederationKind::Saml => json!({}),
        };
        context.insert("webIdFederationData".into(), data);
    }
    if session.assumed_root {
        context.insert("assumedRoot".into(), "true".into());
    }
    let attributes = json!({
        "creationDate": seconds(session.issued).to_string(),
        "mfaAuthenticated": session.mfa.to_string(),
    });
    context.insert("attributes".into(), attributes);
    if let Some(source) = &session.source_identity {
        context.insert("sourceIdentity".into(), source.as_str().into());
    }
    Some(Value::Object(context))
}
