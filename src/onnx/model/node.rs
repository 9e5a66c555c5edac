//! Nodes and their attributes.

use super::Tensor;

/// A node of a graph.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name; that of its first output, or its number, if the file gives it none.
    pub name: String,
    /// Domain of the operator; ONNX's own is "".
    pub domain: String,
    /// Name of the operator.
    pub operator: String,
    /// Names of the values it reads; "" where an optional one is left out.
    pub inputs: Vec<String>,
    /// Names of the values it makes; "" where an optional one is left out.
    pub outputs: Vec<String>,
    /// Attributes by name.
    pub attributes: Vec<(String, Attribute)>,
}

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// An integer.
    Integer(i64),
    /// A float32.
    Real(f32),
    /// A text.
    Text(String),
    /// A tensor.
    Tensor(Tensor),
    /// Integers.
    Integers(Vec<i64>),
    /// Float32 numbers.
    Reals(Vec<f32>),
    /// Texts.
    Texts(Vec<String>),
    /// A graph, a sparse tensor, a tensor of strings or something else that no operator takes: one that needs the attribute
    /// refuses it.
    Other,
}

impl Node {
    /// The attribute `name`.
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|(found, _)| found == name).map(|(_, value)| value)
    }

    /// The operator with its domain, as messages show it.
    pub fn operator_name(&self) -> String {
        match self.domain.as_str() {
            "" => self.operator.clone(),
            domain => format!("{domain}.{}", self.operator),
        }
    }
}
