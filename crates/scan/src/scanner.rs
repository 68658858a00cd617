//! One pass over bytes that hold records: each record's members, and where it ends.
//!
//! Owns the grammar of an object at its own level. What lies deeper is passed over by its brackets.

use crate::blocks::{BLOCK, Carry, Masks};

/// Why a record could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The bytes end before it does.
    Cut,
    /// This byte cannot stand where it does.
    Wrong {
        /// Where.
        at: usize,
        /// What would have been in order.
        wanted: &'static str,
    },
}

/// Where a member of an object stands: places in the bytes that were scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Member {
    /// The first byte of the key, after its quote.
    pub key: u32,
    /// The closing quote of the key.
    pub key_end: u32,
    /// The first byte of the value.
    pub value: u32,
    /// The byte after the value.
    pub value_end: u32,
}

impl Member {
    /// The key as it is written, without its quotes.
    pub fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.key as usize..self.key_end as usize)
            .unwrap_or_default()
    }

    /// The value as it is written.
    pub fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.value as usize..self.value_end as usize)
            .unwrap_or_default()
    }
}

/// How far a scan of an object came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// To its end: the byte after it.
    Done(usize),
    /// To an array that the caller wants to look through: the last member, whose value has no end yet,
    /// begins with this bracket.
    List(usize),
}

/// Goes forward over bytes, block by block. It cannot go back.
#[derive(Debug)]
pub struct Scanner<'a> {
    bytes: &'a [u8],
    block: usize,
    masks: Masks,
    carry: Carry,
}

impl<'a> Scanner<'a> {
    /// Begins at `start`, which must lie outside of a string. At most 4 GiB can be scanned.
    #[inline]
    pub fn new(bytes: &'a [u8], start: usize) -> Self {
        let mut scanner = Self {
            bytes,
            block: start,
            masks: Masks::default(),
            carry: Carry::default(),
        };
        scanner.load();
        scanner
    }

