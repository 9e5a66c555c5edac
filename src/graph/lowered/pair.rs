//! Functions of two integers of 16 bits, the same for all channels: sums of quantised tensors and what follows them.

use super::unary::{LANES, Meaning};
use hwmodel::cast::{exact, low, nearest_f32};

/// The most pairs.
const MOST_PAIRS: usize = 1 << 18;

/// Limits and addends below this let floats be rounded by an addition.
const MOST: i64 = 1 << 21;
const ROUND_SINGLE: f32 = 12_582_912.0;
const ROUND_DOUBLE: f64 = 6_755_399_441_055_744.0;

/// What is computed, before limits.
#[derive(Debug, Clone, PartialEq)]
enum Rule {
    /// The nearest integer to a·left + b·right, in float32.
    Single(f32, f32),
    /// The nearest integer to (a·left + b·right) / divisor, in float64.
    Double(f64, f64, f64),
    /// The value of the pair.
    Table { lowest: [i32; 2], sizes: [usize; 2], values: Vec<i16> },
}

/// An integer of 16 bits for two such integers.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pair {
    rule: Rule,
    limits: (i32, i32),
    added: i32,
}

/// What operators give for lists of two integers.
pub(super) type Truth<'a> = dyn Fn(&[i64], &[i64]) -> Option<Vec<i64>> + 'a;

/// A function to be made.
pub(super) struct Wanted<'a> {
    /// Ranges of both, as in memory.
    pub(super) ranges: [(i64, i64); 2],
    /// What operators give for lists of both, as in memory; the results with their zero point.
    pub(super) truth: &'a Truth<'a>,
    /// What the integers in memory stand for, without zero points, and the results: a scale each.
    pub(super) scales: Option<[f64; 3]>,
    /// What is subtracted from the results in memory.
    pub(super) offset: i64,
    /// The zero point of the results.
    pub(super) zero: i64,
}

impl Wanted<'_> {
    /// The function; `None` if there are too many pairs, or results have more than 16 bits.
    pub(super) fn make(&self) -> Option<Pair> {
        let size = |(low, high): (i64, i64)| usize::try_from(high - low + 1).ok();
        let sizes = [size(self.ranges[0])?, size(self.ranges[1])?];
        let count = sizes[0].checked_mul(sizes[1]).filter(|&count| count <= MOST_PAIRS)?;
        let a = |index: usize| self.ranges[0].0 + exact::<i64>(index / sizes[1]);
        let b = |index: usize| self.ranges[1].0 + exact::<i64>(index % sizes[1]);
        let left: Vec<i64> = (0..count).map(a).collect();
        let right: Vec<i64> = (0..count).map(b).collect();
        let truth = (self.truth)(&left, &right)?;
        let (least, most) = (*truth.iter().min()?, *truth.iter().max()?);
        let values: Option<Vec<i16>> =
            truth.iter().map(|&value| i16::try_from(value - self.offset).ok()).collect();
        let values = values?;
        let limits = (least - self.zero, most - self.zero);
        let added = self.zero - self.offset;
        let small = |value: i64| value.abs() < MOST;
        if let Some([from, other, to]) = self.scales
            && small(limits.0)
            && small(limits.1)
            && small(added)
        {
            let limits = (low(limits.0), low(limits.1));
            let rules = [
                Rule::Single(nearest_f32(from / to), nearest_f32(other / to)),
                Rule::Double(from / to, other / to, 1.0),
                Rule::Double(from, other, to),
            ];
            let mut pairs = rules.into_iter().map(|rule| Pair { rule, limits, added: low(added) });
            let short = |values: &[i64]| values.iter().map(|&value| low(value)).collect();
            let (left, right): (Vec<i16>, Vec<i16>) = (short(&left), short(&right));
            let mut found = vec![0; count];
            if let Some(pair) = pairs.find(|pair| {
                pair.each(&left, &right, &mut found);
                found == values
            }) {
                return Some(pair);
            }
        }
        let lowest = [low(self.ranges[0].0), low(self.ranges[1].0)];
        let rule = Rule::Table { lowest, sizes, values };
        Some(Pair { rule, limits: (0, 0), added: 0 })
    }
}

impl Pair {
    /// The integer nearest to `y` between the limits.
    #[inline(always)]
    fn limited(&self, y: f64) -> i16 {
        let (least, most) = (f64::from(self.limits.0), f64::from(self.limits.1));
        let y = if y < least { least } else { y };
        let y = if y > most { most } else { y };
        let bits: i32 = low((y + ROUND_DOUBLE).to_bits());
        low(bits.wrapping_add(self.added))
    }

    /// The results for pairs of elements.
    #[inline(always)]
    pub(super) fn each(&self, a: &[i16], b: &[i16], out: &mut [i16]) {
        match &self.rule {
            &Rule::Single(left, right) => {
                let (least, most) = (self.limits.0 as f32, self.limits.1 as f32);
                let added = self.added.wrapping_sub(low(ROUND_SINGLE.to_bits()));
                blocks(
                    a,
                    b,
                    out,
                    #[inline(always)]
                    |a, b| {
                        let y = f32::from(a) * left + f32::from(b) * right;
                        let y = if y < least { least } else { y };
                        let y = if y > most { most } else { y };
                        let bits: i32 = low((y + ROUND_SINGLE).to_bits());
                        low(bits.wrapping_add(added))
                    },
                );
            }
            &Rule::Double(left, right, divisor) if divisor.to_bits() == 1f64.to_bits() => blocks(
                a,
                b,
                out,
                #[inline(always)]
                |a, b| self.limited(f64::from(a) * left + f64::from(b) * right),
            ),
            &Rule::Double(left, right, divisor) => blocks(
                a,
                b,
                out,
                #[inline(always)]
                |a, b| self.limited((f64::from(a) * left + f64::from(b) * right) / divisor),
            ),
            Rule::Table { lowest, sizes, values } => {
                let place = |x: i16, axis: usize| {
                    let place = usize::try_from(i32::from(x) - lowest[axis]).unwrap_or(0);
                    place.min(sizes[axis] - 1)
                };
                for ((&a, &b), out) in a.iter().zip(b).zip(out) {
                    *out = values[place(a, 0) * sizes[1] + place(b, 1)];
                }
            }
        }
    }
}

/// Blocks of a whole number of vectors, and what is left.
#[inline(always)]
fn blocks(a: &[i16], b: &[i16], out: &mut [i16], of: impl Fn(i16, i16) -> i16) {
    let (a, a_rest) = a.as_chunks::<LANES>();
    let (b, b_rest) = b.as_chunks::<LANES>();
    let (out, out_rest) = out.as_chunks_mut::<LANES>();
    for ((a, b), out) in a.iter().zip(b).zip(out) {
        for lane in 0..LANES {
            out[lane] = of(a[lane], b[lane]);
        }
    }
    for ((&a, &b), out) in a_rest.iter().zip(b_rest).zip(out_rest) {
        *out = of(a, b);
    }
}

/// The scales of two operands and a result, if each has one.
pub(super) fn scales(operands: [&Meaning; 2], result: &Meaning) -> Option<[f64; 3]> {
    let single = |meaning: &Meaning| match meaning.scales[..] {
        [scale] => Some(scale),
        _ => None,
    };
    Some([single(operands[0])?, single(operands[1])?, single(result)?])
}
