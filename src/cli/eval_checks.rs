//! Checks of `hwsim eval`: flags without effect are refused, doubtful ones cause a warning.

use super::accumulator_warning;
use super::errors::Failure;
use crate::network::Network;
use anyhow::anyhow;
use hwmodel::Accumulator;

/// Whether any layer computes in fixed point.
pub(super) fn is_fixed(network: &Network) -> bool {
    network.parameters.iter().any(|parameter| parameter.quantised.is_some())
}

/// Refuses the first of the flags `given`, all of which are about integers, for a network without any.
pub(super) fn has_effect<'a>(
    network: &Network,
    mut given: impl Iterator<Item = &'a str>,
) -> Result<(), Failure> {
    match given.next() {
        Some(flag) if !is_fixed(network) => Err(Failure::usage(anyhow!(
            "`--{flag}` has no effect: the model is float32 in every layer; leave it out, or train a model with a controller other than \
             float32"
        ))),
        _ => Ok(()),
    }
}

/// The warning about an accumulator that holds no sum of 1 or more.
pub(super) fn too_narrow(
    network: &Network,
    accumulator: Accumulator,
    events: u64,
) -> Option<String> {
    let warning = accumulator_warning::of_network(network, accumulator, events)?;
    Some(warning + ", and --accumulator-study finds the smallest")
}
