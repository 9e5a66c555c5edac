//! MaxPool, AveragePool, LpPool, and the global pools.

use super::products::patches::Sources;
use crate::graph::operator::type_of;
use crate::graph::operators::Problem;
use crate::graph::window::{AxisWindows, WindowRule, sizes};
use crate::graph::{
    Call, Definition, Form, Integers, Operator, Place, Placed, Scale, Scaled, Value, axes,
};
use crate::onnx::model::ElementType;
use std::sync::Arc;

/// The operators of this file.
pub(super) const NAMES: &[&str] =
    &["MaxPool", "AveragePool", "LpPool", "GlobalMaxPool", "GlobalAveragePool", "GlobalLpPool"];

/// What becomes of the elements under a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Maximum,
    /// Whether padding counts.
    Mean(bool),
    /// (Σ|x|^p)^(1/p).
    Norm(i64),
}

struct Pool {
    function: Function,
    /// `None`: the whole plane.
    windows: Option<(WindowRule, Vec<usize>)>,
    /// Whether the second output counts places with the first spatial axis fastest.
    column_major: bool,
}

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    let name = definition.node.operator.as_str();
    let norm = || -> Result<Function, Problem> {
        match definition.integer("p", 2)? {
            p if p >= 1 => Ok(Function::Norm(p)),
            p => Err(Problem::Attribute {
                name: "p",
                value: p.to_string(),
                allowed: "a number of at least 1",
            }),
        }
    };
    let function = match name {
        "MaxPool" | "GlobalMaxPool" => Function::Maximum,
        "AveragePool" => Function::Mean(definition.flag("count_include_pad")?),
        "GlobalAveragePool" => Function::Mean(false),
        "LpPool" | "GlobalLpPool" => norm()?,
        _ => return Err(Problem::NoOperator),
    };
    let windows = if name.starts_with("Global") {
        None
    } else {
        let kernel = sizes(definition, "kernel_shape", 1)?.ok_or(Problem::Attribute {
            name: "kernel_shape",
            value: "missing".to_owned(),
            allowed: "the size of the window along each spatial axis is needed",
        })?;
        let rule = WindowRule::new(definition)?;
        // Attributes of the wrong length are found before any work.
        match rule.on(&vec![axes::MAX_ELEMENTS >> 8; kernel.len()], &kernel) {
            Ok(_) | Err(Problem::TooLarge(_)) => {}
            Err(problem) => return Err(problem),
        }
        Some((rule, kernel))
    };
    let column_major = definition.flag("storage_order")?;
    Ok(Box::new(Pool { function, windows, column_major }))
}

/// The windows of one run.
struct Windows {
    axes: Vec<AxisWindows>,
    /// Images times channels.
    planes: usize,
    plane: usize,
    pixels: usize,
    shape: Vec<usize>,
}

impl Pool {
    fn on(&self, shape: &[usize]) -> Result<Windows, Problem> {
        let (&[images, channels], spatial) = shape.split_first_chunk().ok_or_else(|| {
            Problem::Shape(format!("input of shape {shape:?}: at least two axes are needed"))
        })?;
        let placed = match &self.windows {
            Some((rule, kernel)) => rule.on(spatial, kernel)?,
            None => spatial
                .iter()
                .map(|&size| AxisWindows {
                    size,
                    kernel: size,
                    stride: 1,
                    dilation: 1,
                    before: 0,
                    after: 0,
                    output: 1,
                })
                .collect(),
        };
        let wide = placed.iter().find(|axis| {
            let reach = (axis.kernel.max(1) - 1).saturating_mul(axis.dilation) + 1;
            axis.before >= reach || axis.after >= reach
        });
        if let Some(axis) = wide {
            return Err(Problem::Shape(format!(
                "padding of {} and {} around a window of {}: windows would hold padding only",
                axis.before, axis.after, axis.kernel
            )));
        }
        let output: Vec<usize> =
            [images, channels].into_iter().chain(placed.iter().map(|axis| axis.output)).collect();
        axes::elements(&output)?;
        Ok(Windows {
            planes: images * channels,
            plane: spatial.iter().product(),
            pixels: placed.iter().map(|axis| axis.output).product(),
            axes: placed,
            shape: output,
        })
    }
}

