//! Responses against an identity provider of the tests' own, and the attacks on them.

use std::sync::LazyLock;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;

use super::*;
use crate::key::{Hash, PublicKey};
use crate::xml::c14n::Exclusive;
use crate::xml::encryption::DecryptionKey;
use crate::xml::signature::SignatureError;
use crate::xml::{self, XmlError};

const ISSUER: &str = "https://idp.example.com/saml";

struct Idp {
    pair: RsaKeyPair,
    key: PublicKey,
}

fn new_idp() -> Idp {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let key = PublicKey::from_pkcs1(pair.public_key().as_ref()).unwrap();
    Idp { pair, key }
}

static IDP: LazyLock<Idp> = LazyLock::new(new_idp);
static STRANGER: LazyLock<Idp> = LazyLock::new(new_idp);

impl Idp {
    /// Puts a signature into the element with this id, after its issuer.
    fn sign(&self, xml: &str, id: &str) -> String {
        let document = xml::parse(xml).unwrap();
        let element = document
            .descendants()
            .find(|node| node.attribute("ID") == Some(id))
            .unwrap();
        let digest = Hash::Sha256.digest(Exclusive::default().write(element, None).as_bytes());
        let info = format!(
            r##"<ds:SignedInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:CanonicalizationMethod><ds:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"></ds:SignatureMethod><ds:Reference URI="#{id}"><ds:Transforms><ds:Transform Algorithm="http://www.w3.org/2000/09/xmldsig#enveloped-signature"></ds:Transform><ds:Transform Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"></ds:Transform></ds:Transforms><ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"></ds:DigestMethod><ds:DigestValue>{}</ds:DigestValue></ds:Reference></ds:SignedInfo>"##,
            STANDARD.encode(digest)
        );
        let mut value = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                info.as_bytes(),
                &mut value,
            )
            .unwrap();
        let signature = format!(
            r#"<ds:Signature xmlns:ds="http://www.w3.org/2000/09/xmldsig#">{info}<ds:SignatureValue>{}</ds:SignatureValue></ds:Signature>"#,
            STANDARD.encode(value)
        );
        let issuer = element
            .children()
            .find(|node| node.tag_name().name() == "Issuer")
            .unwrap();
        let mut signed = xml.to_owned();
        signed.insert_str(issuer.range().end, &signature);
        signed
    }
}

fn assertion(id: &str, name: &str) -> String {
    format!(
        r#"<saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="{id}" Version="2.0" IssueInstant="2026-01-02T03:04:05Z"><saml:Issuer>{ISSUER}</saml:Issuer><saml:Subject><saml:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{name}</saml:NameID><saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer"><saml:SubjectConfirmationData NotOnOrAfter="2026-01-02T03:09:05Z" Recipient="https://sp.example.com"></saml:SubjectConfirmationData></saml:SubjectConfirmation></saml:Subject><saml:Conditions NotBefore="2026-01-02T03:00:00Z" NotOnOrAfter="2026-01-02T03:09:05Z"><saml:AudienceRestriction><saml:Audience>urn:sp</saml:Audience></saml:AudienceRestriction></saml:Conditions><saml:AttributeStatement><saml:Attribute Name="role"><saml:AttributeValue>one</saml:AttributeValue><saml:AttributeValue>two</saml:AttributeValue></saml:Attribute></saml:AttributeStatement></saml:Assertion>"#
    )
}

fn response(content: &str) -> String {
    format!(
        r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ID="_r" Version="2.0"><saml:Issuer>{ISSUER}</saml:Issuer><samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>{content}</samlp:Response>"#
    )
}

fn believed(text: &str) -> Result<Assertion, ResponseError> {
    let keys = [IDP.key.clone()];
    let provider = Provider {
        entity_id: ISSUER,
        keys: &keys,
        decryption: &[],
        encrypted_only: false,
    };
    read(text, provider)
}

/// A response whose assertion is signed, and the signed assertion alone.
fn signed() -> (String, String) {
    let alone = IDP.sign(&assertion("_a", "anna"), "_a");
    (response(&alone), alone)
}

#[test]
fn what_is_signed_is_believed() {
    let (text, _) = signed();
    let found = believed(&text).unwrap();
    assert_eq!(found.subject, "anna");
    assert_eq!(found.attributes["role"], ["one", "two"]);
    assert_eq!(found.audiences, [["urn:sp"]]);
    assert_eq!(
        found.confirmations[0].recipient.as_deref(),
        Some("https://sp.example.com")
    );
    let whole = IDP.sign(&response(&assertion("_a", "anna")), "_r");
    assert_eq!(believed(&whole).unwrap().subject, "anna");
    let both = IDP.sign(&text, "_r");
    assert_eq!(believed(&both).unwrap(), found);
}

