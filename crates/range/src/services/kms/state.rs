//! What KMS holds: keys with their sealed material and grants, by region and id; aliases; and when something falls due.
//!
//! Owns the types, and the agenda, which is kept in step with the keys. Must not know requests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stockade_keys::grant::Constraint;
use stockade_keys::{EncryptionContext, KeySpec, KeyUsage, RootKey};
use stockade_model::{AccountId, Arn, Region, Timestamp};
use stockade_policy::Named;
use stockade_wire::AwsError;

use super::vault::{Sealed, Vault};
use crate::store::RootKeys;
use crate::table::Table;

/// Where a key is: its region and its id. Keys of one id in several regions are one multi-Region key.
pub type Place = (Region, String);

/// Every key of every account.
#[derive(Debug, Clone, Default)]
pub struct State {
    keys: Table<Place, Key>,
    aliases: Table<(AccountId, Place), Alias>,
    agenda: Table<(i64, Place), Due>,
    /// Which root key sealed the material, by its id; none: one that is kept nowhere.
    root: Option<String>,
    /// What opens the material.
    pub vault: Vault,
}

crate::rows!(State {
    values: [root = None],
    below: [keys, aliases, agenda],
    anew: [vault = Vault::default()],
});

/// That something is to be done with a key at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due;

crate::row!(Due);

/// A KMS key.
#[derive(Debug, Clone)]
pub struct Key {
    /// A UUID, or `mrk-…` for a multi-Region key.
    pub id: String,
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// When it was made.
    pub created: Timestamp,
    /// What its owner says of it.
    pub description: String,
    /// The kind of its material.
    pub spec: KeySpec,
    /// What it is for.
    pub usage: KeyUsage,
    /// Where its material comes from.
    pub origin: Origin,
    /// Whether it is switched on, as far as its owner says.
    pub enabled: bool,
    /// The service for which AWS manages it, as in `s3`; none for a customer's own.
    pub service: Option<String>,
    /// Who may.
    pub policy: KeyPolicy,
    /// In the order of their keys.
    pub tags: Vec<Tag>,
    /// Whether it is on its way out.
    pub deletion: Option<Deletion>,
    /// The others that are the same key elsewhere.
    pub multi_region: Option<MultiRegion>,
    /// When it is rotated.
    pub rotation: Rotation,
    /// What it had and has, the oldest first.
    pub materials: Vec<KeptMaterial>,
    /// The names of the aliases that point at it, in their order: every use of it asks for them.
    pub aliases: Vec<String>,
    /// What others were allowed, by grant id.
    pub grants: Table<String, Grant>,
}

crate::rows!(Key {
    values: [
        id,
        account,
        region,
        created,
        description,
        spec,
        usage,
        origin,
        enabled,
        service,
        policy,
        tags,
        deletion,
        multi_region,
        rotation,
        materials,
        aliases = Vec::new(),
    ],
    below: [grants],
});

/// Where material comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// KMS made it.
    #[serde(rename = "AWS_KMS")]
    Kms,
    /// It was imported, or is to be.
    #[serde(rename = "EXTERNAL")]
    External,
}

impl Origin {
    /// As KMS names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kms => "AWS_KMS",
            Self::External => "EXTERNAL",
        }
    }
}

/// A key's policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeyPolicy {
    /// As it is shown, but for users and roles, which stand by their unique ids.
    pub text: String,
    /// As it is evaluated.
    pub compiled: Named,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// The key.
    #[serde(rename = "TagKey")]
    pub key: String,
    /// The value, which may be empty.
    #[serde(rename = "TagValue")]
    pub value: String,
}

/// A key on its way out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deletion {
    /// It goes then.
    At(Timestamp),
    /// It goes so many days after its last replica.
    AfterReplicas(i64),
}

/// The same key in several regions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MultiRegion {
    /// Where the primary key is.
    pub primary: Region,
    /// Where its replicas are, in the order of their making.
    pub replicas: Vec<Region>,
}

/// When a key is rotated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// Every so many days; none: by nobody's clock.
    pub period: Option<i64>,
    /// When next.
    pub next: Option<Timestamp>,
    /// How often it was rotated on demand.
    pub on_demand: u32,
}

/// Material of a key, in use or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMaterial {
    /// 64 hexadecimal digits.
    pub id: String,
    /// The material; none: it was imported, and is gone.
    pub sealed: Option<Sealed>,
    /// Whether new ciphertexts are made by it.
    pub standing: Standing,
    /// When it took over from the one before, and why; none for the first.
    pub rotated: Option<(Timestamp, RotationKind)>,
    /// When it goes by itself.
    pub expires: Option<Timestamp>,
    /// What its importer says of it.
    pub description: Option<String>,
}

/// Whether material is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Standing {
    /// New ciphertexts are made by it.
    Current,
    /// It opens what it sealed.
    Former,
    /// It was imported, and waits for a rotation.
    Waiting,
}

/// Why a key was rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RotationKind {
    /// By the clock.
    Automatic,
    /// Somebody asked.
    OnDemand,
}

