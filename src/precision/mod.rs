//! Precision controllers: which number format each tensor has, and when it changes.
//!
//! A controller sees the loss of a step and, per tensor, the float32 master values and the
//! gradient ([`TensorView`]); it never sees layers, training loops or files. A new controller is
//! one new file, which implements [`PrecisionController`] and has a [`ControllerDescription`] of its settings, and one line of the
//! list in [`options`].
//!
//! AdaPT and ADEPT (papers/adapt.md sections 3 to 5) are put together in [`adapt`] from building
//! blocks that are useful alone: [`edf`] and [`push_down`] (the coarsest lossless format),
//! [`window`] and [`push_up`] (gradient diversity and the bits that it adds), [`lookback`] and
//! [`strategy`]. [`muppet`] is MuPPET around its policy, [`muppet_policy`]. [`shen`] (the
//! word lengths by layer of Shen et al. 2024), [`static_formats`] and float32 choose formats once: [`constant`]; static formats may
//! also change with the epochs: [`scheduled`]. [`calibration`] chooses such formats from the values of a float network.

pub mod adapt;
mod adapt_state;
pub mod adept;
pub mod calibration;
pub mod constant;
pub mod controller;
pub mod edf;
mod error;
pub mod float32;
pub mod lookback;
mod modes;
pub mod muppet;
pub mod muppet_policy;
pub mod options;
pub mod presets;
pub mod push_down;
pub mod push_up;
pub(crate) mod quantise;
pub(crate) mod reduce;
pub mod scheduled;
pub mod shared_settings;
pub mod shen;
pub mod state;
pub mod static_formats;
pub mod strategy;
pub mod window;

pub use adapt::{Adapt, AdaptOptions, Granularity};
pub use constant::Constant;
pub use controller::{
    ControllerReport, Decision, EpochEnd, NumberFormat, PrecisionController, RoleFormats, Step,
    Switch, TensorInfo, TensorView,
};
pub use error::PrecisionError;
pub use modes::Modes;
pub use muppet::Muppet;
pub use options::{ControllerDescription, ControllerKind, ControllerOptions};
pub use push_down::PushDownRange;
pub use scheduled::Scheduled;
pub use shared_settings::START;
pub use shen::{BitRange, BitRangeError, BitStrategy, Depth, Factor, ShenOptions};
pub use state::{ControllerState, StateTensor};
pub use static_formats::{
    FormatSchedule, FormatScheduleError, FormatStage, LayerFormats, LayerFormatsError,
    LayerFormatsSource, LayerTensor, StaticOptions, TensorFormats, TensorFormatsError, layer_of,
};
pub use strategy::Strategy;

use serde::{Deserialize, Serialize};

/// Which reading of AdaPT a building block follows where paper and released code disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Variant {
    /// The equations of the paper, in float64.
    Paper,
    /// The behaviour of the authors' released code, in float32 where it uses float32.
    Released,
}

impl Variant {
    /// The name used in options, golden vectors and traces.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Released => "released",
        }
    }
}

/// An inclusive range of a controlled integer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// The smallest value.
    pub lower: u32,
    /// The largest value.
    pub upper: u32,
}

impl Bounds {
    /// `lower..=upper`.
    pub const fn new(lower: u32, upper: u32) -> Self {
        Self { lower, upper }
    }
}
