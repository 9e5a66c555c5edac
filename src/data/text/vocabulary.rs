//! Vocabulary: the number of each token.

use hwmodel::cast::exact;
use std::collections::HashMap;

/// The token for everything that is not in the vocabulary; its number is 0.
pub const UNKNOWN: &str = "<unk>";

/// The most frequent tokens of `tokens`, at most `size` of them, after the unknown token: the more
/// frequent first, tokens of equal frequency in the order of their characters.
pub(super) fn vocabulary(tokens: &[&str], size: usize) -> Vec<String> {
    let mut counts: HashMap<&str, u64> = HashMap::new();
    for &token in tokens {
        *counts.entry(token).or_default() += 1;
    }
    let mut ranked: Vec<(&str, u64)> = counts.into_iter().collect();
    ranked.sort_unstable_by(|(a, many), (b, others)| others.cmp(many).then(a.cmp(b)));
    let known = ranked.into_iter().map(|(token, _)| token).filter(|&token| token != UNKNOWN);
    std::iter::once(UNKNOWN).chain(known.take(size)).map(str::to_owned).collect()
}

/// The number of every token; 0 for those that `vocabulary` does not have.
pub(super) fn numbers(tokens: &[&str], vocabulary: &[String]) -> Vec<u16> {
    // The vocabulary has at most 2^16 - 1 tokens.
    let numbered =
        vocabulary.iter().enumerate().map(|(number, token)| (&**token, exact::<u16>(number)));
    let numbers: HashMap<&str, u16> = numbered.collect();
    tokens.iter().map(|token| numbers.get(token).copied().unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_tokens_have_the_smallest_numbers() {
        let tokens = ["b", "c", "a", "c", "b", "c", "d"];
        let names = vocabulary(&tokens, 3);
        assert_eq!(names, ["<unk>", "c", "b", "a"]);
        assert_eq!(numbers(&tokens, &names), [2, 1, 3, 1, 2, 1, 0]);
        assert_eq!(vocabulary(&tokens, 100).len(), 5);
    }
}
