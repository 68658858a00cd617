//! Grants: what one principal may do with one key, as long as the grant stands.
//!
//! Owns the operations and constraints of a grant. Who the principal is, and where grants are kept, is the caller's matter.

use crate::{EncryptionContext, KeySpec, KeyUsage};

/// Every operation that a grant can allow, with the usage of the keys that have it; none: any key's.
const OPERATIONS: [(&str, Option<KeyUsage>); 19] = [
    ("Decrypt", Some(KeyUsage::EncryptDecrypt)),
    ("Encrypt", Some(KeyUsage::EncryptDecrypt)),
    ("GenerateDataKey", Some(KeyUsage::EncryptDecrypt)),
    (
        "GenerateDataKeyWithoutPlaintext",
        Some(KeyUsage::EncryptDecrypt),
    ),
    ("ReEncryptFrom", Some(KeyUsage::EncryptDecrypt)),
    ("ReEncryptTo", Some(KeyUsage::EncryptDecrypt)),
    ("GenerateDataKeyPair", Some(KeyUsage::EncryptDecrypt)),
    (
        "GenerateDataKeyPairWithoutPlaintext",
        Some(KeyUsage::EncryptDecrypt),
    ),
    ("Sign", Some(KeyUsage::SignVerify)),
    ("Verify", Some(KeyUsage::SignVerify)),
    ("GenerateMac", Some(KeyUsage::GenerateVerifyMac)),
    ("VerifyMac", Some(KeyUsage::GenerateVerifyMac)),
    ("DeriveSharedSecret", Some(KeyUsage::KeyAgreement)),
    ("Encapsulate", Some(KeyUsage::EncapsulateDecapsulate)),
    ("Decapsulate", Some(KeyUsage::EncapsulateDecapsulate)),
    ("GetPublicKey", None),
    ("CreateGrant", None),
    ("RetireGrant", None),
    ("DescribeKey", None),
];

/// The operations of symmetric keys alone: there is no data key from any other.
const SYMMETRIC: [&str; 4] = [
    "GenerateDataKey",
    "GenerateDataKeyWithoutPlaintext",
    "GenerateDataKeyPair",
    "GenerateDataKeyPairWithoutPlaintext",
];

/// Whether a grant on a key of this spec and usage can allow an operation.
pub fn can_allow(operation: &str, spec: KeySpec, usage: KeyUsage) -> bool {
    let known = OPERATIONS.iter().find(|(name, _)| *name == operation);
    let fits = known.is_some_and(|(_, needed)| needed.is_none_or(|needed| needed == usage));
    let lacks = (SYMMETRIC.contains(&operation) && spec != KeySpec::Symmetric)
        || (operation == "GetPublicKey" && !spec.is_asymmetric());
    fits && !lacks
}

/// What an encryption context must be for a grant to count. A key of a pair counts in any case, its value in its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Constraint {
    /// Just these pairs.
    Equals(EncryptionContext),
    /// These pairs, and any more.
    Subset(EncryptionContext),
}

impl Constraint {
    /// Whether a context fulfils it.
    pub fn allows(&self, context: &EncryptionContext) -> bool {
        match self {
            Self::Equals(wanted) => {
                wanted.pairs().len() == context.pairs().len() && includes(context, wanted)
            }
            Self::Subset(wanted) => includes(context, wanted),
        }
    }

    /// Whether all that another constraint allows is allowed by this one: who may grant under a constraint may grant
    /// as much or less.
    pub fn covers(&self, other: Option<&Self>) -> bool {
        match (self, other) {
            (_, None) => false,
            (Self::Equals(wanted), Some(Self::Equals(other))) => {
                wanted.pairs().len() == other.pairs().len() && includes(other, wanted)
            }
            // A subset leaves room for more pairs than just these.
            (Self::Equals(_), Some(Self::Subset(_))) => false,
            (Self::Subset(wanted), Some(Self::Equals(other) | Self::Subset(other))) => {
                includes(other, wanted)
            }
        }
    }
}

fn includes(context: &EncryptionContext, wanted: &EncryptionContext) -> bool {
    wanted.pairs().iter().all(|(key, value)| {
        context
            .pairs()
            .iter()
            .any(|(there, held)| there.eq_ignore_ascii_case(key) && held == value)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn context(pairs: &[(&str, &str)]) -> EncryptionContext {
        pairs.iter().copied().collect()
    }

    #[test]
    fn a_constraint_holds_the_context_to_its_pairs() {
        let one = [("Department", "IT")];
        let two = [("Department", "IT"), ("Purpose", "Test")];
        let equals = Constraint::Equals(context(&one));
        let subset = Constraint::Subset(context(&one));
        assert!(equals.allows(&context(&one)) && !equals.allows(&context(&two)));
        assert!(subset.allows(&context(&one)) && subset.allows(&context(&two)));
        assert!(equals.allows(&context(&[("department", "IT")])));
        assert!(!equals.allows(&context(&[("Department", "it")])));
        assert!(!subset.allows(&EncryptionContext::default()));
    }

    #[test]
    fn a_grant_allows_what_its_key_can_do() {
        let can = |operation, spec: &str, usage| {
            can_allow(operation, KeySpec::named(spec).unwrap(), usage)
        };
        let encrypt = KeyUsage::EncryptDecrypt;
        assert!(can("GenerateDataKey", "SYMMETRIC_DEFAULT", encrypt));
        assert!(!can("GenerateDataKey", "RSA_2048", encrypt));
        assert!(can("Encrypt", "RSA_2048", encrypt));
        assert!(!can("Sign", "RSA_2048", encrypt));
        assert!(can("Sign", "RSA_2048", KeyUsage::SignVerify));
        assert!(!can("GetPublicKey", "SYMMETRIC_DEFAULT", encrypt));
        assert!(!can("ScheduleKeyDeletion", "SYMMETRIC_DEFAULT", encrypt));
    }

    fn small() -> impl Strategy<Value = EncryptionContext> {
        prop::collection::btree_map("[ab]", "[xy]", 0..3).prop_map(EncryptionContext::new)
    }

    fn constraint() -> impl Strategy<Value = Constraint> {
        prop_oneof![
            small().prop_map(Constraint::Equals),
            small().prop_map(Constraint::Subset)
        ]
    }

    proptest! {
        #[test]
        fn what_is_covered_allows_no_more(one in constraint(), two in constraint(), context in small()) {
            if one.covers(Some(&two)) && two.allows(&context) {
                prop_assert!(one.allows(&context));
            }
        }
    }
}
