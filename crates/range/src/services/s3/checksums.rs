//! Checksums of objects and parts: which one a client claims, whether it is true, and the combined ones
//! of multipart uploads.
//!
//! Owns the algorithms and the errors about them. Reads no state.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crc::{CRC_32_ISCSI, CRC_32_ISO_HDLC, CRC_64_NVME, Crc, Table};
use md5::{Digest as _, Md5};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_wire::{AwsError, Object};

use super::errors;

static CRC32: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC);
static CRC32C: Crc<u32, Table<16>> = Crc::<u32, Table<16>>::new(&CRC_32_ISCSI);
static CRC64NVME: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&CRC_64_NVME);

/// How a checksum is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Algorithm {
    /// As zip has it.
    Crc32,
    /// Castagnoli's.
    Crc32c,
    /// As NVMe has it; what S3 makes by itself when a client claims nothing.
    Crc64Nvme,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
    /// 64 bytes.
    Sha512,
    /// 16 bytes.
    Md5,
}

impl Algorithm {
    /// Every algorithm.
    pub const ALL: [Self; 7] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
        Self::Sha512,
        Self::Md5,
    ];

    /// As `ChecksumAlgorithm` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
            Self::Md5 => "MD5",
        }
    }

    /// The member of requests and answers that carries the value.
    pub fn member(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
            Self::Sha512 => "ChecksumSHA512",
            Self::Md5 => "ChecksumMD5",
        }
    }

    /// The header that carries the value.
    pub fn header(self) -> String {
        format!("x-amz-checksum-{}", self.name().to_ascii_lowercase())
    }

    /// The algorithm of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// Whether checksums of parts can be combined into that of the whole.
    pub fn allows_full_object(self) -> bool {
        matches!(self, Self::Crc32 | Self::Crc32c | Self::Crc64Nvme)
    }

    /// The checksum's bytes.
    pub fn digest(self, bytes: &[u8]) -> Vec<u8> {
        let sha = |algorithm| digest::digest(algorithm, bytes).as_ref().to_vec();
        match self {
            Self::Crc32 => CRC32.checksum(bytes).to_be_bytes().to_vec(),
            Self::Crc32c => CRC32C.checksum(bytes).to_be_bytes().to_vec(),
            Self::Crc64Nvme => CRC64NVME.checksum(bytes).to_be_bytes().to_vec(),
            Self::Sha1 => sha(&digest::SHA1_FOR_LEGACY_USE_ONLY),
            Self::Sha256 => sha(&digest::SHA256),
            Self::Sha512 => sha(&digest::SHA512),
            Self::Md5 => Md5::digest(bytes).to_vec(),
        }
    }

    /// How many bytes a checksum has.
    fn width(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }
}

/// What a checksum is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Coverage {
    /// The object's bytes.
    FullObject,
    /// The checksums of its parts.
    Composite,
}

impl Coverage {
    /// As `ChecksumType` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::FullObject => "FULL_OBJECT",
            Self::Composite => "COMPOSITE",
        }
    }
}

/// A checksum that S3 keeps and gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// How it was made.
    pub algorithm: Algorithm,
    /// Base64; of a composite one with `-` and the number of parts behind it.
    pub value: String,
    /// What it is of.
    pub coverage: Coverage,
}

impl Checksum {
    /// That of an object's bytes.
    pub fn of(algorithm: Algorithm, bytes: &[u8]) -> Self {
        Self {
            algorithm,
            value: BASE64.encode(algorithm.digest(bytes)),
            coverage: Coverage::FullObject,
        }
    }

    /// That of the checksums of parts.
    pub fn of_parts<'a>(
        algorithm: Algorithm,
        parts: impl ExactSizeIterator<Item = &'a str>,
    ) -> Self {
        let count = parts.len();
        let joined: Vec<u8> = parts
            .flat_map(|part| BASE64.decode(part).unwrap_or_default())
            .collect();
        Self {
            algorithm,
            value: format!("{}-{count}", BASE64.encode(algorithm.digest(&joined))),
            coverage: Coverage::Composite,
        }
    }

    /// Adds the value (not the type) to an answer.
    pub fn write_value(&self, output: &mut Object) {
        output.insert(self.algorithm.member().to_owned(), json!(self.value));
    }

    /// Adds the value and the type to an answer.
    pub fn write(&self, output: &mut Object) {
        self.write_value(output);
        output.insert("ChecksumType".to_owned(), json!(self.coverage.name()));
    }
}

/// The MD5 of bytes as an ETag has it: hexadecimal, without quotes.
pub fn etag(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

/// The ETag of an object that was put together of parts with these ETags.
pub fn etag_of_parts<'a>(parts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let count = parts.len();
    let joined: Vec<u8> = parts
        .flat_map(|part| hex::decode(part).unwrap_or_default())
        .collect();
    format!("{}-{count}", etag(&joined))
}

/// The checksum that a request's members claim.
///
/// # Errors
/// `InvalidRequest` where there are several, or where one is no checksum of its kind.
pub fn claimed(input: &Object) -> Result<Option<Checksum>, AwsError> {
    let mut found = None;
    for algorithm in Algorithm::ALL {
        let Some(value) = input.get(algorithm.member()).and_then(Value::as_str) else {
            continue;
        };
        if found.is_some() {
            return Err(errors::invalid_request(
                "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
            ));
        }
        let fits = BASE64
            .decode(value)
            .is_ok_and(|bytes| bytes.len() == algorithm.width());
        if !fits {
            return Err(errors::invalid_request(format!(
                "Value for {} header is invalid.",
                algorithm.header()
            )));
        }
        found = Some(Checksum {
            algorithm,
            value: value.to_owned(),
            coverage: Coverage::FullObject,
        });
    }
    Ok(found)
}

