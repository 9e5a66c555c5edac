//! Matrix products of any ranks.

use super::convolve::linear_narrow;
use super::sums::{self, Sums};
use super::words::Words;
use crate::graph::axes;
use crate::graph::layout::transpose;
use crate::graph::{Call, Problem};
use hwmodel::SimdLevel;
use hwmodel::affine::AffineError;
use rayon::prelude::*;

/// Sizes of a product of `[..., m, k]` and `[..., k, n]` with broadcasting of the axes before.
pub(super) struct MatrixShape {
    pub(super) m: usize,
    pub(super) k: usize,
    pub(super) n: usize,
    /// For each product the indices of its operands.
    batches: Vec<(usize, usize)>,
    /// Shape of the result.
    pub(super) output: Vec<usize>,
}

impl MatrixShape {
    /// Of operands of these shapes; a vector is a row on the left and a column on the right.
    ///
    /// # Errors
    /// If they do not fit.
    pub(super) fn new(left: &[usize], right: &[usize]) -> Result<Self, Problem> {
        let wrong = || {
            Problem::Shape(format!("matrices of shape {left:?} and {right:?} cannot be multiplied"))
        };
        if left.is_empty() || right.is_empty() {
            return Err(wrong());
        }
        let (is_row, is_column) = (left.len() == 1, right.len() == 1);
        let left = if is_row { vec![1, left[0]] } else { left.to_vec() };
        let right = if is_column { vec![right[0], 1] } else { right.to_vec() };
        let (of_left, &[m, k]) = left.split_last_chunk().ok_or_else(wrong)?;
        let (of_right, &[inner, n]) = right.split_last_chunk().ok_or_else(wrong)?;
        if k != inner {
            return Err(wrong());
        }
        let batch = axes::broadcast(&[of_left, of_right])?;
        let mut output = batch.clone();
        output.extend((!is_row).then_some(m));
        output.extend((!is_column).then_some(n));
        axes::elements(&output)?;
        let (m, of_left, batch) = if of_right.iter().all(|&size| size == 1) {
            // One right matrix: the rows of all left ones.
            let rows = batch.iter().product::<usize>() * m;
            (rows, vec![], vec![])
        } else {
            (m, of_left.to_vec(), batch)
        };
        let of_right = if batch.is_empty() { &[][..] } else { of_right };
        let lefts = axes::broadcast_index(&of_left, &batch);
        let batches = lefts.into_iter().zip(axes::broadcast_index(of_right, &batch)).collect();
        Ok(Self { m, k, n, batches, output })
    }

    /// The axis of the columns in the result; its rank if there is none.
    pub(super) fn column_axis(&self, right: &[usize]) -> usize {
        if right.len() == 1 { self.output.len() } else { self.output.len() - 1 }
    }

    /// Operands of product `index`.
    fn parts<'a, T>(&self, index: usize, left: &'a [T], right: &'a [T]) -> (&'a [T], &'a [T]) {
        let (of_left, of_right) = self.batches[index];
        let (a, b) = (self.m * self.k, self.k * self.n);
        (&left[of_left * a..][..a], &right[of_right * b..][..b])
    }
}

/// Exact sums of integers, on the array.
///
/// # Errors
/// If words need more than 32 bits or sums more than 64.
pub(super) fn integers(
    call: &mut Call<'_>,
    shape: &MatrixShape,
    x: &Words<'_>,
    w: &Words<'_>,
) -> Result<Sums, Problem> {
    let range = sums::range(call, shape.k, x.range, w.range);
    let array = call.arithmetic.array;
    let mut values = Vec::with_capacity(shape.batches.len() * shape.m * shape.n);
    for index in 0..shape.batches.len() {
        let (left, right) = shape.parts(index, &x.values, &w.values);
        let left = x.fixed(&[shape.m, shape.k], left)?;
        let right = w.fixed(&[shape.k, shape.n], right)?;
        let product = array.matmul(&left, &right).map_err(AffineError::from)?;
        values.extend(sums::in_64_bits(sums::counted(call, product)?)?);
    }
    Ok(Sums { values, range })
}

/// Float32 numbers, in the float unit's order of additions.
///
/// # Errors
/// If the shapes do not fit.
pub(super) fn narrow(
    simd: SimdLevel,
    shape: &MatrixShape,
    x: &[f32],
    w: &[f32],
) -> Result<Vec<f32>, Problem> {
    let (m, k, n) = (shape.m, shape.k, shape.n);
    let mut values = Vec::with_capacity(shape.batches.len() * m * n);
    let mut columns = vec![0.0; k * n];
    for index in 0..shape.batches.len() {
        let (left, right) = shape.parts(index, x, w);
        transpose(right, [k, n], &mut columns);
        values.extend(linear_narrow(simd, [m, k, n], left, &columns)?);
    }
    Ok(values)
}

/// Float64 numbers: the terms of a sum are added in ascending order.
pub(super) fn wide(simd: SimdLevel, shape: &MatrixShape, x: &[f64], w: &[f64]) -> Vec<f64> {
    let (m, k, n) = (shape.m, shape.k, shape.n);
    let mut values = vec![0.0; shape.batches.len() * m * n];
    if values.is_empty() {
        return values;
    }
    values.par_chunks_mut(n).enumerate().for_each(|(row, sums)| {
        let (left, right) = shape.parts(row / m, x, w);
        let left = &left[row % m * k..][..k];
        simd.run(
            #[inline(always)]
            || {
                for (&x, row) in left.iter().zip(right.chunks_exact(n)) {
                    sums.iter_mut().zip(row).for_each(|(sum, &w)| *sum += x * w);
                }
            },
        );
    });
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matrices_of_any_ranks() {
        let output =
            |left: &[usize], right: &[usize]| MatrixShape::new(left, right).map(|s| s.output);
        assert_eq!(output(&[2, 3], &[3, 4]).unwrap(), [2, 4]);
        assert_eq!(output(&[3], &[3]).unwrap(), [0usize; 0]);
        assert_eq!(output(&[3], &[5, 3, 4]).unwrap(), [5, 4]);
        assert_eq!(output(&[5, 1, 2, 3], &[6, 3, 4]).unwrap(), [5, 6, 2, 4]);
        assert_eq!(output(&[7, 2, 3], &[3]).unwrap(), [7, 2]);
        assert!(output(&[2, 3], &[4, 3]).is_err());
        assert!(output(&[], &[3]).is_err());
        let shape = MatrixShape::new(&[2, 1, 2], &[2, 2, 1]).unwrap();
        let simd = SimdLevel::PORTABLE;
        let (x, w) = ([1.0, 2.0, 3.0, 4.0], [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(wide(simd, &shape, &x, &w), [21.0, 4300.0]);
        let (x, w) = (x.map(|x| x as f32), w.map(|w| w as f32));
        assert_eq!(narrow(simd, &shape, &x, &w).unwrap(), [21.0, 4300.0]);
    }
}
