//! Settings that several modules read.

use super::{MAX_NUMBER, Setting, real, whole};
use std::ops::Bound::{Excluded, Included};

/// Seed of every random number.
pub const SEED: Setting<u64> = whole(
    "seed",
    "Seed of every random number; equal settings with equal seeds give equal bits",
    (0, i64::MAX),
)
.default(|| 1);

/// Initial learning rate.
pub const LEARNING_RATE: Setting<f64> = real(
    "learning-rate",
    "Initial learning rate; 0.001 with adam, 0.1 with sgd on a text",
    (Excluded(0.0), Included(MAX_NUMBER)),
)
.aliases(&["lr"])
.default(|| 0.01);
