//! Tests of the whole AdaPT controller.

use super::*;
use crate::precision::{Bounds, StateTensor};
use hwmodel::random::{generator, normal};

fn infos() -> Vec<TensorInfo> {
    let shapes: [&[usize]; 4] = [&[3, 2, 2], &[3], &[2, 3], &[2]];
    let names = ["conv", "conv bias", "fc", "fc bias"];
    names.iter().zip(shapes).map(|(name, shape)| TensorInfo::from_shape(*name, shape)).collect()
}

fn options(variant: Variant, granularity: Granularity) -> AdaptOptions {
    AdaptOptions {
        variant,
        granularity,
        resolution: Bounds::new(5, 12),
        lookback: Bounds::new(2, 6),
        ..AdaptOptions::default()
    }
}

/// Weights and unit gradients of step `t`, the same in every call.
fn inputs(t: u64) -> (Vec<Vec<f32>>, Vec<Vec<f32>>) {
    let mut random = generator(3, &[t]);
    let mut tensors = |scale: f64| -> Vec<Vec<f32>> {
        let of = |info: TensorInfo, random: &mut _| -> Vec<f32> {
            (0..info.elements).map(|_| (scale * normal(random)) as f32).collect()
        };
        infos().into_iter().map(|info| of(info, &mut random)).collect()
    };
    let masters = tensors(0.4);
    let mut gradients = tensors(1.0);
    for gradient in &mut gradients {
        let norm = gradient.iter().map(|g| g * g).sum::<f32>().sqrt();
        gradient.iter_mut().for_each(|g| *g /= norm);
    }
    (masters, gradients)
}

fn views<'a>(masters: &'a [Vec<f32>], gradients: &'a [Vec<f32>]) -> Vec<TensorView<'a>> {
    let pairs = masters.iter().zip(gradients);
    pairs.map(|(master, gradient)| TensorView { master, gradient }).collect()
}

fn run(controller: &mut Adapt, steps: std::ops::Range<u64>) -> Vec<Decision> {
    steps
        .map(|t| {
            let (masters, gradients) = inputs(t);
            let tensors = views(&masters, &gradients);
            let loss = 2.0 + (t as f64).sin();
            controller.update(&Step { loss, tensors: &tensors }).unwrap()
        })
        .collect()
}

fn everything(controller: &Adapt) -> (Vec<RoleFormats>, Vec<ControllerReport>, ControllerState) {
    let reports = (0..4).map(|tensor| controller.report(tensor)).collect();
    let mut state = controller.state();
    // NaN stands for "no value" and would not compare equal.
    state.tensors.retain(|_, tensor| match tensor {
        StateTensor::F64(values) => !values.iter().any(|value| value.is_nan()),
        StateTensor::F32(_) => true,
    });
    (controller.formats().to_vec(), reports, state)
}

#[test]
fn a_bias_follows_the_tensor_before_it() {
    for variant in [Variant::Paper, Variant::Released] {
        let mut controller = Adapt::new(options(variant, Granularity::Batch), &infos()).unwrap();
        let decisions = run(&mut controller, 0..20);
        let switches: usize = decisions.iter().map(|decision| decision.switches.len()).sum();
        assert!(switches > 0, "{variant:?}: nothing was switched");
        for (weight, bias) in [(0, 1), (2, 3)] {
            assert_eq!(controller.formats()[weight], controller.formats()[bias]);
            assert_eq!(controller.report(weight), controller.report(bias));
        }
    }
}

#[test]
fn decisions_list_what_changed() {
    let mut controller = Adapt::new(options(Variant::Paper, Granularity::Batch), &infos()).unwrap();
    let mut before = controller.formats().to_vec();
    let mut switches = 0;
    for decision in run(&mut controller, 0..20) {
        for switch in &decision.switches {
            assert_eq!(before[switch.tensor], switch.before);
            assert_ne!(switch.before, switch.after);
            before[switch.tensor] = switch.after;
            switches += 1;
        }
    }
    assert!(switches > 0, "nothing was switched");
    assert_eq!(before, controller.formats());
}

#[test]
fn epoch_granularity_switches_only_at_the_end_of_an_epoch() {
    let mut controller = Adapt::new(options(Variant::Paper, Granularity::Epoch), &infos()).unwrap();
    let start = controller.formats().to_vec();
    assert!(run(&mut controller, 0..10).iter().all(|decision| decision.switches.is_empty()));
    assert_eq!(controller.formats(), start);
    assert!((0..4).all(|tensor| controller.report(tensor).kl.is_none()));
    let (masters, gradients) = inputs(10);
    let tensors = views(&masters, &gradients);
    let decision = controller.end_of_epoch(&EpochEnd { epoch: 0, tensors: &tensors }).unwrap();
    assert!(decision.switches.len() >= 2, "a weight and its bias");
    assert!((0..4).all(|tensor| controller.report(tensor).kl.is_some()), "all were pushed down");
    for switch in &decision.switches {
        assert!(controller.report(switch.tensor).switched);
    }
    let again = controller.end_of_epoch(&EpochEnd { epoch: 1, tensors: &tensors }).unwrap();
    assert!(again.switches.is_empty(), "the windows are empty");
}

