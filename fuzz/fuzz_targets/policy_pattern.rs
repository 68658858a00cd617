//! Any pattern with any text: the engine's matching, which goes back to one place only, says what the plain way says.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::json;
use stockade_policy::{Context, Named, Policies, Policy, Principal, Request, decide};

/// Whether a text has the form of a pattern: row by row, over every split.
fn plainly(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut ends = vec![false; text.len() + 1];
    ends[0] = true;
    for symbol in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        if symbol == '*' {
            let mut reached = false;
            for (place, end) in ends.iter().enumerate() {
                reached |= end;
                next[place] = reached;
            }
        } else {
            for (place, character) in text.iter().enumerate() {
                next[place + 1] = ends[place] && (symbol == '?' || symbol == *character);
            }
        }
        ends = next;
    }
    ends[text.len()]
}

fn holds(policy: &Policy, action: &str, context: &Context) -> bool {
    let policies = [Named::new("policy", policy.clone())];
    let principal: Principal = "arn:aws:iam::111122223333:user/anna"
        .parse()
        .expect("an ARN");
    let request = Request {
        principal: &principal,
        action,
        resource: "*",
        resource_account: None,
        context,
    };
    let policies = Policies {
        identity: &policies,
        ..Policies::default()
    };
    decide(&request, &policies).is_allowed()
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let Some((pattern, text)) = text.split_once('\n') else {
        return;
    };
    // Long texts find nothing new, and the plain way is slow.
    if pattern.len() > 200 || text.len() > 200 {
        return;
    }
    // Without variables: the old version of the language has none.
    let like = |value: &str| {
        let document = json!({"Version": "2008-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"StringLike": {"test:key": value}}}});
        Policy::parse(&document.to_string()).expect("a right document")
    };
    let context = Context::new().with("test:key", text);
    let found = holds(&like(pattern), "s3:GetObject", &context);
    assert_eq!(found, plainly(pattern, text), "{pattern:?} {text:?}");

    // A variable stands for its value's characters, wildcards among them.
    let around = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*",
        "Condition": {"StringLike": {"test:key": "a${test:value}b"}}}});
    let around = Policy::parse(&around.to_string()).expect("a right document");
    let context = Context::new()
        .with("test:value", pattern)
        .with("test:key", format!("a{text}b"));
    assert_eq!(holds(&around, "s3:GetObject", &context), pattern == text);

    // Actions are compared without regard to case.
    let is_name = |text: &str| {
        text.bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?' | b'-'))
    };
    if is_name(pattern) && is_name(text) && !text.is_empty() {
        let document = json!({"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": format!("s3:{pattern}"), "Resource": "*"}});
        if let Ok(policy) = Policy::parse(&document.to_string()) {
            let found = holds(&policy, &format!("S3:{text}"), &Context::new());
            let plain = plainly(&pattern.to_ascii_lowercase(), &text.to_ascii_lowercase());
            assert_eq!(found, plain, "{pattern:?} {text:?}");
        }
    }
});
