//! What S3 holds: buckets by name over all accounts, and in them versions of objects, uploads under way
//! and settings.
//!
//! Owns the types and the moves that keep them whole (a put, a delete, a version taken out). Must not know
//! requests: whether somebody may, and what AWS answers, is the handlers' business.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use stockade_model::{AccountId, Region, Timestamp};
use stockade_policy::Named;
use stockade_wire::AwsError;

use super::body::Body;
use super::checksums::{Algorithm, Checksum, Coverage};
use super::errors;
use crate::rows::{Key as _, Row, RowError, Rows, Writer};
use crate::store::Bodies;
use crate::table::Table;

/// Every bucket of every account.
#[derive(Debug, Clone, Default)]
pub struct State {
    buckets: Table<String, Bucket>,
    /// Where the bytes of objects are kept.
    pub bodies: Arc<Bodies>,
}

impl State {
    /// Keeps the bytes of an object.
    ///
    /// # Errors
    /// `ServiceUnavailable` where they cannot be written.
    pub fn keep(&self, bytes: Bytes) -> Result<Body, AwsError> {
        Body::keep(bytes, &self.bodies).map_err(|error| errors::disk(&error))
    }

    /// Looks for the files that rows named, and answers their names.
    ///
    /// # Errors
    /// One is missing, or not what it was.
    pub fn find_bodies(&mut self, bodies: &Arc<Bodies>) -> io::Result<BTreeSet<String>> {
        self.bodies = Arc::clone(bodies);
        let mut named = BTreeSet::new();
        self.change_bodies(|body| {
            named.extend(body.file().map(str::to_owned));
            body.find(bodies)
        })?;
        Ok(named)
    }

    /// Keeps the bodies that rows named anew, from what `bytes` has under their names.
    ///
    /// # Errors
    /// Those of `bytes`, and of the disk.
    pub fn replace_bodies(
        &mut self,
        mut bytes: impl FnMut(&str) -> io::Result<Bytes>,
    ) -> io::Result<()> {
        let bodies = Arc::clone(&self.bodies);
        self.change_bodies(|body| {
            let all = match body.file() {
                Some(name) => bytes(name)?,
                None => body.all()?,
            };
            *body = Body::keep(all, &bodies)?;
            Ok(())
        })
    }

