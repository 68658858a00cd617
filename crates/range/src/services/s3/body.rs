//! The bytes of an object.
//!
//! Owns how they are held: in memory, shared and never copied, or in a file where a store keeps them. Nothing else in S3 knows.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::store::{Bodies, Stored};

/// The bytes of an object or of a part.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(try_from = "Kept", into = "Kept")]
pub struct Body(Held);

#[derive(Debug, Clone)]
enum Held {
    Memory(Bytes),
    File(Arc<Stored>),
    /// A row names it, and it has not been looked for yet.
    Named {
        file: String,
        length: u64,
    },
}

impl Default for Held {
    fn default() -> Self {
        Self::Memory(Bytes::new())
    }
}

/// A body in a row: few bytes stand there, many are named.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Kept {
    Inline(String),
    Named { file: String, length: u64 },
}

impl From<Body> for Kept {
    fn from(body: Body) -> Self {
        match body.0 {
            Held::Memory(bytes) => Self::Inline(STANDARD.encode(bytes)),
            Held::File(stored) => Self::Named {
                file: stored.name().to_owned(),
                length: stored.length(),
            },
            Held::Named { file, length } => Self::Named { file, length },
        }
    }
}

impl TryFrom<Kept> for Body {
    type Error = base64::DecodeError;

    fn try_from(kept: Kept) -> Result<Self, Self::Error> {
        Ok(Self(match kept {
            Kept::Inline(text) => Held::Memory(STANDARD.decode(text)?.into()),
            Kept::Named { file, length } => Held::Named { file, length },
        }))
    }
}

/// Bodies are the same that hold the same bytes in memory, or the same file.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Held::Memory(one), Held::Memory(other)) => one == other,
            _ => self.file().is_some() && self.file() == other.file(),
        }
    }
}

impl Body {
    /// Keeps bytes in memory.
    pub fn new(bytes: Bytes) -> Self {
        Self(Held::Memory(bytes))
    }

    /// Keeps bytes where a store has them.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn keep(bytes: Bytes, bodies: &Arc<Bodies>) -> io::Result<Self> {
        Ok(match bodies.keep(&bytes)? {
            Some(stored) => Self(Held::File(stored)),
            None => Self::new(bytes),
        })
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Held::Memory(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Held::File(stored) => stored.length(),
            Held::Named { length, .. } => *length,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The name of the file that holds them; none: they are in memory.
    pub fn file(&self) -> Option<&str> {
        match &self.0 {
            Held::Memory(_) => None,
            Held::File(stored) => Some(stored.name()),
            Held::Named { file, .. } => Some(file),
        }
    }

    /// Looks for the file that a row named.
    ///
    /// # Errors
    /// It is not there, or not what it was.
    pub fn find(&mut self, bodies: &Arc<Bodies>) -> io::Result<()> {
        if let Held::Named { file, length } = &self.0 {
            self.0 = Held::File(bodies.find(file, *length)?);
        }
        Ok(())
    }

    /// All of them.
    ///
    /// # Errors
    /// The file that holds them cannot be read.
    pub fn all(&self) -> io::Result<Bytes> {
        self.part(0..self.len())
    }

    /// Those of a range, cut to what there is.
    ///
    /// # Errors
    /// The file that holds them cannot be read.
    pub fn part(&self, range: Range<u64>) -> io::Result<Bytes> {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        match &self.0 {
            Held::Memory(bytes) => {
                let place = |at| usize::try_from(at).unwrap_or(bytes.len());
                Ok(bytes.slice(place(start)..place(end)))
            }
            Held::File(stored) => stored.read(start, end - start),
            Held::Named { .. } => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// The bytes of many, in order.
    ///
    /// # Errors
    /// A file that holds some cannot be read.
    pub fn join<'a>(parts: impl Iterator<Item = &'a Self> + Clone) -> io::Result<Bytes> {
        let length: u64 = parts.clone().map(Self::len).sum();
        let room = usize::try_from(length).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut all = BytesMut::with_capacity(room);
        for part in parts {
            all.extend_from_slice(&part.all()?);
        }
        Ok(all.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_within_the_body() {
        let body = Body::new(Bytes::from_static(b"0123456789"));
        let part = |range| body.part(range).unwrap();
        assert_eq!(part(2..5), "234");
        assert_eq!(part(8..99), "89");
        assert_eq!(part(50..99), "");
        let backwards = Range { start: 7, end: 3 };
        assert_eq!(part(backwards), "");
    }

    #[test]
    fn joins_in_order() {
        let parts = [
            Body::new(Bytes::from_static(b"ab")),
            Body::default(),
            Body::new(Bytes::from_static(b"c")),
        ];
        assert_eq!(Body::join(parts.iter()).unwrap(), "abc");
    }

    #[test]
    fn rows_hold_few_bytes_and_name_many() {
        let folder = tempfile::tempdir().unwrap();
        let bodies = Arc::new(Bodies::below(folder.path(), 1).unwrap());
        for size in [0, 3, 100_000] {
            let bytes = Bytes::from(vec![1; size]);
            let body = Body::keep(bytes.clone(), &bodies).unwrap();
            let row = serde_json::to_string(&body).unwrap();
            assert!(row.len() < 100, "{row}");
            let mut again: Body = serde_json::from_str(&row).unwrap();
            assert_eq!((&again, again.len()), (&body, size as u64));
            again.find(&bodies).unwrap();
            assert_eq!(again.all().unwrap(), bytes);
        }
    }
}
