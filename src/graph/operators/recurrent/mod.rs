//! LSTM, GRU and RNN on the float unit, and DynamicQuantizeLSTM with its products on the array.

mod cells;
mod weights;

use crate::graph::operator::wide_of;
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};
use cells::{Cell, Functions, functions};
use weights::{Real, Weights};

/// A layer of one or two directions.
struct Recurrent {
    cell: Cell,
    /// Whether each direction starts at the end of the sequence.
    reversed: Vec<bool>,
    hidden: Option<usize>,
    functions: Vec<Functions>,
    clip: Option<f64>,
    batch_first: bool,
    /// The products of each direction in integers (DynamicQuantizeLSTM).
    quantised: Option<weights::Quantised>,
}

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["GRU", "LSTM", "RNN"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let (cell, most) = match definition.node.operator.as_str() {
        "LSTM" => (Cell::Lstm { coupled: definition.flag("input_forget")? }, 8),
        "DynamicQuantizeLSTM" => (Cell::Lstm { coupled: definition.flag("input_forget")? }, 12),
        "GRU" => (Cell::Gru { linear_first: definition.flag("linear_before_reset")? }, 6),
        "RNN" => (Cell::Plain, 6),
        _ => return Err(Problem::NoOperator),
    };
    definition.expect_inputs(3, most)?;
    let directions: [(&str, &[bool]); 3] =
        [("forward", &[false]), ("reverse", &[true]), ("bidirectional", &[false, true])];
    let allowed = "forward, reverse or bidirectional";
    let reversed = definition.choice("direction", &directions, allowed)?.to_vec();
    let hidden = definition.integer("hidden_size", 0)?;
    let clip = definition.real("clip", 0.0)?;
    if clip < 0.0 || clip.is_nan() {
        let (value, allowed) = (clip.to_string(), "a bound above 0 is needed");
        return Err(Problem::Attribute { name: "clip", value, allowed });
    }
    let quantised = match most {
        12 => Some(weights::Quantised::new(definition)?),
        _ => None,
    };
    Ok(Box::new(Recurrent {
        cell,
        functions: functions(definition, cell, reversed.len())?,
        reversed,
        hidden: usize::try_from(hidden).ok().filter(|&hidden| hidden > 0),
        clip: (clip > 0.0).then(|| clip.into()),
        batch_first: definition.flag("layout")?,
        quantised,
    }))
}

/// Sizes of a run.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    steps: usize,
    batch: usize,
    inputs: usize,
    hidden: usize,
    directions: usize,
}

fn wrong(what: &str, shape: &[usize], needed: &[usize]) -> Problem {
    Problem::Shape(format!("its {what} has shape {shape:?}: {needed:?} is needed"))
}

/// The numbers of an optional input of this shape.
fn optional(
    call: &Call<'_>,
    index: usize,
    what: &'static str,
    shape: &[usize],
) -> Result<Option<Vec<f64>>, Problem> {
    match call.optional(index) {
        None => Ok(None),
        Some(value) if value.shape() == shape => Ok(Some(wide_of(what, value)?.into_owned())),
        Some(value) => Err(wrong(what, value.shape(), shape)),
    }
}

/// `values` of shape `[a, b, rest]` as `[b, a, rest]`.
fn swapped(values: &[f64], a: usize, b: usize) -> Vec<f64> {
    let rest = values.len() / (a * b).max(1);
    let mut result = Vec::with_capacity(values.len());
    for inner in 0..b {
        for outer in 0..a {
            let start = (outer * b + inner) * rest;
            result.extend_from_slice(&values[start..start + rest]);
        }
    }
    result
}

