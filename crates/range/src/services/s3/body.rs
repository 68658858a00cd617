//! The bytes of an object.
//!
//! Owns where they are kept: in memory, shared and never copied. Nothing else in S3 knows.

use std::borrow::Cow;
use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

/// The bytes of an object or of a part.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Cow<'_, str>", into = "String")]
pub struct Body(Bytes);

impl From<Body> for String {
    fn from(body: Body) -> Self {
        STANDARD.encode(&body.0)
    }
}

impl TryFrom<Cow<'_, str>> for Body {
    type Error = base64::DecodeError;

    fn try_from(text: Cow<'_, str>) -> Result<Self, Self::Error> {
        STANDARD
            .decode(text.as_bytes())
            .map(|bytes| Self(bytes.into()))
    }
}

impl Body {
    /// Keeps bytes.
    pub fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// How many bytes there are.
    pub fn len(&self) -> u64 {
        u64::try_from(self.0.len()).unwrap_or(u64::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> Bytes {
        self.0.clone()
    }

    /// Those of a range, cut to what there is.
    pub fn part(&self, range: Range<u64>) -> Bytes {
        let place = |at: u64| usize::try_from(at).map_or(self.0.len(), |at| at.min(self.0.len()));
        let end = place(range.end);
        self.0.slice(place(range.start).min(end)..end)
    }

    /// One body of many, in order.
    pub fn join<'a>(parts: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let mut all = BytesMut::with_capacity(parts.clone().map(|part| part.0.len()).sum());
        for part in parts {
            all.extend_from_slice(&part.0);
        }
        Self(all.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_stay_within_the_body() {
        let body = Body::new(Bytes::from_static(b"0123456789"));
        assert_eq!(body.part(2..5), "234");
        assert_eq!(body.part(8..99), "89");
        assert_eq!(body.part(50..99), "");
        let backwards = Range { start: 7, end: 3 };
        assert_eq!(body.part(backwards), "");
    }

    #[test]
    fn joins_in_order() {
        let parts = [
            Body::new(Bytes::from_static(b"ab")),
            Body::default(),
            Body::new(Bytes::from_static(b"c")),
        ];
        assert_eq!(Body::join(parts.iter()).all(), "abc");
    }
}
