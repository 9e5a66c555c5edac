//! Max and average pooling, batch norm and softmax cross entropy against PyTorch (`golden/torch_ops.csv`).

use hwsim::golden::torch::{Case, TorchError, TorchVectors};
use hwsim::network::vector::average_pool::{average_pool, average_pool_backward};
use hwsim::network::vector::batch_norm::{
    BatchNormParameters, batch_norm_backward, batch_norm_train,
};
use hwsim::network::vector::max_pool::{max_pool, max_pool_backward};
use hwsim::network::vector::pooling::{PoolShape, PoolWindow};
use hwsim::network::vector::softmax_cross_entropy::{cross_entropy, softmax_cross_entropy};
use std::path::Path;

/// Largest difference allowed, relative to the largest reference value, and absolute.
const RELATIVE: f64 = 1e-6;
const ABSOLUTE: f64 = 1e-6;

/// Runs `check` on every case of `kind`, of which there must be `count`.
fn each(kind: &str, count: usize, check: impl Fn(&Case) -> Result<(), TorchError>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/torch_ops.csv");
    let vectors = TorchVectors::read(&path).unwrap();
    assert_eq!(vectors.of_kind(kind).count(), count, "cases of {kind}");
    for case in vectors.of_kind(kind) {
        check(case).unwrap();
    }
}

fn nhwc(case: &Case, name: &str) -> Result<Vec<f32>, TorchError> {
    Ok(case.tensor(name)?.nchw_to_nhwc()?.f32()?.to_vec())
}

/// `name` of the float32 and the float64 reference, channels last where there are four axes.
fn references(case: &Case, name: &str) -> Result<[Vec<f64>; 2], TorchError> {
    let single = case.tensor(&format!("f32.{name}"))?;
    let double = case.tensor(&format!("f64.{name}"))?;
    let (single, double) = if single.shape.len() == 4 {
        (single.nchw_to_nhwc()?, double.nchw_to_nhwc()?)
    } else {
        (single.clone(), double.clone())
    };
    Ok([single.f32()?.iter().map(|&x| x.into()).collect(), double.f64()?.to_vec()])
}

fn assert_close(case: &Case, name: &str, actual: &[f32]) -> Result<(), TorchError> {
    for reference in references(case, name)? {
        assert_eq!(actual.len(), reference.len(), "case {} {name}", case.id);
        let largest = reference.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
        for (index, (&actual, reference)) in actual.iter().zip(&reference).enumerate() {
            let error = (f64::from(actual) - reference).abs();
            assert!(
                error <= RELATIVE * largest + ABSOLUTE,
                "case {} {name}[{index}]: {actual}, PyTorch {reference}",
                case.id
            );
        }
    }
    Ok(())
}

fn pool_shape(case: &Case) -> Result<PoolShape, TorchError> {
    let window = PoolWindow::square(case.number("K")?, case.number("S")?, case.number("P")?);
    let shape = case.tensor("in.x")?.nchw_to_nhwc()?.shape;
    Ok(PoolShape::new(shape.try_into().unwrap(), window).unwrap())
}

#[test]
fn max_pooling() {
    each("maxpool", 8, |case| {
        let shape = pool_shape(case)?;
        let expected = case.tensor("f32.y")?.nchw_to_nhwc()?;
        assert_eq!(expected.shape, shape.output_shape());
        let (x, grad_y) = (nhwc(case, "in.x")?, nhwc(case, "in.gy")?);
        let mut y = vec![f32::NAN; shape.output_len()];
        let mut argmax = vec![0; y.len()];
        max_pool(&shape, &x, &mut y, &mut argmax).unwrap();
        assert_eq!(y, expected.f32()?, "case {}", case.id);
        let mut grad_x = vec![f32::NAN; x.len()];
        max_pool_backward(&shape, &argmax, &grad_y, &mut grad_x).unwrap();
        assert_close(case, "grad.x", &grad_x)
    });
}

