//! Resize and Upsample.

use crate::graph::axes::{distinct, elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Integers, Operator, Place, Value};
use hwmodel::cast::toward_zero;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    Nearest,
    Linear,
    Cubic,
}

#[derive(Clone, Copy, PartialEq)]
enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    TfCropAndResize,
}

#[derive(Clone, Copy, PartialEq)]
enum Nearest {
    RoundPreferFloor,
    RoundPreferCeil,
    Floor,
    Ceil,
    /// Of opsets before 11: toward zero where the axis grows, up where it shrinks.
    Simple,
}

#[derive(Clone, Copy, PartialEq)]
enum Aspect {
    Stretch,
    NotLarger,
    NotSmaller,
}

struct Resize {
    mode: Mode,
    coordinates: Coordinates,
    nearest: Nearest,
    aspect: Aspect,
    antialias: bool,
    exclude_outside: bool,
    cubic: f64,
    extrapolation: f64,
    axes: Option<Vec<i64>>,
    /// Scales that are an attribute (Upsample of opset 7).
    scales: Option<Vec<f64>>,
    /// Inputs of the region, the scales and the sizes.
    region_at: usize,
    scales_at: usize,
    sizes_at: usize,
}

const ABSENT: usize = usize::MAX;

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    let upsample = definition.node.operator == "Upsample";
    let modes = [
        ("nearest", Mode::Nearest),
        ("linear", Mode::Linear),
        ("bilinear", Mode::Linear),
        ("cubic", Mode::Cubic),
    ];
    let mode = definition.choice("mode", &modes, "nearest, linear or cubic")?;
    let old = upsample || definition.version < 11;
    let scales = definition.reals("scales")?.filter(|_| upsample);
    let scales: Option<Vec<f64>> =
        scales.map(|scales| scales.iter().map(|&scale| scale.into()).collect());
    let most = match (old, &scales) {
        (true, Some(_)) => 1,
        (true, None) => 2,
        (false, _) => 4,
    };
    definition.expect_inputs(1, most)?;
    let coordinates = [
        ("half_pixel", Coordinates::HalfPixel),
        ("half_pixel_symmetric", Coordinates::HalfPixelSymmetric),
        ("pytorch_half_pixel", Coordinates::PytorchHalfPixel),
        ("align_corners", Coordinates::AlignCorners),
        ("asymmetric", Coordinates::Asymmetric),
        ("tf_half_pixel_for_nn", Coordinates::TfHalfPixelForNn),
        ("tf_crop_and_resize", Coordinates::TfCropAndResize),
    ];
    let allowed = "half_pixel, half_pixel_symmetric, pytorch_half_pixel, align_corners, asymmetric, tf_half_pixel_for_nn or tf_crop_and_resize";
    let coordinates = definition.choice("coordinate_transformation_mode", &coordinates, allowed)?;
    let nearest = [
        ("round_prefer_floor", Nearest::RoundPreferFloor),
        ("round_prefer_ceil", Nearest::RoundPreferCeil),
        ("floor", Nearest::Floor),
        ("ceil", Nearest::Ceil),
    ];
    let allowed = "round_prefer_floor, round_prefer_ceil, floor or ceil";
    let nearest = definition.choice("nearest_mode", &nearest, allowed)?;
    let aspect = [
        ("stretch", Aspect::Stretch),
        ("not_larger", Aspect::NotLarger),
        ("not_smaller", Aspect::NotSmaller),
    ];
    let allowed = "stretch, not_larger or not_smaller";
    Ok(Box::new(Resize {
        mode,
        coordinates: if old { Coordinates::Asymmetric } else { coordinates },
        nearest: if old { Nearest::Simple } else { nearest },
        aspect: definition.choice("keep_aspect_ratio_policy", &aspect, allowed)?,
        antialias: definition.flag("antialias")?,
        exclude_outside: definition.flag("exclude_outside")?,
        cubic: definition.real("cubic_coeff_a", -0.75)?.into(),
        extrapolation: definition.real("extrapolation_value", 0.0)?.into(),
        axes: definition.integers("axes")?.map(<[i64]>::to_vec),
        scales,
        region_at: if old { ABSENT } else { 1 },
        scales_at: if old { 1 } else { 2 },
        sizes_at: if old { ABSENT } else { 3 },
    }))
}

