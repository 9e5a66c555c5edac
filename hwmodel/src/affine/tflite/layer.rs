//! FULLY_CONNECTED, CONV_2D and DEPTHWISE_CONV_2D.

use super::operand::{check_type, is_int8};
use super::{KernelSet, Output, TfliteError};
use crate::affine::requantise::{
    DoubleRounding, Multiplier, Q15, Real, RealRule, RequantiseRule, Scales, SingleRounding,
    TwiceUp, words,
};
use crate::affine::{AffineError, AffineTensor, WordRange};
use crate::array::{Convolution2d, MacArray, Sums};
use crate::cast::low;
use crate::{Accumulator, FixedTensor, Format, RawData, SimdLevel};

/// Which operator a layer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LayerOperator {
    /// FULLY_CONNECTED: X `[n, c]`, weights `[o, c]`.
    FullyConnected,
    /// CONV_2D: X `[n, h, w, c]`, weights `[o, kh, kw, c]`.
    Convolution {
        /// Stride along height and width.
        stride: [usize; 2],
        /// Rows and columns of zero points added on either side.
        padding: [usize; 2],
    },
    /// DEPTHWISE_CONV_2D: X `[n, h, w, c]`, weights `[1, kh, kw, c]`.
    Depthwise {
        /// Stride along height and width.
        stride: [usize; 2],
        /// Rows and columns of zero points added on either side.
        padding: [usize; 2],
    },
}

/// Type of a bias, and with it that of the sums.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BiasType {
    /// Sums of 32 bits, which wrap.
    Int32,
    /// Sums of 64 bits, with int16 inputs only.
    Int64,
}

/// A layer with int8 weights on int8 or int16 inputs.
///
/// acc = Σ (x - zx)·w + b; word = clamp(requantise(acc) + zy, activation). The real factor of a channel is
/// f64(sx)·f64(sw) / f64(sy), of FULLY_CONNECTED with one scale for all weights f64(f32(sx·sw)) / f64(sy); XNNPACK's is
/// f32(f32(sx·sw) / sy).
///
/// ```
/// use hwmodel::affine::tflite::{Activation, BiasType, KernelSet, Layer, LayerOperator, Output};
/// use hwmodel::affine::{AffineTensor, Quantisation};
/// use hwmodel::{FixedTensor, Format, SimdLevel};
/// let int8 = Format::new(8, 0)?;
/// let tensor = |shape: &[usize], raw: &[i32], scale, zero_point| {
///     let words = FixedTensor::from_raw(shape, int8, raw).unwrap();
///     AffineTensor::new(words, Quantisation::per_tensor(scale, zero_point).unwrap()).unwrap()
/// };
/// let weights = tensor(&[1, 2], &[3, -2], 0.5, 0);
/// let layer = Layer {
///     operator: LayerOperator::FullyConnected,
///     weights: &weights,
///     bias: &[1],
///     bias_type: BiasType::Int32,
///     output: Output { format: int8, scale: 1.0, zero_point: 0, activation: Activation::None },
/// };
/// let x = tensor(&[1, 2], &[4, 5], 0.5, 1);
/// let simd = SimdLevel::best();
/// // 3·3 - 2·4 + 1 = 2, times 0.25: a tie.
/// assert_eq!(layer.sums(simd, &x)?, [2]);
/// let word = |kernels| layer.run(simd, kernels, &x).unwrap().words().data().to_i32();
/// assert_eq!((word(KernelSet::Reference), word(KernelSet::Xnnpack)), (vec![1], vec![0]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Layer<'a> {
    /// Which operator.
    pub operator: LayerOperator,
    /// The weights: int8, zero points 0, one scale or one for each output channel.
    pub weights: &'a AffineTensor,
    /// The bias of every output channel, in steps of input scale times weight scale.
    pub bias: &'a [i64],
    /// Its type.
    pub bias_type: BiasType,
    /// The result.
    pub output: Output,
}

