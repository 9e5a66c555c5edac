use super::*;
use crate::precision::ControllerState;

fn policy(options: MuppetPolicyOptions) -> MuppetPolicy {
    MuppetPolicy::new(options, &[TensorInfo::from_shape("w", &[2])]).unwrap()
}

/// Gradients 1, x, x of a window of three epochs with diversity `d` = (1 + 2x²) / (1 + 2x)², which falls
/// from 1 at x = 0 to 1/3 at x = 1.
fn window(d: f64) -> [[f32; 2]; 3] {
    let (mut low, mut high) = (0.0f64, 1.0);
    for _ in 0..60 {
        let x = (low + high) / 2.0;
        if (1.0 + 2.0 * x * x) / (1.0 + 2.0 * x).powi(2) > d { low = x } else { high = x }
    }
    [[1.0, 0.0], [low as f32, 0.0], [low as f32, 0.0]]
}

/// papers/muppet.md section 8.4: D at epochs 2, 5, 8, ..
const TRACE: [f64; 7] = [0.90, 0.80, 0.70, 0.60, 0.50, 0.48, 0.46];

#[test]
fn the_trace_of_the_sheet() {
    let mut policy = policy(MuppetPolicyOptions::default());
    let mut reports = Vec::new();
    for d in TRACE {
        for gradient in window(d) {
            reports.push(policy.end_of_epoch(&[&gradient]).unwrap());
        }
    }
    let evaluated: Vec<&EpochReport> = reports.iter().filter(|r| r.diversity.is_some()).collect();
    let expected = [
        (2, 1.0, 2.228096, 0, false),
        (5, 1.125, 1.909796, 0, false),
        (8, 1.285714, 1.673993, 0, false),
        (11, 1.5, 1.499307, 1, false),
        (14, 1.8, 1.369895, 2, true),
        (17, 1.0, 1.274025, 0, false),
        (20, 1.043478, 1.203003, 0, false),
    ];
    assert_eq!(evaluated.len(), expected.len());
    for (report, (epoch, p, threshold, violations, switched)) in evaluated.iter().zip(expected) {
        assert_eq!(report.epoch, epoch);
        assert!((report.ratio.unwrap() - p).abs() < 2e-6, "{report:?}");
        assert!((report.threshold - threshold).abs() < 1e-6, "{report:?}");
        assert_eq!((report.violations, report.switched), (violations, switched), "{report:?}");
    }
    assert_eq!(policy.word_length(), Some(12));
    assert_eq!(reports[13].word_length, Some(8));
    assert_eq!(reports[14].word_length, Some(12));
    assert!(reports.iter().all(|report| report.learning_rate == 0.01 && !report.stop));
}

/// papers/muppet.md section 8.2.
#[test]
fn thresholds() {
    let options = MuppetPolicyOptions::default();
    for (epoch, expected) in [
        (0, 2.5),
        (1, 2.3572561270539394),
        (5, 1.9097959895689502),
        (14, 1.3698954459124097),
        (100, 1.0000680998946436),
    ] {
        assert!((options.threshold(epoch) - expected).abs() < 1e-15, "{epoch}");
    }
}

/// papers/muppet.md section 8.6: calls with a lower learning rate, and the call that stops.
#[test]
fn float32_phases() {
    let phases: [(f64, f64, &[u32], u32); 3] =
        [(0.01, 1e-4, &[14, 29], 44), (0.1, 1e-3, &[14, 29, 44], 59), (0.001, 1e-5, &[14, 29], 44)];
    for (learning_rate, smallest_learning_rate, drops, stop) in phases {
        // Without patience the first evaluation switches to float32.
        let mut policy = policy(MuppetPolicyOptions {
            resolution: 1,
            patience: 0,
            word_lengths: vec![8],
            learning_rate,
            smallest_learning_rate,
            ..MuppetPolicyOptions::default()
        });
        let mut rate = learning_rate;
        for call in 0..=stop {
            let report = policy.end_of_epoch(&[&[1.0, 0.0]]).unwrap();
            assert_eq!(report.switched, call == 0);
            assert_eq!(report.word_length, None);
            assert_eq!(report.learning_rate < rate, drops.contains(&call), "{call}");
            assert_eq!(report.stop, call == stop, "{call}");
            rate = report.learning_rate;
        }
    }
}

