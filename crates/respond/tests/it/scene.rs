//! The scene of every test: an organisation, a user whose key leaked, an application that uses the
//! key honestly, an attacker who takes a role and makes a user.

use std::sync::Arc;
use std::sync::Mutex;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use stockade_model::{Clock, Event, ManualClock, Origin};
use stockade_respond::aws::{BoxFuture, Reach};
use stockade_respond::pace::{Moment, Pace};
use stockade_respond::plan::{ContainOptions, Plan, contain};
use stockade_respond::triage::{self, TriageOptions, UserFacts};
use stockade_respond::{Engine, approve, incident};
use stockade_store::{IncidentId, Store};

use crate::fake::World;

pub const HOME: &str = "arn:aws:sts::999999999999:assumed-role/Responder/ines";
pub const ANNA: &str = "111122223333/user/anna";
pub const DEPLOY: &str = "444455556666/role/deploy";
/// A secret that an answer of AWS carries here, and that must never be stored.
pub const SECRET: &str = "hunter2-this-must-not-be-stored";

/// Something that acts between two steps.
pub type Hook = Box<dyn Fn(&World, &Moment<'_>) + Send + Sync>;

pub struct DrillPace {
    pub clock: ManualClock,
    pub world: World,
    pub hook: Mutex<Option<Hook>>,
}

impl Pace for DrillPace {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn wait<'a>(&'a self, by: SignedDuration, _why: &'a str) -> BoxFuture<'a, ()> {
        self.clock.advance(by);
        Box::pin(std::future::ready(()))
    }

    fn at<'a>(&'a self, moment: Moment<'a>) -> BoxFuture<'a, ()> {
        if let Some(hook) = self.hook.lock().unwrap().as_ref() {
            hook(&self.world, &moment);
        }
        Box::pin(std::future::ready(()))
    }
}

pub fn start() -> Timestamp {
    "2026-11-23T10:00:00Z".parse().unwrap()
}

pub fn at(second: i64) -> String {
    start()
        .checked_add(SignedDuration::from_secs(second))
        .unwrap()
        .to_string()
}

/// A record of the trail. Seconds count from the start of the response.
pub fn record(second: i64, key: &str, address: &str, call: &str, more: Value) -> Value {
    let (service, name) = call.split_once(':').unwrap();
    let (kind, arn, account) = match key {
        "AKIA1" => (
            "IAMUser",
            "arn:aws:iam::111122223333:user/anna",
            "111122223333",
        ),
        "AKIA9" => (
            "IAMUser",
            "arn:aws:iam::111122223333:user/backdoor",
            "111122223333",
        ),
        "AKIASTAFF" => (
            "IAMUser",
            "arn:aws:iam::111122223333:user/otto",
            "111122223333",
        ),
        _ => (
            "AssumedRole",
            "arn:aws:sts::444455556666:assumed-role/deploy/x",
            "444455556666",
        ),
    };
    let mut record = json!({
        "eventTime": at(second), "eventID": format!("{second}-{key}-{call}"),
        "eventSource": format!("{service}.amazonaws.com"), "eventName": name, "awsRegion": "us-east-1",
        "sourceIPAddress": address, "userAgent": if address.starts_with("10.") { "billing/1.0" } else { "aws-cli/2.15" },
        "recipientAccountId": account,
        "userIdentity": {"type": kind, "arn": arn, "accountId": account, "accessKeyId": key},
        "requestParameters": null, "responseElements": null,
    });
    if kind == "AssumedRole" {
        record["userIdentity"]["sessionContext"] =
            json!({"sessionIssuer": {"arn": "arn:aws:iam::444455556666:role/deploy"}});
    }
    for (name, value) in more.as_object().unwrap() {
        record[name] = value.clone();
    }
    record
}

/// What happened before the response.
pub fn attack() -> Vec<Value> {
    let evil = "198.51.100.7";
    let issued = |id: &str| {
        json!({"requestParameters": {"roleArn": "arn:aws:iam::444455556666:role/deploy"},
            "responseElements": {"credentials": {"accessKeyId": id},
                "assumedRoleUser": {"arn": "arn:aws:sts::444455556666:assumed-role/deploy/x"}}})
    };
    vec![
        record(
            -9_000,
            "AKIA1",
            "10.0.0.1",
            "s3:GetObject",
            json!({"requestParameters": {"bucketName": "bills", "key": "2026/1.pdf"}}),
        ),
        record(
            -8_000,
            "AKIA1",
            "10.0.0.1",
            "s3:GetObject",
            json!({"requestParameters": {"bucketName": "bills", "key": "2026/2.pdf"}}),
        ),
        record(-3_600, "AKIA1", evil, "iam:ListUsers", json!({})),
        record(-3_500, "AKIA1", evil, "sts:AssumeRole", issued("ASIA1")),
        record(-3_400, "ASIA1", evil, "s3:ListBuckets", json!({})),
        record(
            -3_300,
            "ASIA1",
            evil,
            "secretsmanager:GetSecretValue",
            json!({"requestParameters": {"secretId": "db"}}),
        ),
        record(
            -3_200,
            "AKIA1",
            evil,
            "iam:CreateUser",
            json!({"requestParameters": {"userName": "backdoor"},
            "responseElements": {"user": {"arn": "arn:aws:iam::111122223333:user/backdoor"}}}),
        ),
        record(
            -3_100,
            "AKIA1",
            evil,
            "iam:CreateAccessKey",
            json!({"requestParameters": {"userName": "backdoor"},
            "responseElements": {"accessKey": {"accessKeyId": "AKIA9", "userName": "backdoor"}}}),
        ),
        record(-3_000, "ASIAHONEST", "10.0.0.9", "s3:PutObject", json!({})),
    ]
}

pub fn events(records: &[Value]) -> Vec<Event> {
    let origin = |index| Origin {
        source: "test".into(),
        index,
    };
    records
        .iter()
        .zip(0..)
        .map(|(record, index)| Event::new(record.clone(), origin(index)).unwrap())
        .collect()
}

pub fn user(name: &str, created: &str) -> Value {
    json!({"UserName": name, "UserId": format!("AIDA{name}"), "Path": "/", "CreateDate": created,
        "Arn": format!("arn:aws:iam::111122223333:user/{name}"), "Password": SECRET})
}

pub struct Scene {
    pub world: World,
    pub reach: Reach,
    pub store: Store,
    pub pace: DrillPace,
    pub folder: tempfile::TempDir,
}

impl Scene {
    pub async fn new(organization: bool) -> Self {
        let world = World::default();
        if organization {
            world.set("organization", json!(true));
            let all = json!({"Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]});
            world.set("scp/FullAWSAccess", all);
            for target in ["r-1", "111122223333", "444455556666"] {
                world.set(&format!("attached/FullAWSAccess/{target}"), json!(true));
            }
        }
        world.set(ANNA, user("anna", "2025-01-01T00:00:00Z"));
        world.set(&format!("{ANNA}/admin"), json!(true));
        world.set(&format!("{ANNA}/key/AKIA1"), json!("Active"));
        world.set(&format!("{ANNA}/key/AKIA2"), json!("Inactive"));
        world.set(
            "111122223333/user/otto",
            user("otto", "2025-01-01T00:00:00Z"),
        );
        world.set("111122223333/user/otto/key/AKIASTAFF", json!("Active"));
        world.set("111122223333/user/backdoor", user("backdoor", &at(-3_200)));
        world.set("111122223333/user/backdoor/admin", json!(true));
        world.set("111122223333/user/backdoor/key/AKIA9", json!("Active"));
        world.set(
            DEPLOY,
            json!({"RoleName": "deploy", "RoleId": "AROADEPLOY"}),
        );
        world.set(&format!("{DEPLOY}/admin"), json!(true));
        world.set(
            &format!("{DEPLOY}/trust"),
            json!({"Version": "2012-10-17", "Statement": []}),
        );
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("i.db")).await.unwrap();
        let home = if organization {
            HOME.to_owned()
        } else {
            HOME.replace("999999999999", "111122223333")
        };
        let reach = Reach::new(world.client(&home)).await.unwrap();
        let pace = DrillPace {
            clock: ManualClock::new(start()),
            world: world.clone(),
            hook: Mutex::new(None),
        };
        Self {
            world,
            reach,
            store,
            pace,
            folder,
        }
    }

    pub fn engine(&self) -> Engine<'_> {
        Engine {
            store: &self.store,
            reach: &self.reach,
            pace: &self.pace,
        }
    }

    pub fn options(&self) -> TriageOptions {
        TriageOptions {
            account: Some("111122223333".parse().unwrap()),
            events: events(&attack()),
            suspect_addresses: vec!["198.51.100.7".into()],
            ..TriageOptions::default()
        }
    }

    pub async fn triage(&self) -> UserFacts {
        triage::user(&self.reach, &self.pace, "anna", &self.options())
            .await
            .unwrap()
    }

    /// Triage, incident, plan, approval.
    pub async fn approved(&self) -> (UserFacts, Plan, IncidentId) {
        let facts = self.triage().await;
        let incident = incident::open(&self.store, &facts, &[], self.pace.now())
            .await
            .unwrap();
        let plan = contain(&facts, &ContainOptions::new(incident.id, self.pace.now())).unwrap();
        approve::propose(&self.store, &plan).await.unwrap();
        approve::approve(
            &self.store,
            &plan.id(),
            &plan.hash(),
            "ines",
            self.pace.now(),
        )
        .await
        .unwrap();
        (facts, plan, incident.id)
    }

    pub fn hook(&self, hook: impl Fn(&World, &Moment<'_>) + Send + Sync + 'static) {
        *self.pace.hook.lock().unwrap() = Some(Box::new(hook));
    }
}

#[expect(
    dead_code,
    reason = "shows that the pace of a drill is usable behind a pointer"
)]
fn is_object_safe(pace: DrillPace) -> Arc<dyn Pace> {
    Arc::new(pace)
}
