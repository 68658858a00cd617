//! A policy: parsed once, evaluated many times, and asked what it gives away.
//!
//! Owns the type that everybody holds. The grammar is `document.rs`, the evaluation `evaluate.rs`.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::condition::Condition;
use crate::document::{self, Document};
use crate::entry::PrincipalEntry;
use crate::pattern::variable_names;
use crate::question::{Question, Sieve};
use crate::statement::{Effect, Statement};

/// Why a document is not a policy, in AWS's words: the message of `MalformedPolicyDocument`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PolicyError {
    message: String,
    detail: Option<String>,
}

impl PolicyError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            detail: None,
        }
    }

    pub(crate) fn with(message: &str, detail: impl Into<String>) -> Self {
        Self {
            message: message.to_owned(),
            detail: Some(detail.into()),
        }
    }

    /// Adds where the fault is.
    pub(crate) fn within(mut self, place: &str) -> Self {
        self.detail = self.detail.map(|detail| format!("{place}: {detail}"));
        self
    }

    /// What is wrong, and where, in more words than AWS has for it.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }
}

/// Where a document is to be used, which decides what it must and must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DocumentKind {
    /// An inline policy of a user, group or role, or a session policy: no principal.
    Identity,
    /// A managed policy, boundaries included: as [`DocumentKind::Identity`], and of version 2012-10-17.
    Managed,
    /// A resource's policy: a principal in every statement.
    Resource,
    /// A role's trust policy: a principal, no resource, actions of STS.
    Trust,
    /// A service control policy.
    Scp,
    /// A resource control policy.
    Rcp,
}

/// A policy, parsed and compiled. It is kept as its source, and compiled when it is read again.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Source", into = "Source")]
pub struct Policy {
    source: Source,
    id: Option<String>,
    is_current: bool,
    statements: Vec<Statement>,
    /// Of each statement, side by side: all that is looked at of most of them.
    sieves: Box<[Sieve]>,
}

/// What a policy was compiled from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Source {
    kind: DocumentKind,
    text: Arc<str>,
}

impl Source {
    fn of(text: &str, kind: DocumentKind) -> Self {
        Self {
            kind,
            text: text.into(),
        }
    }
}

impl From<Policy> for Source {
    fn from(policy: Policy) -> Self {
        policy.source
    }
}

impl TryFrom<Source> for Policy {
    type Error = PolicyError;

    /// What was taken once is taken again, though it would be refused today.
    fn try_from(source: Source) -> Result<Self, PolicyError> {
        Self::compile(source, document::read_leniently)
    }
}

