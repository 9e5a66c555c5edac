use super::*;
use hwmodel::number::requantise::align;
use proptest::prelude::*;

const EXACT: Accumulator = Accumulator::new(AccumulatorWidth::Exact, Overflow::Saturate);

fn bits(bits: u32, overflow: Overflow) -> Accumulator {
    Accumulator::new(AccumulatorWidth::bits(bits).unwrap(), overflow)
}

/// The gap of one row times one column.
fn dot(
    x: &[f32],
    w: &[f32],
    bias: Option<f32>,
    format: (u32, i32),
    accumulators: &[Accumulator],
) -> FormatGap {
    let bias = bias.map(|bias| [bias]);
    let operands = Operands {
        x,
        input: [1, 1, 1, x.len()],
        weights: w,
        weight_shape: &[1, 1, 1, w.len()],
        bias: bias.as_ref().map(|bias| &bias[..]),
        geometry: Convolution2d::square(1, 1, 0),
    };
    let options = GapOptions {
        simd: SimdLevel::best(),
        formats: vec![Format::new(format.0, format.1).unwrap()],
        accumulators: accumulators.to_vec(),
    };
    let mut gap = ProductGap::measure(&operands, &options).unwrap();
    assert_eq!((gap.m, gap.n, gap.k), (1, 1, x.len() as u64));
    gap.formats.remove(0)
}

#[test]
fn small_sums_are_exact_in_float32() {
    // 1·3 + 2·4 = 11, with the bias 10: partial sums 3, 11, 10.
    let gap = dot(&[1.0, 2.0], &[3.0, 4.0], Some(-1.0), (8, 0), &[EXACT]);
    assert_eq!(gap.accumulators[0].difference, Difference { compared: 1, ..Difference::default() });
    assert_eq!(gap.accumulators[0].events, 0);
    assert_eq!(gap.bits.data, Some(5));
    // Inputs -128 of weights 3 and 4 give -896, then -897.
    assert_eq!(gap.bits.any_input, 11);
    // Two products of 2^14, then a bias of 127.
    assert_eq!(gap.bits.any_words, 17);
}

#[test]
fn sums_beyond_2_to_24_round_in_float32() {
    // 2^24 + 1 is no float32: the emulation gives 2^24.
    let gap = dot(&[4096.0, 1.0], &[4096.0, 1.0], None, (26, 0), &[EXACT]);
    let expected = Difference {
        compared: 1,
        outputs: 1,
        from_float32: 1,
        largest_steps: 1,
        sum_steps: 1,
        ..Difference::default()
    };
    assert_eq!(gap.accumulators[0].difference, expected);
    assert_eq!(gap.bits.data, Some(26));
    // The same digits where the last one is dropped anyway: ⟨20, 6⟩ has 12 fractional bits in its sums.
    let gap = dot(&[64.0, 0.015625], &[64.0, 0.015625], None, (20, 6), &[EXACT]);
    assert_eq!(gap.accumulators[0].difference.outputs, 0);
}

#[test]
fn the_lost_digit_can_decide_a_tie() {
    // In units of 2^-12: 2^24 + 2^5 + 1 lies just above half of 2^6, so exact sums round up; float32 loses
    // the 1, sees a tie and rounds to the even integer below.
    let x = [64.0, 0.5, 0.015625];
    let gap = dot(&x, &[64.0, 0.015625, 0.015625], None, (20, 6), &[EXACT]);
    let difference = gap.accumulators[0].difference;
    assert_eq!((difference.from_float32, difference.largest_steps), (1, 1));
}

#[test]
fn a_narrow_accumulator_saturates_and_wraps() {
    let accumulators =
        [EXACT, bits(19, Overflow::Wrap), bits(16, Overflow::Saturate), bits(16, Overflow::Wrap)];
    let gap = dot(&[16.0, 16.0, -16.0], &[16.0; 3], None, (16, 4), &accumulators);
    // Raw 2^16, 2^17, 2^16: the second takes 19 bits.
    assert_eq!(gap.bits.data, Some(19));
    // -3·2^23 and 3·2^30.
    assert_eq!((gap.bits.any_input, gap.bits.any_words), (26, 33));
    let [exact, wide, saturated, wrapped] = gap.accumulators[..] else { panic!("{gap:?}") };
    assert_eq!((exact.difference.outputs, exact.events), (0, 0));
    assert_eq!((wide.difference.outputs, wide.events), (0, 0));
    // Saturated: 32767, 32767, -32769 → -32768, which is -2048 of 4096 steps.
    let one = Difference {
        compared: 1,
        outputs: 1,
        from_accumulator: 1,
        changed_by_accumulator: 1,
        ..Difference::default()
    };
    let expected = Difference { largest_steps: 6144, sum_steps: 6144, ..one };
    assert_eq!((saturated.difference, saturated.events), (expected, 3));
    // Wrapped: 0 each time.
    let expected = Difference { largest_steps: 4096, sum_steps: 4096, ..one };
    assert_eq!((wrapped.difference, wrapped.events), (expected, 3));
}

