//! Architectures that are costed but cannot be trained: layer sizes only, one file of data each.

mod gpt2_small;

use super::error::WorkloadError;
use super::layer::Workload;

type Build = fn() -> Result<Workload, WorkloadError>;

const ARCHITECTURES: [(&str, Build); 1] = [("gpt2-small", gpt2_small::build)];

/// The names of all architectures.
pub fn names() -> impl Iterator<Item = &'static str> {
    ARCHITECTURES.iter().map(|(name, _)| *name)
}

/// The workload of architecture `name`.
///
/// # Errors
/// If there is none of this name.
pub fn build(name: &str) -> Result<Workload, WorkloadError> {
    match ARCHITECTURES.iter().find(|(known, _)| *known == name) {
        Some((_, build)) => build(),
        None => Err(WorkloadError::UnknownArchitecture {
            name: name.to_owned(),
            known: names().collect::<Vec<_>>().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::Work;

    fn products(workload: &Workload) -> usize {
        let vector = |operation: &Work| matches!(operation, Work::Vector(_));
        workload.layers().iter().filter(|layer| !vector(&layer.operation)).count()
    }

    #[test]
    fn gpt2_small_has_the_published_counts() {
        let workload = build("gpt2-small").unwrap();
        // Published operation counts of a forward pass over 1024 tokens give 291,648,307,200 FLOPs.
        assert_eq!(workload.macs(), 291_648_307_200 / 2);
        // Radford et al. (2019) as released: 124 M parameters.
        assert_eq!(workload.parameters(), 124_439_808);
        assert_eq!(products(&workload), 12 * 6 + 1);
    }

    #[test]
    fn unknown_names_list_the_known() {
        let error = build("resnet51").unwrap_err().to_string();
        assert_eq!(error, "unknown architecture `resnet51`: use one of gpt2-small");
    }
}
