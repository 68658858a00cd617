//! What a delegation request asks for, told to those who decide on it: whether they could give it, and what it means.
//!
//! Owns the look at a request's policy. Changes nothing.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Arn;
use stockade_policy::{Effect, Policy, Statement};
use stockade_wire::AwsError;

use super::delegation_requests::{DelegationRequest, find};
use super::errors;
use super::output::reply;
use super::service_names;
use crate::authz;
use crate::call::{Call, Reply};
use crate::row::Need;
use crate::state::State as Range;

/// Whether the caller could do all that a policy allows: `ALLOWED`, `DENIED`, or `UNSURE` where conditions decide.
pub(super) fn check(range: &Range, call: &Call<'_>, policy: &str) -> &'static str {
    let Ok(policy) = Policy::parse(policy) else {
        return "UNSURE";
    };
    let mut sure = true;
    for statement in granting(&policy) {
        if !is_plain(statement) {
            sure = false;
            continue;
        }
        for action in statement.actions() {
            for resource in statement.resources() {
                if !authz::allowed(range, call, &Need::new(action, resource)) {
                    return "DENIED";
                }
            }
        }
    }
    if sure { "ALLOWED" } else { "UNSURE" }
}

fn granting(policy: &Policy) -> impl Iterator<Item = &Statement> {
    let statements = policy.statements().iter();
    statements.filter(|statement| statement.effect() == Effect::Allow)
}

/// Whether a statement names what it allows, without conditions.
fn is_plain(statement: &Statement) -> bool {
    !statement.is_not_action() && !statement.is_not_resource() && statement.conditions().is_empty()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Input {
    entity_arn: String,
    locale: Option<String>,
}

/// The id of the request that an ARN names.
pub(super) fn request_in(arn: &str) -> Option<String> {
    let arn: Arn = arn.parse().ok()?;
    let named = arn.service == "iam" && arn.resource_type() == "delegation-request";
    named.then(|| arn.resource_name().to_owned())
}

pub(super) fn summary(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Input = call.read()?;
    let Some(id) = request_in(&input.entity_arn) else {
        return Err(errors::invalid_input(format!(
            "ARN {} is not valid: a summary can be had of delegation requests only.",
            input.entity_arn
        )));
    };
    let request = find(range, call, &id)?;
    let locale = input.locale.unwrap_or_else(|| "en".to_owned());
    let english =
        locale.eq_ignore_ascii_case("en") || locale.to_ascii_lowercase().starts_with("en-");
    Ok(reply(match english {
        true => json!({
            "SummaryContent": in_words(request),
            "Locale": locale,
            "SummaryState": "AVAILABLE",
        }),
        false => json!({"Locale": locale, "SummaryState": "NOT_SUPPORTED"}),
    }))
}

/// A request in plain sentences.
fn in_words(request: &DelegationRequest) -> String {
    let mut words = format!(
        "Account {} asks for access for {} seconds. {}",
        request.requestor, request.session_seconds, request.description
    );
    let Ok(policy) = Policy::parse(&request.policy) else {
        return words;
    };
    let mut by_service: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for statement in granting(&policy) {
        if statement.is_not_action() {
            by_service.entry("*").or_default().push("all but a few");
        }
        for action in statement.actions().filter(|_| !statement.is_not_action()) {
            let (service, name) = action.split_once(':').unwrap_or((action, "*"));
            by_service.entry(service).or_default().push(name);
        }
    }
    for (service, actions) in by_service {
        let name = match service {
            "*" => "every service",
            known => service_names::name_of(known),
        };
        words.push_str(&format!("\nOn {name}: {}.", actions.join(", ")));
    }
    let resources: Vec<Value> = granting(&policy)
        .flat_map(Statement::resources)
        .map(Value::from)
        .collect();
    if resources.iter().any(|resource| resource == "*") {
        words.push_str("\nSome of it is on all resources of the account.");
    }
    words
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::bench::{ACCOUNT, Cloud};
    use crate::call::Caller;
    use crate::services::iam::delegation_requests::{exchange, notifications};
    use stockade_model::AccountId;

    const PARTNER: &str = "210987654321";

    /// A cloud with a partner's account, which has a template.
    fn cloud() -> (Cloud, Caller) {
        let mut cloud = Cloud::new();
        let id: AccountId = PARTNER.parse().unwrap();
        let account = crate::state::Account::new(id.clone(), "Partner", "p@example.com", cloud.now);
        cloud.range.accounts.insert(id, account.into());
        let partner = Cloud::root(PARTNER);
        let template = json!({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::@{bucket}/*"},
        ]});
        let input = json!({"PolicyName": "template", "PolicyDocument": template.to_string()});
        cloud.call(&partner, "iam", "CreatePolicy", input).unwrap();
        (cloud, partner)
    }

    fn asked(workflow: &str) -> serde_json::Value {
        json!({
            "Description": "Backups of your bucket.",
            "Permissions": {
                "PolicyTemplateArn": format!("arn:aws:iam::{PARTNER}:policy/template"),
                "Parameters": [{"Name": "@{bucket}", "Values": ["bucket", "other"], "Type": "stringList"}],
            },
            "RequestorWorkflowId": workflow,
            "NotificationChannel": format!("arn:aws:sns:us-east-1:{PARTNER}:topic"),
            "SessionDuration": 3600,
        })
    }

    fn made(cloud: &mut Cloud, partner: &Caller, input: serde_json::Value) -> String {
        let made = cloud
            .call(partner, "iam", "CreateDelegationRequest", input)
            .unwrap();
        made["DelegationRequestId"].as_str().unwrap().to_owned()
    }

    #[test]
    fn a_request_goes_from_hand_to_hand_and_ends_as_a_token() {
        let (mut cloud, partner) = cloud();
        let id = made(&mut cloud, &partner, asked("workflow-1"));
        let of = json!({"DelegationRequestId": id});
        let state = |cloud: &mut Cloud| {
            cloud
                .iam("GetDelegationRequest", json!({"DelegationRequestId": id}))
                .unwrap()["DelegationRequest"]["State"]
                .clone()
        };
        assert_eq!(state(&mut cloud), "UNASSIGNED");
        for early in [
            "AcceptDelegationRequest",
            "SendDelegationToken",
            "RejectDelegationRequest",
            "UpdateDelegationRequest",
        ] {
            assert_eq!(
                cloud.refused(early, of.clone()).0,
                "InvalidInput",
                "{early}"
            );
        }
        cloud.iam("AssociateDelegationRequest", of.clone()).unwrap();
        assert_eq!(state(&mut cloud), "ASSIGNED");
        // Now it is the customer's alone.
        let strange = cloud.call(&partner, "iam", "GetDelegationRequest", of.clone());
        assert_eq!(strange.unwrap_err().code, "NoSuchEntity");
        cloud
            .iam(
                "UpdateDelegationRequest",
                json!({"DelegationRequestId": id, "Notes": "please"}),
            )
            .unwrap();
        assert_eq!(state(&mut cloud), "PENDING_APPROVAL");
        cloud.iam("AcceptDelegationRequest", of.clone()).unwrap();
        assert!(notifications(&cloud.range).is_empty());
        cloud.iam("SendDelegationToken", of.clone()).unwrap();
        assert_eq!(state(&mut cloud), "FINALIZED");
        assert_eq!(
            cloud.refused("RejectDelegationRequest", of).0,
            "InvalidInput"
        );

        let sent = notifications(&cloud.range);
        let token = sent[0]["message"]["exchangeToken"].as_str().unwrap();
        let delegated = exchange(&cloud.range, token).unwrap();
        assert_eq!(delegated.account.as_str(), ACCOUNT);
        assert_eq!(delegated.approver, format!("arn:aws:iam::{ACCOUNT}:root"));
        assert!(delegated.policy.contains("arn:aws:s3:::bucket/*"));
        assert_eq!(delegated.until.duration_since(cloud.now).as_secs(), 3600);
        assert!(exchange(&cloud.range, "none").is_none());
        let listed = cloud.iam("ListDelegationRequests", json!({})).unwrap();
        assert_eq!(listed["DelegationRequests"][0]["Notes"], "please");
        assert_eq!(listed["isTruncated"], false);
        let others = json!({"OwnerId": "arn:aws:iam::123456789012:user/other"});
        let listed = cloud.iam("ListDelegationRequests", others).unwrap();
        assert_eq!(listed["DelegationRequests"], json!([]));
    }

    #[test]
    fn what_is_asked_for_is_checked() {
        let (mut cloud, partner) = cloud();
        let with = |path: &[&str], value: serde_json::Value| {
            let mut input = asked("workflow-2");
            let mut at = &mut input;
            for member in path {
                at = &mut at[*member];
            }
            *at = value;
            input
        };
        for bad in [
            with(&["NotificationChannel"], json!("arn:aws:sqs:us-east-1:1:q")),
            with(
                &["Permissions", "PolicyTemplateArn"],
                json!("arn:aws:iam::210987654321:policy/none"),
            ),
            with(&["Permissions", "Parameters"], json!([])),
            with(
                &["Permissions", "Parameters"],
                json!([{"Name": "@{other}", "Values": ["x"]}]),
            ),
            with(
                &["Permissions", "Parameters"],
                json!([{"Name": "@{bucket}", "Values": []}]),
            ),
        ] {
            let refused = cloud.call(&partner, "iam", "CreateDelegationRequest", bad);
            assert_eq!(refused.unwrap_err().code, "InvalidInput");
        }
        made(&mut cloud, &partner, asked("workflow-2"));
        let twice = cloud.call(
            &partner,
            "iam",
            "CreateDelegationRequest",
            asked("workflow-2"),
        );
        assert_eq!(twice.unwrap_err().code, "EntityAlreadyExists");
        let unknown = json!({"DelegationRequestId": "00000000-0000-0000-0000-000000000000"});
        assert_eq!(
            cloud.refused("GetDelegationRequest", unknown).0,
            "NoSuchEntity"
        );
    }

    #[test]
    fn a_request_waits_a_day_and_a_refused_one_stays_refused() {
        let (mut cloud, partner) = cloud();
        let id = made(&mut cloud, &partner, asked("workflow-3"));
        let of = json!({"DelegationRequestId": id});
        cloud.iam("AssociateDelegationRequest", of.clone()).unwrap();
        let reject = json!({"DelegationRequestId": id, "Notes": "too much"});
        cloud.iam("RejectDelegationRequest", reject).unwrap();
        let shown = cloud.iam("GetDelegationRequest", of.clone()).unwrap();
        assert_eq!(shown["DelegationRequest"]["RejectionReason"], "too much");
        assert_eq!(
            cloud.refused("AcceptDelegationRequest", of).0,
            "InvalidInput"
        );

        let late = made(&mut cloud, &partner, asked("workflow-4"));
        cloud.now = cloud
            .now
            .checked_add(jiff::SignedDuration::from_hours(24))
            .unwrap();
        let of = json!({"DelegationRequestId": late});
        let shown = cloud.iam("GetDelegationRequest", of.clone()).unwrap();
        assert_eq!(shown["DelegationRequest"]["State"], "EXPIRED");
        assert_eq!(
            cloud.refused("AssociateDelegationRequest", of).0,
            "InvalidInput"
        );
    }

    #[test]
    fn those_who_decide_are_told_whether_they_could_give_it_and_what_it_is() {
        let (mut cloud, partner) = cloud();
        let id = made(&mut cloud, &partner, asked("workflow-5"));
        let statement = |actions: serde_json::Value| json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]});
        let low = cloud.user_with("low", statement(json!(["iam:GetDelegationRequest"])));
        let high = cloud.user_with("high", statement(json!("*")));
        let input = || json!({"DelegationRequestId": id, "DelegationPermissionCheck": true});
        for (who, result) in [(&low, "DENIED"), (&high, "ALLOWED")] {
            let shown = cloud
                .call(who, "iam", "GetDelegationRequest", input())
                .unwrap();
            assert_eq!(shown["PermissionCheckStatus"], "COMPLETE");
            assert_eq!(shown["PermissionCheckResult"], result);
        }
        let arn = format!("arn:aws:iam::{ACCOUNT}:delegation-request/{id}");
        let summary = cloud
            .iam("GetHumanReadableSummary", json!({"EntityArn": arn}))
            .unwrap();
        let text = summary["SummaryContent"].as_str().unwrap();
        assert!(text.contains("On Amazon S3: GetObject."), "{text}");
        let other = cloud
            .iam(
                "GetHumanReadableSummary",
                json!({"EntityArn": arn, "Locale": "fr"}),
            )
            .unwrap();
        assert_eq!(other["SummaryState"], "NOT_SUPPORTED");
        let wrong = json!({"EntityArn": "arn:aws:iam::123456789012:user/anna"});
        assert_eq!(
            cloud.refused("GetHumanReadableSummary", wrong).0,
            "InvalidInput"
        );
    }

    #[test]
    fn its_owner_needs_no_permission_to_look_at_it() {
        let (mut cloud, partner) = cloud();
        let id = made(&mut cloud, &partner, asked("workflow-6"));
        let of = || json!({"DelegationRequestId": id});
        let may = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:AssociateDelegationRequest", "Resource": "*"}]});
        let owner = cloud.user_with("owner", may.clone());
        let other = cloud.user_with("other", may);
        let early = cloud.call(&owner, "iam", "GetDelegationRequest", of());
        assert_eq!(early.unwrap_err().code, "AccessDenied");
        cloud
            .call(&owner, "iam", "AssociateDelegationRequest", of())
            .unwrap();
        cloud
            .call(&owner, "iam", "GetDelegationRequest", of())
            .unwrap();
        cloud
            .call(&owner, "iam", "UpdateDelegationRequest", of())
            .unwrap();
        for (who, operation) in [
            (&other, "GetDelegationRequest"),
            (&owner, "AcceptDelegationRequest"),
        ] {
            let refused = cloud.call(who, "iam", operation, of());
            assert_eq!(refused.unwrap_err().code, "AccessDenied");
        }
    }
}