impl Layer<'_> {
    /// The rule by which a set of kernels requantises the sums.
    pub fn rule(&self, kernels: KernelSet) -> RequantiseRule {
        use KernelSet::{Optimised, Reference, Xnnpack};
        use LayerOperator::{Convolution, Depthwise, FullyConnected};
        let bytes = is_int8(self.output.format);
        match (self.operator, self.bias_type, kernels) {
            (FullyConnected, BiasType::Int64, _) => RequantiseRule::Real,
            (_, BiasType::Int64, _) => RequantiseRule::Q15,
            (_, _, Xnnpack) if bytes => RequantiseRule::Float32Factor,
            (FullyConnected, _, Reference) => RequantiseRule::Real,
            (Depthwise { .. }, ..) | (_, _, Reference) => RequantiseRule::DoubleRounding,
            (FullyConnected | Convolution { .. }, _, Optimised | Xnnpack) => {
                RequantiseRule::TwiceUp
            }
        }
    }

    /// The sums acc with the bias, row-major, for inputs `x`.
    ///
    /// # Errors
    /// If types, shapes, scales or zero points are not those of the operator.
    pub fn sums(&self, simd: SimdLevel, x: &AffineTensor) -> Result<Vec<i64>, TfliteError> {
        self.checked_sums(simd, x).map(|(sums, _)| sums)
    }

    /// The integer multipliers of the output channels, one where the weights have one scale.
    ///
    /// # Errors
    /// If a factor is 2^30 or more.
    pub fn multipliers(&self, x: &AffineTensor) -> Result<Vec<Multiplier>, TfliteError> {
        let factors = self.real_factors(x)?.into_iter().map(Multiplier::new);
        Ok(factors.collect::<Result<_, _>>()?)
    }

    /// The words for inputs `x` as `kernels` compute them.
    ///
    /// # Errors
    /// If types, shapes, scales or zero points are not those of the operator, or the rule cannot hold a factor.
    pub fn run(
        &self,
        simd: SimdLevel,
        kernels: KernelSet,
        x: &AffineTensor,
    ) -> Result<AffineTensor, TfliteError> {
        self.run_with(simd, self.rule(kernels), x)
    }

    /// The same by a stated rule.
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_with(
        &self,
        simd: SimdLevel,
        rule: RequantiseRule,
        x: &AffineTensor,
    ) -> Result<AffineTensor, TfliteError> {
        let range = self.output.range()?;
        let (sums, shape) = self.checked_sums(simd, x)?;
        let real = |words: RealWords<Self>| words(self, simd, x, &sums, range);
        let data = match rule {
            RequantiseRule::DoubleRounding => real(Self::real_words::<DoubleRounding>),
            RequantiseRule::SingleRounding => real(Self::real_words::<SingleRounding>),
            RequantiseRule::TwiceUp => real(Self::real_words::<TwiceUp>),
            RequantiseRule::Q15 => real(Self::real_words::<Q15>),
            RequantiseRule::Real => real(Self::real_words::<Real>),
            _ => Ok(rule.words(simd, &sums, &self.scales(x)?, range, self.output.format)?),
        };
        self.output.tensor(&shape, data?)
    }

    fn real_words<R: RealRule>(
        &self,
        simd: SimdLevel,
        x: &AffineTensor,
        sums: &[i64],
        range: WordRange,
    ) -> Result<RawData, TfliteError> {
        let factors = self.real_factors(x)?.into_iter().map(R::of_real);
        let factors = factors.collect::<Result<Vec<_>, _>>()?;
        Ok(words::<R, i64>(simd, sums, &factors, range, self.output.format)?)
    }

    /// The scales of every output channel, or of all.
    fn scales(&self, x: &AffineTensor) -> Result<Vec<Scales>, TfliteError> {
        let &[input] = x.quantisation().scales() else {
            let scales = x.quantisation().scales().len();
            return Err(TfliteError::Scales { scales, what: "the input" });
        };
        let output = self.output.scale;
        let weights = self.weights.quantisation().scales();
        Ok(weights.iter().map(|&weight| Scales { input, weight, output }).collect())
    }

    fn real_factors(&self, x: &AffineTensor) -> Result<Vec<f64>, TfliteError> {
        let scales = self.scales(x)?;
        match (self.operator, scales.as_slice()) {
            (LayerOperator::FullyConnected, &[one]) => {
                let Scales { input, weight, output } = one.checked()?;
                Ok(vec![f64::from(input * weight) / f64::from(output)])
            }
            _ => Ok(scales.into_iter().map(Scales::real).collect::<Result<_, _>>()?),
        }
    }

    /// The sums and the shape of the result.
    fn checked_sums(
        &self,
        simd: SimdLevel,
        x: &AffineTensor,
    ) -> Result<(Vec<i64>, Vec<usize>), TfliteError> {
        let (format, zero_points) = (x.words().format(), x.quantisation().zero_points());
        let &[zero_point] = zero_points else {
            return Err(TfliteError::Scales { scales: zero_points.len(), what: "the input" });
        };
        check_type(format, zero_point, "an int16 input")?;
        if format != self.output.format {
            let (left, right) = (format, self.output.format);
            return Err(TfliteError::Types { operator: "a layer", left, right });
        }
        if self.bias_type == BiasType::Int64 && is_int8(format) {
            return Err(TfliteError::Bias);
        }
        let weight = self.weights.words().format();
        check_type(weight, 0, "the weights")?;
        if !is_int8(weight) {
            return Err(TfliteError::Type(weight));
        }
        if let Some(&zero_point) =
            self.weights.quantisation().zero_points().iter().find(|&&z| z != 0)
        {
            return Err(TfliteError::ZeroPoint { zero_point, what: "the weights" });
        }
        let (sums, shape) = self.product(simd, &without_zero_point(x, zero_point)?)?;
        let channels = shape.last().copied().unwrap_or(0);
        let (given, needed) = (self.bias.len(), channels);
        let scales = self.weights.quantisation().scales().len();
        let why = "one for each output channel";
        if given != needed {
            return Err(AffineError::Count { what: "biases", given, needed, why }.into());
        }
        if scales != 1 && scales != needed {
            return Err(
                AffineError::Count { what: "weight scales", given: scales, needed, why }.into()
            );
        }
        let with_bias = |(index, sum): (usize, i64)| {
            let sum = sum.wrapping_add(self.bias[index % channels]);
            match self.bias_type {
                BiasType::Int32 => low::<i32>(sum).into(),
                BiasType::Int64 => sum,
            }
        };
        Ok((sums.into_iter().enumerate().map(with_bias).collect(), shape))
    }

    /// The exact products of the array, without bias.
    fn product(
        &self,
        simd: SimdLevel,
        x: &FixedTensor,
    ) -> Result<(Vec<i64>, Vec<usize>), TfliteError> {
        let array = MacArray { simd, accumulator: Accumulator::default() };
        let weights = self.weights.words();
        let (product, shape) = match self.operator {
            LayerOperator::FullyConnected => {
                let product = array.linear(x, weights)?;
                let shape = vec![product.rows(), product.columns()];
                (product, shape)
            }
            LayerOperator::Convolution { stride, padding } => {
                convolve(&array, x, weights, stride, padding, 1)?
            }
            LayerOperator::Depthwise { stride, padding } => {
                let filters = depthwise_filters(weights)?;
                let groups = filters.shape()[0];
                convolve(&array, x, &filters, stride, padding, groups)?
            }
        };
        let sums = match product.into_sums() {
            Sums::I32(sums) => sums.into_iter().map(i64::from).collect(),
            Sums::I64(sums) => sums,
            Sums::I128(sums) => sums.into_iter().map(low::<i64>).collect(),
        };
        Ok((sums, shape))
    }
}

