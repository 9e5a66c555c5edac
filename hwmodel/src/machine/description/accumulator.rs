//! The table `accumulator` of a description.

use super::source::Source;
use crate::machine::MachineError;
use crate::number::accumulator::{
    Accumulator, AccumulatorError, AccumulatorKeys, AccumulatorKeysError, AccumulatorWidth,
    StoredSums,
};
use crate::number::format::MAX_FRACTIONAL_LENGTH;
use crate::{BitWidth, Overflow, Rounding};
use serde::Deserialize;
use std::num::NonZeroU32;
use std::str::FromStr;
use toml::{Spanned, Value};

/// Its keys.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct AccumulatorTable {
    width: Option<Spanned<Value>>,
    overflow: Option<Spanned<String>>,
    fl: Option<Spanned<i64>>,
    rounding: Option<Spanned<String>>,
    cast: Option<Spanned<String>>,
    bias: Option<Spanned<String>>,
    inner_terms: Option<Spanned<i64>>,
    inner_width: Option<Spanned<Value>>,
    inner_overflow: Option<Spanned<String>>,
    tile_terms: Option<Spanned<i64>>,
    tile_width: Option<Spanned<i64>>,
    tile_shift: Option<Spanned<i64>>,
    tile_rounding: Option<Spanned<String>>,
    tile_group: Option<Spanned<i64>>,
    tile_last_exact: Option<Spanned<bool>>,
}

const MOST: i64 = u32::MAX as i64;

impl Source<'_> {
    pub(super) fn accumulator(&self, keys: &AccumulatorTable) -> Result<Accumulator, MachineError> {
        let longest = i64::from(MAX_FRACTIONAL_LENGTH);
        let whole = |key, found: &Option<Spanned<i64>>, least, most| match found {
            None => Ok(None),
            Some(found) => match u32::try_from(*found.get_ref()) {
                Ok(number) if (least..=most).contains(found.get_ref()) => Ok(Some(number)),
                _ => self.refuse(key, found, found.get_ref(), format!("{least} to {most}")),
            },
        };
        let fl = match &keys.fl {
            None => None,
            Some(found) => match i32::try_from(*found.get_ref()) {
                Ok(fl) if (-longest..=longest).contains(found.get_ref()) => Some(fl),
                _ => self.refuse(
                    "accumulator.fl",
                    found,
                    found.get_ref(),
                    format!("-{longest} to {longest}"),
                )?,
            },
        };
        let roundings = || {
            let names = Rounding::ALL.iter().filter(|&&mode| mode != Rounding::Stochastic);
            names.map(|mode| mode.name()).collect::<Vec<_>>().join(", ")
        };
        let outer = Accumulator::new(
            self.width("accumulator.width", &keys.width)?.unwrap_or_default(),
            self.word("accumulator.overflow", &keys.overflow, || Overflow::NAMES.join(", "))?
                .unwrap_or_default(),
        );
        let terms = |number: Option<u32>| number.and_then(NonZeroU32::new);
        let tile_width = whole("accumulator.tile_width", &keys.tile_width, 1, 64)?;
        let most_shift = i64::from(StoredSums::MOST_SHIFT);
        let given = AccumulatorKeys {
            fl,
            rounding: self.word("accumulator.rounding", &keys.rounding, roundings)?,
            cast: self.word("accumulator.cast", &keys.cast, || "sum or term".to_owned())?,
            bias: self.word("accumulator.bias", &keys.bias, || "last or first".to_owned())?,
            inner_terms: terms(whole("accumulator.inner_terms", &keys.inner_terms, 1, MOST)?),
            inner_width: self.width("accumulator.inner_width", &keys.inner_width)?,
            inner_overflow: self.word::<Overflow>(
                "accumulator.inner_overflow",
                &keys.inner_overflow,
                || Overflow::NAMES.join(", "),
            )?,
            tile_terms: terms(whole("accumulator.tile_terms", &keys.tile_terms, 1, MOST)?),
            tile_width: tile_width.and_then(|bits| BitWidth::new(bits).ok()),
            tile_shift: whole("accumulator.tile_shift", &keys.tile_shift, 0, most_shift)?,
            tile_rounding: self.word(
                "accumulator.tile_rounding",
                &keys.tile_rounding,
                roundings,
            )?,
            tile_group: whole("accumulator.tile_group", &keys.tile_group, 0, MOST)?,
            tile_last_exact: keys.tile_last_exact.as_ref().map(|found| *found.get_ref()),
        };
        given.over(outer).map_err(|error| self.misfit(keys, error))
    }

    /// The error of keys that do not fit each other, at the line of one of them.
    fn misfit(&self, keys: &AccumulatorTable, error: AccumulatorKeysError) -> MachineError {
        let span = |key| match key {
            "rounding" => keys.rounding.as_ref().map(Spanned::span),
            "tile_rounding" => keys.tile_rounding.as_ref().map(Spanned::span),
            "inner_width" => keys.inner_width.as_ref().map(Spanned::span),
            "inner_overflow" => keys.inner_overflow.as_ref().map(Spanned::span),
            "tile_terms" => keys.tile_terms.as_ref().map(Spanned::span),
            "tile_width" => keys.tile_width.as_ref().map(Spanned::span),
            "tile_shift" => keys.tile_shift.as_ref().map(Spanned::span),
            "tile_group" => keys.tile_group.as_ref().map(Spanned::span),
            _ => keys.tile_last_exact.as_ref().map(Spanned::span),
        };
        let message = match error {
            AccumulatorKeysError::Needs { key, needs } => {
                format!("`accumulator.{key}` needs `accumulator.{needs}`")
            }
            AccumulatorKeysError::Impossible { key, reason: AccumulatorError::Rounding(_) } => {
                format!("`accumulator.{key}` needs `accumulator.fl`")
            }
            AccumulatorKeysError::Impossible { key, reason } => {
                format!("`accumulator.{key}`: {reason}")
            }
        };
        let line = span(error.key()).map_or(1, |span| self.line(&span));
        MachineError::Toml { file: self.name.to_owned(), line, message }
    }

    fn width(
        &self,
        key: &'static str,
        found: &Option<Spanned<Value>>,
    ) -> Result<Option<AccumulatorWidth>, MachineError> {
        let Some(found) = found else { return Ok(None) };
        let parsed = match found.get_ref() {
            Value::Integer(bits) => {
                u32::try_from(*bits).ok().and_then(|bits| AccumulatorWidth::bits(bits).ok())
            }
            Value::String(word) if word == "exact" => Some(AccumulatorWidth::Exact),
            _ => None,
        };
        match parsed {
            Some(width) => Ok(Some(width)),
            None => self.refuse(key, found, found.get_ref(), "1 to 64 bits, or \"exact\""),
        }
    }

    fn word<T: FromStr>(
        &self,
        key: &'static str,
        found: &Option<Spanned<String>>,
        allowed: impl FnOnce() -> String,
    ) -> Result<Option<T>, MachineError> {
        let Some(found) = found else { return Ok(None) };
        match found.get_ref().parse() {
            Ok(word) => Ok(Some(word)),
            Err(_) => self.refuse(key, found, format!("`{}`", found.get_ref()), allowed()),
        }
    }
}
