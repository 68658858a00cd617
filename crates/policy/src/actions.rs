//! The actions of AWS's services: access levels, resource types, condition keys, dependent actions.
//!
//! Owns the tables that `cargo xtask actions` makes; one is read when its service is first asked about. Which
//! action an operation needs is `operations.rs`.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;
use serde::Deserialize;

pub use crate::operations::of_operation;

include!(concat!(env!("OUT_DIR"), "/actions.rs"));

static PACKED: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/actions.deflate"));
static TABLES: [OnceLock<Option<Service>>; PLACES.len()] =
    [const { OnceLock::new() }; PLACES.len()];

/// What a service's actions are.
#[derive(Debug, Clone, Deserialize)]
pub struct Service {
    /// As in `Amazon S3`.
    #[serde(rename = "service")]
    pub name: String,
    /// Its condition keys with the type of their values (`String`, `ArrayOfString`, `Bool`, …). A part that is not fixed
    /// stands as `${TagKey}` or `<key>`.
    pub keys: BTreeMap<String, String>,
    /// Its resource types.
    pub resources: BTreeMap<String, ResourceType>,
    actions: BTreeMap<String, Action>,
    /// The actions' names, in lower case and in the order of that.
    #[serde(skip)]
    index: Vec<(String, String)>,
}

/// A type of resource.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ResourceType {
    /// The form of its ARN, as in `arn:${Partition}:s3:::${BucketName}`.
    pub arn: String,
    /// The condition keys that it brings.
    #[serde(default)]
    pub keys: Vec<String>,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Action {
    /// What it does to a resource.
    pub level: AccessLevel,
    /// The resource types that it may be allowed on; empty where only `*` will do.
    #[serde(default)]
    pub on: BTreeMap<String, OnResource>,
    /// The condition keys that it brings whatever the resource.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Further actions that it needs.
    #[serde(default)]
    pub also: Vec<String>,
}

/// An action on a resource type.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OnResource {
    /// Whether the action always touches such a resource.
    #[serde(default)]
    pub required: bool,
    /// The condition keys that go with it.
    #[serde(default)]
    pub keys: Vec<String>,
    /// Further actions that it needs then.
    #[serde(default)]
    pub also: Vec<String>,
}

/// What an action does to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
pub enum AccessLevel {
    /// Sees that it exists.
    List,
    /// Sees what it is.
    Read,
    /// Makes, changes or removes it.
    Write,
    /// Changes who may do what.
    #[serde(rename = "Permissions management")]
    PermissionsManagement,
    /// Changes its tags.
    Tagging,
}

impl AccessLevel {
    /// Whether it leaves everything as it is.
    pub fn only_looks(self) -> bool {
        matches!(self, Self::List | Self::Read)
    }
}

impl Service {
    /// An action by its name, in any case.
    pub fn action(&self, name: &str) -> Option<&Action> {
        if let Some(action) = self.actions.get(name) {
            return Some(action);
        }
        let lower = name.to_ascii_lowercase();
        let at = self
            .index
            .binary_search_by(|(own, _)| own.cmp(&lower))
            .ok()?;
        self.actions.get(&self.index.get(at)?.1)
    }

    /// Every action with its name.
    pub fn actions(&self) -> impl Iterator<Item = (&str, &Action)> {
        self.actions
            .iter()
            .map(|(name, action)| (name.as_str(), action))
    }

    /// Whether an action may be allowed on an ARN: one of its resource types has that form. `*` is for actions without
    /// resource types.
    pub fn takes(&self, action: &Action, resource: &str) -> bool {
        if action.on.is_empty() {
            return resource == "*";
        }
        let mut types = action.on.keys().filter_map(|kind| self.resources.get(kind));
        types.any(|kind| kind.fits(resource))
    }
}

impl ResourceType {
    /// Whether an ARN has the type's form.
    pub fn fits(&self, arn: &str) -> bool {
        fits(&self.arn, arn)
    }
}

/// Whether a text has a form: `${…}` stands for any text but an empty one, unless an ARN's part is nothing else.
fn fits(form: &str, text: &str) -> bool {
    let (Some((form, form_rest)), Some((text, text_rest))) =
        (form.split_once(':'), text.split_once(':'))
    else {
        return fits_part(form, text);
    };
    // Partition, service, region and account, one by one; the resource may have colons.
    let whole = |part: &str| part.starts_with("${") && part.ends_with('}');
    (whole(form) || fits_part(form, text)) && {
        if form_rest.matches(':').count() == 0 || text_rest.is_empty() {
            fits_part(form_rest, text_rest)
        } else {
            fits(form_rest, text_rest)
        }
    }
}

