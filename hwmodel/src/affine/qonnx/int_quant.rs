//! IntQuant (Quant): floats to integers of a given width, and back.

use super::super::quantisation::stored;
use super::super::rational::Rational;
use super::super::{AffineError, AffineTensor};
use super::rounding::with_qonnx_rounding;
use super::{QonnxRounding, QonnxScales};
use crate::cast::{exact, nearest_f32, toward_zero};
use crate::number::format::exp2;
use crate::{FixedTensor, Format, RawData, SimdLevel, with_raw};

/// qonnx 1.0.0, `custom_op/general/quant.py`: IntQuant, which is also called Quant.
///
/// ```text
/// y     = f32(f32(x / scale) + zero point)
/// q     = round(clamp(y, lowest, highest))          [`IntQuant::integer`]
/// value = f32(f32(q - zero point) · scale)          [`IntQuant::value`]
/// ```
///
/// brevitas 0.13.4 rounds first and limits after; both limits are integers, so no result differs. Signed words of 1 bit are +1
/// if y ≥ 0 and -1 otherwise, whatever the mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntQuant {
    bits: u32,
    signed: bool,
    narrow: bool,
    rounding: QonnxRounding,
}

/// The limits of `bits` bits: signed -2^(b-1) (+1 if narrow) to 2^(b-1) - 1, unsigned 0 to 2^b - 1 (-1 more if narrow), each
/// rounded to float32, which moves them above 24 bits.
pub(super) fn limits(bits: u32, signed: bool, narrow: bool) -> (f32, f32) {
    let less = f64::from(u8::from(narrow));
    let (low, high) = match signed {
        true => (less - exp2(bits.cast_signed() - 1), exp2(bits.cast_signed() - 1) - 1.0),
        false => (0.0, exp2(bits.cast_signed()) - 1.0 - less),
    };
    (nearest_f32(low), nearest_f32(high))
}

/// y, or the nearer limit if it is outside; NaN stays.
#[inline(always)]
pub(super) fn clipped(y: f32, (low, high): (f32, f32)) -> f32 {
    let y = if y > high { high } else { y };
    if y < low { low } else { y }
}

impl IntQuant {
    /// Words of 1 to 32 bits.
    ///
    /// # Errors
    /// If the width is not 1 to 32 bits.
    pub fn new(
        bits: u32,
        signed: bool,
        narrow: bool,
        rounding: QonnxRounding,
    ) -> Result<Self, AffineError> {
        check_bits(bits)?;
        Ok(Self { bits, signed, narrow, rounding })
    }

    /// The integer of `x`, zero point included, as a float32.
    #[inline(always)]
    pub fn integer(&self, x: f32, scale: f32, zero_point: f32) -> f32 {
        let y = x / scale + zero_point;
        if self.is_bipolar() {
            return if y >= 0.0 { 1.0 } else { -1.0 };
        }
        self.rounding.float32(clipped(y, limits(self.bits, self.signed, self.narrow)))
    }

    /// The result of the operator.
    ///
    /// ```
    /// use hwmodel::affine::qonnx::IntQuant;
    /// let quant = IntQuant::new(4, true, false, "ROUND".parse()?)?;
    /// assert_eq!([0.25, 0.75, 100.0, -100.0].map(|x| quant.value(x, 0.5, 0.0)), [0.0, 1.0, 3.5, -4.0]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[inline(always)]
    pub fn value(&self, x: f32, scale: f32, zero_point: f32) -> f32 {
        (self.integer(x, scale, zero_point) - zero_point) * scale
    }

    /// The integer of `x` with real numbers: clamp(round(x / scale + zero point)), nothing rounded on the way and limits that are
    /// integers at every width. A NaN becomes the lowest integer, and ±∞ saturates.
    pub fn exact_integer(&self, x: f32, scale: f32, zero_point: f32) -> i64 {
        let (low, high) = match (self.signed, self.bits) {
            (true, bits) => (-(1 << (bits - 1)) + i64::from(self.narrow), (1i64 << (bits - 1)) - 1),
            (false, bits) => (0, (1i64 << bits) - 1 - i64::from(self.narrow)),
        };
        let (low, high) = if self.is_bipolar() { (-1, 1) } else { (low, high) };
        if !x.is_finite() {
            return if x > 0.0 { high } else { low };
        }
        let y = Rational::affine(x, scale, zero_point.into());
        if self.is_bipolar() {
            return if y.is_nonnegative() { high } else { low };
        }
        exact(y.round(self.rounding.exact()).clamp(low.into(), high.into()))
    }

