//! Comparisons as rows of a table, one for each layer and pair.

use super::choice::Choice;
use super::compare::LayerComparison;
use super::difference::Bucket;
use super::first::FirstDifference;
use serde::Serialize;

/// Version of the columns of [`ConventionRow`].
pub const SCHEMA: u32 = 1;

/// A convention against the first on one layer; docs/gap.md explains every column.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConventionRow {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Name of the layer.
    pub layer: String,
    /// Rows of the product over all images.
    pub m: u64,
    /// Columns.
    pub n: u64,
    /// Terms of a sum.
    pub k: u64,
    /// Word length of inputs, weights and biases.
    pub wl: u32,
    /// Their fractional length.
    pub fl: i32,
    /// Word length of the outputs.
    pub output_wl: u32,
    /// Their fractional length.
    pub output_fl: i32,
    /// The first convention.
    pub first: String,
    /// The other.
    pub second: String,
    /// Outputs compared.
    pub outputs: u64,
    /// Outputs that differ.
    pub differing: u64,
    /// Their share in percent.
    pub differing_percent: f64,
    /// Largest difference in units of the last place.
    pub largest_steps: u64,
    /// Mean difference of the outputs that differ.
    pub mean_steps: f64,
    /// Additions of the first that left its accumulator.
    pub first_events: u64,
    /// Of the other.
    pub second_events: u64,
    /// Outputs that the word's range limits in the first.
    pub first_limited: u64,
    /// In the other.
    pub second_limited: u64,
    /// Outputs of the first whose value is halfway between two integers.
    pub ties: u64,
    /// Settings each of which makes the difference vanish, joined by `;`.
    pub explained_by: String,
}

/// Everything that is known of a pair, for JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Details<'a> {
    #[serde(flatten)]
    row: &'a ConventionRow,
    histogram: Vec<Bucket>,
    settings: Vec<Setting<'a>>,
    example: Option<&'a FirstDifference>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Setting<'a> {
    setting: &'static str,
    first: &'a str,
    second: &'a str,
    /// Outputs that change if the first takes this setting alone from the second.
    changed: u64,
    /// Outputs that then still differ from the second.
    left: u64,
}

/// All rows of `layers`: layers, in them pairs.
pub fn rows(layers: &[LayerComparison], choices: &[Choice]) -> Vec<ConventionRow> {
    let mut rows = Vec::new();
    for layer in layers {
        let output = layer.output.format;
        for (index, pair) in layer.pairs.iter().enumerate() {
            let (first, second) = (layer.usage[0], layer.usage[index + 1]);
            let explained: Vec<&str> = pair.explanations().map(|effect| effect.key).collect();
            let differences = &pair.differences;
            rows.push(ConventionRow {
                schema: SCHEMA,
                layer: layer.layer.clone(),
                m: layer.m,
                n: layer.n,
                k: layer.k,
                wl: layer.format.wl(),
                fl: layer.format.fl(),
                output_wl: output.wl(),
                output_fl: output.fl(),
                first: choices[0].name.clone(),
                second: choices[index + 1].name.clone(),
                outputs: differences.compared,
                differing: differences.differing,
                differing_percent: 100.0 * differences.differing as f64
                    / differences.compared.max(1) as f64,
                largest_steps: differences.largest,
                mean_steps: differences.mean(),
                first_events: first.accumulator_events,
                second_events: second.accumulator_events,
                first_limited: first.limited,
                second_limited: second.limited,
                ties: first.ties,
                explained_by: explained.join(";"),
            });
        }
    }
    rows
}

/// The rows with histograms, settings and examples.
pub fn details<'a>(layers: &'a [LayerComparison], rows: &'a [ConventionRow]) -> Vec<Details<'a>> {
    let pairs = layers.iter().flat_map(|layer| &layer.pairs);
    let detail = |(row, pair): (&'a ConventionRow, &'a super::compare::PairComparison)| Details {
        row,
        histogram: pair.differences.histogram(),
        settings: pair
            .settings
            .iter()
            .map(|effect| Setting {
                setting: effect.key,
                first: &effect.first,
                second: &effect.second,
                changed: effect.changed,
                left: effect.left,
            })
            .collect(),
        example: pair.example.as_ref(),
    };
    rows.iter().zip(pairs).map(detail).collect()
}
