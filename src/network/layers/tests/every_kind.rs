//! Properties that every kind of layer must have.

use super::super::EXAMPLES;
use super::{context, quantised};
use crate::network::{Activation, Network, NetworkError, example_networks};
use crate::precision::NumberFormat;
use hwmodel::Format;
use std::fs;
use std::path::Path;

const SAMPLES: usize = 2;

/// Small whole numbers, which are pixels and tokens alike.
fn inputs(network: &Network) -> Activation {
    let [h, w, c] = network.input;
    let values = (0..SAMPLES * h * w * c).map(|i| (i * 7 % 5) as f32);
    Activation::float(values.collect(), [SAMPLES, h, w, c])
}

fn formats() -> [NumberFormat; 3] {
    let fixed = NumberFormat::Fixed(Format::new(12, 6).unwrap());
    [NumberFormat::Float32, fixed, NumberFormat::DynamicFixed { wl: 12 }]
}

#[test]
fn the_list_has_every_file_with_a_layer() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/network/layers");
    let has_layer =
        |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains("\nimpl Layer for "));
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let any = if path.is_dir() {
            fs::read_dir(&path).unwrap().any(|entry| has_layer(&entry.unwrap().path()))
        } else {
            has_layer(&path)
        };
        if any {
            found.push(path.file_stem().unwrap().to_string_lossy().into_owned());
        }
    }
    found.sort();
    let listed: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, listed);
}

#[test]
fn every_kind_runs_forward_and_backward_in_every_number_format() {
    for (name, network) in example_networks() {
        for format in formats() {
            let mut network = quantised(example_networks_of(name), |_| format);
            let images = inputs(&network);
            let mut pass = network.forward(images, &context(true)).unwrap();
            let gradient = vec![0.5; pass.logits.len()];
            assert!(pass.logits.iter().all(|logit| logit.is_finite()), "{name} {format:?}");
            let tokens = name == "embedding";
            let gradients =
                network.backward(&mut pass, gradient.clone(), &context(true), !tokens).unwrap();
            for (gradient, parameter) in gradients.parameters.iter().zip(&network.parameters) {
                // Nothing reads the product before an embedding.
                let read = !(tokens && parameter.name.starts_with("before"));
                let length = if read { parameter.elements() } else { 0 };
                assert_eq!(gradient.len(), length, "{name}: {}", parameter.name);
                assert!(gradient.iter().all(|value| value.is_finite()), "{name} {format:?}");
            }
            let elements = SAMPLES * network.input.iter().product::<usize>();
            assert_eq!(gradients.input.map_or(0, |dx| dx.len()), if tokens { 0 } else { elements });
            let again = network.backward(&mut pass, gradient, &context(true), false);
            assert!(matches!(again, Err(NetworkError::BackwardTwice)), "{name}");
        }
        assert!(network.nodes.iter().all(|node| !node.kind().is_empty()));
    }
}

fn example_networks_of(wanted: &str) -> Network {
    example_networks().into_iter().find(|(name, _)| *name == wanted).unwrap().1
}

#[test]
fn an_evaluation_pass_gives_gradients_or_says_that_it_has_none() {
    for (name, mut network) in example_networks() {
        let images = inputs(&network);
        let mut pass = network.forward(images, &context(false)).unwrap();
        let gradient = vec![0.5; pass.logits.len()];
        match network.backward(&mut pass, gradient, &context(false), false) {
            Ok(_) | Err(NetworkError::NotTraining(_)) => {}
            Err(other) => panic!("{name}: {other}"),
        }
    }
}
