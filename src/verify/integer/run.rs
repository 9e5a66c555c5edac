//! Running a program: integers in, integers out.

use super::error::RunError;
use super::program::{Convolution, Finish, IntegerOperation, Program, Step};
use crate::network::IntegerSettings;
use hwmodel::elementwise::rectify_raw;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format};
use std::ops::AddAssign;
use std::sync::Arc;

/// Counts of a step over all images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Words brought from the producer's format to this step's.
    pub input: QuantiseCounts,
    /// Accumulators outside the product's own format, before a folded batch norm.
    pub products_outside: u64,
    /// Results fitted into their words, before ReLU.
    pub output: QuantiseCounts,
    /// Additions that overflowed the accumulator.
    pub accumulator_events: u64,
    /// Outputs whose accumulator had to be stepped addition by addition.
    pub stepped_outputs: u64,
}

impl AddAssign for StepCounts {
    fn add_assign(&mut self, other: Self) {
        self.input += other.input;
        self.products_outside += other.products_outside;
        self.output += other.output;
        self.accumulator_events += other.accumulator_events;
        self.stepped_outputs += other.stepped_outputs;
    }
}

/// The result of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inference {
    /// Raw logits with their format; `[n, ...]`, one row an image.
    pub logits: FixedTensor,
    /// Counts, one entry a step.
    pub steps: Vec<StepCounts>,
}

/// A value between steps, shared where several steps read it.
type Value = Arc<FixedTensor>;

impl Program {
    /// Runs quantised images `[n, h, w, c]` through the program.
    ///
    /// # Errors
    /// If the images have another shape or format than the program takes.
    pub fn run(&self, images: FixedTensor) -> Result<Inference, RunError> {
        let given = images.shape().to_vec();
        if given.len() != 4 || given[1..] != self.input {
            return Err(RunError::Shape { expected: self.input, given });
        }
        if images.format() != self.input_format {
            let (expected, given) = (self.input_format, images.format());
            return Err(RunError::Format { expected, given });
        }
        let mut uses = vec![0usize; self.steps.len() + 1];
        for step in &self.steps {
            step.inputs.iter().for_each(|&input| uses[input] += 1);
        }
        let mut values: Vec<Option<Value>> = vec![None; self.steps.len() + 1];
        values[0] = Some(Arc::new(images));
        let mut steps = Vec::with_capacity(self.steps.len());
        for (index, step) in self.steps.iter().enumerate() {
            let inputs: Vec<Value> = step
                .inputs
                .iter()
                .map(|&input| {
                    uses[input] -= 1;
                    // The last reader gets the only copy and may change it in place.
                    let value =
                        if uses[input] == 0 { values[input].take() } else { values[input].clone() };
                    value.expect("inputs come before their readers")
                })
                .collect();
            let mut counts = StepCounts::default();
            values[index + 1] = Some(self.step(step, inputs, &mut counts)?);
            steps.push(counts);
        }
        let logits = values.pop().flatten().expect("the last step has a result");
        Ok(Inference { logits: owned(logits), steps })
    }

    fn step(
        &self,
        step: &Step,
        mut inputs: Vec<Value>,
        counts: &mut StepCounts,
    ) -> Result<Value, RunError> {
        let y = match &step.operation {
            IntegerOperation::Convolution(convolution) => {
                self.convolution(convolution, step.format, inputs.swap_remove(0), counts)?
            }
            IntegerOperation::Scale(scale) => {
                let x = inputs.swap_remove(0);
                let (data, report) = scale.words(self.array.simd, &x)?;
                counts.output = report.counts;
                FixedTensor::new(x.shape(), step.format, data)?
            }
            IntegerOperation::Step(arithmetic) => {
                let settings = IntegerSettings {
                    simd: self.array.simd,
                    rounding: self.rounding,
                    overflow: self.overflow,
                };
                let (y, output) = arithmetic.run(inputs, &settings)?;
                counts.output = output;
                y
            }
        };
        Ok(Arc::new(y))
    }

    fn convolution(
        &self,
        convolution: &Convolution,
        format: Format,
        x: Value,
        counts: &mut StepCounts,
    ) -> Result<FixedTensor, RunError> {
        let x = if x.format() == convolution.input {
            x
        } else {
            let (x, input) = self.requantiser(convolution.input).tensor(&x);
            counts.input = input;
            Arc::new(x)
        };
        let bias = match &convolution.finish {
            Finish::Shift { bias, .. } => bias.as_ref(),
            Finish::Scale(_) => None,
        };
        let (weight, geometry) = (&convolution.weight, convolution.geometry);
        let product = self.array.convolve_biased(&x, weight, geometry, bias)?;
        counts.accumulator_events = product.report().accumulator_events;
        counts.stepped_outputs = product.report().stepped_outputs;
        let [n, h, w] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let size = convolution.geometry.output_size([h, w]);
        let [oh, ow] = size.expect("the product has this size");
        let shape = [n, oh, ow, product.columns()];
        match &convolution.finish {
            Finish::Shift { rectifies, .. } => {
                let (data, report) = self.requantiser(format).product(&product, None)?;
                counts.output = report.counts;
                let y = FixedTensor::new(&shape, format, data)?;
                if *rectifies { self.rectified(y) } else { Ok(y) }
            }
            Finish::Scale(scale) => {
                let (data, report) = scale.sums(self.array.simd, product.sums())?;
                counts.output = report.counts;
                counts.products_outside = report.outside;
                Ok(FixedTensor::new(&shape, format, data)?)
            }
        }
    }

    fn rectified(&self, x: FixedTensor) -> Result<FixedTensor, RunError> {
        let (shape, format) = (x.shape().to_vec(), x.format());
        let mut data = x.into_data();
        rectify_raw(self.array.simd, &mut data, None);
        Ok(FixedTensor::new(&shape, format, data)?)
    }

    fn requantiser(&self, format: Format) -> Requantiser {
        Requantiser {
            simd: self.array.simd,
            format,
            rounding: self.rounding,
            overflow: self.overflow,
            address: NO_RANDOM_WORDS,
        }
    }
}

/// A placeholder address; only stochastic rounding reads it, and programs have none.
const NO_RANDOM_WORDS: RandomAddress = RandomAddress::new(0, 0, 0, Role::Output);

/// The contents of `shared`, copied only if another step needs them too.
fn owned(shared: Value) -> FixedTensor {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}