    /// The bytes that are scanned.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn load(&mut self) {
        let rest = self.bytes.get(self.block..).unwrap_or_default();
        self.masks = match rest.first_chunk::<BLOCK>() {
            Some(block) => Masks::of(block, &mut self.carry),
            None => {
                let mut padded = [b' '; BLOCK];
                padded
                    .iter_mut()
                    .zip(rest)
                    .for_each(|(to, from)| *to = *from);
                Masks::of(&padded, &mut self.carry)
            }
        };
    }

    /// Goes on to the next block; false where there is none.
    #[inline]
    fn advance(&mut self) -> bool {
        self.block += BLOCK;
        if self.block >= self.bytes.len() {
            self.masks = Masks::default();
            return false;
        }
        self.load();
        true
    }

    /// Goes on to the block that holds `at`, and answers the mask of the bytes from there on.
    #[inline]
    fn reach(&mut self, at: usize) -> Result<u64, Fault> {
        while at >= self.block + BLOCK {
            if !self.advance() {
                return Err(Fault::Cut);
            }
        }
        Ok(u64::MAX << (at.saturating_sub(self.block) & 63))
    }

    /// The next quote that opens or closes a string.
    #[inline]
    fn quote(&mut self, from: usize) -> Result<usize, Fault> {
        let mut ahead = self.reach(from)?;
        loop {
            let found = self.masks.quotes & ahead;
            if found != 0 {
                return Ok(self.block + found.trailing_zeros() as usize);
            }
            if !self.advance() {
                return Err(Fault::Cut);
            }
            ahead = u64::MAX;
        }
    }

    /// The bracket that closes the one at `open`.
    #[inline]
    fn close(&mut self, open: usize) -> Result<usize, Fault> {
        let mut ahead = self.reach(open)?;
        let mut depth = 0u32;
        loop {
            let opens = self.masks.opens & ahead;
            let mut closes = self.masks.closes & ahead;
            // Where the block has too few closing brackets to come back, they need not be told apart.
            if closes.count_ones() < depth {
                depth = depth + opens.count_ones() - closes.count_ones();
            } else {
                let mut counted = 0;
                while closes != 0 {
                    let close = closes.trailing_zeros();
                    let before = (opens & ((1u64 << close) - 1)).count_ones();
                    // So many are open just before this one closes.
                    let standing = depth + before - counted;
                    counted += 1;
                    if standing <= 1 {
                        return Ok(self.block + close as usize);
                    }
                    closes &= closes - 1;
                }
                depth = depth + opens.count_ones() - counted;
            }
            if !self.advance() {
                return Err(Fault::Cut);
            }
            ahead = u64::MAX;
        }
    }

    /// The next byte that is no white space, and its place.
    #[inline(always)]
    pub fn visible(&self, at: usize) -> Result<(u8, usize), Fault> {
        match self.bytes.get(at) {
            Some(byte) if *byte > b' ' => Ok((*byte, at)),
            _ => self.after_space(at),
        }
    }

    #[cold]
    #[inline(never)]
    fn after_space(&self, mut at: usize) -> Result<(u8, usize), Fault> {
        loop {
            match self.bytes.get(at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => at += 1,
                Some(byte) => return Ok((*byte, at)),
                None => return Err(Fault::Cut),
            }
        }
    }

    /// The byte after the value that begins at `at`.
    #[inline]
    pub fn value(&mut self, at: usize) -> Result<usize, Fault> {
        match self.bytes.get(at) {
            Some(b'"') => Ok(self.quote(at + 1)? + 1),
            Some(b'{' | b'[') => Ok(self.close(at)? + 1),
            Some(_) => self.literal(at),
            None => Err(Fault::Cut),
        }
    }

    fn literal(&self, at: usize) -> Result<usize, Fault> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r'))
            .ok_or(Fault::Cut)?;
        let text = rest.get(..length).unwrap_or_default();
        if is_literal(text) {
            Ok(at + length)
        } else {
            Err(Fault::Wrong {
                at,
                wanted: "a value",
            })
        }
    }

    /// Scans the object that opens at `open`, and notes its members. It stops at an array whose key
    /// `wanted` takes, at its bracket.
    #[inline]
    pub fn object(
        &mut self,
        open: usize,
        members: &mut Vec<Member>,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Step, Fault> {
        members.clear();
        self.members(open + 1, members, wanted)
    }

    /// Goes on within an object, where a key may stand.
    #[inline]
    pub fn members(
        &mut self,
        from: usize,
        members: &mut Vec<Member>,
        wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Step, Fault> {
        let mut at = from;
        let mut first = true;
        loop {
            let (byte, place) = self.visible(at)?;
            if byte == b'}' && first {
                return Ok(Step::Done(place + 1));
            }
            if byte != b'"' {
                return Err(Fault::Wrong {
                    at: place,
                    wanted: "a key in quotes",
                });
            }
            first = false;
            let key_end = self.quote(place + 1)?;
            let (byte, colon) = self.visible(key_end + 1)?;
            if byte != b':' {
                return Err(Fault::Wrong {
                    at: colon,
                    wanted: "a colon",
                });
            }
            let (byte, value) = self.visible(colon + 1)?;
            let mut member = Member {
                key: narrow(place + 1),
                key_end: narrow(key_end),
                value: narrow(value),
                value_end: narrow(value),
            };
            if byte == b'[' && wanted(member.key(self.bytes)) {
                members.push(member);
                return Ok(Step::List(value));
            }
            let end = self.value(value)?;
            member.value_end = narrow(end);
            members.push(member);
            match self.next(end, b'}')? {
                Next::More(place) => at = place,
                Next::End(place) => return Ok(Step::Done(place)),
            }
        }
    }

    /// What follows an element or a member: a comma, or the bracket that closes.
    #[inline]
    pub fn next(&self, at: usize, close: u8) -> Result<Next, Fault> {
        let (byte, place) = self.visible(at)?;
        if byte == b',' {
            Ok(Next::More(place + 1))
        } else if byte == close {
            Ok(Next::End(place + 1))
        } else {
            Err(Fault::Wrong {
                at: place,
                wanted: "a comma or a closing bracket",
            })
        }
    }
}

/// What follows an element or a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Another one, from here on.
    More(usize),
    /// The end of what holds it: the byte after.
    End(usize),
}

