//! The client: an operation's name and input go in, its output comes out.
//!
//! Owns a call from its encoding to its last attempt.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderValue;
use jiff::SignedDuration;
use serde_json::{Value, json};
use stockade_model::{Region, Secret, Timestamp};
use stockade_wire::sigv4::{self, Credentials};
use stockade_wire::table::{self, Operation, Service};
use stockade_wire::{Decoded, Object, client as codec};

use crate::attempt::{self, Call, Ended};
use crate::config::Config;
use crate::endpoint;
use crate::error::CloudError;
use crate::paging;
use crate::retry::{Patience, Repetition, Scatter};
use crate::service_clock::{Ahead, ServiceClock};
use crate::transport::{self, Http};

/// Who the credentials belong to, as `sts:GetCallerIdentity` tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerIdentity {
    /// Twelve digits.
    pub account: String,
    /// The user's or the session's ARN.
    pub arn: String,
    /// `AIDA…`, `AROA…:session`, or the account for root.
    pub user_id: String,
}

/// A client of every service at one endpoint. Cheap to clone: copies share their connections.
#[derive(Clone)]
pub struct Client {
    config: Arc<Config>,
    patience: Patience,
    http: Http,
    scatter: Arc<Scatter>,
    ahead: Arc<Ahead>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Client").field(&self.config).finish()
    }
}

impl Client {
    /// A client.
    ///
    /// # Errors
    /// [`CloudError::Config`] for an endpoint that is no address, or certificates that cannot be read.
    pub fn new(config: Config) -> Result<Self, CloudError> {
        Self::patient(config, Patience::default())
    }

    /// A client that waits and tries otherwise than [`Patience::default`].
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn patient(config: Config, patience: Patience) -> Result<Self, CloudError> {
        if let Some(endpoint) = &config.endpoint {
            endpoint::check(endpoint)?;
        }
        let tls = config
            .endpoint
            .as_ref()
            .is_none_or(|uri| uri.scheme_str() == Some("https"));
        let http = transport::pool(&patience, tls, config.ca_bundle.as_deref())?;
        let seed = u64::try_from(config.clock.now().as_nanosecond() & i128::from(u64::MAX))
            .unwrap_or_default();
        Ok(Self {
            config: Arc::new(config),
            patience,
            http,
            scatter: Arc::new(Scatter::new(seed)),
            ahead: Arc::default(),
        })
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The region.
    pub fn region(&self) -> &Region {
        &self.config.region
    }

    /// The endpoint as messages show it: the one given, or AWS.
    pub fn endpoint(&self) -> String {
        self.config
            .endpoint
            .as_ref()
            .map_or_else(|| "AWS".to_owned(), endpoint::shown)
    }

    /// The time, from the client's clock.
    pub fn now(&self) -> Timestamp {
        self.config.clock.now()
    }

    /// How far the service's clock is ahead of the client's, as its last answer told; zero within two seconds, and
    /// before the first answer.
    pub fn ahead(&self) -> SignedDuration {
        self.ahead.get()
    }

    /// The service's clock. Signatures do not go by it.
    pub fn service_clock(&self) -> ServiceClock {
        ServiceClock(self.clone())
    }

    /// The same client in another region.
    #[must_use]
    pub fn in_region(&self, region: &Region) -> Self {
        self.changed(|config| config.region = region.clone())
    }

    /// The same client as somebody else.
    #[must_use]
    pub fn with_credentials(&self, credentials: Credentials) -> Self {
        self.changed(|config| config.credentials = credentials)
    }

    /// The same client with another `X-Stockade-Source-Ip`.
    #[must_use]
    pub fn with_source_ip(&self, address: Option<String>) -> Self {
        self.changed(|config| config.source_ip = address)
    }

    /// The same client with another user agent.
    #[must_use]
    pub fn with_user_agent(&self, user_agent: impl Into<String>) -> Self {
        let user_agent = user_agent.into();
        self.changed(|config| config.user_agent = Some(user_agent))
    }

    fn changed(&self, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = (*self.config).clone();
        change(&mut config);
        Self {
            config: Arc::new(config),
            ..self.clone()
        }
    }

    /// Calls an operation: `call("iam", "GetUser", json!({"UserName": "anna"}))`. A null or empty object is an input
    /// without members.
    ///
    /// # Errors
    /// The service's error, or why there is no answer.
    pub async fn call(
        &self,
        service: &str,
        operation: &str,
        input: Value,
    ) -> Result<Object, CloudError> {
        self.call_with_body(service, operation, input, None)
            .await
            .map(|(output, _)| output)
    }

    /// [`Client::call`] with the bytes that stream beside the members, both ways: S3's `PutObject`, `GetObject`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn call_with_body(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        body: Option<Bytes>,
    ) -> Result<(Object, Option<Bytes>), CloudError> {
        let (table, operation) = find(service, operation)?;
        let input = members(table, operation, input)?;
        self.send(table, operation, &input, body)
            .await
            .map(|decoded| (decoded.input, decoded.body))
    }

