//! The way of a request: identify → authenticate → decode → validate → authorise → handle → record → encode.
//!
//! Owns the order, the same for every service. Handlers do none of it.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use jiff::Timestamp;
use serde::Serialize;
use stockade_model::{Clock, Region};
use stockade_policy::Principal;
use stockade_wire::server::{self, Target};
use stockade_wire::sigv4::{self, KeyCache};
use stockade_wire::table::{self, Service};
use stockade_wire::{AwsError, Object};
use tracing::Level;

use crate::authn::{self, Trust};
use crate::authz;
use crate::call::{Call, Caller, RecordExtras, Reply, ServiceEvent};
use crate::clock::RangeClock;
use crate::front::Peer;
use crate::ids::Ids;
use crate::provider_keys::{ProviderKeys, Reach};
use crate::regions;
use crate::row::{Handler, Needs, Row};
use crate::services;
use crate::services::cloudtrail::delivery;
use crate::services::sts::{self, Hand, Vouched};
use crate::state::State;
use crate::trail;

/// The header by which a caller on loopback says from which address it would come.
pub const SOURCE_HEADER: &str = "x-stockade-source-ip";
/// Where the log has a line for each request, at the level `debug`.
const ACCESS: &str = "stockade_range::access";
/// How many requests are kept for `/_stockade/requests`.
const KEPT_REQUESTS: usize = 1_000;

/// What every request needs.
#[derive(Debug)]
pub struct Desk {
    /// Everything that the range knows.
    pub state: RwLock<State>,
    /// The range's clock.
    pub clock: RangeClock,
    /// Whose word is taken for who calls.
    pub trust: Trust,
    /// Ids of requests and events: apart from the state's, so that a read does not wait for its change.
    ids: Mutex<Ids>,
    /// The last requests, whoever made them.
    seen: Mutex<VecDeque<Seen>>,
    /// The keys of identity providers.
    providers: ProviderKeys,
    /// The keys of signatures, derived once.
    keys: KeyCache,
}

/// A request as the range saw it, recorded in a trail or not: AWS keeps no record of who fails to say who they are.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// When.
    pub time: Timestamp,
    /// The service and the operation, as far as they are known.
    pub action: Option<String>,
    /// The access key that was named, good or not.
    pub access_key_id: Option<String>,
    /// Who they proved to be.
    pub caller_arn: Option<String>,
    /// From which address.
    pub source: String,
    /// The HTTP status of the answer.
    pub status: u16,
    /// The error's code; none where it went well.
    pub error_code: Option<String>,
}

/// What is known of a request before it is decoded.
struct Visit<'a> {
    target: &'a Target,
    parts: &'a Parts,
    now: Timestamp,
    request_id: &'a str,
    source: &'a str,
    peer: &'a Peer,
}

impl Desk {
    /// A desk over a state. `ids` gives the ids of requests and events.
    pub fn new(state: State, clock: RangeClock, trust: Trust, ids: Ids) -> Self {
        Self {
            state: RwLock::new(state),
            clock,
            trust,
            ids: Mutex::new(ids),
            seen: Mutex::new(VecDeque::new()),
            providers: ProviderKeys::new(Reach::Public),
            keys: KeyCache::new(),
        }
    }

    /// The same, which asks identity providers by these.
    #[must_use]
    pub fn asking_providers(self, providers: ProviderKeys) -> Self {
        Self { providers, ..self }
    }

    /// Does what a request needs before it can be answered at once: an identity provider is asked for its keys, while
    /// nothing waits for it.
    pub async fn prepare(&self, parts: &Parts, body: &Bytes) {
        if !sts::may_need_keys(parts, body) {
            return;
        }
        let Ok(target) = server::identify(parts, body) else {
            return;
        };
        if target.service.name != "sts" || target.operation.name != sts::WEB_IDENTITY {
            return;
        }
        let Ok(decoded) = server::decode(&target, parts, body) else {
            return;
        };
        let asked = sts::web_identity::question(&self.read(), self.clock.now(), &decoded.input);
        if let Some((question, enough)) = asked {
            self.providers.ask(&question, enough).await;
        }
    }

