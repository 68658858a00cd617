//! Which operation a request is for, told by its shape.
//!
//! Owns the choice. What tells the services apart is in the list of tables: only the one that is meant is read.

use http::request::Parts;

use super::Target;
use crate::AwsError;
use crate::codec::form::{Field, fields, find};
use crate::codec::rest;
use crate::sigv4;
use crate::table::{Entry, Operation, Protocol, Service, entries};

/// A request that is for no operation of any service here.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{error}")]
pub struct Unidentified {
    /// What it is answered.
    pub error: AwsError,
    /// The service that it named, where there is one.
    pub service: Option<&'static Service>,
    /// The protocol that it speaks, as far as it can be told.
    pub protocol: Option<Protocol>,
}

impl Unidentified {
    fn new(error: AwsError, protocol: Protocol) -> Self {
        Self {
            error,
            service: None,
            protocol: Some(protocol),
        }
    }

    fn of(error: AwsError, protocol: Protocol, service: &'static Service) -> Self {
        Self {
            service: Some(service),
            ..Self::new(error, protocol)
        }
    }
}

/// Which operation a request is for, told by its shape: the service of its credential scope,
/// `X-Amz-Target`, `Action`, the path and the host. The protocol is the one that the request speaks, whichever the
/// service prefers.
///
/// # Errors
/// The service's own error for an operation that it does not have.
pub fn identify(parts: &Parts, body: &[u8]) -> Result<Target, Unidentified> {
    let scope = sigv4::service_of(parts);
    let scope = scope.as_deref();
    if let Some(target) = header(parts, "x-amz-target") {
        return by_target(parts, target, scope);
    }
    if header(parts, "smithy-protocol").is_some() {
        return by_service_path(parts, scope);
    }
    let query: Vec<Field<'_>> = fields(parts.uri.query().unwrap_or_default().as_bytes()).collect();
    let posted = if is_form(parts) { body } else { &[] };
    // The head of a form tells all that counts here: the rest need not be read twice.
    let told = |name: &str| {
        let posted = fields(posted).find(|(known, _)| known == name);
        posted
            .map(|(_, value)| value.into_owned())
            .or_else(|| find(&query, name).map(str::to_owned))
    };
    let (action, version) = (told("Action"), told("Version"));
    let (action, version) = (action.as_deref(), version.as_deref());
    let named = match scope {
        Some(scope) => signed_as(scope, parts),
        None => header(parts, "host").and_then(at_host),
    };
    match (named, scope, action) {
        (Some(entry), _, action) => match (entry.form(), entry.rest()) {
            (Some(protocol), _) => by_action(entry, protocol, action, version),
            (None, Some(protocol)) => by_path(entry, protocol, parts, &query),
            (None, None) => Err(unknown_operation(entry.json().unwrap_or(Protocol::Json11))),
        },
        (None, Some(scope), _) => Err(unknown_service(scope, action)),
        (None, None, Some(action)) => unsigned(action, version),
        // What names no service at all is for S3: so browsers and presigned addresses ask.
        (None, None, None) => match entries().iter().find(|entry| entry.name == "s3") {
            Some(s3) => by_path(s3, Protocol::RestXml, parts, &query),
            None => Err(unknown_service("s3", None)),
        },
    }
}

/// Whether a request's body is a form.
fn is_form(parts: &Parts) -> bool {
    header(parts, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"))
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// The service that a credential scope names. S3 Control goes by S3's name and is known by its paths.
fn signed_as(scope: &str, parts: &Parts) -> Option<&'static Entry> {
    let mut named = entries().iter().filter(|entry| entry.signing_name == scope);
    let first = named.next()?;
    let control = || parts.uri.path().starts_with("/v20180820/");
    named
        .find(|entry| entry.name == "s3control" && control())
        .or(Some(first))
}

/// The service that a host is named after: `iam.amazonaws.com`, `sts.eu-west-1.localhost:4566`.
fn at_host(host: &str) -> Option<&'static Entry> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let (label, rest) = host.split_once('.')?;
    let of_aws = [".amazonaws.com", ".amazonaws.com.cn", ".localhost"]
        .iter()
        .any(|end| host.ends_with(end));
    // `iam.s3.amazonaws.com` is a bucket of that name.
    let bucket = rest.starts_with("s3.") || rest.starts_with("s3-");
    entries()
        .iter()
        .find(|entry| of_aws && !bucket && entry.endpoint_prefix == label && entry.name != "s3")
}

