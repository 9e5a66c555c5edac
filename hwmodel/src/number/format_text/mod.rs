//! Formats as text, in the notations of hwsim, ap_fixed, ac_fixed, hls4ml and QONNX.
//!
//! One file a notation: what it reads and how it writes. A text may carry rounding and overflow modes; the types of
//! ap_fixed, ac_fixed and hls4ml always do, since an assignment to them rounds and overflows by them.

mod ac_fixed;
mod ap_fixed;
mod error;
mod hls4ml;
mod qonnx;
mod template;
mod wl_fl;

pub use error::FormatTextError;

use crate::{Format, Overflow, Rounding};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A way to write a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notation {
    /// `8,4`; `u8,4` is unsigned, `8,4,narrow` has a narrow range.
    #[default]
    WlFl,
    /// `ap_fixed<16,6,AP_RND,AP_SAT>` of Vitis HLS.
    ApFixed,
    /// `ac_fixed<16,6,true,AC_RND,AC_SAT>` of Catapult.
    AcFixed,
    /// `fixed<16,6,RND,SAT>` of hls4ml's configurations.
    Hls4ml,
    /// `FIXED<16,6>`, `INT8`, `UINT4` of QONNX.
    Qonnx,
}

/// A fixed-point type: a format, and the modes of an assignment to it where they are stated.
///
/// ```
/// use hwmodel::number::format_text::{FixedType, Notation};
/// use hwmodel::{Format, Overflow, Rounding};
/// let plain: FixedType = "8,4".parse()?;
/// assert_eq!((plain.format, plain.rounding), (Format::new(8, 4)?, None));
/// // 6 integer bits, so 10 fractional ones; the modes of ap_fixed are AP_TRN and AP_WRAP if none are given.
/// let hls: FixedType = "ap_fixed<16,6>".parse()?;
/// assert_eq!(hls.format, Format::new(16, 10)?);
/// assert_eq!((hls.rounding, hls.overflow), (Some(Rounding::Floor), Some(Overflow::Wrap)));
/// assert_eq!(hls.text(Notation::WlFl)?, "16,10,floor,wrap");
/// assert_eq!(hls.text(Notation::AcFixed)?, "ac_fixed<16,6,true,AC_TRN,AC_WRAP>");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixedType {
    /// The words.
    pub format: Format,
    /// Rounding mode; `None`: that of the run.
    pub rounding: Option<Rounding>,
    /// Overflow mode; `None`: that of the run.
    pub overflow: Option<Overflow>,
}

/// What a text says before it is checked: any width, for accumulators too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormatText {
    /// Word length in bits.
    pub wl: i64,
    /// Fractional length in bits.
    pub fl: i64,
    /// Whether there is a sign bit.
    pub signed: bool,
    /// Whether the range is narrow.
    pub narrow: bool,
    /// Rounding mode, where stated.
    pub rounding: Option<Rounding>,
    /// Overflow mode, where stated.
    pub overflow: Option<Overflow>,
}

impl FormatText {
    /// Reads a text in any notation.
    ///
    /// # Errors
    /// If it has none of their forms, or a part that a notation does not have.
    pub fn read(text: &str) -> Result<Self, FormatTextError> {
        let trimmed = text.trim();
        let readers = [ap_fixed::read, ac_fixed::read, hls4ml::read, qonnx::read, wl_fl::read];
        let unknown = || FormatTextError::Unknown(trimmed.to_owned());
        readers.iter().find_map(|read| read(trimmed)).ok_or_else(unknown)?
    }
}

impl Notation {
    /// Every notation.
    pub const ALL: [Self; 5] =
        [Self::WlFl, Self::ApFixed, Self::AcFixed, Self::Hls4ml, Self::Qonnx];

    /// The name used in flags.
    pub const fn name(self) -> &'static str {
        match self {
            Self::WlFl => "wl-fl",
            Self::ApFixed => "ap_fixed",
            Self::AcFixed => "ac_fixed",
            Self::Hls4ml => "hls4ml",
            Self::Qonnx => "qonnx",
        }
    }
}

impl FixedType {
    /// A type that leaves the modes to the run.
    pub const fn plain(format: Format) -> Self {
        Self { format, rounding: None, overflow: None }
    }

    /// The type with these modes where it states none.
    pub fn or_modes(self, rounding: Rounding, overflow: Overflow) -> Self {
        Self {
            format: self.format,
            rounding: self.rounding.or(Some(rounding)),
            overflow: self.overflow.or(Some(overflow)),
        }
    }

    /// The type in a notation. QONNX's has no modes, so they are left out there; the others name those that are stated.
    ///
    /// # Errors
    /// If the notation cannot say it.
    pub fn text(&self, notation: Notation) -> Result<String, FormatTextError> {
        match notation {
            Notation::WlFl => Ok(wl_fl::write(self)),
            Notation::ApFixed => ap_fixed::write(self),
            Notation::AcFixed => ac_fixed::write(self),
            Notation::Hls4ml => hls4ml::write(self),
            Notation::Qonnx => qonnx::write(self),
        }
    }

    /// Integer bits, the sign among them: I = WL - FL.
    fn integer_bits(&self) -> i64 {
        i64::from(self.format.wl()) - i64::from(self.format.fl())
    }
}

impl FromStr for FixedType {
    type Err = FormatTextError;
    fn from_str(text: &str) -> Result<Self, FormatTextError> {
        let read = FormatText::read(text)?;
        let FormatText { rounding, overflow, .. } = read;
        Ok(Self { format: error::checked(text.trim(), read)?, rounding, overflow })
    }
}

impl FromStr for Notation {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|notation| notation.name() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("unknown notation `{text}`: use one of {names}")
        })
    }
}

impl TryFrom<String> for FixedType {
    type Error = FormatTextError;
    fn try_from(text: String) -> Result<Self, FormatTextError> {
        text.parse()
    }
}

impl From<FixedType> for String {
    fn from(fixed: FixedType) -> Self {
        fixed.to_string()
    }
}

impl From<Format> for FixedType {
    fn from(format: Format) -> Self {
        Self::plain(format)
    }
}

impl fmt::Display for FixedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&wl_fl::write(self))
    }
}

#[cfg(test)]
mod tests;
