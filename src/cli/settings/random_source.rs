//! The source of random numbers, as settings name it.

use hwmodel::random::{Lfsr, RandomBits, RandomSource, RandomSourceError};
use serde::{Deserialize, Serialize};

/// Bits of a linear-feedback shift register without `--lfsr-width`.
pub const DEFAULT_LFSR_WIDTH: u8 = 32;
/// Random bits of a register without `--random-bits`, if it has so many.
pub const DEFAULT_LFSR_BITS: u8 = 16;

/// Which kind of generator stochastic rounding has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RandomSourceKind {
    /// A PCG generator.
    Pcg,
    /// A linear-feedback shift register.
    Lfsr,
}

impl RandomSourceKind {
    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcg => "pcg",
            Self::Lfsr => "lfsr",
        }
    }

    /// The kind of a source.
    pub fn of(source: RandomSource) -> Self {
        match source {
            RandomSource::Pcg { .. } => Self::Pcg,
            RandomSource::Lfsr(_) => Self::Lfsr,
        }
    }
}

/// The given parameters of a source; the others have defaults.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RandomSettings {
    /// Bits of a random number.
    pub bits: Option<u8>,
    /// Bits of the register.
    pub width: Option<u8>,
    /// Clocks of the register a rounding.
    pub steps: Option<u8>,
}

impl RandomSettings {
    /// The settings of `source`.
    pub fn of(source: RandomSource) -> Self {
        let bits = source.stated_bits().map(RandomBits::get);
        match source {
            RandomSource::Pcg { .. } => Self { bits, ..Self::default() },
            RandomSource::Lfsr(lfsr) => {
                Self { bits, width: Some(lfsr.width()), steps: Some(lfsr.steps()) }
            }
        }
    }

    /// The source of kind `kind` with these settings. Without stated bits PCG numbers are as fine as the
    /// value and registers give 16 bits, or all they have; without stated clocks a register makes as
    /// many as a number has bits.
    ///
    /// # Errors
    /// If a number is out of range, or a register has fewer bits than a random number.
    pub fn source(self, kind: RandomSourceKind) -> Result<RandomSource, RandomSourceError> {
        match kind {
            RandomSourceKind::Pcg => {
                Ok(RandomSource::Pcg { bits: self.bits.map(RandomBits::new).transpose()? })
            }
            RandomSourceKind::Lfsr => {
                let width = self.width.unwrap_or(DEFAULT_LFSR_WIDTH);
                let bits = self.bits.unwrap_or(DEFAULT_LFSR_BITS.min(width));
                let steps = self.steps.unwrap_or(bits);
                Ok(RandomSource::Lfsr(Lfsr::new(width, RandomBits::new(bits)?, steps)?))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_has_the_settings_that_make_it() {
        let said = |bits, width, steps| RandomSettings { bits, width, steps };
        for (kind, settings) in [
            (RandomSourceKind::Pcg, said(None, None, None)),
            (RandomSourceKind::Pcg, said(Some(8), None, None)),
            (RandomSourceKind::Lfsr, said(Some(8), Some(16), Some(1))),
        ] {
            let source = settings.source(kind).unwrap();
            assert_eq!(
                (RandomSourceKind::of(source), RandomSettings::of(source)),
                (kind, settings)
            );
        }
        let lfsr = |width| said(None, width, None).source(RandomSourceKind::Lfsr).unwrap();
        let all = |bits, width, steps| said(Some(bits), Some(width), Some(steps));
        assert_eq!(RandomSettings::of(lfsr(None)), all(16, 32, 16));
        assert_eq!(RandomSettings::of(lfsr(Some(9))), all(9, 9, 9));
        let narrow = all(12, 8, 1).source(RandomSourceKind::Lfsr);
        assert_eq!(narrow, Err(RandomSourceError::Narrow { width: 8, bits: 12 }));
    }
}
