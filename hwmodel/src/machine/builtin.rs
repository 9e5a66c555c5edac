//! The shipped machines.

use super::MachineError;

const MACHINES: [(&str, &str); 7] = [
    ("edge-16x16", include_str!("../../machines/edge-16x16.toml")),
    ("tpu-like-256x256", include_str!("../../machines/tpu-like-256x256.toml")),
    ("eyeriss-like-12x14", include_str!("../../machines/eyeriss-like-12x14.toml")),
    ("fpga-dsp-48x48", include_str!("../../machines/fpga-dsp-48x48.toml")),
    ("bit-fusion-like-32x16", include_str!("../../machines/bit-fusion-like-32x16.toml")),
    ("stripes-like-64x64", include_str!("../../machines/stripes-like-64x64.toml")),
    ("loom-like-16x128", include_str!("../../machines/loom-like-16x128.toml")),
];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    MACHINES.iter().map(|&(name, _)| name)
}

pub(super) fn toml(name: &str) -> Result<&'static str, MachineError> {
    MACHINES.iter().find(|(known, _)| *known == name).map(|&(_, text)| text).ok_or_else(|| {
        MachineError::Unknown {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Dataflow, Machine};
    use super::*;
    use crate::{AccumulatorWidth, Overflow};

    #[test]
    fn every_shipped_machine_is_valid_and_has_the_array_of_its_name() {
        for name in Machine::names() {
            let machine = Machine::builtin(name).unwrap();
            let array = machine.array();
            assert!(name.ends_with(&format!("{}x{}", array.rows, array.columns)), "{name}");
            assert_eq!(machine.name(), name);
        }
        assert_eq!(names().next(), Some(Machine::DEFAULT));
    }

    #[test]
    fn the_values_of_the_shipped_machines_are_pinned() {
        let edge = Machine::builtin("edge-16x16").unwrap();
        assert_eq!(edge.accumulator().width, AccumulatorWidth::Exact);
        assert_eq!(edge.memory().sram_bits.input, 128 * 8192);
        assert_eq!(edge.memory().dram_bandwidth_bits_per_cycle, 64);
        assert_eq!((edge.clock_mhz(), edge.energy().node_nm()), (500.0, 45));
        let tpu = Machine::builtin("tpu-like-256x256").unwrap();
        assert_eq!(tpu.accumulator().width, AccumulatorWidth::bits(32).unwrap());
        assert_eq!(tpu.accumulator().overflow, Overflow::Wrap);
        assert_eq!((tpu.clock_mhz(), tpu.energy().node_nm()), (700.0, 7));
        let eyeriss = Machine::builtin("eyeriss-like-12x14").unwrap();
        assert_eq!(eyeriss.memory().sram_bits.total(), 108 * 8192);
        assert_eq!(eyeriss.accumulator().width, AccumulatorWidth::bits(32).unwrap());
        let build = |name: &str| {
            let machine = Machine::builtin(name).unwrap();
            (machine.dataflow(), machine.mac().style.describe())
        };
        for (name, dataflow, style) in [
            ("edge-16x16", Dataflow::OutputStationary, "exact"),
            ("tpu-like-256x256", Dataflow::WeightStationary, "fixed 8 x 8"),
            ("eyeriss-like-12x14", Dataflow::WeightStationary, "fixed 16 x 16"),
            ("fpga-dsp-48x48", Dataflow::WeightStationary, "dsp 27 x 18"),
            ("bit-fusion-like-32x16", Dataflow::WeightStationary, "composable 16 x (2 x 2)"),
            ("stripes-like-64x64", Dataflow::OutputStationary, "bit-serial input, 16 x (1 x 16)"),
            ("loom-like-16x128", Dataflow::OutputStationary, "bit-serial both, 16 x (1 x 1)"),
        ] {
            assert_eq!(build(name), (dataflow, style.to_owned()), "{name}");
        }
        // Half of the output SRAM holds 4096 rows of 256 sums of 32 bits.
        assert_eq!(tpu.memory().usable_bits().output, 4096 * 256 * 32);
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        assert_eq!(
            Machine::builtin("edge").unwrap_err().to_string(),
            "unknown machine `edge`: use one of edge-16x16, tpu-like-256x256, eyeriss-like-12x14, \
             fpga-dsp-48x48, bit-fusion-like-32x16, stripes-like-64x64, loom-like-16x128, or the path \
             of a description"
        );
    }
}
