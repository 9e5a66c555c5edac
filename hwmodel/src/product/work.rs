//! Cost parameters of a matrix product.

use super::{ByOperand, GemmKind, GemmShape};
use crate::number::accumulator::{AccumulatorBits, InnerBits};
use crate::number::format::MAX_WORD_LENGTH;
use serde::{Deserialize, Serialize};

const MAX_DIMENSION: u64 = 1 << 32;
const MAX_ELEMENTS: u64 = 1 << 48;
const MAX_GROUPS: u64 = 1 << 32;
const FLOAT32_BITS: u32 = 32;

/// The widest accumulator in bits: two words of 32 bits and 2^64 terms need 32 + 32 + 64.
pub const MAX_ACCUMULATOR_BITS: u32 = 128;

/// The number system that a product is computed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NumberSystem {
    /// Two's complement integers with a scale.
    #[default]
    Fixed,
    /// IEEE 754 binary32.
    Float32,
}

/// Error of a product outside the limits of the cost model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GemmWorkError {
    /// A dimension above 2^32, or more MACs than u64 counts.
    #[error("product of M = {}, N = {}, K = {} is too large: use at most 2^32 each and 2^64 - 1 MACs", .0.m, .0.n, .0.k)]
    Shape(GemmShape),
    /// The words of an operand are not 1 to 32 bits.
    #[error("{operand} words of {bits} bits are impossible: use 1 to {MAX_WORD_LENGTH} bits")]
    WordLength {
        /// `input`, `weight` or `output`.
        operand: &'static str,
        /// Its word length in bits.
        bits: u32,
    },
    /// The accumulator is not 1 to 128 bits.
    #[error("an accumulator of {0} bits is impossible: use 1 to {MAX_ACCUMULATOR_BITS} bits")]
    Accumulator(u32),
    /// No groups, more than 2^32, or more MACs in all than u64 counts.
    #[error(
        "{0} groups of a product are impossible: use 1 to 2^32 with at most 2^64 - 1 MACs in all"
    )]
    Groups(u64),
    /// More non-zero MACs than MACs.
    #[error("{nonzero_macs} non-zero MACs of {macs} MACs are impossible")]
    NonzeroMacs {
        /// Non-zero MACs claimed.
        nonzero_macs: u64,
        /// MACs of the product.
        macs: u64,
    },
    /// An operand of more than 2^48 elements.
    #[error("{operand} of {elements} elements is too large: use at most 2^48")]
    Elements {
        /// `input`, `weight` or `output`.
        operand: &'static str,
        /// Its elements.
        elements: u64,
    },
}

/// A matrix product `O[M,N] = I[M,K]·W[K,N]` with its word lengths: all that its cost depends on.
///
/// A grouped convolution is `groups` products of one shape, one after another on the array; a depthwise one has
/// a group per channel and N = 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GemmWork {
    kind: GemmKind,
    shape: GemmShape,
    groups: u64,
    number_system: NumberSystem,
    bits: ByOperand<u32>,
    accumulator_bits: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    inner: Option<InnerBits>,
    macs: u64,
    nonzero_macs: u64,
    elements: ByOperand<u64>,
}

impl GemmWork {
    /// A fixed-point product of words of `bits` bits, summed in `accumulator_bits` bits.
    ///
    /// All MACs count as non-zero and every operand as a full matrix (M·K, K·N and M·N elements)
    /// until [`GemmWork::with_nonzero_macs`] and [`GemmWork::with_elements`] say otherwise.
    ///
    /// # Errors
    /// If a word is not 1 to 32 bits, the accumulator not 1 to 128 bits, or the product too large.
    pub fn fixed(
        kind: GemmKind,
        shape: GemmShape,
        bits: ByOperand<u32>,
        accumulator_bits: u32,
    ) -> Result<Self, GemmWorkError> {
        for (operand, bits) in
            [("input", bits.input), ("weight", bits.weight), ("output", bits.output)]
        {
            if !(1..=MAX_WORD_LENGTH).contains(&bits) {
                return Err(GemmWorkError::WordLength { operand, bits });
            }
        }
        if !(1..=MAX_ACCUMULATOR_BITS).contains(&accumulator_bits) {
            return Err(GemmWorkError::Accumulator(accumulator_bits));
        }
        Self::new(kind, shape, NumberSystem::Fixed, bits, accumulator_bits)
    }

