//! Errors of temporary files, without their names, which say nothing to a user.

use std::io;

/// `error` without the name of a temporary file, which `tempfile` adds.
pub fn without_name(error: io::Error) -> io::Error {
    match error.to_string().rsplit_once(" at path \"") {
        Some((why, _)) => io::Error::new(error.kind(), why.to_owned()),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_temporary_file_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let error = tempfile::NamedTempFile::new_in(folder.path().join("none")).unwrap_err();
        assert!(error.to_string().contains(" at path \""), "{error}");
        let error = without_name(error);
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        assert!(!error.to_string().contains("none"), "{error}");
        assert_eq!(without_name(io::Error::other("full")).to_string(), "full");
    }
}
