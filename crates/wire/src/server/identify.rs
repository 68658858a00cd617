//! Which operation a request is for, told by its shape.

use http::request::Parts;

use super::Target;
use crate::AwsError;
use crate::codec::query::fields;
use crate::codec::rest;
use crate::table::{Protocol, Service, service, services};

/// Which operation a request is for, told by its shape: the service of its credential scope,
/// `X-Amz-Target`, `Action`, the path and the host.
///
/// # Errors
/// The service's own error for an operation that it does not have.
pub fn identify(parts: &Parts, body: &[u8]) -> Result<Target, AwsError> {
    if let Some(target) = header(parts, "x-amz-target") {
        return by_target(target);
    }
    let scoped = scope(parts).and_then(|name| named(&name));
    let query = fields(parts.uri.query().unwrap_or_default().as_bytes());
    let form = header(parts, "content-type")
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    let posted = if form { fields(body) } else { Vec::new() };
    let find = |name: &str| {
        posted
            .iter()
            .chain(&query)
            .find(|(n, _)| n == name)
            .map(|(_, value)| value.as_str())
    };
    match scoped {
        Some(service) if service.protocol.is_rest() => by_path(service, parts, &query),
        Some(service) => by_action(service, find("Action"), find("Version")),
        None => match find("Action") {
            Some(action) => {
                let found = services()
                    .filter_map(service)
                    .filter(|service| matches!(service.protocol, Protocol::Query | Protocol::Ec2))
                    .find(|service| {
                        service.operations.contains_key(action)
                            && find("Version").is_none_or(|version| version == service.api_version)
                    });
                match found {
                    Some(service) => by_action(service, Some(action), find("Version")),
                    None => Err(no_action(action, find("Version").unwrap_or_default())),
                }
            }
            // What names no service at all is for S3: so browsers and presigned addresses ask.
            None => match service("s3") {
                Some(s3) => by_path(s3, parts, &query),
                None => Err(no_action("", "")),
            },
        },
    }
}

fn header<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    parts.headers.get(name)?.to_str().ok()
}

/// The service of the credential scope, in the header or the query.
fn scope(parts: &Parts) -> Option<String> {
    let of = |credential: &str| credential.rsplit('/').nth(1).map(str::to_owned);
    if let Some(value) = header(parts, "authorization") {
        let credential = value
            .split("Credential=")
            .nth(1)?
            .split([',', ' '])
            .next()?;
        return of(credential);
    }
    let query = fields(parts.uri.query()?.as_bytes());
    query
        .iter()
        .find(|(name, _)| name == "X-Amz-Credential")
        .and_then(|(_, credential)| of(credential))
}

/// A service by its name in a credential scope.
fn named(name: &str) -> Option<&'static Service> {
    service(name).or_else(|| {
        services()
            .filter_map(service)
            .find(|service| service.signing_name == name)
    })
}

fn no_action(action: &str, version: &str) -> AwsError {
    AwsError::new(
        400,
        "InvalidAction",
        format!("Could not find operation {action} for version {version}"),
    )
}

fn by_target(target: &str) -> Result<Target, AwsError> {
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    let service = services()
        .filter_map(service)
        .filter(|service| service.protocol.is_json())
        // Newer clients leave the package out: `CloudTrail_20131101` for `com.amazonaws.….CloudTrail_20131101`.
        .find(|service| {
            service
                .target_prefix
                .as_deref()
                .is_some_and(|known| known == prefix || known.rsplit('.').next() == Some(prefix))
        });
    match service.and_then(|service| Some((service, service.operations.get(name)?))) {
        Some((service, operation)) => Ok(Target {
            service,
            operation,
            protocol: service.protocol,
            labels: Vec::new(),
        }),
        None => Err(AwsError::new(400, "UnknownOperationException", "")),
    }
}