/// How one axis is resized.
#[derive(Clone, Copy)]
struct Axis {
    from: usize,
    to: usize,
    scale: f64,
    region: (f64, f64),
}

/// For a place of the output: places of the input with their weights, or nothing if it lies outside of the region.
type Taps = Option<Vec<(usize, f64)>>;

impl Resize {
    fn coordinate(&self, axis: &Axis, at: usize) -> f64 {
        let (x, from, to) = (at as f64, axis.from as f64, axis.to as f64);
        let half = (x + 0.5) / axis.scale - 0.5;
        match self.coordinates {
            Coordinates::HalfPixel => half,
            Coordinates::HalfPixelSymmetric => {
                let adjustment = to / (axis.scale * from);
                from / 2.0 * (1.0 - adjustment) + half
            }
            Coordinates::PytorchHalfPixel => {
                if axis.to > 1 {
                    half
                } else {
                    0.0
                }
            }
            Coordinates::AlignCorners if axis.to == 1 => 0.0,
            Coordinates::AlignCorners => x * (from - 1.0) / (to - 1.0),
            Coordinates::Asymmetric => x / axis.scale,
            Coordinates::TfHalfPixelForNn => (x + 0.5) / axis.scale,
            Coordinates::TfCropAndResize => {
                let (start, end) = axis.region;
                if axis.to > 1 {
                    start * (from - 1.0) + x * (end - start) * (from - 1.0) / (to - 1.0)
                } else {
                    0.5 * (start + end) * (from - 1.0)
                }
            }
        }
    }

    fn taps(&self, axis: &Axis, at: usize) -> Taps {
        let x = self.coordinate(axis, at);
        let last = axis.from as f64 - 1.0;
        if self.coordinates == Coordinates::TfCropAndResize && !(0.0..=last).contains(&x) {
            return None;
        }
        let clamped = |index: f64| toward_zero::<usize>(index.clamp(0.0, last));
        if self.mode == Mode::Nearest {
            let index = match self.nearest {
                Nearest::RoundPreferFloor => (x - 0.5).ceil(),
                Nearest::RoundPreferCeil => (x + 0.5).floor(),
                Nearest::Floor => x.floor(),
                Nearest::Simple if axis.scale >= 1.0 => x.trunc(),
                Nearest::Ceil | Nearest::Simple => x.ceil(),
            };
            return Some(vec![(clamped(index), 1.0)]);
        }
        let base = x.floor();
        // Shrunk, an antialiasing filter covers as many more pixels.
        let scale = if self.antialias { axis.scale.min(1.0) } else { 1.0 };
        let reach = if self.mode == Mode::Linear { 1.0 } else { 2.0 };
        let first = (-reach / scale).floor() + 1.0;
        let count = toward_zero::<u64>(reach - 2.0 * first + reach).min(2 * axis.from as u64 + 8);
        let mut taps = Vec::new();
        let mut total = 0.0;
        for tap in 0..count {
            let offset = first + tap as f64;
            let index = base + offset;
            let weight = self.weight((offset - (x - base)) * scale);
            if self.exclude_outside && !(0.0..=last).contains(&index) {
                continue;
            }
            total += weight;
            taps.push((clamped(index), weight));
        }
        if total != 0.0 {
            taps.iter_mut().for_each(|tap| tap.1 /= total);
        }
        Some(taps)
    }

    /// Weight of a pixel at a distance from the coordinate.
    fn weight(&self, distance: f64) -> f64 {
        let (x, a) = (distance.abs(), self.cubic);
        match self.mode {
            Mode::Cubic if x <= 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
            Mode::Cubic if x < 2.0 => ((a * x - 5.0 * a) * x + 8.0 * a) * x - 4.0 * a,
            Mode::Cubic => 0.0,
            _ => (1.0 - x).max(0.0),
        }
    }

