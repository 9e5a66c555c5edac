//! Both operands of a product with their shapes, group by group.

use super::MacReport;
use super::exact::norms::Norms;
use super::wide::is_wide;
use crate::blocking::{Patches, RightMatrix};
use crate::convolution::Convolution2d;
use crate::kernels::{RawInteger, SimdLevel};
use crate::number::tensor::FixedTensor;
use crate::parallel::{self, Done};
use crate::{with_narrow, with_raw};

/// Memory layout of the right operand.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// `[k, n]`.
    ByK,
    /// `[n, k]`.
    ByN,
}

/// A product: the left operand is an image (a matrix is an image of one pixel a row).
#[derive(Clone, Copy)]
pub(super) struct Operands<'a> {
    pub(super) left: &'a FixedTensor,
    pub(super) right: &'a FixedTensor,
    pub(super) order: Order,
    /// Shape of the left operand as an image, `[n, h, w, c]`.
    pub(super) input: [usize; 4],
    pub(super) geometry: Convolution2d,
    /// Output height and width.
    pub(super) output: [usize; 2],
    /// Columns of one group, N.
    pub(super) columns: usize,
    /// Terms of a sum, K.
    pub(super) terms: usize,
}

impl<'a> Operands<'a> {
    /// The product of two matrices.
    pub(super) fn matrices(
        left: &'a FixedTensor,
        right: &'a FixedTensor,
        order: Order,
        [m, k, n]: [usize; 3],
    ) -> Self {
        Self {
            left,
            right,
            order,
            input: [m, 1, 1, k],
            geometry: Convolution2d::square(1, 1, 0),
            output: [1, 1],
            columns: n,
            terms: k,
        }
    }

    /// Whether an operand has words that no kernel takes.
    pub(super) fn are_wide(&self) -> bool {
        is_wide(self.left) || is_wide(self.right)
    }

    /// Fractional length of a product, FLa + FLb.
    pub(super) fn product_fl(&self) -> i32 {
        self.left.format().fl() + self.right.format().fl()
    }

    /// Rows, M.
    pub(super) fn rows(&self) -> usize {
        self.input[0] * self.output[0] * self.output[1]
    }

    /// Columns of all groups together.
    pub(super) fn stride(&self) -> usize {
        self.columns * self.geometry.groups
    }

    /// The left operand of a group; `data` are the elements of [`Operands::left`].
    pub(super) fn patches<'d, T: Copy>(&self, data: &'d [T], group: usize) -> Patches<'d, T> {
        Patches::image(data, self.input, self.geometry, self.output, group)
    }

    /// The right operand of a group; `data` are the elements of [`Operands::right`].
    pub(super) fn right_of<'d, T>(&self, data: &'d [T], group: usize) -> RightMatrix<'d, T> {
        let size = self.columns * self.terms;
        let part = &data[group * size..(group + 1) * size];
        match self.order {
            Order::ByK => RightMatrix::ByK(part),
            Order::ByN => RightMatrix::ByN(part),
        }
    }

    pub(super) fn column_norms(&self, simd: SimdLevel, group: usize) -> Norms {
        with_narrow!(self.right.data(), data => Norms::of_columns(
            simd, self.right_of(data, group), self.terms, self.columns))
    }

    pub(super) fn row_norms(&self, largest: f64, group: usize) -> Norms {
        with_narrow!(self.left.data(), data => Norms::of_rows(
            &self.patches(data, group), largest, self.terms))
    }

    /// The report of a product in which no accumulator can overflow.
    pub(super) fn report(&self, simd: SimdLevel) -> MacReport {
        let groups = 0..self.geometry.groups;
        // The image is read once for all groups, of which there may be as many as channels.
        let places = with_raw!(self.left.data(), data => {
            self.patches(data, 0).place_counts(|x| x != 0)
        });
        MacReport {
            macs: (self.rows() * self.stride() * self.terms) as u64,
            nonzero_macs: groups.map(|group| self.nonzero_macs(simd, group, &places)).sum(),
            ..MacReport::default()
        }
    }

    /// MACs of a group whose two operands are not zero: Σ_k (rows with a non-zero A[·, k]) ·
    /// (columns with a non-zero B[k, ·]). `places` are the images with a non-zero at each place.
    fn nonzero_macs(&self, simd: SimdLevel, group: usize, places: &[u32]) -> u64 {
        let rows = with_raw!(self.left.data(), data => {
            self.patches(data, group).column_totals(places)
        });
        let columns = with_raw!(
            self.right.data(),
            data => self.right_of(data, group)
                .term_totals(simd, [self.terms, self.columns], |x| u32::from(x != 0))
        );
        rows.iter().zip(columns).map(|(&a, b)| a * u64::from(b)).sum()
    }

    /// Σ_k of each column; only for operands of at most 8 bits, whose sums fit i32.
    pub(super) fn column_sums(&self, simd: SimdLevel, group: usize) -> Vec<i32> {
        let shape = [self.terms, self.columns];
        with_narrow!(self.right.data(), data =>
            self.right_of(data, group).column_sums(simd, shape, RawInteger::to_i32))
    }

    /// The right operand of a group as `[k, n]` row-major, widened.
    pub(super) fn right_by_k(&self, group: usize) -> Vec<i32> {
        let (k, n) = (self.terms, self.columns);
        with_narrow!(self.right.data(), data => match self.right_of(data, group) {
            RightMatrix::ByK(data) => data.iter().map(|&x| RawInteger::to_i32(x)).collect(),
            RightMatrix::ByN(data) => {
                let mut out = vec![0; k * n];
                for (column, values) in data.chunks_exact(k.max(1)).enumerate() {
                    for (row, &x) in values.iter().enumerate() {
                        out[row * n + column] = RawInteger::to_i32(x);
                    }
                }
                out
            }
        })
    }

    /// Sums of any size, one by one.
    pub(super) fn slow_sums(&self) -> Vec<i128> {
        let (stride, n) = (self.stride(), self.columns);
        let mut c = vec![0i128; self.rows() * stride];
        for group in 0..self.geometry.groups {
            let b = self.right_by_k(group);
            with_narrow!(self.left.data(), data => {
                let a = self.patches(data, group);
                parallel::share(
                    c.chunks_mut(stride.max(1)).enumerate(),
                    || vec![0i32; self.terms],
                    |patch, (row, sums)| {
                        a.fill(row, 0, patch, 0, RawInteger::to_i32);
                        for (&a, b) in patch.iter().zip(b.chunks_exact(n.max(1))) {
                            for (sum, &b) in sums[group * n..].iter_mut().zip(b) {
                                *sum += i128::from(a) * i128::from(b);
                            }
                        }
                        Done
                    },
                );
            });
        }
        c
    }
}
