//! The checksums that S3's clients send: CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::AwsError;

/// The checksum of some bytes in base64, by the algorithm's name (`crc32`, `SHA256`); none for an algorithm that is
/// not known here.
pub fn checksum(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let sum = match algorithm.to_ascii_lowercase().as_str() {
        "crc32" => crc32(bytes, &CRC32).to_be_bytes().to_vec(),
        "crc32c" => crc32(bytes, &CRC32C).to_be_bytes().to_vec(),
        "crc64nvme" => crc64(bytes).to_be_bytes().to_vec(),
        "sha1" => digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, bytes)
            .as_ref()
            .to_vec(),
        "sha256" => digest::digest(&digest::SHA256, bytes).as_ref().to_vec(),
        "sha512" => digest::digest(&digest::SHA512, bytes).as_ref().to_vec(),
        _ => return None,
    };
    Some(STANDARD.encode(sum))
}

/// Holds bytes against a stated checksum. An algorithm that is not known here passes.
///
/// # Errors
/// `BadDigest` if the checksum is another, `InvalidRequest` if it is none.
pub fn check(algorithm: &str, stated: &str, bytes: &[u8]) -> Result<(), AwsError> {
    let Some(computed) = checksum(algorithm, bytes) else {
        return Ok(());
    };
    if computed == stated {
        return Ok(());
    }
    let shaped = STANDARD
        .decode(stated)
        .is_ok_and(|sum| STANDARD.encode(sum).len() == computed.len());
    Err(if shaped {
        let name = algorithm.to_ascii_uppercase();
        AwsError::new(
            400,
            "BadDigest",
            format!("The {name} you specified did not match the calculated checksum."),
        )
    } else {
        let name = algorithm.to_ascii_lowercase();
        AwsError::new(
            400,
            "InvalidRequest",
            format!("Value for x-amz-checksum-{name} header is invalid."),
        )
    })
}

static CRC32: [u32; 256] = table32(0xEDB8_8320);
static CRC32C: [u32; 256] = table32(0x82F6_3B78);
static CRC64: [u64; 256] = table64(0x9A6C_9329_AC4B_C9B5);

const fn table32(polynomial: u32) -> [u32; 256] {
    let mut table = [0; 256];
    let mut at = 0u32;
    while at < 256 {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ polynomial
            } else {
                value >> 1
            };
            bit += 1;
        }
        fill(&mut table, at as usize, value);
        at += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs when the program is built, with at below 256"
)]
const fn fill(table: &mut [u32; 256], at: usize, value: u32) {
    table[at] = value;
}

#[expect(
    clippy::indexing_slicing,
    reason = "runs when the program is built, with at below 256"
)]
const fn table64(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut at = 0u64;
    while at < 256 {
        let mut value = at;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 1 == 1 {
                (value >> 1) ^ polynomial
            } else {
                value >> 1
            };
            bit += 1;
        }
        table[at as usize] = value;
        at += 1;
    }
    table
}

#[expect(
    clippy::indexing_slicing,
    reason = "the index is one byte, the table has 256 places"
)]
fn crc32(bytes: &[u8], table: &[u32; 256]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| {
        let [low, ..] = sum.to_le_bytes();
        (sum >> 8) ^ table[usize::from(low ^ byte)]
    })
}

#[expect(
    clippy::indexing_slicing,
    reason = "the index is one byte, the table has 256 places"
)]
fn crc64(bytes: &[u8]) -> u64 {
    !bytes.iter().fold(!0, |sum: u64, byte| {
        let [low, ..] = sum.to_le_bytes();
        (sum >> 8) ^ CRC64[usize::from(low ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_are_those_of_the_catalogue() {
        let text = b"123456789";
        assert_eq!(crc32(text, &CRC32), 0xCBF4_3926);
        assert_eq!(crc32(text, &CRC32C), 0xE306_9283);
        assert_eq!(crc64(text), 0xAE8B_1486_0A79_9888);
        assert_eq!(
            checksum("SHA1", b"").unwrap(),
            "2jmj7l5rSw0yVb/vlWAYkK/YBwk="
        );
    }

    #[test]
    fn a_wrong_checksum_is_refused() {
        assert!(check("crc32", &checksum("crc32", b"a").unwrap(), b"a").is_ok());
        assert_eq!(
            check("crc32", &checksum("crc32", b"b").unwrap(), b"a")
                .unwrap_err()
                .code,
            "BadDigest"
        );
        assert_eq!(
            check("sha256", "nonsense", b"a").unwrap_err().code,
            "InvalidRequest"
        );
        assert!(check("xxhash3", "anything", b"a").is_ok());
    }
}
