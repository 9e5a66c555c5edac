//! The list of controllers, and the choice of one as data.
//!
//! A controller is one file and one line of the list below: the file has its options, the [`ControllerDescription`] of its settings and
//! their way to options, and how the controller is built.

use super::{
    AdaptOptions, PrecisionController, PrecisionError, ShenOptions, StaticOptions, TensorInfo,
    adapt, adept, float32, muppet, muppet_policy::MuppetPolicyOptions, shen, static_formats,
};
use crate::setting::{Described, Given, Refusal};
use serde::{Deserialize, Serialize};

/// Static description of a controller: name, settings, constructor.
#[derive(Clone, Copy)]
pub struct ControllerDescription {
    /// Its name in settings, files and traces.
    pub name: &'static str,
    /// The heading of its settings in help.
    pub heading: &'static str,
    /// Every setting that it has and not all others have.
    pub settings: &'static [&'static dyn Described],
    /// This controller's defaults of settings that all controllers have, as a user would write them.
    pub defaults: &'static [(&'static str, &'static str)],
    /// Builds its options.
    pub options: fn(&dyn Given) -> Result<ControllerOptions, Refusal>,
}

macro_rules! controllers {
    ($($(#[$doc:meta])* $name:ident $(($options:ident: $type:ty))? in $module:ident;)*) => {
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
            $($(#[$doc])* $name $(($type))?,)*
        }

        /// Which controller decides on formats.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ControllerKind {
            $($(#[$doc])* $name,)*
        }

        impl ControllerKind {
            /// Every controller, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// Name, settings and options.
            pub const fn description(self) -> &'static ControllerDescription {
                match self {
                    $(Self::$name => &$module::DESCRIPTION,)*
                }
            }
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
                match self {
                    $(Self::$name $(($options))? => $module::build($($options,)? tensors),)*
                }
            }

            /// Which controller it is.
            pub const fn kind(&self) -> ControllerKind {
                match self {
                    $(Self::$name { .. } => ControllerKind::$name,)*
                }
            }
        }
    };
}

controllers! {
    /// AdaPT.
    Adapt(options: AdaptOptions) in adapt;
    /// ADEPT: AdaPT whose granularity is `batch`, overriding the options.
    Adept(options: AdaptOptions) in adept;
    /// MuPPET.
    Muppet(options: MuppetPolicyOptions) in muppet;
    /// Shen et al. 2024.
    Shen(options: ShenOptions) in shen;
    /// Formats chosen before training.
    Static(options: StaticOptions) in static_formats;
    /// No quantisation: the float32 twin.
    Float32 in float32;
}

impl ControllerKind {
    /// The name used in flags and files.
    pub const fn name(self) -> &'static str {
        self.description().name
    }

    /// Whether it has the setting `name`, if `name` is one that not all controllers have.
    pub fn has(self, name: &str) -> bool {
        self.description().settings.iter().any(|setting| setting.about().name == name)
    }
}

impl ControllerOptions {
    /// The name of the controller, which is that of its folder and files where several run.
    pub const fn name(&self) -> &'static str {
        self.kind().name()
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
    use super::super::{Step, TensorView};
    use super::*;
    use crate::setting::Values;

    fn defaults(kind: ControllerKind) -> Values {
        use crate::setting::common::{LEARNING_RATE, SEED};
        let common: [&dyn Described; 2] = [&LEARNING_RATE, &SEED];
        Values::defaults(kind.description().settings.iter().copied().chain(common))
    }

    #[test]
    fn every_controller_takes_a_step_with_its_defaults() {
        let tensors = [TensorInfo::from_shape("w", &[2, 3]), TensorInfo::from_shape("v", &[2])];
        for &kind in ControllerKind::ALL {
            let name = kind.name();
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
            let options = (kind.description().options)(&defaults(kind)).unwrap();
            assert_eq!((options.kind(), options.name()), (kind, name));
            let text = toml::to_string(&options).unwrap();
            assert_eq!(toml::from_str::<ControllerOptions>(&text).unwrap(), options, "{name}");
            let mut controller = options.build(&tensors).unwrap();
            assert_eq!(controller.name(), name);
            let values = [0.5, -0.25, 0.125, 1.0, 0.75, -0.5];
            let views = [&values[..], &values[..2]]
                .map(|values| TensorView { master: values, gradient: values });
            controller.update(&Step { loss: 1.0, tensors: &views }).unwrap();
            assert_eq!(controller.formats().len(), 2, "{name}");
            let state = controller.state();
            options.build(&tensors).unwrap().restore(&state).unwrap();
        }
    }

    #[test]
    fn every_setting_of_a_controller_has_help_and_a_possible_default() {
        for kind in ControllerKind::ALL {
            for setting in kind.description().settings {
                let about = setting.about();
                assert!(!about.help.is_empty() && !about.help.ends_with('.'), "{}", about.name);
                if let Some(value) = setting.default_value() {
                    assert_eq!(about.kind.check(&value), Ok(()), "{}", about.name);
                }
            }
        }
    }

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
