//! What `hwsim rtl` prints.

use crate::cli::table;
use crate::rtl::{Comparison, Manifest, Simulation, Synthesis, Twin};
use serde::Serialize;
use std::fmt::Write as _;
use std::path::Path;

/// The folder, and what the simulator said.
#[derive(Debug, Serialize)]
pub(super) struct RtlResult {
    folder: String,
    pub(super) manifest: Manifest,
    rows: usize,
    columns: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    synthesis: Vec<Synthesis>,
    #[serde(skip_serializing_if = "Option::is_none")]
    verification: Option<Verification>,
}

/// A finished run of a simulator.
#[derive(Debug, Serialize)]
struct Verification {
    simulator: &'static str,
    version: String,
    /// Wall time of build and run.
    seconds: f64,
    equal: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    waves: Option<String>,
    comparisons: Vec<Comparison>,
}

impl RtlResult {
    pub(super) fn new(folder: &Path, manifest: Manifest, twin: &Twin) -> Self {
        let folder = folder.display().to_string();
        Self {
            folder,
            manifest,
            rows: twin.rows,
            columns: twin.columns,
            synthesis: Vec::new(),
            verification: None,
        }
    }

    pub(super) fn synthesised(&mut self, modules: Vec<Synthesis>) {
        self.synthesis = modules;
    }

    pub(super) fn verified(
        &mut self,
        simulation: Simulation,
        seconds: f64,
        comparisons: Vec<Comparison>,
    ) {
        self.verification = Some(Verification {
            simulator: simulation.simulator.name(),
            version: simulation.version,
            seconds,
            equal: comparisons.iter().all(|comparison| comparison.differing == 0),
            waves: simulation.waves.map(|waves| waves.display().to_string()),
            comparisons,
        });
    }
}

/// The result as a table.
pub(super) fn render(result: &RtlResult) -> String {
    let RtlResult { folder, manifest, rows, columns, synthesis, verification } = result;
    let Manifest { m, n, k, groups, cycles, .. } = manifest;
    let mut text = format!("{folder}\n");
    let mut line = |name: &str, value: String| {
        let _ = writeln!(text, "  {name:<13}{value}");
    };
    let of = manifest.layer.as_ref().map(|layer| format!("{layer} of ")).unwrap_or_default();
    line("operands", format!("{of}{}", manifest.source));
    let each = if *groups == 1 { String::new() } else { format!(", {groups} groups") };
    let (a, b) = (manifest.a, manifest.b);
    line("product", format!("C [{m}, {n}] = A [{m}, {k}] {a} · B [{k}, {n}] {b}{each}"));
    let bits = manifest.parameters.get("ACC").copied().unwrap_or_default();
    line("accumulator", format!("{bits} bits ({})", manifest.accumulator));
    let (rounding, overflow) = (manifest.rounding, manifest.output_overflow);
    line("output", format!("{}, {rounding}, {overflow}", manifest.output));
    let folds = manifest.row_folds * manifest.column_folds * manifest.blocks * *groups as u64;
    let plural = if folds == 1 { "" } else { "s" };
    let dataflow = &manifest.dataflow;
    line(
        "array",
        format!("{rows}×{columns} of {}, {dataflow}, {folds} fold{plural}", manifest.machine),
    );
    line(
        "cycles",
        format!("{} compute + {} drain = {}", cycles.compute, cycles.drain, cycles.total),
    );
    let (events, clamped) = (manifest.accumulator_events, manifest.clamped);
    line("expected", format!("{events} accumulator events, {clamped} outputs clamped"));
    for Synthesis { module, cells, transistors, depth, estimate } in synthesis {
        let estimate =
            estimate.map(|estimate| format!(", estimated {estimate:.0}")).unwrap_or_default();
        line(
            module.trim_start_matches("hwsim_"),
            format!("{cells} cells, {transistors} transistors{estimate}, depth {depth}"),
        );
    }
    let Some(verification) = verification else { return text };
    line(
        "simulator",
        format!("{}, {}", verification.version, table::seconds(verification.seconds)),
    );
    if let Some(waves) = &verification.waves {
        line("waves", waves.clone());
    }
    for Comparison { file, compared, differing, .. } in &verification.comparisons {
        let equal =
            if *differing == 0 { "equal".to_owned() } else { format!("{differing} differ") };
        let _ = writeln!(text, "    {file:<15} {compared:>9}  {equal}");
    }
    text
}
