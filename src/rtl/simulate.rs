//! Running a simulator on a folder.

use super::error::RtlError;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A simulator of Verilog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Simulator {
    /// Icarus Verilog: starts at once, runs slowly.
    Icarus,
    /// Verilator: builds a program first.
    Verilator,
}

/// A format of waves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waves {
    /// Compressed, as GTKWave and Surfer read it. Icarus only.
    Fst,
    /// Value change dump, IEEE 1364.
    Vcd,
}

impl Waves {
    /// Its name and file ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fst => "fst",
            Self::Vcd => "vcd",
        }
    }
}

/// A finished run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Simulation {
    /// The simulator.
    pub simulator: Simulator,
    /// The first line that it prints about itself.
    pub version: String,
    /// The waves.
    pub waves: Option<PathBuf>,
}

impl Simulator {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Icarus => "Icarus Verilog",
            Self::Verilator => "Verilator",
        }
    }

    /// The program that must be in PATH.
    pub fn program(self) -> &'static str {
        match self {
            Self::Icarus => "iverilog",
            Self::Verilator => "verilator",
        }
    }

    fn script(self) -> &'static str {
        match self {
            Self::Icarus => "run_icarus.sh",
            Self::Verilator => "run_verilator.sh",
        }
    }

    /// Whether it is installed.
    pub fn is_installed(self) -> bool {
        installed(self.program(), if self == Self::Icarus { "-V" } else { "--version" })
    }

    /// The one that is likely to be done first with `cycles` cycles of `elements` processing elements, of those installed.
    pub fn fitting(cycles: u64, elements: u64) -> Option<Self> {
        // Building with Verilator takes as long as some 10^6 evaluations of a processing element in Icarus.
        const WORK: u64 = 1_000_000;
        let order = match cycles.saturating_mul(elements) > WORK {
            true => [Self::Verilator, Self::Icarus],
            false => [Self::Icarus, Self::Verilator],
        };
        order.into_iter().find(|simulator| simulator.is_installed())
    }
}

/// Whether `program` is in PATH and says its version.
pub(super) fn installed(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    command.arg(version).stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Builds and runs the bench of `folder` by the script that a user would run; results are in its `out/`.
///
/// # Errors
/// If the simulator is not installed, does not build the bench, or writes no results. Different results are not an error here.
pub fn simulate(
    folder: &Path,
    simulator: Simulator,
    waves: Option<Waves>,
) -> Result<Simulation, RtlError> {
    if !simulator.is_installed() {
        return Err(RtlError::NoSimulator(simulator.name(), simulator.program()));
    }
    let script = folder.join(simulator.script());
    let mut command = Command::new("sh");
    command.arg(&script).args(waves.map(Waves::name)).stdin(Stdio::null());
    let output = command.output().map_err(|source| RtlError::Io {
        action: "run",
        path: script.clone(),
        source,
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    if !folder.join("out/cycles.txt").is_file() {
        let errors = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = text.lines().chain(errors.lines()).collect();
        let last = lines[lines.len().saturating_sub(4)..].join("; ");
        let status = output.status.to_string();
        return Err(RtlError::Simulation { simulator: simulator.name(), status, output: last });
    }
    Ok(Simulation {
        simulator,
        version: text.lines().next().unwrap_or_default().to_owned(),
        waves: waves.map(|waves| folder.join(format!("out/waves.{}", waves.name()))),
    })
}
