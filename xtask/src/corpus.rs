//! `cargo xtask corpus`: a pile of CloudTrail logs to measure with, as large as wanted, the same for the
//! same seed.
//!
//! Owns the company whose trail it is: who calls what, from where, how often. The attacks that are
//! planted are the examples of the project's own detections, so that each is known to be found.

mod chance;
mod company;
mod plant;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use clap::Args;

use chance::Chance;
use company::Company;
pub(crate) use plant::LIST;
use plant::Planted;

/// So much JSON comes to a day's trail of the company: some 145,000 events.
const DAY: u64 = 200_000_000;
/// 2026-01-01T00:00:00Z.
const START: u64 = 1_767_225_600;

/// What to make.
#[derive(Args)]
pub struct CorpusArgs {
    /// How much JSON, unpacked, as in 200M or 1G
    #[arg(long, default_value = "200M", value_parser = size)]
    size: u64,
    /// The folder for it; made, and refused if it holds anything
    #[arg(long)]
    out: PathBuf,
    /// The same seed makes the same corpus
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many attacks to plant
    #[arg(long, default_value_t = 60)]
    attacks: usize,
}

/// Why it could not be made.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    /// The folder holds something already.
    #[error("`{0}` is not empty: name a new folder")]
    NotEmpty(PathBuf),
    /// The disk.
    #[error("`{path}`: {source}")]
    Disk {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// There is nothing to plant.
    #[error("no example of a detection could be read under content/detections")]
    NoExamples,
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.strip_suffix(['G', 'g']) {
        Some(digits) => (digits, 1_000_000_000),
        None => match text.strip_suffix(['M', 'm']) {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    digits
        .parse::<u64>()
        .map(|number| number * unit)
        .map_err(|_| format!("`{text}` is not a size: write it like 200M or 1G"))
}

/// Makes the corpus.
pub fn run(arguments: &CorpusArgs) -> Result<(), CorpusError> {
    let disk = |path: &Path| {
        let path = path.to_owned();
        move |source| CorpusError::Disk { path, source }
    };
    fs::create_dir_all(&arguments.out).map_err(disk(&arguments.out))?;
    let mut held = fs::read_dir(&arguments.out).map_err(disk(&arguments.out))?;
    if held.next().is_some() {
        return Err(CorpusError::NotEmpty(arguments.out.clone()));
    }
    let company = Company::new(&mut Chance::new(arguments.seed));
    // Files as CloudTrail delivers them, of a few megabytes each.
    let files = usize::try_from(arguments.size.div_ceil(4_000_000))
        .unwrap_or(1)
        .max(1);
    let bytes = arguments.size / files as u64;
    let span = (arguments.size * 86_400 / DAY).max(3_600);
    let planted = plant::choose(arguments.seed, arguments.attacks, files)?;
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<CorpusError>> = Mutex::new(None);
    let events = AtomicUsize::new(0);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= files {
                return;
            }
            let (text, count) = file(
                &company,
                arguments.seed,
                (number, files),
                (bytes, span),
                &planted,
            );
            events.fetch_add(count, Ordering::Relaxed);
            let path = arguments.out.join(name(number, files, span));
            if let Err(source) = fs::write(&path, packed(text.as_bytes()))
                && let Ok(mut failed) = failed.lock()
            {
                *failed = Some(CorpusError::Disk { path, source });
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    if let Some(error) = failed.into_inner().ok().flatten() {
        return Err(error);
    }
    let path = arguments.out.join(LIST);
    fs::write(&path, plant::list(&planted)).map_err(disk(&path))?;
    println!(
        "{} events in {files} files, {} attacks planted ({})",
        events.load(Ordering::Relaxed),
        planted.len(),
        path.display()
    );
    Ok(())
}

fn name(number: usize, files: usize, span: u64) -> String {
    let time = shapes::time(START + span * number as u64 / files as u64);
    let stamp: String = time.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    format!("111122223333_CloudTrail_us-east-1_{stamp}_{number:06}.json.gz")
}

/// One file's text, and how many events are in it.
fn file(
    company: &Company,
    seed: u64,
    (number, files): (usize, usize),
    (bytes, span): (u64, u64),
    planted: &[Planted],
) -> (String, usize) {
    let mut chance = Chance::new(seed ^ ((number as u64 + 1) << 20));
    let from = START + span * number as u64 / files as u64;
    let width = (span / files as u64).max(60);
    let own: Vec<&Planted> = planted
        .iter()
        .filter(|plant| plant.file == number)
        .collect();
    let mut waiting: Vec<String> = own
        .iter()
        .flat_map(|plant| plant.events(from + width / 2))
        .collect();
    let mut text = String::with_capacity(usize::try_from(bytes).unwrap_or(0) + 8_192);
    text.push_str("{\"Records\":[");
    let mut count = 0usize;
    while (text.len() as u64) < bytes || !waiting.is_empty() {
        if count > 0 {
            text.push(',');
        }
        let share = (text.len() as u64).min(bytes) * width / bytes.max(1);
        if text.len() as u64 > bytes / 2
            && let Some(event) = waiting.pop()
        {
            text.push_str(&event);
        } else {
            company.event(&mut chance, from + share, &mut text);
        }
        count += 1;
    }
    text.push_str("]}");
    (text, count)
}

/// Gzip at the level that everybody uses.
fn packed(text: &[u8]) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::default();
    let mut packer = libdeflater::Compressor::new(level);
    let mut packed = vec![0; packer.gzip_compress_bound(text.len())];
    let size = packer.gzip_compress(text, &mut packed).unwrap_or(0);
    packed.truncate(size);
    packed
}
