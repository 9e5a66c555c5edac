//! Errors of the sizes of a product.

/// Sizes that no convolution or matrix product can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// A size that must be at least 1.
    #[error("{0} must be at least 1")]
    Zero(&'static str),
    /// The kernel is larger than the padded input.
    #[error(
        "the kernel {kernel:?} (dilated: {dilated:?}) is larger than the padded input {padded:?}"
    )]
    Kernel {
        /// Height and width of the kernel.
        kernel: [u64; 2],
        /// Height and width of what the dilated kernel covers.
        dilated: [u64; 2],
        /// Height and width of the input with its padding.
        padded: [u64; 2],
    },
    /// The groups do not divide the channels.
    #[error("{groups} groups do not divide {channels} input channels and {filters} filters")]
    Groups {
        /// Groups.
        groups: u64,
        /// Channels of the input.
        channels: u64,
        /// Filters.
        filters: u64,
    },
    /// A count beyond 64 bits.
    #[error("its sizes are beyond 64 bits")]
    TooLarge,
}
