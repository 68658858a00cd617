//! X.509 certificates, as far as federation asks: the key that they carry, and from when until when.
//!
//! Owns the reading. Verifies no chain: SAML pins certificates by its metadata, and chains of TLS are TLS's matter.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::der::{GENERALIZED_TIME, INTEGER, Reader, SEQUENCE, UTC_TIME};
use crate::key::PublicKey;

/// A certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The key that it carries.
    pub key: PublicKey,
    /// Good from.
    pub not_before: Timestamp,
    /// Good until.
    pub not_after: Timestamp,
}

impl Certificate {
    /// Reads a certificate from DER. None for what is none, and for keys that are neither RSA nor on a NIST curve.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        let mut outer = Reader::new(der);
        let mut certificate = outer.sequence()?;
        if !outer.is_empty() {
            return None;
        }
        let mut body = certificate.sequence()?;
        // The version is there from version 2 on.
        if body.peek() == Some(0xa0) {
            body.next()?;
        }
        body.expect(INTEGER)?;
        body.expect(SEQUENCE)?;
        body.expect(SEQUENCE)?;
        let mut validity = body.sequence()?;
        let not_before = time(&mut validity)?;
        let not_after = time(&mut validity)?;
        body.expect(SEQUENCE)?;
        let key = PublicKey::from_spki(body.expect(SEQUENCE)?.whole)?;
        Some(Self {
            key,
            not_before,
            not_after,
        })
    }
}

/// `UTCTime` or `GeneralizedTime`, both in UTC with seconds.
fn time(reader: &mut Reader<'_>) -> Option<Timestamp> {
    let element = reader.next()?;
    let text = std::str::from_utf8(element.content)
        .ok()?
        .strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (year, rest) = match element.tag {
        UTC_TIME => {
            let (year, rest) = text.split_at_checked(2)?;
            let year: i16 = year.parse().ok()?;
            (if year < 50 { 2000 + year } else { 1900 + year }, rest)
        }
        GENERALIZED_TIME => {
            let (year, rest) = text.split_at_checked(4)?;
            (year.parse().ok()?, rest)
        }
        _ => return None,
    };
    if rest.len() != 10 {
        return None;
    }
    let two = |at: usize| rest.get(at..at + 2)?.parse::<i8>().ok();
    let time = DateTime::new(year, two(0)?, two(2)?, two(4)?, two(6)?, two(8)?, 0).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Curve;
    use crate::pem;

    const CERTIFICATES: [&str; 2] = [
        include_str!("../tests/data/rsa.pem"),
        include_str!("../tests/data/p256.pem"),
    ];

    #[test]
    fn keys_and_times_are_read() {
        let [rsa, p256] = CERTIFICATES.map(|pem| {
            let der = pem::block(pem, "CERTIFICATE").unwrap();
            Certificate::from_der(&der).unwrap()
        });
        assert!(
            matches!(rsa.key, PublicKey::Rsa { ref n, ref e } if n.len() == 256 && *e == [1, 0, 1])
        );
        assert!(matches!(
            p256.key,
            PublicKey::Ec {
                curve: Curve::P256,
                ..
            }
        ));
        assert!(rsa.not_before < rsa.not_after);
    }

    #[test]
    fn cut_short_or_changed_it_does_not_panic() {
        let der = pem::block(CERTIFICATES[0], "CERTIFICATE").unwrap();
        for length in 0..der.len() {
            assert!(Certificate::from_der(&der[..length]).is_none());
        }
        for at in 0..der.len() {
            let mut changed = der.clone();
            changed[at] ^= 0xff;
            let _ = Certificate::from_der(&changed);
        }
    }
}
