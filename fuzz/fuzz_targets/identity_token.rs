//! Any token with any set of keys: read or refused; nothing is proved by keys that never signed it.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use stockade_federation::jwk::KeySet;
use stockade_federation::jwt::Unproved;
use stockade_federation::signer::SigningKeys;

/// The public halves of keys that are thrown away.
fn keys() -> &'static KeySet {
    static KEYS: OnceLock<KeySet> = OnceLock::new();
    KEYS.get_or_init(|| {
        let published = SigningKeys::generate().expect("keys").published();
        KeySet::read(&published.to_string()).expect("a set of keys")
    })
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (token, set) = text.split_once('\n').unwrap_or((text, ""));
    let own = KeySet::read(set);
    let Ok(token) = Unproved::read(token) else {
        return;
    };
    let _ = (token.issuer(), token.key_id(), token.has_key_in(keys()));
    if let Ok(own) = own {
        let again = Unproved::read(text.split_once('\n').unwrap_or((text, "")).0);
        let _ = again.expect("what is read is read again").prove(&own);
    }
    assert!(token.prove(keys()).is_err());
});