impl Placed for Pool {
    fn place(&self, input: &[usize], _: &[usize]) -> Result<(Vec<AxisWindows>, usize), Problem> {
        Ok((self.on(input)?.axes, 1))
    }
}

impl Windows {
    fn taps(&self) -> usize {
        self.axes.iter().map(|axis| axis.kernel).product()
    }

    /// `start`, then `add` for every element under the window and its place in the plane, for every window of every plane.
    fn fold<T: Copy + Sync, S: Copy + Send>(
        &self,
        values: &[T],
        start: S,
        add: impl Fn(S, T, usize) -> S + Sync,
    ) -> Vec<S> {
        let (taps, pixels) = (self.taps(), self.pixels);
        let mut out = vec![start; self.planes * pixels];
        let at_once = Sources::windows_at_once(taps);
        for first in (0..pixels).step_by(at_once) {
            let count = at_once.min(pixels - first);
            let sources = Sources::new(&self.axes, first, count);
            let planes = out.chunks_exact_mut(pixels).zip(values.chunks_exact(self.plane.max(1)));
            for (out, values) in planes {
                let out = &mut out[first..first + count];
                for tap in 0..taps {
                    for (out, place) in out.iter_mut().zip(sources.of_tap(tap)) {
                        if let Some(place) = place {
                            *out = add(*out, values[place], place);
                        }
                    }
                }
            }
        }
        out
    }

    /// How many elements of each window count.
    fn counts(&self, with_padding: bool) -> Vec<usize> {
        if !with_padding {
            let plane = Windows { planes: 1, axes: self.axes.clone(), shape: vec![], ..*self };
            return plane.fold(&vec![(); self.plane], 0, |count, (), _| count + 1);
        }
        let mut counts = vec![1];
        for axis in &self.axes {
            let of_axis: Vec<usize> = (0..axis.output).map(|at| axis.padded_taps(at)).collect();
            counts = counts.iter().flat_map(|n| of_axis.iter().map(move |k| n * k)).collect();
        }
        counts
    }
}

impl Operator for Pool {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?.clone();
        let windows = self.on(x.shape())?;
        match self.function {
            Function::Maximum => self.maximum(call, &x, &windows),
            Function::Mean(with_padding) => mean(call, &x, &windows, with_padding),
            Function::Norm(p) => norm(call, &x, &windows, p),
        }
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        match self.function {
            Function::Maximum => Form::Maximum(self),
            Function::Mean(_) => Form::Mean(self),
            Function::Norm(_) => Form::Other,
        }
    }
}

impl Pool {
    fn maximum(
        &self,
        call: &mut Call<'_>,
        x: &Value,
        windows: &Windows,
    ) -> Result<Vec<Value>, Problem> {
        let shape = windows.shape.clone();
        let larger = |most: i64, value: i64, _| most.max(value);
        let output = match x {
            Value::Integer(x) => {
                let values = windows.fold(&x.values, x.range().0, larger);
                Value::Integer(Integers::new(shape, x.element, values))
            }
            Value::Scaled(x) if x.scale.axis.is_none_or(|axis| axis < 2) => {
                let integers = Arc::new(windows.fold(&x.integers, x.range.0, larger));
                Value::Scaled(Scaled { shape, integers, range: x.range, scale: x.scale.clone() })
            }
            other => {
                // NaN is larger than any number, as in NumPy.
                let larger = |most: f64, value: f64, _| {
                    if value > most || value.is_nan() { value } else { most }
                };
                let values = windows.fold(&other.wide(), f64::NEG_INFINITY, larger);
                call.reals(0, shape, values)?
            }
        };
        if !matches!(output, Value::Real(_)) {
            call.place = Place::Integers;
        }
        let mut outputs = vec![output];
        if call.outputs > 1 {
            outputs.push(self.places(x, windows));
        }
        Ok(outputs)
    }

