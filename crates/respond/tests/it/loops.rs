//! The way of an incident when nothing fails, and what a person does wrong.

use serde_json::json;
use stockade_respond::approve::{self, ApproveError};
use stockade_respond::plan::{ContainOptions, PlanError, PlanOrder, contain};
use stockade_respond::run::{RunError, RunOutcome};
use stockade_respond::triage::{self, TriageError};
use stockade_respond::undo::UndoOutcome;
use stockade_respond::{incident, report};
use stockade_store::StoreError;

use crate::scene::{ANNA, DEPLOY, Scene};

#[tokio::test]
async fn a_containment_runs_and_is_taken_back_to_the_last_bit() {
    for organization in [true, false] {
        let scene = Scene::new(organization).await;
        let before = scene.world.facts();
        let (_, plan, id) = scene.approved().await;
        let ran = scene.engine().run(&plan.id()).await.unwrap();
        assert_eq!(ran.outcome, RunOutcome::Done, "{}", report::run_text(&ran));
        let world = &scene.world;
        assert_eq!(
            world.get(&format!("{ANNA}/key/AKIA1")),
            Some(json!("Inactive"))
        );
        assert!(
            world
                .get(&format!("{ANNA}/inline/StockadeQuarantine-INC-1"))
                .is_some()
        );
        let backdoor = "111122223333/user/backdoor";
        assert_eq!(
            world.get(&format!("{backdoor}/key/AKIA9")),
            Some(json!("Inactive"))
        );
        assert!(
            world
                .get(&format!("{backdoor}/inline/StockadeQuarantine-INC-1"))
                .is_some()
        );
        let staff = world.get("111122223333/user/otto/key/AKIASTAFF");
        assert_eq!(staff, Some(json!("Active")), "nobody else is touched");
        let revoked = world
            .get(&format!("{DEPLOY}/inline/StockadeRevoke-INC-1"))
            .unwrap();
        let cutoff = &revoked["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"];
        assert!(
            cutoff.as_str().unwrap() >= "2026-11-23T10:00:10Z",
            "the second pass is later: {cutoff}"
        );
        let attached = world.get("attached/stockade-quarantine-inc-1/111122223333");
        assert_eq!(attached.is_some(), organization);

        // Again does nothing.
        let calls = scene.world.state.lock().unwrap().writes;
        let again = scene.engine().run(&plan.id()).await.unwrap();
        assert_eq!(again.outcome, RunOutcome::Done);
        assert_eq!(scene.world.state.lock().unwrap().writes, calls);

        let undone = scene.engine().undo(&plan.id(), false).await.unwrap();
        assert_eq!(
            undone.outcome,
            UndoOutcome::Undone,
            "{}",
            report::undo_text(&undone)
        );
        assert_eq!(scene.world.facts(), before);
        let twice = scene.engine().undo(&plan.id(), false).await.unwrap();
        assert_eq!(twice.outcome, UndoOutcome::Undone);
        assert_eq!(scene.world.facts(), before);
        assert!(matches!(
            scene.engine().run(&plan.id()).await,
            Err(RunError::Undone(_))
        ));
        assert_eq!(scene.store.incident(id).await.unwrap().status, "undone");
    }
}

#[tokio::test]
async fn the_quarantine_from_above_comes_before_anything_shows_at_the_identity() {
    let scene = Scene::new(true).await;
    let (_, plan, _) = scene.approved().await;
    scene.world.state.lock().unwrap().calls.clear();
    scene.engine().run(&plan.id()).await.unwrap();
    let calls = scene.world.state.lock().unwrap().calls.clone();
    let place = |wanted: &str| calls.iter().position(|call| call == wanted).unwrap();
    assert!(place("organizations:AttachPolicy") < place("iam:PutUserPolicy"));
    assert!(place("iam:PutUserPolicy") < place("iam:UpdateAccessKey"));
    assert!(place("iam:UpdateAccessKey") < place("iam:PutRolePolicy"));
    // Two accounts are reached by it, the management account is not.
    let targets: Vec<_> = scene
        .world
        .facts()
        .into_keys()
        .filter(|k| k.starts_with("attached/stockade"))
        .collect();
    assert_eq!(targets.len(), 2, "{targets:?}");
}