impl Recurrent {
    fn sizes(&self, call: &Call<'_>) -> Result<Sizes, Problem> {
        let x = call.input(0)?.shape();
        let &[first, second, inputs] = x else {
            return Err(Problem::Shape(format!(
                "its input has shape {x:?}: three axes are needed"
            )));
        };
        let (steps, batch) = if self.batch_first { (second, first) } else { (first, second) };
        let (w, r) = (call.input(1)?.shape(), call.input(2)?.shape());
        let &[directions, rows, columns] = r else {
            return Err(Problem::Shape(format!("its recurrence has shape {r:?}")));
        };
        let gates = self.cell.gates();
        // The quantised form has its matrices transposed.
        let transposed = self.quantised.is_some();
        let (hidden, outputs) = if transposed { (rows, columns) } else { (columns, rows) };
        let sizes = Sizes { steps, batch, inputs, hidden, directions };
        let matrix = |inner: usize| match transposed {
            true => [directions, inner, gates * hidden],
            false => [directions, gates * hidden, inner],
        };
        let fits = directions == self.reversed.len() && hidden.checked_mul(gates) == Some(outputs);
        if !fits || self.hidden.is_some_and(|stated| stated != hidden) {
            let needed = self.hidden.unwrap_or(hidden);
            let why = format!(
                "its recurrence has shape {r:?}, with {} directions, {gates} gates and a hidden size of {needed}",
                self.reversed.len()
            );
            return Err(Problem::Shape(why));
        }
        match w == matrix(inputs) {
            true => Ok(sizes),
            false => Err(wrong("weights", w, &matrix(inputs))),
        }
    }

    /// One direction: writes its outputs and returns the last states.
    fn run_direction(
        &self,
        direction: usize,
        sizes: Sizes,
        weights: &mut dyn Weights,
        parts: &Parts,
        output: &mut [f64],
    ) -> Result<(Vec<f64>, Vec<f64>), Problem> {
        let Sizes { steps, batch, hidden, directions, .. } = sizes;
        let width = self.cell.gates() * hidden;
        let own = |values: &Option<Vec<f64>>, count: usize| match values {
            Some(values) => values[direction * count..(direction + 1) * count].to_vec(),
            None => vec![0.0; count],
        };
        let mut h = own(&parts.hidden, batch * hidden);
        let mut c = own(&parts.state, batch * hidden);
        let bias = own(&parts.bias, 2 * width);
        let peepholes = own(&parts.peepholes, 3 * hidden);
        let (input_bias, recurrent_bias) = bias.split_at(width);
        // For each step and sequence the sums of all gates.
        let ahead = weights.input(&parts.x, steps * batch)?;
        for step in 0..steps {
            let recurrent = weights.recurrent(&h, batch)?;
            let before = h.clone();
            for row in 0..batch {
                let length = parts.lengths[row];
                if step >= length {
                    continue;
                }
                let time = if self.reversed[direction] { length - 1 - step } else { step };
                let at = (time * batch + row) * width;
                let state = row * hidden..(row + 1) * hidden;
                let mut gates = cells::Gates {
                    input: &ahead[at..at + width],
                    recurrent: &recurrent[row * width..(row + 1) * width],
                    input_bias,
                    recurrent_bias,
                    peepholes: &peepholes,
                    before: &before[state.clone()],
                    h: &mut h[state.clone()],
                    c: &mut c[state.clone()],
                    functions: &self.functions[direction],
                    clip: self.clip,
                };
                self.cell.step(&mut gates, weights)?;
                let to = ((time * directions + direction) * batch + row) * hidden;
                output[to..to + hidden].copy_from_slice(&h[state]);
            }
        }
        Ok((h, c))
    }
}

/// The inputs of a run besides the matrices.
struct Parts {
    /// `[steps, batch, inputs]`
    x: Vec<f64>,
    bias: Option<Vec<f64>>,
    lengths: Vec<usize>,
    hidden: Option<Vec<f64>>,
    state: Option<Vec<f64>>,
    peepholes: Option<Vec<f64>>,
}

