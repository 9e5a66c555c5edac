//! Which layout a file has, by its name or its header, and its check.

use super::{
    BlockFile, GoldenError, Report, Table, a2q_bound, adapt_sequences, adapt_units, ap_accum,
    ap_fixed, ap_width, cost_model, layers, matmul, muppet_policy, onnx_qdq, onnx_qlinear,
    qonnx_quant, qonnx_trunc, quant_block, quant_fixed, quant_float, requant, rtl_stochastic,
    rtl_values, tflite_ops, tflite_requant, torch, two_level_acc,
};
use hwmodel::SimdLevel;
use serde_json::Value;

/// A layout.
pub(super) struct Known {
    /// Its name, which is also how its files are called.
    pub(super) name: &'static str,
    header: Header,
    /// Recomputes a file at these SIMD levels.
    pub(super) check: fn(BlockFile, &[SimdLevel]) -> Result<Report, GoldenError>,
}

/// What a header of the layout has.
enum Header {
    /// `columns` with these among them.
    Columns(&'static [&'static str]),
    /// `blocks` as a text that starts so.
    Text(&'static str),
    /// `blocks` as an object with these keys, and these keys next to it.
    Keys(&'static [&'static str]),
}

/// Every layout, in alphabetical order.
const KNOWN: &[Known] = &[
    Known {
        name: "a2q_bound",
        header: Header::Text("a2q, a2q_plus: case / w"),
        check: |file, _| a2q_bound::check(&file),
    },
    Known {
        name: "adapt_sequences",
        header: Header::Keys(&["init", "grad", "master", "quantised"]),
        check: |file, _| adapt_sequences::check(&file),
    },
    Known {
        name: "adapt_units",
        header: Header::Keys(&["push_down", "push_up", "lookback"]),
        check: |file, _| adapt_units::check(&file),
    },
    Known {
        name: "ap_accum",
        header: Header::Text("case / x / w [in][out] / b / start"),
        check: |file, levels| ap_accum::check(&file, levels),
    },
    Known {
        name: "ap_fixed",
        header: Header::Columns(&["source", "S2", "W2", "I2", "N", "x", "RND_SAT_SYM"]),
        check: |file, levels| ap_fixed::check(&Table::new(file)?, levels),
    },
    Known {
        name: "ap_width",
        header: Header::Columns(&["W1", "I1", "S1", "ap_mul_W"]),
        check: |file, _| ap_width::check(&Table::new(file)?),
    },
    Known {
        name: "cost_model",
        header: Header::Keys(&["layer", "step", "result"]),
        check: |file, _| cost_model::check(&file),
    },
    Known {
        name: "layers",
        header: Header::Text("case / x / w / b / acc / y_emul / y_exact"),
        check: |file, levels| layers::check(&file, levels),
    },
    Known {
        name: "matmul",
        header: Header::Text("case / a (MxK) / w (KxN)"),
        check: |file, levels| matmul::check(&file, levels),
    },
    Known {
        name: "muppet_policy",
        header: Header::Keys(&["epoch", "grad", "first"]),
        check: |file, _| muppet_policy::check(&file),
    },
    Known {
        name: "onnx_qdq",
        header: Header::Text("QuantizeLinear: case / scale / zp / x / y"),
        check: |file, levels| onnx_qdq::check(&file, levels),
    },
    Known {
        name: "onnx_qlinear",
        header: Header::Keys(&["n_u8s8_outputs_changed_by_16_bit_saturation"]),
        check: |file, levels| onnx_qlinear::check(&file, levels),
    },
    Known {
        name: "qonnx_quant",
        header: Header::Text("IntQuant: case / scale (one per channel) / x"),
        check: |file, levels| qonnx_quant::check(&file, levels),
    },
    Known {
        name: "qonnx_trunc",
        header: Header::Text("case / scale / out_scale (v2 only) / int"),
        check: |file, _| qonnx_trunc::check(&file),
    },
    Known {
        name: "quant_block",
        header: Header::Text("case / x (float32 hex) / r (integers)"),
        check: |file, levels| quant_block::check(&file, levels),
    },
    Known {
        name: "quant_fixed",
        header: Header::Columns(&["wl", "fl", "x_hex", "r24", "exact_clamp"]),
        check: |file, levels| quant_fixed::check(&Table::new(file)?, levels),
    },
    Known {
        name: "quant_float",
        header: Header::Columns(&["exp", "man", "x_hex", "r", "exact_hex"]),
        check: |file, levels| quant_float::check(&Table::new(file)?, levels),
    },
    Known {
        name: "requant",
        header: Header::Columns(&["WL", "FL", "wl", "fl", "acc", "r"]),
        check: |file, levels| requant::check(&Table::new(file)?, levels),
    },
    Known {
        name: "rtl_stochastic",
        header: Header::Text("case / accumulators / outputs of a stochastic requantiser"),
        check: |file, levels| rtl_stochastic::check(&file, levels),
    },
    Known {
        name: "rtl_values",
        header: Header::Text("case / a [M, K] / b [K, N] / initial"),
        check: |file, levels| rtl_values::check(&file, levels),
    },
    Known {
        name: "tflite_ops",
        header: Header::Keys(&["agrees_everywhere_with", "n_differs_from"]),
        check: |file, levels| tflite_ops::check(&file, levels),
    },
    Known {
        name: "tflite_requant",
        header: Header::Columns(&["multiplier_f64", "q", "shift", "x", "double_rounding", "q15"]),
        check: |file, levels| tflite_requant::check(&Table::new(file)?, levels),
    },
    // Before torch_ops, whose blocks look the same.
    Known {
        name: "torch_nets",
        header: Header::Keys(&["sgd", "sgd_steps"]),
        check: |file, levels| torch::check_nets(&file, levels),
    },
    Known {
        name: "torch_ops",
        header: Header::Text("case / tensor,name,dtype,shape,values"),
        check: |file, levels| torch::check_ops(&file, levels),
    },
    Known {
        name: "two_level_acc",
        header: Header::Text("blocked: case / a / w"),
        check: |file, levels| two_level_acc::check(&file, levels),
    },
];

