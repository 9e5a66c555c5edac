//! How a convolution is written in files: short where it is symmetric and dense.

use super::Convolution2d;
use serde::{Deserialize, Serialize};

/// [`Convolution2d`] as data.
#[derive(Serialize, Deserialize)]
pub(super) struct Geometry {
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Padding,
    #[serde(default = "dense", skip_serializing_if = "is_dense")]
    dilation: [usize; 2],
    groups: usize,
}

/// Padding of both axes.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Padding {
    /// One number for both sides of an axis.
    Symmetric([usize; 2]),
    /// `[before, after]` of each axis.
    Sides([[usize; 2]; 2]),
}

fn dense() -> [usize; 2] {
    [1; 2]
}

fn is_dense(dilation: &[usize; 2]) -> bool {
    *dilation == dense()
}

impl From<Convolution2d> for Geometry {
    fn from(convolution: Convolution2d) -> Self {
        let Convolution2d { kernel, stride, padding, dilation, groups } = convolution;
        let padding = match padding {
            [[top, bottom], [left, right]] if top == bottom && left == right => {
                Padding::Symmetric([top, left])
            }
            sides => Padding::Sides(sides),
        };
        Self { kernel, stride, padding, dilation, groups }
    }
}

impl From<Geometry> for Convolution2d {
    fn from(geometry: Geometry) -> Self {
        let Geometry { kernel, stride, padding, dilation, groups } = geometry;
        let padding = match padding {
            Padding::Symmetric(sides) => sides.map(|side| [side; 2]),
            Padding::Sides(sides) => sides,
        };
        Self { kernel, stride, padding, dilation, groups }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symmetric_and_dense_convolutions_are_short() {
        let strided = Convolution2d::square(3, 2, 1);
        let text = r#"{"kernel":[3,3],"stride":[2,2],"padding":[1,1],"groups":1}"#;
        assert_eq!(serde_json::to_string(&strided).unwrap(), text);
        assert_eq!(serde_json::from_str::<Convolution2d>(text).unwrap(), strided);
    }

    #[test]
    fn others_state_both_sides_and_the_dilation() {
        let padding = [[0, 1], [2, 2]];
        let convolution =
            Convolution2d { padding, dilation: [1, 2], ..Convolution2d::square(3, 1, 0) };
        let text = serde_json::to_string(&convolution).unwrap();
        assert!(text.contains(r#""padding":[[0,1],[2,2]],"dilation":[1,2]"#), "{text}");
        assert_eq!(serde_json::from_str::<Convolution2d>(&text).unwrap(), convolution);
    }
}
