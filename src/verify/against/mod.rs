//! A network's tensors against those that another program stored: which differ, from which node on.
//!
//! A [`Dump`] has tensors under their names in the network: `NAME`, the integers of a quantised one as `NAME!int`, the exact sums
//! of a product as `NAME!acc`. [`Ours`] collects the same of a run; [`compare`] puts them in the order of execution.
//! [`cut`] takes out the nodes that make the first tensor that differs, and [`trials`] runs them by every convention that is known to
//! make differences.

mod causes;
mod compare;
mod explain;
mod ours;
mod segment;

pub use causes::{Trial, trials};
pub use compare::{Comparison, Row, Verdict, compare};
pub use explain::Explained;
pub use ours::Ours;
pub use segment::{Segment, cut, with_integers};

use crate::tensor::Tensor;

/// Behind the name of a tensor: its integers.
pub const INTEGERS: &str = "!int";

/// Behind the name of a tensor: the sums that it was requantised from.
pub const SUMS: &str = "!acc";

/// Tensors of another program by name.
pub type Dump = Vec<(String, Tensor)>;
