//! How exact sums of wide words are computed: in digits of at most 16 bits, over blocks of k short enough
//! for sums of 32 bits.
//!
//! A word is Σ_i digit_i · 2^(width·i) with signed digits. Products of digits are summed in 32 bits; after
//! each block of k the sums are added, shifted, to 64-bit ones. Two operands of two or three digits take
//! three or six products instead of four or nine (Karatsuba and Ofman 1962), and words of 13 to 16 bits a
//! product modulo 2^32 and one of bytes that tells which multiple of 2^32 is missing. A tile unit, whose
//! bytes may lack a sign, takes the bytes of two's complement words as they are. The choice
//! depends only on the magnitudes of the operands and the kernels available.

use crate::cast::{exact, index, low};
use crate::kernels::{self, SimdLevel};
use std::ops::Range;

/// Magnitude and width of the words of an operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Magnitude {
    /// The largest magnitude.
    pub(super) largest: u64,
    /// Bits of a two's complement word that holds all of them.
    pub(super) bits: u32,
}

impl Magnitude {
    /// Words of `wl` bits with magnitudes up to `largest`.
    pub(super) fn new(largest: u64, wl: u32) -> Self {
        Self { largest, bits: (65 - largest.leading_zeros()).min(wl) }
    }
}

/// Signed digits of a word: `count` of them, all but the highest `width` bits wide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) count: usize,
    pub(super) width: u32,
}

impl Digits {
    /// `count` digits of equal width.
    fn new(count: usize, words: Magnitude) -> Self {
        Self { count, width: words.bits.div_ceil(exact::<u32>(count)) }
    }

    /// Digit `index` of `word`.
    #[inline(always)]
    pub(super) fn of(self, word: i32, index: usize) -> i32 {
        let shift = self.width * exact::<u32>(index);
        // Σ_j<index 2^(width-1)·2^(width·j) rounds the lower digits to the nearest. Without its lowest
        // bits both fit 31 bits, and where it has any, these only carry if the word's set the next one.
        let mut half = 0i32;
        for lower in 0..index {
            half += (1i32 << self.width >> 1) << (self.width * exact::<u32>(lower));
        }
        let rest = match index {
            0 => word,
            _ => ((word >> 1) + (half >> 1) + (word & half & 1)) >> (shift - 1),
        };
        if index + 1 == self.count {
            return rest;
        }
        let unused = 32 - self.width;
        (rest << unused) >> unused
    }

    /// The largest magnitude of a digit.
    fn largest(self, word: u64) -> u64 {
        if self.count == 1 {
            return word;
        }
        let top = (word >> (self.width * (exact::<u32>(self.count) - 1))) + 1;
        top.max(1 << (self.width - 1))
    }
}

/// Scheme: which parts of the words are multiplied, and how the partial products add up to the sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Each digit of A with each of B.
    Pairs,
    /// Digits of equal index with each other, and sums of two digits with each other: a_i·b_j + a_j·b_i is
    /// (a_i + a_j)·(b_i + b_j) - a_i·b_i - a_j·b_j.
    Karatsuba,
    /// Words of 16 bits modulo 2^32, and bytes ≈ word / [`Scheme::BYTE`].
    Residue,
    /// Whole words of 8 bits (`vpdpbusd`).
    Bytes,
    /// Each byte of A with each of B, the highest with their sign, the lower ones without. Signed digits
    /// would need a carry, and one digit more for words above 0x7f7f, but save nothing: the four products of
    /// signed and unsigned bytes take equally long.
    Limbs,
}

/// Element types that a SIMD level's kernels multiply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Multipliers {
    /// Words of 16 bits (`vpmaddwd`).
    Words,
    /// Words of 16 bits and, twice as fast, bytes (`vpdpbusd`).
    WordsAndBytes,
    /// Tiles of bytes with and without sign (AMX-INT8).
    Tiles,
}

