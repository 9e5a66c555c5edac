//! Small graphs against the layers made of them.

use super::import;
use crate::graph::{Arithmetic, Program, Reals, Value, Values};
use crate::network::backward_arithmetic::BackwardArithmetic;
use crate::network::{Activation, PassSettings};
use crate::onnx::model::{Attribute, Dimension, ElementType, Input, Model, Node};
use crate::tensor::{Elements, Tensor};
use hwmodel::array::MacArray;
use hwmodel::random::RandomSource;
use hwmodel::{Accumulator, Overflow, Rounding, SimdLevel};
use std::sync::Arc;

/// A graph from the value `x` to the value `y`.
struct Graph(Model);

impl Graph {
    fn new(shape: &[usize]) -> Self {
        let input = Input {
            name: "x".to_owned(),
            element: ElementType::Float32,
            shape: shape.iter().map(|&size| Dimension::Fixed(size)).collect(),
        };
        Self(Model {
            ir_version: 8,
            opsets: [(String::new(), 18)].into(),
            nodes: Vec::new(),
            initialisers: Vec::new(),
            inputs: vec![input],
            outputs: vec!["y".to_owned()],
        })
    }

    /// A node with the attributes of integers `attributes`.
    fn node(
        mut self,
        operator: &str,
        inputs: &[&str],
        to: &str,
        attributes: &[(&str, &[i64])],
    ) -> Self {
        let attribute = |&(name, values): &(&str, &[i64])| {
            let value = match values {
                [value] if name == "transB" || name == "axis" => Attribute::Integer(*value),
                values => Attribute::Integers(values.to_vec()),
            };
            (name.to_owned(), value)
        };
        self.0.nodes.push(Node {
            name: format!("node_{to}"),
            domain: String::new(),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&name| name.to_owned()).collect(),
            outputs: vec![to.to_owned()],
            attributes: attributes.iter().map(attribute).collect(),
        });
        self
    }

    /// A constant whose elements are not all alike, below 1 in size.
    fn weight(self, name: &str, shape: &[usize]) -> Self {
        let count: usize = shape.iter().product();
        let values = (0..count).map(|i| ((i * 37 + name.len() * 11) as f32 * 0.7).sin()).collect();
        self.constant(name, shape, values)
    }

    fn constant(mut self, name: &str, shape: &[usize], values: Vec<f32>) -> Self {
        let tensor =
            Tensor::new(shape.to_vec(), ElementType::Float32, Elements::Float32(Arc::new(values)))
                .unwrap();
        self.0.initialisers.push((name.to_owned(), tensor));
        self
    }

    /// Outputs of the graph, and of its layers in float32, for one sample.
    fn both(&self) -> (Vec<f64>, Vec<f32>) {
        let simd = SimdLevel::best();
        let array = MacArray { simd, accumulator: Accumulator::default() };
        let program = Program::new(&self.0, Arithmetic::float32(array)).unwrap();
        let shape: Vec<usize> = self.0.inputs[0]
            .shape
            .iter()
            .map(|size| match size {
                Dimension::Fixed(size) => *size,
                Dimension::Open(_) => 1,
            })
            .collect();
        let count: usize = shape.iter().product();
        let x: Vec<f64> = (0..count).map(|i| (i as f64 * 1.3).sin()).collect();
        let reals = Reals::new(program.arithmetic(), shape, ElementType::Float32, x.clone());
        let values = Values::from([("x".to_owned(), Value::Real(reals))]);
        let graph = program.run(values, |_| Ok(())).unwrap();
        let mut network = import(&self.0, "graph", simd).unwrap().network;
        let [h, w, c] = network.input;
        // [c, h, w] → [h, w, c].
        let turned = (0..count).map(|i| x[i % c * h * w + i / c] as f32).collect();
        let settings = PassSettings {
            array,
            rounding: Rounding::NearestEven,
            random: RandomSource::PCG,
            overflow: Overflow::Saturate,
            seed: 1,
            step: 0,
            training: false,
            backward: BackwardArithmetic::Float32,
        };
        let pass = network.forward(Activation::float(turned, [1, h, w, c]), &settings).unwrap();
        (graph["y"].wide().into_owned(), pass.logits)
    }

    fn check(&self) {
        let (graph, layers) = self.both();
        assert_eq!(graph.len(), layers.len());
        assert!(graph.iter().any(|y| y.abs() > 1e-2), "{graph:?}");
        for (graph, layers) in graph.iter().zip(layers) {
            assert!((graph - f64::from(layers)).abs() < 1e-5, "{graph} and {layers}");
        }
    }

    fn refusal(&self) -> String {
        import(&self.0, "graph", SimdLevel::best()).err().expect("a refusal").to_string()
    }
}

