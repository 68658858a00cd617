//! `stockade range`: starts a local AWS and says how to use it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::SignedDuration;
use rustix::process::{Resource, getrlimit, setrlimit};
use stockade_model::{AccountId, Secret};
use stockade_range::authn::Trust;
use stockade_range::profile;
use stockade_range::server::{Config, Range};
use stockade_range::tls::Certificates;

use crate::commands::waiting;
use crate::out::{self, Status};

/// Whose word the range takes for who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Auth {
    /// Everybody proves who they are, by a signature
    Enforce,
    /// No signature is checked: any key is root, and a key that the range made is its owner
    Open,
}

#[derive(Args)]
pub struct Arguments {
    /// Where to listen: an address of loopback and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// Let other machines in: --listen may then be any address
    #[arg(long)]
    exposed: bool,
    /// Whether callers must prove who they are
    #[arg(long, value_enum, default_value = "enforce")]
    auth: Auth,
    /// The administrator's access key; a random one is made without it
    #[arg(
        long,
        value_name = "ID:SECRET",
        env = "STOCKADE_ADMIN_KEY",
        hide_env_values = true,
        value_parser = hidden
    )]
    admin_key: Option<Secret>,
    /// Keep everything in this folder: what was acknowledged outlasts a crash, and the next start goes on with it
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The account that the range has at first, 123456789012 if none is named
    #[arg(long, value_name = "ID")]
    account: Option<AccountId>,
    /// Make the same ids and keys every time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How long a change in IAM takes to spread; AWS takes about 4s
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    iam_delay: SignedDuration,
    /// How often trails deliver to their buckets
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    trail_delay: SignedDuration,
    /// Speak HTTPS too, on the same port, by certificates of an authority that the range makes
    #[arg(long)]
    tls: bool,
    /// Speak HTTPS by this certificate, with those that lead to its authority; PEM
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The key of --tls-cert; PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
}

/// Takes anything: an error of the parser would show what was typed.
#[expect(
    clippy::unnecessary_wraps,
    reason = "the form that a parser of arguments has"
)]
fn hidden(text: &str) -> Result<Secret, String> {
    Ok(Secret::new(text))
}

fn key(text: &str) -> Result<(String, Secret), String> {
    let (id, secret) = text
        .split_once(':')
        .ok_or("give ID:SECRET, as in AKIAIOSFODNN7EXAMPLE:a-secret")?;
    let shaped = (16..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if !shaped || secret.is_empty() {
        return Err(
            "the id must be 16 to 128 letters and digits, and the secret must not be empty"
                .to_owned(),
        );
    }
    Ok((id.to_owned(), Secret::new(secret)))
}

/// A time that is not negative.
pub fn duration(text: &str) -> Result<SignedDuration, String> {
    match text.parse::<SignedDuration>() {
        Ok(duration) if !duration.is_negative() => Ok(duration),
        _ => Err("give a time such as 4s, 5m or 1h30m".to_owned()),
    }
}

pub fn run(arguments: Arguments) -> Status {
    let admin_key = match arguments
        .admin_key
        .map(|text| key(text.expose()))
        .transpose()
    {
        Ok(admin_key) => admin_key,
        Err(why) => return out::fail(&format!("--admin-key: {why}")),
    };
    let tls = match (arguments.tls_cert, arguments.tls_key) {
        (Some(certificate), Some(key)) => Some(Certificates::Files { certificate, key }),
        _ => arguments.tls.then_some(Certificates::Own),
    };
    // Clients read what is in it wherever they are called.
    let data = match arguments.data.map(std::path::absolute).transpose() {
        Ok(data) => data,
        Err(error) => return out::fail(&format!("--data: {error}")),
    };
    waiting(serve(Config {
        listen: arguments.listen,
        data,
        account: arguments.account,
        admin_key,
        seed: arguments.seed,
        iam_delay: arguments.iam_delay,
        trail_delay: arguments.trail_delay,
        trust: match arguments.auth {
            Auth::Enforce => Trust::Signatures,
            Auth::Open => Trust::Anybody,
        },
        exposed: arguments.exposed,
        tls,
        ..Config::default()
    }))
}

/// Lets this process have as many connections open as the system lets it have: the usual limit is meant for programs with files.
fn allow_many_connections() {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::debug!(%error, "the limit of open files stays as it is");
        }
    }
}

