//! Which grant allows what: whether a grant is the caller's, speaks of the action, holds by its constraint, and has spread.
//!
//! Owns the bearing of grants on authorisation. How they are made and ended is `grants.rs` and `grant_end.rs`.

use serde_json::{Value, json};
use stockade_keys::EncryptionContext;
use stockade_keys::grant::Constraint;
use stockade_model::Arn;
use stockade_policy::{Context, Named, Policy, Principal, ResourceRule};
use stockade_wire::AwsError;

use super::access::{encryption_context, need, pairs};
use super::data::texts;
use super::naming::Found;
use super::state::{Grant, Key, Party};
use super::{errors, grants};
use crate::call::Call;
use crate::row::Need;
use crate::state::State as Range;

/// A grant on a key that allows the caller an action, as the policy that it amounts to.
pub fn allowing(range: &Range, call: &Call<'_>, key: &Key, action: &str) -> Option<Named> {
    if key.grants.is_empty() {
        return None;
    }
    let operation = action.strip_prefix("kms:")?;
    let grant = key.grants.values().find(|grant| {
        grant.operations.iter().any(|own| own == operation)
            && is(&grant.grantee, &call.caller.principal)
            && grant.source_arn.is_none()
            && has_spread(range, call, grant)
            && holds(call, grant, operation)
    })?;
    Some(as_policy(grant, &call.caller.principal))
}

/// The policy that a grant amounts to.
fn as_policy(grant: &Grant, principal: &Principal) -> Named {
    let named = match principal {
        Principal::Service { name } => json!({"Service": name}),
        other => json!({"AWS": other.principal_arn()}),
    };
    let document = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": named, "Action": "kms:*", "Resource": "*"}],
    });
    let policy = Policy::parse_resource(&document.to_string()).unwrap_or_else(|_| Policy::empty());
    Named::new(format!("grant {}", grant.id), policy)
}

/// Whether a caller is one side of a grant.
pub fn is(party: &Party, principal: &Principal) -> bool {
    let same = |arn: &Arn, id: &str| {
        arn.to_string() == party.name && party.unique_id.as_deref().is_none_or(|own| own == id)
    };
    match principal {
        Principal::Service { name } => party.is_service && *name == party.name,
        Principal::Root { account } => party.name == format!("arn:aws:iam::{account}:root"),
        Principal::User { arn, user_id } => same(arn, user_id),
        Principal::Role {
            role_arn,
            session_arn,
            role_id,
            ..
        } => same(role_arn, role_id) || session_arn.to_string() == party.name,
        Principal::FederatedUser { arn, .. } => arn.to_string() == party.name,
        Principal::Federated { .. } | Principal::Anonymous => false,
    }
}

/// A grant takes as long to spread as everything of IAM, but for who shows its token.
fn has_spread(range: &Range, call: &Call<'_>, grant: &Grant) -> bool {
    call.now.duration_since(grant.created) >= range.config.iam_delay
        || texts(call, "GrantTokens").contains(&grant.token)
}

fn holds(call: &Call<'_>, grant: &Grant, operation: &str) -> bool {
    let Some(constraint) = grant.constraint() else {
        return operation != "CreateGrant" || grants_no_more(call, grant, None);
    };
    let member = match operation {
        "Encrypt" | "Decrypt" => "EncryptionContext",
        own if own.starts_with("GenerateDataKey") => "EncryptionContext",
        "ReEncryptFrom" => "SourceEncryptionContext",
        "ReEncryptTo" => "DestinationEncryptionContext",
        "CreateGrant" => return grants_no_more(call, grant, Some(&constraint)),
        // There is no encryption context to hold these to.
        _ => return true,
    };
    constraint.allows(&EncryptionContext::new(encryption_context(call, member)))
}

/// Who may grant by a grant may grant as much or less.
fn grants_no_more(call: &Call<'_>, grant: &Grant, constraint: Option<&Constraint>) -> bool {
    let asked = texts(call, "Operations");
    let within = asked
        .iter()
        .all(|operation| grant.operations.contains(operation));
    let child = constraint_of(call);
    within && constraint.is_none_or(|own| own.covers(child.as_ref()))
}

/// The constraint that a call asks for.
pub fn constraint_of(call: &Call<'_>) -> Option<Constraint> {
    let constraints = call.input.get("Constraints")?;
    let of = |member: &str| {
        constraints
            .get(member)
            .map(|value| EncryptionContext::new(pairs(value)))
    };
    of("EncryptionContextEquals")
        .map(Constraint::Equals)
        .or_else(|| of("EncryptionContextSubset").map(Constraint::Subset))
}

/// The condition keys of a grant that is to be made.
pub fn request_context(call: &Call<'_>, context: &mut Context) {
    context.insert("kms:GrantOperations", texts(call, "Operations"));
    context.set("kms:GrantIsForAWSResource", call.via.is_some().to_string());
    for (member, key) in [
        ("GranteeServicePrincipal", "kms:GranteePrincipal"),
        ("RetiringServicePrincipal", "kms:RetiringPrincipal"),
    ] {
        if let Some(Value::String(name)) = call.input.get(member) {
            context.set(key, name.as_str());
        }
    }
    let kind = match constraint_of(call) {
        Some(Constraint::Equals(pairs)) => Some(("EncryptionContextEquals", pairs)),
        Some(Constraint::Subset(pairs)) => Some(("EncryptionContextSubset", pairs)),
        None => None,
    };
    if let Some((kind, pairs)) = kind {
        context.set("kms:GrantConstraintType", kind);
        for (key, value) in pairs.pairs() {
            context.set(&format!("kms:EncryptionContext:{key}"), value.as_str());
        }
        context.insert("kms:EncryptionContextKeys", pairs.pairs().keys().cloned());
    }
}

/// What the end of a grant by one side of it needs. The grant itself says who may: its retiring principal, its grantee where it
/// allows that, and the account in which it was made.
///
/// # Errors
/// That there is no such grant.
pub fn retirement(range: &Range, call: &Call<'_>) -> Result<Vec<Need>, AwsError> {
    let (key, grant) = grants::to_retire(range, call)?;
    let principal = &call.caller.principal;
    let by_grantee =
        grant.operations.iter().any(|own| own == "RetireGrant") && is(&grant.grantee, principal);
    let by_retiring = grant
        .retiring
        .as_ref()
        .is_some_and(|party| is(party, principal));
    let by_issuer = matches!(principal, Principal::Root { account } if *account == grant.issuer);
    let found = Found { key, alias: None };
    let allowed = by_grantee || by_retiring || by_issuer;
    Ok(vec![Need {
        policy: Some((key.policy.compiled.clone(), ResourceRule::KmsKey)),
        grant: allowed.then(|| as_policy(grant, principal)),
        ..need(range, call, "kms:RetireGrant", found)
    }])
}

/// That a grant token is one.
///
/// # Errors
/// `InvalidGrantTokenException`.
pub fn check_tokens(range: &Range, call: &Call<'_>) -> Result<(), AwsError> {
    for token in texts(call, "GrantTokens") {
        if grants::of_token(range, &token).is_none() {
            return Err(errors::of("InvalidGrantTokenException", ""));
        }
    }
    Ok(())
}
