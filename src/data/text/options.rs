//! Options for splitting a text into sequences.

use serde::{Deserialize, Serialize};

/// What a token is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextLevel {
    /// Lower-cased words; every other non-space character is one token.
    #[default]
    Word,
    /// Single characters as they are, spaces and line ends among them.
    Char,
}

/// How a text is cut into tokens and sequences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct TextOptions {
    /// What a token is.
    pub level: TextLevel,
    /// Tokens of a sequence, T: 1 to [`TextOptions::MAX_SEQUENCE_LENGTH`].
    pub sequence_length: usize,
    /// The largest number of tokens in the vocabulary, in addition to the unknown token: 1 to
    /// [`TextOptions::MAX_VOCABULARY`].
    pub vocabulary: usize,
}

impl TextOptions {
    /// Longest sequence.
    pub const MAX_SEQUENCE_LENGTH: usize = 4096;
    /// Largest vocabulary: with the unknown token, numbers have 16 bits.
    pub const MAX_VOCABULARY: usize = 65_534;

    /// Whether these are the default options.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Default for TextOptions {
    /// Words, 64 a sequence, the 10,000 most frequent.
    fn default() -> Self {
        Self { level: TextLevel::Word, sequence_length: 64, vocabulary: 10_000 }
    }
}