    /// The values of a tensor.
    ///
    /// # Errors
    /// If the scales or the number of floats do not fit the shape.
    pub fn values(
        &self,
        simd: SimdLevel,
        x: &[f32],
        shape: &[usize],
        scales: &QonnxScales,
    ) -> Result<Vec<f32>, AffineError> {
        let parameters = scales.on(shape)?;
        parameters.check_elements(x.len())?;
        let mut out = vec![0.0; x.len()];
        let quant = *self;
        with_qonnx_rounding!(self.rounding, MODE => parameters.each(
            simd,
            x,
            &mut out,
            #[inline(always)]
            |x, scale, zero_point| {
                IntQuant { rounding: MODE, ..quant }.value(x, scale, zero_point)
            },
        ));
        Ok(out)
    }

    /// The words of a tensor, of which [`AffineTensor::dequantise`] makes the values: what an integer executor keeps of the
    /// operator. Words of 1 bit are held in 2 (signed ones are ±1).
    ///
    /// # Errors
    /// If the scales or the number of floats do not fit the shape, a zero point has a fraction or is not a word, x is NaN, or
    /// float32 moves the limit out of the word (24 bits or more).
    pub fn words(
        &self,
        simd: SimdLevel,
        x: &[f32],
        shape: &[usize],
        scales: &QonnxScales,
    ) -> Result<AffineTensor, AffineError> {
        let quantisation = scales.integer()?;
        let parameters = scales.on(shape)?;
        parameters.check_elements(x.len())?;
        if let Some(index) = x.iter().position(|x| x.is_nan()) {
            return Err(AffineError::NotANumber { index });
        }
        let format = self.format()?;
        let mut out = vec![0i32; x.len()];
        let quant = *self;
        with_qonnx_rounding!(self.rounding, MODE => parameters.each(
            simd,
            x,
            &mut out,
            #[inline(always)]
            |x, scale, zero_point| {
                let quant = IntQuant { rounding: MODE, ..quant };
                toward_zero::<i32>(quant.integer(x, scale, zero_point).into())
            },
        ));
        let mut data = RawData::zeros(format, x.len());
        // The limits of more than 24 bits are checked with the tensor.
        if self.bits > 24 {
            let words = FixedTensor::from_raw(shape, format, &out)?;
            return AffineTensor::new(words, quantisation);
        }
        with_raw!(&mut data, words => {
            words.iter_mut().zip(&out).for_each(|(word, &q)| *word = stored(q));
        });
        AffineTensor::new(FixedTensor::new(shape, format, data)?, quantisation)
    }

    /// The format of the words.
    ///
    /// # Errors
    /// If they are unsigned words of 32 bits.
    pub fn format(&self) -> Result<Format, AffineError> {
        let bits = self.bits.max(2);
        let format = match self.signed {
            true => Format::new(bits, 0),
            false => Format::unsigned(bits, 0),
        };
        let format = format.map_err(|_| AffineError::Bits(self.bits))?;
        let format = if self.narrow && self.bits > 1 { format.narrow() } else { format };
        super::super::quantisation::word_range(format, 0)?;
        Ok(format)
    }

    fn is_bipolar(&self) -> bool {
        self.bits == 1 && self.signed
    }
}

