//! GoogLeNet (Szegedy et al. 2015, "Going deeper with convolutions") with batch norm and without auxiliary
//! classifiers and local response normalisation: for large images as torchvision has it, for small ones as
//! MuPPET trains it (papers/muppet.md section 4).

use super::Task;
use super::normalised::rectified;
use crate::network::{BiasBound, Builder, NetworkError, NodeId};
use hwmodel::array::Convolution2d;
use hwmodel::elementwise::PoolWindow;

/// Channels of an inception module: the 1×1 convolution, the reduction and the 3×3 convolution, the
/// reduction and the convolutions in place of the 5×5 one, the 1×1 convolution after the pool.
struct Inception {
    name: &'static str,
    one: usize,
    three: [usize; 2],
    five: [usize; 2],
    pool: usize,
}

const fn inception(
    name: &'static str,
    one: usize,
    three: [usize; 2],
    five: [usize; 2],
    pool: usize,
) -> Inception {
    Inception { name, one, three, five, pool }
}

const STAGE_3: [Inception; 2] =
    [inception("3a", 64, [96, 128], [16, 32], 32), inception("3b", 128, [128, 192], [32, 96], 64)];
const STAGE_4: [Inception; 5] = [
    inception("4a", 192, [96, 208], [16, 48], 64),
    inception("4b", 160, [112, 224], [24, 64], 64),
    inception("4c", 128, [128, 256], [24, 64], 64),
    inception("4d", 112, [144, 288], [32, 64], 64),
    inception("4e", 256, [160, 320], [32, 128], 128),
];
const STAGE_5: [Inception; 2] = [
    inception("5a", 256, [160, 320], [32, 128], 128),
    inception("5b", 384, [192, 384], [48, 128], 128),
];
const STEM_FILTERS: usize = 192;
const DROPOUT: f32 = 0.2;

/// Parameters that differ between the variants.
#[derive(Clone, Copy)]
struct Variant {
    small: bool,
    /// Window of the pool between stages 3 and 4, and between 4 and 5.
    pools: [PoolWindow; 2],
}

const LARGE: Variant =
    Variant { small: false, pools: [PoolWindow::square_ceil(3, 2), PoolWindow::square_ceil(2, 2)] };
const SMALL: Variant =
    Variant { small: true, pools: [PoolWindow::square(3, 2, 1), PoolWindow::square(3, 2, 1)] };

pub(super) fn build(task: &Task) -> Result<Builder, NetworkError> {
    let bias = BiasBound::ReciprocalRootChannels;
    let mut net = Builder::new("googlenet", task.input, task.initialisation, bias);
    let variant = if task.has_small_images() { SMALL } else { LARGE };
    let mut x = variant.stem(&mut net)?;
    for (modules, pool) in [
        (&STAGE_3[..], Some(variant.pools[0])),
        (&STAGE_4[..], Some(variant.pools[1])),
        (&STAGE_5[..], None),
    ] {
        for module in modules {
            x = variant.inception(&mut net, x, module)?;
        }
        if let Some(window) = pool {
            x = net.max_pool_of(x, window)?;
        }
    }
    x = net.global_average_pool(x)?;
    if !variant.small {
        x = net.dropout(x, DROPOUT)?;
    }
    net.linear("fc", x, task.classes)?;
    Ok(net)
}

impl Variant {
    /// The layers before the first inception module.
    fn stem(self, net: &mut Builder) -> Result<NodeId, NetworkError> {
        let (image, three) = (net.image(), Convolution2d::square(3, 1, 1));
        if self.small {
            return self.unit(net, "conv1", image, STEM_FILTERS, three);
        }
        let x = self.unit(net, "conv1", image, 64, Convolution2d::square(7, 2, 3))?;
        let x = net.max_pool_of(x, PoolWindow::square_ceil(3, 2))?;
        let x = self.unit(net, "conv2", x, 64, Convolution2d::square(1, 1, 0))?;
        let x = self.unit(net, "conv3", x, STEM_FILTERS, three)?;
        net.max_pool_of(x, PoolWindow::square_ceil(3, 2))
    }

    /// Convolution, batch norm, ReLU; MuPPET's convolutions have a bias.
    fn unit(
        self,
        net: &mut Builder,
        name: &str,
        input: NodeId,
        filters: usize,
        geometry: Convolution2d,
    ) -> Result<NodeId, NetworkError> {
        if !self.small {
            return rectified(net, name, input, filters, geometry);
        }
        let x = net.convolution(name, input, filters, geometry, true)?;
        let x = net.batch_norm(&format!("{name}.norm"), x)?;
        net.relu(x)
    }

    /// Four branches side by side.
    fn inception(
        self,
        net: &mut Builder,
        input: NodeId,
        module: &Inception,
    ) -> Result<NodeId, NetworkError> {
        let (one, three) = (Convolution2d::square(1, 1, 0), Convolution2d::square(3, 1, 1));
        let name = |layer: &str| format!("inception{}.{layer}", module.name);
        let first = self.unit(net, &name("branch1"), input, module.one, one)?;
        let x = self.unit(net, &name("branch2.reduce"), input, module.three[0], one)?;
        let second = self.unit(net, &name("branch2.conv"), x, module.three[1], three)?;
        // 3×3 in place of 5×5: one as in torchvision, two in the variant for small images.
        let x = self.unit(net, &name("branch3.reduce"), input, module.five[0], one)?;
        let mut third = self.unit(net, &name("branch3.conv1"), x, module.five[1], three)?;
        if self.small {
            third = self.unit(net, &name("branch3.conv2"), third, module.five[1], three)?;
        }
        let x = net.max_pool_of(input, PoolWindow::square(3, 1, 1))?;
        let fourth = self.unit(net, &name("branch4"), x, module.pool, one)?;
        net.concatenate(&[first, second, third, fourth])
    }
}
