//! The root key, under which all other material is kept. Owns how material is sealed at rest.

use std::fmt::Write as _;

use aws_lc_rs::hmac;

use crate::{Hidden, KeyError, KeySpec, Material, random, symmetric};

/// The key under which the material of all others is kept: what is stored of them is worth nothing without it.
#[derive(Debug, Clone)]
pub struct RootKey(Hidden);

impl RootKey {
    /// A new root key.
    ///
    /// # Errors
    /// [`KeyError::Machine`].
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(Hidden::new(random::bytes(symmetric::KEY)?)))
    }

    /// The root key of these bytes.
    ///
    /// # Errors
    /// [`KeyError::Stored`] where they are not 32.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        if bytes.len() != symmetric::KEY {
            return Err(KeyError::Stored);
        }
        Ok(Self(Hidden::new(bytes.to_vec())))
    }

    /// Its bytes, to be kept apart from what it seals.
    pub fn bytes(&self) -> &Hidden {
        &self.0
    }

    /// What tells it from others, and nothing of it.
    pub fn id(&self) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut id = String::new();
        for byte in hmac::sign(&key, b"id").as_ref().iter().take(16) {
            // Writing to a string cannot fail.
            let _ = write!(id, "{byte:02x}");
        }
        id
    }

    /// Seals material for storage, bound to a name (as of the key and the version): under another it does not open.
    ///
    /// # Errors
    /// [`KeyError::Machine`].
    pub fn seal(&self, name: &str, material: &Material) -> Result<Vec<u8>, KeyError> {
        let bound = bound(name, material.spec());
        symmetric::seal(&self.0, &bound, material.bytes().expose())
    }

    /// Opens what was sealed.
    ///
    /// # Errors
    /// [`KeyError::Stored`] where it does not open: another root key, another name or spec, or other bytes.
    pub fn open(&self, name: &str, spec: KeySpec, sealed: &[u8]) -> Result<Material, KeyError> {
        let opened =
            symmetric::open(&self.0, &bound(name, spec), sealed).map_err(|_| KeyError::Stored)?;
        Material::from_bytes(spec, opened.expose()).map_err(|_| KeyError::Stored)
    }

    /// What tells the same material again, of the same name, and nothing else of it: 32 bytes.
    pub fn fingerprint(&self, name: &str, material: &Material) -> Vec<u8> {
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        let mut context = hmac::Context::with_key(&key);
        context.update(&bound(name, material.spec()));
        context.update(&[0]);
        context.update(material.bytes().expose());
        context.sign().as_ref().to_vec()
    }
}

fn bound(name: &str, spec: KeySpec) -> Vec<u8> {
    format!("{}\0{name}", spec.name()).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn material_opens_under_its_root_key_and_name_alone() {
        let (root, other) = (RootKey::generate().unwrap(), RootKey::generate().unwrap());
        let spec = KeySpec::named("ECC_NIST_P256").unwrap();
        let material = Material::generate(spec).unwrap();
        let sealed = root.seal("key-1/1", &material).unwrap();
        let opened = root.open("key-1/1", spec, &sealed).unwrap();
        assert_eq!(opened.public_key(), material.public_key());
        let secret = material.bytes();
        let secret = &secret.expose()[..32];
        assert!(!sealed.windows(32).any(|window| window == secret));
        for (root, name, spec) in [
            (&other, "key-1/1", spec),
            (&root, "key-2/1", spec),
            (&root, "key-1/1", KeySpec::Symmetric),
        ] {
            let refused = root.open(name, spec, &sealed);
            assert_eq!(refused.unwrap_err(), KeyError::Stored);
        }
        let print = root.fingerprint("key-1", &material);
        assert_eq!(print, root.fingerprint("key-1", &opened));
        assert_ne!(print, root.fingerprint("key-2", &material));
        assert_ne!(print, other.fingerprint("key-1", &material));
        let copy = RootKey::from_bytes(root.bytes().expose()).unwrap();
        assert!(copy.open("key-1/1", spec, &sealed).is_ok());
    }
}
