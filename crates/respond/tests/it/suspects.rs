//! Who is taken for the attacker, and what follows from it.

use serde_json::{Value, json};
use stockade_detect::RuleSet;
use stockade_respond::incident;
use stockade_respond::pace::Pace as _;
use stockade_respond::plan::{ContainOptions, RecoverOptions, contain, recover, recover_survey};
use stockade_respond::triage::{self, TriageOptions, UserFacts};

use crate::scene::{Scene, attack, events, record};

const EVIL: &str = "198.51.100.7";

/// The way of the command line: nothing is given but what finds.
fn nothing_given() -> TriageOptions {
    TriageOptions {
        account: Some("111122223333".parse().unwrap()),
        lookup: Some(Vec::new()),
        detect: Some(|events| RuleSet::builtin().hunt(events)),
        ..TriageOptions::default()
    }
}

async fn triage(scene: &Scene, options: &TriageOptions) -> UserFacts {
    triage::user(&scene.reach, &scene.pace, "anna", options)
        .await
        .unwrap()
}

/// The permissions of the role that takes the key's place.
async fn recovery(scene: &Scene, facts: &UserFacts) -> String {
    let seen = recover_survey(&scene.reach, facts).await.unwrap();
    let options = RecoverOptions {
        incident: "INC-1".parse().unwrap(),
        now: scene.pace.now(),
        role: "billing".into(),
        trust: json!({"Service": "ec2.amazonaws.com"}),
        contained_at: scene.pace.now(),
        soak_hours: 24,
        propagation: 10,
    };
    let plan = recover(facts, &seen, &options).unwrap();
    let mut writes = plan.steps.iter().filter_map(|step| step.change());
    let role = writes.find(|change| change.action == "put_role_policy");
    role.map_or(String::new(), |change| change.params.to_string())
}