/// The inputs are multiples of 1/2, so integers give the same maxima and the same ties.
#[test]
fn max_pooling_of_raw_integers() {
    each("maxpool", 8, |case| {
        let shape = pool_shape(case)?;
        let x: Vec<i8> = nhwc(case, "in.x")?.iter().map(|x| (x * 2.0) as i8).collect();
        let grad_y = nhwc(case, "in.gy")?;
        let mut y = vec![0; shape.output_len()];
        let mut argmax = vec![0; y.len()];
        max_pool(&shape, &x, &mut y, &mut argmax).unwrap();
        let y: Vec<f32> = y.iter().map(|&raw| f32::from(raw) / 2.0).collect();
        assert_eq!(y, case.tensor("f32.y")?.nchw_to_nhwc()?.f32()?, "case {}", case.id);
        let mut grad_x = vec![f32::NAN; x.len()];
        max_pool_backward(&shape, &argmax, &grad_y, &mut grad_x).unwrap();
        assert_close(case, "grad.x", &grad_x)
    });
}

#[test]
fn average_pooling() {
    each("avgpool", 8, |case| {
        let shape = pool_shape(case)?;
        assert_eq!(case.tensor("f32.y")?.nchw_to_nhwc()?.shape, shape.output_shape());
        let (x, grad_y) = (nhwc(case, "in.x")?, nhwc(case, "in.gy")?);
        let mut y = vec![f32::NAN; shape.output_len()];
        average_pool(&shape, &x, &mut y).unwrap();
        assert_close(case, "y", &y)?;
        let mut grad_x = vec![f32::NAN; x.len()];
        average_pool_backward(&shape, &grad_y, &mut grad_x).unwrap();
        assert_close(case, "grad.x", &grad_x)
    });
}

#[test]
fn batch_normalisation() {
    each("batchnorm", 8, |case| {
        let (x, grad_y) = (nhwc(case, "in.x")?, nhwc(case, "in.gy")?);
        let gamma = case.tensor("in.w")?.f32()?;
        let beta = case.tensor("in.b")?.f32()?;
        let parameters = BatchNormParameters { gamma, beta, epsilon: case.number("eps")? };
        let mut y = vec![f32::NAN; x.len()];
        let statistics = batch_norm_train(&x, &parameters, &mut y).unwrap();
        assert_close(case, "y", &y)?;
        let mut grad_x = vec![f32::NAN; x.len()];
        let gradients = batch_norm_backward(&x, &grad_y, gamma, &statistics, &mut grad_x).unwrap();
        assert_close(case, "grad.x", &grad_x)?;
        assert_close(case, "grad.w", &gradients.gamma)?;
        assert_close(case, "grad.b", &gradients.beta)
    });
}

#[test]
fn softmax_and_cross_entropy() {
    each("softmax_ce", 7, |case| {
        let x = case.tensor("in.x")?;
        let (logits, classes) = (x.f32()?, x.shape[1]);
        let labels = case.tensor("in.labels")?.labels()?;
        let scale = case.tensor("in.gy")?.f32()?[0];
        let mut gradient = vec![f32::NAN; logits.len()];
        let result = softmax_cross_entropy(logits, classes, &labels, scale, &mut gradient).unwrap();
        assert_close(case, "y", &[result.loss as f32])?;
        assert_close(case, "grad.x", &gradient)?;
        assert_eq!(cross_entropy(logits, classes, &labels), Ok(result));
        // The loss is float64 throughout.
        let reference = case.tensor("f64.y")?.f64()?[0];
        assert!((result.loss - reference).abs() <= 1e-13 * reference.abs() + 1e-13);
        Ok(())
    });
}

/// The network vectors are read by the same reader.
#[test]
fn network_vectors_can_be_read() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/torch_nets.csv");
    let vectors = TorchVectors::read(&path).unwrap();
    let kinds: Vec<_> = vectors.cases.iter().map(|case| case.kind.as_str()).collect();
    assert_eq!(kinds, ["lenet", "resnet", "lenet", "resnet", "lenet"]);
    for case in &vectors.cases {
        let batch: usize = case.number("B").unwrap();
        assert_eq!(case.tensor("in.labels").unwrap().labels().unwrap().len(), batch);
        let logits = case.tensor("f64.logits").unwrap();
        assert_eq!(logits.shape, [batch, case.number("NCLS").unwrap()]);
    }
}
