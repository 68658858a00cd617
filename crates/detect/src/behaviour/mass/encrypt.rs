//! Objects are written over themselves under another key: so a bucket is held to ransom.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, Sight, Stretch};
use super::super::{About, length};
use super::{WINDOW, is_new, parameter, usual};
use crate::fields::Outcome;
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different objects.
const OBJECTS: usize = 20;

const CALLERS_KEY: &str = "x-amz-server-side-encryption-customer-algorithm";
const MANAGED_KEY: &str = "x-amz-server-side-encryption-aws-kms-key-id";

pub(in crate::behaviour) const MASS_ENCRYPT: Counter = Counter {
    meta,
    kind: LogKind::CloudTrail,
    call: |source, name| source == "s3.amazonaws.com" && matches!(name, "CopyObject" | "PutObject"),
    width: WINDOW,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "mass-encryption-of-objects",
        title: "Many objects encrypted anew within minutes",
        description: "One caller wrote many objects over with a key of its own, or copied many onto themselves under another account's key, within minutes. Whoever does not have that key has lost them.",
        severity: Severity::High,
        tactic: Tactic::Impact,
        techniques: &["T1486"],
        guardduty: None,
        falsepositives: &["A planned change of the encryption of a bucket to keys that callers keep"],
        next: "Take the caller's rights at once; stop it from writing more. Are there versions or copies? Keep the records: they name the algorithm and the key's check sum",
        playbook: "ransom",
    }
    .meta()
}

fn sight(look: &Look<'_>, _actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    if Outcome::of(look) != Outcome::Done {
        return;
    }
    let bucket = parameter(look, "bucketName").unwrap_or_default();
    let key = parameter(look, "key").unwrap_or_default();
    let callers = parameter(look, CALLERS_KEY).is_some();
    let abroad = parameter(look, MANAGED_KEY).is_some_and(|arn| {
        let account = arn.split(':').nth(4).unwrap_or_default();
        account.len() == 12 && look.account().is_some_and(|own| own != account)
    });
    let itself = parameter(look, "x-amz-copy-source").is_some_and(|source| {
        let source = source.trim_start_matches('/');
        source.split('?').next() == Some(&format!("{bucket}/{key}"))
    });
    if callers || (abroad && (itself || look.name() == "PutObject")) {
        count(Sight {
            whom: &bucket,
            number: u32::from(callers),
            value: &key,
            ..Sight::default()
        });
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    (stretch.distinct >= OBJECTS && is_new(stretch)).then(|| {
        format!(
            "Many objects encrypted anew: {} of {} within {}, under {}; {}",
            stretch.distinct,
            stretch.whom,
            length(stretch.took),
            if stretch.number == 1 {
                "a key that only the caller has"
            } else {
                "another account's key"
            },
            usual(stretch)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::call;
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn objects_under_a_strange_key_are_seen() {
        let copies = |more: Value| -> Vec<_> {
            (0..30)
                .map(|n| {
                    let mut parameters = json!({"bucketName": "crown", "key": format!("{n}.db"),
                        "x-amz-copy-source": format!("crown/{n}.db")});
                    for (name, value) in more.as_object().unwrap() {
                        parameters[name] = value.clone();
                    }
                    call(n, "s3", "CopyObject", parameters)
                })
                .collect()
        };
        assert_eq!(
            counted(&MASS_ENCRYPT, &copies(json!({CALLERS_KEY: "AES256"}))),
            [
                "Many objects encrypted anew: 30 of crown within 29 s, under a key that only the caller has; none before in these logs"
            ]
        );
        let key =
            |account: &str| json!({MANAGED_KEY: format!("arn:aws:kms:us-east-1:{account}:key/1")});
        assert_eq!(
            counted(&MASS_ENCRYPT, &copies(key("999988887777"))).len(),
            1
        );
        assert!(counted(&MASS_ENCRYPT, &copies(key("111122223333"))).is_empty());
        assert!(counted(&MASS_ENCRYPT, &copies(json!({}))).is_empty());
    }
}