    /// Answers a request that came from `peer`.
    pub fn answer(&self, parts: &Parts, body: &Bytes, peer: &Peer) -> Response<Bytes> {
        let now = self.clock.now();
        let source = address_of(&parts.headers, peer.address);
        let mut seen = Seen {
            time: now,
            action: None,
            access_key_id: None,
            caller_arn: None,
            source,
            status: 200,
            error_code: None,
        };
        let begun = tracing::enabled!(target: ACCESS, Level::DEBUG).then(Instant::now);
        let answer = self.serve(parts, body, peer, now, &mut seen);
        seen.status = answer.status().as_u16();
        if let Some(begun) = begun {
            // Neither headers nor the address: they may carry signatures and tokens.
            tracing::debug!(
                target: ACCESS,
                action = seen.action.as_deref(),
                caller = seen.caller_arn.as_deref(),
                source = seen.source,
                status = seen.status,
                error = seen.error_code.as_deref(),
                took = ?begun.elapsed(),
                "answered"
            );
        }
        let mut all = lock(&self.seen);
        if all.len() >= KEPT_REQUESTS {
            all.pop_front();
        }
        all.push_back(seen);
        answer
    }

    fn serve(
        &self,
        parts: &Parts,
        body: &Bytes,
        peer: &Peer,
        now: Timestamp,
        seen: &mut Seen,
    ) -> Response<Bytes> {
        let path = Some(parts.uri.path());
        let target = match server::identify(parts, body) {
            Ok(target) => target,
            Err(refused) => {
                seen.error_code = Some(refused.error.code.clone());
                let request_id = lock(&self.ids).uuid();
                let (service, protocol) = (refused.service, refused.protocol);
                return server::encode_error(service, protocol, &refused.error, &request_id, path);
            }
        };
        let is_s3 = target.service.name == "s3";
        // S3's request ids are shorter than the others', and there is a second one.
        let request_id = if is_s3 {
            lock(&self.ids).hex(16).to_uppercase()
        } else {
            lock(&self.ids).uuid()
        };
        seen.action = Some(format!("{}:{}", target.service.name, target.operation.name));
        let source = seen.source.clone();
        let visit = Visit {
            target: &target,
            parts,
            now,
            request_id: &request_id,
            source: &source,
            peer,
        };
        let mut answer = match self.call(&visit, body, seen) {
            Ok(reply) => {
                let status = reply
                    .status
                    .and_then(|status| StatusCode::from_u16(status).ok());
                let mut answer = server::encode(&target, &reply.output, reply.body, &request_id);
                if let Some(status) = status {
                    *answer.status_mut() = status;
                }
                answer
            }
            Err(mut error) => {
                seen.error_code = Some(error.code.clone());
                if is_s3 {
                    let extended = services::s3::extended_request_id(&request_id);
                    error = error.with("HostId", extended);
                }
                let (service, protocol) = (Some(target.service), Some(target.protocol));
                server::encode_error(service, protocol, &error, &request_id, path)
            }
        };
        if is_s3 && let Ok(extended) = services::s3::extended_request_id(&request_id).parse() {
            answer.headers_mut().insert("x-amz-id-2", extended);
        }
        answer
    }