impl Multipliers {
    /// The multipliers of a level.
    pub(super) fn of(simd: SimdLevel) -> Self {
        if kernels::has_tiles(simd) {
            Self::Tiles
        } else if kernels::int8_kernel(simd, 1).is_some() {
            Self::WordsAndBytes
        } else {
            Self::Words
        }
    }
}

impl Scheme {
    /// What a step of a byte stands for. For a = BYTE·h + d with the h of [`Scheme::byte`], |h| ≤ 127 and
    /// |d| ≤ [`Scheme::REST`].
    pub(super) const BYTE: i32 = 258;
    const REST: i32 = 131;
    /// |a·b - BYTE²·h·h'| = |BYTE·(h·d' + h'·d) + d·d'| is at most this.
    const ERROR: u64 = (2 * Self::BYTE * 127 * Self::REST + Self::REST * Self::REST) as u64;

    /// The nearest byte, or a neighbour of it.
    #[inline(always)]
    pub(super) fn byte(word: i32) -> i8 {
        exact::<i8>((word * 254 + (1 << 15)) >> 16)
    }
}

/// A plan for computing exact sums: digits of both operands, scheme and block length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) scheme: Scheme,
    pub(super) a: Digits,
    pub(super) b: Digits,
    /// Terms whose sums are exact.
    pub(super) block: usize,
}

/// The largest sum of a block, the shortest block, what lengths are multiples of, and the longest.
const LARGEST: u64 = i32::MAX as u64;
const SHORTEST: u64 = 32;
const MULTIPLE: u64 = 16;
const LONGEST: u64 = 512;

/// Products of limbs of equal weight that are added in 32 bits: at most four, of which two have limbs with a
/// sign, over blocks of at most this many terms in all.
pub(super) const LIMB_TERMS: usize = 8192;
const _: () = assert!((2 * 255 * 255 + 2 * 255 * 128) * LIMB_TERMS as u64 <= LARGEST);

impl Plan {
    /// Bytes of words.
    ///
    /// Over 512 terms a tile of 32 columns and one of 32 rows are 16 KiB each, which the first cache of 48 KiB
    /// holds with their sums; sums of 32 bits last for [`LIMB_TERMS`].
    fn limbs(a: Magnitude, b: Magnitude) -> Self {
        let [a, b] =
            [a, b].map(|words| Digits { count: words.bits.div_ceil(8).max(1) as usize, width: 8 });
        Self { scheme: Scheme::Limbs, a, b, block: index(LONGEST) }
    }

    /// The limbs of an operand, where the scheme has them.
    pub(super) fn limbs_of(&self, operand: Digits) -> Range<usize> {
        0..if self.scheme == Scheme::Limbs { operand.count } else { 0 }
    }

    /// Limb `index` of a word: whether that has a sign depends on the place, not on the bits.
    #[inline(always)]
    pub(super) fn limb(word: i32, index: usize) -> i8 {
        low::<i8>(word >> (8 * index))
    }

    /// The byte of a word, where the scheme has bytes.
    pub(super) fn byte(&self) -> Option<impl Fn(i32) -> i8 + Copy + Sync + use<>> {
        let nearest = match self.scheme {
            Scheme::Residue => true,
            Scheme::Bytes => false,
            Scheme::Pairs | Scheme::Karatsuba | Scheme::Limbs => return None,
        };
        Some(
            #[inline(always)]
            move |word| if nearest { Scheme::byte(word) } else { exact::<i8>(word) },
        )
    }

