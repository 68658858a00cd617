//! Any request: told what it is for and read, or refused; and the refusal can be written.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_wire::server;

fuzz_target!(|data: &[u8]| {
    let Some((parts, body)) = stockade_fuzz::request(data) else {
        return;
    };
    match server::identify(&parts, &body) {
        Ok(target) => {
            if let Err(error) = server::decode(&target, &parts, &body) {
                let (service, protocol) = (Some(target.service), Some(target.protocol));
                server::encode_error(
                    service,
                    protocol,
                    &error,
                    "request-1",
                    Some(parts.uri.path()),
                );
            }
        }
        Err(refused) => {
            let (service, protocol) = (refused.service, refused.protocol);
            server::encode_error(
                service,
                protocol,
                &refused.error,
                "request-1",
                Some(parts.uri.path()),
            );
        }
    }
});
