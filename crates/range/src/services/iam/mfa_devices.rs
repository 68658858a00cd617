//! Virtual MFA devices: real TOTP (RFC 6238), so that an authenticator app works against the range.
//!
//! Owns the devices, their codes and who has them enabled.

use std::sync::Arc;

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use stockade_model::{Secret, Timestamp};
use stockade_wire::AwsError;

use super::errors;
use super::output::{page, reply, time};
use super::qr_code;
use super::scope::{self, iam, iam_mut, is_root_itself};
use super::state::{State, key};
use super::tags::{self, Tag};
use crate::call::{Call, Reply};
use crate::state::State as Range;

const DEVICES_PER_USER: usize = 8;
/// The seconds that a code stands for.
const STEP: i64 = 30;
/// How many steps a device's clock may be off.
const DRIFT: i64 = 1;

/// A virtual MFA device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MfaDevice {
    /// Its ARN.
    pub serial: String,
    /// The seed in base 32.
    #[serde(with = "stockade_model::exposed")]
    pub seed: Secret,
    /// Whose it is, once it is enabled.
    pub enabled: Option<Enabled>,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
}
crate::row!(MfaDevice);

/// That a device is in use.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Enabled {
    /// The user's name; empty for root.
    pub user: String,
    /// Since when.
    pub since: Timestamp,
}

impl MfaDevice {
    /// Whether a code is the device's at this time.
    pub fn accepts(&self, code: &str, now: Timestamp) -> bool {
        self.step_of(code, now).is_some()
    }

    /// The step of a code that is the device's at this time.
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<i64> {
        let step = now.as_second().div_euclid(STEP);
        (step - DRIFT..=step + DRIFT).find(|step| self.code(*step).as_deref() == Some(code))
    }

    /// Whether two codes are of consecutive steps, the second not in the future.
    fn accepts_pair(&self, first: &str, second: &str, now: Timestamp) -> bool {
        let step = now.as_second().div_euclid(STEP);
        // People type the two codes one after the other: the first may be a few steps old.
        (step - 4..=step + DRIFT).any(|step| {
            self.code(step).as_deref() == Some(first)
                && self.code(step + 1).as_deref() == Some(second)
        })
    }

    /// The six digits of a step.
    fn code(&self, step: i64) -> Option<String> {
        let seed = read_base32(self.seed.expose())?;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &seed);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let sum = tag.as_ref();
        let offset = usize::from(sum.last()? & 0x0f);
        let word: [u8; 4] = sum.get(offset..offset + 4)?.try_into().ok()?;
        let number = u32::from_be_bytes(word) & 0x7fff_ffff;
        Some(format!("{:06}", number % 1_000_000))
    }
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn read_base32(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut held, mut bytes) = (0u32, 0u32, Vec::new());
    for letter in text.bytes() {
        let value = BASE32.iter().position(|b| *b == letter)?;
        bits = (bits << 5) | u32::try_from(value).ok()?;
        held += 5;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(bytes)
}

pub(super) fn no_device(serial: &str) -> AwsError {
    errors::no_such_entity(format!(
        "MFA Device with serial number {serial} does not exist."
    ))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Create {
    #[serde(rename = "VirtualMFADeviceName")]
    name: String,
    path: Option<String>,
    #[serde(default)]
    tags: Vec<Tag>,
}

pub(super) fn create(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: Create = call.read()?;
    let name = input.name;
    let path = input.path.unwrap_or_else(|| "/".to_owned());
    let serial = format!("arn:aws:iam::{}:mfa{path}{name}", call.account());
    if iam(range, call)?.mfa_devices.contains_key(&serial) {
        return Err(errors::already_exists("MFA device already exists."));
    }
    let tags = tags::merged_by_case(&[], input.tags)?;
    let seed = seed(range);
    let device = MfaDevice {
        serial: serial.clone(),
        seed: Secret::new(seed.clone()),
        enabled: None,
        tags,
    };
    let shown = json!({"SerialNumber": serial, "Tags": tags::shown_if_any(&device.tags)});
    let mut answer = shown.clone();
    if let Some(members) = answer.as_object_mut() {
        members.insert("Base32StringSeed".into(), STANDARD.encode(&seed).into());
        let account = call.account();
        let text = format!("otpauth://totp/{name}@{account}?secret={seed}");
        let picture = qr_code::png(&text).map(|png| STANDARD.encode(png));
        members.insert("QRCodePNG".into(), picture.into());
    }
    iam_mut(range, call)?
        .mfa_devices
        .insert(serial, Arc::new(device));
    Ok(reply(json!({"VirtualMFADevice": answer})))
}

/// 64 characters of base 32, as AWS makes them.
fn seed(range: &mut Range) -> String {
    range
        .ids
        .hex(64)
        .bytes()
        .zip(range.ids.hex(64).bytes())
        .filter_map(|(a, b)| {
            let value = char::from(a).to_digit(16)? * 2 + char::from(b).to_digit(16)? % 2;
            BASE32.get(value as usize).map(|letter| char::from(*letter))
        })
        .collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OfDevice {
    serial_number: String,
    #[serde(default)]
    authentication_code1: String,
    #[serde(default)]
    authentication_code2: String,
}

fn named<'a>(state: &'a State, serial: &str) -> Result<&'a MfaDevice, AwsError> {
    state
        .mfa_devices
        .get(serial)
        .map(Arc::as_ref)
        .ok_or_else(|| no_device(serial))
}