#[test]
fn the_bias_counts_for_the_accumulator() {
    // 11 in 5 bits, then 11 + 5 = 16 beyond them.
    let accumulators = [bits(5, Overflow::Saturate)];
    let gap = dot(&[1.0, 2.0], &[3.0, 4.0], Some(5.0), (8, 0), &accumulators);
    assert_eq!(gap.bits.data, Some(6));
    let AccumulatorGap { difference, events, .. } = gap.accumulators[0];
    assert_eq!((events, difference.from_accumulator, difference.largest_steps), (1, 1, 1));
}

#[test]
fn a_negative_fl_coarsens_the_bias() {
    // In the accumulator's units of 4 a bias of -43·2 is -21.5, rounded to -22: the output is -44·2.
    let gap = dot(&[0.0], &[0.0], Some(-86.0), (8, -1), &[EXACT]);
    let difference = gap.accumulators[0].difference;
    assert_eq!((difference.from_float32, difference.largest_steps), (1, 1));
}

#[test]
fn operands_are_counted() {
    let gap = dot(&[100.0, 1.0, 0.0], &[0.01, 0.0, -9.0], None, (8, 4), &[EXACT]);
    assert_eq!(gap.saturated_inputs, Share { part: 1, whole: 3 });
    assert_eq!(gap.flushed_weights, Share { part: 1, whole: 3 });
    assert_eq!(gap.saturated_weights, Share { part: 1, whole: 3 });
    assert_eq!(gap.saturated_outputs, Share { part: 0, whole: 1 });
}

#[test]
fn not_a_number_is_an_error() {
    let operands = Operands {
        x: &[f32::NAN],
        input: [1; 4],
        weights: &[1.0],
        weight_shape: &[1; 4],
        bias: None,
        geometry: Convolution2d::square(1, 1, 0),
    };
    let formats = vec![Format::new(8, 4).unwrap()];
    let options = GapOptions { simd: SimdLevel::PORTABLE, formats, accumulators: vec![EXACT] };
    let error = ProductGap::measure(&operands, &options).unwrap_err().to_string();
    assert_eq!(
        error,
        "inputs: element 0 is not a number (NaN), which no fixed-point format can hold"
    );
}

proptest! {
    /// Against the accumulator addition by addition.
    #[test]
    fn widths_and_outputs_equal_the_steps(
        raw in proptest::collection::vec((-200i32..200, -200i32..200), 1..30), wl in 4u32..20,
        fl in 0i32..6, width in 3u32..30, wrap: bool, bias in -100i32..100,
    ) {
        let format = Format::new(wl, fl).unwrap();
        let step = format.step() as f32;
        let clamped = |raw: i32| i64::from(raw).clamp(format.min_raw(), format.max_raw()) as i32;
        let (x, w): (Vec<i32>, Vec<i32>) =
            raw.iter().map(|&(x, w)| (clamped(x), clamped(w))).unzip();
        let values = |raw: &[i32]| raw.iter().map(|&raw| raw as f32 * step).collect::<Vec<_>>();
        let overflow = if wrap { Overflow::Wrap } else { Overflow::Saturate };
        let accumulator = bits(width, overflow);
        let bias = clamped(bias);
        let gap =
            dot(&values(&x), &values(&w), Some(bias as f32 * step), (wl, fl), &[accumulator, EXACT]);
        let k = raw.len();
        let a = FixedTensor::from_raw(&[1, k], format, &x).unwrap();
        let b = FixedTensor::from_raw(&[k, 1], format, &w).unwrap();
        // What an accumulator holds after the bias, and its events.
        let run = |accumulator: Accumulator| {
            let array = MacArray { simd: SimdLevel::PORTABLE, accumulator };
            let states = array.step_output(&a, &b, 0, 0).unwrap();
            let sum = states[k - 1].sum + align(bias.into(), fl);
            let (held, outside) = match accumulator.width {
                AccumulatorWidth::Exact => (sum, false),
                AccumulatorWidth::Bits(bits) => overflow.apply(sum, bits),
            };
            (held, states.iter().filter(|state| state.event).count() as u64 + u64::from(outside))
        };
        let output = |held: i128| {
            let rounded = Rounding::NearestEven.shift_right(held, fl as u32, 0);
            Overflow::Saturate.apply(rounded, Format::new(wl, 0).unwrap().width()).0 as i64
        };
        let data = gap.bits.data.unwrap();
        prop_assert_eq!(run(bits(data, Overflow::Saturate)).1, 0);
        prop_assert!(data == 1 || run(bits(data - 1, Overflow::Saturate)).1 > 0);
        prop_assert!(data <= gap.bits.any_input && gap.bits.any_input <= gap.bits.any_words);
        // Sums below 2^24 are exact in float32.
        let (held, events) = run(accumulator);
        let (held, exact) = (output(held), output(run(EXACT).0));
        let found = gap.accumulators[0];
        prop_assert_eq!(found.events, events);
        prop_assert_eq!(found.difference.from_accumulator, u64::from(held != exact));
        prop_assert_eq!(found.difference.largest_steps, held.abs_diff(exact));
        prop_assert_eq!(gap.accumulators[1].difference.outputs, 0);
    }
}
