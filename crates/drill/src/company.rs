//! The honest: applications and staff at work, and how often something failed for them.
//!
//! Owns their work and its rhythm. Must not know that there is an attack.

use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_cloud::{Client, CloudError};
use stockade_model::Timestamp;

use crate::actor::{Actor, Deed, Ending, credentials, is_dead};
use crate::world::World;

/// A session is renewed when it has less than this left.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);
const SESSION: SignedDuration = SignedDuration::from_hours(1);

/// What somebody does for a living.
enum Work {
    /// Reads orders and writes what became of them.
    Orders,
    /// Reads orders and writes invoices.
    Invoices,
    /// Looks at what there is.
    Looking,
    /// Looks, by a role.
    Operating,
}

/// A session of a role, until when it lives.
struct Session {
    client: Client,
    until: Timestamp,
}

/// An application or a member of staff.
pub(crate) struct Worker {
    pub actor: Actor,
    /// The user or role whose sessions do the work.
    pub identity: String,
    work: Work,
    bucket: String,
    /// The role that is taken for the work.
    role: Option<String>,
    /// By whom the role is taken, where it is not by the actor's own key.
    host: Option<Host>,
    session: Option<Session>,
    next: Timestamp,
    round: usize,
}

/// A machine that has a role of its own, from the platform: the key of the machine's session is
/// handed to whoever runs on it, for an hour.
pub(crate) struct Host {
    /// Who hands it out.
    pub platform: Client,
    /// The machine's role.
    pub role: String,
}

/// All of them.
pub(crate) struct Company {
    pub workers: Vec<Worker>,
    /// How often they work.
    rhythm: SignedDuration,
}

impl Company {
    /// The two applications and the two members of staff.
    pub(crate) fn hire(world: &World) -> Self {
        let shop = &world.accounts.shop;
        let user = |name: &str| format!("arn:aws:iam::{shop}:user/{name}");
        let ops = format!("arn:aws:iam::{shop}:role/ops");
        let [deploy_bot, invoicer, anna, ben] = world.keys.clone();
        let app = "Boto3/1.34.51 md/Botocore#1.34.51 ua/2.0 os/linux lang/python#3.11.8 orders/4.2";
        let invoices = "aws-sdk-java/2.25.11 Linux OpenJDK_64-Bit_Server_VM/17 invoicer/1.9";
        let cli = "aws-cli/2.15.30 Python/3.11.8 Darwin/23.3.0 source/arm64";
        let worker = |name: &str, key, address: &str, agent: &str, identity: String, work| Worker {
            actor: Actor::new(name, &world.admin, key, address, agent),
            identity,
            work,
            bucket: world.buckets.orders.clone(),
            role: None,
            host: None,
            session: None,
            next: Timestamp::UNIX_EPOCH,
            round: 0,
        };
        let mut ben = worker(
            "ben",
            ben,
            "198.51.100.21",
            cli,
            ops.clone(),
            Work::Operating,
        );
        ben.role = Some(ops);
        Self {
            workers: vec![
                worker(
                    "orders application",
                    deploy_bot,
                    "198.51.100.140",
                    app,
                    user("deploy-bot"),
                    Work::Orders,
                ),
                worker(
                    "invoicer",
                    invoicer,
                    "198.51.100.141",
                    invoices,
                    user("invoicer"),
                    Work::Invoices,
                ),
                worker(
                    "anna",
                    anna,
                    "198.51.100.20",
                    cli,
                    user("anna"),
                    Work::Looking,
                ),
                ben,
            ],
            rhythm: SignedDuration::from_mins(5),
        }
    }

    /// From now on everybody works this often.
    pub(crate) fn pace(&mut self, every: SignedDuration) {
        self.rhythm = every;
        for worker in &mut self.workers {
            worker.next = Timestamp::UNIX_EPOCH;
        }
    }

    /// Whoever's turn it is works.
    pub(crate) async fn work(&mut self, now: Timestamp) {
        for (place, worker) in (1..).zip(&mut self.workers) {
            if now < worker.next {
                continue;
            }
            // The staff do not work like clockwork, nor as often as the applications.
            let slower = match worker.work {
                Work::Orders => 1,
                Work::Invoices => 2,
                Work::Looking | Work::Operating => 3,
            };
            let every = self.rhythm.saturating_mul(slower) + SignedDuration::from_secs(place);
            worker.next = now.checked_add(every).unwrap_or(now);
            worker.turn(now).await;
        }
    }

