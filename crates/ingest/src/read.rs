//! Reading all that was named, over the cores that there are.
//!
//! Owns the workers. Which of them reads a file is left to chance; what is handed on says where it
//! was read, so that who takes records can put them in order.

use std::io::Read;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use stockade_model::{Event, LogKind};

use crate::IngestError;
use crate::record::{Record, Sink};
use crate::source::Reader;
use crate::summary::{Position, Summary};
use crate::walk::{self, Input};

/// How to read.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// The kind that every file is of; told by content where it is not given.
    pub kind: Option<LogKind>,
    /// How many workers; as many as there are cores where it is not given.
    pub workers: Option<NonZeroUsize>,
}

/// How far reading is, for whoever watches.
#[derive(Debug, Default)]
pub struct Progress {
    /// Bytes of the files that were opened so far, as they lie on disk.
    pub bytes: AtomicU64,
    /// Events so far, counted when a file is done.
    pub events: AtomicU64,
}

/// Reads every log under the paths. Each worker hands its records to a sink of its own, that `make`
/// makes; a folder is read with all that is under it; `-` is standard input. Answers the sinks.
///
/// Plain, gzip and zstd are told by their content, and so is the kind of log.
pub fn read<S: Sink + Send>(
    paths: &[PathBuf],
    options: Options,
    progress: &Progress,
    make: impl Fn() -> S + Sync,
) -> Result<(Vec<S>, Summary), IngestError> {
    if paths.is_empty() {
        return Err(IngestError::NoPaths);
    }
    let mut summary = Summary::default();
    let inputs = walk::inputs(paths, &mut summary)?;
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let workers = options.workers.unwrap_or(cores).get();
    let workers = workers.min(inputs.len()).max(1);
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<(usize, Summary)>> = Mutex::default();
    let work = || {
        let mut sink = make();
        let mut reader = Reader::of(options.kind);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = inputs.get(number) else {
                return sink;
            };
            let mut own = Summary::default();
            one(input, &mut reader, progress, &mut sink, &mut own);
            progress.events.fetch_add(own.events, Ordering::Relaxed);
            if let Ok(mut done) = done.lock() {
                done.push((number, own));
            }
        }
    };
    let sinks = if workers == 1 {
        vec![work()]
    } else {
        std::thread::scope(|scope| {
            let handles: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            handles
                .into_iter()
                .map(|handle| match handle.join() {
                    Ok(sink) => sink,
                    Err(panic) => std::panic::resume_unwind(panic),
                })
                .collect()
        })
    };
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_by_key(|(number, _)| *number);
    for (_, own) in done {
        summary.add(own);
    }
    if summary.events == 0 {
        return Err(IngestError::NoEvents(Box::new(summary)));
    }
    Ok((sinks, summary))
}

fn one(
    input: &Input,
    reader: &mut Reader,
    progress: &Progress,
    sink: &mut dyn Sink,
    summary: &mut Summary,
) {
    match input {
        Input::Stdin => {
            let watched = Watched {
                inner: std::io::stdin().lock(),
                bytes: &progress.bytes,
            };
            reader.stream("-", watched, sink, summary);
        }
        Input::File(path) => {
            let name = path.display().to_string();
            match std::fs::File::open(path) {
                Ok(file) => {
                    reader.file(&name, file, sink, summary);
                    progress.bytes.fetch_add(summary.bytes, Ordering::Relaxed);
                }
                Err(error) => {
                    summary.files += 1;
                    summary.skip(&name, Position::Whole, format!("cannot be opened: {error}"));
                }
            }
        }
    }
}

struct Watched<'a, R> {
    inner: R,
    bytes: &'a AtomicU64,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// Reads every log under the paths, one after another in the order of their names, and hands each
/// event to `sink` with its tree.
pub fn read_paths(paths: &[PathBuf], sink: &mut dyn FnMut(Event)) -> Result<Summary, IngestError> {
    if paths.is_empty() {
        return Err(IngestError::NoPaths);
    }
    let mut summary = Summary::default();
    let mut take = |record: &Record<'_>| {
        sink(record.event()?);
        Ok(())
    };
    let progress = Progress::default();
    let mut reader = Reader::default();
    for input in walk::inputs(paths, &mut summary)? {
        one(&input, &mut reader, &progress, &mut take, &mut summary);
    }
    if summary.events == 0 {
        return Err(IngestError::NoEvents(Box::new(summary)));
    }
    Ok(summary)
}
