//! Signing keys that were derived before.
//!
//! Owns what is kept and for how long. A key is derived in four steps from a secret and a scope; a client stays with one
//! scope for a day.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::hmac;
use bytes::Bytes;
use http::request::Parts;
use jiff::Timestamp;
use stockade_model::Secret;

use super::{Claim, canonical, chunked, verify};
use crate::AwsError;

/// How many keys are kept at the least, once so many were asked for; at the most it is twice as many.
const KEPT: usize = 1024;

/// Keeps derived signing keys, a bounded number of them. A key is found again by who claims, for which day, region and
/// service, and only with the secret that it came from.
pub struct KeyCache {
    kept: Mutex<Generations>,
}

/// What was asked for lately, and what was before that: when the first is full it takes the place of the second.
#[derive(Default)]
struct Generations {
    new: HashMap<String, Entry>,
    old: HashMap<String, Entry>,
}

#[derive(Clone)]
struct Entry {
    secret: Secret,
    key: Arc<hmac::Key>,
}

impl KeyCache {
    /// Empty.
    pub fn new() -> Self {
        Self {
            kept: Mutex::new(Generations::default()),
        }
    }

    /// [`super::verify`], with the keys that are kept.
    ///
    /// # Errors
    /// The service's own refusal.
    pub fn verify(
        &self,
        claim: &Claim,
        secret: &Secret,
        parts: &Parts,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), AwsError> {
        verify::verify(claim, || self.key(claim, secret), parts, body, now)
    }

    /// [`super::unchunk`], with the keys that are kept.
    ///
    /// # Errors
    /// A torn chunk, a chunk with a wrong signature, a checksum that does not fit.
    pub fn unchunk(
        &self,
        claim: &Claim,
        secret: &Secret,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Bytes, AwsError> {
        chunked::unchunk(Some((claim, &|| self.key(claim, secret))), parts, body)
    }

    fn key(&self, claim: &Claim, secret: &Secret) -> Arc<hmac::Key> {
        let Claim {
            access_key,
            date,
            region,
            service,
            ..
        } = claim;
        let mut name = String::with_capacity(96);
        for piece in [access_key, date, region, service] {
            name.push_str(piece);
            name.push('/');
        }
        let same = |entry: &&Entry| {
            let (kept, given) = (entry.secret.expose(), secret.expose());
            verify_slices_are_equal(kept.as_bytes(), given.as_bytes()).is_ok()
        };
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entry) = kept.new.get(&name).filter(same) {
            return entry.key.clone();
        }
        let entry = match kept.old.get(&name).filter(same) {
            Some(entry) => entry.clone(),
            None => Entry {
                secret: secret.clone(),
                key: Arc::new(canonical::signing_key(secret, claim.scope())),
            },
        };
        if kept.new.len() >= KEPT {
            kept.old = std::mem::take(&mut kept.new);
        }
        let key = entry.key.clone();
        kept.new.insert(name, entry);
        key
    }
}

impl Default for KeyCache {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows how many keys it has, and none of them.
impl fmt::Debug for KeyCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("KeyCache")
            .field("kept", &(kept.new.len() + kept.old.len()))
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sigv4::{Payload, claim, sign};

    fn claimed(access_key: &str) -> Claim {
        Claim {
            access_key: access_key.to_owned(),
            date: "20230710".to_owned(),
            region: "us-east-1".to_owned(),
            service: "iam".to_owned(),
            signed_headers: Vec::new(),
            signature: String::new(),
            session_token: None,
            signed_at: Timestamp::UNIX_EPOCH,
            presigned_expires: None,
            payload: Payload::Unsigned,
        }
    }

    #[test]
    fn a_key_is_kept_for_its_secret_alone() {
        let cache = KeyCache::new();
        let (claim, secret) = (claimed("AKIA"), Secret::new("one"));
        let first = cache.key(&claim, &secret);
        assert!(Arc::ptr_eq(&first, &cache.key(&claim, &secret)));
        let other = cache.key(&claim, &Secret::new("two"));
        assert!(!Arc::ptr_eq(&first, &other));
        let elsewhere = Claim {
            region: "eu-west-1".to_owned(),
            ..claimed("AKIA")
        };
        assert!(!Arc::ptr_eq(
            &other,
            &cache.key(&elsewhere, &Secret::new("two"))
        ));
    }

    #[test]
    fn no_more_keys_are_kept_than_said_and_none_is_shown() {
        let cache = KeyCache::new();
        let secret = Secret::new("hush");
        for at in 0..5 * KEPT {
            cache.key(&claimed(&at.to_string()), &secret);
        }
        let kept = cache.kept.lock().unwrap();
        assert!(kept.new.len() + kept.old.len() <= 2 * KEPT);
        drop(kept);
        let told = format!("{cache:?}");
        assert!(
            told.starts_with("KeyCache { kept: ") && !told.contains("hush"),
            "{told}"
        );
    }

    #[test]
    fn a_signature_is_judged_as_without_it() {
        let cache = KeyCache::new();
        let now: Timestamp = "2023-07-10T12:00:00Z".parse().unwrap();
        let credentials = crate::sigv4::Credentials {
            access_key: "AKIA".to_owned(),
            secret: Secret::new("hush"),
            session_token: None,
        };
        let mut request = http::Request::post("http://h/")
            .body(Bytes::from("a=b"))
            .unwrap();
        sign(&mut request, &credentials, "us-east-1", "iam", now).unwrap();
        let (parts, body) = request.into_parts();
        let claim = claim(&parts).unwrap().unwrap();
        for _ in 0..2 {
            cache
                .verify(&claim, &credentials.secret, &parts, &body, now)
                .unwrap();
            assert!(
                cache
                    .verify(&claim, &Secret::new("loud"), &parts, &body, now)
                    .is_err()
            );
            assert!(
                cache
                    .verify(&claim, &credentials.secret, &parts, b"a=c", now)
                    .is_err()
            );
        }
    }
}
