//! Names: of buckets, owners, versions, uploads, and the extended request id.
//!
//! Owns their forms and AWS's rules about them. Random ones are made of hexadecimal text that the id
//! source gives, so that drills repeat.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use stockade_model::AccountId;

/// How many random bytes stand behind a version id; each third of them makes four characters.
pub const VERSION_BYTES: usize = 24;

/// How many random bytes stand behind an upload id.
pub const UPLOAD_BYTES: usize = 96;

const RESERVED_PREFIXES: [&str; 4] = ["xn--", "sthree-", "amzn-s3-demo-", "amzn_s3_demo_"];
const RESERVED_SUFFIXES: [&str; 5] = ["-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"];

/// Whether S3 lets a new bucket have the name.
pub fn is_bucket_name(name: &str) -> bool {
    let alphanumeric =
        |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.')
        && alphanumeric(name.chars().next())
        && alphanumeric(name.chars().next_back())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !RESERVED_PREFIXES.iter().any(|p| name.starts_with(p))
        && !RESERVED_SUFFIXES.iter().any(|s| name.ends_with(s))
}

/// The canonical user id of an account: 64 hexadecimal digits, the same for ever.
pub fn canonical_id(account: &AccountId) -> String {
    let text = format!("canonical user of {account}");
    hex::encode(digest::digest(&digest::SHA256, text.as_bytes()))
}

/// A version id made of hexadecimal text.
pub fn version_id(hex: &str) -> String {
    URL_SAFE_NO_PAD
        .encode(hex::decode(hex).unwrap_or_default())
        .replace('-', ".")
}

/// Whether a text has the form of a version id.
pub fn is_version_id(text: &str) -> bool {
    text == "null"
        || (text.len() == VERSION_BYTES / 3 * 4
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'.' || b == b'_'))
}

/// An upload id made of hexadecimal text.
pub fn upload_id(hex: &str) -> String {
    version_id(hex)
}

/// The value of `x-amz-id-2` that goes with a request id.
pub fn extended_request_id(request_id: &str) -> String {
    let digest = digest::digest(&digest::SHA512, request_id.as_bytes());
    STANDARD.encode(digest.as_ref().get(..56).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules() {
        for good in [
            "abc",
            "my-bucket",
            "my.bucket.1",
            "1bucket",
            &"a".repeat(63),
        ] {
            assert!(is_bucket_name(good), "{good}");
        }
        for bad in [
            "",
            "ab",
            &"a".repeat(64),
            "Bucket",
            "my_bucket",
            "-bucket",
            "bucket-",
            ".bucket",
            "bucket.",
            "my..bucket",
            "192.168.5.4",
            "xn--bucket",
            "sthree-bucket",
            "bucket-s3alias",
            "bucket--ol-s3",
            "büc-ket",
        ] {
            assert!(!is_bucket_name(bad), "{bad}");
        }
    }

    #[test]
    fn ids_have_their_forms() {
        let id = version_id(&"fb".repeat(VERSION_BYTES));
        assert_eq!(id.len(), 32);
        assert!(is_version_id(&id) && is_version_id("null"));
        for bad in ["", "x", "null ", &"-".repeat(32), &"a".repeat(33)] {
            assert!(!is_version_id(bad), "{bad}");
        }
        let one: AccountId = "111122223333".parse().unwrap();
        let two: AccountId = "111122223334".parse().unwrap();
        assert_eq!(canonical_id(&one).len(), 64);
        assert_ne!(canonical_id(&one), canonical_id(&two));
        assert_eq!(extended_request_id("A"), extended_request_id("A"));
        assert_ne!(extended_request_id("A"), extended_request_id("B"));
        assert_eq!(extended_request_id("A").len(), 76);
    }
}
