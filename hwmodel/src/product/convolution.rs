//! Sizes of a convolution, and the matrix products that follow from them.

use super::shape::checked_product;
use super::{ByOperand, Gemm, GemmKind, GemmShape, LayerProducts, SizeError, WindowAxis};

/// A two-dimensional convolution (cross-correlation) with zero padding. A one-dimensional one has
/// height 1 and kernel height 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Convolution {
    /// Images of one sample of the workload, mostly 1.
    pub images: u64,
    /// Height, width and channels of an image.
    pub input: [u64; 3],
    /// Filters: channels of the output.
    pub filters: u64,
    /// Height and width of the kernel.
    pub kernel: [u64; 2],
    /// Vertical and horizontal stride.
    pub stride: [u64; 2],
    /// Zero padding: `[[top, bottom], [left, right]]`.
    pub padding: [[u64; 2]; 2],
    /// Vertical and horizontal dilation; 1 is a dense kernel.
    pub dilation: [u64; 2],
    /// Groups that the channels are split into.
    pub groups: u64,
}

impl Convolution {
    /// A square kernel with equal stride and padding all round, one group, of one image
    /// `[h, w, c]`.
    pub fn square(input: [u64; 3], filters: u64, kernel: u64, stride: u64, padding: u64) -> Self {
        Self {
            images: 1,
            input,
            filters,
            kernel: [kernel; 2],
            stride: [stride; 2],
            padding: [[padding; 2]; 2],
            dilation: [1; 2],
            groups: 1,
        }
    }

    /// Height and width of the output: ⌊(size + padding - dilation·(kernel - 1) - 1) / stride⌋ + 1.
    ///
    /// # Errors
    /// If a size is 0, the kernel does not fit or a size is beyond 64 bits.
    pub fn output_size(&self) -> Result<[u64; 2], SizeError> {
        let zero = |what, sizes: &[u64]| {
            if sizes.contains(&0) { Err(SizeError::Zero(what)) } else { Ok(()) }
        };
        zero("the kernel", &self.kernel)?;
        zero("the stride", &self.stride)?;
        zero("the dilation", &self.dilation)?;
        let mut size = [0; 2];
        let (mut dilated, mut padded) = ([0; 2], [0; 2]);
        for axis in 0..2 {
            let [before, after] = self.padding[axis];
            padded[axis] = self.input[axis]
                .checked_add(before)
                .and_then(|size| size.checked_add(after))
                .ok_or(SizeError::TooLarge)?;
            dilated[axis] = (self.kernel[axis] - 1)
                .checked_mul(self.dilation[axis])
                .and_then(|extent| extent.checked_add(1))
                .ok_or(SizeError::TooLarge)?;
        }
        for axis in 0..2 {
            let last_offset = padded[axis].checked_sub(dilated[axis]).ok_or(SizeError::Kernel {
                kernel: self.kernel,
                dilated,
                padded,
            })?;
            size[axis] = last_offset / self.stride[axis] + 1;
        }
        Ok(size)
    }

    /// Elements of the weight tensor.
    ///
    /// # Errors
    /// If the groups do not divide the channels or the number is beyond 64 bits.
    pub fn weights(&self) -> Result<u64, SizeError> {
        let [filters, channels] = self.per_group()?;
        let [kh, kw] = self.kernel;
        checked_product(&[filters, self.groups, kh, kw, channels]).ok_or(SizeError::TooLarge)
    }

    /// The products of `batch` samples. The forward one has a row an output pixel and a column a filter.
    ///
    /// # Errors
    /// If sizes do not fit or a count is beyond 64 bits.
    pub fn products(&self, batch: u64) -> Result<LayerProducts, SizeError> {
        let [oh, ow] = self.output_size()?;
        let [filters, channels] = self.per_group()?;
        let [h, w, _] = self.input;
        let [kh, kw] = self.kernel;
        let large = SizeError::TooLarge;
        let along = |axis: usize, windows: u64| {
            WindowAxis {
                size: self.input[axis],
                padding: self.padding[axis][0],
                kernel: self.kernel[axis],
                dilation: self.dilation[axis],
                stride: self.stride[axis],
                windows,
            }
            .distinct_elements()
        };
        let read = [along(0, oh), along(1, ow)];
        let m = checked_product(&[batch, self.images, oh, ow]).ok_or(large.clone())?;
        let k = checked_product(&[kh, kw, channels]).ok_or(large.clone())?;
        let elements = ByOperand {
            input: checked_product(&[batch, self.images, read[0], read[1], channels])
                .ok_or(large.clone())?,
            weight: checked_product(&[k, filters]).ok_or(large.clone())?,
            output: checked_product(&[m, filters]).ok_or(large.clone())?,
        };
        let input_tensor = checked_product(&[batch, self.images, h, w, channels]).ok_or(large)?;
        let shape = GemmShape { m, n: filters, k };
        let (kind, groups) = (GemmKind::Forward, self.groups);
        let forward = Gemm { kind, shape, groups, elements, formats: None };
        Ok(LayerProducts { forward, input_tensor })
    }

