//! A call as a handler sees it: decoded, authenticated, validated and authorised.
//!
//! Owns the hand-over between the request path and the handlers. Knows no service.

use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::HeaderMap;
use jiff::{SignedDuration, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use stockade_model::{AccountId, Region};
use stockade_policy::{Named, Principal};
use stockade_wire::{AwsError, Object};

use crate::services::sts::Vouched;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Caller {
    /// The account that the caller belongs to.
    pub account: AccountId,
    /// The caller as policies see it.
    pub principal: Principal,
    /// The ARN as `GetCallerIdentity` gives it.
    pub arn: String,
    /// `AIDA…`, `AROA…:session`, `account:name`, or the account's id for root.
    pub user_id: String,
    /// The id of the key that signed; none for the anonymous.
    pub access_key: Option<String>,
    /// What a temporary session carries; none for long-term keys.
    pub session: Option<Session>,
}

/// What a temporary session carries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// When it was issued.
    pub issued: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Whether it was asked for with an MFA code.
    pub mfa: bool,
    /// Session policies; empty where none were given.
    pub policies: Vec<Named>,
    /// Session tags.
    pub tags: Vec<(String, String)>,
    /// The keys of the tags that go on to chained sessions.
    pub transitive_tags: Vec<String>,
    /// The source identity, once set.
    pub source_identity: Option<String>,
    /// Whether a role's session asked for it: then it lasts an hour at most.
    pub chained: bool,
    /// The unique id of the user who asked for it, for a federated user.
    pub issuer_id: Option<String>,
    /// What an identity provider vouched for, where a role was assumed by its word.
    pub federation: Option<Federation>,
    /// Whether another account acts as root here, for one task: then the policies are what it may not do.
    pub assumed_root: bool,
    /// The partner's account, where the session was delegated to one.
    pub delegate: Option<AccountId>,
    /// Whether it is good in the regions alone that are on from the start.
    #[serde(default)]
    pub first_regions_only: bool,
}

/// What an identity provider vouches for, and what stays of it in a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Federation {
    /// By what it vouches.
    pub kind: FederationKind,
    /// The provider's ARN, or its domain.
    pub provider: String,
    /// Condition keys with their values.
    pub context: Vec<(String, Vec<String>)>,
}

/// By what an identity provider vouches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FederationKind {
    /// A SAML response.
    Saml,
    /// An OpenID Connect token.
    WebIdentity,
}

/// How a connection is protected, as the trail shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TlsSession {
    /// As in `TLSv1.3`.
    pub version: &'static str,
    /// As OpenSSL spells it.
    pub cipher_suite: &'static str,
}

/// A call on its way to its handler.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The service's name, as in `iam`.
    pub service: &'a str,
    /// The operation's name, as in `CreateUser`.
    pub operation: &'a str,
    /// The input by member names.
    pub input: &'a Object,
    /// The streamed body, where the operation has one.
    pub body: Option<&'a Bytes>,
    /// Who calls.
    pub caller: &'a Caller,
    /// What an identity provider says of the caller, who has signed nothing.
    pub vouched: Option<&'a Vouched>,
    /// The region that the call is for.
    pub region: &'a Region,
    /// The range's time.
    pub now: Timestamp,
    /// The request's id.
    pub request_id: &'a str,
    /// The caller's address.
    pub source_ip: &'a str,
    /// The caller's program.
    pub user_agent: &'a str,
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The host that was asked.
    pub host: &'a str,
    /// Whether a presigned URL carries the signature.
    pub presigned: bool,
    /// How old its signature is; none: it has none.
    pub signature_age: Option<SignedDuration>,
    /// How the connection is protected; none: it is in the clear.
    pub tls: Option<TlsSession>,
    /// The service that calls for the caller, as in `s3`; none: the caller itself does.
    pub via: Option<&'a str>,
    /// Where calls go that services make for the caller.
    pub inner: &'a Inner,
}

/// The calls that services make for a caller while they answer one: each has a record of its own.
#[derive(Debug, Default)]
pub struct Inner(Mutex<Vec<InnerCall>>);

/// A call that a service made for a caller.
#[derive(Debug)]
pub struct InnerCall {
    /// Of which service, as in `kms`.
    pub service: &'static str,
    /// The operation's name.
    pub operation: &'static str,
    /// The service that made it, as in `s3`.
    pub via: String,
    /// The input by member names.
    pub input: Object,
    /// What it came to.
    pub outcome: Result<Reply, AwsError>,
    /// What its record shows other than by the rule.
    pub described: RecordExtras,
}

impl Inner {
    /// Notes a call.
    pub fn note(&self, call: InnerCall) {
        self.calls().push(call);
    }

