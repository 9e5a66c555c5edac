//! Work of a parameter update on a machine: operations and DRAM traffic.

use hwmodel::machine::WeightUpdate;

const FLOAT32_BITS: u64 = 32;
/// Float32 operations of quantising the new weight: scaling and rounding.
const QUANTISE_OPERATIONS: u64 = 2;

/// Operations of a rule for each element of a parameter on the vector unit; each rule states it in its own file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleWork {
    /// Float32 operations. The L2 part is always counted.
    pub operations: u64,
    /// Float32 values that the rule keeps of each element: all are read and written.
    pub moments: u64,
}

impl RuleWork {
    /// The update of `elements` parameters: float32 master and moments are read and written, the gradient is read in
    /// words of `gradient_bits` bits, the quantised weight is written in `weight_bits` bits (`None`: the array uses
    /// the float32 master). `None` if a count is beyond 64 bits.
    pub fn update(
        self,
        elements: u64,
        weight_bits: Option<u32>,
        gradient_bits: u32,
    ) -> Option<WeightUpdate> {
        let state = FLOAT32_BITS * (1 + self.moments);
        let quantise = if weight_bits.is_some() { QUANTISE_OPERATIONS } else { 0 };
        let each = WeightUpdate {
            operations: self.operations + quantise,
            read_bits: state + u64::from(gradient_bits),
            write_bits: state + u64::from(weight_bits.unwrap_or(0)),
        };
        each.checked_mul(elements)
    }
}

#[cfg(test)]
mod tests {
    use crate::train::optimiser::RuleOptions;
    use crate::train::optimiser::adam::AdamOptions;
    use crate::train::optimiser::sgd::SgdOptions;
    use hwmodel::machine::WeightUpdate;

    /// Operations, bits read and bits written for one parameter with an 8-bit weight and a 16-bit gradient, by hand.
    #[test]
    fn every_rule_moves_master_moments_gradient_and_quantised_weight() {
        let sgd = |momentum| RuleOptions::Sgd(SgdOptions { momentum });
        for (rule, [operations, read_bits, write_bits]) in [
            (sgd(0.0), [4 + 2, 32 + 16, 32 + 8]),
            (sgd(0.9), [6 + 2, 64 + 16, 64 + 8]),
            (RuleOptions::Adam(AdamOptions::default()), [15 + 2, 96 + 16, 96 + 8]),
        ] {
            let expected = WeightUpdate { operations, read_bits, write_bits };
            assert_eq!(rule.work().update(1, Some(8), 16), Some(expected), "{rule:?}");
            let float32 = WeightUpdate {
                operations: operations - 2,
                read_bits: read_bits + 16,
                write_bits: write_bits - 8,
            };
            assert_eq!(rule.work().update(1, None, 32), Some(float32), "{rule:?}");
        }
        assert_eq!(sgd(0.9).work().update(u64::MAX / 100, Some(8), 8), None);
    }
}
