//! The state while layers become nodes.

use super::error::{ExportError, Refusal};
use super::target::Target;
use super::tensor::{Layout, Quantiser, Tensor, Words};
use super::{ExportSettings, Exported, ExportedProduct, Rounded, qdq, qonnx};
use crate::network::common_form::CommonForm;
use crate::network::graph::{Network, Node as Layer, owner_formats};
use crate::onnx::model::{Attribute, Dimension, Input, Model, Node};
use crate::onnx::write::Document;
use crate::precision::{Modes, NumberFormat, RoleFormats};
use crate::tensor::{self, ElementType, Elements};
use hwmodel::cast::nearest_f32;
use hwmodel::{FixedTensor, Format};
use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::sync::Arc;

/// Bits of a float32's significand: integers up to 2^24 are exact.
const EXACT_BITS: u32 = 24;

/// Nodes so far, and the values of the network that they make.
pub(super) struct Writing<'a> {
    pub(super) network: &'a Network,
    pub(super) settings: &'a ExportSettings,
    pub(super) target: Target,
    /// For the image and the result of every layer what it is in the file.
    values: Vec<Option<Tensor>>,
    nodes: Vec<Node>,
    initialisers: Vec<(String, tensor::Tensor)>,
    /// Names that are taken.
    names: HashSet<String>,
    products: Vec<ExportedProduct>,
    rounded: Vec<Rounded>,
    has_long_words: bool,
    input: Input,
}

impl<'a> Writing<'a> {
    pub(super) fn new(network: &'a Network, settings: &'a ExportSettings, target: Target) -> Self {
        let layout = layout_of_input(network);
        let [h, w, c] = network.input;
        let sizes = match layout {
            Layout::Image => vec![c, h, w],
            Layout::Row => vec![c, w],
            Layout::Features => vec![c],
        };
        let mut names = HashSet::new();
        // The results of layers have their names.
        let name = unique(&mut names, "input");
        let image =
            Tensor { name: name.clone(), shape: network.input, layout, places: None, words: None };
        let mut values = vec![None; network.nodes.len() + 1];
        values[0] = Some(image);
        Self {
            network,
            settings,
            target,
            values,
            nodes: Vec::new(),
            initialisers: Vec::new(),
            names,
            products: Vec::new(),
            rounded: Vec::new(),
            has_long_words: false,
            input: port(name, &sizes),
        }
    }

    /// Whether layer `index` has its value.
    pub(super) fn is_written(&self, index: usize) -> bool {
        self.values[index + 1].is_some()
    }

    /// Input `place` of layer `index`.
    pub(super) fn input(&self, index: usize, place: usize) -> Tensor {
        let value = self.network.nodes[index].inputs[place];
        self.values[value].clone().expect("layers come after their inputs")
    }

    /// The result of layer `index`.
    pub(super) fn set(&mut self, index: usize, tensor: Tensor) {
        self.values[index + 1] = Some(tensor);
    }

    /// The rectifier that alone reads layer `index`, which may be fused into it.
    pub(super) fn rectifier_after(&self, index: usize) -> Option<(usize, bool)> {
        let reads = |node: &&Layer| node.inputs.contains(&(index + 1));
        if self.network.nodes.iter().filter(reads).count() != 1 {
            return None;
        }
        let reader =
            self.network.nodes.iter().position(|node| node.inputs.contains(&(index + 1)))?;
        match self.network.nodes[reader].common_form() {
            Some(CommonForm::Relu) => Some((reader, false)),
            Some(CommonForm::Relu6) => Some((reader, true)),
            _ => None,
        }
    }

    /// Rounding and overflow modes of layer `index`: its own, or those of its [`owner`](Self::owner).
    fn modes(&self, index: usize) -> Modes {
        let node = &self.network.nodes[index];
        let own = node.parameters_of(&self.network.parameters).first();
        own.map_or_else(|| self.owner(index).modes, |parameter| parameter.formats.modes)
    }

