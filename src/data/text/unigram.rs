//! The simplest language model: the frequency of each token.

use super::SequenceSet;

/// The perplexity of the targets of `test` under the frequencies of the targets of `train`, for a
/// vocabulary of `vocabulary` tokens; a language model has to be below it.
///
/// The probability of a token is (its count in training + 1) / (tokens in training + vocabulary), so that
/// tokens that training never saw have one; the unknown token is counted like all others. The perplexity is
/// the exponential of the mean of -ln of the probability; `None` without targets.
pub fn unigram_perplexity(
    train: &SequenceSet,
    test: &SequenceSet,
    vocabulary: usize,
) -> Option<f64> {
    let counts = |set: &SequenceSet| {
        let mut counts = vec![0u64; vocabulary];
        for &token in set.tokens().iter().skip(1) {
            if let Some(count) = counts.get_mut(usize::from(token)) {
                *count += 1;
            }
        }
        counts
    };
    let (seen, asked) = (counts(train), counts(test));
    let (all, targets) = (seen.iter().sum::<u64>(), asked.iter().sum::<u64>());
    if targets == 0 {
        return None;
    }
    let whole = (all + vocabulary as u64) as f64;
    let bits = seen.iter().zip(&asked).filter(|(_, asked)| **asked > 0);
    let sum: f64 =
        bits.map(|(&seen, &asked)| asked as f64 * libm::log(whole / (seen + 1) as f64)).sum();
    Some(libm::exp(sum / targets as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_perplexity_of_hand_counted_tokens() {
        // Targets of training: 1, 1, 2; of the test: 1, 0. Of 3 + 3: P(1) = 3/6, P(0) = 1/6.
        let train = SequenceSet::new(vec![0, 1, 1, 2], 3);
        let test = SequenceSet::new(vec![2, 1, 0], 2);
        let perplexity = unigram_perplexity(&train, &test, 3).unwrap();
        assert!((perplexity - 12f64.sqrt()).abs() < 1e-12, "{perplexity}");
        assert_eq!(unigram_perplexity(&train, &SequenceSet::new(Vec::new(), 2), 3), None);
    }

    #[test]
    fn equal_frequencies_have_the_vocabulary_as_perplexity() {
        let set = SequenceSet::new(vec![0, 0, 1, 2, 3], 4);
        assert!((unigram_perplexity(&set, &set, 4).unwrap() - 4.0).abs() < 1e-12);
    }
}
