//! Running a program: integers in, integers out.

use super::error::RunError;
use super::program::{Convolution, Finish, IntegerOperation, Program, Step};
use hwmodel::elementwise::{
    AddSettings, PoolShape, average_pool, concatenate_raw, largest_raw_at_most, max_pool_raw,
    rectify_raw, residual_add,
};
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{FixedTensor, Format, RawData};
use std::ops::AddAssign;
use std::sync::Arc;

/// What a step did, counted over all images.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StepCounts {
    /// Words brought from the producer's format to this step's.
    pub input: QuantiseCounts,
    /// Accumulators outside the product's own format, before a folded batch norm.
    pub products_outside: u64,
    /// Results fitted into their words, before ReLU.
    pub output: QuantiseCounts,
    /// Additions that left the accumulator's range.
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
        let simd = self.array.simd;
        let x = inputs.swap_remove(0);
        let shape: [usize; 4] = x.shape().try_into().expect("values have four axes");
        let y = match &step.operation {
            IntegerOperation::Convolution(convolution) => {
                self.convolution(convolution, step.format, x, counts)?
            }
            IntegerOperation::Scale(scale) => {
                let (data, report) = scale.words(simd, &x)?;
                counts.output = report.counts;
                FixedTensor::new(&shape, step.format, data)?
            }
            IntegerOperation::Relu => rectified(self, owned(x), None)?,
            IntegerOperation::Relu6 => {
                rectified(self, owned(x), largest_raw_at_most(6, step.format))?
            }
            IntegerOperation::MaxPool(window) => {
                let pool = PoolShape::new(shape, *window)?;
                let (data, _) = max_pool_raw(&pool, x.data())?;
                FixedTensor::new(&pool.output_shape(), step.format, data)?
            }
            IntegerOperation::AveragePool(window, division) => {
                let pool = match window {
                    Some(window) => PoolShape::new(shape, *window)?,
                    None => PoolShape::global(shape)?,
                };
                average_pool(&pool, *division, self.rounding, &x)?
            }
            IntegerOperation::Add => {
                let settings = AddSettings {
                    simd,
                    format: step.format,
                    rounding: self.rounding,
                    overflow: self.overflow,
                    address: NO_RANDOM_WORDS,
                };
                let (sum, output) = residual_add(&x, &inputs[0], &settings)?;
                counts.output = output;
                sum
            }
            IntegerOperation::Concatenate => {
                // The first branch was taken out, and the last put in its place.
                let first = inputs.len();
                inputs.push(x);
                inputs.swap(0, first);
                self.concatenation(step.format, inputs, counts)?
            }
            IntegerOperation::Flatten => {
                let [n, h, w, c] = shape;
                owned(x).reshaped(&[n, 1, 1, h * w * c])?
            }
        };
        Ok(Arc::new(y))
    }

    /// The branches in `format`, channel by channel.
    fn concatenation(
        &self,
        format: Format,
        mut branches: Vec<Value>,
        counts: &mut StepCounts,
    ) -> Result<FixedTensor, RunError> {
        for branch in branches.iter_mut().filter(|branch| branch.format() != format) {
            let (words, output) = self.requantiser(format).tensor(branch);
            counts.output += output;
            *branch = Arc::new(words);
        }
        let channels: Vec<usize> = branches.iter().map(|branch| branch.shape()[3]).collect();
        let mut shape = branches[0].shape().to_vec();
        let pixels = shape[..3].iter().product();
        shape[3] = channels.iter().sum();
        let words: Vec<&RawData> = branches.iter().map(|branch| branch.data()).collect();
        Ok(FixedTensor::new(&shape, format, concatenate_raw(&words, &channels, pixels, format)?)?)
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
        let product = self.array.convolve(&x, &convolution.weight, convolution.geometry)?;
        counts.accumulator_events = product.report().accumulator_events;
        counts.stepped_outputs = product.report().stepped_outputs;
        let [n, h, w] = [x.shape()[0], x.shape()[1], x.shape()[2]];
        let size = convolution.geometry.output_size([h, w]);
        let [oh, ow] = size.expect("the product has this size");
        let shape = [n, oh, ow, product.columns()];
        match &convolution.finish {
            Finish::Shift { bias, rectifies } => {
                let (data, report) = self.requantiser(format).product(&product, bias.as_ref());
                counts.output = report.counts;
                counts.accumulator_events += report.accumulator_events;
                let y = FixedTensor::new(&shape, format, data)?;
                if *rectifies { rectified(self, y, None) } else { Ok(y) }
            }
            Finish::Scale(scale) => {
                let (data, report) = scale.sums(self.array.simd, product.sums())?;
                counts.output = report.counts;
                counts.products_outside = report.outside;
                Ok(FixedTensor::new(&shape, format, data)?)
            }
        }
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

/// The address that settings ask for; only stochastic rounding, which no program has, reads from it.
const NO_RANDOM_WORDS: RandomAddress = RandomAddress::new(0, 0, 0, Role::Output);

fn rectified(
    program: &Program,
    x: FixedTensor,
    bound: Option<i32>,
) -> Result<FixedTensor, RunError> {
    let (shape, format) = (x.shape().to_vec(), x.format());
    let mut data = x.into_data();
    rectify_raw(program.array.simd, &mut data, bound);
    Ok(FixedTensor::new(&shape, format, data)?)
}

/// The contents of `shared`, copied only if another step needs them too.
fn owned(shared: Value) -> FixedTensor {
    Arc::try_unwrap(shared).unwrap_or_else(|shared| (*shared).clone())
}
