//! What Sigma's encoding modifiers make of a text: base64, base64offset, wide, windash.
//!
//! Owns the encodings. Must not match anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The base64 text of the bytes.
pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// The three texts of which one stands in any base64 text that holds the bytes, whatever their
/// place in it.
pub(crate) fn base64_offsets(bytes: &[u8]) -> Vec<String> {
    (0..3usize)
        .map(|offset| {
            let mut padded = vec![b' '; offset];
            padded.extend_from_slice(bytes);
            let encoded = STANDARD.encode(&padded);
            // The first characters still depend on the padding, the last on what would follow.
            let start = match offset {
                0 => 0,
                1 => 2,
                _ => 3,
            };
            let cut = match padded.len() % 3 {
                0 => 0,
                1 => 3,
                _ => 2,
            };
            let end = encoded.len().saturating_sub(cut);
            encoded.get(start..end).unwrap_or_default().to_owned()
        })
        .collect()
}

/// UTF-16, little endian.
pub(crate) fn utf16le(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

/// UTF-16, big endian.
pub(crate) fn utf16be(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

/// UTF-16 with a byte order mark.
pub(crate) fn utf16(text: &str) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xfe];
    bytes.extend(utf16le(text));
    bytes
}

const DASHES: [char; 5] = ['-', '/', '–', '—', '―'];
/// Beyond this many dashes in a value they are replaced together: 5^n variants help nobody.
const FREE_DASHES: usize = 3;

/// The text with each dash or slash that opens a word written in every way that Windows takes.
pub(crate) fn windash(text: &str) -> Vec<String> {
    let chars: Vec<char> = text.chars().collect();
    let word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let places: Vec<usize> = chars
        .iter()
        .enumerate()
        .filter(|(at, c)| {
            matches!(c, '-' | '/')
                && !at
                    .checked_sub(1)
                    .is_some_and(|before| word(chars.get(before)))
                && word(chars.get(at + 1))
        })
        .map(|(at, _)| at)
        .collect();
    let with = |chars: &[char], at: usize, dash: char| -> Vec<char> {
        let mut changed = chars.to_vec();
        if let Some(place) = changed.get_mut(at) {
            *place = dash;
        }
        changed
    };
    let mut variants = vec![chars.clone()];
    if places.len() <= FREE_DASHES {
        for at in places {
            variants = variants
                .iter()
                .flat_map(|variant| DASHES.map(|dash| with(variant, at, dash)))
                .collect();
        }
    } else {
        variants = DASHES
            .iter()
            .map(|dash| {
                places
                    .iter()
                    .fold(chars.clone(), |variant, at| with(&variant, *at, *dash))
            })
            .collect();
        variants.push(chars);
    }
    variants.into_iter().map(String::from_iter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn an_offset_text_stands_in_the_encoding(
            before in proptest::collection::vec(any::<u8>(), 0..8),
            value in proptest::collection::vec(any::<u8>(), 3..12),
            after in proptest::collection::vec(any::<u8>(), 0..8),
        ) {
            let whole = base64(&[before.clone(), value.clone(), after].concat());
            let texts = base64_offsets(&value);
            prop_assert!(whole.contains(&texts[before.len() % 3]), "{texts:?} in {whole}");
        }
    }

    #[test]
    fn known_encodings() {
        assert_eq!(base64(b"foobar"), "Zm9vYmFy");
        assert_eq!(base64_offsets(b"foo"), ["Zm9v", "Zvb", "mb2"]);
        assert_eq!(utf16le("ab"), b"a\0b\0");
        assert_eq!(utf16be("ab"), b"\0a\0b");
        assert_eq!(utf16("a"), [0xff, 0xfe, b'a', 0]);
    }

    #[test]
    fn dashes_only_where_an_option_begins() {
        let variants = windash("cmd -foo a-b");
        assert!(variants.contains(&"cmd /foo a-b".to_owned()));
        assert!(variants.contains(&"cmd —foo a-b".to_owned()));
        assert_eq!(variants.len(), 5);
        assert_eq!(windash("plain"), ["plain"]);
        assert_eq!(windash("-a -b -c -d -e").len(), 6);
    }
}
