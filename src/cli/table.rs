//! The final table of a run as text.

use crate::train::PhaseSeconds;
use crate::train::summary::{LayerSummary, Summary};

/// `value` with a prefix for powers of 1000 and three significant digits: `12.3 G`.
pub(super) fn scaled(value: f64) -> String {
    const PREFIXES: [&str; 7] = ["", " k", " M", " G", " T", " P", " E"];
    let mut value = value;
    let mut prefix = 0;
    while value.abs() >= 999.5 && prefix + 1 < PREFIXES.len() {
        value /= 1000.0;
        prefix += 1;
    }
    let decimals = if prefix == 0 || value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}{}", PREFIXES[prefix])
}

pub(super) fn joules(pj: f64) -> String {
    match pj {
        pj if pj >= 1e12 => format!("{:.3} J", pj * 1e-12),
        pj if pj >= 1e9 => format!("{:.3} mJ", pj * 1e-9),
        pj => format!("{:.3} µJ", pj * 1e-6),
    }
}

/// A time with the unit that suits it and three significant digits.
pub(super) fn seconds(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 0.9995 => (s, "s"),
        s if s >= 0.9995e-3 => (s * 1e3, "ms"),
        s if s >= 0.9995e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let decimals = if value >= 99.95 {
        0
    } else if value >= 9.995 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}

fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.00005 {
        "<0.01".to_owned()
    } else {
        format!("{:.2}", 100.0 * share)
    }
}

/// Whole epochs without a fraction.
fn epochs(executed: f64) -> String {
    if executed.fract() == 0.0 { format!("{executed}") } else { format!("{executed:.2}") }
}

fn format_of(layer: &LayerSummary) -> String {
    match layer.fl {
        Some(fl) => format!("⟨{}, {fl}⟩", layer.wl),
        None => "float32".to_owned(),
    }
}

fn mean_format(layer: &LayerSummary) -> String {
    match layer.mean_fl {
        Some(fl) => format!("⟨{:.1}, {fl:.1}⟩", layer.mean_wl),
        None => "float32".to_owned(),
    }
}

/// Shares of the wall time that the phases took, those above 0.1 %.
fn shares(phases: &PhaseSeconds) -> String {
    let total = phases.total().max(f64::MIN_POSITIVE);
    let shares = phases.named().map(|(name, seconds)| (name, 100.0 * seconds / total));
    let shown = shares.iter().filter(|(_, share)| *share >= 0.1);
    let words: Vec<String> = shown.map(|(name, share)| format!("{name} {share:.1} %")).collect();
    words.join("; ")
}

/// Two blocks of a line for each layer, both within 80 columns as long as names are short: what it is and costs, then what
/// left its range.
fn layer_lines(summary: &Summary, line: &mut impl FnMut(String)) {
    let longest = summary.layers.iter().map(|layer| layer.name.chars().count()).max();
    let names = longest.unwrap_or(0).max(12);
    line(format!(
        "{:<names$} {:>9} {:>13} {:>8} {:>7} {:>8} {:>10}",
        "layer", "final", "mean", "switches", "zeros %", "cycles", "energy"
    ));
    for layer in &summary.layers {
        line(format!(
            "{:<names$} {:>9} {:>13} {:>8} {:>7} {:>8} {:>10}",
            layer.name,
            format_of(layer),
            mean_format(layer),
            layer.switches,
            percent(layer.sparsity),
            scaled(layer.cycles as f64),
            joules(layer.energy_pj),
        ));
    }
    line(String::new());
    line(format!(
        "{:<names$} {:>9} {:>9} {:>9} {:>9} {:>19}",
        "saturated %", "inputs", "weights", "outputs", "gradients", "accumulator events"
    ));
    for layer in &summary.layers {
        let saturation = &layer.saturation;
        line(format!(
            "{:<names$} {:>9} {:>9} {:>9} {:>9} {:>19}",
            layer.name,
            percent(saturation.input),
            percent(saturation.weight),
            percent(saturation.output),
            percent(layer.gradient_saturation),
            layer.accumulator_events,
        ));
    }
    line(String::new());
}

/// Columns that a terminal has at least.
const COLUMNS: usize = 80;
/// Columns of the labels.
const LABELS: usize = 22;

/// A label and its value; a list of items joined by `; ` continues in further lines where it is too long.
fn labelled(name: &str, value: &str, line: &mut impl FnMut(String)) {
    let mut text = format!("{name:<LABELS$} ");
    let mut empty = true;
    for item in value.split("; ") {
        if !empty && text.chars().count() + 2 + item.chars().count() > COLUMNS {
            line(format!("{text};"));
            text = " ".repeat(LABELS + 1);
            empty = true;
        }
        if !empty {
            text.push_str("; ");
        }
        text.push_str(item);
        empty = false;
    }
    line(text);
}

