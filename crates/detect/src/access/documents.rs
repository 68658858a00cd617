//! The policy documents of a request, judged by the policy engine.
//!
//! Owns finding them, wherever in the request they stand, as JSON or as JSON text, and the questions that
//! are put to the engine: would a stranger get in? Which other account? What may the holder do? Must
//! not evaluate a statement itself.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use stockade_model::Arn;
use stockade_policy::{
    Condition, Context, DocumentKind, Effect, Named, Policies, Policy, Principal, PrincipalEntry,
    Request, ResourceRule, Statement, decide,
};

use super::{Access, Call, account_of};

/// Documents within documents are read no deeper than this.
const DEPTH: usize = 24;

/// Actions by which who may do them to every user, role and policy can make an administrator of itself.
pub(super) const ESCALATIONS: &[&str] = &[
    "iam:AddUserToGroup",
    "iam:AttachGroupPolicy",
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:PutGroupPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
];

/// What runs code with a role that was passed to it.
const RUNNERS: &[&str] = &[
    "ec2:RunInstances",
    "lambda:CreateFunction",
    "cloudformation:CreateStack",
    "glue:CreateDevEndpoint",
    "sagemaker:CreateNotebookInstance",
    "ecs:RunTask",
    "codebuild:CreateProject",
    "ssm:StartAutomationExecution",
];

/// Condition keys that keep a grant inside the organisation.
const ORGANISATION: &[&str] = &[
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
];

/// What log delivery needs: who may only put objects reads nothing.
const DELIVERY: &[&str] = &["s3:putobject", "s3:putobjectacl", "s3:abortmultipartupload"];

/// Identity providers whose subjects are everybody's.
const SHARED_PROVIDERS: &[&str] = &[
    "token.actions.githubusercontent.com",
    "gitlab.com",
    "app.terraform.io",
    "accounts.google.com",
    "graph.facebook.com",
    "www.amazon.com",
    "cognito-identity.amazonaws.com",
    "oidc.circleci.com",
    "agent.buildkite.com",
];

/// Those of them whose audience is one client, pool or organisation.
const OWN_AUDIENCES: &[&str] = &[
    "accounts.google.com",
    "graph.facebook.com",
    "www.amazon.com",
    "cognito-identity.amazonaws.com",
    "oidc.circleci.com",
];

/// An account that is nobody's.
const STRANGER: &str = "arn:aws:iam::999999999999:user/stranger";

/// Reads every document in a request.
pub(super) fn read(call: &Call<'_>, request: &Value, access: &mut Access) {
    find(call, request, access, DEPTH);
}

fn find(call: &Call<'_>, value: &Value, access: &mut Access, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Array(items) => items
            .iter()
            .for_each(|item| find(call, item, access, depth)),
        Value::Object(map) if map.contains_key("Statement") => judge(call, map, access),
        Value::Object(map) => {
            for (name, inner) in map {
                // Of a stack, and of an endpoint of a network: they limit what goes on within, and let
                // nobody in.
                let limits = name.starts_with("stackPolicy")
                    || (call.is_of("ec2") && call.name.contains("VpcEndpoint"));
                if !limits {
                    find(call, inner, access, depth);
                }
            }
        }
        Value::String(text) => {
            if let Some(inner) = within(text) {
                find(call, &inner, access, depth);
            }
        }
        _ => {}
    }
}

/// JSON in a text, which may be percent-encoded.
fn within(text: &str) -> Option<Value> {
    let text = text.trim_start();
    if text.starts_with(['{', '[']) {
        return serde_json::from_str(text).ok();
    }
    if text.starts_with("%7B") || text.starts_with("%5B") {
        let decoded = crate::sigma::percent_decoded(text)?;
        return serde_json::from_str(&decoded).ok();
    }
    None
}

fn judge(call: &Call<'_>, document: &Map<String, Value>, access: &mut Access) {
    let statements = match document.get("Statement") {
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
        None => return,
    };
    let names_somebody = statements
        .iter()
        .any(|one| one.get("Principal").is_some() || one.get("NotPrincipal").is_some());
    let kind = if !names_somebody {
        DocumentKind::Identity
    } else if call.is_of("iam") {
        DocumentKind::Trust
    } else {
        DocumentKind::Resource
    };
    let text = Value::Object(document.clone()).to_string();
    let Ok(policy) = Policy::parse_leniently(&text, kind) else {
        return;
    };
    if kind == DocumentKind::Identity {
        held(&policy, call, access);
    } else {
        open(&policy, call, access);
    }
}

