//! Quant (IntQuant) and BipolarQuant of QONNX, and the rounding of its operators.

use super::linear::own_range;
use super::parameters::{check_scales, each_run};
use super::spread::Spread;
use crate::graph::{Call, Definition, Form, Operator, Place, Problem, Scale, Scaled, Value};
use hwmodel::Rounding;
use hwmodel::affine::qonnx::QonnxRounding;
use hwmodel::cast::toward_zero;
use std::sync::Arc;

/// The most bits of an integer: float64 holds them.
const MOST_BITS: f64 = 52.0;

/// q = round(clip(x / scale + zero point, lowest, highest)), (q - zero point) · scale.
struct Quant {
    signed: bool,
    narrow: bool,
    rounding: Rounding,
    is_constant: bool,
}

/// ±scale; 0 counts as +.
struct BipolarQuant;

pub(in crate::graph::operators) fn make(
    definition: &Definition<'_>,
) -> Result<Box<dyn Operator>, Problem> {
    if let Some(scale) = definition.constant(1) {
        check_scales(&scale.wide())?;
    }
    if definition.node.operator == "BipolarQuant" {
        definition.expect_inputs(2, 2)?;
        return Ok(Box::new(BipolarQuant));
    }
    definition.expect_inputs(4, 4)?;
    if let Some(bits) = definition.constant(3) {
        bits.wide().iter().try_for_each(|&bits| check_bits(bits))?;
    }
    Ok(Box::new(Quant {
        signed: definition.integer("signed", 1)? != 0,
        narrow: definition.integer("narrow", 0)? != 0,
        rounding: rounding(definition, "ROUND")?,
        is_constant: definition.constant(0).is_some(),
    }))
}

/// The attribute `rounding_mode`.
///
/// # Errors
/// If it is not a mode.
pub(super) fn rounding(
    definition: &Definition<'_>,
    default: &'static str,
) -> Result<Rounding, Problem> {
    let text = definition.text("rounding_mode", default)?;
    let mode: Result<QonnxRounding, _> = text.parse();
    mode.map(QonnxRounding::exact).map_err(|_| Problem::Attribute {
        name: "rounding_mode",
        value: text.to_owned(),
        allowed: "ROUND, HALF_EVEN, CEIL, FLOOR, UP, DOWN, HALF_UP or HALF_DOWN, upper or lower case",
    })
}

/// `y` rounded to an integer by one of QONNX's modes.
#[inline(always)]
pub(super) fn rounded(mode: Rounding, y: f64) -> f64 {
    match mode {
        Rounding::Ceiling => y.ceil(),
        Rounding::Floor => y.floor(),
        Rounding::TowardZero => y.trunc(),
        Rounding::AwayFromZero => y.abs().ceil().copysign(y),
        Rounding::NearestAway => (y.abs() + 0.5).floor().copysign(y),
        Rounding::NearestZero => (y.abs() - 0.5).ceil().copysign(y),
        _ => y.round_ties_even(),
    }
}

/// The lowest and the highest integer of `bits` bits.
pub(super) fn limits(signed: bool, narrow: bool, bits: f64) -> (f64, f64) {
    let less = f64::from(u8::from(narrow));
    let half = 2f64.powi(toward_zero::<i32>(bits) - 1);
    if signed { (less - half, half - 1.0) } else { (0.0, 2.0 * half - 1.0 - less) }
}

/// Refuses a number of bits that is not a whole one from 1 to 52.
///
/// # Errors
/// If so.
pub(super) fn check_bits(bits: f64) -> Result<(), Problem> {
    if (1.0..=MOST_BITS).contains(&bits) && (bits - bits.trunc()) == 0.0 {
        return Ok(());
    }
    Err(Problem::Unsupported(format!(
        "its words have {bits} bits: a whole number from 1 to {MOST_BITS} is needed"
    )))
}

impl Operator for Quant {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let parameters = [call.input(1)?, call.input(2)?, call.input(3)?];
        let (shape, rank) = (x.shape().to_vec(), x.shape().len());
        let spread = Spread::new(&shape, &parameters)?;
        let [scales, zeros, bits] = parameters.map(|parameter| spread.of(parameter, rank));
        check_scales(&scales)?;
        bits.iter().try_for_each(|&bits| check_bits(bits))?;
        let mut range = (i64::MAX, i64::MIN);
        let is_sign = |bits: f64| self.signed && bits < 1.5;
        let ends = |bits: f64| match is_sign(bits) {
            true => (-1.0, 1.0),
            false => limits(self.signed, self.narrow, bits),
        };
        for &bits in &bits {
            let (low, high) = ends(bits);
            range = (range.0.min(toward_zero(low)), range.1.max(toward_zero(high)));
        }
        let x = x.wide();
        let mut integers = vec![0i64; x.len()];
        let (mode, simd) = (self.rounding, call.arithmetic.simd());
        let inner = spread.inner.max(1);
        each_run(&mut integers, inner, |start, integers| {
            let run = start / inner;
            let (scale, zero, (low, high)) = (scales[run], zeros[run], ends(bits[run]));
            let elements = integers.iter_mut().zip(&x[start..]);
            if is_sign(bits[run]) {
                elements.for_each(|(q, x)| *q = if x / scale + zero >= 0.0 { 1 } else { -1 });
                return;
            }
            simd.run(
                #[inline(always)]
                || {
                    // NaN becomes the lowest integer.
                    elements.for_each(|(q, x)| {
                        let y = (x / scale + zero).max(low).min(high);
                        *q = toward_zero(rounded(mode, y));
                    });
                },
            );
        });
        if self.is_constant || integers.is_empty() {
            range = own_range(&integers);
        }
        quantised(call, shape, integers, range, &spread, (&scales, &zeros))
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}

impl Operator for BipolarQuant {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let (x, scale) = (call.input(0)?, call.input(1)?);
        let shape = x.shape().to_vec();
        let spread = Spread::new(&shape, &[scale])?;
        let scales = spread.of(scale, shape.len());
        check_scales(&scales)?;
        let integers = x.wide().iter().map(|&x| if x >= 0.0 { 1 } else { -1 }).collect();
        let zeros = vec![0.0; scales.len()];
        quantised(call, shape, integers, (-1, 1), &spread, (&scales, &zeros))
    }

    fn form(&self, _: &[Option<&Value>]) -> Form<'_> {
        Form::Rising
    }
}

/// (q - zero point) · scale: real numbers if scales differ along several axes or a zero point has a fraction.
///
/// # Errors
/// If the input is missing.
pub(super) fn quantised(
    call: &mut Call<'_>,
    shape: Vec<usize>,
    integers: Vec<i64>,
    range: (i64, i64),
    spread: &Spread,
    (scales, zeros): (&[f64], &[f64]),
) -> Result<Vec<Value>, Problem> {
    let scale: Option<Scale> = spread.scale(scales, zeros);
    let Some(scale) = scale else {
        let runs = integers.chunks(spread.inner.max(1)).enumerate();
        let values = runs.flat_map(|(run, integers)| {
            integers.iter().map(move |&q| (q as f64 - zeros[run]) * scales[run])
        });
        let values = values.collect();
        return Ok(vec![call.reals(0, shape, values)?]);
    };
    call.place = Place::Integers;
    if !integers.is_empty() {
        scale.check(&shape)?;
    }
    Ok(vec![Value::Scaled(Scaled { shape, integers: Arc::new(integers), range, scale })])
}
