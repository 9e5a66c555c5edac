//! Expected results, by the scalar definitions and by the fast kernels.

use super::error::ExportError;
use super::operands::LayerOperands;
use hwmodel::array::MacArray;
use hwmodel::cast::exact;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::number::quantise::{Cast, Converted};
use hwmodel::number::requantise::{Requantiser, align};
use hwmodel::{FixedTensor, Rounding, SimdLevel};
use rayon::prelude::*;
use std::num::NonZeroUsize;

/// Accumulators and outputs of the first outputs of a layer, row-major `[n, oh, ow, o]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// K-tiles of each output.
    pub tiles: usize,
    /// Accumulator after each K-tile, `[output, tile]`.
    pub sums: Vec<i128>,
    /// Sum of each K-tile from zero, where an adder joins the tiles; else the last product of each.
    pub folds: Vec<i128>,
    /// Accumulator after the bias, a value an output.
    pub biased: Vec<i128>,
    /// Additions of an output that overflowed the accumulator, that of the bias included.
    pub events: Vec<u32>,
    /// Requantised outputs.
    pub outputs: Vec<i64>,
    /// Whether an output was outside its format after rounding.
    pub overflowed: Vec<bool>,
}

/// One output.
struct One {
    sums: Vec<i128>,
    folds: Vec<i128>,
    biased: i128,
    events: u64,
    output: i64,
    overflowed: bool,
}

impl Expected {
    /// The first `outputs` outputs of `operands` (all if there are fewer), addition by addition:
    /// [`MacArray::tile_output`], then the bias in the accumulator, then shift, rounding and overflow of
    /// the output.
    ///
    /// # Errors
    /// If shapes do not fit.
    pub fn scalar(
        operands: &LayerOperands,
        k_tile: NonZeroUsize,
        outputs: usize,
    ) -> Result<Self, ExportError> {
        let shapes = operands.shapes()?;
        let outputs = outputs.min(shapes.output().iter().product());
        let all: Vec<One> = (0..outputs)
            .into_par_iter()
            .map(|output| one(operands, k_tile, output, shapes.output()[3]))
            .collect::<Result<_, _>>()?;
        let mut expected = Self {
            tiles: shapes.terms().div_ceil(k_tile.get()),
            sums: Vec::new(),
            folds: Vec::new(),
            biased: Vec::new(),
            events: Vec::new(),
            outputs: Vec::new(),
            overflowed: Vec::new(),
        };
        for one in all {
            expected.sums.extend(one.sums);
            expected.folds.extend(one.folds);
            expected.biased.push(one.biased);
            expected.events.push(u32::try_from(one.events).unwrap_or(u32::MAX));
            expected.outputs.push(one.output);
            expected.overflowed.push(one.overflowed);
        }
        Ok(expected)
    }

    /// Accumulator of `output` after its last K-tile.
    pub fn last_sum(&self, output: usize) -> i128 {
        self.sums[(output + 1) * self.tiles - 1]
    }
}

fn one(
    operands: &LayerOperands,
    k_tile: NonZeroUsize,
    output: usize,
    filters: usize,
) -> Result<One, ExportError> {
    let (inputs, weights) = operands.terms_of(output)?;
    let k = inputs.len();
    let a = FixedTensor::from_raw(&[1, k], operands.input.format(), &inputs)?;
    let b = FixedTensor::from_raw(&[k, 1], operands.weights.format(), &weights)?;
    let accumulator = operands.accumulator;
    let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
    let tiles = array.tile_output(&a, &b, (0, 0), k_tile)?;
    let mut events: u64 = tiles.iter().map(|tile| tile.events).sum();
    let mut biased = tiles.last().map_or(0, |tile| tile.sum);
    if let Some(bias) = &operands.bias {
        let shift = operands.sum_fl() - bias.format().fl();
        biased += align(bias.data().get(output % filters).into(), shift);
        if let AccumulatorWidth::Bits(bits) = accumulator.width {
            let (held, outside) = accumulator.overflow.apply(biased, bits);
            biased = held;
            events += u64::from(outside);
        }
    }
    let format = operands.output;
    let shift = operands.sum_fl() - format.fl();
    let cast = Cast {
        fl: 0,
        word: format.word(),
        rounding: operands.rounding,
        overflow: operands.overflow,
    };
    let random = match (operands.rounding, u32::try_from(shift)) {
        (Rounding::Stochastic, Ok(shift)) => operands.address.numbers(output as u64, shift).next(),
        _ => 0,
    };
    let Converted { raw, outside: overflowed } = cast.of_raw(biased, shift, random);
    let sums = tiles.iter().map(|tile| tile.sum).collect();
    let folds = tiles.iter().map(|tile| tile.inner).collect();
    Ok(One { sums, folds, biased, events, output: exact::<i64>(raw), overflowed })
}

/// Results of the fast kernels for a whole layer.
pub(super) struct Fast {
    /// Accumulators before the bias.
    pub(super) sums: Vec<i128>,
    /// Requantised outputs.
    pub(super) outputs: Vec<i64>,
    /// Additions outside the accumulator's range, bias additions included.
    pub(super) events: u64,
    /// Outputs outside their format.
    pub(super) overflowed: u64,
}

impl Fast {
    pub(super) fn of(operands: &LayerOperands, simd: SimdLevel) -> Result<Self, ExportError> {
        let array = MacArray { simd, accumulator: operands.accumulator };
        let product = array.convolve(&operands.input, &operands.weights, operands.geometry)?;
        let requantiser = Requantiser {
            simd,
            format: operands.output,
            rounding: operands.rounding,
            overflow: operands.overflow,
            address: operands.address,
        };
        let (outputs, report) = requantiser.product(&product, operands.bias.as_ref())?;
        Ok(Self {
            sums: (0..product.sums().len()).map(|index| product.sums().get(index)).collect(),
            outputs: outputs.to_i64(),
            events: product.report().accumulator_events + report.accumulator_events,
            overflowed: report.counts.saturated(),
        })
    }

    /// The first difference from the scalar definition, in words.
    pub(super) fn differs(&self, expected: &Expected) -> Option<String> {
        for output in 0..expected.outputs.len() {
            let (scalar, fast) = (expected.last_sum(output), self.sums[output]);
            if scalar != fast {
                return Some(format!("accumulator of output {output}: {scalar} and {fast}"));
            }
            let (scalar, fast) = (expected.outputs[output], self.outputs[output]);
            if scalar != fast {
                return Some(format!("output {output}: {scalar} and {fast}"));
            }
        }
        if expected.outputs.len() < self.outputs.len() {
            return None;
        }
        let events: u64 = expected.events.iter().map(|&events| u64::from(events)).sum();
        let overflowed = expected.overflowed.iter().filter(|&&flag| flag).count() as u64;
        if events != self.events {
            return Some(format!("accumulator events: {events} and {}", self.events));
        }
        (overflowed != self.overflowed)
            .then(|| format!("outputs outside their format: {overflowed} and {}", self.overflowed))
    }
}
