//! A product on the array, and the two gradient products that follow from a layer's forward product.

use super::{ByOperand, GemmKind, GemmShape, GemmWork, GemmWorkError};
use crate::Format;

/// One or more equal matrix products `O[M,N] = I[M,K]·W[K,N]` on the array, apart from their values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Gemm {
    /// Which product of its layer.
    pub kind: GemmKind,
    /// Shape of one product.
    pub shape: GemmShape,
    /// Number of products of that shape: groups of a convolution, heads of an attention, time steps.
    pub groups: u64,
    /// Distinct tensor elements that one product reads or writes; the input of a convolution has fewer
    /// than M·K, since windows overlap.
    pub elements: ByOperand<u64>,
    /// Formats of the operands; `None` is float32.
    pub formats: Option<ByOperand<Format>>,
}

impl Gemm {
    /// The same product in fixed-point `formats`.
    #[must_use]
    pub fn in_formats(self, formats: ByOperand<Format>) -> Self {
        Self { formats: Some(formats), ..self }
    }

    /// Word lengths of the operands in bits; `None` is float32.
    pub fn word_lengths(&self) -> Option<ByOperand<u32>> {
        self.formats.map(|formats| formats.map(Format::wl))
    }

    /// M·N·K over all groups; `None` beyond 64 bits.
    pub fn macs(&self) -> Option<u64> {
        self.shape.macs()?.checked_mul(self.groups)
    }

    /// The cost parameters for a machine, summed in `accumulator_bits` bits (float32 products ignore them). Every
    /// MAC counts as non-zero until [`GemmWork::with_nonzero_macs`] says otherwise. With the accumulator of a
    /// machine: [`Machine::work`](crate::machine::Machine::work).
    ///
    /// # Errors
    /// If the accumulator is not 1 to 128 bits, or the product too large.
    pub fn work(&self, accumulator_bits: u32) -> Result<GemmWork, GemmWorkError> {
        let work = match self.word_lengths() {
            None => GemmWork::float32(self.kind, self.shape)?,
            Some(bits) => GemmWork::fixed(self.kind, self.shape, bits, accumulator_bits)?,
        };
        work.with_elements(self.elements)?.with_groups(self.groups)
    }
}

/// The forward product of a layer and what the sizes of its gradient products follow from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LayerProducts {
    /// Y = X·W.
    pub forward: Gemm,
    /// Elements of the whole tensor that X is part of, for one group: windows may leave some out, but a gradient is
    /// written for each.
    pub input_tensor: u64,
}

impl LayerProducts {
    /// dX = dY·Wᵀ in float32: M rows of dX from N terms.
    pub fn grad_input(&self) -> Gemm {
        let GemmShape { m, n, k } = self.forward.shape;
        let ByOperand { weight: w, output: y, .. } = self.forward.elements;
        Gemm {
            kind: GemmKind::GradInput,
            shape: GemmShape { m, n: k, k: n },
            elements: ByOperand { input: y, weight: w, output: self.input_tensor },
            formats: None,
            ..self.forward
        }
    }

    /// dX as the array computes it in fixed point: a convolution of dY that sums `terms` products for each element
    /// of dX, whose pixels have `channels` channels a group.
    pub fn grad_input_by_windows(&self, channels: u64, terms: u64) -> Gemm {
        let m = self.input_tensor / channels.max(1);
        Gemm { shape: GemmShape { m, n: channels, k: terms }, ..self.grad_input() }
    }

    /// dWᵀ = dYᵀ·X in float32: a sum over the M rows of X.
    pub fn grad_weight(&self) -> Gemm {
        let GemmShape { m, n, k } = self.forward.shape;
        let ByOperand { input: x, weight: w, output: y } = self.forward.elements;
        Gemm {
            kind: GemmKind::GradWeight,
            shape: GemmShape { m: n, n: k, k: m },
            elements: ByOperand { input: y, weight: x, output: w },
            formats: None,
            ..self.forward
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn products() -> LayerProducts {
        let forward = Gemm {
            kind: GemmKind::Forward,
            shape: GemmShape { m: 100, n: 8, k: 27 },
            groups: 3,
            elements: ByOperand { input: 300, weight: 216, output: 800 },
            formats: None,
        };
        LayerProducts { forward, input_tensor: 400 }
    }

    #[test]
    fn gradients_have_the_same_macs_and_swap_operands() {
        let products = products();
        let (dx, dw) = (products.grad_input(), products.grad_weight());
        assert_eq!(dx.shape, GemmShape { m: 100, n: 27, k: 8 });
        assert_eq!(dw.shape, GemmShape { m: 8, n: 27, k: 100 });
        assert_eq!(dx.elements, ByOperand { input: 800, weight: 216, output: 400 });
        assert_eq!(dw.elements, ByOperand { input: 800, weight: 300, output: 216 });
        assert_eq!([products.forward, dx, dw].map(|product| product.macs()), [Some(64_800); 3]);
        let fixed = products.grad_input_by_windows(4, 72);
        assert_eq!(fixed.shape, GemmShape { m: 100, n: 4, k: 72 });
        assert_eq!((fixed.kind, fixed.elements), (dx.kind, dx.elements));
    }

    #[test]
    fn gradients_are_float32_until_told_otherwise() {
        let format = Format::new(8, 4).unwrap();
        let formats = ByOperand { input: format, weight: format, output: format };
        let forward = products().forward.in_formats(formats);
        let fixed = LayerProducts { forward, ..products() };
        assert_eq!((fixed.grad_input().formats, fixed.grad_weight().formats), (None, None));
        assert_eq!(forward.word_lengths(), Some(ByOperand { input: 8, weight: 8, output: 8 }));
    }

    #[test]
    fn work_has_all_groups_and_the_elements() {
        let float32 = products().forward;
        // The accumulator of a float32 product is float32.
        let work = float32.work(0).unwrap();
        assert_eq!((work.macs(), work.groups(), work.accumulator_bits()), (64_800, 3, 32));
        assert_eq!((work.nonzero_macs(), work.elements()), (64_800, float32.elements));
        let format = Format::new(8, 4).unwrap();
        let fixed = float32.in_formats(ByOperand { input: format, weight: format, output: format });
        assert_eq!(fixed.work(0), Err(GemmWorkError::Accumulator(0)));
        assert_eq!(fixed.work(21).unwrap().accumulator_bits(), 21);
    }
}
