//! LSTM: the recurrent product and the gates; the input product is a separate layer.

use super::mac_layer;
use crate::network::layer::{Kind, ResultFormat};
use crate::network::parameter::{Initialiser, ParameterSpec};
use crate::network::tally::LayerTally;
use crate::network::vector::lstm::{GATES, OPERATIONS, StepTape, step, step_backward};
use crate::network::work::{VectorKind, Work};
use crate::network::{
    Activation, Backward, BackwardResult, Builder, Compute, Forward, Layer, NetworkError, NodeId,
};
use crate::precision::NumberFormat;
use hwmodel::array::Convolution2d;
use hwmodel::product::{MatrixProduct, RightOperand};
use hwmodel::{FixedTensor, Format, RawData};
use serde::{Deserialize, Serialize};

/// `[T, 1, 4·hidden]` input sums → `[T, 1, hidden]` outputs h, with the weight `[4·hidden, 1, 1, hidden]`.
///
/// The input product of all time steps is the layer before it, which also adds the bias. In each step this
/// layer's product W·h runs on the array (rows are the samples of the batch), its accumulators
/// are requantised to the layer's format, the vector unit computes gates and state in float32, and h is
/// quantised before it is output and enters the next product: to the layer's ⟨WL, FL⟩, or, where scales follow
/// the data, to ⟨WL, WL - 1⟩, since |h| ≤ 1 and the largest |h| is known only after the last step. h and c start
/// at 0 in every sequence.
#[derive(Serialize, Deserialize)]
struct Lstm;

/// Data of a time step saved for the backward pass.
struct TimeStep {
    /// h before the step, the input of its product.
    before: Activation,
    /// Gates and state.
    tape: StepTape,
}

/// The product of a time step is a linear layer's.
fn geometry() -> Convolution2d {
    Convolution2d::square(1, 1, 0)
}

/// The format of h; `None` for float32.
fn hidden_format(call: &Forward<'_, '_>) -> Result<Option<Format>, NetworkError> {
    if call.parameters[0].quantised.is_none() {
        return Ok(None);
    }
    match call.input_format() {
        NumberFormat::Float32 => Ok(None),
        NumberFormat::Fixed(format) => Ok(Some(format)),
        NumberFormat::DynamicFixed { wl } => Format::new(wl, wl as i32 - 1)
            .map(Some)
            .map_err(|error| call.no_scale("output", error.into())),
    }
}

/// Rows (sample, step) of `[n, steps, columns]` for one step, `[n, columns]`.
fn rows_of(values: &[f32], [steps, columns]: [usize; 2], step: usize) -> Vec<f32> {
    let samples = values.chunks_exact(steps * columns);
    samples.flat_map(|sample| &sample[step * columns..][..columns]).copied().collect()
}

/// The outputs of all steps, each `[n, 1, 1, hidden]`, as `[n, steps, 1, hidden]`.
fn joined(outputs: &[Activation], shape: [usize; 4]) -> Result<Activation, NetworkError> {
    fn interleave<T: Copy>(steps: &[&[T]], hidden: usize) -> Vec<T> {
        let samples = steps.first().map_or(0, |step| step.len() / hidden);
        let rows = (0..samples)
            .flat_map(|sample| steps.iter().map(move |step| &step[sample * hidden..][..hidden]));
        rows.flatten().copied().collect()
    }
    let hidden = shape[3];
    let fixed: Vec<&FixedTensor> = outputs
        .iter()
        .filter_map(|output| match output {
            Activation::Fixed(tensor) => Some(&**tensor),
            Activation::Float(..) => None,
        })
        .collect();
    macro_rules! collect {
        ($variant:ident) => {{
            let steps = fixed.iter().filter_map(|tensor| match tensor.data() {
                RawData::$variant(data) => Some(&data[..]),
                _ => None,
            });
            RawData::$variant(interleave(&steps.collect::<Vec<_>>(), hidden))
        }};
    }
    let Some(first) = fixed.first() else {
        let steps = outputs.iter().filter_map(|output| match output {
            Activation::Float(values, _) => Some(&values[..]),
            Activation::Fixed(_) => None,
        });
        let values = interleave(&steps.collect::<Vec<_>>(), hidden);
        return Ok(Activation::float(values, shape));
    };
    let data = match first.data() {
        RawData::I8(_) => collect!(I8),
        RawData::I16(_) => collect!(I16),
        RawData::I32(_) => collect!(I32),
        RawData::I64(_) => collect!(I64),
    };
    Ok(Activation::fixed(FixedTensor::new(&shape, first.format(), data)?))
}

impl VectorKind {
    /// Gates and state of an LSTM; its elements are the units of all time steps.
    pub const LSTM_GATES: Self = Self::of("lstm-gates", OPERATIONS);
}

/// This kind.
pub(super) const KIND: Kind = Kind::of::<Lstm>();