    fn change_bodies(
        &mut self,
        mut change: impl FnMut(&mut Body) -> io::Result<()>,
    ) -> io::Result<()> {
        let names: Vec<String> = self.buckets.keys().cloned().collect();
        for bucket in names {
            let Some(bucket) = self.buckets.get_mut(&bucket) else {
                continue;
            };
            let keys: Vec<String> = bucket.objects.keys().cloned().collect();
            for key in keys {
                let versions = bucket.objects.get_mut(&key);
                for version in versions.into_iter().flat_map(|versions| &mut versions.0) {
                    if let Some(object) = &mut Arc::make_mut(version).object {
                        change(&mut object.body)?;
                    }
                }
            }
            let uploads: Vec<(String, String)> = bucket.uploads.keys().cloned().collect();
            for upload in uploads {
                let Some(upload) = bucket.uploads.get_mut(&upload) else {
                    continue;
                };
                let numbers: Vec<i64> = upload.parts.keys().copied().collect();
                for number in numbers {
                    if let Some(part) = upload.parts.get_mut(&number) {
                        change(&mut part.body)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Every body, of objects and of parts.
    pub fn all_bodies(&self) -> impl Iterator<Item = &Body> {
        self.buckets.values().flat_map(|bucket| {
            let objects = bucket.objects.values().flat_map(|versions| versions.iter());
            let objects = objects.filter_map(|version| Some(&version.object.as_ref()?.body));
            let parts = bucket
                .uploads
                .values()
                .flat_map(|upload| upload.parts.values());
            objects.chain(parts.map(|part| &part.body))
        })
    }

    /// The bucket of a name, whoever owns it.
    pub fn bucket(&self, name: &str) -> Option<&Bucket> {
        self.buckets.get(name)
    }

    /// The bucket of a name, to change it.
    pub fn bucket_mut(&mut self, name: &str) -> Option<&mut Bucket> {
        self.buckets.get_mut(name)
    }

    /// Every bucket, by name.
    pub fn buckets(&self) -> impl Iterator<Item = &Bucket> {
        self.buckets.values()
    }

    /// Adds a bucket; one of the same name is replaced.
    pub fn insert(&mut self, bucket: Bucket) {
        self.buckets.insert(bucket.name.clone(), bucket);
    }

    /// Takes a bucket out with all that is in it.
    pub fn remove(&mut self, name: &str) -> Option<Bucket> {
        self.buckets.remove(name)
    }
}

crate::rows!(State {
    values: [],
    below: [buckets],
    anew: [bodies = Arc::default()],
});

/// A bucket.
#[derive(Debug, Clone)]
pub struct Bucket {
    /// The name, unique over all accounts.
    pub name: String,
    /// The account that owns it.
    pub owner: AccountId,
    /// Where it is.
    pub region: Region,
    /// When it was made.
    pub created: Timestamp,
    /// Whether it keeps old versions.
    pub versioning: Versioning,
    /// Its policy.
    pub policy: Option<BucketPolicy>,
    /// Its block of public access; none where it was taken off.
    pub public_access_block: Option<PublicAccessBlock>,
    /// Who owns what others upload; none where the rule was taken off, which means the writer.
    pub ownership: Option<Ownership>,
    /// Its tags, key and value; none where it never had any.
    pub tags: Option<Vec<(String, String)>>,
    /// The rules of its default encryption, as the API shows them; none for the basic one.
    pub encryption: Option<Value>,
    /// The rules of its lifecycle, as the API shows them.
    pub lifecycle: Option<Value>,
    /// Every version of every key. No entry is empty.
    objects: Table<String, Versions>,
    /// Uploads under way, by key and id.
    uploads: Table<(String, String), Upload>,
}

crate::rows!(Bucket {
    values: [
        name,
        owner,
        region,
        created,
        versioning,
        policy,
        public_access_block,
        ownership,
        tags,
        encryption,
        lifecycle,
    ],
    below: [objects, uploads],
});

/// Whether a bucket keeps old versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Versioning {
    /// It never did.
    #[default]
    Off,
    /// It does.
    Enabled,
    /// It did; new objects have the version `null`.
    Suspended,
}

/// A bucket's policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BucketPolicy {
    /// As it was put.
    pub text: String,
    /// As it is evaluated.
    pub compiled: Named,
    /// Whether it lets in the public, in the sense of the block of public access.
    pub public: bool,
}

/// A block of public access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PublicAccessBlock {
    /// Refuse new public ACLs.
    pub block_acls: bool,
    /// Overlook public ACLs.
    pub ignore_acls: bool,
    /// Refuse new public policies.
    pub block_policy: bool,
    /// Let a public policy count for the owner's account and AWS's services alone.
    pub restrict_buckets: bool,
}

impl PublicAccessBlock {
    /// As every new bucket has it.
    pub const ALL: Self = Self {
        block_acls: true,
        ignore_acls: true,
        block_policy: true,
        restrict_buckets: true,
    };
}

/// Who owns what others upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Ownership {
    /// The bucket's owner; there are no ACLs.
    BucketOwnerEnforced,
    /// The bucket's owner where the uploader says so.
    BucketOwnerPreferred,
    /// The uploader.
    ObjectWriter,
}

impl Ownership {
    /// As `ObjectOwnership` names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }

    /// The rule of a name.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::BucketOwnerEnforced,
            Self::BucketOwnerPreferred,
            Self::ObjectWriter,
        ]
        .into_iter()
        .find(|rule| rule.name() == name)
    }
}

/// The versions of a key, the oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Versions(Vec<Arc<Version>>);

impl Deref for Versions {
    type Target = [Arc<Version>];

    fn deref(&self) -> &[Arc<Version>] {
        &self.0
    }
}

/// Each version has a row, in their order.
impl Rows for Versions {
    fn changes(
        new: Option<&Self>,
        old: Option<&Self>,
        writer: &mut Writer<'_>,
    ) -> Result<(), RowError> {
        let (new, old) = (new.map_or(&[][..], |v| v), old.map_or(&[][..], |v| v));
        let (mut new, mut old) = (new.iter().peekable(), old.iter().peekable());
        loop {
            let numbers = (new.peek().map(|v| v.number), old.peek().map(|v| v.number));
            let (number, new, old) = match numbers {
                (None, None) => return Ok(()),
                (Some(number), None) => (number, new.next(), None),
                (None, Some(number)) => (number, None, old.next()),
                (Some(one), Some(other)) => match one.cmp(&other) {
                    Ordering::Less => (one, new.next(), None),
                    Ordering::Equal => (one, new.next(), old.next()),
                    Ordering::Greater => (other, None, old.next()),
                },
            };
            writer.within(&number.part(), |writer| {
                <Arc<Version> as Rows>::changes(new, old, writer)
            })?;
        }
    }

