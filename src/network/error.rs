//! Errors of a network or its data.

use super::vector::batch_norm::BatchNormError;
use super::vector::init::InitError;
use hwmodel::TensorError;
use hwmodel::array::ShapeError;
use hwmodel::elementwise::{AddError, DivisionError, LengthError, PoolError};

use hwmodel::number::block_float::BlockFloatError;
use hwmodel::number::quantise::NotANumber;

/// A network that cannot be built or run.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No architecture has this name.
    #[error("unknown architecture `{name}`: use one of {known}")]
    UnknownArchitecture {
        /// The name given.
        name: String,
        /// The names that exist.
        known: String,
    },
    /// Images that are too small for an architecture.
    #[error(
        "`{name}` takes images of at least {least}×{least} pixels, got {}×{}: use larger images or one of {others}",
        image[0], image[1]
    )]
    ImageTooSmall {
        /// The architecture.
        name: String,
        /// Height and width given.
        image: [usize; 2],
        /// Smallest height and width.
        least: usize,
        /// The architectures that take such images.
        others: String,
    },
    /// A saved description that is not one of layers.
    #[error("layer `{layer}` is not one that can be built: {why}")]
    Description {
        /// Name of the layer.
        layer: String,
        /// The problem.
        why: String,
    },
    /// A size out of range.
    #[error("the {what} is {given}: use 1 to {most}")]
    Size {
        /// Which size.
        what: &'static str,
        /// The size given.
        given: usize,
        /// The largest allowed.
        most: usize,
    },
    /// A layer beyond what can be counted.
    #[error("layer `{layer}` has more than 2^63 {what}: use smaller images or fewer classes")]
    LayerTooLarge {
        /// Name of the layer.
        layer: String,
        /// What is counted.
        what: &'static str,
    },
    /// More parameters than are held in memory.
    #[error(
        "`{network}` has {parameters} parameters for these images and classes, and only networks of up to {most} are \
         trained or run: use smaller images or fewer classes, or only cost it with `hwsim cost`"
    )]
    TooManyParameters {
        /// Name of the architecture.
        network: String,
        /// Its parameters.
        parameters: u64,
        /// The most allowed.
        most: u64,
    },
    /// A layer does not fit its input.
    #[error("layer `{layer}` does not fit its input {input:?}: {why}")]
    Layer {
        /// Name of the layer.
        layer: String,
        /// Shape `[h, w, c]` of its first input.
        input: [usize; 3],
        /// The problem.
        why: String,
    },
    /// A batch whose images are not what the network takes.
    #[error("the network takes images of {expected:?} (height, width, channels), got {given:?}")]
    Input {
        /// `[h, w, c]` expected.
        expected: [usize; 3],
        /// Shape given.
        given: Vec<usize>,
    },
    /// A pass has one backward pass, which uses up what it kept.
    #[error("this forward pass was propagated back before: run the images forward again")]
    BackwardTwice,
    /// A layer kept nothing for a backward pass.
    #[error(
        "layer `{0}` ran in evaluation and has no gradients: run the images forward in training"
    )]
    NotTraining(String),
    /// A value that is not a token.
    #[error("element {index} of the input of `{layer}` is {value}: use token numbers 0 to {}", .vocabulary - 1)]
    Token {
        /// The embedding.
        layer: String,
        /// Place in the batch.
        index: usize,
        /// The value.
        value: f32,
        /// Tokens of the vocabulary.
        vocabulary: usize,
    },
    /// A value that is not a number.
    #[error("{what} of `{layer}`: {source}; training has diverged, try a lower learning rate")]
    Diverged {
        /// Which tensor.
        what: &'static str,
        /// Layer or parameter.
        layer: String,
        /// Where.
        source: NotANumber,
    },
    /// A tensor for which no scale exists (NaN or infinite).
    #[error("{what} of `{layer}`: {source}; training has diverged, try a lower learning rate")]
    Scale {
        /// Which tensor.
        what: &'static str,
        /// Layer or parameter.
        layer: String,
        /// Why.
        source: BlockFloatError,
    },
    /// Shapes of a product.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// A tensor.
    #[error(transparent)]
    Tensor(#[from] TensorError),
    /// Batch normalisation.
    #[error(transparent)]
    BatchNorm(#[from] BatchNormError),
    /// Pooling.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// The division of an average.
    #[error(transparent)]
    Division(#[from] DivisionError),
    /// Residual addition.
    #[error(transparent)]
    Add(#[from] AddError),
    /// Initialisation.
    #[error(transparent)]
    Init(#[from] InitError),
    /// Buffers of different lengths.
    #[error(transparent)]
    Length(#[from] LengthError),
}
