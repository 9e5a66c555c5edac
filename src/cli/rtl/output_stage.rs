//! What becomes of the sums of `hwsim rtl`: format, modes, random numbers, scales of the columns.

use crate::cli::arguments::{fixed_type, named, one_of_each};
use crate::cli::errors::Failure;
use crate::cli::settings::{RandomSettings, RandomSourceKind};
use crate::rtl::OutputStage;
use anyhow::{Context as _, anyhow};
use hwmodel::elementwise::ChannelScale;
use hwmodel::random::{RandomAddress, RandomSource, Role};
use hwmodel::{Format, Overflow, Rounding};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

/// The requantiser.
#[derive(Debug, clap::Args)]
pub(super) struct OutputStageArguments {
    /// Format of the words, as in 8,4, u8,4 or ap_fixed<16,6,AP_RND,AP_SAT>, whose modes then hold [default: that of the layer;
    /// 8,0 without one].
    #[arg(long, value_name = "FORMAT", allow_hyphen_values = true, help_heading = "Requantise")]
    format_out: Option<String>,
    /// Rounding mode [default: that of the layer; nearest-even without one].
    #[arg(long, value_name = "WORD", help_heading = "Requantise", value_parser = named(Rounding::NAMES.to_vec(), Rounding::from_str))]
    pub(super) rounding: Option<Rounding>,
    /// What a value outside the format does [default: that of the layer; saturate without one].
    #[arg(long, value_name = "WORD", help_heading = "Requantise", value_parser = named(Overflow::NAMES.to_vec(), Overflow::from_str))]
    pub(super) overflow: Option<Overflow>,
    /// Bits of the shift register of stochastic rounding, 8 to 32 [default: the model's; 32].
    #[arg(long, value_name = "BITS", help_heading = "Requantise")]
    lfsr_width: Option<u8>,
    /// Bits of a random number, 1 to 24 [default: the model's; 16, or those of the register if it has fewer].
    #[arg(long, value_name = "BITS", help_heading = "Requantise")]
    random_bits: Option<u8>,
    /// Clocks of the register for each random number, 1 to 64 [default: the model's; the random bits].
    #[arg(long, value_name = "N", help_heading = "Requantise")]
    lfsr_steps: Option<u8>,
    /// Multiplier, shift and offset of each column from a text file, a line `M,shift[,offset]` each: the word is
    /// (sum * M + offset) / 2^shift rounded, as in a folded batch norm.
    #[arg(long, value_name = "FILE", help_heading = "Requantise")]
    scales: Option<PathBuf>,
}

impl OutputStageArguments {
    /// The file of the scales.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.scales.as_ref()
    }

    /// The stage that these flags state over `own` of a layer; `random` is the model's source.
    ///
    /// # Errors
    /// If a flag is impossible, or a file cannot be read.
    pub(super) fn over(
        &self,
        own: Option<(Format, Rounding, Overflow)>,
        (mut address, random): (RandomAddress, Option<RandomSource>),
        columns: usize,
    ) -> Result<OutputStage, Failure> {
        let (format, rounding, overflow) = match (&self.format_out, own) {
            (Some(text), own) => {
                let fixed = fixed_type(text, "--format-out")?;
                let rounding =
                    self.rounding.or(own.map(|own| own.1).filter(|_| fixed.rounding.is_none()));
                let overflow =
                    self.overflow.or(own.map(|own| own.2).filter(|_| fixed.overflow.is_none()));
                let (rounding, overflow) = one_of_each(&fixed, "--format-out", rounding, overflow)?;
                (fixed.format, rounding, overflow)
            }
            (None, Some((format, rounding, overflow))) => {
                let overflow = self.overflow.unwrap_or(overflow);
                overflow.check(format.word()).map_err(Failure::usage)?;
                (format, self.rounding.unwrap_or(rounding), overflow)
            }
            (None, None) => (
                Format::new(8, 0).map_err(Failure::usage)?,
                self.rounding.unwrap_or(Rounding::NearestEven),
                self.overflow.unwrap_or(Overflow::Saturate),
            ),
        };
        let given = RandomSettings {
            bits: self.random_bits,
            width: self.lfsr_width,
            steps: self.lfsr_steps,
        };
        let any = given != RandomSettings::default();
        if any && rounding != Rounding::Stochastic {
            return Err(Failure::usage(anyhow!(
                "`--lfsr-width`, `--random-bits` and `--lfsr-steps` need stochastic rounding: add `--rounding stochastic` or leave them out"
            )));
        }
        address.role = Role::Output;
        address.source = match random.filter(|_| !any) {
            Some(source) => source,
            None => given.source(RandomSourceKind::Lfsr).map_err(Failure::usage)?,
        };
        let scales = self.scales.as_ref().map(|path| scales(path, columns)).transpose()?;
        Ok(OutputStage { format, rounding, overflow, scales, address })
    }
}

/// The scales of `columns` columns in file `path`.
fn scales(path: &Path, columns: usize) -> Result<Vec<ChannelScale>, Failure> {
    let what = || format!("`{}`", path.display());
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", what()))?;
    let mut all = Vec::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let wrong = || {
            anyhow!("{}, line {}: `{line}` is not `M,shift[,offset]` in integers", what(), at + 1)
        };
        let mut parts = line.split(',').map(str::trim);
        let mut next = || parts.next().and_then(|part| part.parse::<i128>().ok());
        let (multiplier, shift) = (next().ok_or_else(wrong)?, next().ok_or_else(wrong)?);
        let offset = if line.split(',').count() > 2 { next().ok_or_else(wrong)? } else { 0 };
        let (multiplier, shift) =
            i32::try_from(multiplier).ok().zip(u32::try_from(shift).ok()).ok_or_else(wrong)?;
        let scale = ChannelScale::new(multiplier, shift, offset)
            .with_context(|| format!("{}, line {}", what(), at + 1))?;
        all.push(scale);
    }
    if all.len() != columns {
        return Err(Failure::usage(anyhow!(
            "{} has {} lines for {columns} columns: give a line `M,shift[,offset]` a column",
            what(),
            all.len()
        )));
    }
    Ok(all)
}
