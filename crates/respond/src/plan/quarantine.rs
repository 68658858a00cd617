//! The service control policy of a quarantine.
//!
//! It stands above the account, where an attacker inside the account cannot reach it, and holds
//! while changes of identity policies and keys propagate.

use serde_json::{Value, json};

use crate::moment;

/// What nobody but the responder may do to a quarantined identity.
const PROTECTED: [&str; 21] = [
    "iam:AttachRolePolicy",
    "iam:AttachUserPolicy",
    "iam:CreateAccessKey",
    "iam:CreateLoginProfile",
    "iam:CreateServiceSpecificCredential",
    "iam:DeleteRolePolicy",
    "iam:DeleteUserPolicy",
    "iam:DetachRolePolicy",
    "iam:DetachUserPolicy",
    "iam:PutRolePolicy",
    "iam:PutUserPolicy",
    "iam:ResetServiceSpecificCredential",
    "iam:UpdateAccessKey",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
    "iam:UpdateSSHPublicKey",
    "iam:UpdateServiceSpecificCredential",
    "iam:UpdateSigningCertificate",
    "iam:UpdateUser",
    "iam:UploadSSHPublicKey",
    "iam:UploadSigningCertificate",
];

/// Whom a quarantine is about: ARNs and patterns for `aws:PrincipalArn`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Whom {
    /// Users, federated users, and roles that the lineage made: denied everything.
    pub denied: Vec<String>,
    /// Roles with honest users: denied everything to sessions issued before the moment.
    pub revoked: Vec<String>,
    /// The responder and the break-glass role: never denied by us.
    pub exempt: Vec<String>,
}

/// What nobody but the responder may do at all while the first pass is on its way. An attacker who
/// made a user in the seconds before the policy counted could else take our deny off that user, or
/// make the next one, for as long as it likes.
const FROZEN: [&str; 14] = [
    "iam:Add*",
    "iam:Attach*",
    "iam:ChangePassword",
    "iam:Create*",
    "iam:Delete*",
    "iam:Detach*",
    "iam:Enable*",
    "iam:Put*",
    "iam:Remove*",
    "iam:Reset*",
    "iam:Set*",
    "iam:Update*",
    "iam:Upload*",
    "sts:GetFederationToken",
];

/// Which version of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// Until the second pass: sessions of the roles are denied when they were issued up to so many
    /// seconds after the moment of the step, for one that is taken while the policy itself
    /// propagates is denied too; and all identities of the accounts are frozen.
    First {
        /// The seconds.
        seconds: i64,
    },
    /// From then on: the quarantined alone are denied and protected.
    Second,
}

/// ARNs as patterns that match these ARNs and no others. The path of a user or a role is free text: with `*`, `?` or
/// `${aws:username}` in it a user would else not be denied, or others with them.
fn literals(arns: &[String]) -> Vec<String> {
    arns.iter()
        .map(|arn| {
            let mut literal = String::with_capacity(arn.len());
            for character in arn.chars() {
                match character {
                    '$' | '*' | '?' => {
                        literal.extend(["${", character.encode_utf8(&mut [0; 4]), "}"]);
                    }
                    other => literal.push(other),
                }
            }
            literal
        })
        .collect()
}

/// The document.
pub(crate) fn document(whom: &Whom, version: Version) -> Value {
    let seconds = match version {
        Version::First { seconds } => seconds,
        Version::Second => 0,
    };
    let unless = json!({ "aws:PrincipalArn": whom.exempt });
    let mut statements = Vec::new();
    let denied = literals(&whom.denied);
    let revoked = literals(&whom.revoked);
    if !denied.is_empty() {
        statements.push(json!({
            "Sid": "StockadeQuarantine", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": denied}, "ArnNotLike": unless}
        }));
    }
    if !revoked.is_empty() {
        statements.push(json!({
            "Sid": "StockadeRevokeSessions", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {
                "ArnLike": {"aws:PrincipalArn": revoked}, "ArnNotLike": unless,
                "DateLessThan": {"aws:TokenIssueTime": moment::now_plus(seconds)}
            }
        }));
    }
    let protected: Vec<&String> = denied
        .iter()
        .chain(&revoked)
        .filter(|arn| arn.contains(":iam:"))
        .collect();
    statements.push(json!({
        "Sid": "StockadeProtect", "Effect": "Deny", "Action": PROTECTED, "Resource": protected,
        "Condition": {"ArnNotLike": unless}
    }));
    // An account that leaves its organisation leaves the whole policy behind.
    statements.push(json!({
        "Sid": "StockadeStay", "Effect": "Deny", "Action": "organizations:LeaveOrganization", "Resource": "*",
        "Condition": {"ArnNotLike": unless}
    }));
    if matches!(version, Version::First { .. }) {
        statements.push(json!({
            "Sid": "StockadeFreeze", "Effect": "Deny", "Action": FROZEN, "Resource": "*",
            "Condition": {"ArnNotLike": unless}
        }));
    }
    json!({"Version": "2012-10-17", "Statement": statements})
}

