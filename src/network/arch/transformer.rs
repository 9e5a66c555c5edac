//! A small decoder-only transformer (Vaswani et al. 2017; Radford et al. 2019 for the order of its layers):
//! token and positional embeddings of 128 channels, two pre-norm blocks of causal attention with 4 heads and a
//! perceptron of 512 units with ReLU, a last layer norm and a linear layer that gives the logits of the next
//! token. Its weights are not those of the embedding (untied).

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError, NodeId};

/// Channels of a token.
const CHANNELS: usize = 128;
/// Heads of an attention.
const HEADS: usize = 4;
/// Units of a perceptron.
const UNITS: usize = 512;
/// Blocks.
const BLOCKS: usize = 2;

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("transformer", task.input, task.initialisation, bias);
    let tokens = net.tokens();
    let mut x = net.embedding("embedding", tokens, task.classes, CHANNELS)?;
    x = net.position("position", x)?;
    for index in 1..=BLOCKS {
        x = block(&mut net, &format!("block{index}"), x)?;
    }
    x = net.layer_norm("norm", x)?;
    net.linear_each("output", x, task.classes)?;
    Ok(net)
}

fn block(net: &mut Builder, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
    let mut x = net.layer_norm(&format!("{name}.norm1"), input)?;
    x = net.attention(&format!("{name}.attention"), x, HEADS)?;
    let middle = net.sum(input, x)?;
    x = net.layer_norm(&format!("{name}.norm2"), middle)?;
    x = net.linear_each(&format!("{name}.expand"), x, UNITS)?;
    x = net.relu(x)?;
    x = net.linear_each(&format!("{name}.contract"), x, CHANNELS)?;
    net.sum(middle, x)
}