impl RotationKind {
    /// As KMS names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "AUTOMATIC",
            Self::OnDemand => "ON_DEMAND",
        }
    }
}

/// A grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// 64 hexadecimal digits.
    pub id: String,
    /// What its maker called it.
    pub name: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// Who is allowed.
    pub grantee: Party,
    /// Who may give it up for the grantee.
    pub retiring: Option<Party>,
    /// The account of whoever made it.
    pub issuer: AccountId,
    /// As in `Decrypt`.
    pub operations: Vec<String>,
    /// What the encryption context must be.
    pub equals: Option<BTreeMap<String, String>>,
    /// What the encryption context must have in it.
    pub subset: Option<BTreeMap<String, String>>,
    /// The resource for which a service must ask.
    pub source_arn: Option<String>,
    /// What proves the grant before it has spread.
    pub token: String,
}

crate::row!(Grant);

/// One side of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// An ARN, or a service's name.
    pub name: String,
    /// The unique id of the user or role that had the ARN; who comes after it is a stranger.
    pub unique_id: Option<String>,
    /// Whether it is a service.
    pub is_service: bool,
}

impl Grant {
    /// The constraint on the encryption context.
    pub fn constraint(&self) -> Option<Constraint> {
        let of = |pairs: &BTreeMap<String, String>| EncryptionContext::new(pairs.clone());
        match (&self.equals, &self.subset) {
            (Some(pairs), _) => Some(Constraint::Equals(of(pairs))),
            (None, Some(pairs)) => Some(Constraint::Subset(of(pairs))),
            (None, None) => None,
        }
    }
}

/// An alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// `alias/…`.
    pub name: String,
    /// The key's id.
    pub target: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was pointed elsewhere.
    pub updated: Timestamp,
}

crate::row!(Alias);

/// What a key is ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// It can be used.
    Enabled,
    /// Its owner switched it off.
    Disabled,
    /// It is on its way out.
    PendingDeletion,
    /// It is, once its replicas are gone.
    PendingReplicaDeletion,
    /// Its material is not there.
    PendingImport,
}

impl KeyState {
    /// As KMS names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::PendingReplicaDeletion => "PendingReplicaDeletion",
            Self::PendingImport => "PendingImport",
        }
    }
}

impl Key {
    /// `arn:aws:kms:…:key/…`.
    pub fn arn(&self) -> String {
        key_arn(&self.region, &self.account, &self.id)
    }

    /// Its place among the keys.
    pub fn place(&self) -> Place {
        (self.region.clone(), self.id.clone())
    }

    /// What it is ready for.
    pub fn state(&self) -> KeyState {
        match (&self.deletion, self.enabled) {
            (Some(Deletion::At(_)), _) => KeyState::PendingDeletion,
            (Some(Deletion::AfterReplicas(_)), _) => KeyState::PendingReplicaDeletion,
            _ if !self.has_its_material() => KeyState::PendingImport,
            (None, true) => KeyState::Enabled,
            (None, false) => KeyState::Disabled,
        }
    }

    /// Whether all is there that its ciphertexts need.
    fn has_its_material(&self) -> bool {
        let needed = |m: &&KeptMaterial| m.standing != Standing::Waiting;
        self.current().is_some()
            && self
                .materials
                .iter()
                .filter(needed)
                .all(|material| material.sealed.is_some())
    }

    /// The material by which new ciphertexts are made.
    pub fn current(&self) -> Option<&KeptMaterial> {
        self.materials
            .iter()
            .find(|material| material.standing == Standing::Current)
    }

    /// Its primary key's region, where there is more than one of it.
    pub fn is_primary(&self) -> bool {
        self.multi_region
            .as_ref()
            .is_some_and(|all| all.primary == self.region)
    }

    /// Where the other keys are that are the same key.
    pub fn elsewhere(&self) -> Vec<Place> {
        let Some(all) = &self.multi_region else {
            return Vec::new();
        };
        std::iter::once(&all.primary)
            .chain(&all.replicas)
            .filter(|region| **region != self.region)
            .map(|region| (region.clone(), self.id.clone()))
            .collect()
    }

    /// When something is next to be done with it: it goes, its material does, or it is rotated.
    fn due(&self) -> Option<i64> {
        let deletion = match &self.deletion {
            Some(Deletion::At(at)) => Some(*at),
            _ => None,
        };
        let expiry = self
            .materials
            .iter()
            .filter(|material| material.sealed.is_some())
            .filter_map(|material| material.expires)
            .min();
        let times = [deletion, expiry, self.rotation_due()];
        let first = times.into_iter().flatten().min()?;
        // The first whole second at which it is past.
        Some(first.as_second() + i64::from(first.subsec_nanosecond() > 0))
    }

    /// When the clock rotates it: not while it is switched off or on its way out, and a replica with its primary.
    pub fn rotation_due(&self) -> Option<Timestamp> {
        let rotates =
            self.state() == KeyState::Enabled && (self.multi_region.is_none() || self.is_primary());
        self.rotation.next.filter(|_| rotates)
    }
}