    /// Calls a listing operation until its end, and gives the items of all pages. `result_key` is the member (or path)
    /// that holds them, as in `Users`.
    ///
    /// # Errors
    /// As [`Client::call`]; [`CloudError::Paging`] where the service turns in a circle.
    pub async fn pages(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        result_key: &str,
    ) -> Result<Vec<Value>, CloudError> {
        let mut items = Vec::new();
        self.each_page(service, operation, input, |output| {
            match paging::at(output, result_key) {
                Some(Value::Array(list)) => items.extend(list.iter().cloned()),
                Some(Value::Null) | None => {}
                Some(one) => items.push(one.clone()),
            }
            true
        })
        .await?;
        Ok(items)
    }

    /// Calls a listing operation and shows each page, until its end or until `page` says false.
    ///
    /// # Errors
    /// As [`Client::pages`].
    pub async fn each_page(
        &self,
        service: &str,
        operation: &str,
        input: Value,
        mut page: impl FnMut(&Object) -> bool,
    ) -> Result<(), CloudError> {
        let (table, operation) = find(service, operation)?;
        let mut input = members(table, operation, input)?;
        let circle = |detail: &str| CloudError::Paging {
            call: format!("{}:{}", table.name, operation.name),
            detail: detail.to_owned(),
        };
        for _ in 0..paging::MOST_PAGES {
            let output = self.send(table, operation, &input, None).await?.input;
            if !page(&output) {
                return Ok(());
            }
            let next = operation
                .paging
                .as_ref()
                .and_then(|facts| paging::next(facts, &output));
            let Some(tokens) = next else {
                return Ok(());
            };
            let is_same = tokens
                .iter()
                .all(|(member, token)| input.get(member) == Some(token));
            if is_same {
                return Err(circle(
                    "the service gives the same page again and again: the list cannot be read to its end",
                ));
            }
            input.extend(tokens);
        }
        Err(circle("the list has no end"))
    }

