//! FloatQuant of QONNX.

use super::parameters::check_scales;
use super::quant::rounding;
use super::spread::Spread;
use crate::graph::{Call, Definition, Operator, Problem, Value};
use hwmodel::affine::qonnx::{FloatQuant as Rule, QonnxRounding};
use hwmodel::cast::{nearest_f32, toward_zero};

/// Small floats: x, scale, exponent bits, mantissa bits, exponent bias, largest magnitude.
struct FloatQuant {
    rounding: QonnxRounding,
    has_inf: bool,
    saturation: bool,
}

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(6, 6)?;
    rounding(definition, "ROUND")?;
    let mode = definition.text("rounding_mode", "ROUND")?.parse();
    Ok(Box::new(FloatQuant {
        rounding: mode.map_err(Problem::Unsupported)?,
        has_inf: definition.integer("has_inf", 0)? != 0,
        saturation: definition.integer("saturation", 1)? != 0,
    }))
}

impl Operator for FloatQuant {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let parameters: Vec<&Value> =
            (1..6).map(|index| call.input(index)).collect::<Result<_, _>>()?;
        let (shape, rank) = (x.shape().to_vec(), x.shape().len());
        let spread = Spread::new(&shape, &parameters)?;
        let of = |index: usize| spread.of(parameters[index], rank);
        let (scales, exponents, mantissas, biases, largest) = (of(0), of(1), of(2), of(3), of(4));
        check_scales(&scales)?;
        let mut values = Vec::with_capacity(x.len());
        for (run, x) in x.wide().chunks(spread.inner.max(1)).enumerate() {
            let rule = Rule {
                exponent_bits: toward_zero(exponents[run]),
                mantissa_bits: toward_zero(mantissas[run]),
                bias: toward_zero(biases[run]),
                max_val: nearest_f32(largest[run]),
                has_inf: self.has_inf,
                saturation: self.saturation,
                rounding: self.rounding,
            };
            let rule = rule.checked()?;
            let scale = nearest_f32(scales[run]);
            values.extend(x.iter().map(|&x| f64::from(rule.value(nearest_f32(x), scale))));
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}
