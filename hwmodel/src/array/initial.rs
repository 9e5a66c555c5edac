//! What accumulators begin with: zero, a bias that is cast to them, or sums of an earlier product.

use super::requantise::check_bias;
use super::{Convolution2d, MacArray, Operands, Order, Product, Proof, ShapeError, Sums};
use crate::array::{inner_error, matrix};
use crate::cast::exact;
use crate::number::accumulator::{
    Accumulator, AccumulatorEvents, AccumulatorWidth, BiasOrder, Summation,
};
use crate::number::tensor::FixedTensor;
use crate::parallel;

/// The initial values of the accumulators.
pub(super) struct Initial {
    /// One a column for every row, or one an output, row-major; empty for zeros.
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

    /// Sums that an accumulator of `array` can hold, one a column or one an output of [m, n].
    pub(super) fn sums(
        array: &MacArray,
        sums: &[i64],
        [m, n]: [usize; 2],
    ) -> Result<Self, ShapeError> {
        if sums.len() != n && Some(sums.len()) != m.checked_mul(n) {
            return Err(ShapeError::Initial { sums: sums.len(), shape: [m, n] });
        }
        if let AccumulatorWidth::Bits(bits) = array.accumulator.width {
            let outside = |&&sum: &&i64| !(bits.min()..=bits.max()).contains(&i128::from(sum));
            if let Some((index, &sum)) = sums.iter().enumerate().find(|(_, sum)| outside(sum)) {
                let bits = bits.get();
                return Err(ShapeError::InitialRange { index, sum, bits });
            }
        }
        let values = sums.iter().map(|&sum| sum.into()).collect();
        Ok(Self { values, ..Self::ZERO })
    }

    pub(super) fn is_zero(&self) -> bool {
        self.values.iter().all(|&value| value == 0)
    }

    /// The value of output `index`, row-major.
    pub(super) fn of(&self, index: usize) -> i128 {
        index.checked_rem(self.values.len()).map_or(0, |at| self.values[at])
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
        let value = |index: usize| (sums.get(index) << left) + self.of(index);
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
    /// [`MacArray::matmul`] whose accumulators begin at `initial`, as where partial sums enter an array at its top: sums with
    /// the fractional length of the accumulator, one an output `[m, n]` or one a column `[n]`.
    ///
    /// ```
    /// use hwmodel::array::MacArray;
    /// use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};
    /// let format = Format::new(4, 0)?;
    /// let a = FixedTensor::from_raw(&[1, 2], format, &[7, -1])?;
    /// let b = FixedTensor::from_raw(&[2, 1], format, &[1, 1])?;
    /// let accumulator = Accumulator::new(AccumulatorWidth::bits(4)?, Overflow::Saturate);
    /// let array = MacArray { simd: SimdLevel::best(), accumulator };
    /// // 5 + 7 saturates at 7.
    /// assert_eq!(array.matmul_from(&a, &b, &[5])?.sums().get(0), 6);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`MacArray::matmul`], or if the initial sums are of another number or outside the accumulator.
    pub fn matmul_from(
        &self,
        a: &FixedTensor,
        b: &FixedTensor,
        initial: &[i64],
    ) -> Result<Product, ShapeError> {
        let ([m, k], [inner, n]) = (matrix(a, b, a)?, matrix(a, b, b)?);
        if k != inner {
            return Err(inner_error(a, b));
        }
        let operands = Operands::matrices(a, b, Order::ByK, [m, k, n]);
        self.check(operands.product_fl())?;
        let initial = Initial::sums(self, initial, [m, n])?;
        if !operands.are_wide() {
            let proof = Proof::new(self, &operands, initial.largest());
            if proof.leaves_free(initial.largest()) {
                return Ok(self.proven_product(&operands, &proof, &initial));
            }
        }
        Ok(self.product_by_definition(&operands, &initial))
    }

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
            self.product_by_definition(operands, &initial)
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
