//! Checks torch_nets.csv: whole networks, forward, backward and under SGD.

use super::case::TorchCase;
use super::compare::{Comparison, Tolerance};
use super::run;
use super::tensor::Layout;
use crate::network::vector::batch_norm::{EPSILON, MOMENTUM};
use crate::network::vector::softmax_cross_entropy::softmax_cross_entropy;
use crate::network::{Activation, Builder, Gradients, Network, NetworkError, NodeId, Pass};
use crate::train::optimiser::sgd::SgdOptions;
use crate::train::optimiser::{Optimiser, OptimiserOptions, RuleOptions};
use crate::verify::golden::{BlockFile, Checker, GoldenError, Report};
use hwmodel::SimdLevel;
use hwmodel::cast::nearest_f32;
use hwmodel::float32::Values;
use serde_json::Value;
use std::path::Path;

/// A network in float32 and a few updates of it against float64: about five times the largest differences seen: 1e-6 of
/// a tensor's largest, and 2e-8 in gradients of a bias in front of a batch norm, which are pure round-off.
const TOLERANCE: Tolerance = Tolerance { relative: 5e-6, absolute: 2e-7 };

/// Trains and evaluates every network of a file in the layout of torch_nets.csv, in float32 and at
/// every SIMD level of this CPU: logits, loss, gradients of the images and of every parameter, running
/// statistics after one training pass and logits with them, against the float32 and the float64
/// reference; then the losses before each step of plain SGD and the final parameters, against float64.
///
/// A difference of 5e-6 of the tensor's largest magnitude plus 2e-7 from float64, plus 1e-6 from float32 is
/// allowed.
///
/// # Errors
/// If the file cannot be read, a line is malformed or a batch norm has other constants than this crate's.
pub fn check_torch_nets(path: &Path) -> Result<Report, GoldenError> {
    check(&BlockFile::read(path)?, &SimdLevel::available())
}

pub(in crate::verify::golden) fn check(
    file: &BlockFile,
    levels: &[SimdLevel],
) -> Result<Report, GoldenError> {
    let sgd = Sgd::of(file)?;
    let mut checker = Checker::at_levels(file.name(), levels);
    for case in file.cases()? {
        checker.case();
        let case = TorchCase::new(case)?;
        let mut comparison = Comparison::new(&case, &mut checker, TOLERANCE);
        for &simd in levels {
            Run { case: &case, simd, flattened: None }.check(&sgd, &mut comparison)?;
        }
        case.finish()?;
    }
    checker.finish(file, &[])
}

/// The optimiser that the header states.
struct Sgd {
    learning_rate: f32,
    options: OptimiserOptions,
    steps: usize,
}

impl Sgd {
    fn of(file: &BlockFile) -> Result<Self, GoldenError> {
        let header = |reason: String| {
            let file = file.name().to_owned();
            GoldenError::Line { file, line: 1, reason }
        };
        let number = |path: &str| {
            let value = file.header().pointer(path).and_then(Value::as_f64);
            value.map(nearest_f32).ok_or_else(|| header(format!("no number {path}")))
        };
        if (number("/bn_eps")?, number("/bn_momentum")?) != (EPSILON, MOMENTUM) {
            let only = format!("only bn_eps = {EPSILON} and bn_momentum = {MOMENTUM} are known");
            return Err(header(only));
        }
        let steps = file.count("sgd_steps").and_then(|steps| usize::try_from(steps).ok());
        let options = OptimiserOptions {
            rule: RuleOptions::Sgd(SgdOptions { momentum: number("/sgd/momentum")? }),
            weight_decay: number("/sgd/weight_decay")?,
            l1: 0.0,
            accumulation: 1,
            normalise: false,
        };
        Ok(Self {
            learning_rate: number("/sgd/lr")?,
            options,
            steps: steps.ok_or_else(|| header("no number sgd_steps".to_owned()))?,
        })
    }
}

