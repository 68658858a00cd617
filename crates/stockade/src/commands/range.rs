//! `stockade range`: starts a local AWS and says how to use it.

use std::net::SocketAddr;

use clap::Args;
use jiff::SignedDuration;
use stockade_model::{AccountId, Secret};
use stockade_range::server::{Config, Range};

use crate::commands::waiting;
use crate::out::{self, Status};

#[derive(Args)]
pub struct Arguments {
    /// Where to listen: an address of loopback and a port; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4566")]
    listen: SocketAddr,
    /// The administrator's access key; a random one is made without it
    #[arg(long, value_name = "ID:SECRET", value_parser = hidden)]
    admin_key: Option<Secret>,
    /// The account that the range has at first
    #[arg(long, value_name = "ID", default_value = "123456789012")]
    account: AccountId,
    /// Make the same ids and keys every time
    #[arg(long, value_name = "NUMBER")]
    seed: Option<u64>,
    /// How long a change in IAM takes to spread; AWS takes about 4s
    #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = duration)]
    iam_delay: SignedDuration,
    /// How often trails deliver to their buckets
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration)]
    trail_delay: SignedDuration,
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
    if !arguments.listen.ip().is_loopback() {
        return out::fail(&format!(
            "{} is not on loopback: the range is for this machine alone; use 127.0.0.1",
            arguments.listen
        ));
    }
    let admin_key = match arguments
        .admin_key
        .map(|text| key(text.expose()))
        .transpose()
    {
        Ok(admin_key) => admin_key,
        Err(why) => return out::fail(&format!("--admin-key: {why}")),
    };
    waiting(serve(Config {
        listen: arguments.listen,
        account: arguments.account,
        admin_key,
        seed: arguments.seed,
        iam_delay: arguments.iam_delay,
        trail_delay: arguments.trail_delay,
        ..Config::default()
    }))
}

async fn serve(config: Config) -> Status {
    let stopped = match stop_signal() {
        Ok(stopped) => stopped,
        Err(error) => return out::fail(&format!("cannot listen for signals: {error}")),
    };
    let range = match Range::start(config).await {
        Ok(range) => range,
        Err(error) => return out::fail(&error),
    };
    let (id, secret) = range.administrator();
    out::print(&format!(
        "The range listens on {endpoint}. Paste this where you call AWS from:\n\n\
         export AWS_ENDPOINT_URL={endpoint}\n\
         export AWS_ACCESS_KEY_ID={id}\n\
         export AWS_SECRET_ACCESS_KEY={secret}\n\
         export AWS_DEFAULT_REGION=us-east-1\n\n\
         It is the administrator's key of this range, and shown this once. Ctrl-C stops the range; all of it is in memory.\n",
        endpoint = range.endpoint(),
        secret = secret.expose(),
    ));
    stopped.await;
    range.stop().await;
    Status::Fine
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
