use super::*;
use crate::array::{Convolution2d, MacArray};
use crate::number::quantise::{quantise, quantise_with};
use crate::number::requantise::Requantiser;
use crate::random::Role;
use crate::{Accumulator, FixedTensor, Format, Overflow, Rounding};

fn pcg(bits: u8) -> RandomSource {
    RandomSource::Pcg { bits: Some(RandomBits::new(bits).unwrap()) }
}

fn lfsr(width: u8, bits: u8, steps: u8) -> RandomSource {
    RandomSource::Lfsr(Lfsr::new(width, RandomBits::new(bits).unwrap(), steps).unwrap())
}

fn sources() -> Vec<RandomSource> {
    vec![
        RandomSource::PCG,
        pcg(1),
        pcg(8),
        pcg(24),
        lfsr(8, 1, 1),
        lfsr(8, 8, 8),
        lfsr(16, 8, 1),
        lfsr(16, 8, 8),
        lfsr(32, 24, 24),
    ]
}

fn address(source: RandomSource) -> RandomAddress {
    RandomAddress { seed: 11, step: 3, layer: 5, part: None, role: Role::Activation, source }
}

/// r·2^`bits` of element `index`, from the definitions of word and register alone.
fn stated(source: RandomSource, index: usize) -> u64 {
    let address = address(source);
    match source {
        RandomSource::Pcg { bits } => {
            let bits = bits.expect("stated").get();
            u64::from(address.at(index as u64).next_u32()) >> (32 - bits)
        }
        RandomSource::Lfsr(lfsr) => {
            let mut state = lfsr.load(address);
            for _ in 0..index * usize::from(lfsr.steps()) {
                state = lfsr.step(state);
            }
            u64::from(lfsr.number(state))
        }
    }
}

/// ⌊numerator/2^shift + r/2^bits⌋ by integers over a common denominator.
fn floor_of_sum(numerator: i128, shift: u32, r: u64, bits: u32) -> i128 {
    ((numerator << bits) + (i128::from(r) << shift)) >> (shift + bits)
}

#[test]
fn floats_round_by_the_stated_bits_at_every_level() {
    let format = Format::new(12, 5).unwrap();
    let n = 300;
    // Multiples of 2^-17 (exact in float32): 12 bits are dropped.
    let numerators: Vec<i32> = (0..n).map(|i| (i * 7919 + 13) % 60_000 - 30_000).collect();
    let x: Vec<f32> = numerators.iter().map(|&v| v as f32 / (1 << 17) as f32).collect();
    for source in sources().into_iter().filter(|source| source.stated_bits().is_some()) {
        let bits = source.stated_bits().unwrap().get();
        for simd in SimdLevel::testable() {
            let (data, counts) =
                quantise(simd, &x, format, Rounding::Stochastic, address(source)).unwrap();
            for (i, &v) in numerators.iter().enumerate() {
                let r = stated(source, i);
                let expected = floor_of_sum(v.into(), 12, r, bits.into());
                assert_eq!(i128::from(data.get(i)), expected, "{source}, {simd}, element {i}");
                let r24 = (r << (24 - bits)) as u32;
                let scalar = quantise_with(x[i], format, Rounding::Stochastic, r24);
                assert_eq!(scalar, Ok(data.get(i)));
            }
            assert_eq!(counts.random_bits, n as u64 * u64::from(bits));
        }
    }
}

/// Fast loops (shift up to 32, saturating), wide loops (longer shifts, wrapping), both by one rule.
#[test]
fn integers_round_by_the_stated_bits_at_every_level() {
    let n = 200;
    let raw: Vec<i32> = (0..n).map(|i| (i * 104_729 + 7) % 2_000_003 - 1_000_001).collect();
    for source in sources().into_iter().filter(|source| source.stated_bits().is_some()) {
        let bits = source.stated_bits().unwrap().get();
        for (shift, overflow) in [
            (-2, Overflow::Saturate),
            (0, Overflow::Wrap),
            (1, Overflow::Saturate),
            (12, Overflow::Saturate),
            (12, Overflow::Wrap),
            (32, Overflow::Saturate),
            (33, Overflow::Saturate),
            (64, Overflow::Saturate),
            (80, Overflow::Wrap),
        ] {
            let fl: i32 = if shift > 32 { 60 } else { shift };
            let x =
                FixedTensor::from_raw(&[raw.len()], Format::new(32, fl).unwrap(), &raw).unwrap();
            for simd in SimdLevel::testable() {
                let unit = Requantiser {
                    simd,
                    format: Format::new(32, fl - shift).unwrap(),
                    rounding: Rounding::Stochastic,
                    overflow,
                    address: address(source),
                };
                let (out, counts) = unit.tensor(&x);
                for (i, &v) in raw.iter().enumerate() {
                    let expected = if shift <= 0 {
                        i128::from(v) << -shift
                    } else {
                        floor_of_sum(v.into(), shift.unsigned_abs(), stated(source, i), bits.into())
                    };
                    let got = i128::from(out.data().get(i));
                    assert_eq!(got, expected, "{source}, shift {shift}, {simd}, element {i}");
                }
                let each = if shift > 0 { u64::from(bits) } else { 0 };
                assert_eq!(counts.random_bits, n as u64 * each, "{source}, shift {shift}");
            }
        }
    }
}