fn by_action(
    service: &'static Service,
    action: Option<&str>,
    version: Option<&str>,
) -> Result<Target, AwsError> {
    let Some(action) = action else {
        return Err(AwsError::new(400, "MissingAction", "Missing Action"));
    };
    let fits = version.is_none_or(|version| version == service.api_version);
    match service.operations.get(action).filter(|_| fits) {
        Some(operation) => Ok(Target {
            service,
            operation,
            protocol: service.protocol,
            labels: Vec::new(),
        }),
        None => Err(no_action(action, version.unwrap_or(&service.api_version))),
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
    service: &'static Service,
    parts: &Parts,
    query: &[(String, String)],
) -> Result<Target, AwsError> {
    let mut path = parts.uri.path().to_owned();
    if service.name == "s3"
        && let Some(bucket) = header(parts, "host").and_then(virtual_bucket)
    {
        path = format!("/{bucket}{path}");
    }
    let mut method = parts.method.clone();
    let mut path_fits = false;
    for route in &service.routes {
        let Some(operation) = service.operations.get(&route.operation) else {
            continue;
        };
        let Some(labels) = rest::labels(&operation.template, &path) else {
            continue;
        };
        path_fits = true;
        if operation.method != method
            || !query_fits(operation, query)
            || !told_apart(service, operation, parts, query)
        {
            continue;
        }
        return Ok(Target {
            service,
            operation,
            protocol: service.protocol,
            labels,
        });
    }
    if method == http::Method::HEAD {
        method = http::Method::GET;
    }
    let _ = method;
    Err(if service.name == "s3" && path_fits {
        AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
        .with("Method", parts.method.as_str())
    } else if service.name == "s3" {
        AwsError::new(400, "InvalidURI", "Couldn't parse the specified URI.")
    } else {
        AwsError::new(404, "UnknownOperationException", "")
    })
}

/// Whether a request has the query members that tell an operation from its neighbours.
fn query_fits(operation: &crate::table::Operation, query: &[(String, String)]) -> bool {
    operation
        .template
        .query
        .iter()
        .filter(|(name, _)| name != "x-id")
        .all(|(name, value)| {
            query
                .iter()
                .any(|(n, v)| n == name && value.as_ref().is_none_or(|value| value == v))
        })
}

/// What S3 tells apart by headers and members that the templates do not name.
fn told_apart(
    service: &Service,
    operation: &crate::table::Operation,
    parts: &Parts,
    query: &[(String, String)],
) -> bool {
    if service.name != "s3" {
        return true;
    }
    let has = |name: &str| query.iter().any(|(n, _)| n == name);
    let copies = parts.headers.contains_key("x-amz-copy-source");
    match operation.name.as_str() {
        "CopyObject" | "UploadPartCopy" => {
            copies && (operation.name == "CopyObject") == !has("partNumber")
        }
        "PutObject" => !copies && !has("partNumber") && !has("uploadId"),
        "UploadPart" => !copies && has("partNumber") && has("uploadId"),
        "ListParts" | "AbortMultipartUpload" | "CompleteMultipartUpload" => has("uploadId"),
        "ListBuckets" => !parts.uri.path().trim_matches('/').contains('/'),
        "ListDirectoryBuckets" => false,
        // Two operations have one path: the one that others call has the inventory's or the analytics' id.
        name if name.starts_with("GetBucket") && name.ends_with("Configuration") && has("id") => {
            true
        }
        "GetBucketAnalyticsConfiguration"
        | "GetBucketInventoryConfiguration"
        | "GetBucketMetricsConfiguration"
        | "GetBucketIntelligentTieringConfiguration" => has("id"),
        "ListBucketAnalyticsConfigurations"
        | "ListBucketInventoryConfigurations"
        | "ListBucketMetricsConfigurations"
        | "ListBucketIntelligentTieringConfigurations" => !has("id"),
        // Their paths are GetBucketLifecycleConfiguration's and GetBucketNotificationConfiguration's.
        "GetBucketLifecycle"
        | "PutBucketLifecycle"
        | "GetBucketNotification"
        | "PutBucketNotification" => false,
        _ => true,
    }
}
