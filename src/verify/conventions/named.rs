//! Conventions by name: what a tool does where its user states nothing else.

use super::convention::Convention;
use super::error::ConventionError;
use super::keys::Key;

/// A convention with a name.
#[derive(Debug)]
pub struct Named {
    /// Its name.
    pub name: &'static str,
    /// Whose it is.
    pub about: &'static str,
    /// Where it differs from hwsim's: settings joined by `+`.
    pub settings: &'static str,
}

/// Every named convention. [`Named::settings`] is all there is to know of one: a new tool is a new entry.
pub const NAMED: &[Named] = &[
    Named {
        name: "hwsim",
        about: "hwsim in evaluation: exact sum, one rounding to nearest even, saturated",
        settings: "",
    },
    Named {
        name: "hls4ml",
        about: "hls4ml with accum_t auto and a result type of default modes: AP_TRN (floor), AP_WRAP",
        settings: "rounding=AP_TRN+overflow=AP_WRAP",
    },
    Named {
        name: "hls4ml-accum",
        about: "hls4ml with accum_t fixed<16,6>, its default: each product and the bias are cast to it (AP_TRN, AP_WRAP), then added",
        settings: "accumulator=16+accumulator-overflow=AP_WRAP+accumulator-fl=10+accumulator-rounding=AP_TRN+accumulator-cast=term+accumulator-bias=first+rounding=AP_TRN+overflow=AP_WRAP",
    },
    Named {
        name: "hls4ml-rnd-sat",
        about: "the same with a result type of AP_RND, AP_SAT: (sum + half) >> shift, saturated, as most RTL has it",
        settings: "rounding=half-up",
    },
    Named {
        name: "saturate-first",
        about: "RTL that saturates the high bits of the sum and then rounds off the low ones, half up",
        settings: "rounding=half-up+clip=sum",
    },
    Named {
        name: "qonnx",
        about: "a QONNX Quant node: float32 factor, zero point, limit, nearest even",
        settings: "requantiser=float32+clip=before+zero-point=before",
    },
    Named {
        name: "onnxruntime",
        about: "ONNX Runtime's QLinearMatMul and QLinearConv, and XNNPACK: float32 factor, limit, nearest even, zero point",
        settings: "requantiser=float32+clip=before",
    },
    Named {
        name: "onnxruntime-avx2",
        about: "ONNX Runtime's u8 x s8 products on x86 with AVX2 and without VNNI: neighbouring products are added in 16 bits, saturating",
        settings: "requantiser=float32+clip=before+accumulator=32+accumulator-overflow=wrap+inner-terms=2+inner-width=16+inner-overflow=saturate",
    },
    Named {
        name: "q8.8-mac",
        about: "a MAC of 16 bits in Q8.8, as tiny-tpu has it: each product is rounded half up and saturated, then added with saturation",
        settings: "accumulator=16+accumulator-overflow=saturate+accumulator-fl=8+accumulator-rounding=half-up+accumulator-cast=term+rounding=half-up",
    },
    Named {
        name: "onnx-reference",
        about: "the reference evaluator of the onnx package: float64 product with a float32 factor, zero point before the rounding",
        settings: "requantiser=float64+clip=before+zero-point=before",
    },
    Named {
        name: "tflite",
        about: "TFLite, TFLite Micro and CMSIS-NN by default, gemmlowp: 31-bit multiplier, rounded twice (half up, then half away)",
        settings: "requantiser=double_rounding",
    },
    Named {
        name: "tflite-single",
        about: "TFLITE_SINGLE_ROUNDING, CMSIS_NN_USE_SINGLE_ROUNDING, ruy without AVX2: rounded once, half up",
        settings: "requantiser=single_rounding",
    },
    Named {
        name: "tflite-twice-up",
        about: "TFLite's ruy with AVX2 or AVX-512: rounded twice, half up both times",
        settings: "requantiser=twice_up",
    },
];

impl Named {
    /// The convention of this name.
    ///
    /// # Errors
    /// If there is none; the message lists those there are.
    pub fn find(name: &str) -> Result<Convention, ConventionError> {
        let named = NAMED.iter().find(|named| named.name == name);
        let named = named.ok_or_else(|| ConventionError::Name {
            name: name.to_owned(),
            known: NAMED.iter().map(|named| named.name).collect::<Vec<_>>().join(", "),
        })?;
        let mut convention = Convention::default();
        for setting in named.settings.split('+').filter(|setting| !setting.is_empty()) {
            apply(&mut convention, setting)?;
        }
        Ok(convention)
    }
}

/// Applies `key=value`.
pub(super) fn apply(convention: &mut Convention, setting: &str) -> Result<(), ConventionError> {
    let (key, value) = setting.split_once('=').unwrap_or((setting, ""));
    Key::find(key.trim())?.put(convention, value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_has_settings_that_exist_and_no_two_are_the_same() {
        let all: Vec<Convention> =
            NAMED.iter().map(|named| Named::find(named.name).unwrap()).collect();
        for (index, convention) in all.iter().enumerate() {
            let known = all[..index].iter().any(|other| other.equals(convention));
            assert!(!known, "{}", NAMED[index].name);
        }
        assert_eq!(all[0], Convention::default());
    }
}
