//! Formats for the layers of a float network from calibration data.
//!
//! The network runs twice on the data in float32. The first pass collects what the choice needs of every tensor that gets a
//! format, in memory that does not grow with the data; the second measures what the chosen formats do to every value.

use crate::network::{
    Activation, Between, FormatPlace, Holds, InnerFormats, Network, NetworkError, PassSettings,
};
use crate::precision::calibration::{Choice, Keep, Measured, Method, Statistics};
use crate::precision::{LayerTensor, PrecisionError};
use hwmodel::number::format::MAX_FRACTIONAL_LENGTH;
use hwmodel::{Format, SimdLevel};

/// What formats are asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// For inputs and results.
    pub activations: Choice,
    /// For weights.
    pub weights: Choice,
    /// Word length of biases, in which no value saturates; they have no more fractional bits than their accumulator.
    pub bias_bits: u32,
    /// Whether tensors without negative values get unsigned formats.
    pub unsigned: bool,
    /// Whether the network saturates what its requantisers cannot hold.
    pub saturates: bool,
}

/// A network or data that formats cannot be chosen for.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// A layer that is not covered.
    #[error(transparent)]
    Inner(#[from] InnerFormats),
    /// A tensor with values that have no format.
    #[error("{tensor} has NaN or infinite values in float32: formats need finite ones")]
    NotFinite {
        /// Layer and tensor.
        tensor: String,
    },
    /// The network cannot be run.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// A choice that cannot be made.
    #[error("{tensor}: {source}")]
    Choice {
        /// Layer and tensor.
        tensor: String,
        /// Why.
        source: PrecisionError,
    },
}

/// A tensor with the format that was chosen for it.
#[derive(Debug, Clone)]
pub struct CalibratedTensor {
    /// The layer.
    pub layer: String,
    /// Its tensor.
    pub tensor: LayerTensor,
    /// The smallest and the largest value.
    pub range: (f32, f32),
    /// The format, and what it does to all values.
    pub measured: Measured,
    /// The tensor whose format it has, as `conv1.output`.
    pub same_as: Option<String>,
}

/// Chooses formats for `network` by the inputs that `batch` gives for 0, 1 and so on until there are no more; it is asked for
/// all of them twice. Afterwards the network is float32.
///
/// # Errors
/// If a layer has formats inside it, the inputs do not fit, or a value is not finite.
pub fn calibrate(
    network: &mut Network,
    context: &PassSettings,
    options: &CalibrationOptions,
    mut batch: impl FnMut(usize) -> Option<Activation>,
) -> Result<Vec<CalibratedTensor>, CalibrationError> {
    network.set_float32();
    let places = network.format_places(options.saturates && options.unsigned)?;
    let name = |place: &FormatPlace| format!("`{}.{}`", place.layer, place.tensor.name());
    let not_finite = |place: &FormatPlace| CalibrationError::NotFinite { tensor: name(place) };

    let mut statistics: Vec<_> =
        places.iter().map(|place| Statistics::new(keep(place, options))).collect();
    for (place, statistics) in places.iter().zip(&mut statistics) {
        if let Holds::Parameter(index) = place.holds {
            let values = &network.parameters[index].master;
            statistics.add(values).map_err(|_| not_finite(place))?;
        }
    }
    let mut watched = Watch {
        simd: context.array.simd,
        places: &places,
        state: statistics,
        failed: None,
        see: Statistics::add,
    };
    for index in 0.. {
        let Some(images) = batch(index) else { break };
        network.forward_with(images, context, Some(&mut watched))?;
        if let Some(place) = watched.failed {
            return Err(not_finite(&places[place]));
        }
    }
    let statistics = watched.state;

    let mut formats: Vec<Format> = Vec::new();
    for (place, statistics) in places.iter().zip(&statistics) {
        let format = match &place.holds {
            Holds::Same { place, .. } => Ok(formats[*place]),
            _ => chosen(place, statistics, options, &of_layer(place, &places, &formats)),
        };
        let wrong = |source| CalibrationError::Choice { tensor: name(place), source };
        formats.push(format.map_err(wrong)?);
    }

    let state = formats.iter().map(|&format| Measured::new(format)).collect();
    let see = |measured: &mut Measured, values: &[f32]| {
        measured.add(values);
        Ok(())
    };
    let mut watched = Watch { simd: context.array.simd, places: &places, state, failed: None, see };
    for index in 0.. {
        let Some(images) = batch(index) else { break };
        network.forward_with(images, context, Some(&mut watched))?;
    }
    let mut measured = watched.state;
    for (place, measured) in places.iter().zip(&mut measured) {
        if let Holds::Parameter(index) = place.holds {
            measured.add(&network.parameters[index].master);
        }
    }

    let tensors = places.iter().zip(statistics).zip(measured);
    let tensors = tensors.map(|((place, statistics), measured)| CalibratedTensor {
        layer: place.layer.clone(),
        tensor: place.tensor,
        range: statistics.range(),
        measured,
        same_as: match place.holds {
            Holds::Same { place, .. } => {
                Some(format!("{}.{}", places[place].layer, places[place].tensor.name()))
            }
            _ => None,
        },
    });
    Ok(tensors.collect())
}