/// What the holder of an identity policy may do.
fn held(policy: &Policy, call: &Call<'_>, access: &mut Access) {
    access.administrator |= policy.grants_admin();
    let own = call.account.unwrap_or("000000000000");
    let policies = [Named::new("given", policy.clone())];
    let Ok(holder) = format!("arn:aws:iam::{own}:user/holder").parse::<Principal>() else {
        return;
    };
    let context = context_of(&holder);
    let may = |action: &str, resource: &str| {
        decide(
            &Request {
                principal: &holder,
                action,
                resource,
                resource_account: Some(own),
                context: &context,
            },
            &Policies {
                identity: &policies,
                ..Policies::default()
            },
        )
        .is_allowed()
    };
    // Names that nobody has: what is allowed on them is allowed on all.
    let target = |action: &str| {
        let noun = if action.contains("Group") {
            "group"
        } else if action.contains("Role") {
            "role"
        } else if action.ends_with("PolicyVersion") {
            "policy"
        } else {
            "user"
        };
        format!("arn:aws:iam::{own}:{noun}/zq-probe-0x5")
    };
    for action in ESCALATIONS {
        if may(action, &target(action)) {
            access.escalation.insert((*action).to_owned());
        }
    }
    let role = format!("arn:aws:iam::{own}:role/zq-probe-0x5");
    if may("iam:PassRole", &role) && RUNNERS.iter().any(|action| may(action, "*")) {
        access.escalation.insert("iam:PassRole".to_owned());
    }
}

/// Whom a resource's policy, or a role's trust policy, lets in.
fn open(policy: &Policy, call: &Call<'_>, access: &mut Access) {
    for statement in policy.statements() {
        if statement.effect() != Effect::Allow {
            continue;
        }
        let everyone = statement.is_not_principal()
            || statement.principals().contains(&PrincipalEntry::Everyone);
        if everyone && !is_held(statement, call) && !is_denied(policy, statement, STRANGER, call) {
            access.everybody = true;
        }
        if statement.is_not_principal() || within_organisation(statement) {
            continue;
        }
        for entry in statement.principals() {
            if let PrincipalEntry::Federated(provider) = entry
                && is_shared(provider)
                && !names_subject(statement)
            {
                access.providers.insert(provider.clone());
            }
        }
        if delivers(statement) {
            continue;
        }
        for account in foreign_of(statement) {
            let somebody = format!("arn:aws:iam::{account}:user/somebody");
            if !is_denied(policy, statement, &somebody, call) {
                access.let_in(&account, call);
            }
        }
    }
}

/// The accounts that a statement names: as principals, or as those to which everybody is held.
fn foreign_of(statement: &Statement) -> Vec<String> {
    let mut accounts: Vec<String> = statement
        .principals()
        .iter()
        .filter_map(|entry| entry.account().map(str::to_owned))
        .collect();
    if statement.principals().contains(&PrincipalEntry::Everyone) {
        let held = statement.conditions().iter().filter(|condition| {
            let key = condition.key().to_ascii_lowercase();
            !condition.is_negated()
                && matches!(
                    &*key,
                    "aws:principalaccount"
                        | "aws:principalarn"
                        | "aws:sourceaccount"
                        | "kms:calleraccount"
                )
        });
        accounts.extend(
            held.flat_map(Condition::values)
                .filter_map(|value| account_of(value).map(str::to_owned)),
        );
    }
    accounts
}

/// Whether the engine, in spite of an `Allow`, refuses a caller with a denial of the same document.
fn is_denied(policy: &Policy, statement: &Statement, caller: &str, call: &Call<'_>) -> bool {
    let Ok(caller) = caller.parse::<Principal>() else {
        return false;
    };
    let context = context_of(&caller);
    let document = Named::new("given", policy.clone());
    let everything = [Named::new("own", EVERYTHING.clone())];
    let rule = match policy.kind() {
        DocumentKind::Trust => ResourceRule::RoleTrust,
        _ => ResourceRule::Ordinary,
    };
    let resource = match statement.resources().next() {
        Some(pattern) if !statement.is_not_resource() => concrete(pattern),
        _ => "*".to_owned(),
    };
    let action = match statement.actions().next() {
        Some(pattern) if !statement.is_not_action() && pattern.contains(':') => concrete(pattern),
        _ => format!("{}:Get", call.source.split('.').next().unwrap_or_default()),
    };
    let outcome = decide(
        &Request {
            principal: &caller,
            action: &action,
            resource: &resource,
            resource_account: call.account,
            context: &context,
        },
        &Policies {
            identity: &everything,
            resource: Some((&document, rule)),
            ..Policies::default()
        },
    );
    outcome.verdict == stockade_policy::Verdict::ExplicitlyDenied
}

