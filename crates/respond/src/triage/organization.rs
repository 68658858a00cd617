//! The organisation that the account is in, and whether we can quarantine from above.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::AccountId;

use crate::aws::{Aws, Call, CallError, Reach, pages};
use crate::fact::Fact;

/// An organisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Organization {
    /// `o-…`.
    pub id: String,
    /// The management account: no service control policy binds it.
    pub management_account: AccountId,
    /// Whether service control policies are switched on and ours to write; else why not.
    pub scps: Fact<()>,
    /// The accounts in it.
    pub accounts: Fact<Vec<AccountId>>,
}

/// The organisation; none when the account is in none.
pub async fn organization(reach: &Reach) -> Fact<Option<Organization>> {
    let home = reach.home();
    let call = Call::new("organizations", "DescribeOrganization", json!({}));
    let answer = match home.call(&call).await {
        Ok(answer) => answer,
        Err(error) if error.code == "AWSOrganizationsNotInUseException" => {
            return Fact::Known(None);
        }
        Err(error) => return Fact::unknown(error.to_string()),
    };
    let member = |name: &str| answer.get("Organization")?.get(name)?.as_str();
    let management = member("MasterAccountId").and_then(|id| id.parse::<AccountId>().ok());
    let (Some(id), Some(management)) = (member("Id"), management) else {
        return Fact::unknown("the answer of DescribeOrganization names no management account");
    };
    let scps = if member("FeatureSet") == Some("CONSOLIDATED_BILLING") {
        Fact::unknown(
            "the organisation has consolidated billing only: it has no service control policies",
        )
    } else if management == reach.identity().account {
        writable(home.as_ref()).await
    } else {
        Fact::unknown(format!(
            "only the management account {management} can write them: respond with its credentials"
        ))
    };
    let list = Call::new("organizations", "ListAccounts", json!({}));
    let accounts = pages(home.as_ref(), &list, "Accounts").await.map(|items| {
        let ids = items.iter().filter_map(|item| item.get("Id")?.as_str());
        ids.filter_map(|id| id.parse().ok()).collect()
    });
    Fact::Known(Some(Organization {
        accounts: accounts.into(),
        id: id.to_owned(),
        management_account: management,
        scps,
    }))
}

async fn writable(home: &dyn Aws) -> Fact<()> {
    match enabled(home).await {
        Ok(true) => Fact::Known(()),
        Ok(false) => Fact::unknown(
            "service control policies are switched off: switch them on with organizations EnablePolicyType",
        ),
        Err(error) => Fact::unknown(error.to_string()),
    }
}

async fn enabled(home: &dyn Aws) -> Result<bool, CallError> {
    let roots = Call::new("organizations", "ListRoots", json!({}));
    let roots = pages(home, &roots, "Roots").await?;
    let list = Call::new(
        "organizations",
        "ListPolicies",
        json!({"Filter": "SERVICE_CONTROL_POLICY"}),
    );
    pages(home, &list, "Policies").await?;
    Ok(roots.iter().any(|root| {
        root.get("PolicyTypes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .any(|kind| {
                kind.get("Type").and_then(Value::as_str) == Some("SERVICE_CONTROL_POLICY")
                    && kind.get("Status").and_then(Value::as_str) == Some("ENABLED")
            })
    }))
}
