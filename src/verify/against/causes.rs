//! Known causes of differences, each tried on the nodes that make the first tensor that differs.

use super::compare::{Row, row};
use super::segment::Segment;
use crate::graph::{Integers, Requantise, Value};
use crate::onnx::model::{Attribute, Node};
use crate::tensor::Tensor;
use hwmodel::number::accumulator::AccumulatorWidth;
use hwmodel::{Accumulator, Overflow, Rounding};
use serde::Serialize;

/// Ways of computing the same nodes, with what they are called.
type Variants = Vec<(String, Segment)>;

/// A cause: its ways of computing a segment, none if it does not concern it.
struct Cause {
    variants: fn(&Segment) -> Variants,
}

/// What became of a difference when the nodes were computed in another way.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    /// What was changed.
    pub cause: String,
    /// Elements that still differ.
    pub differing: usize,
    /// The largest difference.
    pub largest: f64,
}

/// Every known cause.
const CAUSES: &[Cause] = &[
    Cause { variants: scale_in_float32 },
    Cause { variants: float32_emulation },
    Cause { variants: double_rounding },
    Cause { variants: rounding_of_requantisers },
    Cause { variants: rounding_of_quantisers },
    Cause { variants: narrow_range },
    Cause { variants: padding_with_zero },
    Cause { variants: accumulator },
];

/// Runs `segment` in every known way and compares with `stored`, the dump's tensor. The first trial is the segment as it is; the
/// others are those that change anything, the best first. Ways that cannot be run are left out.
pub fn trials(segment: &Segment, stored: &Tensor, tolerance: f64) -> Vec<Trial> {
    let compared = |segment: &Segment| -> Option<Row> {
        let tensor = segment.run().ok()??;
        let is_integer = segment.target.contains('!');
        Some(row(&segment.target, stored, &tensor, tolerance, is_integer))
    };
    let trial =
        |cause: String, row: &Row| Trial { cause, differing: row.differing, largest: row.largest };
    let Some(own) = compared(segment) else { return Vec::new() };
    let mut found: Vec<Trial> = Vec::new();
    for cause in CAUSES {
        for (name, variant) in (cause.variants)(segment) {
            found.extend(compared(&variant).map(|row| trial(name, &row)));
        }
    }
    found.retain(|trial| trial.differing != own.differing);
    // Stable: of equal ones the more usual cause stands first.
    found.sort_by_key(|trial| trial.differing);
    found.insert(0, trial("as hwsim computes it, from the dump's own inputs".to_owned(), &own));
    found
}

fn scale_in_float32(segment: &Segment) -> Variants {
    let mut other = segment.clone();
    other.arithmetic.requantise = Requantise::Float32;
    vec![("the quotient of the scales in float32, as ONNX Runtime has it".to_owned(), other)]
}

fn float32_emulation(segment: &Segment) -> Variants {
    vec![(
        "products accumulated and scales divided in float32 (an emulation, as qonnx runs it)"
            .to_owned(),
        segment.in_float32(),
    )]
}

fn double_rounding(segment: &Segment) -> Variants {
    let mut other = segment.clone();
    other.arithmetic.requantise = Requantise::Twice;
    vec![("rounded twice: multiplier, then shift (TFLite)".to_owned(), other)]
}

fn rounding_of_requantisers(segment: &Segment) -> Variants {
    let modes = Rounding::ALL.iter().filter(|&&mode| mode != Rounding::Stochastic);
    let variant = |&mode: &Rounding| {
        let mut other = segment.clone();
        other.arithmetic.requantise = Requantise::Rounded(mode);
        (format!("rounding {mode} in place of nearest-even"), other)
    };
    modes.map(variant).collect()
}

fn rounding_of_quantisers(segment: &Segment) -> Variants {
    const MODES: [&str; 7] = ["ROUND", "FLOOR", "CEIL", "UP", "DOWN", "HALF_UP", "HALF_DOWN"];
    let rounds = |node: &Node| ["Quant", "IntQuant", "Trunc"].contains(&node.operator.as_str());
    let variant = |mode: &&str| {
        let value = Attribute::Text((*mode).to_owned());
        let other = segment.with_attribute(rounds, "rounding_mode", &value)?;
        Some((format!("rounding_mode {mode}"), other))
    };
    MODES.iter().filter_map(variant).collect()
}

fn narrow_range(segment: &Segment) -> Variants {
    let quantises = |node: &Node| ["Quant", "IntQuant"].contains(&node.operator.as_str());
    let variant = |(value, name): (i64, &str)| {
        let other = segment.with_attribute(quantises, "narrow", &Attribute::Integer(value))?;
        Some((format!("{name} range"), other))
    };
    [(1, "narrow"), (0, "full")].into_iter().filter_map(variant).collect()
}