/// What the statistics of a place keep.
fn keep(place: &FormatPlace, options: &CalibrationOptions) -> Keep {
    let range = Keep { magnitudes: false, sample: 0 };
    match (&place.holds, place.tensor) {
        (Holds::Parameter(_), LayerTensor::Bias) | (Holds::Same { .. }, _) => range,
        (Holds::Parameter(_), _) => options.weights.keep(true),
        (Holds::Values { .. }, _) => options.activations.keep(false),
    }
}

/// The formats of the input and the weight of the layer of `place`, which come before its bias.
fn of_layer(
    place: &FormatPlace,
    places: &[FormatPlace],
    formats: &[Format],
) -> Option<(Format, Format)> {
    let of = |tensor| {
        let mut known = places.iter().zip(formats);
        known.find(|(other, _)| other.layer == place.layer && other.tensor == tensor)
    };
    let (_, input) = of(LayerTensor::Input)?;
    let (_, weight) = of(LayerTensor::Weight)?;
    Some((*input, *weight))
}

fn chosen(
    place: &FormatPlace,
    statistics: &Statistics,
    options: &CalibrationOptions,
    operands: &Option<(Format, Format)>,
) -> Result<Format, PrecisionError> {
    match &place.holds {
        Holds::Parameter(_) if place.tensor == LayerTensor::Bias => {
            let choice = Choice {
                method: Method::Max,
                word_lengths: vec![options.bias_bits],
                least_sqnr_db: None,
            };
            let format = choice.format(statistics, true)?;
            let most = operands.map_or(MAX_FRACTIONAL_LENGTH, |(input, weight)| {
                (input.fl() + weight.fl()).clamp(-MAX_FRACTIONAL_LENGTH, MAX_FRACTIONAL_LENGTH)
            });
            Ok(format.with_fl(format.fl().min(most))?)
        }
        Holds::Parameter(_) => options.weights.format(statistics, true),
        Holds::Values { values, non_negative } => {
            let of_images = values.contains(&0) && statistics.range().0 >= 0.0;
            let unsigned = options.unsigned && (*non_negative || of_images);
            options.activations.format(statistics, !unsigned)
        }
        Holds::Same { .. } => unreachable!("it has the format of another place"),
    }
}

/// Gives the values of a pass to the states of the places that hold them.
struct Watch<'a, S, F> {
    simd: SimdLevel,
    places: &'a [FormatPlace],
    state: Vec<S>,
    /// The first place that could not take a value.
    failed: Option<usize>,
    see: F,
}

impl<S, F> Between for Watch<'_, S, F>
where
    F: Fn(&mut S, &[f32]) -> Result<(), PrecisionError>,
{
    fn output(&mut self, _: usize, _: &str, _: &mut [f32]) -> Result<(), NetworkError> {
        Ok(())
    }

    fn gradient(&mut self, _: usize, _: &str, _: &mut [f32]) -> Result<(), NetworkError> {
        Ok(())
    }

    fn value(&mut self, value: usize, values: &Activation) {
        let floats = values.to_f32(self.simd);
        for (index, place) in self.places.iter().enumerate() {
            let held = match &place.holds {
                Holds::Values { values, .. } => values.contains(&value),
                Holds::Same { value: own, .. } => *own == value,
                Holds::Parameter(_) => false,
            };
            if held && (self.see)(&mut self.state[index], &floats).is_err() {
                self.failed.get_or_insert(index);
            }
        }
    }
}

#[cfg(test)]
mod tests;
