//! The actions: what a response can do to AWS, one file each.
//!
//! An action owns a small part of the cloud's state (one inline policy, one key's status). It
//! says how that part is read, what it becomes, the one write that makes it so and the one that
//! takes it back. Everything else (the plan, the diff, the journal, drift, undo, crashes) follows
//! from these four and is the same for all.
//!
//! **To add one**: write `actions/<name>.rs` with a unit struct that implements [`Action`], and
//! add a line to the list at the end of this file. `observe` must read back exactly what the
//! write changes, no more (a timestamp of AWS's in it would be drift) and no less (or the check
//! proves nothing). A write without a way back sets [`Action::ONE_WAY`]: it then needs an
//! approval of its own.

use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize as _, Serialize};
use serde_json::{Value, json};

use crate::aws::{Aws, BoxFuture, Call, CallError};
use crate::diff;
use crate::plan::{Before, Change};

/// What an action read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Observed {
    /// The part of the state that the action owns: compared, saved, shown in diffs.
    pub state: Value,
    /// Ids that a write needs but that are no state (a policy's id under its name). Not compared.
    pub handles: Value,
}

impl Observed {
    /// A state without handles.
    pub fn of(state: Value) -> Self {
        Self {
            state,
            handles: Value::Null,
        }
    }
}

/// One reversible (or, if it must be, one-way) change.
pub trait Action: Send + Sync + 'static {
    /// The file's name.
    const NAME: &'static str;
    /// Whether nothing takes it back.
    const ONE_WAY: bool = false;
    /// The parameters.
    type Params: Serialize + DeserializeOwned + Send + Sync;

    /// What it does, in a line.
    fn title(params: &Self::Params) -> String;

    /// Reads the part of the state that the action owns.
    fn observe(
        aws: &dyn Aws,
        params: &Self::Params,
    ) -> impl Future<Output = Result<Observed, CallError>> + Send;

    /// What the write makes of the state.
    fn after(params: &Self::Params, before: &Value) -> Value;

    /// The write.
    fn apply(params: &Self::Params, before: &Value, handles: &Value) -> Call;

    /// The write that puts `before` back; none when nothing does.
    fn inverse(params: &Self::Params, before: &Value, handles: &Value) -> Option<Call>;

    /// How the change is known to have worked, in a line.
    fn check(params: &Self::Params) -> String;
}

/// Parameters that are not the action's: the plan was made by another version, or altered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActionError {
    /// No action of this name.
    #[error("there is no action `{0}`: the plan was made by another version; make a new plan")]
    Unknown(String),
    /// Its parameters do not fit.
    #[error("the parameters of `{action}` do not fit: {why}; make a new plan")]
    Params {
        /// The action.
        action: &'static str,
        /// What does not fit.
        why: String,
    },
}

/// An action behind a pointer; implemented for every [`Action`].
pub trait AnyAction: Send + Sync {
    /// See [`Action::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Action::title`].
    fn title(&self, params: &Value) -> Result<String, ActionError>;
    /// See [`Action::observe`].
    fn observe<'a>(
        &'a self,
        aws: &'a dyn Aws,
        params: &'a Value,
    ) -> BoxFuture<'a, Result<Result<Observed, CallError>, ActionError>>;
    /// See [`Action::after`].
    fn after(&self, params: &Value, before: &Value) -> Result<Value, ActionError>;
    /// See [`Action::apply`].
    fn apply(&self, params: &Value, before: &Value, handles: &Value) -> Result<Call, ActionError>;
    /// See [`Action::inverse`]; none as well when the action is one-way.
    fn inverse(
        &self,
        params: &Value,
        before: &Value,
        handles: &Value,
    ) -> Result<Option<Call>, ActionError>;
    /// See [`Action::check`].
    fn check(&self, params: &Value) -> Result<String, ActionError>;
}

fn read<A: Action>(params: &Value) -> Result<A::Params, ActionError> {
    A::Params::deserialize(params).map_err(|error| ActionError::Params {
        action: A::NAME,
        why: error.to_string(),
    })
}

