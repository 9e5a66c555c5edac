//! Layers and networks against PyTorch.
//!
//! A case has lines `tensor,<name>,<dtype>,<shape>,<values>`. Names starting with `in.` or `param.` are
//! given, those with `f32.` and `f64.` are references in the two precisions. This crate computes in
//! float32 here (no tensor is quantised) and is compared with both.

mod case;
mod compare;
mod nets;
mod ops;
mod run;
mod tensor;

pub(super) use nets::check as check_nets;
pub use nets::check_torch_nets;
pub(super) use ops::check as check_ops;
pub use ops::check_torch_ops;