    fn take(this: &mut Option<Self>, row: Row<'_>) -> Result<(), RowError> {
        let (number, below) = row.next().ok_or_else(|| row.unknown())?;
        let number = u64::of_part(number).ok_or_else(|| row.unknown())?;
        let versions = &mut this.get_or_insert_default().0;
        let place = versions.binary_search_by_key(&number, |version| version.number);
        let mut version = place.ok().map(|place| versions.remove(place));
        <Arc<Version> as Rows>::take(&mut version, below)?;
        if let Some(version) = version {
            versions.insert(place.unwrap_or_else(|place| place), version);
        } else if versions.is_empty() {
            *this = None;
        }
        Ok(())
    }
}

/// A version of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// Its place among the key's versions: each new one has a higher number.
    number: u64,
    /// Its id; none for the version that `null` names.
    pub id: Option<String>,
    /// When it was made, in whole seconds as S3 keeps time.
    pub modified: Timestamp,
    /// An object; none for a delete marker.
    pub object: Option<ObjectData>,
}

impl Version {
    /// The id as requests spell it.
    pub fn id(&self) -> &str {
        self.id.as_deref().unwrap_or("null")
    }
}

crate::row!(Version);

/// An object: its bytes and all that is known of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectData {
    /// The bytes.
    pub body: Body,
    /// Without quotes.
    pub etag: String,
    /// The checksum that is given back to who asks.
    pub checksum: Checksum,
    /// What the uploader said about it.
    pub attributes: Attributes,
    /// Of a multipart object, its parts in order.
    pub parts: Vec<PartExtent>,
    /// The account that owns the object.
    pub owner: AccountId,
}

/// What an uploader says about an object.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// Headers that come back as they were sent, by member name (`ContentType`, `CacheControl`, …).
    pub headers: BTreeMap<String, String>,
    /// `x-amz-meta-…`, without the prefix.
    pub metadata: BTreeMap<String, String>,
    /// `STANDARD` and its like.
    pub storage_class: String,
    /// Key and value.
    pub tags: Vec<(String, String)>,
}

/// Where a part of a multipart object lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartExtent {
    /// As it was uploaded.
    pub number: i64,
    /// From the object's start.
    pub offset: u64,
    /// In bytes.
    pub size: u64,
}

/// A multipart upload under way.
#[derive(Debug, Clone)]
pub struct Upload {
    /// When it was begun.
    pub initiated: Timestamp,
    /// Who began it: an ARN, or an account's canonical id.
    pub initiator: String,
    /// The account that began it.
    pub account: AccountId,
    /// What the object will carry.
    pub attributes: Attributes,
    /// Which checksum the object will have; none where the client did not say.
    pub checksum: Option<(Algorithm, Coverage)>,
    /// The parts so far, by number.
    pub parts: Table<i64, Part>,
}

crate::rows!(Upload {
    values: [initiated, initiator, account, attributes, checksum],
    below: [parts],
});

/// An uploaded part.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The bytes.
    pub body: Body,
    /// Without quotes.
    pub etag: String,
    /// The one that the client claimed, or that the upload asks for.
    pub checksum: Option<Checksum>,
    /// When it came.
    pub modified: Timestamp,
}
crate::row!(Part);

impl Bucket {
    /// An empty bucket as AWS makes it: private, its owner owning all.
    pub fn new(name: String, owner: AccountId, region: Region, created: Timestamp) -> Self {
        Self {
            name,
            owner,
            region,
            created,
            versioning: Versioning::Off,
            policy: None,
            public_access_block: Some(PublicAccessBlock::ALL),
            ownership: Some(Ownership::BucketOwnerEnforced),
            tags: None,
            encryption: None,
            lifecycle: None,
            objects: Table::new(),
            uploads: Table::new(),
        }
    }

    /// `arn:aws:s3:::name`.
    pub fn arn(&self) -> String {
        format!("arn:aws:s3:::{}", self.name)
    }

    /// Whether ACLs count.
    pub fn has_acls(&self) -> bool {
        self.ownership
            .is_some_and(|rule| rule != Ownership::BucketOwnerEnforced)
            || self.ownership.is_none()
    }

    /// Whether no version and no delete marker is left.
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Every key with its versions (the oldest first), by key.
    pub fn keys(&self) -> &Table<String, Versions> {
        &self.objects
    }

