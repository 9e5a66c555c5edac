//! The exact sums of a product, in each container by the fastest kernel.

use super::depthwise::DepthwiseProduct;
use super::digits::{Magnitude, Multipliers, Plan};
use super::partial_products::{CheckpointLimits, GroupLimits, HIGH, WideSum};
use super::proof::Proof;
use crate::array::MacArray;
use crate::array::operands::Operands;
use crate::blocking::{self, Panels, Sink, Store, TileProduct};
use crate::cast::{exact, low, toward_zero};
use crate::kernels::{self, RawInteger, TileKernel};
use crate::number::tensor::{FixedTensor, RawData};
use crate::parallel;
use crate::with_narrow;
use std::borrow::Cow;

/// Length of a block of k by kernel, in elements: the packed panels of a block stay in the cache.
const BLOCK_I8: usize = 1024;
const BLOCK_I16: usize = 512;
/// The same for a tile unit: a tile of 32 columns and one of 32 rows are 16 KiB each, which the first cache of
/// 48 KiB holds with their sums, so that the columns stay there while rows come from the second.
const BLOCK_TILES: usize = 512;
/// Sums that a thread widens at a time.
const CHUNK: usize = 1 << 14;

/// How large the words of both operands are.
fn magnitudes(operands: &Operands<'_>, proof: &Proof) -> [Magnitude; 2] {
    [(operands.left, 0), (operands.right, 1)].map(|(tensor, side)| {
        Magnitude::new(toward_zero::<u64>(proof.largest[side]), tensor.format().signed_bits())
    })
}

/// Operands whose words are bytes, with a sign or without, and the kernel for them.
struct Bytes<'a> {
    kernel: TileKernel<i8, i32>,
    left: Cow<'a, [i8]>,
    right: Cow<'a, [i8]>,
}

/// Whether the words of a tensor have at most 8 bits, and if so, whether their bytes have a sign.
fn signed_bytes(tensor: &FixedTensor) -> Option<bool> {
    match tensor.data() {
        RawData::I8(_) => Some(true),
        // Their container has a sign bit that they do not need.
        RawData::I16(_) if tensor.format().wl() <= 8 => Some(false),
        _ => None,
    }
}

/// The bytes of a tensor that has [`signed_bytes`].
fn bytes_of(tensor: &FixedTensor) -> Cow<'_, [i8]> {
    match tensor.data() {
        RawData::I8(data) => data.into(),
        data => with_narrow!(data, data => {
            let mut bytes = vec![0; data.len()];
            parallel::each(bytes.chunks_mut(CHUNK).zip(data.chunks(CHUNK)), |(bytes, data)| {
                for (byte, &word) in bytes.iter_mut().zip(data) {
                    *byte = low::<i8>(RawInteger::to_i32(word));
                }
            });
            bytes.into()
        }),
    }
}