    /// The cheapest plan for words of at most 32 bits; no partial sum of a product is larger than `bound`.
    pub(super) fn new(a: Magnitude, b: Magnitude, bound: f64, multipliers: Multipliers) -> Self {
        if multipliers == Multipliers::Tiles {
            return Self::limbs(a, b);
        }
        let mut best: Option<(f64, Self)> = None;
        let mut offer = |scheme, a: Digits, b: Digits, products: f64, exact: u64| {
            if exact < SHORTEST {
                return;
            }
            let block = exact.min(LONGEST) / MULTIPLE * MULTIPLE;
            // What the additions at the end of a block cost, in terms of a 16-bit product.
            let cost = products + (6.0 + 6.0 * products) / block as f64;
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, Self { scheme, a, b, block: index(block) }));
            }
        };
        for (count_a, count_b) in (1..=3).flat_map(|x| (1..=3).map(move |y| (x, y))) {
            let (digits_a, digits_b) = (Digits::new(count_a, a), Digits::new(count_b, b));
            let fits = |digits: Digits, words: Magnitude| match digits.count {
                1 => words.bits <= 16,
                _ => digits.largest(words.largest) < 1 << 15,
            };
            if !fits(digits_a, a) || !fits(digits_b, b) {
                continue;
            }
            let digits = [digits_a.largest(a.largest), digits_b.largest(b.largest)];
            let exact = LARGEST / (digits[0] * digits[1]).max(1);
            let pairs = count_a * count_b;
            let small = pairs == 1 && bound <= LARGEST as f64;
            let exact = if small { LONGEST } else { exact };
            offer(Scheme::Pairs, digits_a, digits_b, pairs as f64, exact);
            if count_a == count_b && count_a > 1 {
                // Digits of equal index have the same weight if they are equally wide.
                let width = digits_a.width.max(digits_b.width);
                let digits = Digits { count: count_a, width };
                let largest = [digits.largest(a.largest), digits.largest(b.largest)];
                if largest.iter().all(|&digit| digit < 1 << 14) {
                    // a_i·b_j + a_j·b_i, and for three digits such a sum and a product, are exact.
                    let products = count_a * (count_a + 1) / 2;
                    let exact = LARGEST / (largest[0] * largest[1]) / count_a as u64;
                    offer(Scheme::Karatsuba, digits, digits, products as f64, exact);
                }
            }
        }
        if multipliers == Multipliers::WordsAndBytes && a.bits <= 16 && b.bits <= 16 {
            let one = |words| Digits::new(1, words);
            offer(Scheme::Residue, one(a), one(b), 1.5, LARGEST / Scheme::ERROR);
            if a.bits <= 8 && b.bits <= 8 {
                offer(Scheme::Bytes, one(a), one(b), 0.5, LONGEST);
            }
        }
        // Three digits of 11 bits are exact for any words of 32 bits.
        best.expect("three digits a word always do").1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_make_up_the_word(
            word: i32, narrow in 0u32..32, count in 1usize..4, spare in 0u32..3,
        ) {
            let word = word >> narrow;
            let largest = (u64::from(word.unsigned_abs()) << spare).min(1 << 31);
            let digits = Digits::new(count, Magnitude::new(largest, 32));
            let mut total = 0;
            for index in 0..count {
                let digit = digits.of(word, index);
                prop_assert!(u64::from(digit.unsigned_abs()) <= digits.largest(largest));
                total += i64::from(digit) << (digits.width * index as u32);
            }
            prop_assert_eq!(total, i64::from(word));
        }

        #[test]
        fn blocks_are_exact(
            a in 0u64..=1 << 32, b in 0u64..=1 << 32, narrow in [0u32..32, 0u32..32], bytes: bool,
        ) {
            let (a, b) = (a >> narrow[0], b >> narrow[1]);
            let (a, b) = (a.min(1 << 31), b.min(1 << 31));
            let (words_a, words_b) = (Magnitude::new(a, 32), Magnitude::new(b, 32));
            let multipliers =
                if bytes { Multipliers::WordsAndBytes } else { Multipliers::Words };
            let plan = Plan::new(words_a, words_b, f64::INFINITY, multipliers);
            let product = plan.a.largest(a) * plan.b.largest(b);
            let term = match plan.scheme {
                Scheme::Pairs => product,
                Scheme::Karatsuba => plan.a.count as u64 * product,
                Scheme::Residue => Scheme::ERROR,
                Scheme::Bytes => 1 << 14,
                Scheme::Limbs => unreachable!("only for tiles"),
            };
            prop_assert!(plan.block >= 32 && term * plan.block as u64 <= LARGEST);
            if plan.scheme == Scheme::Karatsuba {
                prop_assert!(plan.a.largest(a) < 1 << 14 && plan.b.largest(b) < 1 << 14);
            }
        }
    }

    #[test]
    fn bytes_are_near_every_word() {
        for word in i32::from(i16::MIN)..=i16::MAX.into() {
            let byte = i32::from(Scheme::byte(word));
            assert!((-127..=127).contains(&byte), "{word}");
            assert!((word - Scheme::BYTE * byte).abs() <= Scheme::REST, "{word}");
        }
    }

    #[test]
    fn the_plan_follows_the_magnitudes() {
        let bounded = |a: (u64, u32), b: (u64, u32), bound: f64, bytes: bool| {
            let multipliers = if bytes { Multipliers::WordsAndBytes } else { Multipliers::Words };
            let [a, b] = [a, b].map(|(largest, wl)| Magnitude::new(largest, wl));
            let plan = Plan::new(a, b, bound, multipliers);
            (plan.scheme, plan.a.count, plan.b.count, plan.block)
        };
        let plan = |a, b| bounded(a, b, f64::INFINITY, true);
        assert_eq!(plan((1 << 11, 12), (1 << 11, 12)), (Scheme::Pairs, 1, 1, 496));
        assert_eq!(plan((1 << 11, 20), (1 << 12, 20)), (Scheme::Pairs, 1, 1, 240));
        assert_eq!(plan((1 << 15, 16), (1 << 15, 16)), (Scheme::Residue, 1, 1, 240));
        let words = (1 << 15, 16);
        assert_eq!(bounded(words, words, f64::INFINITY, false), (Scheme::Pairs, 1, 2, 496));
        // -2^15 fits a word of 16 bits, 2^15 does not.
        assert_eq!(plan((1 << 15, 17), (1 << 15, 17)).0, Scheme::Karatsuba);
        assert_eq!(plan((1 << 23, 24), (1 << 23, 24)), (Scheme::Karatsuba, 2, 2, 240));
        assert_eq!(plan((1 << 31, 32), (1 << 31, 32)), (Scheme::Karatsuba, 3, 3, 512));
        // Norms that prove small sums allow long blocks.
        assert_eq!(bounded(words, words, 2e9, true), (Scheme::Pairs, 1, 1, 512));
    }

    #[test]
    fn tiles_take_as_many_bytes_as_the_words_have() {
        let counts = |a: (u64, u32), b: (u64, u32)| {
            let [a, b] = [a, b].map(|(largest, wl)| Magnitude::new(largest, wl));
            let plan = Plan::new(a, b, f64::INFINITY, Multipliers::Tiles);
            assert_eq!((plan.scheme, plan.block), (Scheme::Limbs, 512));
            (plan.a.count, plan.b.count)
        };
        assert_eq!(counts((0, 1), (127, 32)), (1, 1));
        assert_eq!(counts((128, 8), (128, 9)), (1, 2));
        assert_eq!(counts((1 << 15, 16), (1 << 15, 17)), (2, 3));
        assert_eq!(counts((1 << 23, 24), (1 << 23, 25)), (3, 4));
        assert_eq!(counts((1 << 31, 32), ((1 << 31) - 1, 32)), (4, 4));
    }

    proptest! {
        #[test]
        fn limbs_make_up_the_word(word: i32, narrow in 0u32..32) {
            let word = word >> narrow;
            let words = Magnitude::new(word.unsigned_abs().into(), 32);
            let count = Plan::limbs(words, words).a.count;
            let mut total = 0;
            for index in 0..count {
                let limb = Plan::limb(word, index);
                let value = if index + 1 == count { limb.into() } else { i64::from(limb as u8) };
                total += value << (8 * index);
            }
            prop_assert_eq!(total, i64::from(word));
        }
    }
}
