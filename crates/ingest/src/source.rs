//! One source of bytes: unpacked, recognised, and read by the reader for its kind.
//!
//! Owns recognition by content. Must not parse records.

use std::cell::Cell;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use stockade_model::{Event, Origin};

use crate::summary::{Position, Summary};
use crate::{json, lines};

/// So much of the content is looked at to tell its kind.
const LOOK: usize = 1 << 20;
/// A record, or a line, may have this many bytes.
pub(crate) const LIMIT: u64 = 64 << 20;
/// Gzip within gzip is unpacked this often.
const LAYERS: usize = 3;

/// Reads one source and hands its events to `sink`. `name` is what the events' origin says; what is
/// broken goes to the summary.
pub fn read_source(
    name: &str,
    input: impl Read,
    sink: &mut dyn FnMut(Event),
    summary: &mut Summary,
) {
    summary.files += 1;
    let taken = Rc::new(Cell::new(0));
    let counted = Counted {
        inner: input,
        taken: Rc::clone(&taken),
        limit: None,
    };
    let mut output = Output {
        source: Arc::from(name),
        index: 0,
        sink,
        summary,
    };
    unpack(Box::new(BufReader::new(counted)), 0, &mut output);
    output.summary.bytes += taken.get();
}

/// Where records go.
pub(crate) struct Output<'a> {
    source: Arc<str>,
    index: u64,
    sink: &'a mut dyn FnMut(Event),
    summary: &'a mut Summary,
}

impl Output<'_> {
    /// Takes a record, in whatever envelope, and hands it on as an event. `at` is where it stands, if
    /// a better place is known than its number.
    pub(crate) fn record(&mut self, value: Value, at: Option<Position>) {
        let index = self.index;
        self.index += 1;
        let at = at.unwrap_or(Position::Record(index));
        let record = match unwrapped(value) {
            Ok(record) => record,
            Err(reason) => return self.skip(at, reason),
        };
        if let Some(reason) = no_event(&record) {
            self.summary.leave_out(&self.source, reason);
            return;
        }
        let origin = Origin {
            source: Arc::clone(&self.source),
            index,
        };
        match Event::new(record, origin) {
            Ok(event) => {
                self.summary.events += 1;
                (self.sink)(event);
            }
            Err(error) => self.skip(at, error.to_string()),
        }
    }

    /// Notes that something could not be read.
    pub(crate) fn skip(&mut self, at: Position, reason: impl Into<String>) {
        self.summary.skip(&self.source, at, reason);
    }
}

/// Takes a record out of what it is sent in: LookupEvents has it as text, EventBridge as `detail`.
fn unwrapped(value: Value) -> Result<Value, String> {
    let Value::Object(mut map) = value else {
        return Ok(value);
    };
    if let Some(Value::String(text)) = map.get("CloudTrailEvent") {
        return serde_json::from_str(text)
            .map_err(|error| format!("its `CloudTrailEvent` is not JSON: {error}"));
    }
    if map.contains_key("detail-type")
        && let Some(detail @ Value::Object(_)) = map.remove("detail")
    {
        return Ok(detail);
    }
    Ok(Value::Object(map))
}

/// What CloudTrail writes beside events.
fn no_event(record: &Value) -> Option<&'static str> {
    if record.get("digestStartTime").is_some() && record.get("logFiles").is_some() {
        return Some("a digest of CloudTrail, which holds no events");
    }
    if record.get("eventCategory").and_then(Value::as_str) == Some("Insight") {
        return Some("CloudTrail Insights, which are no calls");
    }
    None
}

fn unpack(mut input: Box<dyn BufRead + '_>, layer: usize, output: &mut Output<'_>) {
    let head = match peek(&mut input) {
        Ok(head) => head,
        Err(error) => return output.skip(Position::Byte(0), explain(&error)),
    };
    if head.starts_with(&[0x1f, 0x8b]) {
        if layer >= LAYERS {
            return output.skip(Position::Whole, "is gzip within gzip, too often");
        }
        let inner = BufReader::new(MultiGzDecoder::new(input));
        return unpack(Box::new(inner), layer + 1, output);
    }
    if let Some(reason) = other_kind(&head) {
        return output.skip(Position::Whole, reason);
    }
    recognise(input, output);
}

