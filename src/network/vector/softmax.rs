//! Exponentials of a row of logits, shared by softmax, causal softmax and cross entropy.

use super::elementary::exp;
use super::operations::VectorOperations;

/// Per element: maximum, difference, exponential, sum and division; backward product, sum, difference and product.
pub const OPERATIONS: VectorOperations = VectorOperations::new(5, 4);

/// Sets `exponentials` to e^(x - max) of every logit; returns where the maximum is (the first of
/// equals) and the sum, added in order. No exponential overflows.
///
/// # Panics
/// If there are no logits.
pub(in crate::network) fn exponentials(
    logits: &[f32],
    exponentials: &mut Vec<f64>,
) -> (usize, f64) {
    let (mut best, mut maximum) = (0, logits[0]);
    for (class, &logit) in logits.iter().enumerate() {
        if logit > maximum {
            (best, maximum) = (class, logit);
        }
    }
    let maximum = f64::from(maximum);
    exponentials.clear();
    exponentials.extend(logits.iter().map(|&logit| exp(f64::from(logit) - maximum)));
    (best, exponentials.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_maximum_has_the_exponential_one() {
        let mut values = vec![9.0];
        let (best, sum) = exponentials(&[1.0, 3.0, 3.0, f32::MIN], &mut values);
        assert_eq!((best, values[1], values[2], values[3]), (1, 1.0, 1.0, 0.0));
        assert!((values[0] - (-2f64).exp()).abs() < 1e-15);
        assert_eq!(sum, values[0] + 2.0);
    }
}
