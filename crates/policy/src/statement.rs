//! A statement: whom, what, on what, when.
//!
//! Owns whether a statement matches a request. What follows from a match is `evaluate.rs`.

use crate::arn_pattern::ArnPattern;
use crate::condition::Condition;
use crate::context::Context;
use crate::entry::{PrincipalEntry, Reach};
use crate::pattern::Pattern;
use crate::principal::Principal;
use crate::question::{Question, Resource, Sieve};

/// What a statement does to the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Lets them through, unless something denies.
    Allow,
    /// Refuses them, whatever allows.
    Deny,
}

/// An element and its negation: `Action` and `NotAction`, `Resource` and `NotResource`, `Principal` and
/// `NotPrincipal`.
#[derive(Debug, Clone)]
pub(crate) struct Element<T> {
    pub(crate) negated: bool,
    pub(crate) entries: Vec<T>,
}

/// A statement of a policy, compiled.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) index: usize,
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
    /// None in identity policies.
    pub(crate) principals: Option<Element<PrincipalEntry>>,
    pub(crate) actions: Element<Pattern>,
    /// None in trust policies, and where a resource policy means its own resource.
    pub(crate) resources: Option<Element<ArnPattern>>,
    pub(crate) conditions: Vec<Condition>,
}

impl Statement {
    /// The statement's place in its document, from 0.
    pub fn index(&self) -> usize {
        self.index
    }

    /// The statement's `Sid`.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// `Allow` or `Deny`.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// The entries of `Action`, or of `NotAction` (see [`Statement::is_not_action`]), as the document spells them.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.entries.iter().map(Pattern::text)
    }

    /// Whether the actions are those that it does *not* speak of.
    pub fn is_not_action(&self) -> bool {
        self.actions.negated
    }

    /// The entries of `Resource`, or of `NotResource`; empty where there is neither.
    pub fn resources(&self) -> impl Iterator<Item = &str> {
        self.resources
            .iter()
            .flat_map(|element| element.entries.iter().map(ArnPattern::text))
    }

    /// Whether the resources are those that it does *not* speak of.
    pub fn is_not_resource(&self) -> bool {
        self.resources
            .as_ref()
            .is_some_and(|element| element.negated)
    }

    /// The entries of `Principal`, or of `NotPrincipal`; empty in identity policies.
    pub fn principals(&self) -> &[PrincipalEntry] {
        self.principals
            .as_ref()
            .map_or(&[], |element| element.entries.as_slice())
    }

    /// Whether the principals are those that it does *not* speak of.
    pub fn is_not_principal(&self) -> bool {
        self.principals
            .as_ref()
            .is_some_and(|element| element.negated)
    }

    /// The conditions, all of which must hold.
    pub fn conditions(&self) -> &[Condition] {
        &self.conditions
    }

    /// Whether the statement speaks of every action.
    pub fn covers_every_action(&self) -> bool {
        !self.actions.negated
            && self
                .actions
                .entries
                .iter()
                .any(|action| action.is_anything() || matches!(action.text(), "*:*"))
    }

    /// Whether the statement speaks of every resource.
    pub fn covers_every_resource(&self) -> bool {
        self.resources.as_ref().is_none_or(|element| {
            !element.negated && element.entries.iter().any(ArnPattern::covers_everything)
        })
    }

    /// Which requests the statement may speak of, told by the action alone.
    pub(crate) fn sieve(&self) -> Sieve {
        if self.actions.negated {
            return Sieve::EVERYTHING;
        }
        let all = self.actions.entries.iter().map(Pattern::text);
        all.map(Sieve::of_pattern).fold(Sieve::NOTHING, Sieve::or)
    }

    /// Whether action, resource and conditions match.
    pub(crate) fn matches(&self, question: &Question<'_>) -> bool {
        self.speaks_of_action(question)
            && self.speaks_of_resource(question)
            && self
                .conditions
                .iter()
                .all(|condition| condition.holds(question.context))
    }

    /// Whether the action matches.
    pub(crate) fn speaks_of_action(&self, question: &Question<'_>) -> bool {
        let hit = self
            .actions
            .entries
            .iter()
            .any(|pattern| pattern.matches(question.action, question.context));
        hit != self.actions.negated
    }

    /// Whether the resource matches. Asked of a pattern, `Allow` needs one ARN that matches, `Deny` all.
    pub(crate) fn speaks_of_resource(&self, question: &Question<'_>) -> bool {
        let Some(Element { negated, entries }) = &self.resources else {
            return true;
        };
        let context = question.context;
        let mut listed = entries.iter();
        let hit = match &question.resource {
            Resource::One(arn) => listed.any(|entry| entry.matches(arn, context)),
            Resource::SomeOf(wanted) if *negated == (self.effect == Effect::Allow) => {
                listed.any(|entry| entry.covers(wanted, context))
            }
            Resource::SomeOf(wanted) => listed.any(|entry| entry.overlaps(wanted, context)),
        };
        if !negated {
            return hit;
        }
        // A variable without a value makes the whole statement invalid.
        !hit && entries.iter().all(|entry| entry.is_resolved(context))
    }

    /// How closely the statement names a caller; not at all where it names nobody. `bounded`: whether the caller has
    /// a permissions boundary.
    pub(crate) fn reach(&self, caller: &Principal, context: &Context, bounded: bool) -> Reach {
        let Some(element) = &self.principals else {
            return Reach::None;
        };
        let closest = element
            .entries
            .iter()
            .map(|entry| entry.reach(caller, context))
            .max()
            .unwrap_or(Reach::None);
        if !element.negated {
            return closest;
        }
        match self.effect {
            // AWS: this denies whoever has a boundary, whatever NotPrincipal lists.
            Effect::Deny if bounded => Reach::Direct,
            // To list the account alone exempts only its root: the caller itself must be listed.
            Effect::Deny if closest <= Reach::Account => Reach::Direct,
            Effect::Allow if closest == Reach::None => Reach::Direct,
            Effect::Allow | Effect::Deny => Reach::None,
        }
    }
}
