//! The section `[mac]`.

use super::source::Source;
use crate::cast::exact;
use crate::mac_style::{BitSerial, Composable, Dsp, Exact, Fixed, MacStyle, SerialOperand};
use crate::machine::{MacUnit, MachineError};
use serde::Deserialize;
use std::ops::RangeInclusive;
use toml::Spanned;

const WORD: RangeInclusive<i64> = 1..=32;
const BRICK_BITS: RangeInclusive<i64> = 1..=16;
const BRICKS: RangeInclusive<i64> = 1..=1024;
const LANES: RangeInclusive<i64> = 1..=1024;
const SKIP_LIMIT: RangeInclusive<i64> = 1..=1024;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct MacKeys {
    style: Option<Spanned<String>>,
    zero_gating: Option<bool>,
    zero_skip_limit: Option<Spanned<i64>>,
    float32_macs_per_cycle: Option<Spanned<f64>>,
    native_bits: Option<Spanned<i64>>,
    brick_bits: Option<Spanned<i64>>,
    bricks: Option<Spanned<i64>>,
    serial: Option<Spanned<String>>,
    lanes: Option<Spanned<i64>>,
    bits_per_cycle: Option<Spanned<i64>>,
    parallel_bits: Option<Spanned<i64>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Build {
    Exact,
    Fixed,
    Composable,
    BitSerial,
    Dsp,
}

const BUILDS: [(&str, Build); 5] = [
    ("exact", Build::Exact),
    ("fixed", Build::Fixed),
    ("composable", Build::Composable),
    ("bit-serial", Build::BitSerial),
    ("dsp", Build::Dsp),
];

const SERIAL: [(&str, SerialOperand); 3] = [
    ("input", SerialOperand::Input),
    ("weight", SerialOperand::Weight),
    ("both", SerialOperand::Both),
];

impl Source<'_> {
    pub(super) fn mac(&self, keys: &MacKeys) -> Result<MacUnit, MachineError> {
        let build = match &keys.style {
            None => Build::Exact,
            Some(found) => self.choice("mac.style", found, &BUILDS)?,
        };
        self.only_keys_of(build, keys)?;
        let word = |key, found: &Option<_>, range, default| {
            self.integer_or(key, found.as_ref(), range, default).map(|bits| exact::<u32>(bits))
        };
        let style = match build {
            Build::Exact => MacStyle::Exact(Exact),
            Build::Dsp => MacStyle::Dsp(Dsp),
            Build::Fixed => MacStyle::Fixed(Fixed {
                native_bits: word("mac.native_bits", &keys.native_bits, WORD, 8)?,
            }),
            Build::Composable => MacStyle::Composable(Composable {
                brick_bits: word("mac.brick_bits", &keys.brick_bits, BRICK_BITS, 2)?,
                bricks: self.bricks(keys)?,
            }),
            Build::BitSerial => {
                let serial = match &keys.serial {
                    None => SerialOperand::Input,
                    Some(found) => self.choice("mac.serial", found, &SERIAL)?,
                };
                if let (SerialOperand::Both, Some(found)) = (serial, &keys.parallel_bits) {
                    let allowed = "it with serial = \"input\" or \"weight\" only";
                    return self.refuse("mac.parallel_bits", found, found.get_ref(), allowed);
                }
                let parallel = if serial == SerialOperand::Both { 1 } else { 16 };
                MacStyle::BitSerial(BitSerial {
                    serial,
                    lanes: word("mac.lanes", &keys.lanes, LANES, 16)?,
                    bits_per_cycle: word("mac.bits_per_cycle", &keys.bits_per_cycle, WORD, 1)?,
                    parallel_bits: word("mac.parallel_bits", &keys.parallel_bits, WORD, parallel)?,
                })
            }
        };
        let float32_macs_per_cycle = match &keys.float32_macs_per_cycle {
            None => 1.0,
            Some(found) => self.number("mac.float32_macs_per_cycle", found, 1e-6, 1.0, true)?,
        };
        Ok(MacUnit {
            style,
            zero_gating: keys.zero_gating.unwrap_or(true),
            zero_skip_limit: word("mac.zero_skip_limit", &keys.zero_skip_limit, SKIP_LIMIT, 1)?,
            float32_macs_per_cycle,
        })
    }

    fn bricks(&self, keys: &MacKeys) -> Result<u32, MachineError> {
        let Some(found) = &keys.bricks else { return Ok(16) };
        let bricks = self.integer("mac.bricks", found, BRICKS)?;
        if !bricks.is_power_of_two() {
            return self.refuse("mac.bricks", found, bricks, "a power of two, 1 to 1024");
        }
        Ok(exact::<u32>(bricks))
    }

    /// Refuses keys that another style has: they would have no effect.
    fn only_keys_of(&self, build: Build, keys: &MacKeys) -> Result<(), MachineError> {
        let numbers = [
            ("mac.native_bits", &keys.native_bits, Build::Fixed),
            ("mac.brick_bits", &keys.brick_bits, Build::Composable),
            ("mac.bricks", &keys.bricks, Build::Composable),
            ("mac.lanes", &keys.lanes, Build::BitSerial),
            ("mac.bits_per_cycle", &keys.bits_per_cycle, Build::BitSerial),
            ("mac.parallel_bits", &keys.parallel_bits, Build::BitSerial),
        ];
        let only = |owner| {
            let name =
                BUILDS.iter().find(|(_, known)| *known == owner).map_or("", |(name, _)| name);
            format!("it with style = \"{name}\" only")
        };
        for (key, found, owner) in numbers {
            if let (Some(found), true) = (found, owner != build) {
                return self.refuse(key, found, found.get_ref(), only(owner));
            }
        }
        match &keys.serial {
            Some(found) if build != Build::BitSerial => {
                let value = format!("`{}`", found.get_ref());
                self.refuse("mac.serial", found, value, only(Build::BitSerial))
            }
            _ => Ok(()),
        }
    }
}