    /// Takes a role, and gives a client with its session.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn assume_role(&self, role: &str, session_name: &str) -> Result<Self, CloudError> {
        self.assume_role_with(json!({"RoleArn": role, "RoleSessionName": session_name}))
            .await
    }

    /// Takes a role by a whole input of `AssumeRole` (external id, duration, session policy).
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn assume_role_with(&self, input: Value) -> Result<Self, CloudError> {
        let output = self.call("sts", "AssumeRole", input).await?;
        let text = |member: &str| {
            output
                .get("Credentials")
                .and_then(|credentials| credentials.get(member))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        match (
            text("AccessKeyId"),
            text("SecretAccessKey"),
            text("SessionToken"),
        ) {
            (Some(access_key), Some(secret), Some(token)) => {
                Ok(self.with_credentials(Credentials {
                    access_key,
                    secret: Secret::new(secret),
                    session_token: Some(Secret::new(token)),
                }))
            }
            _ => Err(CloudError::NotAws {
                call: "sts:AssumeRole".to_owned(),
                endpoint: self.endpoint(),
                status: 200,
                detail: "the answer holds no credentials".to_owned(),
                is_write: true,
            }),
        }
    }

    /// Who the credentials belong to. It needs no permission, so that it tells whether endpoint and credentials are
    /// good before anything else is tried.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn caller_identity(&self) -> Result<CallerIdentity, CloudError> {
        let output = self.call("sts", "GetCallerIdentity", json!({})).await?;
        let text = |member: &str| {
            output
                .get(member)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        Ok(CallerIdentity {
            account: text("Account"),
            arn: text("Arn"),
            user_id: text("UserId"),
        })
    }

    async fn send(
        &self,
        service: &'static Service,
        operation: &'static Operation,
        input: &Object,
        body: Option<Bytes>,
    ) -> Result<Decoded, CloudError> {
        let call = Call {
            service,
            operation,
            input,
            body,
            endpoint: endpoint::resolve(
                service,
                &self.config.region,
                self.config.endpoint.as_ref(),
            )?,
            repetition: Repetition::of(operation, input, service.protocol.is_rest()),
        };
        let mut attempt = 1;
        loop {
            let ended = match self.attempt(&call).await {
                Ok(decoded) => return Ok(decoded),
                Err(ended) => ended,
            };
            if !ended.again || attempt >= self.patience.attempts {
                return Err(ended.error);
            }
            let pause = self.scatter.pause(&self.patience, attempt);
            tracing::debug!(call = call.name(), attempt, ?pause, error = %ended.error, "trying again");
            tokio::time::sleep(pause).await;
            attempt += 1;
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> Result<Decoded, Ended> {
        let final_error = |error| Ended {
            error,
            again: false,
        };
        let now = self.config.clock.now();
        let request = self.request(call, now).map_err(final_error)?;
        let (parts, body) = transport::exchange(&self.http, request, &self.patience)
            .await
            .map_err(|failure| attempt::failed(call, failure, &self.patience))?;
        self.ahead.told(&parts.headers, self.config.clock.now());
        if let Some(detail) = attempt::foreign(call, &parts, &body) {
            return Err(attempt::not_aws(call, &parts, detail));
        }
        codec::decode(call.service, call.operation, &parts, &body)
            .map_err(|error| attempt::refused(call, &parts, error, now))
    }

    fn request(&self, call: &Call<'_>, now: Timestamp) -> Result<http::Request<Bytes>, CloudError> {
        let mut request = codec::encode(
            call.service,
            call.operation,
            call.input,
            call.body.clone(),
            &call.endpoint.uri,
        )?;
        if !call.operation.unauthenticated {
            sigv4::sign(
                &mut request,
                &self.config.credentials,
                &call.endpoint.signing_region,
                &call.service.signing_name,
                now,
            )
            .map_err(|error| {
                CloudError::Config(format!("the request cannot be signed: {error}"))
            })?;
        }
        // Not signed: a proxy may add to the one, and the other is for a range alone.
        let agent = self
            .config
            .user_agent
            .as_deref()
            .unwrap_or(concat!("stockade/", env!("CARGO_PKG_VERSION")));
        header(&mut request, "user-agent", agent)?;
        if let (Some(address), Some(_)) = (&self.config.source_ip, &self.config.endpoint) {
            header(&mut request, "x-stockade-source-ip", address)?;
        }
        Ok(request)
    }
}

fn find(
    service: &str,
    operation: &str,
) -> Result<(&'static Service, &'static Operation), CloudError> {
    let unknown = || CloudError::Unknown {
        call: format!("{service}:{operation}"),
    };
    let table = table::service(service).ok_or_else(unknown)?;
    let operation = table.operations.get(operation).ok_or_else(unknown)?;
    Ok((table, operation))
}

fn members(service: &Service, operation: &Operation, input: Value) -> Result<Object, CloudError> {
    match input {
        Value::Object(members) => Ok(members),
        Value::Null => Ok(Object::new()),
        _ => Err(CloudError::Config(format!(
            "{}:{}: the input must be an object of members",
            service.name, operation.name
        ))),
    }
}

fn header(
    request: &mut http::Request<Bytes>,
    name: &'static str,
    value: &str,
) -> Result<(), CloudError> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| CloudError::Config(format!("{name} cannot be sent: it has odd characters")))?;
    request.headers_mut().insert(name, value);
    Ok(())
}
