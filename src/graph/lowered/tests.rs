use super::*;
use crate::graph::testing::{NEWEST, arithmetic};
use crate::graph::{Arithmetic, Requantise};
use crate::onnx::model::{Attribute, Dimension, ElementType, Elements, Input, Model, Node, Tensor};
use hwmodel::SimdLevel;
use proptest::prelude::*;
use std::collections::BTreeMap;

const QONNX: &str = "qonnx.custom_op.general";
const MICROSOFT: &str = "com.microsoft";

/// How a file writes quantised tensors.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Style {
    Qonnx,
    Qdq,
    Qoperator,
}

/// Numbers that depend on the seed only.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    fn flag(&mut self) -> bool {
        self.below(2) == 1
    }

    fn real(&mut self) -> f64 {
        self.below(2001) as f64 / 1000.0 - 1.0
    }

    /// A scale; half of them powers of two, so that there are ties.
    fn scale(&mut self, powers: bool) -> f32 {
        let power = 2f32.powi(-(self.below(4) as i32) - 2);
        if powers { power } else { power * (1.0 + self.below(1000) as f32 / 1500.0) }
    }
}

/// A network that grows.
struct Network {
    model: Model,
    numbers: Numbers,
    style: Style,
    powers: bool,
    count: usize,
}

/// A quantised tensor: its name, and in the other styles those of its integers, scale and zero point.
#[derive(Clone)]
struct Quantised {
    name: String,
    integers: String,
    scale: String,
    zero: String,
    shape: Vec<usize>,
}

