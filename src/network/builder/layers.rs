//! One method a layer kind.

use super::{Builder, NodeId};
use crate::network::error::NetworkError;
use crate::network::layers::{
    Add, AveragePool, BatchNorm, Concatenate, Context, Convolution, Dropout, Embedding, Flatten,
    LayerNorm, Linear, Lstm, MaxPool, Position, Relu, Scores,
};
use crate::network::vector::lstm::GATES;
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::PoolWindow;

impl Builder {
    /// A convolution of `filters` filters; a depthwise one has as many groups as channels.
    ///
    /// # Errors
    /// If it does not fit its input (so for every method below).
    pub fn convolution(
        &mut self,
        name: &str,
        input: NodeId,
        filters: usize,
        geometry: Convolution2d,
        bias: bool,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Convolution { filters, geometry, bias }, &[input])
    }

    /// A linear layer of one pixel.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Linear { outputs, bias: true }, &[input])
    }

    /// A linear layer with bias of every pixel or token: a 1×1 convolution.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn linear_each(
        &mut self,
        name: &str,
        input: NodeId,
        outputs: usize,
    ) -> Result<NodeId, NetworkError> {
        self.convolution(name, input, outputs, Convolution2d::square(1, 1, 0), true)
    }

    /// A row of `channels` channels for each of `vocabulary` tokens.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn embedding(
        &mut self,
        name: &str,
        input: NodeId,
        vocabulary: usize,
        channels: usize,
    ) -> Result<NodeId, NetworkError> {
        self.add(name, Embedding { vocabulary, channels }, &[input])
    }

    /// A row of a table added to each token.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn position(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, Position, &[input])
    }

    /// Normalisation of each token over its channels.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn layer_norm(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, LayerNorm, &[input])
    }

    /// Causal self-attention with `heads` heads: `NAME.qkv` (queries, keys and values of every token),
    /// `NAME.scores`, `NAME.context` and `NAME.out`, a linear layer, which has the channels of the input.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn attention(
        &mut self,
        name: &str,
        input: NodeId,
        heads: usize,
    ) -> Result<NodeId, NetworkError> {
        let channels = self.shape(input)[2];
        let qkv = self.linear_each(&format!("{name}.qkv"), input, 3 * channels)?;
        let scores = self.add(&format!("{name}.scores"), Scores { heads }, &[qkv])?;
        let context = self.add(&format!("{name}.context"), Context { heads }, &[scores, qkv])?;
        self.linear_each(&format!("{name}.out"), context, channels)
    }

    /// An LSTM of `hidden` units: the product of its input, `NAME.input`, and its recurrent part,
    /// `NAME.recurrent`.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn lstm(
        &mut self,
        name: &str,
        input: NodeId,
        hidden: usize,
    ) -> Result<NodeId, NetworkError> {
        let sums = self.linear_each(&format!("{name}.input"), input, GATES * hidden)?;
        self.add(&format!("{name}.recurrent"), Lstm, &[sums])
    }

    /// Batch normalisation over n, h and w.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn batch_norm(&mut self, name: &str, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add(name, BatchNorm, &[input])
    }

    /// max(x, 0).
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn relu(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("relu", Relu { six: false }, &[input])
    }

    /// min(max(x, 0), 6).
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn relu6(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("relu6_", Relu { six: true }, &[input])
    }

    /// In training, zero with `probability` and x / (1 - `probability`) otherwise; x in evaluation.
    ///
    /// # Errors
    /// If `probability` is not at least 0 and below 1.
    pub fn dropout(&mut self, input: NodeId, probability: f32) -> Result<NodeId, NetworkError> {
        self.add_numbered("dropout", Dropout { probability }, &[input])
    }

    /// Max pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn max_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        self.max_pool_of(input, PoolWindow::square(kernel, stride, 0))
    }

    /// Max pooling with any window.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn max_pool_of(
        &mut self,
        input: NodeId,
        window: PoolWindow,
    ) -> Result<NodeId, NetworkError> {
        self.add_numbered("max_pool", MaxPool { window }, &[input])
    }

    /// Average pooling with a square window and no padding.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn average_pool(
        &mut self,
        input: NodeId,
        kernel: usize,
        stride: usize,
    ) -> Result<NodeId, NetworkError> {
        let window = PoolWindow::square(kernel, stride, 0);
        self.add_numbered("average_pool", AveragePool { window: Some(window) }, &[input])
    }

    /// The mean over height and width.
    ///
    /// # Errors
    /// If it does not fit its input.
    pub fn global_average_pool(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("global_average_pool", AveragePool { window: None }, &[input])
    }

    /// The sum of two branches, in the format of the first.
    ///
    /// # Errors
    /// If the shapes differ.
    pub fn sum(&mut self, first: NodeId, second: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("add", Add, &[first, second])
    }

    /// The channels of all branches side by side, in the format of the first.
    ///
    /// # Errors
    /// If there is no branch, or heights or widths differ.
    pub fn concatenate(&mut self, branches: &[NodeId]) -> Result<NodeId, NetworkError> {
        let channels = branches.iter().map(|&branch| self.shape(branch)[2]).collect();
        self.add_numbered("concatenate", Concatenate { channels }, branches)
    }

    /// All elements as channels of one pixel.
    ///
    /// # Errors
    /// Never for a valid input.
    pub fn flatten(&mut self, input: NodeId) -> Result<NodeId, NetworkError> {
        self.add_numbered("flatten", Flatten, &[input])
    }
}
