//! The way of a request: identify → authenticate → decode → validate → authorise → handle → record → encode.
//!
//! Owns the order, the same for every service. Handlers do none of it.

use std::sync::{PoisonError, RwLock};

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Response};
use jiff::Timestamp;
use stockade_model::{Clock, Region};
use stockade_wire::server::{self, Target};
use stockade_wire::sigv4::{self, Claim};
use stockade_wire::{AwsError, Object};

use crate::authn;
use crate::authz;
use crate::call::{Call, Caller, RecordExtras, Reply};
use crate::clock::RangeClock;
use crate::row::{Handler, Row};
use crate::services;
use crate::services::cloudtrail::delivery;
use crate::state::State;
use crate::trail;

/// Where a request came from, as far as the connection tells.
#[derive(Debug, Clone)]
pub struct Source {
    /// The address at the other end.
    pub address: std::net::IpAddr,
}

/// The header by which a caller on loopback says from which address it would come.
pub const SOURCE_HEADER: &str = "x-stockade-source-ip";

/// What every request needs.
#[derive(Debug)]
pub struct Desk {
    /// Everything that the range knows.
    pub state: RwLock<State>,
    /// The range's clock.
    pub clock: RangeClock,
}

impl Desk {
    /// Answers a request.
    pub fn answer(&self, parts: &Parts, body: &Bytes, source: &Source) -> Response<Bytes> {
        let now = self.clock.now();
        let target = match server::identify(parts, body) {
            Ok(target) => target,
            Err(error) => {
                let request_id = self.write().ids.uuid();
                return server::encode_error(
                    None,
                    None,
                    &error,
                    &request_id,
                    Some(parts.uri.path()),
                );
            }
        };
        let is_s3 = target.service.name == "s3";
        // S3's request ids are shorter than the others', and there is a second one.
        let request_id = match is_s3 {
            true => self.write().ids.hex(16).to_uppercase(),
            false => self.write().ids.uuid(),
        };
        let visit = Visit {
            target: &target,
            parts,
            now,
            request_id: &request_id,
            source: address_of(parts, source),
        };
        let mut answer = match self.serve(&visit, body) {
            Ok(reply) => {
                let mut answer = server::encode(&target, &reply.output, reply.body, &request_id);
                if let Some(status) = reply
                    .status
                    .and_then(|status| http::StatusCode::from_u16(status).ok())
                {
                    *answer.status_mut() = status;
                }
                answer
            }
            Err(error) => server::encode_error(
                Some(target.service),
                Some(target.protocol),
                &error,
                &request_id,
                Some(parts.uri.path()),
            ),
        };
        if let Ok(extended) = services::s3::extended_request_id(&request_id).parse()
            && is_s3
        {
            answer.headers_mut().insert("x-amz-id-2", extended);
        }
        answer
    }

