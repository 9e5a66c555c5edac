//! Word lengths that a model states: by its quantisers, and by the element types of its integers.

use super::node::Node;
use super::rules::QONNX_DOMAINS;
use super::tensor::Value;
use crate::onnx::proto;
use crate::tensor::ElementType;
use hwmodel::Format;
use hwmodel::cast::toward_zero;

/// Words of the elements of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    bits: u32,
    signed: bool,
    /// Of a scale of 2^-fl, or of the nearest power of two; `None` without a scale.
    fl: Option<i32>,
    /// Whether the elements are the integers themselves, not yet times their scale.
    integers: bool,
}

impl Words {
    /// Of integers of the type with this number; `None` for truth values, and for 64 bits, which are sizes.
    pub(super) fn of_type(number: i32) -> Option<Self> {
        let element =
            ElementType::from_number(number).filter(|&element| element != ElementType::Bool)?;
        let (low, _) = element.integer_range()?;
        let bits = element.bits();
        (bits <= 32).then_some(Self { bits, signed: low < 0, fl: None, integers: true })
    }

    fn quantised(bits: u32, signed: bool, fl: Option<i32>) -> Option<Self> {
        (1..=32).contains(&bits).then_some(Self { bits, signed, fl, integers: false })
    }

    /// As a format; a scale that is not a power of two has the nearest one.
    pub(super) fn format(self) -> Option<Format> {
        let fl = self.fl.unwrap_or(0);
        let made =
            if self.signed { Format::new(self.bits, fl) } else { Format::unsigned(self.bits, fl) };
        made.ok()
    }

    /// The fewest bits for integers from `low` to `high`, if these are fewer.
    fn clipped(self, low: i64, high: i64) -> Self {
        let signed = low < 0;
        let magnitude = if signed { high.max(!low) } else { high };
        let bits = (64 - magnitude.max(0).leading_zeros() + u32::from(signed)).max(1);
        if bits < self.bits { Self { bits, signed, ..self } } else { self }
    }
}

/// Words of the first output of `node`, if its operator says them or leaves those of its first input.
pub(super) fn of(node: &Node<'_>) -> Option<Words> {
    let words = |index: usize| node.optional(index)?.words;
    let flag = |name| node.attribute_integer(name).unwrap_or(1) != 0;
    let domain = proto::domain(&node.message.domain);
    if QONNX_DOMAINS.contains(&domain) {
        return match node.operator() {
            "Quant" | "IntQuant" => {
                Words::quantised(bits(node, 3)?, flag("signed"), scale(node, 1))
            }
            "BipolarQuant" => Words::quantised(1, true, scale(node, 1)),
            // Its first version does not state a scale for the output.
            "Trunc" if node.inputs.len() > 5 => {
                Words::quantised(bits(node, 5)?, flag("signed"), scale(node, 4))
            }
            "Trunc" => Words::quantised(bits(node, 4)?, flag("signed"), scale(node, 1)),
            "MultiThreshold" => finn_type(node.attribute_text("out_dtype")),
            _ => None,
        };
    }
    // Where the zero point of an output stands, behind its scale.
    let zero_point = match node.operator() {
        "QLinearConv" | "QLinearMatMul" | "QLinearAdd" | "QLinearMul" => Some(7),
        "QGemm" => Some(8),
        "QLinearAveragePool"
        | "QLinearGlobalAveragePool"
        | "QLinearLeakyRelu"
        | "QLinearSigmoid"
        | "QLinearSoftmax"
        | "QLinearReduceMean" => Some(4),
        "QLinearConcat" => Some(1),
        _ => None,
    };
    if let Some(index) = zero_point {
        return words(index).map(|words| Words { fl: scale(node, index - 1), ..words });
    }
    match node.operator() {
        "Constant" => Words::of_type(node.attribute_tensor("value")?.data_type),
        "QuantizeLinear" => {
            let stated = node
                .attribute_integer("output_dtype")
                .and_then(|number| i32::try_from(number).ok());
            let stated = stated.and_then(Words::of_type);
            let words = words(2).or(stated).or_else(|| Words::of_type(ElementType::UInt8.number()));
            words.map(|words| Words { fl: scale(node, 1), ..words })
        }
        "DynamicQuantizeLinear" => Words::of_type(ElementType::UInt8.number()),
        "DequantizeLinear" => {
            words(0).map(|words| Words { fl: scale(node, 1), integers: false, ..words })
        }
        "Clip" => {
            let bound = |index: usize| match node.optional(index)?.value.as_deref()?.integers()? {
                &[bound] => Some(bound),
                _ => None,
            };
            let words = words(0)?;
            match (bound(1), bound(2)) {
                (Some(low), Some(high)) if words.integers => Some(words.clipped(low, high)),
                _ => Some(words),
            }
        }
        // A scale for all elements.
        "Mul" | "Div" => {
            let factor = |index: usize| {
                node.optional(index).is_some_and(|fact| fact.constant && fact.elements() == 1)
            };
            let scaled = if factor(1) {
                words(0)
            } else if factor(0) {
                words(1)
            } else {
                None
            };
            scaled.map(|words| Words { fl: None, ..words })
        }
        "Concat" => {
            let first = words(0)?;
            (1..node.inputs.len()).all(|index| words(index) == Some(first)).then_some(first)
        }
        "Cast" | "DepthToSpace" | "Dropout" | "Expand" | "Flatten" | "Gather"
        | "GatherElements" | "Identity" | "MaxPool" | "Pad" | "Relu" | "Reshape" | "Slice"
        | "SpaceToDepth" | "Split" | "Squeeze" | "Tile" | "TopK" | "Transpose" | "Unsqueeze" => {
            words(0)
        }
        _ => None,
    }
}

