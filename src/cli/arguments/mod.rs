//! Arguments that several commands share, so that a flag means the same in each.

mod accumulator;
mod modes;
mod number_list;
mod older_spellings;
mod output_format;
mod records;
mod word;

pub(super) use accumulator::{AccumulatorArguments, AccumulatorCostArguments, LevelArguments};
pub(super) use modes::{fixed_type, one_of_each};
pub(super) use number_list::{ListError, expand, numbers};
pub(super) use older_spellings::{accept_older_spellings, join_lists};
pub(super) use output_format::{FormatArguments, OutputArguments, OutputFormat};
pub(super) use records::records;
pub(super) use word::{named, word};
