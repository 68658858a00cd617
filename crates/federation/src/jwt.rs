//! JSON Web Tokens: read, and believed only once a key of the issuer's proves them.
//!
//! Owns the form and the signature. What the claims must say is the caller's matter. A token that is not signed, or
//! signed with a shared secret, is never believed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::jwk::KeySet;
use crate::key::{Algorithm, Curve, Hash};

/// The algorithms that count, by their names in tokens.
pub const ALGORITHMS: [&str; 6] = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];

/// Why a token is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts of base64url, of which the first two are JSON objects.
    #[error("the token is no signed JSON Web Token")]
    Form,
    /// Signed in a way that proves nothing, or that is not known.
    #[error("the token's algorithm {0} is not one of RS256, RS384, RS512, ES256, ES384, ES512")]
    Algorithm(String),
    /// It asks for something that must be understood and is not.
    #[error("the token's header has the critical extension {0}")]
    Critical(String),
    /// The issuer has no such key.
    #[error("the issuer has no key {0}")]
    UnknownKey(String),
    /// No key of the issuer's proves it.
    #[error("the token's signature is not the issuer's")]
    Signature,
}

/// A token that nobody has proved.
#[derive(Debug, Clone)]
pub struct Unproved {
    algorithm: String,
    key: Option<String>,
    critical: Option<String>,
    claims: Map<String, Value>,
    signed: String,
    signature: Vec<u8>,
}

/// A JSON object in which no name stands twice: what one reader takes first and another last could be two tokens
/// in one.
struct Unambiguous(Map<String, Value>);

impl<'de> Deserialize<'de> for Unambiguous {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Map<String, Value>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut members = Map::new();
                while let Some((name, value)) = access.next_entry::<String, Value>()? {
                    if members.insert(name, value).is_some() {
                        return Err(A::Error::custom("a name stands twice"));
                    }
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Members).map(Self)
    }
}