/// The first bytes, without taking them.
fn peek(input: &mut Box<dyn BufRead + '_>) -> io::Result<Vec<u8>> {
    loop {
        match input.fill_buf() {
            Ok(buffer) => {
                return Ok(buffer
                    .get(..buffer.len().min(8))
                    .unwrap_or_default()
                    .to_vec());
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn other_kind(head: &[u8]) -> Option<&'static str> {
    let kinds: [(&[u8], &str); 6] = [
        (
            &[0x28, 0xb5, 0x2f, 0xfd],
            "is zstd, which is not read yet: unpack it first",
        ),
        (b"PK\x03\x04", "is a zip archive: unpack it first"),
        (b"BZh", "is bzip2: unpack it first"),
        (&[0xfd, b'7', b'z', b'X', b'Z'], "is xz: unpack it first"),
        (
            b"PAR1",
            "is Parquet, which is not read yet: export it as JSON",
        ),
        (&[0xff, 0xfe], "is UTF-16 text: save it as UTF-8"),
    ];
    kinds
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
        .map(|(_, reason)| *reason)
}

/// Tells a document from one record a line, and reads it.
fn recognise(mut input: Box<dyn BufRead + '_>, output: &mut Output<'_>) {
    let mut look = Vec::new();
    // An error here comes again when the content is read, with what stands before it in `look`.
    let fault = input
        .by_ref()
        .take(LOOK as u64)
        .read_to_end(&mut look)
        .err();
    let bom = if look.starts_with(&[0xef, 0xbb, 0xbf]) {
        3
    } else {
        0
    };
    let content = look.get(bom..).unwrap_or_default();
    let kind = kind_of(content);
    let rest = Rest {
        fault,
        inner: input,
    };
    let whole = Counted {
        inner: io::Cursor::new(content.to_vec()).chain(BufReader::new(rest)),
        taken: Rc::new(Cell::new(0)),
        limit: None,
    };
    match kind {
        Content::Empty => {
            let mut whole = whole;
            match io::copy(&mut whole, &mut io::sink()) {
                Ok(_) => output.skip(Position::Whole, "is empty"),
                Err(error) => output.skip(Position::Byte(0), explain(&error)),
            }
        }
        Content::Document => json::read(whole, output),
        Content::Lines => lines::read(BufReader::new(whole), output),
        Content::Unknown => output.skip(
            Position::Whole,
            "is of no kind that is known: CloudTrail's logs are JSON",
        ),
    }
}

enum Content {
    Empty,
    Document,
    Lines,
    Unknown,
}

fn kind_of(content: &[u8]) -> Content {
    let Some(first) = content.iter().find(|b| !b.is_ascii_whitespace()) else {
        return Content::Empty;
    };
    if *first == b'[' {
        return Content::Document;
    }
    let opens_record = |line: &[u8]| {
        line.strip_prefix(b"{")
            .is_some_and(|rest| rest.trim_ascii_start().first() == Some(&b'"'))
    };
    let mut full = content
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii_end)
        .filter(|line| !line.is_empty());
    let head = full.next().unwrap_or_default();
    // A document laid out over lines breaks them after these; a record on its own line does not.
    let goes_on = matches!(head.last(), Some(b'[' | b'{' | b',' | b':'));
    if *first == b'{' && goes_on {
        return Content::Document;
    }
    match (*first, full.any(opens_record)) {
        (_, true) => Content::Lines,
        (b'{', false) => Content::Document,
        (_, false) => Content::Unknown,
    }
}

/// Counts the bytes taken, and stops where a limit of bytes since the last record is passed.
pub(crate) struct Counted<R> {
    inner: R,
    taken: Rc<Cell<u64>>,
    limit: Option<Rc<Cell<u64>>>,
}

impl<R> Counted<R> {
    /// How many bytes were taken so far, wherever the reader goes.
    pub(crate) fn counter(&self) -> Rc<Cell<u64>> {
        Rc::clone(&self.taken)
    }

    /// Sets the byte beyond which reading fails; it may be moved on as records are done.
    pub(crate) fn limited(mut self, limit: Rc<Cell<u64>>) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self
            .limit
            .as_ref()
            .is_some_and(|limit| self.taken.get() > limit.get())
        {
            return Err(io::Error::other(TooLong));
        }
        let count = self.inner.read(buffer)?;
        self.taken.set(self.taken.get() + count as u64);
        Ok(count)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a record is longer than 64 MiB")]
struct TooLong;

/// The rest of a source of which the start was looked at, with the error that ended the look.
struct Rest<R> {
    fault: Option<io::Error>,
    inner: R,
}

impl<R: Read> Read for Rest<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.fault.take() {
            Some(fault) => Err(fault),
            None => self.inner.read(buffer),
        }
    }
}

/// Why bytes could not be had.
pub(crate) fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the gzip stream is cut off here".to_owned(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput => {
            format!("the gzip stream is damaged here ({error})")
        }
        _ => error.to_string(),
    }
}
