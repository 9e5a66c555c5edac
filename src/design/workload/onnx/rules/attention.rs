//! Scaled dot-product attention as one operator (ONNX opset 23).

use super::super::error::NodeProblem;
use super::super::fact::{checked, count};
use super::super::node::Node;
use super::convolution::too_large;
use super::{Outcome, Output};
use crate::design::workload::{VectorKind, VectorWork, Work};
use hwmodel::product::{MatrixProduct, RightOperand};

/// Batch, heads, length and width of queries, keys or values.
type Heads = [u64; 4];

/// The heads of input `index`: `[b, h, l, d]`, or `[b, l, h·d]` with h in attribute `name`.
fn heads(node: &Node<'_>, index: usize, name: &'static str) -> Result<Heads, NodeProblem> {
    let shape = node.shape(index)?;
    if let &[b, h, l, d] = shape {
        return Ok([b, h, l, d]);
    }
    let h = node.attribute_integer(name).and_then(|h| u64::try_from(h).ok()).unwrap_or(0);
    match *shape {
        [b, l, width] if h > 0 && width.is_multiple_of(h) => Ok([b, h, l, width / h]),
        _ => {
            let why = format!("input {index} of shape {shape:?} does not split into {h} heads");
            Err(NodeProblem::Shape(why))
        }
    }
}

/// softmax(Q·Kᵀ)·V, where several heads of queries may share one of keys and values, and earlier
/// keys and values may come first. Scores, softmax and context are separate layers.
pub(super) fn attention(node: &Node<'_>) -> Result<Outcome, NodeProblem> {
    let [b, query_heads, length, d] = heads(node, 0, "q_num_heads")?;
    let key = heads(node, 1, "kv_num_heads")?;
    let [_, key_heads, new, width] = heads(node, 2, "kv_num_heads")?;
    let past = match node.optional(4) {
        None => 0,
        Some(_) => heads(node, 4, "kv_num_heads")?[2],
    };
    if key != [b, key_heads, new, d] || key_heads == 0 || !query_heads.is_multiple_of(key_heads) {
        let shapes = [node.shape(0)?, node.shape(1)?, node.shape(2)?];
        let why = format!("queries, keys and values {shapes:?} do not fit each other");
        return Err(NodeProblem::Shape(why));
    }
    let seen = new.checked_add(past).ok_or_else(too_large)?;
    let scores = checked(vec![b, query_heads, length, seen])?;
    let product = |n, k, wide_result| {
        let m = length.checked_mul(query_heads / key_heads).ok_or_else(too_large)?;
        let batch = b.checked_mul(key_heads).ok_or_else(too_large)?;
        let right = RightOperand::Activation;
        let matrix = MatrixProduct { m, n, k, batch, right, wide_result };
        Ok::<_, NodeProblem>(Work::MatrixProduct(matrix))
    };
    let softmax = VectorWork { kind: VectorKind::ATTENTION_SOFTMAX, elements: count(&scores) };
    let works = vec![
        ("scores", product(seen, d, true)?),
        ("softmax", Work::Vector(softmax)),
        ("context", product(width, seen, false)?),
    ];
    let joined = query_heads.checked_mul(width).ok_or_else(too_large)?;
    let output = match node.shape(0)?.len() {
        4 => vec![b, query_heads, length, width],
        _ => vec![b, length, joined],
    };
    let kept = |width| vec![b, key_heads, seen, width];
    let shapes = [output, kept(d), kept(width), scores];
    let outputs = shapes.into_iter().map(Output::new).collect();
    Ok(Outcome { works, ..Outcome::new(outputs, None) }.of(&[[0, 1]]))
}
