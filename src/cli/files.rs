//! The files that a command reads and writes, declared before its work begins: no output may replace another output
//! or an input.

use super::errors::Failure;
use super::output;
use anyhow::anyhow;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

/// The inputs and outputs of one command.
#[derive(Debug, Default)]
pub(super) struct Files {
    entries: Vec<Entry>,
    /// Folders of data sets.
    data: Vec<PathBuf>,
}

#[derive(Debug)]
struct Entry {
    /// What the user calls it, such as `--trace`.
    what: String,
    path: PathBuf,
    identity: PathBuf,
    role: Role,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Input,
    /// Written at the end, so that it has to be writable now.
    Output,
    /// Written on the way by code that checks for itself whether it can be.
    Growing,
}

impl Files {
    /// Declares a file that is read.
    pub(super) fn input<P: AsRef<Path>>(
        self,
        what: &str,
        path: impl IntoIterator<Item = P>,
    ) -> Self {
        self.with(Role::Input, what, path)
    }

    /// Declares a file that is written at the end.
    pub(super) fn output<P: AsRef<Path>>(
        self,
        what: &str,
        path: impl IntoIterator<Item = P>,
    ) -> Self {
        self.with(Role::Output, what, path)
    }

    /// Declares a file that is written while the command works.
    pub(super) fn growing<P: AsRef<Path>>(
        self,
        what: &str,
        path: impl IntoIterator<Item = P>,
    ) -> Self {
        self.with(Role::Growing, what, path)
    }

    /// Declares the description of a machine, if `name` is that of a file, and the energy table that it names.
    pub(super) fn machine(self, what: &str, name: &str) -> Self {
        let path = Path::new(name);
        if path.extension().is_none_or(|extension| extension != "toml") {
            return self;
        }
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let table = hwmodel::machine::Machine::energy_table_in(&text);
        let table = table.filter(|table| table.ends_with(".csv"));
        let table = table.map(|table| path.with_file_name(table));
        self.input(what, [path]).input(&format!("the energy table of {what}"), table)
    }

    /// Declares the folder of a data set, or the one file of a text.
    pub(super) fn data(mut self, folder: Option<&PathBuf>) -> Self {
        self.data.extend(folder.map(|folder| identity(folder)));
        self.input("--data-dir", folder.filter(|folder| folder.is_file()))
    }

    fn with<P: AsRef<Path>>(
        mut self,
        role: Role,
        what: &str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.entries.extend(paths.into_iter().map(|path| {
            let path = path.as_ref().to_owned();
            Entry { what: what.to_owned(), identity: identity(&path), path, role }
        }));
        self
    }

    /// Checks that no two outputs are the same file, and that each can be written.
    ///
    /// # Errors
    /// A usage error if two outputs are one file or an output is an input, however the paths are spelled; a failure if
    /// an output cannot be written.
    pub(super) fn check(&self) -> Result<(), Failure> {
        for (index, entry) in self.entries.iter().enumerate() {
            for earlier in &self.entries[..index] {
                let both_read = entry.role == Role::Input && earlier.role == Role::Input;
                if both_read
                    || entry.identity != earlier.identity
                    || output::is_special(&entry.identity)
                {
                    continue;
                }
                let (first, second) = (&earlier.what, &entry.what);
                let path = entry.path.display();
                let problem = match (earlier.role, entry.role) {
                    (Role::Input, _) => format!("{second} would overwrite {first}, which is read"),
                    (_, Role::Input) => format!("{first} would overwrite {second}, which is read"),
                    _ if first == second => format!("two {first} would be written to one file"),
                    _ => format!("{first} and {second} would be written to one file"),
                };
                return Err(Failure::usage(anyhow!("`{path}`: {problem}; give another name")));
            }
        }
        for entry in self.entries.iter().filter(|entry| entry.role != Role::Input) {
            let in_data = |folder: &PathBuf| entry.identity.starts_with(folder);
            if is_data(&entry.identity) && self.data.iter().any(in_data) {
                let (what, path) = (&entry.what, entry.path.display());
                return Err(Failure::usage(anyhow!(
                    "`{path}`: {what} would overwrite a file of the data set, which is read; give another name"
                )));
            }
        }
        for entry in self.entries.iter().filter(|entry| entry.role == Role::Output) {
            output::check_writable(&entry.path)?;
        }
        Ok(())
    }
}

