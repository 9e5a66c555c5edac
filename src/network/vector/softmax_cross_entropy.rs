//! Softmax and cross entropy of a batch of logits.
//!
//! The row maximum is subtracted first, so no exponential overflows. A row is a few numbers, compared
//! with the network's millions, so it is computed in float64 and each gradient rounded once to float32. Rows are
//! computed side by side and their losses added in order.

use super::softmax::exponentials;
use hwmodel::cast::nearest_f32;
use hwmodel::elementwise::{LengthError, check_length};
use rayon::prelude::*;

/// The loss of one batch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CrossEntropy {
    /// Mean over the batch of -ln of the softmax probability of the label, in nats.
    pub loss: f64,
    /// Rows whose largest logit (the first one of equals) is the label's.
    pub correct: usize,
}

/// Error of logits or labels without a defined loss.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CrossEntropyError {
    /// A buffer has the wrong length.
    #[error(transparent)]
    Length(#[from] LengthError),
    /// The batch is empty.
    #[error("the loss of an empty batch, or of no classes, is undefined")]
    Empty,
    /// A label names no class.
    #[error("label {label} of row {row} is not one of {classes} classes (0 to {classes} - 1)")]
    Label {
        /// Row of the batch.
        row: usize,
        /// Its label.
        label: u16,
        /// Number of classes.
        classes: usize,
    },
    /// A logit is infinite or NaN.
    #[error("logit {value} of row {row}, class {class} is not finite: training has diverged")]
    NotFinite {
        /// Row of the batch.
        row: usize,
        /// Class of the logit.
        class: usize,
        /// The logit.
        value: f32,
    },
}

/// Loss and top-1 hits of `logits` ([rows, classes]) without a gradient.
///
/// # Errors
/// If the batch is empty, lengths do not fit, a label is not below `classes` or a logit is not finite.
pub fn cross_entropy(
    logits: &[f32],
    classes: usize,
    labels: &[u16],
) -> Result<CrossEntropy, CrossEntropyError> {
    check(logits, classes, labels)?;
    let rows = logits.par_chunks_exact(classes).zip(labels).enumerate();
    let rows = rows.map_init(Vec::new, |exponentials, (row, (logits, &label))| {
        row_loss(row, logits, label, exponentials).map(|(result, _)| result)
    });
    total(rows.collect())
}

/// Loss, top-1 hits, and the gradient (softmax - onehot) · scale / rows of the logits.
///
/// `logits` and `gradient` are [rows, classes]; `scale` is the gradient of the loss itself (1, or a loss
/// scale).
///
/// # Errors
/// As [`cross_entropy`]; `gradient` is then partly written.
pub fn softmax_cross_entropy(
    logits: &[f32],
    classes: usize,
    labels: &[u16],
    scale: f32,
    gradient: &mut [f32],
) -> Result<CrossEntropy, CrossEntropyError> {
    check(logits, classes, labels)?;
    check_length("gradient of the logits", gradient.len(), logits.len())?;
    let factor = f64::from(scale) / labels.len() as f64;
    let rows = logits.par_chunks_exact(classes).zip(labels).enumerate();
    let rows = rows.zip(gradient.par_chunks_exact_mut(classes)).map_init(
        Vec::new,
        |exponentials, ((row, (logits, &label)), gradient)| {
            let (result, sum) = row_loss(row, logits, label, exponentials)?;
            let classes = gradient.iter_mut().zip(exponentials.iter()).enumerate();
            for (class, (gradient, exponential)) in classes {
                let target = if class == usize::from(label) { 1.0 } else { 0.0 };
                *gradient = nearest_f32((exponential / sum - target) * factor);
            }
            Ok(result)
        },
    );
    total(rows.collect())
}

fn check(logits: &[f32], classes: usize, labels: &[u16]) -> Result<(), CrossEntropyError> {
    if labels.is_empty() || classes == 0 {
        return Err(CrossEntropyError::Empty);
    }
    Ok(check_length("logits", logits.len(), labels.len().saturating_mul(classes))?)
}

/// The loss of one row and whether its largest logit is the label's.
type RowResult = Result<(f64, bool), CrossEntropyError>;

