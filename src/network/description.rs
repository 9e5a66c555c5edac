//! A network's layers as data: what a saved model holds, so that no file depends on the name of an architecture.

use super::builder::{BiasBound, Builder, Initialisation};
use super::error::NetworkError;
use super::graph::{Network, Node};
use super::layers::KINDS;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Layers in the order of execution, without their values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkDescription {
    /// Shape of an image, `[h, w, c]`, or of a sequence of tokens, `[T, 1, 1]`.
    pub input: [usize; 3],
    /// The layers.
    pub layers: Vec<LayerDescription>,
}

/// A layer and what it reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerDescription {
    /// Its unique name; those of its parameters begin with it.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// Settings of the kind.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub settings: Value,
    /// The values it reads: 0 is the image, i + 1 the output of layer i.
    pub inputs: Vec<usize>,
}

impl Network {
    /// The layers as data.
    ///
    /// # Errors
    /// If a setting of a layer cannot be written.
    pub fn description(&self) -> Result<NetworkDescription, NetworkError> {
        describe(self.input, &self.nodes)
    }
}

impl Builder {
    /// The layers so far as data.
    ///
    /// # Errors
    /// If a setting of a layer cannot be written.
    pub fn description(&self) -> Result<NetworkDescription, NetworkError> {
        describe(self.input(), self.nodes())
    }
}

fn describe(input: [usize; 3], nodes: &[Node]) -> Result<NetworkDescription, NetworkError> {
    let layer = |node: &Node| {
        let (kind, settings) = node.layer.described().map_err(|error| {
            NetworkError::Description { layer: node.name.clone(), why: error.to_string() }
        })?;
        let (name, kind, inputs) = (node.name.clone(), kind.to_owned(), node.inputs.clone());
        Ok(LayerDescription { name, kind, settings, inputs })
    };
    let layers = nodes.iter().map(layer).collect::<Result<_, NetworkError>>()?;
    Ok(NetworkDescription { input, layers })
}

impl NetworkDescription {
    /// The layers as a network called `name` whose values are not drawn yet; biases are then drawn as wide as the weights.
    ///
    /// # Errors
    /// If a kind is not known, settings are not those of its kind, a layer reads what comes after it, or layers do not fit.
    pub fn builder(
        &self,
        name: &str,
        initialisation: Initialisation,
    ) -> Result<Builder, NetworkError> {
        let mut network = Builder::new(name, self.input, initialisation, BiasBound::Scale);
        for LayerDescription { name, kind, settings, inputs } in &self.layers {
            let wrong = |why| NetworkError::Description { layer: name.clone(), why };
            let Some(found) = KINDS.iter().find(|found| found.tag == kind) else {
                return Err(wrong(format!("kind `{kind}` is not known: use a newer hwsim")));
            };
            let layer = (found.restore)(settings.clone()).map_err(|e| wrong(e.to_string()))?;
            let inputs: Option<Vec<_>> = inputs.iter().map(|&value| network.value(value)).collect();
            let inputs = inputs.ok_or_else(|| wrong("it reads what comes after it".to_owned()))?;
            network.add_layer(name, layer, &inputs)?;
        }
        Ok(network)
    }
}

#[cfg(test)]
mod tests;
