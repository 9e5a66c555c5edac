//! Functions of one real number, element by element, on the float unit.

use crate::graph::operators::Problem;
use crate::graph::{Call, Definition, Operator, Value};

/// A function of one number.
struct Function(fn(f64) -> f64);

/// The operators of this file.
pub(super) const NAMES: &[&str] = &["Exp", "Sqrt", "Tanh"];

pub(super) fn make(definition: &Definition<'_>) -> Result<Box<dyn Operator>, Problem> {
    definition.expect_inputs(1, 1)?;
    Ok(Box::new(Function(match definition.node.operator.as_str() {
        "Exp" => libm::exp,
        "Sqrt" => f64::sqrt,
        "Tanh" => libm::tanh,
        _ => return Err(Problem::NoOperator),
    })))
}

impl Operator for Function {
    fn run(&self, call: &mut Call<'_>) -> Result<Vec<Value>, Problem> {
        let x = call.input(0)?;
        let shape = x.shape().to_vec();
        let values = x.wide().iter().map(|&x| (self.0)(x)).collect();
        Ok(vec![call.reals(0, shape, values)?])
    }
}
