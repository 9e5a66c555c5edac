//! The text tables of `hwsim gap --conventions`.

use super::gap_table::{Subject, grouped, heading, number, percent};
use crate::verify::conventions::{
    Choice, FirstDifference, KEYS, LayerComparison, NAMED, PairComparison, SideSteps,
};
use std::fmt::Write as _;

/// The names and settings there are.
pub(super) fn list() -> String {
    let mut out = "conventions\n".to_owned();
    for named in NAMED {
        let _ = writeln!(out, "  {:<22}{}", named.name, named.about);
        if !named.settings.is_empty() {
            let _ = writeln!(out, "  {:<22}hwsim+{}", "", named.settings);
        }
    }
    out.push_str("settings\n");
    for key in KEYS {
        let _ = writeln!(out, "  {:<22}{}", key.name, key.help);
    }
    out
}

/// The whole table.
pub(super) fn render(subject: &Subject, layers: &[LayerComparison], choices: &[Choice]) -> String {
    let mut out = heading("conventions", subject).join("\n");
    out.push('\n');
    for layer in layers {
        let _ = writeln!(
            out,
            "\n{}: M {} × N {} × K {}, {} outputs; operands {}, outputs {}{}",
            layer.layer,
            grouped(layer.m),
            grouped(layer.n),
            grouped(layer.k),
            grouped(layer.outputs()),
            layer.format,
            layer.output.format,
            match layer.output.zero_point {
                0 => String::new(),
                zero_point => format!(", zero point {zero_point}"),
            }
        );
        usage(layer, choices, &mut out);
        for (pair, choice) in layer.pairs.iter().zip(&choices[1..]) {
            comparison(pair, &choices[0], choice, &mut out);
        }
    }
    out
}

fn usage(layer: &LayerComparison, choices: &[Choice], out: &mut String) {
    let width = choices.iter().map(|choice| choice.name.chars().count()).max().unwrap_or(0).max(10);
    let _ = writeln!(
        out,
        "  {:<width$} {:>12} {:>8} {:>11} {:>9} {:>13} {:>12} {:>12}",
        "convention", "differing", "%", "max steps", "mean", "acc events", "limited", "ties"
    );
    for (index, (choice, usage)) in choices.iter().zip(&layer.usage).enumerate() {
        let mut cells = [const { String::new() }; 4];
        if let Some(pair) = index.checked_sub(1).map(|index| &layer.pairs[index].differences) {
            cells = [
                grouped(pair.differing),
                percent(pair.differing, pair.compared, 3),
                grouped(pair.largest),
                number(pair.mean()),
            ];
        }
        let [differing, share, largest, mean] = cells;
        let _ = writeln!(
            out,
            "  {:<width$} {differing:>12} {share:>8} {largest:>11} {mean:>9} {:>13} {:>12} {:>12}",
            choice.name,
            grouped(usage.accumulator_events),
            grouped(usage.limited),
            grouped(usage.ties)
        );
    }
}

fn comparison(pair: &PairComparison, first: &Choice, second: &Choice, out: &mut String) {
    if pair.differences.differing == 0 {
        let _ = writeln!(out, "  {} and {}: every output is the same", first.name, second.name);
        return;
    }
    let buckets = pair.differences.histogram();
    let text: Vec<String> = buckets
        .iter()
        .map(|bucket| {
            let steps = match bucket.from == bucket.to {
                true => format!("{:+}", bucket.from),
                false => format!("{:+} to {:+}", bucket.from, bucket.to),
            };
            format!("{steps}: {}", grouped(bucket.outputs))
        })
        .collect();
    let _ = writeln!(
        out,
        "  {} minus {}, outputs by steps: {}",
        second.name,
        first.name,
        text.join(", ")
    );
    let _ = writeln!(
        out,
        "    {:<21} {:>16} {:>16} {:>16} {:>16}",
        "setting", "first", "second", "changes alone", "still differing"
    );
    for effect in &pair.settings {
        let _ = writeln!(
            out,
            "    {:<21} {:>16} {:>16} {:>16} {:>16}",
            effect.key,
            effect.first,
            effect.second,
            grouped(effect.changed),
            grouped(effect.left)
        );
    }
    let explained: Vec<&str> = pair.explanations().map(|effect| effect.key).collect();
    let verdict = match explained[..] {
        [] => "no single setting explains the difference".to_owned(),
        [one] => format!("{one} alone explains the difference"),
        ref several => format!("each of {} alone explains the difference", several.join(", ")),
    };
    let _ = writeln!(out, "    {verdict}");
    if let Some(example) = &pair.example {
        steps(example, out);
    }
}

fn steps(example: &FirstDifference, out: &mut String) {
    let [image, row, column, channel] = example.output;
    let _ = writeln!(
        out,
        "    first differing output: image {image}, row {row}, column {column}, channel {channel}; they part at {}",
        example.part.name()
    );
    let operands = &example.operands;
    let pairs: Vec<String> = operands.first.iter().map(|[x, w]| format!("{x}·{w}")).collect();
    let more = if operands.terms > operands.first.len() as u64 { " + …" } else { "" };
    let bias = operands.bias.map_or(String::new(), |bias| format!("; bias {bias}"));
    let _ = writeln!(
        out,
        "    {} products, {} not zero, from {} to {}: {}{more}{bias}",
        grouped(operands.terms),
        grouped(operands.nonzero),
        operands.least,
        operands.most,
        pairs.join(" + ").replace("+ -", "- ")
    );
    let [first, second] = &example.sides;
    let mut line = |name: &str, of: &dyn Fn(&SideSteps) -> String| {
        let _ = writeln!(out, "    {name:<21} {:>32} {:>32}", of(first), of(second));
    };
    line("", &|side| side.convention.clone());
    line("sum", &|side| format!("{} (FL {})", side.sum, side.sum_fl));
    line("value in steps", &|side| {
        format!("{}{}", side.value, if side.tie { " (tie)" } else { "" })
    });
    line("rounded", &|side| match side.added {
        0 => side.rounded.clone(),
        added => format!("{} ({added:+} included)", side.rounded),
    });
    line("word", &|side| format!("{}{}", side.word, if side.limited { " (limited)" } else { "" }));
}
