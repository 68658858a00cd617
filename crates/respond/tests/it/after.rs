//! After the containment: eradication, recovery, the report.

use jiff::SignedDuration;
use serde_json::json;
use stockade_respond::approve::{self, ApproveError};
use stockade_respond::journal::Stage;
use stockade_respond::pace::Pace as _;
use stockade_respond::plan::{
    EradicateOptions, RecoverOptions, eradicate, recover, recover_survey,
};
use stockade_respond::report;
use stockade_respond::run::{RunError, RunOutcome};
use stockade_respond::survey::survey;
use stockade_respond::undo::UndoOutcome;
use stockade_store::VerdictRecord;

use crate::scene::{ANNA, SECRET, Scene};

#[tokio::test]
async fn what_was_left_is_removed_one_way_steps_last_and_each_approved() {
    let scene = Scene::new(true).await;
    let (facts, plan, id) = scene.approved().await;
    scene.engine().run(&plan.id()).await.unwrap();
    let found = survey(&scene.reach, &facts).await;
    assert_eq!(
        found.iter().filter_map(|item| item.left()).count(),
        2,
        "{found:?}"
    );
    let now = scene.pace.now();
    let options = EradicateOptions {
        incident: id,
        now,
        propagation: 10,
    };
    let plan = eradicate(&facts, &found, &options).unwrap();
    approve::propose(&scene.store, &plan).await.unwrap();
    approve::approve(&scene.store, &plan.id(), &plan.hash(), "ines", now)
        .await
        .unwrap();
    let first = scene.engine().run(&plan.id()).await.unwrap();
    assert_eq!(
        first.outcome,
        RunOutcome::Waiting,
        "{}",
        report::run_text(&first)
    );
    assert!(
        scene
            .world
            .get("111122223333/user/backdoor/key/AKIA9")
            .is_some()
    );
    let error =
        approve::approve_one_way(&scene.store, &plan.id(), "1", &plan.hash(), "ines", now).await;
    assert!(matches!(error, Err(ApproveError::NoOneWayStep { .. })));
    for step in plan.one_way() {
        approve::approve_one_way(
            &scene.store,
            &plan.id(),
            &step.id,
            &plan.hash(),
            "ines",
            now,
        )
        .await
        .unwrap();
    }
    let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Undone);
    let status = scene.store.incident(plan.incident).await.unwrap().status;
    assert_eq!(
        status, "acted, eradicate undone",
        "the containment stands as before"
    );
    // What was undone stays so: a new plan, from what is there now.
    let found = survey(&scene.reach, &facts).await;
    let mut options = options;
    options.now = scene.pace.now() + SignedDuration::from_secs(1);
    let plan = eradicate(&facts, &found, &options).unwrap();
    approve::propose(&scene.store, &plan).await.unwrap();
    let (id, hash) = (plan.id(), plan.hash());
    approve::approve(&scene.store, &id, &hash, "ines", now)
        .await
        .unwrap();
    for step in plan.one_way() {
        approve::approve_one_way(&scene.store, &id, &step.id, &hash, "ines", now)
            .await
            .unwrap();
    }
    let second = scene.engine().run(&id).await.unwrap();
    assert_eq!(
        second.outcome,
        RunOutcome::Done,
        "{}",
        report::run_text(&second)
    );
    assert_eq!(scene.world.get("111122223333/user/backdoor"), None);
    let found = survey(&scene.reach, &facts).await;
    assert_eq!(
        found.iter().find_map(|item| item.left()),
        None,
        "nothing is left"
    );
    match scene.engine().undo(&id, false).await {
        Err(RunError::OneWayDone { steps, .. }) => {
            assert!(steps.contains("delete user backdoor"), "{steps}")
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_deny_leaves_a_user_only_with_the_approval_of_its_deletion() {
    let scene = Scene::new(true).await;
    let (facts, plan, id) = scene.approved().await;
    scene.engine().run(&plan.id()).await.unwrap();
    let status = async || scene.store.incident(id).await.unwrap().status;
    assert_eq!(status().await, "acted");
    scene
        .store
        .set_status(id, "contained", scene.pace.now())
        .await
        .unwrap();
    let found = survey(&scene.reach, &facts).await;
    let now = scene.pace.now();
    let options = EradicateOptions {
        incident: id,
        now,
        propagation: 10,
    };
    let plan = eradicate(&facts, &found, &options).unwrap();
    approve::propose(&scene.store, &plan).await.unwrap();
    let (plan_id, hash) = (plan.id(), plan.hash());
    approve::approve(&scene.store, &plan_id, &hash, "ines", now)
        .await
        .unwrap();
    let one_way = |title: &str| plan.one_way().find(|step| step.title.contains(title));
    let deletion = one_way("delete user backdoor").unwrap().id.clone();
    for step in plan.one_way().filter(|step| step.id != deletion) {
        approve::approve_one_way(&scene.store, &plan_id, &step.id, &hash, "ines", now)
            .await
            .unwrap();
    }
    let waits = scene.engine().run(&plan_id).await.unwrap();
    assert_eq!(waits.outcome, RunOutcome::Waiting);
    assert_eq!(status().await, "contained, eradicate waiting");
    assert!(
        waits
            .next
            .contains(&format!("step {deletion} (delete user"))
    );
    let backdoor = "111122223333/user/backdoor";
    let key = scene.world.get(&format!("{backdoor}/key/AKIA9"));
    assert_eq!(key, None, "this was approved");
    let deny = format!("{backdoor}/inline/StockadeQuarantine-INC-1");
    assert!(scene.world.get(backdoor).is_some());
    assert!(
        scene.world.get(&deny).is_some(),
        "the user is there, and so is the deny"
    );
    assert!(report::plan_text(&plan).contains(&format!("needs  the approval of step {deletion}")));
    approve::approve_one_way(&scene.store, &plan_id, &deletion, &hash, "ines", now)
        .await
        .unwrap();
    let ran = scene.engine().run(&plan_id).await.unwrap();
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
    assert_eq!(scene.world.get(backdoor), None);
    assert_eq!(status().await, "contained, eradicate done");
}

#[tokio::test]
async fn a_recovery_waits_for_its_soak() {
    let scene = Scene::new(true).await;
    let (facts, plan, id) = scene.approved().await;
    scene.engine().run(&plan.id()).await.unwrap();
    let contained_at = scene
        .engine()
        .completed_at(&plan.id())
        .await
        .unwrap()
        .unwrap();
    let seen = recover_survey(&scene.reach, &facts).await.unwrap();
    let now = scene.pace.now();
    let options = RecoverOptions {
        incident: id,
        now,
        role: "billing".into(),
        trust: json!({"Service": "ec2.amazonaws.com"}),
        contained_at,
        soak_hours: 24,
        propagation: 10,
    };
    let plan = recover(&facts, &seen, &options).unwrap();
    let text = report::plan_text(&plan);
    assert!(
        text.contains("arn:aws:s3:::bills/2026/*") && text.contains("s3:GetObject"),
        "{text}"
    );
    assert!(
        !text.contains("iam:ListUsers"),
        "the attacker's actions are not what the application needs"
    );
    assert!(plan.one_way().count() >= 2);
    assert!(plan.one_way().all(|step| step.requires.is_some()));
    approve::propose(&scene.store, &plan).await.unwrap();
    let (id, hash) = (plan.id(), plan.hash());
    approve::approve(&scene.store, &id, &hash, "ines", now)
        .await
        .unwrap();
    for step in plan.one_way() {
        approve::approve_one_way(&scene.store, &id, &step.id, &hash, "ines", now)
            .await
            .unwrap();
    }
    let waits = scene.engine().run(&id).await.unwrap();
    assert_eq!(
        waits.outcome,
        RunOutcome::Waiting,
        "{}",
        report::run_text(&waits)
    );
    assert!(waits.next.contains("clean soak"), "{}", waits.next);
    assert!(scene.world.get("111122223333/role/billing").is_some());
    assert!(scene.world.get(&format!("{ANNA}/key/AKIA1")).is_some());
    let later = contained_at + SignedDuration::from_hours(25);
    let verdict = |outcome: &str, at| VerdictRecord {
        at,
        outcome: outcome.into(),
        body: json!({}),
    };
    scene
        .store
        .add_verdict(plan.incident, &verdict("unknown", later))
        .await
        .unwrap();
    assert_eq!(
        scene.engine().run(&id).await.unwrap().outcome,
        RunOutcome::Waiting
    );
    scene
        .store
        .add_verdict(plan.incident, &verdict("contained", later))
        .await
        .unwrap();
    let ran = scene.engine().run(&id).await.unwrap();
    assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
    assert_eq!(scene.world.get(&format!("{ANNA}/key/AKIA1")), None);
    assert!(scene.world.get(ANNA).is_some(), "the user is there anew");
}

#[tokio::test]
async fn the_report_tells_it_all_and_no_secret_is_stored() {
    let scene = Scene::new(true).await;
    let (facts, plan, id) = scene.approved().await;
    scene.engine().run(&plan.id()).await.unwrap();
    let stored = scene.store.incident(id).await.unwrap();
    assert_eq!(
        stockade_respond::incident::facts(&stored).unwrap(),
        facts,
        "the facts are kept whole"
    );
    let whole = report::gather(&scene.store, id).await.unwrap();
    assert!(!whole.saved.is_empty());
    let html = report::html(&whole);
    for part in [
        "NO VERDICT",
        "arn:aws:iam::111122223333:user/anna",
        "approved by ines",
        "chain intact",
        "prefers-color-scheme",
    ] {
        assert!(html.contains(part), "{part}");
    }
    for outside in ["http://", "https://", "<script", "src="] {
        assert!(!html.contains(outside), "{outside}");
    }
    let text = report::text(&whole);
    assert!(text.contains("step 2 done"), "{text}");
    assert!(
        whole.plans[0]
            .steps
            .iter()
            .all(|s| s.trace.as_ref().is_some_and(|t| t.stage == Stage::Done))
    );
    scene.store.close().await;
    for file in std::fs::read_dir(scene.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        let found = bytes
            .windows(SECRET.len())
            .any(|window| window == SECRET.as_bytes());
        assert!(!found, "a secret reached the store");
    }
}
