//! Secrets never reach the store: they are taken out of everything that is written there.

use serde_json::Value;

/// What stands in a secret's place.
const HIDDEN: &str = "(hidden)";

/// Members that hold a secret in some answer or record of AWS.
const SECRETS: [&str; 14] = [
    "secretaccesskey",
    "sessiontoken",
    "password",
    "oldpassword",
    "newpassword",
    "servicepassword",
    "servicecredentialsecret",
    "privatekey",
    "secretstring",
    "secretbinary",
    "base32stringseed",
    "qrcodepng",
    "plaintext",
    "authenticationcode",
];

/// The value with every secret hidden.
pub fn scrub(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| {
                let lower = name.to_ascii_lowercase();
                // A flag says that there is a password, not which.
                let empty = member.is_null() || member.is_boolean();
                let secret = SECRETS.contains(&lower.as_str()) && !empty;
                let member = if secret {
                    Value::from(HIDDEN)
                } else {
                    scrub(member)
                };
                (name.clone(), member)
            })
            .collect(),
        Value::Array(items) => items.iter().map(scrub).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn hides_secrets_at_any_depth_and_leaves_the_rest() {
        let answer = json!({"AccessKey": {"AccessKeyId": "AKIA1", "SecretAccessKey": "wJalr"},
            "items": [{"credentials": {"sessionToken": "FwoG", "accessKeyId": "ASIA1"}}],
            "password": true});
        assert_eq!(
            scrub(&answer),
            json!({"AccessKey": {"AccessKeyId": "AKIA1", "SecretAccessKey": "(hidden)"},
                "items": [{"credentials": {"sessionToken": "(hidden)", "accessKeyId": "ASIA1"}}],
                "password": true})
        );
    }
}
