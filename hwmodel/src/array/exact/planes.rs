//! Operands split into the digits or limbs of a plan.

use super::digit_products::{ByteOperands, DigitOperands};
use super::digits::{Digits, Plan, Scheme};
use super::limb_products::LimbOperands;
use super::partial_products::{Combined, GroupLimits, WideSum};
use crate::array::MacArray;
use crate::array::operands::Operands;
use crate::blocking::{self, Panels, Sink};
use crate::cast::exact;
use crate::kernels::{self, RawInteger, SimdLevel};
use crate::parallel;
use crate::with_narrow;

/// Words split at a time by a thread.
const CHUNK: usize = 1 << 14;

/// An operand's planes: `words` of digits and `bytes` where the scheme uses them, or `limbs`.
pub(super) struct Planes<T, U, V> {
    words: Vec<T>,
    bytes: Option<U>,
    limbs: Vec<V>,
}

/// The left operand as images.
pub(super) type LeftPlanes = Planes<Vec<i16>, Vec<i8>, Vec<i8>>;
/// The right operand as panels, of bytes with the sums for [`ByteOperands::offsets`].
pub(super) type RightPlanes = Planes<Panels<i16>, (Panels<i8>, Vec<i32>), Panels<i8>>;

/// The products of a plan.
pub(super) enum WideProduct<'a> {
    Digits(DigitOperands<'a>),
    Limbs(LimbOperands<'a>),
}

impl WideProduct<'_> {
    /// [`blocking::run`], with flags for the sums that `limits` make candidates for overflow.
    pub(super) fn run<C: WideSum, K: Sink<C>>(
        self,
        limits: Option<GroupLimits<'_>>,
        column: usize,
        sink: &mut K,
    ) -> K::Total {
        match self {
            Self::Digits(products) => blocking::run(&Combined { products, limits }, column, sink),
            Self::Limbs(products) => blocking::run(&Combined { products, limits }, column, sink),
        }
    }
}

/// A word as the digits of a plane, or their sum.
#[inline(always)]
fn digit(digits: Digits, (first, second): (usize, Option<usize>), word: i32) -> i16 {
    let of = |index: usize| digits.of(word, index);
    exact::<i16>(of(first) + second.map_or(0, of))
}

impl MacArray {
    /// Each plane of the left operand as a separate image, so that a word that many patches share is
    /// split once.
    pub(super) fn left_planes(&self, operands: &Operands<'_>, plan: Plan) -> LeftPlanes {
        let simd = self.simd;
        with_narrow!(operands.left.data(), data => Planes {
            words: plan
                .planes(plan.a.count)
                .into_iter()
                .map(|plane| converted(simd, data, |x| digit(plan.a, plane, RawInteger::to_i32(x))))
                .collect(),
            bytes: plan.byte().map(|byte| converted(simd, data, |x| byte(RawInteger::to_i32(x)))),
            limbs: plan
                .limbs_of(plan.a)
                .map(|limb| converted(simd, data, |x| Plan::limb(RawInteger::to_i32(x), limb)))
                .collect(),
        })
    }

    pub(super) fn right_planes(
        &self,
        operands: &Operands<'_>,
        group: usize,
        plan: Plan,
    ) -> RightPlanes {
        let (n, k) = (operands.columns, operands.terms);
        let kernel = kernels::int16_kernel(self.simd, n);
        let bytes = kernels::int8_kernel(self.simd, n);
        with_narrow!(operands.right.data(), data => {
            let right = operands.right_of(data, group);
            Planes {
                words: plan
                    .planes(plan.b.count)
                    .into_iter()
                    .map(|plane| Panels::pack(&kernel, right, k, n, plan.block, |x| {
                        digit(plan.b, plane, RawInteger::to_i32(x))
                    }))
                    .collect(),
                bytes: bytes.zip(plan.byte()).map(|(kernel, byte)| {
                    let byte = |x| byte(RawInteger::to_i32(x));
                    let panels = Panels::pack(&kernel, right, k, n, plan.block, byte);
                    let mut offsets =
                        right.block_sums(self.simd, [k, n], plan.block, |x| byte(x).into());
                    offsets.iter_mut().for_each(|sum| *sum *= -128);
                    (panels, offsets)
                }),
                limbs: bytes.iter().flat_map(|kernel| plan.limbs_of(plan.b).map(move |limb| {
                    Panels::pack(kernel, right, k, n, plan.block, |x| {
                        Plan::limb(RawInteger::to_i32(x), limb)
                    })
                })).collect(),
            }
        })
    }

    /// One group's product of the planes.
    pub(super) fn wide_product<'a>(
        &self,
        operands: &Operands<'_>,
        group: usize,
        plan: Plan,
        left: &'a LeftPlanes,
        right: &'a RightPlanes,
    ) -> WideProduct<'a> {
        let shape = [operands.rows(), operands.columns, operands.terms];
        if plan.scheme == Scheme::Limbs
            && let Some(kernels) = kernels::limb_kernels(self.simd, operands.columns)
        {
            return WideProduct::Limbs(LimbOperands {
                plan,
                shape,
                kernels,
                left: left.limbs.iter().map(|limb| operands.patches(limb, group)).collect(),
                right: &right.limbs,
            });
        }
        let kernel = kernels::int8_kernel(self.simd, operands.columns);
        let bytes = match (kernel, &left.bytes, &right.bytes) {
            (Some(kernel), Some(left), Some((panels, offsets))) => Some(ByteOperands {
                kernel,
                left: operands.patches(left, group),
                right: panels,
                offsets,
            }),
            _ => None,
        };
        WideProduct::Digits(DigitOperands {
            plan,
            shape,
            words: kernels::int16_kernel(self.simd, operands.columns),
            left: left.words.iter().map(|plane| operands.patches(plane, group)).collect(),
            right: &right.words,
            bytes,
        })
    }
}

/// Every word converted.
fn converted<T: Copy + Sync, E: Copy + Default + Send>(
    simd: SimdLevel,
    data: &[T],
    convert: impl Fn(T) -> E + Sync + Copy,
) -> Vec<E> {
    let mut out = vec![E::default(); data.len()];
    parallel::each(data.chunks(CHUNK).zip(out.chunks_mut(CHUNK)), |(data, out)| {
        simd.run(
            #[inline(always)]
            || out.iter_mut().zip(data).for_each(|(out, &x)| *out = convert(x)),
        );
    });
    out
}
