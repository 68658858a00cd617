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

/// The regions that an account has without asking for them.
const FIRST: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-north-1",
    "sa-east-1",
];

/// Whether an account has a region without asking for it: others must be switched on.
pub fn is_on_from_the_start(region: &str) -> bool {
    FIRST.contains(&region)
}

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
