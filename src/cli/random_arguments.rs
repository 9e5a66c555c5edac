//! The flags of the random numbers of stochastic rounding, for commands that run a model.

use super::arguments::word;
use super::errors::Failure;
use super::settings::{RandomSettings, RandomSourceKind};
use anyhow::anyhow;
use hwmodel::Rounding;
use hwmodel::random::RandomSource;

/// What changes of a model's own source of random numbers.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(super) struct RandomArguments {
    /// Generator of the random numbers of stochastic rounding; the model's own if not given.
    #[arg(long, value_name = "WORD", value_parser = word::<RandomSourceKind>())]
    random_source: Option<RandomSourceKind>,
    /// Bits of a random number, 1 to 24.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(1..=24))]
    random_bits: Option<u8>,
    /// lfsr: bits of the register, 8 to 32.
    #[arg(long, value_name = "BITS", value_parser = clap::value_parser!(u8).range(8..=32))]
    lfsr_width: Option<u8>,
    /// lfsr: clocks of the register for each rounding, 1 to 64.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    lfsr_steps: Option<u8>,
}

impl RandomArguments {
    /// Every flag, and whether it is given.
    pub(super) fn given(&self) -> [(&'static str, bool); 4] {
        [
            ("random-source", self.random_source.is_some()),
            ("random-bits", self.random_bits.is_some()),
            ("lfsr-width", self.lfsr_width.is_some()),
            ("lfsr-steps", self.lfsr_steps.is_some()),
        ]
    }

    /// The source that these flags make of the model's own; a flag without effect is an error.
    ///
    /// # Errors
    /// If the rounding is not stochastic, or a number is out of range.
    pub(super) fn source(
        &self,
        rounding: Rounding,
        own: RandomSource,
    ) -> Result<RandomSource, Failure> {
        let given = self.given();
        let Some((first, _)) = given.iter().find(|(_, given)| *given) else { return Ok(own) };
        if rounding != Rounding::Stochastic {
            return Err(Failure::usage(anyhow!(
                "`--{first}` needs rounding `stochastic` and has no meaning with `{rounding}`: add \
                 `--rounding stochastic` or leave it out"
            )));
        }
        let kind = self.random_source.unwrap_or(RandomSourceKind::of(own));
        if let (RandomSourceKind::Pcg, Some((flag, _))) =
            (kind, given[2..].iter().find(|(_, given)| *given))
        {
            return Err(Failure::usage(anyhow!("`--{flag}` needs `--random-source lfsr` as well")));
        }
        let own = if kind == RandomSourceKind::of(own) {
            RandomSettings::of(own)
        } else {
            RandomSettings::default()
        };
        let settings = RandomSettings {
            bits: self.random_bits.or(own.bits),
            width: self.lfsr_width.or(own.width),
            // The model's clocks go with its bits.
            steps: self.lfsr_steps.or(own.steps.filter(|_| self.random_bits.is_none())),
        };
        settings.source(kind).map_err(Failure::usage)
    }
}
