//! The settings of `hwsim train`: from flags, TOML keys and presets to
//! [`RunOptions`](crate::train::RunOptions).
//!
//! [`TrainArguments`] is what was said in one place; each setting is one flag and one TOML key of the
//! same name, with one description. [`TrainArguments::resolve`] puts flags over the configuration
//! file over a preset over the defaults, checks the outcome and gives [`Resolved`]. The list for
//! users is docs/train.md.

mod arguments;
mod bit_range;
mod carried_out;
mod choices;
mod command_line;
mod config_file;
mod controller_settings;
mod defaults;
mod error;
mod format_schedule;
mod gradient_scale;
mod layer_formats;
mod layers;
mod merge;
mod optimiser;
mod random_source;
mod requirements;
mod resolve;
mod rivals;
mod schedule;
mod several;
mod static_formats;

pub use arguments::TrainArguments;
pub use bit_range::{BitRange, BitRangeError};
pub(super) use carried_out::is_carried_out;
pub(super) use choices::word;
pub use choices::{BackwardKind, ControllerKind, OptimiserKind, ScheduleKind, Switch};
pub use defaults::{DEFAULT_ARCH, DEFAULT_BATCH_SIZE, DEFAULT_CHECKPOINT_EVERY, DEFAULT_EPOCHS};
pub use error::{Origin, Setting, SettingsError};
pub use format_schedule::{FormatSchedule, FormatScheduleError};
pub use gradient_scale::{GradientScale, GradientScaleError};
pub use layer_formats::{LayerFormats, LayerFormatsError};
pub use random_source::{DEFAULT_LFSR_BITS, DEFAULT_LFSR_WIDTH, RandomSettings, RandomSourceKind};
pub use resolve::{Paths, Resolved};
pub use several::Runs;
pub use static_formats::static_options;

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod manual_tests;
#[cfg(test)]
mod tests;
