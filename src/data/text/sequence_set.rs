//! Sequences of token numbers with the tokens that follow.

use std::ops::Range;

/// A text cut into sequences of T tokens that follow one another without overlap. The target of each
/// token is the next one of the text, so that the target of a sequence's last token is the first of the
/// next sequence. Tokens that do not fill a sequence are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet {
    sequence_length: usize,
    tokens: Vec<u16>,
}

impl SequenceSet {
    /// The sequences of `sequence_length` tokens in `tokens`.
    ///
    /// # Panics
    /// If `sequence_length` is 0.
    pub fn new(mut tokens: Vec<u16>, sequence_length: usize) -> Self {
        assert!(sequence_length > 0, "a sequence has tokens");
        let sequences = tokens.len().saturating_sub(1) / sequence_length;
        tokens.truncate(if sequences == 0 { 0 } else { sequences * sequence_length + 1 });
        Self { sequence_length, tokens }
    }

    /// Tokens of a sequence, T.
    pub fn sequence_length(&self) -> usize {
        self.sequence_length
    }

    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.tokens.len().saturating_sub(1) / self.sequence_length
    }

    /// Whether there is no sequence.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All tokens that are used, the target of the last one included.
    pub fn tokens(&self) -> &[u16] {
        &self.tokens
    }

    /// The tokens of sequence `index`.
    ///
    /// # Panics
    /// If there is no such sequence.
    pub fn sequence(&self, index: usize) -> &[u16] {
        &self.tokens[self.range(index)]
    }

    /// The targets of sequence `index`.
    ///
    /// # Panics
    /// If there is no such sequence.
    pub fn targets(&self, index: usize) -> &[u16] {
        let Range { start, end } = self.range(index);
        &self.tokens[start + 1..end + 1]
    }

    /// The first `count` sequences, or all if there are no more.
    pub(in crate::data) fn limited(self, count: usize) -> Self {
        let Self { sequence_length, mut tokens } = self;
        tokens.truncate(count.saturating_mul(sequence_length).saturating_add(1));
        Self { sequence_length, tokens }
    }

    fn range(&self, index: usize) -> Range<usize> {
        index * self.sequence_length..(index + 1) * self.sequence_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_the_tokens_that_follow() {
        let set = SequenceSet::new((10..21).collect(), 3);
        assert_eq!((set.len(), set.tokens().len()), (3, 10));
        assert_eq!(set.sequence(0), [10, 11, 12]);
        assert_eq!(set.targets(0), [11, 12, 13]);
        assert_eq!(set.sequence(2), [16, 17, 18]);
        assert_eq!(set.targets(2), [17, 18, 19]);
        let limited = set.clone().limited(2);
        assert_eq!((limited.len(), limited.targets(1)), (2, set.targets(1)));
        assert_eq!(set.clone().limited(usize::MAX), set);
    }

    #[test]
    fn a_sequence_needs_the_token_after_it() {
        assert_eq!(SequenceSet::new(vec![1, 2, 3, 4], 3).len(), 1);
        assert!(SequenceSet::new(vec![1, 2, 3], 3).is_empty());
        assert!(SequenceSet::new(Vec::new(), 3).is_empty());
    }
}
