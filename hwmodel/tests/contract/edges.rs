//! Sums exactly at the edges of accumulators, and at those of the numbers that the simulation computes with:
//! float32's 24 bits, float64's 53, and integers of 32 and 64.

use crate::mac::{Circuit, Expected, product};
use hwmodel::array::MacArray;
use hwmodel::array::width;
use hwmodel::{Accumulator, AccumulatorWidth, BitWidth, FixedTensor, Format, Overflow, SimdLevel};

const BITS: [u32; 21] =
    [2, 8, 15, 16, 17, 23, 24, 25, 26, 31, 32, 33, 34, 52, 53, 54, 55, 56, 62, 63, 64];
/// Sums of more terms are left out.
const MOST_TERMS: usize = 600;

/// Words of `wl` bits whose products add up to `target`, every prefix nearer to it than the one before.
fn factors(target: i128, wl: u32) -> Option<Vec<(i32, i32)>> {
    let format = Format::new(wl, 0).unwrap();
    let (least, most) = (i128::from(format.min_raw()), i128::from(format.max_raw()));
    let mut rest = target;
    let mut factors = Vec::new();
    while rest != 0 {
        if factors.len() == MOST_TERMS || wl == 1 {
            return None;
        }
        // As large a factor as the rest has, times as much of the rest as a word holds.
        let a = rest.abs().min(if rest > 0 { most } else { -least });
        let a = if rest > 0 { a } else { -a };
        let b = (rest / a).min(most);
        factors.push((a as i32, b as i32));
        rest -= a * b;
    }
    Some(factors)
}

/// Words whose products are one term after another, a row for each target.
struct Rows {
    left: Vec<i32>,
    right: Vec<i32>,
    rows: usize,
    terms: usize,
}

impl Rows {
    /// Rows of zeros but for the factors of one target each.
    fn new(targets: &[Vec<(i32, i32)>]) -> Self {
        let terms = targets.iter().map(Vec::len).sum();
        let mut left = vec![0; targets.len() * terms];
        let mut right = Vec::new();
        for (row, factors) in targets.iter().enumerate() {
            for &(a, b) in factors {
                left[row * terms + right.len()] = a;
                right.push(b);
            }
        }
        Self { left, right, rows: targets.len(), terms }
    }

    fn check(&self, wl: u32, accumulator: Accumulator) {
        let format = Format::new(wl, 0).unwrap();
        let tensor = |shape: &[usize], raw: &[i32]| {
            FixedTensor::from_raw(shape, format, raw).expect("in range")
        };
        // Two columns: the factors, and their sums from the other end.
        let right: Vec<i32> = self.right.iter().chain(self.right.iter().rev()).copied().collect();
        let (a, w) =
            (tensor(&[self.rows, self.terms], &self.left), tensor(&[2, self.terms], &right));
        let shape = (self.rows, self.terms, 2);
        let expected: Expected = product(
            shape,
            &Circuit { accumulator, fl: 0, bias: None },
            |row, term| self.left[row * self.terms + term],
            |term, column| right[column * self.terms + term],
        );
        for simd in SimdLevel::testable() {
            let found = MacArray { simd, accumulator }.linear(&a, &w).expect("shapes fit");
            expected.check(&found, &format!("{wl} bits, {accumulator:?}, {simd}"));
            let largest = expected.sums.iter().map(|sum| sum.unsigned_abs()).max();
            assert!(largest <= Some(found.bound()), "bound, {wl} bits, {accumulator:?}");
        }
    }
}

#[test]
fn sums_at_the_edges_of_accumulators() {
    let mut checked = 0;
    for bits in BITS.map(|bits| BitWidth::new(bits).unwrap()) {
        let (least, most) = (bits.min(), bits.max());
        let targets = [most - 1, most, most + 1, least + 1, least, least - 1];
        for wl in [2, 4, 8, 9, 12, 16, 17, 24, 25, 32] {
            let Some(factors) = targets.map(|target| factors(target, wl)).into_iter().collect()
            else {
                continue;
            };
            let rows = Rows::new(&Vec::from_iter::<Vec<_>>(factors));
            for overflow in [Overflow::Wrap, Overflow::Saturate] {
                rows.check(wl, Accumulator::new(AccumulatorWidth::Bits(bits), overflow));
                checked += 1;
            }
            rows.check(wl, Accumulator::default());
        }
    }
    assert!(checked > 200, "{checked} cases");
}

#[test]
fn a_prefix_beyond_the_edge_whose_sum_is_inside() {
    for bits in BITS.map(|bits| BitWidth::new(bits).unwrap()) {
        for wl in [4, 8, 16, 25, 32] {
            for target in [bits.max() + 1, bits.min() - 1] {
                let Some(mut beyond) = factors(target, wl) else { continue };
                let back = if target > 0 { (-1, 1) } else { (1, 1) };
                beyond.extend([back; 2]);
                let rows = Rows::new(&[beyond]);
                for overflow in [Overflow::Wrap, Overflow::Saturate] {
                    let width = AccumulatorWidth::Bits(bits);
                    rows.check(wl, Accumulator::new(width, overflow));
                }
            }
        }
    }
}

#[test]
fn the_width_that_suffices_is_exact_at_the_edges() {
    let mut checked = 0;
    for bits in BITS.map(|bits| BitWidth::new(bits).unwrap()) {
        for wl in [8, 16, 32] {
            for (target, needed) in [
                (bits.max(), bits.get()),
                (bits.max() + 1, bits.get() + 1),
                (bits.min(), bits.get()),
                (bits.min() - 1, bits.get() + 1),
            ] {
                let Some(factors) = factors(target, wl) else { continue };
                let terms = factors.len();
                let (a, b): (Vec<i32>, Vec<i32>) = factors.into_iter().unzip();
                let format = Format::new(wl, 0).unwrap();
                let tensor = |raw: &[i32]| {
                    FixedTensor::from_raw(&[1, 1, 1, terms], format, raw).expect("in range")
                };
                let geometry = hwmodel::array::Convolution2d::square(1, 1, 0);
                let found =
                    width::on_data(SimdLevel::best(), &tensor(&a), &tensor(&b), None, geometry);
                let needed = (needed <= 64).then_some(needed);
                assert_eq!(found, Ok(needed), "{target} in words of {wl} bits");
                checked += 1;
            }
        }
    }
    assert!(checked > 100, "{checked} cases");
}
