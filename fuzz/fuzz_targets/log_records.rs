//! Any bytes as a log, packed or not: read or told as skipped, and nothing is both.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_ingest::{Summary, read_source};

fuzz_target!(|data: &[u8]| {
    let mut events = 0_u64;
    let mut summary = Summary::default();
    read_source("log", data, &mut |_| events += 1, &mut summary);
    assert_eq!(events, summary.events, "{summary:?}");
});
