//! Command lines as text for a POSIX shell: what is printed runs when it is pasted.

/// `word`, quoted if a shell would take it for something else.
///
/// ```
/// use hwsim::shell::quote;
/// assert_eq!(quote("--trace=a/b.csv"), "--trace=a/b.csv");
/// assert_eq!(quote("it's here"), r"'it'\''s here'");
/// assert_eq!(quote(""), "''");
/// ```
#[must_use]
pub fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=+:@%".contains(c);
    // Some shells look for a program after a leading `=`.
    if !word.is_empty() && word.chars().all(plain) && !word.starts_with('=') {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// The words of a command as one line.
pub fn join<S: AsRef<str>>(words: impl IntoIterator<Item = S>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    words.join(" ")
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        let words = [
            "plain", "", " ", "a b", "it's", "\"", "$HOME", "`x`", "\\", "*", "~", "a\nb", "é",
            "#c", "a;b&c|d", "(x)", "{a,b}", "!", "=x", "a=b", "-n", "\t", "<>", "?[a]",
        ];
        let line = format!("printf '%s\\0' {}", join(words));
        let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
        let read: Vec<_> = output.stdout.split(|byte| *byte == 0).collect();
        let mut expected: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
        expected.push(b"");
        assert_eq!(read, expected);
    }
}
