//! ResNet-50 for images of 224×224 (He et al. 2016, "Deep residual learning for image recognition",
//! table 1), with the stride of a block in its 3×3 convolution as torchvision has it.

use super::super::convolution::Convolution;
use super::super::error::WorkloadError;
use super::super::layer::{Layer, Workload};
use super::super::matrix_product::MatrixProduct;
use super::super::vector::VectorKind;

const INPUT: [u64; 3] = [224, 224, 3];
const CLASSES: u64 = 1000;
/// Width and number of the bottleneck blocks of each stage.
const STAGES: [(u64, u64); 4] = [(64, 3), (128, 4), (256, 6), (512, 3)];
/// Output channels of a block over its width.
const EXPANSION: u64 = 4;

pub(super) fn build() -> Result<Workload, WorkloadError> {
    let mut net = Net { layers: Vec::new() };
    let mut x = net.normalised("conv1", INPUT, 64, (7, 2, 3))?;
    net.relu("relu", x);
    // 3×3, stride 2, padding 1.
    x = [x[0].div_ceil(2), x[1].div_ceil(2), x[2]];
    net.layers.push(Layer::vector("maxpool", VectorKind::MaxPool, elements(x), 0));
    for (stage, (width, blocks)) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = net.bottleneck(&format!("layer{}.{block}", stage + 1), x, width, stride)?;
        }
    }
    net.layers.push(Layer::vector("avgpool", VectorKind::AveragePool, elements(x), 0));
    net.layers.push(Layer::matrix_product("fc", MatrixProduct::linear(1, CLASSES, x[2]), true));
    net.layers[0].needs_input_gradient = false;
    Workload::new("resnet50", net.layers)
}

struct Net {
    layers: Vec<Layer>,
}

impl Net {
    fn bottleneck(
        &mut self,
        name: &str,
        input: [u64; 3],
        width: u64,
        stride: u64,
    ) -> Result<[u64; 3], WorkloadError> {
        let channels = EXPANSION * width;
        let x = self.normalised(&format!("{name}.conv1"), input, width, (1, 1, 0))?;
        self.relu(&format!("{name}.relu1"), x);
        let x = self.normalised(&format!("{name}.conv2"), x, width, (3, stride, 1))?;
        self.relu(&format!("{name}.relu2"), x);
        let x = self.normalised(&format!("{name}.conv3"), x, channels, (1, 1, 0))?;
        if input != x {
            self.normalised(&format!("{name}.downsample"), input, channels, (1, stride, 0))?;
        }
        self.layers.push(Layer::vector(format!("{name}.add"), VectorKind::Add, elements(x), 0));
        self.relu(&format!("{name}.relu3"), x);
        Ok(x)
    }

    /// A convolution of (kernel, stride, padding) without bias and its batch norm.
    fn normalised(
        &mut self,
        name: &str,
        input: [u64; 3],
        filters: u64,
        (kernel, stride, padding): (u64, u64, u64),
    ) -> Result<[u64; 3], WorkloadError> {
        let convolution = Convolution::square(input, filters, kernel, stride, padding);
        let [h, w] = convolution
            .output_size()
            .map_err(|problem| WorkloadError::Layer { layer: name.to_owned(), problem })?;
        let output = [h, w, filters];
        self.layers.push(Layer::convolution(name, convolution, false));
        self.layers.push(Layer::vector(
            format!("{name}.norm"),
            VectorKind::BatchNorm,
            elements(output),
            2 * filters,
        ));
        Ok(output)
    }

    fn relu(&mut self, name: &str, shape: [u64; 3]) {
        self.layers.push(Layer::vector(name, VectorKind::Relu, elements(shape), 0));
    }
}

fn elements(shape: [u64; 3]) -> u64 {
    shape.iter().product()
}
