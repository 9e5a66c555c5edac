//! Low-precision configurations: a format for weights and activations, and one for gradients.

use hwmodel::number::minifloat::Minifloat;
use hwmodel::{Format, FormatError};
use std::fmt;
use std::str::FromStr;

/// A pair of number formats to train with, PEPPP's (Format A, Format B).
///
/// Written `wl8-fl4/wl16-fl12` or `1-4-1/1-6-7`: operands, then gradients or optimiser. One fixed-point format alone
/// names both, `wl8-fl4`.
///
/// ```
/// use hwsim::design::peppp::Configuration;
/// let configuration: Configuration = "wl8-fl4/wl16-fl12".parse()?;
/// assert_eq!((configuration.operand_bits(), configuration.gradient_bits()), (8, 16));
/// assert_eq!(configuration.to_string(), "wl8-fl4/wl16-fl12");
/// assert_eq!("wl8-fl-1".parse::<Configuration>()?.to_string(), "wl8-fl-1");
/// # Ok::<(), hwsim::design::peppp::ConfigurationError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Configuration {
    /// Exact integers, as the simulated hardware trains: the master copy and momentum stay float32.
    Fixed {
        /// ⟨WL, FL⟩ of weights and activations.
        operands: Format,
        /// ⟨WL, FL⟩ of gradients.
        gradients: Format,
    },
    /// Small floats around float32 products, as PEPPP emulates them.
    Minifloat {
        /// Format A: weights, activations and the errors that flow back.
        operands: Minifloat,
        /// Format B: gradients, momentum and the accumulators, which are the copy of the weights that is updated.
        optimiser: Minifloat,
    },
}

/// A text that is not a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigurationError {
    /// Neither a fixed-point nor a small float configuration.
    #[error(
        "`{0}` is no configuration: write wl8-fl4, wl8-fl4/wl16-fl12 (weights and activations, then gradients), or 1-4-1/1-6-7"
    )]
    Text(String),
    /// An impossible ⟨WL, FL⟩.
    #[error("configuration `{text}`: {source}")]
    Format {
        /// The text.
        text: String,
        /// The problem.
        source: FormatError,
    },
}

/// Exponent and mantissa bits of PEPPP's formats A (papers/peppp.md section 4).
const OPERAND_FORMATS: [(u32, u32); 11] =
    [(3, 1), (3, 2), (3, 3), (3, 4), (4, 1), (4, 2), (4, 3), (4, 4), (5, 1), (5, 2), (5, 3)];
/// Exponent and mantissa bits of PEPPP's formats B.
const OPTIMISER_FORMATS: [(u32, u32); 9] =
    [(6, 7), (6, 9), (6, 11), (7, 7), (7, 9), (7, 11), (8, 7), (8, 9), (8, 11)];

impl Configuration {
    /// PEPPP's 99 configurations, 11 formats A × 9 formats B: index (A - 1)·9 + (B - 1) of the paper's numbers.
    pub fn minifloats() -> Vec<Self> {
        let format = |(exponent, mantissa)| {
            Minifloat::new(exponent, mantissa).expect("the table has possible formats only")
        };
        let with = |operands: Minifloat| {
            OPTIMISER_FORMATS.map(|bits| Self::Minifloat { operands, optimiser: format(bits) })
        };
        OPERAND_FORMATS.into_iter().map(format).flat_map(with).collect()
    }

    /// Bits of a weight or activation.
    pub const fn operand_bits(self) -> u32 {
        match self {
            Self::Fixed { operands, .. } => operands.wl(),
            Self::Minifloat { operands, .. } => operands.bits(),
        }
    }

    /// Bits of a gradient.
    pub const fn gradient_bits(self) -> u32 {
        match self {
            Self::Fixed { gradients, .. } => gradients.wl(),
            Self::Minifloat { optimiser, .. } => optimiser.bits(),
        }
    }

    /// Bits of momentum and of the copy of the weights that is updated.
    pub const fn state_bits(self) -> u32 {
        match self {
            Self::Fixed { .. } => 32,
            Self::Minifloat { optimiser, .. } => optimiser.bits(),
        }
    }
}

fn fixed(part: &str, text: &str) -> Result<Format, ConfigurationError> {
    let wrong = || ConfigurationError::Text(text.to_owned());
    let (wl, fl) =
        part.strip_prefix("wl").and_then(|rest| rest.split_once("-fl")).ok_or_else(wrong)?;
    let (wl, fl) = (wl.parse().map_err(|_| wrong())?, fl.parse().map_err(|_| wrong())?);
    Format::new(wl, fl)
        .map_err(|source| ConfigurationError::Format { text: text.to_owned(), source })
}

impl FromStr for Configuration {
    type Err = ConfigurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ConfigurationError::Text(text.to_owned());
        let (operands, second) = match text.split_once('/') {
            Some((operands, second)) => (operands, Some(second)),
            None => (text, None),
        };
        if operands.starts_with("wl") {
            let operands = fixed(operands, text)?;
            let gradients = second.map_or(Ok(operands), |part| fixed(part, text))?;
            return Ok(Self::Fixed { operands, gradients });
        }
        let minifloat = |part: &str| part.parse::<Minifloat>().map_err(|_| wrong());
        let optimiser = minifloat(second.ok_or_else(wrong)?)?;
        Ok(Self::Minifloat { operands: minifloat(operands)?, optimiser })
    }
}

impl fmt::Display for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Fixed { operands, gradients } => {
                let of = |format: &Format| format!("wl{}-fl{}", format.wl(), format.fl());
                if operands == gradients {
                    of(operands)
                } else {
                    format!("{}/{}", of(operands), of(gradients))
                }
            }
            Self::Minifloat { operands, optimiser } => format!("{operands}/{optimiser}"),
        };
        f.pad(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_paper_has_ninety_nine_configurations() {
        let all = Configuration::minifloats();
        assert_eq!(all.len(), 99);
        let names: std::collections::HashSet<String> =
            all.iter().map(ToString::to_string).collect();
        assert_eq!(names.len(), 99);
        // Formats A 5 and B 4 of the paper's tables.
        assert_eq!(all[(5 - 1) * 9 + (4 - 1)].to_string(), "1-4-1/1-7-7");
        let bits = |c: Configuration| (c.operand_bits(), c.gradient_bits(), c.state_bits());
        assert_eq!((bits(all[0]), bits(all[98])), ((5, 14, 14), (9, 20, 20)));
    }

    #[test]
    fn texts_are_read_back() {
        for text in ["wl2-fl0", "wl8-fl-3/wl16-fl12", "1-3-4/1-8-11"] {
            assert_eq!(text.parse::<Configuration>().unwrap().to_string(), text);
        }
        assert_eq!("wl8-fl4/wl8-fl4".parse::<Configuration>().unwrap().to_string(), "wl8-fl4");
    }

    #[test]
    fn wrong_texts_say_what_to_write() {
        for text in
            ["", "8", "wl8", "wl8-flx", "1-4-1", "1-4-1/wl8-fl4", "wl8-fl4/1-4-1", "1-9-1/1-6-7"]
        {
            let error = text.parse::<Configuration>().unwrap_err().to_string();
            assert!(error.contains("wl8-fl4/wl16-fl12"), "{text}: {error}");
        }
        let error = "wl40-fl4".parse::<Configuration>().unwrap_err().to_string();
        assert!(error.contains("`wl40-fl4`") && error.contains("40"), "{error}");
    }
}