    /// The place of the first largest element of each window in the tensor.
    fn places(&self, x: &Value, windows: &Windows) -> Value {
        let wide = x.wide();
        let first = |(most, at): (f64, Option<usize>), value: f64, place: usize| {
            if at.is_none() || value > most { (value, Some(place)) } else { (most, at) }
        };
        let found = windows.fold(&wide, (f64::NEG_INFINITY, None), first);
        let sizes: Vec<usize> = windows.axes.iter().map(|axis| axis.size).collect();
        let own = axes::strides(&sizes);
        let turned: Vec<usize> = sizes
            .iter()
            .scan(1, |step, &size| {
                let own = *step;
                *step *= size;
                Some(own)
            })
            .collect();
        let place = |(index, &(_, at)): (usize, &(f64, Option<usize>))| {
            let at = at.unwrap_or(0);
            let at = match self.column_major {
                false => at,
                true => {
                    let axes = own.iter().zip(&sizes).zip(&turned);
                    axes.map(|((own, size), turned)| at / own % size * turned).sum()
                }
            };
            (index / windows.pixels * windows.plane + at) as i64
        };
        let places = found.iter().enumerate().map(place).collect();
        Value::Integer(Integers::new(windows.shape.clone(), ElementType::Int64, places))
    }
}

/// The mean: of quantised tensors the sum of the integers with the scale divided by their number, if that is the same everywhere.
fn mean(
    call: &mut Call<'_>,
    x: &Value,
    windows: &Windows,
    with_padding: bool,
) -> Result<Vec<Value>, Problem> {
    if let Value::Integer(_) = x {
        return Err(type_of("input", x, "a float"));
    }
    let counts = windows.counts(with_padding);
    let shape = windows.shape.clone();
    let (least, most) =
        (counts.iter().min().copied().unwrap_or(1), counts.iter().max().copied().unwrap_or(1));
    let count = |index: usize| counts[index % counts.len().max(1)] as f64;
    if let Value::Scaled(x) = x
        && x.scale.axis.is_none_or(|axis| axis == 1)
    {
        let scale = &x.scale;
        let channels = x.shape[1].max(1);
        let zero = |index: usize| match scale.axis {
            None => scale.zero_points[0],
            Some(_) => scale.zero_points[index / windows.plane.max(1) % channels],
        };
        let integers: Vec<i64> = x
            .integers
            .iter()
            .enumerate()
            .map(|(index, &q)| q.saturating_sub(zero(index)))
            .collect();
        let sums = windows.fold(&integers, 0i64, |sum, value, _| sum.saturating_add(value));
        call.place = Place::Integers;
        let scale_of = |index: usize| match scale.axis {
            None => scale.scales[0],
            Some(_) => scale.scales[index / windows.pixels % channels],
        };
        if least == most && most > 0 {
            let taps = i64::try_from(most).unwrap_or(i64::MAX);
            let zeros = scale.zero_points.iter();
            let (lowest, highest) = (zeros.clone().min().copied(), zeros.max().copied());
            let low = x.range.0.saturating_sub(highest.unwrap_or(0)).min(0).saturating_mul(taps);
            let high = x.range.1.saturating_sub(lowest.unwrap_or(0)).max(0).saturating_mul(taps);
            let scales: Vec<f64> = scale.scales.iter().map(|scale| scale / most as f64).collect();
            let zero_points = vec![0; scales.len()];
            let scale = Scale { axis: scale.axis, scales, zero_points };
            let integers = Arc::new(sums);
            return Ok(vec![Value::Scaled(Scaled { shape, integers, range: (low, high), scale })]);
        }
        let value = |(index, &sum): (usize, &i64)| sum as f64 * scale_of(index) / count(index);
        let values = sums.iter().enumerate().map(value).collect();
        return Ok(vec![call.reals(0, shape, values)?]);
    }
    let sums = windows.fold(&x.wide(), 0.0, |sum, value, _| sum + value);
    let values = sums.iter().enumerate().map(|(index, sum)| sum / count(index)).collect();
    Ok(vec![call.reals(0, shape, values)?])
}

