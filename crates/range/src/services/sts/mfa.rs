//! MFA codes that come with a call: right, of a device of the caller's, and used but once.
//!
//! Owns the check. The devices and their codes are `iam/mfa_devices.rs`'s.

use stockade_policy::Principal;
use stockade_wire::AwsError;

use crate::call::Call;
use crate::state::State as Range;

/// A code that is right. It is spent when what it was given for is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Code {
    serial: String,
    step: i64,
}

impl Code {
    /// Takes the code out of use.
    pub fn spend(self, range: &mut Range) {
        range.sts.spend_code(self.serial, self.step);
    }
}

fn denied(why: &str) -> AwsError {
    AwsError::new(
        403,
        "AccessDenied",
        format!("MultiFactorAuthentication failed{why}"),
    )
}

/// The code that a call carries; none where it carries neither code nor device.
///
/// # Errors
/// A code without a device or the other way round, a device that is not the caller's, a code that is wrong or used.
pub fn check(
    range: &Range,
    call: &Call<'_>,
    serial: Option<&str>,
    code: Option<&str>,
) -> Result<Option<Code>, AwsError> {
    let (serial, code) = match (serial, code) {
        (None, None) => return Ok(None),
        (Some(serial), Some(code)) => (serial, code),
        _ => {
            return Err(denied(
                ", must provide both MFA serial number and one time pass code.",
            ));
        }
    };
    let strange = || {
        denied(
            ", unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.",
        )
    };
    // A device of root's belongs to the user without a name.
    let user = match &call.caller.principal {
        Principal::User { arn, .. } => arn.resource_name(),
        Principal::Root { .. } => "",
        _ => return Err(strange()),
    };
    let iam = range
        .account(call.account())?
        .iam
        .effective(call.now, range.config.iam_delay);
    let device = iam
        .mfa_devices_of(user)
        .find(|device| device.serial == serial)
        .ok_or_else(strange)?;
    let wrong = || denied(" with invalid MFA one time pass code. ");
    let step = device.step_of(code, call.now).ok_or_else(wrong)?;
    if range.sts.is_spent(serial, step) {
        return Err(wrong());
    }
    Ok(Some(Code {
        serial: serial.to_owned(),
        step,
    }))
}
