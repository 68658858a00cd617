//! `credential_process`: a program of the user's that prints credentials as JSON.
//!
//! Owns its protocol. What it prints is never shown, for it holds a secret.

use std::process::{Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use stockade_model::Secret;
use stockade_wire::sigv4::Credentials;

use super::CredentialsError;

/// How long it may take: it may ask somebody for a touch or a code.
const PATIENCE: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Printed {
    version: u32,
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
}

pub(super) async fn run(profile: &str, command: &str) -> Result<Credentials, CredentialsError> {
    let failed = |detail: String| CredentialsError::Process {
        profile: profile.to_owned(),
        detail,
    };
    let words =
        words(command).ok_or_else(|| failed("has a quote that is not closed".to_owned()))?;
    let mut words = words.into_iter();
    let program = words.next().ok_or_else(|| failed("is empty".to_owned()))?;
    let mut command = Command::new(&program);
    command
        .args(words)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit());
    let running = tokio::task::spawn_blocking(move || command.output());
    let output = tokio::time::timeout(PATIENCE, running)
        .await
        .map_err(|_| failed(format!("did not end in {} s", PATIENCE.as_secs())))?
        .map_err(|_| failed("could not be run".to_owned()))?
        .map_err(|error| failed(format!("could not be run: {program}: {error}")))?;
    if !output.status.success() {
        return Err(failed(format!("failed: {}", output.status)));
    }
    let printed: Printed = serde_json::from_slice(&output.stdout).map_err(|_| {
        failed("did not print JSON with Version, AccessKeyId and SecretAccessKey".to_owned())
    })?;
    if printed.version != 1 {
        return Err(failed(format!(
            "printed version {}, not 1",
            printed.version
        )));
    }
    Ok(Credentials {
        access_key: printed.access_key_id,
        secret: Secret::new(printed.secret_access_key),
        session_token: printed
            .session_token
            .filter(|token| !token.is_empty())
            .map(Secret::new),
    })
}

/// Splits a command as a shell would, with single and double quotes and backslashes, and nothing more.
fn words(command: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    let mut characters = command.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().push(characters.next()?),
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_a_shell_splits_them() {
        assert_eq!(
            words(r#"/a/b "c d" 'e "f"' g\ h "i\"j" """#).unwrap(),
            ["/a/b", "c d", "e \"f\"", "g h", "i\"j", ""]
        );
        assert_eq!(words("a 'b"), None);
        assert_eq!(words("  ").unwrap(), Vec::<String>::new());
    }

    #[tokio::test]
    async fn takes_what_is_printed_and_shows_nothing_of_it() {
        let good = r#"sh -c 'echo "{\"Version\":1,\"AccessKeyId\":\"AKIA1\",\"SecretAccessKey\":\"s3cr3t\"}"'"#;
        let credentials = run("p", good).await.unwrap();
        assert_eq!(
            (credentials.access_key.as_str(), credentials.secret.expose()),
            ("AKIA1", "s3cr3t")
        );
        for (command, expected) in [
            ("sh -c 'exit 3'", "failed"),
            ("sh -c 'echo s3cr3t'", "did not print JSON"),
            ("/no/such/program", "could not be run"),
            ("", "is empty"),
        ] {
            let error = run("p", command).await.unwrap_err().to_string();
            assert!(
                error.contains(expected) && !error.contains("s3cr3t"),
                "{error}"
            );
        }
    }
}
