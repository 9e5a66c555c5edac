//! All golden-vector files of a folder.

use super::known::Known;
use super::{BlockFile, GoldenError, Report};
use hwmodel::SimdLevel;
use rayon::prelude::*;
use std::path::{Path, PathBuf};

/// Result of checking a file.
#[derive(Debug)]
pub enum Outcome {
    /// It was recomputed.
    Checked(Report),
    /// It has a known layout but is damaged.
    Corrupt(GoldenError),
    /// It is a `.csv` of no known layout; why.
    Skipped(String),
}

/// A file and what became of it.
#[derive(Debug)]
pub struct FileOutcome {
    /// Name of the file, without its folder.
    pub name: String,
    /// Its layout, the name of the shipped file that has it.
    pub layout: Option<&'static str>,
    /// Its result.
    pub outcome: Outcome,
}

/// A path that holds nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The path does not exist or cannot be listed.
    #[error("cannot read `{}`: {source}", path.display())]
    Read {
        /// The path.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No file has a known layout.
    #[error(
        "nothing to check in `{}`: {}",
        path.display(),
        if skipped.is_empty() { "it holds no .csv file".to_owned() } else { skipped.join("; ") }
    )]
    Nothing {
        /// The path.
        path: PathBuf,
        /// The `.csv` files that were skipped, with the reason.
        skipped: Vec<String>,
    },
}

/// Checks the file `path`, or every `.csv` file in the folder `path` (not in folders below), at the
/// given SIMD levels; files in the order of their names.
///
/// The layout of a file is known by its name, with or without a tag (`matmul.csv`,
/// `matmul_other.csv`), or by its header.
///
/// # Errors
/// If the path cannot be read, or no file has a known layout. A damaged file is no error here but an
/// [`Outcome`].
pub fn check_path(path: &Path, levels: &[SimdLevel]) -> Result<Vec<FileOutcome>, FolderError> {
    let files =
        files(path).map_err(|source| FolderError::Read { path: path.to_owned(), source })?;
    let outcomes: Vec<FileOutcome> = files.par_iter().map(|file| examine(file, levels)).collect();
    if outcomes.iter().any(|file| file.layout.is_some()) {
        return Ok(outcomes);
    }
    let skipped = outcomes.into_iter().map(|file| match file.outcome {
        Outcome::Skipped(reason) => format!("{}: {reason}", file.name),
        _ => file.name,
    });
    Err(FolderError::Nothing { path: path.to_owned(), skipped: skipped.collect() })
}

fn files(path: &Path) -> std::io::Result<Vec<PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path)? {
        let file = entry?.path();
        if file.extension().is_some_and(|extension| extension == "csv") && !file.is_dir() {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

fn examine(path: &Path, levels: &[SimdLevel]) -> FileOutcome {
    let text = |part: Option<&std::ffi::OsStr>| {
        part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let (name, stem) = (text(path.file_name()), text(path.file_stem()));
    let file = BlockFile::read(path);
    let known = Known::named(&stem)
        .or_else(|| file.as_ref().ok().and_then(Known::described))
        .or_else(|| Known::tagged(&stem));
    let outcome = match (known, file) {
        (Some(known), Ok(file)) => match (known.check)(file, levels) {
            Ok(report) => Outcome::Checked(report),
            Err(error) => Outcome::Corrupt(error),
        },
        (Some(_), Err(error)) => Outcome::Corrupt(error),
        (None, Ok(_)) => Outcome::Skipped("neither name nor header is of a known layout".into()),
        (None, Err(error)) => Outcome::Skipped(error.without_file()),
    };
    FileOutcome { name, layout: known.map(|known| known.name), outcome }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "#{\"columns\": \"mode,exp,man,x_hex,r,y_hex,exact_hex\"}\n\
                         n,4,3,3f800000,524288,3f800000,3f800000\n";

    fn outcome(name: &str, text: &str) -> Result<FileOutcome, FolderError> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), text).unwrap();
        check_path(folder.path(), &SimdLevel::available()).map(|mut files| files.remove(0))
    }

    #[test]
    fn files_are_known_by_name_or_header() {
        for name in ["quant_float.csv", "quant_float_2.csv", "anything.csv"] {
            let file = outcome(name, TABLE).unwrap();
            assert_eq!((file.name.as_str(), file.layout), (name, Some("quant_float")));
            assert!(matches!(file.outcome, Outcome::Checked(report) if report.passed()));
        }
    }

    #[test]
    fn damaged_files_are_outcomes_and_unknown_ones_are_none() {
        let file = outcome("quant_float_2.csv", "").unwrap();
        let Outcome::Corrupt(error) = file.outcome else { panic!("{file:?}") };
        assert_eq!(error.without_file(), "line 1: no `#` header");
        let error = outcome("other.csv", "a,b\n").unwrap_err().to_string();
        assert!(error.ends_with(": other.csv: line 1: no `#` header"), "{error}");
        let error = outcome("notes.txt", TABLE).unwrap_err().to_string();
        assert!(error.ends_with("it holds no .csv file"), "{error}");
        let missing = check_path(Path::new("no-such-folder"), &[]).unwrap_err().to_string();
        assert!(missing.starts_with("cannot read `no-such-folder`: "), "{missing}");
    }
}
