//! What the accounts publish as issuers of tokens: their names and their keys, by OpenID Connect discovery.
//!
//! Owns two documents, for anybody: at the host that the issuer's tokens name, and, for verifiers that reach the range by
//! its address alone, below `/_stockade/issuers/<id>/`.

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, header};
use serde_json::{Value, json};

use crate::request::Desk;
use crate::services::iam::outbound_federation::{DOMAIN, Issuer};
use crate::state::State;

const BY_PATH: &str = "/_stockade/issuers/";

/// Answers a request for a document of an issuer; none: it is for something else.
pub(crate) fn answer(desk: &Desk, parts: &Parts) -> Option<Response<Bytes>> {
    let (id, path) = asked(parts)?;
    if parts.method != Method::GET {
        return None;
    }
    let state = desk.state.read();
    let issuer = find(&state, id)?;
    let document = match path {
        "/.well-known/openid-configuration" => discovery(issuer),
        "/.well-known/jwks.json" => issuer.keys()?.published(),
        _ => return None,
    };
    let mut answer = Response::new(Bytes::from(document.to_string()));
    let headers = answer.headers_mut();
    let json = header::HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, json);
    let age = header::HeaderValue::from_static("max-age=300");
    headers.insert(header::CACHE_CONTROL, age);
    Some(answer)
}

/// The issuer that is asked, and for what.
fn asked(parts: &Parts) -> Option<(&str, &str)> {
    let path = parts.uri.path();
    if let Some(rest) = path.strip_prefix(BY_PATH) {
        let at = rest.find('/')?;
        return rest.split_at_checked(at);
    }
    let host = parts.headers.get(header::HOST)?.to_str().ok()?;
    let name = host.split(':').next()?;
    let id = name.strip_suffix(DOMAIN)?.strip_suffix('.')?;
    Some((id, path))
}

/// Tokens that are out can be verified though no more are issued.
fn find<'a>(state: &'a State, id: &str) -> Option<&'a Issuer> {
    state
        .accounts
        .values()
        .filter_map(|account| account.iam.read().issuer.as_ref())
        .find(|issuer| issuer.id == id)
}

fn discovery(issuer: &Issuer) -> Value {
    let url = issuer.url();
    json!({
        "issuer": url,
        "jwks_uri": format!("{url}/.well-known/jwks.json"),
        "claims_supported": ["sub", "iss", "aud", "exp", "iat", "jti", "https://sts.amazonaws.com/"],
        "id_token_signing_alg_values_supported": ["RS256", "ES384"],
        "subject_types_supported": ["public"],
    })
}