#[test]
fn batch_granularity_does_nothing_at_the_end_of_an_epoch() {
    let mut controller = Adapt::new(options(Variant::Paper, Granularity::Batch), &infos()).unwrap();
    let decision = controller.end_of_epoch(&EpochEnd { epoch: 0, tensors: &[] }).unwrap();
    assert_eq!(decision, Decision::default());
}

#[test]
fn a_resumed_run_continues_with_the_same_bits() {
    for variant in [Variant::Paper, Variant::Released] {
        for granularity in [Granularity::Batch, Granularity::Epoch] {
            let options = options(variant, granularity);
            let mut whole = Adapt::new(options.clone(), &infos()).unwrap();
            run(&mut whole, 0..7);
            let saved = whole.state();
            let text = saved.scalars.to_string();
            let saved = ControllerState { scalars: text.parse().unwrap(), ..saved };
            let mut resumed = Adapt::new(options, &infos()).unwrap();
            resumed.restore(&saved).unwrap();
            assert_eq!(everything(&whole), everything(&resumed));
            assert_eq!(run(&mut whole, 7..25), run(&mut resumed, 7..25));
            assert_eq!(everything(&whole), everything(&resumed));
        }
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let paper = Adapt::new(options(Variant::Paper, Granularity::Batch), &infos()).unwrap();
    let released_options = options(Variant::Released, Granularity::Batch);
    let mut released = Adapt::new(released_options.clone(), &infos()).unwrap();
    let refusal = released.restore(&paper.state()).unwrap_err().to_string();
    assert!(refusal.contains("variant is paper"), "{refusal}");

    let mut fewer = Adapt::new(released_options, &infos()[..2]).unwrap();
    assert!(fewer.restore(&released.state()).is_err());

    for key in ["losses", "gradient_sum.0", "kl"] {
        let mut state = released.state();
        state.tensors.remove(key);
        let refusal = released.clone().restore(&state).unwrap_err().to_string();
        assert!(refusal.contains(&format!("`{key}` is missing")), "{refusal}");
    }
    let mut state = released.state();
    state.scalars = serde_json::json!({ "strategy": "boldest" });
    assert!(released.restore(&state).is_err());
}

#[test]
fn diverged_training_is_reported_with_the_tensor() {
    let (mut masters, mut gradients) = inputs(0);
    let controller = || Adapt::new(options(Variant::Paper, Granularity::Batch), &infos()).unwrap();
    let tensors = views(&masters, &gradients);
    let error = controller().update(&Step { loss: f64::NAN, tensors: &tensors }).unwrap_err();
    assert!(matches!(error, PrecisionError::Loss(_)));

    gradients[2][1] = f32::NAN;
    let tensors = views(&masters, &gradients);
    let error = controller().update(&Step { loss: 1.0, tensors: &tensors }).unwrap_err();
    let expected = PrecisionError::NotFinite { tensor: "fc".into(), what: "gradient" };
    assert_eq!(error, expected);

    gradients[2][1] = 0.0;
    masters[0][0] = f32::INFINITY;
    let mut with_window_of_one = controller();
    with_window_of_one.options.lookback = Bounds::new(1, 1);
    let tensors = views(&masters, &gradients);
    let mut update = || with_window_of_one.update(&Step { loss: 1.0, tensors: &tensors });
    let error = update().and_then(|_| update()).and_then(|_| update()).unwrap_err();
    assert_eq!(error, PrecisionError::NotFinite { tensor: "conv".into(), what: "master" });
}

#[test]
fn options_out_of_range_are_named() {
    let base = AdaptOptions::default;
    let cases = [
        ("start", AdaptOptions { start: Format::new(8, -1).unwrap(), ..base() }),
        ("epsilon_kl", AdaptOptions { epsilon_kl: f64::NAN, ..base() }),
        ("buffer_bits", AdaptOptions { buffer_bits: 33, ..base() }),
        ("resolution", AdaptOptions { resolution: Bounds::new(0, 5), ..base() }),
        ("lookback", AdaptOptions { lookback: Bounds::new(9, 5), ..base() }),
        ("lookback_momentum", AdaptOptions { lookback_momentum: 1.5, ..base() }),
    ];
    for (name, options) in cases {
        let error = Adapt::new(options, &infos()).unwrap_err().to_string();
        assert!(error.contains(&format!("`{name}`")), "{error}");
    }
    let bias_first = Adapt::new(base(), &infos()[1..2]).unwrap_err();
    assert_eq!(bias_first, PrecisionError::BiasFirst("conv bias".into()));
}
