//! The verdict: proved, refuted, or unknown.

use std::sync::Arc;

use jiff::SignedDuration;
use serde_json::json;
use stockade_respond::aws::{Aws, BoxFuture};
use stockade_respond::pace::Pace as _;
use stockade_respond::report;
use stockade_respond::verify::{Attempt, Attempted, AwsCanary, Canary, Outcome, VerifyOptions};

use crate::scene::{ANNA, Scene, attack, events, record};

/// Runs the containment, and gives the facts and the plan's id.
async fn contained(scene: &Scene) -> (stockade_respond::triage::UserFacts, String) {
    let (facts, plan, _) = scene.approved().await;
    scene.engine().run(&plan.id()).await.unwrap();
    (facts, plan.id())
}

fn options<'a>() -> VerifyOptions<'a> {
    VerifyOptions {
        trail_delay: SignedDuration::ZERO,
        ..VerifyOptions::new()
    }
}

/// Honest events of both accounts, late enough to show that the trail goes on.
fn quiet(scene: &Scene) -> Vec<serde_json::Value> {
    let now = scene
        .pace
        .now()
        .duration_since(crate::scene::start())
        .as_secs();
    let mut records = attack();
    records.push(record(
        now + 30,
        "AKIASTAFF",
        "10.0.0.2",
        "iam:ListUsers",
        json!({}),
    ));
    records.push(record(
        now + 30,
        "ASIAHONEST",
        "10.0.0.9",
        "s3:PutObject",
        json!({}),
    ));
    records
}

#[tokio::test]
async fn contained_is_said_only_when_every_layer_proves_it() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    scene.world.state.lock().unwrap().trail = Some(quiet(&scene));
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    assert_eq!(
        verdict.outcome,
        Outcome::Contained,
        "{}",
        report::verdict_text(&verdict)
    );
    let id = scene.store.incidents().await.unwrap()[0].clone();
    assert_eq!(id.status, "contained");
    assert_eq!(
        scene.store.verdicts(id.id).await.unwrap()[0].outcome,
        "contained"
    );

    // CloudTrail's own delay makes the same look unknown.
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &VerifyOptions::new())
        .await
        .unwrap();
    assert_eq!(
        verdict.outcome,
        Outcome::Unknown,
        "{}",
        report::verdict_text(&verdict)
    );
    assert!(report::verdict_text(&verdict).contains("may still be on their way"));
}

#[tokio::test]
async fn without_a_trail_or_with_an_old_one_it_is_unknown() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    let none = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    assert_eq!(
        none.outcome,
        Outcome::Unknown,
        "{}",
        report::verdict_text(&none)
    );
    scene.world.state.lock().unwrap().trail = Some(attack());
    let old = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    assert_eq!(
        old.outcome,
        Outcome::Unknown,
        "{}",
        report::verdict_text(&old)
    );
    assert!(report::verdict_text(&old).contains("before the containment counted"));
}

#[tokio::test]
async fn a_success_since_refutes_it_and_a_refusal_does_not() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    let now = scene
        .pace
        .now()
        .duration_since(crate::scene::start())
        .as_secs();
    let mut records = quiet(&scene);
    records.push(record(
        now + 20,
        "AKIA1",
        "10.0.0.1",
        "s3:GetObject",
        json!({"errorCode": "AccessDenied"}),
    ));
    records.push(record(
        now + 20,
        "ASIA1",
        "198.51.100.7",
        "s3:ListBuckets",
        json!({"errorCode": "AccessDenied"}),
    ));
    records.push(record(
        now + 20,
        "ASIA1",
        "198.51.100.7",
        "sts:GetCallerIdentity",
        json!({}),
    ));
    scene.world.state.lock().unwrap().trail = Some(records.clone());
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    let text = report::verdict_text(&verdict);
    assert_eq!(verdict.outcome, Outcome::Contained, "{text}");
    assert!(
        text.contains("198.51.100.7 (aws-cli/2.15): somebody still tries")
            && text.contains("10.0.0.1 (billing/1.0): an honest caller, as foretold")
            && text.contains("no policy can deny it"),
        "{text}"
    );

    // A session that was issued after the triage by a key of the lineage.
    records.push(record(
        5,
        "AKIA1",
        "198.51.100.7",
        "sts:AssumeRole",
        json!({
        "requestParameters": {"roleArn": "arn:aws:iam::444455556666:role/deploy"},
        "responseElements": {"credentials": {"accessKeyId": "ASIA7"},
            "assumedRoleUser": {"arn": "arn:aws:sts::444455556666:assumed-role/deploy/y"}}}),
    ));
    records.push(record(
        now + 25,
        "ASIA7",
        "203.0.113.5",
        "s3:GetObject",
        json!({}),
    ));
    scene.world.state.lock().unwrap().trail = Some(records);
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    let text = report::verdict_text(&verdict);
    assert_eq!(verdict.outcome, Outcome::NotContained, "{text}");
    assert!(
        text.contains("ASIA7") && text.contains("203.0.113.5"),
        "{text}"
    );
}