/// A form that is neither signed nor at a service's host: the version of the API tells the service.
fn unsigned(action: &str, version: Option<&str>) -> Result<Target, Unidentified> {
    let version = version.unwrap_or(NO_VERSION);
    entries()
        .iter()
        .filter(|entry| entry.api_version == version)
        .filter_map(|entry| Some((entry, entry.form()?)))
        .find_map(|(entry, protocol)| by_action(entry, protocol, Some(action), Some(version)).ok())
        .ok_or_else(|| Unidentified::new(no_action(action, version), Protocol::Query))
}

/// What AWS takes a missing version for.
const NO_VERSION: &str = "NO_VERSION_SPECIFIED";

fn no_action(action: &str, version: &str) -> AwsError {
    AwsError::new(
        400,
        "InvalidAction",
        format!("Could not find operation {action} for version {version}"),
    )
}

fn unknown_operation(protocol: Protocol) -> Unidentified {
    let status = if protocol.is_rest() { 404 } else { 400 };
    Unidentified::new(
        AwsError::new(status, "UnknownOperationException", ""),
        protocol,
    )
}

/// A signature for a service that is not here must not be taken for another's.
fn unknown_service(scope: &str, action: Option<&str>) -> Unidentified {
    let message = match action {
        Some(action) => {
            format!("{scope}:{action} is not supported: there is no service {scope:?} here.")
        }
        None => format!("There is no service {scope:?} here."),
    };
    let protocol = if action.is_some() {
        Protocol::Query
    } else {
        Protocol::RestJson
    };
    Unidentified::new(AwsError::new(501, "NotImplemented", message), protocol)
}

fn by_target(parts: &Parts, target: &str, scope: Option<&str>) -> Result<Target, Unidentified> {
    let spoken = match header(parts, "content-type") {
        Some(kind) if kind.starts_with("application/x-amz-json-1.0") => Some(Protocol::Json10),
        Some(kind) if kind.starts_with("application/x-amz-json-1.1") => Some(Protocol::Json11),
        _ => None,
    };
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let Some(entry) = entries().iter().find(|entry| entry.is_target(prefix)) else {
        return Err(unknown_operation(spoken.unwrap_or(Protocol::Json11)));
    };
    let Some(protocol) = spoken.or(entry.json()) else {
        return Err(unknown_operation(Protocol::Json11));
    };
    let service = scoped_to(entry, scope, protocol)?;
    match service.operations.get(name) {
        Some(operation) => Ok(Target::speaking(service, operation, protocol)),
        None => Err(Unidentified {
            service: Some(service),
            ..unknown_operation(protocol)
        }),
    }
}

/// `…/service/{name}/operation/{name}`, as the protocol rpc-v2-cbor asks.
fn by_service_path(parts: &Parts, scope: Option<&str>) -> Result<Target, Unidentified> {
    let protocol = Protocol::RpcV2Cbor;
    let unknown = || unknown_operation(protocol);
    if header(parts, "smithy-protocol") != Some("rpc-v2-cbor") || parts.method != "POST" {
        return Err(unknown());
    }
    let mut pieces = parts.uri.path().rsplit('/');
    let (Some(name), Some("operation"), Some(shape), Some("service")) =
        (pieces.next(), pieces.next(), pieces.next(), pieces.next())
    else {
        return Err(unknown());
    };
    let entry = entries()
        .iter()
        .find(|entry| entry.is_target(shape))
        .ok_or_else(unknown)?;
    let service = scoped_to(entry, scope, protocol)?;
    match service.operations.get(name) {
        Some(operation) => Ok(Target::speaking(service, operation, protocol)),
        None => Err(Unidentified {
            service: Some(service),
            ..unknown()
        }),
    }
}

