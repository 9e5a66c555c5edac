//! Batch normalisation: three float32 operations, as the vector unit has them.

use super::{activation, name};
use crate::network::exported::error::Refusal;
use crate::network::exported::tensor::{Layout, Tensor};
use crate::network::exported::writing::Writing;
use crate::network::vector::batch_norm::{BatchNormParameters, EPSILON, Normaliser};
use crate::precision::NumberFormat;

pub(super) fn batch_norm(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    let (name, input) = (name(writing, index), writing.input(index, 0));
    let network = writing.network;
    let node = &network.nodes[index];
    let [gamma, beta] = node.parameters_of(&network.parameters) else {
        unreachable!("a batch norm has two parameters");
    };
    let formats = gamma.formats;
    let [gamma, beta] = [gamma, beta].map(|p| p.hardware_values(writing.settings.simd));
    let parameters = BatchNormParameters { gamma: &gamma, beta: &beta, epsilon: EPSILON };
    let running = node.running().expect("a batch norm keeps running statistics");
    let normaliser = Normaliser::of_running(running, &parameters)
        .map_err(|error| Refusal::Statistics(error.to_string()))?;
    let mut shape = vec![gamma.len()];
    shape.extend(match input.layout {
        Layout::Image => vec![1, 1],
        Layout::Row => vec![1],
        Layout::Features => vec![],
    });
    let mut real = input.name.clone();
    let steps = [("Sub", "mean", "centred"), ("Mul", "scale", "scaled"), ("Add", "offset", "sums")];
    for ((operator, what, part), values) in steps.into_iter().zip(normaliser.constants()) {
        let mut placed = values.to_vec();
        if let Some(places) = &input.places {
            places.iter().zip(values).for_each(|(&place, &value)| placed[place] = value);
        }
        let constant = writing.reals(&format!("{name}.{what}"), &shape, placed);
        real = writing.node(operator, &name, &[&real, &constant], part, &[]);
    }
    let output = Tensor { name: real, words: None, ..input };
    match formats.output() {
        NumberFormat::Float32 => writing.set(index, output),
        NumberFormat::DynamicFixed { .. } => return Err(Refusal::Dynamic),
        NumberFormat::Fixed(format) => {
            let to = writing.quantiser(index, format)?;
            activation::rectified_and_quantised(writing, index, output, to);
        }
    }
    Ok(())
}
