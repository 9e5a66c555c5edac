//! Every value of a graph is made once, before it is read.

use super::error::{GraphProblem, OnnxError};
use super::{of_node, proto};
use std::collections::{HashMap, HashSet};

/// Checks the names of `graph`.
///
/// # Errors
/// If a name stands for two values, or a node or the graph's outputs need a value that is not made, or made later only.
pub(super) fn check(graph: &proto::Graph) -> Result<(), OnnxError> {
    let initialisers = graph.initializer.iter().map(|tensor| tensor.name.as_str());
    let mut made = distinct("initialisers", initialisers)?;
    made.extend(distinct("inputs", graph.input.iter().map(|input| input.name.as_str()))?);
    for (index, node) in graph.node.iter().enumerate() {
        let unmade = given(&node.input).find(|name| !made.contains(name));
        if let Some(name) = unmade {
            return Err(of_node(index, node, missing(graph, index, name)));
        }
        for name in given(&node.output) {
            if !made.insert(name) {
                return Err(of_node(index, node, GraphProblem::MadeTwice(name.to_owned())));
            }
        }
    }
    let unmade = graph.output.iter().find(|output| !made.contains(output.name.as_str()));
    unmade.map_or(Ok(()), |output| Err(OnnxError::NoOutput(output.name.clone())))
}

/// Names without those of optional values that are left out.
fn given(names: &[String]) -> impl Iterator<Item = &str> {
    names.iter().map(String::as_str).filter(|name| !name.is_empty())
}

fn distinct<'a>(
    what: &'static str,
    names: impl Iterator<Item = &'a str>,
) -> Result<HashSet<&'a str>, OnnxError> {
    let mut found = HashSet::new();
    for name in names {
        if !found.insert(name) {
            return Err(OnnxError::Twice { what, name: name.to_owned() });
        }
    }
    Ok(found)
}

/// Why node `reader` cannot read `name`, which no node before it makes.
fn missing(graph: &proto::Graph, reader: usize, name: &str) -> GraphProblem {
    let mut sparse = graph.sparse_initializer.iter().filter_map(|tensor| tensor.values.as_ref());
    if sparse.any(|tensor| tensor.name == name) {
        return GraphProblem::Sparse(name.to_owned());
    }
    let makers: HashMap<&str, usize> = graph
        .node
        .iter()
        .enumerate()
        .flat_map(|(index, node)| given(&node.output).map(move |output| (output, index)))
        .collect();
    let Some(&maker) = makers.get(name) else { return GraphProblem::Unmade(name.to_owned()) };
    // All nodes that the maker depends on: the reader is among them in a cycle.
    let mut needed = HashSet::from([maker]);
    let mut open = vec![maker];
    while let Some(index) = open.pop() {
        let before = given(&graph.node[index].input).filter_map(|name| makers.get(name));
        open.extend(before.copied().filter(|&index| needed.insert(index)));
    }
    if needed.contains(&reader) {
        return GraphProblem::Cycle { name: name.to_owned() };
    }
    GraphProblem::Later { name: name.to_owned(), maker: graph.node[maker].label(maker) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::{Graph, Node, SparseTensor, Tensor, ValueInfo};

    fn node(inputs: &[&str], outputs: &[&str]) -> Node {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let op_type = "Add".to_owned();
        Node { op_type, input: names(inputs), output: names(outputs), ..Node::default() }
    }

    fn value(name: &str) -> ValueInfo {
        ValueInfo { name: name.to_owned(), r#type: None }
    }

    fn tensor(name: &str) -> Tensor {
        Tensor { name: name.to_owned(), ..Tensor::default() }
    }

    fn graph(node: Vec<Node>) -> Graph {
        let (input, output) = (vec![value("x")], vec![value("y")]);
        Graph { node, initializer: vec![tensor("w")], input, output, ..Graph::default() }
    }

    fn refused(graph: &Graph) -> String {
        check(graph).unwrap_err().to_string()
    }

    #[test]
    fn values_are_made_once_before_they_are_read() {
        let sound = graph(vec![node(&["x", "w", ""], &["a", ""]), node(&["a", "x"], &["y"])]);
        assert!(check(&sound).is_ok());
        // Files of the first versions list initialisers among the inputs.
        let mut listed = sound.clone();
        listed.input.push(value("w"));
        assert!(check(&listed).is_ok());
        let unsorted = graph(vec![node(&["a", "x"], &["y"]), node(&["x", "w"], &["a"])]);
        insta::assert_snapshot!(refused(&unsorted), @"node `y` (Add): it reads `a`, which a later node (`a`) makes: sort the nodes of the model topologically");
        let cycle =
            graph(vec![node(&["b", "x"], &["a"]), node(&["a"], &["b"]), node(&["b"], &["y"])]);
        insta::assert_snapshot!(refused(&cycle), @"node `a` (Add): it reads `b`, which depends on its own output: the nodes form a cycle, which ONNX does not allow");
        let own = graph(vec![node(&["y"], &["y"])]);
        assert!(refused(&own).contains("form a cycle"));
        let unmade = graph(vec![node(&["z"], &["y"])]);
        insta::assert_snapshot!(refused(&unmade), @"node `y` (Add): it reads `z`, which no node before it makes: the model is damaged or not sorted");
        let twice = graph(vec![node(&["x"], &["y"]), node(&["x"], &["w"])]);
        insta::assert_snapshot!(refused(&twice), @"node `w` (Add): its output `w` is made before: the model is damaged");
        let nothing = graph(vec![node(&["x"], &["z"])]);
        insta::assert_snapshot!(refused(&nothing), @"output `y` is made by no node: the model is damaged");
    }

    #[test]
    fn names_of_two_tensors_and_sparse_tensors_are_refused() {
        let mut twice = graph(vec![node(&["x"], &["y"])]);
        twice.initializer.push(tensor("w"));
        insta::assert_snapshot!(refused(&twice), @"it has two initialisers called `w`: the model is damaged");
        let mut sparse = graph(vec![node(&["x", "s"], &["y"])]);
        sparse.sparse_initializer.push(SparseTensor { values: Some(tensor("s")) });
        insta::assert_snapshot!(refused(&sparse), @"node `y` (Add): it reads `s`, a sparse tensor, which is not supported: export the model with dense weights");
    }
}