/// The rows' losses and hits together, added in order; the first row's error if there is one.
fn total(rows: Vec<RowResult>) -> Result<CrossEntropy, CrossEntropyError> {
    let count = rows.len() as f64;
    let (mut loss, mut correct) = (0.0, 0);
    for row in rows {
        let (row, hit) = row?;
        loss += row;
        correct += usize::from(hit);
    }
    Ok(CrossEntropy { loss: loss / count, correct })
}

/// Loss and hit of a row; also the sum of its `exponentials`, which it sets.
fn row_loss(
    row: usize,
    logits: &[f32],
    label: u16,
    into: &mut Vec<f64>,
) -> Result<((f64, bool), f64), CrossEntropyError> {
    let (target, classes) = (usize::from(label), logits.len());
    if target >= classes {
        return Err(CrossEntropyError::Label { row, label, classes });
    }
    if let Some((class, &value)) = logits.iter().enumerate().find(|(_, x)| !x.is_finite()) {
        return Err(CrossEntropyError::NotFinite { row, class, value });
    }
    let (best, sum) = exponentials(logits, into);
    let shifted = f64::from(logits[target]) - f64::from(logits[best]);
    Ok(((libm::log(sum) - shifted, best == target), sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_logits_cost_the_logarithm_of_the_classes() {
        let mut gradient = [9.0; 8];
        let result = softmax_cross_entropy(&[3.0; 8], 4, &[0, 2], 2.0, &mut gradient).unwrap();
        assert!((result.loss - 4f64.ln()).abs() < 1e-15);
        // Of equal logits the first is the prediction.
        assert_eq!(result.correct, 1);
        assert_eq!(gradient, [-0.75, 0.25, 0.25, 0.25, 0.25, 0.25, -0.75, 0.25]);
        assert_eq!(cross_entropy(&[3.0; 8], 4, &[0, 2]), Ok(result));
    }

    #[test]
    fn extreme_logits_stay_finite() {
        let logits = [f32::MAX, f32::MIN, 0.0];
        let mut gradient = [9.0; 3];
        let result = softmax_cross_entropy(&logits, 3, &[1], 1.0, &mut gradient).unwrap();
        assert_eq!(result, CrossEntropy { loss: 2.0 * f64::from(f32::MAX), correct: 0 });
        assert_eq!(gradient, [1.0, -1.0, 0.0]);
        let result = softmax_cross_entropy(&logits, 3, &[0], 1.0, &mut gradient).unwrap();
        assert_eq!(result, CrossEntropy { loss: 0.0, correct: 1 });
        assert_eq!(gradient, [0.0, 0.0, 0.0]);
    }

    #[test]
    fn the_gradient_is_the_derivative_of_the_loss() {
        let logits = [0.5f32, -1.0, 2.0, 0.25, 0.0, -3.0];
        let labels = [2, 1];
        let mut gradient = [0.0; 6];
        softmax_cross_entropy(&logits, 3, &labels, 1.0, &mut gradient).unwrap();
        for index in 0..6 {
            let at = |step: f32| {
                let mut logits = logits;
                logits[index] += step;
                cross_entropy(&logits, 3, &labels).unwrap().loss
            };
            let want = (at(1.0 / 1024.0) - at(-1.0 / 1024.0)) * 512.0;
            assert!((f64::from(gradient[index]) - want).abs() < 1e-6, "{index}");
        }
    }

    #[test]
    fn bad_input_is_an_error_that_says_where() {
        let fail = |logits: &[f32], classes, labels: &[u16]| {
            let mut gradient = vec![0.0; logits.len()];
            softmax_cross_entropy(logits, classes, labels, 1.0, &mut gradient).unwrap_err()
        };
        assert_eq!(fail(&[], 3, &[]), CrossEntropyError::Empty);
        assert_eq!(fail(&[], 0, &[1]), CrossEntropyError::Empty);
        assert!(matches!(fail(&[1.0; 5], 3, &[0, 1]), CrossEntropyError::Length(_)));
        assert!(matches!(fail(&[1.0; 5], usize::MAX, &[0, 1]), CrossEntropyError::Length(_)));
        assert_eq!(
            fail(&[1.0; 6], 3, &[0, 3]),
            CrossEntropyError::Label { row: 1, label: 3, classes: 3 }
        );
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let error = fail(&[1.0, 1.0, 1.0, value], 2, &[0, 1]);
            assert!(matches!(error, CrossEntropyError::NotFinite { row: 1, class: 1, .. }));
        }
    }
}