impl Recurrent {
    fn parts(&self, call: &Call<'_>, sizes: Sizes) -> Result<Parts, Problem> {
        let Sizes { steps, batch, hidden, directions, .. } = sizes;
        let width = self.cell.gates() * hidden;
        let lengths = match call.list(4, "sequence lengths")? {
            None => vec![steps; batch],
            Some(lengths) => {
                let fit = lengths.iter().map(|&length| usize::try_from(length).ok());
                let fit = fit.map(|length| length.filter(|&length| length <= steps));
                let fit: Option<Vec<usize>> = fit.collect();
                fit.filter(|fit| fit.len() == batch).ok_or_else(|| {
                    let why = format!(
                        "sequence lengths {lengths:?} for {batch} sequences of {steps} steps"
                    );
                    Problem::Shape(why)
                })?
            }
        };
        let state = |index, what| {
            let shape = match self.batch_first {
                true => [batch, directions, hidden],
                false => [directions, batch, hidden],
            };
            let values = optional(call, index, what, &shape)?;
            Ok::<_, Problem>(values.map(|values| match self.batch_first {
                true => swapped(&values, batch, directions),
                false => values,
            }))
        };
        let x = wide_of("input", call.input(0)?)?.into_owned();
        let is_lstm = matches!(self.cell, Cell::Lstm { .. });
        Ok(Parts {
            x: if self.batch_first { swapped(&x, batch, steps) } else { x },
            bias: optional(call, 3, "bias", &[directions, 2 * width])?,
            lengths,
            hidden: state(5, "first output")?,
            state: if is_lstm { state(6, "first state")? } else { None },
            peepholes: match is_lstm {
                true => optional(call, 7, "peepholes", &[directions, 3 * hidden])?,
                false => None,
            },
        })
    }
}

impl Operator for Recurrent {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let sizes = self.sizes(call)?;
        let Sizes { steps, batch, hidden, directions, .. } = sizes;
        let all = crate::graph::axes::elements(&[steps, directions, batch, hidden])?;
        crate::graph::axes::elements(&[steps, batch, self.cell.gates() * hidden])?;
        let parts = self.parts(call, sizes)?;
        let mut output = vec![0.0; all];
        let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
        for direction in 0..directions {
            let (h, c) = match &self.quantised {
                Some(quantised) => {
                    let mut weights = quantised.direction(call, direction)?;
                    self.run_direction(direction, sizes, &mut weights, &parts, &mut output)?
                }
                None => {
                    let (w, r) = (call.input(1)?, call.input(2)?);
                    let w = wide_of("weights", w)?;
                    let r = wide_of("recurrence", r)?;
                    let (in_w, in_r) = (w.len() / directions, r.len() / directions);
                    let mut weights = Real {
                        w: &w[direction * in_w..(direction + 1) * in_w],
                        r: &r[direction * in_r..(direction + 1) * in_r],
                        inputs: sizes.inputs,
                        hidden,
                    };
                    self.run_direction(direction, sizes, &mut weights, &parts, &mut output)?
                }
            };
            last_h.extend(h);
            last_c.extend(c);
        }
        let mut shape = vec![steps, directions, batch, hidden];
        let mut state = vec![directions, batch, hidden];
        if self.batch_first {
            // [steps, directions, batch] to [batch, steps, directions].
            output = swapped(&output, steps * directions, batch);
            shape = vec![batch, steps, directions, hidden];
            state = vec![batch, directions, hidden];
            last_h = swapped(&last_h, directions, batch);
            last_c = swapped(&last_c, directions, batch);
        }
        let mut outputs = vec![call.reals(0, shape, output)?];
        outputs.push(call.reals(0, state.clone(), last_h)?);
        if matches!(self.cell, Cell::Lstm { .. }) {
            outputs.push(call.reals(0, state, last_c)?);
        }
        Ok(outputs)
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;
    use crate::graph::{Place, Value};
    use crate::onnx::model::{Attribute, ElementType};

