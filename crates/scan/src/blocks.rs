//! Sixty-four bytes at a time: which are quotes that open or close a string, which are brackets
//! outside of strings.
//!
//! Owns the bit masks. Must not know of records.

use wide::u8x16;

/// Bytes to a block: as many as a mask has bits.
pub(crate) const BLOCK: usize = 64;

/// What stands where in a block: bit n is byte n.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Masks {
    /// Quotes that open or close a string: none that is escaped.
    pub(crate) quotes: u64,
    /// `{` and `[` outside of strings.
    pub(crate) opens: u64,
    /// `}` and `]` outside of strings.
    pub(crate) closes: u64,
}

/// What a block leaves to the next.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Carry {
    /// All ones where the block ends within a string.
    string: u64,
    /// One where the next byte is escaped.
    escape: u64,
}

impl Masks {
    /// Reads a block, given what the one before left, and leaves the same to the next.
    #[inline]
    pub(crate) fn of(block: &[u8; BLOCK], carry: &mut Carry) -> Self {
        let lanes = lanes(block);
        let quotes = equal(&lanes, b'"');
        let backslashes = equal(&lanes, b'\\');
        // `[` and `{` differ in one bit, and so do `]` and `}`.
        let folded = lanes.map(|lane| lane | u8x16::splat(0x20));
        let opens = equal(&folded, b'{');
        let closes = equal(&folded, b'}');
        let escaped = if backslashes == 0 {
            std::mem::take(&mut carry.escape)
        } else {
            escaped(backslashes, &mut carry.escape)
        };
        let quotes = quotes & !escaped;
        let within = prefix_xor(quotes) ^ carry.string;
        carry.string = 0u64.wrapping_sub(within >> 63);
        Self {
            quotes,
            opens: opens & !within,
            closes: closes & !within,
        }
    }
}

#[inline]
fn lanes(block: &[u8; BLOCK]) -> [u8x16; 4] {
    let (quarters, _) = block.as_chunks::<16>();
    let mut lanes = [u8x16::ZERO; 4];
    for (lane, quarter) in lanes.iter_mut().zip(quarters) {
        *lane = u8x16::new(*quarter);
    }
    lanes
}

#[inline]
fn equal(lanes: &[u8x16; 4], byte: u8) -> u64 {
    let wanted = u8x16::splat(byte);
    let [a, b, c, d] = lanes.map(|lane| u64::from(lane.simd_eq(wanted).to_bitmask()));
    a | b << 16 | c << 32 | d << 48
}

/// Which bytes follow a backslash that is not itself escaped.
fn escaped(backslashes: u64, carry: &mut u64) -> u64 {
    let mut escaped = *carry;
    *carry = 0;
    let mut left = backslashes & !escaped;
    while left != 0 {
        let place = left.trailing_zeros();
        left &= left - 1;
        if place == 63 {
            *carry = 1;
        } else {
            let next = 1u64 << (place + 1);
            escaped |= next;
            left &= !next;
        }
    }
    escaped
}

/// Bit n is set where an odd number of bits up to and with n are: from a quote up to its partner.
#[inline]
fn prefix_xor(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The same, byte after byte.
    fn plainly(bytes: &[u8]) -> Vec<(bool, bool, bool)> {
        let (mut within, mut escape) = (false, false);
        bytes
            .iter()
            .map(|byte| {
                let is_escaped = std::mem::take(&mut escape);
                let quote = *byte == b'"' && !is_escaped;
                escape = *byte == b'\\' && !is_escaped;
                within ^= quote;
                // A closing quote is no bracket, so that it does not matter on which side it is.
                let outside = !within;
                (
                    quote,
                    outside && matches!(byte, b'{' | b'['),
                    outside && matches!(byte, b'}' | b']'),
                )
            })
            .collect()
    }

    proptest! {
        #[test]
        fn masks_agree_with_reading_byte_after_byte(text in r#"["\\{}\[\]a \x7f;]{0,200}"#) {
            let mut bytes = text.into_bytes();
            bytes.resize(256, b' ');
            let mut carry = Carry::default();
            let mut found = Vec::new();
            for block in bytes.as_chunks::<BLOCK>().0 {
                let masks = Masks::of(block, &mut carry);
                found.extend((0..64).map(|n| {
                    let bit = |mask: u64| mask >> n & 1 == 1;
                    (bit(masks.quotes), bit(masks.opens), bit(masks.closes))
                }));
            }
            prop_assert_eq!(found, plainly(&bytes));
        }
    }
}
