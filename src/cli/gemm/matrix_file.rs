//! Matrices of raw integers in files: decimal text, or words for `$readmemh` where the name ends in `.hex`.

use crate::cli::errors::Failure;
use crate::verify::export::hex_words;
use anyhow::{Context as _, anyhow};
use std::fmt::Write as _;
use std::path::Path;

/// The two's complement or unsigned word of an element.
#[derive(Debug, Clone, Copy)]
pub(super) struct Word {
    /// 1 to 64.
    pub(super) bits: u32,
    pub(super) signed: bool,
}

fn is_hex(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("hex"))
}

/// The elements of the file `path`, which holds `what`.
pub(super) fn read(path: &Path, word: Word, what: &str) -> Result<Vec<i64>, Failure> {
    let what = || format!("{what} `{}`", path.display());
    let text = std::fs::read_to_string(path).with_context(what)?;
    let wrong = |problem: String| Failure::from(anyhow!("{}: {problem}", what()));
    if is_hex(path) {
        let text = without_comments(&text).map_err(|problem| wrong(problem.to_owned()))?;
        let words = text.split_whitespace().enumerate();
        return words.map(|(index, digits)| word.of_digits(index, digits).map_err(wrong)).collect();
    }
    let numbers = text.split(|c: char| c.is_whitespace() || c == ',').filter(|s| !s.is_empty());
    let read = |(index, number): (usize, &str)| {
        let problem = || format!("element {index}, `{number}`, is not a raw integer");
        number.parse().map_err(|_| wrong(problem()))
    };
    numbers.enumerate().map(read).collect()
}

/// The text of a matrix of `rows` rows: a line a row of decimal numbers, or for a `.hex` file a line a word of `bits` bits.
pub(super) fn text(
    path: &Path,
    [rows, columns]: [usize; 2],
    bits: u32,
    element: impl Fn(usize) -> i128,
) -> String {
    if is_hex(path) {
        return hex_words((0..rows * columns).map(element), bits);
    }
    let mut text = String::new();
    for row in 0..rows {
        for column in 0..columns {
            let separator = if column == 0 { "" } else { " " };
            let _ = write!(text, "{separator}{}", element(row * columns + column));
        }
        text.push('\n');
    }
    text
}

impl Word {
    /// The value of the hexadecimal digits of element `index`.
    fn of_digits(self, index: usize, digits: &str) -> Result<i64, String> {
        let Self { bits, signed } = self;
        if digits.starts_with('@') {
            return Err(format!(
                "`{digits}` is an address, which is not supported: write the words from the first on"
            ));
        }
        let plain: String = digits.chars().filter(|&digit| digit != '_').collect();
        let hexadecimal = plain.bytes().all(|digit| digit.is_ascii_hexdigit());
        let word = hexadecimal.then(|| u64::from_str_radix(&plain, 16).ok()).flatten();
        let unused = u64::BITS - bits;
        match word.filter(|&word| word <= u64::MAX >> unused) {
            Some(word) if signed => Ok((word << unused).cast_signed() >> unused),
            // Unsigned words have at most 32 bits.
            Some(word) => Ok(word.cast_signed()),
            None => Err(format!(
                "element {index}, `{digits}`, is not a word of {bits} bits in hexadecimal digits"
            )),
        }
    }
}

/// A memory file without `//` and `/* */` comments.
fn without_comments(text: &str) -> Result<String, &'static str> {
    let (mut kept, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find('/') {
        kept.push_str(&rest[..at]);
        kept.push(' ');
        let comment = &rest[at..];
        let end = match comment.as_bytes().get(1) {
            Some(b'/') => comment.find('\n').unwrap_or(comment.len()),
            Some(b'*') => comment.find("*/").ok_or("a comment does not end")? + 2,
            _ => return Err("`/` does not begin a comment"),
        };
        rest = &comment[end..];
    }
    kept.push_str(rest);
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_as_readmemh_takes_them() {
        let word = |bits, signed, digits| Word { bits, signed }.of_digits(3, digits);
        assert_eq!(word(8, true, "ff"), Ok(-1));
        assert_eq!(word(8, false, "FF"), Ok(255));
        assert_eq!(word(6, true, "20"), Ok(-32));
        assert_eq!(word(8, true, "7"), Ok(7));
        assert_eq!(word(32, true, "8000_0000"), Ok(-1 << 31));
        assert_eq!(word(64, true, "ffffffffffffffff"), Ok(-1));
        let problem = "element 3, `40`, is not a word of 6 bits in hexadecimal digits";
        assert_eq!(word(6, true, "40"), Err(problem.to_owned()));
        for digits in ["x", "-1", "", "_", "1ffffffffffffffff"] {
            assert!(word(8, true, digits).is_err(), "{digits}");
        }
        assert!(word(8, true, "@10").unwrap_err().contains("is an address"));
    }

    #[test]
    fn comments_are_left_out() {
        assert_eq!(without_comments("01 // a / b\n/* 03\n*/04").as_deref(), Ok("01  \n 04"));
        assert!(without_comments("01 /* 02").is_err());
        assert!(without_comments("01 / 02").is_err());
    }
}
