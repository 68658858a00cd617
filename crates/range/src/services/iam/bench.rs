//! A cloud for tests of handlers: calls go through authorisation and the row's handler, without the wire.

use http::HeaderMap;
use jiff::SignedDuration;
use serde_json::Value;
use stockade_model::{AccountId, Arn, Region, Timestamp};
use stockade_policy::Principal;
use stockade_wire::table;
use stockade_wire::{AwsError, Object};

use crate::authz;
use crate::call::{Call, Caller, Inner};
use crate::ids::Ids;
use crate::row::Handler;
use crate::services;
use crate::state::{Behaviour, State};

/// The account that a test's cloud has.
pub const ACCOUNT: &str = "123456789012";

/// A policy document that allows everything.
pub const ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// What stands around a test's call.
pub struct Surroundings {
    headers: HeaderMap,
    region: Region,
    inner: Inner,
    now: Timestamp,
}

impl Surroundings {
    /// Those of a call at this time.
    pub fn at(now: Timestamp) -> Self {
        Self {
            headers: HeaderMap::new(),
            region: Region::us_east_1(),
            inner: Inner::default(),
            now,
        }
    }

    /// A call.
    pub fn call<'a>(
        &'a self,
        caller: &'a Caller,
        service: &'a str,
        operation: &'a str,
        input: &'a Object,
    ) -> Call<'a> {
        Call {
            service,
            operation,
            input,
            body: None,
            caller,
            vouched: None,
            region: &self.region,
            now: self.now,
            request_id: "request",
            source_ip: "192.0.2.1",
            user_agent: "test",
            headers: &self.headers,
            host: "localhost",
            presigned: false,
            signature_age: None,
            tls: None,
            via: None,
            inner: &self.inner,
        }
    }
}

/// A test's cloud.
pub struct Cloud {
    pub range: State,
    pub now: Timestamp,
}

impl Cloud {
    pub fn new() -> Self {
        let now: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        let behaviour = Behaviour {
            iam_delay: SignedDuration::ZERO,
            trail_delay: SignedDuration::from_mins(5),
            account: ACCOUNT.parse().unwrap(),
        };
        Self {
            range: State::new(behaviour, Ids::seeded(1), now),
            now,
        }
    }

    /// Root of an account.
    pub fn root(account: &str) -> Caller {
        let account: AccountId = account.parse().unwrap();
        Caller {
            principal: Principal::Root {
                account: account.clone(),
            },
            arn: format!("arn:aws:iam::{account}:root"),
            user_id: account.to_string(),
            access_key: None,
            session: None,
            account,
        }
    }

    /// A user of the cloud's account.
    pub fn user(&self, name: &str) -> Caller {
        let account: AccountId = ACCOUNT.parse().unwrap();
        let user = self
            .range
            .account(&account)
            .unwrap()
            .iam
            .read()
            .user(name)
            .unwrap();
        let arn = user.arn(&account);
        Caller {
            principal: Principal::User {
                arn: arn.clone(),
                user_id: user.id.clone(),
            },
            arn: arn.to_string(),
            user_id: user.id.clone(),
            access_key: None,
            session: None,
            account,
        }
    }

    /// A session of a role.
    pub fn role(&self, account: &str, name: &str) -> Caller {
        let account: AccountId = account.parse().unwrap();
        let role = self
            .range
            .account(&account)
            .unwrap()
            .iam
            .read()
            .role(name)
            .unwrap();
        let session_arn = Arn::aws(
            "sts",
            "",
            account.as_str(),
            format!("assumed-role/{name}/s"),
        );
        Caller {
            principal: Principal::Role {
                role_arn: role.arn(&account),
                session_arn: session_arn.clone(),
                role_id: role.id.clone(),
                provider: None,
            },
            arn: session_arn.to_string(),
            user_id: format!("{}:s", role.id),
            access_key: None,
            session: None,
            account,
        }
    }

    /// A call by root of the cloud's account.
    pub fn iam(&mut self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call(&Self::root(ACCOUNT), "iam", operation, input)
    }

    /// A call by root of the cloud's account.
    pub fn organizations(&mut self, operation: &str, input: Value) -> Result<Value, AwsError> {
        self.call(&Self::root(ACCOUNT), "organizations", operation, input)
    }

    /// A call: authorised and handled.
    pub fn call(
        &mut self,
        caller: &Caller,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Value, AwsError> {
        let Value::Object(input) = input else {
            panic!("input must be an object")
        };
        self.with_call(caller, service, operation, &input, |range, call| {
            carry_out(range, call)
        })
    }

    /// What a handler would see of a call.
    pub fn with_call<T>(
        &mut self,
        caller: &Caller,
        service: &str,
        operation: &str,
        input: &Object,
        work: impl FnOnce(&mut State, &Call<'_>) -> T,
    ) -> T {
        let around = Surroundings::at(self.now);
        let call = around.call(caller, service, operation, input);
        work(&mut self.range, &call)
    }

    /// The code and the message of a call by root that must fail.
    pub fn refused(&mut self, operation: &str, input: Value) -> (String, String) {
        let error = self.iam(operation, input).expect_err(operation);
        (error.code, error.message)
    }

    /// Makes a user with an inline policy, and hands back the caller.
    pub fn user_with(&mut self, name: &str, document: Value) -> Caller {
        self.iam("CreateUser", serde_json::json!({"UserName": name}))
            .unwrap();
        let policy = serde_json::json!({
            "UserName": name, "PolicyName": "own", "PolicyDocument": document.to_string(),
        });
        self.iam("PutUserPolicy", policy).unwrap();
        self.user(name)
    }
}

/// A call: authorised and handled.
fn carry_out(range: &mut State, call: &Call<'_>) -> Result<Value, AwsError> {
    let (service, operation) = (call.service, call.operation);
    let row = services::row(service, operation).unwrap_or_else(|| panic!("no row for {operation}"));
    let model = table::service(service).unwrap();
    authz::authorise(range, model, row, call)?;
    let reply = match row.handler {
        Handler::Read(handler) => handler(range, call)?,
        Handler::Write(handler) => handler(range, call)?,
    };
    Ok(Value::Object(reply.output))
}