    fn near(a: &Value, b: &[f64]) {
        let a = a.wide();
        let equal = a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-6);
        assert!(equal, "{a:?} is not {b:?}");
    }

    /// One input, one output, two steps of one sequence.
    fn plain() -> Case {
        let relu = Attribute::Texts(vec!["relu".to_owned()]);
        let case = Case::new("RNN").int("hidden_size", 1).outputs(2).with("activations", relu);
        case.reals(&[2, 1, 1], &[1.0, 2.0]).reals(&[1, 1, 1], &[3.0]).reals(&[1, 1, 1], &[10.0])
    }

    #[test]
    fn plain_cells_in_both_orders() {
        let y = plain().reals(&[1, 2], &[0.25, 0.25]).run().unwrap();
        near(&y[0], &[3.5, 41.5]);
        near(&y[1], &[41.5]);
        let y = plain().text("direction", "reverse").run().unwrap();
        near(&y[0], &[63.0, 6.0]);
        near(&y[1], &[63.0]);
        let y = plain().skip().integers(&[1], ElementType::Int32, &[1]).run().unwrap();
        near(&y[0], &[3.0, 0.0]);
        near(&y[1], &[3.0]);
        let y = plain().float("clip", 5.0).run().unwrap();
        near(&y[0], &[3.0, 5.0]);
        assert!(plain().int("layout", 1).run().unwrap()[0].shape() == [2, 1, 1, 1]);
        assert!(plain().reals(&[1, 3], &[0.0; 3]).run().is_err());
        assert!(plain().skip().list(&[3]).run().is_err());
        assert!(plain().text("direction", "sideways").run().is_err());
    }

    #[test]
    fn gates_of_lstm_and_gru() {
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let x = |operator: &str, gates: usize| {
            let weights: Vec<f64> = (1..=gates).map(|gate| gate as f64 / 10.0).collect();
            let case = Case::new(operator).outputs(3).reals(&[1, 1, 1], &[1.0]);
            case.reals(&[1, gates, 1], &weights).reals(&[1, gates, 1], &vec![1.0; gates])
        };
        let y = x("LSTM", 4).skip().skip().reals(&[1, 1, 1], &[0.5]).reals(&[1, 1, 1], &[2.0]);
        let y = y.run().unwrap();
        let c = sigmoid(0.8) * 2.0 + sigmoid(0.6) * 0.9f64.tanh();
        near(&y[1], &[sigmoid(0.7) * c.tanh()]);
        near(&y[2], &[c]);
        let gru = |linear: i64| {
            let case = x("GRU", 3).outputs(2).int("linear_before_reset", linear);
            let bias = [0.0, 0.0, 0.0, 0.0, 0.0, 0.25];
            case.reals(&[1, 6], &bias).skip().reals(&[1, 1, 1], &[0.5]).run().unwrap()
        };
        let (z, r) = (sigmoid(0.6), sigmoid(0.7));
        near(&gru(0)[1], &[(1.0 - z) * (0.3 + r * 0.5 + 0.25).tanh() + z * 0.5]);
        near(&gru(1)[1], &[(1.0 - z) * (0.3 + r * 0.75).tanh() + z * 0.5]);
    }

    #[test]
    fn quantised_products_run_on_the_array() {
        let scale = 1.0 / 255.0;
        let case = Case::new("DynamicQuantizeLSTM").domain("com.microsoft", 1).outputs(3);
        let case = case.reals(&[1, 1, 1], &[1.0]);
        let case = case.integers(&[1, 1, 4], ElementType::Int8, &[10, 20, 30, 40]);
        let case = case.integers(&[1, 1, 4], ElementType::Int8, &[0; 4]);
        let case = case.skip().skip().skip().skip().skip().reals(&[1], &[0.01]);
        let case = case.integers(&[1], ElementType::Int8, &[0]).reals(&[1], &[scale]);
        let case = case.integers(&[1], ElementType::Int8, &[0]);
        let y = case.run().unwrap();
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        let c = sigmoid(0.1) * 0.4f64.tanh();
        near(&y[2], &[c]);
        near(&y[0], &[sigmoid(0.2) * c.tanh()]);
        assert_eq!(case.place().unwrap(), Place::Float);
    }
}
