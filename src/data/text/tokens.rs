//! Tokeniser: characters to tokens.

use super::TextLevel;

/// A text with its tokens.
#[derive(Debug)]
pub(super) struct TokenText {
    text: String,
    level: TextLevel,
}

impl TokenText {
    /// The text in the case of its tokens: words are lower-cased.
    pub(super) fn new(text: String, level: TextLevel) -> Self {
        let text = match level {
            TextLevel::Word => text.to_lowercase(),
            TextLevel::Char => text,
        };
        Self { text, level }
    }

    /// The tokens in order.
    ///
    /// A word is a run of letters and digits, with single apostrophes between two of them; every other
    /// character that is not white space is one token.
    pub(super) fn tokens(&self) -> Vec<&str> {
        match self.level {
            TextLevel::Word => words(&self.text),
            TextLevel::Char => {
                let starts = self.text.char_indices();
                starts.map(|(start, c)| &self.text[start..start + c.len_utf8()]).collect()
            }
        }
    }
}

fn words(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    // Where the word under way starts.
    let mut word = None;
    let mut characters = text.char_indices().peekable();
    while let Some((start, c)) = characters.next() {
        let follows = characters.peek().is_some_and(|(_, next)| next.is_alphanumeric());
        let joins = matches!(c, '\'' | '’') && word.is_some() && follows;
        if c.is_alphanumeric() || joins {
            word.get_or_insert(start);
            continue;
        }
        tokens.extend(word.take().map(|first| &text[first..start]));
        if !c.is_whitespace() {
            tokens.push(&text[start..start + c.len_utf8()]);
        }
    }
    tokens.extend(word.map(|first| &text[first..]));
    tokens
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str, level: TextLevel) -> Vec<String> {
        let text = TokenText::new(text.to_owned(), level);
        text.tokens().into_iter().map(str::to_owned).collect()
    }

    #[test]
    fn words_are_lower_cased_and_punctuation_stands_alone() {
        assert_eq!(
            tokens("In the beginning God's 'light',\n12 days--É!", TextLevel::Word),
            [
                "in",
                "the",
                "beginning",
                "god's",
                "'",
                "light",
                "'",
                ",",
                "12",
                "days",
                "-",
                "-",
                "é",
                "!"
            ]
        );
        assert_eq!(tokens("sons' wives", TextLevel::Word), ["sons", "'", "wives"]);
        assert_eq!(tokens(" \n\t", TextLevel::Word), [""; 0]);
    }

    #[test]
    fn characters_are_kept_as_they_are() {
        assert_eq!(tokens("A é\n", TextLevel::Char), ["A", " ", "é", "\n"]);
    }
}
