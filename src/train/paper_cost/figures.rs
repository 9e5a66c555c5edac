//! The definition of each figure in tables, summaries and reports: docs/figures.md, the help of `--summary` and the
//! report's tooltips are made of these texts.

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figure {
    /// Its name in tables.
    pub name: &'static str,
    /// Its key in a summary, and that of the paper's form of it where that differs.
    pub keys: &'static [&'static str],
    /// What it is.
    pub meaning: &'static str,
    /// Its equation.
    pub equation: &'static str,
    /// Where it is from.
    pub source: &'static str,
    /// The headings that it stands under in tables and reports.
    pub labels: &'static [&'static str],
}

/// AdaPT's performance model.
const ADAPT: &str = "Kummer et al., AdaPT (arXiv 2107.13490), performance model";

/// All figures.
pub const FIGURES: [Figure; 8] = [
    Figure {
        name: "SU1",
        keys: &["su1"],
        meaning: "training speedup over float32 at equal epochs, batch and accumulation, in bit-weighted multiply-adds; 1 is float32, higher is better",
        equation: "SU1 = sum 2*32*ops / (sum (ops*sp*WL + 32*ops) + sum 32*(ops_pd + ops_pu)/(lb*accs)), sums over steps and layers; ops multiply-adds, sp share of non-zero weights, backward pass dense at 32 bits, the last sum the controller's own work",
        source: ADAPT,
        labels: &["SU1", "SU1 training speedup", "SU1, training speedup"],
    },
    Figure {
        name: "SU2",
        keys: &["su2"],
        meaning: "SU1 at equal accuracy: over the share of the steps after which the float32 twin's best accuracy is reached; needs --with-baseline, equals SU1 where it is never reached",
        equation: "SU2 = SU1 / (step of the first evaluation with top-1 >= the twin's best / steps taken)",
        source: ADAPT,
        labels: &["SU2", "SU2 at iso-accuracy", "SU2, at iso-accuracy"],
    },
    Figure {
        name: "SU3",
        keys: &["su3"],
        meaning: "speedup over MuPPET's float32 baseline of 150 epochs with batches of 128 and no accumulation; a dash unless the run is of a network and data set of that baseline and comes within 1 point of its top-1",
        equation: "SU3 = 150/epochs * sum 2*32*ops / (sum (ops*sp*WL + sp*32*(ops_pd + ops_pu)/(lb*accs)) + sum 32*ops*128/(accs*batch)), epochs those executed, a part of one as a fraction",
        source: ADAPT,
        labels: &["SU3", "SU3 against MuPPET", "SU3, against MuPPET's baseline"],
    },
    Figure {
        name: "MEM",
        keys: &["mem_exact", "mem"],
        meaning: "memory of the weights in training: the float32 master copy and the copy that the array computes with, relative to the master copy alone; so 2 for a float32 run, whose second copy is as large, and 1.25 for dense 8-bit words",
        equation: "MEM = 1 + mean over steps of sum WL*nonzero / (32 * sum elements); the paper's form weights layers alike: 1 + mean over steps of (sum_l WL)*(mean_l sp) / (32*layers)",
        source: ADAPT,
        labels: &["MEM", "MEM, training memory", "MEM as in the paper", "MEM, paper"],
    },
    Figure {
        name: "SZ",
        keys: &["size_ratio_exact", "size_ratio"],
        meaning: "size of the final weights without their zeros, relative to dense float32; 1 is float32, lower is better",
        equation: "SZ = sum WL*nonzero / (32 * sum elements) at the end; the paper's form weights layers alike: (sum_l WL)*(mean_l sp) / (32*layers)",
        source: ADAPT,
        labels: &["SZ", "SZ model size", "SZ, model size", "SZ as in the paper", "SZ, paper"],
    },
    Figure {
        name: "inference speedup",
        keys: &["inference_su"],
        meaning: "speedup of the final model's forward pass over float32, in bit-weighted multiply-adds that skip zero weights; 1 is float32, higher is better",
        equation: "inference SU = sum 32*ops / sum WL*sp*ops, sums over layers",
        source: ADAPT,
        labels: &["inference speedup", "inference SU"],
    },
    Figure {
        name: "zero weights at the end",
        keys: &["final_sparsity_exact", "final_sparsity"],
        meaning: "share of the final weights that are zero as the array uses them",
        equation: "1 - sum nonzero / sum elements; the paper's form weights layers alike: 1 - mean_l sp",
        source: ADAPT,
        labels: &[
            "zero weights",
            "zero weights at the end, %",
            "zero weights at the end, mean of layers, %",
            "zero weights at the end",
            "at the end, paper",
        ],
    },
    Figure {
        name: "zero weights on average",
        keys: &["mean_sparsity_exact", "mean_sparsity"],
        meaning: "the same share, mean over the steps",
        equation: "1 - mean over steps of sum nonzero / sum elements; the paper's form: 1 - mean over steps of mean_l sp",
        source: ADAPT,
        labels: &[
            "zero weights on average, %",
            "zero weights on average, mean of layers, %",
            "zero weights on average",
            "on average, paper",
        ],
    },
];

/// The figure that a table shows under the heading `label`.
pub fn labelled(label: &str) -> Option<&'static Figure> {
    FIGURES.iter().find(|figure| figure.labels.contains(&label))
}

impl Figure {
    /// Meaning, equation and source in a line.
    pub fn text(&self) -> String {
        format!("{}: {}. {}. {}.", self.name, self.meaning, self.equation, self.source)
    }
}

/// The help of `--summary`: the keys of all figures with their meanings.
pub fn help() -> String {
    let mut text =
        "Write the final table as JSON. Its figures (equations: docs/figures.md):\n".to_owned();
    for figure in &FIGURES {
        text.push_str(&format!(
            "\n  {} [{}]: {}",
            figure.name,
            figure.keys.join(", "),
            figure.meaning
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn the_page_has_every_definition_as_it_stands_here() {
        let page = include_str!("../../../docs/figures.md");
        let flat: String = page.split_whitespace().collect::<Vec<_>>().join(" ");
        for figure in &FIGURES {
            for text in [figure.name, figure.meaning, figure.equation, figure.source] {
                assert!(flat.contains(text), "docs/figures.md does not say: {text}");
            }
            for key in figure.keys {
                assert!(flat.contains(&format!("`{key}`")), "docs/figures.md lacks the key {key}");
            }
        }
    }

    #[test]
    fn no_label_has_two_figures() {
        let mut seen = HashSet::new();
        for label in FIGURES.iter().flat_map(|figure| figure.labels) {
            assert!(seen.insert(label), "{label}");
            assert!(labelled(label).is_some());
        }
        assert!(labelled("network").is_none());
    }
}
