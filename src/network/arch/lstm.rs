//! A language model of two LSTM layers: embedding of 128 channels, 128 units a layer, and a linear layer that
//! gives the logits of the next token. Its weights are not those of the embedding (untied).

use super::Task;
use crate::network::{BiasBound, Builder, NetworkError};

/// Channels of the embedding.
const EMBEDDING: usize = 128;
/// Units of an LSTM layer.
const HIDDEN: usize = 128;

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("lstm", task.input, task.initialisation, bias);
    let tokens = net.tokens();
    let mut x = net.embedding("embedding", tokens, task.classes, EMBEDDING)?;
    for name in ["lstm1", "lstm2"] {
        x = net.lstm(name, x, HIDDEN)?;
    }
    net.linear_each("output", x, task.classes)?;
    Ok(net)
}
