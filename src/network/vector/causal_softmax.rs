//! Causal softmax of attention scores: a token attends to itself and the tokens before it.

use super::operations::VectorOperations;
use super::softmax::{self, exponentials};
use hwmodel::cast::nearest_f32;

/// Per score: a softmax, and the product with the scale in each direction.
pub const OPERATIONS: VectorOperations =
    VectorOperations::new(softmax::OPERATIONS.forward + 1, softmax::OPERATIONS.backward + 1);

/// Replaces the scores `[T, T]` of one head by probabilities: row t is the softmax of scale·s over columns
/// 0 to t, and 0 after them. Rows are computed in float64 and rounded once to float32.
///
/// # Panics
/// If there are not T² scores.
pub fn causal_softmax(scores: &mut [f32], length: usize, scale: f32) {
    assert_eq!(scores.len(), length * length, "a score for each pair of tokens");
    let mut powers = Vec::new();
    for (row, scores) in scores.chunks_exact_mut(length.max(1)).enumerate() {
        let (seen, hidden) = scores.split_at_mut(row + 1);
        seen.iter_mut().for_each(|score| *score *= scale);
        let (_, sum) = exponentials(seen, &mut powers);
        seen.iter_mut().zip(&powers).for_each(|(score, power)| *score = nearest_f32(power / sum));
        hidden.fill(0.0);
    }
}

/// The gradient of the scores from the probabilities p and their gradient, which it replaces:
/// ds = scale·p·(dp - Σ dp·p).
///
/// # Panics
/// If the lengths do not fit.
pub fn causal_softmax_backward(
    probabilities: &[f32],
    gradient: &mut [f32],
    length: usize,
    scale: f32,
) {
    assert_eq!(probabilities.len(), gradient.len(), "one gradient a probability");
    let rows = probabilities.chunks_exact(length.max(1));
    for (p, dp) in rows.zip(gradient.chunks_exact_mut(length.max(1))) {
        let products = p.iter().zip(dp.iter()).map(|(&p, &dp)| f64::from(p) * f64::from(dp));
        let mean: f64 = products.sum();
        for (&p, dp) in p.iter().zip(dp) {
            *dp = nearest_f32(f64::from(p) * (f64::from(*dp) - mean) * f64::from(scale));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_sees_itself_and_those_before_it() {
        let mut scores = vec![5.0, 9.0, 9.0, 1.0, 1.0, 9.0, 0.0, 0.0, 0.0];
        causal_softmax(&mut scores, 3, 2.0);
        let third = (1.0f64 / 3.0) as f32;
        assert_eq!(scores, [1.0, 0.0, 0.0, 0.5, 0.5, 0.0, third, third, third]);
    }

    #[test]
    fn gradients_are_derivatives() {
        let (length, scale) = (4, 0.7);
        let wave = |i: usize, phase: f32| (i as f32 * 1.9 + phase).sin();
        let scores: Vec<f32> = (0..16).map(|i| wave(i, 0.0)).collect();
        let a: Vec<f32> = (0..16).map(|i| wave(i, 1.0)).collect();
        let loss = |scores: &[f32]| -> f64 {
            let mut p = scores.to_vec();
            causal_softmax(&mut p, length, scale);
            p.iter().zip(&a).map(|(&p, &a)| f64::from(p) * f64::from(a)).sum()
        };
        let mut p = scores.clone();
        causal_softmax(&mut p, length, scale);
        let mut got = a.clone();
        causal_softmax_backward(&p, &mut got, length, scale);
        for index in 0..16 {
            let at = |step: f32| {
                let mut moved = scores.clone();
                moved[index] += step;
                loss(&moved)
            };
            let want = (at(1.0 / 128.0) - at(-1.0 / 128.0)) * 64.0;
            assert!((f64::from(got[index]) - want).abs() < 1e-4, "{index}");
        }
    }
}
