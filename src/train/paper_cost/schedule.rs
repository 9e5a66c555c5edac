//! The performance model on a word-length schedule of the whole network, as the AdaPT authors applied
//! it to MuPPET (papers/adapt.md section 8).

use super::{CostError, Quantity};

/// A word length and for how many epochs it is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// WL in bits; 32 is float32.
    pub word_length: u32,
    /// Epochs of the phase.
    pub epochs: u32,
}

const fn phase(word_length: u32, epochs: u32) -> Phase {
    Phase { word_length, epochs }
}

/// MuPPET's schedule of AlexNet as the AdaPT authors fed it to the model.
pub const MUPPET_ALEXNET: [Phase; 5] =
    [phase(8, 16), phase(12, 10), phase(14, 14), phase(16, 14), phase(32, 45)];

/// MuPPET's schedule of ResNet-20 as the AdaPT authors fed it to the model.
pub const MUPPET_RESNET20: [Phase; 5] =
    [phase(8, 22), phase(12, 22), phase(14, 10), phase(16, 15), phase(32, 45)];

/// The model's quantities of a schedule: dense, without switching overhead, independent of the
/// network. q is the mean word length over 32.
#[derive(Debug, Clone, PartialEq)]
pub struct ScheduleCost {
    /// Epochs in all.
    pub epochs: u64,
    /// Mean word length in bits.
    pub mean_bits: f64,
    /// q of the phases below 32 bits; `None` if there are none.
    pub fixed_share: Option<f64>,
}

impl ScheduleCost {
    /// The cost of the `phases`.
    ///
    /// ```
    /// use hwsim::train::paper_cost::schedule::{MUPPET_ALEXNET, ScheduleCost};
    /// let cost = ScheduleCost::new(&MUPPET_ALEXNET)?;
    /// assert_eq!(format!("{:.4} {:.4}", cost.mem_published(), cost.su1()), "1.6654 1.2009");
    /// # Ok::<(), hwsim::train::paper_cost::CostError>(())
    /// ```
    ///
    /// # Errors
    /// If there is no epoch or a word length is not 1 to 32.
    pub fn new(phases: &[Phase]) -> Result<Self, CostError> {
        if phases.iter().any(|phase| !(1..=32).contains(&phase.word_length)) {
            return Err(CostError::Schedule);
        }
        let totals = |limit: u32| {
            let chosen = phases.iter().filter(|phase| phase.word_length < limit);
            chosen.fold((0u64, 0u64), |(epochs, bits), phase| {
                let length = u64::from(phase.epochs);
                (epochs + length, bits + length * u64::from(phase.word_length))
            })
        };
        let (epochs, bits) = totals(33);
        let (fixed_epochs, fixed_bits) = totals(32);
        if epochs == 0 {
            return Err(CostError::Schedule);
        }
        Ok(Self {
            epochs,
            mean_bits: bits as f64 / epochs as f64,
            fixed_share: (fixed_epochs > 0)
                .then(|| fixed_bits as f64 / (32.0 * fixed_epochs as f64)),
        })
    }

    /// q = mean word length / 32.
    pub fn share(&self) -> f64 {
        self.mean_bits / 32.0
    }

    /// MEM = 1 + q.
    pub fn mem_published(&self) -> f64 {
        1.0 + self.share()
    }

    /// SU1 = 2 / (1 + q): forward quantised, backward 32 bit.
    pub fn su1(&self) -> f64 {
        2.0 / (1.0 + self.share())
    }

    /// Every quantity with its name and meaning.
    pub fn quantities(&self) -> Vec<Quantity> {
        let q = self.share();
        let quantity = |name, value, meaning| Quantity { name, value, meaning };
        let mut all = vec![
            quantity("epochs", self.epochs as f64, "Epochs in all"),
            quantity("mean_bits", self.mean_bits, "Mean word length in bits"),
            quantity("mem_released", 1.0 + 2.0 * q, "Memory as printed by the script, 1 + 2·q"),
            quantity("mem_published", self.mem_published(), "Memory as published, 1 + q"),
            quantity("su1", self.su1(), "Training speedup, backward at 32 bit, 2 / (1 + q)"),
            quantity("inference_su", 1.0, "Inference speedup: the final network is float32"),
            quantity("su_forward_only", 1.0 / q, "Speedup of the forward passes, 1 / q"),
            quantity(
                "su_all_three_gemms",
                1.0 / q,
                "Speedup with all three GEMMs quantised, 1 / q",
            ),
            quantity(
                "su3",
                150.0 / self.epochs as f64 * self.su1(),
                "SU3: SU1 times 150 epochs over the schedule's",
            ),
        ];
        if let Some(share) = self.fixed_share {
            all.push(quantity(
                "su_fixed_phases",
                2.0 / (1.0 + share),
                "Training speedup of the phases below 32 bits",
            ));
            all.push(quantity(
                "mem_fixed_phases",
                1.0 + share,
                "Memory of the phases below 32 bits",
            ));
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resnet20_as_in_the_sheet() {
        let cost = ScheduleCost::new(&MUPPET_RESNET20).unwrap();
        assert_eq!(format!("{:.4} {:.4}", cost.mem_published(), cost.su1()), "1.6195 1.2349");
        assert_eq!(cost.epochs, 114);
    }

    /// The four published cost rows of MuPPET (papers/adapt.md sections 8 and 9): three follow from the
    /// schedules, the speedup of ResNet-20 (1.25) does not.
    #[test]
    fn three_of_four_published_rows_follow_from_the_schedules() {
        let alexnet = ScheduleCost::new(&MUPPET_ALEXNET).unwrap();
        let resnet20 = ScheduleCost::new(&MUPPET_RESNET20).unwrap();
        // Printed with two digits, cut off.
        let cut = |value: f64| (value * 100.0).floor() / 100.0;
        assert_eq!((cut(alexnet.mem_published()), cut(resnet20.mem_published())), (1.66, 1.61));
        assert_eq!(cut(alexnet.su1()), 1.2);
        assert!((resnet20.su1() - 1.25).abs() > 0.015, "{}", resnet20.su1());
        // 1.25 would need a mean of 19.2 bits.
        assert_eq!(32.0 * (2.0 / 1.25 - 1.0), 19.200000000000003);
        assert!((resnet20.mean_bits - 19.8246).abs() < 1e-4, "{}", resnet20.mean_bits);
    }

    #[test]
    fn float32_only_has_no_fixed_phases() {
        let cost = ScheduleCost::new(&[phase(32, 10)]).unwrap();
        assert_eq!((cost.su1(), cost.fixed_share), (1.0, None));
        assert_eq!(cost.quantities().len(), 9);
    }

    #[test]
    fn impossible_schedules() {
        for phases in [&[][..], &[phase(8, 0)], &[phase(0, 3)], &[phase(33, 3)]] {
            assert_eq!(ScheduleCost::new(phases), Err(CostError::Schedule));
        }
    }
}