#[tokio::test]
async fn the_plan_says_who_is_hurt_and_what_is_not_known() {
    let scene = Scene::new(true).await;
    let facts = scene.triage().await;
    let plan = contain(
        &facts,
        &ContainOptions::new("INC-1".parse().unwrap(), facts.at),
    )
    .unwrap();
    let hurt: Vec<_> = plan
        .impact
        .iter()
        .map(|hurt| (hurt.user_agent.as_str(), hurt.calls))
        .collect();
    assert!(hurt.contains(&("billing/1.0", 2)), "{hurt:?}");
    assert!(
        plan.impact
            .iter()
            .all(|hurt| hurt.source_address != "198.51.100.7")
    );
    assert!(
        plan.impact
            .iter()
            .any(|hurt| hurt.effect.contains("assumes the role again"))
    );
    let text = report::plan_text(&plan);
    for part in [
        "credential report",
        &plan.hash(),
        "+    ",
        "billing/1.0",
        "undo   iam:DeleteUserPolicy",
    ] {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    assert!(
        plan.notes.iter().any(|note| note.contains("db")),
        "secrets read are named: {:?}",
        plan.notes
    );
    // The same facts make the same plan; another time makes another.
    let same = contain(
        &facts,
        &ContainOptions::new("INC-1".parse().unwrap(), facts.at),
    )
    .unwrap();
    assert_eq!(same.hash(), plan.hash());
    let mut other = plan.clone();
    other.steps.pop();
    assert_ne!(other.hash(), plan.hash());
}

#[tokio::test]
async fn only_the_hash_that_was_read_is_approved_and_only_then_it_runs() {
    let scene = Scene::new(true).await;
    let facts = scene.triage().await;
    let id = incident::open(&scene.store, &facts, &[], facts.at)
        .await
        .unwrap()
        .id;
    let plan = contain(&facts, &ContainOptions::new(id, facts.at)).unwrap();
    approve::propose(&scene.store, &plan).await.unwrap();
    let before = scene.world.facts();
    let unapproved = scene.engine().run(&plan.id()).await;
    assert!(matches!(unapproved, Err(RunError::NotApproved { .. })));
    let hash = plan.hash();
    for wrong in ["", "0", &hash[..8], &"0".repeat(64), &format!("{hash}0")] {
        let error = approve::approve(&scene.store, &plan.id(), wrong, "ines", facts.at).await;
        assert!(
            matches!(error, Err(ApproveError::WrongHash { .. })),
            "{wrong}"
        );
    }
    assert!(scene.engine().run(&plan.id()).await.is_err());
    assert_eq!(scene.world.facts(), before);
    approve::approve(&scene.store, &plan.id(), &hash[..12], "ines", facts.at)
        .await
        .unwrap();
    let second = approve::approve(&scene.store, &plan.id(), &hash, "otto", facts.at)
        .await
        .unwrap();
    assert_eq!(second.who, "ines");
    assert_eq!(
        scene.engine().run(&plan.id()).await.unwrap().outcome,
        RunOutcome::Done
    );
}

#[tokio::test]
async fn two_runs_never_interleave() {
    let scene = Scene::new(true).await;
    let (_, plan, id) = scene.approved().await;
    let lock = scene.store.lock(id).unwrap();
    let before = scene.world.facts();
    for busy in [
        scene.engine().run(&plan.id()).await.map(|_| ()),
        scene.engine().undo(&plan.id(), false).await.map(|_| ()),
    ] {
        assert!(matches!(busy, Err(RunError::Store(StoreError::Busy(_)))));
    }
    assert_eq!(scene.world.facts(), before);
    drop(lock);
    assert_eq!(
        scene.engine().run(&plan.id()).await.unwrap().outcome,
        RunOutcome::Done
    );
}

#[tokio::test]
async fn a_responder_who_is_the_subject_or_in_its_lineage_gets_no_plan() {
    let scene = Scene::new(true).await;
    let mut facts = scene.triage().await;
    let options = ContainOptions::new("INC-1".parse().unwrap(), facts.at);
    assert!(contain(&facts, &options).is_ok());
    facts.home.arn = facts.arn.clone();
    facts.home.account = facts.account.clone();
    assert!(matches!(
        contain(&facts, &options),
        Err(PlanError::Lockout(_))
    ));
    let mut facts = scene.triage().await;
    facts.responder.account = "444455556666".parse().unwrap();
    facts.responder.arn = "arn:aws:sts::444455556666:assumed-role/deploy/me"
        .parse()
        .unwrap();
    assert!(matches!(
        contain(&facts, &options),
        Err(PlanError::Lockout(_))
    ));
}

#[tokio::test]
async fn another_responder_whom_the_plan_stops_may_not_run_it() {
    let mut scene = Scene::new(true).await;
    let (_, plan, _) = scene.approved().await;
    let before = scene.world.facts();
    let anna = scene.world.client("arn:aws:iam::111122223333:user/anna");
    scene.reach = stockade_respond::aws::Reach::new(anna).await.unwrap();
    let refused = scene.engine().run(&plan.id()).await;
    assert!(matches!(refused, Err(RunError::Lockout(_))), "{refused:?}");
    assert_eq!(scene.world.facts(), before);
}

#[tokio::test]
async fn bad_names_are_told_and_change_nothing() {
    let scene = Scene::new(true).await;
    let before = scene.world.facts();
    for (name, says) in [
        ("ana", "did you mean anna"),
        ("arn:aws:iam::111122223333:role/x", "is not a user"),
        ("zzzzzzzzzz", "list its users"),
    ] {
        let error = triage::user(&scene.reach, &scene.pace, name, &scene.options())
            .await
            .unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
    }
    scene.world.deny(&["iam:GetUser"]);
    let error = triage::user(&scene.reach, &scene.pace, "anna", &scene.options())
        .await
        .unwrap_err();
    assert!(matches!(error, TriageError::Unreadable { .. }), "{error}");
    assert_eq!(scene.world.facts(), before);
    assert_eq!(
        scene.world.state.lock().unwrap().writes,
        0,
        "triage writes nothing"
    );
}

#[tokio::test]
async fn a_triage_with_half_the_permissions_knows_what_it_does_not_know() {
    let scene = Scene::new(true).await;
    scene.world.deny(&[
        "iam:ListMFADevices",
        "iam:ListUserPolicies",
        "organizations:DescribeOrganization",
    ]);
    let facts = scene.triage().await;
    let unknowns = facts.unknowns().join("\n");
    for what in [
        "MFA devices: iam:ListMFADevices failed: AccessDenied",
        "inline policies:",
        "organisation:",
    ] {
        assert!(unknowns.contains(what), "{what} is missing in\n{unknowns}");
    }
    assert!(facts.keys.known().is_some());
    let plan = contain(
        &facts,
        &ContainOptions::new("INC-1".parse().unwrap(), facts.at),
    )
    .unwrap();
    assert!(
        plan.notes.iter().any(|note| note.contains("4 seconds")),
        "{:?}",
        plan.notes
    );
}

#[tokio::test]
async fn the_naive_order_is_marked_as_such() {
    let scene = Scene::new(true).await;
    let facts = scene.triage().await;
    let mut options = ContainOptions::new("INC-1".parse().unwrap(), facts.at);
    options.order = PlanOrder::NaiveForDrillsOnly;
    let plan = contain(&facts, &options).unwrap();
    assert!(
        plan.steps
            .iter()
            .all(|step| !step.title.contains("service control"))
    );
    assert!(
        plan.notes
            .iter()
            .any(|note| note.contains("FOR DRILLS ONLY"))
    );
}

#[tokio::test]
async fn a_trail_that_was_not_read_tells_nothing_and_an_empty_one_does() {
    let scene = Scene::new(true).await;
    let mut options = scene.options();
    options.events.clear();
    options.lookup = Some(Vec::new());
    let unread = triage::user(&scene.reach, &scene.pace, "anna", &options)
        .await
        .unwrap();
    assert!(
        unread.lineage.known().is_none(),
        "LookupEvents is not offered here"
    );
    scene.world.state.lock().unwrap().trail = Some(Vec::new());
    let empty = triage::user(&scene.reach, &scene.pace, "anna", &options)
        .await
        .unwrap();
    assert_eq!(empty.lineage.known().unwrap().roles.len(), 0);
    // And the whole attack is found by LookupEvents alone, over both accounts.
    scene.world.state.lock().unwrap().trail = Some(crate::scene::attack());
    let found = triage::user(&scene.reach, &scene.pace, "anna", &options)
        .await
        .unwrap();
    let keys: Vec<&str> = found
        .lineage
        .known()
        .unwrap()
        .keys
        .iter()
        .map(|k| k.id.as_str())
        .collect();
    assert!(
        keys.contains(&"ASIA1") && keys.contains(&"AKIA9"),
        "{keys:?}"
    );
    assert!(!found.secrets_read.is_empty());
}
