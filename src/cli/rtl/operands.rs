//! The product of `hwsim rtl`: of a layer with real input, or drawn.

use super::RtlArguments;
use crate::cli::arguments::fixed_type;
use crate::cli::errors::Failure;
use crate::cli::model_data::{ModelData, images};
use crate::network::{BackwardArithmetic, PassSettings};
use crate::rtl::{About, Product, Stimulus};
use crate::verify::export::{ExportError, LayerOperands};
use anyhow::anyhow;
use hwmodel::array::MacArray;
use hwmodel::machine::Machine;
use hwmodel::random::{RandomAddress, Role};
use hwmodel::{Accumulator, Format, Rounding, SimdLevel};

/// The product asked for, and where it comes from.
pub(super) fn product(
    arguments: &RtlArguments,
    machine: &Machine,
    simd: SimdLevel,
) -> Result<(Product, About), Failure> {
    match &arguments.model {
        Some(_) => of_layer(arguments, machine, simd),
        None => drawn(arguments, machine),
    }
}

/// The accumulator: what the flags say, else the machine's own where it is not `exact`, else `own`.
fn accumulator(
    arguments: &RtlArguments,
    machine: &Machine,
    own: Accumulator,
) -> Result<Accumulator, Failure> {
    let stated = machine.accumulator() != Accumulator::default();
    arguments.accumulator.over(if stated { machine.accumulator() } else { own })
}

fn of_layer(
    arguments: &RtlArguments,
    machine: &Machine,
    simd: SimdLevel,
) -> Result<(Product, About), Failure> {
    let (Some(model), Some(layer)) = (&arguments.model, &arguments.layer) else {
        return Err(Failure::usage(anyhow!("`--model` needs `--layer`, by name or number")));
    };
    let data = ModelData::load(model, None, &arguments.data, arguments.images)?;
    let layer = data.layer(layer)?;
    let ModelData { mut network, header, dataset } = data;
    arguments.quantise.apply(&mut network, simd)?;
    // Layers before this one round as evaluation does.
    let deterministic = match header.rounding {
        Rounding::Stochastic => Rounding::NearestEven,
        other => other,
    };
    let context = PassSettings {
        array: MacArray { simd, accumulator: header.accumulator },
        rounding: deterministic,
        random: header.random,
        overflow: header.overflow,
        seed: header.seed,
        step: 0,
        training: false,
        backward: BackwardArithmetic::Float32,
    };
    let count = dataset.test.len();
    let captured = LayerOperands::capture(network, layer, images(&dataset, 0..count), &context)
        .map_err(|error| match error {
            ExportError::Stochastic => Failure::usage(error),
            other => other.into(),
        })?;
    let accumulator = accumulator(arguments, machine, header.accumulator)?;
    let operands = LayerOperands { accumulator, ..captured };
    // The numbers of the layer's node in the network, as in a run.
    let address = RandomAddress::new(header.seed, 0, operands.address.layer, Role::Output);
    let columns = operands.shapes()?.output()[3];
    let stated = (operands.output, operands.rounding, operands.overflow);
    let random = Some(header.random);
    let stage = arguments.stage.over(Some(stated), (address, random), columns)?;
    let rows = arguments.rows.map(|rows| rows as usize);
    let mut product = Product::of_layer(&operands, rows, address).map_err(super::failure)?;
    product.output = stage;
    let images = match count {
        1 => "1 image".to_owned(),
        count => format!("{count} images"),
    };
    let about = About {
        machine: machine.name().to_owned(),
        source: format!("{}, {images} of {}", header.arch, dataset.name),
        layer: Some(operands.layer),
    };
    Ok((product, about))
}

fn drawn(arguments: &RtlArguments, machine: &Machine) -> Result<(Product, About), Failure> {
    let (Some(m), Some(n), Some(k)) = (arguments.m, arguments.n, arguments.k) else {
        return Err(Failure::usage(anyhow!(
            "what is to be computed? Give `--model MODEL --layer LAYER`, or `--m M --n N --k K` for a product without a network"
        )));
    };
    if arguments.quantise.is_given() {
        return Err(Failure::usage(anyhow!(
            "`--wl`, `--fl`, `--number-format` and `--layer-formats` are for the layers of a `--model`: use `--format-a` and `--format-b`"
        )));
    }
    if arguments.data.dataset.is_some() || arguments.data.data_dir.is_some() {
        return Err(Failure::usage(anyhow!("`--dataset` and `--data-dir` need `--model`")));
    }
    let format = |text: &Option<String>, flag| match text {
        Some(text) => fixed_type(text, flag).map(|fixed| fixed.format),
        None => Format::new(8, 0).map_err(Failure::usage),
    };
    let bias = arguments.format_bias.is_some();
    let bias = bias.then(|| format(&arguments.format_bias, "--format-bias")).transpose()?;
    let address = RandomAddress::new(arguments.seed, 0, 0, Role::Output);
    let kind = arguments.operands;
    let stimulus = Stimulus {
        m: m as usize,
        n: n as usize,
        k: k as usize,
        a: format(&arguments.format_a, "--format-a")?,
        b: format(&arguments.format_b, "--format-b")?,
        bias,
        accumulator: accumulator(arguments, machine, Accumulator::default())?,
        output: arguments.stage.over(None, (address, None), n as usize)?,
        kind: kind.into(),
        seed: arguments.seed,
    };
    let product = stimulus.product().map_err(super::failure)?;
    let source = match kind {
        super::OperandKind::Random => format!("random words, seed {}", arguments.seed),
        super::OperandKind::Directed => format!("directed sums, seed {}", arguments.seed),
    };
    Ok((product, About { machine: machine.name().to_owned(), source, layer: None }))
}