    /// The state, to change. A handler that panicked has been caught; what it left is kept.
    pub fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, to read.
    pub fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, visit: &Visit<'_>, body: &Bytes) -> Result<Reply, AwsError> {
        let service = visit.target.service;
        let claim = sigv4::claim(visit.parts)?;
        // Who calls is settled before anything else: a stranger learns nothing from our errors, and leaves no
        // record in anybody's trail.
        let known = authn::authenticate(
            &self.read(),
            service,
            claim.as_ref(),
            visit.parts,
            body,
            visit.now,
        )?;
        let region = region_of(claim.as_ref());
        let decoded = server::decode(visit.target, visit.parts, &known.body);
        let (input, body) = match &decoded {
            Ok(decoded) => (decoded.input.clone(), decoded.body.clone()),
            Err(_) => (Object::new(), None),
        };
        let call = Call {
            service: &service.name,
            operation: &visit.target.operation.name,
            input: &input,
            body: body.as_ref(),
            caller: &known.caller,
            region: &region,
            now: visit.now,
            request_id: visit.request_id,
            source_ip: &visit.source,
            user_agent: text(&visit.parts.headers, "user-agent"),
            headers: &visit.parts.headers,
            host: text(&visit.parts.headers, "host"),
            presigned: claim.is_some_and(|claim| claim.presigned_expires.is_some()),
        };
        let row = services::row(&service.name, call.operation);
        // Before the deed: afterwards what it was done to may be gone.
        let described = services::describe(&self.read(), &call);
        let outcome = match (decoded, row) {
            (Err(error), _) => Err(error),
            (Ok(_), None) => Err(not_implemented(&call)),
            (Ok(_), Some(row)) => self.run(visit.target, row, &call),
        };
        let described = match &outcome {
            Ok(reply) => services::conclude(&call, described, reply),
            Err(_) => described,
        };
        self.remember(visit.target, row, &call, &outcome, described);
        outcome
    }

    fn run(&self, target: &Target, row: &Row, call: &Call<'_>) -> Result<Reply, AwsError> {
        server::validate(
            target.service,
            target.operation,
            call.input,
            call.body.is_some(),
        )?;
        match row.handler {
            Handler::Read(handle) => {
                let state = self.read();
                authz::authorise(&state, target.service, row, call)?;
                handle(&state, call)
            }
            Handler::Write(handle) => {
                // One lock for both: between the decision and the deed nothing changes.
                let mut state = self.write();
                authz::authorise(&state, target.service, row, call)?;
                handle(&mut state, call)
            }
        }
    }

    /// Records a call: in the trail, in what was last used, and what is due for delivery is delivered.
    fn remember(
        &self,
        target: &Target,
        row: Option<&Row>,
        call: &Call<'_>,
        outcome: &Result<Reply, AwsError>,
        described: RecordExtras,
    ) {
        let mut state = self.write();
        let region = trail::region_of(target.service, call.region);
        let made = trail::records(
            &mut state.ids,
            target.service,
            target.operation,
            row,
            call,
            outcome,
            described,
        );
        for (account, record) in made {
            delivery::take(&mut state, &account, &region, record);
        }
        remember_use(&mut state, call, row, outcome.is_ok());
        delivery::deliver_due(&mut state, call.now);
    }
}

/// What is known of a request before it is decoded.
struct Visit<'a> {
    target: &'a Target,
    parts: &'a Parts,
    now: Timestamp,
    request_id: &'a str,
    source: String,
}

fn remember_use(state: &mut State, call: &Call<'_>, row: Option<&Row>, done: bool) {
    let Caller {
        account,
        principal,
        access_key,
        session,
        ..
    } = call.caller;
    let Some(account) = state.accounts.get_mut(account) else {
        return;
    };
    if let Some(key) = access_key.as_ref().filter(|_| session.is_none()) {
        account
            .usage
            .record_key(key, call.now, call.region, call.service);
    }
    let arn = match principal {
        stockade_policy::Principal::User { arn, .. } => arn.to_string(),
        stockade_policy::Principal::Role { role_arn, .. } => role_arn.to_string(),
        _ => return,
    };
    let action = match row.map(|row| row.needs) {
        Some(crate::row::Needs::Action { action, .. }) => action.to_owned(),
        _ => format!("{}:{}", call.service, call.operation),
    };
    // Access Advisor counts attempts too, but not those that were refused.
    if done {
        account
            .usage
            .record_action(&arn, &action, call.now, call.region);
    }
}

fn region_of(claim: Option<&Claim>) -> Region {
    claim
        .and_then(|claim| claim.region.parse().ok())
        .unwrap_or_else(Region::us_east_1)
}

fn address_of(parts: &Parts, source: &Source) -> String {
    let told = parts
        .headers
        .get(SOURCE_HEADER)
        .and_then(|value| value.to_str().ok());
    match told.and_then(|told| told.parse::<std::net::IpAddr>().ok()) {
        Some(address) if source.address.is_loopback() => address.to_string(),
        _ => source.address.to_string(),
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