/// Checks what a request claims of its body: `Content-MD5` and a checksum. Answers the checksum to keep:
/// the claimed one, or none. `trailer` is the header `x-amz-trailer`, of a body whose checksum came behind it and
/// was checked when the body was read.
///
/// # Errors
/// `BadDigest`, `InvalidDigest`, `InvalidRequest`.
pub fn verify(
    input: &Object,
    trailer: Option<&str>,
    bytes: &[u8],
) -> Result<Option<Checksum>, AwsError> {
    verify_md5(input, bytes)?;
    let Some(claim) = claimed(input)? else {
        let named = |trailer: &str| {
            Algorithm::ALL
                .into_iter()
                .find(|algorithm| trailer.trim().eq_ignore_ascii_case(&algorithm.header()))
        };
        return Ok(trailer
            .and_then(named)
            .map(|algorithm| Checksum::of(algorithm, bytes)));
    };
    let actual = Checksum::of(claim.algorithm, bytes);
    if actual.value != claim.value {
        return Err(AwsError::new(
            400,
            "BadDigest",
            format!(
                "The {} you specified did not match the calculated checksum.",
                claim.algorithm.name()
            ),
        ));
    }
    Ok(Some(actual))
}

fn verify_md5(input: &Object, bytes: &[u8]) -> Result<(), AwsError> {
    let Some(claim) = input.get("ContentMD5").and_then(Value::as_str) else {
        return Ok(());
    };
    let well_formed = BASE64.decode(claim).is_ok_and(|bytes| bytes.len() == 16);
    if !well_formed {
        return Err(errors::with(
            AwsError::new(
                400,
                "InvalidDigest",
                "The Content-MD5 you specified was invalid.",
            ),
            [("Content-MD5", claim)],
        ));
    }
    let actual = BASE64.encode(Md5::digest(bytes));
    if actual == claim {
        return Ok(());
    }
    Err(errors::with(
        AwsError::new(
            400,
            "BadDigest",
            "The Content-MD5 you specified did not match what we received.",
        ),
        [("ExpectedDigest", claim), ("CalculatedDigest", &actual)],
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(value: Value) -> Object {
        match value {
            Value::Object(object) => object,
            _ => panic!("not an object"),
        }
    }

    #[test]
    fn algorithms_give_the_published_check_values() {
        let expected = [
            (Algorithm::Crc32, "cbf43926"),
            (Algorithm::Crc32c, "e3069283"),
            (Algorithm::Crc64Nvme, "ae8b14860a799888"),
            (Algorithm::Sha1, "f7c3bc1d808e04732adf679965ccc34ca7ae3441"),
            (Algorithm::Md5, "25f9e794323b453885f5181f1b624d0b"),
        ];
        for (algorithm, check) in expected {
            assert_eq!(
                hex::encode(algorithm.digest(b"123456789")),
                check,
                "{algorithm:?}"
            );
        }
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.digest(b"x").len(), algorithm.width());
            assert_eq!(Algorithm::named(algorithm.name()), Some(algorithm));
        }
    }

    #[test]
    fn a_true_claim_is_kept_and_a_false_one_refused() {
        let truth = Checksum::of(Algorithm::Crc32, b"hello");
        let input = object(json!({"ChecksumCRC32": truth.value}));
        assert_eq!(verify(&input, None, b"hello"), Ok(Some(truth)));
        assert_eq!(
            verify(&input, None, b"hullo").unwrap_err().code,
            "BadDigest"
        );
        assert_eq!(verify(&Object::new(), None, b"anything"), Ok(None));
        let behind = verify(&Object::new(), Some("x-amz-checksum-sha256"), b"x");
        assert_eq!(behind, Ok(Some(Checksum::of(Algorithm::Sha256, b"x"))));
    }

    #[test]
    fn odd_claims_are_invalid_requests() {
        for bad in [
            json!({"ChecksumCRC32": "not base64!"}),
            json!({"ChecksumCRC32": "AAAA"}),
            json!({"ChecksumSHA256": "AAAAAA=="}),
            json!({"ChecksumCRC32": "AAAAAA==", "ChecksumCRC32C": "AAAAAA=="}),
        ] {
            let error = verify(&object(bad.clone()), None, b"x").unwrap_err();
            assert_eq!(
                (error.status, error.code.as_str()),
                (400, "InvalidRequest"),
                "{bad}"
            );
        }
    }

    #[test]
    fn content_md5_is_checked() {
        let good = object(json!({"ContentMD5": BASE64.encode(Md5::digest(b"hello"))}));
        assert_eq!(verify(&good, None, b"hello"), Ok(None));
        let error = verify(&good, None, b"hullo").unwrap_err();
        assert_eq!(error.code, "BadDigest");
        assert!(error.fields.contains_key("CalculatedDigest"));
        for bad in ["", "aGVsbG8=", "*"] {
            let input = object(json!({"ContentMD5": bad}));
            assert_eq!(
                verify(&input, None, b"hello").unwrap_err().code,
                "InvalidDigest"
            );
        }
    }

    #[test]
    fn parts_combine() {
        let both = [Md5::digest(b"a"), Md5::digest(b"b")].concat();
        assert_eq!(
            etag_of_parts([etag(b"a"), etag(b"b")].iter().map(String::as_str)),
            format!("{}-2", etag(&both))
        );
        let one = Checksum::of(Algorithm::Sha256, b"a").value;
        let all = Checksum::of_parts(Algorithm::Sha256, [one.as_str()].into_iter());
        assert_eq!(all.coverage, Coverage::Composite);
        assert_eq!(
            all.value,
            format!(
                "{}-1",
                BASE64.encode(Algorithm::Sha256.digest(&Algorithm::Sha256.digest(b"a")))
            )
        );
    }
}
