//! Which actions an operation needs: mostly the one of its name, and here those that are called otherwise.
//!
//! Owns the exceptions, as facts. An operation may need more, or other actions, by its input: the rows of the range
//! know.

/// The prefix of a service's actions where it is not the name in a credential scope.
const PREFIXES: [(&str, &str); 2] = [("monitoring", "cloudwatch"), ("tagging", "tag")];

/// A line each: the service as botocore spells it, the operation, its actions.
const ODD: &str = include_str!("../actions/operations.txt");

fn odd() -> impl Iterator<Item = (&'static str, &'static str, Vec<&'static str>)> {
    ODD.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some((words.next()?, words.next()?, words.collect()))
        })
}

/// The actions that an operation needs whatever its input. `service` is botocore's name for it, `signed_as` the
/// name in its credential scope.
pub fn of_operation(service: &str, signed_as: &str, operation: &str) -> Vec<String> {
    if let Some((.., actions)) = odd().find(|(own, name, _)| *own == service && *name == operation)
    {
        return actions.into_iter().map(str::to_owned).collect();
    }
    let prefix = PREFIXES
        .iter()
        .find(|(scope, _)| *scope == signed_as)
        .map_or(signed_as, |(_, prefix)| *prefix);
    vec![format!("{prefix}:{operation}")]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actions::find;

    #[test]
    fn every_exception_is_an_action_that_there_is_and_once() {
        let mut seen = std::collections::BTreeSet::new();
        for (service, operation, actions) in odd() {
            assert!(seen.insert((service, operation)), "{service} {operation}");
            assert!(!actions.is_empty(), "{service} {operation}");
            for action in actions {
                assert!(find(action).is_some(), "{service} {operation} {action}");
            }
        }
        assert!(seen.len() > 90);
    }

    #[test]
    fn operations_and_their_actions() {
        for (service, scope, operation, expected) in [
            ("s3", "s3", "ListObjectsV2", vec!["s3:ListBucket"]),
            ("s3", "s3", "GetObject", vec!["s3:GetObject"]),
            (
                "s3control",
                "s3",
                "PutPublicAccessBlock",
                vec!["s3:PutAccountPublicAccessBlock"],
            ),
            (
                "kms",
                "kms",
                "ReEncrypt",
                vec!["kms:ReEncryptFrom", "kms:ReEncryptTo"],
            ),
            (
                "cloudwatch",
                "monitoring",
                "PutMetricAlarm",
                vec!["cloudwatch:PutMetricAlarm"],
            ),
            (
                "resourcegroupstaggingapi",
                "tagging",
                "GetResources",
                vec!["tag:GetResources"],
            ),
            (
                "elbv2",
                "elasticloadbalancing",
                "CreateRule",
                vec!["elasticloadbalancing:CreateRule"],
            ),
        ] {
            assert_eq!(
                of_operation(service, scope, operation),
                expected,
                "{service} {operation}"
            );
        }
    }
}