    fn axes(&self, call: &Call<'_>) -> Result<Vec<Axis>, Problem> {
        let shape = call.input(0)?.shape();
        let own = match &self.axes {
            Some(axes) => distinct(axes, shape.len())?,
            None => (0..shape.len()).collect(),
        };
        let given = |index: usize| call.optional(index).filter(|value| !value.is_empty());
        let region = given(self.region_at).map(|value| value.wide().into_owned());
        let region = region.filter(|_| self.coordinates == Coordinates::TfCropAndResize);
        if self.coordinates == Coordinates::TfCropAndResize
            && region.as_ref().is_none_or(|region| region.len() != 2 * own.len())
        {
            let why = "tf_crop_and_resize needs a region: start and end of each axis (input 1)";
            return Err(Problem::Shape(why.to_owned()));
        }
        let fits = |numbers: &Vec<f64>| numbers.len() == own.len();
        let numbers = |index: usize| given(index).map(|value| value.wide().into_owned());
        let mut axes: Vec<Axis> = shape
            .iter()
            .map(|&size| Axis { from: size, to: size, scale: 1.0, region: (0.0, 1.0) })
            .collect();
        let count = |what: &str, numbers: &[f64]| {
            let why = format!("{} {what} for {} axes", numbers.len(), own.len());
            Problem::Shape(why)
        };
        if let Some(region) = region {
            for (place, &axis) in own.iter().enumerate() {
                axes[axis].region = (region[place], region[own.len() + place]);
            }
        }
        let large = |size: f64| !(0.0..2f64.powi(40)).contains(&size);
        if let Some(sizes) = numbers(self.sizes_at) {
            if !fits(&sizes) {
                return Err(count("sizes", &sizes));
            }
            let ratio = |(place, &axis): (usize, &usize)| sizes[place] / shape[axis] as f64;
            let ratios = own.iter().enumerate().map(ratio);
            let common = match self.aspect {
                Aspect::Stretch => None,
                Aspect::NotLarger => ratios.reduce(f64::min),
                Aspect::NotSmaller => ratios.reduce(f64::max),
            };
            for (place, &axis) in own.iter().enumerate() {
                let from = shape[axis] as f64;
                let scale = common.unwrap_or(sizes[place] / from);
                let size = common.map_or(sizes[place], |scale| (scale * from + 0.5).floor());
                if large(size) || !scale.is_finite() {
                    return Err(Problem::Shape(format!("sizes {sizes:?} for shape {shape:?}")));
                }
                axes[axis].to = toward_zero::<usize>(size);
                axes[axis].scale = scale;
            }
            return Ok(axes);
        }
        let scales = self.scales.clone().or_else(|| numbers(self.scales_at));
        let scales = scales.ok_or(Problem::NoInput(self.scales_at))?;
        if !fits(&scales) {
            return Err(count("scales", &scales));
        }
        for (place, &axis) in own.iter().enumerate() {
            let (scale, (start, end)) = (scales[place], axes[axis].region);
            let size = (shape[axis] as f64 * scale * (end - start)).floor();
            if scale <= 0.0 || large(size) {
                return Err(Problem::Shape(format!("scales {scales:?} for shape {shape:?}")));
            }
            axes[axis].to = toward_zero::<usize>(size);
            axes[axis].scale = scale;
        }
        Ok(axes)
    }
}

/// `values` of `shape` with the axis `axis` made of weighted sums.
fn resampled(
    values: &[f64],
    shape: &mut [usize],
    axis: usize,
    taps: &[Taps],
    outside: f64,
) -> Vec<f64> {
    let step = strides(shape)[axis];
    let own = strides(shape);
    let mut lines = shape.to_vec();
    lines[axis] = 1;
    let starts = walk(&lines, &own, 0);
    shape[axis] = taps.len();
    let to = walk(&lines, &strides(shape), 0);
    let step_to = strides(shape)[axis];
    let mut results = vec![0.0; shape.iter().product()];
    for (start, to) in starts.into_iter().zip(to) {
        for (index, taps) in taps.iter().enumerate() {
            let sum = |taps: &Vec<(usize, f64)>| {
                taps.iter().map(|&(place, weight)| values[start + place * step] * weight).sum()
            };
            results[to + index * step_to] = taps.as_ref().map_or(outside, sum);
        }
    }
    results
}

