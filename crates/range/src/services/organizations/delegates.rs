//! Delegated administrators: members that administer a service for the organisation, and may look at it.
//!
//! Owns who is one. What a delegate may call is `scope.rs`.

use serde::Deserialize;
use serde_json::json;
use stockade_wire::AwsError;

use super::accounts::{OfAccount, named, shown};
use super::scope::{changed, managed, page};
use super::{errors, trusted_access};
use crate::call::{Call, Reply};
use crate::services::iam::output::time;
use crate::state::State as Range;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pair {
    account_id: String,
    service_principal: String,
}

pub(super) fn register(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Pair {
        account_id,
        service_principal: name,
    } = call.read()?;
    let organization = managed(range, call)?;
    if organization.features != "ALL" {
        return Err(errors::not_all_features());
    }
    let service = trusted_access::service(&name)?;
    let (id, _) = named(organization, &account_id)?;
    if id == organization.management {
        return Err(errors::constraint(
            "CANNOT_REGISTER_MASTER_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register management account/yourself as delegated administrator for your organization.",
        ));
    }
    if range.account(&id)?.closed.is_some() {
        return Err(errors::constraint(
            "CANNOT_REGISTER_SUSPENDED_ACCOUNT_AS_DELEGATED_ADMINISTRATOR",
            "You cannot register a suspended account as a delegated administrator.",
        ));
    }
    if service.delegates == 0 {
        return Err(errors::invalid(
            "UNRECOGNIZED_SERVICE_PRINCIPAL",
            "You specified an unrecognized service principal.",
        ));
    }
    if !organization.trusts(&name) {
        return Err(errors::constraint(
            "SERVICE_ACCESS_NOT_ENABLED",
            "You attempted to register a delegated administrator before you enabled service access. Call the EnableAWSServiceAccess API first.",
        ));
    }
    if organization.is_delegate(&id, Some(&name)) {
        return Err(errors::of(
            "AccountAlreadyRegisteredException",
            "The provided account is already a delegated administrator for your organization.",
        ));
    }
    let registered = organization.delegates.values();
    let registered = registered.filter(|services| services.contains_key(&name));
    match registered.count() {
        count if count < service.delegates => {}
        1 => {
            return Err(errors::constraint(
                "DELEGATED_ADMINISTRATOR_EXISTS_FOR_THIS_SERVICE",
                "You attempted to register an AWS account as a delegated administrator for an AWS service that already has a delegated administrator. To complete this operation, you must first deregister any existing delegated administrators for this service.",
            ));
        }
        _ => {
            return Err(errors::constraint(
                "MAX_DELEGATED_ADMINISTRATORS_FOR_SERVICE_LIMIT_EXCEEDED",
                "You attempted to register more delegated administrators than allowed for the service principal.",
            ));
        }
    }
    let services = changed(range, call)?.delegates.entry(id).or_default();
    services.insert(name, call.now);
    Ok(Reply::empty())
}

pub(super) fn deregister(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let Pair {
        account_id,
        service_principal: name,
    } = call.read()?;
    let organization = managed(range, call)?;
    trusted_access::service(&name)?;
    let (id, _) = named(organization, &account_id)?;
    if !organization.is_delegate(&id, Some(&name)) {
        return Err(errors::not_a_delegate());
    }
    let delegates = &mut changed(range, call)?.delegates;
    if let Some(services) = delegates.get_mut(&id) {
        services.remove(&name);
        if services.is_empty() {
            delegates.remove(&id);
        }
    }
    Ok(Reply::empty())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct List {
    service_principal: Option<String>,
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let List { service_principal } = call.read()?;
    let organization = managed(range, call)?;
    if let Some(name) = &service_principal {
        trusted_access::service(name)?;
    }
    let delegates = organization.delegates.iter().filter_map(|(id, services)| {
        let since = match &service_principal {
            Some(name) => services.get(name),
            None => services.values().min(),
        }?;
        let member = organization.members.get(id)?;
        let mut delegate = shown(range, organization, id, member, call.now);
        if let Some(members) = delegate.as_object_mut() {
            members.insert("DelegationEnabledDate".to_owned(), json!(time(*since)));
            members.remove("Paths");
        }
        Some((id.to_string(), delegate))
    });
    page(call, "DelegatedAdministrators", delegates)
}

pub(super) fn services(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let OfAccount { account_id } = call.read()?;
    let organization = managed(range, call)?;
    let (id, _) = named(organization, &account_id)?;
    let services = organization.delegates.get(&id);
    let services = services.ok_or_else(errors::not_a_delegate)?;
    let shown = services.iter().map(|(name, since)| {
        let shown = json!({"ServicePrincipal": name, "DelegationEnabledDate": time(*since)});
        (name.clone(), shown)
    });
    page(call, "DelegatedServices", shown)
}
