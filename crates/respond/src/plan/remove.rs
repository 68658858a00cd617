//! Steps that take an identity's policies away, shared by the plans that delete identities.

use serde_json::{Value, json};

use super::draft::{Draft, Place};
use crate::actions::{DetachIdentityPolicy, RemoveInlinePolicy, RemoveUserFromGroup};
use crate::inline::Holder;
use crate::survey::Holdings;

/// Detaches and removes all policies and memberships but the inline policy named `kept`.
pub(super) fn policies(
    draft: &mut Draft,
    place: &Place<'_>,
    holder: &Holder,
    holdings: &Holdings,
    kept: &str,
) {
    for arn in &holdings.attached {
        let params = DetachIdentityPolicy::params(holder.clone(), arn);
        draft.change::<DetachIdentityPolicy>(place, &params, json!({"attached": true}));
    }
    for policy in holdings.inline.iter().filter(|p| p.name != kept) {
        let params = RemoveInlinePolicy::params(holder.clone(), &policy.name);
        let before = json!({"document": policy.document});
        draft.change::<RemoveInlinePolicy>(place, &params, before);
    }
    for group in &holdings.groups {
        let params = RemoveUserFromGroup::params(&holder.name, group);
        draft.change::<RemoveUserFromGroup>(place, &params, json!({"member": true}));
    }
}

/// Takes our own deny off a user who is about to be deleted: AWS does not delete a user with a
/// policy. Must stand right before that deletion and among the one-way steps: there the deletion's
/// approval covers it (see [`super::Plan::covering`]), and without it the deny stays.
/// `step` is the step of this plan that put it, `state` what is there then.
pub(super) fn deny(
    draft: &mut Draft,
    place: &Place<'_>,
    user: &str,
    policy: &str,
    step: Option<String>,
    state: Value,
) {
    let params = RemoveInlinePolicy::params(Holder::user(user), policy);
    match step {
        Some(step) => {
            draft.then::<RemoveInlinePolicy>(place, &params, &step, &state);
        }
        None => {
            draft.change::<RemoveInlinePolicy>(place, &params, state);
        }
    }
}
