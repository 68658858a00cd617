//! The ciphertext of a symmetric key, which says itself which key it is of.
//!
//! Owns the form: a version, the key's id, the id of the material, and the sealed bytes. All that stands before the sealed bytes is
//! bound to them.

use crate::{EncryptionContext, Hidden, KeyError, Material};

const VERSION: u8 = 1;

/// A ciphertext as it is handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The key's id, without account and region: replicas in other regions share it.
    pub key_id: String,
    /// The id of the material that sealed it: a rotated key keeps its older ones.
    pub material_id: String,
    sealed: Vec<u8>,
}

impl Blob {
    /// Seals a plaintext under a key's material.
    ///
    /// # Errors
    /// [`KeyError::Usage`] for material that is not symmetric, [`KeyError::Length`] for ids of more than 255 bytes.
    pub fn seal(
        key_id: &str,
        material_id: &str,
        material: &Material,
        context: &EncryptionContext,
        plaintext: &[u8],
    ) -> Result<Self, KeyError> {
        let bound = bound(key_id, material_id, context)?;
        Ok(Self {
            key_id: key_id.to_owned(),
            material_id: material_id.to_owned(),
            sealed: crate::symmetric::seal(material.symmetric()?, &bound, plaintext)?,
        })
    }

    /// Opens it.
    ///
    /// # Errors
    /// [`KeyError::Ciphertext`] where it was changed, or the material or the context is another.
    pub fn open(
        &self,
        material: &Material,
        context: &EncryptionContext,
    ) -> Result<Hidden, KeyError> {
        let bound = bound(&self.key_id, &self.material_id, context)?;
        crate::symmetric::open(material.symmetric()?, &bound, &self.sealed)
    }

    /// As bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![VERSION];
        for id in [&self.key_id, &self.material_id] {
            // No id is longer than that: `seal` and `from_bytes` see to it.
            bytes.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
            bytes.extend_from_slice(id.as_bytes());
        }
        bytes.extend_from_slice(&self.sealed);
        bytes
    }

    /// Reads a ciphertext.
    ///
    /// # Errors
    /// [`KeyError::Ciphertext`] for what is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        let (&version, rest) = bytes.split_first().ok_or(KeyError::Ciphertext)?;
        if version != VERSION {
            return Err(KeyError::Ciphertext);
        }
        let (key_id, rest) = id(rest)?;
        let (material_id, sealed) = id(rest)?;
        Ok(Self {
            key_id,
            material_id,
            sealed: sealed.to_vec(),
        })
    }
}

fn id(bytes: &[u8]) -> Result<(String, &[u8]), KeyError> {
    let (&length, rest) = bytes.split_first().ok_or(KeyError::Ciphertext)?;
    let (id, rest) = rest
        .split_at_checked(usize::from(length))
        .ok_or(KeyError::Ciphertext)?;
    let id = std::str::from_utf8(id).map_err(|_| KeyError::Ciphertext)?;
    Ok((id.to_owned(), rest))
}

fn bound(
    key_id: &str,
    material_id: &str,
    context: &EncryptionContext,
) -> Result<Vec<u8>, KeyError> {
    let mut bound = vec![VERSION];
    for id in [key_id, material_id] {
        bound.push(u8::try_from(id.len()).map_err(|_| KeyError::Length)?);
        bound.extend_from_slice(id.as_bytes());
    }
    bound.extend_from_slice(&context.bytes());
    Ok(bound)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::KeySpec;

    fn context() -> EncryptionContext {
        [("tenant", "a"), ("purpose", "test")].into_iter().collect()
    }

    #[test]
    fn a_blob_names_its_key_and_opens_with_its_context_alone() {
        let material = Material::generate(KeySpec::Symmetric).unwrap();
        let blob = Blob::seal("mrk-1", "m1", &material, &context(), b"secret").unwrap();
        let read = Blob::from_bytes(&blob.to_bytes()).unwrap();
        assert_eq!(
            (read.key_id.as_str(), read.material_id.as_str()),
            ("mrk-1", "m1")
        );
        assert_eq!(
            read.open(&material, &context()).unwrap().expose(),
            b"secret"
        );
        let none = EncryptionContext::default();
        assert_eq!(read.open(&material, &none), Err(KeyError::Ciphertext));
    }

    #[test]
    fn a_blob_that_names_another_key_does_not_open() {
        let material = Material::generate(KeySpec::Symmetric).unwrap();
        let mut blob = Blob::seal("key-1", "m1", &material, &context(), b"secret").unwrap();
        blob.key_id = "key-2".to_owned();
        assert_eq!(blob.open(&material, &context()), Err(KeyError::Ciphertext));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
            if let Ok(blob) = Blob::from_bytes(&bytes) {
                prop_assert_eq!(blob.to_bytes(), bytes);
            }
        }
    }
}
