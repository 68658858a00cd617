//! A range with a clock that stands still, and callers that sign.

use bytes::Bytes;
use http::{Request, Response};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value};
use stockade_model::Secret;
use stockade_range::server::{Config, Range};
use stockade_wire::sigv4::{self, Credentials};
use stockade_wire::{AwsError, client, table};

pub const ACCOUNT: &str = "123456789012";
pub const START: &str = "2026-03-02T08:00:00Z";

pub struct Cloud {
    pub range: Range,
}

/// What a call came to: the answer's members, or the service's error.
pub type Outcome = Result<Value, AwsError>;

pub fn input(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

impl Cloud {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: ([127, 0, 0, 1], 0).into(),
            seed: Some(7),
            still_at: Some(START.parse().unwrap()),
            ..Config::default()
        };
        change(&mut config);
        Self {
            range: Range::start(config).await.unwrap(),
        }
    }

    pub fn now(&self) -> Timestamp {
        self.range.now()
    }

    pub fn advance(&self, seconds: i64) {
        self.range.advance(SignedDuration::from_secs(seconds));
    }

    pub fn admin(&self) -> Credentials {
        let (id, secret) = self.range.administrator();
        Credentials {
            access_key: id.to_owned(),
            secret: secret.clone(),
            session_token: None,
        }
    }

    /// A request as a client makes it, not signed yet.
    pub fn request(&self, service: &str, operation: &str, given: Value) -> Request<Bytes> {
        let service = table::service(service).unwrap();
        let operation = &service.operations[operation];
        let mut given = input(given);
        let body = given
            .remove("Body")
            .map(|text| Bytes::from(text.as_str().unwrap().to_owned()));
        let endpoint = format!("http://{}", self.range.address()).parse().unwrap();
        client::encode(service, operation, &given, body, &endpoint).unwrap()
    }

    pub fn sign(
        &self,
        request: &mut Request<Bytes>,
        who: &Credentials,
        service: &str,
        region: &str,
    ) {
        let signing = &table::service(service).unwrap().signing_name;
        sigv4::sign(request, who, region, signing, self.now()).unwrap();
    }

    pub fn read(&self, service: &str, operation: &str, response: Response<Bytes>) -> Outcome {
        let service = table::service(service).unwrap();
        let (parts, body) = response.into_parts();
        let decoded = client::decode(service, &service.operations[operation], &parts, &body)?;
        let mut output = Value::Object(decoded.input);
        if let Some(body) = decoded.body {
            output["Body"] = hex::encode(body).into();
        }
        Ok(output)
    }

    pub fn call_in(
        &self,
        region: &str,
        who: &Credentials,
        service: &str,
        operation: &str,
        given: Value,
    ) -> Outcome {
        let mut request = self.request(service, operation, given);
        self.sign(&mut request, who, service, region);
        self.read(service, operation, self.range.handle(request))
    }

    pub fn call(&self, who: &Credentials, service: &str, operation: &str, given: Value) -> Outcome {
        self.call_in("us-east-1", who, service, operation, given)
    }

    /// A call that must succeed, by the administrator.
    pub fn admin_call(&self, service: &str, operation: &str, given: Value) -> Value {
        self.call(&self.admin(), service, operation, given)
            .unwrap_or_else(|error| panic!("{service}:{operation}: {error}"))
    }

    /// A user with a key, and with an inline policy where one is given.
    pub fn user(&self, name: &str, policy: Option<Value>) -> Credentials {
        self.admin_call("iam", "CreateUser", serde_json::json!({"UserName": name}));
        if let Some(policy) = policy {
            self.allow(name, &policy);
        }
        let key = self.admin_call(
            "iam",
            "CreateAccessKey",
            serde_json::json!({"UserName": name}),
        );
        credentials_of(&key["AccessKey"])
    }

    pub fn allow(&self, user: &str, policy: &Value) {
        self.admin_call(
            "iam",
            "PutUserPolicy",
            serde_json::json!({"UserName": user, "PolicyName": "own", "PolicyDocument": policy.to_string()}),
        );
    }

    /// A role with an inline policy, whose trust policy has this principal.
    pub fn role(&self, name: &str, trusted: &Value, policy: &Value) -> String {
        let trust = serde_json::json!({
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Principal": trusted, "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]}],
        });
        let made = self.admin_call(
            "iam",
            "CreateRole",
            serde_json::json!({"RoleName": name, "AssumeRolePolicyDocument": trust.to_string(), "MaxSessionDuration": 43200}),
        );
        self.admin_call(
            "iam",
            "PutRolePolicy",
            serde_json::json!({"RoleName": name, "PolicyName": "own", "PolicyDocument": policy.to_string()}),
        );
        made["Role"]["Arn"].as_str().unwrap().to_owned()
    }

    pub fn assume(
        &self,
        who: &Credentials,
        role: &str,
        session: &str,
    ) -> Result<Credentials, AwsError> {
        let answer = self.call(
            who,
            "sts",
            "AssumeRole",
            serde_json::json!({"RoleArn": role, "RoleSessionName": session}),
        )?;
        Ok(credentials_of(&answer["Credentials"]))
    }

    /// The records of an event, newest first.
    pub fn events(&self, name: &str) -> Vec<Value> {
        let found = self.admin_call(
            "cloudtrail",
            "LookupEvents",
            serde_json::json!({"LookupAttributes": [{"AttributeKey": "EventName", "AttributeValue": name}]}),
        );
        found["Events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|event| serde_json::from_str(event["CloudTrailEvent"].as_str().unwrap()).unwrap())
            .collect()
    }
}

/// Credentials as an answer shows them.
pub fn credentials_of(shown: &Value) -> Credentials {
    Credentials {
        access_key: shown["AccessKeyId"].as_str().unwrap().to_owned(),
        secret: Secret::new(shown["SecretAccessKey"].as_str().unwrap()),
        session_token: shown["SessionToken"].as_str().map(Secret::new),
    }
}

/// A policy with one statement.
pub fn policy(effect: &str, action: &str) -> Value {
    serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": effect, "Action": action, "Resource": "*"}],
    })
}

/// The code of a call that must fail.
#[track_caller]
pub fn code(outcome: Outcome) -> (u16, String) {
    let error = outcome.expect_err("the call must fail");
    (error.status, error.code)
}
