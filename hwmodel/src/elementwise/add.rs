//! Residual addition of two fixed-point tensors, in integers.
//!
//! Hardware aligns the operands to the fractional length of the result, adds them in a wide adder and
//! fits the sum into the result's word:
//!
//! ```text
//! align(v, FL) = v · 2^(FLr - FL)      exact if FL ≤ FLr, else rounded
//! raw          = overflow(align(a, FLa) + align(b, FLb))
//! ```
//!
//! Each operand is rounded by itself, before the addition: an operand that already has the result's FL
//! enters unchanged. The gradient of the sum passes to both operands unchanged (straight through).

use crate::cast::exact;
use crate::kernels::StoredInteger;
use crate::number::quantise::QuantiseCounts;
use crate::number::rounding::{Mode, Shifted};
use crate::random::RandomAddress;
use crate::{
    FixedTensor, Format, Overflow, RawData, Rounding, SimdLevel, TensorError, Word, with_narrow,
    with_raw, with_rounding,
};
use num_traits::{AsPrimitive, PrimInt, Signed};
use rayon::prelude::*;

/// Elements a thread handles at a time; a jump of the generator is paid once for each.
const CHUNK: usize = 1 << 14;
/// Elements of the intermediate buffers, which stay in the first-level cache.
const BLOCK: usize = 256;
/// A left shift by this much beyond the other operand's decides sign and saturation of the sum alone:
/// |v|·2^33 exceeds the other operand and the range of a 32-bit word together (2^31 each if signed, less than 2^32 if not), and
/// modulo 2^33, of which wraps read no bit more, it is zero like any longer shift.
const LONGEST_LEFT: u32 = 33;

/// How the sum becomes the result.
#[derive(Debug, Clone, Copy)]
pub struct AddSettings {
    /// Instructions to use; never changes a result.
    pub simd: SimdLevel,
    /// Format of the result.
    pub format: Format,
    /// Rounding of an operand that has more fractional bits than the result.
    pub rounding: Rounding,
    /// What happens to a sum outside the result's range.
    pub overflow: Overflow,
    /// Random numbers of stochastic rounding, as a requantiser takes them. Element i of the second
    /// operand takes number i, element i of the first operand number n + i, n being the number of
    /// elements.
    pub address: RandomAddress,
}

/// Operands that cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// The shapes differ.
    #[error("residual addition of shapes {first:?} and {second:?}: both branches must agree")]
    Shapes {
        /// Shape of the first operand.
        first: Vec<usize>,
        /// Shape of the second operand.
        second: Vec<usize>,
    },
    /// The result is no tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

/// first + second, in the format of `settings`.
///
/// Counted per element: sums above and below the range, results that are zero although the exact sum
/// is not, and results that are not zero. The bits do not depend on the number of threads.
///
/// ```
/// use hwmodel::elementwise::{AddSettings, residual_add};
/// use hwmodel::random::{RandomAddress, Role};
/// use hwmodel::{FixedTensor, Format, Overflow, Rounding, SimdLevel};
/// // 1.25 + 0.4375 in ⟨8, 2⟩: 0.4375 is 7/4 of the result's step and becomes 2.
/// let first = FixedTensor::from_raw(&[1], Format::new(8, 2)?, &[5])?;
/// let second = FixedTensor::from_raw(&[1], Format::new(8, 4)?, &[7])?;
/// let settings = AddSettings {
///     simd: SimdLevel::best(),
///     format: first.format(),
///     rounding: Rounding::NearestEven,
///     overflow: Overflow::Saturate,
///     address: RandomAddress::new(0, 0, 0, Role::Output),
/// };
/// let (sum, counts) = residual_add(&first, &second, &settings)?;
/// assert_eq!((sum.data().get(0), counts.saturated()), (7, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the shapes differ.
pub fn residual_add(
    first: &FixedTensor,
    second: &FixedTensor,
    settings: &AddSettings,
) -> Result<(FixedTensor, QuantiseCounts), AddError> {
    if first.shape() != second.shape() {
        let (first, second) = (first.shape().to_vec(), second.shape().to_vec());
        return Err(AddError::Shapes { first, second });
    }
    let format = settings.format;
    let mut data = RawData::zeros(format, first.len());
    let plan = Plan::new(first.format(), second.format(), settings);
    let operands = [first.data(), second.data()];
    let counts = match &mut data {
        RawData::I64(out) => add_all::<i128, _>(operands, &plan, settings, out),
        data => with_narrow!(data, out => match plan.lane() {
            Lane::I32 => add_all::<i32, _>(operands, &plan, settings, out),
            Lane::I64 => add_all::<i64, _>(operands, &plan, settings, out),
            Lane::I128 => add_all::<i128, _>(operands, &plan, settings, out),
        }),
    };
    Ok((FixedTensor::new(first.shape(), format, data)?, counts))
}

