//! Block sizes, and buffers for packed operands, aligned to cache lines.

/// Rows of a block are a multiple of this, which the tile of every vector kernel divides.
pub(crate) const ROW_STEP: usize = 48;
/// Bytes of the left operand that a task packs at a time for a tile unit: with the panels of those terms and
/// the sums they stay in the second-level cache.
pub(crate) const PACKED_BYTES: usize = 512 << 10;
/// Bytes of a cache line.
const LINE: usize = 64;

/// Rows of a block, at most `most`, of a product of `m` rows by tiles of `tile` rows.
pub(crate) fn block_rows(m: usize, tile: usize, most: usize) -> usize {
    let step = if ROW_STEP.is_multiple_of(tile) { ROW_STEP } else { tile };
    let part = m.div_ceil(4 * rayon::current_num_threads());
    part.next_multiple_of(step).clamp(step, (most / step * step).max(step))
}

/// Grows `memory` to `length` elements from the start of a cache line on; returns the first of them.
pub(crate) fn aligned<E: Copy>(memory: &mut Vec<E>, length: usize, zero: E) -> usize {
    let needed = length + line::<E>();
    if memory.len() < needed {
        memory.resize(needed, zero);
    }
    line_start(memory)
}

/// The first element at the start of a cache line.
pub(crate) fn line_start<E>(memory: &[E]) -> usize {
    memory.as_ptr().align_offset(LINE).min(line::<E>())
}

/// Elements of a cache line.
pub(super) const fn line<E>() -> usize {
    LINE / size_of::<E>()
}

/// Distance of packed rows of `length` elements: an odd number of cache lines, since the rows of a tile at a power of two
/// apart would share few sets of the cache and cost half the rate.
pub(crate) fn row_stride<E>(length: usize) -> usize {
    let line = line::<E>();
    let lines = length.div_ceil(line);
    (lines + 1 - lines % 2) * line
}
