//! Causal multi-head self-attention: two layers of products of activations on the MAC array.
//!
//! The layer before them gives queries, keys and values of every token. [`Scores`] multiplies queries and keys
//! and takes the softmax, [`Context`] multiplies its probabilities with the values. Neither has a weight: the
//! right operand of a product (keys, values) stands in its place, and its gradient counts as grad-weight.
//! Formats are those of the layer before.

mod context;
mod head;
mod scores;

pub(in crate::network) use context::Context;
pub(in crate::network) use scores::Scores;

#[cfg(test)]
mod tests;
