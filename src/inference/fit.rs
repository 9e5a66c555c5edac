//! Fitting an array to an input.

use super::error::{InferenceError, shape};
use crate::onnx::model::{Dimension, Input};
use crate::tensor::{ElementType, Elements, Tensor, half};
use hwmodel::cast::{exact, nearest_f32, toward_zero};
use std::sync::Arc;

/// Where the channels of images stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Before the rows: `[n, c, h, w]`.
    Nchw,
    /// Behind the columns: `[n, h, w, c]`.
    Nhwc,
}

impl Layout {
    /// The layout of images that `input` takes, if its sizes show it: 1, 3 or 4 channels on one side only.
    pub fn of(input: &Input) -> Option<Self> {
        let channels = |dimension: &Dimension| matches!(dimension, Dimension::Fixed(1 | 3 | 4));
        match input.shape.as_slice() {
            [_, c, _, last] if channels(c) && !channels(last) => Some(Self::Nchw),
            [_, first, _, c] if channels(c) && !channels(first) => Some(Self::Nhwc),
            _ => None,
        }
    }
}

/// `array` as `input` takes it: its elements in the type of the input, its shape checked. An array whose images have their
/// channels on the other side is turned over if `layout` says how it is stored.
///
/// # Errors
/// If the shapes do not fit, or a number would change, other than by rounding a float to a shorter one.
pub fn fit(
    input: &Input,
    array: &Tensor,
    layout: Option<Layout>,
) -> Result<Tensor, InferenceError> {
    let fits = |sizes: &[usize]| {
        sizes.len() == input.shape.len()
            && sizes.iter().zip(&input.shape).enumerate().all(|(axis, (&size, dimension))| {
                // The first axis is fed in pieces.
                axis == 0 || !matches!(dimension, Dimension::Fixed(fixed) if *fixed != size)
            })
    };
    let other_side = |stored: Layout| match Layout::of(input) {
        Some(wanted) => wanted != stored,
        None => !fits(array.shape()),
    };
    let array = match layout.filter(|&stored| array.shape().len() == 4 && other_side(stored)) {
        Some(stored) => turned_over(array, stored),
        None => array.clone(),
    };
    let given = array.shape();
    if !fits(given) {
        let advice = advice(given, &fits);
        let (input, expected, given) = (input.name.clone(), shape(input), given.to_vec());
        return Err(InferenceError::Shape { input, expected, given, advice });
    }
    cast(&array, input.element).map_err(|value| InferenceError::Type {
        input: input.name.clone(),
        element: input.element,
        value,
    })
}

/// What may be meant by an array of another shape.
fn advice(given: &[usize], fits: &impl Fn(&[usize]) -> bool) -> String {
    let mut one = vec![1];
    one.extend(given);
    if fits(&one) {
        return ": a single input needs a first axis of 1, as in x[None]".to_owned();
    }
    if let &[n, a, b, c] = given {
        if fits(&[n, c, a, b]) {
            return ": channels are expected first; say `--layout nhwc`, or transpose(0, 3, 1, 2)"
                .to_owned();
        }
        if fits(&[n, b, c, a]) {
            return ": channels are expected last; say `--layout nchw`, or transpose(0, 2, 3, 1)"
                .to_owned();
        }
    }
    if let &[n, a, b] = given {
        if fits(&[n, b, a]) {
            return ": its last two axes are expected the other way round, as in transpose(0, 2, 1)"
                .to_owned();
        }
        if fits(&[n, 1, a, b]) {
            return ": grey images need an axis of channels, as in x[:, None]".to_owned();
        }
        if fits(&[n, a, b, 1]) {
            return ": grey images need an axis of channels, as in x[..., None]".to_owned();
        }
    }
    let row: usize = given.iter().skip(1).product();
    if let Some(&n) = given.first()
        && fits(&[n, row])
    {
        return format!(": as in x.reshape(len(x), {row})");
    }
    String::new()
}

