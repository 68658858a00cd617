//! Any signature, in a header or in the address: read or refused, and never taken for good.

#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use stockade_model::Secret;
use stockade_wire::sigv4;

fuzz_target!(|data: &[u8]| {
    let Some((parts, body)) = stockade_fuzz::request(data) else {
        return;
    };
    if let Ok(Some(claim)) = sigv4::claim(&parts) {
        let secret = Secret::new("a secret that nobody can guess");
        for now in [claim.signed_at, Timestamp::UNIX_EPOCH] {
            assert!(sigv4::verify(&claim, &secret, &parts, &body, now).is_err());
        }
        let _ = sigv4::unchunk(Some((&claim, &secret)), &parts, &body);
    }
});
