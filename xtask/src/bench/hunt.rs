//! `cargo xtask bench hunt`: a hunt against `zcat | wc -c` over the same files, in one run.
//!
//! Owns the measuring: processor time of a child and its threads, wall time, peak memory, from `/proc`. A
//! figure means something only beside the peer's of the same run.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::Value;

use super::BenchError;
use crate::corpus;

/// How to measure it.
#[derive(Args)]
pub struct HuntArgs {
    /// A folder that `cargo xtask corpus` made
    #[arg(long)]
    corpus: PathBuf,
    /// The program to measure; built as it is released without it
    #[arg(long)]
    binary: Option<PathBuf>,
    /// So many runs of each; the best counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
}

/// Measures.
pub fn run(arguments: &HuntArgs) -> Result<(), BenchError> {
    let binary = match &arguments.binary {
        Some(binary) => binary.clone(),
        None => built()?,
    };
    let corpus = arguments.corpus.display().to_string();
    let binary_name = binary.display().to_string();
    let hunt = |more: &[&str]| -> Vec<String> {
        [
            &[binary_name.as_str(), "hunt", "--format", "json", &corpus],
            more,
        ]
        .concat()
        .iter()
        .map(|&word| word.to_owned())
        .collect()
    };
    let zcat: Vec<String> = [
        "sh",
        "-c",
        "find \"$0\" -name '*.gz' -print0 | xargs -0 zcat | wc -c",
        &corpus,
    ]
    .map(str::to_owned)
    .to_vec();
    let peer = best(&zcat, arguments.runs)?;
    let bytes: f64 = peer.output.trim().parse().unwrap_or(0.0);
    println!(
        "{:<34} {:>9} {:>9} {:>12} {:>9} {:>9}",
        "", "cpu s", "wall s", "events/s", "MB/s", "peak MB"
    );
    let line = |what: &str, run: &Measured, events: f64| {
        let rate = if events > 0.0 {
            format!("{:.0}", events / run.wall.as_secs_f64())
        } else {
            String::new()
        };
        println!(
            "{what:<34} {:>9.2} {:>9.2} {rate:>12} {:>9.0} {:>9.0}",
            run.cpu,
            run.wall.as_secs_f64(),
            bytes / 1e6 / run.wall.as_secs_f64(),
            run.peak as f64 / 1e3,
        );
    };
    line("zcat | wc -c", &peer, 0.0);

    let all = best(&hunt(&[]), arguments.runs)?;
    let document: Value = serde_json::from_str(&all.output).unwrap_or_default();
    let events = at(&document, "/summary/events").as_f64().unwrap_or(0.0);
    line("hunt", &all, events);
    line(
        "hunt, one worker",
        &best(&hunt(&["--workers", "1"]), arguments.runs)?,
        events,
    );

    let rules = std::env::temp_dir().join(format!("stockade-bench-{}", std::process::id()));
    let copies = tenfold(&rules);
    let many = copies.and_then(|()| {
        best(
            &hunt(&["--rules", &rules.display().to_string()]),
            arguments.runs,
        )
    });
    let _ = fs::remove_dir_all(&rules);
    let many = many?;
    line("hunt, ten times the rules", &many, events);

    println!();
    println!(
        "hunt against zcat, processor time:    {:.2} (aim: 0.50)",
        all.cpu / peer.cpu
    );
    println!(
        "ten times the rules, processor time:  {:.2} times (aim: under 1.5)",
        many.cpu / all.cpu
    );
    let (found, planted) = planted(&arguments.corpus, &document)?;
    println!("planted attacks that were found:      {found} of {planted}");
    println!(
        "findings:                             {}",
        at(&document, "/summary/findings")
    );
    Ok(())
}

/// A value in a document; null where there is none.
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or(&Value::Null)
}

/// The program as it is released.
fn built() -> Result<PathBuf, BenchError> {
    let program = "cargo build --release".to_owned();
    let output = Command::new(env!("CARGO"))
        .args([
            "build",
            "--release",
            "--package",
            "stockade",
            "--message-format",
            "json",
        ])
        .current_dir(crate::root())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|source| BenchError::Run {
            program: program.clone(),
            source,
        })?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter_map(|message| at(&message, "/executable").as_str().map(PathBuf::from))
        .next_back()
        .ok_or(BenchError::Failed(program))
}

/// What a run took.
struct Measured {
    /// Seconds of processor time, of all threads and children.
    cpu: f64,
    wall: Duration,
    /// Kilobytes.
    peak: u64,
    output: String,
}

