#!/usr/bin/env python3
"""Runs networks that `hwsim onnx export` wrote in ONNX Runtime and in QONNX's executor, and compares their scores with hwsim's.

    exported.py MODEL [--hwsim PROGRAM] [--formats "--wl 8 --fl 5"] [--dataset NAME] [--limit N] [--qonnx N] [--pixels "--mean ... --std ..."]

MODEL is a saved model of an image network, or a float ONNX network with --formats and --pixels. `hwsim eval MODEL FORMATS --predictions --prediction-scores` gives
class and scores of every test image. The exported QDQ file runs in ONNX Runtime without graph optimisations, with all of them, and in hwsim itself; the
QONNX file by qonnx's execute_onnx on the first N images. The inputs are those that hwsim gives to the same graph: a graph of one Identity node, run by
`hwsim eval`, writes them. Counted: images with another class, and scores that are not equal. Needs numpy, onnx, onnxruntime; qonnx for --qonnx."""
import argparse
import csv
import os
import shlex
import subprocess
import tempfile

import numpy as np
import onnx
import onnx.numpy_helper
import onnxruntime as ort
from onnx import helper


def run(program, line, folder):
    done = subprocess.run([program, *shlex.split(line)], capture_output=True, text=True, cwd=folder)
    if done.returncode != 0:
        raise SystemExit(f"hwsim {line}: {done.stderr.strip()}")
    return done


def scores(path):
    with open(path) as file:
        rows = list(csv.reader(file))[1:]
    return np.array([[float(x) for x in row[3:]] for row in rows]), np.array([int(row[1]) for row in rows])


def identity(model):
    """A network that gives its input as its output."""
    given = onnx.load(model).graph.input[0]
    output = helper.make_tensor_value_info("same", onnx.TensorProto.FLOAT, None)
    graph = helper.make_graph([helper.make_node("Identity", [given.name], ["same"])], "identity", [given], [output])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)


def runtime(model, x, level, batch=500):
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    session = ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: x[at:at + batch]})[0] for at in range(0, len(x), batch)])


def first_difference(model, x):
    """Of the tensors of ONNX Runtime with and without optimisations only the output can be compared; the kinds of its nodes say what ran."""
    options = ort.SessionOptions()
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/optimised.onnx"
        options.optimized_model_filepath = path
        options.log_severity_level = 3
        ort.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        nodes = onnx.load(path).graph.node
    kinds = {}
    for node in nodes:
        kinds[node.op_type] = kinds.get(node.op_type, 0) + 1
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))


def last_step(model):
    """The scale of the network's output."""
    graph = onnx.load(model).graph
    last = next(node for node in graph.node if node.output[0] == graph.output[0].name)
    return float(next(onnx.numpy_helper.to_array(t) for t in graph.initializer if t.name == last.input[1]))


def compare(what, found, expected, labels, step):
    """Compares integers: a table of scores has six decimals."""
    found, expected = np.rint(found.reshape(len(found), -1) / step), np.rint(expected[:len(found)] / step)
    labels = labels[:len(found)]
    classes = int((found.argmax(1) != expected.argmax(1)).sum())
    unequal = found != expected
    top1 = 100 * (found.argmax(1) == labels).mean()
    print(f"| {what} | {len(found):,} | {top1:.2f} | {classes} | {int(unequal.sum())} of {unequal.size:,} | {np.abs(found - expected).max():g} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("--hwsim", default="hwsim")
    parser.add_argument("--formats", default="")
    parser.add_argument("--dataset", default="fashion-mnist")
    parser.add_argument("--limit", type=int, default=10000)
    parser.add_argument("--qonnx", type=int, default=0)
    parser.add_argument("--pixels", default="--mean 0.1307 --std 0.3081", help="mean and standard deviation of the model's pixels")
    given = parser.parse_args()
    model = os.path.abspath(given.model)
    data = f"--dataset {given.dataset} --limit-test {given.limit}"
    is_graph = model.endswith(".onnx")
    with tempfile.TemporaryDirectory() as folder:
        pixels = given.pixels if is_graph else ""
        run(given.hwsim, f"eval {shlex.quote(model)} {given.formats} {data} {pixels} --predictions layers.csv --prediction-scores", folder)
        expected, labels = scores(f"{folder}/layers.csv")
        for form in ["qdq", "qonnx"]:
            run(given.hwsim, f"onnx export {shlex.quote(model)} {given.formats} --to {form} --output {form}.onnx", folder)
        onnx.checker.check_model(f"{folder}/qdq.onnx", full_check=True)
        onnx.save(identity(f"{folder}/qdq.onnx"), f"{folder}/identity.onnx")
        sizes = [d.dim_value for d in onnx.load(f"{folder}/qdq.onnx").graph.input[0].type.tensor_type.shape.dim]
        image = f"--image {sizes[2]}x{sizes[3]} {given.pixels} --quiet"
        run(given.hwsim, f"eval identity.onnx {data} {image} --output x.npy", folder)
        x = np.load(f"{folder}/x.npy").astype(np.float32)
        step = last_step(f"{folder}/qdq.onnx")
        print("| | images | top-1 % | other class | unequal scores | largest difference in steps |\n|---|---|---|---|---|---|")
        print(f"| `hwsim eval` of the layers | {len(expected):,} | {100 * (expected.argmax(1) == labels).mean():.2f} | | | |")
        for form in ["qdq", "qonnx"]:
            for reals in ["float64", "float32"]:
                run(given.hwsim, f"eval {form}.onnx {data} {image} --reals {reals} --predictions graph.csv --prediction-scores", folder)
                compare(f"`hwsim eval {form}.onnx --reals {reals}`", scores(f"{folder}/graph.csv")[0], expected, labels, step)
        qdq = f"{folder}/qdq.onnx"
        levels = ort.GraphOptimizationLevel
        compare("ONNX Runtime, QDQ, no optimisations", runtime(qdq, x, levels.ORT_DISABLE_ALL), expected, labels, step)
        compare("ONNX Runtime, QDQ, all optimisations", runtime(qdq, x, levels.ORT_ENABLE_ALL), expected, labels, step)
        print(f"\nnodes after all optimisations: {first_difference(qdq, x)}\n")
        if given.qonnx:
            from qonnx.core.modelwrapper import ModelWrapper
            from qonnx.core.onnx_exec import execute_onnx
            from qonnx.transformation.infer_shapes import InferShapes
            wrapper = ModelWrapper(f"{folder}/qonnx.onnx")
            source, result = wrapper.graph.input[0].name, wrapper.graph.output[0].name
            wrapper.set_tensor_shape(source, [1, *x.shape[1:]])
            wrapper.set_tensor_shape(result, [1, expected.shape[1]])
            wrapper = wrapper.transform(InferShapes())
            found = [execute_onnx(wrapper, {source: x[at:at + 1]})[result] for at in range(min(given.qonnx, len(x)))]
            compare("qonnx's executor, QONNX", np.concatenate(found), expected, labels, step)


if __name__ == "__main__":
    main()
