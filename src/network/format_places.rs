//! Which tensors of a network have a format of their own, and the values that decide on it.

use super::common_form::CommonForm;
use super::graph::{Network, Node};
use super::layer::ResultFormat;
use crate::precision::{LayerTensor, layer_of};

/// A tensor of a layer that has a format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatPlace {
    /// The layer.
    pub layer: String,
    /// Its tensor.
    pub tensor: LayerTensor,
    /// What the format has to hold.
    pub holds: Holds,
}

/// What a format has to hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holds {
    /// Parameter tensor of this index.
    Parameter(usize),
    /// These values, 0 the image and i + 1 the output of node i.
    Values {
        /// Their numbers.
        values: Vec<usize>,
        /// Whether they cannot be negative.
        non_negative: bool,
    },
    /// A value in the format of another tensor, from which layers without formats of their own make it.
    Same {
        /// The place of that tensor.
        place: usize,
        /// The value.
        value: usize,
    },
}

/// A layer with formats that are not those of its operands and results.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "layer `{layer}` ({kind}) has formats for values inside it, which no calibration sees: give its formats as LAYER=WL,FL"
)]
pub struct InnerFormats {
    layer: String,
    kind: &'static str,
}

impl Network {
    /// The tensors that have a format, layer by layer: input, weight, bias, output.
    ///
    /// The results of a layer keep their format in those that only move them, add to them and the like, so that it has to
    /// hold the values of these as well. Where all that reads a result is a ReLU, and the requantiser of the result
    /// `saturates`, an unsigned format does the work of the ReLU and the values before it do not count.
    ///
    /// # Errors
    /// If a layer has formats inside it.
    pub fn format_places(&self, saturates: bool) -> Result<Vec<FormatPlace>, InnerFormats> {
        let graph = Graph { network: self, saturates };
        let mut places: Vec<FormatPlace> = Vec::new();
        for (index, node) in self.nodes.iter().enumerate() {
            let result = node.layer.result_format();
            if result == ResultFormat::Inner {
                return Err(InnerFormats { layer: node.name.clone(), kind: node.kind() });
            }
            let Some(first) = self.parameters.get(node.parameters.clone()).and_then(<[_]>::first)
            else {
                continue;
            };
            let layer = layer_of(&first.name).to_owned();
            if result == ResultFormat::Own {
                let value = node.inputs[0];
                let holds = match graph.source(value) {
                    Source::Image => Holds::Values { values: vec![value], non_negative: false },
                    Source::Tensor(layer, tensor) => {
                        let same =
                            |place: &FormatPlace| place.layer == layer && place.tensor == tensor;
                        let place = places.iter().position(same);
                        let place = place.expect("a layer comes behind the one that it reads");
                        Holds::Same { place, value }
                    }
                };
                places.push(FormatPlace {
                    layer: layer.clone(),
                    tensor: LayerTensor::Input,
                    holds,
                });
            }
            let mut add = |tensor, holds| {
                places.push(FormatPlace { layer: layer.clone(), tensor, holds });
            };
            for parameter in node.parameters.clone() {
                let is_bias = self.parameters[parameter].name.ends_with(".bias");
                let tensor = if is_bias { LayerTensor::Bias } else { LayerTensor::Weight };
                add(tensor, Holds::Parameter(parameter));
            }
            if result == ResultFormat::Own {
                let mut values = Vec::new();
                graph.collect(index + 1, false, &mut values);
                let non_negative = values.iter().all(|&value| graph.is_non_negative(value));
                add(LayerTensor::Output, Holds::Values { values, non_negative });
            }
        }
        Ok(places)
    }
}

/// Where the words of a value come from.
enum Source {
    Image,
    Tensor(String, LayerTensor),
}

struct Graph<'a> {
    network: &'a Network,
    saturates: bool,
}

impl<'a> Graph<'a> {
    /// The node that makes `value`; `None` for the image.
    fn maker(&self, value: usize) -> Option<&'a Node> {
        self.network.nodes.get(value.checked_sub(1)?)
    }

    /// The nodes that read `value`, with the numbers of their results.
    fn readers(&self, value: usize) -> impl Iterator<Item = (&'a Node, usize)> {
        let nodes = self.network.nodes.iter().enumerate();
        let readers = nodes.filter(move |(_, node)| node.inputs.contains(&value));
        readers.map(|(index, node)| (node, index + 1))
    }

    fn source(&self, value: usize) -> Source {
        let Some(node) = self.maker(value) else { return Source::Image };
        let tensor = match node.layer.result_format() {
            ResultFormat::OfInput => return self.source(node.inputs[0]),
            ResultFormat::Table => LayerTensor::Weight,
            ResultFormat::Own | ResultFormat::Inner => LayerTensor::Output,
        };
        let first = &self.network.parameters[node.parameters.start];
        Source::Tensor(layer_of(&first.name).to_owned(), tensor)
    }

    /// Whether an unsigned format cuts nothing of `value` that its readers use.
    fn is_rectified(&self, value: usize) -> bool {
        let mut readers = self.readers(value).peekable();
        self.saturates
            && readers.peek().is_some()
            && readers.all(|(node, result)| {
                rectifies(node) || node.layer.moves_values() && self.is_rectified(result)
            })
    }

    /// The values that the format of `value` has to hold; those that are among others are left out. `covered` says that
    /// `value` is among others.
    fn collect(&self, value: usize, covered: bool, found: &mut Vec<usize>) {
        let holds = covered || !self.is_rectified(value);
        if holds && !covered {
            found.push(value);
        }
        for (node, result) in self.readers(value) {
            let first = node.inputs[0] == value;
            if first && node.layer.result_format() == ResultFormat::OfInput {
                let among = node.layer.moves_values() || rectifies(node);
                self.collect(result, holds && among, found);
            }
        }
    }

    fn is_non_negative(&self, value: usize) -> bool {
        let Some(node) = self.maker(value) else { return false };
        let keeps_sign = node.layer.moves_values()
            || matches!(
                node.common_form(),
                Some(CommonForm::AveragePool(_) | CommonForm::Add | CommonForm::Concatenate)
            );
        rectifies(node)
            || keeps_sign && node.inputs.iter().all(|&input| self.is_non_negative(input))
    }
}

