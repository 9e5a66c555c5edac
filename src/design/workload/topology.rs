//! Topologies of SCALE-Sim as workloads.

use super::error::WorkloadError;
use super::layer::{Layer, Workload};
use hwmodel::product::{Convolution, MatrixProduct};
use hwmodel::scale_sim::{LayerShape, Topology};

impl Workload {
    /// The workload of `topology`, named `name`: one sample, no biases; the first layer is taken to
    /// read the network's input.
    ///
    /// A topology states the padded input of a convolution and takes the ceiling of (size - filter) /
    /// stride for its output, so that the last window may extend beyond the edge. Here that window sees
    /// padding below and to the right: the product's sizes are the same.
    ///
    /// # Errors
    /// If a layer or the sum of all is too large.
    pub fn from_topology(name: &str, topology: &Topology) -> Result<Self, WorkloadError> {
        let layer = |(index, layer): (usize, &hwmodel::scale_sim::Layer)| {
            let made = of_shape(&layer.name, &layer.shape);
            if index == 0 { made.first() } else { made }
        };
        Self::new(name, topology.layers.iter().enumerate().map(layer).collect())
    }
}

fn of_shape(name: &str, shape: &LayerShape) -> Layer {
    let (input, kernel) = (shape.input().map(u64::from), shape.filter().map(u64::from));
    let [channels, filters, stride] =
        [shape.channels(), shape.filters(), shape.stride()].map(u64::from);
    // How a line M, N, K is kept: M rows of K elements under filters of one such row.
    if kernel == [1, input[1]] && (channels, stride) == (1, 1) {
        return Layer::matrix_product(
            name,
            MatrixProduct::linear(input[0], filters, input[1]),
            false,
        );
    }
    let overhang = |axis: usize| match (input[axis] - kernel[axis]) % stride {
        0 => 0,
        rest => stride - rest,
    };
    let convolution = Convolution {
        images: 1,
        input: [input[0], input[1], channels],
        filters,
        kernel,
        stride: [stride; 2],
        padding: [[0, overhang(0)], [0, overhang(1)]],
        dilation: [1; 2],
        groups: 1,
    };
    Layer::convolution(name, convolution, false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Work;
    use hwmodel::product::GemmShape;

    fn topology(lines: &str) -> Topology {
        Topology::parse("t.csv", &format!("header,\n{lines}")).unwrap().0
    }

    #[test]
    fn a_stride_that_does_not_divide_gives_the_ceiling() {
        // ⌈(9 - 4 + 3) / 3⌉ = 3 and ⌈(11 - 4 + 3) / 3⌉ = 4; the floor rule gives 2 and 3.
        let workload =
            Workload::from_topology("t", &topology("conv, 9, 11, 4, 4, 3, 16, 3,\n")).unwrap();
        let product = workload.layers()[0].operation.products(1).unwrap().unwrap().forward;
        assert_eq!(product.shape, GemmShape { m: 12, n: 16, k: 48 });
        assert_eq!(product.elements.input, 9 * 11 * 3);
    }

    #[test]
    fn every_line_is_the_product_that_scale_sim_makes_of_it() {
        let topology = topology(
            "a, 224, 224, 7, 7, 3, 64, 2,\nb, 16, 17, 3, 2, 8, 4, 5,\nfc, 33, 10, 84,\nDPc, 9, 9, 3, 3, 2, 1, 1,\n",
        );
        let workload = Workload::from_topology("t", &topology).unwrap();
        assert_eq!(workload.layers().len(), 5);
        for (layer, line) in workload.layers().iter().zip(&topology.layers) {
            let product = layer.operation.products(1).unwrap().unwrap().forward;
            let expected = line.shape.dimensions().unwrap();
            let GemmShape { m, n, k } = product.shape;
            assert_eq!((m, n, k), (expected.m, expected.n, expected.k), "{}", layer.name);
        }
        let flags = workload.layers().iter().map(|layer| layer.needs_input_gradient);
        assert_eq!(flags.collect::<Vec<_>>(), [false, true, true, true, true]);
        assert!(matches!(workload.layers()[2].operation, Work::MatrixProduct(_)));
    }
}
