//! Crashes, lost answers, drift, missing permissions and an attacker who acts in between.

use serde_json::json;
use stockade_respond::journal::Stage;
use stockade_respond::pace::{Moment, Pace as _};
use stockade_respond::plan::{ContainOptions, contain};
use stockade_respond::run::{RunError, RunOutcome};
use stockade_respond::undo::{UndoOutcome, Undone};
use stockade_respond::verify::VerifyOptions;
use stockade_respond::{approve, report};

use crate::fake::Trouble;
use crate::scene::{ANNA, DEPLOY, Scene};

/// Runs, or dies on the way.
async fn run_or_die(scene: &Scene, plan: &str) -> bool {
    let engine = scene.engine();
    tokio::select! {
        biased;
        () = scene.world.death.notified() => false,
        ran = engine.run(plan) => {
            let ran = ran.unwrap();
            assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
            true
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_write_is_gone_on_with_or_taken_back() {
    for after in [false, true] {
        for go_on in [false, true] {
            for number in 1.. {
                let scene = Scene::new(true).await;
                let before = scene.world.facts();
                let (_, plan, _) = scene.approved().await;
                scene.world.trouble(Some(if after {
                    Trouble::DiesAfter(number)
                } else {
                    Trouble::DiesBefore(number)
                }));
                if run_or_die(&scene, &plan.id()).await {
                    assert!(number > 10, "the plan has many writes");
                    break;
                }
                scene.world.trouble(None);
                if go_on {
                    assert!(run_or_die(&scene, &plan.id()).await);
                    assert_eq!(
                        scene.world.get(&format!("{ANNA}/key/AKIA1")),
                        Some(json!("Inactive"))
                    );
                }
                let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
                assert_eq!(
                    undone.outcome,
                    UndoOutcome::Undone,
                    "write {number}: {}",
                    report::undo_text(&undone)
                );
                assert_eq!(
                    scene.world.facts(),
                    before,
                    "write {number}, after {after}, go on {go_on}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_crash_during_an_undo_is_gone_on_with() {
    for number in 1.. {
        let scene = Scene::new(true).await;
        let before = scene.world.facts();
        let (_, plan, _) = scene.approved().await;
        assert!(run_or_die(&scene, &plan.id()).await);
        let trouble = if number % 2 == 0 {
            Trouble::DiesAfter(number)
        } else {
            Trouble::DiesBefore(number)
        };
        scene.world.trouble(Some(trouble));
        let (engine, id) = (scene.engine(), plan.id());
        let died = tokio::select! {
            biased;
            () = scene.world.death.notified() => true,
            undone = engine.undo(&id, false) => {
                assert_eq!(undone.unwrap().outcome, UndoOutcome::Undone);
                false
            }
        };
        scene.world.trouble(None);
        let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
        assert_eq!(undone.outcome, UndoOutcome::Undone);
        assert_eq!(scene.world.facts(), before, "write {number}");
        if !died {
            assert!(number > 10);
            break;
        }
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_looking() {
    for number in 1..=5 {
        let scene = Scene::new(true).await;
        let before = scene.world.facts();
        let (_, plan, _) = scene.approved().await;
        scene.world.trouble(Some(Trouble::LostAnswer(number)));
        let ran = scene.engine().run(&plan.id()).await.unwrap();
        assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
        let noted = ran
            .steps
            .iter()
            .filter(|step| step.detail.is_some())
            .count();
        assert!(noted >= 1, "it is told that the answer was lost");

        scene.world.trouble(Some(Trouble::LostAnswer(number)));
        let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
        assert_eq!(undone.outcome, UndoOutcome::Undone);
        assert_eq!(scene.world.facts(), before);
    }
}

#[tokio::test]
async fn a_lost_write_fails_its_step_and_the_run_can_go_on() {
    let scene = Scene::new(true).await;
    let before = scene.world.facts();
    let (_, plan, id) = scene.approved().await;
    scene.world.trouble(Some(Trouble::LostRequest(4)));
    let ran = scene.engine().run(&plan.id()).await.unwrap();
    assert_eq!(
        ran.outcome,
        RunOutcome::Failed,
        "{}",
        report::run_text(&ran)
    );
    assert!(ran.next.contains("to go on, or undo"), "{}", ran.next);
    assert_eq!(
        scene.store.incident(id).await.unwrap().status,
        "interrupted"
    );
    scene.world.trouble(None);
    assert!(run_or_die(&scene, &plan.id()).await);
    scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(scene.world.facts(), before);
}

#[tokio::test]
async fn drift_is_found_before_anything_is_written() {
    let scene = Scene::new(true).await;
    let (_, plan, _) = scene.approved().await;
    scene
        .world
        .set(&format!("{ANNA}/key/AKIA1"), json!("Inactive"));
    let before = scene.world.facts();
    let ran = scene.engine().run(&plan.id()).await.unwrap();
    assert_eq!(ran.outcome, RunOutcome::Drift);
    assert!(
        ran.next.contains("-  \"status\": \"Active\""),
        "{}",
        ran.next
    );
    assert_eq!(scene.world.facts(), before);
    assert_eq!(ran.counts().0, 0);
}

#[tokio::test]
async fn an_undo_leaves_alone_what_somebody_has_changed_since() {
    let scene = Scene::new(true).await;
    let before = scene.world.facts();
    let (_, plan, id) = scene.approved().await;
    assert!(run_or_die(&scene, &plan.id()).await);
    let path = format!("{DEPLOY}/inline/StockadeRevoke-INC-1");
    let theirs = json!({"Version": "2012-10-17", "Statement": []});
    scene.world.set(&path, theirs.clone());
    let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Drift);
    let drift = undone
        .steps
        .iter()
        .find(|step| matches!(step.2, Undone::Drift(_)))
        .unwrap();
    assert!(matches!(&drift.2, Undone::Drift(diff) if diff.contains("StockadeRevokeSessions")));
    assert!(undone.steps.iter().any(|step| step.2 == Undone::NotTried));
    assert_eq!(
        scene.store.incident(id).await.unwrap().status,
        "partly-undone"
    );
    assert_eq!(
        scene.world.get(&format!("{ANNA}/key/AKIA1")),
        Some(json!("Inactive"))
    );

    let undone = scene.engine().undo(&plan.id(), true).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Drift);
    assert_eq!(scene.world.get(&path), Some(theirs), "it was left alone");
    scene.world.remove(&path);
    assert_eq!(scene.world.facts(), before, "all else is as before");
}

#[tokio::test]
async fn a_permission_that_lacks_stops_the_run_and_says_what_is_done() {
    let scene = Scene::new(true).await;
    let before = scene.world.facts();
    let (_, plan, _) = scene.approved().await;
    scene.world.deny(&["iam:PutRolePolicy"]);
    let ran = scene.engine().run(&plan.id()).await.unwrap();
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(
        ran.next.contains("iam:PutRolePolicy failed: AccessDenied"),
        "{}",
        ran.next
    );
    assert!(ran.steps.iter().any(|step| step.stage == Some(Stage::Done)));
    assert!(ran.steps.iter().any(|step| step.stage.is_none()));
    let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Undone);
    assert_eq!(scene.world.facts(), before);
}

#[tokio::test]
async fn nothing_is_written_when_the_state_cannot_be_saved() {
    let scene = Scene::new(true).await;
    let (_, plan, _) = scene.approved().await;
    let before = scene.world.facts();
    scene.world.deny(&["iam:GetUser"]);
    let ran = scene.engine().run(&plan.id()).await.unwrap();
    assert_eq!(ran.outcome, RunOutcome::Failed);
    assert!(ran.next.contains("could not be saved"), "{}", ran.next);
    assert_eq!(scene.world.facts(), before);
}

#[tokio::test]
async fn a_failed_undo_makes_the_incident_stuck_until_it_is_set_right() {
    let scene = Scene::new(true).await;
    let before = scene.world.facts();
    let (facts, plan, id) = scene.approved().await;
    assert!(run_or_die(&scene, &plan.id()).await);
    scene.world.deny(&["iam:DeleteUserPolicy"]);
    let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Stuck);
    assert!(undone.next.contains("STUCK"), "{}", undone.next);
    assert_eq!(scene.store.incident(id).await.unwrap().status, "stuck");
    let refused = scene.engine().run(&plan.id()).await;
    assert!(matches!(
        refused,
        Err(RunError::Undone(_) | RunError::Stuck(_))
    ));
    // Neither a verdict nor the undo of another plan sets it right.
    let options = VerifyOptions::new();
    scene
        .engine()
        .verify(&plan.id(), &facts, &options)
        .await
        .unwrap();
    assert_eq!(scene.store.incident(id).await.unwrap().status, "stuck");
    let options = ContainOptions::new(id, scene.pace.now());
    let other = contain(&scene.triage().await, &options).unwrap();
    approve::propose(&scene.store, &other).await.unwrap();
    let (now, hash) = (scene.pace.now(), other.hash());
    approve::approve(&scene.store, &other.id(), &hash, "ines", now)
        .await
        .unwrap();
    let refused = scene.engine().run(&other.id()).await;
    assert!(matches!(refused, Err(RunError::Stuck(_))), "{refused:?}");
    let undone = scene.engine().undo(&other.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Undone);
    assert_eq!(scene.store.incident(id).await.unwrap().status, "stuck");
    scene.world.deny(&[]);
    let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
    assert_eq!(undone.outcome, UndoOutcome::Undone);
    assert_eq!(scene.world.facts(), before);
    assert_eq!(scene.store.incident(id).await.unwrap().status, "undone");
}

#[tokio::test]
async fn the_second_pass_sets_right_what_the_attacker_did_meanwhile() {
    for organization in [true, false] {
        let scene = Scene::new(organization).await;
        let (_, plan, _) = scene.approved().await;
        // When the last write of the first pass has landed, the attacker takes it all back.
        scene.hook(|world, moment| {
            if let Moment::AfterStep(_, title) = moment
                && title.contains("revoke the sessions of role deploy")
                && world.get("111122223333/user/late").is_none()
            {
                world.remove(&format!("{ANNA}/inline/StockadeQuarantine-INC-1"));
                world.set(&format!("{ANNA}/key/AKIA1"), json!("Active"));
                world.set(&format!("{ANNA}/key/AKIA3"), json!("Active"));
                world.set(
                    "111122223333/user/late",
                    crate::scene::user("late", &crate::scene::at(5)),
                );
                world.set("111122223333/user/late/key/AKIA4", json!("Active"));
                let made = crate::scene::record(
                    5,
                    "AKIA1",
                    "198.51.100.7",
                    "iam:CreateUser",
                    json!({"requestParameters": {"userName": "late"}}),
                );
                world.state.lock().unwrap().trail = Some(vec![made]);
            }
        });
        let ran = scene.engine().run(&plan.id()).await.unwrap();
        assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
        let inactive = |path: &str| scene.world.get(path) == Some(json!("Inactive"));
        assert!(
            inactive(&format!("{ANNA}/key/AKIA1")),
            "{}",
            report::run_text(&ran)
        );
        assert!(inactive(&format!("{ANNA}/key/AKIA3")));
        assert!(inactive("111122223333/user/late/key/AKIA4"));
        assert!(
            scene
                .world
                .get(&format!("{ANNA}/inline/StockadeQuarantine-INC-1"))
                .is_some()
        );
        assert!(
            scene
                .world
                .get("111122223333/user/late/inline/StockadeQuarantine-INC-1")
                .is_some()
        );
    }
}
