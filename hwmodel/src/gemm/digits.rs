//! How exact sums of wide words are computed: in digits, over blocks of k short enough to be exact.
//!
//! A word is Σ_i digit_i · 2^(width·i) with signed digits. Products of 16-bit digits are summed in 32
//! bits, products of longer digits in float64 (exact below 2^53); after each block of k the sums are
//! added, shifted, to 64-bit ones. Which way is taken depends on the magnitudes of the operands only.

/// How large the words of an operand are.
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
        Self { count, width: words.bits.div_ceil(count as u32) }
    }

    /// Digit `index` of `word`.
    #[inline(always)]
    pub(super) fn of(self, word: i64, index: usize) -> i64 {
        let shift = self.width * index as u32;
        // Σ_j<index 2^(width-1)·2^(width·j): what rounds the lower digits to the nearest.
        let mut half = 0i64;
        for lower in 0..index {
            half += (1i64 << self.width >> 1) << (self.width * lower as u32);
        }
        let rest = (word + half) >> shift;
        if index + 1 == self.count {
            return rest;
        }
        let unused = 64 - self.width;
        (rest << unused) >> unused
    }

    /// The largest magnitude of a digit.
    fn largest(self, word: u64) -> u64 {
        if self.count == 1 {
            return word;
        }
        let top = (word >> (self.width * (self.count as u32 - 1))) + 1;
        top.max(1 << (self.width - 1))
    }
}

/// The arithmetic of the digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lanes {
    /// 16-bit digits, 32-bit sums.
    Words,
    /// float64.
    Floats,
}

/// A way to compute exact sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) lanes: Lanes,
    pub(super) a: Digits,
    pub(super) b: Digits,
    /// Terms whose sums are exact.
    pub(super) block: usize,
}

/// The shortest block worth the additions at its end, and what lengths are multiples of.
const SHORTEST: u64 = 64;
const LONGEST: u64 = 512;

impl Plan {
    /// The cheapest way for words of at most 33 bits; no partial sum of a product is larger than `bound`.
    pub(super) fn new(a: Magnitude, b: Magnitude, bound: f64) -> Self {
        let mut best: Option<(f64, Self)> = None;
        for lanes in [Lanes::Words, Lanes::Floats] {
            // Bits of a digit and the largest exact sum; a float64 lane takes four times as long.
            let (bits, sum, time) = match lanes {
                Lanes::Words => (16, i32::MAX as u64, 1.0),
                Lanes::Floats => (64, 1 << 53, 4.0),
            };
            // The highest digit is one word of its own: its magnitude must not be 2^(bits - 1).
            let fits = |digits: Digits, words: Magnitude| match digits.count {
                1 => words.bits <= bits,
                _ => digits.largest(words.largest) < 1 << (bits - 1),
            };
            for (count_a, count_b) in (1..=3).flat_map(|x| (1..=3).map(move |y| (x, y))) {
                let (digits_a, digits_b) = (Digits::new(count_a, a), Digits::new(count_b, b));
                if !fits(digits_a, a) || !fits(digits_b, b) {
                    continue;
                }
                let product = u128::from(digits_a.largest(a.largest))
                    * u128::from(digits_b.largest(b.largest));
                let mut exact = (u128::from(sum) / product.max(1)).min(u128::from(LONGEST)) as u64;
                if count_a * count_b == 1 && bound <= sum as f64 {
                    exact = LONGEST;
                }
                if exact < SHORTEST {
                    continue;
                }
                let block = exact / SHORTEST * SHORTEST;
                let cost = (count_a * count_b) as f64 * (time + 40.0 / block as f64);
                if best.is_none_or(|(least, _)| cost < least) {
                    let block = block as usize;
                    best = Some((cost, Self { lanes, a: digits_a, b: digits_b, block }));
                }
            }
        }
        // Three digits of float64 are exact for any words of 33 bits.
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
            word in -(1i64 << 32)..=1 << 32, count in 1usize..4, spare in 0u32..3,
        ) {
            let words = Magnitude::new((word.unsigned_abs() << spare).min(1 << 32), 64);
            let digits = Digits::new(count, words);
            let mut total = 0;
            for index in 0..count {
                let digit = digits.of(word, index);
                prop_assert!(digit.unsigned_abs() <= digits.largest(words.largest));
                total += digit << (digits.width * index as u32);
            }
            prop_assert_eq!(total, word);
        }

        #[test]
        fn blocks_are_exact(a in 0u64..=1 << 32, b in 0u64..=1 << 32, narrow in [0u32..32, 0u32..32]) {
            let (a, b) = (a >> narrow[0], b >> narrow[1]);
            let plan = Plan::new(Magnitude::new(a, 33), Magnitude::new(b, 33), f64::INFINITY);
            let sum = u128::from(plan.a.largest(a)) * u128::from(plan.b.largest(b));
            let limit = match plan.lanes {
                Lanes::Words => i32::MAX as u128,
                Lanes::Floats => 1 << 53,
            };
            prop_assert!(plan.block >= 64 && sum * plan.block as u128 <= limit);
        }
    }

    #[test]
    fn the_plan_follows_the_magnitudes() {
        let bounded = |a: (u64, u32), b: (u64, u32), bound: f64| {
            let plan = Plan::new(Magnitude::new(a.0, a.1), Magnitude::new(b.0, b.1), bound);
            (plan.lanes, plan.a.count * plan.b.count, plan.block)
        };
        let plan = |a, b| bounded(a, b, f64::INFINITY);
        assert_eq!(plan((1 << 11, 20), (1 << 12, 20)), (Lanes::Words, 1, 192));
        // -2^15 fits a word of 16 bits, 2^15 does not.
        assert_eq!(plan((1 << 15, 16), (1 << 15, 16)), (Lanes::Words, 2, 448));
        assert_eq!(plan((1 << 15, 17), (1 << 15, 17)), (Lanes::Floats, 1, 512));
        assert_eq!(plan((1 << 23, 24), (1 << 23, 24)), (Lanes::Floats, 1, 128));
        assert_eq!(plan((1 << 31, 32), (1 << 31, 32)), (Lanes::Floats, 2, 64));
        // Norms that prove small sums allow long blocks.
        assert_eq!(bounded((1 << 23, 24), (1 << 23, 24), 1e15), (Lanes::Floats, 1, 512));
    }
}