async fn serve(config: Config) -> Status {
    allow_many_connections();
    let stopped = match stop_signal() {
        Ok(stopped) => stopped,
        Err(error) => return out::fail(&format!("cannot listen for signals: {error}")),
    };
    let told = Told {
        trust: config.trust,
        data: config.data.clone(),
        key_given: config.admin_key.is_some(),
    };
    let range = match Range::start(config).await {
        Ok(range) => range,
        Err(error) => return out::fail(&error),
    };
    out::print(&welcome(&range, &told));
    if !range.address().ip().is_loopback() {
        out::note(&format!(
            "stockade: other machines can reach {}, and the keys and data that go there; control calls are for this machine alone",
            range.address()
        ));
    }
    stopped.await;
    range.stop().await;
    Status::Fine
}

/// What the user told, as far as it counts for what they are shown.
struct Told {
    trust: Trust,
    data: Option<PathBuf>,
    key_given: bool,
}

/// What a user reads first: where the range is, and lines to paste for AWS clients.
fn welcome(range: &Range, told: &Told) -> String {
    let plain = range.endpoint();
    let secured = range.tls_endpoint();
    let endpoint = secured.as_ref().unwrap_or(&plain);
    let mut text = format!("The range listens on {plain}");
    if let Some(secured) = &secured {
        text.push_str(&format!(" and {secured}"));
    }
    text.push_str(". Paste this where you call AWS from:\n\n");
    let mut lines = vec![format!("AWS_ENDPOINT_URL={endpoint}")];
    if let Some(authority) = range.authority() {
        lines.push(format!("AWS_CA_BUNDLE={}", quoted(authority)));
    }
    let (id, secret) = range.administrator();
    let after = match (told.trust, told.key_given) {
        (Trust::Anybody, _) => {
            lines.push("AWS_ACCESS_KEY_ID=test".to_owned());
            lines.push("AWS_SECRET_ACCESS_KEY=test".to_owned());
            format!(
                "No signature is checked: any key is the root of {account}, the id of an account as the key is that account's root,\n\
                 and a key that was made here is its owner.",
                account = range.account()
            )
        }
        (Trust::Signatures, true) => {
            lines.push(format!("AWS_ACCESS_KEY_ID={id}"));
            "AWS_SECRET_ACCESS_KEY is the administrator's secret, which you gave.".to_owned()
        }
        (Trust::Signatures, false) => match range.profile() {
            Some(files) if range.was_there() => {
                lines.extend(by_profile(files));
                "It goes on where it was. The administrator's key is in the profile of the data folder."
                    .to_owned()
            }
            profile => {
                lines.push(format!("AWS_ACCESS_KEY_ID={id}"));
                lines.push(format!("AWS_SECRET_ACCESS_KEY={}", secret.expose()));
                let profile = match profile {
                    Some(files) => as_exports(&by_profile(files)),
                    None => profile_to_make(range, endpoint),
                };
                format!(
                    "It is the administrator's key of this range, and shown this once. As a profile (aws --profile {name}):\n\n{profile}",
                    name = profile::NAME,
                )
            }
        },
    };
    lines.push("AWS_DEFAULT_REGION=us-east-1".to_owned());
    text.push_str(&as_exports(&lines));
    let kept = match &told.data {
        Some(folder) => format!("what it knows is kept in {}", folder.display()),
        None => "all of it is in memory".to_owned(),
    };
    text.push_str(&format!(
        "\n{}\n\nCtrl-C stops the range; {kept}.\n",
        after.trim_end()
    ));
    text
}

fn as_exports(lines: &[String]) -> String {
    lines
        .iter()
        .map(|line| format!("export {line}\n"))
        .collect()
}

/// The settings with which AWS clients use the profile of the data folder.
fn by_profile(files: &profile::Files) -> Vec<String> {
    vec![
        format!("AWS_CONFIG_FILE={}", quoted(&files.config)),
        format!("AWS_SHARED_CREDENTIALS_FILE={}", quoted(&files.credentials)),
        format!("AWS_PROFILE={}", profile::NAME),
    ]
}

/// The lines that make a profile of the user's own.
fn profile_to_make(range: &Range, endpoint: &str) -> String {
    let (id, secret) = range.administrator();
    let authority = range.authority().map(quoted);
    let settings = [
        ("endpoint_url", Some(endpoint.to_owned())),
        ("ca_bundle", authority),
        ("region", Some("us-east-1".to_owned())),
        ("aws_access_key_id", Some(id.to_owned())),
        ("aws_secret_access_key", Some(secret.expose().to_owned())),
    ];
    let settings = settings.into_iter();
    settings
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| {
            format!(
                "aws configure set profile.{}.{name} {value}\n",
                profile::NAME
            )
        })
        .collect()
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Becomes ready at Ctrl-C or a termination signal. It listens from the moment it is made: what comes
/// before it is waited for is not lost.
fn stop_signal() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
