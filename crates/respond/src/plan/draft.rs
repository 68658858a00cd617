//! A plan as it grows: steps get their numbers here.

use serde_json::Value;
use stockade_model::AccountId;

use super::{Before, Change, Phase, Step, Sweep, Work};
use crate::actions::{self, Action};

/// The steps of a plan that is being made.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub steps: Vec<Step>,
}

/// Where and why a step is done.
pub(crate) struct Place<'a> {
    pub phase: Phase,
    pub account: &'a AccountId,
    pub why: &'a str,
}

impl Draft {
    fn next(&self) -> String {
        (self.steps.len() + 1).to_string()
    }

    /// Adds a step, and answers its id.
    pub fn push(&mut self, place: &Place<'_>, title: String, work: Work) -> String {
        let id = self.next();
        self.steps.push(Step {
            id: id.clone(),
            title,
            phase: place.phase,
            account: place.account.clone(),
            why: place.why.to_owned(),
            work,
            settle: 0,
            requires: None,
        });
        id
    }

    /// Adds a write that meets the state that was observed; none when there is nothing to change,
    /// or when the plan has the same write already.
    pub fn change<A: Action>(
        &mut self,
        place: &Place<'_>,
        params: &A::Params,
        before: Value,
    ) -> Option<String> {
        if A::after(params, &before) == before {
            return None;
        }
        let (title, change) =
            actions::change::<A>(params, Before::Observed(before.clone()), &before);
        let twice = self.steps.iter().any(|step| {
            let same =
                |known: &Change| (&known.action, &known.params) == (&change.action, &change.params);
            step.account == *place.account && step.change().is_some_and(same)
        });
        if twice {
            return None;
        }
        Some(self.push(place, title, Work::Change(Box::new(change))))
    }

    /// Adds a write that meets what an earlier write of this plan leaves.
    pub fn then<A: Action>(
        &mut self,
        place: &Place<'_>,
        params: &A::Params,
        earlier: &str,
        left: &Value,
    ) -> String {
        let (title, change) = actions::change::<A>(params, Before::After(earlier.to_owned()), left);
        self.push(place, title, Work::Change(Box::new(change)))
    }

    /// Adds a sweep.
    pub fn sweep(&mut self, place: &Place<'_>, title: &str, sweep: Sweep) -> String {
        self.push(place, title.to_owned(), Work::Sweep(sweep))
    }

    /// Waits after the last step.
    pub fn settle(&mut self, seconds: i64) {
        if let Some(last) = self.steps.last_mut() {
            last.settle = seconds;
        }
    }
}
