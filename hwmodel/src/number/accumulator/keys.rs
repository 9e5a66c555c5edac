//! The parts of an accumulator as keys of a machine description, or as flags of the same words.

use super::{
    Accumulator, AccumulatorError, AccumulatorWidth, BiasOrder, Cast, InnerAccumulator, StoredSums,
};
use crate::{BitWidth, Overflow, Rounding};
use std::num::NonZeroU32;

/// What is given of an accumulator beyond its width and overflow mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AccumulatorKeys {
    /// `fl`: its own fractional length.
    pub fl: Option<i32>,
    /// `rounding`: the mode where bits are dropped.
    pub rounding: Option<Rounding>,
    /// `cast`: whether each term or the sum is brought to the accumulator.
    pub cast: Option<Cast>,
    /// `bias`: whether it is added last or first.
    pub bias: Option<BiasOrder>,
    /// `inner_terms`: products of a block of the inner accumulator.
    pub inner_terms: Option<NonZeroU32>,
    /// `inner_width`: its width.
    pub inner_width: Option<AccumulatorWidth>,
    /// `inner_overflow`: its overflow mode.
    pub inner_overflow: Option<Overflow>,
    /// `tile_terms`: products of a K-tile after which the sum is stored.
    pub tile_terms: Option<NonZeroU32>,
    /// `tile_width`: bits of a stored word.
    pub tile_width: Option<BitWidth>,
    /// `tile_shift`: bits that a stored word leaves out.
    pub tile_shift: Option<u32>,
    /// `tile_rounding`: the mode where a stored word drops them.
    pub tile_rounding: Option<Rounding>,
    /// `tile_group`: tiles after which the stored words are taken together again.
    pub tile_group: Option<u32>,
    /// `tile_last_exact`: whether the last tile is not stored.
    pub tile_last_exact: Option<bool>,
}

/// Error of keys that do not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccumulatorKeysError {
    /// A key without one that it depends on.
    #[error("`{key}` needs `{needs}`")]
    Needs {
        /// The key given.
        key: &'static str,
        /// The key missing.
        needs: &'static str,
    },
    /// A value that the accumulator cannot have.
    #[error("`{key}`: {reason}")]
    Impossible {
        /// The key.
        key: &'static str,
        /// Why not.
        reason: AccumulatorError,
    },
}

impl AccumulatorKeysError {
    /// The key at fault.
    pub fn key(&self) -> &'static str {
        match self {
            Self::Needs { key, .. } | Self::Impossible { key, .. } => key,
        }
    }
}

impl AccumulatorKeys {
    /// The keys that are given.
    pub fn given(&self) -> impl Iterator<Item = &'static str> {
        [
            ("fl", self.fl.is_some()),
            ("rounding", self.rounding.is_some()),
            ("cast", self.cast.is_some()),
            ("bias", self.bias.is_some()),
            ("inner_terms", self.inner_terms.is_some()),
            ("inner_width", self.inner_width.is_some()),
            ("inner_overflow", self.inner_overflow.is_some()),
            ("tile_terms", self.tile_terms.is_some()),
            ("tile_width", self.tile_width.is_some()),
            ("tile_shift", self.tile_shift.is_some()),
            ("tile_rounding", self.tile_rounding.is_some()),
            ("tile_group", self.tile_group.is_some()),
            ("tile_last_exact", self.tile_last_exact.is_some()),
        ]
        .into_iter()
        .filter_map(|(key, given)| given.then_some(key))
    }

    /// The accumulator `own` with what is given.
    ///
    /// ```
    /// use hwmodel::number::accumulator::AccumulatorKeys;
    /// use hwmodel::Accumulator;
    /// let keys = AccumulatorKeys { inner_width: Some("16".parse()?), ..AccumulatorKeys::default() };
    /// let error = keys.over(Accumulator::default()).unwrap_err();
    /// assert_eq!(error.to_string(), "`inner_width` needs `inner_terms`");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a key lacks another, or the accumulator cannot have a value.
    pub fn over(&self, own: Accumulator) -> Result<Accumulator, AccumulatorKeysError> {
        let accumulator = Accumulator {
            fl: self.fl.or(own.fl),
            rounding: self.rounding.or(own.rounding),
            cast: self.cast.or(own.cast),
            bias: self.bias.unwrap_or(own.bias),
            inner: self.inner(own.inner)?,
            stored: self.stored(own.stored)?,
            ..own
        };
        let impossible = |reason| {
            let key = match reason {
                AccumulatorError::FractionalLength(_) => "fl",
                AccumulatorError::StoredShift(_) => "tile_shift",
                AccumulatorError::Stochastic
                    if accumulator.rounding != Some(Rounding::Stochastic) =>
                {
                    "tile_rounding"
                }
                AccumulatorError::Rounding(_) | AccumulatorError::Stochastic => "rounding",
            };
            AccumulatorKeysError::Impossible { key, reason }
        };
        accumulator.check().map_err(impossible)?;
        Ok(accumulator)
    }

    /// The first key given that begins with `level`.
    fn first(&self, level: &str) -> Option<&'static str> {
        self.given().find(|key| key.starts_with(level))
    }

    fn inner(
        &self,
        own: Option<InnerAccumulator>,
    ) -> Result<Option<InnerAccumulator>, AccumulatorKeysError> {
        let Some(key) = self.first("inner_") else { return Ok(own) };
        let needs = |needs| AccumulatorKeysError::Needs { key, needs };
        let terms = self.inner_terms.or(own.map(|own| own.terms));
        let width = self.inner_width.or(own.map(|own| own.width)).unwrap_or_default();
        let overflow = self.inner_overflow.or(own.map(|own| own.overflow)).unwrap_or_default();
        if self.inner_overflow.is_some() && width == AccumulatorWidth::Exact {
            return Err(AccumulatorKeysError::Needs {
                key: "inner_overflow",
                needs: "inner_width",
            });
        }
        let terms = terms.ok_or_else(|| needs("inner_terms"))?;
        Ok(Some(InnerAccumulator { terms, width, overflow }))
    }

    fn stored(&self, own: Option<StoredSums>) -> Result<Option<StoredSums>, AccumulatorKeysError> {
        let Some(key) = self.first("tile_") else { return Ok(own) };
        let needs = |needs| AccumulatorKeysError::Needs { key, needs };
        let tile = self.tile_terms.or(own.map(|own| own.tile));
        let width = self.tile_width.or(own.map(|own| own.width));
        let tile = tile.ok_or_else(|| needs("tile_terms"))?;
        let width = width.ok_or_else(|| needs("tile_width"))?;
        let own = own.unwrap_or(StoredSums::new(tile, width));
        Ok(Some(StoredSums {
            tile,
            width,
            shift: self.tile_shift.unwrap_or(own.shift),
            rounding: self.tile_rounding.unwrap_or(own.rounding),
            group: self.tile_group.unwrap_or(own.group),
            last_exact: self.tile_last_exact.unwrap_or(own.last_exact),
        }))
    }
}