    /// Filters and input channels of one group.
    fn per_group(&self) -> Result<[u64; 2], SizeError> {
        let (groups, channels, filters) = (self.groups, self.input[2], self.filters);
        if groups == 0 || !channels.is_multiple_of(groups) || !filters.is_multiple_of(groups) {
            return Err(SizeError::Groups { groups, channels, filters });
        }
        Ok([filters / groups, channels / groups])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_product_of_a_strided_convolution() {
        // The first layer of ResNet: 224 + 2·3 - 7 = 223, ⌊223 / 2⌋ + 1 = 112.
        let convolution = Convolution::square([224, 224, 3], 64, 7, 2, 3);
        assert_eq!(convolution.output_size(), Ok([112, 112]));
        let products = convolution.products(2).unwrap();
        let product = products.forward;
        assert_eq!(product.shape, GemmShape { m: 2 * 112 * 112, n: 64, k: 147 });
        let elements =
            ByOperand { input: 2 * 224 * 224 * 3, weight: 64 * 147, output: 2 * 112 * 112 * 64 };
        assert_eq!(product.elements, elements);
        assert_eq!(products.input_tensor, elements.input);
        assert_eq!(convolution.weights(), Ok(9408));
    }

    /// ResNet-20's shortcut into its second stage, 64 images.
    #[test]
    fn a_stride_beyond_the_kernel_leaves_pixels_out() {
        let product = Convolution::square([32, 32, 16], 32, 1, 2, 0).products(64).unwrap();
        let read = product.forward.elements.input;
        assert_eq!((read, product.input_tensor), (262_144, 1_048_576));
        assert_eq!(product.grad_weight().elements.weight, 262_144);
        assert_eq!(product.grad_input().elements.output, 1_048_576);
    }

    #[test]
    fn padding_may_differ_on_either_side_and_kernels_be_dilated() {
        let convolution = Convolution {
            padding: [[0, 1], [2, 2]],
            dilation: [1, 2],
            ..Convolution::square([6, 9, 1], 1, 3, 2, 0)
        };
        // ⌊(6 + 1 - 3) / 2⌋ + 1 and ⌊(9 + 4 - 5) / 2⌋ + 1.
        assert_eq!(convolution.output_size(), Ok([3, 5]));
    }

    #[test]
    fn groups_are_separate_products() {
        let depthwise = Convolution { groups: 8, ..Convolution::square([10, 10, 8], 16, 3, 1, 1) };
        let product = depthwise.products(1).unwrap().forward;
        assert_eq!((product.shape, product.groups), (GemmShape { m: 100, n: 2, k: 9 }, 8));
        assert_eq!(product.elements, ByOperand { input: 100, weight: 18, output: 200 });
        assert_eq!(depthwise.weights(), Ok(144));
    }

    #[test]
    fn impossible_sizes_are_refused() {
        let convolution = Convolution::square([4, 4, 3], 8, 7, 1, 0);
        let text = |convolution: Convolution| convolution.products(1).unwrap_err().to_string();
        assert_eq!(
            text(convolution),
            "the kernel [7, 7] (dilated: [7, 7]) is larger than the padded input [4, 4]"
        );
        assert_eq!(
            text(Convolution { stride: [0, 1], ..convolution }),
            "the stride must be at least 1"
        );
        let fits = Convolution { kernel: [1, 1], ..convolution };
        assert_eq!(
            text(Convolution { groups: 2, ..fits }),
            "2 groups do not divide 3 input channels and 8 filters"
        );
        let huge = Convolution { padding: [[u64::MAX; 2]; 2], ..fits };
        assert_eq!(huge.products(1), Err(SizeError::TooLarge));
        assert_eq!(fits.products(u64::MAX), Err(SizeError::TooLarge));
    }
}
