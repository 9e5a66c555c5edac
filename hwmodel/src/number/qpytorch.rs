//! Bit-exact emulation of QPyTorch 0.3.0's quantisers on a CPU, for comparison with results obtained with that library.
//!
//! The library works in float32 with additions that round, so that some results differ from the exact
//! ones of [`quantise`](crate::number::quantise), [`minifloat`](crate::number::minifloat) and
//! [`block_float`](crate::number::block_float): representable values move, ties near 2^-24 are missed, and
//! subnormal results are rounded twice. Here every one of its operations is repeated in float32. Its
//! random numbers come from PyTorch's and C++'s generators; they are given here as integers.

use crate::number::block_float::BlockFloatError;

mod block;
mod fixed;
mod float;

pub use block::block_quantize;
pub use fixed::{Clamp, fixed_point_quantize};
pub use float::float_quantize;

/// The random integers of a quantiser, one an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Draws<'a> {
    /// `rounding="nearest"`.
    Nearest,
    /// `rounding="stochastic"`: r in units of the quantiser's last random bit.
    Stochastic(&'a [u32]),
}

/// Error of an input for which QPyTorch's result is undefined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QpytorchError {
    /// The numbers of elements and of random integers differ.
    #[error("{given} random integers given for {elements} elements")]
    Draws {
        /// Elements to quantise.
        elements: usize,
        /// Random integers given.
        given: usize,
    },
    /// A random integer has more bits than the quantiser draws.
    #[error("random integer {value} of element {index} is not below 2^{bits}")]
    Draw {
        /// Position.
        index: usize,
        /// The integer.
        value: u32,
        /// Random bits that the quantiser draws.
        bits: u32,
    },
    /// The word length of block floating point is not 1 to 22 bits.
    #[error("word length {0} is impossible in block_quantize: use 1 to 22 bits")]
    WordLength(u32),
    /// Shape or axis do not fit the tensor.
    #[error(transparent)]
    Blocks(#[from] BlockFloatError),
}

/// Calls `quantise` for every element with its random integer of `bits` bits, `nearest` if there is none.
fn elements<R>(
    x: &[f32],
    draws: Draws<'_>,
    (bits, nearest): (u32, u32),
    mut quantise: impl FnMut(usize, f32, u32) -> R,
) -> Result<Vec<R>, QpytorchError> {
    let r = match draws {
        Draws::Nearest => {
            return Ok(x.iter().enumerate().map(|(i, &x)| quantise(i, x, nearest)).collect());
        }
        Draws::Stochastic(r) if r.len() == x.len() => r,
        Draws::Stochastic(r) => {
            return Err(QpytorchError::Draws { elements: x.len(), given: r.len() });
        }
    };
    if let Some((index, &value)) = r.iter().enumerate().find(|(_, r)| **r >> bits != 0) {
        return Err(QpytorchError::Draw { index, value, bits });
    }
    Ok(x.iter().zip(r).enumerate().map(|(i, (&x, &r))| quantise(i, x, r)).collect())
}

/// The bits of a float with `r` added below its upper `kept` mantissa bits, which are kept. An
/// overflow out of the word wraps, as it does in the library.
fn round_bits(x: f32, kept: u32, r: u32) -> u32 {
    let mask = (1u32 << (23 - kept)) - 1;
    x.to_bits().wrapping_add(r) & !mask
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format;
    use crate::number::block_float::BlockAxis;
    use crate::number::minifloat::Minifloat;

    #[test]
    fn random_integers_must_fit() {
        let format = Format::new(8, 4).unwrap();
        let small = Minifloat::new(5, 2).unwrap();
        let short = Draws::Stochastic(&[0]);
        let error = fixed_point_quantize(&[1.0, 2.0], format, Clamp::None, short).unwrap_err();
        assert_eq!(error.to_string(), "1 random integers given for 2 elements");
        let wide = Draws::Stochastic(&[0, 1 << 24]);
        let error = fixed_point_quantize(&[1.0, 2.0], format, Clamp::None, wide).unwrap_err();
        assert_eq!(error.to_string(), "random integer 16777216 of element 1 is not below 2^24");
        let wide = Draws::Stochastic(&[1 << 21]);
        let expected = QpytorchError::Draw { index: 0, value: 1 << 21, bits: 21 };
        assert_eq!(float_quantize(&[1.0], small, wide), Err(expected));
        let wide = Draws::Stochastic(&[1 << 15]);
        let expected = QpytorchError::Draw { index: 0, value: 1 << 15, bits: 15 };
        assert_eq!(block_quantize(&[1.0], &[1], 8, BlockAxis::Tensor, wide), Err(expected));
    }
}