/// The service of a table, if the signature is one for it.
fn scoped_to(
    entry: &'static Entry,
    scope: Option<&str>,
    protocol: Protocol,
) -> Result<&'static Service, Unidentified> {
    if scope.is_some_and(|scope| scope != entry.signing_name) {
        let message = format!(
            "Credential should be scoped to correct service: '{}'. ",
            entry.signing_name
        );
        let error = AwsError::new(400, "InvalidSignatureException", message);
        return Err(Unidentified::new(error, protocol));
    }
    entry.read().ok_or_else(|| unknown_operation(protocol))
}

fn by_action(
    entry: &'static Entry,
    protocol: Protocol,
    action: Option<&str>,
    version: Option<&str>,
) -> Result<Target, Unidentified> {
    let service = entry
        .read()
        .ok_or_else(|| unknown_service(entry.signing_name, action))?;
    let refused = |error| Unidentified::of(error, protocol, service);
    let Some(action) = action else {
        return Err(refused(AwsError::new(
            400,
            "MissingAction",
            "Missing Action",
        )));
    };
    let fits = version.is_none_or(|version| version == service.api_version);
    match service.operations.get(action).filter(|_| fits) {
        Some(operation) => Ok(Target::speaking(service, operation, protocol)),
        None => {
            let version = version.unwrap_or(&service.api_version);
            Err(refused(no_action(action, version)))
        }
    }
}

/// The bucket in a virtual host: `bucket.s3.amazonaws.com`, `bucket.s3.localhost`, `bucket.localhost`.
fn virtual_bucket(host: &str) -> Option<&str> {
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    for end in [".s3.amazonaws.com", ".s3.localhost", ".localhost"] {
        if let Some(bucket) = host
            .strip_suffix(end)
            .filter(|bucket| !bucket.is_empty() && *bucket != "s3")
        {
            return Some(bucket);
        }
    }
    let (bucket, rest) = host
        .split_once(".s3.")
        .or_else(|| host.split_once(".s3-"))?;
    rest.ends_with(".amazonaws.com").then_some(bucket)
}

