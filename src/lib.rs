//! `hwsim`: real neural-network training and inference on a simulated fixed-point MAC array.
//!
//! The arithmetic lives in [`hwmodel`]; this crate is the harness around it: networks, data,
//! training, precision controllers, cost equations, traces and the command line. ARCHITECTURE.md
//! says where things are and what must not depend on what.
#![forbid(unsafe_code)]

pub mod chart;
pub mod cli;
pub mod data;
pub mod design;
pub mod files;
pub mod network;
pub mod onnx;
pub mod precision;
pub mod report;
pub mod setting;
pub mod train;
pub mod verify;