    /// Formats of the layer on the array that layer `index` belongs to.
    pub(super) fn owner(&self, index: usize) -> RoleFormats {
        let Network { nodes, parameters, mac_layers, .. } = self.network;
        owner_formats(parameters, mac_layers, nodes[index].owner)
    }

    /// The quantiser of words of layer `index` to `format`.
    pub(super) fn requantiser(&self, index: usize, format: Format) -> Result<Quantiser, Refusal> {
        let modes = self.modes(index);
        let overflow = modes.overflow.unwrap_or(self.settings.overflow);
        let rounding = modes.rounding.unwrap_or(self.settings.rounding);
        Quantiser::new(format, rounding, overflow, self.target)
    }

    /// The quantiser of float32 numbers of layer `index` to `format`: they saturate where the formats state nothing else.
    pub(super) fn quantiser(&self, index: usize, format: Format) -> Result<Quantiser, Refusal> {
        let modes = self.modes(index);
        let rounding = modes.rounding.unwrap_or(self.settings.rounding);
        Quantiser::new(format, rounding, modes.overflow.unwrap_or_default(), self.target)
    }

    /// The numbers `real` as words of layer `index`, which become the tensor `name`.
    pub(super) fn quantised(&mut self, real: &str, name: &str, to: Quantiser) -> (String, Words) {
        self.has_long_words |= to.format.wl() > 8;
        let name = match self.target {
            Target::Qdq => qdq::words(self, real, name, to),
            Target::Qonnx => qonnx::words(self, real, name, to),
        };
        (name, to.words())
    }

    /// `tensor` with the numbers `real`, which are words of it already: QDQ says so again, so that programs see that the operator
    /// between is one on integers.
    pub(super) fn same_words(&mut self, real: String, name: &str, words: Words) -> String {
        match self.target {
            Target::Qonnx => real,
            Target::Qdq => {
                let (low, high) = (words.format.min_raw(), words.format.max_raw());
                let rounding = hwmodel::Rounding::NearestEven;
                let to = Quantiser { format: words.format, rounding, range: (low, high) };
                qdq::words(self, &real, name, to)
            }
        }
    }

    /// `tensor` in words of `format`, as layer `index` reads it, under the name `name` if it has to be made.
    pub(super) fn in_format(
        &mut self,
        index: usize,
        tensor: Tensor,
        format: Format,
        name: &str,
    ) -> Result<(Tensor, Words), Refusal> {
        let to = match tensor.words {
            Some(words) if words.format == format => return Ok((tensor, words)),
            Some(_) => self.requantiser(index, format)?,
            None => self.quantiser(index, format)?,
        };
        let (name, words) = self.quantised(&tensor.name.clone(), name, to);
        Ok((Tensor { name, words: Some(words), ..tensor }, words))
    }

    /// A weight of the file.
    pub(super) fn weight(
        &mut self,
        name: &str,
        shape: &[usize],
        values: Vec<i64>,
        format: Format,
    ) -> Result<String, Refusal> {
        self.has_long_words |= format.wl() > 8;
        match self.target {
            Target::Qdq => qdq::weight(self, name, (shape, values), format),
            Target::Qonnx => qonnx::weight(self, name, (shape, values), format),
        }
    }

    /// A bias of the file, `values` at the scale 2^-`fl`, of the words `stored`.
    pub(super) fn bias(
        &mut self,
        name: &str,
        values: &[i64],
        fl: i32,
        stored: &FixedTensor,
    ) -> Result<String, Refusal> {
        match self.target {
            Target::Qdq => qdq::bias(self, name, values, fl, stored),
            Target::Qonnx => qonnx::bias(self, name, values, fl, stored),
        }
    }

    /// Remembers a product.
    pub(super) fn product(&mut self, product: ExportedProduct) {
        self.products.push(product);
    }

    /// Remembers that layer `index` has integers of magnitude `most`, which float32 may not hold.
    pub(super) fn needs(&mut self, index: usize, most: u128) {
        let bits = 128 - most.saturating_sub(1).leading_zeros();
        if let Some(bits) = NonZeroU32::new(bits).filter(|bits| bits.get() > EXACT_BITS) {
            let layer = self.network.nodes[index].name.clone();
            self.rounded.push(Rounded { layer, bits });
        }
    }