fn norm(call: &mut Call<'_>, x: &Value, windows: &Windows, p: i64) -> Result<Vec<Value>, Problem> {
    let power = p as f64;
    let add = |sum: f64, value: f64, _| match p {
        1 => sum + value.abs(),
        2 => sum + value * value,
        _ => sum + libm::pow(value.abs(), power),
    };
    let sums = windows.fold(&x.wide(), 0.0, add);
    let root = |&sum: &f64| match p {
        1 => sum,
        2 => sum.sqrt(),
        _ => libm::pow(sum, 1.0 / power),
    };
    let values = sums.iter().map(root).collect();
    Ok(vec![call.reals(0, windows.shape.clone(), values)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::testing::Case;

    fn axis(size: usize, kernel: usize, before: usize, after: usize) -> AxisWindows {
        let output = size + before + after - kernel + 1;
        AxisWindows { size, kernel, stride: 1, dilation: 1, before, after, output }
    }

    #[test]
    fn windows_count_elements_with_and_without_padding() {
        let axes = vec![axis(2, 2, 1, 0), axis(2, 2, 0, 1)];
        let (planes, plane, pixels) = (1, 4, 4);
        let windows = Windows { axes, planes, plane, pixels, shape: vec![1, 1, 2, 2] };
        assert_eq!(windows.counts(false), [2, 1, 4, 2]);
        assert_eq!(windows.counts(true), [4, 4, 4, 4]);
        let sums = windows.fold(&[1, 2, 3, 4], 0, |sum, value, _| sum + value);
        assert_eq!(sums, [3, 2, 10, 6]);
    }

    #[test]
    fn quantised_pools_stay_integers() {
        let pool = |name: &str| {
            let case = Case::new(name).ints("kernel_shape", &[2]).ints("strides", &[2]);
            case.scaled(&[1, 1, 4], &[7, 2, 3, 9], (0, 15), Scale::per_tensor(0.5, 2))
        };
        let Value::Scaled(most) = &pool("MaxPool").run().unwrap()[0] else { panic!("quantised") };
        assert_eq!((most.integers.to_vec(), most.range), (vec![7, 9], (0, 15)));
        let Value::Scaled(mean) = &pool("AveragePool").run().unwrap()[0] else {
            panic!("quantised")
        };
        assert_eq!((mean.integers.to_vec(), mean.range), (vec![5, 8], (-4, 26)));
        assert_eq!(mean.scale, Scale::per_tensor(0.25, 0));
        // Windows of different sizes have no common scale.
        let padded = pool("AveragePool").ints("pads", &[1, 1]);
        assert_eq!(padded.numbers(), [2.5, 0.25, 3.5]);
        let padded = pool("AveragePool").ints("pads", &[1, 1]).int("count_include_pad", 1);
        assert_eq!(padded.numbers(), [1.25, 0.25, 1.75]);
    }

    #[test]
    fn places_of_the_largest_elements() {
        let x = [1.0, 5.0, 2.0, 4.0, 3.0, 6.0];
        let pool = |order| {
            let case = Case::new("MaxPool").outputs(2).int("storage_order", order);
            case.ints("kernel_shape", &[2, 2]).reals(&[1, 1, 2, 3], &x).run().unwrap()
        };
        assert_eq!(pool(0)[0].wide()[..], [5.0, 6.0]);
        assert_eq!(pool(0)[1].wide()[..], [1.0, 5.0]);
        assert_eq!(pool(1)[1].wide()[..], [2.0, 5.0]);
        let norm = Case::new("GlobalLpPool").reals(&[1, 1, 2], &[3.0, -4.0]);
        assert_eq!(norm.numbers(), [5.0]);
        let wide = Case::new("MaxPool").ints("kernel_shape", &[2]).ints("pads", &[2, 0]);
        assert!(wide.reals(&[1, 1, 4], &[0.0; 4]).run().is_err());
    }
}
