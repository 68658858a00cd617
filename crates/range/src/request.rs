//! The way of a request: identify → authenticate → decode → validate → authorise → handle → record → encode.
//!
//! Owns the order, the same for every service. Handlers do none of it.

use std::borrow::Cow;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response, StatusCode};
use jiff::{SignedDuration, Timestamp};
use stockade_keys::RootKey;
use stockade_model::{Clock, Region};
use stockade_policy::Principal;
use stockade_wire::server::{self, Target};
use stockade_wire::sigv4::{self, KeyCache};
use stockade_wire::table::{self, Service};
use stockade_wire::{AwsError, Object};
use tracing::Level;

use crate::answer::{Answer, Instead, Waits, refused, with_extended_id};
use crate::authn::{self, Trust};
use crate::authz;
use crate::call::{Call, Caller, Inner, RecordExtras, Reply, ServiceEvent, invoker};
use crate::clock::RangeClock;
use crate::desk::{Aside, Versions};
use crate::front::Peer;
use crate::ids::Ids;
use crate::profile;
use crate::provider_keys::{ProviderKeys, Reach};
use crate::regions;
use crate::row::{Handler, Needs, Row};
use crate::rows::RowError;
use crate::seen::{LastSeen, Seen};
use crate::services;
use crate::services::cloudtrail::delivery;
use crate::services::sts::{self, Hand, Vouched};
use crate::state::State;
use crate::store::{NotKept, RootKeys, Ticket, unavailable};
use crate::trail::{self, Entry};

/// The header by which a caller on loopback says from which address it would come.
pub const SOURCE_HEADER: &str = "x-stockade-source-ip";
/// Where the log has a line for each request, at the level `debug`.
const ACCESS: &str = "stockade_range::access";

/// What every request needs.
#[derive(Debug)]
pub struct Desk {
    /// Everything that the range knows.
    pub state: Versions,
    /// The range's clock.
    pub clock: RangeClock,
    /// Whose word is taken for who calls.
    pub trust: Trust,
    /// Ids of requests and events: apart from the state's, so that a read does not wait for its change.
    ids: Mutex<Ids>,
    /// The last requests, whoever made them.
    pub(crate) last_seen: LastSeen,
    /// The keys of identity providers.
    providers: ProviderKeys,
    /// The keys of signatures, derived once.
    keys: KeyCache,
    /// The administrator's profile below the data folder; none: there is no data folder.
    pub(crate) profile: Option<profile::Files>,
    /// Where the root keys of KMS are kept; none: in memory alone.
    roots: Option<Mutex<RootKeys>>,
}

/// What came of a call.
#[derive(Debug)]
struct Outcome {
    done: Result<Reply, AwsError>,
    ticket: Option<Ticket>,
    /// The records of a change that waits: it is not known yet whether they are true.
    entries: Vec<Entry>,
    is_recorded: bool,
}

impl From<Result<Reply, AwsError>> for Outcome {
    fn from(done: Result<Reply, AwsError>) -> Self {
        Self {
            done,
            ticket: None,
            entries: Vec::new(),
            is_recorded: false,
        }
    }
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
    pub fn new(state: Versions, clock: RangeClock, trust: Trust, ids: Ids) -> Self {
        Self {
            state,
            clock,
            trust,
            ids: Mutex::new(ids),
            last_seen: LastSeen::default(),
            providers: ProviderKeys::new(Reach::Public),
            keys: KeyCache::new(),
            profile: None,
            roots: None,
        }
    }

    /// The same, with the administrator's profile in these files.
    #[must_use]
    pub fn with_profile(self, profile: profile::Files) -> Self {
        let profile = Some(profile);
        Self { profile, ..self }
    }

    /// The same, with the root keys of KMS in this file.
    #[must_use]
    pub fn with_roots(self, roots: RootKeys) -> Self {
        let roots = Some(Mutex::new(roots));
        Self { roots, ..self }
    }