    /// The calls so far, which are told once.
    pub fn take(&self) -> Vec<InnerCall> {
        std::mem::take(&mut self.calls())
    }

    fn calls(&self) -> MutexGuard<'_, Vec<InnerCall>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a service is called that calls for somebody: in records, and where they come from.
pub fn invoker(via: &str) -> String {
    match via {
        "s3" => "fas.s3.amazonaws.com".to_owned(),
        other => format!("{other}.amazonaws.com"),
    }
}

impl Call<'_> {
    /// The input as the handler's own structure, which names only what it uses.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, AwsError> {
        serde_json::from_value(Value::Object(self.input.clone()))
            .map_err(|error| AwsError::new(400, "SerializationException", error.to_string()))
    }

    /// Whether the request was sent to a host by this name, whatever its port.
    pub fn is_for_host(&self, name: &str) -> bool {
        let host = self
            .host
            .split_once(':')
            .map_or(self.host, |(host, _)| host);
        host.eq_ignore_ascii_case(name)
    }

    /// The caller's account.
    pub fn account(&self) -> &AccountId {
        &self.caller.account
    }
}

/// What a handler answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    /// The output by member names.
    pub output: Object,
    /// The streamed body, where the operation has one.
    pub body: Option<Bytes>,
    /// The HTTP status, where it is not the operation's own (206 for a part of an object).
    pub status: Option<u16>,
    /// What the trail's record shows other than by the rule.
    pub record: RecordExtras,
}

/// What the trail's record shows other than by the rule. The rule: request parameters are the input, response
/// elements are the output of a write and null for a read, both in lower camel case and without secrets.
#[derive(Debug, Clone, Default)]
pub struct RecordExtras {
    /// In place of the operation's name.
    pub event_name: Option<String>,
    /// In place of the input; `Some(Null)` shows none.
    pub request_parameters: Option<Value>,
    /// In place of the output; `Some(Null)` shows none.
    pub response_elements: Option<Value>,
    /// Beside the input.
    pub more_parameters: Map<String, Value>,
    /// In place of the caller: `userIdentity`.
    pub user_identity: Option<Value>,
    /// In place of the message of a refusal.
    pub refusal_message: Option<String>,
    /// `additionalEventData`.
    pub additional: Option<Value>,
    /// `resources`.
    pub resources: Option<Value>,
    /// Another account that gets the same record, as the owner of what was touched.
    pub also_in: Option<AccountId>,
    /// What the service did of its own because of the call, each in a record of its own.
    pub service_events: Vec<ServiceEvent>,
}

/// Something that a service did of its own, and that is recorded without a caller.
#[derive(Debug, Clone)]
pub struct ServiceEvent {
    /// In whose log.
    pub account: AccountId,
    /// As in `CreateAccountResult`.
    pub name: String,
    /// `serviceEventDetails`.
    pub details: Value,
    /// Who did it, as the record has it: `AWS Internal`, or the service's own name.
    pub invoked_by: String,
    /// Whether it changed nothing.
    pub read_only: bool,
    /// Where; none: in the region of global services.
    pub region: Option<Region>,
    /// `resources`.
    pub resources: Option<Value>,
}

impl RecordExtras {
    /// These, and where they say nothing, those.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            event_name: self.event_name.or(other.event_name),
            request_parameters: self.request_parameters.or(other.request_parameters),
            response_elements: self.response_elements.or(other.response_elements),
            more_parameters: match self.more_parameters.is_empty() {
                true => other.more_parameters,
                false => self.more_parameters,
            },
            user_identity: self.user_identity.or(other.user_identity),
            refusal_message: self.refusal_message.or(other.refusal_message),
            additional: self.additional.or(other.additional),
            resources: self.resources.or(other.resources),
            also_in: self.also_in.or(other.also_in),
            service_events: [self.service_events, other.service_events].concat(),
        }
    }
}

impl Reply {
    /// An answer without members.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An answer of these members; anything but an object gives none.
    pub fn of_value(value: Value) -> Self {
        match value {
            Value::Object(output) => Self {
                output,
                ..Self::default()
            },
            _ => Self::default(),
        }
    }

    /// An answer of a structure's members.
    pub fn of(output: &impl Serialize) -> Self {
        serde_json::to_value(output).map_or_else(|_| Self::default(), Self::of_value)
    }

    /// With a streamed body.
    #[must_use]
    pub fn with_body(mut self, body: Bytes) -> Self {
        self.body = Some(body);
        self
    }
}

impl From<Object> for Reply {
    fn from(output: Object) -> Self {
        Self {
            output,
            ..Self::default()
        }
    }
}
