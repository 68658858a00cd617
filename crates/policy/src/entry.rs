//! The entries of `Principal` and `NotPrincipal`, and how closely they name a caller.
//!
//! Owns who is meant by `*`, an account, a user, a role, a session, a service, a provider. What follows from
//! it is `evaluate.rs`.

use std::fmt;

use stockade_model::Arn;

use crate::context::{CANONICAL_USER_ID, Context};
use crate::principal::Principal;

/// Whom a statement names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum PrincipalEntry {
    /// `*`: everybody, the anonymous included.
    Everyone,
    /// An account, as twelve digits or as the ARN of its root.
    Account(String),
    /// A user, role or session by ARN, or a user or role by its unique id (`AIDA…`, `AROA…`).
    Aws(String),
    /// A service, as in `ec2.amazonaws.com`.
    Service(String),
    /// An identity provider.
    Federated(String),
    /// An account by its S3 canonical user id.
    CanonicalUser(String),
}

/// How closely a statement names a caller. The order matters: more is closer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Reach {
    /// Not at all.
    None,
    /// By the account: its own policies must allow too.
    Account,
    /// By the role behind a session, or the user behind a federated session: boundary and session policies limit
    /// what is granted.
    Behind,
    /// The caller as such: in the same account nothing that merely fails to allow limits it.
    Direct,
}

/// Whether a text spells an ARN.
fn spells(text: &str, arn: &Arn) -> bool {
    let mut parts = text.splitn(6, ':');
    let own = [
        "arn",
        &arn.partition,
        &arn.service,
        &arn.region,
        &arn.account,
        &arn.resource,
    ];
    own.into_iter().all(|part| parts.next() == Some(part))
}

impl PrincipalEntry {
    /// Reads an entry of `AWS`. None for what can be no principal, as an ARN with a wildcard.
    pub(crate) fn aws(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::Everyone);
        }
        if is_account(text) {
            return Some(Self::Account(text.to_owned()));
        }
        if text.contains(['*', '?']) {
            return None;
        }
        if let Ok(arn) = text.parse::<Arn>() {
            return match (arn.service.as_str(), arn.resource.as_str()) {
                ("iam", "root") => is_account(&arn.account).then_some(Self::Account(arn.account)),
                ("iam" | "sts", _) => Some(Self::Aws(text.to_owned())),
                _ => None,
            };
        }
        let unique = text.len() >= 16
            && text.starts_with('A')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
        unique.then(|| Self::Aws(text.to_owned()))
    }

    /// The account that the entry belongs to.
    pub fn account(&self) -> Option<&str> {
        match self {
            Self::Account(account) => Some(account),
            Self::Aws(arn) => arn.split(':').nth(4).filter(|account| is_account(account)),
            _ => None,
        }
    }

    /// How closely the entry names a caller.
    pub(crate) fn reach(&self, caller: &Principal, context: &Context) -> Reach {
        let found = match (self, caller) {
            (Self::Everyone, _) => true,
            (Self::Account(account), Principal::Root { account: own }) => own.as_str() == account,
            (Self::Account(account), other) => {
                return if other.account() == Some(account) {
                    Reach::Account
                } else {
                    Reach::None
                };
            }
            (Self::CanonicalUser(id), _) => {
                return if context.first(CANONICAL_USER_ID) == Some(id) {
                    Reach::Account
                } else {
                    Reach::None
                };
            }
            (Self::Aws(text), Principal::User { arn, user_id }) => {
                spells(text, arn) || (!user_id.is_empty() && user_id == text)
            }
            (
                Self::Aws(text),
                Principal::Role {
                    role_arn,
                    session_arn,
                    role_id,
                    ..
                },
            ) => {
                if spells(text, role_arn) || (!role_id.is_empty() && role_id == text) {
                    return Reach::Behind;
                }
                spells(text, session_arn)
            }
            (Self::Aws(text), Principal::FederatedUser { arn, issuer, .. }) => {
                if spells(text, issuer) {
                    return Reach::Behind;
                }
                spells(text, arn)
            }
            (Self::Service(name), Principal::Service { name: own }) => name == "*" || own == name,
            (Self::Federated(name), Principal::Federated { provider }) => {
                name == "*" || provider == name
            }
            // The session of a provider's role is named by its provider.
            (
                Self::Federated(name),
                Principal::Role {
                    provider: Some(provider),
                    ..
                },
            ) if provider == name => return Reach::Behind,
            _ => false,
        };
        if found { Reach::Direct } else { Reach::None }
    }
}

impl fmt::Display for PrincipalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Everyone => f.write_str("*"),
            Self::Account(text)
            | Self::Aws(text)
            | Self::Service(text)
            | Self::Federated(text)
            | Self::CanonicalUser(text) => f.write_str(text),
        }
    }
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(entry: &str, caller: &str) -> Reach {
        let principal: Principal = caller.parse().unwrap();
        PrincipalEntry::aws(entry)
            .unwrap()
            .reach(&principal, &Context::new())
    }

    #[test]
    fn names_reach_callers() {
        const SESSION: &str = "arn:aws:sts::111122223333:assumed-role/app/i-1";
        const USER: &str = "arn:aws:iam::111122223333:user/anna";
        const ROOT: &str = "arn:aws:iam::111122223333:root";
        for (entry, caller, expected) in [
            ("*", "Anonymous", Reach::Direct),
            ("111122223333", USER, Reach::Account),
            (ROOT, SESSION, Reach::Account),
            (ROOT, ROOT, Reach::Direct),
            ("444455556666", USER, Reach::None),
            (USER, USER, Reach::Direct),
            ("arn:aws:iam::111122223333:role/app", SESSION, Reach::Behind),
            (SESSION, SESSION, Reach::Direct),
            (
                "arn:aws:sts::111122223333:assumed-role/app/i-2",
                SESSION,
                Reach::None,
            ),
            (USER, "arn:aws:iam::111122223333:user/Anna", Reach::None),
        ] {
            assert_eq!(reach(entry, caller), expected, "{entry} {caller}");
        }
    }

    #[test]
    fn a_unique_id_names_only_its_own() {
        let user = Principal::User {
            arn: Arn::aws("iam", "", "111122223333", "user/anna"),
            user_id: "AIDAEXAMPLEANNA00001".into(),
        };
        let by_id = |id: &str| {
            PrincipalEntry::aws(id)
                .unwrap()
                .reach(&user, &Context::new())
        };
        assert_eq!(by_id("AIDAEXAMPLEANNA00001"), Reach::Direct);
        assert_eq!(by_id("AIDAEXAMPLEANNA00002"), Reach::None);
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in [
            "",
            "anna",
            "12345",
            "arn:aws:iam::111122223333:user/*",
            "arn:aws:s3:::bucket",
            "arn:aws:iam::1:root",
        ] {
            assert_eq!(PrincipalEntry::aws(text), None, "{text}");
        }
    }
}