    /// A float32 product, summed in float32. Operands and MACs count as in [`GemmWork::fixed`].
    ///
    /// # Errors
    /// If the product is too large.
    pub fn float32(kind: GemmKind, shape: GemmShape) -> Result<Self, GemmWorkError> {
        let bits = ByOperand { input: FLOAT32_BITS, weight: FLOAT32_BITS, output: FLOAT32_BITS };
        Self::new(kind, shape, NumberSystem::Float32, bits, FLOAT32_BITS)
    }

    fn new(
        kind: GemmKind,
        shape: GemmShape,
        number_system: NumberSystem,
        bits: ByOperand<u32>,
        accumulator_bits: u32,
    ) -> Result<Self, GemmWorkError> {
        let GemmShape { m, n, k } = shape;
        if m.max(n).max(k) > MAX_DIMENSION {
            return Err(GemmWorkError::Shape(shape));
        }
        let macs = shape.macs().ok_or(GemmWorkError::Shape(shape))?;
        let elements = ByOperand {
            input: m.saturating_mul(k),
            weight: k.saturating_mul(n),
            output: m.saturating_mul(n),
        };
        let work = Self {
            kind,
            shape,
            groups: 1,
            number_system,
            bits,
            accumulator_bits,
            inner: None,
            macs,
            nonzero_macs: macs,
            elements,
        };
        work.with_elements(elements)
    }

    /// `groups` products of the same shape, all of whose MACs count as non-zero.
    ///
    /// # Errors
    /// If there are no groups, more than 2^32, or more than 2^64 - 1 MACs.
    pub fn with_groups(self, groups: u64) -> Result<Self, GemmWorkError> {
        let macs = self.shape.macs().and_then(|macs| macs.checked_mul(groups));
        match macs {
            Some(macs) if (1..=MAX_GROUPS).contains(&groups) => {
                Ok(Self { groups, macs, nonzero_macs: macs, ..self })
            }
            _ => Err(GemmWorkError::Groups(groups)),
        }
    }

    /// The same product, whose products are first summed in an inner register.
    ///
    /// # Errors
    /// If it is not 1 to 128 bits.
    pub fn with_inner(self, inner: Option<InnerBits>) -> Result<Self, GemmWorkError> {
        match inner {
            Some(InnerBits { bits, .. }) if !(1..=MAX_ACCUMULATOR_BITS).contains(&bits) => {
                Err(GemmWorkError::Accumulator(bits))
            }
            _ => Ok(Self { inner, ..self }),
        }
    }

    /// The same product, of whose MACs (those of all groups) `nonzero_macs` have two non-zero operands.
    ///
    /// # Errors
    /// If it has fewer MACs.
    pub fn with_nonzero_macs(self, nonzero_macs: u64) -> Result<Self, GemmWorkError> {
        if nonzero_macs > self.macs {
            return Err(GemmWorkError::NonzeroMacs { nonzero_macs, macs: self.macs });
        }
        Ok(Self { nonzero_macs, ..self })
    }

    /// The same product, whose operands have `elements` unique elements in each group: what must be fetched
    /// from memory. The input of a convolution has fewer than M·K, since windows overlap.
    ///
    /// # Errors
    /// If an operand has more than 2^48 elements.
    pub fn with_elements(self, elements: ByOperand<u64>) -> Result<Self, GemmWorkError> {
        for (operand, elements) in
            [("input", elements.input), ("weight", elements.weight), ("output", elements.output)]
        {
            if elements > MAX_ELEMENTS {
                return Err(GemmWorkError::Elements { operand, elements });
            }
        }
        Ok(Self { elements, ..self })
    }

