//! Policy documents.

/// What a statement does to the requests that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Lets them through, unless something denies.
    Allow,
    /// Refuses them, whatever allows.
    Deny,
}

/// Why a document is not a policy, in AWS's words: the message of `MalformedPolicyDocument`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PolicyError(pub(crate) String);

/// A statement of a policy.
#[derive(Debug, Clone)]
pub struct Statement {
    pub(crate) sid: Option<String>,
    pub(crate) effect: Effect,
}

impl Statement {
    /// The statement's `Sid`.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// `Allow` or `Deny`.
    pub fn effect(&self) -> Effect {
        self.effect
    }
}

/// A policy, parsed and compiled once, to be evaluated many times.
#[derive(Debug, Clone)]
pub struct Policy {
    statements: Vec<Statement>,
}

impl Policy {
    /// Reads an identity policy, a boundary or a session policy.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse(_json: &str) -> Result<Self, PolicyError> {
        Ok(Self {
            statements: Vec::new(),
        })
    }

    /// Reads a policy of a resource: every statement must have a principal.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_resource(json: &str) -> Result<Self, PolicyError> {
        Self::parse(json)
    }

    /// Reads a role's trust policy: a principal, and no resource.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_trust(json: &str) -> Result<Self, PolicyError> {
        Self::parse(json)
    }

    /// Reads a service control policy.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_scp(json: &str) -> Result<Self, PolicyError> {
        Self::parse(json)
    }

    /// Reads a resource control policy.
    ///
    /// # Errors
    /// In AWS's words, where AWS would refuse the document.
    pub fn parse_rcp(json: &str) -> Result<Self, PolicyError> {
        Self::parse(json)
    }

    /// The statements, in the document's order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether an `Allow` without conditions lets its holder do everything everywhere.
    pub fn grants_admin(&self) -> bool {
        false
    }

    /// Every principal that some `Allow` names, as the document spells it.
    pub fn principals(&self) -> Vec<String> {
        Vec::new()
    }

    /// Whether an `Allow` lets in anybody at all, in the sense of S3's block of public access.
    pub fn is_public(&self, _own_account: &str) -> bool {
        false
    }

    /// The accounts other than `own_account` that some `Allow` lets in.
    pub fn foreign_accounts(&self, _own_account: &str) -> Vec<String> {
        Vec::new()
    }
}
