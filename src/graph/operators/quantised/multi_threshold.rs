//! MultiThreshold of FINN.

use crate::graph::{Call, Definition, Form, Operator, Place, Problem, Scale, Scaled, Value};
use hwmodel::affine::qonnx::MultiThreshold as Rule;
use hwmodel::cast::toward_zero;
use std::sync::Arc;

/// The number of thresholds of the channel that are at most x, times a scale, plus a bias.
struct MultiThreshold {
    scale: f64,
    bias: f64,
    is_last: bool,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(2, 2)?;
    let layout = definition.text("data_layout", "")?;
    let is_last = match layout {
        "" | "NCHW" | "NC" | "NCW" => false,
        "NHWC" | "NWC" => true,
        other => {
            return Err(Problem::Attribute {
                name: "data_layout",
                value: other.to_owned(),
                allowed: "NCHW, NHWC or NC",
            });
        }
    };
    Ok(Box::new(MultiThreshold {
        scale: definition.real("out_scale", 1.0)?.into(),
        bias: definition.real("out_bias", 0.0)?.into(),
        is_last,
    }))
}

impl MultiThreshold {
    /// The integers (step, first) and the scale with which the result is (step · count + first) · scale.
    fn integers(&self) -> Option<(i64, i64, f64)> {
        let whole = |value: f64| {
            let is_whole = value.abs() < 2f64.powi(40) && (value - value.trunc()) == 0.0;
            is_whole.then(|| toward_zero::<i64>(value))
        };
        if let (Some(step), Some(first)) = (whole(self.scale), whole(self.bias))
            && step != 0
        {
            return Some((step, first, 1.0));
        }
        let step = self.scale.abs();
        let sign = if self.scale < 0.0 { -1 } else { 1 };
        let scaled = |scale: f64, step: i64| {
            whole(self.bias / scale).map(|first| (sign * step, first, scale))
        };
        (step > 0.0).then(|| scaled(step, 1).or_else(|| scaled(step / 2.0, 2))).flatten()
    }
}

impl Operator for MultiThreshold {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, thresholds) = (call.input(0)?, call.input(1)?);
        let shape = x.shape().to_vec();
        let (&[rows, steps], true) = (thresholds.shape(), shape.len() >= 2) else {
            return Err(Problem::Shape(format!(
                "thresholds of shape {:?} for a tensor of shape {shape:?}: a matrix and at least two axes are needed",
                thresholds.shape()
            )));
        };
        let axis = if self.is_last { shape.len() - 1 } else { 1 };
        let (channels, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        if rows != 1 && rows != channels {
            return Err(Problem::Shape(format!(
                "{rows} rows of thresholds for {channels} channels: 1, or one for each are needed"
            )));
        }
        let rule = Rule::new(thresholds.wide().into_owned(), rows, 1.0, 0.0)?;
        let channel = |index: usize| index / inner.max(1) % channels.max(1);
        let counts = x.wide();
        let counts = counts.iter().enumerate().map(|(index, &x)| rule.count(channel(index), x));
        let Some((step, first, scale)) = self.integers() else {
            let values = counts.map(|count| f64::from(count) * self.scale + self.bias).collect();
            return Ok(vec![call.reals(0, shape, values)?]);
        };
        let integers: Vec<i64> = counts.map(|count| step * i64::from(count) + first).collect();
        let last = step.saturating_mul(i64::try_from(steps).unwrap_or(i64::MAX));
        let last = last.saturating_add(first);
        let (range, scale) = ((first.min(last), first.max(last)), Scale::per_tensor(scale, 0));
        scale.check(&shape)?;
        call.place = Place::Integers;
        Ok(vec![Value::Scaled(Scaled { shape, integers: Arc::new(integers), range, scale })])
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        // With more axes the last is not the one that the elements of a channel have in common.
        if self.scale > 0.0 && !self.is_last { Form::Rising } else { Form::Other }
    }
}
