//! Topologies of SCALE-Sim as workloads.
//!
//! A topology states the padded input of a convolution and takes the ceiling of (size - kernel) /
//! stride for its output, so that the last window may hang over the edge. Here that window sees
//! padding below and to the right: sizes of the product are the same.

use super::convolution::Convolution;
use super::error::WorkloadError;
use super::layer::{Layer, Workload};
use super::matrix_product::MatrixProduct;

/// One line of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopologyLayer {
    /// Name of the layer.
    pub name: String,
    /// Its sizes.
    pub sizes: TopologySizes,
}

/// Sizes in the two formats of a topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopologySizes {
    /// A line of the convolution format.
    Convolution {
        /// Height and width of the input, padding included.
        input: [u64; 2],
        /// Height and width of a filter.
        kernel: [u64; 2],
        /// Channels.
        channels: u64,
        /// Filters.
        filters: u64,
        /// Vertical and horizontal stride.
        stride: [u64; 2],
    },
    /// A line of the GEMM format.
    Gemm {
        /// Rows of input and output.
        m: u64,
        /// Columns of weights and output.
        n: u64,
        /// Columns of the input, rows of the weights.
        k: u64,
    },
}

impl Workload {
    /// The workload of a topology named `name`: one sample, no biases; the first layer is taken to
    /// read the network's input.
    ///
    /// # Errors
    /// If a layer's sizes are impossible or there is none.
    pub fn from_topology(name: &str, lines: &[TopologyLayer]) -> Result<Self, WorkloadError> {
        let mut layers = Vec::with_capacity(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let layer = match line.sizes {
                TopologySizes::Gemm { m, n, k } => {
                    Layer::matrix_product(&line.name, MatrixProduct::linear(m, n, k), false)
                }
                TopologySizes::Convolution { input, kernel, channels, filters, stride } => {
                    let overhang = |axis: usize| {
                        let room = input[axis].saturating_sub(kernel[axis]);
                        let rest = room.checked_rem(stride[axis]).unwrap_or(0);
                        if rest == 0 { 0 } else { stride[axis] - rest }
                    };
                    let convolution = Convolution {
                        images: 1,
                        input: [input[0], input[1], channels],
                        filters,
                        kernel,
                        stride,
                        padding: [[0, overhang(0)], [0, overhang(1)]],
                        dilation: [1; 2],
                        groups: 1,
                    };
                    Layer::convolution(&line.name, convolution, false)
                }
            };
            layers.push(if index == 0 { layer.first() } else { layer });
        }
        Self::new(name, layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::timing::GemmShape;

    fn convolution(input: [u64; 2], kernel: u64, stride: u64) -> TopologyLayer {
        let kernel = [kernel; 2];
        let sizes = TopologySizes::Convolution {
            input,
            kernel,
            channels: 3,
            filters: 16,
            stride: [stride; 2],
        };
        TopologyLayer { name: "conv".to_owned(), sizes }
    }

    #[test]
    fn a_stride_that_does_not_divide_gives_the_ceiling() {
        // ⌈(9 - 4 + 3) / 3⌉ = 3 and ⌈(11 - 4 + 3) / 3⌉ = 4; the floor rule gives 2 and 3.
        let workload = Workload::from_topology("t", &[convolution([9, 11], 4, 3)]).unwrap();
        let product = workload.layers()[0].operation.product(1).unwrap().unwrap();
        assert_eq!(product.shape, GemmShape { m: 12, n: 16, k: 48 });
        assert_eq!(product.elements.input, 9 * 11 * 3);
    }

    #[test]
    fn only_the_first_line_reads_the_input() {
        let gemm = TopologyLayer {
            name: "fc".to_owned(),
            sizes: TopologySizes::Gemm { m: 1, n: 10, k: 84 },
        };
        let workload = Workload::from_topology("t", &[convolution([34, 34], 3, 1), gemm]).unwrap();
        let flags: Vec<bool> =
            workload.layers().iter().map(|layer| layer.needs_input_gradient).collect();
        assert_eq!(flags, [false, true]);
        assert_eq!(workload.macs(), 32 * 32 * 16 * 27 + 840);
    }

    #[test]
    fn impossible_lines_are_refused() {
        let error = |line| Workload::from_topology("t", &[line]).unwrap_err().to_string();
        assert!(error(convolution([2, 2], 3, 1)).starts_with("layer `conv` is impossible"));
        assert!(error(convolution([8, 8], 3, 0)).contains("stride must be at least 1"));
        let none = Workload::from_topology("t", &[]).unwrap_err().to_string();
        assert_eq!(none, "workload `t` has no convolution or matrix product");
    }
}