/// The integer in which aligned operands and sums are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    I32,
    I64,
    I128,
}

/// Shifts of an addition, shortened where a longer shift gives the same result.
#[derive(Debug, Clone, Copy)]
struct Plan {
    /// Bits of each operand as two's complement.
    bits: [u32; 2],
    /// Left shift of each operand before the addition.
    left: [u32; 2],
    /// Right shift of each operand before the addition.
    right: [u32; 2],
    /// Left shift of the sum: what the left shifts of both operands have in common.
    common: u32,
    /// Left shift of each operand that makes their fractional lengths equal, to see whether the exact
    /// sum is zero.
    exact: [u32; 2],
}

impl Plan {
    fn new(first: Format, second: Format, settings: &AddSettings) -> Self {
        let lengths = [first.fl(), second.fl()];
        let left = lengths.map(|fl| (settings.format.fl() - fl).max(0).unsigned_abs());
        let common = left[0].min(left[1]);
        // A raw integer has 32 bits, so 40 dropped bits leave less than half a unit. A random word of 64
        // bits never lifts a positive one, and always a negative one unless it is zero, from 96 on.
        let longest = if settings.rounding == Rounding::Stochastic { 96 } else { 40 };
        let right =
            lengths.map(|fl| (fl - settings.format.fl()).max(0).unsigned_abs().min(longest));
        let finest = lengths[0].max(lengths[1]);
        Self {
            bits: [first.signed_bits(), second.signed_bits()],
            left: left.map(|left| (left - common).min(LONGEST_LEFT)),
            right,
            common: common.min(LONGEST_LEFT),
            exact: lengths.map(|fl| (finest - fl).unsigned_abs().min(LONGEST_LEFT)),
        }
    }

    /// The narrowest lane in which nothing can overflow.
    fn lane(&self) -> Lane {
        let operand = |bits: u32| {
            let fits = |i: usize| {
                let own = self.bits[i];
                // One bit less than the lane for each, so that the sum of two fits.
                own + self.left[i] + self.common < bits
                    && own + self.exact[i] < bits
                    && self.right[i] < bits - 1
            };
            fits(0) && fits(1)
        };
        if operand(32) {
            Lane::I32
        } else if operand(64) {
            Lane::I64
        } else {
            Lane::I128
        }
    }
}

/// What the adder can be computed in.
trait LaneInteger: PrimInt + Signed + AsPrimitive<i64> + Into<i128> + Send + Sync {
    /// `raw`, which the lane holds.
    fn widen(raw: i64) -> Self;
    /// `random` followed by `zeros` zero bits.
    fn random(random: u64, zeros: u32) -> Self;
}

macro_rules! lane_integer {
    ($($type:ty),*) => { $(impl LaneInteger for $type {
        #[inline(always)]
        fn widen(raw: i64) -> Self {
            exact(raw)
        }
        #[inline(always)]
        fn random(random: u64, zeros: u32) -> Self {
            // Below 2^shift, and the lane is at least two bits wider than the shift.
            exact::<$type>(random) << zeros
        }
    })* };
}
lane_integer!(i32, i64, i128);

fn add_all<L: LaneInteger, T: StoredInteger>(
    operands: [&RawData; 2],
    plan: &Plan,
    settings: &AddSettings,
    out: &mut [T],
) -> QuantiseCounts {
    let length = out.len();
    let chunks = out.par_chunks_mut(CHUNK).enumerate().map(|(chunk, out)| {
        settings.simd.run(
            #[inline(always)]
            || add_chunk::<L, T>(operands, plan, settings, (chunk * CHUNK, length), out),
        )
    });
    chunks.reduce(QuantiseCounts::default, |a, b| a + b)
}

