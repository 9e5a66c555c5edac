//! What accumulators begin with: zero, or a bias that is cast to them.

use super::requantise::check_bias;
use super::{Convolution2d, MacArray, Operands, Order, Product, Proof, ShapeError, Sums};
use crate::array::{inner_error, matrix};
use crate::cast::exact;
use crate::number::accumulator::{Accumulator, AccumulatorEvents, BiasOrder, Summation};
use crate::number::tensor::FixedTensor;
use crate::parallel;

/// The initial values of the accumulators of a row.
pub(super) struct Initial {
    /// One a column; empty for zeros.
    pub(super) values: Vec<i128>,
    /// Overflows of the cast in one row.
    events: AccumulatorEvents,
}

impl Initial {
    pub(super) const ZERO: Self = Self {
        values: Vec::new(),
        events: AccumulatorEvents { inner: 0, cast: 0, outer: 0, stored: 0 },
    };

    /// A bias of one value a column, cast to the accumulator.
    fn bias(bias: &FixedTensor, accumulator: &Accumulator, product_fl: i32) -> Self {
        let mut events = AccumulatorEvents::default();
        let values = (0..bias.len()).map(|column| {
            let raw = bias.data().get(column).into();
            let start = Summation::new(accumulator, product_fl).starting_at(
                raw,
                bias.format().fl(),
                product_fl,
            );
            events += start.events();
            start.value()
        });
        Self { values: values.collect(), events }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.values.iter().all(|&value| value == 0)
    }

    pub(super) fn largest(&self) -> f64 {
        self.values.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0) as f64
    }

    /// Overflows of the casts in `rows` rows.
    pub(super) fn events(&self, rows: usize) -> AccumulatorEvents {
        AccumulatorEvents { cast: self.events.cast * rows as u64, ..self.events }
    }

    /// Exact sums up to `bound` shifted to the left, and these values added; with the new bound.
    pub(super) fn added(&self, sums: Sums, bound: u128, left: u32) -> (Sums, u128) {
        if left == 0 && self.is_zero() {
            return (sums, bound);
        }
        const CHUNK: usize = 1 << 12;
        let largest = self.values.iter().map(|value| value.unsigned_abs()).max().unwrap_or(0);
        let bound = (bound << left).saturating_add(largest);
        let value = |index: usize| {
            let initial = match self.values.len() {
                0 => 0,
                columns => self.values[index % columns],
            };
            (sums.get(index) << left) + initial
        };
        let all = if bound < 1 << 62 {
            let mut all = vec![0i64; sums.len()];
            parallel::each(all.chunks_mut(CHUNK).enumerate(), |(chunk, all)| {
                all.iter_mut().zip(chunk * CHUNK..).for_each(|(sum, i)| *sum = exact(value(i)));
            });
            Sums::I64(all)
        } else {
            let mut all = vec![0i128; sums.len()];
            parallel::each(all.chunks_mut(CHUNK).enumerate(), |(chunk, all)| {
                all.iter_mut().zip(chunk * CHUNK..).for_each(|(sum, i)| *sum = value(i));
            });
            Sums::I128(all)
        };
        (all, bound)
    }
}

impl MacArray {
    /// [`MacArray::convolve`] with a bias of one value a column in the accumulators: cast to them as their initial value, or
    /// added last, as the accumulator has it. Its overflows are in the product's report.
    ///
    /// # Errors
    /// If the shapes do not fit, or the bias does not have one value a column.
    pub fn convolve_biased(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        geometry: Convolution2d,
        bias: Option<&FixedTensor>,
    ) -> Result<Product, ShapeError> {
        self.biased(&self.convolution(x, w, geometry)?, bias)
    }

    /// [`MacArray::linear`] with a bias, see [`MacArray::convolve_biased`].
    ///
    /// # Errors
    /// If the shapes do not fit, or the bias does not have one value a column.
    pub fn linear_biased(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        bias: Option<&FixedTensor>,
    ) -> Result<Product, ShapeError> {
        let ([m, k], [n, inner]) = (matrix(x, w, x)?, matrix(x, w, w)?);
        if k != inner {
            return Err(inner_error(x, w));
        }
        self.biased(&Operands::matrices(x, w, Order::ByN, [m, k, n]), bias)
    }

    fn biased(
        &self,
        operands: &Operands<'_>,
        bias: Option<&FixedTensor>,
    ) -> Result<Product, ShapeError> {
        check_bias(bias, operands.stride())?;
        self.check(operands.product_fl())?;
        let initial = self.initial(bias, operands);
        let mut product = if operands.are_wide() {
            self.product_of_wide_words(operands, &initial)
        } else {
            let proof = Proof::new(self, operands, initial.largest());
            self.proven_product(operands, &proof, &initial)
        };
        if let (Some(bias), BiasOrder::Last) = (bias, self.accumulator.bias) {
            let outer = product.add_bias(bias)?;
            product.report.accumulator_events += outer;
            product.report.level_events.outer += outer;
        }
        Ok(product)
    }

    /// What the accumulators begin with, for a bias of one value a column.
    pub(super) fn initial(&self, bias: Option<&FixedTensor>, operands: &Operands<'_>) -> Initial {
        match (self.accumulator.bias, bias) {
            (BiasOrder::First, Some(bias)) => {
                Initial::bias(bias, &self.accumulator, operands.product_fl())
            }
            _ => Initial::ZERO,
        }
    }
}