impl Operator for Resize {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let axes = self.axes(call)?;
        let x = call.input(0)?;
        let to: Vec<usize> = axes.iter().map(|axis| axis.to).collect();
        if elements(&to)? > 0 && x.is_empty() {
            return Err(Problem::Shape(format!("its input has shape {:?}", x.shape())));
        }
        let taps: Vec<Vec<Taps>> =
            axes.iter().map(|axis| (0..axis.to).map(|at| self.taps(axis, at)).collect()).collect();
        if self.mode == Mode::Nearest && taps.iter().flatten().all(Option::is_some) {
            let place = |taps: &Taps| taps.as_ref().map_or(0, |taps| taps[0].0);
            let lists: Vec<Vec<usize>> =
                taps.iter().map(|taps| taps.iter().map(place).collect()).collect();
            return Ok(vec![x.selected(&lists)]);
        }
        let mut shape = x.shape().to_vec();
        let mut values = x.wide().into_owned();
        for (axis, taps) in taps.iter().enumerate() {
            let same = |(index, taps): (usize, &Taps)| {
                taps.as_ref().is_some_and(|taps| {
                    taps.iter().all(|&(place, weight)| place == index || weight == 0.0)
                })
            };
            if taps.len() != shape[axis] || !taps.iter().enumerate().all(same) {
                values = resampled(&values, &mut shape, axis, taps, self.extrapolation);
            }
            elements(&shape)?;
        }
        if let Value::Integer(x) = x {
            let (low, high) = x.range();
            let whole = |value: &f64| toward_zero::<i64>(*value).clamp(low, high);
            let values = values.iter().map(whole).collect();
            let result = Integers::new(shape, x.element, values);
            call.place = Place::Float;
            return Ok(vec![Value::Integer(result)]);
        }
        Ok(vec![call.reals(0, shape, values)?])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn resize(scale: f64) -> Case {
        Case::new("Resize").reals(&[1, 4], &[1.0, 2.0, 3.0, 4.0]).skip().reals(&[2], &[1.0, scale])
    }

    #[test]
    fn nearest_and_linear() {
        let y = resize(2.0).text("mode", "nearest").numbers();
        assert_eq!(y, [1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        let y = resize(2.0).text("mode", "linear").numbers();
        assert_eq!(y, [1.0, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4.0]);
        let y = resize(0.5).text("mode", "linear").numbers();
        assert_eq!(y, [1.5, 3.5]);
        let y = resize(1.75).text("mode", "linear");
        let y = y.text("coordinate_transformation_mode", "align_corners").numbers();
        assert_eq!(y, [1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0]);
    }

    #[test]
    fn sizes_and_old_opsets() {
        let sizes = Case::new("Resize").reals(&[1, 2], &[1.0, 2.0]).skip().skip().list(&[1, 4]);
        assert_eq!(sizes.numbers(), [1.0, 1.0, 2.0, 2.0]);
        let old = Case::new("Upsample").opset(9).reals(&[2], &[1.0, 2.0]).reals(&[1], &[1.5]);
        assert_eq!(old.numbers(), [1.0, 1.0, 2.0]);
        let old = Case::new("Resize").opset(10).reals(&[2], &[1.0, 2.0]).reals(&[1], &[2.0]);
        assert_eq!(old.text("mode", "linear").numbers(), [1.0, 1.5, 2.0, 2.0]);
    }

    #[test]
    fn hostile_scales_are_refused() {
        assert!(resize(1e30).run().is_err());
        assert!(resize(-1.0).run().is_err());
        assert!(resize(f64::NAN).run().is_err());
        assert!(resize(2.0).text("mode", "area").run().is_err());
        assert!(Case::new("Resize").reals(&[1], &[1.0]).run().is_err());
    }
}
