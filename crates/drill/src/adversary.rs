//! The attacker: what it holds, and its race against the response. How it came in is `attack.rs`.
//!
//! Owns what the attacker holds and tries. The adversary is a hard one: it acts between every two steps of the
//! response and every second that the response waits, tries everything that it holds, and even knows the
//! names of what is put against it.

use serde_json::{Value, json};
use stockade_cloud::{Client, Credentials};

use crate::actor::{Actor, credentials, is_dead};
use crate::world::{World, policy, record_key};

pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
/// How many users it makes in the race at most: it could go on for ever.
const NEWCOMERS: usize = 2;
/// From where it comes: an address for documentation.
pub(crate) const ADDRESS: &str = "203.0.113.77";

/// Whose credentials they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Holder {
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
    /// The role in the second account.
    pub reader: String,
    /// The role whose trust it changes.
    pub maintenance: String,
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

    /// Its session of GetSessionToken.
    pub(crate) fn session(&self) -> Option<Client> {
        let mut sessions = self
            .holdings
            .iter()
            .filter(|holding| holding.holder == Holder::Session);
        sessions.next().map(|holding| holding.client.clone())
    }

    /// The response begins: this is what will be put against it.
    pub(crate) fn learn(&mut self, against: Against, opens_doors: bool) {
        self.opens_doors = opens_doors;
        self.early = self.held();
        self.against = against;
    }

    pub(crate) async fn first(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Option<Value> {
        self.actor.call(service, operation, input).await.ok()
    }

    /// Keeps what an answer hands out.
    pub(crate) fn take(&mut self, holder: Holder, answer: &Value) -> Option<Client> {
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
