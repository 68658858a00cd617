//! The vault: the root key under which all material is kept, and the material that is open.
//!
//! Owns the only way from what is kept to what can be used. The root key is never among the rows of the state; when a
//! key was last used is remembered here too, for a use must not make a new version of the state.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use stockade_keys::{KeySpec, Material, RootKey};
use stockade_model::{Region, Timestamp};
use stockade_wire::AwsError;

use super::errors;

/// How much open material is kept at hand.
const AT_HAND: usize = 4_096;

/// Material as it is kept: sealed under the root key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed(String);

/// The root key and what it has opened. Every version of a state has the same one.
#[derive(Debug, Clone, Default)]
pub struct Vault(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    root: OnceLock<RootKey>,
    open: Mutex<HashMap<(String, String), Arc<Material>>>,
    used: Mutex<HashMap<(Region, String), Use>>,
}

/// The last cryptographic use of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// As in `Decrypt`.
    pub operation: String,
    /// When.
    pub at: Timestamp,
    /// The request's id.
    pub request_id: String,
}

impl Vault {
    /// A vault whose root key is kept somewhere.
    pub fn of(root: RootKey) -> Self {
        let inner = Inner::default();
        // It is new, and so is empty.
        let _ = inner.root.set(root);
        Self(Arc::new(inner))
    }

    /// The root key; a vault without one makes it, for as long as the process lives.
    ///
    /// # Errors
    /// The machine has no randomness.
    pub fn root(&self) -> Result<&RootKey, AwsError> {
        if let Some(root) = self.0.root.get() {
            return Ok(root);
        }
        let made = RootKey::generate().map_err(errors::cryptography)?;
        // Another may have been quicker: then its key counts.
        let _ = self.0.root.set(made);
        self.0.root.get().ok_or_else(errors::internal)
    }

    /// The root key, where there is one yet.
    pub fn root_if_any(&self) -> Option<&RootKey> {
        self.0.root.get()
    }

    /// Seals material, bound to its key and its own id.
    ///
    /// # Errors
    /// `KMSInternalException`.
    pub fn seal(
        &self,
        key_id: &str,
        material_id: &str,
        material: &Material,
    ) -> Result<Sealed, AwsError> {
        let sealed = self.root()?.seal(&name(key_id, material_id), material);
        Ok(Sealed(
            STANDARD.encode(sealed.map_err(errors::cryptography)?),
        ))
    }

    /// Opens material.
    ///
    /// # Errors
    /// `KMSInternalException`: the root key is another one.
    pub fn open(
        &self,
        key_id: &str,
        material_id: &str,
        spec: KeySpec,
        sealed: &Sealed,
    ) -> Result<Arc<Material>, AwsError> {
        let place = (key_id.to_owned(), material_id.to_owned());
        if let Some(material) = lock(&self.0.open).get(&place) {
            return Ok(Arc::clone(material));
        }
        let bytes = STANDARD.decode(&sealed.0).map_err(|_| errors::internal())?;
        let opened = self
            .root()?
            .open(&name(key_id, material_id), spec, &bytes)
            .map_err(errors::cryptography)?;
        let opened = Arc::new(opened);
        let mut all = lock(&self.0.open);
        if all.len() >= AT_HAND {
            all.clear();
        }
        all.insert(place, Arc::clone(&opened));
        Ok(opened)
    }

    /// Lets go of a key's open material.
    pub fn close(&self, key_id: &str) {
        lock(&self.0.open).retain(|(id, _), _| id != key_id);
    }

    /// Notes that a key was used.
    pub fn note_use(&self, place: (Region, String), used: Use) {
        lock(&self.0.used).insert(place, used);
    }

    /// The last use of a key since the range was started.
    pub fn last_use(&self, place: &(Region, String)) -> Option<Use> {
        lock(&self.0.used).get(place).cloned()
    }
}

fn name(key_id: &str, material_id: &str) -> String {
    format!("{key_id}/{material_id}")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_in_its_own_vault_alone() {
        let (vault, other) = (Vault::default(), Vault::default());
        let material = Material::generate(KeySpec::Symmetric).unwrap();
        let sealed = vault.seal("k", "m", &material).unwrap();
        let opened = vault.open("k", "m", KeySpec::Symmetric, &sealed).unwrap();
        assert_eq!(opened.bytes(), material.bytes());
        let refused = other.open("k", "m", KeySpec::Symmetric, &sealed);
        assert_eq!(refused.unwrap_err().code, "KMSInternalException");
        // What is at hand is let go of.
        vault.close("k");
        let wrong = Sealed(STANDARD.encode([0; 90]));
        assert!(vault.open("k", "m", KeySpec::Symmetric, &wrong).is_err());
    }
}