/// Convolutions on quantised tensors whose padding is the integer 0 in place of the zero point.
fn padding_with_zero(segment: &Segment) -> Variants {
    let mut other = segment.clone();
    let mut changed = false;
    for place in 0..other.model.nodes.len() {
        let node = &other.model.nodes[place];
        if !["Conv", "QLinearConv", "ConvInteger"].contains(&node.operator.as_str()) {
            continue;
        }
        let Some(Attribute::Integers(pads)) = node.attribute("pads").cloned() else { continue };
        let Some(name) = begin(&other, &node.inputs[0]) else { continue };
        let Some(Value::Integer(value)) = other.values.get(&name) else { continue };
        if let Some(padded) = padded(value, &pads) {
            other.values.insert(name, Value::Integer(padded));
            let zeros = Attribute::Integers(vec![0; pads.len()]);
            let node = &mut other.model.nodes[place];
            node.attributes.retain(|(known, _)| known != "pads");
            node.attributes.push(("pads".to_owned(), zeros));
            changed = true;
        }
    }
    let name = "padding with the integer 0 in place of the zero point".to_owned();
    if changed { vec![(name, other)] } else { Vec::new() }
}

/// Where the segment begins behind `name`, if only DequantizeLinear stands between and no other node reads it.
fn begin(segment: &Segment, name: &str) -> Option<String> {
    let nodes = &segment.model.nodes;
    let readers =
        |name: &str| nodes.iter().filter(|node| node.inputs.iter().any(|i| i == name)).count();
    if readers(name) != 1 {
        return None;
    }
    if segment.values.contains_key(name) {
        return Some(name.to_owned());
    }
    let maker = nodes.iter().find(|node| node.outputs.iter().any(|output| output == name))?;
    if maker.operator != "DequantizeLinear" {
        return None;
    }
    begin(segment, maker.inputs.first()?)
}

/// `[n, c, ...]` with zeros around the other axes; `pads` has those before, then those behind.
fn padded(value: &Integers, pads: &[i64]) -> Option<Integers> {
    let rank = value.shape.len();
    let spatial = rank.checked_sub(2)?;
    if pads.len() != 2 * spatial || pads.iter().all(|&pad| pad == 0) {
        return None;
    }
    let pads: Vec<usize> =
        pads.iter().map(|&pad| usize::try_from(pad).ok()).collect::<Option<_>>()?;
    let mut shape = value.shape.clone();
    for axis in 0..spatial {
        shape[2 + axis] =
            shape[2 + axis].checked_add(pads[axis])?.checked_add(pads[spatial + axis])?;
    }
    let count = shape.iter().try_fold(1usize, |count, &size| count.checked_mul(size))?;
    if count > 1 << 28 {
        return None;
    }
    let mut values = vec![0; count];
    for (place, &integer) in value.values.iter().enumerate() {
        let (mut rest, mut to, mut step) = (place, 0, 1);
        for axis in (0..rank).rev() {
            let before = if axis < 2 { 0 } else { pads[axis - 2] };
            to += (rest % value.shape[axis] + before) * step;
            rest /= value.shape[axis];
            step *= shape[axis];
        }
        values[to] = integer;
    }
    Some(Integers::new(shape, value.element, values))
}

fn accumulator(segment: &Segment) -> Variants {
    const WIDTHS: [u32; 10] = [8, 10, 12, 14, 15, 16, 18, 20, 24, 32];
    let mut found = Vec::new();
    for bits in WIDTHS {
        for (overflow, what) in [(Overflow::Wrap, "wraps"), (Overflow::Saturate, "saturates")] {
            let Ok(width) = bits.to_string().parse::<AccumulatorWidth>() else { continue };
            let mut other = segment.clone();
            let own = segment.arithmetic.array.accumulator;
            other.arithmetic.array.accumulator = Accumulator { width, overflow, ..own };
            found.push((format!("an accumulator of {bits} bits that {what}"), other));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ElementType;

    #[test]
    fn zeros_stand_around_the_pixels() {
        let value = Integers::new(vec![1, 1, 2, 2], ElementType::UInt8, vec![1, 2, 3, 4]);
        let found = padded(&value, &[1, 0, 0, 1]).unwrap();
        assert_eq!(found.shape, [1, 1, 3, 3]);
        assert_eq!(*found.values, [0, 0, 0, 1, 2, 0, 3, 4, 0]);
        assert!(padded(&value, &[0, 0, 0, 0]).is_none());
        assert!(padded(&value, &[-1, 0, 0, 0]).is_none());
    }
}
