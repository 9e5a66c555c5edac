//! Sizes of symbolic dimensions.

use super::error::OnnxError;
use super::proto;
use std::collections::{BTreeMap, BTreeSet};

/// Sizes for the symbolic dimensions of a model's inputs. Dimension i of input x is called `x.i` if
/// the model gives it no name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dimensions(BTreeMap<String, u64>);

impl Dimensions {
    /// The size of dimension `name`.
    pub fn get(&self, name: &str) -> Option<u64> {
        self.0.get(name).copied()
    }

    /// The shapes of `inputs`.
    pub(crate) fn shapes(&self, inputs: &[&proto::ValueInfo]) -> Result<Vec<Vec<u64>>, OnnxError> {
        let (mut known, mut missing) = (BTreeSet::new(), Vec::new());
        let mut shapes = Vec::with_capacity(inputs.len());
        for input in inputs {
            let shape = input.shape().ok_or_else(|| OnnxError::Input(input.name.clone()))?;
            let mut sizes = Vec::with_capacity(shape.dim.len());
            for (axis, dimension) in shape.dim.iter().enumerate() {
                if let Some(size) = dimension.fixed() {
                    sizes.push(size);
                    continue;
                }
                let name = match dimension.symbol() {
                    Some(symbol) => symbol.to_owned(),
                    None => format!("{}.{axis}", input.name),
                };
                match self.get(&name) {
                    Some(size) => sizes.push(size),
                    None if missing.contains(&name) => {}
                    None => missing.push(name.clone()),
                }
                known.insert(name);
            }
            shapes.push(sizes);
        }
        if let Some(name) = self.0.keys().find(|name| !known.contains(*name)) {
            let known: Vec<_> = known.into_iter().collect();
            let known = match known.as_slice() {
                [] => "all sizes are fixed, so leave --dim out".to_owned(),
                known => format!("the model's are {}", known.join(", ")),
            };
            return Err(OnnxError::UnknownDimension { name: name.clone(), known });
        }
        if missing.is_empty() { Ok(shapes) } else { Err(OnnxError::Dimensions(missing)) }
    }

    /// The shape that `info` declares, as far as all its sizes are known.
    pub(crate) fn declared(&self, info: &proto::ValueInfo) -> Option<Vec<u64>> {
        let of = |dimension: &proto::Dimension| {
            dimension.fixed().or_else(|| self.get(dimension.symbol()?))
        };
        info.shape()?.dim.iter().map(of).collect()
    }
}

impl FromIterator<(String, u64)> for Dimensions {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(sizes: I) -> Self {
        Self(sizes.into_iter().collect())
    }
}