#[test]
fn what_is_not_signed_by_the_provider_is_not_believed() {
    let unsigned = response(&assertion("_a", "anna"));
    assert_eq!(believed(&unsigned), Err(ResponseError::Unsigned));
    let stranger = response(&STRANGER.sign(&assertion("_a", "anna"), "_a"));
    assert_eq!(believed(&stranger), Err(SignatureError::Value.into()));
    // A good signature of the response does not make up for a bad one of the assertion.
    let mixed = IDP.sign(&stranger, "_r");
    assert_eq!(believed(&mixed), Err(SignatureError::Value.into()));
    let (text, _) = signed();
    let changed = text.replace(">anna<", ">root<");
    assert_eq!(believed(&changed), Err(SignatureError::Digest.into()));
    let elsewhere = text.replace(ISSUER, "https://other.example.com");
    assert!(matches!(
        believed(&elsewhere),
        Err(ResponseError::Issuer(_))
    ));
    let failed = text.replace("status:Success", "status:Requester");
    assert!(matches!(believed(&failed), Err(ResponseError::Status(_))));
}

#[test]
fn weak_algorithms_prove_nothing() {
    let (text, _) = signed();
    for (from, to) in [
        ("xmldsig-more#rsa-sha256", "xmldsig#rsa-sha1"),
        ("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256"),
        (
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2000/09/xmldsig#sha1",
        ),
        (
            "\"http://www.w3.org/2001/10/xml-exc-c14n#\"",
            "\"http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"",
        ),
        ("xmldsig#enveloped-signature", "xmldsig#base64"),
        (
            "http://www.w3.org/2000/09/xmldsig#enveloped-signature",
            "http://www.w3.org/TR/1999/REC-xslt-19991116",
        ),
    ] {
        let changed = text.replace(from, to);
        assert_ne!(changed, text);
        assert!(
            matches!(believed(&changed), Err(ResponseError::Signature(_))),
            "{to}"
        );
    }
}

/// The eight ways of signature wrapping, as they are counted since Somorovsky and others, "On Breaking SAML" (2012).
#[test]
fn no_signature_is_wrapped() {
    let evil = assertion("_evil", "root");
    let (good, alone) = signed();
    let whole = IDP.sign(&response(&assertion("_a", "anna")), "_r");
    let evil_response = |signature: &str, content: &str| {
        let text = response(content).replace("ID=\"_r\"", "ID=\"_e\"");
        text.replacen("</saml:Issuer>", &format!("</saml:Issuer>{signature}"), 1)
    };
    let signature_of = |text: &str| {
        let start = text.find("<ds:Signature ").unwrap();
        let end = text.find("</ds:Signature>").unwrap() + "</ds:Signature>".len();
        text[start..end].to_owned()
    };
    let into_object = |signature: &str, content: &str| {
        signature.replace(
            "</ds:Signature>",
            &format!("<ds:Object>{content}</ds:Object></ds:Signature>"),
        )
    };
    let (of_whole, of_alone) = (signature_of(&whole), signature_of(&alone));
    let whole_unsigned = whole.replace(&of_whole, "");
    let alone_unsigned = alone.replace(&of_alone, "");
    let evil_signed = evil.replacen("</saml:Issuer>", &format!("</saml:Issuer>{of_alone}"), 1);
    let evil_around = evil.replace("</saml:Assertion>", &format!("{alone}</saml:Assertion>"));
    let attacks = [
        // 1: an evil response; the signed one is in the signature. 2: beside it.
        evil_response(&into_object(&of_whole, &whole_unsigned), &evil),
        evil_response(&of_whole, &format!("{evil}{whole_unsigned}")),
        // 3: an evil assertion before the signed one, or after it. 4: around it.
        response(&format!("{evil}{alone}")),
        response(&format!("{alone}{evil}")),
        response(&evil_around),
        // 5: the evil assertion has the signature, the signed one follows. 6: the signed one is in the signature.
        response(&format!("{evil_signed}{alone_unsigned}")),
        response(&evil.replacen(
            "</saml:Issuer>",
            &format!("</saml:Issuer>{}", into_object(&of_alone, &alone_unsigned)),
            1,
        )),
        // 7: the evil assertion is in extensions. 8: the signed one is in an object of the signature's.
        response(&format!(
            "<samlp:Extensions>{evil}</samlp:Extensions>{alone}"
        )),
        response(&evil.replacen(
            "</saml:Issuer>",
            &format!("</saml:Issuer>{}", into_object(&of_alone, &alone)),
            1,
        )),
        // The evil one bears the id of the signed one.
        response(&format!("{}{alone}", evil.replace("_evil", "_a"))),
        response(&evil_signed.replace("_evil", "_a")),
        // The signed one is in an attribute's value.
        good.replace(
            "<saml:AttributeValue>one",
            &format!("<saml:AttributeValue>{evil}one"),
        ),
        // The evil one is in another namespace.
        response(&format!(
            "{alone}{}",
            evil.replace("SAML:2.0:assertion", "SAML:1.0:assertion")
        )),
    ];
    for (number, attack) in attacks.iter().enumerate() {
        let error = believed(attack).expect_err(&format!("attack {number} got in: {attack}"));
        assert!(
            !matches!(error, ResponseError::Form(XmlError::Form(_))),
            "{number}: {error}"
        );
    }
}

