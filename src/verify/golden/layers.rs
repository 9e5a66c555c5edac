//! Checks layers.csv: convolutions and linear layers on integers, with bias and requantised output.

use super::layout::{channels_last, elements};
use super::{BlockFile, Case, Checker, GoldenError, Line, Report};
use hwmodel::array::{Convolution2d, MacArray, Product};
use hwmodel::float32::{self, Shapes, Values};
use hwmodel::number::qpytorch::{Clamp, Draws, fixed_point_quantize};
use hwmodel::number::quantise::quantise;
use hwmodel::number::requantise::Requantiser;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, FixedTensor, Format, Overflow, RawData, Rounding, SimdLevel};
use std::path::Path;

/// Recomputes every layer of a file in the layout of layers.csv, at every SIMD level of this CPU.
///
/// `acc` and `y_exact` come from [`MacArray::convolve`] or [`MacArray::linear`] with an exact
/// accumulator, then [`Requantiser::product`] (nearest even, saturating), which adds the bias. `y_emul`
/// is compared where `f32_sums_exact=1`, so that float32 sums do not depend on their order: the sums of
/// [`float32::forward`] of the same operands, through this crate's and through QPyTorch's quantiser.
///
/// # Errors
/// If the file cannot be read or a line is malformed.
pub fn check_layers(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(super) fn check(file: &BlockFile, levels: &[SimdLevel]) -> Result<Report, GoldenError> {
    let mut checker = Checker::at_levels(file.name(), levels);
    let (mut exact, mut wide) = (0, 0);
    for case in file.cases()? {
        checker.case();
        let layer = Layer::read(&case)?;
        if layer.float32_is_exact {
            exact += layer.outputs as u64
        } else {
            wide += layer.outputs as u64
        }
        layer.check(&case, &mut checker)?;
    }
    checker.announced(file, "n_out_exact_class", exact);
    checker.announced(file, "n_out_wide_class", wide);
    checker.finish(file, &[])
}

/// A layer in this crate's layouts; a linear one has images of one pixel.
struct Layer {
    linear: bool,
    x: FixedTensor,
    w: FixedTensor,
    bias: Option<FixedTensor>,
    geometry: Convolution2d,
    /// Format of the output.
    format: Format,
    /// Filters and pixels of the output, as the file orders them.
    filters: usize,
    pixels: usize,
    outputs: usize,
    float32_is_exact: bool,
}

const LINES: [&str; 6] = ["x", "w", "b", "acc", "y_emul", "y_exact"];

impl Layer {
    fn read(case: &Case<'_>) -> Result<Self, GoldenError> {
        let [x, w, b, ..] = case.named(LINES)?;
        let linear = match case.flags.as_slice() {
            ["conv2d"] => false,
            ["linear"] => true,
            other => return Err(case.line.error(format!("unknown kind of layer {other:?}"))),
        };
        let size = |key| case.value::<usize>(key);
        let (images, filters) = (size("N")?, size("O")?);
        let (input, kernel, geometry) = if linear {
            let geometry = Convolution2d::square(1, 1, 0);
            ([images, 1, 1, size("I")?], [1, 1], geometry)
        } else {
            let kernel = [size("KH")?, size("KW")?];
            let stride = [size("SH")?, size("SW")?];
            let padding = [size("PH")?, size("PW")?];
            let geometry = Convolution2d::symmetric(kernel, stride, padding, 1);
            ([images, size("H")?, size("W")?, size("C")?], kernel, geometry)
        };
        let output = geometry.output_size([input[1], input[2]]);
        let pixels = output.and_then(|[height, width]| height.checked_mul(width));
        let outputs = pixels.and_then(|pixels| elements(&[images, filters, pixels]));
        let (Some(pixels), Some(outputs)) = (pixels, outputs) else {
            return Err(case.line.error("the layer has no output of a possible size"));
        };
        let stated: usize = case.value("n_out")?;
        if stated != outputs {
            return Err(case.line.error(format!("the layer has {outputs} outputs, not {stated}")));
        }
        let format = |wl, fl| {
            Format::new(case.value(wl)?, case.value(fl)?)
                .map_err(|error| case.line.error(error.to_string()))
        };
        let weights = [filters, kernel[0], kernel[1], input[3]];
        let bias = match case.text("bias")? {
            "0" => None,
            "1" => Some(tensor(b, &[filters], format("wlb", "flb")?)?),
            other => return Err(case.line.error(format!("bias={other} is neither 0 nor 1"))),
        };
        Ok(Self {
            linear,
            x: tensor(x, &input, format("wlx", "flx")?)?,
            w: tensor(w, &weights, format("wlw", "flw")?)?,
            bias,
            geometry,
            format: format("wly", "fly")?,
            filters,
            pixels,
            outputs,
            float32_is_exact: case.text("f32_sums_exact")? == "1",
        })
    }

    fn check(&self, case: &Case<'_>, checker: &mut Checker) -> Result<(), GoldenError> {
        let [.., acc, y_emul, y_exact] = case.named(LINES)?;
        let expected = |line: &Line<'_>| {
            let values = line.list::<i64>(1, self.outputs, "integer")?;
            Ok(channels_last(&values, self.filters, self.pixels))
        };
        checker.row(acc);
        checker.row(y_exact);
        let (sums, exact, emulated) = (expected(acc)?, expected(y_exact)?, expected(y_emul)?);
        if self.float32_is_exact {
            checker.row(y_emul);
        }
        for simd in checker.levels() {
            let product = self.product(simd).map_err(|error| case.line.error(error))?;
            for (index, &expected) in sums.iter().enumerate() {
                let found = self.with_bias(case, &product, index)?;
                checker.equal(acc, format_args!("sum {index} ({simd})"), expected.into(), found);
            }
            let (rounding, overflow) = (Rounding::NearestEven, Overflow::Saturate);
            let address = RandomAddress::new(0, 0, 0, Role::Output);
            let unit = Requantiser { simd, format: self.format, rounding, overflow, address };
            let y = unit.product(&product, self.bias.as_ref());
            let (y, _) = y.map_err(|error| case.line.error(error.to_string()))?;
            compare(checker, y_exact, &exact, &y, simd);
            if self.float32_is_exact {
                let sums = self.float32(simd).map_err(|error| case.line.error(error))?;
                let y = quantise(simd, &sums, self.format, rounding, address);
                let (y, _) = y.map_err(|error| case.line.error(error.to_string()))?;
                compare(checker, y_emul, &emulated, &y, simd);
                self.compare_library(checker, y_emul, &emulated, &sums)?;
            }
        }
        if self.float32_is_exact {
            let differing = exact.iter().zip(&emulated).filter(|(a, b)| a != b).count();
            checker.equal(y_emul, "outputs that differ from y_exact", 0, differing);
        }
        Ok(())
    }

    /// Compares with what QPyTorch makes of the float32 `sums`.
    fn compare_library(
        &self,
        checker: &mut Checker,
        line: &Line<'_>,
        expected: &[i64],
        sums: &[f32],
    ) -> Result<(), GoldenError> {
        let y = fixed_point_quantize(sums, self.format, Clamp::Asymmetric, Draws::Nearest)
            .map_err(|error| line.error(error.to_string()))?;
        for (index, (&expected, y)) in expected.iter().zip(y).enumerate() {
            let found = f64::from(y) * self.format.scale();
            checker.equal(line, format_args!("QPyTorch's output {index}"), expected as f64, found);
        }
        Ok(())
    }

    fn product(&self, simd: SimdLevel) -> Result<Product, String> {
        let array = MacArray { simd, accumulator: Accumulator::default() };
        if !self.linear {
            return array
                .convolve(&self.x, &self.w, self.geometry)
                .map_err(|error| error.to_string());
        }
        let matrix = |tensor: &FixedTensor| {
            let [rows, _, _, columns] = tensor.shape() else {
                return Err("a layer's operands have four axes".to_owned());
            };
            tensor.clone().reshaped(&[*rows, *columns]).map_err(|error| error.to_string())
        };
        array.linear(&matrix(&self.x)?, &matrix(&self.w)?).map_err(|error| error.to_string())
    }

    /// Sum `index` of `product` with the bias at the scale of the sum.
    fn with_bias(
        &self,
        case: &Case<'_>,
        product: &Product,
        index: usize,
    ) -> Result<i128, GoldenError> {
        let sum = product.sums().get(index);
        let Some(bias) = &self.bias else { return Ok(sum) };
        let shift =
            u32::try_from(product.fl() - bias.format().fl()).ok().filter(|&bits| bits <= 64);
        let shift = shift.ok_or_else(|| {
            case.line.error("the bias must have at most the fractional bits of the sums, and 64 fewer at the least")
        })?;
        Ok(sum + (i128::from(bias.data().get(index % self.filters)) << shift))
    }

    /// The outputs of a float32 layer, not yet quantised.
    fn float32(&self, simd: SimdLevel) -> Result<Vec<f32>, String> {
        let shapes = Shapes::new(self.x.shape(), self.w.shape(), self.geometry)
            .map_err(|error| error.to_string())?;
        let (x, w) = (Values::Fixed(&self.x), Values::Fixed(&self.w));
        let mut y = float32::forward(simd, &shapes, x, w).map_err(|error| error.to_string())?;
        if let Some(bias) = &self.bias {
            let bias = bias.to_f32(simd);
            for row in y.chunks_exact_mut(self.filters.max(1)) {
                row.iter_mut().zip(&bias).for_each(|(y, b)| *y += b);
            }
        }
        Ok(y)
    }
}

/// A line as a tensor of `shape` = [.., pixels, channels], which the file orders [.., channels, pixels].
fn tensor(line: &Line<'_>, shape: &[usize], format: Format) -> Result<FixedTensor, GoldenError> {
    let count = elements(shape).ok_or_else(|| line.error("the tensor is too large"))?;
    let mut raw = line.list::<i32>(1, count, "integer")?;
    if let [_, height, width, channels] = shape {
        raw = channels_last(&raw, *channels, height * width);
    }
    FixedTensor::from_raw(shape, format, &raw).map_err(|error| line.error(error.to_string()))
}

fn compare(
    checker: &mut Checker,
    line: &Line<'_>,
    expected: &[i64],
    found: &RawData,
    simd: SimdLevel,
) {
    for (index, &expected) in expected.iter().enumerate() {
        let what = format_args!("output {index} ({simd})");
        checker.equal(line, what, expected, found.get(index));
    }
}
