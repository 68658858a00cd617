//! KMS: keys, who may use them, and what is done with them. One row an operation.
//!
//! Owns the service; the cryptography and its rules are the crate `stockade-keys`, who may is decided by `authz.rs`.

mod access;
mod agreement;
mod aliases;
mod attestation;
mod custom_stores;
mod data;
mod data_keys;
mod deletion;
pub mod due;
mod encrypt;
mod errors;
mod grant_access;
mod grant_end;
mod grants;
mod import;
mod keys;
mod mac;
mod managed;
mod metadata;
mod multi_region;
mod naming;
mod policies;
mod readiness;
mod record;
mod rotation;
mod signing;
pub mod state;
mod tags;
pub mod vault;
pub mod via;
#[cfg(test)]
mod via_tests;

pub use access::refusal_words;
pub use record::{conclude, describe};
pub use state::State;

use crate::row::{Access, EventKind, Handler, Needs, Row};

const fn row(operation: &'static str, access: Access, handler: Handler) -> Row {
    Row {
        operation,
        needs: Needs::Checked(access::needs),
        access,
        event: EventKind::Management,
        handler,
    }
}

/// It looks, as CloudTrail sees it: so does what only uses a key.
const fn look(
    operation: &'static str,
    handle: fn(&crate::state::State, &crate::call::Call<'_>) -> Answer,
) -> Row {
    row(operation, Access::Read, Handler::Read(handle))
}

const fn change(
    operation: &'static str,
    handle: fn(&mut crate::state::State, &crate::call::Call<'_>) -> Answer,
) -> Row {
    row(operation, Access::Write, Handler::Write(handle))
}

type Answer = Result<crate::call::Reply, stockade_wire::AwsError>;

/// The operations that the range has.
pub const ROWS: &[Row] = &[
    change("CancelKeyDeletion", deletion::cancel),
    change("ConnectCustomKeyStore", custom_stores::of_one),
    change("CreateAlias", aliases::create),
    change("CreateCustomKeyStore", custom_stores::create),
    change("CreateGrant", grants::create),
    change("CreateKey", keys::create),
    look("Decapsulate", agreement::decapsulate),
    look("Decrypt", encrypt::decrypt),
    change("DeleteAlias", aliases::delete),
    change("DeleteCustomKeyStore", custom_stores::of_one),
    change("DeleteImportedKeyMaterial", import::delete),
    look("DeriveSharedSecret", agreement::derive),
    look("DescribeCustomKeyStores", custom_stores::describe),
    // It makes AWS's own keys.
    row("DescribeKey", Access::Read, Handler::Write(keys::describe)),
    change("DisableKey", keys::disable),
    change("DisableKeyRotation", rotation::disable),
    change("DisconnectCustomKeyStore", custom_stores::of_one),
    change("EnableKey", keys::enable),
    change("EnableKeyRotation", rotation::enable),
    look("Encapsulate", agreement::encapsulate),
    look("Encrypt", encrypt::encrypt),
    look("GenerateDataKey", data_keys::generate),
    look("GenerateDataKeyPair", data_keys::generate_pair),
    look(
        "GenerateDataKeyPairWithoutPlaintext",
        data_keys::generate_pair_without_plaintext,
    ),
    look(
        "GenerateDataKeyWithoutPlaintext",
        data_keys::generate_without_plaintext,
    ),
    look("GenerateMac", mac::generate),
    look("GenerateRandom", data_keys::generate_random),
    look("GetKeyLastUsage", keys::last_usage),
    look("GetKeyPolicy", policies::get),
    look("GetKeyRotationStatus", rotation::status),
    look("GetParametersForImport", import::parameters),
    look("GetPublicKey", signing::public_key),
    change("ImportKeyMaterial", import::import),
    look("ListAliases", aliases::list),
    look("ListGrants", grants::list),
    look("ListKeyPolicies", policies::list),
    look("ListKeyRotations", rotation::list),
    look("ListKeys", keys::list),
    look("ListResourceTags", tags::list),
    look("ListRetirableGrants", grants::list_retirable),
    change("PutKeyPolicy", policies::put),
    look("ReEncrypt", encrypt::re_encrypt),
    change("ReplicateKey", multi_region::replicate),
    change("RetireGrant", grant_end::retire),
    change("RevokeGrant", grant_end::revoke),
    change("RotateKeyOnDemand", rotation::on_demand),
    change("ScheduleKeyDeletion", deletion::schedule),
    look("Sign", signing::sign),
    change("TagResource", tags::tag),
    change("UntagResource", tags::untag),
    change("UpdateAlias", aliases::update),
    change("UpdateCustomKeyStore", custom_stores::of_one),
    change("UpdateKeyDescription", keys::update_description),
    change("UpdatePrimaryRegion", multi_region::update_primary),
    look("Verify", signing::verify),
    look("VerifyMac", mac::verify),
];
