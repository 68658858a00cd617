//! What becomes of a record that was found: what it is sent in is taken off, its kind is told, and it
//! is handed on.
//!
//! Owns envelopes (LookupEvents and CloudTrail Lake, EventBridge, CloudWatch Logs) and the telling of
//! kinds by their members. Must not find records.

use std::borrow::Cow;
use std::sync::Arc;

use stockade_model::LogKind;
use stockade_scan::{Kind, Member, Raw, Scanner, Step};

use crate::record::{Record, Sink};
use crate::summary::{Position, Summary};
use crate::text::{self, Text};

/// Envelopes within envelopes are opened no deeper than this.
const DEPTH: usize = 4;

/// Where records go.
pub(crate) struct Output<'a> {
    pub(crate) source: Arc<str>,
    pub(crate) index: u64,
    pub(crate) sink: &'a mut dyn Sink,
    pub(crate) summary: &'a mut Summary,
    /// The kind that the user says it is.
    pub(crate) kind: Option<LogKind>,
    /// The members of the record at hand.
    pub(crate) members: Vec<Member>,
}

impl Output<'_> {
    /// Takes a record whose members are in `self.members`, in whatever envelope. `at` is where it
    /// stands, if a better place is known than its number.
    #[inline]
    pub(crate) fn record(&mut self, base: &[u8], from: usize, to: usize, at: Option<Position>) {
        let members = std::mem::take(&mut self.members);
        let kind = match self.kind {
            Some(LogKind::CloudTrail) | None if is_call(base, &members) => {
                Some(LogKind::CloudTrail)
            }
            _ => None,
        };
        match kind {
            Some(kind) => self.hand_on(kind, base, (from, to), &members, at),
            None => self.open(base, from, to, &members, at, DEPTH),
        }
        self.members = members;
    }

    /// Takes an element of a list that is no object.
    pub(crate) fn other(&mut self, bytes: &[u8], at: Option<Position>) {
        let raw = Raw::new(bytes);
        if raw.kind() == Some(Kind::Array) {
            return self.row(raw, at);
        }
        let at = at.unwrap_or(Position::Record(self.index));
        self.index += 1;
        self.skip(at, "a record must be a JSON object");
    }

    /// Notes that something could not be read.
    pub(crate) fn skip(&mut self, at: Position, reason: impl Into<String>) {
        self.summary.skip(&self.source, at, reason);
    }

    /// Hands on a record of a known kind.
    #[inline]
    pub(crate) fn hand_on(
        &mut self,
        kind: LogKind,
        base: &[u8],
        (from, to): (usize, usize),
        members: &[Member],
        at: Option<Position>,
    ) {
        let index = self.index;
        self.index += 1;
        let record = Record {
            kind,
            base,
            from,
            to,
            members,
            source: &self.source,
            index,
        };
        match self.sink.take(&record) {
            Ok(()) => self.summary.events += 1,
            Err(reason) => self.skip(at.unwrap_or(Position::Record(index)), reason),
        }
    }

    /// Takes off what the record is sent in, and tells its kind.
    fn open(
        &mut self,
        base: &[u8],
        from: usize,
        to: usize,
        members: &[Member],
        at: Option<Position>,
        depth: usize,
    ) {
        let has = |name: &str| value(base, members, name);
        let here = at.unwrap_or(Position::Record(self.index));
        let Some(depth) = depth.checked_sub(1) else {
            self.index += 1;
            return self.skip(here, "is an envelope within an envelope, too often");
        };
        for name in ["CloudTrailEvent", "eventJson", "eventData"] {
            if let Some(inner) = has(name) {
                return match inner.text() {
                    Some(text) => self.inner(text.as_bytes(), name, here, at, depth),
                    None => self.inner(inner.bytes(), name, here, at, depth),
                };
            }
        }
        if let Some(detail) = has("detail").filter(|_| has("detail-type").is_some()) {
            if let Some(findings) = detail.get("findings") {
                for finding in findings.elements() {
                    self.inner(finding.bytes(), "findings", here, at, depth);
                }
                return;
            }
            return self.inner(detail.bytes(), "detail", here, at, depth);
        }
        let message = has("message").or_else(|| has("@message"));
        let logged = ["timestamp", "@timestamp", "ingestionTime"]
            .iter()
            .any(|name| has(name).is_some());
        if let Some(message) = message.filter(|_| logged) {
            return self.message(message, here, at, depth);
        }
        let kind = self.kind.or_else(|| kind_of(&has));
        if let Some(kind) = kind {
            return self.hand_on(kind, base, (from, to), members, at);
        }
        let no_event = no_event(&has);
        self.index += 1;
        match no_event {
            Some(reason) => self.summary.leave_out(&self.source, reason),
            None => self.skip(
                here,
                "is a record of no kind that is known: one of CloudTrail has `eventName`, `eventSource` and `eventTime`",
            ),
        }
    }

    /// Reads what an envelope holds.
    fn inner(
        &mut self,
        bytes: &[u8],
        name: &str,
        here: Position,
        at: Option<Position>,
        depth: usize,
    ) {
        let mut members = Vec::new();
        let open = bytes.len() - bytes.trim_ascii_start().len();
        let end = match bytes.get(open) {
            Some(b'{') => Scanner::new(bytes, open).object(open, &mut members, |_| false),
            _ => Err(stockade_scan::Fault::Cut),
        };
        match end {
            Ok(Step::Done(end)) if self.kind.is_none() && is_call(bytes, &members) => {
                self.hand_on(LogKind::CloudTrail, bytes, (open, end), &members, at);
            }
            Ok(Step::Done(end)) => self.open(bytes, open, end, &members, at, depth),
            _ => {
                self.index += 1;
                self.skip(here, format!("its `{name}` is not a JSON object"));
            }
        }
    }

    /// Reads a line that CloudWatch Logs kept: JSON, or the text of another log.
    fn message(&mut self, message: Raw<'_>, here: Position, at: Option<Position>, depth: usize) {
        let text = match message.kind() {
            Some(Kind::Object) => return self.inner(message.bytes(), "message", here, at, depth),
            _ => message.text().unwrap_or_default(),
        };
        let line = text.trim();
        if line.starts_with('{') {
            return self.inner(line.as_bytes(), "message", here, at, depth);
        }
        match text::recognise(line.as_bytes(), self.kind) {
            Some(mut reader) => reader.line(line.as_bytes(), here, self),
            None => {
                self.index += 1;
                self.skip(here, "its `message` is of no kind that is known");
            }
        }
    }

    /// A row of CloudTrail Lake: an array of objects with a column each.
    fn row(&mut self, row: Raw<'_>, at: Option<Position>) {
        let here = at.unwrap_or(Position::Record(self.index));
        let mut joined = vec![b'{'];
        for column in row.elements() {
            for (key, cell) in column.members() {
                if matches!(key, b"eventJson" | b"eventData") {
                    let text = cell.text().unwrap_or_default();
                    return self.inner(text.as_bytes(), "eventJson", here, at, DEPTH);
                }
                if joined.len() > 1 {
                    joined.push(b',');
                }
                joined.push(b'"');
                joined.extend_from_slice(key);
                joined.extend_from_slice(b"\":");
                joined.extend_from_slice(&cell_value(cell));
            }
        }
        joined.push(b'}');
        self.inner(&joined, "QueryResultRows", here, at, DEPTH);
    }

    /// The reader of lines of this text, if it is of a known kind.
    pub(crate) fn text(&self, first: &[u8]) -> Option<Text> {
        text::recognise(first, self.kind)
    }
}

