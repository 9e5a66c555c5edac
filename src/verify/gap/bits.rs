//! Required accumulator width: measured on data, and proven for any input.

/// The smallest accumulators in bits that never overflow, bias addition included: found on data, and
/// proved for more and more possible data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccumulatorBits {
    /// On the data seen; `None` if that takes more than 64 bits.
    pub data: Option<u32>,
    /// For any input words with these weights and biases ([`hwmodel::array::width::any_input`]).
    pub any_input: u32,
    /// For any input, weight and bias words of the formats ([`hwmodel::array::width::any_words`]).
    pub any_words: u32,
}

impl AccumulatorBits {
    /// Widths that suffice for both.
    pub fn merge(&mut self, other: Self) {
        self.data = self.data.zip(other.data).map(|(a, b)| a.max(b));
        self.any_input = self.any_input.max(other.any_input);
        self.any_words = self.any_words.max(other.any_words);
    }
}
