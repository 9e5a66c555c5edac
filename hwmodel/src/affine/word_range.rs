//! The words that a result may be, and its zero point.

/// The words from `lowest` to `highest`, of which `zero_point` stands for 0.
///
/// The limits are those of the word, or narrower ones where an activation is merged into the limit (ReLU, ReLU6); the zero
/// point may then be outside them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct WordRange {
    /// The word that stands for 0.
    pub zero_point: i32,
    /// The lowest word.
    pub lowest: i32,
    /// The highest word.
    pub highest: i32,
}

impl WordRange {
    /// The words of `int8` with this zero point.
    pub const fn int8(zero_point: i32) -> Self {
        Self { zero_point, lowest: -128, highest: 127 }
    }

    /// The words of `uint8` with this zero point.
    pub const fn uint8(zero_point: i32) -> Self {
        Self { zero_point, lowest: 0, highest: 255 }
    }

    /// The nearest of these words to `word`.
    #[inline(always)]
    pub fn limit(self, word: i64) -> i32 {
        let word = if word > i64::from(self.highest) { i64::from(self.highest) } else { word };
        let word = if word < i64::from(self.lowest) { i64::from(self.lowest) } else { word };
        crate::cast::exact(word)
    }
}
