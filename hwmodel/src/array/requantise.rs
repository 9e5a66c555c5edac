//! The array's output stage: requantises sums after the product, or each row as soon as it is complete.

use super::exact::{Proof, SumContainer};
use super::{Convolution2d, MacArray, MacReport, Product, ShapeError, Sums};
use crate::blocking::Consume;
use crate::cast::toward_zero;
use crate::number::accumulator::{AccumulatorWidth, BiasOrder};
use crate::number::requantise::{RequantiseReport, Requantiser, aligned};
use crate::number::tensor::{FixedTensor, RawData};
use crate::with_narrow;

impl MacArray {
    /// [`MacArray::convolve`] followed by [`Requantiser::product`], without the tensor of sums in between
    /// where they fit 64 bits and no accumulator can overflow. The bits are the same.
    ///
    /// # Errors
    /// If the shapes do not fit, or the bias does not have one value a column.
    pub fn convolve_requantised(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        geometry: Convolution2d,
        bias: Option<&FixedTensor>,
        requantiser: &Requantiser,
    ) -> Result<(RawData, MacReport, RequantiseReport), ShapeError> {
        let operands = self.convolution(x, w, geometry)?;
        check_bias(bias, operands.stride())?;
        let product_fl = operands.product_fl();
        self.check(product_fl)?;
        let initial = self.initial(bias, &operands);
        if operands.are_wide() {
            let product = self.product_by_definition(&operands, &initial);
            let last = bias.filter(|_| self.accumulator.bias == BiasOrder::Last);
            let (data, report) = requantiser.product(&product, last)?;
            return Ok((data, product.report, report));
        }
        let proof = Proof::new(self, &operands, initial.largest());
        // A bias that nothing rounds is the same first or last where nothing can overflow.
        let fl = self.accumulator.sum_fl(product_fl);
        let whole = bias.is_none_or(|bias| bias.format().fl() <= fl);
        let last = self.accumulator.bias == BiasOrder::Last || whole;
        let stage = (last && self.accumulator.shift(product_fl) == 0)
            .then(|| {
                let bound = toward_zero::<u128>(proof.bound);
                requantiser.stage(self.accumulator, bound, fl, operands.stride(), bias)
            })
            .flatten();
        if let Some(stage) = stage
            && proof.leaves_free(initial.largest())
            && operands.rows_are_complete()
            && !matches!(proof.container(), SumContainer::I128)
        {
            let length = operands.rows() * operands.stride();
            let mut data = RawData::zeros(requantiser.format, length);
            let limits = with_narrow!(&mut data, out => match proof.container() {
                SumContainer::I32 => self.sums_i32(&operands, &proof, &mut Consume {
                    out,
                    finish: |start, sums: &[i32], out: &mut [_]| stage.narrow(sums, start, out),
                }),
                _ => self.sums_i64(&operands, &proof, &mut Consume {
                    out,
                    finish: |start, sums: &[i64], out: &mut [_]| stage.narrow(sums, start, out),
                }),
            });
            return Ok((
                data,
                operands.report(self.simd),
                RequantiseReport::of_limits(length, limits),
            ));
        }
        let product = self.proven_product(&operands, &proof, &initial);
        let last = bias.filter(|_| self.accumulator.bias == BiasOrder::Last);
        let (data, report) = requantiser.product(&product, last)?;
        Ok((data, product.report, report))
    }
}

/// Checks that `bias` has one value a column.
pub(super) fn check_bias(bias: Option<&FixedTensor>, columns: usize) -> Result<(), ShapeError> {
    match bias {
        Some(bias) if bias.len() != columns => {
            Err(ShapeError::Bias { bias: bias.shape().to_vec(), columns })
        }
        _ => Ok(()),
    }
}

impl Requantiser {
    /// Requantises the accumulators of `product`, after adding `bias` (one value a column) aligned
    /// to their fractional length, in the accumulator. It is added last, whatever the accumulator says: for one that begins
    /// with it use [`MacArray::convolve_biased`], and no bias here.
    ///
    /// A bias with more fractional bits than the accumulator is rounded to nearest even first.
    /// The shift is FLa + FLb - FLo; a negative one (left) is exact before saturation.
    ///
    /// # Errors
    /// If the bias does not have one value a column.
    pub fn product(
        &self,
        product: &Product,
        bias: Option<&FixedTensor>,
    ) -> Result<(RawData, RequantiseReport), ShapeError> {
        let columns = product.columns;
        check_bias(bias, columns)?;
        let mut data = RawData::zeros(self.format, product.sums.len());
        let stage = self.stage(product.accumulator, product.bound, product.fl, columns, bias);
        let limits = match (&product.sums, &stage) {
            (Sums::I32(sums), Some(stage)) => with_narrow!(&mut data, out => stage.all(sums, out)),
            (Sums::I64(sums), Some(stage)) => with_narrow!(&mut data, out => stage.all(sums, out)),
            _ => {
                let aligned = aligned(bias, product.fl, columns);
                let shift = product.fl - self.format.fl();
                let (limits, events) = self.wide(
                    |index| {
                        let sum = product.sums.get(index) + aligned[index % columns];
                        match product.accumulator.width {
                            AccumulatorWidth::Exact => (sum, false),
                            AccumulatorWidth::Bits(bits) => {
                                product.accumulator.overflow.apply(sum, bits)
                            }
                        }
                    },
                    shift,
                    &mut data,
                );
                let report = RequantiseReport::of_limits(product.sums.len(), limits);
                return Ok((data, RequantiseReport { accumulator_events: events, ..report }));
            }
        };
        Ok((data, RequantiseReport::of_limits(product.sums.len(), limits)))
    }
}
