use super::*;
use hwmodel::SimdLevel;
use hwmodel::float32::Values;

const SIMD: SimdLevel = SimdLevel::PORTABLE;

fn batch_norm_train(
    x: &[f32],
    parameters: &BatchNormParameters,
    y: &mut [f32],
) -> Result<BatchStatistics, BatchNormError> {
    let statistics = batch_statistics(SIMD, Values::Float(x), parameters)?;
    let normaliser = Normaliser::of_batch(&statistics, parameters)?;
    y.copy_from_slice(&normaliser.all(SIMD, Values::Float(x))?);
    Ok(statistics)
}

fn batch_norm_eval(
    x: &[f32],
    parameters: &BatchNormParameters,
    running: &RunningStatistics,
    y: &mut [f32],
) -> Result<(), BatchNormError> {
    let normaliser = Normaliser::of_running(running, parameters)?;
    y.copy_from_slice(&normaliser.all(SIMD, Values::Float(x))?);
    Ok(())
}
use hwmodel::random::{generator, uniform_f32};

fn random(seed: u64, length: usize) -> Vec<f32> {
    let mut generator = generator(seed, &[]);
    (0..length).map(|_| uniform_f32(&mut generator) * 4.0 - 1.0).collect()
}

fn identity(channels: usize) -> (Vec<f32>, Vec<f32>) {
    (vec![1.0; channels], vec![0.0; channels])
}

fn parameters<'a>(gamma: &'a [f32], beta: &'a [f32]) -> BatchNormParameters<'a> {
    BatchNormParameters { gamma, beta, epsilon: EPSILON }
}

#[test]
fn two_rows_by_hand() {
    // Channel 0: 1 and 5, so μ = 3, σ² = 4. Channel 1 is constant.
    let x = [1.0, 7.0, 5.0, 7.0];
    let mut y = [0.0; 4];
    let statistics = batch_norm_train(&x, &parameters(&[2.0, 3.0], &[0.5, -1.0]), &mut y).unwrap();
    assert_eq!(statistics.mean, [3.0, 7.0]);
    assert_eq!(statistics.variance, [4.0, 0.0]);
    let unit = 2.0 / 4.00001f32.sqrt();
    for (y, want) in y.iter().zip([0.5 - 2.0 * unit, -1.0, 0.5 + 2.0 * unit, -1.0]) {
        assert!((y - want).abs() < 1e-6, "{y} {want}");
    }
    let mut running = RunningStatistics::new(2);
    running.update(&statistics, MOMENTUM).unwrap();
    for (value, want) in running.mean.iter().zip([0.3, 0.7]) {
        assert!((value - want).abs() < 1e-6);
    }
    // The unbiased variance of channel 0 is 8.
    for (value, want) in running.variance.iter().zip([0.9 + 0.8, 0.9]) {
        assert!((value - want).abs() < 1e-6);
    }
}

#[test]
fn a_large_mean_does_not_swallow_the_variance() {
    // Values 2^19 ± 1/16 are exact in float32; Σx² in float32 would lose the variance altogether.
    let x: Vec<f32> =
        (0..100_000).map(|i| 524_288.0 + if i % 2 == 0 { 0.0625 } else { -0.0625 }).collect();
    let (gamma, beta) = identity(1);
    let mut y = vec![0.0; x.len()];
    let statistics = batch_norm_train(&x, &parameters(&gamma, &beta), &mut y).unwrap();
    assert_eq!(statistics.mean, [524_288.0]);
    assert_eq!(statistics.variance, [1.0 / 256.0]);
}

#[test]
fn an_outlier_in_the_first_row_does_not_spoil_the_others() {
    let mut x = random(3, 3 * 5000);
    x[0] = 1e15;
    let (gamma, beta) = identity(3);
    let mut y = vec![0.0; x.len()];
    let statistics = batch_norm_train(&x, &parameters(&gamma, &beta), &mut y).unwrap();
    for (channel, variance) in statistics.variance.iter().enumerate() {
        let values: Vec<f64> = x.iter().skip(channel).step_by(3).map(|&x| x.into()).collect();
        let mean = values.iter().sum::<f64>() / 5000.0;
        let want = values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5000.0;
        assert!((f64::from(*variance) / want - 1.0).abs() < 1e-6);
    }
}

#[test]
fn evaluation_uses_the_running_statistics() {
    let running = RunningStatistics { mean: vec![1.0], variance: vec![4.0] };
    let mut y = [0.0; 1];
    batch_norm_eval(&[5.0], &parameters(&[2.0], &[1.0]), &running, &mut y).unwrap();
    assert!((y[0] - 5.0).abs() < 1e-4);
    batch_norm_eval(&[], &parameters(&[2.0], &[1.0]), &running, &mut []).unwrap();
    let broken = RunningStatistics { mean: vec![1.0], variance: vec![-1.0] };
    let error = batch_norm_eval(&[5.0], &parameters(&[2.0], &[1.0]), &broken, &mut y);
    assert!(matches!(error, Err(BatchNormError::NotFinite { channel: 0, .. })));
}

