//! Atomic creation of output folders.

use super::error::ExportError;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Puts `files` (path in the folder and content) into folder `folder` under a temporary name in the same parent folder, then renames.
///
/// With `force` a folder that is not empty is replaced: files that `is_export` knows are removed, all
/// others are kept.
pub(crate) fn publish(
    folder: &Path,
    files: &[(String, Vec<u8>)],
    force: bool,
    is_export: impl Fn(&OsStr) -> bool,
) -> Result<(), ExportError> {
    let place = Place::of(folder)?;
    if place.filled && !force {
        return Err(ExportError::NotEmpty { path: folder.to_owned() });
    }
    let temporary = place.temporary()?;
    for (name, content) in files {
        let path = temporary.path().join(name);
        let write = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let mut file = fs::File::create_new(&path)?;
            file.write_all(content)?;
            file.sync_all()
        };
        // The folder appears complete or not at all.
        let failed = |source| ExportError::NothingWritten { path: place.target.join(name), source };
        write().map_err(failed)?;
    }
    let target = &place.target;
    if !place.filled {
        if place.exists {
            fs::remove_dir(target).map_err(ExportError::io("replace", target))?;
        }
        return rename(temporary, target);
    }
    let aside = place.temporary()?;
    let old = aside.path().join("old");
    fs::rename(target, &old).map_err(ExportError::io("replace", target))?;
    if let Err(error) = rename(temporary, target) {
        // The old folder goes back where it was; if even that fails it is kept where it is.
        if fs::rename(&old, target).is_err() {
            let _ = aside.keep();
        }
        return Err(error);
    }
    let kept = keep_others(&old, target, is_export);
    kept.map_err(|source| {
        // What could not be moved stays in the temporary folder that the message names.
        let path = aside.keep().join("old");
        ExportError::Io { action: "move files of the old folder, which are in", path, source }
    })
}

/// Moves what is no file of an export from `old` to `new`.
fn keep_others(old: &Path, new: &Path, is_export: impl Fn(&OsStr) -> bool) -> io::Result<()> {
    for entry in fs::read_dir(old)? {
        let name = entry?.file_name();
        if !is_export(&name) {
            fs::rename(old.join(&name), new.join(&name))?;
        }
    }
    Ok(())
}

fn rename(temporary: TempDir, target: &Path) -> Result<(), ExportError> {
    fs::rename(temporary.path(), target).map_err(ExportError::io("create", target))?;
    // It has another name now, so there is nothing left to remove.
    let _ = temporary.keep();
    Ok(())
}

/// Where a folder goes.
struct Place {
    target: PathBuf,
    parent: PathBuf,
    exists: bool,
    filled: bool,
}

impl Place {
    fn of(folder: &Path) -> Result<Self, ExportError> {
        let no = |why| ExportError::NotAFolder { path: folder.to_owned(), why };
        let mut target = folder.to_owned();
        let (mut exists, mut filled) = (false, false);
        match fs::metadata(folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ExportError::io("read", folder)(error)),
            Ok(metadata) if !metadata.is_dir() => return Err(no("a file has this name")),
            Ok(_) => {
                exists = true;
                // A link to a folder stays a link.
                target = fs::canonicalize(folder).map_err(ExportError::io("read", folder))?;
                let mut entries = fs::read_dir(folder).map_err(ExportError::io("read", folder))?;
                filled = entries.next().is_some();
            }
        }
        target.file_name().ok_or_else(|| no("it does not end in a name"))?;
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        Ok(Self { target, parent, exists, filled })
    }

    fn temporary(&self) -> Result<TempDir, ExportError> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".hwsim-export.").suffix(".tmp");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o777));
        }
        builder.tempdir_in(&self.parent).map_err(ExportError::io("write in", &self.parent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn put(folder: &Path, content: &str, force: bool) -> Result<(), ExportError> {
        let files = [("a".to_owned(), content.as_bytes().to_vec())];
        publish(folder, &files, force, |name| name == "a" || name == "b")
    }

    #[test]
    fn folders_appear_and_are_replaced_only_by_force() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        put(&folder, "1", false).unwrap();
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"1");
        let error = put(&folder, "2", false).unwrap_err();
        assert!(matches!(error, ExportError::NotEmpty { .. }), "{error}");
        fs::write(folder.join("b"), "old file of an export").unwrap();
        fs::write(folder.join("notes"), "mine").unwrap();
        put(&folder, "3", true).unwrap();
        assert_eq!(names(&folder), ["a", "notes"]);
        assert_eq!(fs::read(folder.join("a")).unwrap(), b"3");
        assert_eq!(names(root.path()), ["out"]);
    }

    #[test]
    fn empty_folders_are_filled_and_files_refused() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("out");
        fs::create_dir(&folder).unwrap();
        put(&folder, "1", false).unwrap();
        assert_eq!(names(&folder), ["a"]);
        let file = folder.join("a");
        assert!(matches!(put(&file, "1", true), Err(ExportError::NotAFolder { .. })));
        let missing = root.path().join("missing/out");
        assert!(matches!(put(&missing, "1", false), Err(ExportError::Io { .. })));
        assert_eq!(names(root.path()), ["out"]);
    }

    #[cfg(unix)]
    #[test]
    fn new_folders_have_the_usual_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        let (folder, plain) = (root.path().join("out"), root.path().join("plain"));
        put(&folder, "1", false).unwrap();
        fs::create_dir(&plain).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&folder), mode(&plain));
    }
}
