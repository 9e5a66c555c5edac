//! Training in small floats.

use super::*;
use crate::data::{DatasetKind, SearchPath, TextOptions, load};
use crate::design::peppp::{Configuration, Partition, PartitionSize};
use crate::precision::ControllerOptions;
use crate::train::optimiser::OptimiserOptions;
use crate::train::{RoundingOptions, Trainer};
use hwmodel::Overflow;
use hwmodel::machine::Machine;
use hwmodel::random::RandomSource;

fn setup() -> TrainingSetup {
    let options = RunOptions {
        arch: "mlp".to_owned(),
        dataset: DatasetKind::FashionMnistSlice,
        text: TextOptions::default(),
        limit_train: None,
        limit_test: None,
        augment: false,
        epochs: 2,
        max_steps: None,
        batch_size: 16,
        seed: 3,
        learning_rate: 0.02,
        schedule: Schedule::Constant,
        optimiser: OptimiserOptions {
            weight_decay: 5e-4,
            normalise: false,
            ..OptimiserOptions::default()
        },
        penalty: false,
        initialisation_scale: 0.5,
        controller: ControllerOptions::Float32,
        rounding: RoundingOptions::default(),
        random: RandomSource::PCG,
        overflow: Overflow::Saturate,
        accumulator: None,
        machine: Machine::DEFAULT.to_owned(),
        backward: BackwardArithmetic::Float32,
        init_from: None,
        network: None,
        normalisation: None,
    };
    let machine = Machine::builtin(Machine::DEFAULT).unwrap();
    TrainingSetup { options, machine, simd: SimdLevel::best() }
}

fn data() -> Dataset {
    let dataset = load(DatasetKind::FashionMnistSlice, &SearchPath::default()).unwrap();
    let partition = Partition { name: "p".into(), classes: vec![1, 5, 8], seed: 1 };
    let size = PartitionSize { train: Some(240), test: Some(90) };
    partition.select(&dataset, size).unwrap()
}

fn run(setup: &TrainingSetup, configuration: &str) -> Measurement {
    let configuration: Configuration = configuration.parse().unwrap();
    setup.measure(configuration, &data(), &AtomicBool::new(false)).unwrap()
}

#[test]
fn small_floats_learn_and_repeat_on_any_number_of_threads() {
    let found = run(&setup(), "1-5-3/1-8-11");
    assert!(!found.diverged && found.steps == 30 && found.error < 0.25, "{found:?}");
    for threads in [1, 3] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        assert_eq!(pool.install(|| run(&setup(), "1-5-3/1-8-11")), found);
    }
}

/// With nearly all bits of float32 the emulation is the float32 training of the harness.
#[test]
fn wide_formats_are_float32_training() {
    let mut setup = setup();
    let nearest = Rounding::NearestEven;
    setup.options.rounding = RoundingOptions {
        weights: nearest,
        activations: nearest,
        gradients: nearest,
        evaluation: nearest,
    };
    setup.options.epochs = 1;
    let data = data();
    let wide = Minifloat::new(8, 22).unwrap();
    let mut own = Run::new(&setup, (wide, wide), &data).unwrap();
    own.train(15, &AtomicBool::new(false)).unwrap();
    let machine = setup.machine.clone();
    let mut trainer =
        Trainer::new(setup.options.clone(), data.clone(), machine, setup.simd).unwrap();
    for _ in 0..15 {
        trainer.step().unwrap();
    }
    for (a, b) in own.accumulators.iter().zip(&trainer.network().parameters) {
        let pairs = a.iter().zip(&b.master);
        let square: f64 = pairs.map(|(a, b)| f64::from(a - b).powi(2)).sum();
        let norm: f64 = b.master.iter().map(|b| f64::from(*b).powi(2)).sum();
        assert!(square.sqrt() < 1e-3 * norm.sqrt(), "{}: {}", b.name, (square / norm).sqrt());
    }
}

#[test]
fn everything_kept_is_in_its_format() {
    let setup = setup();
    let (a, b) = (Minifloat::new(4, 1).unwrap(), Minifloat::new(6, 7).unwrap());
    let data = data();
    let mut run = Run::new(&setup, (a, b), &data).unwrap();
    run.train(3, &AtomicBool::new(false)).unwrap();
    let is_in = |values: &[f32], format| {
        let again = |&x: &f32| minifloat::quantise_with(x, format, Rounding::Floor, 0).unwrap();
        values.iter().all(|x| again(x) == *x)
    };
    for (index, parameter) in run.network.parameters.iter().enumerate() {
        assert!(is_in(&parameter.master, a) && !is_in(&run.accumulators[index], a));
        assert!(is_in(&run.accumulators[index], b) && is_in(&run.momentum[index], b));
    }
}

#[test]
fn a_stop_is_no_result_and_settings_without_effect_are_refused() {
    let setup = setup();
    let configuration: Configuration = "1-4-1/1-6-7".parse().unwrap();
    let stopped = setup.measure(configuration, &data(), &AtomicBool::new(true));
    assert!(matches!(stopped, Err(PepppError::Stopped)));
    let fixed: Configuration = "wl8-fl4".parse().unwrap();
    let stopped = setup.measure(fixed, &data(), &AtomicBool::new(true));
    assert!(matches!(stopped, Err(PepppError::Stopped)));
    let mut other = setup.clone();
    other.options.optimiser.normalise = true;
    let error = other.measure(configuration, &data(), &AtomicBool::new(false)).unwrap_err();
    assert!(error.to_string().contains("normalise-gradients"), "{error}");
}

#[test]
fn a_run_that_diverges_guesses() {
    let mut setup = setup();
    setup.options.learning_rate = 1e30;
    let found = run(&setup, "1-5-3/1-8-11");
    assert!(found.diverged && (found.error - 2.0 / 3.0).abs() < 1e-12, "{found:?}");
}
