//! Settings and the scalar definition, by hand.

use super::*;
use crate::BitWidth;
use std::num::NonZeroU32;

fn bits(bits: u32) -> AccumulatorWidth {
    AccumulatorWidth::bits(bits).unwrap()
}

fn terms(terms: u32) -> NonZeroU32 {
    NonZeroU32::new(terms).unwrap()
}

fn run(accumulator: &Accumulator, product_fl: i32, products: &[i128]) -> (i128, AccumulatorEvents) {
    let mut sum = Summation::new(accumulator, product_fl);
    products.iter().for_each(|&product| sum.add(product));
    let events = sum.finish();
    (sum.value(), events)
}

#[test]
fn impossible_settings_say_what_is_possible() {
    let plain = Accumulator::default();
    let check = |accumulator: Accumulator| accumulator.check().unwrap_err().to_string();
    assert_eq!(
        check(Accumulator { fl: Some(65), ..plain }),
        "accumulator fractional length 65 is impossible: use -64 to 64"
    );
    let rounding = Some(Rounding::HalfUp);
    assert!(check(Accumulator { rounding, ..plain }).contains("rounds nothing"));
    let rounding = Some(Rounding::Stochastic);
    assert!(check(Accumulator { rounding, fl: Some(3), ..plain }).contains("not supported"));
    let stored = StoredSums { shift: 33, ..StoredSums::new(terms(1), BitWidth::MOST) };
    let error = check(Accumulator { stored: Some(stored), ..plain });
    assert_eq!(error, "a shift of 33 bits of stored partial sums is impossible: use 0 to 32");
    assert_eq!(Accumulator { fl: Some(-64), ..plain }.check(), Ok(()));
}

#[test]
fn the_serialised_form_grows_only_by_what_is_used() {
    let one = Accumulator::new(bits(24), Overflow::Wrap);
    let text = serde_json::to_string(&one).unwrap();
    assert_eq!(text, r#"{"width":24,"overflow":"wrap"}"#);
    let inner = InnerAccumulator { terms: terms(2), width: bits(16), overflow: Overflow::Saturate };
    let stored = StoredSums { group: 0, ..StoredSums::new(terms(8), BitWidth::new(8).unwrap()) };
    let all = Accumulator {
        fl: Some(4),
        rounding: Some(Rounding::NearestEven),
        cast: Some(Cast::Sum),
        inner: Some(inner),
        stored: Some(stored),
        bias: BiasOrder::First,
        ..one
    };
    let text = serde_json::to_string(&all).unwrap();
    assert_eq!(serde_json::from_str::<Accumulator>(&text).unwrap(), all);
    assert!(serde_json::from_str::<Accumulator>(r#"{"inner":{"terms":0}}"#).is_err());
    assert!(!all.is_one_level() && one.is_one_level());
    assert!(Accumulator { bias: BiasOrder::First, ..one }.is_one_level());
}

#[test]
fn rounding_each_term_differs_from_rounding_the_sum() {
    // Halves of one step: nearest-even drops each, but not their sum.
    let base = Accumulator {
        fl: Some(0),
        rounding: Some(Rounding::NearestEven),
        ..Accumulator::new(bits(8), Overflow::Saturate)
    };
    assert_eq!(base.cast(), Cast::Term);
    assert_eq!(run(&base, 1, &[3, 1, 1]).0, 2);
    let sum = Accumulator { cast: Some(Cast::Sum), ..base };
    // 3/2 → 2, 2 + 1/2 → 2, 2 + 1/2 → 2; then from 1: 1 + 1/2 → 2.
    assert_eq!(run(&sum, 1, &[3, 1, 1]).0, 2);
    assert_eq!(run(&sum, 1, &[2, 1]).0, 2);
    assert_eq!(run(&base, 1, &[2, 1]).0, 1);
    // A block is summed exactly before it is rounded.
    let inner = InnerAccumulator {
        terms: terms(2),
        width: AccumulatorWidth::Exact,
        overflow: Overflow::Wrap,
    };
    assert_eq!(run(&Accumulator { inner: Some(inner), ..base }, 1, &[1, 1, 1, 1, 1]).0, 2);
    // An accumulator with more fractional bits than the product loses none.
    assert_eq!(run(&Accumulator { fl: Some(3), ..base }, 1, &[3, -1]).0, 8);
}

#[test]
fn each_level_counts_its_overflows() {
    let term =
        Accumulator { cast: Some(Cast::Term), ..Accumulator::new(bits(4), Overflow::Saturate) };
    let (sum, events) = run(&term, 0, &[9, 3, -20]);
    assert_eq!(sum, -1);
    assert_eq!((events.cast, events.outer), (2, 1));
    let inner = InnerAccumulator { terms: terms(2), width: bits(4), overflow: Overflow::Wrap };
    let two = Accumulator { inner: Some(inner), ..Accumulator::new(bits(5), Overflow::Saturate) };
    let (sum, events) = run(&two, 0, &[7, 1, 6, 1, 6, 1, 7]);
    // -8, then 7, 7, 7.
    assert_eq!(sum, 13);
    assert_eq!((events.inner, events.outer, events.total()), (1, 0, 1));
}

#[test]
fn stored_words_are_rounded_between_tiles() {
    let width = BitWidth::new(4).unwrap();
    let stored = StoredSums { shift: 1, ..StoredSums::new(terms(2), width) };
    let running = Accumulator { stored: Some(stored), ..Accumulator::default() };
    // 7 is stored as 4·2; 8 + 3 = 11 as 6·2 (tie to even); 12 + 9 as 7·2, saturated.
    let products = [3, 4, 1, 2, 9];
    let (sum, events) = run(&running, 0, &products);
    assert_eq!((sum, events.stored), (14, 1));
    let exact = StoredSums { last_exact: true, ..stored };
    let (sum, events) = run(&Accumulator { stored: Some(exact), ..running }, 0, &products);
    assert_eq!((sum, events.stored), (21, 0));
    let alone = StoredSums { group: 0, ..stored };
    let (sum, events) = run(&Accumulator { stored: Some(alone), ..running }, 0, &products);
    // 7 → 8, 3 → 4, 9 → 8.
    assert_eq!((sum, events.stored), (20, 0));
    let outcome = alone.run([7, 3, 9], &[1, 0]);
    assert_eq!(outcome.words, [4, 3, 7]);
    assert_eq!((outcome.sum, outcome.last_exact, outcome.saturations), (18, 20, 1));
    // Without products the initial value is stored.
    let empty = Summation::new(&running, 0).starting_at(5, 0, 0);
    let mut empty = empty;
    empty.finish();
    assert_eq!(empty.value(), 4);
}

#[test]
fn extreme_shifts_keep_the_sign() {
    for (fl, product_fl) in [(-64, 128), (64, -128), (0, i32::MAX), (0, i32::MIN)] {
        let accumulator = Accumulator {
            fl: Some(fl),
            rounding: Some(Rounding::AwayFromZero),
            ..Accumulator::new(bits(8), Overflow::Saturate)
        };
        let expected = if product_fl > 0 { [1, -1] } else { [127, -128] };
        for (product, expected) in [1i128 << 62, -(1i128 << 62)].into_iter().zip(expected) {
            assert_eq!(run(&accumulator, product_fl, &[product]).0, expected, "{fl} {product_fl}");
        }
    }
}
