//! A matrix product of seeded random numbers.

use super::error::GapError;
use super::operands::Operands;
use super::product::{GapOptions, ProductGap};
use hwmodel::array::Convolution2d;
use hwmodel::cast::nearest_f32;
use hwmodel::random::{generator, normal, uniform_f64};
use rand_pcg::Pcg32;
use rayon::prelude::*;
use serde::Serialize;

/// Distribution of the random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distribution {
    /// Standard normal.
    #[default]
    Normal,
    /// Uniform in [-1, 1).
    Uniform,
}

impl std::str::FromStr for Distribution {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "normal" => Ok(Self::Normal),
            "uniform" => Ok(Self::Uniform),
            other => Err(format!("unknown distribution `{other}`: use normal or uniform")),
        }
    }
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Normal => "normal",
            Self::Uniform => "uniform",
        })
    }
}

/// C `[m, n]` = A `[m, k]` · B `[k, n]` of random numbers: A as distributed, B as distributed and divided
/// by √K, so that outputs are as large as inputs for any K, as in a trained layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RandomProduct {
    /// Rows.
    pub m: usize,
    /// Columns.
    pub n: usize,
    /// Terms of a sum.
    pub k: usize,
    /// Seed of all numbers.
    pub seed: u64,
    /// Their distribution.
    pub distribution: Distribution,
}

/// Most elements of a matrix.
const LIMIT: usize = 1 << 27;
/// The random purpose "operands of a product" in the path of a generator.
const PURPOSE: u64 = 0x6761_7000;
/// Elements that one generator draws.
const CHUNK: usize = 1 << 14;

impl RandomProduct {
    /// Draws the matrices and computes the product in every format, emulated and with every accumulator.
    ///
    /// # Errors
    /// If a dimension is 0 or a matrix too large.
    pub fn measure(&self, options: &GapOptions) -> Result<ProductGap, GapError> {
        self.with_operands(|operands| ProductGap::measure(operands, options))
    }

    /// Draws the matrices and gives them to `look` as a product with a 1×1 kernel.
    ///
    /// # Errors
    /// If a dimension is 0 or a matrix too large, or `look` fails.
    pub fn with_operands<T>(
        &self,
        look: impl FnOnce(&Operands<'_>) -> Result<T, GapError>,
    ) -> Result<T, GapError> {
        let Self { m, n, k, .. } = *self;
        for (dimension, size) in [("m", m), ("n", n), ("k", k)] {
            if size == 0 {
                return Err(GapError::ZeroDimension { dimension });
            }
        }
        for (rows, columns) in [(m, k), (k, n), (m, n)] {
            if rows.checked_mul(columns).is_none_or(|elements| elements > LIMIT) {
                return Err(GapError::TooLarge { rows, columns, limit: LIMIT });
            }
        }
        let a = self.draw(0, m * k, 1.0);
        let b = self.draw(1, n * k, 1.0 / (k as f64).sqrt());
        look(&Operands {
            x: &a,
            input: [m, 1, 1, k],
            weights: &b,
            weight_shape: &[n, 1, 1, k],
            bias: None,
            geometry: Convolution2d::square(1, 1, 0),
        })
    }

    /// `length` numbers of matrix `matrix`; B is drawn column by column.
    fn draw(&self, matrix: u64, length: usize, scale: f64) -> Vec<f32> {
        let number = |generator: &mut Pcg32| match self.distribution {
            Distribution::Normal => normal(generator),
            Distribution::Uniform => 2.0 * uniform_f64(generator) - 1.0,
        };
        let mut values = vec![0.0; length];
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(chunk, values)| {
            let mut generator = generator(self.seed, &[PURPOSE, matrix, chunk as u64]);
            values
                .iter_mut()
                .for_each(|value| *value = nearest_f32(number(&mut generator) * scale));
        });
        values
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hwmodel::{Accumulator, Format, SimdLevel};

    fn options() -> GapOptions {
        GapOptions {
            simd: SimdLevel::best(),
            formats: vec![Format::new(16, 12).unwrap()],
            accumulators: vec![Accumulator::default()],
        }
    }

    #[test]
    fn numbers_are_spread_as_said() {
        for (distribution, variance) in
            [(Distribution::Normal, 1.0), (Distribution::Uniform, 1.0 / 3.0)]
        {
            let product = RandomProduct { m: 1, n: 1, k: 1, seed: 3, distribution };
            let drawn = product.draw(0, 40_000, 1.0);
            let mean = drawn.iter().map(|&x| f64::from(x)).sum::<f64>() / 4e4;
            let square = drawn.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / 4e4;
            assert!(mean.abs() < 0.02 && (square - variance).abs() < 0.03, "{mean} {square}");
            assert_eq!(drawn, product.draw(0, 40_000, 1.0));
            assert_ne!(drawn, product.draw(1, 40_000, 1.0));
            assert_ne!(drawn, RandomProduct { seed: 4, ..product }.draw(0, 40_000, 1.0));
        }
    }

    #[test]
    fn shapes_are_checked() {
        let product =
            RandomProduct { m: 2, n: 3, k: 5, seed: 1, distribution: Distribution::Normal };
        let gap = product.measure(&options()).unwrap();
        assert_eq!((gap.m, gap.n, gap.k, gap.outputs()), (2, 3, 5, 6));
        let error = RandomProduct { k: 0, ..product }.measure(&options()).unwrap_err();
        assert!(matches!(error, GapError::ZeroDimension { dimension: "k" }));
        let error = RandomProduct { m: usize::MAX, ..product }.measure(&options()).unwrap_err();
        assert!(matches!(error, GapError::TooLarge { rows: usize::MAX, columns: 5, .. }));
    }
}
