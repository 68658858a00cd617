//! What happened: a CloudTrail record for every call, allowed or refused, kept by account and region.
//!
//! Owns the record's format. Where records are kept is `log.rs`; what a trail delivers is `services/cloudtrail`.

mod identity;
mod limits;
mod log;
mod members;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stockade_model::{AccountId, Region};
use stockade_policy::Principal;
use stockade_wire::AwsError;
use stockade_wire::table::{Operation, Service};

use crate::call::{Call, RecordExtras, Reply, ServiceEvent, invoker};
use crate::row::{Access, EventKind, Row};

pub use identity::identity;
pub use log::{Delivered, Entry, History, Log, Outbox, Record, Scene, Told};
pub use members::{WITHHELD, in_words};

/// The version of the record format that is written.
const VERSION: &str = "1.11";

/// A record that a call leaves.
#[derive(Debug, Clone)]
pub struct Made {
    /// The account whose record it is.
    pub account: AccountId,
    /// As it is delivered.
    pub value: Value,
    /// When it happened.
    pub time: Timestamp,
    /// Data events are not in the event history.
    pub is_data: bool,
}

/// Makes of a record that a call succeeded one that says it failed: what it did could not be kept.
pub fn failed(text: &str, service: &Service, error: &AwsError) -> String {
    let Ok(Value::Object(mut record)) = serde_json::from_str(text) else {
        return text.to_owned();
    };
    let code = error_code(service, &error.code);
    record.insert("errorCode".into(), code.into());
    record.insert("errorMessage".into(), error.message.as_str().into());
    record.insert("responseElements".into(), Value::Null);
    Value::Object(record).to_string()
}

/// Where the events of a service are recorded: those of global services in us-east-1.
pub fn region_of(service: &Service, asked: &Region) -> Region {
    match service.name.as_str() {
        "iam" | "organizations" => Region::us_east_1(),
        _ => asked.clone(),
    }
}

/// A call and what it came to.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// The service.
    pub service: &'static Service,
    /// The operation.
    pub operation: &'static Operation,
    /// Its row; none: the range does not have it.
    pub row: Option<&'a Row>,
    /// The call.
    pub call: &'a Call<'a>,
    /// What it came to.
    pub outcome: &'a Result<Reply, AwsError>,
}

/// The records that a call leaves: one in the caller's account, and one in the account of what was touched
/// where that is another. `described` is what the service wants shown other than by the rule, whether or not the
/// call succeeded.
pub fn records(
    event: &Event<'_>,
    described: RecordExtras,
    mut uuid: impl FnMut() -> String,
) -> Vec<Made> {
    let kind = event.row.map_or(EventKind::Management, |row| row.event);
    if kind == EventKind::None {
        return Vec::new();
    }
    let mut extras = match event.outcome {
        Ok(reply) => reply.record.clone().or(described),
        Err(_) => described,
    };
    let caller = event.call.caller;
    let own = caller.account.clone();
    let accounts: Vec<AccountId> = match (&caller.principal, extras.also_in.take()) {
        // Strangers have no account: what they do is in the log of the owner alone.
        (Principal::Anonymous, also) => also.into_iter().collect(),
        (_, Some(other)) if other != own => vec![own, other],
        _ => vec![own],
    };
    let shared = (accounts.len() > 1).then(&mut uuid);
    let identified = extras.user_identity.take();
    let body = body(event, kind == EventKind::Data, extras);
    let last = accounts.len().saturating_sub(1);
    let mut body = Some(body);
    accounts
        .into_iter()
        .enumerate()
        .filter_map(|(at, account)| {
            let mut record = if at == last {
                body.take()
            } else {
                body.clone()
            }?;
            let who = if let Some(given) = &identified {
                given.clone()
            } else if account == caller.account {
                identity(caller)
            } else {
                identity::stranger(caller)
            };
            let mut who = who;
            if let (Some(via), Some(members)) = (event.call.via, who.as_object_mut()) {
                members.insert("invokedBy".to_owned(), invoker(via).into());
            }
            record.insert("userIdentity".into(), who);
            record.insert("eventID".into(), uuid().into());
            record.insert("recipientAccountId".into(), account.as_str().into());
            if let Some(shared) = &shared {
                record.insert("sharedEventID".into(), shared.as_str().into());
            }
            Some(Made {
                account,
                value: Value::Object(record),
                time: event.call.now,
                is_data: kind == EventKind::Data,
            })
        })
        .collect()
}

/// The record of something that a service did of its own.
pub fn service_event(
    service: &Service,
    event: ServiceEvent,
    now: Timestamp,
    mut uuid: impl FnMut() -> String,
) -> Made {
    let source = source(service);
    let asked = event.region.unwrap_or_else(Region::us_east_1);
    let mut record = json!({
        "eventVersion": VERSION,
        "userIdentity": {"accountId": event.account, "invokedBy": event.invoked_by},
        "eventTime": seconds(now).to_string(),
        "eventSource": source,
        "eventName": event.name,
        "awsRegion": region_of(service, &asked),
        "sourceIPAddress": event.invoked_by,
        "userAgent": event.invoked_by,
        "requestParameters": null,
        "responseElements": null,
        "eventID": uuid(),
        "readOnly": event.read_only,
        "eventType": "AwsServiceEvent",
        "managementEvent": true,
        "recipientAccountId": event.account,
        "serviceEventDetails": event.details,
        "eventCategory": "Management",
    });
    if let (Some(resources), Some(members)) = (event.resources, record.as_object_mut()) {
        members.insert("resources".to_owned(), resources);
    }
    Made {
        account: event.account,
        value: record,
        time: now,
        is_data: false,
    }
}

