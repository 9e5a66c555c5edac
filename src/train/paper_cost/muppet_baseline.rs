//! The float32 training that SU3 compares with, and when the comparison is valid.

/// Epochs of MuPPET's float32 baseline.
pub(super) const BASELINE_EPOCHS: f64 = 150.0;

/// Points of top-1 below the baseline that still count as having reached it: the four published SU3 allow for it.
const MARGIN_POINTS: f64 = 1.0;

/// Architecture, data set and top-1 in % of the baselines (papers/adapt.md section 9, papers/muppet.md).
const BASELINES: [(&str, &str, f64); 4] = [
    ("alexnet", "cifar10", 75.45),
    ("resnet20", "cifar10", 90.08),
    ("alexnet", "cifar100", 39.2),
    ("resnet20", "cifar100", 64.6),
];

/// Whether SU3 is valid for a run of `arch` on `dataset` whose best top-1 is the share `top1`: it takes 150 epochs of
/// float32 training for what the run did in fewer, so the run must have come as far.
///
/// # Errors
/// Why it says nothing.
pub fn su3_premise(arch: &str, dataset: &str, top1: Option<f64>) -> Result<(), String> {
    let of_run =
        |(of_arch, of_dataset, _): &&(&str, &str, f64)| (*of_arch, *of_dataset) == (arch, dataset);
    let Some((_, _, baseline)) = BASELINES.iter().find(of_run) else {
        return Err(format!(
            "MuPPET has no baseline for {arch} on {dataset}: alexnet and resnet20 on CIFAR only"
        ));
    };
    let best = 100.0 * top1.unwrap_or(0.0);
    if best >= baseline - MARGIN_POINTS {
        return Ok(());
    }
    Err(format!(
        "the best top-1 of {best:.2} % does not reach the {baseline} % of MuPPET's baseline"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_runs_meet_the_premise_and_untrained_ones_do_not() {
        // AdaPT's four, papers/adapt.md section 9.
        for (arch, dataset, top1) in [
            ("alexnet", "cifar10", 0.745),
            ("alexnet", "cifar100", 0.424),
            ("resnet20", "cifar10", 0.90),
            ("resnet20", "cifar100", 0.652),
        ] {
            assert_eq!(su3_premise(arch, dataset, Some(top1)), Ok(()), "{arch} {dataset}");
        }
        let one_epoch = su3_premise("alexnet", "cifar10", Some(0.396)).unwrap_err();
        assert_eq!(
            one_epoch,
            "the best top-1 of 39.60 % does not reach the 75.45 % of MuPPET's baseline"
        );
        assert!(su3_premise("resnet20", "cifar10", None).is_err());
        let other = su3_premise("mlp", "fashion-mnist", Some(0.9)).unwrap_err();
        assert!(other.starts_with("MuPPET has no baseline for mlp on fashion-mnist"), "{other}");
    }
}