impl Unproved {
    /// Reads a token in its compact form.
    ///
    /// # Errors
    /// [`TokenError::Form`].
    pub fn read(text: &str) -> Result<Self, TokenError> {
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenError::Form);
        };
        let object = |part: &str| -> Result<Map<String, Value>, TokenError> {
            let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenError::Form)?;
            let object: Unambiguous =
                serde_json::from_slice(&bytes).map_err(|_| TokenError::Form)?;
            Ok(object.0)
        };
        let signed = format!("{header}.{claims}");
        let (header, claims) = (object(header)?, object(claims)?);
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        let critical = header.get("crit").map(|names| {
            let first = names.as_array().and_then(|names| names.first());
            first.and_then(Value::as_str).unwrap_or("crit").to_owned()
        });
        if header.get("kid").is_some_and(|kid| !kid.is_string()) {
            return Err(TokenError::Form);
        }
        Ok(Self {
            algorithm: text("alg").ok_or(TokenError::Form)?,
            key: text("kid"),
            critical,
            claims,
            signed,
            signature: URL_SAFE_NO_PAD
                .decode(signature)
                .map_err(|_| TokenError::Form)?,
        })
    }

    /// Who issued it, by its own word.
    pub fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// The name of the key that signed it, by its own word.
    pub fn key_id(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// How it says that it is signed.
    ///
    /// # Errors
    /// [`TokenError::Algorithm`], [`TokenError::Critical`].
    pub fn algorithm(&self) -> Result<Algorithm, TokenError> {
        if let Some(name) = &self.critical {
            return Err(TokenError::Critical(name.clone()));
        }
        match self.algorithm.as_str() {
            "RS256" => Ok(Algorithm::Rsa(Hash::Sha256)),
            "RS384" => Ok(Algorithm::Rsa(Hash::Sha384)),
            "RS512" => Ok(Algorithm::Rsa(Hash::Sha512)),
            "ES256" => Ok(Algorithm::Ecdsa(Curve::P256)),
            "ES384" => Ok(Algorithm::Ecdsa(Curve::P384)),
            "ES512" => Ok(Algorithm::Ecdsa(Curve::P521)),
            other => Err(TokenError::Algorithm(other.chars().take(20).collect())),
        }
    }

    /// Whether the issuer has a key that may have signed it.
    pub fn has_key_in(&self, keys: &KeySet) -> bool {
        self.algorithm().is_ok_and(|algorithm| {
            keys.candidates(self.key_id(), &self.algorithm, algorithm)
                .next()
                .is_some()
        })
    }

    /// The claims, if a key of the issuer's proves them.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn prove(self, keys: &KeySet) -> Result<Map<String, Value>, TokenError> {
        let algorithm = self.algorithm()?;
        if !self.has_key_in(keys) {
            return Err(TokenError::UnknownKey(self.key.unwrap_or_default()));
        }
        let proved = keys
            .candidates(self.key.as_deref(), &self.algorithm, algorithm)
            .any(|key| key.verifies(algorithm, self.signed.as_bytes(), &self.signature));
        if proved {
            Ok(self.claims)
        } else {
            Err(TokenError::Signature)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::signer::{Signing, SigningKeys};

    fn keys() -> (SigningKeys, KeySet) {
        let keys = SigningKeys::generate().unwrap();
        let published = KeySet::read(&keys.published().to_string()).unwrap();
        (keys, published)
    }

    fn claims() -> Map<String, Value> {
        let claims = json!({"iss": "https://idp.example.com", "sub": "anna", "aud": "app", "exp": 1_900_000_000});
        claims.as_object().unwrap().clone()
    }

    #[test]
    fn what_is_signed_is_believed_and_nothing_else() {
        let (keys, published) = keys();
        let (_, others) = self::keys();
        for signing in [Signing::Rs256, Signing::Es384] {
            let token = keys.sign(signing, &claims()).unwrap();
            let read = || Unproved::read(&token).unwrap();
            assert_eq!(read().issuer(), Some("https://idp.example.com"));
            assert_eq!(read().prove(&published).unwrap(), claims());
            // Another's keys bear the same names here.
            assert_eq!(read().prove(&others), Err(TokenError::Signature));
            assert!(matches!(
                read().prove(&KeySet::default()),
                Err(TokenError::UnknownKey(_))
            ));
        }
    }

    fn with_header(token: &str, header: &Value) -> String {
        let (_, rest) = token.split_once('.').unwrap();
        format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
    }

    #[test]
    fn no_shared_secret_and_no_unsigned_token_is_believed() {
        let (keys, published) = keys();
        let token = keys.sign(Signing::Rs256, &claims()).unwrap();
        for name in ["none", "None", "HS256", "HS512", "PS256", "EdDSA", ""] {
            let forged = with_header(&token, &json!({"alg": name, "kid": "RSA_0"}));
            let error = Unproved::read(&forged).unwrap().prove(&published);
            assert!(matches!(error, Err(TokenError::Algorithm(_))), "{name}");
        }
        // Another of the good algorithms than the key's own.
        let forged = with_header(&token, &json!({"alg": "ES384", "kid": "EC384_0"}));
        assert_eq!(
            Unproved::read(&forged).unwrap().prove(&published),
            Err(TokenError::Signature)
        );
        let forged = with_header(
            &token,
            &json!({"alg": "RS256", "kid": "RSA_0", "crit": ["b64"]}),
        );
        assert!(matches!(
            Unproved::read(&forged).unwrap().prove(&published),
            Err(TokenError::Critical(_))
        ));
    }

    #[test]
    fn what_is_no_token_is_refused() {
        for text in [
            "",
            "a.b",
            "a.b.c",
            "....",
            "e30.e30.",
            "e30.W10.AA",
            "e30.e30.AA.AA",
            "e30=.e30=.AA",
        ] {
            assert!(
                matches!(Unproved::read(text), Err(TokenError::Form)),
                "{text}"
            );
        }
        let twice = URL_SAFE_NO_PAD.encode(r#"{"sub":"anna","sub":"root"}"#);
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"RS256"}"#);
        assert!(Unproved::read(&format!("{header}.{twice}.AA")).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]

        #[test]
        fn a_changed_token_never_says_anything_else(at in any::<prop::sample::Index>(), to in any::<u8>()) {
            static KEYS: std::sync::LazyLock<(String, KeySet)> = std::sync::LazyLock::new(|| {
                let (keys, published) = keys();
                (keys.sign(Signing::Es384, &claims()).unwrap(), published)
            });
            let (token, published) = &*KEYS;
            let mut bytes = token.clone().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] = to;
            let text = String::from_utf8_lossy(&bytes);
            if let Ok(found) = Unproved::read(&text).and_then(|token| token.prove(published)) {
                prop_assert_eq!(found, claims());
            }
        }

        #[test]
        fn nothing_makes_the_reader_panic(text in "\\PC{0,200}") {
            let _ = Unproved::read(&text);
            let _ = KeySet::read(&text);
        }
    }
}