#[test]
fn convolutions_may_be_dilated_and_padded_on_one_side() {
    let graph = Graph::new(&[1, 6, 11])
        .weight("conv.weight", &[8, 3, 3])
        .weight("bias", &[1, 8, 1])
        .weight("fc.weight", &[4, 8 * 11])
        .node(
            "Conv",
            &["x", "conv.weight"],
            "a",
            &[("dilations", &[2]), ("pads", &[1, 3]), ("group", &[2])],
        );
    let mut graph = graph
        .node("Add", &["bias", "a"], "b", &[])
        .node("Sigmoid", &["b"], "c", &[])
        .node("Mul", &["c", "b"], "d", &[])
        .node("Flatten", &["d"], "e", &[])
        .node("Gemm", &["e", "fc.weight"], "y", &[("transB", &[1])]);
    graph.0.nodes[0].attributes[2].1 = Attribute::Integer(2);
    graph.check();
    let layers = import(&graph.0, "graph", SimdLevel::best()).unwrap().network;
    let kinds: Vec<_> = layers.nodes.iter().map(|node| node.kind()).collect();
    assert_eq!(kinds, ["convolution", "function", "flatten", "linear"]);
}

#[test]
fn sides_of_images_differ_too() {
    Graph::new(&[1, 3, 7, 5])
        .weight("w", &[4, 3, 2, 3])
        .weight("fc", &[4, 2])
        .node(
            "Conv",
            &["x", "w"],
            "a",
            &[("dilations", &[3, 1]), ("pads", &[0, 2, 1, 0]), ("strides", &[1, 2])],
        )
        .node("HardSwish", &["a"], "b", &[])
        .node(
            "MaxPool",
            &["b"],
            "c",
            &[("kernel_shape", &[2, 2]), ("strides", &[2, 2]), ("pads", &[0, 0, 1, 1])],
        )
        .node("GlobalAveragePool", &["c"], "d", &[])
        .node("Flatten", &["d"], "e", &[])
        .node("MatMul", &["e", "fc"], "y", &[])
        .check();
}

#[test]
fn zeros_around_an_image_belong_to_the_next_convolution() {
    let padded = |value: f32| {
        Graph::new(&[1, 2, 5, 4])
            .weight("w", &[3, 2, 3, 3])
            .weight("fc", &[3, 2])
            .constant("value", &[], vec![value])
            .node("Pad", &["x", "pads", "value"], "a", &[])
    };
    let mut graph = padded(0.0)
        .node("Conv", &["a", "w"], "b", &[("pads", &[1, 0, 0, 0]), ("strides", &[2, 2])])
        .node("GlobalAveragePool", &["b"], "c", &[])
        .node("Flatten", &["c"], "d", &[])
        .node("MatMul", &["d", "fc"], "y", &[]);
    let pads = Elements::Integers(Arc::new(vec![0, 0, 0, 1, 0, 0, 2, 0]));
    let pads = Tensor::new(vec![8], ElementType::Int64, pads).unwrap();
    graph.0.initialisers.push(("pads".to_owned(), pads.clone()));
    graph.check();
    for (mut graph, why) in [
        (padded(1.0).node("Conv", &["a", "w"], "y", &[]), "value 1"),
        (padded(0.0).node("Relu", &["a"], "y", &[]), "only a convolution reads"),
    ] {
        graph.0.initialisers.push(("pads".to_owned(), pads.clone()));
        assert!(graph.refusal().contains(why), "{}", graph.refusal());
    }
}

