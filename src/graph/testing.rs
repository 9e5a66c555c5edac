//! One node with constants and inputs, for the tests of operators.

use super::{
    Arithmetic, Call, Definition, Integers, Place, Problem, Reals, Scale, Scaled, Value, operators,
};
use crate::onnx::model::{Attribute, ElementType, Node};
use hwmodel::{Accumulator, SimdLevel};

use hwmodel::array::MacArray;
use std::sync::Arc;

/// The newest opset.
pub(crate) const NEWEST: i64 = 25;

/// An array with exact accumulators, and float32 or float64 reals.
pub(crate) fn arithmetic(wide_reals: bool) -> Arithmetic {
    let array = MacArray { simd: SimdLevel::best(), accumulator: Accumulator::default() };
    Arithmetic { wide_reals, ..Arithmetic::float32(array) }
}

/// A node and what it is given.
pub(crate) struct Case {
    node: Node,
    version: i64,
    inputs: Vec<Option<Value>>,
    wide_reals: bool,
}

#[allow(dead_code, reason = "not every operator is tested with every kind of input")]
impl Case {
    /// A node of ONNX's newest opset with one output and no inputs.
    pub(crate) fn new(operator: &str) -> Self {
        let node = Node {
            name: "node".to_owned(),
            domain: String::new(),
            operator: operator.to_owned(),
            inputs: Vec::new(),
            outputs: vec!["y0".to_owned()],
            attributes: Vec::new(),
        };
        Self { node, version: NEWEST, inputs: Vec::new(), wide_reals: true }
    }

    pub(crate) fn domain(mut self, domain: &str, version: i64) -> Self {
        domain.clone_into(&mut self.node.domain);
        self.version = version;
        self
    }

    pub(crate) fn opset(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    pub(crate) fn narrow(mut self) -> Self {
        self.wide_reals = false;
        self
    }

    pub(crate) fn outputs(mut self, count: usize) -> Self {
        self.node.outputs = (0..count).map(|index| format!("y{index}")).collect();
        self
    }

    pub(crate) fn with(mut self, name: &str, attribute: Attribute) -> Self {
        self.node.attributes.push((name.to_owned(), attribute));
        self
    }

    pub(crate) fn int(self, name: &str, value: i64) -> Self {
        self.with(name, Attribute::Integer(value))
    }

    pub(crate) fn ints(self, name: &str, values: &[i64]) -> Self {
        self.with(name, Attribute::Integers(values.to_vec()))
    }

    pub(crate) fn float(self, name: &str, value: f32) -> Self {
        self.with(name, Attribute::Real(value))
    }

    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.with(name, Attribute::Text(value.to_owned()))
    }

    pub(crate) fn input(mut self, value: Value) -> Self {
        self.node.inputs.push(format!("x{}", self.inputs.len()));
        self.inputs.push(Some(value));
        self
    }

    /// An optional input that is left out.
    pub(crate) fn skip(mut self) -> Self {
        self.node.inputs.push(String::new());
        self.inputs.push(None);
        self
    }

    pub(crate) fn reals(self, shape: &[usize], values: &[f64]) -> Self {
        let arithmetic = arithmetic(self.wide_reals);
        let (shape, element) = (shape.to_vec(), ElementType::Float32);
        self.input(Value::Real(Reals::new(&arithmetic, shape, element, values.to_vec())))
    }

    pub(crate) fn integers(self, shape: &[usize], element: ElementType, values: &[i64]) -> Self {
        self.input(Value::Integer(Integers::new(shape.to_vec(), element, values.to_vec())))
    }

    pub(crate) fn scaled(
        self,
        shape: &[usize],
        integers: &[i64],
        range: (i64, i64),
        scale: Scale,
    ) -> Self {
        let (shape, integers) = (shape.to_vec(), Arc::new(integers.to_vec()));
        self.input(Value::Scaled(Scaled { shape, integers, range, scale }))
    }

    pub(crate) fn truths(self, shape: &[usize], values: &[i64]) -> Self {
        self.integers(shape, ElementType::Bool, values)
    }

    /// Integers 0, 1, 2, ...
    pub(crate) fn ramp(self, shape: &[usize]) -> Self {
        let count = shape.iter().product::<usize>() as i64;
        self.integers(shape, ElementType::Int64, &(0..count).collect::<Vec<_>>())
    }

    /// An input of sizes, axes or places.
    pub(crate) fn list(self, values: &[i64]) -> Self {
        self.input(Value::Integer(Integers::list(values.to_vec())))
    }

    /// The outputs, with every input known when the operator is made.
    pub(crate) fn run(&self) -> Result<Vec<Value>, Problem> {
        self.outcome(self.inputs.clone()).map(|outcome| outcome.0)
    }

    /// The outputs, with no input known when the operator is made.
    pub(crate) fn run_late(&self) -> Result<Vec<Value>, Problem> {
        self.outcome(vec![None; self.inputs.len()]).map(|outcome| outcome.0)
    }

    /// Where the work was done.
    pub(crate) fn place(&self) -> Result<Place, Problem> {
        self.outcome(self.inputs.clone()).map(|outcome| outcome.1)
    }

    /// The first output as numbers; the test fails if there is an error.
    pub(crate) fn numbers(&self) -> Vec<f64> {
        self.run().expect("the case is valid")[0].wide().into_owned()
    }

    fn outcome(&self, constants: Vec<Option<Value>>) -> Result<(Vec<Value>, Place), Problem> {
        let arithmetic = arithmetic(self.wide_reals);
        let definition =
            Definition { node: &self.node, version: self.version, constants, arithmetic };
        let operator = operators::make(&definition)?;
        let mut call = Call {
            inputs: self.inputs.clone(),
            arithmetic: &arithmetic,
            outputs: self.node.outputs.len(),
            place: Place::Moved,
            macs: 0,
            accumulator_events: 0,
            sums: None,
        };
        let outputs = operator.run(&mut call)?;
        Ok((outputs, call.place))
    }
}
