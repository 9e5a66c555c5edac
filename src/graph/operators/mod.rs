//! Operators, one file an operator or a family of the same arithmetic.
//!
//! A new operator is one file, or a line in the file of its family, and the line of its names in `FAMILIES`.

mod activation;
mod arithmetic;
mod attention;
mod cast;
mod classic;
mod clip;
mod concat;
mod constant;
mod einsum;
mod element_wise;
mod fill;
mod gather;
mod grid;
mod identity;
mod logic;
mod normalise;
mod normalise_channels;
mod order;
mod pool;
mod products;
mod quantised;
mod recurrent;
mod reduce;
mod relu;
mod reshape;
mod resize;
mod scatter;
mod slice;
mod softmax;
mod transpose;

use super::error::Problem;
use super::operator::{Definition, Operator};

/// Makes the operator of a node.
///
/// # Errors
/// If an attribute, a type or a constant does not fit.
pub type Make = fn(&Definition<'_>) -> Result<Box<dyn Operator>, Problem>;

/// ONNX's own operators.
const ONNX: &str = "";

/// Operators of ONNX Runtime.
const MICROSOFT: &str = "com.microsoft";

/// QONNX's names of its domain: today's, that of Brevitas, and FINN's.
const QONNX: &[&str] = &["qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general"];

/// Operators of ONNX with the channels last.
const CHANNELS_LAST: &str = "qonnx.custom_op.channels_last";

/// Operators with the domains that have them.
struct Family {
    domains: &'static [&'static str],
    names: &'static [&'static str],
    make: Make,
}

impl Family {
    const fn new(
        domains: &'static [&'static str],
        names: &'static [&'static str],
        make: Make,
    ) -> Self {
        Self { domains, names, make }
    }
}

/// Every operator.
const FAMILIES: &[Family] = &[
    Family::new(&[ONNX], arithmetic::NAMES, arithmetic::make),
    Family::new(&[ONNX], &["Clip"], clip::make),
    Family::new(&[ONNX], element_wise::NAMES, element_wise::make),
    Family::new(&[ONNX], &["Identity", "Dropout"], identity::make),
    Family::new(&[ONNX], logic::NAMES, logic::make),
    Family::new(&[ONNX], cast::NAMES, cast::make),
    Family::new(&[ONNX], concat::NAMES, concat::make),
    Family::new(&[ONNX], constant::NAMES, constant::make),
    Family::new(&[ONNX], gather::NAMES, gather::make),
    Family::new(&[ONNX], order::NAMES, order::make),
    Family::new(&[ONNX], reshape::NAMES, reshape::make),
    Family::new(&[ONNX], scatter::NAMES, scatter::make),
    Family::new(&[ONNX], slice::NAMES, slice::make),
    Family::new(&[ONNX], transpose::NAMES, transpose::make),
    Family::new(&["ai.onnx.ml"], &["ArrayFeatureExtractor"], gather::make),
    Family::new(&[ONNX], &["Pad"], fill::make),
    Family::new(&[ONNX], &["Resize", "Upsample"], resize::make),
    Family::new(&[ONNX], activation::NAMES, activation::make),
    Family::new(&[ONNX], softmax::NAMES, softmax::make),
    Family::new(&[ONNX], reduce::NAMES, reduce::make),
    Family::new(&[ONNX], normalise::NAMES, normalise::make),
    Family::new(&[ONNX], normalise_channels::NAMES, normalise_channels::make),
    Family::new(&[ONNX], attention::NAMES, attention::make),
    Family::new(&[ONNX], &["Einsum"], einsum::make),
    Family::new(&["ai.onnx.ml"], classic::NAMES, classic::make),
    Family::new(&[ONNX], recurrent::NAMES, recurrent::make),
    Family::new(&[MICROSOFT], &["DynamicQuantizeLSTM"], recurrent::make),
    Family::new(&[MICROSOFT], activation::MICROSOFT, activation::make),
    Family::new(&[MICROSOFT], normalise::MICROSOFT, normalise::make),
    Family::new(&[ONNX], &["Relu"], relu::make),
    Family::new(&[ONNX], &["Conv", "ConvInteger"], products::conv::make),
    Family::new(&[ONNX], &["ConvTranspose"], products::conv_transpose::make),
    Family::new(&[ONNX], &["Gemm"], products::gemm::make),
    Family::new(&[ONNX], &["MatMul", "MatMulInteger"], products::matmul::make),
    Family::new(&[MICROSOFT], products::matmul::MICROSOFT, products::matmul::make),
    Family::new(&[MICROSOFT], products::fused::NAMES, products::fused::make),
    Family::new(&[ONNX], pool::NAMES, pool::make),
    Family::new(QONNX, &["Quant", "IntQuant", "BipolarQuant"], quantised::quant::make),
    Family::new(QONNX, &["Trunc"], quantised::trunc::make),
    Family::new(QONNX, &["FloatQuant"], quantised::float_quant::make),
    Family::new(QONNX, &["MultiThreshold"], quantised::multi_threshold::make),
    Family::new(&[ONNX, MICROSOFT], quantised::linear::NAMES, quantised::linear::make),
    Family::new(&[ONNX], &["DynamicQuantizeLinear"], quantised::dynamic::make),
    Family::new(&[ONNX], quantised::qlinear::ONNX, quantised::qlinear::make),
    Family::new(&[MICROSOFT], quantised::qlinear::MICROSOFT, quantised::qlinear::make),
    Family::new(&[CHANNELS_LAST], quantised::channels_last::NAMES, quantised::channels_last::make),
    Family::new(&[MICROSOFT], &["NhwcConv", "NhwcMaxPool"], quantised::channels_last::make),
];

/// Domain and name of every operator that is supported.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = |family: &'static Family| {
        let each = |domain: &&'static str| {
            family.names.iter().map({
                let domain = *domain;
                move |&name| (domain, name)
            })
        };
        family.domains.iter().flat_map(each)
    };
    FAMILIES.iter().flat_map(names)
}

/// The operator of a node.
///
/// # Errors
/// If it is not supported, or an attribute, a type or a constant does not fit.
pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let (domain, name) = (definition.node.domain.as_str(), definition.node.operator.as_str());
    let family = FAMILIES
        .iter()
        .find(|family| family.domains.contains(&domain) && family.names.contains(&name))
        .ok_or(Problem::NoOperator)?;
    (family.make)(definition)
}
