//! The choice of a controller as data.

use super::{
    Adapt, AdaptOptions, Constant, Muppet, PrecisionController, PrecisionError, ShenOptions,
    StaticOptions, TensorInfo, muppet_policy::MuppetPolicyOptions,
};
use serde::{Deserialize, Serialize};

/// Which controller a run uses, with its options; `controller = "adapt"` and so on in a
/// configuration file.
///
/// ```
/// use hwsim::precision::ControllerOptions;
/// let text = "controller = 'adapt'\nvariant = 'released'\nbuffer_bits = 8";
/// let options: ControllerOptions = toml::from_str(text)?;
/// let ControllerOptions::Adapt(adapt) = options else { unreachable!() };
/// assert_eq!(adapt.buffer_bits, 8);
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "controller", rename_all = "kebab-case")]
pub enum ControllerOptions {
    /// AdaPT.
    Adapt(AdaptOptions),
    /// ADEPT: AdaPT whose granularity is `batch` whatever the options say.
    Adept(AdaptOptions),
    /// MuPPET.
    Muppet(MuppetPolicyOptions),
    /// Shen et al. 2024.
    Shen(ShenOptions),
    /// Formats chosen before training.
    Static(StaticOptions),
    /// No quantisation.
    Float32,
}

impl ControllerOptions {
    /// Makes the controller for `tensors`.
    ///
    /// # Errors
    /// If an option is out of range or does not fit the tensors.
    pub fn build(
        &self,
        tensors: &[TensorInfo],
    ) -> Result<Box<dyn PrecisionController>, PrecisionError> {
        Ok(match self {
            Self::Adapt(options) => Box::new(Adapt::new(options.clone(), tensors)?),
            Self::Adept(options) => Box::new(Adapt::adept(options.clone(), tensors)?),
            Self::Muppet(options) => Box::new(Muppet::new(options.clone(), tensors)?),
            Self::Shen(options) => Box::new(options.controller(tensors)?),
            Self::Static(options) => options.controller(tensors)?,
            Self::Float32 => Box::new(Constant::float32(tensors)?),
        })
    }

    /// The name of the controller, which is that of its folder and files where several run.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Adapt(_) => "adapt",
            Self::Adept(_) => "adept",
            Self::Muppet(_) => "muppet",
            Self::Shen(_) => "shen",
            Self::Static(_) => "static",
            Self::Float32 => "float32",
        }
    }

    /// The options of AdaPT or ADEPT.
    pub fn adapt(&self) -> Option<&AdaptOptions> {
        match self {
            Self::Adapt(options) | Self::Adept(options) => Some(options),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_controller_is_built_under_its_name() {
        let tensors = [TensorInfo::from_shape("w", &[2, 3])];
        let texts = [
            ("adapt", "controller = 'adapt'"),
            (
                "static",
                "controller = 'static'\n[[formats]]\nweight = { fixed = { wl = 8, fl = 4 } }\nactivation = 'float32'\ngradient = { dynamic-fixed = { wl = 12 } }",
            ),
            ("adept", "controller = 'adept'\ngranularity = 'epoch'"),
            ("muppet", "controller = 'muppet'\nreading = 'paper'"),
            ("shen", "controller = 'shen'\nfactor = 'F'\nstrategy = 'C+'\nlowest = 6"),
            ("float32", "controller = 'float32'"),
        ];
        for (name, text) in texts {
            let options: ControllerOptions = toml::from_str(text).unwrap();
            assert_eq!(options.build(&tensors).unwrap().name(), name);
        }
    }

    #[test]
    fn unknown_controllers_and_keys_are_errors() {
        for text in ["controller = 'adopt'", "controller = 'adapt'\nresolutions = 3"] {
            assert!(toml::from_str::<ControllerOptions>(text).is_err(), "{text}");
        }
    }
}