/// Checks a width of 1 to 32 bits.
pub(super) fn check_bits(bits: u32) -> Result<(), AffineError> {
    (1..=32).contains(&bits).then_some(()).ok_or(AffineError::Bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quant(bits: u32, signed: bool, narrow: bool, mode: &str) -> IntQuant {
        IntQuant::new(bits, signed, narrow, mode.parse().unwrap()).unwrap()
    }

    #[test]
    fn limits_of_both_signs() {
        assert_eq!(limits(8, true, false), (-128.0, 127.0));
        assert_eq!(limits(8, true, true), (-127.0, 127.0));
        assert_eq!(limits(8, false, false), (0.0, 255.0));
        assert_eq!(limits(8, false, true), (0.0, 254.0));
        assert_eq!(limits(1, false, true), (0.0, 0.0));
        // Beyond 24 bits float32 rounds the upper limit up.
        assert_eq!(limits(24, true, false).1, 8_388_607.0);
        assert_eq!(limits(25, true, false).1, 16_777_215.0);
        assert_eq!(limits(26, true, false).1, 33_554_432.0);
        assert_eq!(limits(32, false, false).1, 4_294_967_296.0);
    }

    #[test]
    fn one_bit() {
        let signed = quant(1, true, true, "CEIL");
        let found = [0.0, -0.0, 0.1, -0.1, f32::INFINITY].map(|x| signed.integer(x, 1.0, 0.0));
        assert_eq!(found, [1.0, 1.0, 1.0, -1.0, 1.0]);
        assert_eq!([-0.0, -0.1].map(|x| signed.exact_integer(x, 1.0, 0.0)), [1, -1]);
        let unsigned =
            |narrow| [-3.0, 0.6, 9.0].map(|x| quant(1, false, narrow, "ROUND").value(x, 2.0, 0.0));
        assert_eq!(unsigned(false), [0.0, 0.0, 2.0]);
        assert_eq!(unsigned(true), [0.0; 3]);
    }

    #[test]
    fn zero_points_may_have_fractions() {
        let q = quant(4, true, false, "ROUND");
        assert_eq!([0.0, 1.0, 2.0].map(|x| q.integer(x, 1.0, 0.5)), [0.0, 2.0, 2.0]);
        assert_eq!([0.0, 1.0, 2.0].map(|x| q.value(x, 1.0, 0.5)), [-0.5, 1.5, 1.5]);
        assert_eq!([0.0, 1.0, 2.0].map(|x| q.exact_integer(x, 1.0, 0.5)), [0, 2, 2]);
    }

    #[test]
    fn real_numbers_and_float32_differ() {
        let half_up = quant(8, true, false, "HALF_UP");
        assert_eq!(half_up.integer(0.49999997, 1.0, 0.0), 1.0);
        assert_eq!(half_up.exact_integer(0.49999997, 1.0, 0.0), 0);
        assert_eq!(
            [f32::INFINITY, f32::NEG_INFINITY, f32::NAN]
                .map(|x| half_up.exact_integer(x, 1.0, 0.0)),
            [127, -128, -128]
        );
        let wide = quant(32, true, false, "ROUND");
        assert_eq!(wide.integer(f32::INFINITY, 1.0, 0.0), 2_147_483_648.0);
        assert_eq!(wide.exact_integer(f32::MAX, 1.0, 0.0), i64::from(i32::MAX));
    }

    #[test]
    fn arrays_and_words_are_the_scalar_rule() {
        let x: Vec<f32> = (0..5000).map(|i| (i as f32 - 2500.0) * 0.013).collect();
        let scales = QonnxScales::new(
            crate::affine::Granularity::Axis { axis: 0 },
            vec![0.25, 0.7, 1.9, 0.013, 3.0],
            vec![0.0, 3.0, -2.0, 0.0, 1.0],
        )
        .unwrap();
        for mode in QonnxRounding::ALL {
            for (bits, narrow) in [(1, false), (4, true), (8, false)] {
                let q = IntQuant::new(bits, true, narrow, mode).unwrap();
                let want: Vec<u32> = x
                    .iter()
                    .enumerate()
                    .map(|(i, &x)| {
                        let at = i / 1000;
                        q.value(x, scales.scales()[at], scales.zero_points()[at]).to_bits()
                    })
                    .collect();
                for simd in SimdLevel::available() {
                    let found = q.values(simd, &x, &[5, 1000], &scales).unwrap();
                    assert_eq!(found.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), want);
                    if bits < 4 {
                        continue;
                    }
                    let words = q.words(simd, &x, &[5, 1000], &scales).unwrap();
                    let found = words.dequantise(simd);
                    // Integers have no sign of zero.
                    assert!(found.iter().zip(&want).all(|(&y, &w)| y == f32::from_bits(w)));
                }
            }
        }
    }

    #[test]
    fn impossible_operators_are_refused() {
        let mode = QonnxRounding::ALL[0];
        for bits in [0, 33] {
            assert_eq!(IntQuant::new(bits, true, false, mode), Err(AffineError::Bits(bits)));
        }
        let zero_points = [f32::NAN, f32::INFINITY, 1e20, f32::from_bits(1)];
        for zero_point in zero_points {
            let error = QonnxScales::per_tensor(1.0, zero_point).unwrap_err();
            assert!(matches!(error, AffineError::FloatZeroPoint(_)), "{error}");
        }
        let words = |bits, signed, zero_point, x: f32| {
            let scales = QonnxScales::per_tensor(1.0, zero_point).unwrap();
            let q = IntQuant::new(bits, signed, false, mode).unwrap();
            q.words(SimdLevel::PORTABLE, &[x], &[1], &scales)
        };
        assert!(matches!(words(8, true, 0.5, 0.0), Err(AffineError::FloatZeroPoint(_))));
        assert!(matches!(words(8, true, 128.0, 0.0), Err(AffineError::ZeroPoint { .. })));
        assert!(matches!(words(8, true, 0.0, f32::NAN), Err(AffineError::NotANumber { index: 0 })));
        assert!(matches!(words(32, false, 0.0, 0.0), Err(AffineError::Word(_))));
        assert!(matches!(words(26, true, 0.0, f32::INFINITY), Err(AffineError::Tensor(_))));
        assert!(words(26, true, 0.0, 5.0).is_ok());
    }
}