impl Network {
    fn new(seed: u64, style: Style) -> Self {
        let mut numbers = Numbers(seed);
        numbers.next();
        let opsets = BTreeMap::from([
            (String::new(), NEWEST),
            (QONNX.to_owned(), 1),
            (MICROSOFT.to_owned(), 1),
        ]);
        let model = Model {
            ir_version: 10,
            opsets,
            nodes: Vec::new(),
            initialisers: Vec::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let powers = numbers.flag();
        Self { model, numbers, style, powers, count: 0 }
    }

    fn constant(&mut self, shape: &[usize], element: ElementType, elements: Elements) -> String {
        let name = format!("c{}", self.model.initialisers.len());
        let tensor = Tensor::new(shape.to_vec(), element, elements).unwrap();
        self.model.initialisers.push((name.clone(), tensor));
        name
    }

    fn reals(&mut self, shape: &[usize], values: Vec<f32>) -> String {
        self.constant(shape, ElementType::Float32, Elements::Float32(values.into()))
    }

    fn integers(&mut self, shape: &[usize], element: ElementType, values: Vec<i64>) -> String {
        self.constant(shape, element, Elements::Integers(values.into()))
    }

    fn node(&mut self, name: &str, inputs: &[&str], attributes: &[(&str, Attribute)]) -> String {
        let domain = match name {
            "Quant" => QONNX,
            "QLinearAdd" | "QLinearAveragePool" | "QLinearGlobalAveragePool" => MICROSOFT,
            _ => "",
        };
        self.count += 1;
        let output = format!("v{}", self.count);
        self.model.nodes.push(Node {
            name: output.clone(),
            domain: domain.to_owned(),
            operator: name.to_owned(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![output.clone()],
            attributes: attributes.iter().map(|(n, a)| ((*n).to_owned(), a.clone())).collect(),
        });
        output
    }

    /// Scale and zero point of a new quantised tensor.
    fn parameters(&mut self) -> (String, String) {
        let scale = self.numbers.scale(self.powers);
        let scale = self.reals(&[], vec![scale]);
        let zero = match self.style {
            Style::Qonnx => self.reals(&[], vec![0.0]),
            _ => {
                let signed = self.numbers.flag();
                let element = if signed { ElementType::Int8 } else { ElementType::UInt8 };
                let zero = self.numbers.below(100) as i64 - if signed { 50 } else { 0 };
                self.integers(&[], element, vec![zero])
            }
        };
        (scale, zero)
    }

    /// `name` quantised.
    fn quantised(&mut self, name: &str, shape: Vec<usize>) -> Quantised {
        let (scale, zero) = self.parameters();
        if self.style == Style::Qonnx {
            let bits = 3 + self.numbers.below(6);
            let bits = self.reals(&[], vec![bits as f32]);
            let signed = Attribute::Integer(i64::from(self.numbers.flag()));
            let mode = ["ROUND", "FLOOR", "HALF_UP", "CEIL"][self.numbers.below(4)];
            let mode = Attribute::Text(mode.to_owned());
            let attributes = [("signed", signed), ("rounding_mode", mode)];
            let name = self.node("Quant", &[name, &scale, &zero, &bits], &attributes);
            return Quantised { integers: name.clone(), name, scale, zero, shape };
        }
        let integers = self.node("QuantizeLinear", &[name, &scale, &zero], &[]);
        self.dequantised(integers, scale, zero, shape)
    }

    fn dequantised(
        &mut self,
        integers: String,
        scale: String,
        zero: String,
        shape: Vec<usize>,
    ) -> Quantised {
        let name = match self.style {
            Style::Qdq => self.node("DequantizeLinear", &[&integers, &scale, &zero], &[]),
            _ => integers.clone(),
        };
        Quantised { name, integers, scale, zero, shape }
    }

    fn convolution(&mut self, x: &Quantised) -> Quantised {
        let (channels, height, width) = (x.shape[1], x.shape[2], x.shape[3]);
        let n = &mut self.numbers;
        let groups = match n.below(3) {
            0 => channels,
            1 if channels % 2 == 0 => 2,
            _ => 1,
        };
        let filters = groups * (1 + n.below(if groups == 1 { 12 } else { 2 }));
        let kernel = [1 + n.below(3.min(height)), 1 + n.below(3.min(width))];
        let stride = [1 + n.below(2), 1 + n.below(2)];
        let dilation = [1, 1 + usize::from(width > 5 && n.flag())];
        let pads = [n.below(2), n.below(3), n.below(2), n.below(2)];
        let size = |axis: usize, size: usize| {
            let reach = (kernel[axis] - 1) * dilation[axis] + 1;
            (size + pads[axis] + pads[axis + 2]).checked_sub(reach).map(|s| s / stride[axis] + 1)
        };
        let (Some(oh), Some(ow)) = (size(0, height), size(1, width)) else { return x.clone() };
        let ints =
            |values: &[usize]| Attribute::Integers(values.iter().map(|&v| v as i64).collect());
        let attributes = [
            ("group", Attribute::Integer(groups as i64)),
            ("kernel_shape", ints(&kernel)),
            ("strides", ints(&stride)),
            ("dilations", ints(&dilation)),
            ("pads", ints(&pads)),
        ];
        let of_group = channels / groups;
        let shape = [filters, of_group, kernel[0], kernel[1]];
        let count = shape.iter().product();
        let per_channel = n.flag();
        let scales: Vec<f32> = (0..if per_channel { filters } else { 1 })
            .map(|_| n.scale(self.powers) / 8.0)
            .collect();
        let output = vec![x.shape[0], filters, oh, ow];
        if self.style == Style::Qonnx {
            let values = (0..count).map(|_| self.numbers.real() as f32).collect();
            let values = self.reals(&shape, values);
            let scale_shape = if per_channel { vec![filters, 1, 1, 1] } else { vec![] };
            let scale = self.reals(&scale_shape, scales);
            let (zero, bits) = (self.reals(&[], vec![0.0]), self.reals(&[], vec![6.0]));
            let w = self.node(
                "Quant",
                &[&values, &scale, &zero, &bits],
                &[("narrow", Attribute::Integer(1))],
            );
            let mut inputs = vec![x.name.clone(), w];
            if self.numbers.flag() {
                // Not on the grid of the sums.
                let bias = (0..filters).map(|_| self.numbers.real() as f32).collect();
                inputs.push(self.reals(&[filters], bias));
            }
            let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
            let mut y = self.node("Conv", &inputs, &attributes);
            match self.numbers.below(4) {
                0 => y = self.node("Relu", &[&y], &[]),
                1 => {
                    let factors =
                        (0..filters).map(|_| 0.5 + self.numbers.real().abs() as f32).collect();
                    let factors = self.reals(&[1, filters, 1, 1], factors);
                    y = self.node("Mul", &[&y, &factors], &[]);
                }
                _ => {}
            }
            return self.quantised(&y, output);
        }
        let words = (0..count).map(|_| self.numbers.below(255) as i64 - 127).collect();
        let words = self.integers(&shape, ElementType::Int8, words);
        let scale_shape = if per_channel { vec![filters] } else { vec![] };
        let of_x = match self.model.initialisers.iter().find(|(name, _)| *name == x.scale) {
            Some((_, tensor)) => tensor.wide()[0] as f32,
            None => 1.0,
        };
        let bias_scales: Vec<f32> = scales.iter().map(|scale| of_x * scale).collect();
        let zeros = vec![0; scales.len()];
        let zero = self.integers(&scale_shape, ElementType::Int8, zeros.clone());
        let w_scale = self.reals(&scale_shape, scales);
        let bias = (0..filters).map(|_| self.numbers.below(2000) as i64 - 1000).collect();
        let bias = self.integers(&[filters], ElementType::Int32, bias);
        if self.style == Style::Qdq {
            let axis = [("axis", Attribute::Integer(0))];
            let w = self.node("DequantizeLinear", &[&words, &w_scale, &zero], &axis);
            let bias_scale = self.reals(&scale_shape, bias_scales);
            let bias_zero = self.integers(&scale_shape, ElementType::Int32, zeros);
            let bias = self.node("DequantizeLinear", &[&bias, &bias_scale, &bias_zero], &axis);
            let mut y = self.node("Conv", &[&x.name, &w, &bias], &attributes);
            if self.numbers.flag() {
                y = self.node("Relu", &[&y], &[]);
            }
            return self.quantised(&y, output);
        }
        let (scale, y_zero) = self.parameters();
        let inputs =
            [&x.integers, &x.scale, &x.zero, &words, &w_scale, &zero, &scale, &y_zero, &bias];
        let y = self.node("QLinearConv", &inputs.map(String::as_str), &attributes);
        self.dequantised(y, scale, y_zero, output)
    }

    fn pool(&mut self, x: &Quantised, mean: bool) -> Quantised {
        let shape = x.shape.clone();
        if shape[2] < 2 || shape[3] < 2 {
            return x.clone();
        }
        let two = Attribute::Integers(vec![2, 2]);
        let attributes = [("kernel_shape", two.clone()), ("strides", two)];
        let output = vec![shape[0], shape[1], shape[2] / 2, shape[3] / 2];
        if mean && self.style == Style::Qoperator {
            let (scale, zero) = self.parameters();
            let inputs = [&x.integers, &x.scale, &x.zero, &scale, &zero];
            let y = self.node("QLinearAveragePool", &inputs.map(String::as_str), &attributes);
            return self.dequantised(y, scale, zero, output);
        }
        let name = if mean { "AveragePool" } else { "MaxPool" };
        let y = self.node(name, &[&x.name], &attributes);
        if mean || (self.style == Style::Qdq && self.numbers.flag()) {
            return self.quantised(&y, output);
        }
        Quantised { name: y.clone(), integers: y, shape: output, ..x.clone() }
    }

    fn added(&mut self, x: &Quantised, y: &Quantised) -> Quantised {
        if x.shape != y.shape {
            return y.clone();
        }
        if self.style == Style::Qoperator {
            let (scale, zero) = self.parameters();
            let inputs =
                [&x.integers, &x.scale, &x.zero, &y.integers, &y.scale, &y.zero, &scale, &zero];
            let sum = self.node("QLinearAdd", &inputs.map(String::as_str), &[]);
            return self.dequantised(sum, scale, zero, x.shape.clone());
        }
        let mut sum = self.node("Add", &[&x.name, &y.name], &[]);
        if self.numbers.flag() {
            sum = self.node("Relu", &[&sum], &[]);
        }
        self.quantised(&sum, x.shape.clone())
    }

    /// A network of `blocks` blocks, and inputs for it.
    fn grown(mut self, blocks: usize) -> (Model, Tensor) {
        let n = &mut self.numbers;
        let shape = vec![3, 1 + n.below(4), 3 + n.below(7), 3 + n.below(7)];
        let count = shape.iter().product();
        let values: Vec<f32> = (0..count).map(|_| 6.0 * n.real() as f32).collect();
        let x = Tensor::new(shape.clone(), ElementType::Float32, Elements::Float32(values.into()));
        let sizes = shape[1..].iter().map(|&size| Dimension::Fixed(size));
        let sizes = [Dimension::Open(None)].into_iter().chain(sizes).collect();
        let input = Input { name: "x".to_owned(), element: ElementType::Float32, shape: sizes };
        self.model.inputs.push(input);
        let mut y = self.quantised("x", shape);
        let mut before = y.clone();
        for _ in 0..blocks {
            let next = match self.numbers.below(6) {
                0 => self.pool(&y, false),
                1 => self.pool(&y, true),
                2 => self.added(&before, &y),
                _ => self.convolution(&y),
            };
            (before, y) = (y, next);
        }
        y = self.convolution(&y);
        if self.numbers.flag() {
            y = self.pool(&y, true);
        }
        if self.style == Style::Qdq && self.numbers.flag() {
            self.model.outputs.push(before.name);
        }
        self.model.outputs.push(y.name);
        self.model.outputs.dedup();
        (self.model, x.unwrap())
    }
}

/// Both ways of running a model give the same values, and the same counts.
fn compare(model: &Model, x: &Tensor, arithmetic: Arithmetic) -> usize {
    let program = Program::new(model, arithmetic).unwrap();
    let values = |rows: usize| {
        let x = Value::of_tensor(&x.first_rows(rows), program.arithmetic());
        Values::from([("x".to_owned(), x)])
    };
    let mut found = BTreeMap::new();
    let outputs = program.run(values(3), |run| {
        let sums = run
            .sums
            .map(|sums| (*sums.values.iter().min().unwrap(), *sums.values.iter().max().unwrap()));
        found.insert(run.node.name.clone(), (run.place, run.macs, sums));
        Ok(())
    });
    let outputs = outputs.unwrap();
    let lowered = Lowered::new(&program, values(2), 2, |_| ()).unwrap();
    let Some(lowered) = lowered else { return 0 };
    let mut tallies = Vec::new();
    let lowered_outputs = lowered.run(values(3), |_| Ok(()), |tally| tallies.push(tally)).unwrap();
    assert_eq!(lowered_outputs, outputs);
    for tally in &tallies {
        let counts = (tally.place, tally.macs, tally.sums);
        assert_eq!(counts, found[&tally.node.name], "{}", tally.node.name);
    }
    assert_eq!(tallies.len(), lowered.nodes().count());
    tallies.iter().filter(|tally| tally.macs > 0).count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn lowered_networks_give_the_same_bits(
        seed in 0u64..1 << 40,
        style in prop::sample::select(vec![Style::Qonnx, Style::Qdq, Style::Qoperator]),
        blocks in 1usize..6,
        other in 0usize..4,
    ) {
        let (model, x) = Network::new(seed, style).grown(blocks);
        let simd = SimdLevel::available();
        let mut arithmetic = arithmetic(true);
        arithmetic.array.simd = simd[seed as usize % simd.len()];
        arithmetic.requantise = match other {
            0 => Requantise::Float32,
            1 => Requantise::Twice,
            _ => Requantise::Exact,
        };
        compare(&model, &x, arithmetic);
    }
}

#[test]
fn convolutions_of_every_style_are_lowered() {
    for style in [Style::Qonnx, Style::Qdq, Style::Qoperator] {
        let lowered: usize = (0..40)
            .map(|seed| {
                let (model, x) = Network::new(seed, style).grown(4);
                compare(&model, &x, arithmetic(true))
            })
            .sum();
        assert!(lowered > 40, "{style:?}: {lowered}");
    }
}