    /// A node of ONNX; its output is called `name`.`part`, or `name` if the part is empty.
    pub(super) fn node(
        &mut self,
        operator: &str,
        name: &str,
        inputs: &[&str],
        part: &str,
        attributes: &[(&str, Attribute)],
    ) -> String {
        self.node_of("", operator, name, inputs, part, attributes)
    }

    /// A node of the operator of a domain.
    pub(super) fn node_of(
        &mut self,
        domain: &str,
        operator: &str,
        name: &str,
        inputs: &[&str],
        part: &str,
        attributes: &[(&str, Attribute)],
    ) -> String {
        let output = match part {
            "" => name.to_owned(),
            part => format!("{name}.{part}"),
        };
        let output = unique(&mut self.names, &output);
        self.nodes.push(Node {
            name: format!("{output}/{operator}"),
            domain: domain.to_owned(),
            operator: operator.to_owned(),
            inputs: inputs.iter().map(|&input| input.to_owned()).collect(),
            outputs: vec![output.clone()],
            attributes: attributes
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect(),
        });
        output
    }

    /// The scale 2^-`fl`.
    pub(super) fn scale(&mut self, fl: i32) -> String {
        self.shared(format!("scale_2^{}", -fl), ElementType::Float32, vec![power(-fl)])
    }

    /// The number `raw`·2^-`fl`.
    pub(super) fn number(&mut self, raw: i64, fl: i32) -> String {
        let value = raw as f64 * power(-fl);
        self.shared(format!("number_{value}"), ElementType::Float32, vec![value])
    }

    /// The zero point 0 of `element`.
    pub(super) fn zero(&mut self, element: ElementType) -> String {
        self.limit(element, 0)
    }

    /// The integer `raw` of type `element`.
    pub(super) fn limit(&mut self, element: ElementType, raw: i64) -> String {
        self.shared(format!("{element}_{raw}"), element, vec![raw as f64])
    }

    /// A scalar that many nodes read.
    fn shared(&mut self, name: String, element: ElementType, values: Vec<f64>) -> String {
        // Layers could have such a name; only these constants have a `#`.
        let name = format!("#{name}");
        if self.names.insert(name.clone()) {
            let elements = match element.is_real() {
                true => Elements::Float32(Arc::new(values.into_iter().map(nearest_f32).collect())),
                false => Elements::Integers(Arc::new(
                    values.into_iter().map(hwmodel::cast::toward_zero::<i64>).collect(),
                )),
            };
            self.constant(name.clone(), &[], element, elements);
        }
        name
    }

    /// Constant integers.
    pub(super) fn integers(
        &mut self,
        name: &str,
        element: ElementType,
        shape: &[usize],
        values: Vec<i64>,
    ) -> String {
        let name = unique(&mut self.names, name);
        self.constant(name.clone(), shape, element, Elements::Integers(Arc::new(values)));
        name
    }

    /// The constant numbers `values`·2^-`fl`.
    pub(super) fn reals_of(
        &mut self,
        name: &str,
        shape: &[usize],
        values: &[i64],
        fl: i32,
    ) -> String {
        let step = power(-fl);
        self.reals(name, shape, values.iter().map(|&raw| nearest_f32(raw as f64 * step)).collect())
    }

    /// Constant numbers.
    pub(super) fn reals(&mut self, name: &str, shape: &[usize], values: Vec<f32>) -> String {
        let name = unique(&mut self.names, name);
        self.constant(
            name.clone(),
            shape,
            ElementType::Float32,
            Elements::Float32(Arc::new(values)),
        );
        name
    }

    fn constant(
        &mut self,
        name: String,
        shape: &[usize],
        element: ElementType,
        elements: Elements,
    ) {
        let tensor = tensor::Tensor::new(shape.to_vec(), element, elements);
        self.initialisers.push((name, tensor.expect("as many elements as the shape has")));
    }

