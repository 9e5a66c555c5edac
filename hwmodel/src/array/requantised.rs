//! A product whose sums are requantised as soon as they are complete, as an array's output stage does.

use super::proof::{Proof, SumContainer};
use super::{Convolution2d, MacArray, MacReport, ShapeError};
use crate::number::requantise::{RequantiseReport, Requantiser};
use crate::number::tensor::{FixedTensor, RawData};
use crate::with_raw;

impl MacArray {
    /// [`MacArray::convolve`] followed by [`Requantiser::product`], without the tensor of sums in between
    /// where they fit 64 bits and no accumulator can overflow. The bits are the same.
    ///
    /// # Errors
    /// If the shapes do not fit.
    ///
    /// # Panics
    /// If the bias does not have one value a column.
    pub fn convolve_requantised(
        &self,
        x: &FixedTensor,
        w: &FixedTensor,
        geometry: Convolution2d,
        bias: Option<&FixedTensor>,
        requantiser: &Requantiser,
    ) -> Result<(RawData, MacReport, RequantiseReport), ShapeError> {
        let operands = self.convolution(x, w, geometry)?;
        let proof = Proof::new(self, &operands);
        let fl = x.format().fl() + w.format().fl();
        let stage =
            requantiser.stage(self.accumulator, proof.bound as u128, fl, operands.stride(), bias);
        if let Some(stage) = stage
            && proof.clears_all()
            && geometry.groups == 1
            && !matches!(proof.container(), SumContainer::I128)
        {
            let length = operands.rows() * operands.stride();
            let mut data = RawData::zeros(requantiser.format, length);
            let limits = with_raw!(&mut data, out => match proof.container() {
                SumContainer::I32 => self.use_sums_i32(
                    &operands, &proof, out, |start, sums, out| stage.narrow(sums, start, out)),
                _ => self.use_wide_sums::<i64, _, _>(
                    &operands, &proof, out, |start, sums, out| stage.narrow(sums, start, out)),
            });
            return Ok((
                data,
                operands.report(self.simd),
                RequantiseReport::of_limits(length, limits),
            ));
        }
        let product = self.proven_product(&operands, &proof);
        let (data, report) = requantiser.product(&product, bias);
        Ok((data, product.report, report))
    }
}
