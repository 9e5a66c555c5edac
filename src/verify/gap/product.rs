//! One product computed twice: in float32 as in an emulator, and in integers as in hardware.

use super::bits::AccumulatorBits;
use super::compare::{Difference, ratio};
use super::error::GapError;
use super::operands::{ADDRESS, FixedOperands, Operands};
use hwmodel::array::width;
use hwmodel::array::{Convolution2d, MacArray, Product};
use hwmodel::cast::toward_zero;
use hwmodel::float32::{self, Shapes, Values};
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::number::qpytorch::{Clamp, Draws, fixed_point_quantize};
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::number::requantise::Requantiser;
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, Rounding, SimdLevel};
use rayon::prelude::*;

/// Options of the comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct GapOptions {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// Formats of inputs, weights, biases and outputs.
    pub formats: Vec<Format>,
    /// Accumulators of the integers.
    pub accumulators: Vec<Accumulator>,
}

/// Elements with some property among all of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Elements with it.
    pub part: u64,
    /// All elements.
    pub whole: u64,
}

/// The gap of one product, for each format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductGap {
    /// Rows M: output pixels.
    pub m: u64,
    /// Columns N: output channels.
    pub n: u64,
    /// Terms K of a sum.
    pub k: u64,
    /// One entry a format, in the order of the options.
    pub formats: Vec<FormatGap>,
}

/// The gap in one format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatGap {
    /// Format of inputs, weights, biases and outputs.
    pub format: Format,
    /// Required accumulator width.
    pub bits: AccumulatorBits,
    /// Inputs that the format saturates.
    pub saturated_inputs: Share,
    /// Weights that the format saturates.
    pub saturated_weights: Share,
    /// Weights that are not zero and that the format flushes to zero.
    pub flushed_weights: Share,
    /// Outputs of exact sums that the format saturates.
    pub saturated_outputs: Share,
    /// One entry an accumulator, in the order of the options.
    pub accumulators: Vec<AccumulatorGap>,
}

/// The gap to one accumulator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccumulatorGap {
    /// The accumulator of the integers.
    pub accumulator: Accumulator,
    /// Emulated against accumulated outputs.
    pub difference: Difference,
    /// Additions that overflowed the accumulator, bias additions included.
    pub events: u64,
}

impl ProductGap {
    /// Computes `operands` in every format, emulated and with every accumulator.
    ///
    /// Inputs, weights and biases are quantised exactly (nearest even, saturated); both ways start from
    /// these integers. Emulated: their values in float32, [`float32::forward`], plus the bias in
    /// float32, then QPyTorch's nearest quantiser. Integers: [`MacArray::convolve`], plus the bias in the
    /// accumulator, requantised to nearest even and saturated.
    ///
    /// # Errors
    /// If shapes do not fit or an operand is NaN.
    pub fn measure(operands: &Operands<'_>, options: &GapOptions) -> Result<Self, GapError> {
        let Operands { input, weight_shape, geometry, .. } = *operands;
        let shapes = Shapes::new(&input, weight_shape, geometry)?;
        let formats = options.formats.iter().map(|&format| {
            let fixed = FixedOperands::quantise(operands, format, options.simd)?;
            fixed.measure(&shapes, geometry, options)
        });
        Ok(Self {
            m: shapes.pixels() as u64,
            n: shapes.output()[3] as u64,
            k: shapes.terms() as u64,
            formats: formats.collect::<Result<_, GapError>>()?,
        })
    }

    /// Outputs compared, M·N.
    pub fn outputs(&self) -> u64 {
        self.m * self.n
    }

    /// Adds what another batch of the same layer, measured with the same options, has shown.
    pub fn merge(&mut self, other: &Self) {
        self.m += other.m;
        for (format, other) in self.formats.iter_mut().zip(&other.formats) {
            format.bits.merge(other.bits);
            format.saturated_inputs.add(other.saturated_inputs);
            format.saturated_outputs.add(other.saturated_outputs);
            for (gap, other) in format.accumulators.iter_mut().zip(&other.accumulators) {
                gap.difference += other.difference;
                gap.events += other.events;
            }
        }
    }
}

