//! Causal multi-head self-attention: two layers of products of activations on the MAC array.
//!
//! The layer before them gives queries, keys and values of every token. [`AttentionScores`] multiplies queries and keys
//! and takes the softmax, [`AttentionContext`] multiplies its probabilities with the values. Neither has a weight: the
//! right operand of a product (keys, values) stands in its place, and its gradient counts as grad-weight.
//! Formats are those of the layer before.

pub(super) mod context;
mod head;
pub(super) mod scores;

use crate::network::{Builder, NetworkError, NodeId};
use context::AttentionContext;
use scores::AttentionScores;

impl Builder {
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
        let scores = self.add(&format!("{name}.scores"), AttentionScores { heads }, &[qkv])?;
        let context =
            self.add(&format!("{name}.context"), AttentionContext { heads }, &[scores, qkv])?;
        self.linear_each(&format!("{name}.out"), context, channels)
    }
}

#[cfg(test)]
pub(super) const EXAMPLE: super::Example =
    super::Example { input: [6, 1, 4], add: |net, x| net.attention("layer", x, 2) };

#[cfg(test)]
mod tests;
