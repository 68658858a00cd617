//! A statement: whom, what, on what, when.
//!
//! Owns whether a statement matches a request. What follows from a match is `evaluate.rs`.

use crate::arn_pattern::ArnPattern;
use crate::condition::Condition;
use crate::context::Context;
use crate::entry::{Caller, PrincipalEntry, Reach};
use crate::pattern::Pattern;

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

    /// Whether action, resource and conditions match. The action is in lower case.
    pub(crate) fn matches(&self, action: &str, resource: &str, context: &Context) -> bool {
        let hit = self
            .actions
            .entries
            .iter()
            .any(|pattern| pattern.matches(action, context));
        if hit == self.actions.negated {
            return false;
        }
        if let Some(resources) = &self.resources {
            let hit = resources
                .entries
                .iter()
                .any(|pattern| pattern.matches(resource, context));
            if hit == resources.negated {
                return false;
            }
        }
        self.conditions
            .iter()
            .all(|condition| condition.holds(context))
    }

    /// How closely the statement names a caller. `bounded`: whether the caller has a permissions boundary.
    pub(crate) fn reach(&self, caller: &Caller<'_>, context: &Context, bounded: bool) -> Reach {
        let Some(element) = &self.principals else {
            return Reach::Direct;
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
