//! The identities through which the lineage acts or can come back: roles and other users.

use std::collections::BTreeMap;

use serde_json::json;
use stockade_model::{AccountId, Arn};

use super::user::keys;
use super::{OtherUser, OtherUserState, RoleFacts, UserFacts, policies};
use crate::aws::{Call, CallError, Reach, find};
use crate::document;
use crate::fact::Fact;
use crate::inline::Holder;
use crate::persistence::Left;

/// The roles of the lineage, and those whose trust it has changed.
pub(super) async fn roles(reach: &Reach, facts: &UserFacts) -> Vec<RoleFacts> {
    let mut arns: Vec<(Arn, bool)> = Vec::new();
    if let Some(lineage) = facts.lineage.known() {
        for role in &lineage.roles {
            arns.extend(role.arn.parse().ok().map(|arn| (arn, role.made)));
        }
    }
    for left in &facts.persistence {
        if let Left::Trust { role, .. } = &left.left {
            let known =
                |(arn, _): &(Arn, bool)| arn.account == left.account && arn.resource_name() == role;
            if !arns.iter().any(known) {
                let arn = Arn {
                    partition: facts.arn.partition.clone(),
                    service: "iam".to_owned(),
                    region: String::new(),
                    account: left.account.clone(),
                    resource: format!("role/{role}"),
                };
                arns.push((arn, false));
            }
        }
    }
    let mut roles = Vec::new();
    for (arn, made) in arns {
        let Ok(account) = arn.account.parse::<AccountId>() else {
            continue;
        };
        let reserved = ["/aws-reserved/", "/aws-service-role/"];
        let call = Call::new("iam", "GetRole", json!({ "RoleName": arn.resource_name() }));
        let read = async {
            let aws = reach.account(&account).await?;
            let answer = aws.call(&call).await?;
            let trust = answer
                .get("Role")
                .and_then(|r| r.get("AssumeRolePolicyDocument"));
            let holder = Holder::role(arn.resource_name());
            Ok::<_, CallError>((
                document::read(trust).unwrap_or_default(),
                policies::inline(aws.as_ref(), &holder).await,
            ))
        };
        let (trust, inline) = match read.await {
            Ok((trust, inline)) => (Fact::Known(trust), inline.into()),
            Err(error) => (Fact::from(Err(error.clone())), Fact::from(Err(error))),
        };
        roles.push(RoleFacts {
            editable: !reserved.iter().any(|path| arn.resource.contains(path)),
            responder: reach.identity_in(&account).await.into(),
            arn,
            account,
            trust,
            inline,
            made,
        });
    }
    roles
}

/// The users that the lineage made, or made keys or a password for.
pub(super) async fn users(reach: &Reach, facts: &UserFacts) -> Vec<OtherUser> {
    let mut wanted: BTreeMap<(String, String), (bool, bool, Vec<String>)> = BTreeMap::new();
    for left in &facts.persistence {
        let (user, made, password, key) = match &left.left {
            Left::User { name } => (name, true, false, None),
            Left::LoginProfile { user } => (user, false, true, None),
            Left::AccessKey { user, id } => (user, false, false, Some(id.clone())),
            _ => continue,
        };
        if *user == facts.name && left.account == facts.account.as_str() {
            continue;
        }
        let entry = wanted
            .entry((left.account.clone(), user.clone()))
            .or_default();
        entry.0 |= made;
        entry.1 |= password;
        entry.2.extend(key);
    }
    let mut users = Vec::new();
    for ((account, name), (made, password, lineage_keys)) in wanted {
        let Ok(account) = account.parse::<AccountId>() else {
            continue;
        };
        let read = async {
            let aws = reach.account(&account).await?;
            let call = Call::new("iam", "GetUser", json!({ "UserName": name }));
            let Some(answer) = find(aws.as_ref(), &call).await? else {
                return Ok::<_, CallError>(None);
            };
            let arn = answer
                .get("User")
                .and_then(|u| u.get("Arn")?.as_str()?.parse().ok());
            let keys = keys(aws.as_ref(), &name).await?;
            let inline = policies::inline(aws.as_ref(), &Holder::user(&name)).await?;
            Ok(arn.map(|arn| OtherUserState { arn, keys, inline }))
        };
        let state = match read.await {
            // Deleted since: there is nothing to stop.
            Ok(None) => continue,
            Ok(Some(state)) => Fact::Known(state),
            Err(error) => Fact::unknown(error.to_string()),
        };
        users.push(OtherUser {
            account,
            name,
            made,
            password,
            lineage_keys,
            state,
        });
    }
    users
}
