//! Signing: the `Authorization` header, or a presigned address.

use bytes::Bytes;
use http::header::{AUTHORIZATION, HOST, HeaderName, HeaderValue};
use http::{Request, Uri};
use jiff::{SignedDuration, Timestamp};

use super::canonical::{self, ALGORITHM, PathStyle, Scope, UNSIGNED, escaped, is_s3};
use super::{Credentials, SignError};

/// What is neither signed nor ever will be: proxies and libraries change these.
const UNSIGNABLE: &[&str] = &[
    "authorization",
    "connection",
    "expect",
    "te",
    "transfer-encoding",
    "user-agent",
    "x-amzn-trace-id",
];

/// How to sign; the known answers need other ways than the services do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) style: PathStyle,
    /// Whether the body's digest goes into a header.
    pub(super) digest_header: bool,
    /// Whether the session token is signed; otherwise it is added afterwards.
    pub(super) token_signed: bool,
}

impl Manner {
    pub(super) fn of(service: &str) -> Self {
        Self {
            style: PathStyle::of(service),
            digest_header: is_s3(service),
            token_signed: true,
        }
    }
}

pub(super) fn sign(
    request: &mut Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    manner: Manner,
) -> Result<(), SignError> {
    let stamp = canonical::stamp(now);
    let scope = Scope {
        date: stamp.get(..8).unwrap_or_default(),
        region,
        service,
    };
    host(request)?;
    let digest = canonical::digest_hex(request.body());
    let headers = request.headers_mut();
    headers.remove(AUTHORIZATION);
    headers.remove("x-amz-security-token");
    set(headers, "x-amz-date", &stamp, "the time")?;
    let token = credentials.session_token.as_ref();
    if let Some(token) = token.filter(|_| manner.token_signed) {
        secret_header(headers, token.expose())?;
    }
    let payload = match headers
        .get("x-amz-content-sha256")
        .and_then(|value| value.to_str().ok())
    {
        // The caller chose how its body is bound.
        Some(stated) if stated == UNSIGNED || stated.starts_with("STREAMING-") => stated.to_owned(),
        _ => {
            if manner.digest_header {
                set(headers, "x-amz-content-sha256", &digest, "the digest")?;
            }
            digest
        }
    };
    let names = signable(headers);
    let (parts, body) = std::mem::take(request).into_parts();
    let canonical = canonical::request(&parts, manner.style, &names, &payload);
    *request = Request::from_parts(parts, body);
    let text = canonical::string_to_sign(&stamp, scope, &canonical);
    let key = canonical::signing_key(&credentials.secret, scope);
    let authorization = format!(
        "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
        credentials.access_key,
        names.join(";"),
        canonical::signature(&key, &text)
    );
    let mut value = HeaderValue::try_from(authorization)
        .map_err(|_| SignError::Unwritable("the access key"))?;
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    if let Some(token) = token.filter(|_| !manner.token_signed) {
        secret_header(request.headers_mut(), token.expose())?;
    }
    Ok(())
}

pub(super) fn presign(
    request: &mut Request<Bytes>,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
    expires: SignedDuration,
    manner: Manner,
) -> Result<(), SignError> {
    let stamp = canonical::stamp(now);
    let scope = Scope {
        date: stamp.get(..8).unwrap_or_default(),
        region,
        service,
    };
    host(request)?;
    request.headers_mut().remove(AUTHORIZATION);
    let names = signable(request.headers());
    let mut members = vec![
        ("X-Amz-Algorithm", ALGORITHM.to_owned()),
        (
            "X-Amz-Credential",
            format!("{}/{scope}", credentials.access_key),
        ),
        ("X-Amz-Date", stamp.clone()),
        ("X-Amz-Expires", expires.as_secs().to_string()),
        ("X-Amz-SignedHeaders", names.join(";")),
    ];
    let token = credentials
        .session_token
        .as_ref()
        .map(|token| token.expose().to_owned());
    if let Some(token) = token.clone().filter(|_| manner.token_signed) {
        members.push(("X-Amz-Security-Token", token));
    }
    extend_query(request, &members)?;
    let payload = if is_s3(service) {
        UNSIGNED.to_owned()
    } else {
        canonical::digest_hex(request.body())
    };
    let (parts, body) = std::mem::take(request).into_parts();
    let canonical = canonical::request(&parts, manner.style, &names, &payload);
    *request = Request::from_parts(parts, body);
    let text = canonical::string_to_sign(&stamp, scope, &canonical);
    let key = canonical::signing_key(&credentials.secret, scope);
    let mut last = vec![("X-Amz-Signature", canonical::signature(&key, &text))];
    if let Some(token) = token.filter(|_| !manner.token_signed) {
        last.push(("X-Amz-Security-Token", token));
    }
    extend_query(request, &last)
}

/// Makes sure that the request says its host, without the port that its scheme implies.
fn host(request: &mut Request<Bytes>) -> Result<(), SignError> {
    if request.headers().contains_key(HOST) {
        return Ok(());
    }
    let uri = request.uri();
    let name = uri
        .host()
        .filter(|name| !name.is_empty())
        .ok_or(SignError::NoHost)?;
    let implied = match uri.scheme_str() {
        Some("https") => Some(443),
        Some("http") => Some(80),
        _ => None,
    };
    let text = match uri.port_u16().filter(|port| Some(*port) != implied) {
        Some(port) => format!("{name}:{port}"),
        None => name.to_owned(),
    };
    set(request.headers_mut(), "host", &text, "the host")
}

fn signable(headers: &http::HeaderMap) -> Vec<String> {
    let mut names: Vec<String> = headers
        .keys()
        .map(|name| name.as_str().to_owned())
        .filter(|name| !UNSIGNABLE.contains(&name.as_str()))
        .collect();
    names.sort();
    names
}

fn set(
    headers: &mut http::HeaderMap,
    name: &'static str,
    value: &str,
    what: &'static str,
) -> Result<(), SignError> {
    let value = HeaderValue::try_from(value).map_err(|_| SignError::Unwritable(what))?;
    headers.insert(HeaderName::from_static(name), value);
    Ok(())
}

fn secret_header(headers: &mut http::HeaderMap, token: &str) -> Result<(), SignError> {
    let mut value =
        HeaderValue::try_from(token).map_err(|_| SignError::Unwritable("the session token"))?;
    value.set_sensitive(true);
    headers.insert("x-amz-security-token", value);
    Ok(())
}

fn extend_query(request: &mut Request<Bytes>, members: &[(&str, String)]) -> Result<(), SignError> {
    let mut query = request.uri().query().unwrap_or_default().to_owned();
    for (name, value) in members {
        if !query.is_empty() {
            query.push('&');
        }
        query.push_str(name);
        query.push('=');
        query.push_str(&escaped(value.as_bytes()));
    }
    let path = request.uri().path();
    let path = if path.is_empty() { "/" } else { path };
    let mut parts = request.uri().clone().into_parts();
    let target = format!("{path}?{query}")
        .parse()
        .map_err(|_| SignError::Unwritable("the address"))?;
    parts.path_and_query = Some(target);
    *request.uri_mut() =
        Uri::from_parts(parts).map_err(|_| SignError::Unwritable("the address"))?;
    Ok(())
}