impl Known {
    /// The layout that a file called `stem` (without `.csv`) must have.
    pub(super) fn named(stem: &str) -> Option<&'static Self> {
        match stem {
            "quant_fixed_negfl" => Self::named("quant_fixed"),
            _ => KNOWN.iter().find(|known| known.name == stem),
        }
    }

    /// The layout that a tagged file, such as `matmul_other.csv`, seems to have.
    pub(super) fn tagged(stem: &str) -> Option<&'static Self> {
        let tag = |known: &Self| stem.strip_prefix(known.name);
        KNOWN.iter().find(|known| tag(known).is_some_and(|tag| tag.starts_with(['_', '-', '.'])))
    }

    /// The layout that the header of `file` describes.
    pub(super) fn described(file: &BlockFile) -> Option<&'static Self> {
        KNOWN.iter().find(|known| known.header.fits(file.header()))
    }
}

impl Header {
    fn fits(&self, header: &Value) -> bool {
        match self {
            Self::Columns(names) => {
                let columns = header.get("columns").and_then(Value::as_str).unwrap_or_default();
                names.iter().all(|name| columns.split(',').any(|column| column == *name))
            }
            Self::Text(start) => {
                let text = header.get("blocks").and_then(Value::as_str);
                text.is_some_and(|text| text.starts_with(start))
            }
            Self::Keys(keys) => {
                let has = |object: &Value| keys.iter().all(|key| object.get(key).is_some());
                has(header) || header.get("blocks").is_some_and(has)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::golden::CHECKS;
    use std::path::Path;

    #[test]
    fn every_check_is_found_by_name() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut found = Vec::new();
        for (name, _) in CHECKS {
            let known = Known::named(name).unwrap();
            let file = |folder| root.join(folder).join(format!("{name}.csv"));
            let file = BlockFile::read(&file("golden"))
                .or_else(|_| BlockFile::read(&file("golden/conventions")))
                .unwrap();
            assert_eq!(Known::described(&file).unwrap().name, known.name, "{name}");
            assert_eq!(Known::tagged(&format!("{name}_held")).unwrap().name, known.name);
            found.push(known.name);
        }
        found.dedup();
        assert_eq!(found, KNOWN.iter().map(|known| known.name).collect::<Vec<_>>());
    }

    #[test]
    fn other_names_and_headers_are_unknown() {
        for stem in ["", "layer", "layersx", "xlayers", "trace"] {
            assert!(Known::named(stem).is_none() && Known::tagged(stem).is_none(), "{stem}");
        }
        for header in ["{}", "{\"columns\": \"a,b\"}", "{\"blocks\": 3}", "{\"blocks\": {}}"] {
            let file = BlockFile::from_text("f.csv", format!("#{header}\n")).unwrap();
            assert!(Known::described(&file).is_none(), "{header}");
        }
    }
}
