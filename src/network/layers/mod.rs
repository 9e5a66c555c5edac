//! One file per layer kind: what it is, its arithmetic, its integer form and the [`Builder`](super::Builder) method that adds it.
//!
//! A new kind is one file and three lines here: the module, its type, and its example for the tests that every kind passes.

mod add;
mod attention;
mod average_pool;
mod batch_norm;
mod concatenate;
mod convolution;
mod dropout;
mod embedding;
mod flatten;
mod function;
mod layer_norm;
mod leaky_relu;
mod linear;
mod lstm;
mod mac_layer;
mod max_pool;
mod position;
mod relu;

use super::error::NetworkError;
use super::layer::Kind;
use hwmodel::FixedTensor;

/// Every kind.
pub(super) const KINDS: &[Kind] = &[
    add::KIND,
    attention::context::KIND,
    attention::scores::KIND,
    average_pool::KIND,
    batch_norm::KIND,
    concatenate::KIND,
    convolution::KIND,
    dropout::KIND,
    embedding::KIND,
    flatten::KIND,
    function::KIND,
    layer_norm::KIND,
    leaky_relu::KIND,
    linear::KIND,
    lstm::KIND,
    max_pool::KIND,
    position::KIND,
    relu::KIND,
];

/// The data that the forward pass saved.
fn kept<T>(saved: Option<T>, layer: &str) -> Result<T, NetworkError> {
    saved.ok_or_else(|| NetworkError::NotTraining(layer.to_owned()))
}

/// The shape `[n, h, w, c]` of a tensor between layers.
fn four_axes(x: &FixedTensor) -> [usize; 4] {
    x.shape().try_into().expect("values between layers have four axes")
}

/// A small network around a layer.
#[cfg(test)]
struct Example {
    /// Shape of the input.
    input: [usize; 3],
    /// Adds the layer after a product of the input.
    add: fn(&mut super::Builder, super::NodeId) -> Result<super::NodeId, NetworkError>,
}

/// Every file.
#[cfg(test)]
const EXAMPLES: &[(&str, Example)] = &[
    ("add", add::EXAMPLE),
    ("attention", attention::EXAMPLE),
    ("average_pool", average_pool::EXAMPLE),
    ("batch_norm", batch_norm::EXAMPLE),
    ("concatenate", concatenate::EXAMPLE),
    ("convolution", convolution::EXAMPLE),
    ("dropout", dropout::EXAMPLE),
    ("embedding", embedding::EXAMPLE),
    ("flatten", flatten::EXAMPLE),
    ("function", function::EXAMPLE),
    ("layer_norm", layer_norm::EXAMPLE),
    ("leaky_relu", leaky_relu::EXAMPLE),
    ("linear", linear::EXAMPLE),
    ("lstm", lstm::EXAMPLE),
    ("max_pool", max_pool::EXAMPLE),
    ("position", position::EXAMPLE),
    ("relu", relu::EXAMPLE),
];

/// A small network for each kind, under the name of its file.
#[cfg(test)]
pub(crate) fn example_networks() -> Vec<(&'static str, super::Network)> {
    use super::{BiasBound, Builder, Initialisation};
    let build = |&(name, ref example): &(&'static str, Example)| {
        let initialisation = Initialisation { seed: 3, scale: 1.0 };
        let mut net = Builder::new(name, example.input, initialisation, BiasBound::Scale);
        let image = net.image();
        let x = net.linear_each("before", image, 4)?;
        let x = (example.add)(&mut net, x)?;
        let x = net.flatten(x)?;
        net.linear("after", x, 3)?;
        Ok((name, net.finish()?))
    };
    let networks: Result<Vec<_>, NetworkError> = EXAMPLES.iter().map(build).collect();
    networks.expect("examples fit their input")
}

#[cfg(test)]
mod tests;
