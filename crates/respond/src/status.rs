//! The status of an incident in the store: how its containment stands, and after a comma how the
//! plan stands that was run last beside it, as in `contained, eradicate waiting`.

use crate::plan::PlanKind;
use crate::verify::{CONTAINED, NOT_CONTAINED};

/// An undo failed: nothing is run before it has succeeded.
pub const STUCK: &str = "stuck";
/// The containment was taken back.
pub const UNDONE: &str = "undone";
/// A containment was run, and not verified yet.
pub(crate) const ACTED: &str = "acted";

/// How the containment stands.
pub fn containment(status: &str) -> &str {
    status.split_once(", ").map_or(status, |(first, _)| first)
}

/// The status when a plan of this kind comes to `word`.
pub(crate) fn moved(status: &str, kind: PlanKind, word: &str) -> String {
    match kind {
        PlanKind::Contain => word.to_owned(),
        PlanKind::Eradicate | PlanKind::Recover => {
            format!("{}, {kind} {word}", containment(status))
        }
    }
}

/// The status when a verdict says `outcome` of the containment.
pub(crate) fn judged(status: &str, outcome: &str) -> String {
    let word = match outcome {
        CONTAINED => CONTAINED,
        NOT_CONTAINED => NOT_CONTAINED,
        _ => "not-proved",
    };
    match status.split_once(", ") {
        Some((_, beside)) => format!("{word}, {beside}"),
        None => word.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_plan_never_hides_how_the_containment_stands() {
        let waiting = moved("contained", PlanKind::Eradicate, "waiting");
        assert_eq!(waiting, "contained, eradicate waiting");
        let acting = moved(&waiting, PlanKind::Recover, "acting");
        assert_eq!(acting, "contained, recover acting");
        assert_eq!(containment(&acting), "contained");
        assert_eq!(
            judged(&acting, NOT_CONTAINED),
            "not-contained, recover acting"
        );
        assert_eq!(judged("acted", "unknown"), "not-proved");
        assert_eq!(moved(&acting, PlanKind::Contain, "acting"), "acting");
    }
}