    /// The newest version of a key, object or delete marker.
    pub fn latest(&self, key: &str) -> Option<&Version> {
        self.objects.get(key)?.last().map(Arc::as_ref)
    }

    /// The object that a plain request for the key sees.
    pub fn current(&self, key: &str) -> Option<(&Version, &ObjectData)> {
        let version = self.latest(key)?;
        Some((version, version.object.as_ref()?))
    }

    /// The version of an id (`null` for the one without).
    pub fn version(&self, key: &str, id: &str) -> Option<&Version> {
        let versions = self.objects.get(key)?;
        versions.iter().find(|v| v.id() == id).map(Arc::as_ref)
    }

    /// The object of a version, or the newest where none is named, to change what is said about it.
    pub fn object_mut(&mut self, key: &str, id: Option<&str>) -> Option<&mut ObjectData> {
        let versions = &mut self.objects.get_mut(key)?.0;
        let version = match id {
            Some(id) => versions.iter_mut().find(|v| v.id() == id),
            None => versions.last_mut(),
        };
        Arc::make_mut(version?).object.as_mut()
    }

    /// Puts a version on top. `id` is that of a new version where the bucket keeps them; without it the version
    /// `null` is replaced. Answers the version's id.
    pub fn put(
        &mut self,
        key: &str,
        id: Option<String>,
        modified: Timestamp,
        object: Option<ObjectData>,
    ) {
        let versions = &mut self.objects.entry(key.to_owned()).or_default().0;
        let number = versions.last().map_or(0, |v| v.number.saturating_add(1));
        if id.is_none() {
            versions.retain(|v| v.id.is_some());
        }
        versions.push(Arc::new(Version {
            number,
            id,
            modified,
            object,
        }));
    }

    /// Takes a version out for good.
    pub fn remove_version(&mut self, key: &str, id: &str) -> Option<Arc<Version>> {
        self.version(key, id)?;
        let versions = &mut self.objects.get_mut(key)?.0;
        let place = versions.iter().position(|v| v.id() == id)?;
        let version = versions.remove(place);
        if versions.is_empty() {
            self.objects.remove(key);
        }
        Some(version)
    }

    /// The upload of a key and id.
    pub fn upload(&self, key: &str, id: &str) -> Option<&Upload> {
        self.uploads.get(&(key.to_owned(), id.to_owned()))
    }

    /// The same, to add parts.
    pub fn upload_mut(&mut self, key: &str, id: &str) -> Option<&mut Upload> {
        self.uploads.get_mut(&(key.to_owned(), id.to_owned()))
    }

    /// Begins an upload.
    pub fn begin_upload(&mut self, key: &str, id: &str, upload: Upload) {
        self.uploads.insert((key.to_owned(), id.to_owned()), upload);
    }

    /// Ends an upload, completed or aborted.
    pub fn end_upload(&mut self, key: &str, id: &str) -> Option<Upload> {
        self.uploads.remove(&(key.to_owned(), id.to_owned()))
    }

    /// Every upload under way, by key and id.
    pub fn uploads(&self) -> impl Iterator<Item = (&str, &str, &Upload)> {
        self.uploads
            .iter()
            .map(|((key, id), upload)| (key.as_str(), id.as_str(), upload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket() -> Bucket {
        Bucket::new(
            "b".into(),
            "111122223333".parse().unwrap(),
            Region::us_east_1(),
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn the_null_version_is_replaced_and_the_others_stay() {
        let mut bucket = bucket();
        let now = Timestamp::UNIX_EPOCH;
        bucket.put("k", None, now, None);
        bucket.put("k", Some("v1".into()), now, None);
        bucket.put("k", None, now, None);
        let ids: Vec<_> = bucket.keys()["k"].iter().map(|v| v.id()).collect();
        assert_eq!(ids, ["v1", "null"]);
    }

    #[test]
    fn a_key_without_versions_is_gone() {
        let mut bucket = bucket();
        bucket.put("k", None, Timestamp::UNIX_EPOCH, None);
        assert!(bucket.remove_version("k", "nope").is_none() && !bucket.is_empty());
        assert!(bucket.remove_version("k", "null").is_some() && bucket.is_empty());
    }

    #[test]
    fn new_buckets_are_private() {
        let bucket = bucket();
        assert!(!bucket.has_acls() && bucket.policy.is_none());
        assert_eq!(bucket.public_access_block, Some(PublicAccessBlock::ALL));
    }
}
