//! MITRE ATT&CK: tactics and technique ids.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A tactic of ATT&CK for Enterprise, in the order of an attack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tactic {
    /// TA0043
    Reconnaissance,
    /// TA0042
    ResourceDevelopment,
    /// TA0001
    InitialAccess,
    /// TA0002
    Execution,
    /// TA0003
    Persistence,
    /// TA0004
    PrivilegeEscalation,
    /// TA0005. ATT&CK 17 and later split it in two; rules still carry this name.
    DefenseEvasion,
    /// TA0006
    CredentialAccess,
    /// TA0007
    Discovery,
    /// TA0008
    LateralMovement,
    /// TA0009
    Collection,
    /// TA0011
    CommandAndControl,
    /// TA0010
    Exfiltration,
    /// TA0040
    Impact,
}

impl Tactic {
    /// Every tactic, in order.
    pub const ALL: [Self; 14] = [
        Self::Reconnaissance,
        Self::ResourceDevelopment,
        Self::InitialAccess,
        Self::Execution,
        Self::Persistence,
        Self::PrivilegeEscalation,
        Self::DefenseEvasion,
        Self::CredentialAccess,
        Self::Discovery,
        Self::LateralMovement,
        Self::Collection,
        Self::CommandAndControl,
        Self::Exfiltration,
        Self::Impact,
    ];

    /// The name in lower case with hyphens, as folders and Sigma tags have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reconnaissance => "reconnaissance",
            Self::ResourceDevelopment => "resource-development",
            Self::InitialAccess => "initial-access",
            Self::Execution => "execution",
            Self::Persistence => "persistence",
            Self::PrivilegeEscalation => "privilege-escalation",
            Self::DefenseEvasion => "defense-evasion",
            Self::CredentialAccess => "credential-access",
            Self::Discovery => "discovery",
            Self::LateralMovement => "lateral-movement",
            Self::Collection => "collection",
            Self::CommandAndControl => "command-and-control",
            Self::Exfiltration => "exfiltration",
            Self::Impact => "impact",
        }
    }
}

impl fmt::Display for Tactic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a tactic, or not a technique's id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not an ATT&CK tactic (persistence) or technique (T1078.004)")]
pub struct AttackError(String);

impl FromStr for Tactic {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        let name = text.to_ascii_lowercase().replace(['_', ' '], "-");
        Self::ALL
            .into_iter()
            .find(|t| t.as_str() == name)
            .ok_or_else(|| AttackError(text.to_owned()))
    }
}

/// A technique or sub-technique, as in `T1078.004`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Technique(String);

impl Technique {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Technique {
    type Err = AttackError;

    fn from_str(text: &str) -> Result<Self, AttackError> {
        let id = text.to_ascii_uppercase();
        let digits = |s: &str, n: usize| s.len() == n && s.bytes().all(|b| b.is_ascii_digit());
        let fits = id
            .strip_prefix('T')
            .is_some_and(|rest| match rest.split_once('.') {
                Some((main, sub)) => digits(main, 4) && digits(sub, 3),
                None => digits(rest, 4),
            });
        if fits {
            Ok(Self(id))
        } else {
            Err(AttackError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for Technique {
    type Error = AttackError;

    fn try_from(text: String) -> Result<Self, AttackError> {
        text.parse()
    }
}

impl From<Technique> for String {
    fn from(technique: Technique) -> Self {
        technique.0
    }
}

impl fmt::Display for Technique {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tactics_read_in_every_spelling() {
        for tactic in Tactic::ALL {
            assert_eq!(tactic.as_str().parse(), Ok(tactic));
            assert_eq!(tactic.as_str().replace('-', "_").parse(), Ok(tactic));
            assert_eq!(serde_json::to_value(tactic).unwrap(), tactic.as_str());
        }
        assert!("magic".parse::<Tactic>().is_err());
    }

    #[test]
    fn techniques_are_checked() {
        assert_eq!(
            "t1078.004".parse::<Technique>().unwrap().as_str(),
            "T1078.004"
        );
        for bad in ["T1", "T1078.4", "1078", "T1078.004.1", "T10780"] {
            assert!(bad.parse::<Technique>().is_err(), "{bad}");
        }
    }
}