/// Lake answers every column as text; an object or array in it stands for itself.
fn cell_value(cell: Raw<'_>) -> Cow<'_, [u8]> {
    if let Some(text) = cell.text() {
        let inner = text.trim();
        let nested = inner.starts_with('{') || inner.starts_with('[');
        if nested && serde_json::from_str::<serde::de::IgnoredAny>(inner).is_ok() {
            return Cow::Owned(inner.as_bytes().to_vec());
        }
        if inner == "null" {
            return Cow::Borrowed(b"null");
        }
    }
    Cow::Borrowed(cell.bytes())
}

/// Whether it is a call, or another event, as CloudTrail has it.
#[inline]
fn is_call(base: &[u8], members: &[Member]) -> bool {
    let (mut name, mut source) = (false, false);
    for member in members {
        match member.key_end - member.key {
            9 => name |= member.key(base) == b"eventName",
            11 => source |= member.key(base) == b"eventSource",
            _ => {}
        }
    }
    name && source
}

fn value<'a>(base: &'a [u8], members: &[Member], name: &str) -> Option<Raw<'a>> {
    members
        .iter()
        .find(|member| stockade_scan::is_key(member.key(base), name))
        .map(|member| Raw::new(member.value(base)))
        .filter(|value| !value.is_null())
}

/// The kind of a record by the members that only that kind has.
fn kind_of<'a>(has: &impl Fn(&str) -> Option<Raw<'a>>) -> Option<LogKind> {
    let all = |names: &[&str]| names.iter().all(|name| has(name).is_some());
    let signs: [(&[&str], LogKind); 9] = [
        (&["httpRequest", "webaclId"], LogKind::Waf),
        (&["query_name", "query_timestamp"], LogKind::ResolverQuery),
        (&["SchemaVersion", "ProductArn"], LogKind::SecurityHub),
        (&["schemaVersion", "type", "service"], LogKind::GuardDuty),
        (&["SchemaVersion", "Type", "Service"], LogKind::GuardDuty),
        (&["srcaddr", "dstaddr", "start"], LogKind::VpcFlow),
        (&["interface-id", "start"], LogKind::VpcFlow),
        (&["bucket", "operation", "remote_ip"], LogKind::S3Access),
        (&["elb", "client_ip", "request_verb"], LogKind::AlbAccess),
    ];
    signs
        .iter()
        .find(|(names, _)| all(names))
        .map(|(_, kind)| *kind)
}

/// What CloudTrail writes beside events.
fn no_event<'a>(has: &impl Fn(&str) -> Option<Raw<'a>>) -> Option<&'static str> {
    if has("digestStartTime").is_some() && has("logFiles").is_some() {
        return Some("a digest of CloudTrail, which holds no events");
    }
    let category = has("eventCategory").and_then(Raw::plain);
    if category == Some("Insight") {
        return Some("CloudTrail Insights, which are no calls");
    }
    if has("messageType").and_then(Raw::plain) == Some("CONTROL_MESSAGE") {
        return Some("a control message of CloudWatch Logs, which holds no events");
    }
    None
}
