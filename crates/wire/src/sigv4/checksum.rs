//! The checksums that S3's clients send: CRC-32, CRC-32C, CRC-64/NVME, SHA-1, SHA-256.

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};

use crate::AwsError;

/// The checksum of some bytes in base64, by the algorithm's name (`crc32`, `SHA256`); none for an algorithm that is
/// not known here.
pub fn checksum(algorithm: &str, bytes: &[u8]) -> Option<String> {
    let sum = match algorithm.to_ascii_lowercase().as_str() {
        "crc32" => CRC32.checksum(bytes).to_be_bytes().to_vec(),
        "crc32c" => CRC32C.checksum(bytes).to_be_bytes().to_vec(),
        "crc64nvme" => CRC64NVME.checksum(bytes).to_be_bytes().to_vec(),
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

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_values_are_those_of_the_catalogue() {
        let text = b"123456789";
        assert_eq!(CRC32.checksum(text), 0xCBF4_3926);
        assert_eq!(CRC32C.checksum(text), 0xE306_9283);
        assert_eq!(CRC64NVME.checksum(text), 0xAE8B_1486_0A79_9888);
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