    /// Which product of a layer.
    pub fn kind(&self) -> GemmKind {
        self.kind
    }

    /// M, N and K of each group.
    pub fn shape(&self) -> GemmShape {
        self.shape
    }

    /// Products of this shape.
    pub fn groups(&self) -> u64 {
        self.groups
    }

    /// The number system it is computed in.
    pub fn number_system(&self) -> NumberSystem {
        self.number_system
    }

    /// Word length of each operand in bits.
    pub fn bits(&self) -> ByOperand<u32> {
        self.bits
    }

    /// Width of the accumulator in bits; with two levels, of the outer one.
    pub fn accumulator_bits(&self) -> u32 {
        self.accumulator_bits
    }

    /// The accumulator's registers.
    pub fn accumulator(&self) -> AccumulatorBits {
        AccumulatorBits { outer: self.accumulator_bits, inner: self.inner }
    }

    /// groups·M·N·K.
    pub fn macs(&self) -> u64 {
        self.macs
    }

    /// MACs of all groups with two non-zero operands.
    pub fn nonzero_macs(&self) -> u64 {
        self.nonzero_macs
    }

    /// Unique elements of each operand in each group.
    pub fn elements(&self) -> ByOperand<u64> {
        self.elements
    }

    /// MACs·WLa·WLb, with 32 bits for float32.
    pub fn bit_operations(&self) -> u128 {
        u128::from(self.macs) * u128::from(self.bits.input) * u128::from(self.bits.weight)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BITS: ByOperand<u32> = ByOperand { input: 8, weight: 4, output: 8 };

    fn shape(m: u64, n: u64, k: u64) -> GemmShape {
        GemmShape { m, n, k }
    }

    #[test]
    fn a_full_product_counts_all_macs_and_elements() {
        let work = GemmWork::fixed(GemmKind::Forward, shape(3, 5, 7), BITS, 24).unwrap();
        assert_eq!((work.macs(), work.nonzero_macs()), (105, 105));
        assert_eq!(work.elements(), ByOperand { input: 21, weight: 35, output: 15 });
        assert_eq!(work.bit_operations(), 105 * 32);
        let float = GemmWork::float32(GemmKind::GradInput, shape(3, 5, 7)).unwrap();
        assert_eq!(float.bit_operations(), 105 * 1024);
    }

    #[test]
    fn impossible_work_is_refused_with_the_reason() {
        let fixed = |shape, bits, accumulator| {
            GemmWork::fixed(GemmKind::Forward, shape, bits, accumulator).unwrap_err().to_string()
        };
        assert_eq!(
            fixed(shape(1, 1, 1), ByOperand { weight: 33, ..BITS }, 24),
            "weight words of 33 bits are impossible: use 1 to 32 bits"
        );
        assert_eq!(
            fixed(shape(1, 1, 1), BITS, 0),
            "an accumulator of 0 bits is impossible: use 1 to 128 bits"
        );
        assert!(fixed(shape(u64::MAX, 0, 0), BITS, 24).contains("too large"));
        assert!(fixed(shape(1 << 24, 1 << 24, 1 << 24), BITS, 24).contains("too large"));
        assert!(fixed(shape(1 << 32, 1 << 31, 0), BITS, 24).contains("output of"));
        let work = GemmWork::fixed(GemmKind::Forward, shape(3, 5, 7), BITS, 24).unwrap();
        assert_eq!(work.with_groups(0), Err(GemmWorkError::Groups(0)));
        assert_eq!(work.with_groups(1 << 33), Err(GemmWorkError::Groups(1 << 33)));
        assert_eq!(work.with_groups(4).unwrap().macs(), 420);
        assert_eq!(
            work.with_nonzero_macs(106).unwrap_err().to_string(),
            "106 non-zero MACs of 105 MACs are impossible"
        );
    }
}
