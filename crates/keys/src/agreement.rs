//! Agreement on a secret (ECDH) with somebody else's public key.

use aws_lc_rs::agreement::{self, Algorithm, ECDH_P256, ECDH_P384, ECDH_P521, PrivateKey};

use crate::spec::Curve;
use crate::{Hidden, KeyError};

/// The raw secret: the x-coordinate of the shared point. `public` is a SubjectPublicKeyInfo in DER.
pub(crate) fn agree(curve: Curve, pkcs8: &Hidden, public: &[u8]) -> Result<Hidden, KeyError> {
    let algorithm: &'static Algorithm = match curve {
        Curve::P256 => &ECDH_P256,
        Curve::P384 => &ECDH_P384,
        Curve::P521 => &ECDH_P521,
        Curve::P256K1 => return Err(KeyError::Usage),
    };
    let own = PrivateKey::from_private_key_der(algorithm, pkcs8.expose())
        .map_err(|_| KeyError::Machine)?;
    let theirs = agreement::UnparsedPublicKey::new(algorithm, public);
    agreement::agree(&own, theirs, KeyError::PublicKey, |secret| {
        Ok(Hidden::new(secret.to_vec()))
    })
}