/// The whole table.
pub(super) fn render(summary: &Summary) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    line(format!(
        "{} on {} ({}), {}, seed {}: {} epochs, {} steps",
        summary.arch,
        summary.dataset,
        summary.data_origin,
        summary.controller,
        summary.seed,
        epochs(summary.epochs_executed),
        summary.steps
    ));
    line(String::new());
    layer_lines(summary, &mut line);
    let optional = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{v:.4}"));
    let top1 = |value: Option<f64>| value.map_or("-".to_owned(), |v| format!("{:.2} %", 100.0 * v));
    if let (Some(perplexity), Some(unigram)) = (summary.perplexity, summary.unigram_perplexity) {
        let value = format!("{perplexity:.2} (unigram {unigram:.2})");
        line(format!("{:<22} {value}", "perplexity"));
    }
    for (name, value) in [
        ("top-1 (best)", format!("{} ({})", top1(summary.top1), top1(summary.top1_best))),
        ("test loss", optional(summary.loss)),
        ("SU1 training speedup", format!("{:.3}", summary.su1)),
        (
            "SU2 at iso-accuracy",
            summary.su2.map_or("- (needs --with-baseline)".to_owned(), |v| format!("{v:.3}")),
        ),
        (
            "SU3 against MuPPET",
            match (summary.su3, &summary.su3_reason) {
                (Some(su3), _) => format!("{su3:.3}"),
                (None, reason) => format!("- ({})", reason.as_deref().unwrap_or("not known")),
            },
        ),
        ("MEM", format!("{:.3} (paper: {:.3})", summary.mem_exact, summary.mem)),
        (
            "SZ model size",
            format!("{:.3} (paper: {:.3})", summary.size_ratio_exact, summary.size_ratio),
        ),
        ("inference speedup", format!("{:.3}", summary.inference_su)),
        (
            "zero weights",
            format!(
                "{} % at the end (mean of layers {} %), {} % on average ({} %)",
                percent(summary.final_sparsity_exact),
                percent(summary.final_sparsity),
                percent(summary.mean_sparsity_exact),
                percent(summary.mean_sparsity)
            ),
        ),
        (
            "MACs",
            format!(
                "{} ({} non-zero)",
                scaled(summary.macs as f64),
                scaled(summary.nonzero_macs as f64)
            ),
        ),
        (
            "saturated, overflowed",
            format!(
                "{} % of quantised values, {} accumulator events",
                percent(summary.saturation_rate),
                summary.accumulator_events
            ),
        ),
        (
            "machine",
            format!(
                "{}: {} cycles = {:.3} s, {}",
                summary.machine,
                scaled(summary.cycles as f64),
                summary.machine_seconds,
                joules(summary.energy_pj)
            ),
        ),
        (
            "weight updates",
            format!(
                "{} cycles, {}, not included above",
                scaled(summary.update_cycles as f64),
                joules(summary.update_energy_pj)
            ),
        ),
        (
            "simulated in",
            format!(
                "{:.1} s, {}MAC/s",
                summary.seconds,
                scaled(summary.macs as f64 / summary.seconds.max(1e-9))
            ),
        ),
        ("of which", shares(&summary.phases)),
    ] {
        labelled(name, &value, &mut line);
    }
    if let Some(twin) = &summary.baseline {
        line(format!(
            "{:<22} {:.2} % (best {:.2} %) in {:.1} s; this run {:+.2} points",
            "float32 twin",
            100.0 * twin.top1,
            100.0 * twin.top1_best,
            twin.seconds,
            twin.difference_points
        ));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!(scaled(0.0), "0");
        assert_eq!(scaled(999.0), "999");
        assert_eq!(scaled(12_345.0), "12.3 k");
        assert_eq!(scaled(999_900.0), "1.00 M");
        assert_eq!(joules(2.5e9), "2.500 mJ");
        assert_eq!(percent(0.00001), "<0.01");
        assert_eq!(percent(0.25), "25.00");
        assert_eq!([3.0, 38.0 / 37.0].map(epochs), ["3", "1.03"]);
        let times = [0.0, 3.507e-6, 0.000_999_9, 0.0123, 1.5, 1234.0].map(seconds);
        assert_eq!(times, ["0.00 ns", "3.51 µs", "1.00 ms", "12.3 ms", "1.50 s", "1234 s"]);
    }

    #[test]
    fn long_lists_continue_in_the_next_line() {
        let items: Vec<String> = (0..9).map(|i| format!("phase{i} 11.{i} %")).collect();
        let mut lines = Vec::new();
        labelled("of which", &items.join("; "), &mut |line| lines.push(line));
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|line| line.chars().count() <= COLUMNS), "{lines:?}");
        let joined = lines.iter().map(|line| line[LABELS + 1..].to_owned()).collect::<Vec<_>>();
        assert_eq!(joined.join(" "), items.join("; "));
        let mut lines = Vec::new();
        labelled("MACs", "12", &mut |line| lines.push(line));
        assert_eq!(lines, [format!("{:<22} 12", "MACs")]);
    }

    #[test]
    fn shares_leave_out_what_hardly_takes_time() {
        let phases =
            PhaseSeconds { data: 1.0, update: 0.002, evaluation: 3.0, ..Default::default() };
        assert_eq!(shares(&phases), "data 25.0 %; evaluation 75.0 %");
        assert_eq!(shares(&PhaseSeconds::default()), "");
    }
}
