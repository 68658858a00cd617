//! Material that comes from outside, wrapped: the pair under which it travels, and its unwrapping.
//!
//! Owns which wrapping goes with which material. How long a pair is good for is the caller's matter.

use aws_lc_rs::key_wrap::{AES_256, AesKek, KeyWrapPadded};
use zeroize::Zeroizing;

use crate::spec::{Curve, RsaLength, find, name_of};
use crate::{EncryptionAlgorithm, Hidden, KeyError, KeySpec, Material};

/// How material is wrapped for the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Wrapping {
    /// By RSA itself, with OAEP over SHA-1.
    OaepSha1,
    /// By RSA itself, with OAEP over SHA-256.
    OaepSha256,
    /// By an AES key (RFC 5649) which RSA wraps, with OAEP over SHA-1.
    AesKeyWrapSha1,
    /// By an AES key (RFC 5649) which RSA wraps, with OAEP over SHA-256.
    AesKeyWrapSha256,
}

const WRAPPINGS: [(&str, Wrapping); 4] = [
    ("RSAES_OAEP_SHA_1", Wrapping::OaepSha1),
    ("RSAES_OAEP_SHA_256", Wrapping::OaepSha256),
    ("RSA_AES_KEY_WRAP_SHA_1", Wrapping::AesKeyWrapSha1),
    ("RSA_AES_KEY_WRAP_SHA_256", Wrapping::AesKeyWrapSha256),
];

impl Wrapping {
    /// The wrapping of a name. `RSAES_PKCS1_V1_5` is no longer taken, and SM2 is had in China alone.
    pub fn named(name: &str) -> Option<Self> {
        find(&WRAPPINGS, name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        name_of(&WRAPPINGS, self)
    }

    /// Whether material of a spec can travel so: an RSA key is too long for RSA itself, and so is a P-521 key for
    /// 2048 bits.
    pub fn carries(self, spec: KeySpec, length: RsaLength) -> bool {
        match (self, spec) {
            (Self::AesKeyWrapSha1 | Self::AesKeyWrapSha256, _) => true,
            (_, KeySpec::Rsa(_)) => false,
            (_, KeySpec::Ecc(Curve::P521)) => length != RsaLength::L2048,
            _ => true,
        }
    }
}

/// Unwraps material with the private half of the pair under which it travelled.
///
/// # Errors
/// [`KeyError::Import`] where it does not unwrap, or is no material of the spec; [`KeyError::Usage`] where the pair is not RSA.
pub fn unwrap(
    pair: &Material,
    wrapping: Wrapping,
    spec: KeySpec,
    wrapped: &[u8],
) -> Result<Material, KeyError> {
    let KeySpec::Rsa(length) = pair.spec() else {
        return Err(KeyError::Usage);
    };
    if !wrapping.carries(spec, length) {
        return Err(KeyError::Import);
    }
    let opened =
        |algorithm, bytes: &[u8]| pair.decrypt(algorithm, bytes).map_err(|_| KeyError::Import);
    let bytes = match wrapping {
        Wrapping::OaepSha1 => opened(EncryptionAlgorithm::OaepSha1, wrapped)?,
        Wrapping::OaepSha256 => opened(EncryptionAlgorithm::OaepSha256, wrapped)?,
        Wrapping::AesKeyWrapSha1 | Wrapping::AesKeyWrapSha256 => {
            let modulus = match length {
                RsaLength::L2048 => 256,
                RsaLength::L3072 => 384,
                RsaLength::L4096 => 512,
            };
            let (key, rest) = wrapped.split_at_checked(modulus).ok_or(KeyError::Import)?;
            let algorithm = match wrapping {
                Wrapping::AesKeyWrapSha1 => EncryptionAlgorithm::OaepSha1,
                _ => EncryptionAlgorithm::OaepSha256,
            };
            unwrap_aes(&opened(algorithm, key)?, rest)?
        }
    };
    Material::from_bytes(spec, bytes.expose())
}

/// Unwraps by an AES key (RFC 5649).
pub(crate) fn unwrap_aes(key: &Hidden, wrapped: &[u8]) -> Result<Hidden, KeyError> {
    let key = AesKek::new(&AES_256, key.expose()).map_err(|_| KeyError::Import)?;
    let mut room = Zeroizing::new(vec![0; wrapped.len()]);
    let opened = key
        .unwrap_with_padding(wrapped, &mut room)
        .map_err(|_| KeyError::Import)?;
    Ok(Hidden::new(opened.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wraps as a client does: with the public key, and an AES key of its own.
    fn wrap(pair: &Material, wrapping: Wrapping, bytes: &[u8]) -> Vec<u8> {
        let rsa = |algorithm, bytes: &[u8]| pair.encrypt(algorithm, bytes).unwrap();
        let aes = |algorithm| {
            let key = [7; 32];
            let mut room = vec![0; bytes.len() + 16];
            let wrapped = AesKek::new(&AES_256, &key)
                .unwrap()
                .wrap_with_padding(bytes, &mut room)
                .unwrap();
            [rsa(algorithm, &key[..]), wrapped.to_vec()].concat()
        };
        match wrapping {
            Wrapping::OaepSha1 => rsa(EncryptionAlgorithm::OaepSha1, bytes),
            Wrapping::OaepSha256 => rsa(EncryptionAlgorithm::OaepSha256, bytes),
            Wrapping::AesKeyWrapSha1 => aes(EncryptionAlgorithm::OaepSha1),
            Wrapping::AesKeyWrapSha256 => aes(EncryptionAlgorithm::OaepSha256),
        }
    }

    #[test]
    fn material_arrives_by_every_wrapping_that_carries_it() {
        let pair = Material::generate(KeySpec::Rsa(RsaLength::L2048)).unwrap();
        for name in ["SYMMETRIC_DEFAULT", "HMAC_384", "ECC_NIST_P256", "RSA_2048"] {
            let spec = KeySpec::named(name).unwrap();
            let material = Material::generate(spec).unwrap();
            for (_, wrapping) in WRAPPINGS {
                assert_eq!(Wrapping::named(wrapping.name()), Some(wrapping));
                if !wrapping.carries(spec, RsaLength::L2048) {
                    let refused = unwrap(&pair, wrapping, spec, &[0; 256]);
                    assert_eq!(refused.unwrap_err(), KeyError::Import);
                    continue;
                }
                let mut wrapped = wrap(&pair, wrapping, material.bytes().expose());
                let arrived = unwrap(&pair, wrapping, spec, &wrapped).unwrap();
                assert_eq!(arrived.bytes(), material.bytes(), "{name} {wrapping:?}");
                let last = wrapped.len() - 1;
                wrapped[last] ^= 1;
                for damaged in [&wrapped[..], &wrapped[1..], &[]] {
                    let refused = unwrap(&pair, wrapping, spec, damaged);
                    assert_eq!(refused.unwrap_err(), KeyError::Import);
                }
            }
        }
    }
}