/// The run with the least processor time.
fn best(command: &[String], runs: usize) -> Result<Measured, BenchError> {
    let mut best: Option<Measured> = None;
    for _ in 0..runs.max(1) {
        let run = measured(command)?;
        if best.as_ref().is_none_or(|best| run.cpu < best.cpu) {
            best = Some(run);
        }
    }
    best.ok_or_else(|| BenchError::Failed(command.join(" ")))
}

fn measured(command: &[String]) -> Result<Measured, BenchError> {
    let failed = |source| BenchError::Run {
        program: command.join(" "),
        source,
    };
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| BenchError::Failed("an empty command".to_owned()))?;
    let file = std::env::temp_dir().join(format!("stockade-bench-{}.out", std::process::id()));
    let disk = |source| BenchError::File {
        path: file.clone(),
        source,
    };
    let output = fs::File::create(&file).map_err(disk)?;
    let before = children();
    let start = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(output)
        .stderr(Stdio::null())
        .spawn()
        .map_err(failed)?;
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        peak = peak.max(memory(child.id()));
        std::thread::sleep(Duration::from_millis(5));
    };
    let wall = start.elapsed();
    let text = fs::read_to_string(&file).map_err(disk)?;
    let _ = fs::remove_file(&file);
    // A hunt that found something ends with 1.
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(BenchError::Failed(format!(
            "{} ({status})",
            command.join(" ")
        )));
    }
    Ok(Measured {
        cpu: children() - before,
        wall,
        peak,
        output: text,
    })
}

/// Seconds of processor time of the children that ended, from `/proc/self/stat`, in hundredths.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let after = stat.rsplit(") ").next().unwrap_or_default();
    // Fields 16 and 17 of the whole, of which two and the state's place are cut off.
    after
        .split(' ')
        .skip(13)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok())
        .sum::<f64>()
        / 100.0
}

/// The most memory that a process held so far, in kilobytes.
fn memory(process: u32) -> u64 {
    fs::read_to_string(format!("/proc/{process}/status"))
        .unwrap_or_default()
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

/// Nine more of every rule of the project, each with an id and a last condition of its own.
fn tenfold(folder: &Path) -> Result<(), BenchError> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |source| BenchError::File { path, source }
    };
    fs::create_dir_all(folder).map_err(disk(folder))?;
    let root = crate::root().join("content/detections");
    let mut number = 0u32;
    for tactic in fs::read_dir(&root).map_err(disk(&root))?.flatten() {
        for rule in fs::read_dir(tactic.path()).into_iter().flatten().flatten() {
            let path = rule.path().join("rule.yml");
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            // A rule that others refer to by its name cannot be there twice.
            if text.contains("\ncorrelation:") || text.contains("\n---") {
                continue;
            }
            for copy in 1..10 {
                number += 1;
                let path = folder.join(format!("{number}.yml"));
                fs::write(&path, varied(&text, number, copy)).map_err(disk(&path))?;
            }
        }
    }
    Ok(())
}

fn varied(text: &str, number: u32, copy: u32) -> String {
    let mut varied = String::new();
    for line in text.lines() {
        if line.starts_with("id: ") {
            let _ = writeln!(varied, "id: 00000000-0000-4000-8000-{number:012}");
        } else if line.starts_with("name: ") {
            let _ = writeln!(varied, "name: copy_{number}");
        } else if line == "detection:" {
            let _ = writeln!(
                varied,
                "detection:\n  another_{copy}:\n    userAgent|contains: agent-{copy}-of-nobody"
            );
        } else if let Some(condition) = line.strip_prefix("  condition: ")
            && !condition.starts_with(['>', '|'])
        {
            let _ = writeln!(varied, "  condition: ({condition}) and not another_{copy}");
        } else {
            let _ = writeln!(varied, "{line}");
        }
    }
    varied
}

/// How many of the planted attacks were found, by the detection that must tell of each.
fn planted(corpus: &Path, document: &Value) -> Result<(usize, usize), BenchError> {
    let path = corpus.join(corpus::LIST);
    let list: Value = fs::read_to_string(&path)
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .ok_or_else(|| BenchError::NoList(corpus.to_owned()))?;
    let mut found = BTreeSet::new();
    for finding in at(document, "/findings").as_array().into_iter().flatten() {
        for proof in at(finding, "/proof").as_array().into_iter().flatten() {
            if let (Some(detection), Some(id)) = (
                at(finding, "/detection").as_str(),
                at(proof, "/id").as_str(),
            ) {
                found.insert((detection.to_owned(), id.to_owned()));
            }
        }
    }
    let wanted: Vec<(String, String)> = list
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|plant| {
            Some((
                at(plant, "/detection").as_str()?.to_owned(),
                at(plant, "/event").as_str()?.to_owned(),
            ))
        })
        .collect();
    let met = wanted.iter().filter(|plant| found.contains(plant)).count();
    Ok((met, wanted.len()))
}