impl Share {
    /// 0 to 1; 0 if there are no elements.
    pub fn value(self) -> f64 {
        ratio(self.part, self.whole)
    }

    fn add(&mut self, other: Self) {
        self.part += other.part;
        self.whole += other.whole;
    }
}

impl FixedOperands {
    fn measure(
        &self,
        shapes: &Shapes,
        geometry: Convolution2d,
        options: &GapOptions,
    ) -> Result<FormatGap, GapError> {
        let run = |accumulator| {
            let array = MacArray { simd: options.simd, accumulator };
            array.convolve_biased(&self.x, &self.weights, geometry, self.bias.as_ref())
        };
        let requantiser = Requantiser {
            simd: options.simd,
            format: self.format,
            rounding: Rounding::NearestEven,
            overflow: Overflow::Saturate,
            address: ADDRESS,
        };
        let outputs = |product: &Product| {
            let (data, report) = requantiser.product(product, None)?;
            Ok::<_, GapError>((data.to_i64(), report))
        };
        let emulated = self.emulate(shapes, options.simd)?;
        let product = run(Accumulator::default())?;
        let (exact, report) = outputs(&product)?;

        let any_input = width::any_input(self.format, &self.weights, self.bias.as_ref());
        let bias = self.bias.as_ref().map(FixedTensor::format);
        let terms = shapes.terms() as u64;
        let any_words = width::any_words(self.format, self.weights.format(), bias, terms);
        let data =
            width::on_data(options.simd, &self.x, &self.weights, self.bias.as_ref(), geometry)?;

        let gaps = options.accumulators.iter().map(|&accumulator| {
            let suffices = match accumulator.width {
                AccumulatorWidth::Exact => true,
                AccumulatorWidth::Bits(bits) => data.is_some_and(|data| u32::from(bits) >= data),
            };
            if suffices && accumulator.is_one_level() {
                let difference = Difference::of(&emulated, &exact, &exact);
                return Ok(AccumulatorGap { accumulator, difference, events: 0 });
            }
            let product = run(accumulator)?;
            let (held, _) = outputs(&product)?;
            let difference = Difference::of(&emulated, &exact, &held);
            let events = product.report().accumulator_events;
            Ok(AccumulatorGap { accumulator, difference, events })
        });
        Ok(FormatGap {
            format: self.format,
            bits: AccumulatorBits { data, any_input, any_words },
            saturated_inputs: share(self.inputs.saturated(), self.inputs),
            saturated_weights: share(self.weight_counts.saturated(), self.weight_counts),
            flushed_weights: share(self.weight_counts.flushed_to_zero, self.weight_counts),
            saturated_outputs: share(report.counts.saturated(), report.counts),
            accumulators: gaps.collect::<Result<_, GapError>>()?,
        })
    }

    /// Outputs in float32, as integers in units of the format's step.
    fn emulate(&self, shapes: &Shapes, simd: SimdLevel) -> Result<Vec<Option<i64>>, GapError> {
        let (x, weights) = (Values::Fixed(&self.x), Values::Fixed(&self.weights));
        let mut y = float32::forward(simd, shapes, x, weights)?;
        if let Some(bias) = &self.bias {
            let bias = bias.to_f32(simd);
            y.par_chunks_mut(bias.len().max(1)).with_min_len(1024).for_each(|row| {
                row.iter_mut().zip(&bias).for_each(|(y, bias)| *y += bias);
            });
        }
        let scale = self.format.scale();
        Ok(y.par_chunks_mut(1 << 14)
            .flat_map_iter(|y| {
                let quantised =
                    fixed_point_quantize(y, self.format, Clamp::Asymmetric, Draws::Nearest)
                        .expect("rounding to nearest takes no random integers");
                let integer =
                    |y: f32| (!y.is_nan()).then(|| toward_zero::<i64>(f64::from(y) * scale));
                quantised.into_iter().map(integer)
            })
            .collect())
    }
}

fn share(part: u64, counts: QuantiseCounts) -> Share {
    Share { part, whole: counts.elements }
}

#[cfg(test)]
mod tests;
