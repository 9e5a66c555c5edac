//! Real numbers that are integers times a scale.

use super::error::Problem;
use std::sync::Arc;

/// Scales and zero points: one for the tensor, or one for each index of an axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Scale {
    /// The axis whose indices have a scale each; `None` if there is one for the tensor.
    pub axis: Option<usize>,
    /// The scales; finite and above 0. Products of float32 scales are exact in float64.
    pub scales: Vec<f64>,
    /// As many zero points as scales.
    pub zero_points: Vec<i64>,
}

/// A quantised tensor: value = (integer - zero point) · scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaled {
    /// Its shape.
    pub shape: Vec<usize>,
    /// The integers, row-major, zero point included.
    pub integers: Arc<Vec<i64>>,
    /// No integer is below or above these, whatever the input of the network.
    pub range: (i64, i64),
    /// What the integers mean.
    pub scale: Scale,
}

impl Scale {
    /// One scale and zero point for a tensor.
    pub fn per_tensor(scale: f64, zero_point: i64) -> Self {
        Self { axis: None, scales: vec![scale], zero_points: vec![zero_point] }
    }

    /// Checks that scales are finite and above 0, and that there are as many as the shape needs.
    ///
    /// # Errors
    /// If not.
    pub fn check(&self, shape: &[usize]) -> Result<(), Problem> {
        if let Some(scale) = self.scales.iter().find(|scale| !(scale.is_finite() && **scale > 0.0))
        {
            return Err(Problem::Unsupported(format!(
                "a scale is {scale}: scales must be finite and above 0 (a mask of -inf that was quantised makes them infinite)"
            )));
        }
        let needed = self.axis.map_or(1, |axis| shape.get(axis).copied().unwrap_or(0));
        if self.scales.len() == needed && self.zero_points.len() == needed {
            return Ok(());
        }
        let (scales, zeros) = (self.scales.len(), self.zero_points.len());
        Err(Problem::Shape(format!(
            "{scales} scales and {zeros} zero points for a tensor of shape {shape:?} need {needed}"
        )))
    }

    /// The place of the scale of element `index` of a tensor of `shape`.
    pub fn place(&self, shape: &[usize], index: usize) -> usize {
        match self.axis {
            None => 0,
            Some(axis) => {
                let inner: usize = shape[axis + 1..].iter().product();
                index / inner.max(1) % shape[axis]
            }
        }
    }

    /// Whether every zero point is 0.
    pub fn is_symmetric(&self) -> bool {
        self.zero_points.iter().all(|&zero| zero == 0)
    }
}

impl Scaled {
    /// The values in float64: (integer - zero point) · scale.
    pub fn wide(&self) -> Vec<f64> {
        let Scale { axis, scales, zero_points } = &self.scale;
        let value = |integer: i64, at: usize| (integer - zero_points[at]) as f64 * scales[at];
        match axis {
            None => self.integers.iter().map(|&integer| value(integer, 0)).collect(),
            Some(axis) => {
                let inner: usize = self.shape[axis + 1..].iter().product();
                let channels = self.shape[*axis];
                let mut values = Vec::with_capacity(self.integers.len());
                for (row, integers) in self.integers.chunks(inner.max(1)).enumerate() {
                    let at = row % channels;
                    values.extend(integers.iter().map(|&integer| value(integer, at)));
                }
                values
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_channel_has_its_own_scale() {
        let scale = Scale { axis: Some(1), scales: vec![0.5, 2.0], zero_points: vec![0, 1] };
        let shape = vec![1, 2, 2];
        let scaled = Scaled { shape, integers: Arc::new(vec![1, 2, 3, 4]), range: (0, 7), scale };
        assert_eq!(scaled.wide(), [0.5, 1.0, 4.0, 6.0]);
        assert_eq!(scaled.scale.place(&scaled.shape, 3), 1);
        let wrong = Scale::per_tensor(f64::INFINITY, 0);
        assert!(wrong.check(&[2]).is_err());
        assert!(Scale::per_tensor(0.5, 0).check(&[2]).is_ok());
    }
}
