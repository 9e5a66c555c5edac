//! Tests of the optimiser around its rules.

use super::adam::AdamOptions;
use super::sgd::SgdOptions;
use super::*;

const PORTABLE: SimdLevel = SimdLevel::PORTABLE;
const PLAIN: OptimiserOptions = OptimiserOptions {
    rule: RuleOptions::Sgd(SgdOptions { momentum: 0.0 }),
    weight_decay: 0.0,
    l1: 0.0,
    accumulation: 1,
    normalise: false,
};

/// AdaPT-SGD and Adam, both with weight decay.
fn rules() -> [OptimiserOptions; 2] {
    let rules =
        [RuleOptions::Sgd(SgdOptions { momentum: 0.9 }), RuleOptions::Adam(AdamOptions::default())];
    rules.map(|rule| OptimiserOptions { rule, weight_decay: 1e-3, normalise: true, ..PLAIN })
}

fn step(optimiser: &mut Optimiser, master: &mut [f32], gradient: &[f32], learning_rate: f32) {
    optimiser.accumulate(gradient).unwrap();
    optimiser.prepare(PORTABLE, Values::Float(master), |_| Ok(())).unwrap();
    optimiser.update(master, learning_rate).unwrap();
}

#[test]
fn the_l1_part_is_added_before_the_quantiser() {
    let mut optimiser = Optimiser::new(OptimiserOptions { l1: 0.5, ..PLAIN }, 3).unwrap();
    optimiser.accumulate(&[1.0, 1.0, 1.0]).unwrap();
    let mut seen = Vec::new();
    optimiser
        .prepare(PORTABLE, Values::Float(&[2.0, 0.0, -0.1]), |gradient| {
            seen = gradient.to_vec();
            gradient[0] = 8.0;
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [1.5, 1.0, 0.5]);
    assert_eq!(optimiser.gradient(), [8.0, 1.0, 0.5]);
}

#[test]
fn a_zero_gradient_stays_zero() {
    let mut optimiser = Optimiser::new(OptimiserOptions { normalise: true, ..PLAIN }, 2).unwrap();
    optimiser.accumulate(&[0.3, -0.3]).unwrap();
    let norm = optimiser.prepare(PORTABLE, Values::Float(&[1.0, 1.0]), |gradient| {
        gradient.fill(0.0);
        Ok(())
    });
    assert_eq!(norm, Ok(0.0));
    assert_eq!(optimiser.gradient(), [0.0, 0.0]);
}

#[test]
fn accumulated_micro_batches_are_averaged() {
    let mut optimiser = Optimiser::new(OptimiserOptions { accumulation: 2, ..PLAIN }, 1).unwrap();
    let mut master = [0.0];
    for round in 1..=2 {
        assert_eq!(optimiser.accumulate(&[1.0]), Ok(false));
        let early = optimiser.prepare(PORTABLE, Values::Float(&[0.0]), |_| Ok(())).unwrap_err();
        assert_eq!(early, OptimiserError::Accumulation { expected: 2, found: 1 });
        assert_eq!(optimiser.accumulate(&[3.0]), Ok(true));
        assert!(optimiser.accumulate(&[3.0]).is_err(), "one too many");
        optimiser.prepare(PORTABLE, Values::Float(&[0.0]), |_| Ok(())).unwrap();
        assert_eq!(optimiser.gradient(), [2.0]);
        optimiser.update(&mut master, 1.0).unwrap();
        assert_eq!(master, [-2.0 * round as f32]);
    }
}

#[test]
fn a_resumed_optimiser_continues_with_the_same_bits() {
    for options in rules() {
        let mut whole = Optimiser::new(options, 3).unwrap();
        let mut master = [0.1, -0.2, 0.3];
        for _ in 0..3 {
            step(&mut whole, &mut master, &[1.0, 2.0, 3.0], 0.1);
        }
        let mut resumed = Optimiser::new(options, 3).unwrap();
        resumed.restore(whole.state()).unwrap();
        let mut copy = master;
        for _ in 0..3 {
            step(&mut whole, &mut master, &[-1.0, 0.5, 3.0], 0.1);
            step(&mut resumed, &mut copy, &[-1.0, 0.5, 3.0], 0.1);
        }
        assert_eq!(master.map(f32::to_bits), copy.map(f32::to_bits));
        let names: Vec<&str> = whole.state().into_keys().collect();
        assert!(names.iter().all(|name| whole.state_names().contains(name)));
        assert_eq!(names.len(), whole.state_names().len());
        assert!(Optimiser::new(options, 2).unwrap().restore(whole.state()).is_err());
    }
}

#[test]
fn large_tensors_do_not_depend_on_the_number_of_threads() {
    let elements = 3 * CHUNK + 11;
    let gradient: Vec<f32> = (0..elements).map(|i| (i as f32 * 0.37).sin()).collect();
    for options in rules() {
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            let mut master = vec![0.5; elements];
            let mut optimiser = Optimiser::new(options, elements).unwrap();
            pool.install(|| {
                step(&mut optimiser, &mut master, &gradient, 0.1);
                step(&mut optimiser, &mut master, &gradient, 0.1);
            });
            master
        };
        assert_eq!(with(1), with(4));
    }
}

#[test]
fn bad_input_is_an_error() {
    assert!(Optimiser::new(OptimiserOptions { accumulation: 0, ..PLAIN }, 1).is_err());
    let nan = RuleOptions::Sgd(SgdOptions { momentum: f32::NAN });
    assert!(Optimiser::new(OptimiserOptions { rule: nan, ..PLAIN }, 1).is_err());
    let one = RuleOptions::Adam(AdamOptions { beta1: 1.0, ..AdamOptions::default() });
    let error = Optimiser::new(OptimiserOptions { rule: one, ..PLAIN }, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "optimiser option `beta1` is 1: use a number of at least 0 and below 1"
    );
    let mut optimiser = Optimiser::new(PLAIN, 2).unwrap();
    assert_eq!(
        optimiser.accumulate(&[1.0]).unwrap_err().to_string(),
        "the gradient has 1 elements, the tensor 2"
    );
    optimiser.accumulate(&[f32::NAN, 0.0]).unwrap();
    assert_eq!(
        optimiser.prepare(PORTABLE, Values::Float(&[0.0, 0.0]), |_| Ok(())),
        Err(OptimiserError::NotFinite)
    );
    let failed = optimiser.prepare(PORTABLE, Values::Float(&[0.0, 0.0]), |_| Err("no".into()));
    assert_eq!(failed, Err(OptimiserError::Quantiser("no".into())));
}
