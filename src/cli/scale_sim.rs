//! `hwsim cost` on SCALE-Sim's own input files, by its rules: a table, its reports, and the effect of its quirks.

mod rows;

use super::arguments::{OutputArguments, OutputFormat};
use super::errors::Failure;
use super::files::Files;
use super::output;
use anyhow::{Context as _, anyhow};
use hwmodel::cast::toward_zero;
use hwmodel::scale_sim::quirks::{Quirk, QuirkEffect, explain};
use hwmodel::scale_sim::{Config, Interface, LayerResult, Reports, Topology, simulate};
use rows::ScaleSimReport;
use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

/// Simulates the layers of the topology file `topology` on the array of the configuration file `config`.
///
/// Writes a line a layer as `result` asks for, and warnings about what is ignored to standard error. Writes SCALE-Sim's three reports into
/// `report`, which is made if it is missing. With `explain_quirks` says which of SCALE-Sim's rules changed an answer
/// of this run.
pub(super) fn run(
    config_path: &Path,
    topology_path: &Path,
    report: Option<&Path>,
    explain_quirks: bool,
    result: &OutputArguments,
) -> Result<ExitCode, Failure> {
    if explain_quirks && result.format() == OutputFormat::Csv {
        let why = "--explain-quirks has no CSV form: use --format json, or leave it out";
        return Err(Failure::usage(anyhow!(why)));
    }
    let reports =
        report.into_iter().flat_map(|folder| Reports::FILES.map(|name| folder.join(name)));
    if let Some(folder) = report {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder `{}`", folder.display()))?;
    }
    Files::default()
        .input("the configuration", [config_path])
        .input("the topology", [topology_path])
        .output("--output", result.file())
        .output("a report", reports)
        .check()?;
    let read = |path: &Path, what: &str| {
        std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the {what} `{}`", path.display()))
            .map_err(Failure::Usage)
    };
    let text = read(config_path, "configuration")?;
    let (config, config_warnings) =
        Config::parse(&config_path.display().to_string(), &text).map_err(Failure::usage)?;
    let text = read(topology_path, "topology")?;
    let (topology, topology_warnings) =
        Topology::parse(&topology_path.display().to_string(), &text).map_err(Failure::usage)?;
    for warning in &config_warnings {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    for warning in &topology_warnings {
        output::note(&format!("hwsim: warning: {warning}"));
    }
    let layers = simulate(&config, &topology)?;
    let effects = explain_quirks.then(|| explain(&config, &topology)).transpose()?;
    let mut outputs = output::Attempts::default();
    if let Some(folder) = report {
        for (name, report) in Reports::new(&layers).files() {
            outputs.add(output::write(&folder.join(name), report));
        }
    }
    let report = ScaleSimReport::new(&config, &layers, effects.as_deref());
    let table = |_: &ScaleSimReport| {
        let mut text = table(&config, &layers);
        if let Some(effects) = &effects {
            text.push('\n');
            text.push_str(&quirks(&layers, effects));
        }
        text
    };
    outputs.add(result.emit_rows(&report, &report.layers, table));
    outputs.finish()?;
    Ok(ExitCode::SUCCESS)
}

/// `number` with commas between its thousands.
fn grouped(number: i128) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A line a layer, and their sum.
fn table(config: &Config, layers: &[LayerResult]) -> String {
    let mode = match &config.interface {
        Interface::Calculated => "CALC".to_owned(),
        Interface::User(words) => {
            format!("USER, {}/{}/{} words a cycle", words.input, words.weight, words.output)
        }
    };
    let words = config.sram_words;
    let mut text = format!(
        "{}x{} array, {}, {mode}; ifmap/filter/ofmap SRAM {}/{}/{} words\n\n",
        config.array.rows,
        config.array.columns,
        config.dataflow,
        words.input,
        words.weight,
        words.output
    );
    let mut rows = vec![
        ["", "total", "stall", "overall", "mapping", "compute", "SRAM", "", "", "DRAM", "", ""]
            .map(str::to_owned),
        [
            "layer", "cycles", "cycles", "util %", "eff. %", "util %", "ifmap", "filter", "ofmap",
            "ifmap", "filter", "ofmap",
        ]
        .map(str::to_owned),
    ];
    let mut sums = [0_i128; 8];
    for layer in layers {
        let (sram, dram) = (layer.sram, layer.dram);
        let accesses = [sram.input, sram.weight, sram.output, dram.input, dram.weight, dram.output]
            .map(|accesses| i128::from(accesses.count));
        let mut counts = [0; 8];
        counts[..2].copy_from_slice(&[layer.total_cycles, layer.stall_cycles].map(i128::from));
        counts[2..].copy_from_slice(&accesses);
        sums.iter_mut().zip(counts).for_each(|(sum, count)| *sum += count);
        let percent =
            [layer.overall_utilisation, layer.mapping_efficiency, layer.compute_utilisation];
        rows.push(row(&layer.name, counts, percent.map(|percent| format!("{percent:.2}"))));
    }
    rows.push(row("sum", sums, [const { String::new() }; 3]));
    let mut widths = [0; 12];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for (cell, width) in row.iter().zip(widths).skip(1) {
            let _ = write!(line, "  {cell:>width$}");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn row(name: &str, counts: [i128; 8], percent: [String; 3]) -> [String; 12] {
    let [cycles, stalls, accesses @ ..] = counts.map(grouped);
    let [overall, mapping, compute] = percent;
    let [a, b, c, d, e, f] = accesses;
    [name.to_owned(), cycles, stalls, overall, mapping, compute, a, b, c, d, e, f]
}

/// What each quirk changed, and which changed nothing.
fn quirks(layers: &[LayerResult], effects: &[QuirkEffect]) -> String {
    let mut text = "Rules of SCALE-Sim that changed an answer (docs/scale-sim.md)\n".to_owned();
    let mut without = Vec::new();
    let name_width = layers.iter().map(|layer| layer.name.chars().count()).max().unwrap_or(0);
    for quirk in Quirk::ALL {
        let of_quirk: Vec<_> = effects.iter().filter(|effect| effect.quirk == quirk).collect();
        if of_quirk.is_empty() {
            without.push(format!("{} {quirk}", quirk.number()));
            continue;
        }
        let _ = writeln!(text, "\n{} {quirk}: {}", quirk.number(), quirk.rule());
        let width = of_quirk.iter().map(|effect| effect.quantity.chars().count()).max();
        for effect in of_quirk {
            let _ = writeln!(
                text,
                "    {:<name_width$}  {:<width$}  {}",
                layers[effect.layer].name,
                effect.quantity,
                change(effect),
                width = width.unwrap_or(0)
            );
        }
    }
    if !without.is_empty() {
        let _ = writeln!(text, "\nwithout effect on this run: {}", without.join(", "));
    }
    text
}

/// SCALE-Sim's number, hardware's, and their difference.
fn change(effect: &QuirkEffect) -> String {
    let (from, to) = (effect.scale_sim, effect.hardware);
    let number = |value: f64| match value.fract() == 0.0 {
        true => grouped(toward_zero::<i128>(value)),
        false => format!("{value:.4}"),
    };
    let sign = if to > from { "+" } else { "" };
    let share = match from == 0.0 {
        true => String::new(),
        false => format!(", {:+.2} %", 100.0 * (to - from) / from),
    };
    format!("{} → {}  ({sign}{}{share})", number(from), number(to), number(to - from))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table on standard output.
    fn printed() -> OutputArguments {
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            output: OutputArguments,
        }
        <Line as clap::Parser>::parse_from(["hwsim"]).output
    }

    fn golden(run: &str) -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/scale-sim").join(run)
    }

    fn simulated(run: &str) -> (Config, Topology, Vec<LayerResult>) {
        let read = |file| std::fs::read_to_string(golden(run).join(file)).unwrap();
        let (config, _) = Config::parse("config.cfg", &read("config.cfg")).unwrap();
        let (topology, _) = Topology::parse("topology.csv", &read("topology.csv")).unwrap();
        let layers = simulate(&config, &topology).unwrap();
        (config, topology, layers)
    }

    #[test]
    fn reports_are_written_where_they_are_asked_for() {
        let run_folder = golden("edge_a__16x16__is__2-1-1k__bw5-3-1");
        let folder = tempfile::tempdir().unwrap();
        let reports = folder.path().join("new/reports");
        let (config, topology) = (run_folder.join("config.cfg"), run_folder.join("topology.csv"));
        run(&config, &topology, Some(&reports), true, &printed()).unwrap();
        let mut names: Vec<_> =
            std::fs::read_dir(&reports).unwrap().map(|file| file.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(
            names,
            ["BANDWIDTH_REPORT.csv", "COMPUTE_REPORT.csv", "DETAILED_ACCESS_REPORT.csv"]
        );
        for name in names {
            let [ours, theirs] =
                [&reports, &run_folder].map(|folder| std::fs::read(folder.join(&name)).unwrap());
            assert_eq!(ours, theirs, "{}", name.display());
        }
    }

    #[test]
    fn the_table_has_a_line_a_layer() {
        let (config, _, layers) = simulated("lenet5__16x16__os__64k__calc");
        let text = table(&config, &layers);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[0],
            "16x16 array, os, CALC; ifmap/filter/ofmap SRAM 65536/65536/65536 words"
        );
        assert_eq!(lines.len(), 4 + 5 + 1);
        let cells: Vec<&str> = lines[4].split_whitespace().collect();
        let numbers = ["19,600", "7,350", "6,272", "1,024", "150", "4,704"];
        assert_eq!(cells[..6], ["Conv1", "2,694", "0", "17.05", "37.50", "17.05"]);
        assert_eq!(cells[6..], numbers);
        // 2694 + 1259 + 3439 + 899 + 113.
        assert!(lines[9].starts_with("sum") && lines[9].contains(" 8,404 "));
    }

    #[test]
    fn quirks_are_listed_with_their_differences() {
        let (config, topology, layers) = simulated("edge_a__16x16__is__2-1-1k__bw5-3-1");
        let text = quirks(&layers, &explain(&config, &topology).unwrap());
        assert!(text.contains("1 last-cycle-index: Total Cycles is the index"), "{text}");
        assert!(text.contains("1,059 → 1,060  (+1, +0.09 %)"), "{text}");
        assert!(text.contains("without effect on this run: 4 forgetful-buffer"), "{text}");
    }

    #[test]
    fn missing_files_are_usage_errors() {
        let failure =
            run(Path::new("no.cfg"), Path::new("no.csv"), None, false, &printed()).unwrap_err();
        assert!(
            matches!(failure, Failure::Usage(ref error) if error.to_string().contains("no.cfg"))
        );
    }

    #[test]
    fn thousands_are_grouped() {
        let texts = [0, 999, 1000, -1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "-1,234,567"]);
    }
}
