//! What the lineage opened since the triage, and the plan could not know: a trust in another role, a policy on an
//! honest user. Whoever comes in by such a door is in no lineage, so the door itself is the evidence.

use stockade_model::{Arn, Event};

use super::Layer;
use crate::fact::Fact;
use crate::inline::{Holder, HolderKind};
use crate::lineage::Lineage;
use crate::persistence::{self, Left, Persistence};
use crate::survey::{self, Remains};
use crate::triage::{Suspects, UserFacts};

/// Adds every door that is open still.
pub(super) async fn opened(
    layer: &mut Layer,
    reach: &crate::aws::Reach,
    facts: &UserFacts,
    lineage: &Lineage,
    events: &[Event],
) {
    let addresses: Vec<String> = facts
        .callers
        .iter()
        .filter(|caller| caller.suspect.is_some())
        .map(|caller| caller.source_address.clone())
        .collect();
    let suspects = Suspects::new(&[], &[], &addresses);
    // AWS keeps the times of events by the second.
    let since = facts.at.as_second();
    let later: Vec<Event> = events
        .iter()
        .filter(|event| event.time().as_second() >= since)
        .cloned()
        .collect();
    let found = persistence::find(lineage, &later, &suspects);
    for found in &found {
        if is_judged_elsewhere(found, lineage) {
            continue;
        }
        let item = survey::item(reach, found).await;
        let Some(left) = item.left() else { continue };
        let text = format!("opened since the triage, at {}: {left}", found.at);
        match item.now {
            Fact::Known(Remains::ByHand) | Fact::Unknown { .. } => layer.missing.push(text),
            Fact::Known(_) => layer.evidence.push(text),
        }
    }
}

/// Users, keys and roles of the lineage are: by their policies and by the status of their keys.
fn is_judged_elsewhere(found: &Persistence, lineage: &Lineage) -> bool {
    let is = |known: &str, holder: &Holder| {
        known.parse::<Arn>().is_ok_and(|arn| {
            let kind = match holder.kind {
                HolderKind::User => "user",
                HolderKind::Role => "role",
                HolderKind::Group => "group",
            };
            arn.account == found.account
                && arn.resource_type() == kind
                && arn.resource_name() == holder.name
        })
    };
    let of_lineage = |holder: &Holder| {
        let made = lineage.roles.iter().filter(|role| role.made);
        let mut known = lineage
            .users
            .iter()
            .chain(made.map(|role| &role.arn))
            .chain(std::iter::once(&lineage.subject));
        known.any(|arn| is(arn, holder))
    };
    match &found.left {
        Left::User { .. } | Left::Role { .. } | Left::AccessKey { .. } => true,
        Left::SwitchedOn { user, .. } => of_lineage(&Holder::user(user)),
        Left::Attached { holder, .. } | Left::Inline { holder, .. } => of_lineage(holder),
        _ => false,
    }
}