/// One network at one SIMD level.
struct Run<'c, 'a> {
    case: &'c TorchCase<'a>,
    simd: SimdLevel,
    /// The parameter whose inputs are flattened images, and their channels.
    flattened: Option<(&'static str, usize)>,
}

impl Run<'_, '_> {
    fn check(mut self, sgd: &Sgd, comparison: &mut Comparison<'_, '_>) -> Result<(), GoldenError> {
        let mut net = self.network()?;
        self.reset(&mut net)?;
        let images = run::images(self.case)?;
        let labels = self.case.tensor("in.labels")?.labels()?;
        let batch = (&images, labels.as_slice());
        let simd = self.simd;

        let (pass, loss, gradients) = self.step(&mut net, batch, 0)?;
        comparison.both("logits", LAYOUT, &pass.logits, simd)?;
        comparison.both("loss", LAYOUT, &[nearest_f32(loss)], simd)?;
        comparison.both("grad.in", LAYOUT, &gradients.input.unwrap_or_default(), simd)?;
        for (parameter, gradient) in net.parameters.iter().zip(&gradients.parameters) {
            let (name, layout) = (&parameter.name, self.layout(&parameter.name));
            comparison.both(&format!("grad.{name}"), layout, gradient, simd)?;
        }
        for node in &net.nodes {
            let Some(running) = node.running() else { continue };
            let name = |what| format!("after.{}.running_{what}", node.name);
            comparison.both(&name("mean"), LAYOUT, &running.mean, simd)?;
            comparison.both(&name("var"), LAYOUT, &running.variance, simd)?;
        }
        let evaluation = run::context(simd, 0, false);
        let pass = self.network_result(net.forward(images.clone(), &evaluation))?;
        comparison.both("eval_logits", LAYOUT, &pass.logits, simd)?;

        self.reset(&mut net)?;
        let losses = self.train(&mut net, batch, sgd)?;
        comparison.one("f64.sgd_losses", LAYOUT, &losses, simd)?;
        for parameter in &net.parameters {
            let (name, layout) = (&parameter.name, self.layout(&parameter.name));
            comparison.one(&format!("f64.sgd_final.{name}"), layout, &parameter.master, simd)?;
        }
        Ok(())
    }

    /// One training pass: what it kept, the loss and the gradients.
    fn step(
        &self,
        net: &mut Network,
        (images, labels): (&Activation, &[u16]),
        step: u64,
    ) -> Result<(Pass, f64, Gradients), GoldenError> {
        let context = run::context(self.simd, step, true);
        let mut pass = self.network_result(net.forward(images.clone(), &context))?;
        let mut gradient = vec![0.0; pass.logits.len()];
        let loss = softmax_cross_entropy(&pass.logits, net.classes, labels, 1.0, &mut gradient)
            .map_err(|error| self.case.error(error))?
            .loss;
        let gradients = self.network_result(net.backward(&mut pass, gradient, &context, true))?;
        Ok((pass, loss, gradients))
    }

    /// Plain SGD; returns the loss before each step.
    fn train(
        &self,
        net: &mut Network,
        batch: (&Activation, &[u16]),
        sgd: &Sgd,
    ) -> Result<Vec<f32>, GoldenError> {
        let [steps] = self.case.tensor("f64.sgd_losses")?.axes()?;
        if steps != sgd.steps {
            let reason = format!("{steps} losses, but sgd_steps is {}", sgd.steps);
            return Err(self.case.error(reason));
        }
        let optimisers = net.parameters.iter().map(|p| Optimiser::new(sgd.options, p.master.len()));
        let optimisers: Result<Vec<Optimiser>, _> = optimisers.collect();
        let mut optimisers = optimisers.map_err(|error| self.case.error(error))?;
        let mut losses = Vec::with_capacity(steps);
        for step in 0..steps {
            let (_, loss, gradients) = self.step(net, batch, step as u64)?;
            losses.push(nearest_f32(loss));
            for ((optimiser, parameter), gradient) in
                optimisers.iter_mut().zip(&mut net.parameters).zip(&gradients.parameters)
            {
                let master = &mut parameter.master;
                optimiser
                    .accumulate(gradient)
                    .and_then(|_| optimiser.prepare(self.simd, Values::Float(master), |_| Ok(())))
                    .and_then(|_| optimiser.update(master, sgd.learning_rate))
                    .map_err(|error| self.case.error(error))?;
            }
        }
        Ok(losses)
    }

    /// Sets every parameter from the file.
    fn reset(&self, net: &mut Network) -> Result<(), GoldenError> {
        let names: Vec<String> = net.parameters.iter().map(|p| p.name.clone()).collect();
        for name in &names {
            let from = format!("param.{name}");
            run::set_parameter(self.case, net, name, (&from, self.layout(name)))?;
        }
        Ok(())
    }

    fn layout(&self, parameter: &str) -> Layout {
        match self.flattened {
            Some((name, channels)) if name == parameter => Layout::Flattened { channels },
            _ => LAYOUT,
        }
    }

