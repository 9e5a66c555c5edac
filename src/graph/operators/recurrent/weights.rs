//! The matrices of a direction, real or quantised.

use super::super::quantised::dynamic;
use crate::graph::operator::{type_of, wide_of};
use crate::graph::operators;
use crate::graph::{Arithmetic, Call, Definition, Integers, Operator, Problem, Reals, Value};
use crate::onnx::model::{ElementType, Node};

/// Products with the matrices of a direction, row by row.
pub(super) trait Weights {
    /// W x of `rows` inputs.
    fn input(&mut self, x: &[f64], rows: usize) -> Result<Vec<f64>, Problem>;

    /// R h of `rows` outputs.
    fn recurrent(&mut self, h: &[f64], rows: usize) -> Result<Vec<f64>, Problem>;
}

/// Matrices with a row for each output.
pub(super) struct Real<'a> {
    pub(super) w: &'a [f64],
    pub(super) r: &'a [f64],
    pub(super) inputs: usize,
    pub(super) hidden: usize,
}

fn products(x: &[f64], rows: usize, matrix: &[f64], inner: usize) -> Vec<f64> {
    if inner == 0 {
        return vec![0.0; rows * matrix.len()];
    }
    let mut sums = Vec::with_capacity(rows * (matrix.len() / inner));
    for row in x.chunks_exact(inner).take(rows) {
        let sum = |weights: &[f64]| row.iter().zip(weights).map(|(x, w)| x * w).sum::<f64>();
        sums.extend(matrix.chunks_exact(inner).map(sum));
    }
    sums
}

impl Weights for Real<'_> {
    fn input(&mut self, x: &[f64], rows: usize) -> Result<Vec<f64>, Problem> {
        if self.inputs == 0 {
            return Ok(vec![0.0; rows * self.r.len() / self.hidden.max(1)]);
        }
        Ok(products(x, rows, self.w, self.inputs))
    }

    fn recurrent(&mut self, h: &[f64], rows: usize) -> Result<Vec<f64>, Problem> {
        Ok(products(h, rows, self.r, self.hidden))
    }
}

/// MatMulInteger with each direction's matrices, for inputs that are quantised by the range of each product's operand.
pub(super) struct Quantised {
    product: Box<dyn Operator>,
}

impl Quantised {
    pub(super) fn new(definition: &Definition<'_>) -> Result<Self, Problem> {
        for index in 8..12 {
            if !definition.has_input(index) {
                return Err(Problem::NoInput(index));
            }
        }
        let names = ["x", "w", "x zero", "w zero"].map(str::to_owned).to_vec();
        let node = Node {
            domain: String::new(),
            operator: "MatMulInteger".to_owned(),
            inputs: names,
            outputs: vec!["sums".to_owned()],
            attributes: Vec::new(),
            ..definition.node.clone()
        };
        let (constants, arithmetic) = (vec![None; 4], definition.arithmetic);
        let inner = Definition { node: &node, version: 10, constants, arithmetic };
        Ok(Self { product: operators::make(&inner)? })
    }

    /// The matrices of a direction; what their products count is added to `call`.
    pub(super) fn direction<'a, 'b>(
        &'a self,
        call: &'a mut Call<'b>,
        direction: usize,
    ) -> Result<Direction<'a, 'b>, Problem> {
        let matrix = |index: usize, scale: usize| -> Result<Matrix, Problem> {
            let value = call.input(index)?;
            let Value::Integer(all) = value else {
                return Err(type_of("weights", value, "int8 or uint8"));
            };
            let &[directions, inner, outputs] = all.shape.as_slice() else {
                return Err(Problem::Shape(format!("its weights have shape {:?}", all.shape)));
            };
            let count = inner * outputs;
            let own = all.values[direction * count..(direction + 1) * count].to_vec();
            let weights = Value::Integer(Integers::new(vec![inner, outputs], all.element, own));
            let scales = wide_of("scale of the weights", call.input(scale)?)?;
            let zeros = call.integers(scale + 1, "zero point of the weights")?;
            // One for a direction, or one for each column of it.
            let each = |count: usize| match count {
                count if count == directions || count == 1 && directions == 1 => Ok(1),
                count if Some(count) == directions.checked_mul(outputs) => Ok(outputs),
                count => {
                    let why =
                        format!("{count} scales for {directions} directions of {outputs} columns");
                    Err(Problem::Shape(why))
                }
            };
            let (many, zeros_many) = (each(scales.len())?, each(zeros.values.len())?);
            let start = direction * many;
            let zero = zeros.values[direction * zeros_many..(direction + 1) * zeros_many].to_vec();
            let shape = if zeros_many == 1 { vec![] } else { vec![zeros_many] };
            Ok(Matrix {
                weights,
                scales: scales[start..start + many].to_vec(),
                zero: Value::Integer(Integers::new(shape, zeros.element, zero)),
                inner,
            })
        };
        let (w, r) = (matrix(1, 8)?, matrix(2, 10)?);
        Ok(Direction { product: &*self.product, call, w, r })
    }
}

/// A quantised matrix with a column for each output.
struct Matrix {
    weights: Value,
    scales: Vec<f64>,
    zero: Value,
    inner: usize,
}

/// The matrices of a direction.
pub(super) struct Direction<'a, 'b> {
    product: &'a dyn Operator,
    call: &'a mut Call<'b>,
    w: Matrix,
    r: Matrix,
}

impl Direction<'_, '_> {
    fn product(&mut self, recurrent: bool, x: &[f64], rows: usize) -> Result<Vec<f64>, Problem> {
        let matrix = if recurrent { &self.r } else { &self.w };
        let arithmetic: &Arithmetic = self.call.arithmetic;
        let shape = vec![rows, matrix.inner];
        let x = Value::Real(Reals::new(arithmetic, shape, ElementType::Float32, x.to_vec()));
        let [x, scale, zero] = dynamic::quantised(arithmetic, &x)?;
        let scale = scale.wide()[0];
        let inputs = [x, matrix.weights.clone(), zero, matrix.zero.clone()];
        let mut part = self.call.part(inputs.map(Some).to_vec());
        let sums = self.product.run(&mut part)?;
        let sums = sums.first().ok_or(Problem::NoInput(0))?.wide().into_owned();
        let counts = part.counts();
        self.call.add(counts);
        let scales = matrix.scales.iter().cycle();
        Ok(sums.into_iter().zip(scales).map(|(sum, weight)| sum * (scale * weight)).collect())
    }
}

impl Weights for Direction<'_, '_> {
    fn input(&mut self, x: &[f64], rows: usize) -> Result<Vec<f64>, Problem> {
        self.product(false, x, rows)
    }

    fn recurrent(&mut self, h: &[f64], rows: usize) -> Result<Vec<f64>, Problem> {
        self.product(true, h, rows)
    }
}
