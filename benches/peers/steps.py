"""Training steps at batch 128: hwsim beside PyTorch float32 and QPyTorch emulation, in one run."""

import argparse
import json
import subprocess
import tempfile
import time

import qtorch
import torch
import torch.nn as nn
from qtorch.quant import fixed_point_quantize

BATCH = 128


class Quantised(torch.autograd.Function):
    """QPyTorch's quantiser with a straight-through gradient, as its own `Quantizer` modules have it."""

    @staticmethod
    def forward(context, x):
        return fixed_point_quantize(x, 8, 4, rounding="stochastic")

    @staticmethod
    def backward(context, gradient):
        return gradient


class Mac(nn.Module):
    """A convolution or linear layer with, if asked for, quantised weights, inputs and outputs."""

    def __init__(self, layer, emulate):
        super().__init__()
        self.layer, self.emulate = layer, emulate

    def forward(self, x):
        if not self.emulate:
            return self.layer(x)
        parameters = {name: Quantised.apply(p) for name, p in self.layer.named_parameters()}
        y = torch.func.functional_call(self.layer, parameters, (Quantised.apply(x),))
        return Quantised.apply(y)


class Norm(nn.Module):
    def __init__(self, channels, emulate):
        super().__init__()
        self.layer, self.emulate = nn.BatchNorm2d(channels), emulate

    def forward(self, x):
        y = self.layer(x)
        return Quantised.apply(y) if self.emulate else y


def lenet5(emulate):
    mac = lambda layer: Mac(layer, emulate)
    return nn.Sequential(
        mac(nn.Conv2d(1, 6, 5, padding=2)), nn.ReLU(), nn.MaxPool2d(2),
        mac(nn.Conv2d(6, 16, 5)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        mac(nn.Linear(400, 120)), nn.ReLU(), mac(nn.Linear(120, 84)), nn.ReLU(), mac(nn.Linear(84, 10)),
    )


def alexnet(emulate):
    mac = lambda layer: Mac(layer, emulate)
    return nn.Sequential(
        mac(nn.Conv2d(3, 64, 11, stride=4, padding=5)), nn.ReLU(), nn.MaxPool2d(2),
        mac(nn.Conv2d(64, 192, 5, padding=2)), nn.ReLU(), nn.MaxPool2d(2),
        mac(nn.Conv2d(192, 384, 3, padding=1)), nn.ReLU(),
        mac(nn.Conv2d(384, 256, 3, padding=1)), nn.ReLU(),
        mac(nn.Conv2d(256, 256, 3, padding=1)), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        mac(nn.Linear(256, 10)),
    )


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride, emulate):
        super().__init__()
        conv = lambda i, o, k, s: Mac(nn.Conv2d(i, o, k, s, k // 2, bias=False), emulate)
        self.first, self.second = conv(inputs, outputs, 3, stride), conv(outputs, outputs, 3, 1)
        self.norms = nn.ModuleList([Norm(outputs, emulate), Norm(outputs, emulate)])
        self.short = None
        if stride != 1 or inputs != outputs:
            self.short = nn.Sequential(conv(inputs, outputs, 1, stride), Norm(outputs, emulate))

    def forward(self, x):
        y = torch.relu(self.norms[0](self.first(x)))
        y = self.norms[1](self.second(y))
        return torch.relu(y + (x if self.short is None else self.short(x)))


def resnet20(emulate):
    layers = [Mac(nn.Conv2d(3, 16, 3, padding=1, bias=False), emulate), Norm(16, emulate), nn.ReLU()]
    channels = 16
    for outputs, stride in [(16, 1), (32, 2), (64, 2)]:
        for index in range(3):
            layers.append(Block(channels, outputs, stride if index == 0 else 1, emulate))
            channels = outputs
    return nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), Mac(nn.Linear(64, 10), emulate)
    )


def torch_step(make, shape, emulate, repeats):
    torch.manual_seed(1)
    network = make(emulate)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
    x, labels = torch.randn(BATCH, *shape), torch.randint(0, 10, (BATCH,))

    def step():
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), labels).backward()
        optimiser.step()

    for _ in range(3):
        step()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def hwsim_step(hwsim, arch, threads, arguments, steps):
    """Seconds of a step: the difference of two runs, so that start and evaluation cancel."""
    def seconds(count):
        with tempfile.TemporaryDirectory() as folder:
            command = [hwsim, "train", "--arch", arch, "--max-steps", str(count), "--quiet"]
            command += ["--limit-test", "128", "--threads", str(threads), "--seed", "1"]
            command += ["--batch-size", str(BATCH), "--summary", f"{folder}/summary.json"]
            command += ["--trace", f"{folder}/trace.csv", *arguments]
            subprocess.run(command, check=True, capture_output=True)
            return json.load(open(f"{folder}/summary.json"))["seconds"]

    few = 5
    return (seconds(few + steps) - seconds(few)) / steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--hwsim", required=True)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--data-dir", help="folder of CIFAR-10; else the embedded slice (one channel)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"PyTorch {torch.__version__}, {options.threads} threads; milliseconds a step of {BATCH} images")
    print(f"{'network':10} {'PyTorch':>9} {'QPyTorch':>9} | {'hwsim run':24} {'step':>9} {'PyTorch/':>9} {'QPyTorch/':>9}")
    for arch, make in [("lenet5", lenet5), ("alexnet", alexnet), ("resnet20", resnet20)]:
        shape, data = (1, 28, 28), []
        if arch != "lenet5":
            shape = (3, 32, 32)
            if options.data_dir:
                data = ["--dataset", "cifar10", "--data-dir", options.data_dir]
        emulated = torch_step(make, shape, True, max(3, options.steps // 4))
        runs = {
            "float32": ["--controller", "float32"],
            "static 8,4": ["--controller", "static", "--wl", "8", "--fl", "4"],
            "static 8,4, fixed back": [
                "--controller", "static", "--wl", "8", "--fl", "4", "--backward", "fixed", "--gradient-wl", "8"
            ],
            "static 16,12": ["--controller", "static", "--wl", "16", "--fl", "12"],
            "static 24,16": ["--controller", "static", "--wl", "24", "--fl", "16"],
            "adapt, from 8,4": ["--controller", "adapt"],
        }
        for name, arguments in runs.items():
            # Measured anew beside every run, since the speed of a shared machine wanders.
            plain = torch_step(make, shape, False, options.steps)
            ours = hwsim_step(options.hwsim, arch, options.threads, [*arguments, *data], options.steps)
            print(
                f"{arch:10} {plain * 1e3:9.1f} {emulated * 1e3:9.1f} | {name:24} {ours * 1e3:9.1f} "
                f"{plain / ours:9.2f} {emulated / ours:9.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
