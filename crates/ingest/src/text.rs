//! Logs whose records are lines of text: told by their first line, and turned into records with the
//! names that AWS documents.
//!
//! Owns which reader a line is for. Must not read files.

mod build;
mod elb;
mod flow;
mod s3;

use stockade_model::LogKind;

use crate::output::Output;
use crate::summary::Position;
use build::Builder;

/// A reader of lines.
pub(crate) struct Text {
    format: Format,
    builder: Builder,
    /// Whether CloudWatch Logs put the time before each line.
    stamped: bool,
}

enum Format {
    Flow(flow::Columns),
    S3,
    Alb,
    Nlb,
    Clb,
    /// JSON, once the stamp is off.
    Json,
}

/// Tells the format of text by its first line, or by the kind that the user says it is.
pub(crate) fn recognise(first: &[u8], kind: Option<LogKind>) -> Option<Text> {
    let first = first.trim_ascii();
    let (line, stamped) = match unstamped(first) {
        Some(line) if format_of(line, kind).is_some() => (line, true),
        _ => (first, false),
    };
    Some(Text {
        format: format_of(line, kind)?,
        builder: Builder::default(),
        stamped,
    })
}

fn format_of(line: &[u8], kind: Option<LogKind>) -> Option<Format> {
    let text = std::str::from_utf8(line).ok()?;
    let allowed = |wanted: LogKind| kind.is_none_or(|kind| kind == wanted);
    if text.starts_with('{') {
        return Some(Format::Json);
    }
    if allowed(LogKind::VpcFlow)
        && let Some(columns) = flow::Columns::of(text, kind.is_some())
    {
        return Some(Format::Flow(columns));
    }
    if allowed(LogKind::S3Access) && s3::is_line(text) {
        return Some(Format::S3);
    }
    if allowed(LogKind::AlbAccess) && elb::is_alb(text) {
        return Some(Format::Alb);
    }
    if allowed(LogKind::NlbAccess) && elb::is_nlb(text) {
        return Some(Format::Nlb);
    }
    if allowed(LogKind::ClbAccess) && elb::is_clb(text) {
        return Some(Format::Clb);
    }
    None
}

/// A line as CloudWatch Logs exports it, without the time at its start.
fn unstamped(line: &[u8]) -> Option<&[u8]> {
    let (stamp, rest) = line.split_at_checked(24)?;
    let shaped = stamp.ends_with(b"Z")
        && stamp.get(10) == Some(&b'T')
        && stamp.first().is_some_and(u8::is_ascii_digit);
    shaped.then(|| rest.strip_prefix(b" ")).flatten()
}

impl Text {
    /// Reads one line.
    pub(crate) fn line(&mut self, line: &[u8], at: Position, output: &mut Output<'_>) {
        let line = if self.stamped {
            unstamped(line).unwrap_or(line).trim_ascii()
        } else {
            line
        };
        if line.is_empty() {
            return;
        }
        let text = match std::str::from_utf8(line) {
            Ok(text) => text,
            Err(_) => return wrong("is not UTF-8 text", at, output),
        };
        self.builder.begin();
        let read = match &mut self.format {
            Format::Flow(columns) => columns.read(text, &mut self.builder),
            Format::S3 => s3::read(text, &mut self.builder),
            Format::Alb => elb::read_alb(text, &mut self.builder),
            Format::Nlb => elb::read_nlb(text, &mut self.builder),
            Format::Clb => elb::read_clb(text, &mut self.builder),
            Format::Json => {
                return crate::json::line(line, 0, at, output);
            }
        };
        match read {
            Ok(Line::Record(kind)) => {
                self.builder.end();
                let to = self.builder.bytes.len();
                output.hand_on(
                    kind,
                    &self.builder.bytes,
                    (0, to),
                    &self.builder.members,
                    Some(at),
                );
            }
            Ok(Line::Nothing) => {}
            Err(reason) => wrong(reason, at, output),
        }
    }
}

fn wrong(reason: &str, at: Position, output: &mut Output<'_>) {
    output.index += 1;
    output.skip(at, reason);
}

/// What a line holds.
enum Line {
    /// A record of this kind, which the builder has.
    Record(LogKind),
    /// A header, or a comment.
    Nothing,
}

/// Splits a line of values at spaces; a value in quotes or brackets is one.
fn fields(line: &str) -> Vec<&str> {
    let mut found = Vec::with_capacity(32);
    let mut rest = line.trim_ascii();
    while let Some(first) = rest.bytes().next() {
        let (field, after) = match first {
            b'"' => quoted(rest),
            b'[' => match rest.find(']') {
                Some(end) => (rest.get(1..end), rest.get(end + 1..)),
                None => (rest.get(1..), None),
            },
            _ => match rest.find(' ') {
                Some(end) => (rest.get(..end), rest.get(end..)),
                None => (Some(rest), None),
            },
        };
        found.push(field.unwrap_or_default());
        rest = after.unwrap_or_default().trim_ascii_start();
    }
    found
}

/// A value in quotes: a quote within it is escaped, or is not followed by a space.
fn quoted(text: &str) -> (Option<&str>, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        let ends = matches!(bytes.get(at + 1), None | Some(b' '));
        match byte {
            b'\\' => at += 1,
            b'"' if ends => return (text.get(1..at), text.get(at + 1..)),
            _ => {}
        }
        at += 1;
    }
    (text.get(1..), None)
}