impl<A: Action> AnyAction for A {
    fn name(&self) -> &'static str {
        A::NAME
    }

    fn title(&self, params: &Value) -> Result<String, ActionError> {
        Ok(A::title(&read::<A>(params)?))
    }

    fn observe<'a>(
        &'a self,
        aws: &'a dyn Aws,
        params: &'a Value,
    ) -> BoxFuture<'a, Result<Result<Observed, CallError>, ActionError>> {
        Box::pin(async move {
            let params = read::<A>(params)?;
            Ok(A::observe(aws, &params).await)
        })
    }

    fn after(&self, params: &Value, before: &Value) -> Result<Value, ActionError> {
        Ok(A::after(&read::<A>(params)?, before))
    }

    fn apply(&self, params: &Value, before: &Value, handles: &Value) -> Result<Call, ActionError> {
        Ok(A::apply(&read::<A>(params)?, before, handles))
    }

    fn inverse(
        &self,
        params: &Value,
        before: &Value,
        handles: &Value,
    ) -> Result<Option<Call>, ActionError> {
        if A::ONE_WAY {
            return Ok(None);
        }
        Ok(A::inverse(&read::<A>(params)?, before, handles))
    }

    fn check(&self, params: &Value) -> Result<String, ActionError> {
        Ok(A::check(&read::<A>(params)?))
    }
}

/// The action of this name.
pub fn named(name: &str) -> Result<&'static dyn AnyAction, ActionError> {
    ALL.iter()
        .copied()
        .find(|action| action.name() == name)
        .ok_or_else(|| ActionError::Unknown(name.to_owned()))
}

/// A change as a plan has it, with its title. `before` is the state that the change meets.
pub fn change<A: Action>(params: &A::Params, expected: Before, before: &Value) -> (String, Change) {
    let after = A::after(params, before);
    let unknown = Value::Null;
    let change = Change {
        action: A::NAME.to_owned(),
        params: serde_json::to_value(params).unwrap_or_default(),
        before: expected,
        call: A::apply(params, before, &unknown),
        inverse: if A::ONE_WAY {
            None
        } else {
            A::inverse(params, before, &unknown)
        },
        check: A::check(params),
        diff: diff::json(before, &after),
    };
    (A::title(params), change)
}

/// A handle as text, or what a plan shows while it is not known.
fn handle<'a>(handles: &'a Value, name: &str, shown: &'a str) -> &'a str {
    handles.get(name).and_then(Value::as_str).unwrap_or(shown)
}

/// `{"document": …}`, or null where there is none.
fn document_state(document: Option<Value>) -> Value {
    document.map_or(Value::Null, |document| json!({ "document": document }))
}

/// Lists every action's module once, as a module, as a name and as a row of [`ALL`].
macro_rules! actions {
    ($($module:ident :: $action:ident),+ $(,)?) => {
        $(mod $module; pub use $module::$action;)+
        /// Every action.
        pub const ALL: &[&dyn AnyAction] = &[$(&$action),+];
    };
}

actions! {
    add_user_to_group::AddUserToGroup,
    attach_identity_policy::AttachIdentityPolicy,
    attach_quarantine_scp::AttachQuarantineScp,
    create_quarantine_scp::CreateQuarantineScp,
    create_role::CreateRole,
    create_user::CreateUser,
    delete_access_key::DeleteAccessKey,
    delete_login_profile::DeleteLoginProfile,
    delete_policy::DeletePolicy,
    delete_policy_version::DeletePolicyVersion,
    delete_role::DeleteRole,
    delete_user::DeleteUser,
    detach_identity_policy::DetachIdentityPolicy,
    put_role_policy::PutRolePolicy,
    put_role_session_revocation::PutRoleSessionRevocation,
    put_user_deny::PutUserDeny,
    remove_inline_policy::RemoveInlinePolicy,
    remove_user_from_group::RemoveUserFromGroup,
    restore_bucket_policy::RestoreBucketPolicy,
    restore_default_policy_version::RestoreDefaultPolicyVersion,
    restore_trust_policy::RestoreTrustPolicy,
    set_access_key_status::SetAccessKeyStatus,
    set_service_specific_credential_status::SetServiceSpecificCredentialStatus,
    set_signing_certificate_status::SetSigningCertificateStatus,
    set_ssh_key_status::SetSshKeyStatus,
    update_quarantine_scp::UpdateQuarantineScp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_an_action_and_every_action_has_its_file() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/actions");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| name.strip_suffix(".rs").map(str::to_owned))
            .collect();
        files.sort();
        let mut names: Vec<_> = ALL.iter().map(|action| action.name()).collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }

    #[test]
    fn a_plan_of_another_version_is_refused() {
        assert!(matches!(named("reboot"), Err(ActionError::Unknown(_))));
        let action = named("set_access_key_status").unwrap();
        let error = action.after(&json!({"user": "anna"}), &Value::Null);
        assert!(matches!(error, Err(ActionError::Params { .. })));
    }
}
