//! One source of bytes: unpacked, recognised, and read by the reader for its kind.
//!
//! Owns recognition by content. Must not parse records.

use std::cell::Cell;
use std::io::{self, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;

use stockade_model::{Event, LogKind};

use crate::output::Output;
use crate::record::{Record, Sink};
use crate::summary::{Position, Summary};
use crate::unpack::{self, PACKED, Refusal, Unpacker, explain};
use crate::window::{More, Window};
use crate::{json, lines};

/// So much of the content is looked at to tell its kind.
const LOOK: usize = 1 << 20;

/// What a worker reads sources with, one after another.
#[derive(Default)]
pub(crate) struct Reader {
    unpacker: Unpacker,
    buffer: Vec<u8>,
    members: Vec<stockade_scan::Member>,
    /// The kind that the user says it is.
    kind: Option<LogKind>,
}

impl Reader {
    /// For sources of this kind, or of kinds told by their content.
    pub(crate) fn of(kind: Option<LogKind>) -> Self {
        Self {
            kind,
            ..Self::default()
        }
    }

    /// Reads a file of this size: at once where it is not large.
    pub(crate) fn file(
        &mut self,
        name: &str,
        mut file: std::fs::File,
        sink: &mut dyn Sink,
        summary: &mut Summary,
    ) {
        let size = file.metadata().ok().filter(std::fs::Metadata::is_file);
        let small = size.is_some_and(|size| size.len() <= PACKED);
        if !small {
            return self.stream(name, file, sink, summary);
        }
        self.unpacker.packed.clear();
        if let Err(error) = file.read_to_end(&mut self.unpacker.packed) {
            summary.files += 1;
            return summary.skip(name, Position::Whole, format!("cannot be read: {error}"));
        }
        match self.unpacker.at_once() {
            Some(mut window) => {
                summary.files += 1;
                summary.bytes += self.unpacker.packed.len() as u64;
                let mut output = self.output(name, sink, summary);
                recognise(&mut window, &mut output);
                self.members = std::mem::take(&mut output.members);
                self.unpacker.plain = window.into_buffer();
            }
            None => {
                let packed = std::mem::take(&mut self.unpacker.packed);
                self.stream(name, packed.as_slice(), sink, summary);
                self.unpacker.packed = packed;
            }
        }
    }

    /// Reads a source piece by piece.
    pub(crate) fn stream(
        &mut self,
        name: &str,
        input: impl Read,
        sink: &mut dyn Sink,
        summary: &mut Summary,
    ) {
        summary.files += 1;
        let taken = Rc::new(Cell::new(0));
        let counted = Counted {
            inner: input,
            taken: Rc::clone(&taken),
        };
        let buffer = std::mem::take(&mut self.buffer);
        let mut output = self.output(name, sink, summary);
        let content = unpack::by_the_piece(Box::new(BufReader::with_capacity(1 << 16, counted)));
        let buffer = match content {
            Ok(content) => {
                let mut window = Window::over(buffer, Box::new(content));
                recognise(&mut window, &mut output);
                window.into_buffer()
            }
            Err(refusal) => {
                match refusal {
                    Refusal::Bytes(error) => output.skip(Position::Byte(0), explain(&error)),
                    Refusal::Form(reason) => output.skip(Position::Whole, reason),
                }
                buffer
            }
        };
        output.summary.bytes += taken.get();
        self.members = std::mem::take(&mut output.members);
        // A buffer that one long record made large is not kept.
        self.buffer = if buffer.len() > 8 << 20 {
            Vec::new()
        } else {
            buffer
        };
    }

    fn output<'a>(
        &mut self,
        name: &str,
        sink: &'a mut dyn Sink,
        summary: &'a mut Summary,
    ) -> Output<'a> {
        Output {
            source: Arc::from(name),
            index: 0,
            sink,
            summary,
            kind: self.kind,
            members: std::mem::take(&mut self.members),
        }
    }
}

/// Reads one source and hands its events to `sink`. `name` is what the events' origin says; what is
/// broken goes to the summary.
pub fn read_source(
    name: &str,
    input: impl Read,
    sink: &mut dyn FnMut(Event),
    summary: &mut Summary,
) {
    let mut take = |record: &Record<'_>| {
        sink(record.event()?);
        Ok(())
    };
    Reader::default().stream(name, input, &mut take, summary);
}

/// Tells documents from one record a line and from text, and reads them.
fn recognise(window: &mut Window<'_>, output: &mut Output<'_>) {
    window.hold(LOOK.min(1 << 16));
    if window.rest().starts_with(&[0xef, 0xbb, 0xbf]) {
        window.pass(window.start() + 3);
    }
    let near = window.rest();
    let near = near.get(..near.len().min(1 << 16)).unwrap_or_default();
    if memchr::memchr(b'\n', near).is_none() {
        window.hold(LOOK);
    }
    let look = window.rest();
    let look = look.get(..look.len().min(LOOK)).unwrap_or_default();
    match content_of(look) {
        Content::Empty => match drain(window) {
            None => output.skip(Position::Whole, "is empty"),
            Some(error) => output.skip(Position::Byte(0), explain(&error)),
        },
        Content::Document => json::read(window, output),
        Content::Lines => lines::read(window, None, output),
        Content::Unknown(first) => match output.text(&first) {
            Some(text) => lines::read(window, Some(text), output),
            None => match drain(window) {
                None => output.skip(
                    Position::Whole,
                    "is of no kind that is known: say with --kind what it is, if it is a log",
                ),
                Some(error) => output.skip(Position::Byte(0), explain(&error)),
            },
        },
    }
}

/// Reads what is left and keeps nothing.
fn drain(window: &mut Window<'_>) -> Option<io::Error> {
    loop {
        window.pass(usize::MAX);
        match window.more() {
            More::Some | More::TooLong => {}
            More::End => return None,
            More::Fault(error) => return Some(error),
        }
    }
}

enum Content {
    Empty,
    Document,
    Lines,
    /// Not JSON: with its first line that says something.
    Unknown(Vec<u8>),
}

fn content_of(content: &[u8]) -> Content {
    let Some(first) = content.iter().find(|b| !b.is_ascii_whitespace()) else {
        return Content::Empty;
    };
    if *first == b'[' {
        return Content::Document;
    }
    if *first == b'{' && memchr::memchr(b'\n', content).is_none() {
        return Content::Document;
    }
    let opens_record = |line: &[u8]| {
        line.strip_prefix(b"{")
            .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'"'))
    };
    let mut full = content
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let head = full.next().unwrap_or_default();
    // A document laid out over lines breaks them after these; a record on its own line does not.
    let goes_on = matches!(head.last(), Some(b'[' | b'{' | b',' | b':'));
    if *first == b'{' && goes_on {
        return Content::Document;
    }
    let first_line = head.to_vec();
    match (*first, full.any(opens_record)) {
        (b'{', true) => Content::Lines,
        (b'{', false) => Content::Document,
        (_, true) if crate::text::recognise(&first_line, None).is_none() => Content::Lines,
        _ => Content::Unknown(first_line),
    }
}

/// Counts the bytes taken.
struct Counted<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}
