//! The right operand of a product, packed for a tile kernel.

use super::memory::{line, line_start};
use super::right_matrix::RightMatrix;
use crate::kernels::TileKernel;
use crate::parallel;
use std::ops::Range;

/// The right operand packed for a kernel: blocks of k, in each one panel per `columns` columns with
/// `group` consecutive k of a column next to each other. Missing columns and k are zeros.
pub(crate) struct Panels<E> {
    data: Vec<E>,
    /// Where the first panel starts: at a cache line.
    offset: usize,
    k: usize,
    n: usize,
    block: usize,
    width: usize,
    /// Packed lengths in k are multiples of this.
    multiple: usize,
}

impl<E: Copy + Default + Send + Sync> Panels<E> {
    /// Packs a `[k, n]` operand; `block` is the length of a block in k, a multiple of the group.
    pub(crate) fn pack<T: Copy + Sync, S>(
        kernel: &TileKernel<E, S>,
        right: RightMatrix<'_, T>,
        k: usize,
        n: usize,
        block: usize,
        convert: impl Fn(T) -> E + Sync + Copy,
    ) -> Self {
        let TileKernel { columns: width, group, multiple, .. } = *kernel;
        debug_assert!(block.is_multiple_of(group));
        let terms =
            k / block * block.next_multiple_of(multiple) + (k % block).next_multiple_of(multiple);
        let data = vec![E::default(); terms * n.next_multiple_of(width) + line::<E>()];
        let offset = line_start(&data);
        let mut packed = Self { data, offset, k, n, block, width, multiple };
        let panels = packed.panels();
        if panels == 0 {
            return packed;
        }
        let mut rest = &mut packed.data[offset..];
        let mut pieces = Vec::new();
        for start in (0..k).step_by(block) {
            let length = block.min(k - start);
            for panel in 0..panels {
                let (piece, later) = rest.split_at_mut(length.next_multiple_of(multiple) * width);
                pieces.push((start, length, panel, piece));
                rest = later;
            }
        }
        parallel::each(pieces.into_iter(), |(start, length, panel, piece)| {
            let columns = panel * width..n.min((panel + 1) * width);
            kernel.simd.run(
                #[inline(always)]
                || {
                    pack_piece(
                        right,
                        (k, n),
                        start,
                        length,
                        columns,
                        (width, group),
                        piece,
                        convert,
                    )
                },
            );
        });
        packed
    }

    /// Number of panels.
    pub(crate) fn panels(&self) -> usize {
        self.n.div_ceil(self.width)
    }

    /// Columns, N.
    pub(crate) fn columns(&self) -> usize {
        self.n
    }

    /// Terms, K.
    pub(crate) fn terms(&self) -> usize {
        self.k
    }

    /// Terms of a block, but for the last.
    pub(crate) fn block(&self) -> usize {
        self.block
    }

    /// The blocks of k: where each starts and how long it is.
    pub(crate) fn blocks(&self) -> impl ExactSizeIterator<Item = (usize, usize)> + use<E> {
        let (k, block) = (self.k, self.block);
        (0..k).step_by(block).map(move |start| (start, block.min(k - start)))
    }

    /// Panel `panel` of the block that starts at `start`, padded to whole multiples.
    pub(crate) fn panel(&self, start: usize, panel: usize) -> &[E] {
        let length = self.block.min(self.k - start).next_multiple_of(self.multiple);
        let before = start / self.block * self.block.next_multiple_of(self.multiple);
        let at = self.offset + (before * self.panels() + panel * length) * self.width;
        &self.data[at..at + length * self.width]
    }
}

/// Packs `columns` of one block of k.
#[allow(clippy::too_many_arguments)]
#[inline(always)]
fn pack_piece<T: Copy, E>(
    right: RightMatrix<'_, T>,
    (k, n): (usize, usize),
    start: usize,
    length: usize,
    columns: Range<usize>,
    (width, group): (usize, usize),
    piece: &mut [E],
    convert: impl Fn(T) -> E + Copy,
) {
    match right {
        RightMatrix::ByN(data) => {
            for (slot, column) in columns.enumerate() {
                let source = &data[column * k + start..][..length];
                let targets = piece.chunks_exact_mut(width * group);
                for (target, source) in targets.zip(source.chunks(group)) {
                    let target = &mut target[slot * group..][..source.len()];
                    target.iter_mut().zip(source).for_each(|(out, &value)| *out = convert(value));
                }
            }
        }
        RightMatrix::ByK(data) => {
            let rows = |offset: usize| &data[(start + offset) * n..][columns.clone()];
            let whole = length / group;
            for (index, target) in piece.chunks_exact_mut(width * group).enumerate() {
                let first = index * group;
                match group {
                    2 if index < whole => {
                        let rows = rows(first).iter().zip(rows(first + 1));
                        for (out, (&a, &b)) in target.as_chunks_mut::<2>().0.iter_mut().zip(rows) {
                            *out = [convert(a), convert(b)];
                        }
                    }
                    4 if index < whole => {
                        let rows = rows(first)
                            .iter()
                            .zip(rows(first + 1))
                            .zip(rows(first + 2).iter().zip(rows(first + 3)));
                        let out = target.as_chunks_mut::<4>().0;
                        for (out, ((&a, &b), (&c, &d))) in out.iter_mut().zip(rows) {
                            *out = [convert(a), convert(b), convert(c), convert(d)];
                        }
                    }
                    _ => {
                        for offset in first..length.min(first + group) {
                            let target = target[offset - first..].iter_mut().step_by(group);
                            target.zip(rows(offset)).for_each(|(out, &x)| *out = convert(x));
                        }
                    }
                }
            }
        }
    }
}
