use super::*;
use crate::network::{arch, example_networks};
use serde_json::json;

const INITIALISATION: Initialisation = Initialisation { seed: 1, scale: 1.0 };

fn rebuilt(network: &Network) -> Network {
    let description = network.description().unwrap();
    let text = serde_json::to_string(&description).unwrap();
    let read: NetworkDescription = serde_json::from_str(&text).unwrap();
    assert_eq!(read, description, "{}", network.name);
    read.builder(&network.name, INITIALISATION).unwrap().finish().unwrap()
}

fn shapes(network: &Network) -> Vec<(&str, &[usize], &str)> {
    let parameters = network.parameters.iter();
    let nodes = network.nodes.iter().map(|n| (n.name.as_str(), n.shape.as_slice(), n.kind()));
    nodes.chain(parameters.map(|p| (p.name.as_str(), p.shape.as_slice(), ""))).collect()
}

#[test]
fn every_kind_is_built_again_from_its_description() {
    for (name, network) in example_networks() {
        let again = rebuilt(&network);
        assert_eq!(shapes(&again), shapes(&network), "{name}");
        assert_eq!(again.mac_layers, network.mac_layers, "{name}");
        let works = |network: &Network| {
            network.nodes.iter().map(|n| format!("{:?}", n.work())).collect::<Vec<_>>()
        };
        assert_eq!(works(&again), works(&network), "{name}");
    }
}

#[test]
fn every_architecture_is_its_description() {
    for name in arch::names() {
        let task = arch::common_task(name, INITIALISATION);
        let Ok(layers) = arch::layers(name, &task) else { continue };
        let nodes = layers.nodes();
        let described: Vec<_> = nodes.iter().map(|node| node.layer.described().unwrap()).collect();
        assert!(
            described.iter().all(|(tag, _)| KINDS.iter().any(|kind| kind.tag == *tag)),
            "{name}"
        );
    }
}

#[test]
fn tags_are_unique() {
    let tags: std::collections::BTreeSet<_> = KINDS.iter().map(|kind| kind.tag).collect();
    assert_eq!(tags.len(), KINDS.len());
}

fn error_of(layers: serde_json::Value) -> String {
    let description = json!({"input": [4, 4, 2], "layers": layers});
    match serde_json::from_value::<NetworkDescription>(description) {
        Err(error) => error.to_string(),
        Ok(description) => match description.builder("net", INITIALISATION) {
            Err(error) => error.to_string(),
            Ok(_) => "it was built".to_owned(),
        },
    }
}

#[test]
fn descriptions_that_do_not_fit_are_refused() {
    let linear = |inputs| json!({"name": "fc", "kind": "linear", "settings": {"outputs": 3, "bias": true}, "inputs": inputs});
    let flatten = json!({"name": "flat", "kind": "flatten", "inputs": [0]});
    assert_eq!(error_of(json!([flatten, linear(json!([1]))])), "it was built");
    for (layers, part) in [
        (json!([{"name": "x", "kind": "warp", "inputs": [0]}]), "kind `warp` is not known"),
        (json!([linear(json!([1]))]), "it reads what comes after it"),
        (json!([flatten, linear(json!([]))]), "it has 0 inputs and needs 1"),
        (json!([flatten, flatten]), "there is another layer of this name"),
        (json!([{"name": "a", "kind": "add", "inputs": [0]}]), "it has 1 inputs and needs 2"),
        (
            json!([{"name": "c", "kind": "concatenate", "settings": {"channels": []}, "inputs": []}]),
            "there is no branch",
        ),
        (
            json!([{"name": "c", "kind": "concatenate", "settings": {"channels": [1, 9]}, "inputs": [0, 0]}]),
            "channels",
        ),
        (
            json!([{"name": "p", "kind": "dropout", "settings": {"probability": 2.0}, "inputs": [0]}]),
            "probability",
        ),
        (
            json!([{"name": "p", "kind": "leaky_relu", "settings": {"slope": [9, 2]}, "inputs": [0]}]),
            "slope",
        ),
        (
            json!([{"name": "p", "kind": "relu", "settings": {"six": true, "seven": 7}, "inputs": [0]}]),
            "seven",
        ),
        (
            json!([flatten, {"name": "f", "kind": "linear", "settings": {"outputs": 1u64 << 62, "bias": true}, "inputs": [1]}]),
            "layer `f`",
        ),
    ] {
        let error = error_of(layers.clone());
        assert!(error.contains(part), "{layers}: {error}");
    }
}