#[tokio::test]
async fn what_was_taken_off_refutes_it() {
    type Break = fn(&Scene);
    let cases: [(Break, &str); 3] = [
        (
            |scene| {
                scene
                    .world
                    .set(&format!("{ANNA}/key/AKIA1"), json!("Active"))
            },
            "AKIA1 of user anna is active",
        ),
        (
            |scene| {
                scene
                    .world
                    .remove(&format!("{ANNA}/inline/StockadeQuarantine-INC-1"));
                scene
                    .world
                    .remove("attached/stockade-quarantine-inc-1/111122223333");
            },
            "user/anna may still do",
        ),
        (
            |scene| {
                scene
                    .world
                    .remove("444455556666/role/deploy/inline/StockadeRevoke-INC-1");
                scene
                    .world
                    .remove("attached/stockade-quarantine-inc-1/444455556666");
            },
            "session ASIA1 of arn:aws:iam::444455556666:role/deploy may still do",
        ),
    ];
    for (undo, says) in cases {
        let scene = Scene::new(true).await;
        let (facts, plan) = contained(&scene).await;
        scene.world.state.lock().unwrap().trail = Some(quiet(&scene));
        scene.pace.wait(SignedDuration::from_secs(60), "").await;
        undo(&scene);
        let verdict = scene
            .engine()
            .verify(&plan, &facts, &options())
            .await
            .unwrap();
        let text = report::verdict_text(&verdict);
        assert_eq!(verdict.outcome, Outcome::NotContained, "{text}");
        assert!(text.contains(says), "{says} is missing in\n{text}");
    }
}

#[tokio::test]
async fn policies_that_cannot_be_read_prove_nothing() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    scene.world.state.lock().unwrap().trail = Some(quiet(&scene));
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    scene.world.deny(&["iam:ListRolePolicies"]);
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &options())
        .await
        .unwrap();
    assert_eq!(
        verdict.outcome,
        Outcome::Unknown,
        "{}",
        report::verdict_text(&verdict)
    );
}

#[tokio::test]
async fn a_plan_that_is_not_done_is_never_proved() {
    let scene = Scene::new(true).await;
    let (facts, plan, _) = scene.approved().await;
    let verdict = scene
        .engine()
        .verify(&plan.id(), &facts, &options())
        .await
        .unwrap();
    assert_eq!(
        verdict.outcome,
        Outcome::NotContained,
        "the key is active still"
    );
    assert!(report::verdict_text(&verdict).contains("no containment that is wholly done"));
}

struct Bird(Attempted);

impl Canary for Bird {
    fn name(&self) -> String {
        "the attacker's".to_owned()
    }

    fn attempt(&self) -> BoxFuture<'_, Vec<Attempt>> {
        let attempt = Attempt {
            call: "s3:ListBuckets".to_owned(),
            outcome: self.0.clone(),
        };
        Box::pin(std::future::ready(vec![attempt]))
    }
}

#[tokio::test]
async fn a_canary_that_sings_refutes_it() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    scene.world.state.lock().unwrap().trail = Some(quiet(&scene));
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    for (outcome, expected) in [
        (
            Attempted::Refused("AccessDenied".into()),
            Outcome::Contained,
        ),
        (Attempted::Succeeded, Outcome::NotContained),
        (Attempted::NotReached("no network".into()), Outcome::Unknown),
    ] {
        let bird = Bird(outcome);
        let mut options = options();
        let canaries: [&dyn Canary; 1] = [&bird];
        options.canaries = &canaries;
        let verdict = scene
            .engine()
            .verify(&plan, &facts, &options)
            .await
            .unwrap();
        assert_eq!(
            verdict.outcome,
            expected,
            "{}",
            report::verdict_text(&verdict)
        );
    }
    // A canary by a client: whoever gets an answer was let in.
    let aws: Arc<dyn Aws> = scene.world.client("arn:aws:iam::111122223333:user/otto");
    let canary = AwsCanary::new("otto", aws);
    let sang = canary.attempt().await;
    assert!(
        sang.iter()
            .any(|attempt| attempt.outcome == Attempted::Succeeded),
        "{sang:?}"
    );
}

#[tokio::test]
async fn a_watch_ends_at_the_first_success_and_else_when_its_time_is_over() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    scene.world.state.lock().unwrap().trail = Some(quiet(&scene));
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    let mut looks = 0;
    let half_hour = SignedDuration::from_mins(30);
    let minute = SignedDuration::from_mins(1);
    let watched = scene
        .engine()
        .watch(&plan, &facts, &options(), half_hour, minute, |_| looks += 1)
        .await
        .unwrap();
    assert_eq!(
        (watched.outcome, watched.watched, looks),
        (Outcome::Contained, 1_800, 31)
    );

    let now = scene
        .pace
        .now()
        .duration_since(crate::scene::start())
        .as_secs();
    let mut records = quiet(&scene);
    records.push(record(
        now - 1,
        "ASIA1",
        "198.51.100.7",
        "s3:GetObject",
        json!({}),
    ));
    scene.world.state.lock().unwrap().trail = Some(records);
    let watched = scene
        .engine()
        .watch(&plan, &facts, &options(), half_hour, minute, |_| {})
        .await
        .unwrap();
    assert_eq!(
        (watched.outcome, watched.watched),
        (Outcome::NotContained, 0)
    );
}

#[tokio::test]
async fn events_from_files_prove_as_well() {
    let scene = Scene::new(true).await;
    let (facts, plan) = contained(&scene).await;
    let events = events(&quiet(&scene));
    scene.pace.wait(SignedDuration::from_secs(60), "").await;
    let options = VerifyOptions {
        lookup: None,
        events: &events,
        ..options()
    };
    let verdict = scene
        .engine()
        .verify(&plan, &facts, &options)
        .await
        .unwrap();
    assert_eq!(
        verdict.outcome,
        Outcome::Contained,
        "{}",
        report::verdict_text(&verdict)
    );
}