    /// Keeps a root key of KMS, where root keys are kept.
    ///
    /// # Errors
    /// The disk's.
    pub(crate) fn keep_root(&self, root: &RootKey) -> std::io::Result<()> {
        let roots = self.roots.as_ref();
        roots.map_or(Ok(()), |roots| lock(roots).keep(root))
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
        let asked =
            sts::web_identity::question(&self.state.read(), self.clock.now(), &decoded.input);
        if let Some((question, enough)) = asked {
            self.providers.ask(&question, enough).await;
        }
    }

    /// Answers a request that came from `peer`.
    pub fn answer(&self, parts: &Parts, body: &Bytes, peer: &Peer) -> Answer {
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
        let (response, waits) = self.serve(parts, body, peer, now, &mut seen);
        if let Some(begun) = begun {
            // Neither headers nor the address: they may carry signatures and tokens.
            tracing::debug!(
                target: ACCESS,
                action = seen.action.as_deref(),
                caller = seen.caller_arn.as_deref(),
                source = seen.source,
                status = response.status().as_u16(),
                error = seen.error_code.as_deref(),
                took = ?begun.elapsed(),
                "answered"
            );
        }
        let answer = Answer {
            response,
            seen: Some(seen),
            waits,
        };
        match answer.waits {
            Some(_) => answer,
            None => Answer::from(answer.told(self, Ok(()))),
        }
    }

