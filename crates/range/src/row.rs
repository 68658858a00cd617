//! An operation is one row: who may, on what, how it is recorded, and what it does.
//!
//! Owns the row's shape. The request path reads nothing else about an operation.

use stockade_policy::{Context, Named, ResourceRule};
use stockade_wire::AwsError;

use crate::call::{Call, Reply};
use crate::state::State;

/// One operation of a service.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name on the wire, as in `CreateUser`.
    pub operation: &'static str,
    /// What it must be allowed to do.
    pub needs: Needs,
    /// Whether it changes something.
    pub access: Access,
    /// How the trail records it.
    pub event: EventKind,
    /// What it does.
    pub handler: Handler,
}

/// What a call must be allowed to do.
#[derive(Debug, Clone, Copy)]
pub enum Needs {
    /// Nothing (`sts:GetCallerIdentity`).
    Nothing,
    /// One action on each of these resources.
    Action {
        /// As in `iam:CreateUser`.
        action: &'static str,
        /// The ARNs; `*` where the action has no resource type.
        on: fn(&State, &Call<'_>) -> Vec<String>,
    },
    /// Whatever this call asks for: for operations whose action depends on the input.
    These(fn(&State, &Call<'_>) -> Vec<Need>),
    /// The same, of a service that says some errors before it asks who calls: S3 tells everybody that a bucket
    /// does not exist.
    Checked(fn(&State, &Call<'_>) -> Result<Vec<Need>, AwsError>),
}

/// One action on one resource, with what the service knows about it.
#[derive(Debug, Clone, Default)]
pub struct Need {
    /// As in `s3:GetObject`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// The account that owns the resource; none: the caller's.
    pub owner: Option<stockade_model::AccountId>,
    /// The service's condition keys, and the resource's tags.
    pub context: Context,
    /// The policy on the resource.
    pub policy: Option<(Named, ResourceRule)>,
    /// A grant of KMS that allows the caller the action, as the policy that it amounts to. It is enough by itself.
    pub grant: Option<Named>,
    /// The service refuses the resource policy's grants to strangers (S3's RestrictPublicBuckets).
    pub ignore_public: bool,
}

impl Need {
    /// An action on a resource of the caller's account, without more.
    pub fn new(action: &str, resource: impl Into<String>) -> Self {
        Self {
            action: action.to_owned(),
            resource: resource.into(),
            ..Self::default()
        }
    }
}

/// Whether an operation changes something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// It only looks.
    Read,
    /// It changes something.
    Write,
}

/// How the trail records an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// Always.
    Management,
    /// Only in trails that ask for it.
    Data,
    /// Never.
    None,
}

/// What an operation does. A handler checks everything before it changes anything, so that what fails has
/// changed nothing.
#[derive(Debug, Clone, Copy)]
pub enum Handler {
    /// Looks at the state.
    Read(fn(&State, &Call<'_>) -> Result<Reply, AwsError>),
    /// Changes the state.
    Write(fn(&mut State, &Call<'_>) -> Result<Reply, AwsError>),
}