#[test]
fn the_paper_evaluates_every_epoch_from_r_on() {
    let options =
        MuppetPolicyOptions { reading: MuppetReading::Paper, ..MuppetPolicyOptions::default() };
    let mut policy = policy(options);
    let evaluated: Vec<(bool, bool)> = (0..6)
        .map(|_| policy.end_of_epoch(&[&[1.0, 2.0]]).unwrap())
        .map(|report| (report.diversity == Some(0.25), report.ratio == Some(1.0)))
        .collect();
    let (no, first, yes) = ((false, false), (true, false), (true, true));
    assert_eq!(evaluated, [no, no, no, first, yes, yes]);
}

#[test]
fn aliasing_replaces_the_first_gradient_of_a_window() {
    let options = MuppetPolicyOptions {
        reading: MuppetReading::CodeAliased,
        resolution: 2,
        ..MuppetPolicyOptions::default()
    };
    let mut policy = policy(options);
    for _ in 0..2 {
        policy.first_minibatch(&[&[9.0, 9.0]]).unwrap();
        policy.end_of_epoch(&[&[1.0, 0.0]]).unwrap();
        policy.first_minibatch(&[&[0.0, 1.0]]).unwrap();
        let report = policy.end_of_epoch(&[&[0.0, 1.0]]).unwrap();
        // Norms 1 + 1, sum (0, 1) + (0, 1).
        assert_eq!(report.diversity, Some(0.5));
    }
}

#[test]
fn a_restored_policy_continues_with_the_same_reports() {
    for reading in [MuppetReading::Paper, MuppetReading::Code, MuppetReading::CodeAliased] {
        let options = MuppetPolicyOptions { reading, patience: 1, ..Default::default() };
        let epoch = |policy: &mut MuppetPolicy, e: u32| {
            let wave = |k: f32| (e as f32 * k).sin() + 0.5;
            policy.first_minibatch(&[&[wave(0.3), wave(0.9)]]).unwrap();
            policy.end_of_epoch(&[&[wave(0.5), wave(0.7)]]).unwrap()
        };
        let mut whole = policy(options.clone());
        for e in 0..120 {
            let state = whole.state();
            let mut restored = policy(options.clone());
            restored.restore(&state).unwrap();
            assert_eq!(restored, whole, "{reading:?} before epoch {e}");
            assert_eq!(epoch(&mut whole, e), epoch(&mut restored, e));
        }
        assert!(whole.word_length() != Some(8), "{reading:?} never switched");
    }
}

#[test]
fn states_that_do_not_fit_are_refused() {
    let mut policy = policy(MuppetPolicyOptions::default());
    policy.end_of_epoch(&[&[1.0, 2.0]]).unwrap();
    let state = policy.state();
    let other = [TensorInfo::from_shape("v", &[2])];
    let mut other = MuppetPolicy::new(MuppetPolicyOptions::default(), &other).unwrap();
    let error = other.restore(&state).unwrap_err().to_string();
    assert!(error.contains("its tensors are [\"w\"], expected [\"v\"]"), "{error}");
    let mut cut = state.clone();
    cut.tensors.remove("gradient.0.0");
    assert!(policy.restore(&cut).unwrap_err().to_string().contains("`gradient.0.0` is missing"));
    assert!(policy.restore(&ControllerState::empty("adapt")).is_err());
}

#[test]
fn wrong_input_is_an_error() {
    let mut policy = policy(MuppetPolicyOptions::default());
    assert!(matches!(policy.end_of_epoch(&[]), Err(PrecisionError::TensorCount { .. })));
    assert!(matches!(policy.end_of_epoch(&[&[1.0]]), Err(PrecisionError::Length { .. })));
    let nan = policy.end_of_epoch(&[&[1.0, f32::NAN]]);
    assert!(matches!(nan, Err(PrecisionError::NotFinite { .. })));
    assert_eq!(policy.last(), None);
    let tensors = [TensorInfo::from_shape("w", &[2])];
    let refused = |options| MuppetPolicy::new(options, &tensors).unwrap_err().to_string();
    let default = MuppetPolicyOptions::default;
    let error = refused(MuppetPolicyOptions { resolution: 0, ..default() });
    assert_eq!(error, "precision option `resolution` is 0: use at least 1");
    refused(MuppetPolicyOptions { float32_epochs: 0, ..default() });
    refused(MuppetPolicyOptions { learning_rate: f64::NAN, ..default() });
    refused(MuppetPolicyOptions { lambda: f64::INFINITY, ..default() });
    refused(MuppetPolicyOptions { word_lengths: vec![], ..default() });
    let error = refused(MuppetPolicyOptions { word_lengths: vec![8, 33], ..default() });
    assert!(error.contains("1 to 32 bits"), "{error}");
    assert!(MuppetPolicy::new(default(), &[]).is_err());
}
