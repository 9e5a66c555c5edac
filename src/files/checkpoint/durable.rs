//! Atomic file writes: after a crash a file is complete or absent.

use super::SnapshotError;
use crate::files::temporary::without_name;
use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

const SUFFIX: &str = ".tmp";
const RANDOM_CHARACTERS: usize = 8;

/// Replaces `folder/file_name` by what `write` writes.
///
/// The content goes to `.<file_name>.<random>.tmp` in the same folder, to the disk, and only then to
/// its name. Temporary files of killed processes are removed first; those of living ones are locked.
pub(super) fn replace(
    folder: &Path,
    file_name: &str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), SnapshotError> {
    let path = folder.join(file_name);
    let prefix = format!(".{file_name}.");
    let at = |action, path: &Path| {
        let path = path.to_owned();
        move |source| SnapshotError::Io { action, path, source }
    };
    // Renaming would put a file in the place of, say, /dev/null.
    if std::fs::metadata(&path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir()) {
        let mut device = File::options().write(true).open(&path).map_err(at("open", &path))?;
        return write(&mut device).and_then(|()| device.flush()).map_err(at("write", &path));
    }
    remove_stale(folder, &prefix).map_err(at("clear up", folder))?;
    let temporary = create(folder, &prefix).map_err(at("write to", folder))?;
    // Without locks on this file system nothing is protected against a second process.
    let _ = temporary.as_file().try_lock();
    let mut output = BufWriter::with_capacity(1 << 20, temporary.as_file());
    let written = write(&mut output).and_then(|()| output.flush());
    drop(output);
    let synced = written.and_then(|()| temporary.as_file().sync_all());
    synced.map_err(at("write", &path))?;
    temporary.persist(&path).map_err(|error| error.error).map_err(at("replace", &path))?;
    sync_folder(folder).map_err(at("write", folder))
}

fn create(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(SUFFIX).rand_bytes(RANDOM_CHARACTERS);
    // With the permissions of other new files, not readable for the owner only.
    #[cfg(unix)]
    let permissions: std::fs::Permissions = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    #[cfg(unix)]
    builder.permissions(permissions);
    builder.tempfile_in(folder).map_err(without_name)
}

/// Removes temporary files of processes that have ended.
fn remove_stale(folder: &Path, prefix: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if !is_temporary(entry.file_name().as_encoded_bytes(), prefix) {
            continue;
        }
        let alive = File::open(entry.path())
            .is_ok_and(|file| matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        if alive {
            continue;
        }
        match std::fs::remove_file(entry.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn is_temporary(name: &[u8], prefix: &str) -> bool {
    let random =
        name.strip_prefix(prefix.as_bytes()).and_then(|rest| rest.strip_suffix(SUFFIX.as_bytes()));
    random.is_some_and(|random| {
        random.len() == RANDOM_CHARACTERS && random.iter().all(u8::is_ascii_alphanumeric)
    })
}

/// Makes renames and removals in `folder` survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    // Elsewhere folders cannot be opened as files, and need not be.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn stale_files_go_and_others_stay() {
        let folder = tempfile::tempdir().unwrap();
        let stale = [".a.12345678.tmp", ".a.abcdEFGH.tmp"];
        let others = [".a.1234567.tmp", ".a.b.12345678.tmp", ".a.1234.678.tmp", "a.12345678.tmp"];
        for name in stale.iter().chain(&others) {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        replace(folder.path(), "a", |file| file.write_all(b"new")).unwrap();
        let mut expected = others.to_vec();
        expected.push("a");
        expected.sort_unstable();
        assert_eq!(names(folder.path()), expected);
    }

    #[test]
    fn files_of_living_processes_stay() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "a", |file| {
            file.write_all(b"outer")?;
            replace(folder.path(), "a", |file| file.write_all(b"inner")).unwrap();
            Ok(())
        })
        .unwrap();
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"outer");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[test]
    fn a_failed_write_leaves_the_old_file() {
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "a", |file| file.write_all(b"old")).unwrap();
        let error = replace(folder.path(), "a", |file| {
            file.write_all(b"half")?;
            Err(io::Error::from(io::ErrorKind::StorageFull))
        });
        assert!(matches!(error, Err(SnapshotError::Io { action: "write", .. })));
        assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["a"]);
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_the_file_as_any_new_file() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        replace(folder.path(), "a", |_| Ok(())).unwrap();
        std::fs::write(folder.path().join("b"), "").unwrap();
        let mode = |name| std::fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("a"), mode("b"));
    }
}
