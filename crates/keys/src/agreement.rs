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
    if !names(curve, public) {
        return Err(KeyError::PublicKey);
    }
    let own = PrivateKey::from_private_key_der(algorithm, pkcs8.expose())
        .map_err(|_| KeyError::Machine)?;
    let theirs = agreement::UnparsedPublicKey::new(algorithm, public);
    agreement::agree(&own, theirs, KeyError::PublicKey, |secret| {
        Ok(Hidden::new(secret.to_vec()))
    })
}

/// Whether a public key says by its name that it is of the curve. aws-lc takes curves that are spelt out too, and of those not every
/// parameter is looked at.
fn names(curve: Curve, public: &[u8]) -> bool {
    let algorithm: &[u8] = match curve {
        Curve::P256 => {
            b"\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07"
        }
        Curve::P384 => b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22",
        Curve::P521 => b"\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x23",
        Curve::P256K1 => return false,
    };
    // The sequence's head is two bytes, or three where it is longer than 127.
    let rest = match public {
        [0x30, 0x81, _, rest @ ..] | [0x30, 0..=0x7f, rest @ ..] => rest,
        _ => return false,
    };
    rest.starts_with(algorithm)
}
