//! Lock of a checkpoint folder: one run at a time writes to it.

use super::SnapshotError;
use std::fs::{File, TryLockError};
use std::path::Path;

/// Keeps other processes from writing checkpoints into a folder while it lives; a killed process leaves nothing behind.
#[derive(Debug)]
pub struct FolderLock {
    /// The folder itself, open and locked; `None` where the system cannot lock folders.
    folder: Option<File>,
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        // A process that is being started has a copy of the open folder for a moment; closing this one would not end the lock.
        if let Some(folder) = &self.folder {
            let _ = folder.unlock();
        }
    }
}

impl FolderLock {
    /// Locks `folder`, which must exist.
    ///
    /// # Errors
    /// If another process, or this one, holds the lock.
    pub fn take(folder: &Path) -> Result<Self, SnapshotError> {
        let file = File::open(folder).ok();
        match file.as_ref().map(File::try_lock) {
            Some(Err(TryLockError::WouldBlock)) => {
                Err(SnapshotError::InUse { folder: folder.to_owned() })
            }
            // File systems without locks: nothing protects the folder, as with most programs.
            Some(Ok(()) | Err(TryLockError::Error(_))) | None => Ok(Self { folder: file }),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_holder() {
        let folder = tempfile::tempdir().unwrap();
        let lock = FolderLock::take(folder.path()).unwrap();
        let error = FolderLock::take(folder.path()).unwrap_err();
        assert!(matches!(error, SnapshotError::InUse { .. }), "{error}");
        drop(lock);
        FolderLock::take(folder.path()).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
