"""Exports small networks with random weights to ONNX, once with each of PyTorch's exporters.

Usage: python generate.py FOLDER

Writes NAME.onnx with its weights and, for tests/data/onnx, NAME.stripped.onnx: the same graph whose large
initialisers point to a file `absent.bin` that is not shipped. A reader of shapes must not need it.
Made with torch 2.15.0, torchvision 0.29.2, onnx 1.23.2, onnxscript 0.7.2.
"""

import pathlib
import sys

import onnx
import torch
import torchvision
from torch import nn
from torch.nn import functional


class Attention(nn.Module):
    """A pre-norm transformer block as in GPT-2: causal self-attention and a perceptron."""

    def __init__(self, width=64, heads=4, fused=True):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        batch, length, width = x.size()
        q, k, v = self.qkv(self.norm1(x)).split(width, dim=2)
        split = lambda t: t.view(batch, length, self.heads, width // self.heads).transpose(1, 2)
        q, k, v = split(q), split(k), split(v)
        if self.fused:
            y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = functional.softmax(q @ k.transpose(-2, -1) * k.size(-1) ** -0.5, dim=-1) @ v
        x = x + self.projection(y.transpose(1, 2).reshape(batch, length, width))
        return x + self.contract(functional.gelu(self.expand(self.norm2(x))))


class Mixed(nn.Module):
    """Depthwise, dilated, transposed and strided convolutions, pools with ceiling, shape arithmetic."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=8)
        self.pointwise = nn.Conv2d(8, 16, 1)
        self.up = nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.sequence = nn.Conv1d(8, 4, 5, padding=2)
        self.head = nn.Linear(4, 5)

    def forward(self, x):
        x = functional.relu(self.stem(x))
        skip = functional.hardswish(self.depthwise(x))
        x = functional.max_pool2d(self.pointwise(skip), 3, stride=2, ceil_mode=True)
        x = self.norm(self.up(x))
        x = functional.interpolate(x, size=skip.shape[2:], mode="nearest")
        x = torch.cat([x, skip], dim=1)[:, :8]
        x = functional.avg_pool2d(x, 2)
        x = self.sequence(x.flatten(2))
        return self.head(x.mean(dim=2))


def strip(source, target):
    """Makes large initialisers external; the shapes stay."""
    model = onnx.load(source, load_external_data=True)
    offset = 0
    for tensor in model.graph.initializer:
        size = len(tensor.raw_data)
        if size <= 256:
            continue
        tensor.ClearField("raw_data")
        tensor.data_location = onnx.TensorProto.EXTERNAL
        del tensor.external_data[:]
        for key, value in [("location", "absent.bin"), ("offset", offset), ("length", size)]:
            entry = tensor.external_data.add()
            entry.key, entry.value = key, str(value)
        offset += size
    # Traces of the exporting machine's files.
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
        del value.metadata_props[:]
    for tensor in model.graph.initializer:
        del tensor.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.metadata_props[:]
    onnx.save(model, target)


def main(folder):
    folder = pathlib.Path(folder)
    torch.manual_seed(1)
    models = {
        "resnet18": (torchvision.models.resnet18().eval(), torch.zeros(2, 3, 224, 224), {0: "N"}),
        "attention": (Attention().eval(), torch.zeros(2, 24, 64), {0: "N", 1: "L"}),
        "attention-plain": (Attention(fused=False).eval(), torch.zeros(2, 24, 64), {0: "N", 1: "L"}),
        "mixed": (Mixed().eval(), torch.zeros(1, 3, 37, 41), None),
    }
    for name, (model, example, dynamic) in models.items():
        path = folder / f"{name}-torchscript.onnx"
        torch.onnx.export(
            model,
            (example,),
            path,
            dynamo=False,
            input_names=["x"],
            dynamic_axes={"x": dynamic} if dynamic else None,
        )
        strip(path, folder / f"{name}-torchscript.stripped.onnx")
        path = folder / f"{name}-dynamo.onnx"
        shapes = {axis: torch.export.Dim(symbol) for axis, symbol in (dynamic or {}).items()}
        torch.onnx.export(
            model,
            (example,),
            path,
            dynamo=True,
            input_names=["x"],
            dynamic_shapes=(shapes,) if dynamic else None,
            external_data=False,
        )
        strip(path, folder / f"{name}-dynamo.stripped.onnx")


if __name__ == "__main__":
    main(sys.argv[1])