    fn serve(
        &self,
        parts: &Parts,
        body: &Bytes,
        peer: &Peer,
        now: Timestamp,
        seen: &mut Seen,
    ) -> (Response<Bytes>, Option<Waits>) {
        let path = Some(parts.uri.path());
        let target = match server::identify(parts, body) {
            Ok(target) => target,
            Err(refused) => {
                seen.error_code = Some(refused.error.code.clone());
                let request_id = lock(&self.ids).uuid();
                let (service, protocol) = (refused.service, refused.protocol);
                let error = &refused.error;
                let answer = server::encode_error(service, protocol, error, &request_id, path);
                return (answer, None);
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
        let outcome = self
            .call(&visit, body, seen)
            .unwrap_or_else(|error| Err(error).into());
        let answer = match outcome.done {
            Ok(reply) => {
                let status = reply
                    .status
                    .and_then(|status| StatusCode::from_u16(status).ok());
                let mut answer = server::encode(&target, &reply.output, reply.body, &request_id);
                if let Some(status) = status {
                    *answer.status_mut() = status;
                }
                with_extended_id(answer, &target, &request_id)
            }
            Err(error) => {
                seen.error_code = Some(error.code.clone());
                refused(&target, error, &request_id, path)
            }
        };
        let waits = outcome.ticket.map(|ticket| Waits {
            ticket,
            instead: Instead {
                target,
                request_id,
                path: parts.uri.path().to_owned(),
                entries: outcome.entries,
            },
        });
        (answer, waits)
    }

    fn call(&self, visit: &Visit<'_>, body: &Bytes, seen: &mut Seen) -> Result<Outcome, AwsError> {
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
        let to_make = authn::account_to_make(&self.state.read(), self.trust, claim.as_ref());
        if let Some(account) = to_make {
            let made = self.state.change(|state| {
                state.add_account(account, visit.now);
                Ok::<_, AwsError>(((), Aside::default()))
            });
            made.0?;
            let kept = self.state.settle(made.1);
            kept.map_err(|_| unavailable())?;
        }
        let known = authn::authenticate(&self.state.read(), self.trust, &request)?;
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
        let inner = Inner::default();
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
            via: None,
            inner: &inner,
        };
        let row = services::row(&service.name, call.operation);
        // Before the deed: afterwards what it was done to may be gone.
        let described = services::describe(&self.state.read(), &call);
        let mut outcome = match (malformed, row) {
            (_, None) => {
                let refused =
                    authz::authorise_unknown(&self.state.read(), service, target.operation, &call);
                refused.and_then(|()| Err(not_implemented(&call))).into()
            }
            (Some(error), Some(_)) => Err(error).into(),
            (None, Some(row)) => {
                let work = || self.run(target, row, &call, &described);
                contained(&call, service, work)
            }
        };
        self.remember(target, row, &call, &mut outcome, described);
        Ok(outcome)
    }

    fn vouch(&self, target: &Target, input: &Object, now: Timestamp) -> Result<Vouched, AwsError> {
        let operation = target.operation;
        server::validate(target.service, operation, input, false)?;
        let hand = Hand {
            range: &self.state.read(),
            keys: &self.providers,
            now,
            aged: &|issued| self.clock.for_signature(issued, false),
        };
        sts::vouch(&hand, &operation.name, input)
    }

    fn run(
        &self,
        target: &Target,
        row: &Row,
        call: &Call<'_>,
        described: &RecordExtras,
    ) -> Result<Outcome, AwsError> {
        let service = target.service;
        server::validate(service, target.operation, call.input, call.body.is_some())?;
        match row.handler {
            Handler::Read(handle) => {
                let state = self.state.read();
                authz::authorise(&state, service, row, call)?;
                Ok(handle(&state, call).into())
            }
            Handler::Write(handle) => {
                let mut waiting = Vec::new();
                // Upon one version: between the decision and the deed nothing changes.
                let (done, ticket) = self.state.change(|state| {
                    authz::authorise(state, service, row, call)?;
                    let reply = handle(state, call)?;
                    #[cfg(test)]
                    tests::panic_if_asked(call);
                    let done = Ok(reply);
                    let entries =
                        self.entries(state, target, Some(row), call, &done, described.clone());
                    waiting.clone_from(&entries);
                    let delivered = Vec::new();
                    Ok((done, Aside { entries, delivered }))
                });
                let is_recorded = done.is_ok();
                Ok(Outcome {
                    done: done.and_then(|done| done),
                    entries: if ticket.is_some() {
                        waiting
                    } else {
                        Vec::new()
                    },
                    ticket,
                    is_recorded,
                })
            }
        }
    }

    /// The records that a call leaves.
    fn entries(
        &self,
        state: &State,
        target: &Target,
        row: Option<&Row>,
        call: &Call<'_>,
        outcome: &Result<Reply, AwsError>,
        described: RecordExtras,
    ) -> Vec<Entry> {
        let described = match outcome {
            Ok(reply) => services::conclude(call, described, reply),
            Err(_) => described,
        };
        let event = trail::Event {
            service: target.service,
            operation: target.operation,
            row,
            call,
            outcome,
        };
        let mut entries = self.inner_entries(state, call);
        let made = trail::records(&event, described, || lock(&self.ids).uuid());
        let region = trail::region_of(target.service, call.region);
        let made = made.into_iter();
        entries.extend(made.map(|made| delivery::entry(state, &region, made)));
        if let Ok(reply) = outcome {
            for event in reply.record.service_events.iter().cloned() {
                entries.push(self.service_entry(state, target.service, event, call.now));
            }
        }
        entries
    }

    /// The records of what services asked of one another for the caller.
    fn inner_entries(&self, state: &State, call: &Call<'_>) -> Vec<Entry> {
        let mut entries = Vec::new();
        for inner in call.inner.take() {
            let Some(service) = table::service(inner.service) else {
                continue;
            };
            let Some(operation) = service.operations.get(inner.operation) else {
                continue;
            };
            let (from, request_id) = (invoker(&inner.via), lock(&self.ids).uuid());
            let asked = Call {
                service: inner.service,
                operation: inner.operation,
                input: &inner.input,
                body: None,
                request_id: &request_id,
                source_ip: &from,
                user_agent: &from,
                tls: None,
                via: Some(&inner.via),
                ..*call
            };
            let event = trail::Event {
                service,
                operation,
                row: services::row(inner.service, inner.operation),
                call: &asked,
                outcome: &inner.outcome,
            };
            let made = trail::records(&event, inner.described, || lock(&self.ids).uuid());
            let region = trail::region_of(service, call.region);
            let made = made.into_iter();
            entries.extend(made.map(|made| delivery::entry(state, &region, made)));
        }
        entries
    }

    /// The record of something that a service did of its own.
    fn service_entry(
        &self,
        state: &State,
        service: &Service,
        event: ServiceEvent,
        now: Timestamp,
    ) -> Entry {
        let region = event.region.clone().unwrap_or_else(Region::us_east_1);
        let region = trail::region_of(service, &region);
        let made = trail::service_event(service, event, now, || lock(&self.ids).uuid());
        delivery::entry(state, &region, made)
    }

    /// Records a call: in the trail and in what was last used; and what is due by now is done.
    fn remember(
        &self,
        target: &Target,
        row: Option<&Row>,
        call: &Call<'_>,
        outcome: &mut Outcome,
        described: RecordExtras,
    ) {
        let state = self.state.read();
        if !outcome.is_recorded {
            let entries = self.entries(&state, target, row, call, &outcome.done, described);
            state.log.take(entries);
        }
        remember_use(&state, call, row);
        if let Some(ticket) = self.catch_up(&state, call.now) {
            // It comes after what this call did.
            outcome.ticket = Some(ticket);
        }
    }

    /// Does what is due by now: what services do of their own, and deliveries. The ticket says when it is kept; none: it is, or there
    /// was nothing.
    pub fn tick(&self) -> Option<Ticket> {
        self.catch_up(&self.state.read(), self.clock.now())
    }

    fn catch_up(&self, state: &State, now: Timestamp) -> Option<Ticket> {
        let mut ticket = None;
        if services::is_due(state, now) {
            ticket = self.settle(now);
        }
        if delivery::is_due(state, now) {
            let delivered = self
                .state
                .deliver(|state| delivery::deliver_due(state, now));
            ticket = delivered.unwrap_or_else(untold).or(ticket);
        }
        ticket
    }

    /// Does what services do of their own by now, and records it.
    fn settle(&self, now: Timestamp) -> Option<Ticket> {
        let (done, ticket) = self.state.change(|state| {
            let mut aside = Aside::default();
            for (name, event) in services::settle(state, now) {
                if let Some(service) = table::service(name) {
                    let entry = self.service_entry(state, service, event, now);
                    aside.entries.push(entry);
                }
            }
            Ok::<_, RowError>(((), aside))
        });
        done.map(|()| ticket).unwrap_or_else(untold)
    }

    /// Moves the clock forward; what falls due is done. Where that is to be kept, it waits until it is.
    ///
    /// # Errors
    /// It cannot be kept, and the clock stands where it stood.
    pub fn advance(&self, by: SignedDuration) -> Result<Timestamp, NotKept> {
        let now = self.clock.advance_if(by, |reading| {
            let (done, ticket) = self.state.change(|state| {
                state.clock = Some(reading.clone());
                Ok::<_, RowError>(((), Aside::default()))
            });
            done.map_err(|_| NotKept)?;
            self.state.settle(ticket)
        })?;
        self.state.settle(self.tick())?;
        Ok(now)
    }

    /// A copy of the source of request ids, for a copy of the range.
    pub fn ids(&self) -> Ids {
        lock(&self.ids).clone()
    }
}

fn untold(error: RowError) -> Option<Ticket> {
    tracing::error!(%error, "what is due cannot be done; this is a fault of the range");
    None
}

/// Does what may panic: then the call failed, by a fault of the range, and no other is harmed.
fn contained(
    call: &Call<'_>,
    service: &Service,
    work: impl FnOnce() -> Result<Outcome, AwsError>,
) -> Outcome {
    let done = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        let (service_name, operation) = (call.service, call.operation);
        tracing::error!("{service_name}:{operation} panicked; this is a fault of the range");
        Err(AwsError::internal(service))
    });
    done.unwrap_or_else(|error| Err(error).into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn remember_use(state: &State, call: &Call<'_>, row: Option<&Row>) {
    let caller: &Caller = call.caller;
    let Some(account) = state.accounts.get(&caller.account) else {
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
    let id = match &caller.principal {
        Principal::User { user_id, .. } => user_id.as_str(),
        Principal::Role { role_id, .. } => role_id.as_str(),
        Principal::Root { account } => account.as_str(),
        _ => return,
    };
    let action = match row.map(|row| row.needs) {
        Some(Needs::Action { action, .. }) => Cow::Borrowed(action),
        _ => Cow::Owned(format!("{}:{}", call.service, call.operation)),
    };
    // Access Advisor counts attempts, refused ones too.
    account
        .usage
        .record_action(id, &action, call.now, call.region);
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
