//! The three reports, in SCALE-Sim's own layout.

use super::result::{Accesses, LayerResult};
use crate::product::ByOperand;
use std::fmt::Write as _;

/// Header of `COMPUTE_REPORT.csv`.
const COMPUTE: &str = "LayerID, Total Cycles (incl. prefetch), Total Cycles, Stall Cycles, Overall Util %, Mapping Efficiency %, Compute Util %,\n";

/// Header of `BANDWIDTH_REPORT.csv`.
const BANDWIDTH: &str = "LayerID, Avg IFMAP SRAM BW, Avg FILTER SRAM BW, Avg OFMAP SRAM BW, Avg IFMAP DRAM BW, Avg FILTER DRAM BW, Avg OFMAP DRAM BW,\n";

/// The reports on all layers of a run, as texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reports {
    /// Cycles, stalls, utilisation.
    pub compute: String,
    /// Mean bandwidths in words per cycle.
    pub bandwidth: String,
    /// First and last cycle and number of accesses of each operand at SRAM and DRAM.
    pub detailed_access: String,
}

impl Reports {
    /// The reports on `layers`.
    pub fn new(layers: &[LayerResult]) -> Self {
        let mut reports = Self {
            compute: COMPUTE.to_owned(),
            bandwidth: BANDWIDTH.to_owned(),
            detailed_access: detailed_access_header(),
        };
        for (id, layer) in layers.iter().enumerate() {
            let utilisation =
                [layer.overall_utilisation, layer.mapping_efficiency, layer.compute_utilisation]
                    .map(python_float)
                    .join(", ");
            let [with_prefetch, total, stall] =
                [layer.total_cycles_with_prefetch, layer.total_cycles, layer.stall_cycles];
            let _ = writeln!(
                reports.compute,
                "{id}, {with_prefetch}, {total}, {stall}, {utilisation},"
            );
            let (sram, dram) = (layer.sram_bandwidth(), layer.dram_bandwidth());
            let bandwidths = [sram, dram].map(|b| [b.input, b.weight, b.output].map(python_float));
            let _ = writeln!(reports.bandwidth, "{id}, {},", bandwidths.as_flattened().join(", "));
            let accesses = |memory: &ByOperand<Accesses>| {
                let text = |a: Accesses| format!("{}.0, {}.0, {}", a.start, a.stop, a.count);
                [memory.input, memory.weight, memory.output].map(text).join(", ")
            };
            let (sram, dram) = (accesses(&layer.sram), accesses(&layer.dram));
            let _ = writeln!(reports.detailed_access, "{id}, {sram}, {dram},");
        }
        reports
    }

    /// Names of the files that the reports are in.
    pub const FILES: [&'static str; 3] =
        ["COMPUTE_REPORT.csv", "BANDWIDTH_REPORT.csv", "DETAILED_ACCESS_REPORT.csv"];

    /// The reports with their file names.
    pub fn files(&self) -> [(&'static str, &str); 3] {
        let [compute, bandwidth, detailed_access] = Self::FILES;
        [
            (compute, &self.compute),
            (bandwidth, &self.bandwidth),
            (detailed_access, &self.detailed_access),
        ]
    }
}

fn detailed_access_header() -> String {
    let mut header = "LayerID,".to_owned();
    for memory in ["SRAM", "DRAM"] {
        for (operand, accesses) in [("IFMAP", "Reads"), ("Filter", "Reads"), ("OFMAP", "Writes")] {
            for column in ["Start Cycle", "Stop Cycle", accesses] {
                let _ = write!(header, " {memory} {operand} {column},");
            }
        }
    }
    header.push('\n');
    header
}

/// `value` as Python prints it: the shortest digits that give it back, scientific below 10^-4 and from 10^16 on.
fn python_float(value: f64) -> String {
    let magnitude = value.abs();
    if value == 0.0 || !value.is_finite() || (1e-4..1e16).contains(&magnitude) {
        return format!("{value:?}");
    }
    let text = format!("{value:e}");
    match text.split_once('e').map(|(digits, exponent)| (digits, exponent.parse::<i32>())) {
        Some((digits, Ok(exponent))) => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_printed_as_python_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (16.0, "16.0"),
            (0.1, "0.1"),
            (4.375, "4.375"),
            (17.045454545454565, "17.045454545454565"),
            (0.0001, "0.0001"),
            (0.00009, "9e-05"),
            (1.25e-7, "1.25e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
        ] {
            assert_eq!(python_float(value), text);
        }
    }
}
