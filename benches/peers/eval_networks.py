#!/usr/bin/env python3
"""Images a second of quantised networks: `hwsim eval` and ONNX Runtime's int8 by turns, on the same cores.

    eval_networks.py --hwsim PROGRAM --networks FOLDER --x X.npy --y Y.npy [--rounds 5] [--threads 2] [--out FOLDER]

FOLDER has fmnist-cnn/onnxruntime/*.onnx and fmnist-cnn/brevitas/w8a8-po2/qonnx-bN.onnx, X.npy the test images of the CNN and Y.npy their
classes. ResNet-20 for 32x32 images is made here, with random weights (seed 0), and quantised with onnxruntime.quantization (QDQ,
u8 activations, s8 weights by channel, calibrated with random images), so that both programs run the same file.

Of each round and network, one after the other: hwsim as a process of its own, ONNX Runtime in this process with `--threads` intra-op
threads and the best of three batch sizes, and ONNX Runtime as a process of its own with that batch size. `with start` is the wall
time of a process that reads model and images and finds the accuracy; `without` of hwsim is that of all images less that of a few,
of ONNX Runtime that of session.run. Medians over the rounds. Needs numpy, onnx, onnxruntime."""
import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

BATCHES = (32, 100, 500)
FEW = 200


def session(path, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def run_all(opened, x, batch):
    name = opened.get_inputs()[0].name
    return np.concatenate([opened.run(None, {name: x[i : i + batch]})[0] for i in range(0, len(x), batch)])


def peer_process(model, x, y, threads, batch):
    """What the process of ONNX Runtime does."""
    logits = run_all(session(model, threads), np.load(x), batch)
    print(float((logits.argmax(1) == np.load(y)).mean()))


def resnet20(folder):
    """ResNet-20 of He et al. for 32x32 images (batch norms folded, strided 1x1 convolutions as shortcuts), quantised as QDQ."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

    random = np.random.default_rng(0)
    nodes, constants = [], []

    def constant(name, values):
        constants.append(numpy_helper.from_array(values.astype(np.float32), name))
        return name

    def convolution(x, name, of, to, kernel, stride):
        spread = np.sqrt(2.0 / (of * kernel * kernel))
        w = constant(f"{name}.weight", random.normal(0, spread, (to, of, kernel, kernel)))
        b = constant(f"{name}.bias", random.normal(0, 0.05, to))
        nodes.append(helper.make_node("Conv", [x, w, b], [name], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[kernel // 2] * 4))
        return name

    def relu(x):
        nodes.append(helper.make_node("Relu", [x], [f"{x}.relu"]))
        return f"{x}.relu"

    y = relu(convolution("x", "first", 3, 16, 3, 1))
    of = 16
    for stage, to in enumerate((16, 32, 64)):
        for block in range(3):
            stride = 2 if stage > 0 and block == 0 else 1
            name = f"stage{stage}.block{block}"
            inner = relu(convolution(y, f"{name}.a", of, to, 3, stride))
            inner = convolution(inner, f"{name}.b", to, to, 3, 1)
            shortcut = y if of == to else convolution(y, f"{name}.shortcut", of, to, 1, stride)
            nodes.append(helper.make_node("Add", [inner, shortcut], [f"{name}.sum"]))
            y, of = relu(f"{name}.sum"), to
    nodes.append(helper.make_node("GlobalAveragePool", [y], ["pooled"]))
    nodes.append(helper.make_node("Flatten", ["pooled"], ["flat"]))
    w, b = constant("fc.weight", random.normal(0, 0.1, (10, 64))), constant("fc.bias", random.normal(0, 0.1, 10))
    nodes.append(helper.make_node("Gemm", ["flat", w, b], ["logits"], transB=1))
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes, "resnet20", [value("x", TensorProto.FLOAT, ["N", 3, 32, 32])], [value("logits", TensorProto.FLOAT, ["N", 10])], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    plain, quantised = f"{folder}/resnet20-float.onnx", f"{folder}/resnet20-qdq-u8s8-channel.onnx"
    onnx.save(model, plain)

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.batches = iter(random.normal(0, 1, (4, 25, 3, 32, 32)).astype(np.float32))

        def get_next(self):
            batch = next(self.batches, None)
            return None if batch is None else {"x": batch}

    quantize_static(
        plain, quantised, Reader(), quant_format=QuantFormat.QDQ, per_channel=True, activation_type=QuantType.QUInt8, weight_type=QuantType.QInt8
    )
    return quantised


def wall(command):
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr.strip()}")
    return time.perf_counter() - start, done.stdout


def differing(hwsim, model, images, logits, folder):
    """How many of the classes of both programs differ, and by how much the outputs do, as a share of the largest."""
    out = f"{folder}/out.npy"
    wall([hwsim, "eval", model, "--x", images, "--output", out, "--quiet"])
    found = np.load(out)
    return int((found.argmax(1) != logits.argmax(1)).sum()), float(np.abs(found - logits).max() / np.abs(logits).max())


def cpu():
    with open("/proc/cpuinfo") as file:
        lines = file.read().splitlines()
    name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    flags = next(line.split(":")[1].split() for line in lines if line.startswith("flags"))
    wanted = ("avx2", "fma", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")
    return name, [flag for flag in wanted if flag in flags]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hwsim", default="hwsim")
    parser.add_argument("--networks", required=True)
    parser.add_argument("--x", required=True)
    parser.add_argument("--y", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--out")
    parser.add_argument("--peer", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        model, batch = options.peer
        peer_process(model, options.x, options.y, options.threads, int(batch))
        return
    import onnxruntime

    with tempfile.TemporaryDirectory() as folder:
        cnn = f"{options.networks}/fmnist-cnn"
        best = f"{cnn}/onnxruntime"
        images = f"{folder}/images32.npy"
        random = np.random.default_rng(1)
        np.save(images, random.normal(0, 1, (2000, 3, 32, 32)).astype(np.float32))
        classes = f"{folder}/classes32.npy"
        np.save(classes, random.integers(0, 10, 2000))
        # Name, file of hwsim, file of ONNX Runtime, images, classes.
        pairs = [(f"CNN {name}", f"{best}/{name}.onnx", f"{best}/{name}.onnx", options.x, options.y)
                 for name in ("qdq-u8s8-channel", "qop-u8s8-tensor", "qdq-s8s8-channel")]
        pairs.append(("CNN w8a8-po2 (QONNX) / qdq-u8s8-channel", f"{cnn}/brevitas/w8a8-po2/qonnx-bN.onnx", f"{best}/qdq-u8s8-channel.onnx",
                      options.x, options.y))
        resnet = resnet20(folder)
        pairs.append(("ResNet-20 qdq-u8s8-channel", resnet, resnet, images, classes))
        pairs = [pair for pair in pairs if options.only in pair[0]]
        rows, threads = [], options.threads
        for name, ours, theirs, x, y in pairs:
            array = np.load(x)
            count = len(array)
            opened = session(theirs, threads)
            run_all(opened, array[:1000], 100)
            # The batch size that is best for ONNX Runtime.
            def seconds(batch):
                start = time.perf_counter()
                run_all(opened, array[:2000], batch)
                return time.perf_counter() - start

            batch = min(BATCHES, key=lambda batch: min(seconds(batch) for _ in range(3)))
            command = [options.hwsim, "eval", ours, "--x", x, "--y", y, "--quiet", "--threads", str(threads), "--format", "json"]
            peer = [sys.executable, os.path.abspath(__file__), "--networks", "-", "--x", x, "--y", y, "--threads", str(threads), "--peer", theirs, str(batch)]
            times = {key: [] for key in ("hwsim", "few", "peer", "session")}
            for _ in range(options.rounds):
                times["hwsim"].append(wall(command)[0])
                start = time.perf_counter()
                logits = run_all(opened, array, batch)
                times["session"].append(time.perf_counter() - start)
                times["few"].append(wall(command + ["--limit-test", str(FEW)])[0])
                times["peer"].append(wall(peer)[0])
            middle = {key: statistics.median(values) for key, values in times.items()}
            row = {"network": name, "images": count, "rounds": options.rounds, "threads": threads}
            row["hwsim_with_start"] = count / middle["hwsim"]
            row["onnxruntime_with_start"] = count / middle["peer"]
            row["hwsim_without"] = (count - FEW) / (middle["hwsim"] - middle["few"])
            row["onnxruntime_without"] = count / middle["session"]
            row["onnxruntime_batch"] = batch
            row["ratio_with_start"] = middle["peer"] / middle["hwsim"]
            row["ratio_without"] = row["hwsim_without"] / row["onnxruntime_without"]
            row["classes_that_differ"], row["largest_difference"] = (
                differing(options.hwsim, ours, x, logits, folder) if ours == theirs else ("", "")
            )
            rows.append(row)
            print({key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}, flush=True)
    if options.out:
        model, flags = cpu()
        with open(f"{options.out}/speed.csv", "w", newline="") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows({key: f"{value:.4g}" if isinstance(value, float) else value for key, value in row.items()} for row in rows)
        facts = {"cpu": model, "cores": os.cpu_count(), "flags": flags, "onnxruntime": onnxruntime.__version__, "load": os.getloadavg(),
                 "command": "benches/peers/eval_networks.py --networks FOLDER --x X.npy --y Y.npy "
                            f"--rounds {options.rounds} --threads {options.threads}"}
        with open(f"{options.out}/speed.json", "w") as file:
            json.dump(facts, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
