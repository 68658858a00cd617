//! The range beside the moto server: the same client, the same requests, one run.
//!
//! The range authenticates, authorises and records every one of these calls; moto does none of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::json;

use super::BenchError;
use super::client::{self, Load, Order, Samples};
use super::peers::{self, Kind, Peer};

/// How many users there are when they are listed.
const USERS: usize = 100;
/// How many users are made before the server is emptied: an account may have 5,000, and moto gets slower with each.
const ROUND: usize = 4_000;
/// What is sent before the measuring begins.
const WARM_UP: Duration = Duration::from_millis(500);

/// How to measure.
#[derive(clap::Args)]
pub struct RangeArgs {
    /// Only these operations
    #[arg(long, value_enum, value_name = "OPERATION")]
    only: Vec<Operation>,
    /// How long each operation is measured on each server
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
    /// How many connections are open at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=1024))]
    connections: u16,
    /// The range alone, without a peer: then figures of different runs must not be compared
    #[arg(long)]
    alone: bool,
    /// This binary of the program, in place of a release build made now
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Operation {
    GetCallerIdentity,
    ListUsers,
    CreateUser,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::GetCallerIdentity => "GetCallerIdentity",
            Self::ListUsers => "ListUsers, 100 users",
            Self::CreateUser => "CreateUser",
        }
    }
}

/// Measures, and prints the table.
pub fn run(arguments: &RangeArgs) -> Result<(), BenchError> {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => peers::build_stockade()?,
    };
    let mut kinds = vec![(Kind::Stockade(binary), "stockade range".to_owned())];
    if !arguments.alone {
        let (folder, version) = peers::install_moto()?;
        kinds.push((Kind::Moto(folder), format!("moto {version}")));
    }
    let mut columns = Vec::new();
    for (kind, name) in kinds {
        eprintln!("starting {name}");
        columns.push(Column::new(Peer::start(kind, &name)?));
    }
    // What a server does after its start is not held against it.
    std::thread::sleep(Duration::from_secs(1));
    for column in &mut columns {
        column.idle = column.peer.memory();
    }
    let all = Operation::value_variants();
    let chosen = all
        .iter()
        .filter(|operation| arguments.only.is_empty() || arguments.only.contains(operation));
    for operation in chosen {
        for column in &mut columns {
            eprintln!("measuring {} on {}", operation.name(), column.peer.name);
            let samples = measure(&column.peer, *operation, arguments)?;
            column.results.push((*operation, samples));
        }
    }
    for column in &mut columns {
        column.after = column.peer.memory();
    }
    print(&columns);
    Ok(())
}

/// All that is known of one server.
struct Column {
    peer: Peer,
    idle: Option<u64>,
    after: Option<u64>,
    results: Vec<(Operation, Samples)>,
}

impl Column {
    fn new(peer: Peer) -> Self {
        Self {
            peer,
            idle: None,
            after: None,
            results: Vec::new(),
        }
    }

    fn of(&self, operation: Operation) -> Option<&Samples> {
        let found = self
            .results
            .iter()
            .find(|(measured, _)| *measured == operation);
        found.map(|(_, samples)| samples)
    }
}

fn measure(
    peer: &Peer,
    operation: Operation,
    arguments: &RangeArgs,
) -> Result<Samples, BenchError> {
    let time = Duration::from_secs(arguments.seconds);
    let connections = usize::from(arguments.connections);
    let send = |requests: &[Vec<u8>], order, time| {
        let load = Load {
            operation: operation.name(),
            requests,
            order,
            connections,
            time,
        };
        let before = peer.processor_time().unwrap_or_default();
        let mut samples = client::send(peer.address, &load)?;
        samples.server = peer
            .processor_time()
            .unwrap_or_default()
            .saturating_sub(before);
        Ok::<_, BenchError>(samples)
    };
    peer.reset()?;
    match operation {
        Operation::GetCallerIdentity => {
            let request = [peer.request("sts", "GetCallerIdentity", &json!({}))?];
            send(&request, Order::Repeat, WARM_UP)?;
            send(&request, Order::Repeat, time)
        }
        Operation::ListUsers => {
            let missing = USERS.saturating_sub(peer.users_at_first());
            send(&new_users(peer, missing, 0)?, Order::Once, Duration::MAX)?;
            let request = [peer.request("iam", "ListUsers", &json!({}))?];
            let [only] = &request;
            let answer = client::ask(peer.address, operation.name(), only)?;
            let listed = String::from_utf8_lossy(&answer)
                .matches("<UserName>")
                .count();
            if listed != USERS {
                return Err(BenchError::Answer(format!(
                    "{listed} users are listed, not {USERS}"
                )));
            }
            send(&request, Order::Repeat, WARM_UP)?;
            send(&request, Order::Repeat, time)
        }
        Operation::CreateUser => {
            let mut samples = Samples::default();
            let mut round = 0;
            while samples.elapsed < time {
                let requests = new_users(peer, ROUND, round)?;
                samples.add(send(
                    &requests,
                    Order::Once,
                    time.saturating_sub(samples.elapsed),
                )?);
                peer.reset()?;
                round += 1;
            }
            Ok(samples)
        }
    }
}

