//! Somebody with credentials, an address and a program: the applications, the staff, the attacker.
//!
//! Owns what an actor did and how each call ended. Must not judge it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stockade_cloud::{Client, CloudError, Credentials};
use stockade_model::{Clock, Secret};

/// How a call ended, for its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// AWS did it.
    Done,
    /// AWS refused it: no permission, or the credentials are dead.
    Refused,
    /// It failed for another reason, such as a thing that is not there.
    Failed,
}

/// One call that an actor made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// When, by the range's clock.
    pub time: Timestamp,
    /// Who.
    pub actor: String,
    /// With which key.
    pub key: String,
    /// `service:Operation`.
    pub call: String,
    /// How it ended.
    pub ending: Ending,
    /// The error's code, where there was one.
    pub code: Option<String>,
}

/// Somebody who calls AWS, and the list of what they did.
pub struct Actor {
    name: String,
    address: String,
    agent: String,
    client: Client,
    clock: Arc<dyn Clock>,
    deeds: Vec<Deed>,
}

impl Actor {
    /// An actor with credentials, an address and a program of its own; `base` says where AWS is.
    pub fn new(
        name: &str,
        base: &Client,
        credentials: Credentials,
        address: &str,
        agent: &str,
    ) -> Self {
        let client = base
            .with_credentials(credentials)
            .with_source_ip(Some(address.to_owned()))
            .with_user_agent(agent);
        Self {
            name: name.to_owned(),
            address: address.to_owned(),
            agent: agent.to_owned(),
            clock: Arc::clone(&client.config().clock),
            client,
            deeds: Vec::new(),
        }
    }

    /// The actor's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// From where the actor calls.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// With which program.
    pub fn agent(&self) -> &str {
        &self.agent
    }

    /// The actor's client, with the credentials that the actor began with.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same place and program with other credentials.
    pub fn client_with(&self, credentials: Credentials) -> Client {
        self.client.with_credentials(credentials)
    }

    /// Everything that the actor did, in order.
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }

    /// Makes a call and remembers how it ended.
    ///
    /// # Errors
    /// What the call answered.
    pub async fn call(
        &mut self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, CloudError> {
        let client = self.client.clone();
        self.call_with(&client, service, operation, input).await
    }

    /// Makes a call with other credentials than the actor's own, as of a session.
    ///
    /// # Errors
    /// What the call answered.
    pub async fn call_with(
        &mut self,
        client: &Client,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, CloudError> {
        let time = self.clock.now();
        // What the bodies say does not matter to anybody here.
        let body = (operation == "PutObject").then(|| "{}".into());
        let answer = client.call_with_body(service, operation, input, body).await;
        let (ending, code) = match &answer {
            Ok(_) => (Ending::Done, None),
            Err(error) => (ending_of(error), error.code().map(str::to_owned)),
        };
        self.deeds.push(Deed {
            time,
            actor: self.name.clone(),
            key: client.config().credentials.access_key.clone(),
            call: format!("{service}:{operation}"),
            ending,
            code,
        });
        answer.map(|(output, _)| Value::Object(output))
    }
}

/// The codes by which AWS says that credentials are dead.
const DEAD: &[&str] = &[
    "InvalidClientTokenId",
    "InvalidAccessKeyId",
    "UnrecognizedClientException",
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidToken",
];

/// Whether the error says that the credentials are dead.
pub(crate) fn is_dead(error: &CloudError) -> bool {
    error.code().is_some_and(|code| DEAD.contains(&code))
}

fn ending_of(error: &CloudError) -> Ending {
    if error.is_denied() || is_dead(error) {
        Ending::Refused
    } else {
        Ending::Failed
    }
}

/// The credentials of an answer: a new key's, or a session's.
pub(crate) fn credentials(answer: &Value) -> Option<Credentials> {
    let part = answer
        .get("AccessKey")
        .or_else(|| answer.get("Credentials"))?;
    let text = |name: &str| part.get(name).and_then(Value::as_str);
    Some(Credentials {
        access_key: text("AccessKeyId")?.to_owned(),
        secret: Secret::new(text("SecretAccessKey")?),
        session_token: text("SessionToken").map(Secret::new),
    })
}
