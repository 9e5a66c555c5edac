//! Quantised tensors whose scales let their integers be added and compared.

use crate::graph::axes::{broadcast, spread};
use crate::graph::operators::Problem;
use crate::graph::{Scale, Scaled};
use std::sync::Arc;

/// Beyond this integers are not exact in float64, to which values may be converted.
const EXACT: i128 = 1 << 53;

/// How many times finer one scale may be than another: as shifts of an integer circuit.
const FINEST: f64 = 65536.0;

/// Tensors of one shape with integers on a common scale without zero points.
pub(super) struct Grid {
    pub(super) shape: Vec<usize>,
    scale: Scale,
    pub(super) terms: Vec<Vec<i64>>,
    pub(super) ranges: Vec<(i64, i64)>,
}

impl Grid {
    /// The tensors, broadcast to one shape. Scales must be equal or differ by a power of two; `None` if they do not, or
    /// integers would become too large.
    pub(super) fn of(values: &[&Scaled]) -> Result<Option<Self>, Problem> {
        let shapes: Vec<&[usize]> = values.iter().map(|value| value.shape.as_slice()).collect();
        let shape = broadcast(&shapes)?;
        Ok(Self::on(values, shape))
    }

    fn on(values: &[&Scaled], shape: Vec<usize>) -> Option<Self> {
        // A scale for each index of an axis of size 1 that is broadcast is one for the tensor.
        let own = |value: &Scaled| {
            let axis = value.scale.axis?;
            let to = axis + shape.len() - value.shape.len();
            (value.shape[axis] == shape[to]).then_some(to)
        };
        let axis = values.iter().find_map(|value| own(value));
        let fits = |value: &&&Scaled| own(value).is_none_or(|other| Some(other) == axis);
        if !values.iter().all(|value| fits(&value)) {
            return None;
        }
        let channels = axis.map_or(1, |axis| shape[axis]);
        if channels == 0 || values.iter().any(|value| value.scale.scales.is_empty()) {
            return None;
        }
        let at = |value: &Scaled, channel: usize| if own(value).is_some() { channel } else { 0 };
        let mut scales = Vec::with_capacity(channels);
        for channel in 0..channels {
            let own = values.iter().map(|value| value.scale.scales[at(value, channel)]);
            scales.push(own.fold(f64::INFINITY, f64::min));
        }
        let inner: usize = axis.map_or(1, |axis| shape[axis + 1..].iter().product());
        let (mut terms, mut ranges) = (Vec::new(), Vec::new());
        for value in values {
            let mut factors = Vec::with_capacity(channels);
            let mut range = (i128::MAX, i128::MIN);
            for (channel, &scale) in scales.iter().enumerate() {
                let factor = whole_power(value.scale.scales[at(value, channel)] / scale)?;
                let zero = value.scale.zero_points[at(value, channel)];
                let reach =
                    |bound: i64| (i128::from(bound) - i128::from(zero)) * i128::from(factor);
                range = (range.0.min(reach(value.range.0)), range.1.max(reach(value.range.1)));
                factors.push((zero, factor));
            }
            ranges.push(exact_range(range)?);
            let mut term = spread((&value.integers, &value.shape), &shape);
            for (index, integer) in term.iter_mut().enumerate() {
                let (zero, factor) =
                    factors[if channels == 1 { 0 } else { index / inner % channels }];
                *integer = (*integer - zero) * factor;
            }
            terms.push(term);
        }
        let scale = Scale { axis, zero_points: vec![0; scales.len()], scales };
        Some(Self { shape, scale, terms, ranges })
    }

    /// The tensor of `integers` on this grid; `None` if they may become too large.
    pub(super) fn tensor(self, integers: Vec<i64>, range: (i128, i128)) -> Option<Scaled> {
        let range = exact_range(range)?;
        Some(Scaled { shape: self.shape, integers: Arc::new(integers), range, scale: self.scale })
    }
}

fn exact_range((low, high): (i128, i128)) -> Option<(i64, i64)> {
    let exact = |bound: i128| i64::try_from(bound).ok().filter(|_| bound.abs() <= EXACT);
    Some((exact(low)?, exact(high)?))
}

/// `ratio` if it is a power of two from 1 to [`FINEST`].
fn whole_power(ratio: f64) -> Option<i64> {
    let power = (1.0..=FINEST).contains(&ratio) && ratio.to_bits().trailing_zeros() >= 52;
    power.then(|| hwmodel::cast::toward_zero(ratio))
}

