use super::*;
use crate::BitWidth;

/// Values and results in a word of 4 bits, worked by hand from the rules of ap_fixed.
#[test]
#[rustfmt::skip]
fn every_mode_on_hand_worked_values() {
    use Overflow::*;
    let word = Word::signed(BitWidth::new(4).unwrap());
    let modes = [
        Wrap, Saturate, SaturateSymmetric, SaturateZero, WrapSaturated { bits: 1 }, WrapSaturated { bits: 2 },
        WrapSignMagnitude { bits: 0 }, WrapSignMagnitude { bits: 1 }, WrapSignMagnitude { bits: 2 },
    ];
    let rows: [(i128, [i128; 9], bool); 7] = [
        (7, [7, 7, 7, 7, 7, 7, 7, 7, 7], false),
        (-8, [-8, -8, -7, -8, -8, -8, -8, -8, -8], false),
        // 0_1000: bit 4 is 0 and the top bit 1, so that sign and magnitude complement to 0111.
        (8, [-8, 7, 7, 0, 0, 4, 7, 7, 7], true),
        // 0_1011
        (11, [-5, 7, 7, 0, 3, 7, 4, 4, 4], true),
        // 1_0001: bit 4 is 1 and the top bit 0: complemented 1110.
        (17, [1, 7, 7, 0, 1, 5, -2, 1, 6], true),
        // …1_0111
        (-9, [7, -8, -7, 0, -1, -5, -8, -8, -8], true),
        // …0_1111 = -17: bit 4 is 0.
        (-17, [-1, -8, -7, 0, -1, -5, 0, -1, -8], true),
    ];
    for (value, expected, outside) in rows {
        for (mode, want) in modes.iter().zip(expected) {
            assert_eq!(mode.apply(value, word), (want, outside), "{value} {mode}");
        }
    }
}

#[test]
fn unsigned_words() {
    use Overflow::*;
    let word = Word::unsigned(BitWidth::new(4).unwrap());
    let fit = |mode: Overflow, value| mode.apply(value, word);
    assert_eq!([-1, 16, 15].map(|v| fit(Saturate, v)), [(0, true), (15, true), (15, false)]);
    assert_eq!([-1, 16].map(|v| fit(SaturateSymmetric, v)), [(0, true), (15, true)]);
    assert_eq!([-1, 16].map(|v| fit(SaturateZero, v)), [(0, true); 2]);
    assert_eq!([-1, 18].map(|v| fit(Wrap, v)), [(15, true), (2, true)]);
    // The two highest bits are ones, for negative values too.
    let two = WrapSaturated { bits: 2 };
    assert_eq!([-2, 17].map(|v| fit(two, v)), [(14, true), (13, true)]);
    assert_eq!(fit(WrapSignMagnitude { bits: 2 }, 18), (2, true));
}

#[test]
fn one_bit_and_all_bits_saturated() {
    use Overflow::*;
    let one = BitWidth::new(1).unwrap();
    assert_eq!(SaturateSymmetric.apply(-5, one), (-1, true));
    assert_eq!(SaturateSymmetric.apply(-1, one), (-1, false));
    for bits in 1..=64 {
        let width = BitWidth::new(bits).unwrap();
        for value in [width.min() - 1, width.min() - 77, width.max() + 1, width.max() + 77] {
            // More bits than the word has count as all of them, which is saturation.
            let all = WrapSaturated { bits: 64 };
            assert_eq!(all.apply(value, width), Saturate.apply(value, width), "{bits} {value}");
        }
    }
}

#[test]
fn narrow_ranges_never_hold_what_they_leave_out() {
    let width = BitWidth::new(4).unwrap();
    for word in [Word::signed(width).narrow(), Word::unsigned(width).narrow()] {
        for mode in Overflow::PLAIN {
            for value in -100..100 {
                let (fitted, outside) = mode.apply(value, word);
                assert!(word.contains(fitted), "{value} {mode}");
                assert_eq!(outside, !word.contains(value));
            }
        }
    }
    assert_eq!(Overflow::Wrap.apply(-8, Word::signed(width).narrow()), (-7, true));
    assert_eq!(Overflow::Wrap.apply(31, Word::unsigned(width).narrow()), (14, true));
}

#[test]
fn names_round_trip() {
    let parse = |text: &str| text.parse::<Overflow>();
    for (mode, name) in Overflow::PLAIN.into_iter().zip(Overflow::NAMES) {
        assert_eq!(mode.to_string(), name);
        for text in mode.aliases().iter().chain([&name]) {
            assert_eq!(parse(text), Ok(mode));
        }
        assert_eq!(serde_json::to_string(&mode).unwrap(), format!("\"{name}\""));
    }
    assert_eq!(parse("wrap:3"), Ok(Overflow::WrapSaturated { bits: 3 }));
    assert_eq!(parse("AP_WRAP:0"), Ok(Overflow::Wrap));
    assert_eq!(parse("wrap-sm:2").unwrap().to_string(), "wrap-sm:2");
    let mode: Overflow = serde_json::from_str("\"wrap:3\"").unwrap();
    assert_eq!(serde_json::to_string(&mode).unwrap(), "\"wrap:3\"");
    for (text, error) in [
        (
            "clip",
            "unknown overflow mode `clip`: use one of wrap, saturate, saturate-symmetric, saturate-zero, wrap-sm",
        ),
        (
            "saturate:2",
            "`saturate:2` has a number of saturated bits, which only wrap and wrap-sm can have: use `saturate`",
        ),
        (
            "wrap:65",
            "`wrap:65` does not end in a number of saturated bits from 0 to 64: use for example `wrap:2`",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err().to_string(), error);
    }
}

#[test]
fn impossible_modes_of_a_word() {
    let byte = BitWidth::new(8).unwrap();
    let wrap = |bits| Overflow::WrapSaturated { bits };
    assert_eq!(wrap(8).check(byte), Ok(()));
    assert_eq!(
        wrap(9).check(byte).unwrap_err().to_string(),
        "`wrap:9` needs a word of at least 9 bits, got 8"
    );
    let sign_magnitude = Overflow::WrapSignMagnitude { bits: 0 };
    assert_eq!(sign_magnitude.check(byte), Ok(()));
    assert_eq!(
        sign_magnitude.check(Word::unsigned(byte)).unwrap_err().to_string(),
        "`wrap-sm` needs a signed word, and this one is unsigned: use wrap or a saturating mode"
    );
}