/// One part: its fixed texts must stand in their order, something between them.
fn fits_part(form: &str, text: &str) -> bool {
    let Some((before, rest)) = form.split_once("${") else {
        return form == text || form == "*";
    };
    let Some(text) = text.strip_prefix(before) else {
        return false;
    };
    let after = rest.split_once('}').map_or("", |(_, after)| after);
    // The variable takes one character at least.
    (1..=text.len())
        .filter(|end| text.is_char_boundary(*end))
        .any(|end| text.get(end..).is_some_and(|left| fits_part(after, left)))
}

/// A service's actions by its prefix, as in `s3`.
pub fn service(prefix: &str) -> Option<&'static Service> {
    let at = PLACES
        .binary_search_by(|(name, ..)| (*name).cmp(prefix))
        .ok()?;
    let (_, start, end) = PLACES.get(at)?;
    TABLES.get(at)?.get_or_init(|| read(*start, *end)).as_ref()
}

/// Every prefix that has a table.
pub fn prefixes() -> impl Iterator<Item = &'static str> {
    PLACES.iter().map(|(name, ..)| *name)
}

/// An action by its full name, as in `s3:GetObject`, in any case.
pub fn find(action: &str) -> Option<&'static Action> {
    let (prefix, name) = action.split_once(':')?;
    service(&prefix.to_ascii_lowercase())?.action(name)
}

fn read(start: usize, end: usize) -> Option<Service> {
    let mut text = String::new();
    DeflateDecoder::new(PACKED.get(start..end)?)
        .read_to_string(&mut text)
        .ok()?;
    let mut service: Service = serde_json::from_str(&text).ok()?;
    service.index = service
        .actions
        .keys()
        .map(|name| (name.to_ascii_lowercase(), name.clone()))
        .collect();
    service.index.sort();
    Some(service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_read() {
        let mut actions = 0;
        for prefix in prefixes() {
            let service = service(prefix).unwrap_or_else(|| panic!("{prefix}"));
            actions += service.actions().count();
            for (name, action) in service.actions() {
                assert_eq!(
                    service.action(&name.to_uppercase()),
                    Some(action),
                    "{prefix}:{name}"
                );
            }
        }
        assert!(actions > 20_000, "{actions}");
        assert!(PACKED.len() < 400_000, "{}", PACKED.len());
    }

    #[test]
    fn facts_of_an_action() {
        let get = find("S3:getobject").unwrap();
        assert_eq!(get.level, AccessLevel::Read);
        assert!(get.on.contains_key("object"));
        assert!(
            get.keys
                .iter()
                .any(|key| key == "s3:ExistingObjectTag/<key>")
        );
        assert!(find("s3:ListAllMyBuckets").unwrap().on.is_empty());
        assert_eq!(
            find("iam:PutRolePolicy").unwrap().level,
            AccessLevel::PermissionsManagement
        );
        assert!(
            find("ec2:RunInstances").unwrap().on["image"]
                .also
                .iter()
                .any(|also| also == "iam:PassRole")
        );
        assert_eq!(find("s3:HeadObject"), None);
        assert_eq!(find("nonsense"), None);
        assert!(find("nosuchservice:X").is_none());
    }

    #[test]
    fn arns_of_a_type() {
        let s3 = service("s3").unwrap();
        let get = s3.action("GetObject").unwrap();
        assert!(s3.takes(get, "arn:aws:s3:::b/k/with:colon"));
        assert!(!s3.takes(get, "arn:aws:s3:::b"));
        assert!(!s3.takes(get, "*"));
        assert!(s3.takes(s3.action("ListAllMyBuckets").unwrap(), "*"));
        for (form, text, expected) in [
            (
                "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}",
                "arn:aws:iam::1:user/a/b",
                true,
            ),
            (
                "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}",
                "arn:aws:iam::1:user/",
                false,
            ),
            (
                "arn:${Partition}:iam::${Account}:user/${UserNameWithPath}",
                "arn:aws:iam::1:role/a",
                false,
            ),
            (
                "arn:${Partition}:s3:::${BucketName}",
                "arn:aws:s3:::b",
                true,
            ),
            (
                "arn:${Partition}:logs:${Region}:${Account}:log-group:${G}:log-stream:${S}",
                "arn:aws:logs:r:1:log-group:g:log-stream:s",
                true,
            ),
            (
                "arn:${Partition}:sns:${Region}:${Account}:${TopicName}",
                "arn:aws:sqs:r:1:t",
                false,
            ),
        ] {
            assert_eq!(fits(form, text), expected, "{form} {text}");
        }
    }
}
