//! Parameters of QONNX's quantisers, which are broadcast to the tensor.

use crate::graph::{Problem, Scale, Value, axes};

/// Parameters broadcast to a tensor: runs of `inner` elements share them.
pub(super) struct Spread {
    /// Elements of a run.
    pub(super) inner: usize,
    /// Shape of the runs.
    lead: Vec<usize>,
    /// The only axis along which parameters differ; `None` if there is none or more.
    axis: Option<usize>,
    is_single: bool,
}

impl Spread {
    /// These parameters on a tensor of `shape`.
    ///
    /// # Errors
    /// If one cannot be broadcast to it.
    pub(super) fn new(shape: &[usize], parameters: &[&Value]) -> Result<Self, Problem> {
        let mut varies = vec![false; shape.len()];
        for parameter in parameters {
            let sizes = trimmed(parameter, shape.len());
            if axes::broadcast(&[shape, sizes])? != shape {
                return Err(Problem::Shape(format!(
                    "a scale, zero point or width of shape {:?} does not fit a tensor of shape {shape:?}",
                    parameter.shape()
                )));
            }
            let axes = shape.len() - sizes.len()..shape.len();
            axes.zip(sizes).for_each(|(axis, &size)| varies[axis] |= size != 1);
        }
        let count = varies.iter().rposition(|&varies| varies).map_or(0, |last| last + 1);
        let found = varies.iter().filter(|&&varies| varies).count();
        Ok(Self {
            inner: shape[count..].iter().product(),
            lead: shape[..count].to_vec(),
            axis: (found == 1).then(|| count - 1),
            is_single: found == 0,
        })
    }

    /// The value of a parameter for every run.
    pub(super) fn of(&self, parameter: &Value, rank: usize) -> Vec<f64> {
        let values = parameter.wide();
        let sizes = trimmed(parameter, rank);
        let keep = sizes.len().saturating_sub(rank - self.lead.len());
        let places = axes::broadcast_index(&sizes[..keep], &self.lead);
        places.iter().map(|&place| values[place]).collect()
    }

    /// Scales and zero points of every run as those of the tensor; `None` if they differ along several axes, or a zero point has a
    /// fraction.
    pub(super) fn scale(&self, scales: &[f64], zeros: &[f64]) -> Option<Scale> {
        let step = match (self.axis, self.is_single) {
            (_, true) => 1,
            (Some(axis), _) => self.lead[axis],
            (None, false) => return None,
        };
        let zero = |&zero: &f64| {
            let whole = zero.abs() < 2f64.powi(52) && (zero - zero.trunc()) == 0.0;
            whole.then(|| hwmodel::cast::toward_zero::<i64>(zero))
        };
        let zero_points = zeros.iter().take(step).map(zero).collect::<Option<Vec<i64>>>()?;
        let scales: Vec<f64> = scales.iter().copied().take(step).collect();
        Some(Scale { axis: self.axis.filter(|_| !self.is_single), scales, zero_points })
    }
}

/// The shape of a parameter without leading axes of size 1 beyond `rank`.
fn trimmed(parameter: &Value, rank: usize) -> &[usize] {
    let shape = parameter.shape();
    let extra = shape.len().saturating_sub(rank);
    match shape[..extra].iter().all(|&size| size == 1) {
        true => &shape[extra..],
        false => shape,
    }
}