/// All of a record that does not depend on the account that gets it.
fn body(event: &Event<'_>, is_data: bool, extras: RecordExtras) -> Map<String, Value> {
    let Event {
        service,
        operation,
        row,
        call,
        outcome,
    } = *event;
    let read_only = row.map_or_else(|| looks(&operation.name), |row| row.access == Access::Read);
    let name = extras.event_name.unwrap_or_else(|| operation.name.clone());
    let is_s3 = service.signing_name == "s3";
    let mut record = Map::new();
    let mut put = |name: &str, value: Value| record.insert(name.to_owned(), value);
    put("eventVersion", VERSION.into());
    put("eventTime", seconds(call.now).to_string().into());
    put("eventSource", source(service).into());
    put("eventName", name.into());
    put("awsRegion", region_of(service, call.region).as_str().into());
    put("sourceIPAddress", call.source_ip.into());
    let agent = if is_s3 {
        format!("[{}]", limits::text(call.user_agent))
    } else {
        limits::text(call.user_agent).to_owned()
    };
    put("userAgent", agent.into());
    let more = extras.more_parameters;
    let input = || {
        let mut shown = members::shown(service, operation.input, call.input);
        if let Some(members) = shown.as_object_mut() {
            members.extend(more);
        }
        shown
    };
    match outcome {
        Ok(reply) => {
            let asked = extras.request_parameters.unwrap_or_else(input);
            put("requestParameters", limits::members(asked));
            let answer = match extras.response_elements {
                Some(given) => given,
                None if read_only && !hands_out(service, operation) => Value::Null,
                None => members::shown(service, operation.output, &reply.output),
            };
            put("responseElements", limits::members(answer));
        }
        Err(error) => {
            put("errorCode", error_code(service, &error.code).into());
            let told = extras.refusal_message.filter(|_| is_refusal(&error.code));
            let message = told.unwrap_or_else(|| error.message.clone());
            put("errorMessage", limits::text(&message).into());
            // Who was refused learns nothing more from the record than from the answer.
            let asked = match extras.request_parameters {
                Some(given) => given,
                None if is_refusal(&error.code) => Value::Null,
                None => input(),
            };
            put("requestParameters", limits::members(asked));
            put("responseElements", Value::Null);
        }
    }
    if let Some(additional) = extras.additional {
        put(
            "additionalEventData",
            limits::within(additional, limits::ADDITIONAL),
        );
    }
    put("requestID", call.request_id.into());
    put("readOnly", read_only.into());
    if let Some(resources) = extras.resources {
        put("resources", resources);
    }
    put("eventType", "AwsApiCall".into());
    put("managementEvent", (!is_data).into());
    put(
        "eventCategory",
        if is_data { "Data" } else { "Management" }.into(),
    );
    if let Some(tls) = call.tls {
        let details = json!({
            "tlsVersion": tls.version,
            "cipherSuite": tls.cipher_suite,
            "clientProvidedHostHeader": call.host,
        });
        put("tlsDetails", details);
    }
    record
}

/// AWS calls the ways into a role read-only, and yet shows whose credentials it handed out.
fn hands_out(service: &Service, operation: &Operation) -> bool {
    service.name == "sts" && operation.name.starts_with("AssumeRole")
}

/// A guess for operations that have no row: by the verb.
fn looks(operation: &str) -> bool {
    ["Get", "List", "Describe", "Lookup", "Head"]
        .iter()
        .any(|verb| operation.starts_with(verb))
}

fn is_refusal(code: &str) -> bool {
    matches!(
        code,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation"
    )
}

/// `eventSource`.
fn source(service: &Service) -> String {
    let name = match service.name.as_str() {
        "s3" | "s3control" => "s3",
        _ => &service.endpoint_prefix,
    };
    format!("{name}.amazonaws.com")
}

/// CloudTrail shows the exception's name where the wire shows a short code, and the other way round.
fn error_code(service: &Service, code: &str) -> String {
    match (service.name.as_str(), code) {
        (
            "iam",
            "NoSuchEntity"
            | "EntityAlreadyExists"
            | "DeleteConflict"
            | "LimitExceeded"
            | "MalformedPolicyDocument"
            | "EntityTemporarilyUnmodifiable"
            | "InvalidInput"
            | "PasswordPolicyViolation"
            | "UnmodifiableEntity",
        ) => format!("{code}Exception"),
        (_, "AccessDeniedException") => "AccessDenied".to_owned(),
        _ => code.to_owned(),
    }
}

/// Records carry whole seconds.
pub(crate) fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