/// Policies are the same that were compiled from the same.
impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Policy {
    /// A policy without a statement: of a role or a key that has none, and so lets nobody in.
    pub fn empty() -> Self {
        Self {
            source: Source::of(r#"{"Statement":[]}"#, DocumentKind::Resource),
            id: None,
            is_current: true,
            statements: Vec::new(),
            sieves: Box::default(),
        }
    }

    /// Reads a document for its use.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_as(json: &str, kind: DocumentKind) -> Result<Self, PolicyError> {
        Self::compile(Source::of(json, kind), document::read)
    }

    /// Reads a document for an experiment, as `policy simulate` does: what can be understood counts, though AWS
    /// would not take it. A statement without a principal then speaks of nobody, where one is needed.
    ///
    /// # Errors
    /// Where the document cannot be understood.
    pub fn parse_leniently(json: &str, kind: DocumentKind) -> Result<Self, PolicyError> {
        Self::compile(Source::of(json, kind), document::read_leniently)
    }

    fn compile(
        source: Source,
        read: fn(&str, DocumentKind) -> Result<Document, PolicyError>,
    ) -> Result<Self, PolicyError> {
        let document = read(&source.text, source.kind)?;
        Ok(Self::from((source, document)))
    }

    /// Reads an inline, session or service control policy: one without a principal.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse(json: &str) -> Result<Self, PolicyError> {
        Self::parse_as(json, DocumentKind::Identity)
    }

    /// Reads a policy of a resource: every statement must have a principal.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_resource(json: &str) -> Result<Self, PolicyError> {
        Self::parse_as(json, DocumentKind::Resource)
    }

    /// Reads a role's trust policy: a principal, and no resource.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_trust(json: &str) -> Result<Self, PolicyError> {
        Self::parse_as(json, DocumentKind::Trust)
    }

    /// Reads a service control policy.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_scp(json: &str) -> Result<Self, PolicyError> {
        Self::parse_as(json, DocumentKind::Scp)
    }

    /// Reads a resource control policy.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_rcp(json: &str) -> Result<Self, PolicyError> {
        Self::parse_as(json, DocumentKind::Rcp)
    }

    /// The document that it was compiled from.
    pub fn text(&self) -> &Arc<str> {
        &self.source.text
    }

    /// What it was compiled for.
    pub fn kind(&self) -> DocumentKind {
        self.source.kind
    }

    /// The document's `Id`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether the document is of version 2012-10-17, the only one with policy variables.
    pub fn is_current(&self) -> bool {
        self.is_current
    }

    /// The statements, in the document's order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// The condition keys that the document names, in conditions and as variables, as it spells them.
    pub fn context_keys(&self) -> BTreeSet<&str> {
        let mut keys = BTreeSet::new();
        for statement in &self.statements {
            let values = statement.conditions.iter().flat_map(Condition::values);
            let texts = statement.resources().chain(values.map(String::as_str));
            if self.is_current {
                keys.extend(texts.flat_map(variable_names));
            }
            keys.extend(statement.conditions.iter().map(Condition::key));
        }
        keys
    }

    /// Whether an `Allow` without conditions lets its holder do everything everywhere. Denials are not weighed.
    pub fn grants_admin(&self) -> bool {
        self.allows().any(|statement| {
            statement.conditions.is_empty()
                && statement.covers_every_action()
                && statement.covers_every_resource()
        })
    }

    /// Every principal that some `Allow` names, once each, as the document spells it; `*` too where it names all
    /// but some (`NotPrincipal`).
    pub fn principals(&self) -> Vec<String> {
        let mut all = BTreeSet::new();
        for statement in self.allows() {
            if statement.is_not_principal() {
                all.insert("*".to_owned());
            } else {
                all.extend(statement.principals().iter().map(ToString::to_string));
            }
        }
        all.into_iter().collect()
    }

    /// Whether an `Allow` lets in anybody at all, in the sense of S3's public-access block: everybody, and no
    /// condition that holds it to fixed callers or networks. A condition on `own_account` alone is such a hold.
    pub fn is_public(&self, own_account: &str) -> bool {
        self.allows().any(|statement| {
            let everyone = statement.is_not_principal()
                || statement.principals().contains(&PrincipalEntry::Everyone);
            everyone
                && !statement
                    .conditions
                    .iter()
                    .any(|condition| condition.confines(own_account))
        })
    }

    /// The accounts other than `own_account` that some `Allow` lets in, in order: those of its principals, and
    /// for everybody those that `aws:PrincipalAccount` holds it to.
    pub fn foreign_accounts(&self, own_account: &str) -> Vec<String> {
        let mut all = BTreeSet::new();
        for statement in self
            .allows()
            .filter(|statement| !statement.is_not_principal())
        {
            for entry in statement.principals() {
                all.extend(entry.account().map(str::to_owned));
            }
            if statement.principals().contains(&PrincipalEntry::Everyone) {
                let held = statement.conditions.iter().filter(|condition| {
                    !condition.is_negated()
                        && condition.key().eq_ignore_ascii_case("aws:PrincipalAccount")
                });
                all.extend(held.flat_map(|condition| condition.values().iter().cloned()));
            }
        }
        all.remove(own_account);
        all.into_iter().collect()
    }

    /// The statements that may speak of a question's action.
    pub(crate) fn candidates(&self, question: &Question<'_>) -> impl Iterator<Item = &Statement> {
        let sieve = question.sieve;
        let statements = self.statements.iter().zip(&self.sieves);
        statements.filter_map(move |(statement, own)| own.passes(sieve).then_some(statement))
    }

    fn allows(&self) -> impl Iterator<Item = &Statement> {
        self.statements
            .iter()
            .filter(|statement| statement.effect == Effect::Allow)
    }
}

impl From<(Source, Document)> for Policy {
    fn from((source, document): (Source, Document)) -> Self {
        Self {
            source,
            id: document.id,
            is_current: document.is_current,
            sieves: document.statements.iter().map(Statement::sieve).collect(),
            statements: document.statements,
        }
    }
}