/// Images with their channels on the other side.
fn turned_over(array: &Tensor, stored: Layout) -> Tensor {
    let &[n, a, b, c] = array.shape() else { return array.clone() };
    // Where the element [i, x, y, z] of the result stands.
    let (shape, [x, y, z]) = match stored {
        Layout::Nhwc => ([n, c, a, b], [1, b * c, c]),
        Layout::Nchw => ([n, b, c, a], [c, 1, b * c]),
    };
    let image = a * b * c;
    let mut places = Vec::with_capacity(n * image);
    for i in 0..n {
        for first in 0..shape[1] {
            for second in 0..shape[2] {
                for third in 0..shape[3] {
                    places.push(i * image + first * x + second * y + third * z);
                }
            }
        }
    }
    fn pick<T: Copy>(values: &[T], places: &[usize]) -> Arc<Vec<T>> {
        Arc::new(places.iter().map(|&place| values[place]).collect())
    }
    let elements = match array.elements() {
        Elements::Float32(values) => Elements::Float32(pick(values, &places)),
        Elements::Float64(values) => Elements::Float64(pick(values, &places)),
        Elements::Integers(values) => Elements::Integers(pick(values, &places)),
    };
    Tensor::new(shape.to_vec(), array.element(), elements).expect("as many elements as before")
}