fn check_codes(device: &MfaDevice, input: &OfDevice, call: &Call<'_>) -> Result<(), AwsError> {
    if device.accepts_pair(
        &input.authentication_code1,
        &input.authentication_code2,
        call.now,
    ) {
        return Ok(());
    }
    Err(AwsError::new(
        403,
        "InvalidAuthenticationCode",
        "Authentication code for device is not valid.",
    ))
}

pub(super) fn enable(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfDevice = call.read()?;
    let state = iam(range, call)?;
    let user = scope::user(state, call)?.name.clone();
    let device = named(state, &input.serial_number)?;
    if device.enabled.is_some() {
        return Err(errors::already_exists("MFA Device is already in use."));
    }
    let used = state.mfa_devices_of(&user).count();
    errors::check_quota("MFADevicesPerUser", used, DEVICES_PER_USER)?;
    check_codes(device, &input, call)?;
    if let Some(device) = iam_mut(range, call)?
        .mfa_devices
        .get_mut(&input.serial_number)
    {
        Arc::make_mut(device).enabled = Some(Enabled {
            user,
            since: call.now,
        });
    }
    Ok(Reply::empty())
}

/// The device of a call, which must be enabled for the call's user.
fn enabled_for<'a>(
    state: &'a State,
    call: &Call<'_>,
    input: &OfDevice,
) -> Result<&'a MfaDevice, AwsError> {
    let user = match is_root_itself(call) {
        true => "",
        false => &scope::user(state, call)?.name,
    };
    named(state, &input.serial_number).and_then(|device| match &device.enabled {
        Some(enabled) if key(&enabled.user) == key(user) => Ok(device),
        _ => Err(errors::no_such_entity(format!(
            "MFA device {} is not enabled for the user.",
            input.serial_number
        ))),
    })
}

pub(super) fn resync(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfDevice = call.read()?;
    let device = enabled_for(iam(range, call)?, call, &input)?;
    check_codes(device, &input, call)?;
    Ok(Reply::empty())
}

pub(super) fn deactivate(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfDevice = call.read()?;
    enabled_for(iam(range, call)?, call, &input)?;
    if let Some(device) = iam_mut(range, call)?
        .mfa_devices
        .get_mut(&input.serial_number)
    {
        Arc::make_mut(device).enabled = None;
    }
    Ok(Reply::empty())
}

pub(super) fn delete(range: &mut Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfDevice = call.read()?;
    if named(iam(range, call)?, &input.serial_number)?
        .enabled
        .is_some()
    {
        return Err(AwsError::new(
            409,
            "DeleteConflict",
            "Cannot delete entity, MFA device is currently in use.",
        ));
    }
    iam_mut(range, call)?
        .mfa_devices
        .remove(&input.serial_number);
    Ok(Reply::empty())
}

pub(super) fn get(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: OfDevice = call.read()?;
    let device = named(iam(range, call)?, &input.serial_number)?;
    let enabled = device.enabled.as_ref();
    Ok(reply(json!({
        "UserName": enabled.map(|e| e.user.as_str()).filter(|name| !name.is_empty()),
        "SerialNumber": device.serial,
        "EnableDate": enabled.map(|e| time(e.since)),
    })))
}

