use super::super::l1_norm;
use super::*;
use proptest::prelude::*;

fn quantiser(bound: NormBound, accumulator: u32, input: u32, weight: u32) -> WeightQuantiser {
    WeightQuantiser {
        bound,
        accumulator: BitWidth::new(accumulator).unwrap(),
        input: Format::new(input, 0).unwrap(),
        weight: Format::new(weight, 0).unwrap(),
    }
}

#[test]
fn hand_worked_channels() {
    // The bound allows 127 / 2 = 63.5; g / s = 4 is less, so D = 2 / 4.
    let plain = quantiser(NormBound::A2q, 8, 2, 8);
    let channel = plain.divisor(&[1.0, -0.75, 0.25], 2.0, 0.5).unwrap();
    assert_eq!(channel, ChannelDivisor { divisor: 0.5, zero_point: 0.0 });
    assert_eq!(plain.integers(&[1.0, -0.75, 0.25], channel), [2, -1, 0]);
    // The mean is 1, the norm around it 4: D = 4 / 8, and 3 / D - 2 = 4.
    let centred = quantiser(NormBound::A2qPlus, 8, 2, 8);
    let channel = centred.divisor(&[3.0, -1.0, 1.0, 1.0], 4.0, 0.5).unwrap();
    assert_eq!(channel, ChannelDivisor { divisor: 0.5, zero_point: -2.0 });
    assert_eq!(centred.integers(&[3.0, -1.0, 1.0, 1.0], channel), [4, -4, 0, 0]);
    // The narrow range of 3 bits.
    let narrow = quantiser(NormBound::A2q, 20, 2, 3);
    assert_eq!(narrow.quantise(&[9.0, -9.0], 18.0, 1.0).unwrap().1, [3, -3]);
}

#[test]
fn channels_without_a_spread_are_zeros() {
    for (bound, weights) in [
        (NormBound::A2q, &[0.0f32, -0.0][..]),
        (NormBound::A2qPlus, &[0.3, 0.3, 0.3]),
        (NormBound::A2qPlus, &[]),
    ] {
        let (_, integers) = quantiser(bound, 9, 4, 4).quantise(weights, 1.0, 0.1).unwrap();
        assert!(integers.iter().all(|&q| q == 0), "{bound} {integers:?}");
    }
    // One bit has no positive sum.
    let (channel, integers) =
        quantiser(NormBound::A2q, 1, 4, 4).quantise(&[1.0, 2.0], 1.0, 0.1).unwrap();
    assert_eq!((channel.divisor, integers), (f32::INFINITY, vec![0, 0]));
}

#[test]
fn what_cannot_be_quantised() {
    let quantiser = quantiser(NormBound::A2q, 16, 8, 4);
    let message = |weights: &[f32], norm, scale| {
        quantiser.quantise(weights, norm, scale).unwrap_err().to_string()
    };
    assert_eq!(message(&[1.0, f32::NAN], 1.0, 1.0), "weight 1 is NaN: use finite weights");
    let expected = "a channel's norm is 0: use a finite number above 0";
    assert_eq!(message(&[1.0], 0.0, 1.0), expected);
    let expected = "a channel's scale is inf: use a finite number above 0";
    assert_eq!(message(&[1.0], 1.0, f32::INFINITY), expected);
}

/// With 1-bit inputs 26 bits allow a norm of 2^25 - 1, which is 2^25 in float32: 16 equal weights would add up to that.
#[test]
fn a_limit_that_float32_rounds_up_still_holds() {
    let widths = [24, 25, 26, 32, 33, 34].map(|bits| [(bits, true), (bits, false)]);
    for (accumulator, is_signed) in widths.concat() {
        let mut quantiser = quantiser(NormBound::A2q, accumulator, 1, 31);
        let mut limit = (1u64 << (accumulator - 1)) - 1;
        if !is_signed {
            // Words 0 and 1, of which A2Q takes the largest to be 2.
            quantiser.input = Format::unsigned(1, 0).unwrap();
            limit /= 2;
        }
        let (_, integers) = quantiser.quantise(&[1.0; 16], 1.0, 1e-30).unwrap();
        let norm = l1_norm(integers);
        assert!(norm <= limit, "{accumulator} bits: {norm}");
        assert!(norm as f64 >= 0.999_99 * limit as f64, "{accumulator} bits: {norm}");
    }
}

proptest! {
    #[test]
    fn the_accumulator_always_holds(
        weights in prop::collection::vec(-1.0f32..1.0, 1..40),
        (plus, accumulator, input, weight) in (any::<bool>(), 1u32..=34, 1u32..=12, 2u32..=31),
        is_signed: bool,
        (offset, norm, scale) in (-2.0f32..2.0, 0.01f32..100.0, 1e-9f32..0.1),
    ) {
        let bound = if plus { NormBound::A2qPlus } else { NormBound::A2q };
        let mut quantiser = quantiser(bound, accumulator, input, weight);
        if !is_signed {
            quantiser.input = Format::unsigned(input, 0).unwrap();
        }
        let weights: Vec<f32> = weights.iter().map(|weight| weight + offset).collect();
        let (channel, integers) = quantiser.quantise(&weights, norm, scale).unwrap();
        prop_assert!(quantiser.holds(&integers));
        prop_assert_eq!(&integers, &quantiser.integers(&weights, channel));
        let most = quantiser.weight.max_raw();
        prop_assert!(integers.iter().all(|&q| (-most..=most).contains(&i64::from(q))));
    }
}
