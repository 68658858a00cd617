//! One run at a time for an incident, over all processes of the machine.

use std::fs::{File, TryLockError};

use crate::error::StoreError;
use crate::open::{Store, private_file};
use crate::record::IncidentId;

/// The right to change the cloud for an incident. It is the operating system's lock on a file
/// beside the store, so that it ends with the process, even with one that is killed.
#[derive(Debug)]
pub struct IncidentLock {
    incident: IncidentId,
    _file: File,
}

impl IncidentLock {
    /// The incident.
    pub fn incident(&self) -> IncidentId {
        self.incident
    }
}

impl Store {
    /// Takes the incident's lock without waiting.
    ///
    /// Errors: [`StoreError::Busy`] when another run, of this process or of another, has it.
    pub fn lock(&self, incident: IncidentId) -> Result<IncidentLock, StoreError> {
        let mut path = self.path.clone().into_os_string();
        path.push(format!(".{incident}.lock"));
        let path = std::path::PathBuf::from(path);
        let file = private_file(&path)?;
        match file.try_lock() {
            Ok(()) => Ok(IncidentLock {
                incident,
                _file: file,
            }),
            Err(TryLockError::WouldBlock) => Err(StoreError::Busy(incident)),
            Err(TryLockError::Error(error)) => Err(StoreError::File {
                path,
                why: error.to_string(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::{Store, StoreError};

    #[tokio::test]
    async fn two_runs_never_hold_one_incident() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("incidents.db");
        let (one, two) = (
            Store::open(&path).await.unwrap(),
            Store::open(&path).await.unwrap(),
        );
        let (seven, eight) = ("INC-7".parse().unwrap(), "inc-8".parse().unwrap());
        let held = one.lock(seven).unwrap();
        assert!(matches!(two.lock(seven), Err(StoreError::Busy(_))));
        assert!(matches!(one.lock(seven), Err(StoreError::Busy(_))));
        two.lock(eight).unwrap();
        drop(held);
        assert_eq!(two.lock(seven).unwrap().incident(), seven);
    }
}