#[test]
fn a_product_takes_the_source_of_its_requantiser() {
    let simd = SimdLevel::best();
    let format = Format::new(8, 6).unwrap();
    let raw: Vec<i32> = (0..64).map(|i| i * 5 % 127 - 60).collect();
    let a = FixedTensor::from_raw(&[8, 8], format, &raw).unwrap();
    let array = MacArray { simd, accumulator: Accumulator::default() };
    let product = array.matmul(&a, &a).unwrap();
    for source in [pcg(4), lfsr(16, 4, 4)] {
        let unit = Requantiser {
            simd,
            format,
            rounding: Rounding::Stochastic,
            overflow: Overflow::Saturate,
            address: address(source),
        };
        let (data, report) = unit.product(&product, None).unwrap();
        for i in 0..64 {
            let rounded = floor_of_sum(product.sums.get(i), 6, stated(source, i), 4);
            assert_eq!(i128::from(data.get(i)), rounded.clamp(-128, 127), "{source}, element {i}");
        }
        assert_eq!(report.counts.random_bits, 64 * 4);
    }
}

/// The output stage that requantises each row as soon as it is complete, from any thread.
#[test]
fn a_convolution_takes_the_numbers_of_its_output_elements() {
    let simd = SimdLevel::best();
    let format = Format::new(8, 6).unwrap();
    let raw = |n: i32| (0..n).map(|i| i * 5 % 127 - 60).collect::<Vec<_>>();
    let x = FixedTensor::from_raw(&[2, 40, 40, 3], format, &raw(9600)).unwrap();
    let w = FixedTensor::from_raw(&[10, 3, 3, 3], format, &raw(270)).unwrap();
    let array = MacArray { simd, accumulator: Accumulator::default() };
    let geometry = Convolution2d::square(3, 1, 1);
    let product = array.convolve(&x, &w, geometry).unwrap();
    for source in sources() {
        let unit = Requantiser {
            simd,
            format,
            rounding: Rounding::Stochastic,
            overflow: Overflow::Saturate,
            address: address(source),
        };
        let (expected, expected_report) = unit.product(&product, None).unwrap();
        let (data, _, report) = array.convolve_requantised(&x, &w, geometry, None, &unit).unwrap();
        assert_eq!((data, report), (expected, expected_report), "{source}");
        assert_eq!(report.counts.random_bits, 32_000 * source.bits_for_shift(6));
    }
}

/// A quarter of all r lie in the top quarter: over a whole period of the register 0.7 rounds up as
/// often as the definition says, and the mean is off by less than 2^-bits.
#[test]
fn the_mean_is_unbiased_within_the_resolution() {
    let format = Format::new(8, 0).unwrap();
    let n = 65_535;
    for bits in [2, 4, 8, 12] {
        let source = lfsr(16, bits, 1);
        let up = |x: f32| {
            let x = vec![x; n];
            let (data, _) =
                quantise(SimdLevel::best(), &x, format, Rounding::Stochastic, address(source))
                    .unwrap();
            data.to_i32().iter().filter(|&&raw| raw == 1).count()
        };
        for x in [0.7f32, 0.25, 1.0 / 3.0] {
            // r reaches 1 - x in so many of the 2^bits numbers; each occurs 2^(16-bits) times in a
            // period, zero once less, and zero never rounds up.
            let numbers = (f64::from(x) * f64::from(1 << bits)).floor() as usize;
            assert_eq!(up(x), numbers << (16 - bits), "{bits} bits, {x}");
            let bias = up(x) as f64 / n as f64 - f64::from(x);
            assert!(bias.abs() < 0.5f64.powi(bits.into()) + 2.0 / n as f64, "{bits} bits: {bias}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let x: Vec<f32> = (0..20_000).map(|i| (i as f32 * 0.37).sin()).collect();
    let format = Format::new(8, 5).unwrap();
    for source in sources() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let address = address(source);
            pool.install(|| {
                quantise(SimdLevel::best(), &x, format, Rounding::Stochastic, address).unwrap()
            })
        };
        let one = with(1);
        assert_eq!(one, with(2), "{source}");
        assert_eq!(one, with(5), "{source}");
    }
}

#[test]
fn bits_drawn_follow_the_source() {
    assert_eq!((RandomSource::PCG.bits_for_float(), pcg(5).bits_for_float()), (24, 5));
    let shifts = [0, 1, 30, 64, 100];
    assert_eq!(shifts.map(|shift| RandomSource::PCG.bits_for_shift(shift)), [0, 1, 30, 64, 64]);
    assert_eq!(shifts.map(|shift| lfsr(16, 8, 1).bits_for_shift(shift)), [0, 8, 8, 8, 8]);
}

#[test]
fn sources_survive_json_and_impossible_ones_are_refused() {
    for source in sources() {
        let text = serde_json::to_string(&source).unwrap();
        assert_eq!(serde_json::from_str::<RandomSource>(&text).unwrap(), source, "{text}");
    }
    let wrong = [
        r#"{"kind":"pcg","bits":25}"#,
        r#"{"kind":"lfsr","width":7,"bits":4,"steps":4}"#,
        r#"{"kind":"lfsr","width":8,"bits":9,"steps":4}"#,
        r#"{"kind":"lfsr","width":8,"bits":8,"steps":0}"#,
        r#"{"kind":"xorshift"}"#,
    ];
    for text in wrong {
        assert!(serde_json::from_str::<RandomSource>(text).is_err(), "{text}");
    }
}

#[test]
fn sources_say_what_they_are() {
    assert_eq!(RandomSource::PCG.to_string(), "pcg");
    assert_eq!(pcg(8).to_string(), "pcg, 8 bits");
    assert_eq!(
        lfsr(16, 8, 1).to_string(),
        "lfsr of 16 bits (x^16 + x^5 + x^3 + x^2 + 1), 8 bits and 1 clocks a rounding"
    );
    assert!(lfsr(22, 8, 8).to_string().contains("(x^22 + x + 1)"));
}