/// The same numbers in the type `element`; floats may be rounded to shorter ones.
///
/// # Errors
/// A number that the type does not have.
pub fn cast(array: &Tensor, element: ElementType) -> Result<Tensor, String> {
    if array.element() == element {
        return Ok(array.clone());
    }
    let short = |value: f64| match element {
        ElementType::Float16 => half::float16(half::float16_bits(nearest_f32(value))),
        ElementType::BFloat16 => half::nearest_bfloat16(nearest_f32(value)),
        _ => nearest_f32(value),
    };
    let elements = match (array.elements(), element.integer_range()) {
        (Elements::Integers(values), None) => {
            let (mut singles, mut doubles) = (Vec::new(), Vec::new());
            for &value in values.iter() {
                let double = value as f64;
                let stored =
                    if element == ElementType::Float64 { double } else { f64::from(short(double)) };
                // 2^63 is outside i64, so that the way back is exact.
                if stored.abs() >= 9.3e18 || toward_zero::<i64>(stored) != value {
                    return Err(value.to_string());
                }
                match element {
                    ElementType::Float64 => doubles.push(double),
                    _ => singles.push(short(double)),
                }
            }
            match element {
                ElementType::Float64 => Elements::Float64(Arc::new(doubles)),
                _ => Elements::Float32(Arc::new(singles)),
            }
        }
        (Elements::Integers(values), Some((low, high))) => {
            match values.iter().find(|value| !(low..=high).contains(*value)) {
                Some(value) => return Err(value.to_string()),
                None => Elements::Integers(Arc::clone(values)),
            }
        }
        (_, None) => {
            let wide = array.wide();
            match element {
                ElementType::Float64 => Elements::Float64(Arc::new(wide.into_owned())),
                _ => Elements::Float32(Arc::new(wide.iter().map(|&value| short(value)).collect())),
            }
        }
        (_, Some((low, high))) => {
            let integer = |&value: &f64| {
                let whole = value.fract() == 0.0 && value.abs() < 9e18;
                let found = whole.then(|| exact::<i64>(value));
                found.filter(|found| (low..=high).contains(found)).ok_or_else(|| value.to_string())
            };
            let integers: Result<Vec<i64>, String> = array.wide().iter().map(integer).collect();
            Elements::Integers(Arc::new(integers?))
        }
    };
    Ok(Tensor::new(array.shape().to_vec(), element, elements).expect("as many elements as before"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reals(shape: &[usize], values: &[f32]) -> Tensor {
        let values = Elements::Float32(values.to_vec().into());
        Tensor::new(shape.to_vec(), ElementType::Float32, values).unwrap()
    }

    fn input(element: ElementType, sizes: &[usize]) -> Input {
        let mut shape = vec![Dimension::Open(Some("N".to_owned()))];
        shape.extend(sizes.iter().map(|&size| Dimension::Fixed(size)));
        Input { name: "x".to_owned(), element, shape }
    }

    fn refused(input: &Input, array: &Tensor) -> String {
        fit(input, array, None).unwrap_err().to_string()
    }

    #[test]
    fn shapes_are_checked_with_advice() {
        let grey = input(ElementType::Float32, &[1, 2, 3]);
        assert!(fit(&grey, &reals(&[1, 1, 2, 3], &[0.0; 6]), None).is_ok());
        insta::assert_snapshot!(refused(&grey, &reals(&[1, 2, 3], &[0.0; 6])), @"input `x` takes arrays of shape [N, 1, 2, 3], but this one has shape [1, 2, 3]: a single input needs a first axis of 1, as in x[None]");
        insta::assert_snapshot!(refused(&grey, &reals(&[4, 2, 3], &[0.0; 24])), @"input `x` takes arrays of shape [N, 1, 2, 3], but this one has shape [4, 2, 3]: grey images need an axis of channels, as in x[:, None]");
        insta::assert_snapshot!(refused(&grey, &reals(&[1, 2, 3, 1], &[0.0; 6])), @"input `x` takes arrays of shape [N, 1, 2, 3], but this one has shape [1, 2, 3, 1]: channels are expected first; say `--layout nhwc`, or transpose(0, 3, 1, 2)");
        insta::assert_snapshot!(refused(&grey, &reals(&[1, 5], &[0.0; 5])), @"input `x` takes arrays of shape [N, 1, 2, 3], but this one has shape [1, 5]");
        let flat = input(ElementType::Float32, &[6]);
        insta::assert_snapshot!(refused(&flat, &reals(&[1, 1, 2, 3], &[0.0; 6])), @"input `x` takes arrays of shape [N, 6], but this one has shape [1, 1, 2, 3]: as in x.reshape(len(x), 6)");
    }

    #[test]
    fn channels_change_sides_when_asked() {
        let behind = reals(&[1, 1, 2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let first = input(ElementType::Float32, &[3, 1, 2]);
        let turned = fit(&first, &behind, Some(Layout::Nhwc)).unwrap();
        assert_eq!(turned, reals(&[1, 3, 1, 2], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let last = input(ElementType::Float32, &[1, 2, 3]);
        assert_eq!(fit(&last, &turned, Some(Layout::Nchw)).unwrap(), behind);
        assert_eq!(fit(&last, &behind, Some(Layout::Nhwc)).unwrap(), behind);
    }

    #[test]
    fn numbers_change_only_between_floats() {
        let half = cast(&reals(&[2], &[0.1, 2.0]), ElementType::Float16).unwrap();
        assert_eq!(half.wide()[1], 2.0);
        assert_eq!(half.wide()[0], f64::from(half::float16(0x2e66)));
        let bytes = cast(&reals(&[2], &[255.0, 0.0]), ElementType::UInt8).unwrap();
        assert_eq!(bytes.elements(), &Elements::Integers(vec![255, 0].into()));
        assert_eq!(cast(&reals(&[1], &[0.5]), ElementType::UInt8), Err("0.5".to_owned()));
        assert_eq!(cast(&reals(&[1], &[256.0]), ElementType::UInt8), Err("256".to_owned()));
        assert_eq!(cast(&reals(&[1], &[f32::NAN]), ElementType::Int64), Err("NaN".to_owned()));
        let long = Elements::Integers(vec![(1 << 24) + 1].into());
        let long = Tensor::new(vec![1], ElementType::Int64, long).unwrap();
        assert_eq!(cast(&long, ElementType::Float32), Err("16777217".to_owned()));
        assert_eq!(cast(&long, ElementType::Float64).unwrap().wide()[0], 16_777_217.0);
        let refused = refused(&input(ElementType::UInt8, &[]), &reals(&[1], &[0.5]));
        insta::assert_snapshot!(refused, @r#"input `x` takes uint8, which cannot be 0.5: convert the array, as in x.astype("uint8")"#);
    }
}
