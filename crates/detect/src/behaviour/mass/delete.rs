//! Much is deleted within minutes: objects, disks, snapshots, machines, tables.

use std::borrow::Cow;

use stockade_model::{LogKind, Severity, Tactic};

use super::super::tally::{Counter, DISTINCT, Sight, Stretch};
use super::super::{About, length};
use super::{WINDOW, is_new, parameter, usual};
use crate::fields::Outcome;
use crate::look::Look;
use crate::rule::Meta;
use crate::world::Actor;

/// So many different objects of a bucket …
const OBJECTS: usize = 100;
/// … or so many different things that hold data or do work.
const THINGS: usize = 12;

const OF_OBJECTS: u32 = 0;
const OF_THINGS: u32 = 1;

pub(in crate::behaviour) const MASS_DELETE: Counter = Counter {
    meta,
    kind: LogKind::CloudTrail,
    call: |source, name| {
        (source == "s3.amazonaws.com"
            && matches!(name, "DeleteObject" | "DeleteObjects" | "DeleteBucket"))
            || noun(name).is_some()
    },
    width: WINDOW,
    sight,
    judge,
};

fn meta() -> Meta {
    About {
        id: "mass-deletion",
        title: "Much deleted within minutes",
        description: "One caller deleted many objects, or many things that hold data or do work, within minutes, and had not done so before.",
        severity: Severity::Medium,
        tactic: Tactic::Impact,
        techniques: &["T1485"],
        guardduty: Some("Impact:S3/AnomalousBehavior.Delete"),
        falsepositives: &["An environment that is taken down, by its own tool", "A clean-up that somebody announced"],
        next: "Did somebody announce it? If not: take the caller's rights at once, then look for versions, backups and copies",
        playbook: "ransom",
    }
    .meta()
}

/// What a call deletes, by the parameter that names it.
fn noun(name: &str) -> Option<&'static str> {
    Some(match name {
        "DeleteVolume" => "volumeId",
        "DeleteSnapshot" => "snapshotId",
        "DeregisterImage" => "imageId",
        "DeleteDBInstance" => "dBInstanceIdentifier",
        "DeleteDBCluster" => "dBClusterIdentifier",
        "DeleteDBSnapshot" => "dBSnapshotIdentifier",
        "DeleteDBClusterSnapshot" => "dBClusterSnapshotIdentifier",
        "DeleteTable" => "tableName",
        "DeleteBackup" => "backupArn",
        "DeleteRecoveryPoint" => "recoveryPointArn",
        "DeleteFileSystem" => "fileSystemId",
        "ScheduleKeyDeletion" => "keyId",
        "DeleteRepository" => "repositoryName",
        "TerminateInstances" => "instancesSet",
        _ => return None,
    })
}

fn sight(look: &Look<'_>, actor: &Actor, count: &mut dyn FnMut(Sight<'_>)) {
    if actor.service || Outcome::of(look) != Outcome::Done {
        return;
    }
    let name = look.name();
    let bucket = parameter(look, "bucketName").unwrap_or_default();
    match &*name {
        "DeleteObject" => {
            let key = parameter(look, "key").unwrap_or_default();
            count(Sight {
                whom: &bucket,
                number: OF_OBJECTS,
                value: &key,
                ..Sight::default()
            });
        }
        // Which objects it was the record does not tell: up to a thousand.
        "DeleteObjects" => count(Sight {
            whom: &bucket,
            number: OF_OBJECTS,
            value: &look.text(&["eventID"]).unwrap_or_default(),
            amount: 1,
            ..Sight::default()
        }),
        "DeleteBucket" => count(Sight {
            number: OF_THINGS,
            value: &bucket,
            ..Sight::default()
        }),
        "TerminateInstances" => {
            let items = look.at(&["requestParameters", "instancesSet", "items"]);
            for item in items.into_iter().flat_map(|items| items.elements()) {
                let id = item.get("instanceId").and_then(|id| id.text());
                count(Sight {
                    number: OF_THINGS,
                    value: &id.unwrap_or_default(),
                    ..Sight::default()
                });
            }
        }
        other => {
            let thing = noun(other).and_then(|noun| parameter(look, noun));
            count(Sight {
                number: OF_THINGS,
                value: &thing.unwrap_or(Cow::Borrowed("")),
                ..Sight::default()
            });
        }
    }
}

fn judge(stretch: &Stretch<'_>) -> Option<String> {
    if !is_new(stretch) {
        return None;
    }
    let more = if stretch.distinct >= DISTINCT {
        " or more"
    } else {
        ""
    };
    // A call that deletes many at once counts for as many as it takes to be a lot.
    let objects = stretch.distinct + 9 * usize::try_from(stretch.amount).unwrap_or(usize::MAX / 16);
    if stretch.number == OF_OBJECTS && objects >= OBJECTS {
        return Some(format!(
            "Much deleted: {} calls that delete objects of {} within {}; {}",
            stretch.count,
            stretch.whom,
            length(stretch.took),
            usual(stretch)
        ));
    }
    (stretch.number == OF_THINGS && stretch.distinct >= THINGS).then(|| {
        format!(
            "Much deleted: {}{more} things within {}; {}",
            stretch.distinct,
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
    use serde_json::{Value, json};

    #[test]
    fn many_objects_and_many_things_are_seen() {
        let objects: Vec<_> = (0..150)
            .map(|n| {
                call(
                    n,
                    "s3",
                    "DeleteObject",
                    json!({"bucketName": "b", "key": format!("{n}")}),
                )
            })
            .collect();
        assert_eq!(
            counted(&MASS_DELETE, &objects),
            [
                "Much deleted: 150 calls that delete objects of b within 2 min; none before in these logs"
            ]
        );
        let things: Vec<_> = (0..15)
            .map(|n| {
                call(
                    n,
                    "ec2",
                    "DeleteSnapshot",
                    json!({"snapshotId": format!("snap-{n}")}),
                )
            })
            .collect();
        assert_eq!(
            counted(&MASS_DELETE, &things),
            ["Much deleted: 15 things within 14 s; none before in these logs"]
        );
        let items: Vec<Value> = (0..20)
            .map(|n| json!({"instanceId": format!("i-{n}")}))
            .collect();
        let at_once = [call(
            0,
            "ec2",
            "TerminateInstances",
            json!({"instancesSet": {"items": items}}),
        )];
        assert_eq!(counted(&MASS_DELETE, &at_once).len(), 1);
    }

    #[test]
    fn few_refused_and_a_services_own_are_not() {
        let few: Vec<_> = (0..5)
            .map(|n| {
                call(
                    n,
                    "ec2",
                    "DeleteVolume",
                    json!({"volumeId": format!("vol-{n}")}),
                )
            })
            .collect();
        assert!(counted(&MASS_DELETE, &few).is_empty());
        let with = |field: &str, value: Value| -> Vec<_> {
            (0..15)
                .map(|n| {
                    let event = call(
                        n,
                        "ec2",
                        "DeleteSnapshot",
                        json!({"snapshotId": format!("snap-{n}")}),
                    );
                    let mut record = event.record().clone();
                    record[field] = value.clone();
                    crate::testing::event(record)
                })
                .collect()
        };
        assert!(
            counted(
                &MASS_DELETE,
                &with("errorCode", json!("Client.UnauthorizedOperation"))
            )
            .is_empty()
        );
        let backup = json!({"type": "AssumedRole", "invokedBy": "backup.amazonaws.com", "arn": "arn:aws:sts::1:assumed-role/b/s"});
        assert!(counted(&MASS_DELETE, &with("userIdentity", backup)).is_empty());
    }
}
