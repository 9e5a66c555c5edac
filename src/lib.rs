//! `hwsim`: real neural-network training and inference on a simulated fixed-point MAC array.
//!
//! The arithmetic lives in [`hwmodel`]; this crate is the harness around it: networks, data,
//! training, precision controllers, cost equations, traces and the command line. ARCHITECTURE.md
//! says where things are and what must not depend on what.
#![forbid(unsafe_code)]
// Tests compare floats and narrow small numbers as they like.
#![cfg_attr(
    not(test),
    warn(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::float_cmp)
)]

pub mod chart;
pub mod cli;
pub mod data;
pub mod design;
pub mod files;
pub mod graph;
pub mod inference;
pub mod network;
pub mod onnx;
pub mod precision;
pub mod report;
pub mod rtl;
pub mod setting;
pub mod tensor;
pub mod train;
pub mod verify;
