//! Golden vectors: files of values that independent programs computed, and checks that recompute
//! every one of them through this crate's own code.
//!
//! A file starts with `#` and one JSON object. A *block* file ([`BlockFile`]) continues with cases, a
//! *table* ([`Table`]) with rows of the columns that the header names. Golden vectors of the same
//! layout with other seeds or sizes are checked by the same functions.

mod a2q_bound;
mod adapt_sequences;
mod adapt_units;
mod affine;
mod ap_accum;
mod ap_fixed;
mod ap_width;
mod bits;
mod block;
mod checker;
mod cost_model;
mod error;
mod folder;
mod known;
mod layers;
mod layout;
mod line;
mod matmul;
mod muppet_policy;
mod onnx_qdq;
mod onnx_qlinear;
mod qonnx_quant;
mod qonnx_trunc;
mod quant_block;
mod quant_fixed;
mod quant_float;
mod requant;
mod rtl_stochastic;
mod rtl_values;
mod table;
mod tflite_ops;
mod tflite_requant;
mod torch;
mod two_level_acc;

use std::path::Path;

pub use a2q_bound::check_a2q_bound;
pub use adapt_sequences::check_adapt_sequences;
pub use adapt_units::check_adapt_units;
pub use ap_accum::check_ap_accum;
pub use ap_fixed::check_ap_fixed;
pub use ap_width::check_ap_width;
pub use block::{BlockFile, Case};
pub use checker::{Checker, Report};
pub use cost_model::check_cost_model;
pub use error::GoldenError;
pub use folder::{FileOutcome, FolderError, Outcome, check_path};
pub use layers::check_layers;
pub use line::Line;
pub use matmul::check_matmul;
pub use muppet_policy::check_muppet_policy;
pub use onnx_qdq::check_onnx_qdq;
pub use onnx_qlinear::check_onnx_qlinear;
pub use qonnx_quant::check_qonnx_quant;
pub use qonnx_trunc::check_qonnx_trunc;
pub use quant_block::check_quant_block;
pub use quant_fixed::check_quant_fixed;
pub use quant_float::check_quant_float;
pub use requant::check_requant;
pub use rtl_stochastic::check_rtl_stochastic;
pub use rtl_values::check_rtl_values;
pub use table::Table;
pub use tflite_ops::check_tflite_ops;
pub use tflite_requant::check_tflite_requant;
pub use torch::{check_torch_nets, check_torch_ops};
pub use two_level_acc::check_two_level_acc;

/// A check of one layout.
pub type Check = fn(&Path) -> Result<Report, GoldenError>;

/// Every layout by the name of its file without `.csv`, in alphabetical order, and its check at every SIMD level of this CPU. The
/// shipped files are in `golden/` and `golden/conventions/`.
pub const CHECKS: &[(&str, Check)] = &[
    ("a2q_bound", check_a2q_bound),
    ("adapt_sequences", check_adapt_sequences),
    ("adapt_units", check_adapt_units),
    ("ap_accum", check_ap_accum),
    ("ap_fixed", check_ap_fixed),
    ("ap_width", check_ap_width),
    ("cost_model", check_cost_model),
    ("layers", check_layers),
    ("matmul", check_matmul),
    ("muppet_policy", check_muppet_policy),
    ("onnx_qdq", check_onnx_qdq),
    ("onnx_qlinear", check_onnx_qlinear),
    ("qonnx_quant", check_qonnx_quant),
    ("qonnx_trunc", check_qonnx_trunc),
    ("quant_block", check_quant_block),
    ("quant_fixed", check_quant_fixed),
    ("quant_fixed_negfl", check_quant_fixed),
    ("quant_float", check_quant_float),
    ("requant", check_requant),
    ("rtl_stochastic", check_rtl_stochastic),
    ("rtl_values", check_rtl_values),
    ("tflite_ops", check_tflite_ops),
    ("tflite_requant", check_tflite_requant),
    ("torch_nets", check_torch_nets),
    ("torch_ops", check_torch_ops),
    ("two_level_acc", check_two_level_acc),
];