static EVERYTHING: LazyLock<Policy> = LazyLock::new(|| {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    Policy::parse(text).unwrap_or_else(|_| Policy::empty())
});

/// Something that the pattern means.
fn concrete(pattern: &str) -> String {
    pattern.replace(['*', '?'], "z")
}

/// What a request of somebody from the internet carries.
fn context_of(caller: &Principal) -> Context {
    let mut context = Context::new()
        .with("aws:SourceIp", "203.0.113.77")
        .with("aws:SecureTransport", "true")
        .with("aws:PrincipalType", caller.kind())
        .with("aws:PrincipalIsAWSService", "false")
        .with("aws:PrincipalOrgID", "o-zzzzzzzzzz")
        .with("aws:userid", "AIDAZZZZZZZZZZZZZZZZZ");
    if let Some(account) = caller.account() {
        context.set("aws:PrincipalAccount", account);
        context.set("kms:CallerAccount", account);
    }
    if let Some(arn) = caller.principal_arn()
        && arn.parse::<Arn>().is_ok()
    {
        context.set("aws:PrincipalArn", arn);
    }
    context
}

/// Whether a condition holds everybody to fixed callers or networks.
fn is_held(statement: &Statement, call: &Call<'_>) -> bool {
    let own = call.account.unwrap_or_default();
    statement.conditions().iter().any(|condition| {
        let secret = condition.key().eq_ignore_ascii_case("sts:ExternalId")
            && !condition.is_negated()
            && condition.values().iter().all(|value| value != "*");
        secret || condition.confines(own)
    })
}

fn within_organisation(statement: &Statement) -> bool {
    statement.conditions().iter().any(|condition| {
        ORGANISATION.contains(&&*condition.key().to_ascii_lowercase()) && condition.confines("")
    })
}

fn delivers(statement: &Statement) -> bool {
    let mut actions = statement.actions().peekable();
    !statement.is_not_action()
        && actions.peek().is_some()
        && actions.all(|action| DELIVERY.contains(&&*action.to_ascii_lowercase()))
}

/// A provider is named by its domain or by the ARN of its entry in the account.
fn is_shared(provider: &str) -> bool {
    let domain = provider
        .split_once(":oidc-provider/")
        .map_or(provider, |(_, domain)| domain);
    let host = domain.split('/').next().unwrap_or_default();
    SHARED_PROVIDERS.contains(&host)
}