/// Leaves out whom there is no room for, from the end and the subject never; says whom. An attacker who makes fifty
/// users must not be rid of the whole policy: its freeze holds them all while their own denies spread.
pub(crate) fn fit(whom: &mut Whom, version: Version, longest: usize) -> Vec<String> {
    let mut left_out = Vec::new();
    while document(whom, version).to_string().len() > longest {
        let last = if whom.denied.len() > 1 {
            whom.denied.pop()
        } else {
            whom.revoked.pop()
        };
        let Some(last) = last else { break };
        left_out.push(last);
    }
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_users_does_not_push_the_policy_out() {
        let arn = |name: String| format!("arn:aws:iam::111122223333:{name}");
        let version = Version::First { seconds: 15 };
        let mut whom = Whom {
            denied: (0..200).map(|n| arn(format!("user/u{n}"))).collect(),
            revoked: vec![arn("role/app".into())],
            exempt: vec![arn("role/BreakGlass".into())],
        };
        let left_out = fit(&mut whom, version, 5_120);
        let document = document(&whom, version);
        assert!(document.to_string().len() <= 5_120);
        assert_eq!(whom.denied[0], arn("user/u0".into()));
        assert_eq!(whom.revoked.len(), 1);
        assert_eq!(whom.denied.len() + left_out.len(), 200);
        let sids: Vec<_> = document["Statement"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["Sid"].clone())
            .collect();
        assert!(sids.contains(&json!("StockadeFreeze")));
        let mut small = Whom {
            denied: vec![arn("user/a".into())],
            ..Whom::default()
        };
        assert!(fit(&mut small, version, 5_120).is_empty());
    }

    #[test]
    fn every_deny_exempts_the_responder_and_nobody_is_denied_by_accident() {
        let whom = Whom {
            denied: vec!["arn:aws:iam::111122223333:user/anna".into()],
            revoked: Vec::new(),
            exempt: vec!["arn:aws:iam::111122223333:role/BreakGlass".into()],
        };
        for (version, count) in [(Version::First { seconds: 15 }, 4), (Version::Second, 3)] {
            let document = document(&whom, version);
            let statements = document["Statement"].as_array().unwrap();
            assert_eq!(statements.len(), count, "no statement about no roles");
            for statement in statements {
                let exempt = &statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
                assert_eq!(exempt[0], "arn:aws:iam::111122223333:role/BreakGlass");
            }
        }
    }

    #[test]
    fn a_path_of_wildcards_and_variables_denies_its_user_and_nobody_else() {
        use stockade_policy::{Context, Named, Policies, Policy, Request, Verdict, evaluate};
        let user = |path: &str| format!("arn:aws:iam::111122223333:user/{path}");
        for path in [
            "${aws:username}/eve",
            "${x/eve",
            "*/eve",
            "a?b/eve",
            "$/{}/eve",
            "${*}/eve",
        ] {
            let whom = Whom {
                denied: vec![user(path)],
                revoked: Vec::new(),
                exempt: vec!["arn:aws:iam::111122223333:role/BreakGlass".into()],
            };
            let parsed = Policy::parse(&document(&whom, Version::Second).to_string()).unwrap();
            let scps = [vec![Named::new("quarantine", parsed)]];
            let verdict = |who: &str, action: &str, on: &str| {
                let principal = who.parse().unwrap();
                let context = Context::new()
                    .with("aws:PrincipalArn", who)
                    .with("aws:username", "eve");
                let request = Request {
                    principal: &principal,
                    action,
                    resource: on,
                    resource_account: None,
                    context: &context,
                };
                let policies = Policies {
                    scps: &scps,
                    ..Policies::default()
                };
                evaluate(&request, &policies).verdict
            };
            let (eve, other) = (user(path), user("aXb/eve"));
            let denied = Verdict::ExplicitlyDenied;
            assert_eq!(verdict(&eve, "s3:GetObject", "*"), denied, "{path}");
            assert_ne!(verdict(&other, "s3:GetObject", "*"), denied, "{path}");
            assert_eq!(
                verdict(&other, "iam:DeleteUserPolicy", &eve),
                denied,
                "{path}"
            );
            assert_ne!(
                verdict(&eve.replace("/eve", "/bob"), "s3:GetObject", "*"),
                denied
            );
        }
    }
}