    fn network_result<T>(&self, result: Result<T, NetworkError>) -> Result<T, GoldenError> {
        result.map_err(|error| self.case.error(error))
    }

    fn network(&mut self) -> Result<Network, GoldenError> {
        let [images, channels, height, width] = self.case.tensor("in.x")?.axes()?;
        self.case.expect("B", images)?;
        self.case.expect("H", height)?;
        let mut net = run::builder(self.case.kind, [height, width, channels]);
        let classes = match self.case.kind {
            "lenet" => self.lenet(&mut net)?,
            "resnet" => self.resnet(&mut net)?,
            other => return Err(self.case.error(format!("unknown network `{other}`"))),
        };
        self.case.expect("NCLS", classes)?;
        self.network_result(net.finish())
    }

    /// Two convolutions, max and average pooling, two linear layers. Returns the classes.
    fn lenet(&mut self, net: &mut Builder) -> Result<usize, GoldenError> {
        let image = net.image();
        let [c1, _, k1, _] = self.case.tensor("param.conv1.weight")?.axes()?;
        self.case.expect("C1", c1)?;
        self.case.expect("K1", k1)?;
        let mut x = self.convolution(net, "conv1", image, 1, (k1 / 2, true))?;
        x = self.network_result(net.relu(x))?;
        x = self.network_result(net.max_pool(x, 2, 2))?;
        x = self.convolution(net, "conv2", x, 1, (0, true))?;
        x = self.network_result(net.batch_norm("bn2", x))?;
        x = self.network_result(net.relu(x))?;
        x = self.network_result(net.average_pool(x, 2, 2))?;
        let channels = net.shape(x)[2];
        self.case.expect("C2", channels)?;
        self.flattened = Some(("fc1.weight", channels));
        x = self.network_result(net.flatten(x))?;
        let (x, features) = self.linear(net, "fc1", x)?;
        self.case.expect("FC", features)?;
        let x = self.network_result(net.relu(x))?;
        Ok(self.linear(net, "fc2", x)?.1)
    }

    /// A block that halves the image, with a projected shortcut, and one with an identity shortcut.
    fn resnet(&self, net: &mut Builder) -> Result<usize, GoldenError> {
        let image = net.image();
        self.case.expect("CI", net.shape(image)[2])?;
        let mut y = self.normalised(net, ("a1", "an1"), image, (2, 1))?;
        y = self.network_result(net.relu(y))?;
        y = self.normalised(net, ("a2", "an2"), y, (1, 1))?;
        let shortcut = self.normalised(net, ("proj", "pn"), image, (2, 0))?;
        y = self.network_result(net.sum(y, shortcut))?;
        y = self.network_result(net.relu(y))?;
        self.case.expect("C", net.shape(y)[2])?;
        let mut z = self.normalised(net, ("b1", "bn1"), y, (1, 1))?;
        z = self.network_result(net.relu(z))?;
        z = self.normalised(net, ("b2", "bn2"), z, (1, 1))?;
        z = self.network_result(net.sum(z, y))?;
        z = self.network_result(net.relu(z))?;
        z = self.network_result(net.global_average_pool(z))?;
        Ok(self.linear(net, "fc", z)?.1)
    }

    /// A convolution without bias and its batch norm.
    fn normalised(
        &self,
        net: &mut Builder,
        (convolution, norm): (&str, &str),
        input: NodeId,
        (stride, padding): (usize, usize),
    ) -> Result<NodeId, GoldenError> {
        let x = self.convolution(net, convolution, input, stride, (padding, false))?;
        self.network_result(net.batch_norm(norm, x))
    }

    fn convolution(
        &self,
        net: &mut Builder,
        name: &str,
        input: NodeId,
        stride: usize,
        (padding, bias): (usize, bool),
    ) -> Result<NodeId, GoldenError> {
        let weights = self.case.tensor(&format!("param.{name}.weight"))?.axes()?;
        let geometry = ([stride; 2], [padding; 2], 1);
        run::convolution(self.case, net, name, input, (weights, bias), geometry)
    }

    fn linear(
        &self,
        net: &mut Builder,
        name: &str,
        input: NodeId,
    ) -> Result<(NodeId, usize), GoldenError> {
        let [outputs, _] = self.case.tensor(&format!("param.{name}.weight"))?.axes()?;
        Ok((self.network_result(net.linear(name, input, outputs))?, outputs))
    }
}

const LAYOUT: Layout = Layout::ChannelsLast;
