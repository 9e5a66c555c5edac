"""What the readings of a low-bit quantiser cost: LeNet-5 on Fashion-MNIST in float32 PyTorch with emulated quantisers.

    python low_bit_readings.py FOLDER_OF_IDX_GZ BITS...

Weights and activations that enter a layer have BITS bits, rounded to nearest; gradients of a layer's output the same
number, rounded stochastically. One line a reading: top-1 in % and loss on 4,000 test images after two epochs of 20,000.
"""

import gzip
import sys

import numpy as np
import torch
import torch.nn.functional as F

EPOCHS, BATCH, TRAIN, TEST, RATE = 2, 128, 20_000, 4_000, 0.02
# name, options of `quantise` for operands, options of `train`
READINGS = [
    ("float32", None, {}),
    ("affine, weights a channel, 8-bit gradients", {"kind": "affine", "by_channel": True}, {"gradient_bits": 8}),
    ("symmetric", {"kind": "symmetric"}, {}),
    ("power of two", {"kind": "power of two"}, {}),
    ("power of two, 8-bit gradients", {"kind": "power of two"}, {"gradient_bits": 8}),
    ("power of two, results and biases too", {"kind": "power of two"}, {"results": True}),
    ("power of two, stochastic", {"kind": "power of two", "stochastic": True}, {}),
    ("power of two, results and biases too, stochastic", {"kind": "power of two", "stochastic": True}, {"results": True}),
]


def images(folder, part, count):
    def read(name, offset):
        with gzip.open(f"{folder}/{part}-{name}.gz") as file:
            return np.frombuffer(file.read(), np.uint8, offset=offset)

    pixels = torch.tensor(read("images-idx3-ubyte", 16).reshape(-1, 1, 28, 28)[:count]).float() / 255
    labels = torch.tensor(read("labels-idx1-ubyte", 8).astype(np.int64)[:count])
    return F.pad((pixels - 0.286) / 0.353, (2, 2, 2, 2)), labels


def quantise(x, bits, kind, stochastic=False, by_channel=False):
    low, high = x.min(), x.max()
    if by_channel:
        rows = x.reshape(x.shape[0], -1)
        shape = [-1] + [1] * (x.dim() - 1)
        low, high = rows.min(1)[0].view(shape), rows.max(1)[0].view(shape)
    noise = torch.rand_like(x) - 0.5 if stochastic else 0
    if kind == "affine":
        scale = ((high - low) / (2**bits - 1)).clamp_min(1e-8)
        return torch.round(((x - low) / scale + noise).clamp(0, 2**bits - 1)) * scale + low
    top = 2 ** (bits - 1) - 1
    scale = (torch.maximum(low.abs(), high.abs()) / top).clamp_min(1e-30)
    if kind == "power of two":
        scale = 2 ** torch.ceil(torch.log2(scale))
    return torch.round((x / scale + noise).clamp(-top - 1, top)) * scale


class Quantised(torch.autograd.Function):
    @staticmethod
    def forward(context, x, bits, options):
        return quantise(x, bits, **options)

    @staticmethod
    def backward(context, gradient):
        return gradient, None, None


class QuantisedGradient(torch.autograd.Function):
    @staticmethod
    def forward(context, x, bits, kind):
        context.settings = bits, kind
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient):
        bits, kind = context.settings
        return quantise(gradient, bits, kind, stochastic=True), None, None


def train(bits, options, data, gradient_bits=None, results=False):
    (x, y), (test_x, test_y) = data
    torch.manual_seed(1)
    layers = [torch.nn.Conv2d(1, 6, 5), torch.nn.Conv2d(6, 16, 5)]
    layers += [torch.nn.Linear(a, b) for a, b in ((400, 120), (120, 84), (84, 10))]
    parameters = [parameter for layer in layers for parameter in layer.parameters()]
    optimiser = torch.optim.SGD(parameters, RATE, momentum=0.9, weight_decay=1e-4)

    def operand(x, training=True, **more):
        if options is None:
            return x
        own = {**options, **more}
        own["stochastic"] = own.get("stochastic", False) and training
        return Quantised.apply(x, bits, own)

    def network(x, training):
        for index, layer in enumerate(layers):
            x = operand(x.flatten(1) if index == 2 else x, training, by_channel=False)
            bias = operand(layer.bias, by_channel=False) if results else layer.bias
            product = F.conv2d if index < 2 else F.linear
            x = product(x, operand(layer.weight), bias)
            if results:
                x = operand(x, training, by_channel=False)
            if options is not None:
                x = QuantisedGradient.apply(x, gradient_bits or bits, options["kind"])
            x = F.relu(x) if index < 4 else x
            x = F.max_pool2d(x, 2) if index < 2 else x
        return x

    for _ in range(EPOCHS):
        order = torch.randperm(TRAIN)
        for start in range(0, TRAIN - BATCH + 1, BATCH):
            chosen = order[start : start + BATCH]
            loss = F.cross_entropy(network(x[chosen], True), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    with torch.no_grad():
        logits = torch.cat([network(part, False) for part in test_x.split(250)])
    return 100 * (logits.argmax(1) == test_y).float().mean(), F.cross_entropy(logits, test_y)


def main():
    folder, widths = sys.argv[1], [int(bits) for bits in sys.argv[2:]]
    data = images(folder, "train", TRAIN), images(folder, "t10k", TEST)
    for bits in widths:
        for name, options, more in READINGS:
            if options is None and bits != widths[0]:
                continue
            top1, loss = train(bits, options, data, **more)
            print(f"{32 if options is None else bits} bits  {name:50} {top1:6.2f} %  {loss:.4f}", flush=True)


if __name__ == "__main__":
    main()
