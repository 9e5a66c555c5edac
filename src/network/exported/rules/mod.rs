//! One file a family of layers: the nodes that a layer becomes.

mod activation;
mod element_wise;
mod normalisation;
mod pooling;
mod product;
mod shape;

use super::error::Refusal;
use super::tensor::{Layout, Tensor};
use super::writing::Writing;
use crate::network::common_form::CommonForm;

/// The kinds, for messages.
pub(super) const KINDS: &str = "convolution, linear, batch norm, relu, relu6, leaky relu, max pool, average pool, flatten, dropout, add, concatenate";

/// Writes layer `index`.
pub(super) fn apply(writing: &mut Writing<'_>, index: usize) -> Result<(), Refusal> {
    match writing.network.nodes[index].common_form().ok_or(Refusal::Kind)? {
        CommonForm::Convolution(geometry) => product::convolution(writing, index, geometry),
        CommonForm::Linear => product::linear(writing, index),
        CommonForm::BatchNorm => normalisation::batch_norm(writing, index),
        CommonForm::Relu => activation::relu(writing, index, false),
        CommonForm::Relu6 => activation::relu(writing, index, true),
        CommonForm::LeakyRelu(slope) => activation::leaky_relu(writing, index, slope),
        CommonForm::MaxPool(window) => pooling::max_pool(writing, index, window),
        CommonForm::AveragePool(window) => pooling::average_pool(writing, index, window),
        CommonForm::Flatten => shape::flatten(writing, index),
        CommonForm::Identity => {
            let input = writing.input(index, 0);
            writing.set(index, input);
            Ok(())
        }
        CommonForm::Add => element_wise::add(writing, index),
        CommonForm::Concatenate => element_wise::concatenate(writing, index),
    }
}

/// The name of layer `index`.
fn name(writing: &Writing<'_>, index: usize) -> String {
    writing.network.nodes[index].name.clone()
}

/// `tensor` as features, or as an image: of one pixel both are the same numbers.
fn in_layout(writing: &mut Writing<'_>, tensor: Tensor, to: Layout, name: &str) -> Tensor {
    use crate::onnx::model::Attribute;
    if (tensor.layout == Layout::Features) == (to == Layout::Features) {
        return tensor;
    }
    let source = tensor.name.clone();
    let (made, layout) = match to {
        Layout::Features => {
            let axis = [("axis", Attribute::Integer(1))];
            (writing.node("Flatten", name, &[&source], "flat", &axis), to)
        }
        _ => {
            use crate::tensor::ElementType::Int64;
            let axes = writing.integers(&format!("{name}.axes"), Int64, &[2], vec![2, 3]);
            (writing.node("Unsqueeze", name, &[&source, &axes], "pixel", &[]), Layout::Image)
        }
    };
    Tensor { name: made, layout, ..tensor }
}
