//! The operators of QONNX and brevitas, in the float32 operations of qonnx 1.0.0, one file each.
//!
//! Their inputs and results are floats; [`IntQuant::words`] gives the integers that an executor keeps.

mod bipolar_quant;
mod float_quant;
mod int_quant;
mod multi_threshold;
mod parameters;
mod rounding;
mod trunc;

pub use bipolar_quant::bipolar_quant;
pub use float_quant::FloatQuant;
pub use int_quant::IntQuant;
pub use multi_threshold::MultiThreshold;
pub use parameters::QonnxScales;
pub use rounding::QonnxRounding;
pub use trunc::{TruncV1, TruncV2};