/// Places fit: no more than 4 GiB are scanned at once.
#[inline]
fn narrow(place: usize) -> u32 {
    u32::try_from(place).unwrap_or(u32::MAX)
}

fn is_literal(text: &[u8]) -> bool {
    match text.first() {
        Some(b't') => text == b"true",
        Some(b'f') => text == b"false",
        Some(b'n') => text == b"null",
        Some(b'-' | b'0'..=b'9') => text
            .iter()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E')),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            r#"[a"\\{}\[\],: é]{0,12}"#.prop_map(Value::from),
            "[a-z{\"]{60,140}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                proptest::collection::btree_map(r#"[a"\\{}é]{0,5}"#, inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn members_are_those_of_the_tree(
            map in proptest::collection::btree_map("[a-c\"]{1,4}", json(), 0..8),
            pretty in any::<bool>(),
            before in " {0,70}",
        ) {
            let value = Value::Object(map.into_iter().collect());
            let text = if pretty { format!("{before}{value:#}") } else { format!("{before}{value}") };
            let bytes = text.as_bytes();
            let mut members = Vec::new();
            let end = Scanner::new(bytes, 0).object(before.len(), &mut members, |_| false);
            prop_assert_eq!(end, Ok(Step::Done(bytes.len())));
            let mut read = serde_json::Map::new();
            for member in &members {
                let key = [b"\"", member.key(bytes), b"\""].concat();
                read.insert(
                    serde_json::from_slice(&key).unwrap(),
                    serde_json::from_slice(member.value(bytes)).unwrap(),
                );
            }
            prop_assert_eq!(Value::Object(read), value);
        }

        #[test]
        fn every_cut_is_told_and_nothing_panics(value in json(), cut in 0usize..400) {
            let text = serde_json::json!({"a": value, "b": 1}).to_string();
            let cut = cut.min(text.len() - 1);
            let result = Scanner::new(&text.as_bytes()[..cut], 0).object(0, &mut Vec::new(), |_| false);
            prop_assert_eq!(result, Err(Fault::Cut));
        }

        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), start in 0usize..300) {
            let _ = Scanner::new(&bytes, start).object(start, &mut Vec::new(), |_| false);
        }

        #[test]
        fn no_text_like_json_panics(text in r#"[{}\[\]:,"\\ a1-]{0,200}"#) {
            let _ = Scanner::new(text.as_bytes(), 0).object(0, &mut Vec::new(), |_| true);
        }
    }

    #[test]
    fn a_list_is_stopped_at_and_faults_have_a_place() {
        let text = br#"{"a": [1], "Records": [{}]}"#;
        let mut members = Vec::new();
        let step = Scanner::new(text, 0).object(0, &mut members, |key| key == b"Records");
        assert_eq!(step, Ok(Step::List(22)));
        assert_eq!(members.len(), 2);
        for (text, at) in [
            (r#"{"a" 1}"#, 5),
            (r#"{"a":1 "b":2}"#, 7),
            (r#"{"a":tru}"#, 5),
            (r#"{"a":1,}"#, 7),
            (r#"{a:1}"#, 1),
        ] {
            let fault = Scanner::new(text.as_bytes(), 0).object(0, &mut members, |_| false);
            assert!(
                matches!(fault, Err(Fault::Wrong { at: found, .. }) if found == at),
                "{text} {fault:?}"
            );
        }
    }
}
