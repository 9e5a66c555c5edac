//! Configuration files of Python's `configparser`: sections, keys, values, comments, continued values.

use super::error::ConfigError;

/// One key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    /// Line of the key, counted from 1.
    pub(super) line: usize,
    pub(super) section: String,
    /// In lower case: keys are case-insensitive.
    pub(super) key: String,
    /// As written.
    pub(super) name: String,
    pub(super) value: String,
}

/// A file.
#[derive(Debug, Default)]
pub(super) struct Ini {
    /// All keys in their order.
    pub(super) entries: Vec<Entry>,
    /// Sections with their lines.
    pub(super) sections: Vec<(String, usize)>,
}

/// Reads `text`.
pub(super) fn parse(file: &str, text: &str) -> Result<Ini, ConfigError> {
    let Ini { mut entries, mut sections } = Ini::default();
    // A line further to the right than the last key continues its value.
    let mut key_indent = None;
    for (index, raw) in text.trim_start_matches('\u{feff}').lines().enumerate() {
        let line = index + 1;
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let indent = raw.len() - raw.trim_start().len();
        if let (Some(least), Some(entry)) = (key_indent, entries.last_mut())
            && indent > least
        {
            entry.value.push('\n');
            entry.value.push_str(content);
            continue;
        }
        let syntax =
            || ConfigError::Syntax { file: file.to_owned(), line, found: content.to_owned() };
        let duplicate = |what: String, first| ConfigError::Duplicate {
            file: file.to_owned(),
            line,
            what,
            first,
        };
        if let Some(rest) = content.strip_prefix('[') {
            let name = rest.split(']').next().filter(|name| rest.len() > name.len());
            let name = name.ok_or_else(syntax)?.to_owned();
            if let Some((_, first)) = sections.iter().find(|(section, _)| *section == name) {
                return Err(duplicate(format!("section [{name}]"), *first));
            }
            sections.push((name, line));
            key_indent = None;
            continue;
        }
        let (section, _) = sections.last().ok_or_else(syntax)?;
        let at = content.find(['=', ':']).ok_or_else(syntax)?;
        let name = content[..at].trim_end().to_owned();
        if name.is_empty() {
            return Err(syntax());
        }
        let key = name.to_lowercase();
        if let Some(entry) = entries.iter().find(|e| e.section == *section && e.key == key) {
            return Err(duplicate(format!("key `{name}` of [{section}]"), entry.line));
        }
        let value = content[at + 1..].trim().to_owned();
        entries.push(Entry { line, section: section.clone(), key, name, value });
        key_indent = Some(indent);
    }
    Ok(Ini { entries, sections })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_values_comments_and_continuations() {
        let text = "# head\n[a]\n X: 1\n; note\n  more\n Y = a:b\n\n[b]\nx=\n";
        let Ini { entries, sections } = parse("f", text).unwrap();
        let found: Vec<_> =
            entries.iter().map(|e| (e.line, &*e.section, &*e.key, &*e.value)).collect();
        assert_eq!(found, [(3, "a", "x", "1\nmore"), (6, "a", "y", "a:b"), (9, "b", "x", "")]);
        assert_eq!(sections, [("a".to_owned(), 2), ("b".to_owned(), 8)]);
    }

    #[test]
    fn mistakes_name_their_line() {
        let message = |text: &str| parse("f.cfg", text).unwrap_err().to_string();
        assert!(message("x: 1\n").contains("line 1: `x: 1`"));
        assert!(message("[a]\nword\n").contains("line 2: `word`"));
        assert!(message("[a\n").contains("line 1"));
        assert!(message("[a]\n: 5\n").contains("line 2"));
        assert!(
            message("[a]\nX: 1\nx: 2\n")
                .contains("line 3: key `x` of [a] is there already, in line 2")
        );
        assert!(message("[a]\n[a]\n").contains("line 2: section [a]"));
    }
}
