//! Two conventions on the same product: which outputs differ, by how much, and which setting is to blame.
//!
//! A [`Convention`] is everything between the integers of two operands and an output word that is not a format: the
//! accumulator, how the sum is scaled, where and how it is rounded and limited. Tools agree on the integers and differ in
//! these. Conventions have names ([`NAMED`]) or are written setting by setting ([`KEYS`]); [`LayerComparison`] runs several on
//! one product and compares each with the first, output by output and setting by setting.
//!
//! Sums are those of [`hwmodel::array::MacArray`]; the steps after it are exact integers and fractions, one sum at a time
//! ([`Steps`]).

mod choice;
mod compare;
mod convention;
mod difference;
mod error;
mod first;
mod fraction;
mod keys;
mod named;
mod operands;
mod requantiser;
mod row;
mod steps;

pub use choice::{Choice, parse};
pub use compare::{ConventionOptions, LayerComparison, PairComparison, SettingEffect, Usage};
pub use convention::{Clip, Convention, ZeroPoint};
pub use difference::{Bucket, Differences};
pub use error::ConventionError;
pub use first::{FirstDifference, Part, SideSteps};
pub use fraction::Fraction;
pub use keys::{KEYS, Key};
pub use named::{NAMED, Named};
pub use operands::OperandSummary;
pub use requantiser::Requantiser;
pub use row::{ConventionRow, Details, SCHEMA, details, rows};
pub use steps::{Output, Steps};
