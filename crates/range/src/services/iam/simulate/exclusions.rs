//! Policies that a caller of the simulator wants left out: by type, by ARN, or by name and holder.
//!
//! Owns the form of `PolicyExclusionList`, and what it excludes. What matches nothing is no error.

use serde::Deserialize;
use stockade_model::Arn;
use stockade_wire::AwsError;

use super::super::errors;
use super::sources::{Origin, Source};

/// Which policies to leave out.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Identifier {
    policy_type: Option<String>,
    policy_arn: Option<String>,
    inline_policy_identifier: Option<Inline>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inline {
    #[serde(default)]
    policy_name: String,
    #[serde(default)]
    attachment_type: String,
    #[serde(default)]
    attachment_name: String,
}

/// What is left out.
#[derive(Debug)]
pub enum Exclusion {
    InlinePolicies,
    AwsManaged,
    UserManaged,
    Boundary,
    Scps,
    /// The simulator knows no resource control policies, and passes over this.
    Rcps,
    /// The account (or `aws`), and a pattern of the name.
    Managed {
        owner: String,
        name: String,
    },
    Inline {
        kind: String,
        holder: String,
        name: String,
    },
}

impl Identifier {
    pub fn read(&self) -> Result<Exclusion, AwsError> {
        match (
            &self.policy_type,
            &self.policy_arn,
            &self.inline_policy_identifier,
        ) {
            (Some(kind), None, None) => match kind.as_str() {
                "inline" => Ok(Exclusion::InlinePolicies),
                "aws-managed" => Ok(Exclusion::AwsManaged),
                "user-managed" => Ok(Exclusion::UserManaged),
                "permission-boundary" => Ok(Exclusion::Boundary),
                "scp" => Ok(Exclusion::Scps),
                "rcp" => Ok(Exclusion::Rcps),
                _ => Err(errors::invalid_input(format!(
                    "Invalid policy type in policy identifier: {kind}"
                ))),
            },
            (None, Some(arn), None) => read_arn(arn),
            (None, None, Some(inline)) => {
                if !is_selector(&inline.attachment_name) || inline.policy_name.contains(['*', '?'])
                {
                    return Err(errors::invalid_input(format!(
                        "Invalid inline policy identifier: {}",
                        inline.policy_name
                    )));
                }
                Ok(Exclusion::Inline {
                    kind: inline.attachment_type.clone(),
                    holder: inline.attachment_name.clone(),
                    name: inline.policy_name.clone(),
                })
            }
            _ => Err(errors::invalid_input(
                "A policy identifier must have exactly one of PolicyType, PolicyArn and InlinePolicyIdentifier.",
            )),
        }
    }
}

fn read_arn(text: &str) -> Result<Exclusion, AwsError> {
    let invalid = || errors::invalid_input(format!("Invalid ARN provided in the request: {text}"));
    let arn: Arn = text.parse().map_err(|_| invalid())?;
    let name = arn
        .resource
        .strip_prefix("policy/")
        .filter(|name| !name.is_empty());
    let wild = |text: &str| text.contains(['*', '?']);
    let is_policy = arn.service == "iam"
        && arn.region.is_empty()
        && !arn.account.is_empty()
        && !wild(&arn.account)
        && !wild(&arn.partition);
    match name {
        Some(name) if is_policy && is_selector(name) => Ok(Exclusion::Managed {
            owner: arn.account.clone(),
            name: name.to_owned(),
        }),
        _ => Err(invalid()),
    }
}

/// One `*` at most; as many `?` as one likes.
fn is_selector(text: &str) -> bool {
    !text.is_empty() && text.matches('*').count() <= 1
}

/// Whether a text has the form of a selector.
fn selects(selector: &str, text: &str) -> bool {
    let same = |pattern: &str, text: &str| {
        pattern.chars().count() == text.chars().count()
            && pattern
                .chars()
                .zip(text.chars())
                .all(|(own, other)| own == '?' || own == other)
    };
    let Some((before, after)) = selector.split_once('*') else {
        return same(selector, text);
    };
    let characters: Vec<char> = text.chars().collect();
    let (head, tail) = (before.chars().count(), after.chars().count());
    if characters.len() < head + tail {
        return false;
    }
    let front: String = characters.iter().take(head).collect();
    let back: String = characters.iter().skip(characters.len() - tail).collect();
    same(before, &front) && same(after, &back)
}

impl Exclusion {
    /// Whether a policy that a principal is granted is left out.
    pub fn excludes(&self, source: &Source) -> bool {
        match (self, &source.origin) {
            (Self::InlinePolicies, Origin::Inline { .. }) => true,
            (Self::AwsManaged, Origin::Managed { arn }) => arn.account == "aws",
            (Self::UserManaged, Origin::Managed { arn }) => arn.account != "aws",
            // With the policy's path or without it.
            (Self::Managed { owner, name }, Origin::Managed { arn }) => {
                let path = arn.resource.strip_prefix("policy/").unwrap_or_default();
                *owner == arn.account && (selects(name, arn.resource_name()) || selects(name, path))
            }
            (
                Self::Inline { kind, holder, name },
                Origin::Inline {
                    kind: own,
                    holder: owner,
                    name: policy,
                },
            ) => kind == own && name == policy && selects(holder, owner),
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::selects;

    #[test]
    fn selectors_have_one_star_and_many_question_marks() {
        for (selector, text, expected) in [
            ("anna", "anna", true),
            ("anna", "Anna", false),
            ("an*", "anna", true),
            ("*na", "anna", true),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("*", "", true),
            ("ann?", "anna", true),
            ("ann?", "ann", false),
            ("?n*?", "anna", true),
            ("é*", "élan", true),
        ] {
            assert_eq!(selects(selector, text), expected, "{selector} {text}");
        }
    }
}
