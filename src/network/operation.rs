//! What a layer computes, as data, for code that exports or compiles a network.

use super::graph::Node;
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::PoolWindow;

/// The operation of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// A convolution on the MAC array; a linear layer has a 1×1 kernel.
    Convolution(Convolution2d),
    /// Normalisation per channel.
    BatchNorm,
    /// max(x, 0).
    Relu,
    /// min(max(x, 0), 6).
    Relu6,
    /// Elements set to zero at random in training; nothing in evaluation.
    Dropout,
    /// The maximum of every window.
    MaxPool(PoolWindow),
    /// The mean of every window, or of the whole image without one.
    AveragePool(Option<PoolWindow>),
    /// The sum of two branches in the format of the first.
    Add,
    /// The channels of all branches side by side, in the format of the first.
    Concatenate,
    /// All elements as the channels of one pixel.
    Flatten,
    /// A row of a table for each token.
    Embedding,
    /// A row of a table added to each place of a sequence.
    Position,
    /// Normalisation of each token over its channels.
    LayerNorm,
    /// Products of queries and keys of so many heads on the MAC array, with their softmax.
    Scores(usize),
    /// Products of probabilities and values of so many heads on the MAC array.
    Context(usize),
    /// The recurrent product of an LSTM on the MAC array, with its gates.
    Lstm,
}

impl Node {
    /// What the layer computes.
    pub fn operation(&self) -> Operation {
        self.layer.operation()
    }
}
