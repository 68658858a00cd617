//! Who legitimate is hurt, foretold from what the trail has of the last 30 days.

use jiff::{SignedDuration, Timestamp};

use super::Impact;
use crate::triage::{Caller, UserFacts};

/// How far back a caller counts.
const BACK: SignedDuration = SignedDuration::from_hours(30 * 24);
/// More actions than these say no more.
const MOST: usize = 12;

fn impact(caller: &Caller, effect: &str) -> Impact {
    let mut actions = caller.actions_by_count();
    actions.truncate(MOST);
    Impact {
        identity: caller.identity.clone(),
        access_key: caller.access_key.clone(),
        source_address: caller.source_address.clone(),
        user_agent: caller.user_agent.clone(),
        calls: caller.calls,
        actions,
        last: caller.last,
        effect: effect.to_owned(),
    }
}

/// The honest callers of a containment.
pub(super) fn of_containment(facts: &UserFacts) -> Vec<Impact> {
    let since = facts.at.checked_sub(BACK).unwrap_or(Timestamp::UNIX_EPOCH);
    let honest = |caller: &&Caller| caller.suspect.is_none() && caller.last >= since;
    let subject = facts.arn.to_string();
    let of_user = facts.callers.iter().filter(honest).map(|caller| {
        let effect = if caller.identity == subject {
            "stops: every call is refused until it has other credentials, or the plan is undone"
        } else {
            "stops: it came to its session by the quarantined user, and cannot do so again"
        };
        impact(caller, effect)
    });
    let of_roles = facts.role_callers.iter().filter(honest).map(|caller| {
        let effect =
            "its running sessions are revoked; it works on as soon as it assumes the role again";
        impact(caller, effect)
    });
    of_user.chain(of_roles).collect()
}
