//! Metrics of an estimated frontier of memory and error (papers/peppp.md sections 2.4 and 2.9).

use super::PepppError;
use crate::design::pareto::{Goal, front};

/// A point of memory, scaled to its largest value, and error; of both less is better.
pub type Point = [f64; 2];

/// `memory` over its largest value with `errors`.
///
/// # Errors
/// If numbers differ, there are none, something is not finite or memory is not above 0.
pub fn points(memory: &[f64], errors: &[f64]) -> Result<Vec<Point>, PepppError> {
    if memory.len() != errors.len() {
        let (found, expected) = ((1, errors.len()), (1, memory.len()));
        return Err(PepppError::Shape { what: "the list of errors", found, expected });
    }
    let largest = memory.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if memory.is_empty() {
        return Err(PepppError::NoConfigurations);
    }
    if !memory.iter().chain(errors).all(|value| value.is_finite()) || largest <= 0.0 {
        return Err(PepppError::NotFinite("memory or error"));
    }
    Ok(memory.iter().zip(errors).map(|(memory, &error)| [memory / largest, error]).collect())
}

/// The indices of the points that no other dominates, ascending in memory; equal points are all there.
pub fn frontier(points: &[Point]) -> Vec<usize> {
    let on_front = front(points, &[Goal::Minimise, Goal::Minimise]);
    let mut indices: Vec<usize> = (0..points.len()).filter(|&index| on_front[index]).collect();
    let order = |&a: &usize, &b: &usize| points[a][0].total_cmp(&points[b][0]).then(a.cmp(&b));
    indices.sort_by(order);
    indices
}

/// The mean distance from a point of the frontier of `estimated` to the nearest of that of `truth`.
pub fn convergence(truth: &[Point], estimated: &[Point]) -> f64 {
    let (of_truth, of_estimate) = (frontier(truth), frontier(estimated));
    let distance = |a: Point, b: Point| libm::hypot(a[0] - b[0], a[1] - b[1]);
    let nearest =
        |v: Point| of_truth.iter().map(|&w| distance(v, truth[w])).fold(f64::INFINITY, f64::min);
    let sum: f64 = of_estimate.iter().map(|&v| nearest(estimated[v])).sum();
    sum / of_estimate.len().max(1) as f64
}

/// The area up to the corner (1, 1) that the points dominate.
pub fn hypervolume(points: &[Point]) -> f64 {
    let mut sorted: Vec<Point> = points.to_vec();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let (mut area, mut best) = (0.0, 1.0);
    for [x, y] in sorted {
        if x < 1.0 && y < best {
            area += (1.0 - x) * (best - y);
            best = y;
        }
    }
    area
}

/// HyperDiff: the difference of the hypervolumes of two sets of points, and so of their frontiers.
pub fn hyper_diff(truth: &[Point], estimated: &[Point]) -> f64 {
    (hypervolume(truth) - hypervolume(estimated)).abs()
}

/// ‖ê - e‖/‖e‖.
pub fn relative_error(truth: &[f64], estimated: &[f64]) -> f64 {
    let square = |values: &mut dyn Iterator<Item = f64>| values.map(|v| v * v).sum::<f64>();
    let difference = square(&mut truth.iter().zip(estimated).map(|(a, b)| a - b));
    (difference / square(&mut truth.iter().copied())).sqrt()
}

/// Kendall's τ-b of two rankings, from -1 (opposite) to 1 (the same); `None` if one of them has only ties.
pub fn kendall_tau(a: &[f64], b: &[f64]) -> Option<f64> {
    let sign = |x: f64, y: f64| match x.partial_cmp(&y) {
        Some(std::cmp::Ordering::Less) => -1i64,
        Some(std::cmp::Ordering::Greater) => 1,
        _ => 0,
    };
    let (mut sum, mut of_a, mut of_b) = (0, 0, 0);
    for i in 0..a.len().min(b.len()) {
        for j in 0..i {
            let (x, y) = (sign(a[i], a[j]), sign(b[i], b[j]));
            sum += x * y;
            of_a += x * x;
            of_b += y * y;
        }
    }
    (of_a > 0 && of_b > 0).then(|| sum as f64 / ((of_a as f64) * (of_b as f64)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: [f64; 6] = [0.2, 0.3, 0.4, 0.6, 0.8, 1.0];
    const TRUE: [f64; 6] = [0.62, 0.50, 0.55, 0.38, 0.40, 0.30];
    const PREDICTED: [f64; 6] = [0.58, 0.52, 0.46, 0.41, 0.42, 0.33];

    /// papers/peppp.md section 8.4.
    #[test]
    fn the_worked_example() {
        let memory = MEMORY.map(|m| m * 1000.0);
        let (truth, predicted) =
            (points(&memory, &TRUE).unwrap(), points(&memory, &PREDICTED).unwrap());
        assert_eq!(frontier(&truth), [0, 1, 3, 5]);
        assert_eq!(frontier(&predicted), [0, 1, 2, 3, 5]);
        assert!((convergence(&truth, &predicted) - 0.04554066).abs() < 1e-8);
        assert!((hypervolume(&truth) - 0.436).abs() < 1e-12);
        assert!((hypervolume(&predicted) - 0.434).abs() < 1e-12);
        assert!((hyper_diff(&truth, &predicted) - 0.002).abs() < 1e-12);
    }

    #[test]
    fn the_minimal_example() {
        let (truth, predicted) = ([[0.2, 0.6], [0.5, 0.3]], [[0.2, 0.7], [0.6, 0.3]]);
        assert!((convergence(&truth, &predicted) - 0.1).abs() < 1e-12);
        assert!((hypervolume(&truth) - 0.47).abs() < 1e-12);
        assert!((hypervolume(&predicted) - 0.40).abs() < 1e-12);
        assert_eq!(convergence(&truth, &truth), 0.0);
    }

    #[test]
    fn ties_stay_and_points_outside_the_box_count_nothing() {
        assert_eq!(frontier(&[[0.5, 0.2], [0.5, 0.2], [0.5, 0.3], [0.4, 0.2]]), [3]);
        assert_eq!(frontier(&[[0.5, 0.2], [0.5, 0.2], [0.6, 0.3]]), [0, 1]);
        assert_eq!(hypervolume(&[[1.0, 0.0], [0.5, 1.2]]), 0.0);
        assert!((hypervolume(&[[0.5, -0.1]]) - 0.55).abs() < 1e-12);
        assert!(points(&[1.0], &[f64::NAN]).is_err() && points(&[], &[]).is_err());
        assert!(points(&[0.0], &[0.5]).is_err() && points(&[1.0], &[]).is_err());
    }

    #[test]
    fn rankings_and_errors_are_compared() {
        let tau = |b: &[f64]| kendall_tau(&[1.0, 2.0, 3.0, 4.0], b);
        assert_eq!(tau(&[0.1, 0.2, 0.3, 0.9]), Some(1.0));
        assert_eq!(tau(&[4.0, 3.0, 2.0, 1.0]), Some(-1.0));
        assert!((tau(&[1.0, 3.0, 2.0, 4.0]).unwrap() - 4.0 / 6.0).abs() < 1e-12);
        assert_eq!(tau(&[1.0; 4]), None);
        // One tie in the second: 5 of √(6·5).
        assert!((tau(&[1.0, 1.0, 2.0, 3.0]).unwrap() - 5.0 / 30f64.sqrt()).abs() < 1e-12);
        assert!((relative_error(&[3.0, 4.0], &[3.0, 4.5]) - 0.1).abs() < 1e-12);
    }
}