/// `x` with its scales multiplied by the positive numbers `factors` of `shape`, or divided by them; the integers stay. `None`
/// if the product would need more scales than one for each index of an axis, or a scale would be rounded.
pub(super) fn rescale(
    x: &Scaled,
    factors: &[f64],
    shape: &[usize],
    divide: bool,
) -> Option<Scaled> {
    let lead = x.shape.len().checked_sub(shape.len())?;
    let mut axes = (0..shape.len()).filter(|&axis| shape[axis] != 1);
    let axis = axes.next().map(|axis| axis + lead);
    let fits = axis.is_none_or(|axis| x.shape[axis] == factors.len());
    if axes.next().is_some() || !fits || factors.is_empty() {
        return None;
    }
    let common = match (x.scale.axis, axis) {
        (Some(own), Some(other)) if own != other => return None,
        (own, other) => own.or(other),
    };
    let channels = common.map_or(1, |axis| x.shape[axis]);
    let at = |count: usize, channel: usize| if count == 1 { 0 } else { channel };
    let mut scale = Scale { axis: common, scales: Vec::new(), zero_points: Vec::new() };
    for channel in 0..channels {
        let own = at(x.scale.scales.len(), channel);
        let (old, factor) = (*x.scale.scales.get(own)?, factors[at(factors.len(), channel)]);
        let new = if divide { old / factor } else { old * factor };
        let error = if divide { new.mul_add(factor, -old) } else { old.mul_add(factor, -new) };
        if !(new.is_finite() && new > 0.0 && error == 0.0) {
            return None;
        }
        scale.scales.push(new);
        scale.zero_points.push(x.scale.zero_points[own]);
    }
    Some(Scaled { scale, ..x.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scaled(shape: &[usize], integers: &[i64], scale: Scale) -> Scaled {
        let integers = Arc::new(integers.to_vec());
        Scaled { shape: shape.to_vec(), integers, range: (-8, 7), scale }
    }

    #[test]
    fn scales_that_differ_by_a_power_of_two_are_shifted() {
        let a = scaled(&[2], &[1, 2], Scale::per_tensor(0.5, 0));
        let b = scaled(&[2], &[3, -4], Scale::per_tensor(0.25, 1));
        let grid = Grid::of(&[&a, &b]).unwrap().unwrap();
        assert_eq!(grid.terms, [vec![2, 4], vec![2, -5]]);
        assert_eq!(grid.ranges, [(-16, 14), (-9, 6)]);
        assert_eq!(grid.scale, Scale::per_tensor(0.25, 0));
        let c = scaled(&[2], &[1, 2], Scale::per_tensor(0.3, 0));
        assert!(Grid::of(&[&a, &c]).unwrap().is_none());
    }

    #[test]
    fn channels_keep_their_scales() {
        let per =
            |axis| Scale { axis: Some(axis), scales: vec![0.5, 3.0], zero_points: vec![0, 1] };
        let sums = scaled(&[1, 2, 2], &[1, 2, 3, 4], per(1));
        let bias = scaled(&[2, 1], &[5, 6], per(0));
        let grid = Grid::of(&[&sums, &bias]).unwrap().unwrap();
        assert_eq!(grid.terms, [vec![1, 2, 2, 3], vec![5, 5, 5, 5]]);
        assert_eq!(grid.scale.axis, Some(1));
        let rows = scaled(&[1, 2, 2], &[1, 2, 3, 4], per(2));
        assert!(Grid::of(&[&sums, &rows]).unwrap().is_none());
    }

    #[test]
    fn constant_factors_change_scales_only() {
        let x = scaled(&[1, 2, 2], &[1, 2, 3, 4], Scale::per_tensor(0.5, 1));
        let y = rescale(&x, &[2.0, 4.0], &[2, 1], false).unwrap();
        assert_eq!(y.wide(), [0.0, 1.0, 4.0, 6.0]);
        assert_eq!(rescale(&x, &[4.0], &[], true).unwrap().scale.scales, [0.125]);
        assert!(rescale(&x, &[-1.0], &[1], false).is_none());
        assert!(rescale(&x, &[3.0], &[1], true).is_none(), "1/6 is not exact");
        assert!(rescale(&x, &[1.0; 4], &[2, 2], false).is_none());
        assert!(rescale(&x, &[1.0, 1.0], &[2, 1, 1, 1], false).is_none());
    }
}
