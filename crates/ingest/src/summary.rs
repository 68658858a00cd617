//! What was read, and what was not.

use std::fmt;

/// No more faults than this are kept word for word; the count goes on.
const KEPT: usize = 1_000;

/// The outcome of reading.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were opened, standard input among them.
    pub files: u64,
    /// Events that were handed on.
    pub events: u64,
    /// Bytes that were read, as they lie on disk.
    pub bytes: u64,
    /// What should have been read and could not be: the first 1,000.
    pub skipped: Vec<Skipped>,
    /// How many there were in all.
    pub skipped_count: u64,
    /// What was left out on purpose, as it holds no events: the first 1,000.
    pub left_out: Vec<LeftOut>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// The file.
    pub source: String,
    /// Where in it.
    pub position: Position,
    /// What is wrong.
    pub reason: String,
}

/// A file that holds no events by its nature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The file.
    pub source: String,
    /// What it is.
    pub reason: String,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// All of it.
    Whole,
    /// A line, counted from 1.
    Line(u64),
    /// A byte of the uncompressed content, counted from 0.
    Byte(u64),
    /// A record, counted from 0.
    Record(u64),
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => f.write_str("the whole of it"),
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::Record(record) => write!(f, "record {record}"),
        }
    }
}

impl fmt::Display for Skipped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Position::Whole => write!(f, "{}: {}", self.source, self.reason),
            position => write!(f, "{}, {position}: {}", self.source, self.reason),
        }
    }
}

impl Summary {
    /// Whether all was read that should have been.
    pub fn is_complete(&self) -> bool {
        self.skipped_count == 0
    }

    pub(crate) fn skip(&mut self, source: &str, position: Position, reason: impl Into<String>) {
        self.skipped_count += 1;
        if self.skipped.len() < KEPT {
            self.skipped.push(Skipped {
                source: source.to_owned(),
                position,
                reason: reason.into(),
            });
        }
    }

    pub(crate) fn leave_out(&mut self, source: &str, reason: &str) {
        let known = self
            .left_out
            .last()
            .is_some_and(|last| last.source == source && last.reason == reason);
        if self.left_out.len() < KEPT && !known {
            self.left_out.push(LeftOut {
                source: source.to_owned(),
                reason: reason.to_owned(),
            });
        }
    }

    /// Adds what another part of the reading came to.
    pub(crate) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.events += other.events;
        self.bytes += other.bytes;
        self.skipped_count += other.skipped_count;
        let room = KEPT.saturating_sub(self.skipped.len());
        self.skipped.extend(other.skipped.into_iter().take(room));
        let room = KEPT.saturating_sub(self.left_out.len());
        self.left_out.extend(other.left_out.into_iter().take(room));
    }

    /// The files in a phrase, with what was wrong with the first that could not be read.
    pub(crate) fn describe(&self) -> String {
        let files = match self.files {
            0 => "no file at all: the folder holds none".to_owned(),
            1 => "the one file that was read".to_owned(),
            n => format!("the {n} files that were read"),
        };
        match (self.skipped.first(), self.left_out.first()) {
            (Some(first), _) => format!("{files} ({first})"),
            (None, Some(first)) => format!("{files} ({}: {})", first.source, first.reason),
            (None, None) => files,
        }
    }
}
