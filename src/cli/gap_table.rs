//! The text table of `hwsim gap`.

use crate::verify::gap::{AccumulatorGap, Difference, FormatGap, LayerGap, RandomProduct, Share};
use hwmodel::Accumulator;
use hwmodel::cast::{exact, toward_zero};
use hwmodel::number::accumulator::AccumulatorWidth;
use serde::Serialize;

/// What was compared.
#[derive(Debug, Serialize)]
#[serde(tag = "subject", rename_all = "kebab-case")]
pub(super) enum Subject {
    /// Layers of a saved network.
    Network {
        network: String,
        dataset: String,
        data_origin: String,
        images: usize,
        /// Whether the file holds weights quantised in training, which then are the real ones.
        quantised_weights: bool,
        /// The seed of initial weights, of a built-in architecture.
        #[serde(skip_serializing_if = "Option::is_none")]
        initial_weights: Option<u64>,
    },
    /// A random product.
    Random(RandomProduct),
}

/// `count` with its digits in groups of three.
pub(super) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A share in percent; what is not zero never looks like zero, nor what is not all like all.
pub(super) fn percent(part: u64, whole: u64, decimals: usize) -> String {
    if part == 0 || part == whole {
        return if part == 0 { "0" } else { "100" }.to_owned();
    }
    let (smallest, percent) =
        (0.1f64.powi(exact::<i32>(decimals)), 100.0 * part as f64 / whole as f64);
    match percent {
        p if p < smallest / 2.0 => format!("<{smallest:.decimals$}"),
        p if p > 100.0 - smallest / 2.0 => format!(">{:.decimals$}", 100.0 - smallest),
        p => format!("{p:.decimals$}"),
    }
}

fn share(share: Share) -> String {
    percent(share.part, share.whole, 2)
}

/// A value with four significant digits.
pub(super) fn number(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        v if (0.001..100_000.0).contains(&v) => {
            let decimals =
                exact::<usize>((3 - toward_zero::<i32>(libm::log10(v).floor())).clamp(0, 6));
            format!("{v:.decimals$}")
        }
        v => format!("{v:.3e}"),
    }
}

fn name(accumulator: Accumulator) -> String {
    match accumulator.width {
        AccumulatorWidth::Exact => "exact".to_owned(),
        AccumulatorWidth::Bits(bits) => format!("{bits} {}", accumulator.overflow),
    }
}

/// What was compared, in one or two lines.
pub(super) fn heading(what: &str, subject: &Subject) -> Vec<String> {
    match subject {
        Subject::Network {
            network,
            dataset,
            data_origin,
            images,
            quantised_weights,
            initial_weights,
        } => {
            let weights = match (quantised_weights, initial_weights) {
                (_, Some(seed)) => format!("initial values, seed {seed}"),
                (true, None) => "as the model file holds them (quantised in training)".to_owned(),
                (false, None) => "the float32 master weights".to_owned(),
            };
            vec![
                format!("{what} of {network} on {dataset} ({data_origin}): {images} images"),
                format!(
                    "weights: {weights}; inputs: those of each layer in a float32 forward pass"
                ),
            ]
        }
        Subject::Random(RandomProduct { m, n, k, seed, distribution }) => {
            vec![format!("{what} of a {m} × {k} by {k} × {n} product, {distribution}, seed {seed}")]
        }
    }
}

/// The whole table.
pub(super) fn render(subject: &Subject, layers: &[LayerGap]) -> String {
    let mut out = String::new();
    let mut line = |text: String| {
        out.push_str(text.trim_end());
        out.push('\n');
    };
    heading("emulation gap", subject).into_iter().for_each(&mut line);
    for layer in layers {
        let gap = &layer.gap;
        line(String::new());
        line(format!(
            "{}: M {} × N {} × K {}, {} outputs",
            layer.layer,
            grouped(gap.m),
            grouped(gap.n),
            grouped(gap.k),
            grouped(gap.outputs())
        ));
        line(format!(
            "  {:<11} {:>21} {:>21} {:>21} {:>23} {:>25}",
            "",
            "differing outputs",
            "by how many steps",
            "by which value",
            "caused by (%)",
            "accumulator"
        ));
        line(columns([
            "accumulator",
            "count",
            "%",
            "max",
            "mean",
            "max",
            "mean",
            "float32",
            "acc",
            "both",
            "events",
            "changed",
        ]));
        for format in &gap.formats {
            header(format).into_iter().for_each(&mut line);
            for held in &format.accumulators {
                line(row(format, held));
            }
        }
    }
    conclusion(layers, &mut line);
    out
}