    fn call(&self, visit: &Visit<'_>, body: &Bytes, seen: &mut Seen) -> Result<Reply, AwsError> {
        let target = visit.target;
        let service = target.service;
        let claim = sigv4::claim(visit.parts)?;
        seen.access_key_id = claim.as_ref().map(|claim| claim.access_key.clone());
        let region = regions::asked(service, claim.as_ref())?;
        // Who calls is settled before anything else: a stranger learns nothing from validation, and leaves no
        // record in anybody's trail.
        let unsigned = sts::is_unsigned(service, target.operation);
        let request = authn::Request {
            service,
            unsigned,
            claim: claim.as_ref(),
            parts: visit.parts,
            body,
            now: visit.now,
            signature_time: claim.as_ref().map_or(visit.now, |claim| {
                let presigned = claim.presigned_expires.is_some();
                self.clock.for_signature(claim.signed_at, presigned)
            }),
            keys: &self.keys,
        };
        let to_make = authn::account_to_make(&self.read(), self.trust, claim.as_ref());
        if let Some(account) = to_make {
            self.write().add_account(account, visit.now);
        }
        let known = authn::authenticate(&self.read(), self.trust, &request)?;
        let decoded = server::decode(target, visit.parts, &known.body);
        let (input, body, malformed) = match decoded {
            Ok(decoded) => (decoded.input, decoded.body, None),
            Err(error) => (Object::new(), None, Some(error)),
        };
        // Who has signed nothing is who an identity provider says.
        let (vouched, malformed) = match malformed {
            None if unsigned => match self.vouch(target, &input, visit.now) {
                Ok(vouched) => (Some(vouched), None),
                Err(error) => (None, Some(error)),
            },
            malformed => (None, malformed),
        };
        let caller = vouched.as_ref().map_or(&known.caller, |v| &v.caller);
        seen.caller_arn = Some(caller.arn.clone());
        let call = Call {
            service: &service.name,
            operation: &target.operation.name,
            input: &input,
            body: body.as_ref(),
            caller,
            vouched: vouched.as_ref(),
            region: &region,
            now: visit.now,
            request_id: visit.request_id,
            source_ip: visit.source,
            user_agent: text(&visit.parts.headers, "user-agent"),
            headers: &visit.parts.headers,
            host: text(&visit.parts.headers, "host"),
            signature_age: claim
                .as_ref()
                .map(|claim| request.signature_time.duration_since(claim.signed_at)),
            presigned: claim.is_some_and(|claim| claim.presigned_expires.is_some()),
            tls: visit.peer.tls,
        };
        let row = services::row(&service.name, call.operation);
        // Before the deed: afterwards what it was done to may be gone.
        let described = services::describe(&self.read(), &call);
        let outcome = match (malformed, row) {
            (_, None) => authz::authorise_unknown(&self.read(), service, target.operation, &call)
                .and_then(|()| Err(not_implemented(&call))),
            (Some(error), Some(_)) => Err(error),
            (None, Some(row)) => contained(&call, service, || self.run(target, row, &call)),
        };
        let described = match &outcome {
            Ok(reply) => services::conclude(&call, described, reply),
            Err(_) => described,
        };
        self.remember(target, row, &call, &outcome, described);
        outcome
    }

    fn vouch(&self, target: &Target, input: &Object, now: Timestamp) -> Result<Vouched, AwsError> {
        let operation = target.operation;
        server::validate(target.service, operation, input, false)?;
        let hand = Hand {
            range: &self.read(),
            keys: &self.providers,
            now,
            aged: &|issued| self.clock.for_signature(issued, false),
        };
        sts::vouch(&hand, &operation.name, input)
    }

    fn run(&self, target: &Target, row: &Row, call: &Call<'_>) -> Result<Reply, AwsError> {
        let service = target.service;
        server::validate(service, target.operation, call.input, call.body.is_some())?;
        match row.handler {
            Handler::Read(handle) => {
                let state = self.read();
                authz::authorise(&state, service, row, call)?;
                handle(&state, call)
            }
            Handler::Write(handle) => {
                // One lock for both: between the decision and the deed nothing changes.
                let mut state = self.write();
                authz::authorise(&state, service, row, call)?;
                let done = handle(&mut state, call);
                #[cfg(test)]
                tests::panic_if_asked(call);
                done
            }
        }
    }

    /// Records a call: in the trail and in what was last used; and what is due for delivery is delivered.
    fn remember(
        &self,
        target: &Target,
        row: Option<&Row>,
        call: &Call<'_>,
        outcome: &Result<Reply, AwsError>,
        described: RecordExtras,
    ) {
        let event = trail::Event {
            service: target.service,
            operation: target.operation,
            row,
            call,
            outcome,
        };
        let made = trail::records(&event, described, || lock(&self.ids).uuid());
        let region = trail::region_of(target.service, call.region);
        let mut state = self.write();
        for (account, record) in made {
            delivery::take(&mut state, &account, &region, record);
        }
        if let Ok(reply) = outcome {
            for event in reply.record.service_events.iter().cloned() {
                self.record_service_event(&mut state, target.service, event, call.now);
            }
        }
        self.settle(&mut state, call.now);
        remember_use(&mut state, call, row);
        delivery::deliver_due(&mut state, call.now);
    }

