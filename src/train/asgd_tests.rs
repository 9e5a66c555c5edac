//! Tests of AdaPT-SGD.

use super::*;

const PLAIN: AsgdOptions =
    AsgdOptions { momentum: 0.0, weight_decay: 0.0, l1: 0.0, accumulation: 1, normalise: false };

fn step(optimiser: &mut Asgd, master: &mut [f32], gradient: &[f32], learning_rate: f32) {
    optimiser.accumulate(gradient).unwrap();
    optimiser.prepare(master, |_| Ok(())).unwrap();
    optimiser.update(master, learning_rate).unwrap();
}

#[test]
fn two_steps_with_momentum_and_weight_decay_by_hand() {
    let options = AsgdOptions { momentum: 0.5, weight_decay: 0.25, ..PLAIN };
    let mut optimiser = Asgd::new(options, 1).unwrap();
    let mut master = [2.0];
    // d = 1 + 0.25·2 = 1.5 = m; W = 2 - 0.5·1.5.
    step(&mut optimiser, &mut master, &[1.0], 0.5);
    assert_eq!(master, [1.25]);
    // d = -1 + 0.25·1.25 = -0.6875; m = 0.75 - 0.6875 = 0.0625; W = 1.25 - 0.5·0.0625.
    step(&mut optimiser, &mut master, &[-1.0], 0.5);
    assert_eq!(master, [1.21875]);
}

#[test]
fn the_l1_part_is_added_before_the_quantiser() {
    let mut optimiser = Asgd::new(AsgdOptions { l1: 0.5, ..PLAIN }, 3).unwrap();
    optimiser.accumulate(&[1.0, 1.0, 1.0]).unwrap();
    let mut seen = Vec::new();
    optimiser
        .prepare(&[2.0, 0.0, -0.1], |gradient| {
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
    let mut optimiser = Asgd::new(AsgdOptions { normalise: true, ..PLAIN }, 2).unwrap();
    optimiser.accumulate(&[0.3, -0.3]).unwrap();
    let norm = optimiser.prepare(&[1.0, 1.0], |gradient| {
        gradient.fill(0.0);
        Ok(())
    });
    assert_eq!(norm, Ok(0.0));
    assert_eq!(optimiser.gradient(), [0.0, 0.0]);
}

#[test]
fn accumulated_micro_batches_are_averaged() {
    let mut optimiser = Asgd::new(AsgdOptions { accumulation: 2, ..PLAIN }, 1).unwrap();
    let mut master = [0.0];
    for round in 1..=2 {
        assert_eq!(optimiser.accumulate(&[1.0]), Ok(false));
        let early = optimiser.prepare(&[0.0], |_| Ok(())).unwrap_err();
        assert_eq!(early, AsgdError::Accumulation { expected: 2, found: 1 });
        assert_eq!(optimiser.accumulate(&[3.0]), Ok(true));
        assert!(optimiser.accumulate(&[3.0]).is_err(), "one too many");
        optimiser.prepare(&[0.0], |_| Ok(())).unwrap();
        assert_eq!(optimiser.gradient(), [2.0]);
        optimiser.update(&mut master, 1.0).unwrap();
        assert_eq!(master, [-2.0 * round as f32]);
    }
}

#[test]
fn a_resumed_optimiser_continues_with_the_same_bits() {
    let options = AsgdOptions { momentum: 0.9, weight_decay: 1e-3, normalise: true, ..PLAIN };
    let mut whole = Asgd::new(options, 3).unwrap();
    let mut master = [0.1, -0.2, 0.3];
    step(&mut whole, &mut master, &[1.0, 2.0, 3.0], 0.1);
    let mut resumed = Asgd::new(options, 3).unwrap();
    resumed.restore(whole.state()).unwrap();
    let mut copy = master;
    step(&mut whole, &mut master, &[-1.0, 0.5, 3.0], 0.1);
    step(&mut resumed, &mut copy, &[-1.0, 0.5, 3.0], 0.1);
    assert_eq!(master.map(f32::to_bits), copy.map(f32::to_bits));
    assert!(Asgd::new(options, 2).unwrap().restore(whole.state()).is_err());
}

#[test]
fn large_tensors_do_not_depend_on_the_number_of_threads() {
    let elements = 3 * CHUNK + 11;
    let gradient: Vec<f32> = (0..elements).map(|i| (i as f32 * 0.37).sin()).collect();
    let with = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut master = vec![0.5; elements];
        let options = AsgdOptions { momentum: 0.9, normalise: true, ..PLAIN };
        let mut optimiser = Asgd::new(options, elements).unwrap();
        pool.install(|| {
            step(&mut optimiser, &mut master, &gradient, 0.1);
            step(&mut optimiser, &mut master, &gradient, 0.1);
        });
        master
    };
    assert_eq!(with(1), with(4));
}

#[test]
fn bad_input_is_an_error() {
    assert!(Asgd::new(AsgdOptions { accumulation: 0, ..PLAIN }, 1).is_err());
    assert!(Asgd::new(AsgdOptions { momentum: f32::NAN, ..PLAIN }, 1).is_err());
    let mut optimiser = Asgd::new(PLAIN, 2).unwrap();
    assert_eq!(
        optimiser.accumulate(&[1.0]).unwrap_err().to_string(),
        "the gradient has 1 elements, the tensor 2"
    );
    optimiser.accumulate(&[f32::NAN, 0.0]).unwrap();
    assert_eq!(optimiser.prepare(&[0.0, 0.0], |_| Ok(())), Err(AsgdError::NotFinite));
    let failed = optimiser.prepare(&[0.0, 0.0], |_| Err("no".into()));
    assert_eq!(failed, Err(AsgdError::Quantiser("no".into())));
}

#[test]
fn penalty_and_loss_by_hand() {
    let term = |word_length, nonzero| PenaltyTerm { word_length, nonzero, elements: 4 };
    let penalty = word_length_penalty(&[term(8, 4), term(16, 2)]);
    assert_eq!(penalty, 0.25);
    assert_eq!(word_length_penalty(&[]), 0.0);
    let loss = LossComposition {
        cross_entropy: 1.0,
        l1: 0.5,
        l2: 0.25,
        penalty: Some(penalty),
        accumulation: 2,
    };
    // 1 + 0.5·(1 + 2 + 3) + 0.125·(1 + 4 + 9) + 0.25 = 6, halved.
    assert_eq!(loss.value([&[1.0, -2.0][..], &[3.0][..]]), 3.0);
    let without = LossComposition { penalty: None, accumulation: 1, ..loss };
    assert_eq!(without.value([&[1.0, -2.0][..], &[3.0][..]]), 5.75);
}
