//! Text as sequences of token numbers, for language models.
//!
//! The first nine tenths of the tokens are the training part, the rest is the test part. The vocabulary is
//! that of the training part.

mod options;
mod reading;
mod sequence_set;
mod tokens;
mod unigram;
mod vocabulary;

pub use options::{TextLevel, TextOptions};
pub use sequence_set::SequenceSet;
pub use unigram::unigram_perplexity;
pub use vocabulary::UNKNOWN;

pub(super) use reading::is_in;

use super::DataError;
use std::path::Path;
use tokens::TokenText;

/// One of so many parts of the text, the last, is for testing.
const TEST_SHARE: usize = 10;

/// Vocabulary (the unknown token first), training and test part of the text in `path`, a file or a
/// folder; of the embedded text without one.
pub(super) fn load(
    path: Option<&Path>,
    options: &TextOptions,
) -> Result<(Vec<String>, SequenceSet, SequenceSet), DataError> {
    let text = match path {
        Some(path) => reading::read(path)?,
        None => reading::embedded()?,
    };
    split(text, options)
}

fn split(
    text: String,
    options: &TextOptions,
) -> Result<(Vec<String>, SequenceSet, SequenceSet), DataError> {
    let &TextOptions { level, sequence_length, vocabulary } = options;
    for (what, value, largest) in [
        ("sequence length", sequence_length, TextOptions::MAX_SEQUENCE_LENGTH),
        ("vocabulary", vocabulary, TextOptions::MAX_VOCABULARY),
    ] {
        if !(1..=largest).contains(&value) {
            return Err(DataError::TextOption { what, value, largest });
        }
    }
    let text = TokenText::new(text, level);
    let tokens = text.tokens();
    let (train, test) = tokens.split_at(tokens.len() - tokens.len() / TEST_SHARE);
    // The smaller part decides: a sequence and the token after it.
    if test.len() <= sequence_length {
        let needed = (sequence_length + 1) * TEST_SHARE;
        return Err(DataError::ShortText { tokens: tokens.len(), needed, sequence_length });
    }
    let names = vocabulary::vocabulary(train, vocabulary);
    let set = |part| SequenceSet::new(vocabulary::numbers(part, &names), sequence_length);
    let (train, test) = (set(train), set(test));
    Ok((names, train, test))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(sequence_length: usize, vocabulary: usize) -> TextOptions {
        TextOptions { level: TextLevel::Char, sequence_length, vocabulary }
    }

    #[test]
    fn the_last_tenth_is_the_test_part() {
        let text: String = (0..40).map(|i| if i < 36 { 'a' } else { 'b' }).collect();
        let (names, train, test) = split(text, &options(3, 5)).unwrap();
        assert_eq!(names, ["<unk>", "a"]);
        assert_eq!((train.len(), test.len()), (11, 1));
        // A token of the test part that training never saw.
        assert_eq!(test.sequence(0), [0, 0, 0]);
        assert_eq!(train.sequence(10), [1, 1, 1]);
    }

    #[test]
    fn short_texts_and_impossible_options_are_refused() {
        let refuse =
            |text: &str, options| split(text.to_owned(), &options).unwrap_err().to_string();
        insta::assert_snapshot!(refuse("too short", options(3, 5)), @"the text has 9 tokens: sequences of 3 need at least 40, of which the last tenth is for testing; use a longer text or a shorter --sequence-length");
        insta::assert_snapshot!(refuse("", options(1, 5)), @"the text has 0 tokens: sequences of 1 need at least 20, of which the last tenth is for testing; use a longer text or a shorter --sequence-length");
        insta::assert_snapshot!(refuse("a", options(0, 5)), @"a sequence length of 0 is impossible: use 1 to 4096");
        insta::assert_snapshot!(refuse("a", options(5, 65_535)), @"a vocabulary of 65535 is impossible: use 1 to 65534");
    }

    #[test]
    fn the_embedded_text_is_genesis() {
        let (names, train, test) = load(None, &TextOptions::default()).unwrap();
        assert_eq!(names[..5], ["<unk>", "and", ",", "the", "of"]);
        let first: Vec<&str> =
            train.sequence(0)[..5].iter().map(|&token| &*names[usize::from(token)]).collect();
        assert_eq!(first, ["in", "the", "beginning", "god", "created"]);
        assert_eq!((names.len(), train.len(), test.len()), (1434, 264, 29));
    }
}