    fn record_service_event(
        &self,
        state: &mut State,
        service: &Service,
        event: ServiceEvent,
        now: Timestamp,
    ) {
        let (account, region) = (event.account.clone(), Region::us_east_1());
        let region = trail::region_of(service, &region);
        let record = trail::service_event(service, event, now, || lock(&self.ids).uuid());
        delivery::take(state, &account, &region, record);
    }

    /// Does what services do of their own by now, and records it.
    pub fn settle(&self, state: &mut State, now: Timestamp) {
        if !services::organizations::closing::is_due(state, now) {
            return;
        }
        let Some(service) = table::service("organizations") else {
            return;
        };
        for event in services::organizations::closing::settle(state, now) {
            self.record_service_event(state, service, event, now);
        }
    }

    /// The state, to change. A handler that panicked has been caught; what it left is kept.
    pub fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to read.
    pub fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last requests, oldest first.
    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.seen).iter().cloned().collect()
    }

    /// A copy of the source of request ids, for a copy of the range.
    pub fn ids(&self) -> Ids {
        lock(&self.ids).clone()
    }
}

/// Does what may panic: then the call failed, by a fault of the range, and no other is harmed.
fn contained(
    call: &Call<'_>,
    service: &Service,
    work: impl FnOnce() -> Result<Reply, AwsError>,
) -> Result<Reply, AwsError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let (service_name, operation) = (call.service, call.operation);
        tracing::error!("{service_name}:{operation} panicked; this is a fault of the range");
        Err(AwsError::internal(service))
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember_use(state: &mut State, call: &Call<'_>, row: Option<&Row>) {
    let caller: &Caller = call.caller;
    let Some(account) = state.accounts.get_mut(&caller.account).map(Arc::make_mut) else {
        return;
    };
    if let Some(key) = caller
        .access_key
        .as_ref()
        .filter(|_| caller.session.is_none())
    {
        account
            .usage
            .record_key(key, call.now, call.region, call.service);
    }
    let arn = match &caller.principal {
        Principal::User { arn, .. } => arn.to_string(),
        Principal::Role { role_arn, .. } => role_arn.to_string(),
        Principal::Root { account } => format!("arn:aws:iam::{account}:root"),
        _ => return,
    };
    let action = match row.map(|row| row.needs) {
        Some(Needs::Action { action, .. }) => action.to_owned(),
        _ => format!("{}:{}", call.service, call.operation),
    };
    // Access Advisor counts attempts, refused ones too.
    account
        .usage
        .record_action(&arn, &action, call.now, call.region);
}

fn address_of(headers: &HeaderMap, peer: IpAddr) -> String {
    let told = headers
        .get(SOURCE_HEADER)
        .and_then(|value| value.to_str().ok());
    match told.and_then(|told| told.parse::<IpAddr>().ok()) {
        Some(address) if peer.is_loopback() => address.to_string(),
        _ => peer.to_string(),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

fn not_implemented(call: &Call<'_>) -> AwsError {
    let message = format!(
        "The range does not have {}:{} yet.",
        call.service, call.operation
    );
    AwsError::new(501, "NotImplemented", message)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What stands in a request's user agent for its handler to panic.
    pub const PANIC: &str = "panic-in-the-handler";

    /// A fault of the range, which there should be none of to test with.
    pub fn panic_if_asked(call: &Call<'_>) {
        assert!(call.user_agent != PANIC, "asked to panic");
    }

    #[test]
    fn only_loopback_may_say_from_where_it_comes() {
        let mut headers = HeaderMap::new();
        headers.insert(SOURCE_HEADER, "203.0.113.9".parse().unwrap());
        let from = |peer: &str| address_of(&headers, peer.parse().unwrap());
        assert_eq!(from("127.0.0.1"), "203.0.113.9");
        assert_eq!(from("::1"), "203.0.113.9");
        assert_eq!(from("198.51.100.4"), "198.51.100.4");
        headers.insert(SOURCE_HEADER, "the office".parse().unwrap());
        assert_eq!(
            address_of(&headers, "127.0.0.1".parse().unwrap()),
            "127.0.0.1"
        );
    }
}
