//! Many objects of a bucket are read within minutes, by a caller that does not do so.

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, DISTINCT, Sight, Stretch};
use super::super::{About, length};
use super::{WINDOW, is_new, parameter, usual};
use crate::fields::Outcome;
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different objects.
const OBJECTS: usize = 200;

pub(in crate::behaviour) const MASS_READ: Counter = Counter {
    meta,
    kind: LogKind::CloudTrail,
    call: |source, name| source == "s3.amazonaws.com" && matches!(name, "GetObject" | "CopyObject"),
    width: WINDOW,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "mass-read-of-objects",
        title: "Many objects of a bucket read within minutes",
        description: "One caller read hundreds of different objects of a bucket within minutes, and had not done so before. So a bucket is carried away.",
        severity: Severity::Medium,
        tactic: Tactic::Exfiltration,
        techniques: &["T1530", "T1567.002"],
        guardduty: Some("Exfiltration:S3/AnomalousBehavior"),
        falsepositives: &["A first backup, migration or analysis of the bucket", "A job that runs less often than the logs reach back"],
        next: "Is the caller a job that you know, from where it runs? If not: what lay in the objects, and where did they go; triage the key",
        playbook: "data-exfiltration",
    }
    .meta()
}

fn sight(look: &Look<'_>, actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    if actor.service || Outcome::of(look) != Outcome::Done {
        return;
    }
    let bucket = parameter(look, "bucketName").unwrap_or_default();
    let key = parameter(look, "key").unwrap_or_default();
    count(Sight {
        whom: &bucket,
        value: &key,
        ..Sight::default()
    });
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    (stretch.distinct >= OBJECTS && is_new(stretch)).then(|| {
        format!(
            "Many objects read: {} calls for {}{} objects of {} within {}; {}",
            stretch.count,
            stretch.distinct,
            if stretch.distinct >= DISTINCT {
                " or more"
            } else {
                ""
            },
            stretch.whom,
            length(stretch.took),
            usual(stretch)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::counted;
    use super::super::testing::call;
    use super::*;
    use serde_json::json;

    #[test]
    fn a_bucket_is_carried_away() {
        let reads = |start: i64, count: i64, keys: i64| {
            (0..count).map(move |n| {
                let key = format!("private/{}.csv", n % keys);
                call(
                    start + n,
                    "s3",
                    "GetObject",
                    json!({"bucketName": "crown", "key": key}),
                )
            })
        };
        let all: Vec<_> = reads(500, 250, 250).collect();
        assert_eq!(
            counted(&MASS_READ, &all),
            [
                "Many objects read: 250 calls for 250 objects of crown within 4 min; none before in these logs"
            ]
        );
        let same: Vec<_> = reads(0, 400, 20).collect();
        assert!(counted(&MASS_READ, &same).is_empty());
        // A job of every day: its first run is news, the others are not.
        let daily: Vec<_> = (0..4)
            .flat_map(|day| reads(day * 86_400, 250, 250))
            .collect();
        assert_eq!(counted(&MASS_READ, &daily).len(), 1);
    }
}
