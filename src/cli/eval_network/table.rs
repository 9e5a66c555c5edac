//! The result of `hwsim eval` of an ONNX network.

use super::feed::Feed;
use crate::cli::table::scaled;
use crate::graph::{Place, Program};
use crate::inference::{Counts, NodeCounts, Plan, Scores, Task};
use crate::tensor::Tensor;
use crate::verify::against::{Comparison, Trial};
use serde::Serialize;
use std::path::Path;

/// What is reported.
#[derive(Debug, Serialize)]
pub(super) struct NetworkResult {
    model: String,
    data: String,
    inputs: usize,
    /// Inputs of a piece.
    batch: usize,
    /// Inputs that only filled the last piece.
    filled: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pixels: Option<String>,
    reals: &'static str,
    accumulator: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scores: Option<Scores>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    class_names: Vec<String>,
    outputs: Vec<OutputRow>,
    /// Multiply-adds on the array.
    macs: u64,
    accumulator_events: u64,
    pub(super) nodes: Vec<NodeRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) against: Option<Against>,
}

/// A comparison with a dump.
#[derive(Debug, Serialize)]
pub(super) struct Against {
    pub(super) file: String,
    #[serde(flatten)]
    pub(super) comparison: Comparison,
    /// The first tensor that differs, computed again in other ways.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) causes: Vec<Trial>,
}

/// An output of the network.
#[derive(Debug, Serialize)]
struct OutputRow {
    name: String,
    element: String,
    shape: Vec<usize>,
}

/// A node.
#[derive(Debug, Serialize)]
pub(super) struct NodeRow {
    node: String,
    operator: String,
    place: &'static str,
    macs: u64,
    accumulator_events: u64,
    /// Lowest and highest exact sum of the products of a node on the array.
    lowest_sum: Option<i64>,
    highest_sum: Option<i64>,
    /// Bits of a two's complement word that holds these sums.
    sum_bits: Option<u32>,
}

/// Where work was done, in words.
pub(in crate::cli) fn place(place: Place) -> &'static str {
    match place {
        Place::Moved => "moved",
        Place::Array => "array",
        Place::Integers => "integers",
        Place::Float => "float unit",
    }
}

/// Bits of the shortest two's complement word that has `low` and `high`.
pub(in crate::cli) fn signed_bits(low: i64, high: i64) -> u32 {
    let of = |value: i64| 65 - if value < 0 { value.leading_ones() } else { value.leading_zeros() };
    of(low).max(of(high))
}

impl NodeRow {
    fn new(counts: &NodeCounts) -> Self {
        Self {
            node: counts.node.clone(),
            operator: counts.operator.clone(),
            place: place(counts.place),
            macs: counts.macs,
            accumulator_events: counts.accumulator_events,
            lowest_sum: counts.sums.map(|(low, _)| low),
            highest_sum: counts.sums.map(|(_, high)| high),
            sum_bits: counts.sums.map(|(low, high)| signed_bits(low, high)),
        }
    }
}

impl NetworkResult {
    pub(super) fn new(
        model: &Path,
        feed: &Feed,
        plan: &Plan,
        program: &Program,
        scores: Option<Scores>,
        outputs: &[(String, Tensor)],
        counts: &Counts,
    ) -> Self {
        let arithmetic = program.arithmetic();
        let nodes: Vec<_> = counts.nodes().iter().map(NodeRow::new).collect();
        let output = |(name, tensor): &(String, Tensor)| OutputRow {
            name: name.clone(),
            element: tensor.element().to_string(),
            shape: tensor.shape().to_vec(),
        };
        Self {
            model: model.display().to_string(),
            data: feed.source.clone(),
            inputs: plan.rows,
            batch: plan.batch.unwrap_or(plan.rows),
            filled: plan.filling(),
            pixels: feed.pixels.clone(),
            reals: if arithmetic.wide_reals { "float64" } else { "float32" },
            accumulator: arithmetic.array.accumulator.to_string(),
            scores,
            class_names: feed.classes.clone(),
            outputs: outputs.iter().map(output).collect(),
            macs: nodes.iter().map(|node| node.macs).sum(),
            accumulator_events: nodes.iter().map(|node| node.accumulator_events).sum(),
            nodes,
            against: None,
        }
    }
}