/// The ARN of a key.
pub fn key_arn(region: &Region, account: &AccountId, id: &str) -> String {
    Arn::aws(
        "kms",
        region.as_str(),
        account.as_str(),
        format!("key/{id}"),
    )
    .to_string()
}

/// The ARN of an alias, by its whole name.
pub fn alias_arn(region: &Region, account: &AccountId, name: &str) -> String {
    Arn::aws("kms", region.as_str(), account.as_str(), name).to_string()
}

impl State {
    /// Finds the root key that sealed the material again.
    ///
    /// # Errors
    /// The id of the one that is missing.
    pub fn take_root(&mut self, roots: &RootKeys) -> Result<(), String> {
        match (roots.of(self.root.as_deref()), &self.root) {
            (Some(root), _) => {
                self.vault = Vault::of(root.clone());
                Ok(())
            }
            (None, Some(id)) => Err(id.clone()),
            (None, None) => Ok(()),
        }
    }

    /// The root key, which from now on is named among the rows, so that it is kept apart from them.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn name_root(&mut self) -> Result<RootKey, AwsError> {
        let root = self.vault.root()?.clone();
        self.root = Some(root.id());
        Ok(root)
    }

    /// The same vault as another state's: what comes in place of a cloud has its root key.
    pub fn take_vault(&mut self, of: &Self) {
        self.vault = of.vault.clone();
        self.root.clone_from(&of.root);
    }

    /// The root key of another cloud, whose keys these are.
    pub fn bring_root(&mut self, root: RootKey) {
        self.root = Some(root.id());
        self.vault = Vault::of(root);
    }

    /// A key.
    pub fn key(&self, place: &Place) -> Option<&Key> {
        self.keys.get(place)
    }

    /// The keys of an account in a region, by id.
    pub fn keys_of<'a>(
        &'a self,
        account: &'a AccountId,
        region: &'a Region,
    ) -> impl Iterator<Item = &'a Key> {
        self.keys
            .range((region.clone(), String::new())..)
            .take_while(move |((there, _), _)| there == region)
            .map(|(_, key)| key)
            .filter(move |key| key.account == *account)
    }

    /// Puts a key in.
    pub fn put(&mut self, key: Key) {
        let place = key.place();
        self.remove(&place);
        if let Some(due) = key.due() {
            self.agenda.insert((due, place.clone()), Due);
        }
        self.keys.insert(place, key);
    }

    /// Changes a key.
    pub fn change(&mut self, place: &Place, change: impl FnOnce(&mut Key)) {
        let Some(key) = self.keys.get_mut(place) else {
            return;
        };
        let before = key.due();
        change(key);
        let after = key.due();
        if before == after {
            return;
        }
        if let Some(before) = before {
            self.agenda.remove(&(before, place.clone()));
        }
        if let Some(after) = after {
            self.agenda.insert((after, place.clone()), Due);
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, place: &Place) -> Option<Key> {
        let key = self.keys.remove(place)?;
        if let Some(due) = key.due() {
            self.agenda.remove(&(due, place.clone()));
        }
        Some(key)
    }

    /// The first key with which something is to be done by now.
    pub fn first_due(&self, now: Timestamp) -> Option<&Place> {
        let ((second, place), _) = self.agenda.first_key_value()?;
        (*second <= now.as_second()).then_some(place)
    }

    /// An alias, by its whole name.
    pub fn alias(&self, account: &AccountId, region: &Region, name: &str) -> Option<&Alias> {
        let place = (account.clone(), (region.clone(), name.to_owned()));
        self.aliases.get(&place)
    }

    /// The aliases of an account in a region, by name.
    pub fn aliases_of<'a>(
        &'a self,
        account: &'a AccountId,
        region: &'a Region,
    ) -> impl Iterator<Item = &'a Alias> {
        let first = (account.clone(), (region.clone(), String::new()));
        self.aliases
            .range(first..)
            .take_while(move |((owner, (there, _)), _)| owner == account && there == region)
            .map(|(_, alias)| alias)
    }

    /// Puts an alias in, in place of one of the same name. Its key is there.
    pub fn put_alias(&mut self, account: &AccountId, region: &Region, alias: Alias) {
        self.remove_alias(account, region, &alias.name);
        self.change(&(region.clone(), alias.target.clone()), |key| {
            key.aliases.push(alias.name.clone());
            key.aliases.sort();
        });
        let place = (account.clone(), (region.clone(), alias.name.clone()));
        self.aliases.insert(place, alias);
    }

    /// Takes an alias out.
    pub fn remove_alias(&mut self, account: &AccountId, region: &Region, name: &str) {
        let place = (account.clone(), (region.clone(), name.to_owned()));
        let Some(alias) = self.aliases.remove(&place) else {
            return;
        };
        self.change(&(region.clone(), alias.target), |key| {
            key.aliases.retain(|own| own != name);
        });
    }

    /// Every key in every region.
    pub fn all(&self) -> impl Iterator<Item = &Key> {
        self.keys.values()
    }
}
