//! Sizes of symbolic dimensions.

use super::error::OnnxError;
use super::proto;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes for the dimensions of a model's inputs that are not numbers, by the model's name for them or by input and axis:
/// `x.2` is the size of axis 2 of input x, counted from 0. The latter wins, so that axes which share a name can have
/// different sizes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dimensions(BTreeMap<String, u64>);

/// The shapes of a model's inputs, and what follows from them for the names of dimensions.
pub(crate) struct InputShapes {
    /// The shape of each input.
    pub(crate) shapes: Vec<Vec<u64>>,
    /// The size of each name; `None` where it stands for several sizes.
    symbols: BTreeMap<String, Option<u64>>,
}

impl Dimensions {
    /// Whether no size is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The size called `name`.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// The shapes of `inputs`.
    ///
    /// # Errors
    /// If a size is missing, one is given that no input has, or an input is not a tensor of known rank.
    pub(crate) fn shapes(&self, inputs: &[&proto::ValueInfo]) -> Result<InputShapes, OnnxError> {
        let (mut known, mut axes) = (BTreeSet::new(), BTreeSet::new());
        let mut missing = Vec::new();
        let mut symbols: BTreeMap<String, Option<u64>> = BTreeMap::new();
        let mut shapes = Vec::with_capacity(inputs.len());
        for input in inputs {
            let shape = input.shape().ok_or_else(|| OnnxError::Input(input.name.clone()))?;
            let mut sizes = Vec::with_capacity(shape.dim.len());
            for (axis, dimension) in shape.dim.iter().enumerate() {
                if let Some(size) = dimension.fixed() {
                    sizes.push(size);
                    continue;
                }
                let place = format!("{}.{axis}", input.name);
                let symbol = dimension.symbol();
                let size = self.get(&place).or_else(|| self.get(symbol?));
                let name = symbol.map_or_else(|| place.clone(), str::to_owned);
                match size {
                    Some(size) => sizes.push(size),
                    None if missing.contains(&name) => {}
                    None => missing.push(name.clone()),
                }
                if let (Some(symbol), Some(size)) = (symbol, size) {
                    let one = symbols.entry(symbol.to_owned()).or_insert(Some(size));
                    *one = one.filter(|&other| other == size);
                }
                known.insert(name);
                axes.insert(place);
            }
            shapes.push(sizes);
        }
        let unknown = |name: &&String| !known.contains(*name) && !axes.contains(*name);
        if let Some(name) = self.0.keys().find(unknown) {
            let known: Vec<_> = known.into_iter().collect();
            let known = match known.as_slice() {
                [] => "all sizes are fixed, so leave --dim out".to_owned(),
                known => format!("the model's are {}", known.join(", ")),
            };
            return Err(OnnxError::UnknownDimension { name: name.clone(), known });
        }
        if missing.is_empty() {
            Ok(InputShapes { shapes, symbols })
        } else {
            Err(OnnxError::Dimensions(missing))
        }
    }
}

impl InputShapes {
    /// The shape that `info` declares, as far as all its sizes are known.
    pub(crate) fn declared(&self, info: &proto::ValueInfo) -> Option<Vec<u64>> {
        let of = |dimension: &proto::Dimension| {
            dimension.fixed().or_else(|| *self.symbols.get(dimension.symbol()?)?)
        };
        info.shape()?.dim.iter().map(of).collect()
    }
}

impl FromIterator<(String, u64)> for Dimensions {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(name: &str, sizes: &[Result<i64, &str>]) -> proto::ValueInfo {
        let axis = |size: &Result<i64, &str>| proto::Dimension {
            dim_value: size.ok(),
            dim_param: size.err().map(str::to_owned),
        };
        let shape = Some(proto::Shape { dim: sizes.iter().map(axis).collect() });
        let tensor_type = Some(proto::TensorType { elem_type: 1, shape });
        proto::ValueInfo { name: name.to_owned(), r#type: Some(proto::Type { tensor_type }) }
    }

    fn given(sizes: &[(&str, u64)]) -> Dimensions {
        sizes.iter().map(|&(name, size)| (name.to_owned(), size)).collect()
    }

    #[test]
    fn an_axis_is_named_apart_from_the_name_that_it_shares() {
        let x = input("x", &[Ok(-1), Ok(3), Err("?"), Err("?")]);
        let shapes = |sizes: &[(&str, u64)]| given(sizes).shapes(&[&x]);
        let one = shapes(&[("x.0", 2), ("?", 8)]).unwrap();
        assert_eq!(one.shapes, [[2, 3, 8, 8]]);
        let two = shapes(&[("x.0", 2), ("?", 8), ("x.3", 16)]).unwrap();
        assert_eq!(two.shapes, [[2, 3, 8, 16]]);
        let each = shapes(&[("x.0", 2), ("x.2", 8), ("x.3", 16)]).unwrap();
        assert_eq!(each.shapes, [[2, 3, 8, 16]]);
        // The name is worth nothing where it stands for two sizes.
        let declared = input("y", &[Ok(1), Err("?")]);
        assert_eq!(one.declared(&declared), Some(vec![1, 8]));
        assert_eq!((two.declared(&declared), each.declared(&declared)), (None, None));
        let error = |sizes: &[(&str, u64)]| shapes(sizes).err().unwrap().to_string();
        insta::assert_snapshot!(error(&[("x.0", 2), ("x.2", 8)]), @"the sizes of ? are not known: give --dim ?=SIZE");
        insta::assert_snapshot!(error(&[("x.1", 2)]), @"no input has a dimension `x.1`: the model's are ?, x.0");
    }
}
