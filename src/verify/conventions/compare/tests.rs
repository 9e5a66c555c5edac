use super::*;
use crate::verify::conventions::{Part, parse, rows};
use hwmodel::array::Convolution2d;

/// One image of one pixel and one channel of 1/16, with all words of 8 bits as weights: the sums are the weights, in 1/256.
fn compared(list: &str, output: Output) -> (LayerComparison, Vec<Choice>) {
    let choices = parse(list).unwrap();
    let format = Format::new(8, 4).unwrap();
    let weights: Vec<f32> = (-128..128).map(|raw| raw as f32 / 16.0).collect();
    let operands = Operands {
        x: &[0.0625, 0.0625],
        input: [2, 1, 1, 1],
        weights: &weights,
        weight_shape: &[256, 1, 1, 1],
        bias: None,
        geometry: Convolution2d::square(1, 1, 0),
    };
    let mut layer = LayerComparison::new("layer".to_owned(), format, output, &choices);
    let options = ConventionOptions { simd: SimdLevel::best(), choices };
    layer.add(&operands, &options).unwrap();
    layer.add(&operands, &options).unwrap();
    (layer, options.choices)
}

fn plain(wl: u32, fl: i32) -> Output {
    Output { format: Format::new(wl, fl).unwrap(), zero_point: 0, factor: None }
}

#[test]
fn two_settings_are_told_apart() {
    // In sixteenths: nearest even against floor; 3 bits hold -4 to 3, so that both limit.
    let (layer, choices) = compared("hwsim,hls4ml,hls4ml+overflow=saturate", plain(3, 4));
    let word = |raw: i32| (f64::from(raw) / 16.0).round_ties_even().clamp(-4.0, 3.0) as i64;
    let wrapped = |value: i64| (value + 4).rem_euclid(8) - 4;
    let floor = |raw: i32| i64::from(raw >> 4);
    let count =
        |differs: &dyn Fn(i32) -> bool| 4 * (-128..128).filter(|&raw| differs(raw)).count() as u64;
    assert_eq!((layer.m, layer.n, layer.k, layer.outputs()), (4, 256, 1, 1024));
    let [both, rounding] = &layer.pairs[..] else { panic!("two pairs") };
    assert_eq!(both.differences.differing, count(&|raw| word(raw) != wrapped(floor(raw))));
    let [of_rounding, of_overflow] = &both.settings[..] else { panic!("two settings") };
    assert_eq!((of_rounding.key, of_overflow.key), ("rounding", "overflow"));
    let saturated = |raw: i32| floor(raw).clamp(-4, 3);
    assert_eq!(of_rounding.changed, count(&|raw| word(raw) != saturated(raw)));
    assert_eq!(of_rounding.left, count(&|raw| saturated(raw) != wrapped(floor(raw))));
    assert!(of_overflow.left > 0 && both.explanations().count() == 0);
    let explained: Vec<_> = rounding.explanations().map(|effect| effect.key).collect();
    assert_eq!(explained, ["rounding"]);
    assert_eq!(rounding.differences.differing, count(&|raw| word(raw) != saturated(raw)));
    let rows = rows(std::slice::from_ref(&layer), &choices);
    assert_eq!((rows[0].explained_by.as_str(), rows[1].explained_by.as_str()), ("", "rounding"));
    assert_eq!(rows[1].outputs, 1024);
}

#[test]
fn the_first_difference_is_shown_with_its_steps() {
    let (layer, _) = compared("hwsim,rounding=floor", plain(8, 4));
    let example = layer.pairs[0].example.as_ref().unwrap();
    // Weight -119: -7.4375 sixteenths to -7 or -8.
    assert_eq!(example.output, [0, 0, 0, 9]);
    assert_eq!(example.operands.first, [[1, -119]]);
    let [first, second] = &example.sides;
    assert_eq!((first.sum.as_str(), first.sum_fl, first.value.as_str()), ("-119", 8, "-7.4375"));
    assert_eq!((first.word, second.word, example.part), (-7, -8, Part::Rounding));
    let ties = 4 * (-128..128).filter(|raw| raw & 15 == 8).count() as u64;
    assert_eq!(layer.usage[0].ties, ties);
}

#[test]
fn the_step_where_two_conventions_part() {
    let part = |list: &str, output| {
        let (layer, _) = compared(list, output);
        layer.pairs[0].example.as_ref().map(|example| example.part)
    };
    assert_eq!(part("hwsim,overflow=wrap", plain(3, 4)), Some(Part::Limit));
    assert_eq!(part("hwsim,accumulator=6", plain(8, 4)), Some(Part::Sum));
    assert_eq!(part("rounding=half-up,clip=sum", plain(3, 4)), Some(Part::Limit));
    assert_eq!(part("hwsim,clip=before", plain(3, 4)), None);
    let odd = Output { zero_point: 1, ..plain(8, 4) };
    assert_eq!(part("onnxruntime,zero-point=before", odd), Some(Part::Rounding));
}

#[test]
fn events_of_a_narrow_accumulator_are_counted() {
    let (layer, _) =
        compared("hwsim,accumulator=6,accumulator=6+accumulator-overflow=wrap", plain(8, 4));
    let outside = 4 * (128 - 32 + 128 - 32);
    let events = layer.usage.iter().map(|usage| usage.accumulator_events);
    assert_eq!(events.collect::<Vec<_>>(), [0, outside, outside]);
    let explained: Vec<_> = layer.pairs[0].explanations().map(|effect| effect.key).collect();
    assert_eq!(explained, ["accumulator"]);
}
