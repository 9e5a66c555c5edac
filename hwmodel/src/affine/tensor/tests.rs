use super::*;
use crate::affine::Granularity;

fn format(bits: u32) -> Format {
    Format::new(bits, 0).unwrap()
}

fn floats(length: usize) -> Vec<f32> {
    let mut x: Vec<f32> = (0..length).map(|i| ((i * 37 % 1001) as f32 - 500.0) * 0.125).collect();
    x[..5].copy_from_slice(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0, 3e38]);
    x
}

/// The words of every level, granularity and length of a chunk are those of the scalar rule.
#[test]
fn arrays_are_the_rule_element_by_element() {
    let shape = [3, 11, 700];
    let x = floats(3 * 11 * 700);
    for granularity in [
        Granularity::Tensor,
        Granularity::Axis { axis: 0 },
        Granularity::Axis { axis: 2 },
        Granularity::Block { axis: 1, size: 4 },
        Granularity::Block { axis: 2, size: 64 },
    ] {
        let layout = granularity.on(&shape).unwrap();
        let count = layout.parameters();
        let scales: Vec<f32> = (0..count).map(|i| 0.03 + 0.01 * (i % 97) as f32).collect();
        let zero_points: Vec<i32> = (0..count).map(|i| (i % 200) as i32 - 100).collect();
        let quantisation =
            Quantisation::new(granularity, scales.clone(), zero_points.clone()).unwrap();
        for rule in QuantiseRule::ALL {
            let range = WordRange::int8(0);
            let want: Vec<i32> = x
                .iter()
                .enumerate()
                .map(|(i, &x)| {
                    let at = layout.span(i).parameter;
                    rule.word(x, scales[at], WordRange { zero_point: zero_points[at], ..range })
                })
                .collect();
            let values: Vec<u32> = want
                .iter()
                .enumerate()
                .map(|(i, &word)| {
                    let at = layout.span(i).parameter;
                    ((word - zero_points[at]) as f32 * scales[at]).to_bits()
                })
                .collect();
            for simd in SimdLevel::available() {
                let quantisation = quantisation.clone();
                let words = AffineTensor::quantise(simd, rule, &x, &shape, format(8), quantisation)
                    .unwrap();
                assert_eq!(words.words().data().to_i32(), want, "{rule} {granularity:?} {simd}");
                let found: Vec<u32> =
                    words.dequantise(simd).into_iter().map(f32::to_bits).collect();
                assert_eq!(found, values, "{granularity:?} {simd}");
            }
        }
    }
}

#[test]
fn long_words_are_dequantised_with_one_rounding_each() {
    let raw = [i32::MIN, -1, 0, 16_777_217, i32::MAX];
    let words = FixedTensor::from_raw(&[5], format(32), &raw).unwrap();
    let quantisation = Quantisation::per_tensor(1.0, i32::MAX).unwrap();
    let tensor = AffineTensor::new(words, quantisation).unwrap();
    let want = raw.map(|raw| (i64::from(raw) - i64::from(i32::MAX)) as f32);
    assert_eq!(tensor.dequantise(SimdLevel::best()), want);
}

#[test]
fn impossible_scales_and_zero_points_are_refused() {
    for scale in [0.0, -0.0, -1.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = Quantisation::per_axis(0, vec![1.0, scale], vec![]).unwrap_err();
        assert!(matches!(error, AffineError::Scale { index: 1, .. }), "{error}");
    }
    let error = Quantisation::per_tensor(0.0, 0).unwrap_err().to_string();
    assert_eq!(error, "scale 0 is 0: use a finite number above 0");
    assert!(Quantisation::per_tensor(f32::from_bits(1), 0).is_ok());
    let words = |bits, shape: &[usize]| {
        FixedTensor::new(shape, format(bits), RawData::zeros(format(bits), shape.iter().product()))
            .unwrap()
    };
    let of = |quantisation: Quantisation| {
        AffineTensor::new(words(8, &[2, 3]), quantisation).map(|_| ()).map_err(|e| e.to_string())
    };
    let per_tensor = |zero_point| Quantisation::per_tensor(1.0, zero_point).unwrap();
    assert_eq!(of(per_tensor(127)), Ok(()));
    assert_eq!(of(per_tensor(-128)), Ok(()));
    assert_eq!(of(per_tensor(128)), Err("zero point 0 is 128: use -128 to 127".into()));
    let per_axis = |axis, count| Quantisation::per_axis(axis, vec![1.0; count], vec![]).unwrap();
    assert_eq!(of(per_axis(1, 3)), Ok(()));
    let why = "one for the tensor, for each index of the axis, or for each block";
    assert_eq!(of(per_axis(1, 2)), Err(format!("2 scales, but 3 are needed: {why}")));
    assert_eq!(of(per_axis(2, 2)), Err("a tensor of 2 dimensions has no axis 2".into()));
    let error = Quantisation::per_axis(0, vec![1.0; 2], vec![0; 3]).unwrap_err().to_string();
    assert_eq!(error, "3 zero points, but 2 are needed: one for each scale");
    for (bits, fl) in [(1, 0), (8, 1)] {
        let words = FixedTensor::from_raw(&[1], Format::new(bits, fl).unwrap(), &[0]).unwrap();
        let error = AffineTensor::new(words, per_tensor(0)).unwrap_err();
        assert!(matches!(error, AffineError::Word(_)), "{error}");
    }
    let quantise = |shape: &[usize]| {
        let (simd, rule) = (SimdLevel::PORTABLE, QuantiseRule::OnnxRuntime);
        AffineTensor::quantise(simd, rule, &[0.0; 5], shape, format(8), per_tensor(0))
    };
    assert!(matches!(quantise(&[2, 3]), Err(AffineError::Count { what: "elements", .. })));
    assert!(matches!(quantise(&[usize::MAX, 3]), Err(AffineError::Tensor(_))));
    assert!(quantise(&[5]).is_ok() && quantise(&[5, 1]).is_ok());
}
