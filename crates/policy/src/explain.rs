//! The reasons of a decision: which statements decided, and which came near to it.
//!
//! Owns what is only needed once somebody asks why. Decides nothing.

use crate::decision::{Decision, Gap, Missing, PolicyKind, StatementRef, Verdict};
use crate::entry::Reach;
use crate::evaluate::{Evaluation, Ground, Named, Ruling};
use crate::statement::{Effect, Statement};

/// How many statements that came near are told.
const NEAR: usize = 10;

/// A statement that matched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hit<'a> {
    policy: &'a Named,
    statement: &'a Statement,
    kind: PolicyKind,
}

impl<'a> Hit<'a> {
    pub(crate) fn new(policy: &'a Named, statement: &'a Statement, kind: PolicyKind) -> Self {
        Self {
            policy,
            statement,
            kind,
        }
    }
}

impl From<&Hit<'_>> for StatementRef {
    fn from(hit: &Hit<'_>) -> Self {
        Self {
            policy: hit.policy.name.clone(),
            kind: hit.kind,
            sid: hit.statement.sid.clone(),
            index: hit.statement.index,
        }
    }
}

/// Puts a ruling into words, with the statements that bear it out.
pub(crate) fn explain(
    evaluation: &Evaluation<'_, '_>,
    ruling: Ruling,
    hits: &[Hit<'_>],
) -> Decision {
    let of = |effect: Effect, kinds: &[PolicyKind]| -> Vec<StatementRef> {
        hits.iter()
            .filter(|hit| hit.statement.effect == effect)
            .filter(|hit| kinds.is_empty() || kinds.contains(&hit.kind))
            .map(StatementRef::from)
            .collect()
    };
    let (statements, missing) = match (ruling.verdict, ruling.by) {
        (Verdict::ExplicitlyDenied, _) => (of(Effect::Deny, &[]), Vec::new()),
        (Verdict::Allowed, Some(PolicyKind::Identity)) => {
            let granting = [
                PolicyKind::Identity,
                PolicyKind::Resource,
                PolicyKind::Trust,
            ];
            let mut all = of(Effect::Allow, &granting);
            all.sort_by_key(|statement| statement.kind);
            (all, Vec::new())
        }
        (Verdict::Allowed, Some(kind)) => (of(Effect::Allow, &[kind]), Vec::new()),
        (Verdict::ImplicitlyDenied, Some(kind)) => (Vec::new(), near(evaluation, kind)),
        (Verdict::Allowed | Verdict::ImplicitlyDenied, None) => (Vec::new(), Vec::new()),
    };
    let reason = words(evaluation, ruling, &statements, &missing);
    Decision {
        verdict: ruling.verdict,
        decided_by: ruling.by,
        statements,
        missing,
        reason,
    }
}

fn words(
    evaluation: &Evaluation<'_, '_>,
    ruling: Ruling,
    statements: &[StatementRef],
    missing: &[Missing],
) -> String {
    let Some(kind) = ruling.by else {
        return match ruling.ground {
            Ground::Free => "the action needs no permission".to_owned(),
            _ => "root is allowed what nothing denies".to_owned(),
        };
    };
    let first = statements.first();
    match ruling.verdict {
        Verdict::Allowed => match first {
            Some(first) => format!("allowed by {kind} {}", first.policy),
            None => format!("allowed by {kind}"),
        },
        Verdict::ExplicitlyDenied => match first {
            Some(first) => format!("denied by {kind} {first}"),
            None => format!("denied by {kind}"),
        },
        Verdict::ImplicitlyDenied => {
            let mut text = format!("no {kind} allows {}", evaluation.action);
            match ruling.ground {
                Ground::Level(level, of) => text += &format!(" at level {level} of {of}"),
                Ground::Abroad => text += ", and the resource is another account's",
                Ground::Statements | Ground::Free | Ground::Root => {}
            }
            if let Some(nearest) = missing.first() {
                text += &format!("; nearest: {nearest}");
            }
            text
        }
    }
}

/// The statements that would have allowed, but for one thing each.
fn near(evaluation: &Evaluation<'_, '_>, kind: PolicyKind) -> Vec<Missing> {
    let policies = &evaluation.policies;
    let of_levels = |levels: &[Vec<Named>]| levels.iter().flatten().cloned().collect::<Vec<_>>();
    let listed: Vec<Named> = match kind {
        PolicyKind::Identity => policies.identity.to_vec(),
        PolicyKind::Boundary => policies.boundary.to_vec(),
        PolicyKind::Session => policies.session.to_vec(),
        PolicyKind::Endpoint => policies.endpoint.to_vec(),
        PolicyKind::Scp => of_levels(policies.scps),
        PolicyKind::Rcp => of_levels(policies.rcps),
        PolicyKind::Resource | PolicyKind::Trust => policies
            .resource
            .iter()
            .map(|(named, _)| (*named).clone())
            .collect(),
    };
    let question = &evaluation.question;
    let mut all = Vec::new();
    for policy in &listed {
        for statement in policy.policy.candidates(question) {
            if statement.effect != Effect::Allow || !statement.speaks_of_action(question) {
                continue;
            }
            let Some(gap) = gap(evaluation, kind, statement) else {
                continue;
            };
            all.push(Missing {
                statement: StatementRef::from(&Hit::new(policy, statement, kind)),
                gap,
            });
            if all.len() == NEAR {
                return all;
            }
        }
    }
    all
}

fn gap(evaluation: &Evaluation<'_, '_>, kind: PolicyKind, statement: &Statement) -> Option<Gap> {
    let question = &evaluation.question;
    if !statement.speaks_of_resource(question) {
        return Some(Gap::Resource);
    }
    let by_name = matches!(kind, PolicyKind::Resource | PolicyKind::Trust);
    if by_name && evaluation.reach(statement) == Reach::None {
        return Some(Gap::Principal);
    }
    let failed = statement
        .conditions
        .iter()
        .find(|condition| !condition.holds(question.context))?;
    Some(Gap::Condition {
        operator: failed.operator().to_owned(),
        key: failed.key().to_owned(),
        absent: failed.lacks_key(question.context),
    })
}
