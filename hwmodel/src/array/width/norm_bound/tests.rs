use super::*;
use crate::array::width::of_range;
use proptest::prelude::*;

fn bits(bits: u32) -> BitWidth {
    BitWidth::new(bits).unwrap()
}

fn signed(wl: u32) -> Format {
    Format::new(wl, 0).unwrap()
}

fn unsigned(wl: u32) -> Format {
    Format::unsigned(wl, 0).unwrap()
}

/// The least P by trying every width.
fn searched(bound: NormBound, norm: u64, input: Format) -> Option<u32> {
    (1..=64).find(|&p| bound.largest_norm(bits(p), input).admits(norm))
}

#[test]
fn hand_worked_limits() {
    let limit = |bound: NormBound, p, input| bound.largest_norm(bits(p), input).to_string();
    assert_eq!(limit(NormBound::A2q, 16, signed(8)), "32767/128");
    // 2^13 - 2 = 8190 = 2 · 3^2 · 5 · 7 · 13, 2^3 - 1 = 7.
    assert_eq!(limit(NormBound::A2qPlus, 13, signed(3)), "1170");
    assert_eq!(limit(NormBound::A2q, 11, unsigned(8)), "1023/256");
    assert_eq!(limit(NormBound::A2qPlus, 13, unsigned(3)), "1170");
    assert_eq!(limit(NormBound::A2q, 1, signed(4)), "0");
    assert_eq!(limit(NormBound::A2qPlus, 1, signed(4)), "0");
    for bound in NormBound::ALL {
        assert_eq!(bound.least_bits(0, signed(8)), 1);
    }
}

/// 2^24 - 1 and 2^32 - 1 are 2^24 and 2^32 in float32, and the limit of 25 or 33 bits with 1-bit inputs with them: a norm
/// too large by one would pass.
#[test]
fn limits_where_float32_rounds_up() {
    for (p, float32) in [(24, false), (25, false), (26, true), (32, true), (33, true), (34, true)] {
        let limit = NormBound::A2q.largest_norm(bits(p), signed(1));
        let exact = (1u128 << (p - 1)) - 1;
        assert_eq!((limit.floor(), limit.to_string()), (exact, exact.to_string()));
        let rounded = crate::cast::nearest_f32(limit.to_f64());
        assert_eq!(f64::from(rounded) > exact as f64, float32, "{p}");
        let norm = u64::try_from(exact).unwrap();
        assert!(limit.admits(norm) && !limit.admits(norm + 1));
        assert_eq!(NormBound::A2q.least_bits(norm, signed(1)), p);
        assert_eq!(NormBound::A2q.least_bits(norm + 1, signed(1)), p + 1);
    }
    // (2^P - 2) / (2^N - 1) with N = 8: 131586.0 at 25 bits, 33686018.0 at 33, both without the fraction.
    for (p, floor) in [(24, 65793), (25, 131_585), (32, 16_843_008), (33, 33_686_017)] {
        let limit = NormBound::A2qPlus.largest_norm(bits(p), signed(8));
        assert_eq!(limit.floor(), ((1u128 << p) - 2) / 255);
        assert!(limit.floor().abs_diff(floor) <= 1, "{p}: {limit}");
        let norm = u64::try_from(limit.floor()).unwrap();
        assert_eq!(NormBound::A2qPlus.least_bits(norm, signed(8)), p);
        assert_eq!(NormBound::A2qPlus.least_bits(norm + 1, signed(8)), p + 1);
    }
    // The longest inputs and norms need no more than 128 bits.
    assert_eq!(NormBound::A2q.least_bits(u64::MAX, signed(32)), 96);
    assert_eq!(NormBound::A2qPlus.least_bits(u64::MAX, signed(32)), 96);
}

proptest! {
    #[test]
    fn closed_forms_equal_a_search(norm: u64, shift in 0u32..64, wl in 1u32..=32) {
        let norm = norm >> shift;
        for (bound, input) in NormBound::ALL.into_iter().flat_map(|b| [(b, signed(wl)), (b, unsigned(wl))]) {
            let least = bound.least_bits(norm, input);
            prop_assert_eq!(Some(least).filter(|&bits| bits <= 64), searched(bound, norm, input));
        }
    }

    /// A2Q's bound is sufficient for any weights, A2Q+'s for centred ones.
    #[test]
    fn an_admitted_norm_fits(
        half in prop::collection::vec(-300i32..=300, 1..20), wl in 1u32..=16,
    ) {
        let mirrored = half.iter().map(|weight| -weight);
        let centred: Vec<i32> = half.iter().copied().chain(mirrored).collect();
        for (bound, weights) in [(NormBound::A2q, &half), (NormBound::A2qPlus, &centred)] {
            for input in [signed(wl), unsigned(wl)] {
                let least = bound.least_bits(l1_norm(weights.iter().copied()), input);
                let (lowest, highest) = channel_range(input, weights.iter().copied());
                prop_assert!(of_range(lowest, highest) <= least, "{} {}", bound, input);
            }
        }
    }

    /// The range is reached by the inputs that favour every weight, and by no other order or prefix exceeded.
    #[test]
    fn the_range_is_exact(
        weights in prop::collection::vec(-40i32..=40, 0..6), inputs in prop::collection::vec(-4i32..=3, 6),
    ) {
        let (lowest, highest) = channel_range(signed(3), weights.iter().copied());
        let mut sum = 0i128;
        for (&weight, &input) in weights.iter().zip(&inputs) {
            sum += i128::from(weight * input);
            prop_assert!(lowest <= sum && sum <= highest);
        }
        let extreme = |favoured: fn(i32) -> bool| -> i128 {
            weights.iter().map(|&w| i128::from(w * if favoured(w) { 3 } else { -4 })).sum()
        };
        prop_assert_eq!((lowest, highest), (extreme(|w| w < 0), extreme(|w| w > 0)));
    }
}
