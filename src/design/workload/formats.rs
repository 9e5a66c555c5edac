//! The number formats of a workload: one for all layers, or those of a training step.

use crate::files::trace::Row;
use hwmodel::Format;
use hwmodel::product::{ByOperand, Gemm, GemmKind, GemmShape};
use std::collections::BTreeMap;

/// Number formats of the layers on the array.
#[derive(Debug, Clone, PartialEq)]
pub struct Formats(Source);

#[derive(Debug, Clone, PartialEq)]
enum Source {
    /// The same for every layer; `None` is float32.
    Uniform(Option<ByOperand<Format>>),
    /// What each layer states, else these.
    Stated(ByOperand<Format>),
    Traced(Traced),
}

/// The formats of one step of a trace.
#[derive(Debug, Clone, PartialEq)]
struct Traced {
    trace: String,
    step: u64,
    layers: BTreeMap<String, TracedLayer>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct TracedLayer {
    formats: Option<ByOperand<Format>>,
    shape: GemmShape,
    groups: u64,
}

/// Error of formats that a trace does not contain, or that do not match a workload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatsError {
    /// The step is not in the trace.
    #[error("trace `{trace}` has no products of step {step}: {}", known(.before, .after))]
    NoStep {
        /// Name of the trace.
        trace: String,
        /// The step asked for.
        step: u64,
        /// The last traced step before it.
        before: Option<u64>,
        /// The first traced step after it.
        after: Option<u64>,
    },
    /// A layer of the workload is not in the trace.
    #[error(
        "trace `{trace}` has no layer `{layer}`, only {known}: give the architecture it was \
         recorded with"
    )]
    NoLayer {
        /// Name of the trace.
        trace: String,
        /// The layer.
        layer: String,
        /// The layers of the trace.
        known: String,
    },
    /// A layer has another size in the trace.
    #[error(
        "layer `{layer}` has N = {}, K = {} and {groups} groups, in trace `{trace}` N = {}, K = {} \
         and {traced_groups} groups: give the architecture, image size and classes it was recorded \
         with", .shape.n, .shape.k, .traced.n, .traced.k
    )]
    OtherShape {
        /// Name of the trace.
        trace: String,
        /// The layer.
        layer: String,
        /// Shape of the workload's product.
        shape: GemmShape,
        /// Its groups.
        groups: u64,
        /// Shape in the trace.
        traced: GemmShape,
        /// Groups in the trace.
        traced_groups: u64,
    },
}

fn known(before: &Option<u64>, after: &Option<u64>) -> String {
    match (before, after) {
        (None, None) => "it has no products at all".to_owned(),
        (Some(step), None) => format!("its last step is {step}"),
        (None, Some(step)) => format!("its first step is {step}"),
        (Some(before), Some(after)) => format!("the nearest are {before} and {after}"),
    }
}

impl Formats {
    /// `format` for input, weight and output of every layer.
    pub fn uniform(format: Format) -> Self {
        let formats = ByOperand { input: format, weight: format, output: format };
        Self(Source::Uniform(Some(formats)))
    }

    /// What the layers state themselves; for operands that state nothing `format`. Where only the result of a product is
    /// not stated, it leaves the accumulators as words of 32 bits.
    pub fn stated_or(format: Format) -> Self {
        Self(Source::Stated(ByOperand { input: format, weight: format, output: format }))
    }

    /// Float32 for every layer.
    pub fn float32() -> Self {
        Self(Source::Uniform(None))
    }

    /// The formats that were in force in step `step` of the trace called `trace`: those of its
    /// forward products. Reads no further than that step.
    ///
    /// # Errors
    /// The error of a row, or [`FormatsError::NoStep`].
    pub fn from_trace<E: From<FormatsError>>(
        trace: &str,
        step: u64,
        rows: impl IntoIterator<Item = Result<Row, E>>,
    ) -> Result<Self, E> {
        let mut layers = BTreeMap::new();
        let (mut before, mut after) = (None, None);
        for row in rows {
            let Row::Gemm(row) = row? else { continue };
            if row.step < step {
                before = Some(row.step);
            } else if row.step > step {
                after = Some(row.step);
                break;
            } else if row.kind == GemmKind::Forward {
                let traced =
                    TracedLayer { formats: row.formats, shape: row.shape, groups: row.groups };
                layers.insert(row.layer, traced);
            }
        }
        let trace = trace.to_owned();
        if layers.is_empty() {
            return Err(FormatsError::NoStep { trace, step, before, after }.into());
        }
        Ok(Self(Source::Traced(Traced { trace, step, layers })))
    }

    /// The formats of layer `layer`, whose forward product is `product` and which states `stated` itself; `None` is float32.
    ///
    /// # Errors
    /// If the trace has no such layer, or one of another size.
    pub(super) fn of(
        &self,
        layer: &str,
        stated: ByOperand<Option<Format>>,
        product: &Gemm,
    ) -> Result<Option<ByOperand<Format>>, FormatsError> {
        let traced = match &self.0 {
            Source::Uniform(formats) => return Ok(*formats),
            Source::Stated(others) => return Ok(Some(completed(stated, *others))),
            Source::Traced(traced) => traced,
        };
        let trace = || traced.trace.clone();
        let Some(found) = traced.layers.get(layer) else {
            let known: Vec<_> = traced.layers.keys().map(String::as_str).collect();
            let (layer, known) = (layer.to_owned(), known.join(", "));
            return Err(FormatsError::NoLayer { trace: trace(), layer, known });
        };
        let same = (found.shape.n, found.shape.k, found.groups)
            == (product.shape.n, product.shape.k, product.groups);
        if !same {
            return Err(FormatsError::OtherShape {
                trace: trace(),
                layer: layer.to_owned(),
                shape: product.shape,
                groups: product.groups,
                traced: found.shape,
                traced_groups: found.groups,
            });
        }
        Ok(found.formats)
    }
}

