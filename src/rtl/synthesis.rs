//! Synthesis of the modules by Yosys, next to hwmodel's estimate.

use super::error::RtlError;
use super::parameters::Twin;
use super::product::Product;
use super::simulate::installed;
use hwmodel::cast::exact;
use hwmodel::energy::transistors;
use hwmodel::{Overflow, Rounding};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

/// A synthesised module.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Synthesis {
    /// Name of the module.
    pub module: &'static str,
    /// Gates and flip-flops after ABC.
    pub cells: u64,
    /// Their transistors in static CMOS (`stat -tech cmos`; a flip-flop has 16).
    pub transistors: u64,
    /// Gates on the longest path between flip-flops and ports.
    pub depth: u64,
    /// hwmodel's fit, where it has one for such a circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimate: Option<f64>,
}

/// Synthesises multiplier, adder, MAC, processing element (without counters) and requantiser of the twin in `folder`.
///
/// The flow is that of the datapaths that hwmodel's fits are of (`hwmodel/energy/yosys_mac.csv`): modules are mapped one by one,
/// so that multiplier and adder stay apart, then flattened; gates of two inputs, flip-flops without enable and reset. Only the
/// files that a module needs are read, since what Yosys and ABC make also depends on how the names in a design are numbered.
///
/// # Errors
/// If Yosys is not installed or fails.
pub fn synthesise(
    folder: &Path,
    twin: &Twin,
    product: &Product,
) -> Result<Vec<Synthesis>, RtlError> {
    if !installed("yosys", "-V") {
        return Err(RtlError::NoSimulator("Yosys", "yosys"));
    }
    let value = |name| twin.value(name);
    let bits = |name| exact::<u32>(value(name));
    let (a, b, acc, word) = (bits("WLA"), bits("WLB"), bits("ACC"), bits("WLY"));
    let overflow = if value("ACC_OVERFLOW") == 0 { Overflow::Wrap } else { Overflow::Saturate };
    let rounding = product.output.rounding;
    let operands = vec![
        ("WLA", value("WLA")),
        ("WLB", value("WLB")),
        ("A_SIGNED", value("A_SIGNED")),
        ("B_SIGNED", value("B_SIGNED")),
    ];
    let unsigned = value("A_SIGNED") == 0 && value("B_SIGNED") == 0;
    let term = value("WLA") + value("WLB") + u64::from(unsigned);
    let mut mac = operands.clone();
    mac.extend([("ACC", value("ACC")), ("OVERFLOW", value("ACC_OVERFLOW"))]);
    let mut element = mac.clone();
    element.push(("OBSERVE", 0));
    if twin.keeps_sums() {
        element.push(("INIT", u64::from(value("BIAS") == 1)));
    }
    let adder = vec![("ACC", value("ACC")), ("WLT", term), ("OVERFLOW", value("ACC_OVERFLOW"))];
    let names = ["ACC", "WLM", "LEFT", "SMAX", "SHW", "ROUND", "RBITS", "WLY"];
    let mut requantiser: Vec<_> = names.map(|name| (name, value(name))).into();
    requantiser.extend([
        ("SIGNED", value("Y_SIGNED")),
        ("NARROW", value("Y_NARROW")),
        ("OVERFLOW", value("Y_OVERFLOW")),
        ("WLC", if value("OFFSET") == 1 { value("WLC") } else { 0 }),
    ]);
    let processing_element = if twin.keeps_sums() { "hwsim_pe_os" } else { "hwsim_pe_ws" };
    // The fit has a shift of 0 to 31 bits, its register and no multiplier.
    let plain = product.output.scales.is_none() && rounding != Rounding::Stochastic;
    let modules = [
        ("hwsim_mul", operands, Some(transistors::multiplier(a, b))),
        ("hwsim_add", adder, Some(transistors::adder(acc, overflow))),
        ("hwsim_mac", mac, Some(transistors::mac(a, b, acc, overflow))),
        // What connects it to the array has no fit.
        (processing_element, element, None),
        (
            "hwsim_requant",
            requantiser,
            plain.then(|| transistors::requantiser(acc, word, rounding)),
        ),
    ];
    modules
        .into_iter()
        .map(|(module, parameters, estimate)| one(folder, module, &parameters, estimate))
        .collect()
}

fn one(
    folder: &Path,
    module: &'static str,
    parameters: &[(&'static str, u64)],
    estimate: Option<f64>,
) -> Result<Synthesis, RtlError> {
    let mut script = "read_verilog -sv".to_owned();
    let below: &[&str] = match module {
        "hwsim_mul" => &[],
        "hwsim_add" | "hwsim_requant" => &["hwsim_fit"],
        _ => &["hwsim_mul", "hwsim_add", "hwsim_fit"],
    };
    for file in below.iter().chain([&module]) {
        let _ = write!(script, " rtl/{file}.sv");
    }
    let _ = write!(script, "; hierarchy -check -top {module}");
    for (name, value) in parameters {
        let _ = write!(script, " -chparam {name} {value}");
    }
    script.push_str(
        "; synth -noabc; flatten; opt -full; dfflegalize -cell $_DFF_P_ 01; opt_clean -purge; abc -g gates; opt_clean -purge; stat -tech cmos; ltp -noff",
    );
    let output = Command::new("yosys")
        .args(["-p", &script])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| RtlError::Io {
            action: "run Yosys in",
            path: folder.to_owned(),
            source,
        })?;
    let text = String::from_utf8_lossy(&output.stdout);
    // The last of each is that of the flattened module.
    let number = |start: &str| -> Option<u64> {
        let line = text.lines().rev().find(|line| line.trim_start().starts_with(start))?;
        let digits = line.rsplit([' ', '=']).next()?;
        digits.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().ok()
    };
    let found = number("Number of cells:")
        .zip(number("Estimated number of transistors:"))
        .zip(number("Longest topological path"));
    match found.filter(|_| output.status.success()) {
        Some(((cells, transistors), depth)) => {
            Ok(Synthesis { module, cells, transistors, depth, estimate })
        }
        None => {
            let errors = String::from_utf8_lossy(&output.stderr);
            let lines: Vec<&str> = text.lines().chain(errors.lines()).collect();
            let last = lines[lines.len().saturating_sub(3)..].join("; ");
            let status = output.status.to_string();
            Err(RtlError::Simulation { simulator: "Yosys", status, output: last })
        }
    }
}