/// Whom the facts take for the attacker.
fn suspects(facts: &UserFacts) -> Vec<&str> {
    let callers = facts.callers.iter();
    let mut found: Vec<&str> = callers
        .filter(|caller| caller.suspect.is_some())
        .map(|caller| &*caller.source_address)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// A steady application, then somebody with the same key.
fn steady(then: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let usual = (0..30).map(|n| {
        let bucket = json!({"requestParameters": {"bucketName": "bills", "key": "a/1.pdf"}});
        record(
            -20_000 + n * 400,
            "AKIA1",
            "10.0.0.1",
            "s3:GetObject",
            bucket,
        )
    });
    usual.chain(then).collect()
}

#[tokio::test]
async fn the_event_history_alone_tells_the_attacker() {
    let scene = Scene::new(true).await;
    let mut trail = attack();
    trail.push(record(
        -2_900,
        "AKIA1",
        EVIL,
        "iam:AttachUserPolicy",
        json!({"requestParameters": {"userName": "backdoor",
            "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}}),
    ));
    scene.world.state.lock().unwrap().trail = Some(trail);
    let facts = triage(&scene, &nothing_given()).await;
    assert_eq!(suspects(&facts), [EVIL]);
    let options = ContainOptions::new("INC-1".parse().unwrap(), scene.pace.now());
    let plan = contain(&facts, &options).unwrap();
    assert!(plan.impact.iter().all(|hurt| hurt.source_address != EVIL));
    assert!(
        plan.impact
            .iter()
            .any(|hurt| hurt.source_address == "10.0.0.1")
    );
    let role = recovery(&scene, &facts).await;
    assert!(role.contains("s3:GetObject"), "{role}");
    for done in ["iam:AttachUserPolicy", "iam:ListUsers", "iam:CreateUser"] {
        assert!(!role.contains(done), "{done} is in {role}");
    }
    // What was found is the incident's, once, however often the triage is done.
    assert!(!facts.findings.is_empty());
    let now = scene.pace.now();
    let opened = incident::open(&scene.store, &facts, &facts.findings, now)
        .await
        .unwrap();
    incident::update(&scene.store, opened.id, &facts, now)
        .await
        .unwrap();
    let kept = scene.store.findings(opened.id).await.unwrap();
    assert_eq!(kept, facts.findings);
    let stored = scene.store.incident(opened.id).await.unwrap();
    assert_eq!(incident::facts(&stored).unwrap(), facts);
}

#[tokio::test]
async fn how_a_key_is_used_speaks_against_its_user_too() {
    let scene = Scene::new(true).await;
    let from_elsewhere = (0..3).map(|n| {
        let second = -3_000 + n * 60;
        record(
            second,
            "AKIA1",
            EVIL,
            "s3:GetBucketAcl",
            json!({"requestParameters": {"bucketName": "bills"}}),
        )
    });
    scene.world.state.lock().unwrap().trail = Some(steady(from_elsewhere));
    let facts = triage(&scene, &nothing_given()).await;
    assert_eq!(suspects(&facts), [EVIL], "{:?}", facts.findings);
    let role = recovery(&scene, &facts).await;
    assert!(!role.contains("s3:GetBucketAcl"), "{role}");
}

#[tokio::test]
async fn a_burst_that_the_application_runs_into_is_not_laid_at_its_door() {
    let scene = Scene::new(true).await;
    let calls = [
        "iam:ListUsers",
        "iam:ListRoles",
        "iam:ListPolicies",
        "s3:ListBuckets",
        "lambda:ListFunctions20150331",
        "dynamodb:ListTables",
        "kms:ListKeys",
        "secretsmanager:ListSecrets",
    ];
    let burst = calls.iter().zip(0..).map(|(call, n)| {
        let from = if n % 2 == 0 { EVIL } else { "198.51.100.8" };
        record(
            -3_000 + n * 10,
            "AKIA1",
            from,
            call,
            json!({"readOnly": true}),
        )
    });
    let own = json!({"readOnly": true});
    let honest = record(-2_965, "AKIA1", "10.0.0.1", "s3:ListBuckets", own);
    let mut trail = steady(burst.chain([honest]));
    trail.sort_by_key(|record| record["eventTime"].as_str().unwrap().to_owned());
    // No other detection has a say in this.
    scene.world.state.lock().unwrap().trail = Some(trail);
    let burst_alone: fn(&[stockade_model::Event]) -> Vec<stockade_model::Finding> = |events| {
        let mut found = RuleSet::builtin().hunt(events);
        found.retain(|finding| finding.detection == "enumeration-burst");
        assert!(!found.is_empty(), "the burst is seen");
        found
    };
    let options = TriageOptions {
        detect: Some(burst_alone),
        ..nothing_given()
    };
    let facts = triage(&scene, &options).await;
    assert_eq!(
        suspects(&facts),
        [EVIL, "198.51.100.8"],
        "{:?}",
        facts.findings
    );
}

#[tokio::test]
async fn a_suspect_elsewhere_makes_nobody_honest_here() {
    let scene = Scene::new(true).await;
    // Somebody made otto an administrator, from an address that has nothing to do with anna.
    let mut all = attack();
    all.push(record(
        -100,
        "AKIASTAFF",
        "203.0.113.99",
        "iam:AttachUserPolicy",
        json!({"requestParameters": {"userName": "otto",
            "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"}}),
    ));
    let options = TriageOptions {
        events: events(&all),
        detect: Some(|events| {
            let mut found = RuleSet::builtin().hunt(events);
            found.retain(|finding| finding.source_address.as_deref() == Some("203.0.113.99"));
            assert!(!found.is_empty(), "it is seen");
            found
        }),
        lookup: None,
        ..nothing_given()
    };
    let facts = triage(&scene, &options).await;
    assert!(!facts.attacker_is_known());
    assert_eq!(facts.findings, [], "they are not of this incident");
    assert!(
        facts
            .persistence
            .iter()
            .any(|left| left.call == "CreateUser"),
        "{:?}",
        facts.persistence
    );
    let role = recovery(&scene, &facts).await;
    assert!(!role.contains("iam:CreateUser"), "{role}");
}

#[tokio::test]
async fn one_program_is_one_caller() {
    let scene = Scene::new(true).await;
    let mut all = attack();
    for n in 0..4 {
        let agent = format!("Boto3/1.34.1 md/Botocore#1.34 m/Z,b{n} cfg/retry-mode#legacy");
        let call = json!({ "userAgent": agent });
        all.push(record(-90 + n, "AKIA1", "10.0.0.3", "s3:ListBuckets", call));
    }
    let options = TriageOptions {
        events: events(&all),
        ..scene.options()
    };
    let facts = triage(&scene, &options).await;
    let callers = facts.callers.iter();
    let found: Vec<_> = callers
        .filter(|caller| caller.source_address == "10.0.0.3")
        .map(|caller| (&*caller.user_agent, caller.calls))
        .collect();
    assert_eq!(found, [("Boto3/1.34.1", 4)]);
}
