//! A tensor as PyTorch printed it.

use crate::verify::golden::layout::{channels_last, elements};
use crate::verify::golden::{GoldenError, Line};

/// A line `tensor,<name>,<dtype>,<shape>,<values>`; the shape is sizes joined by `x`.
#[derive(Debug)]
pub(super) struct Tensor<'a> {
    /// The line, for messages.
    pub(super) line: Line<'a>,
    /// Sizes of the axes.
    pub(super) shape: Vec<usize>,
    values: Values,
}

#[derive(Debug)]
enum Values {
    F32(Vec<f32>),
    F64(Vec<f64>),
    I64(Vec<i64>),
}

/// How the elements of a tensor are ordered here, where PyTorch's order differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// NCHW → NHWC and OIHW → OHWI for four axes, otherwise the same.
    ChannelsLast,
    /// `[o, c·h·w]` → `[o, h·w·c]`: the weights of a linear layer after flattening c channels.
    Flattened {
        /// c.
        channels: usize,
    },
}

impl<'a> Tensor<'a> {
    /// The name and the tensor of a line.
    pub(super) fn read(line: Line<'a>) -> Result<(&'a str, Self), GoldenError> {
        if line.tag() != "tensor" {
            return Err(line.error(format!("unexpected line `{}`", line.tag())));
        }
        let name = line.text(1, "name of the tensor")?;
        let sizes = line.text(3, "shape")?;
        let shape: Result<Vec<usize>, _> = sizes.split('x').map(str::parse).collect();
        let shape =
            shape.map_err(|_| line.error(format!("shape `{sizes}` is not sizes joined by x")))?;
        if shape.contains(&0) {
            return Err(line.error(format!("shape {sizes} has a size of 0")));
        }
        let values = match line.text(2, "type")? {
            "f32" => Values::F32(line.rest(4, |line, i| line.float32(i, "f32"))?),
            "f64" => Values::F64(line.rest(4, |line, i| line.float64(i, "f64"))?),
            "i64" => Values::I64(line.rest(4, |line, i| line.value(i, "i64"))?),
            other => return Err(line.error(format!("type `{other}` is not f32, f64 or i64"))),
        };
        let found = match &values {
            Values::F32(values) => values.len(),
            Values::F64(values) => values.len(),
            Values::I64(values) => values.len(),
        };
        if elements(&shape) != Some(found) {
            return Err(line.error(format!("a tensor of shape {sizes} has {found} values")));
        }
        Ok((name, Self { line, shape, values }))
    }

    /// The shape, which must have N axes.
    pub(super) fn axes<const N: usize>(&self) -> Result<[usize; N], GoldenError> {
        let axes = self.shape.as_slice().try_into();
        axes.map_err(|_| self.line.error(format!("the tensor must have {N} axes")))
    }

    /// The elements, which must be float32.
    pub(super) fn float32(&self, layout: Layout) -> Result<Vec<f32>, GoldenError> {
        match &self.values {
            Values::F32(values) => self.arranged(values, layout),
            _ => Err(self.line.error("the tensor must be of type f32")),
        }
    }

    /// The elements of either float type.
    pub(super) fn float(&self, layout: Layout) -> Result<Vec<f64>, GoldenError> {
        match &self.values {
            Values::F32(values) => {
                self.arranged(&values.iter().map(|&x| x.into()).collect::<Vec<_>>(), layout)
            }
            Values::F64(values) => self.arranged(values, layout),
            Values::I64(_) => Err(self.line.error("the tensor must be of a float type")),
        }
    }

    /// Labels of classes.
    pub(super) fn labels(&self) -> Result<Vec<u16>, GoldenError> {
        let Values::I64(values) = &self.values else {
            return Err(self.line.error("labels must be of type i64"));
        };
        let label =
            |&label| u16::try_from(label).map_err(|_| self.line.error("labels must be 0 to 65535"));
        values.iter().map(label).collect()
    }

    fn arranged<T: Copy>(&self, values: &[T], layout: Layout) -> Result<Vec<T>, GoldenError> {
        match (layout, self.shape.as_slice()) {
            (Layout::ChannelsLast, &[_, channels, height, width]) => {
                Ok(channels_last(values, channels, height * width))
            }
            (Layout::ChannelsLast, _) => Ok(values.to_vec()),
            (Layout::Flattened { channels }, &[_, inputs])
                if channels > 0 && inputs.is_multiple_of(channels) =>
            {
                Ok(channels_last(values, channels, inputs / channels))
            }
            (Layout::Flattened { channels }, _) => {
                let needed = format!("the tensor must have two axes, the second {channels}·h·w");
                Err(self.line.error(needed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(&str, Tensor<'_>), GoldenError> {
        Tensor::read(Line::new("f.csv", 3, text))
    }

    #[test]
    fn elements_are_rearranged() {
        let (name, x) =
            read("tensor,in.x,f32,1x2x1x2,3f800000,40000000,bf800000,80000000").unwrap();
        assert_eq!((name, x.axes::<4>().unwrap()), ("in.x", [1, 2, 1, 2]));
        assert_eq!(x.float32(Layout::ChannelsLast).unwrap(), [1.0, -1.0, 2.0, -0.0]);
        assert!(x.labels().is_err() && x.axes::<2>().is_err());
        let (_, w) = read("tensor,w,f64,1x2,3ff0000000000000,4000000000000000").unwrap();
        assert_eq!(w.float(Layout::ChannelsLast).unwrap(), [1.0, 2.0]);
        assert_eq!(w.float(Layout::Flattened { channels: 2 }).unwrap(), [1.0, 2.0]);
        assert!(
            w.float(Layout::Flattened { channels: 3 }).is_err()
                && w.float32(Layout::ChannelsLast).is_err()
        );
        let (_, labels) = read("tensor,in.labels,i64,2,3,65535").unwrap();
        assert_eq!(labels.labels().unwrap(), [3, 65535]);
        assert!(read("tensor,in.labels,i64,1,-1").unwrap().1.labels().is_err());
    }

    #[test]
    fn flattened_weights_put_channels_last() {
        let ones: Vec<String> = (0..6).map(|i| i.to_string()).collect();
        let tensor = format!("tensor,w,i64,1x6,{}", ones.join(","));
        let (_, w) = read(&tensor).unwrap();
        let Values::I64(values) = &w.values else { panic!("i64") };
        let arranged = w.arranged(values, Layout::Flattened { channels: 2 }).unwrap();
        assert_eq!(arranged, [0, 3, 1, 4, 2, 5]);
    }

    #[test]
    fn malformed_tensors_are_errors_with_a_line() {
        for (text, part) in [
            ("tensors,x,f32,1,3f800000", "unexpected line `tensors`"),
            ("tensor,x,f32,2,3f800000", "shape 2 has 1 values"),
            ("tensor,x,f32,1xx,3f800000", "shape `1xx`"),
            ("tensor,x,f32,2x0,", "size of 0"),
            ("tensor,x,f16,1,3c00", "type `f16`"),
            ("tensor,x,f32,1,+f800000", "`+f800000`"),
            ("tensor,x,f32,99999999999x99999999999,3f800000", "has 1 values"),
            ("tensor,x", "(shape) is missing"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.starts_with("f.csv, line 3: ") && error.contains(part), "{error}");
        }
    }
}
