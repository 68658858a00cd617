//! The service control policy of a quarantine.
//!
//! It stands above the account, where an attacker inside the account cannot reach it, and holds
//! while changes of identity policies and keys propagate.

use serde_json::{Value, json};

use crate::moment;

/// What nobody but the responder may do to a quarantined identity.
const PROTECTED: [&str; 20] = [
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

/// The document.
pub(crate) fn document(whom: &Whom, version: Version) -> Value {
    let seconds = match version {
        Version::First { seconds } => seconds,
        Version::Second => 0,
    };
    let unless = json!({ "aws:PrincipalArn": whom.exempt });
    let mut statements = Vec::new();
    if !whom.denied.is_empty() {
        statements.push(json!({
            "Sid": "StockadeQuarantine", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {"ArnLike": {"aws:PrincipalArn": whom.denied}, "ArnNotLike": unless}
        }));
    }
    if !whom.revoked.is_empty() {
        statements.push(json!({
            "Sid": "StockadeRevokeSessions", "Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {
                "ArnLike": {"aws:PrincipalArn": whom.revoked}, "ArnNotLike": unless,
                "DateLessThan": {"aws:TokenIssueTime": moment::now_plus(seconds)}
            }
        }));
    }
    let protected: Vec<&String> = whom
        .denied
        .iter()
        .chain(&whom.revoked)
        .filter(|arn| arn.contains(":iam:"))
        .collect();
    statements.push(json!({
        "Sid": "StockadeProtect", "Effect": "Deny", "Action": PROTECTED, "Resource": protected,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_deny_exempts_the_responder_and_nobody_is_denied_by_accident() {
        let whom = Whom {
            denied: vec!["arn:aws:iam::111122223333:user/anna".into()],
            revoked: Vec::new(),
            exempt: vec!["arn:aws:iam::111122223333:role/BreakGlass".into()],
        };
        for (version, count) in [(Version::First { seconds: 15 }, 3), (Version::Second, 2)] {
            let document = document(&whom, version);
            let statements = document["Statement"].as_array().unwrap();
            assert_eq!(statements.len(), count, "no statement about no roles");
            for statement in statements {
                let exempt = &statement["Condition"]["ArnNotLike"]["aws:PrincipalArn"];
                assert_eq!(exempt[0], "arn:aws:iam::111122223333:role/BreakGlass");
            }
        }
    }
}
