//! How pixels become the numbers that a network takes: --mean and --std.

use super::errors::Failure;
use crate::data::Normalisation;
use anyhow::anyhow;

/// What is done with a pixel once it is scaled to 0 to 1.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct PixelArguments {
    /// ONNX or built-in network: what is subtracted from pixels scaled to 0 to 1, a number for all channels, or one for each [default: 0].
    #[arg(long, value_name = "LIST", value_delimiter = ',', allow_negative_numbers = true)]
    pub(super) mean: Vec<f32>,
    /// ONNX or built-in network: what they are then divided by, a number for all channels, or one for each [default: 1].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub(super) std: Vec<f32>,
}

impl PixelArguments {
    /// The flags that are given, for messages.
    pub(super) fn given(&self) -> impl Iterator<Item = &'static str> + use<> {
        let given = [("mean", !self.mean.is_empty()), ("std", !self.std.is_empty())];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }

    /// Mean and standard deviation of each of `channels` channels.
    ///
    /// # Errors
    /// If there are more or fewer numbers, or a standard deviation is not finite and above 0.
    pub(super) fn normalisation(&self, channels: usize) -> Result<Normalisation, Failure> {
        let each = |flag: &str, given: &[f32], default: f32| match given {
            [] => Ok(vec![default; channels]),
            [one] => Ok(vec![*one; channels]),
            several if several.len() == channels => Ok(several.to_vec()),
            several => Err(Failure::usage(anyhow!(
                "`--{flag}` has {} numbers, but the images have {channels} channels: give one for all, or one for each",
                several.len()
            ))),
        };
        let (mean, std) = (each("mean", &self.mean, 0.0)?, each("std", &self.std, 1.0)?);
        match std.iter().find(|std| !(std.is_finite() && **std > 0.0)) {
            None => Ok(Normalisation { mean, std }),
            Some(wrong) => Err(Failure::usage(anyhow!("`--std` has {wrong}: use numbers above 0"))),
        }
    }

    /// How `scaled`, the text of a scaled pixel, becomes a number.
    pub(super) fn text(&self, scaled: &str) -> String {
        if self.mean.is_empty() && self.std.is_empty() {
            return scaled.to_owned();
        }
        format!("({scaled} - {}) / {}", list(&self.mean, "0"), list(&self.std, "1"))
    }
}

fn list(values: &[f32], default: &str) -> String {
    match values {
        [] => default.to_owned(),
        [one] => one.to_string(),
        several => {
            let texts: Vec<_> = several.iter().map(f32::to_string).collect();
            format!("[{}]", texts.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_is_for_all_channels() {
        let pixels = PixelArguments { mean: vec![0.5], std: vec![0.1, 0.2, 0.3] };
        let normalisation = pixels.normalisation(3).unwrap();
        assert_eq!((normalisation.mean, normalisation.std), (vec![0.5; 3], vec![0.1, 0.2, 0.3]));
        assert_eq!(pixels.text("pixel / 255"), "(pixel / 255 - 0.5) / [0.1, 0.2, 0.3]");
        assert!(pixels.normalisation(1).is_err());
        let none = PixelArguments::default().normalisation(1).unwrap();
        assert_eq!((none.mean, none.std), (vec![0.0], vec![1.0]));
        for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let pixels = PixelArguments { mean: vec![], std: vec![wrong] };
            assert!(pixels.normalisation(1).is_err(), "{wrong}");
        }
    }
}