/// Whether `path` is a file with a name that data sets have.
fn is_data(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = [".txt", ".txt.gz", ".png", ".jpg", ".jpeg", "batch.bin"];
    let cifar =
        ["train.bin", "test.bin"].contains(&name.as_str()) || name.starts_with("data_batch");
    path.is_file()
        && (name.contains("-ubyte") || cifar || ending.iter().any(|end| name.ends_with(end)))
}

/// The one spelling of all paths that lead to the same file, whether it exists or not.
fn identity(path: &Path) -> PathBuf {
    let mut path = path.to_owned();
    // A symbolic link to a missing file leads somewhere too; the system follows at most 40.
    for _ in 0..40 {
        if let Ok(canonical) = path.canonicalize() {
            return canonical;
        }
        match std::fs::read_link(&path) {
            Ok(target) => path = path.parent().unwrap_or(Path::new("")).join(target),
            Err(_) => break,
        }
    }
    let absolute = std::path::absolute(&path).unwrap_or(path);
    // The longest part that exists, then the rest with `..` taken as written.
    let mut existing = absolute.clone();
    let mut missing: Vec<OsString> = Vec::new();
    while !existing.exists() {
        let Some(last) = existing.components().next_back() else { break };
        missing.push(last.as_os_str().to_owned());
        if !existing.pop() {
            break;
        }
    }
    let mut identity = existing.canonicalize().unwrap_or(existing);
    for part in missing.iter().rev() {
        match Path::new(part).components().next() {
            Some(Component::ParentDir) => {
                identity.pop();
            }
            _ => identity.push(part),
        }
    }
    identity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(files: &Files) -> String {
        match files.check() {
            Err(Failure::Usage(error)) => error.to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_outputs_need_two_files() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("sub")).unwrap();
        Files::default().output("--a", [at("x")]).output("--b", [at("y")]).check().unwrap();
        for other in ["x", "./x", "sub/../x", "missing/../x"] {
            let files = Files::default().growing("--a", [at("x")]).output("--b", [at(other)]);
            let error = refused(&files);
            assert!(error.ends_with("--a and --b would be written to one file; give another name"));
        }
        let relative = Files::default().output("--a", ["x"]).output("--a", ["./x"]);
        assert!(refused(&relative).contains("two --a would be written to one file"));
    }

    #[test]
    fn an_input_is_no_output() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "old").unwrap();
        let files = Files::default().output("--out", [&path]).input("the table", [&path]);
        assert!(refused(&files).contains("--out would overwrite the table, which is read"));
        Files::default().input("a", [&path]).input("b", [&path]).check().unwrap();
    }

    #[test]
    fn data_is_no_output() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let data = folder.path().to_owned();
        for name in ["train.txt", "t10k-images-idx3-ubyte", "data_batch_1.bin", "run.csv"] {
            std::fs::write(at(name), "old").unwrap();
        }
        let out = |name: &str| Files::default().data(Some(&data)).output("--out", [at(name)]);
        for name in ["train.txt", "t10k-images-idx3-ubyte", "data_batch_1.bin"] {
            assert!(refused(&out(name)).contains("a file of the data set"), "{name}");
        }
        // An earlier output, and a new file.
        out("run.csv").check().unwrap();
        out("new.txt").check().unwrap();
        let text = at("train.txt");
        let files = Files::default().data(Some(&text)).output("--out", [&text]);
        assert!(refused(&files).contains("would overwrite --data-dir"));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        // The target need not exist.
        std::os::unix::fs::symlink("x", at("link")).unwrap();
        std::os::unix::fs::symlink(folder.path(), at("again")).unwrap();
        for other in ["link", "again/x", "again/link"] {
            let files = Files::default().output("--a", [at("x")]).output("--b", [at(other)]);
            assert!(refused(&files).contains("--a and --b"), "{other}");
        }
        // A link in a circle ends.
        std::os::unix::fs::symlink("circle", at("circle")).unwrap();
        Files::default().growing("--a", [at("circle")]).check().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn anything_may_go_to_a_device() {
        let null = "/dev/null";
        Files::default()
            .output("--a", [null])
            .output("--b", [null])
            .input("c", [null])
            .check()
            .unwrap();
    }
}