/// Central differences of Σ grad_y·y in float64.
#[test]
fn backward_is_the_derivative_of_forward() {
    let (rows, channels) = (7, 3);
    let x = random(1, rows * channels);
    let grad_y = random(2, rows * channels);
    let (gamma, beta) = ([0.5, 1.5, -1.0], [0.1, 0.2, 0.3]);
    let loss = |x: &[f64], gamma: &[f64], beta: &[f64]| -> f64 {
        (0..channels)
            .map(|c| {
                let column: Vec<f64> = x.iter().skip(c).step_by(channels).copied().collect();
                let mean = column.iter().sum::<f64>() / rows as f64;
                let variance = column.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / rows as f64;
                let inverse = 1.0 / (variance + f64::from(EPSILON)).sqrt();
                let grad = grad_y.iter().skip(c).step_by(channels);
                let y = column.iter().map(|x| gamma[c] * (x - mean) * inverse + beta[c]);
                grad.zip(y).map(|(&grad, y)| f64::from(grad) * y).sum::<f64>()
            })
            .sum()
    };
    let wide = |values: &[f32]| values.iter().map(|&v| f64::from(v)).collect::<Vec<f64>>();
    let numeric = |which: usize, index: usize| {
        let at = |step: f64| {
            let mut arguments = [wide(&x), wide(&gamma), wide(&beta)];
            arguments[which][index] += step;
            loss(&arguments[0], &arguments[1], &arguments[2])
        };
        ((at(1e-5) - at(-1e-5)) / 2e-5) as f32
    };
    let mut y = vec![0.0; x.len()];
    let statistics = batch_norm_train(&x, &parameters(&gamma, &beta), &mut y).unwrap();
    let mut grad_x = grad_y.clone();
    let grads =
        batch_norm_backward(SIMD, Values::Float(&x), &gamma, &statistics, &mut grad_x).unwrap();
    for (which, analytic) in [&grad_x, &grads.gamma, &grads.beta].into_iter().enumerate() {
        for (index, value) in analytic.iter().enumerate() {
            let want = numeric(which, index);
            assert!((value - want).abs() < 2e-5, "{which} {index}: {value} {want}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_number_of_threads() {
    let (rows, channels) = (20_011, 13);
    let x = random(5, rows * channels);
    let grad_y = random(6, rows * channels);
    let (gamma, beta) = (random(7, channels), random(8, channels));
    let run = || {
        let mut y = vec![f32::NAN; x.len()];
        let mut grad_x = grad_y.clone();
        let statistics = batch_norm_train(&x, &parameters(&gamma, &beta), &mut y).unwrap();
        let grads =
            batch_norm_backward(SIMD, Values::Float(&x), &gamma, &statistics, &mut grad_x).unwrap();
        let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        [&y, &grad_x, &statistics.variance, &grads.gamma, &grads.beta].map(|v| bits(v))
    };
    let with = |threads| {
        rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(run)
    };
    assert_eq!(with(1), with(3));
}

#[test]
fn bad_input_is_an_error_that_says_what_is_wrong() {
    let (gamma, beta) = identity(2);
    let good = parameters(&gamma, &beta);
    let train = |x: &[f32], parameters: &BatchNormParameters| {
        batch_norm_train(x, parameters, &mut vec![0.0; x.len()]).unwrap_err()
    };
    assert_eq!(train(&[1.0, 2.0], &good), BatchNormError::TooFewValues { rows: 1 });
    assert_eq!(train(&[], &good), BatchNormError::TooFewValues { rows: 0 });
    assert_eq!(train(&[1.0; 3], &good), BatchNormError::PartialRow { elements: 3, channels: 2 });
    assert_eq!(train(&[1.0; 4], &parameters(&[], &[])), BatchNormError::NoChannels);
    assert!(matches!(train(&[1.0; 4], &parameters(&gamma, &[])), BatchNormError::Length(_)));
    let zero = BatchNormParameters { epsilon: 0.0, ..good };
    assert_eq!(train(&[1.0; 4], &zero), BatchNormError::Epsilon(0.0));
    for bad in [f32::NAN, f32::INFINITY, f32::MAX] {
        let error = train(&[1.0, bad, 1.0, -f32::MAX], &good);
        assert!(matches!(error, BatchNormError::NotFinite { channel: 1, .. }), "{bad}: {error}");
    }
}

#[test]
fn fixed_point_input_and_every_simd_level_give_the_same_bits() {
    use hwmodel::{FixedTensor, Format};
    let (rows, channels) = (9_001, 7);
    let raw: Vec<i32> = random(9, rows * channels).iter().map(|x| (x * 20.0) as i32).collect();
    let tensor =
        FixedTensor::from_raw(&[rows, channels], Format::new(8, 3).unwrap(), &raw).unwrap();
    let x = tensor.to_f32(SIMD);
    let grad_y = random(10, x.len());
    let (gamma, beta) = (random(11, channels), random(12, channels));
    let run = |simd: SimdLevel, x: Values<'_>| {
        let parameters = parameters(&gamma, &beta);
        let statistics = batch_statistics(simd, x, &parameters).unwrap();
        let y = Normaliser::of_batch(&statistics, &parameters).unwrap().all(simd, x).unwrap();
        let mut grad_x = grad_y.clone();
        let gradients = batch_norm_backward(simd, x, &gamma, &statistics, &mut grad_x).unwrap();
        (statistics, y, grad_x, gradients)
    };
    let want = run(SIMD, Values::Float(&x));
    for simd in SimdLevel::available() {
        assert_eq!(run(simd, Values::Fixed(&tensor)), want, "{simd}");
        assert_eq!(run(simd, Values::Float(&x)), want, "{simd}");
    }
}
