//! Conventions on one product, each compared with the first.

use super::choice::Choice;
use super::convention::Convention;
use super::difference::Differences;
use super::first::FirstDifference;
use super::keys::KEYS;
use super::steps::{Output, Stage, Steps};
use crate::verify::gap::{FixedOperands, GapError, Operands};
use hwmodel::array::{MacArray, Product};
use hwmodel::cast::exact;
use hwmodel::float32::Shapes;
use hwmodel::{Accumulator, Format, SimdLevel};
use rayon::prelude::*;

/// What is compared.
#[derive(Debug, Clone, PartialEq)]
pub struct ConventionOptions {
    /// Instructions that the simulation may use; never changes a result.
    pub simd: SimdLevel,
    /// The conventions; the others are compared with the first.
    pub choices: Vec<Choice>,
}

/// Conventions on one product.
#[derive(Debug, Clone, PartialEq)]
pub struct LayerComparison {
    /// Name of the layer.
    pub layer: String,
    /// Rows M: output pixels.
    pub m: u64,
    /// Columns N: output channels.
    pub n: u64,
    /// Terms K of a sum.
    pub k: u64,
    /// Format of inputs, weights and biases.
    pub format: Format,
    /// Output words.
    pub output: Output,
    /// What each convention did, in the order of the choices.
    pub usage: Vec<Usage>,
    /// The second and each later convention against the first.
    pub pairs: Vec<PairComparison>,
    images: usize,
}

/// What one convention did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Additions that left the accumulator.
    pub accumulator_events: u64,
    /// Outputs whose value is halfway between two integers.
    pub ties: u64,
    /// Outputs that the range of the words limits or makes wrap.
    pub limited: u64,
}

/// A convention against the first.
#[derive(Debug, Clone, PartialEq)]
pub struct PairComparison {
    /// Outputs that differ, second minus first.
    pub differences: Differences,
    /// The settings in which they differ.
    pub settings: Vec<SettingEffect>,
    /// The first output that differs.
    pub example: Option<FirstDifference>,
}

/// What one setting does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingEffect {
    /// Name of the setting.
    pub key: &'static str,
    /// Its value in the first convention.
    pub first: String,
    /// In the other.
    pub second: String,
    /// Outputs of the first that change if it takes only this setting from the other.
    pub changed: u64,
    /// Outputs that then still differ from the other; 0: this setting explains the difference.
    pub left: u64,
    variant: Convention,
}

/// The outputs of a convention on one batch.
struct Words {
    words: Vec<i64>,
    usage: Usage,
}

impl LayerComparison {
    /// A comparison without operands yet.
    pub fn new(layer: String, format: Format, output: Output, choices: &[Choice]) -> Self {
        let first = choices[0].convention;
        let pair = |choice: &Choice| PairComparison {
            differences: Differences::default(),
            settings: effects(first, choice.convention),
            example: None,
        };
        Self {
            layer,
            m: 0,
            n: 0,
            k: 0,
            format,
            output,
            usage: vec![Usage::default(); choices.len()],
            pairs: choices[1..].iter().map(pair).collect(),
            images: 0,
        }
    }

    /// Runs every convention on these operands. Inputs, weights and biases are quantised to nearest even and saturated, the
    /// same for all.
    ///
    /// # Errors
    /// If shapes do not fit or an operand is NaN.
    pub fn add(
        &mut self,
        operands: &Operands<'_>,
        options: &ConventionOptions,
    ) -> Result<(), GapError> {
        let shapes = Shapes::new(&operands.input, operands.weight_shape, operands.geometry)?;
        let fixed = FixedOperands::quantise(operands, self.format, options.simd)?;
        let mut batch =
            Batch { fixed, operands, simd: options.simd, output: self.output, sums: vec![] };
        let first_of = options.choices[0].convention;
        let first = batch.words(first_of)?;
        self.usage[0].add(first.usage);
        for (index, pair) in self.pairs.iter_mut().enumerate() {
            let choice = &options.choices[index + 1];
            let second = batch.words(choice.convention)?;
            self.usage[index + 1].add(second.usage);
            pair.differences += &compared(&first.words, &second.words);
            let mut words = first.words.iter().zip(&second.words);
            let Some(at) = words.position(|(first, second)| first != second) else { continue };
            for effect in &mut pair.settings {
                let variant = batch.words(effect.variant)?;
                effect.changed += compared(&first.words, &variant.words).differing;
                effect.left += compared(&variant.words, &second.words).differing;
            }
            if pair.example.is_none() {
                let sides = [
                    batch.side(at, (&options.choices[0], first_of))?,
                    batch.side(at, (choice, choice.convention))?,
                ];
                pair.example = Some(FirstDifference::new(
                    (at, self.images),
                    shapes.output(),
                    &batch.fixed,
                    &operands.geometry,
                    sides,
                ));
            }
        }
        self.m += shapes.pixels() as u64;
        self.n = shapes.output()[3] as u64;
        self.k = shapes.terms() as u64;
        self.images += operands.input[0];
        Ok(())
    }