fn rectifies(node: &Node) -> bool {
    matches!(node.common_form(), Some(CommonForm::Relu | CommonForm::Relu6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::{Initialisation, arch, example_networks};

    fn places(name: &str, saturates: bool) -> (Network, Vec<String>) {
        let initialisation = Initialisation { seed: 1, scale: 1.0 };
        let network = arch::build(name, &arch::common_task(name, initialisation)).unwrap();
        let places = network.format_places(saturates).unwrap();
        let described = described(&network, &places);
        (network, described)
    }

    fn described(network: &Network, places: &[FormatPlace]) -> Vec<String> {
        let value = |&value: &usize| match value {
            0 => "image",
            _ => network.nodes[value - 1].name.as_str(),
        };
        let name = |place: &FormatPlace| format!("{}.{}", place.layer, place.tensor.name());
        let holds = |place: &FormatPlace| match &place.holds {
            Holds::Parameter(index) => network.parameters[*index].name.clone(),
            Holds::Same { place, .. } => format!("= {}", name(&places[*place])),
            Holds::Values { values, non_negative } => {
                let values: Vec<_> = values.iter().map(value).collect();
                let sign = if *non_negative { " >= 0" } else { "" };
                format!("{}{sign}", values.join(", "))
            }
        };
        places.iter().map(|place| format!("{}: {}", name(place), holds(place))).collect()
    }

    #[test]
    fn a_relu_makes_the_results_before_it_unsigned() {
        insta::assert_snapshot!(places("lenet5", true).1.join("\n"), @r#"
        conv1.input: image
        conv1.weight: conv1.weight
        conv1.bias: conv1.bias
        conv1.output: relu1 >= 0
        conv2.input: = conv1.output
        conv2.weight: conv2.weight
        conv2.bias: conv2.bias
        conv2.output: relu4 >= 0
        fc1.input: = conv2.output
        fc1.weight: fc1.weight
        fc1.bias: fc1.bias
        fc1.output: relu8 >= 0
        fc2.input: = fc1.output
        fc2.weight: fc2.weight
        fc2.bias: fc2.bias
        fc2.output: relu10 >= 0
        fc3.input: = fc2.output
        fc3.weight: fc3.weight
        fc3.bias: fc3.bias
        fc3.output: fc3
        "#);
        let signed = places("lenet5", false).1;
        assert!(signed.iter().all(|place| !place.contains(">= 0")), "{signed:?}");
        assert!(signed.contains(&"conv1.output: conv1".to_owned()), "{signed:?}");
    }

    #[test]
    fn a_sum_has_the_format_of_its_first_branch() {
        let (_, places) = places("resnet20", true);
        insta::assert_snapshot!(places[..8].join("\n"), @r#"
        conv1.input: image
        conv1.weight: conv1.weight
        conv1.output: conv1
        conv1.norm.input: = conv1.output
        conv1.norm.weight: conv1.norm.weight
        conv1.norm.bias: conv1.norm.bias
        conv1.norm.output: relu2 >= 0
        stage1.0.conv1.input: = conv1.norm.output
        "#);
        let sums = places.iter().filter(|place| place.contains(", "));
        insta::assert_snapshot!(sums.cloned().collect::<Vec<_>>()[..2].join("\n"), @r#"
        stage1.0.conv2.norm.output: stage1.0.conv2.norm, relu9
        stage1.1.conv2.norm.output: stage1.1.conv2.norm, relu16
        "#);
    }

    #[test]
    fn every_layer_has_places_or_is_named() {
        for (name, network) in example_networks() {
            match network.format_places(true) {
                Err(error) => {
                    assert!(["attention", "lstm"].contains(&name), "{name}: {error}");
                }
                Ok(places) => {
                    let parameters = places.iter().filter_map(|place| match place.holds {
                        Holds::Parameter(index) => Some(index),
                        _ => None,
                    });
                    let all: Vec<usize> = (0..network.parameters.len()).collect();
                    assert_eq!(parameters.collect::<Vec<_>>(), all, "{name}");
                }
            }
        }
    }
}