    /// The worker of this name.
    pub(crate) fn worker(&mut self, name: &str) -> Option<&mut Worker> {
        self.workers
            .iter_mut()
            .find(|worker| worker.actor.name() == name)
    }

    /// How many calls were made by now, by all of them.
    pub(crate) fn calls(&self) -> usize {
        self.workers
            .iter()
            .map(|worker| worker.actor.deeds().len())
            .sum()
    }
}

impl Worker {
    /// Takes a role for the work from now on, by the machine's own role.
    pub(crate) fn adopt(&mut self, role: &str, host: Host) {
        self.identity = role.to_owned();
        self.role = Some(role.to_owned());
        self.host = Some(host);
        self.session = None;
    }

    /// What failed from `from` on, for want of permission or otherwise.
    pub(crate) fn failures(&self, from: Timestamp) -> impl Iterator<Item = &Deed> {
        self.actor
            .deeds()
            .iter()
            .filter(move |deed| deed.time >= from && deed.ending != Ending::Done)
    }

    /// A round of work. Returns whether all of it succeeded.
    pub(crate) async fn turn(&mut self, now: Timestamp) -> bool {
        self.round += 1;
        match self.calls(now).await {
            Ok(()) => true,
            Err(error) => {
                // A session that was revoked is taken anew the next time, as every SDK does.
                if error.is_denied() || is_dead(&error) {
                    self.session = None;
                }
                false
            }
        }
    }

    async fn calls(&mut self, now: Timestamp) -> Result<(), CloudError> {
        let client = self.entered(now).await?;
        let (round, bucket) = (self.round, self.bucket.clone());
        let order = format!("incoming/order-{:03}.json", (round % 20) + 1);
        let actor = &mut self.actor;
        match self.work {
            Work::Orders => {
                let list = json!({"Bucket": bucket, "Prefix": "incoming/"});
                actor
                    .call_with(&client, "s3", "ListObjectsV2", list)
                    .await?;
                let get = json!({"Bucket": bucket, "Key": order});
                actor.call_with(&client, "s3", "GetObject", get).await?;
                let put = json!({"Bucket": bucket, "Key": format!("done/order-{round:05}.json")});
                actor.call_with(&client, "s3", "PutObject", put).await?;
            }
            Work::Invoices => {
                let get = json!({"Bucket": bucket, "Key": order});
                actor.call_with(&client, "s3", "GetObject", get).await?;
                let put =
                    json!({"Bucket": bucket, "Key": format!("invoices/invoice-{round:05}.pdf")});
                actor.call_with(&client, "s3", "PutObject", put).await?;
            }
            Work::Looking => {
                actor
                    .call_with(&client, "s3", "ListBuckets", json!({}))
                    .await?;
                actor
                    .call_with(&client, "cloudtrail", "DescribeTrails", json!({}))
                    .await?;
            }
            Work::Operating => {
                actor
                    .call_with(&client, "iam", "ListRoles", json!({}))
                    .await?;
                actor
                    .call_with(&client, "s3", "ListBuckets", json!({}))
                    .await?;
            }
        }
        Ok(())
    }

    /// The credentials of the work: the actor's own, or a session of the role.
    async fn entered(&mut self, now: Timestamp) -> Result<Client, CloudError> {
        let Some(role) = self.role.clone() else {
            return Ok(self.actor.client().clone());
        };
        if let Some(session) = &self.session
            && now.duration_since(session.until) < -MARGIN
        {
            return Ok(session.client.clone());
        }
        let by = match &self.host {
            None => self.actor.client().clone(),
            Some(host) => {
                let machine = host
                    .platform
                    .assume_role(&host.role, "i-0abc1234def567890")
                    .await?;
                self.actor.client_with(machine.config().credentials.clone())
            }
        };
        let name = self.actor.name().replace(' ', "-");
        let input = json!({"RoleArn": role, "RoleSessionName": name});
        let answer = self
            .actor
            .call_with(&by, "sts", "AssumeRole", input)
            .await?;
        let client = self.session_client(&answer, &by);
        let until = now.checked_add(SESSION).unwrap_or(now);
        self.session = Some(Session {
            client: client.clone(),
            until,
        });
        Ok(client)
    }

    fn session_client(&self, answer: &Value, by: &Client) -> Client {
        match credentials(answer) {
            Some(credentials) => self.actor.client_with(credentials),
            None => by.clone(),
        }
    }
}
