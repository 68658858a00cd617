//! The AWS managed policies, by their real names and with their real documents.
//!
//! Owns the catalogue. It is unpacked when it is first asked for, and a document is compiled when it is first
//! evaluated: a range that attaches none pays nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::{Arc, LazyLock, OnceLock};

use flate2::read::GzDecoder;
use serde::Deserialize;
use serde_json::{Value, json};
use stockade_model::Timestamp;
use stockade_policy::Policy;

use super::attachments::policy_path;
use super::documents::Document;
use super::output::time;

/// One policy a line, the document last; `data/aws-managed-policies.NOTICE` says where it comes from.
static PACKED: &[u8] = include_bytes!("../../../data/aws-managed-policies.ndjson.gz");

/// The policy that administrators have. It is known without the catalogue, so that the first call of an
/// administrator does not wait for it.
pub const ADMINISTRATOR_ACCESS: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

const ADMINISTRATOR_DOCUMENT: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

static ADMINISTRATOR: LazyLock<Option<Document>> =
    LazyLock::new(|| Document::managed(ADMINISTRATOR_DOCUMENT).ok());

static CATALOGUE: LazyLock<BTreeMap<String, AwsPolicy>> = LazyLock::new(unpack);

/// A managed policy of AWS.
#[derive(Debug)]
pub struct AwsPolicy {
    /// `arn:aws:iam::aws:policy/…`.
    pub arn: String,
    /// The version in force, as in `v7`.
    pub version: String,
    /// When AWS made it.
    pub created: Timestamp,
    /// When AWS last changed it.
    pub updated: Timestamp,
    text: Arc<str>,
    policy: OnceLock<Option<Arc<Policy>>>,
}

#[derive(Deserialize)]
struct Head {
    arn: String,
    version: String,
    created: Timestamp,
    updated: Timestamp,
}

impl AwsPolicy {
    fn read(line: &str) -> Option<Self> {
        // Splitting at the document spares parsing 3.5 MB of JSON of which a range needs a few lines.
        let (head, document) = line.split_once(",\"document\":")?;
        let head: Head = serde_json::from_str(&format!("{head}}}")).ok()?;
        Some(Self {
            arn: head.arn,
            version: head.version,
            created: head.created,
            updated: head.updated,
            text: document.strip_suffix('}')?.into(),
            policy: OnceLock::new(),
        })
    }

    /// The name: the last part of its ARN.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }

    /// The document's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The document, compiled.
    pub fn document(&self) -> Option<Document> {
        let policy = self
            .policy
            .get_or_init(|| Policy::parse(&self.text).ok().map(Arc::new))
            .clone()?;
        Some(Document {
            text: Arc::clone(&self.text),
            policy,
        })
    }

    /// `ANPA…`: the same in every range. The real ids are not published, so it is made from the ARN.
    pub fn id(&self) -> String {
        const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.arn.as_bytes());
        let letters = digest
            .as_ref()
            .iter()
            .take(17)
            .filter_map(|byte| ALPHABET.get(usize::from(byte % 32)));
        let mut id = String::from("ANPA");
        id.extend(letters.map(|letter| char::from(*letter)));
        id
    }

    pub(super) fn shown(&self, attachments: usize, boundaries: usize) -> Value {
        json!({
            "PolicyName": self.name(),
            "PolicyId": self.id(),
            "Arn": self.arn,
            "Path": policy_path(&self.arn),
            "DefaultVersionId": self.version,
            "AttachmentCount": attachments,
            "PermissionsBoundaryUsageCount": boundaries,
            "IsAttachable": true,
            "CreateDate": time(self.created),
            "UpdateDate": time(self.updated),
        })
    }
}

fn unpack() -> BTreeMap<String, AwsPolicy> {
    let mut text = String::new();
    if GzDecoder::new(PACKED).read_to_string(&mut text).is_err() {
        // The data is part of the binary; a test proves that it unpacks.
        return BTreeMap::new();
    }
    text.lines()
        .filter_map(AwsPolicy::read)
        .map(|policy| (policy.arn.clone(), policy))
        .collect()
}

/// The policy with this ARN. An ARN that is not AWS's is answered without unpacking the catalogue.
pub fn find(arn: &str) -> Option<&'static AwsPolicy> {
    if !arn.starts_with("arn:aws:iam::aws:policy/") {
        return None;
    }
    CATALOGUE.get(arn)
}

/// The document in force of the policy with this ARN.
pub fn document(arn: &str) -> Option<Document> {
    match arn {
        ADMINISTRATOR_ACCESS => ADMINISTRATOR.clone(),
        _ => find(arn)?.document(),
    }
}

/// Every policy, by ARN.
pub fn all() -> impl Iterator<Item = &'static AwsPolicy> {
    CATALOGUE.values()
}

/// Whether a policy is for service-linked roles alone.
pub fn is_of_service_linked_roles(arn: &str) -> bool {
    arn.starts_with("arn:aws:iam::aws:policy/aws-service-role/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_is_whole_and_every_document_compiles() {
        assert_eq!(all().count(), 1587);
        for policy in all() {
            if let Err(error) = Policy::parse(policy.text()) {
                panic!("{}: {error}", policy.arn);
            }
        }
    }

    #[test]
    fn policies_are_found_by_arn() {
        let found = find("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess").unwrap();
        assert_eq!((found.name(), found.id().len()), ("ViewOnlyAccess", 21));
        assert!(found.document().is_some());
        let known = document(ADMINISTRATOR_ACCESS).unwrap();
        assert_eq!(&*known.text, find(ADMINISTRATOR_ACCESS).unwrap().text());
        assert!(find("arn:aws:iam::aws:policy/NoSuchPolicy").is_none());
        assert!(find("arn:aws:iam::123456789012:policy/AdministratorAccess").is_none());
    }
}
