//! A transformer of the size of GPT-2 small (Radford et al. 2019, "Language models are unsupervised
//! multitask learners"): 12 layers of width 768 with 12 heads, 1024 tokens, vocabulary 50257.
//!
//! Every token's logits are computed and the attention is dense, as in training. The output layer shares the token embedding's weights.

use super::super::error::WorkloadError;
use super::super::layer::{Layer, Workload};
use crate::network::VectorKind;
use hwmodel::product::MatrixProduct;

const BLOCKS: u64 = 12;
const WIDTH: u64 = 768;
const HEADS: u64 = 12;
const TOKENS: u64 = 1024;
const VOCABULARY: u64 = 50_257;

pub(super) fn build() -> Result<Workload, WorkloadError> {
    let values = TOKENS * WIDTH;
    let vector = |name: &str, kind, elements, parameters| {
        Layer::vector(name.to_owned(), kind, elements, parameters)
    };
    let mut layers = vec![
        vector("wte", VectorKind::EMBEDDING, values, VOCABULARY * WIDTH).first(),
        vector("wpe", VectorKind::POSITION, values, TOKENS * WIDTH),
    ];
    for block in 0..BLOCKS {
        let linear = |name: &str, outputs, inputs| {
            let matrix = MatrixProduct::linear(TOKENS, outputs, inputs);
            Layer::matrix_product(format!("h.{block}.{name}"), matrix, true)
        };
        let attention = |name: &str, columns, terms| {
            let matrix = MatrixProduct::attention(TOKENS, columns, terms, HEADS);
            Layer::matrix_product(format!("h.{block}.attn.{name}"), matrix, false)
        };
        let vector = |name: &str, kind, elements, parameters| {
            vector(&format!("h.{block}.{name}"), kind, elements, parameters)
        };
        let head = WIDTH / HEADS;
        let matrix = MatrixProduct::scores(TOKENS, head, HEADS);
        let scores = Layer::matrix_product(format!("h.{block}.attn.scores"), matrix, false);
        layers.extend([
            vector("ln_1", VectorKind::NORMALISATION, values, 2 * WIDTH),
            linear("attn.c_attn", 3 * WIDTH, WIDTH),
            scores,
            vector("attn.softmax", VectorKind::ATTENTION_SOFTMAX, HEADS * TOKENS * TOKENS, 0),
            attention("context", head, TOKENS),
            linear("attn.c_proj", WIDTH, WIDTH),
            vector("add_1", VectorKind::ADD, values, 0),
            vector("ln_2", VectorKind::NORMALISATION, values, 2 * WIDTH),
            linear("mlp.c_fc", 4 * WIDTH, WIDTH),
            vector("mlp.gelu", VectorKind::GELU, 4 * values, 0),
            linear("mlp.c_proj", WIDTH, 4 * WIDTH),
            vector("add_2", VectorKind::ADD, values, 0),
        ]);
    }
    layers.push(vector("ln_f", VectorKind::NORMALISATION, values, 2 * WIDTH));
    let head = MatrixProduct::linear(TOKENS, VOCABULARY, WIDTH);
    layers.push(Layer { parameters: 0, ..Layer::matrix_product("lm_head", head, false) });
    Workload::new("gpt2-small", layers)
}
