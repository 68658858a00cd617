//! What happened: a CloudTrail record for every call, allowed or refused, kept by account and region.
//!
//! Owns the record's format and the log that LookupEvents and the trails read. What a trail delivers is
//! `services/cloudtrail`.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use stockade_model::{AccountId, Region};
use stockade_policy::Principal;
use stockade_wire::table::{Kind, Operation, Service, ShapeId};
use stockade_wire::{AwsError, Object};

use crate::call::{Call, Caller, RecordExtras, Reply};
use crate::ids::Ids;
use crate::row::{Access, EventKind, Row};

/// The version of the record format that is written.
const VERSION: &str = "1.11";
/// What stands in place of a value that must not be seen.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// A record, with what it is looked up by.
#[derive(Debug, Clone)]
pub struct Record {
    /// As it is delivered.
    pub value: Arc<Value>,
    /// When it happened.
    pub time: Timestamp,
    /// Data events are not in the event history.
    pub is_data: bool,
}

/// All records, by account and region, in the order in which they happened.
#[derive(Debug, Clone, Default)]
pub struct Log {
    places: BTreeMap<(AccountId, Region), Vec<Record>>,
}

impl Log {
    /// The records of one account in one region, oldest first.
    pub fn of(&self, account: &AccountId, region: &Region) -> &[Record] {
        self.places
            .get(&(account.clone(), region.clone()))
            .map_or(&[], Vec::as_slice)
    }

    /// The regions in which an account has records.
    pub fn regions(&self, account: &AccountId) -> impl Iterator<Item = &Region> {
        self.places
            .keys()
            .filter(move |(theirs, _)| theirs == account)
            .map(|(_, region)| region)
    }

    /// Adds a record to an account's log.
    pub fn push(&mut self, account: AccountId, region: Region, record: Record) {
        self.places
            .entry((account, region))
            .or_default()
            .push(record);
    }
}

/// Where the events of a service are recorded: those of global services in us-east-1.
pub fn region_of(service: &Service, asked: &Region) -> Region {
    match service.name.as_str() {
        "iam" | "organizations" => Region::us_east_1(),
        _ => asked.clone(),
    }
}

/// The records that a call leaves: one in the caller's account, and one in the account of what was touched
/// where that is another.
pub fn records(
    ids: &mut Ids,
    service: &Service,
    operation: &Operation,
    row: Option<&Row>,
    call: &Call<'_>,
    outcome: &Result<Reply, AwsError>,
    described: RecordExtras,
) -> Vec<(AccountId, Record)> {
    let kind = row.map_or(EventKind::Management, |row| row.event);
    let extras = match outcome {
        Ok(reply) => reply.record.clone().or(described),
        Err(_) => described,
    };
    let also_in = extras.also_in.clone();
    let accounts: Vec<AccountId> = match (&call.caller.principal, also_in) {
        // Strangers have no account: what they do is in the log of the owner alone.
        (Principal::Anonymous, also) => also.into_iter().collect(),
        (_, Some(other)) if other != call.caller.account => {
            vec![call.caller.account.clone(), other]
        }
        _ => vec![call.caller.account.clone()],
    };
    let shared = (accounts.len() > 1).then(|| ids.uuid());
    let body = body(service, operation, row, call, outcome, extras);
    accounts
        .into_iter()
        .map(|account| {
            let mut record = body.clone();
            let home = account == call.caller.account;
            record.insert(
                "userIdentity".into(),
                if home {
                    identity(call.caller)
                } else {
                    stranger(call.caller)
                },
            );
            record.insert("eventID".into(), ids.uuid().into());
            record.insert("recipientAccountId".into(), account.as_str().into());
            if let Some(shared) = &shared {
                record.insert("sharedEventID".into(), shared.as_str().into());
            }
            let value = Arc::new(Value::Object(record));
            (
                account,
                Record {
                    value,
                    time: call.now,
                    is_data: kind == EventKind::Data,
                },
            )
        })
        .collect()
}

