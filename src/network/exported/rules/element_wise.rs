//! Sums and concatenation.

use super::{activation, in_layout, name};
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Tensor, Words};
use crate::network::exported::writing::Writing;
use crate::onnx::model::Attribute;
use crate::precision::NumberFormat;
use hwmodel::Format;

fn refuse_dynamic(writing: &Writing<'_>, index: usize) -> Result<(), Refusal> {
    match writing.owner(index).output() {
        NumberFormat::DynamicFixed { .. } => Err(Refusal::Dynamic),
        _ => Ok(()),
    }
}

pub(super) fn add(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    refuse_dynamic(writing, index)?;
    let name = name(writing, index);
    let (first, second) = (writing.input(index, 0), writing.input(index, 1));
    let mut second = in_layout(writing, second, first.layout, &name);
    if first.places != second.places {
        return Err(Refusal::Order);
    }
    let (Some(own), Some(other)) = (first.words, second.words) else {
        let real = writing.node("Add", &name, &[&first.name, &second.name], "real", &[]);
        writing.set(index, Tensor { name: real, words: None, ..first });
        return Ok(());
    };
    let format = own.format;
    let mut magnitude = other.magnitude();
    if other.format.fl() > format.fl() {
        // An operand with more fractional bits is rounded before it is added.
        let coarse = Format::new(other.format.signed_bits(), format.fl());
        let coarse = coarse.map_err(|_| Refusal::Step(-format.fl()))?;
        let to = writing.requantiser(index, coarse)?;
        let (rounded, words) =
            writing.quantised(&second.name.clone(), &format!("{name}.second"), to);
        (second.name, magnitude) = (rounded, words.magnitude());
    } else {
        let shift = (format.fl() - other.format.fl()).unsigned_abs();
        magnitude = magnitude.checked_shl(shift).unwrap_or(u64::MAX);
    }
    writing.needs(index, u128::from(own.magnitude()) + u128::from(magnitude));
    let to = writing.requantiser(index, format)?;
    let real = writing.node("Add", &name, &[&first.name, &second.name], "sums", &[]);
    let sum = Tensor { name: real, words: None, ..first };
    activation::rectified_and_quantised(writing, index, sum, to);
    Ok(())
}

pub(super) fn concatenate(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    refuse_dynamic(writing, index)?;
    let name = name(writing, index);
    let count = writing.network.nodes[index].inputs.len();
    let mut branches: Vec<Tensor> = (0..count).map(|place| writing.input(index, place)).collect();
    let layout = branches[0].layout;
    let format = branches[0].words.map(|words| words.format);
    let format = format.filter(|_| branches.iter().all(|branch| branch.words.is_some()));
    let mut range = (i64::MAX, i64::MIN);
    for (place, branch) in branches.iter_mut().enumerate() {
        let name = format!("{name}.branch{place}");
        *branch = in_layout(writing, branch.clone(), layout, &name);
        if let Some(format) = format {
            let (made, words) = writing.in_format(index, branch.clone(), format, &name)?;
            *branch = made;
            range = (range.0.min(words.range.0), range.1.max(words.range.1));
        }
    }
    let inputs: Vec<&str> = branches.iter().map(|branch| branch.name.as_str()).collect();
    let axis = [("axis", Attribute::Integer(1))];
    let real = writing.node("Concat", &name, &inputs, "real", &axis);
    let words = format.map(|format| Words { format, range });
    let made = match words {
        Some(words) => writing.same_words(real, &name, words),
        None => real,
    };
    let (places, shape) = (joined(&branches), writing.network.nodes[index].shape);
    writing.set(index, Tensor { name: made, shape, layout, places, words });
    Ok(())
}

/// The places of the channels of all branches.
fn joined(branches: &[Tensor]) -> Option<Vec<usize>> {
    branches.iter().find(|branch| branch.places.is_some())?;
    let mut places = Vec::new();
    for branch in branches {
        let (start, channels) = (places.len(), branch.shape[2]);
        match &branch.places {
            Some(own) => places.extend(own.iter().map(|place| start + place)),
            None => places.extend(start..start + channels),
        }
    }
    Some(places)
}