    /// The graph.
    pub(super) fn finish(self) -> Result<Exported, ExportError> {
        let Self { network, target, mut values, mut nodes, initialisers, mut names, .. } = self;
        let last = values.pop().flatten().expect("the last layer was written");
        if last.places.is_some() {
            return Err(ExportError::FlattenedOutput);
        }
        let [h, w, c] = last.shape;
        let sizes = match last.layout {
            Layout::Image => vec![c, h, w],
            Layout::Row => vec![c, w],
            Layout::Features => vec![c],
        };
        // The last value is the output under a name that does not depend on the layers.
        let output = unique(&mut names, "output");
        for node in &mut nodes {
            for name in node.inputs.iter_mut().chain(&mut node.outputs) {
                if *name == last.name {
                    name.clone_from(&output);
                }
            }
        }
        let (short, long) = qdq::OPSETS;
        let is_long = target == Target::Qdq && self.has_long_words;
        let mut opsets = BTreeMap::from([(String::new(), if is_long { long } else { short })]);
        if target == Target::Qonnx {
            opsets.insert(qonnx::DOMAIN.to_owned(), 1);
        }
        let model = Model {
            // The versions of the file format that came with the opsets.
            ir_version: if is_long { 10 } else { 7 },
            opsets,
            nodes,
            initialisers,
            inputs: vec![self.input],
            outputs: vec![output.clone()],
        };
        let document = Document {
            model,
            outputs: vec![port(output, &sizes)],
            name: network.name.clone(),
            description: String::new(),
            metadata: Vec::new(),
        };
        let mut forms = network.nodes.iter().map(Layer::common_form);
        Ok(Exported {
            document,
            products: self.products,
            rounded: self.rounded,
            has_batch_norm: forms.any(|form| form == Some(CommonForm::BatchNorm)),
        })
    }
}

/// The fixed format, or why there is none.
pub(super) fn fixed(format: NumberFormat) -> Result<Format, Refusal> {
    match format {
        NumberFormat::Fixed(format) => Ok(format),
        NumberFormat::Float32 => Err(Refusal::Float32),
        NumberFormat::DynamicFixed { .. } => Err(Refusal::Dynamic),
    }
}

/// 2^`exponent`.
fn power(exponent: i32) -> f64 {
    2f64.powi(exponent)
}

/// `name`, or a numbered one if that is taken.
fn unique(names: &mut HashSet<String>, name: &str) -> String {
    let mut unique = name.to_owned();
    let mut number = 2;
    while !names.insert(unique.clone()) {
        unique = format!("{name}_{number}");
        number += 1;
    }
    unique
}

fn port(name: String, sizes: &[usize]) -> Input {
    let batch = Dimension::Open(Some("N".to_owned()));
    let sizes = sizes.iter().map(|&size| Dimension::Fixed(size));
    Input { name, element: ElementType::Float32, shape: [batch].into_iter().chain(sizes).collect() }
}

/// Networks of rows take rows, those that begin with a product of one pixel take features.
fn layout_of_input(network: &Network) -> Layout {
    let [h, w, _] = network.input;
    let one_row = |kernel: [usize; 2], stride: [usize; 2], padding: [usize; 2]| {
        kernel[0] == 1 && stride[0] == 1 && padding[0] == 0
    };
    let fits_rows = |node: &Layer| match node.common_form() {
        Some(CommonForm::Convolution(of)) => {
            one_row(of.kernel, of.stride, of.padding.map(|axis| axis.into_iter().sum()))
        }
        Some(CommonForm::MaxPool(of) | CommonForm::AveragePool(Some(of))) => {
            one_row(of.kernel, of.stride, of.padding)
        }
        _ => true,
    };
    let takes_pixels = |node: &Layer| {
        matches!(node.common_form(), Some(CommonForm::Convolution(_) | CommonForm::MaxPool(_)))
    };
    match (h, w) {
        (1, 1) if !network.nodes.iter().any(takes_pixels) => Layout::Features,
        (1, 2..) if network.nodes.iter().all(fits_rows) => Layout::Row,
        _ => Layout::Image,
    }
}
