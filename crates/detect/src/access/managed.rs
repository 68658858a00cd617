//! AWS's own managed policies that give so much that a rule wants to know.
//!
//! Owns the table of those. An event names them by ARN and does not carry them. Of all managed policies
//! these were, in August 2026, the ones whose documents allow everything, or actions of IAM on all resources
//! by which the holder makes an administrator of itself.

use serde_json::Value;

use super::Access;

/// Documents within documents are read no deeper than this.
const DEPTH: usize = 16;

const ALL: &[&str] = super::documents::ESCALATIONS;

/// A policy's name, and the actions of escalation that it gives. The first gives everything.
const POLICIES: &[(&str, &[&str])] = &[
    ("AdministratorAccess", ALL),
    ("IAMFullAccess", ALL),
    (
        "AdministratorAccess-Amplify",
        &[
            "iam:AttachRolePolicy",
            "iam:CreatePolicyVersion",
            "iam:PutRolePolicy",
            "iam:UpdateAssumeRolePolicy",
        ],
    ),
];

/// Of a Kubernetes cluster: its holder may do everything in there.
const CLUSTER_ADMIN: &str = ":cluster-access-policy/AmazonEKSClusterAdminPolicy";

/// Looks for ARNs of policies anywhere in a request.
pub(super) fn read(request: &Value, access: &mut Access) {
    read_within(request, access, DEPTH);
}

fn read_within(value: &Value, access: &mut Access, depth: usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    match value {
        Value::Array(items) => items.iter().for_each(|v| read_within(v, access, depth)),
        Value::Object(map) => map.values().for_each(|v| read_within(v, access, depth)),
        Value::String(text) if text.starts_with("arn:") => named(text, access),
        _ => {}
    }
}

fn named(arn: &str, access: &mut Access) {
    if arn.contains(":eks::aws:") && arn.ends_with(CLUSTER_ADMIN) {
        access.administrator = true;
        return;
    }
    let Some((_, name)) = arn.split_once(":iam::aws:policy/") else {
        return;
    };
    if let Some((known, actions)) = POLICIES.iter().find(|(known, _)| *known == name) {
        access.administrator |= *known == "AdministratorAccess";
        access
            .escalation
            .extend(actions.iter().map(|&action| action.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::access;
    use serde_json::json;

    #[test]
    fn policies_of_aws_are_known_by_their_names() {
        let attach = |arn: &str| {
            access(
                "iam",
                "AttachUserPolicy",
                &json!({"userName": "a", "policyArn": arn}),
            )
        };
        let all = attach("arn:aws:iam::aws:policy/AdministratorAccess");
        assert!(all.administrator && all.escalation.contains("iam:PutUserPolicy"));
        let iam = attach("arn:aws-us-gov:iam::aws:policy/IAMFullAccess");
        assert!(!iam.administrator && iam.escalation.contains("iam:AttachUserPolicy"));
        for arn in [
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
            "arn:aws:iam::111122223333:policy/AdministratorAccess",
            "arn:aws:iam::aws:policy/job-function/SupportUser",
        ] {
            let none = attach(arn);
            assert!(!none.administrator && none.escalation.is_empty(), "{arn}");
        }
        let cluster = access(
            "eks",
            "AssociateAccessPolicy",
            &json!({"policyArn": "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"}),
        );
        assert!(cluster.administrator);
        let set = access(
            "sso",
            "AttachManagedPolicyToPermissionSet",
            &json!({"managedPolicyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}),
        );
        assert!(set.administrator);
    }
}