/// `stated` with what is missing.
fn completed(stated: ByOperand<Option<Format>>, others: ByOperand<Format>) -> ByOperand<Format> {
    let input = stated.input.unwrap_or(others.input);
    let weight = stated.weight.unwrap_or(others.weight);
    let result = || match (stated.input, stated.weight) {
        (None, None) => others.output,
        _ => accumulated(input, weight).unwrap_or(others.output),
    };
    ByOperand { input, weight, output: stated.output.unwrap_or_else(result) }
}

/// Words of 32 bits with the fractional length of products of `input` and `weight`.
pub(super) fn accumulated(input: Format, weight: Format) -> Option<Format> {
    Format::new(32, (input.fl() + weight.fl()).clamp(-64, 64)).ok()
}

impl std::fmt::Display for Formats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.0 {
            Source::Uniform(None) => f.write_str("float32"),
            Source::Uniform(Some(formats)) => formats.weight.fmt(f),
            Source::Stated(others) => write!(f, "of the model, otherwise {}", others.weight),
            Source::Traced(traced) => write!(f, "{} at step {}", traced.trace, traced.step),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::trace::{GemmRow, StepRow};

    const SHAPE: GemmShape = GemmShape { m: 64, n: 4, k: 9 };

    fn row(step: u64, layer: &str, wl: u32, kind: GemmKind) -> Result<Row, FormatsError> {
        let format = Format::new(wl, 4).unwrap();
        Ok(Row::Gemm(GemmRow {
            step,
            layer: layer.to_owned(),
            kind,
            formats: Some(ByOperand { input: format, weight: format, output: format }),
            shape: SHAPE,
            groups: 1,
            ..GemmRow::default()
        }))
    }

    fn rows() -> Vec<Result<Row, FormatsError>> {
        vec![
            row(2, "conv", 8, GemmKind::Forward),
            Ok(Row::Step(StepRow::default())),
            row(4, "conv", 11, GemmKind::Forward),
            row(4, "conv", 20, GemmKind::GradInput),
            row(6, "conv", 12, GemmKind::Forward),
        ]
    }

    fn product(n: u64) -> Gemm {
        let elements = ByOperand { input: 1, weight: 1, output: 1 };
        let shape = GemmShape { m: 7, n, ..SHAPE };
        Gemm { kind: GemmKind::Forward, shape, groups: 1, elements, formats: None }
    }

    #[test]
    fn the_formats_of_a_step_are_those_of_its_forward_products() {
        let formats = Formats::from_trace("t.csv", 4, rows()).unwrap();
        let found = formats.of("conv", ByOperand::default(), &product(4)).unwrap().unwrap();
        assert_eq!(found.weight.wl(), 11);
        assert_eq!(formats.to_string(), "t.csv at step 4");
    }

    #[test]
    fn missing_steps_layers_and_other_sizes_are_named() {
        let missing = |step| Formats::from_trace("t.csv", step, rows()).unwrap_err().to_string();
        insta::assert_snapshot!(missing(3), @"trace `t.csv` has no products of step 3: the nearest are 2 and 4");
        insta::assert_snapshot!(missing(0), @"trace `t.csv` has no products of step 0: its first step is 2");
        insta::assert_snapshot!(missing(9), @"trace `t.csv` has no products of step 9: its last step is 6");
        let formats = Formats::from_trace("t.csv", 2, rows()).unwrap();
        insta::assert_snapshot!(formats.of("fc", ByOperand::default(), &product(4)).unwrap_err(), @"trace `t.csv` has no layer `fc`, only conv: give the architecture it was recorded with");
        insta::assert_snapshot!(formats.of("conv", ByOperand::default(), &product(5)).unwrap_err(), @"layer `conv` has N = 5, K = 9 and 1 groups, in trace `t.csv` N = 4, K = 9 and 1 groups: give the architecture, image size and classes it was recorded with");
    }

    #[test]
    fn uniform_formats_fit_every_layer() {
        let format = Format::new(8, 4).unwrap();
        let formats = Formats::uniform(format);
        assert_eq!(
            formats.of("any", ByOperand::default(), &product(1)).unwrap().unwrap().input,
            format
        );
        assert_eq!(Formats::float32().of("any", ByOperand::default(), &product(1)), Ok(None));
        assert_eq!(Formats::float32().to_string(), "float32");
    }

    #[test]
    fn what_a_layer_states_is_taken_and_the_rest_completed() {
        let format = |wl, fl| Format::new(wl, fl).unwrap();
        let formats = Formats::stated_or(format(8, 4));
        let of = |stated| formats.of("conv", stated, &product(4)).unwrap().unwrap();
        let none = ByOperand::default();
        assert_eq!(of(none).output, format(8, 4));
        let weight = of(ByOperand { weight: Some(format(4, 3)), ..none });
        assert_eq!(
            (weight.input, weight.weight, weight.output),
            (format(8, 4), format(4, 3), format(32, 7))
        );
        let output =
            of(ByOperand { weight: Some(format(4, 3)), output: Some(format(6, 2)), ..none });
        assert_eq!(output.output, format(6, 2));
        assert_eq!(formats.to_string(), "of the model, otherwise ⟨8, 4⟩");
    }
}
