//! DER, as far as certificates and public keys need it: one element after the other.
//!
//! Owns tags and lengths. Knows no structure.

/// A sequence, or a set of named parts.
pub(crate) const SEQUENCE: u8 = 0x30;
/// A whole number.
pub(crate) const INTEGER: u8 = 0x02;
/// A string of bits; its first byte says how many of the last ones do not count.
pub(crate) const BIT_STRING: u8 = 0x03;
/// A string of bytes.
pub(crate) const OCTET_STRING: u8 = 0x04;
/// The name of a thing.
pub(crate) const OBJECT_IDENTIFIER: u8 = 0x06;
/// A time with a year of two digits.
pub(crate) const UTC_TIME: u8 = 0x17;
/// A time with a year of four digits.
pub(crate) const GENERALIZED_TIME: u8 = 0x18;

/// Reads elements from the front of some bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: u8,
    /// What is in it.
    pub(crate) content: &'a [u8],
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tag of the next element.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.0.first().copied()
    }

    /// The next element; none where the bytes are none.
    pub(crate) fn next(&mut self) -> Option<Element<'a>> {
        let all = self.0;
        let (&tag, rest) = all.split_first()?;
        // Tags of more than one byte are in nothing that is read here.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x84 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = bytes
                    .iter()
                    .fold(0_usize, |length, byte| (length << 8) | usize::from(*byte));
                // DER has one way to say a length.
                if length < 0x80 || bytes.first() == Some(&0) {
                    return None;
                }
                (length, rest)
            }
            _ => return None,
        };
        let (content, after) = rest.split_at_checked(length)?;
        let whole = all.get(..all.len().checked_sub(after.len())?)?;
        self.0 = after;
        Some(Element {
            tag,
            content,
            whole,
        })
    }

    /// The next element, which must be of this kind.
    pub(crate) fn expect(&mut self, tag: u8) -> Option<Element<'a>> {
        self.next().filter(|element| element.tag == tag)
    }

    /// What is in the next element, which must be a sequence.
    pub(crate) fn sequence(&mut self) -> Option<Self> {
        Some(Self(self.expect(SEQUENCE)?.content))
    }

    /// The next element as a whole number that is not negative, without leading zeros.
    pub(crate) fn unsigned(&mut self) -> Option<&'a [u8]> {
        match self.expect(INTEGER)?.content {
            [0, rest @ ..] if !rest.is_empty() => Some(rest),
            bytes @ [first, ..] if *first < 0x80 => Some(bytes),
            _ => None,
        }
    }

    /// The bytes of the next element, which must be a string of whole bytes.
    pub(crate) fn bits(&mut self) -> Option<&'a [u8]> {
        match self.expect(BIT_STRING)?.content {
            [0, rest @ ..] => Some(rest),
            _ => None,
        }
    }
}

/// An element around its content.
pub(crate) fn wrap(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut wrapped = vec![tag];
    let length = content.len();
    if length < 0x80 {
        wrapped.push(u8::try_from(length).unwrap_or_default());
    } else {
        let bytes: Vec<u8> = length
            .to_be_bytes()
            .into_iter()
            .skip_while(|byte| *byte == 0)
            .collect();
        wrapped.push(0x80 | u8::try_from(bytes.len()).unwrap_or_default());
        wrapped.extend(bytes);
    }
    wrapped.extend_from_slice(content);
    wrapped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrapped_reads_back() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let wrapped = wrap(OCTET_STRING, &content);
            let mut reader = Reader::new(&wrapped);
            let element = reader.expect(OCTET_STRING).unwrap();
            assert_eq!(element.content, content);
            assert_eq!(element.whole, wrapped);
            assert!(reader.is_empty());
        }
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        for bytes in [
            &[][..],
            &[0x30],
            &[0x30, 5, 1],
            &[0x30, 0x80, 0, 0],
            &[0x30, 0x81, 5, 1, 2, 3, 4, 5],
            &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
            &[0x3f, 1, 1],
        ] {
            assert!(Reader::new(bytes).next().is_none(), "{bytes:?}");
        }
        assert!(Reader::new(&[0x02, 1, 0x80]).unsigned().is_none());
        assert_eq!(
            Reader::new(&[0x02, 2, 0, 0x80]).unsigned(),
            Some(&[0x80][..])
        );
    }
}
