//! `hwsim gemm --format-out`: the words that the sums become.

use crate::cli::arguments::{fixed_type, named, one_of_each};
use crate::cli::errors::Failure;
use hwmodel::array::Product;
use hwmodel::number::quantise::QuantiseCounts;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Format, Overflow, RawData, Rounding, SimdLevel};
use serde::Serialize;
use std::path::PathBuf;
use std::str::FromStr as _;

/// What the sums are requantised to.
#[derive(Debug, clap::Args)]
pub(super) struct RequantiseArguments {
    /// Requantise the sums to this format, as in 8,4, u8,4 or ap_fixed<16,6,AP_RND,AP_SAT>, whose modes then hold.
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, help_heading = "Requantise")]
    format_out: Option<String>,
    /// Rounding mode, where the format states none [default: nearest-even].
    #[arg(long, value_name = "WORD", requires = "format_out", help_heading = "Requantise", value_parser = named(Rounding::NAMES.to_vec(), Rounding::from_str))]
    rounding: Option<Rounding>,
    /// What a value outside the format does, where the format states nothing [default: saturate]. Without --format-out an
    /// older spelling of --accumulator-overflow.
    #[arg(long, value_name = "WORD", help_heading = "Requantise", value_parser = named(Overflow::NAMES.to_vec(), Overflow::from_str))]
    overflow: Option<Overflow>,
    /// Write the output words as text, a line a row, or as a .hex file, a line a word.
    #[arg(long, value_name = "FILE", requires = "format_out", help_heading = "Requantise")]
    output_words: Option<PathBuf>,
}

/// Outputs that are shown one by one.
const SHOWN: usize = 16;

/// The words of C.
#[derive(Debug, Serialize)]
pub(super) struct OutputWords {
    format: Format,
    rounding: Rounding,
    overflow: Overflow,
    /// Rounded sums above the format.
    above: u64,
    /// Rounded sums below the format.
    below: u64,
    flushed_to_zero: u64,
    nonzero: u64,
    /// FNV-1a (64 bits, hexadecimal) of the words, row-major, each as 8 bytes, little-endian.
    checksum: String,
    /// The accumulators, where there are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    sums: Option<Vec<i128>>,
    /// The words, where there are few.
    #[serde(skip_serializing_if = "Option::is_none")]
    words: Option<Vec<i64>>,
}

impl RequantiseArguments {
    /// The file for the words.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.output_words.as_ref()
    }

    /// The overflow mode of an accumulator as older command lines give it.
    pub(super) fn older_accumulator_overflow(&self) -> Option<Overflow> {
        self.overflow.filter(|_| self.format_out.is_none())
    }

    /// How sums become words; `None` if they do not.
    ///
    /// # Errors
    /// If format and flags both state a mode, or the format cannot have the overflow mode.
    pub(super) fn requantiser(
        &self,
        simd: SimdLevel,
        seed: u64,
    ) -> Result<Option<Requantiser>, Failure> {
        let Some(text) = &self.format_out else { return Ok(None) };
        let fixed = fixed_type(text, "--format-out")?;
        let (rounding, overflow) =
            one_of_each(&fixed, "--format-out", self.rounding, self.overflow)?;
        let address = RandomAddress::new(seed, 0, 0, Role::Output);
        Ok(Some(Requantiser { simd, format: fixed.format, rounding, overflow, address }))
    }
}

impl OutputWords {
    pub(super) fn new(
        to: &Requantiser,
        words: &RawData,
        counts: QuantiseCounts,
        product: &Product,
    ) -> Self {
        let few = words.len() <= SHOWN;
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for index in 0..words.len() {
            for byte in words.get(index).to_le_bytes() {
                hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            }
        }
        let sum = |index| product.sums().get(index);
        Self {
            format: to.format,
            rounding: to.rounding,
            overflow: to.overflow,
            above: counts.saturated_high,
            below: counts.saturated_low,
            flushed_to_zero: counts.flushed_to_zero,
            nonzero: counts.nonzero,
            checksum: format!("{hash:016x}"),
            sums: few.then(|| (0..words.len()).map(sum).collect()),
            words: few.then(|| words.to_i64()),
        }
    }

    /// Lines for the table.
    pub(super) fn render(&self, line: &mut impl FnMut(&str, String)) {
        line("output", format!("{}, {}, {}", self.format, self.rounding, self.overflow));
        line("outputs outside", format!("{} above, {} below", self.above, self.below));
        line("outputs flushed to zero", self.flushed_to_zero.to_string());
        line("checksum of outputs", self.checksum.clone());
        let list = |numbers: Vec<String>| numbers.join(" ");
        if let (Some(sums), Some(words)) = (&self.sums, &self.words) {
            line("sums", list(sums.iter().map(ToString::to_string).collect()));
            line("words", list(words.iter().map(ToString::to_string).collect()));
        }
    }
}