/// A method that requantises sums by a rule.
type RealWords<L> =
    fn(&L, SimdLevel, &AffineTensor, &[i64], WordRange) -> Result<RawData, TfliteError>;

type Convolved = (crate::array::Product, Vec<usize>);

fn convolve(
    array: &MacArray,
    x: &FixedTensor,
    w: &FixedTensor,
    stride: [usize; 2],
    padding: [usize; 2],
    groups: usize,
) -> Result<Convolved, TfliteError> {
    let kernel = match w.shape() {
        &[_, height, width, _] => [height, width],
        // The array says what is wrong.
        _ => [1, 1],
    };
    let geometry = Convolution2d::symmetric(kernel, stride, padding, groups);
    let product = array.convolve(x, w, geometry)?;
    let mut shape = x.shape().to_vec();
    if let Some([height, width]) = geometry.output_size([shape[1], shape[2]]) {
        shape[1..].copy_from_slice(&[height, width, product.columns()]);
    }
    Ok((product, shape))
}

/// Weights `[1, kh, kw, c]` as filters `[c, kh, kw, 1]`.
fn depthwise_filters(weights: &FixedTensor) -> Result<FixedTensor, TfliteError> {
    let &[1, height, width, channels] = weights.shape() else {
        let (given, needed) = (weights.shape().len(), 4);
        let why = "depthwise weights are [1, kernel height, kernel width, channels]";
        return Err(AffineError::Count { what: "dimensions of weights", given, needed, why }.into());
    };
    let pixels = height * width;
    let raw: Vec<_> = (0..channels)
        .flat_map(|channel| (0..pixels).map(move |pixel| pixel * channels + channel))
        .map(|index| weights.data().get(index))
        .collect();
    let shape = [channels, height, width, 1];
    Ok(FixedTensor::from_raw(&shape, weights.format(), &raw).map_err(AffineError::from)?)
}

/// x - zero point; of int8 words with one bit more.
fn without_zero_point(x: &AffineTensor, zero_point: i32) -> Result<FixedTensor, TfliteError> {
    if zero_point == 0 {
        return Ok(x.words().clone());
    }
    let format = Format::new(x.words().format().wl() + 1, 0)
        .map_err(|_| TfliteError::Type(x.words().format()))?;
    let raw: Vec<_> = x.words().data().to_i32().iter().map(|&x| x - zero_point).collect();
    Ok(FixedTensor::from_raw(x.shape(), format, &raw).map_err(AffineError::from)?)
}
