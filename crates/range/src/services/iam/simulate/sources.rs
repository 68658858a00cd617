//! The policies of a user, group or role as the simulator names them, and who that is.
//!
//! Owns the names of sources: `user_anna_own`, `ReadOnlyAccess`, `PolicyInputList.1`.

use std::collections::BTreeSet;
use std::sync::Arc;

use stockade_model::Arn;
use stockade_policy::{Named, Policy};
use stockade_wire::AwsError;

use super::super::attachments::Grants;
use super::super::errors;
use super::super::state::State;
use crate::call::Call;

/// A policy that has a say in a simulation.
#[derive(Debug)]
pub struct Source {
    /// The policy, under the name that answers give it.
    pub named: Named,
    /// The document's text as it was given: places are told in it.
    pub text: Arc<str>,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a policy comes from.
#[derive(Debug, PartialEq, Eq)]
pub enum Origin {
    /// In one user, group or role.
    Inline {
        /// `user`, `group` or `role`.
        kind: &'static str,
        /// The name of that.
        holder: String,
        /// The policy's name.
        name: String,
    },
    /// Attached.
    Managed {
        /// Its ARN.
        arn: Arn,
    },
    /// Given with the call.
    Input,
}

impl Source {
    /// A policy that came with the call.
    pub fn input(name: String, text: &str, policy: Policy) -> Self {
        Self {
            named: Named::new(name, policy),
            text: text.into(),
            origin: Origin::Input,
        }
    }

    fn managed(state: &State, arn: &str) -> Option<Self> {
        let document = state.managed_document(arn)?;
        let arn: Arn = arn.parse().ok()?;
        Some(Self {
            named: Named::new(arn.resource_name(), document.policy),
            text: document.text,
            origin: Origin::Managed { arn },
        })
    }
}

/// A user, group or role whose permissions are simulated.
#[derive(Debug, Default)]
pub struct Granted {
    /// What it is granted, by itself and by its groups.
    pub identity: Vec<Source>,
    /// Its permissions boundary.
    pub boundary: Option<Source>,
    /// Whether it is a role that is linked to a service: no organisation's policy binds it.
    pub service_linked: bool,
}

impl Granted {
    fn add(&mut self, state: &State, kind: &'static str, holder: &str, grants: &Grants) {
        for (name, document) in &grants.inline {
            self.identity.push(Source {
                named: Named::new(
                    format!("{kind}_{holder}_{name}"),
                    Arc::clone(&document.policy),
                ),
                text: Arc::clone(&document.text),
                origin: Origin::Inline {
                    kind,
                    holder: holder.to_owned(),
                    name: name.clone(),
                },
            });
        }
        // What a user has of several groups counts once.
        let known: BTreeSet<String> = self
            .identity
            .iter()
            .filter_map(|source| match &source.origin {
                Origin::Managed { arn } => Some(arn.to_string()),
                _ => None,
            })
            .collect();
        let new = grants.attached.iter().filter(|arn| !known.contains(*arn));
        self.identity
            .extend(new.filter_map(|arn| Source::managed(state, arn)));
    }

    /// What the user, group or role with an ARN has. It is found by its name: its path may be another.
    pub fn of(state: &State, arn: &Arn) -> Result<Self, AwsError> {
        let none = || errors::no_such_entity("Unable to retrieve specified IAM entity.");
        let name = arn.resource_name();
        let mut granted = Self::default();
        let bound = match arn.resource_type() {
            "user" => {
                let user = state.user(name).ok_or_else(none)?;
                granted.add(state, "user", &user.name, &user.grants);
                for group in user.groups.iter().filter_map(|name| state.groups.get(name)) {
                    granted.add(state, "group", &group.name, &group.grants);
                }
                user.boundary.as_deref()
            }
            "group" => {
                let group = state.group(name).ok_or_else(none)?;
                granted.add(state, "group", &group.name, &group.grants);
                None
            }
            _ => {
                let role = state.role(name).ok_or_else(none)?;
                granted.add(state, "role", &role.name, &role.grants);
                granted.service_linked = role.is_service_linked();
                role.boundary.as_deref()
            }
        };
        granted.boundary = bound.and_then(|arn| Source::managed(state, arn));
        Ok(granted)
    }
}

/// The ARN of a user, group or role.
pub fn entity(text: &str) -> Option<Arn> {
    let arn: Arn = text.parse().ok()?;
    let is_entity = arn.service == "iam"
        && arn.region.is_empty()
        && arn.account.len() == 12
        && arn.account.bytes().all(|byte| byte.is_ascii_digit())
        && matches!(arn.resource_type(), "user" | "group" | "role")
        && arn.resource.contains('/')
        && !arn.resource_name().is_empty();
    is_entity.then_some(arn)
}

/// The `PolicySourceArn` of a call: of an entity in the caller's own account.
pub fn source_arn(text: &str, call: &Call<'_>) -> Result<Arn, AwsError> {
    let arn = entity(text).ok_or_else(|| {
        errors::invalid_input(format!("Invalid ARN provided in the request: {text}"))
    })?;
    if arn.account != call.account().as_str() {
        return Err(errors::invalid_input(format!(
            "Invalid Policy Source Arn: caller's account {} does not have access to policies in account {}.",
            call.account(),
            arn.account
        )));
    }
    Ok(arn)
}
