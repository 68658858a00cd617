//! Which operation a request is for, told by its shape.

use http::request::Parts;

use super::Target;
use crate::AwsError;
use crate::codec::query::fields;
use crate::codec::rest;
use crate::sigv4;
use crate::table::{Operation, Protocol, Service, service, services, signed_as};

/// Which operation a request is for, told by its shape: the service of its credential scope,
/// `X-Amz-Target`, `Action`, the path and the host.
///
/// # Errors
/// The service's own error for an operation that it does not have.
pub fn identify(parts: &Parts, body: &[u8]) -> Result<Target, AwsError> {
    let scope = sigv4::service_of(parts);
    if let Some(target) = header(parts, "x-amz-target") {
        return by_target(target, scope.as_deref());
    }
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
    match scope
        .as_deref()
        .and_then(|scope| scoped(scope, parts, find("Version")))
    {
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

/// The service that a credential scope names. Where two go by one name, S3 Control is known by its paths, others by
/// the version of their API.
fn scoped(scope: &str, parts: &Parts, version: Option<&str>) -> Option<&'static Service> {
    let mut named = signed_as(scope);
    let first = named.next()?;
    let Some(second) = named.next() else {
        return Some(first);
    };
    let mut all = [first, second].into_iter().chain(named);
    if first.protocol.is_rest() {
        let control = parts.uri.path().starts_with("/v20180820/");
        let name = if control { "s3control" } else { scope };
        return all.find(|service| service.name == name).or(Some(first));
    }
    all.find(|service| Some(service.api_version.as_str()) == version)
        .or(Some(first))
}

fn no_action(action: &str, version: &str) -> AwsError {
    AwsError::new(
        400,
        "InvalidAction",
        format!("Could not find operation {action} for version {version}"),
    )
}

fn by_target(target: &str, scope: Option<&str>) -> Result<Target, AwsError> {
    let (prefix, name) = target.rsplit_once('.').unwrap_or(("", target));
    // Newer clients leave the package out: `CloudTrail_20131101` for `com.amazonaws.….CloudTrail_20131101`.
    let meant = |service: &&'static Service| {
        service.protocol.is_json()
            && service
                .target_prefix
                .as_deref()
                .is_some_and(|known| known == prefix || known.rsplit('.').next() == Some(prefix))
    };
    // The scope's own service first: so no other table need be read.
    let service = scope
        .and_then(|scope| signed_as(scope).find(meant))
        .or_else(|| services().filter_map(service).find(meant));
    if let (Some(scope), Some(service)) = (scope, service)
        && service.signing_name != scope
    {
        return Err(AwsError::new(
            400,
            "InvalidSignatureException",
            format!(
                "Credential should be scoped to correct service: '{}'. ",
                service.signing_name
            ),
        ));
    }
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
    let has = |wanted: &String| query.iter().any(|(name, _)| name == wanted);
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
                protocol: service.protocol,
                labels,
            });
        }
    }
    if service.name != "s3" {
        return Err(AwsError::new(404, "UnknownOperationException", ""));
    }
    let mut operations = service.operations.values();
    let known = operations.any(|operation| rest::labels(&operation.template, &path).is_some());
    Err(if known {
        AwsError::new(
            405,
            "MethodNotAllowed",
            "The specified method is not allowed against this resource.",
        )
        .with("Method", parts.method.as_str())
    } else {
        AwsError::new(400, "InvalidURI", "Couldn't parse the specified URI.")
    })
}

/// Whether a request has the query members that an operation's template fixes.
fn query_fits(operation: &Operation, query: &[(String, String)]) -> bool {
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
    query: &[(String, String)],
) -> bool {
    if service.name != "s3" {
        return true;
    }
    let has = |name: &str| query.iter().any(|(n, _)| n == name);
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
        let target = identify(&parts, body.as_bytes())?;
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
