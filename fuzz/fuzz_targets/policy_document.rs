//! Any document, for any use: read or refused in the same way each time; and what was read can be asked everything.

#![no_main]

use libfuzzer_sys::fuzz_target;
use stockade_policy::{DocumentKind, Policy, spans};

const KINDS: [DocumentKind; 6] = [
    DocumentKind::Identity,
    DocumentKind::Managed,
    DocumentKind::Resource,
    DocumentKind::Trust,
    DocumentKind::Scp,
    DocumentKind::Rcp,
];

fuzz_target!(|data: &[u8]| {
    let Some((kind, text)) = data.split_first() else {
        return;
    };
    let kind = KINDS[usize::from(*kind) % KINDS.len()];
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let strict = Policy::parse_as(text, kind);
    let lenient = Policy::parse_leniently(text, kind);
    let Ok(policy) = strict else { return };
    assert!(
        lenient.is_ok(),
        "what is right is right to a lenient reader"
    );
    assert_eq!(spans(text).len(), policy.statements().len());
    let kept = serde_json::to_string(&policy).expect("a policy can be kept");
    let again: Policy = serde_json::from_str(&kept).expect("what was kept is read again");
    assert_eq!(policy, again);
    assert_eq!(policy.principals(), again.principals());
    let _ = (policy.context_keys(), policy.grants_admin());
    let _ = (
        policy.is_public("111122223333"),
        policy.foreign_accounts("111122223333"),
    );
});