#[test]
fn documents_that_mean_two_things_are_refused() {
    let (text, alone) = signed();
    let comment = text.replace(">anna<", ">an<!-- -->na<");
    assert_eq!(believed(&comment), Err(ResponseError::Comments));
    let instruction = text.replace(">anna<", ">an<?x?>na<");
    assert_eq!(believed(&instruction), Err(ResponseError::Comments));
    let entity = format!("<!DOCTYPE x [<!ENTITY e \"root\">]>{text}");
    assert_eq!(believed(&entity), Err(XmlError::DocumentType.into()));
    let twice = text.replace("ID=\"_r\"", "ID=\"_a\"");
    assert_eq!(believed(&twice), Err(XmlError::IdTwice("_a".into()).into()));
    assert_eq!(
        believed(&response(&format!("{alone}{}", assertion("_b", "root")))),
        Err(ResponseError::NotOneAssertion)
    );
    assert_eq!(believed(&response("")), Err(ResponseError::NotOneAssertion));
    assert_eq!(believed(&alone), Err(ResponseError::NoResponse));
    for nothing in ["", "hello", "<a/>", "<samlp:Response/>"] {
        assert!(believed(nothing).is_err(), "{nothing}");
    }
}

#[test]
fn encrypted_assertions_are_read_with_the_key_and_only_so() {
    let receiver = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(receiver.as_der().unwrap().as_ref())
    );
    let key = DecryptionKey::from_pem(&pem).unwrap();
    let other = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let other = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(other.as_der().unwrap().as_ref())
    );
    let other = DecryptionKey::from_pem(&other).unwrap();
    let keys = [IDP.key.clone()];
    let attempt = |text: &str, decryption: &[DecryptionKey]| {
        read(
            text,
            Provider {
                entity_id: ISSUER,
                keys: &keys,
                decryption,
                encrypted_only: true,
            },
        )
    };
    let (plain, alone) = signed();
    assert_eq!(
        attempt(&plain, std::slice::from_ref(&key)),
        Err(ResponseError::NotEncrypted)
    );
    for method in [
        "http://www.w3.org/2009/xmlenc11#aes256-gcm",
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc",
    ] {
        let sealed = response(&encrypt(&alone, &receiver, method));
        let found = attempt(&sealed, &[other.clone(), key.clone()]).unwrap();
        assert_eq!(found.subject, "anna");
        assert!(matches!(
            attempt(&sealed, std::slice::from_ref(&other)),
            Err(ResponseError::Encrypted(_))
        ));
        assert!(matches!(
            attempt(&sealed, &[]),
            Err(ResponseError::Encrypted(_))
        ));
        // Encryption proves nothing: anybody has the public key.
        let unsigned = response(&encrypt(&assertion("_a", "root"), &receiver, method));
        assert_eq!(
            attempt(&unsigned, std::slice::from_ref(&key)),
            Err(ResponseError::Unsigned)
        );
        let under_response = IDP.sign(
            &response(&encrypt(&assertion("_a", "anna"), &receiver, method)),
            "_r",
        );
        assert_eq!(
            attempt(&under_response, std::slice::from_ref(&key))
                .unwrap()
                .subject,
            "anna"
        );
    }
}