/// Whether a condition says whom of a provider's: by subject, audience, organisation or mail address.
fn names_subject(statement: &Statement) -> bool {
    statement.conditions().iter().any(|condition| {
        let key = condition.key().to_ascii_lowercase();
        let claim = key.rsplit(':').next().unwrap_or_default();
        // The audience of a build service is whatever its user says, so the same for everybody.
        let telling = match claim {
            "aud" => OWN_AUDIENCES.iter().any(|host| key.starts_with(host)),
            "sub" | "email" | "oaud" | "organization" | "repository_owner" | "repository" => true,
            _ => false,
        };
        let anything = |value: &String| {
            let rest = value.trim_start_matches("repo:");
            rest.starts_with('*') || rest.is_empty()
        };
        telling && !condition.is_negated() && !condition.values().iter().any(anything)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::access;
    use super::*;
    use serde_json::json;

    fn grants(request: Value) -> Access {
        access("s3", "PutBucketPolicy", &request)
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
            let document = json!({"Statement": [{"Effect": "Allow", "Principal": {"AWS": own}, "Action": "sts:AssumeRole"}, statement]});
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
            json!({"Effect": "Deny", "Action": "s3:GetObject", "Principal": foreign}),
            json!({"Effect": "Deny", "Action": "s3:GetObject", "Principal": "*"}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": {"Service": "ec2.amazonaws.com"}}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": {"AWS": "arn:aws:iam::cloudfront:user/x"}}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}}),
            json!({"Effect": "Allow", "Principal": foreign, "Action": ["s3:PutObject"]}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": foreign, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}}}),
            json!({"Effect": "Allow", "Action": "s3:GetObject", "Principal": "*", "Condition": {"ArnLike": {"aws:SourceArn": "arn:aws:sns:us-east-1:111122223333:t"}}}),
        ] {
            assert_eq!(of(statement.clone()), Access::default(), "{statement}");
        }
    }

    #[test]
    fn everybody_is_everybody_unless_something_holds_it() {
        let of = |statement: Value| grants(json!({"policy": {"Statement": statement}})).everybody;
        assert!(of(
            json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"})
        ));
        assert!(of(
            json!({"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:GetObject"})
        ));
        assert!(of(
            json!({"Effect": "Allow", "NotPrincipal": {"AWS": "444455556666"}, "Action": "s3:GetObject"})
        ));
        for condition in [
            json!({"Bool": {"aws:SecureTransport": "true"}}),
            json!({"StringNotEquals": {"aws:PrincipalOrgID": "o-1"}}),
            json!({"IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "0.0.0.0/0"]}}),
            json!({"StringLike": {"aws:PrincipalArn": "*"}}),
        ] {
            assert!(
                of(
                    json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Condition": condition})
                ),
                "{condition}"
            );
        }
    }

    #[test]
    fn broken_and_bottomless_documents_are_passed_over() {
        assert_eq!(
            grants(json!({"policy": "{\"Statement\": ["})),
            Access::default()
        );
        assert_eq!(grants(json!(null)), Access::default());
        let mut deep = json!({"Effect": "Allow", "Principal": "*"});
        for _ in 0..60 {
            deep = json!([deep]);
        }
        assert_eq!(grants(deep), Access::default());
    }

    #[test]
    fn a_denial_in_the_same_document_counts() {
        let allow = json!({"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"});
        let of = |deny: Value| {
            grants(json!({"bucketPolicy": {"Version": "2012-10-17", "Statement": [allow, deny]}}))
        };
        let outside = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": ["arn:aws:s3:::b", "arn:aws:s3:::b/*"],
            "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}});
        assert!(!of(outside).everybody);
        let elsewhere = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*"});
        assert!(of(elsewhere).everybody);
        let plain = json!({"Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::b/*",
            "Condition": {"Bool": {"aws:SecureTransport": "false"}}});
        assert!(of(plain).everybody);
    }

    #[test]
    fn holders_are_told_by_what_they_may_do() {
        let of = |statement: Value| {
            let document = json!({"Version": "2012-10-17", "Statement": statement}).to_string();
            access(
                "iam",
                "PutUserPolicy",
                &json!({"userName": "a", "policyDocument": document}),
            )
        };
        let every = of(json!({"Effect": "Allow", "Action": "*", "Resource": "*"}));
        assert!(every.administrator && every.escalation.contains("iam:PassRole"));
        assert!(
            of(json!([{"Effect": "Allow", "Action": ["*:*"], "Resource": ["*"]}])).administrator
        );
        let iam = of(json!({"Effect": "Allow", "Action": "iam:*", "Resource": "*"}));
        assert!(!iam.administrator);
        assert_eq!(iam.escalation.len(), ESCALATIONS.len());
        let pass =
            of(json!({"Effect": "Allow", "Action": ["iam:PassRole", "lambda:*"], "Resource": "*"}));
        assert_eq!(Vec::from_iter(&pass.escalation), ["iam:PassRole"]);
        let not = of(json!({"Effect": "Allow", "NotAction": "organizations:*", "Resource": "*"}));
        assert!(!not.administrator && not.escalation.contains("iam:CreateAccessKey"));
        for quiet in [
            json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/*"}),
            json!({"Effect": "Allow", "Action": ["iam:CreateAccessKey"], "Resource": "arn:aws:iam::*:user/${aws:username}"}),
            json!({"Effect": "Allow", "Action": "iam:PassRole", "Resource": "*"}),
            json!({"Effect": "Allow", "Action": "iam:CreateAccessKey", "Resource": "*", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}),
            json!([{"Effect": "Allow", "Action": "iam:AttachUserPolicy", "Resource": "*"}, {"Effect": "Deny", "Action": "iam:*", "Resource": "*"}]),
            json!({"Effect": "Deny", "Action": "*", "Resource": "*"}),
        ] {
            assert_eq!(of(quiet.clone()), Access::default(), "{quiet}");
        }
    }

    #[test]
    fn providers_of_everybodys_must_be_told_whom_they_may_send() {
        let of = |condition: Value| {
            let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Principal": {"Federated": "arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com"},
                "Action": "sts:AssumeRoleWithWebIdentity", "Condition": condition}]});
            let request =
                json!({"roleName": "r", "assumeRolePolicyDocument": document.to_string()});
            !access("iam", "CreateRole", &request).providers.is_empty()
        };
        const SUB: &str = "token.actions.githubusercontent.com:sub";
        const AUD: &str = "token.actions.githubusercontent.com:aud";
        assert!(of(json!({})));
        assert!(of(json!({"StringEquals": {AUD: "sts.amazonaws.com"}})));
        assert!(of(json!({"StringLike": {SUB: "repo:*"}})));
        assert!(of(json!({"StringNotLike": {SUB: "repo:other/*"}})));
        assert!(!of(
            json!({"StringLike": {SUB: "repo:own/app:*"}, "StringEquals": {AUD: "sts.amazonaws.com"}})
        ));
    }

    #[test]
    fn an_audience_tells_whom_only_where_it_is_somebodys_own() {
        let shared = |provider: &str, key: &str| {
            let document = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Principal": {"Federated": provider}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {"StringEquals": {key: "x"}}}]});
            let request =
                json!({"roleName": "r", "assumeRolePolicyDocument": document.to_string()});
            !access("iam", "CreateRole", &request).providers.is_empty()
        };
        assert!(shared(
            "arn:aws:iam::111122223333:oidc-provider/gitlab.com",
            "gitlab.com:aud"
        ));
        assert!(shared(
            "arn:aws:iam::111122223333:oidc-provider/app.terraform.io",
            "app.terraform.io:aud"
        ));
        assert!(!shared(
            "cognito-identity.amazonaws.com",
            "cognito-identity.amazonaws.com:aud"
        ));
        assert!(!shared("accounts.google.com", "accounts.google.com:aud"));
    }

    #[test]
    fn documents_stand_in_every_request_that_has_them() {
        let open = json!({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}]}).to_string();
        let encoded: String = open.bytes().map(|byte| format!("%{byte:02X}")).collect();
        for (source, name, request) in [
            (
                "kms",
                "PutKeyPolicy",
                json!({"keyId": "k", "policyName": "default", "policy": open}),
            ),
            ("kms", "CreateKey", json!({"policy": open})),
            (
                "secretsmanager",
                "PutResourcePolicy",
                json!({"secretId": "s", "resourcePolicy": open}),
            ),
            (
                "ecr",
                "SetRepositoryPolicy",
                json!({"repositoryName": "r", "policyText": open}),
            ),
            (
                "sqs",
                "SetQueueAttributes",
                json!({"queueUrl": "q", "attributes": {"Policy": open}}),
            ),
            (
                "sns",
                "SetTopicAttributes",
                json!({"topicArn": "t", "attributeName": "Policy", "attributeValue": open}),
            ),
            (
                "iam",
                "UpdateAssumeRolePolicy",
                json!({"roleName": "r", "policyDocument": open}),
            ),
            (
                "iam",
                "UpdateAssumeRolePolicy",
                json!({"roleName": "r", "policyDocument": encoded}),
            ),
            (
                "es",
                "UpdateElasticsearchDomainConfig",
                json!({"domainName": "d", "accessPolicies": open}),
            ),
            (
                "backup",
                "PutBackupVaultAccessPolicy",
                json!({"policy": open}),
            ),
            (
                "logs",
                "PutDestinationPolicy",
                json!({"accessPolicy": open}),
            ),
            (
                "glacier",
                "SetVaultAccessPolicy",
                json!({"policy": {"policy": open}}),
            ),
        ] {
            assert!(access(source, name, &request).everybody, "{name}");
        }
        for (source, name, request) in [
            (
                "cloudformation",
                "SetStackPolicy",
                json!({"stackPolicyBody": open}),
            ),
            (
                "ec2",
                "CreateVpcEndpoint",
                json!({"CreateVpcEndpointRequest": {"PolicyDocument": open}}),
            ),
        ] {
            assert!(!access(source, name, &request).everybody, "{name}");
        }
    }
}