fn by_path(
    entry: &'static Entry,
    protocol: Protocol,
    parts: &Parts,
    query: &[Field<'_>],
) -> Result<Target, Unidentified> {
    let service = entry
        .read()
        .ok_or_else(|| unknown_service(entry.signing_name, None))?;
    let mut path = parts.uri.path().to_owned();
    if service.name == "s3"
        && let Some(bucket) = header(parts, "host").and_then(virtual_bucket)
    {
        path = format!("/{bucket}{path}");
    }
    let has = |wanted: &String| find(query, wanted).is_some();
    let meant = service
        .routes
        .iter()
        .filter(|route| route.needs.iter().all(has))
        .filter_map(|route| service.operations.get(&route.operation))
        .filter(|operation| {
            operation.method == parts.method
                && query_fits(operation, query)
                && told_apart(service, operation, parts, query)
        });
    for operation in meant {
        if let Some(labels) = rest::labels(&operation.template, &path) {
            return Ok(Target {
                service,
                operation,
                protocol,
                labels,
            });
        }
    }
    if service.name != "s3" {
        let error = AwsError::new(404, "UnknownOperationException", "");
        return Err(Unidentified::of(error, protocol, service));
    }
    let mut operations = service.operations.values();
    let known = operations.any(|operation| rest::labels(&operation.template, &path).is_some());
    let error = if known {
        AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
        .with("Method", parts.method.as_str())
    } else {
        AwsError::new(400, "InvalidURI", "Couldn't parse the specified URI.")
    };
    Err(Unidentified::of(error, protocol, service))
}

/// Whether a request has the query members that an operation's template fixes.
fn query_fits(operation: &Operation, query: &[Field<'_>]) -> bool {
    operation.fixed_query().all(|(name, value)| {
        query
            .iter()
            .any(|(n, v)| n == name && value.as_ref().is_none_or(|value| value == v))
    })
}

/// What S3 tells apart by more than the model says.
fn told_apart(
    service: &Service,
    operation: &Operation,
    parts: &Parts,
    query: &[Field<'_>],
) -> bool {
    if service.name != "s3" {
        return true;
    }
    let has = |name: &str| find(query, name).is_some();
    let copies = || parts.headers.contains_key("x-amz-copy-source");
    match operation.name.as_str() {
        "CopyObject" => copies() && !has("partNumber"),
        "UploadPartCopy" => copies(),
        "UploadPart" => !copies(),
        "PutObject" => !copies() && !has("partNumber") && !has("uploadId"),
        // Nothing tells these from ListBuckets, and from the newer operations of the same path.
        "ListDirectoryBuckets"
        | "GetBucketLifecycle"
        | "PutBucketLifecycle"
        | "GetBucketNotification"
        | "PutBucketNotification" => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named_by(
        method: &str,
        uri: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Result<String, AwsError> {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let target = identify(&parts, body.as_bytes()).map_err(|refused| refused.error)?;
        Ok(format!("{}:{}", target.service.name, target.operation.name))
    }

    fn s3(method: &str, uri: &str, headers: &[(&str, &str)]) -> String {
        named_by(method, uri, headers, "").unwrap_or_else(|error| error.code)
    }

    fn scope(service: &str) -> (&'static str, String) {
        let text = format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20230710/eu-west-1/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        ("authorization", text)
    }

    const FORM: (&str, &str) = (
        "content-type",
        "application/x-www-form-urlencoded; charset=utf-8",
    );

    #[test]
    fn s3_is_told_by_path_query_and_headers() {
        for (method, uri, wanted) in [
            ("GET", "/", "s3:ListBuckets"),
            ("GET", "/b", "s3:ListObjects"),
            ("GET", "/b/", "s3:ListObjects"),
            ("GET", "/b?list-type=2&prefix=a%2F", "s3:ListObjectsV2"),
            ("GET", "/b?versions", "s3:ListObjectVersions"),
            ("GET", "/b?location", "s3:GetBucketLocation"),
            ("GET", "/b?lifecycle", "s3:GetBucketLifecycleConfiguration"),
            (
                "PUT",
                "/b?notification",
                "s3:PutBucketNotificationConfiguration",
            ),
            (
                "GET",
                "/b?inventory",
                "s3:ListBucketInventoryConfigurations",
            ),
            (
                "GET",
                "/b?inventory&id=1",
                "s3:GetBucketInventoryConfiguration",
            ),
            ("HEAD", "/b", "s3:HeadBucket"),
            ("HEAD", "/b/k", "s3:HeadObject"),
            ("GET", "/b/k/with/slashes?x-id=GetObject", "s3:GetObject"),
            ("GET", "/b/k?acl", "s3:GetObjectAcl"),
            ("PUT", "/b/k", "s3:PutObject"),
            ("PUT", "/b/k?partNumber=1&uploadId=u", "s3:UploadPart"),
            ("POST", "/b/k?uploads", "s3:CreateMultipartUpload"),
            ("POST", "/b/k?uploadId=u", "s3:CompleteMultipartUpload"),
            ("GET", "/b/k?uploadId=u", "s3:ListParts"),
            ("DELETE", "/b/k?uploadId=u", "s3:AbortMultipartUpload"),
            ("DELETE", "/b/k", "s3:DeleteObject"),
            ("POST", "/b?delete", "s3:DeleteObjects"),
            ("GET", "/b/k?annotation", "s3:ListObjectAnnotations"),
            (
                "GET",
                "/b/k?annotation&annotationName=a",
                "s3:GetObjectAnnotation",
            ),
            // What lacks a member is still what it is: it must not become something else.
            ("DELETE", "/b/k?annotation", "s3:DeleteObjectAnnotation"),
            ("PUT", "/b?analytics", "s3:PutBucketAnalyticsConfiguration"),
            (
                "DELETE",
                "/b?inventory",
                "s3:DeleteBucketInventoryConfiguration",
            ),
            ("PATCH", "/b", "MethodNotAllowed"),
            ("POST", "/b", "MethodNotAllowed"),
        ] {
            assert_eq!(s3(method, uri, &[]), wanted, "{method} {uri}");
        }
        let copy = [("x-amz-copy-source", "/b/k")];
        assert_eq!(s3("PUT", "/b/k", &copy), "s3:CopyObject");
        assert_eq!(
            s3("PUT", "/b/k?partNumber=1&uploadId=u", &copy),
            "s3:UploadPartCopy"
        );
    }

    #[test]
    fn a_bucket_may_stand_in_the_host() {
        for (host, uri, wanted) in [
            ("b.s3.localhost:4566", "/k", "s3:GetObject"),
            ("b.localhost", "/", "s3:ListObjects"),
            (
                "my.bucket.s3.eu-west-1.amazonaws.com",
                "/?location",
                "s3:GetBucketLocation",
            ),
            ("s3.localhost", "/", "s3:ListBuckets"),
            ("localhost:4566", "/", "s3:ListBuckets"),
            ("127.0.0.1:4566", "/b", "s3:ListObjects"),
        ] {
            assert_eq!(s3("GET", uri, &[("host", host)]), wanted, "{host}{uri}");
        }
        let mut request = http::Request::get("/a//b%2Fc/");
        request = request.header("host", "b.s3.localhost:4566");
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let labels = identify(&parts, b"").unwrap().labels;
        assert_eq!(
            labels,
            [
                ("Bucket".into(), "b".into()),
                ("Key".into(), "a//b/c/".into())
            ]
        );
    }

    #[test]
    fn the_scope_tells_the_service_and_the_form_the_action() {
        let (name, value) = scope("iam");
        let asked = |body: &str| named_by("POST", "/", &[(name, &value), FORM], body);
        assert_eq!(
            asked("Action=ListUsers&Version=2010-05-08").unwrap(),
            "iam:ListUsers"
        );
        let error = asked("Action=Dance&Version=2010-05-08").unwrap_err();
        assert_eq!(
            error.to_string(),
            "InvalidAction: Could not find operation Dance for version 2010-05-08"
        );
        assert_eq!(
            asked("Version=2010-05-08").unwrap_err().code,
            "MissingAction"
        );
        let unsigned = named_by(
            "GET",
            "/?Action=GetCallerIdentity&Version=2011-06-15",
            &[],
            "",
        );
        assert_eq!(unsigned.unwrap(), "sts:GetCallerIdentity");
    }

    #[test]
    fn the_target_tells_the_operation_of_json_services() {
        let (name, value) = scope("organizations");
        let of = |target: &str| {
            named_by(
                "POST",
                "/",
                &[(name, &value), ("x-amz-target", target)],
                "{}",
            )
        };
        let prefix = "AWSOrganizationsV20161128";
        let found = of(&format!("{prefix}.ListAccounts")).unwrap();
        assert_eq!(found, "organizations:ListAccounts");
        let code = of(&format!("{prefix}.Dance")).unwrap_err().code;
        assert_eq!(code, "UnknownOperationException");
        // A signature for one service is none for another.
        let error = of("CloudTrail_20131101.LookupEvents").unwrap_err();
        assert_eq!(
            error.to_string(),
            "InvalidSignatureException: Credential should be scoped to correct service: 'cloudtrail'. "
        );
    }
}