fn encrypt(xml: &str, receiver: &RsaKeyPair, method: &str) -> String {
    use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
    use aws_lc_rs::cipher::{
        AES_128, EncryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
    };
    use aws_lc_rs::iv::FixedLength;
    use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};

    let (content_key, sealed) = if method.ends_with("gcm") {
        let content_key = vec![7; 32];
        let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &content_key).unwrap());
        let mut sealed = xml.as_bytes().to_vec();
        key.seal_in_place_append_tag(
            Nonce::assume_unique_for_key([1; 12]),
            Aad::empty(),
            &mut sealed,
        )
        .unwrap();
        (content_key, [vec![1; 12], sealed].concat())
    } else {
        let content_key = vec![7; 16];
        let key = UnboundCipherKey::new(&AES_128, &content_key).unwrap();
        let mut key = PaddedBlockEncryptingKey::cbc_pkcs7(key).unwrap();
        let mut sealed = xml.as_bytes().to_vec();
        let _: &mut PaddedBlockEncryptingKey = &mut key;
        key.less_safe_encrypt(
            &mut sealed,
            EncryptionContext::Iv128(FixedLength::from([1; 16])),
        )
        .unwrap();
        (content_key, [vec![1; 16], sealed].concat())
    };
    let public = receiver.public_key().as_der().unwrap();
    let public =
        OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(public.as_ref()).unwrap())
            .unwrap();
    let mut wrapped = vec![0; public.ciphertext_size()];
    let wrapped = public
        .encrypt(&OAEP_SHA1_MGF1SHA1, &content_key, &mut wrapped, None)
        .unwrap();
    format!(
        r#"<saml:EncryptedAssertion><xenc:EncryptedData xmlns:xenc="http://www.w3.org/2001/04/xmlenc#"><xenc:EncryptionMethod Algorithm="{method}"/><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"/><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey></ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData></saml:EncryptedAssertion>"#,
        STANDARD.encode(wrapped),
        STANDARD.encode(sealed)
    )
}

fn metadata(certificates: &str, attributes: &str) -> String {
    format!(
        r#"<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" entityID="{ISSUER}" {attributes}><md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">{certificates}<md:NameIDFormat>urn:oasis:names:tc:SAML:2.0:nameid-format:transient</md:NameIDFormat></md:IDPSSODescriptor></md:EntityDescriptor>"#
    )
}

#[test]
fn metadata_is_read() {
    let descriptor = |pem: &str, meant: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        format!(
            r#"<md:KeyDescriptor{meant}><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#"><ds:X509Data><ds:X509Certificate>
            {body}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"#
        )
    };
    let (rsa, p256) = (
        include_str!("../../tests/data/rsa.pem"),
        include_str!("../../tests/data/p256.pem"),
    );
    let both = descriptor(rsa, " use=\"signing\"") + &descriptor(p256, "");
    let found = Metadata::read(&metadata(&both, "validUntil=\"2036-01-02T03:04:05Z\"")).unwrap();
    assert_eq!(found.entity_id, ISSUER);
    assert_eq!(found.keys.len(), 2);
    assert_eq!(
        found.valid_until.unwrap().to_string(),
        "2036-01-02T03:04:05Z"
    );
    let encryption = descriptor(rsa, " use=\"encryption\"");
    assert_eq!(
        Metadata::read(&metadata(&encryption, "")),
        Err(MetadataError::NoCertificate)
    );
    assert_eq!(
        Metadata::read(&metadata("", "")),
        Err(MetadataError::NoCertificate)
    );
    assert!(matches!(
        Metadata::read(&metadata(&both, "validUntil=\"soon\"")),
        Err(MetadataError::Time(_))
    ));
    let old = metadata(&both, "").replace("SAML:2.0:protocol", "SAML:1.1:protocol");
    assert_eq!(Metadata::read(&old), Err(MetadataError::NoProvider));
    assert!(Metadata::read("<a/>").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn a_changed_response_never_says_anything_else(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        static GOOD: LazyLock<(String, Assertion)> = LazyLock::new(|| {
            let (text, _) = signed();
            let found = believed(&text).unwrap();
            (text, found)
        });
        let (text, expected) = &*GOOD;
        let mut bytes = text.clone().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = to;
        if let Ok(found) = believed(&String::from_utf8_lossy(&bytes)) {
            prop_assert_eq!(&found, expected);
        }
    }

    #[test]
    fn nothing_makes_the_readers_panic(text in "[<>/=\"' a-z:#!?&;\\[\\]-]{0,200}") {
        let _ = believed(&text);
        let _ = Metadata::read(&text);
    }
}
