//! The settings of a convention by name, one entry each.

use super::convention::{Clip, Convention, ZeroPoint};
use super::error::ConventionError;
use super::requantiser::Requantiser;
use hwmodel::number::accumulator::{AccumulatorWidth, InnerAccumulator};
use hwmodel::{Overflow, Rounding};
use std::fmt::Display;
use std::num::NonZeroU32;
use std::str::FromStr;

/// A setting of a convention.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it says, and its values.
    pub help: &'static str,
    read: fn(&Convention) -> String,
    write: fn(&mut Convention, &str) -> Result<(), String>,
}

/// Every setting.
pub const KEYS: &[Key] = &[
    Key {
        name: "accumulator",
        help: "width of the sums: exact, or 1 to 64 bits",
        read: |convention| convention.accumulator.width.to_string(),
        write: |convention, text| set(&mut convention.accumulator.width, text),
    },
    Key {
        name: "accumulator-overflow",
        help: "what an addition outside the accumulator does: saturate, wrap",
        read: |convention| convention.accumulator.overflow.to_string(),
        write: |convention, text| set(&mut convention.accumulator.overflow, text),
    },
    Key {
        name: "accumulator-fl",
        help: "fractional length of the sums: product (FLa + FLb), or -64 to 64",
        read: |convention| {
            convention.accumulator.fl.map_or("product".to_owned(), |fl| fl.to_string())
        },
        write: |convention, text| optional(&mut convention.accumulator.fl, text, "product"),
    },
    Key {
        name: "accumulator-rounding",
        help: "rounding where such sums drop bits",
        read: |convention| convention.accumulator.rounding().to_string(),
        write: |convention, text| {
            let mut mode = Rounding::Floor;
            set(&mut mode, text)?;
            repeats(mode)?;
            convention.accumulator.rounding = Some(mode);
            Ok(())
        },
    },
    Key {
        name: "accumulator-cast",
        help: "what is rounded and limited: each term before it is added, or the sum",
        read: |convention| convention.accumulator.cast().to_string(),
        write: |convention, text| {
            convention.accumulator.cast = Some(text.parse()?);
            Ok(())
        },
    },
    Key {
        name: "accumulator-bias",
        help: "whether the bias is added last, or is what the accumulator begins with: first",
        read: |convention| convention.accumulator.bias.to_string(),
        write: |convention, text| set(&mut convention.accumulator.bias, text),
    },
    Key {
        name: "inner-terms",
        help: "products that an inner accumulator sums before their sum is added; 1 is none",
        read: |convention| inner(convention).terms.to_string(),
        write: |convention, text| set_inner(convention, |inner| set(&mut inner.terms, text)),
    },
    Key {
        name: "inner-width",
        help: "width of the inner accumulator: exact, or 1 to 64 bits",
        read: |convention| inner(convention).width.to_string(),
        write: |convention, text| set_inner(convention, |inner| set(&mut inner.width, text)),
    },
    Key {
        name: "inner-overflow",
        help: "what an addition outside the inner accumulator does",
        read: |convention| inner(convention).overflow.to_string(),
        write: |convention, text| set_inner(convention, |inner| set(&mut inner.overflow, text)),
    },
    Key {
        name: "requantiser",
        help: "how a sum is scaled: shift (exact), float32, float64, double_rounding, single_rounding, twice_up",
        read: |convention| convention.requantiser.name().to_owned(),
        write: |convention, text| set::<Requantiser>(&mut convention.requantiser, text),
    },
    Key {
        name: "rounding",
        help: "rounding to the output's last place, by its name or as ap_fixed, ac_fixed or QONNX call it; the tflite requantisers bring their own",
        read: |convention| convention.rounding.to_string(),
        write: |convention, text| {
            set(&mut convention.rounding, text)?;
            repeats(convention.rounding)
        },
    },
    Key {
        name: "overflow",
        help: "what a value outside the output word does: saturate, wrap, or another overflow mode",
        read: |convention| convention.overflow.to_string(),
        write: |convention, text| set(&mut convention.overflow, text),
    },
    Key {
        name: "clip",
        help: "order of limit and rounding: after, before (at the integers), sum (high bits of the sum saturated, then rounded)",
        read: |convention| match convention.clip {
            Clip::After => "after".to_owned(),
            Clip::Before => "before".to_owned(),
            Clip::Sum => "sum".to_owned(),
        },
        write: |convention, text| {
            convention.clip = match text {
                "after" => Clip::After,
                "before" => Clip::Before,
                "sum" => Clip::Sum,
                _ => return Err("use after, before or sum".to_owned()),
            };
            Ok(())
        },
    },
    Key {
        name: "zero-point",
        help: "where the zero point is added: after rounding, or before",
        read: |convention| match convention.zero_point {
            ZeroPoint::After => "after".to_owned(),
            ZeroPoint::Before => "before".to_owned(),
        },
        write: |convention, text| {
            convention.zero_point = match text {
                "after" => ZeroPoint::After,
                "before" => ZeroPoint::Before,
                _ => return Err("use after or before (rounding)".to_owned()),
            };
            Ok(())
        },
    },
];

fn set<T: FromStr<Err: Display>>(field: &mut T, text: &str) -> Result<(), String> {
    *field = text.parse().map_err(|error: T::Err| error.to_string())?;
    Ok(())
}

/// A setting that may be absent, which `none` says.
fn optional<T: FromStr<Err: Display>>(
    field: &mut Option<T>,
    text: &str,
    none: &str,
) -> Result<(), String> {
    *field = match text {
        text if text == none => None,
        text => Some(text.parse().map_err(|error: T::Err| error.to_string())?),
    };
    Ok(())
}

fn repeats(rounding: Rounding) -> Result<(), String> {
    match rounding {
        Rounding::Stochastic => Err("a comparison needs a rounding that repeats".to_owned()),
        _ => Ok(()),
    }
}

/// The inner accumulator; without one, one that changes nothing.
fn inner(convention: &Convention) -> InnerAccumulator {
    convention.accumulator.inner.unwrap_or(InnerAccumulator {
        terms: NonZeroU32::MIN,
        width: AccumulatorWidth::Exact,
        overflow: Overflow::default(),
    })
}

fn set_inner(
    convention: &mut Convention,
    change: impl FnOnce(&mut InnerAccumulator) -> Result<(), String>,
) -> Result<(), String> {
    let mut changed = inner(convention);
    change(&mut changed)?;
    convention.accumulator.inner = Some(changed);
    Ok(())
}

impl Key {
    /// The key of this name.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn find(name: &str) -> Result<&'static Self, ConventionError> {
        KEYS.iter().find(|key| key.name == name).ok_or_else(|| ConventionError::Key {
            key: name.to_owned(),
            known: KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", "),
        })
    }

    /// The value that `convention` has.
    pub fn get(&self, convention: &Convention) -> String {
        (self.read)(convention)
    }

    /// Changes the value in `convention`.
    ///
    /// # Errors
    /// If the setting does not take the value.
    pub fn put(&self, convention: &mut Convention, value: &str) -> Result<(), ConventionError> {
        (self.write)(convention, value).map_err(|why| ConventionError::Value {
            key: self.name,
            value: value.to_owned(),
            why,
        })
    }
}
