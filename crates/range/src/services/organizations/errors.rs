//! The errors of Organizations, in AWS's words.
//!
//! Owns the wording that several handlers share. All but a few come with status 400.

use stockade_wire::AwsError;

pub fn of(code: &str, message: &str) -> AwsError {
    AwsError::new(400, code, message).with("Message", message)
}

pub fn not_in_use() -> AwsError {
    of(
        "AWSOrganizationsNotInUseException",
        "Your account is not a member of an organization.",
    )
}

pub fn denied() -> AwsError {
    of(
        "AccessDeniedException",
        "You don't have permissions to access this resource.",
    )
}

pub fn constraint(reason: &str, message: &str) -> AwsError {
    of("ConstraintViolationException", message).with("Reason", reason)
}

pub fn invalid(reason: &str, message: &str) -> AwsError {
    of("InvalidInputException", message).with("Reason", reason)
}

pub fn no_account() -> AwsError {
    of(
        "AccountNotFoundException",
        "You specified an account that doesn't exist.",
    )
}

pub fn no_parent() -> AwsError {
    of(
        "ParentNotFoundException",
        "You specified parent that doesn't exist.",
    )
}

pub fn no_policy() -> AwsError {
    of(
        "PolicyNotFoundException",
        "You specified a policy that doesn't exist.",
    )
}

pub fn no_target() -> AwsError {
    of(
        "TargetNotFoundException",
        "You specified a target that doesn't exist.",
    )
}

pub fn no_unit() -> AwsError {
    of(
        "OrganizationalUnitNotFoundException",
        "You specified an organizational unit that doesn't exist.",
    )
}

pub fn malformed_policy() -> AwsError {
    of(
        "MalformedPolicyDocumentException",
        "The provided policy document does not meet the requirements of the specified policy type.",
    )
}

pub fn type_not_available() -> AwsError {
    of(
        "PolicyTypeNotAvailableForOrganizationException",
        "You can't use the specified policy type with the feature set currently enabled for this organization.",
    )
}

pub fn not_all_features() -> AwsError {
    constraint(
        "ORGANIZATION_NOT_IN_ALL_FEATURES_MODE",
        "You attempted to perform an operation that requires the organization to be configured to support all features.",
    )
}

pub fn not_a_delegate() -> AwsError {
    of(
        "AccountNotRegisteredException",
        "The provided account is not a registered delegated administrator for your organization.",
    )
}

pub fn handshake_constraint(reason: &str, message: &str) -> AwsError {
    of("HandshakeConstraintViolationException", message).with("Reason", reason)
}

pub fn no_handshake() -> AwsError {
    of(
        "HandshakeNotFoundException",
        "You specified a handshake that doesn't exist.",
    )
}