/// The table, for people.
pub(super) fn render(result: &NetworkResult) -> String {
    let mut out = format!("{} on {}: {} inputs", result.model, result.data, result.inputs);
    if result.batch < result.inputs || result.filled > 0 {
        out += &format!(" in pieces of {}", result.batch);
    }
    if result.filled > 0 {
        out += &format!(", the last filled with {} repeated ones", result.filled);
    }
    let integers = result.nodes.iter().any(|node| node.place == "array");
    out += &format!("; reals in {}", result.reals);
    if integers {
        out += &format!(", accumulator {}", result.accumulator);
    }
    out.push('\n');
    if let Some(pixels) = &result.pixels {
        out += &format!("{pixels}\n");
    }
    nodes(&mut out, &result.nodes);
    for output in &result.outputs {
        out += &format!("output `{}`: {} {:?}\n", output.name, output.element, output.shape);
    }
    if let Some(scores) = &result.scores {
        out += &score_line(scores);
        out += &class_line(scores, &result.class_names);
    }
    out += &format!(
        "{} MACs on the array, {} accumulator events\n",
        scaled(result.macs as f64),
        result.accumulator_events
    );
    if let Some(against) = &result.against {
        out += &super::against::render(&against.comparison, &against.file);
        out += &super::against::render_causes(&against.causes);
    }
    out
}

/// The longest name that is not shortened.
const NAME: usize = 44;

/// `name` cut in its middle to at most [`NAME`] characters.
pub(in crate::cli) fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= NAME {
        return name.to_owned();
    }
    let start: String = name.chars().take(NAME / 2 - 1).collect();
    let end: String = name.chars().skip(length - (NAME / 2 - 1)).collect();
    format!("{start}..{end}")
}

/// The nodes that computed something.
fn nodes(out: &mut String, nodes: &[NodeRow]) {
    let shown: Vec<_> = nodes.iter().filter(|node| node.place != "moved").collect();
    let widest = |of: fn(&NodeRow) -> usize, least: usize| {
        shown.iter().map(|node| of(node)).max().unwrap_or(0).max(least)
    };
    let name = widest(|node| shortened(&node.node).chars().count(), "node".len());
    let operator = widest(|node| node.operator.chars().count(), "operator".len());
    *out += &format!(
        "{:<name$}  {:<operator$}  {:<10} {:>9} {:>10} {:>10}\n",
        "node", "operator", "on", "MACs", "sum bits", "acc events"
    );
    for node in &shown {
        let bits = node.sum_bits.map_or("-".to_owned(), |bits| bits.to_string());
        *out += &format!(
            "{:<name$}  {:<operator$}  {:<10} {:>9} {:>10} {:>10}\n",
            shortened(&node.node),
            node.operator,
            node.place,
            if node.macs == 0 { "-".to_owned() } else { scaled(node.macs as f64) },
            bits,
            node.accumulator_events
        );
    }
    let moved = nodes.len() - shown.len();
    if moved > 0 {
        *out += &format!("and {moved} nodes that only move elements\n");
    }
}

fn score_line(scores: &Scores) -> String {
    let percent = |share: f64| format!("{:.2} %", 100.0 * share);
    let rows = scores.rows;
    match scores.task {
        Task::Classes => {
            let top1 = scores.top1.map_or(String::new(), percent);
            let top5 =
                scores.top5.map_or(String::new(), |share| format!(", top-5 {}", percent(share)));
            format!("top-1 {top1}{top5} of {rows}\n")
        }
        Task::Labels => {
            let all = scores.top1.map_or(String::new(), percent);
            let single = scores.labels_right.map_or(String::new(), percent);
            format!("{single} of the labels are right, all of them in {all} of {rows} inputs\n")
        }
        Task::Regression => {
            let error = scores.mean_square_error.unwrap_or(0.0);
            format!("mean square error {error:.6e} over {rows} inputs\n")
        }
    }
}

/// The share of each class that is right, if they fit a line or two.
fn class_line(scores: &Scores, names: &[String]) -> String {
    const MOST: usize = 20;
    if scores.classes.is_empty() || scores.classes.len() > MOST {
        return String::new();
    }
    let of_class = |(class, share): (usize, &Option<f64>)| {
        let name = names.get(class).cloned().unwrap_or_else(|| class.to_string());
        share.map(|share| format!("{name} {:.1}", 100.0 * share))
    };
    let parts: Vec<_> = scores.classes.iter().enumerate().filter_map(of_class).collect();
    format!("right of each class in %: {}\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_hold_their_ends() {
        assert_eq!(signed_bits(-128, 127), 8);
        assert_eq!(signed_bits(0, 128), 9);
        assert_eq!(signed_bits(-129, 0), 9);
        assert_eq!(signed_bits(0, 0), 1);
        assert_eq!(signed_bits(i64::MIN, 0), 64);
        assert_eq!(shortened("short"), "short");
        assert_eq!(shortened(&"ab".repeat(40)).chars().count(), NAME);
    }
}
