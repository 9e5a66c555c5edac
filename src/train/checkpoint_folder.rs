//! Checks which run a checkpoint folder belongs to, so that no run overwrites another's checkpoint.

use super::error::TrainError;
use super::options::RunOptions;
use super::run::CHECKPOINT_FILE;
use super::state::run_state;
use crate::files::checkpoint::Snapshot;
use std::path::{Path, PathBuf};

/// Checks that a run of `options` on data with the fingerprint `data` may write its checkpoints into `folder`: it holds
/// none, or one of the same run, which has the same bits.
///
/// # Errors
/// [`TrainError::AnotherRun`] if it holds a checkpoint of another run, or a file that is none.
pub fn check_owner(folder: &Path, options: &RunOptions, data: u32) -> Result<(), TrainError> {
    let path = folder.join(CHECKPOINT_FILE);
    if !path.exists() {
        return Ok(());
    }
    let another = |other: String| TrainError::AnotherRun { folder: folder.to_owned(), other };
    let state = Snapshot::load(&path).map_err(TrainError::from).and_then(|found| run_state(&found));
    let state = state.map_err(|_| another("it cannot be read".to_owned()))?;
    if state.options != *options {
        return Err(another(difference(&state.options, options)));
    }
    if state.data != data {
        return Err(another("on other data".to_owned()));
    }
    Ok(())
}

/// The first setting in which `found` differs, as in `arch is lenet5, not mlp`.
fn difference(found: &RunOptions, wanted: &RunOptions) -> String {
    let object = |options| match serde_json::to_value(options) {
        Ok(serde_json::Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let (found, wanted) = (object(found), object(wanted));
    let names = found.keys().chain(wanted.keys());
    // The network and the data say most.
    let first = ["arch", "dataset", "controller", "seed"];
    let mut names: Vec<_> = first.into_iter().chain(names.map(String::as_str)).collect();
    names.retain(|name| found.get(*name) != wanted.get(*name));
    let Some(name) = names.first() else { return "with other options".to_owned() };
    match (found.get(*name), wanted.get(*name)) {
        (Some(found), Some(wanted)) if !found.is_object() && !wanted.is_object() => {
            let text = |value: &serde_json::Value| value.to_string().replace('"', "");
            format!("{name} is {}, not {}", text(found), text(wanted))
        }
        _ => format!("with another {name}"),
    }
}

/// `folder` if it holds no checkpoint, else the first of `folder-2`, `folder-3` and so on that holds none.
#[must_use]
pub fn unused(folder: &Path) -> PathBuf {
    let numbered = (2_u64..).map(|number| {
        let mut name = folder.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    });
    let mut candidates = std::iter::once(folder.to_owned()).chain(numbered);
    let free = candidates.find(|candidate| !candidate.join(CHECKPOINT_FILE).exists());
    free.unwrap_or_else(|| folder.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_used_folder_gets_a_number() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("a");
        assert_eq!(unused(&folder), folder);
        for expected in ["a-2", "a-3"] {
            std::fs::create_dir(unused(&folder)).unwrap();
            std::fs::write(unused(&folder).join(CHECKPOINT_FILE), "x").unwrap();
            assert_eq!(unused(&folder), root.path().join(expected));
        }
    }
}
