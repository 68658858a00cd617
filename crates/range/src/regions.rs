//! Which regions there are: those of AWS's standard partition, in which every ARN of the range is.
//!
//! They are told by their form, as AWS's clients tell to which partition a region belongs: so those that AWS has yet to open
//! work too.

use stockade_model::Region;
use stockade_wire::AwsError;
use stockade_wire::sigv4::Claim;
use stockade_wire::table::Service;

/// With what the names of the regions of the partition `aws` begin.
const AREAS: [&str; 9] = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];

/// The region that a request is for: its credential scope says. What names none is for the first.
///
/// # Errors
/// The service's own refusal of a region that there is not.
pub fn asked(service: &Service, claim: Option<&Claim>) -> Result<Region, AwsError> {
    let Some(claim) = claim else {
        return Ok(Region::us_east_1());
    };
    let region = claim.region.as_str();
    known(region).ok_or_else(|| {
        let shown: String = region.chars().take(40).collect();
        AwsError::unknown_region(service, &shown)
    })
}

/// The region of a name; none: there is no such region.
pub fn known(name: &str) -> Option<Region> {
    let mut parts = name.split('-');
    let (area, place, number) = (parts.next(), parts.next(), parts.next());
    let shaped = area.is_some_and(|area| AREAS.contains(&area))
        && place.is_some_and(|place| place.bytes().all(|b| b.is_ascii_alphabetic()))
        && number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        && parts.next().is_none();
    name.parse().ok().filter(|_| shaped)
}
