//! A saturating sum that continues in the next fold of the array.

use crate::inputs::Inputs;
use crate::mac::{Circuit, product};
use crate::reference;
use hwmodel::array::MacArray;
use hwmodel::{Accumulator, AccumulatorWidth, FixedTensor, Format, Overflow, SimdLevel};

const SHAPE: (usize, usize, usize) = (24, 64, 24);
/// Rows of the array, so that a sum takes four folds.
const ROWS: usize = 16;
const ACC: u32 = 16;

/// The partial sum of the last fold enters the column at the top and is carried on, so folds do not show. An
/// adder below the column, which would start every fold from zero, gives other results.
#[test]
fn a_saturating_sum_is_carried_from_fold_to_fold() {
    let (m, k, n) = SHAPE;
    let mut inputs = Inputs::new(7);
    let a: Vec<i32> = (0..m * k).map(|_| inputs.raw(8)).collect();
    let b: Vec<i32> = (0..k * n).map(|_| inputs.raw(8)).collect();
    let accumulator = Accumulator::new(AccumulatorWidth::bits(ACC).unwrap(), Overflow::Saturate);
    let circuit = Circuit { accumulator, fl: 0, bias: None };
    let carried = product(SHAPE, &circuit, |i, j| a[i * k + j], |i, j| b[i * n + j]);

    let policy = (Some(ACC), Overflow::Saturate);
    let added_below = |row: usize, column: usize| {
        let mut sum = 0;
        for fold in (0..k).step_by(ROWS) {
            let mut part = 0;
            for term in fold..fold + ROWS {
                let product = i128::from(a[row * k + term]) * i128::from(b[term * n + column]);
                reference::add(&mut part, product, policy, &mut 0);
            }
            reference::add(&mut sum, part, policy, &mut 0);
        }
        sum
    };
    let format = Format::new(8, 0).unwrap();
    let x = FixedTensor::from_raw(&[m, k], format, &a).unwrap();
    let w = FixedTensor::from_raw(&[k, n], format, &b).unwrap();
    for simd in SimdLevel::testable() {
        let found = MacArray { simd, accumulator }.matmul(&x, &w).unwrap();
        carried.check(&found, "carried");
    }
    let differ = (0..m * n).filter(|i| added_below(i / n, i % n) != carried.sums[*i]).count();
    assert!(differ > m * n / 4, "{differ} of {} outputs differ", m * n);
}
