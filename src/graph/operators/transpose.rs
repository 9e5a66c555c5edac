//! Other orders of axes.

use crate::graph::axes::{distinct, elements, strides, walk};
use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};

enum Rule {
    /// The order of the axes; reversed if it is not given.
    Transpose(Option<Vec<i64>>),
    /// Blocks of the channels become blocks of pixels. In the order CRD the channel comes before the place in the block.
    DepthToSpace {
        block: usize,
        channel_first: bool,
    },
    SpaceToDepth {
        block: usize,
        channel_first: bool,
    },
}

struct Transpose(Rule);

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["DepthToSpace", "SpaceToDepth", "Transpose"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    let block = || {
        let size = definition.integer("blocksize", 0)?;
        usize::try_from(size).ok().filter(|&size| size > 0 && size <= 1 << 16).ok_or_else(|| {
            let (name, allowed) = ("blocksize", "a size from 1 to 65536 is needed");
            Problem::Attribute { name, value: size.to_string(), allowed }
        })
    };
    let mode = || definition.choice("mode", &[("DCR", false), ("CRD", true)], "DCR or CRD");
    let rule = match definition.node.operator.as_str() {
        "Transpose" => Rule::Transpose(definition.integers("perm")?.map(<[i64]>::to_vec)),
        "DepthToSpace" => Rule::DepthToSpace { block: block()?, channel_first: mode()? },
        "SpaceToDepth" => Rule::SpaceToDepth { block: block()?, channel_first: mode()? },
        _ => return Err(Problem::NoOperator),
    };
    Ok(Box::new(Transpose(rule)))
}

/// `x` of shape `from` with its axes in the order `order`.
fn permuted(x: &Value, from: &[usize], order: &[usize], scales: Option<usize>) -> Value {
    let strides = strides(from);
    let shape: Vec<usize> = order.iter().map(|&axis| from[axis]).collect();
    let steps: Vec<usize> = order.iter().map(|&axis| strides[axis]).collect();
    let places = walk(&shape, &steps, 0);
    x.picked(shape, &places, scales)
}

impl Operator for Transpose {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let from = x.shape();
        let block_of = |block: usize| match *from {
            [n, c, h, w] => Ok((n, c, h, w, block)),
            _ => Err(Problem::Shape(format!("its input has shape {from:?}: four axes are needed"))),
        };
        let (parts, order, shape) = match &self.0 {
            Rule::Transpose(order) => {
                let order = match order {
                    Some(order) if order.len() == from.len() => distinct(order, from.len())?,
                    Some(order) => {
                        let why =
                            format!("perm {order:?} does not order the axes of shape {from:?}");
                        return Err(Problem::Shape(why));
                    }
                    None => (0..from.len()).rev().collect(),
                };
                let scales = match x {
                    Value::Scaled(x) => {
                        x.scale.axis.and_then(|axis| order.iter().position(|&from| from == axis))
                    }
                    _ => None,
                };
                return Ok(vec![permuted(x, from, &order, scales)]);
            }
            Rule::DepthToSpace { block, channel_first } => {
                let (n, c, h, w, b) = block_of(*block)?;
                if c % (b * b) != 0 {
                    let why = format!("{c} channels are not a multiple of {b} × {b}");
                    return Err(Problem::Shape(why));
                }
                let rest = c / (b * b);
                let shape = vec![n, rest, h * b, w * b];
                match channel_first {
                    false => ([n, b, b, rest, h, w], [0, 3, 4, 1, 5, 2], shape),
                    true => ([n, rest, b, b, h, w], [0, 1, 4, 2, 5, 3], shape),
                }
            }
            Rule::SpaceToDepth { block, channel_first } => {
                let (n, c, h, w, b) = block_of(*block)?;
                if h % b != 0 || w % b != 0 {
                    let why = format!("{h} × {w} pixels are not a multiple of {b} × {b}");
                    return Err(Problem::Shape(why));
                }
                let shape = vec![n, c * b * b, h / b, w / b];
                let order = if *channel_first { [0, 1, 3, 5, 2, 4] } else { [0, 3, 5, 1, 2, 4] };
                ([n, c, h / b, b, w / b, b], order, shape)
            }
        };
        elements(&shape)?;
        let x = permuted(&x.uniform(call.arithmetic), &parts, &order, None);
        Ok(vec![x.reshaped(call.arithmetic, shape)])
    }
}

#[cfg(test)]
mod tests {
    use crate::graph::testing::Case;

    fn ramp(operator: &str, shape: &[usize]) -> Case {
        Case::new(operator).ramp(shape)
    }

    #[test]
    fn axes_change_places() {
        assert_eq!(ramp("Transpose", &[2, 3]).numbers(), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let y = ramp("Transpose", &[2, 1, 3]).ints("perm", &[1, 0, 2]).run().unwrap();
        assert_eq!(y[0].shape(), [1, 2, 3]);
        assert!(ramp("Transpose", &[2, 3]).ints("perm", &[0, 0]).run().is_err());
        assert!(ramp("Transpose", &[2, 3]).ints("perm", &[0]).run().is_err());
    }

    #[test]
    fn blocks_of_channels_and_pixels() {
        let y = |mode| ramp("DepthToSpace", &[1, 8, 1, 1]).int("blocksize", 2).text("mode", mode);
        assert_eq!(y("DCR").numbers(), [0.0, 2.0, 4.0, 6.0, 1.0, 3.0, 5.0, 7.0]);
        assert_eq!(y("CRD").numbers(), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]);
        let back = ramp("SpaceToDepth", &[1, 2, 2, 2]).int("blocksize", 2);
        assert_eq!(back.numbers(), [0.0, 4.0, 1.0, 5.0, 2.0, 6.0, 3.0, 7.0]);
        assert!(ramp("DepthToSpace", &[1, 6, 1, 1]).int("blocksize", 2).run().is_err());
        assert!(ramp("SpaceToDepth", &[1, 1, 2, 2]).int("blocksize", 0).run().is_err());
    }
}
