//! Batch normalisation.

use crate::graph::Problem;
use crate::network::imported::lowering::{Lowering, Refusal, Tensor, real, unsupported};
use crate::network::vector::batch_norm::{EPSILON, RunningStatistics};
use crate::onnx::model::Node;
use hwmodel::cast::nearest_f32;

pub(super) fn batch_norm(lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Refusal> {
    let input = lowering.input(node, 0)?;
    let mut parameters = Vec::new();
    for index in 1..5 {
        parameters.push(lowering.weight(node, index)?.1);
    }
    let [h, w, c] = lowering.net.shape(input.id);
    // Channels of flattened images lie in another order in the file.
    let places = input.axes.places();
    let features = places.as_ref().is_some_and(|_| h * w == 1);
    let channels = parameters[0].len();
    if channels != c || parameters.iter().any(|values| values.len() != channels) {
        return Err(Problem::Shape(format!("{channels} channels for {c}")).into());
    }
    if let Some(places) = places.filter(|_| features) {
        for values in &mut parameters {
            *values = places.iter().map(|&place| values[place]).collect();
        }
    }
    // The layer's ε is fixed, so the variance takes the difference: σ² + ε stays.
    let more = real(node, "epsilon", 1e-5) - f64::from(EPSILON);
    let variance: Vec<f64> = parameters[3].iter().map(|variance| variance + more).collect();
    if !variance.iter().all(|&variance| variance > -f64::from(EPSILON)) {
        return Err(unsupported("a variance is negative".to_owned()));
    }
    // A constant factor and shift of the input are in the statistics.
    let gain = &input.gain;
    let mean = parameters[2].iter().enumerate();
    let mean = mean.map(|(channel, mean)| (mean - gain.shift(channel)) / gain.scale(channel));
    let variance = variance.iter().enumerate().map(|(channel, variance)| {
        let square = gain.scale(channel) * gain.scale(channel);
        (variance + f64::from(EPSILON)) / square - f64::from(EPSILON)
    });
    let running = RunningStatistics {
        mean: mean.map(nearest_f32).collect(),
        variance: variance.map(nearest_f32).collect(),
    };
    let name = lowering.layer_name(node);
    let id = lowering.net.batch_norm(&name, input.id)?;
    let [gamma, beta] = [0, 1].map(|index| parameters[index].clone());
    lowering.set_parameter(&name, "weight", gamma);
    lowering.set_parameter(&name, "bias", beta);
    lowering.set_running(&name, running);
    lowering.set(node, Tensor::of(id, input.axes));
    Ok(())
}