/// Whether `node` quantises what was computed before it.
pub(super) fn quantises(node: &Node<'_>) -> bool {
    let name = node.operator();
    match proto::domain(&node.message.domain) {
        domain if QONNX_DOMAINS.contains(&domain) => name != "FloatQuant",
        _ => {
            name == "QuantizeLinear"
                || name == "DynamicQuantizeLinear"
                || name.starts_with("QLinear")
        }
    }
}

/// The number of bits in input `index`.
fn bits(node: &Node<'_>, index: usize) -> Option<u32> {
    let value = node.optional(index)?.value.as_deref().map(Value::reals)?;
    let &[bits] = value.as_slice() else { return None };
    ((1.0..=32.0).contains(&bits) && bits.fract() == 0.0).then(|| toward_zero(bits))
}

/// The power of two that the largest scale in input `index` is nearest to.
fn scale(node: &Node<'_>, index: usize) -> Option<i32> {
    let scales = node.optional(index)?.value.as_deref().map(Value::reals)?;
    let largest = scales.into_iter().fold(0.0f64, f64::max);
    let exponent = -libm::log2(largest).round();
    (largest > 0.0 && largest.is_finite()).then(|| toward_zero(exponent.clamp(-64.0, 64.0)))
}

/// Words of FINN's names of types: INT4, UINT2, BIPOLAR, BINARY, TERNARY.
fn finn_type(name: &str) -> Option<Words> {
    let number = |prefix: &str| name.strip_prefix(prefix)?.parse().ok();
    match name {
        "BIPOLAR" => Words::quantised(1, true, None),
        "BINARY" => Words::quantised(1, false, None),
        "TERNARY" => Words::quantised(2, true, None),
        _ => match number("UINT") {
            Some(bits) => Words::quantised(bits, false, None),
            None => Words::quantised(number("INT")?, true, None),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_within_bounds_need_the_fewest_bits() {
        let byte = Words::of_type(ElementType::Int8.number()).unwrap();
        let bits = |low, high| {
            let words = byte.clipped(low, high);
            (words.bits, words.signed)
        };
        assert_eq!(
            [bits(-7, 7), bits(-8, 7), bits(0, 15), bits(0, 7), bits(-128, 127)],
            [(4, true), (4, true), (4, false), (3, false), (8, true)]
        );
        assert_eq!(
            [bits(0, 0), bits(-1, 0), bits(i64::MIN, i64::MAX)],
            [(1, false), (1, true), (8, true)]
        );
        assert_eq!(Words::of_type(ElementType::Int64.number()), None);
        assert_eq!(Words::of_type(ElementType::Float32.number()), None);
        assert_eq!(finn_type("UINT3").and_then(Words::format), Format::unsigned(3, 0).ok());
        assert_eq!(finn_type("FLOAT32"), None);
    }
}
