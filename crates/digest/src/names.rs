//! What the names of CloudTrail's files say.
//!
//! Owns the two forms: `ACCOUNT_CloudTrail_REGION_TIME_RANDOM.json.gz` and
//! `ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME_TIME.json.gz`.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// The last part of a key or path.
pub fn base(key: &str) -> &str {
    key.rsplit(['/', '\\']).next().unwrap_or(key)
}

/// The name of a digest file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestName {
    /// All of it but the time: the same for every digest of a chain.
    pub chain: String,
    /// Whose.
    pub account: String,
    /// Of which region.
    pub region: String,
    /// The trail's name.
    pub trail: String,
    /// The time at its end.
    pub end: Timestamp,
}

impl DigestName {
    /// Reads a key or path; none: it is no digest file.
    pub fn read(key: &str) -> Option<Self> {
        let name = base(key).strip_suffix(".json.gz")?;
        let (chain, time) = name.rsplit_once('_')?;
        let (account, rest) = chain.split_once("_CloudTrail-Digest_")?;
        let (region, rest) = rest.split_once('_')?;
        let (trail, _) = rest.rsplit_once('_')?;
        is_account(account).then_some(())?;
        Some(Self {
            chain: chain.to_owned(),
            account: account.to_owned(),
            region: region.to_owned(),
            trail: trail.to_owned(),
            end: time_of(time, "%Y%m%dT%H%M%SZ")?,
        })
    }
}

/// The name of a log file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogName {
    /// Whose.
    pub account: String,
    /// Of which region.
    pub region: String,
    /// When it was delivered, to the minute.
    pub delivered: Timestamp,
}

impl LogName {
    /// Reads a key or path; none: it is no log file.
    pub fn read(key: &str) -> Option<Self> {
        let name = base(key).strip_suffix(".json.gz")?;
        let (account, rest) = name.split_once("_CloudTrail_")?;
        let (region, rest) = rest.split_once('_')?;
        let (time, _) = rest.split_once('_')?;
        is_account(account).then_some(())?;
        Some(Self {
            account: account.to_owned(),
            region: region.to_owned(),
            delivered: time_of(time, "%Y%m%dT%H%MZ")?,
        })
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn time_of(text: &str, form: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(form, text).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read() {
        let key = "p/AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/2026/03/02/123456789012_CloudTrail-Digest_eu-west-1_my_trail_us-east-1_20260302T080131Z.json.gz";
        let name = DigestName::read(key).unwrap();
        assert_eq!(
            (name.region.as_str(), name.trail.as_str()),
            ("eu-west-1", "my_trail")
        );
        assert_eq!(name.end.to_string(), "2026-03-02T08:01:31Z");
        assert_eq!(LogName::read(key), None);
        let log = "123456789012_CloudTrail_us-east-1_20260302T0805Z_Ab12.json.gz";
        assert_eq!(
            LogName::read(log).unwrap().delivered.to_string(),
            "2026-03-02T08:05:00Z"
        );
        assert_eq!(DigestName::read(log), None);
        for other in [
            "",
            "x.json.gz",
            "1_CloudTrail_us-east-1_20260302T0805Z_A.json.gz",
            "123456789012_CloudTrail_us-east-1_2026_A.json.gz",
        ] {
            assert_eq!(LogName::read(other), None, "{other}");
        }
    }
}