/// The elements from `start` on of `length` in all.
#[inline(always)]
fn add_chunk<L: LaneInteger, T: StoredInteger>(
    operands: [&RawData; 2],
    plan: &Plan,
    settings: &AddSettings,
    (start, length): (usize, usize),
    out: &mut [T],
) -> QuantiseCounts {
    let stochastic = settings.rounding == Rounding::Stochastic;
    let mut numbers = [(0, length + start), (1, start)].map(|(operand, first)| {
        let shift = plan.right[operand];
        (stochastic && shift > 0).then(|| settings.address.numbers(first as u64, shift))
    });
    let mut lanes = [[L::zero(); BLOCK]; 2];
    let mut random = [0u64; BLOCK];
    let mut counts = QuantiseCounts::default();
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        let start = start + block * BLOCK;
        let mut nonzero = [false; BLOCK];
        let [first, second] = &mut lanes;
        load(operands[0], start, &mut first[..out.len()]);
        load(operands[1], start, &mut second[..out.len()]);
        let exact = plan.exact.map(|shift| shift as usize);
        for ((nonzero, &first), &second) in nonzero.iter_mut().zip(&*first).zip(&*second) {
            *nonzero = (first << exact[0]) + (second << exact[1]) != L::zero();
        }
        for (operand, lane) in lanes.iter_mut().enumerate() {
            if let Some(numbers) = &mut numbers[operand] {
                random[..out.len()].fill_with(|| numbers.next());
                let bits = settings.address.source.bits_for_shift(plan.right[operand]);
                counts.random_bits += out.len() as u64 * bits;
            }
            let lane = &mut lane[..out.len()];
            align(lane, plan.left[operand], plan.right[operand], settings.rounding, &random);
        }
        counts += fit(&lanes, &nonzero, plan.common, settings, out);
    }
    counts
}

#[inline(always)]
fn load<L: LaneInteger>(data: &RawData, start: usize, lane: &mut [L]) {
    with_raw!(data, raw => {
        for (lane, &raw) in lane.iter_mut().zip(&raw[start..]) {
            *lane = L::widen(raw.to_i64());
        }
    });
}

/// Shifts one operand to the result's fractional length.
#[inline(always)]
fn align<L: LaneInteger>(
    lane: &mut [L],
    left: u32,
    right: u32,
    rounding: Rounding,
    random: &[u64],
) {
    if left > 0 {
        lane.iter_mut().for_each(|value| *value = *value << left as usize);
    }
    if right == 0 {
        return;
    }
    // A random number has 64 bits; a longer shift takes them as its highest ones.
    let zeros = right.saturating_sub(64);
    with_rounding!(rounding, M => {
        for (value, &random) in lane.iter_mut().zip(random) {
            let parts = Shifted::new(*value, right, L::random(random, zeros));
            let up = if M::up(parts) { L::one() } else { L::zero() };
            *value = parts.floor() + up;
        }
    });
}

/// Adds the aligned operands and fits the sums into the result's word.
#[inline(always)]
fn fit<L: LaneInteger, T: StoredInteger>(
    [first, second]: &[[L; BLOCK]; 2],
    exact_nonzero: &[bool; BLOCK],
    common: u32,
    settings: &AddSettings,
    out: &mut [T],
) -> QuantiseCounts {
    let (overflow, word) = (settings.overflow, settings.format.word());
    let (lowest, highest) =
        (L::widen(settings.format.min_raw()), L::widen(settings.format.max_raw()));
    let saturates = overflow.saturates_to_ends();
    let unused = 64 - settings.format.wl();
    let plain_wrap = overflow == Overflow::Wrap && word == Word::signed(word.width);
    let (mut high, mut low, mut flushed, mut nonzero) = (0u32, 0u32, 0u32, 0u32);
    let operands = first.iter().zip(second).zip(exact_nonzero);
    for (((&first, &second), &exact_nonzero), out) in operands.zip(out.iter_mut()) {
        let sum = (first + second) << common as usize;
        high += u32::from(sum > highest);
        low += u32::from(sum < lowest);
        let raw: i64 = if saturates {
            let sum = if sum > highest { highest } else { sum };
            (if sum < lowest { lowest } else { sum }).as_()
        } else if plain_wrap {
            // The conversion keeps the low 64 bits, the shifts the low WL of them.
            let low_bits: i64 = sum.as_();
            (low_bits << unused) >> unused
        } else {
            overflow.apply(sum.into(), word).0.as_()
        };
        flushed += u32::from(exact_nonzero && raw == 0);
        nonzero += u32::from(raw != 0);
        *out = T::from_i64(raw);
    }
    overflow.make_symmetric(settings.format, out);
    QuantiseCounts {
        elements: out.len() as u64,
        saturated_high: high.into(),
        saturated_low: low.into(),
        flushed_to_zero: flushed.into(),
        nonzero: nonzero.into(),
        random_bits: 0,
    }
}

#[cfg(test)]
mod tests;
