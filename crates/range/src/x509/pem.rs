//! PEM (RFC 7468): labelled blocks of base 64, with nothing but white space between them.
//!
//! Owns the envelope. What is in it is somebody else's.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// A block.
pub struct Block {
    /// As in `CERTIFICATE`.
    pub label: String,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// The blocks of a text; none where it is not PEM.
pub fn read(text: &str) -> Option<Vec<Block>> {
    let mut rest = text.trim();
    let mut blocks = Vec::new();
    while !rest.is_empty() {
        let (label, after) = rest.strip_prefix("-----BEGIN ")?.split_once("-----")?;
        let end = format!("-----END {label}-----");
        let (body, after) = after.split_once(&end)?;
        // Headers, as encrypted keys have them, are no base 64: such a block is refused here.
        let letters: String = body.split_ascii_whitespace().collect();
        blocks.push(Block {
            label: label.to_owned(),
            bytes: STANDARD.decode(letters).ok()?,
        });
        rest = after.trim();
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_and_nothing_else_is_passed_over() {
        let one = "-----BEGIN A B-----\r\nAQ\r\nID\r\n-----END A B-----\r\n";
        let blocks = read(&format!("\n{one}\n{one}")).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!(
            (blocks[0].label.as_str(), blocks[0].bytes.as_slice()),
            ("A B", &[1, 2, 3][..])
        );
        assert!(read("").unwrap().is_empty());
        for bad in [
            "x",
            "-----BEGIN A-----\nAQID\n-----END B-----",
            "-----BEGIN A-----\nAQID",
            "-----BEGIN A-----\nDEK-Info: x\n\nAQID\n-----END A-----",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
        assert!(read(&format!("{one}rest")).is_none());
    }
}
