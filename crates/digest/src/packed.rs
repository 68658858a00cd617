//! From a file as it lies in the bucket to what was hashed.
//!
//! Owns the one form that CloudTrail writes: a single member of gzip and nothing behind it.

use std::io::Read as _;

use aws_lc_rs::digest;
use flate2::bufread::GzDecoder;

/// What no file of CloudTrail's comes near.
const LONGEST: u64 = 1 << 30;

/// Why a file cannot be unpacked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackedError {
    /// It is not gzip, or is torn.
    #[error("it is not a whole gzip file")]
    Form,
    /// Something stands behind its end.
    #[error("something stands behind the end of the gzip file")]
    Behind,
    /// It is too long to be a file of CloudTrail's.
    #[error("it unpacks to more than 1 GiB")]
    Long,
}

/// Unpacks a file.
///
/// # Errors
/// [`PackedError`].
pub fn unpack(bytes: &[u8]) -> Result<Vec<u8>, PackedError> {
    let mut decoder = GzDecoder::new(bytes).take(LONGEST);
    let mut content = Vec::new();
    decoder
        .read_to_end(&mut content)
        .map_err(|_| PackedError::Form)?;
    if decoder.limit() == 0 {
        return Err(PackedError::Long);
    }
    if !decoder.into_inner().into_inner().is_empty() {
        return Err(PackedError::Behind);
    }
    Ok(content)
}

/// In hexadecimal digits.
pub fn sha256(content: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, content))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn one_member_and_nothing_behind_it() {
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(b"content").unwrap();
        let packed = gz.finish().unwrap();
        assert_eq!(unpack(&packed).unwrap(), b"content");
        let torn = packed.split_last().unwrap().1;
        assert_eq!(unpack(torn), Err(PackedError::Form));
        let mut longer = packed;
        longer.push(0);
        assert_eq!(unpack(&longer), Err(PackedError::Behind));
        assert_eq!(unpack(b"content"), Err(PackedError::Form));
        assert_eq!(unpack(b""), Err(PackedError::Form));
    }
}
