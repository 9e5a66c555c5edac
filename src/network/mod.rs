//! Networks: layers, the graph that joins them, and architectures as data.
//!
//! Convolutions and linear layers run on the MAC array in integers (or in float32 where their format
//! says so), ReLU, max pooling and residual addition in integers, everything else on the float32
//! vector unit, whose results cross a counted quantiser. Tensors are NHWC, weights `[o, kh, kw, c]`.

mod activation;
pub mod arch;
mod backward;
mod backward_arithmetic;
mod between;
mod builder;
mod common_form;
mod description;
mod error;
pub mod exported;
mod format_places;
mod forward;
mod graph;
pub mod imported;
mod integer;
mod layer;
mod layers;
mod mac_operands;
mod parameter;
mod tally;
pub mod vector;
mod work;

pub use activation::Activation;
pub use backward::{Backward, BackwardResult};
pub use backward_arithmetic::{BackwardArithmetic, GradientFormat};
pub use between::Between;
pub use builder::{BiasBound, Builder, Initialisation, NodeId};
pub use common_form::CommonForm;
pub use description::{LayerDescription, NetworkDescription};
pub use error::NetworkError;
pub use format_places::{FormatPlace, Holds, InnerFormats};
pub use forward::Forward;
pub use graph::{Gradients, MacLayer, Network, Node, Pass, PassSettings};
pub use integer::{EqualSteps, IntegerForm, IntegerSettings, IntegerStep};
pub use layer::{Compute, Layer, ResultFormat};
#[cfg(test)]
pub(crate) use layers::example_networks;
pub use mac_operands::{MacOperands, NoSingleProduct, UnknownMacLayer};
pub use parameter::{Initialiser, Parameter, ParameterSpec};
pub use tally::{GemmTally, LayerTally};
pub use work::{VectorKind, VectorWork, Work};