pub(super) fn list(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let state = iam(range, call)?;
    let user = match is_root_itself(call) {
        true => "",
        false => &scope::user(state, call)?.name,
    };
    let devices = state.mfa_devices_of(user).filter_map(|device| {
        let enabled = device.enabled.as_ref()?;
        let shown = json!({
            "UserName": enabled.user,
            "SerialNumber": device.serial,
            "EnableDate": time(enabled.since),
        });
        Some((device.serial.clone(), shown))
    });
    page(call, "MFADevices", Value::Null, devices)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ListVirtual {
    assignment_status: Option<String>,
}

pub(super) fn list_virtual(range: &Range, call: &Call<'_>) -> Result<Reply, AwsError> {
    let input: ListVirtual = call.read()?;
    let state = iam(range, call)?;
    let wanted = |device: &MfaDevice| match input.assignment_status.as_deref() {
        Some("Assigned") => device.enabled.is_some(),
        Some("Unassigned") => device.enabled.is_none(),
        _ => true,
    };
    let devices = state
        .mfa_devices
        .values()
        .filter(|d| wanted(d))
        .map(|device| {
            let enabled = device.enabled.as_ref();
            let user = enabled.and_then(|enabled| state.user(&enabled.user));
            let shown = json!({
                "SerialNumber": device.serial,
                "User": user.map(|user| user.summary(call.account())),
                "EnableDate": enabled.map(|enabled| time(enabled.since)),
            });
            (device.serial.clone(), shown)
        });
    page(call, "VirtualMFADevices", Value::Null, devices)
}

#[cfg(test)]
mod tests {
    use super::super::bench::Cloud;
    use super::*;

    fn device() -> MfaDevice {
        MfaDevice {
            serial: "arn:aws:iam::123456789012:mfa/a".to_owned(),
            // RFC 6238's test secret, "12345678901234567890", in base 32.
            seed: Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"),
            enabled: None,
            tags: Vec::new(),
        }
    }

    #[test]
    fn codes_are_those_of_rfc_6238() {
        let device = device();
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(device.code(second / STEP).as_deref(), Some(code));
        }
    }

    #[test]
    fn a_code_holds_for_its_time_only() {
        let device = device();
        let at = |second| Timestamp::from_second(second).unwrap();
        assert!(device.accepts("287082", at(59)));
        assert!(device.accepts("287082", at(89)));
        assert!(!device.accepts("287082", at(121)));
        assert!(!device.accepts("", at(59)));
    }

    #[test]
    fn two_codes_must_follow_each_other() {
        let device = device();
        let (first, second) = (device.code(100).unwrap(), device.code(101).unwrap());
        let now = Timestamp::from_second(101 * STEP + 3).unwrap();
        assert!(device.accepts_pair(&first, &second, now));
        assert!(!device.accepts_pair(&second, &first, now));
        assert!(!device.accepts_pair(&first, &first, now));
    }

    #[test]
    fn a_device_is_enabled_by_its_own_codes_only() {
        let mut cloud = Cloud::new();
        cloud.iam("CreateUser", json!({"UserName": "a"})).unwrap();
        let made = cloud
            .iam(
                "CreateVirtualMFADevice",
                json!({"VirtualMFADeviceName": "phone"}),
            )
            .unwrap();
        let serial = made["VirtualMFADevice"]["SerialNumber"]
            .as_str()
            .unwrap()
            .to_owned();
        assert_eq!(serial, "arn:aws:iam::123456789012:mfa/phone");
        let seed = STANDARD
            .decode(
                made["VirtualMFADevice"]["Base32StringSeed"]
                    .as_str()
                    .unwrap(),
            )
            .unwrap();
        let device = MfaDevice {
            seed: Secret::new(String::from_utf8(seed).unwrap()),
            ..device()
        };
        let step = cloud.now.as_second() / STEP;
        let enable = |first: &str, second: &str| {
            json!({"UserName": "a", "SerialNumber": serial,
            "AuthenticationCode1": first, "AuthenticationCode2": second})
        };
        assert_eq!(
            cloud
                .refused("EnableMFADevice", enable("000000", "111111"))
                .0,
            "InvalidAuthenticationCode"
        );
        let codes = (device.code(step - 1).unwrap(), device.code(step).unwrap());
        cloud
            .iam("EnableMFADevice", enable(&codes.0, &codes.1))
            .unwrap();
        let twice = cloud.refused("EnableMFADevice", enable(&codes.0, &codes.1));
        assert_eq!(twice.0, "EntityAlreadyExists");
        let listed = cloud
            .iam("ListMFADevices", json!({"UserName": "a"}))
            .unwrap();
        assert_eq!(listed["MFADevices"][0]["SerialNumber"], serial);
        let of_user = json!({"UserName": "a", "SerialNumber": serial});
        assert_eq!(
            cloud
                .refused("DeleteVirtualMFADevice", json!({"SerialNumber": serial}))
                .0,
            "DeleteConflict"
        );
        assert_eq!(
            cloud.refused("DeleteUser", json!({"UserName": "a"})).1,
            "Cannot delete entity, must delete MFA device first."
        );
        cloud.iam("DeactivateMFADevice", of_user.clone()).unwrap();
        assert_eq!(
            cloud.refused("DeactivateMFADevice", of_user).0,
            "NoSuchEntity"
        );
        let free = cloud
            .iam(
                "ListVirtualMFADevices",
                json!({"AssignmentStatus": "Unassigned"}),
            )
            .unwrap();
        assert_eq!(free["VirtualMFADevices"].as_array().unwrap().len(), 1);
        cloud
            .iam("DeleteVirtualMFADevice", json!({"SerialNumber": serial}))
            .unwrap();
    }
}
