//! The accumulator of a MAC, as circuits have it: one register or two, its fractional length, where values are rounded and
//! limited, and partial sums stored in few bits.
//!
//! [`Accumulator`] is the setting, [`Summation`] the scalar definition of what it computes.

mod bits;
mod definition;
mod events;
mod keys;
mod levels;
mod stored;
mod width;

pub use bits::{AccumulatorBits, InnerBits};
pub use definition::Summation;
pub use events::AccumulatorEvents;
pub use keys::{AccumulatorKeys, AccumulatorKeysError};
pub use levels::{BiasOrder, Cast, InnerAccumulator};
pub use stored::{StoredRun, StoredSums};
pub use width::{AccumulatorWidth, AccumulatorWidthError};

use crate::number::format::MAX_FRACTIONAL_LENGTH;
use crate::{Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a MAC array adds up products.
///
/// Products are added in ascending k. With the defaults there is one register with the fractional length of the product,
/// wide enough that nothing can overflow. [`Summation`] says exactly what every field does.
///
/// ```
/// use hwmodel::{Accumulator, AccumulatorWidth, Overflow, Rounding};
/// let accumulator = Accumulator::new("24".parse()?, Overflow::Wrap);
/// assert_eq!(accumulator.width.to_string(), "24");
/// // By default nothing can overflow.
/// assert_eq!(Accumulator::default().width, AccumulatorWidth::Exact);
/// assert!(AccumulatorWidth::bits(65).is_err());
/// // A Q8.8 unit whose products are rounded and saturated before they are added.
/// let unit = Accumulator {
///     fl: Some(8),
///     rounding: Some(Rounding::HalfUp),
///     ..Accumulator::new(AccumulatorWidth::bits(16)?, Overflow::Saturate)
/// };
/// assert_eq!(unit.check(), Ok(()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Accumulator {
    /// Width in bits, or `exact`.
    pub width: AccumulatorWidth,
    /// Overflow mode of an addition whose result is outside the range.
    pub overflow: Overflow,
    /// Fractional length in bits; `None` for that of the product, FLa + FLb.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fl: Option<i32>,
    /// Rounding mode where bits are dropped, for an accumulator with its own fractional length; `None` is
    /// floor, as in ap_fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rounding: Option<Rounding>,
    /// Where an addend is brought to the accumulator's fractional length and range; `None` is
    /// [`Cast::Term`] with its own fractional length, else [`Cast::Sum`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cast: Option<Cast>,
    /// A first level that sums a few products, whose sum is then the addend.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inner: Option<InnerAccumulator>,
    /// Partial sums that are stored in few bits between K-tiles.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<StoredSums>,
    /// Whether the bias is added last or is the initial value.
    #[serde(skip_serializing_if = "BiasOrder::is_last")]
    pub bias: BiasOrder,
}

/// Error of settings that no accumulator can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccumulatorError {
    /// A fractional length outside -64 to 64 bits.
    #[error(
        "accumulator fractional length {0} is impossible: use -{MAX_FRACTIONAL_LENGTH} to {MAX_FRACTIONAL_LENGTH}"
    )]
    FractionalLength(i32),
    /// A rounding mode where no bits are dropped.
    #[error(
        "accumulator rounding {0} rounds nothing: the accumulator has the fractional length of the product, so give its own `fl`"
    )]
    Rounding(Rounding),
    /// Stochastic rounding.
    #[error(
        "stochastic rounding in an accumulator is not supported: use nearest-even or another deterministic mode"
    )]
    Stochastic,
    /// A step of stored sums that is too long.
    #[error("a shift of {0} bits of stored partial sums is impossible: use 0 to {most}", most = StoredSums::MOST_SHIFT)]
    StoredShift(u32),
}

impl Accumulator {
    /// One register with the fractional length of the product.
    pub const fn new(width: AccumulatorWidth, overflow: Overflow) -> Self {
        Self {
            width,
            overflow,
            fl: None,
            rounding: None,
            cast: None,
            inner: None,
            stored: None,
            bias: BiasOrder::Last,
        }
    }

    /// Checks that the fields fit each other.
    ///
    /// # Errors
    /// If the fractional length or a shift is out of range, or a rounding mode has nothing to round or is stochastic.
    pub fn check(&self) -> Result<(), AccumulatorError> {
        let longest = MAX_FRACTIONAL_LENGTH;
        match (self.fl, self.rounding) {
            (Some(fl), _) if !(-longest..=longest).contains(&fl) => {
                return Err(AccumulatorError::FractionalLength(fl));
            }
            (_, Some(Rounding::Stochastic)) => return Err(AccumulatorError::Stochastic),
            (None, Some(rounding)) => return Err(AccumulatorError::Rounding(rounding)),
            _ => {}
        }
        match self.stored {
            Some(stored) if stored.rounding == Rounding::Stochastic => {
                Err(AccumulatorError::Stochastic)
            }
            Some(stored) if stored.shift > StoredSums::MOST_SHIFT => {
                Err(AccumulatorError::StoredShift(stored.shift))
            }
            _ => Ok(()),
        }
    }

    /// Whether there is nothing but one register with the fractional length of the product.
    pub fn is_one_level(&self) -> bool {
        let Self { width, overflow, bias, .. } = *self;
        *self == Self { bias, ..Self::new(width, overflow) }
    }

    /// The fractional length of sums of products with `product_fl` fractional bits.
    pub fn sum_fl(&self, product_fl: i32) -> i32 {
        self.fl.unwrap_or(product_fl)
    }

    /// Bits by which a product with `product_fl` fractional bits is shifted to the right; negative to the left.
    pub fn shift(&self, product_fl: i32) -> i32 {
        product_fl.saturating_sub(self.sum_fl(product_fl))
    }

    /// The rounding mode where bits are dropped.
    pub fn rounding(&self) -> Rounding {
        self.rounding.unwrap_or(Rounding::Floor)
    }

    /// Where an addend is brought to the accumulator's fractional length and range.
    pub fn cast(&self) -> Cast {
        let own = if self.fl.is_some() { Cast::Term } else { Cast::Sum };
        self.cast.unwrap_or(own)
    }
}

impl fmt::Display for Accumulator {
    /// Its parts in words: `32 wrap, inner 16 saturate of 2 terms`; `exact` for the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.width)?;
        if self.width != AccumulatorWidth::Exact {
            write!(f, " {}", self.overflow)?;
        }
        if let Some(fl) = self.fl {
            write!(f, ", FL {fl} {}", self.rounding())?;
        }
        if let Some(cast) = self.cast {
            write!(f, ", cast {cast}")?;
        }
        if let Some(InnerAccumulator { terms, width, overflow }) = self.inner {
            write!(f, ", inner {width}")?;
            if width != AccumulatorWidth::Exact {
                write!(f, " {overflow}")?;
            }
            write!(f, " of {terms} terms")?;
        }
        if let Some(StoredSums { tile, width, shift, rounding, group, last_exact }) = self.stored {
            write!(
                f,
                ", stored in {width} bits after {tile} terms (shift {shift} {rounding}, group {group}"
            )?;
            f.write_str(if last_exact { ", last exact)" } else { ")" })?;
        }
        match self.bias {
            BiasOrder::Last => Ok(()),
            BiasOrder::First => f.write_str(", bias first"),
        }
    }
}

#[cfg(test)]
mod tests;