/// Every sum of a product, row-major, from what `fill` stores.
pub(in crate::array) fn stored<S: Copy + Default>(
    operands: &Operands<'_>,
    fill: impl FnOnce(&mut Store<'_, S>),
) -> Vec<S> {
    let stride = operands.stride();
    let mut sums = vec![S::default(); operands.rows() * stride];
    fill(&mut Store { sums: &mut sums, stride, flags: None });
    sums
}

/// Runs `product` for one group after the other.
fn by_groups<S, K: Sink<S>>(
    operands: &Operands<'_>,
    sink: &mut K,
    mut product: impl FnMut(usize, usize, &mut K) -> K::Total,
) -> K::Total {
    (0..operands.geometry.groups).fold(K::Total::default(), |total, group| {
        total + product(group, group * operands.columns, sink)
    })
}

impl MacArray {
    /// The 8-bit form of a product, where words and instructions allow it.
    fn bytes<'a>(&self, operands: &Operands<'a>) -> Option<Bytes<'a>> {
        let (left, right) = (operands.left, operands.right);
        let signs = [signed_bytes(left)?, signed_bytes(right)?];
        let kernel = kernels::byte_kernel(self.simd, operands.columns, signs)?;
        Some(Bytes { kernel, left: bytes_of(left), right: bytes_of(right) })
    }

    /// The sums of one group of bytes. Where A is stored with 128 added, sums start at -128·Σ_k B[k, n].
    fn byte_sums<K: Sink<i32>>(
        &self,
        operands: &Operands<'_>,
        Bytes { kernel, left, right }: &Bytes<'_>,
        (group, column): (usize, usize),
        sink: &mut K,
    ) -> K::Total {
        let (n, k) = (operands.columns, operands.terms);
        let block = if kernels::has_tiles(self.simd) { BLOCK_TILES } else { BLOCK_I8 };
        let panels = Panels::pack(kernel, operands.right_of(right, group), k, n, block, |x: i8| x);
        let (left, right) = (&operands.patches(left, group), &panels);
        if kernel.offset_a {
            let offsets = operands.column_sums(self.simd, group);
            let offsets: Vec<i32> = offsets.iter().map(|sum| sum.wrapping_mul(-128)).collect();
            let (zero, convert) = (i8::MIN, |x: i8| x ^ i8::MIN);
            let initial = Some(&offsets[..]);
            let product = TileProduct { kernel, left, zero, convert, right, initial };
            blocking::run(&product, column, sink)
        } else {
            let convert = |x| x;
            let product = TileProduct { kernel, left, zero: 0, convert, right, initial: None };
            blocking::run(&product, column, sink)
        }
    }

    fn words(&self, operands: &Operands<'_>, group: usize) -> (TileKernel<i16, i32>, Panels<i16>) {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int16_kernel(self.simd, n);
        let panels = with_narrow!(operands.right.data(), data => Panels::pack(
            &kernel, operands.right_of(data, group), k, n, BLOCK_I16,
            |x| exact::<i16>(RawInteger::to_i32(x))));
        (kernel, panels)
    }

    /// Whether a product whose sums fit i32 is faster in limbs than in words of 16 bits, which are the
    /// alternative to bytes.
    fn prefers_limbs(&self, operands: &Operands<'_>) -> bool {
        let bytes = |tensor: &FixedTensor| signed_bytes(tensor).is_some();
        kernels::has_tiles(self.simd) && !(bytes(operands.left) && bytes(operands.right))
    }

    /// Sums that fit i32, of words that fit 16 bits; a sink that uses whole rows gets them only of products whose
    /// [`Operands::rows_are_complete`].
    pub(in crate::array) fn sums_i32<K: Sink<i32>>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        sink: &mut K,
    ) -> K::Total {
        if operands.is_depthwise() {
            return blocking::run(&DepthwiseProduct::new(self.simd, operands), 0, sink);
        }
        self.tiled_sums_i32(operands, proof, sink)
    }

    /// [`MacArray::sums_i32`] by tile kernels, group by group.
    pub(super) fn tiled_sums_i32<K: Sink<i32>>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        sink: &mut K,
    ) -> K::Total {
        if self.prefers_limbs(operands) {
            return self.wrapping_sums(operands, proof, sink);
        }
        if let Some(bytes) = self.bytes(operands) {
            return by_groups(operands, sink, |group, column, sink| {
                self.byte_sums(operands, &bytes, (group, column), sink)
            });
        }
        by_groups(operands, sink, |group, column, sink| {
            let (kernel, panels) = self.words(operands, group);
            with_narrow!(operands.left.data(), data => blocking::run(&TileProduct {
                kernel: &kernel,
                left: &operands.patches(data, group),
                zero: 0,
                convert: |x| exact::<i16>(RawInteger::to_i32(x)),
                right: &panels,
                initial: None,
            }, column, sink))
        })
    }

    /// Sums modulo 2^64, or 2^32 for `C` = i32, of products whose [`Operands::rows_are_complete`] if the sink uses whole rows.
    pub(in crate::array) fn sums_i64<K: Sink<i64>>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        sink: &mut K,
    ) -> K::Total {
        if operands.is_depthwise() {
            return blocking::run(&DepthwiseProduct::new(self.simd, operands), 0, sink);
        }
        self.wrapping_sums(operands, proof, sink)
    }

    /// Sums modulo 2^64, or 2^32 for `C` = i32, by tile kernels, group by group.
    pub(in crate::array) fn wrapping_sums<C: WideSum, K: Sink<C>>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        sink: &mut K,
    ) -> K::Total {
        self.wide_sums(operands, self.plan(operands, proof), None, sink)
    }

    /// Sums that fit `C`, with a flag for every output that `limits` make a candidate for overflow after any block of
    /// `block` terms.
    pub(in crate::array) fn checkpointed_sums<C: WideSum>(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
        block: usize,
        limits: &CheckpointLimits,
    ) -> (Vec<C>, Vec<bool>) {
        let plan = Plan { block, ..self.plan(operands, proof) };
        let mut flags = vec![false; operands.rows() * operands.stride()];
        let sums = stored(operands, |store| {
            let Store { sums, stride, .. } = store;
            let mut store = Store { sums, stride: *stride, flags: Some(&mut flags) };
            self.wide_sums(operands, plan, Some(limits), &mut store);
        });
        (sums, flags)
    }

    /// Exact sums beyond 64 bits.
    pub(in crate::array) fn sums_i128(&self, operands: &Operands<'_>, proof: &Proof) -> Vec<i128> {
        if operands.terms >= 1 << 16 {
            return operands.slow_sums();
        }
        let halves: Vec<[i64; 2]> = stored(operands, |store| {
            self.wrapping_sums(operands, proof, store);
        });
        let mut sums = vec![0i128; halves.len()];
        parallel::each(sums.chunks_mut(CHUNK).zip(halves.chunks(CHUNK)), |(sums, halves)| {
            for (sum, &[low, high]) in sums.iter_mut().zip(halves) {
                *sum = i128::from(low) + (i128::from(high) << HIGH);
            }
        });
        sums
    }

    /// Sums of the products of digits or limbs.
    fn wide_sums<C: WideSum, K: Sink<C>>(
        &self,
        operands: &Operands<'_>,
        plan: Plan,
        limits: Option<&CheckpointLimits>,
        sink: &mut K,
    ) -> K::Total {
        let left = self.left_planes(operands, plan);
        by_groups(operands, sink, |group, column, sink| {
            let right = self.right_planes(operands, group, plan);
            let limits = limits.map(|limits| GroupLimits {
                limit: limits.limit,
                rows: &limits.rows[group * operands.rows()..][..operands.rows()],
                columns: &limits.columns[column..][..operands.columns],
            });
            self.wide_product(operands, group, plan, &left, &right).run(limits, column, sink)
        })
    }

    fn plan(&self, operands: &Operands<'_>, proof: &Proof) -> Plan {
        let [left, right] = magnitudes(operands, proof);
        Plan::new(left, right, proof.bound, Multipliers::of(self.simd))
    }

    /// The longest block of k that [`MacArray::checkpointed_sums`] can have at any SIMD level.
    pub(in crate::array) fn longest_checkpoint(
        &self,
        operands: &Operands<'_>,
        proof: &Proof,
    ) -> usize {
        let [left, right] = magnitudes(operands, proof);
        use Multipliers::{Tiles, Words, WordsAndBytes};
        [Words, WordsAndBytes, Tiles]
            .map(|multipliers| Plan::new(left, right, proof.bound, multipliers).block)
            .into_iter()
            .fold(usize::MAX, usize::min)
    }
}
