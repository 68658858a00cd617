//! Any document as a SAML response and as a provider's metadata: read or refused; nothing is believed that no key of the
//! provider's signed.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use stockade_federation::PublicKey;
use stockade_federation::jwk::KeySet;
use stockade_federation::saml::Metadata;
use stockade_federation::saml::{Provider, read};
use stockade_federation::signer::SigningKeys;
use stockade_federation::xml;
use stockade_federation::xml::c14n::Exclusive;

fn keys() -> &'static [PublicKey] {
    static KEYS: OnceLock<Vec<PublicKey>> = OnceLock::new();
    KEYS.get_or_init(|| {
        let published = SigningKeys::generate().expect("keys").published();
        KeySet::read(&published.to_string())
            .expect("a set of keys")
            .0
            .into_iter()
            .map(|jwk| jwk.key)
            .collect()
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let _ = Metadata::read(text);
    let provider = Provider {
        entity_id: "https://idp.example.com",
        keys: keys(),
        decryption: &[],
        encrypted_only: false,
    };
    assert!(read(text, provider).is_err());
    // What is written canonically is XML again, and stays as it is.
    if let Ok(document) = xml::parse(text) {
        let once = Exclusive::default().write(document.root_element(), None);
        let again = xml::parse(&once).expect("what was written is read");
        assert_eq!(once, Exclusive::default().write(again.root_element(), None));
    }
});