#[test]
fn constants_before_a_product_go_into_it() {
    Graph::new(&[1, 5])
        .constant("sixteen", &[], vec![16.0])
        .constant("half", &[1], vec![0.5])
        .constant("one", &[], vec![1.0])
        .constant("root", &[], vec![std::f32::consts::SQRT_2])
        .weight("w1", &[5, 6])
        .weight("w2", &[6, 6])
        .weight("b2", &[6])
        .weight("w3", &[6, 3])
        .node("Div", &["x", "sixteen"], "a", &[])
        .node("Sub", &["a", "half"], "b", &[])
        .node("MatMul", &["b", "w1"], "c", &[])
        .node("Tanh", &["c"], "d", &[])
        .node("Gemm", &["d", "w2", "b2"], "e", &[])
        .node("Div", &["e", "root"], "f", &[])
        .node("Erf", &["f"], "g", &[])
        .node("Add", &["g", "one"], "h", &[])
        .node("Mul", &["e", "h"], "i", &[])
        .node("Mul", &["i", "half"], "j", &[])
        .node("Add", &["j", "one"], "k", &[])
        .node("MatMul", &["k", "w3"], "y", &[])
        .check();
}

#[test]
fn channels_may_have_constants_of_their_own() {
    let scales = |graph: Graph, channels: &[usize]| {
        let count = channels.iter().product::<usize>();
        let scale = (0..count).map(|channel| 0.25 + channel as f32).collect();
        graph.constant("scale", channels, scale).weight("mean", channels)
    };
    let image = scales(Graph::new(&[1, 4, 5, 3]), &[1, 4, 1, 1]);
    let image = image.weight("w", &[6, 2, 2, 2]).weight("fc", &[6 * 4 * 2, 3]);
    let mut image = image
        .node("Sub", &["x", "mean"], "a", &[])
        .node("Div", &["a", "scale"], "b", &[])
        .node("Conv", &["b", "w"], "c", &[("group", &[2])])
        .node("Flatten", &["c"], "d", &[])
        .node("MatMul", &["d", "fc"], "y", &[]);
    image.0.nodes[2].attributes[0].1 = Attribute::Integer(2);
    image.check();
    // Behind a flattening the channels of the file lie apart.
    let flat = scales(Graph::new(&[1, 2, 3, 2]), &[12]).weight("fc", &[12, 3]);
    flat.node("Flatten", &["x"], "a", &[])
        .node("Mul", &["a", "scale"], "b", &[])
        .node("Add", &["mean", "b"], "c", &[])
        .node("MatMul", &["c", "fc"], "y", &[])
        .check();
    let before = scales(Graph::new(&[1, 2, 3, 2]), &[2, 1, 1]).weight("fc", &[12, 3]);
    before
        .node("Mul", &["x", "scale"], "a", &[])
        .node("Add", &["mean", "a"], "b", &[])
        .node("Flatten", &["b"], "c", &[])
        .node("MatMul", &["c", "fc"], "y", &[])
        .check();
}

#[test]
fn constants_that_a_layer_cannot_take_are_refused() {
    let shifted =
        |after: Graph| after.constant("one", &[], vec![1.0]).node("Add", &["x", "one"], "a", &[]);
    let graph = shifted(Graph::new(&[1, 3, 4, 4])).weight("w", &[2, 3, 3, 3]);
    let padded = graph.node("Conv", &["a", "w"], "y", &[("pads", &[1, 1, 1, 1])]);
    assert!(padded.refusal().contains("which it pads with zeros"), "{}", padded.refusal());
    let relu = shifted(Graph::new(&[1, 4])).node("Relu", &["a"], "y", &[]);
    assert!(relu.refusal().contains("outside a product"), "{}", relu.refusal());
    let end = shifted(Graph::new(&[1, 4])).node("Identity", &["a"], "y", &[]);
    assert!(end.refusal().contains("behind the last product"), "{}", end.refusal());
    let scaled = Graph::new(&[1, 4]).constant("two", &[], vec![2.0]);
    let scaled = scaled.node("Mul", &["x", "two"], "a", &[]).node("Tanh", &["a"], "y", &[]);
    assert!(scaled.refusal().contains("multiplied by a constant"), "{}", scaled.refusal());
}
