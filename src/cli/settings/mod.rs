//! The settings of `hwsim train`: from flags, TOML keys and presets to
//! [`RunOptions`](crate::train::RunOptions).
//!
//! A setting is described once, as a [`Setting`](crate::setting::Setting), next to the code that uses it: in one of the files
//! [`run`], [`data`], [`optimiser`], [`schedule`], [`controller`], [`arithmetic`] and [`outputs`], or in the file of its controller in
//! [`crate::precision`]. `table.rs` lists them all. Flags, configuration files, help, errors and the commands that hwsim
//! prints follow from the descriptions.
//!
//! [`TrainArguments`] is what was given in one place. [`TrainArguments::resolve`] puts flags over the configuration file over
//! a preset over the defaults, checks that every setting has an effect and gives [`Resolved`]. The list for users is docs/train.md.

pub mod arithmetic;
mod command_line;
mod config_file;
pub mod controller;
pub mod data;
mod error;
mod flags;
mod gradient_scale;
mod layers;
pub mod optimiser;
pub mod outputs;
mod preset;
mod random_source;
mod requirements;
mod resolve;
pub mod run;
pub mod schedule;
mod several;
mod static_formats;
pub(in crate::cli) mod table;

pub use error::{Origin, SettingName, SettingsError};
pub use flags::TrainArguments;
pub use gradient_scale::{GradientScale, GradientScaleError};
pub use random_source::{DEFAULT_LFSR_BITS, DEFAULT_LFSR_WIDTH, RandomSettings, RandomSourceKind};
pub use resolve::{Paths, Resolved};
pub use several::Runs;
pub use static_formats::static_options;

#[cfg(test)]
mod error_tests;
#[cfg(test)]
mod manual_tests;
#[cfg(test)]
mod table_tests;
#[cfg(test)]
mod tests;
