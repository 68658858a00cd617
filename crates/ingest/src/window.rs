//! The bytes at hand of one source: unpacked piece by piece, and kept only until they are read.
//!
//! Owns the buffer and its bounds. Must not know what the bytes mean.

use std::io::{self, Read};

/// So much is asked for at once.
const PIECE: usize = 1 << 20;
/// A record, or a line, may have this many bytes.
pub(crate) const LIMIT: usize = 64 << 20;

/// A stretch of a source's content that moves on over it.
pub(crate) struct Window<'r> {
    buffer: Vec<u8>,
    /// Where what is not yet read begins.
    start: usize,
    /// Where what is known ends.
    end: usize,
    /// How many bytes of the content lie before the buffer.
    before: u64,
    source: Option<Box<dyn Read + 'r>>,
    fault: Option<io::Error>,
}

/// How an attempt to have more bytes ended.
pub(crate) enum More {
    /// There are more.
    Some,
    /// The content ends here.
    End,
    /// What is kept is too long already.
    TooLong,
    /// The bytes cannot be had.
    Fault(io::Error),
}

impl<'r> Window<'r> {
    /// Over content that comes from a reader; the buffer may be used again.
    pub(crate) fn over(mut buffer: Vec<u8>, source: Box<dyn Read + 'r>) -> Self {
        buffer.clear();
        Self {
            buffer,
            start: 0,
            end: 0,
            before: 0,
            source: Some(source),
            fault: None,
        }
    }

    /// Over content that is here as a whole.
    pub(crate) fn whole(buffer: Vec<u8>) -> Self {
        Self {
            end: buffer.len(),
            buffer,
            start: 0,
            before: 0,
            source: None,
            fault: None,
        }
    }

    /// Gives the buffer back.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.buffer
    }

    /// What is at hand; places count from the buffer's start.
    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.end).unwrap_or_default()
    }

    /// Where what is not yet read begins.
    pub(crate) fn start(&self) -> usize {
        self.start
    }

    /// What is not yet read.
    pub(crate) fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// All before this place is read.
    pub(crate) fn pass(&mut self, place: usize) {
        self.start = place.min(self.end);
    }

    /// The place in the content, of a place in the buffer.
    pub(crate) fn position(&self, place: usize) -> u64 {
        self.before + place as u64
    }

    /// Has at least `count` bytes that are not read, or all that there are.
    pub(crate) fn hold(&mut self, count: usize) {
        while self.end - self.start < count {
            match self.more() {
                More::Some => {}
                More::Fault(error) => {
                    self.fault = Some(error);
                    return;
                }
                More::End | More::TooLong => return,
            }
        }
    }

    /// Reads on. What is read already is dropped first, so that places change.
    pub(crate) fn more(&mut self) -> More {
        if let Some(error) = self.fault.take() {
            self.source = None;
            return More::Fault(error);
        }
        let Some(source) = &mut self.source else {
            return More::End;
        };
        if self.end - self.start > LIMIT {
            return More::TooLong;
        }
        if self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            self.before += self.start as u64;
            self.end -= self.start;
            self.start = 0;
        }
        // A record that does not fit is read again from its start: each time with twice the room.
        let room = self.end + PIECE.max(self.end);
        if self.buffer.len() < room {
            self.buffer.resize(room, 0);
        }
        let mut any = false;
        while self.end < self.buffer.len() {
            let free = self.buffer.get_mut(self.end..).unwrap_or_default();
            match source.read(free) {
                Ok(0) => {
                    self.source = None;
                    return if any { More::Some } else { More::End };
                }
                Ok(count) => {
                    self.end += count;
                    any = true;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    if any {
                        self.fault = Some(error);
                        return More::Some;
                    }
                    self.source = None;
                    return More::Fault(error);
                }
            }
        }
        More::Some
    }
}