fn new_users(peer: &Peer, count: usize, round: usize) -> Result<Vec<Vec<u8>>, BenchError> {
    let request = |number: usize| {
        let name = json!({ "UserName": format!("user-{round}-{number}") });
        peer.request("iam", "CreateUser", &name)
    };
    (0..count).map(request).collect()
}

fn print(columns: &[Column]) {
    let names: Vec<&str> = columns
        .iter()
        .map(|column| column.peer.name.as_str())
        .collect();
    let mut rows = Vec::new();
    for operation in Operation::value_variants() {
        let measured: Option<Vec<&Samples>> =
            columns.iter().map(|column| column.of(*operation)).collect();
        let Some(measured) = measured else { continue };
        let row = |what: &str,
                   value: &dyn Fn(&Samples) -> f64,
                   shown: &dyn Fn(f64) -> String,
                   more_is_better| {
            Row::new(
                format!("{}, {what}", operation.name()),
                measured
                    .iter()
                    .map(|samples| Some(value(samples)))
                    .collect(),
                shown,
                more_is_better,
            )
        };
        rows.push(row("requests/s", &Samples::rate, &whole, true));
        rows.push(row(
            "processor time",
            &|samples| samples.cost().as_secs_f64(),
            &micros,
            false,
        ));
        rows.push(row(
            "p50",
            &|samples| samples.below(500).as_secs_f64(),
            &millis,
            false,
        ));
        rows.push(row(
            "p99",
            &|samples| samples.below(990).as_secs_f64(),
            &millis,
            false,
        ));
    }
    let of_each = |value: &dyn Fn(&Column) -> Option<f64>| columns.iter().map(value).collect();
    let first = of_each(&|column| Some(column.peer.first_answer.as_secs_f64()));
    rows.push(Row::new("first answer".to_owned(), first, &millis, false));
    let idle = of_each(&|column| column.idle.map(|bytes| bytes as f64));
    rows.push(Row::new("memory, idle".to_owned(), idle, &mebibytes, false));
    let after = of_each(&|column| column.after.map(|bytes| bytes as f64));
    rows.push(Row::new(
        "memory, afterwards".to_owned(),
        after,
        &mebibytes,
        false,
    ));
    let ratio = if columns.len() > 1 {
        " times better |"
    } else {
        ""
    };
    println!("| | {} |{ratio}", names.join(" | "));
    println!(
        "|---|{}",
        "---:|".repeat(columns.len() + usize::from(columns.len() > 1))
    );
    for row in rows {
        println!("{}", row.text(columns.len() > 1));
    }
}

/// A line of the table.
struct Row {
    what: String,
    shown: Vec<String>,
    ratio: Option<f64>,
}

impl Row {
    fn new(
        what: String,
        values: Vec<Option<f64>>,
        shown: &dyn Fn(f64) -> String,
        more_is_better: bool,
    ) -> Self {
        let ratio = match values.as_slice() {
            [Some(ours), Some(theirs)] if *ours > 0.0 && *theirs > 0.0 => Some(if more_is_better {
                ours / theirs
            } else {
                theirs / ours
            }),
            _ => None,
        };
        let shown = values
            .into_iter()
            .map(|value| value.map_or_else(|| "?".to_owned(), shown))
            .collect();
        Self { what, shown, ratio }
    }

    fn text(&self, compared: bool) -> String {
        let mut text = format!("| {} | {} |", self.what, self.shown.join(" | "));
        if compared {
            let ratio = self
                .ratio
                .map_or_else(|| "?".to_owned(), |ratio| format!("{ratio:.1}"));
            text.push_str(&format!(" {ratio} |"));
        }
        text
    }
}

fn whole(value: f64) -> String {
    format!("{value:.0}")
}

fn micros(seconds: f64) -> String {
    format!("{:.0} µs", seconds * 1_000_000.0)
}

fn millis(seconds: f64) -> String {
    format!("{:.2} ms", seconds * 1_000.0)
}

fn mebibytes(bytes: f64) -> String {
    format!("{:.1} MiB", bytes / 1024.0 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_says_how_much_better_the_range_is() {
        let row = |values: [f64; 2], more_is_better| {
            Row::new(
                "x".to_owned(),
                values.map(Some).to_vec(),
                &whole,
                more_is_better,
            )
            .text(true)
        };
        assert_eq!(row([500.0, 100.0], true), "| x | 500 | 100 | 5.0 |");
        assert_eq!(row([100.0, 500.0], false), "| x | 100 | 500 | 5.0 |");
        assert_eq!(row([0.0, 500.0], false), "| x | 0 | 500 | ? |");
    }
}