fn body(
    service: &Service,
    operation: &Operation,
    row: Option<&Row>,
    call: &Call<'_>,
    outcome: &Result<Reply, AwsError>,
    extras: RecordExtras,
) -> Map<String, Value> {
    let is_data = row.is_some_and(|row| row.event == EventKind::Data);
    let read_only = row.map_or_else(|| looks(&operation.name), |row| row.access == Access::Read);
    // AWS calls AssumeRole read-only, and yet shows what it handed out.
    let hands_out = service.name == "sts" && operation.name != "GetCallerIdentity";
    let name = extras.event_name.unwrap_or_else(|| operation.name.clone());
    let mut record = Map::new();
    record.insert("eventVersion".into(), VERSION.into());
    record.insert("eventTime".into(), seconds(call.now).to_string().into());
    record.insert(
        "eventSource".into(),
        format!("{}.amazonaws.com", source(service)).into(),
    );
    record.insert("eventName".into(), name.into());
    record.insert(
        "awsRegion".into(),
        region_of(service, call.region).as_str().into(),
    );
    record.insert("sourceIPAddress".into(), call.source_ip.into());
    let agent = if service.name == "s3" {
        format!("[{}]", call.user_agent)
    } else {
        call.user_agent.to_owned()
    };
    record.insert("userAgent".into(), agent.into());
    let extras = outcome
        .as_ref()
        .map(|reply| reply.record.clone())
        .unwrap_or_default();
    let input = || shown(service, operation.input, call.input);
    match outcome {
        Ok(reply) => {
            record.insert(
                "requestParameters".into(),
                extras.request_parameters.unwrap_or_else(input),
            );
            let answer = match extras.response_elements {
                Some(given) => given,
                None if (read_only && !hands_out) || service.name == "s3" => Value::Null,
                None => shown(service, operation.output, &reply.output),
            };
            record.insert("responseElements".into(), answer);
        }
        Err(error) => {
            record.insert("errorCode".into(), error_code(service, &error.code).into());
            record.insert("errorMessage".into(), error.message.as_str().into());
            let asked = match extras.request_parameters {
                Some(given) => given,
                None if is_refusal(&error.code) => Value::Null,
                None => input(),
            };
            record.insert("requestParameters".into(), asked);
            record.insert("responseElements".into(), Value::Null);
        }
    }
    if let Some(additional) = extras.additional {
        record.insert("additionalEventData".into(), additional);
    }
    record.insert("requestID".into(), call.request_id.into());
    record.insert("readOnly".into(), read_only.into());
    if let Some(resources) = extras.resources {
        record.insert("resources".into(), resources);
    }
    record.insert("eventType".into(), "AwsApiCall".into());
    record.insert("managementEvent".into(), (!is_data).into());
    record.insert(
        "eventCategory".into(),
        if is_data { "Data" } else { "Management" }.into(),
    );
    record
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

fn source(service: &Service) -> &str {
    match service.name.as_str() {
        "s3" | "s3control" => "s3",
        _ => &service.endpoint_prefix,
    }
}

/// CloudTrail shows the exception's name where the wire shows a short code.
fn error_code(service: &Service, code: &str) -> String {
    match (service.name.as_str(), code) {
        (
            "iam",
            "NoSuchEntity"
            | "EntityAlreadyExists"
            | "DeleteConflict"
            | "LimitExceeded"
            | "MalformedPolicyDocument",
        ) => {
            format!("{code}Exception")
        }
        ("organizations", "AccessDeniedException") => "AccessDenied".to_owned(),
        ("cloudtrail", "AccessDeniedException") => "AccessDenied".to_owned(),
        _ => code.to_owned(),
    }
}

fn seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// `userIdentity` in the caller's own account.
pub fn identity(caller: &Caller) -> Value {
    let account = caller.account.as_str();
    let key = caller.access_key.as_deref();
    let mut identity = match &caller.principal {
        Principal::Root { .. } => {
            json!({"type": "Root", "principalId": account, "arn": caller.arn, "accountId": account})
        }
        Principal::User { arn, user_id } => json!({
            "type": "IAMUser", "principalId": user_id, "arn": caller.arn, "accountId": account,
            "userName": arn.resource_name(),
        }),
        Principal::Role { .. } => json!({
            "type": "AssumedRole", "principalId": caller.user_id, "arn": caller.arn, "accountId": account,
        }),
        Principal::FederatedUser { .. } => json!({
            "type": "FederatedUser", "principalId": caller.user_id, "arn": caller.arn, "accountId": account,
        }),
        Principal::Service { name } => json!({"type": "AWSService", "invokedBy": name}),
        Principal::Federated { provider } => {
            json!({"type": "WebIdentityUser", "identityProvider": provider})
        }
        Principal::Anonymous => {
            json!({"type": "AWSAccount", "principalId": "", "accountId": "anonymous"})
        }
    };
    if let Some(members) = identity.as_object_mut() {
        if let Some(key) = key {
            members.insert("accessKeyId".into(), key.into());
        }
        if let Some(context) = session_context(caller) {
            members.insert("sessionContext".into(), context);
        }
    }
    identity
}

fn session_context(caller: &Caller) -> Option<Value> {
    let session = caller.session.as_ref()?;
    let mut context = json!({"attributes": {
        "creationDate": seconds(session.issued).to_string(),
        "mfaAuthenticated": session.mfa.to_string(),
    }});
    let members = context.as_object_mut()?;
    let account = caller.account.as_str();
    match &caller.principal {
        Principal::Role {
            role_arn, role_id, ..
        } => {
            let issuer = json!({
                "type": "Role", "principalId": role_id, "arn": role_arn.to_string(), "accountId": account,
                "userName": role_arn.resource_name(),
            });
            members.insert("sessionIssuer".into(), issuer);
        }
        Principal::FederatedUser { issuer, .. } => {
            let kind = if issuer.resource_type() == "user" {
                "IAMUser"
            } else {
                "Root"
            };
            let mut shown = json!({"type": kind, "arn": issuer.to_string(), "accountId": account});
            if let Some(members) = shown.as_object_mut().filter(|_| kind == "IAMUser") {
                members.insert("userName".into(), issuer.resource_name().into());
            }
            members.insert("sessionIssuer".into(), shown);
        }
        _ => {}
    }
    if let Some(source) = &session.source_identity {
        members.insert("sourceIdentity".into(), source.as_str().into());
    }
    Some(context)
}

/// `userIdentity` in another account's log: it learns the account and the id, not the name.
fn stranger(caller: &Caller) -> Value {
    json!({"type": "AWSAccount", "principalId": caller.user_id, "accountId": caller.account.as_str()})
}

/// Members as the trail shows them: lower camel case, times in words, without secrets; null if there are none.
fn shown(service: &Service, shape: Option<ShapeId>, members: &Object) -> Value {
    let Some(shape) = shape else {
        return Value::Null;
    };
    match shown_value(service, shape, &Value::Object(members.clone())) {
        Some(Value::Object(members)) if members.is_empty() => Value::Null,
        Some(value) => value,
        None => Value::Null,
    }
}

fn shown_value(service: &Service, id: ShapeId, value: &Value) -> Option<Value> {
    let shape = service.shape(id);
    if shape.sensitive {
        // Secrets that AWS hands out are left out; those that it is given are masked.
        return matches!(shape.name.as_str(), "tokenType").then(|| HIDDEN.into());
    }
    match (&shape.kind, value) {
        (Kind::Structure { members, .. }, Value::Object(given)) => {
            let mut shown = Map::new();
            for member in members {
                let Some(value) = given.get(&member.name) else {
                    continue;
                };
                if is_secret(&member.name) {
                    continue;
                }
                if let Some(value) = shown_value(service, member.shape, value) {
                    shown.insert(camel(&member.name), value);
                }
            }
            Some(Value::Object(shown))
        }
        (Kind::List { element, .. }, Value::Array(items)) => Some(
            items
                .iter()
                .filter_map(|item| shown_value(service, element.shape, item))
                .collect(),
        ),
        (Kind::Map { value: of, .. }, Value::Object(entries)) => Some(
            entries
                .iter()
                .filter_map(|(key, value)| {
                    Some((key.clone(), shown_value(service, of.shape, value)?))
                })
                .collect(),
        ),
        (Kind::Timestamp, Value::String(text)) => Some(in_words(service, text).into()),
        (Kind::Blob, _) => None,
        _ => Some(value.clone()),
    }
}

/// What no record may show, whether or not the model calls it sensitive.
fn is_secret(member: &str) -> bool {
    matches!(
        member,
        "SecretAccessKey"
            | "Password"
            | "OldPassword"
            | "NewPassword"
            | "PrivateKey"
            | "ServicePassword"
            | "Base32StringSeed"
    )
}

/// `UserName` → `userName`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_lowercase().to_string() + letters.as_str()
    })
}

/// `Jul 10, 2023 12:24:29 PM`; STS has one comma more.
fn in_words(service: &Service, text: &str) -> String {
    let Ok(time) = text.parse::<Timestamp>() else {
        return text.to_owned();
    };
    let format = if service.name == "iam" {
        "%b %-d, %Y %-I:%M:%S %p"
    } else {
        "%b %-d, %Y, %-I:%M:%S %p"
    };
    time.strftime(format).to_string()
}