impl Layer for Lstm {
    fn kind(&self) -> &'static str {
        "lstm"
    }

    fn result_format(&self) -> ResultFormat {
        ResultFormat::Inner
    }

    fn output_shape(&self, inputs: &[[usize; 3]]) -> Result<[usize; 3], String> {
        match inputs[0] {
            [steps, 1, width] if width.is_multiple_of(GATES) && (1..=1 << 16).contains(&steps) => {
                Ok([steps, 1, width / GATES])
            }
            _ => Err("an LSTM takes the sums of four gates, [T, 1, 4·hidden]".to_owned()),
        }
    }

    fn work(&self, inputs: &[[usize; 3]], output: [usize; 3]) -> Vec<(&'static str, Work)> {
        let [steps, _, hidden] = output.map(|size| size as u64);
        // A product in every time step, all with the same weights.
        let product = MatrixProduct {
            m: 1,
            n: inputs[0][2] as u64,
            k: hidden,
            batch: steps,
            right: RightOperand::Weight,
            wide_result: false,
        };
        let gates = Work::vector(VectorKind::LSTM_GATES, output);
        vec![("", Work::MatrixProduct(product)), ("gates", gates)]
    }

    fn parameters(&self, inputs: &[[usize; 3]]) -> Vec<ParameterSpec> {
        let hidden = inputs[0][2] / GATES;
        vec![ParameterSpec {
            name: "weight",
            shape: vec![GATES * hidden, 1, 1, hidden],
            initialiser: Initialiser::VarianceScaling { fan_in: hidden },
        }]
    }

    fn on_array(&self) -> bool {
        true
    }
}

impl Compute for Lstm {
    const TAG: &str = "lstm";

    type Saved = Vec<TimeStep>;

    fn forward(
        &self,
        call: &mut Forward<'_, '_>,
    ) -> Result<(Activation, Self::Saved), NetworkError> {
        let input = call.take_only();
        let [n, steps, _, width] = input.shape();
        let hidden = width / GATES;
        let simd = call.context.array.simd;
        let x = input.to_f32(simd);
        let (part, format) = (call.part, hidden_format(call)?);
        let number = format.map_or(NumberFormat::Float32, NumberFormat::Fixed);
        let one_step = [n, 1, 1, hidden];
        let mut h = match format {
            None => Activation::float(vec![0.0; n * hidden], one_step),
            Some(format) => {
                let zeros = RawData::zeros(format, n * hidden);
                Activation::fixed(FixedTensor::new(&one_step, format, zeros)?)
            }
        };
        let mut c = vec![0.0; n * hidden];
        let (mut kept, mut outputs) = (Vec::new(), Vec::with_capacity(steps));
        for index in 0..steps {
            let mut tally = LayerTally::default();
            let (sums, _) = mac_layer::forward(
                geometry(),
                &mut Forward {
                    context: call.context,
                    node: call.node,
                    part: Some(index as u64),
                    name: call.name,
                    inputs: vec![h.clone()],
                    parameters: call.parameters,
                    owner: call.owner,
                    running: None,
                    tally: &mut tally,
                },
            )?;
            call.tally.add_step(tally);
            let mut z = rows_of(&x, [steps, width], index);
            z.iter_mut().zip(&*sums.to_f32(simd)).for_each(|(z, sum)| *z += sum);
            let (values, tape) = step(z, &mut c, hidden);
            call.part = Some(index as u64);
            let next = call.vector_result(values, one_step, number)?;
            if call.context.training {
                kept.push(TimeStep { before: h, tape });
            }
            outputs.push(next.clone());
            h = next;
        }
        call.part = part;
        call.tally.vector_operations += OPERATIONS.forward_on(n * steps * hidden);
        let output = joined(&outputs, [n, steps, 1, hidden])?;
        Ok((output, kept))
    }

    fn backward(
        &self,
        saved: Self::Saved,
        call: Backward<'_, '_>,
    ) -> Result<BackwardResult, NetworkError> {
        let [n, steps, _, width] = call.input_shape;
        let hidden = width / GATES;
        let mut dx = vec![0.0; n * steps * width];
        let mut dw = vec![0.0; call.parameters[0].master.len()];
        let (mut dh, mut dc) = (vec![0.0; n * hidden], vec![0.0; n * hidden]);
        if saved.len() != steps {
            return Err(NetworkError::NotTraining(call.name.to_owned()));
        }
        for (index, TimeStep { before, tape }) in saved.into_iter().enumerate().rev() {
            let own = rows_of(&call.gradient, [steps, hidden], index);
            dh.iter_mut().zip(own).for_each(|(dh, own)| *dh += own);
            let dz = step_backward(&tape, &dh, &mut dc, hidden);
            for (sample, row) in dz.chunks_exact(width).enumerate() {
                dx[(sample * steps + index) * width..][..width].copy_from_slice(row);
            }
            let mut tally = LayerTally::default();
            let result = mac_layer::backward(
                geometry(),
                before,
                Backward {
                    context: call.context,
                    node: call.node,
                    part: Some(index as u64),
                    name: call.name,
                    gradient: dz,
                    input_shape: [n, 1, 1, hidden],
                    parameters: call.parameters,
                    wants_input: true,
                    tally: &mut tally,
                },
            )?;
            call.tally.add_step(tally);
            let [Some(previous)] = &result.inputs[..] else {
                unreachable!("the gradient of the input was asked for")
            };
            dh.copy_from_slice(previous);
            dw.iter_mut().zip(&result.parameters[0]).for_each(|(sum, part)| *sum += part);
        }
        call.tally.vector_operations += OPERATIONS.backward_on(n * steps * hidden);
        Ok(BackwardResult { inputs: vec![Some(dx)], parameters: vec![dw] })
    }
}

impl Builder {
    /// An LSTM of `hidden` units: the product of its input, `NAME.input`, and its recurrent part,
    /// `NAME.recurrent`.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn lstm(
        &mut self,
        name: &str,
        input: NodeId,
        hidden: usize,
    ) -> Result<NodeId, NetworkError> {
        let sums = self.linear_each(&format!("{name}.input"), input, GATES * hidden)?;
        self.add(&format!("{name}.recurrent"), Lstm, &[sums])
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 1, 4], add: |net, x| net.lstm("layer", x, 5) };

#[cfg(test)]
mod tests;