fn columns(cells: [&str; 12]) -> String {
    let [
        accumulator,
        count,
        share,
        max,
        mean,
        value,
        mean_value,
        float32,
        acc,
        both,
        events,
        changed,
    ] = cells;
    format!(
        "  {accumulator:<11} {count:>12} {share:>8} {max:>11} {mean:>9} {value:>10} {mean_value:>10} \
         {float32:>7} {acc:>7} {both:>7} {events:>13} {changed:>11}"
    )
}

fn header(gap: &FormatGap) -> [String; 2] {
    let data = gap.bits.data.map_or("over 64".to_owned(), |bits| bits.to_string());
    let saturated = format!(
        "  {:<8} saturated: inputs {} %, weights {} %, outputs {} %; weights flushed to zero: {} %",
        gap.format,
        share(gap.saturated_inputs),
        share(gap.saturated_weights),
        share(gap.saturated_outputs),
        share(gap.flushed_weights)
    );
    let bits = format!(
        "  {:<8} accumulator bits that suffice: {data} on this data, {} for any input, {} for any words",
        "", gap.bits.any_input, gap.bits.any_words
    );
    [saturated, bits]
}

fn row(format: &FormatGap, held: &AccumulatorGap) -> String {
    let (difference, step) = (held.difference, format.format.step());
    let cause = |part: u64| percent(part, difference.outputs, 1);
    let mut text = columns([
        &name(held.accumulator),
        &grouped(difference.outputs),
        &percent(difference.outputs, difference.compared, 3),
        &grouped(difference.largest_steps),
        &number(difference.mean_steps()),
        &number(difference.largest_steps as f64 * step),
        &number(difference.mean_steps() * step),
        &cause(difference.from_float32),
        &cause(difference.from_accumulator),
        &cause(difference.from_both),
        &grouped(held.events),
        &grouped(difference.changed_by_accumulator),
    ]);
    if difference.not_a_number > 0 {
        text.push_str(&format!("  {} NaN in float32", grouped(difference.not_a_number)));
    }
    text
}

/// Outputs that differ over all layers, formats by accumulators; and per format what float32 can say.
fn conclusion(layers: &[LayerGap], line: &mut impl FnMut(String)) {
    let Some(first) = layers.first() else { return };
    let Some(format) = first.gap.formats.first() else { return };
    line(String::new());
    let all = if layers.len() == 1 { "Outputs" } else { "Outputs of all layers" };
    line(format!("{all} for which float32 gives another value than the hardware, in %"));
    let mut head = format!("  {:<10}", "format");
    for held in &format.accumulators {
        head.push_str(&format!(" {:>12}", name(held.accumulator)));
    }
    head.push_str(&format!(" {:>14} {:>10} {:>10}", "bits: data", "any input", "any words"));
    line(head);
    for (index, format) in first.gap.formats.iter().enumerate() {
        let mut text = format!("  {:<10}", format.format);
        let mut bits = format.bits;
        for layer in layers {
            bits.merge(layer.gap.formats[index].bits);
        }
        for slot in 0..format.accumulators.len() {
            let mut sum = Difference::default();
            for layer in layers {
                sum += layer.gap.formats[index].accumulators[slot].difference;
            }
            text.push_str(&format!(" {:>12}", percent(sum.outputs, sum.compared, 3)));
        }
        let data = bits.data.map_or("over 64".to_owned(), |bits| bits.to_string());
        text.push_str(&format!(" {data:>14} {:>10} {:>10}", bits.any_input, bits.any_words));
        line(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_honest() {
        assert_eq!([0, 999, 1000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(percent(0, 0, 3), "0");
        assert_eq!(percent(1, 3, 3), "33.333");
        assert_eq!(percent(1, 10_000_000, 3), "<0.001");
        assert_eq!(percent(9_999_999, 10_000_000, 1), ">99.9");
        assert_eq!(percent(7, 7, 3), "100");
        assert_eq!(
            [0.0, 0.0625, 1.0, 12.345, 6144.0, 1e-7, 3.2e9].map(number),
            ["0", "0.06250", "1.000", "12.35", "6144", "1.000e-7", "3.200e9"]
        );
    }
}