    /// Outputs compared, M·N.
    pub fn outputs(&self) -> u64 {
        self.m * self.n
    }
}

impl PairComparison {
    /// The settings each of which makes the difference vanish.
    pub fn explanations(&self) -> impl Iterator<Item = &SettingEffect> {
        let any = self.differences.differing > 0;
        self.settings.iter().filter(move |effect| any && effect.left == 0)
    }
}

impl Usage {
    fn add(&mut self, other: Self) {
        self.accumulator_events += other.accumulator_events;
        self.ties += other.ties;
        self.limited += other.limited;
    }
}

/// The settings in which two conventions differ.
fn effects(first: Convention, second: Convention) -> Vec<SettingEffect> {
    let (first, second) = (first.explicit(), second.explicit());
    let effect = |key: &'static super::keys::Key| {
        let (of_first, of_second) = (key.get(&first), key.get(&second));
        if of_first == of_second {
            return None;
        }
        let mut variant = first;
        // A value that a convention has is one that the setting takes.
        key.put(&mut variant, &of_second).ok()?;
        let key = key.name;
        Some(SettingEffect {
            key,
            first: of_first,
            second: of_second,
            changed: 0,
            left: 0,
            variant,
        })
    };
    KEYS.iter().filter_map(effect).collect()
}

/// One batch of operands, with the sums of the accumulators that were asked for.
struct Batch<'a> {
    fixed: FixedOperands,
    operands: &'a Operands<'a>,
    simd: SimdLevel,
    output: Output,
    sums: Vec<(Accumulator, Product, u64)>,
}

impl Batch<'_> {
    /// The index of the sums of an accumulator.
    fn sums(&mut self, convention: Convention) -> Result<usize, GapError> {
        let accumulator = convention.effective_accumulator();
        if let Some(known) = self.sums.iter().position(|(known, ..)| *known == accumulator) {
            return Ok(known);
        }
        let array = MacArray { simd: self.simd, accumulator };
        let Self { fixed, operands, .. } = &*self;
        let product = array.convolve_biased(
            &fixed.x,
            &fixed.weights,
            operands.geometry,
            fixed.bias.as_ref(),
        )?;
        let events = product.report().accumulator_events;
        self.sums.push((accumulator, product, events));
        Ok(self.sums.len() - 1)
    }

    fn stage(&mut self, convention: Convention) -> Result<(usize, Stage), GapError> {
        let sums = self.sums(convention)?;
        let product_fl = self.fixed.x.format().fl() + self.fixed.weights.format().fl();
        let stage = Stage::new(convention, self.output, product_fl, self.sums[sums].1.fl());
        Ok((sums, stage))
    }

    fn words(&mut self, convention: Convention) -> Result<Words, GapError> {
        const CHUNK: usize = 1 << 12;
        let (sums, stage) = self.stage(convention)?;
        let (_, product, events) = &self.sums[sums];
        let mut words = vec![0; product.sums().len()];
        let counted = words.par_chunks_mut(CHUNK).enumerate().map(|(chunk, words)| {
            let mut usage = Usage::default();
            for (index, word) in (chunk * CHUNK..).zip(words) {
                let steps = stage.steps(product.sums().get(index));
                usage.ties += u64::from(steps.tie);
                usage.limited += u64::from(steps.limited);
                *word = exact::<i64>(steps.word);
            }
            usage
        });
        let mut usage = counted.reduce(Usage::default, |mut sum, part| {
            sum.add(part);
            sum
        });
        usage.accumulator_events = *events;
        Ok(Words { words, usage })
    }

    /// The steps of output `at` in a convention.
    fn side(
        &mut self,
        at: usize,
        (choice, convention): (&Choice, Convention),
    ) -> Result<(String, Convention, i32, Steps), GapError> {
        let (sums, stage) = self.stage(convention)?;
        let product = &self.sums[sums].1;
        let steps = stage.steps(product.sums().get(at));
        Ok((choice.name.clone(), convention, product.fl(), steps))
    }
}

/// Two lists of words.
fn compared(first: &[i64], second: &[i64]) -> Differences {
    const CHUNK: usize = 1 << 14;
    let chunks = first.par_chunks(CHUNK).zip(second.par_chunks(CHUNK));
    let parts = chunks.map(|(first, second)| {
        let mut part = Differences::default();
        for (&first, &second) in first.iter().zip(second) {
            part.add(first, second);
        }
        part
    });
    parts.reduce(Differences::default, |mut sum, part| {
        sum += &part;
        sum
    })
}

#[cfg(test)]
mod tests;
