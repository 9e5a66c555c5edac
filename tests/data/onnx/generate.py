"""Exports small networks with random weights to ONNX, once with each of PyTorch's exporters.

Usage: python generate.py FOLDER

Writes NAME.onnx with its weights and, for tests/data/onnx, NAME.stripped.onnx: the same graph whose large
initialisers point to a file `absent.bin` that is not shipped. A reader of shapes must not need it.
Made with torch 2.15.0, torchvision 0.29.2, onnx 1.23.2, onnxscript 0.7.2.
"""

import pathlib
import sys

import numpy as np
import onnx
import torch
import torchvision
from onnx import TensorProto, helper, numpy_helper
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


def operators():
    """Many operators, each on the graph's input; ONNX's own shape inference states their outputs."""
    nodes, constants = [], []

    def constant(values, kind=TensorProto.INT64):
        array = np.array(values, dtype=helper.tensor_dtype_to_np_dtype(kind))
        name = f"c{len(constants)}"
        constants.append(numpy_helper.from_array(array, name))
        return name

    def add(operator, inputs, outputs=1, **attributes):
        name = f"{operator}_{len(nodes)}"
        made = [f"{name}_{index}" for index in range(outputs)]
        nodes.append(helper.make_node(operator, inputs, made, name=name, **attributes))
        return made[0]

    x, v = "x", "v"  # [2, 6, 9, 11] and [3, 5]
    real = lambda *shape: constant(np.zeros(shape), TensorProto.FLOAT)
    for pads, extra in [
        ([0, 0, 0, 0], {}),
        ([1, 0, 2, 1], {}),
        (None, {"auto_pad": "SAME_UPPER"}),
        (None, {"auto_pad": "SAME_LOWER"}),
        (None, {"auto_pad": "VALID"}),
    ]:
        if pads is not None:
            extra = {"pads": pads, **extra}
        add("Conv", [x, real(4, 3, 3, 2)], strides=[2, 3], group=2, **extra)
        add("ConvTranspose", [x, real(6, 4, 3, 3)], strides=[2, 3], **extra)
        for operator in ["MaxPool", "AveragePool", "LpPool"]:
            for ceil in [0, 1]:
                add(operator, [x], kernel_shape=[3, 2], strides=[2, 2], ceil_mode=ceil, **extra)
    add("Conv", [x, real(4, 6, 3, 2)], dilations=[2, 3])
    add("MaxPool", [x], 2, kernel_shape=[2, 2], dilations=[3, 2])
    add("ConvTranspose", [x, real(6, 2, 3, 3)], group=3, strides=[2, 2], output_padding=[1, 0], dilations=[2, 1])
    for operator in ["GlobalAveragePool", "GlobalMaxPool"]:
        add(operator, [x])
    add("MatMul", [x, real(11, 7)])
    add("MatMul", [x, real(6, 11, 7)])
    add("MatMul", [x, real(11)])
    add("MatMul", [real(4, 9), x])
    add("MatMul", [x, add("Transpose", [x], perm=[0, 1, 3, 2])])
    add("Gemm", [v, real(7, 5), real(7)], transB=1)
    add("Gemm", [v, real(3, 7)], transA=1)
    for operator in ["Add", "Mul", "Sub", "Div", "Pow", "Equal", "Less", "Greater"]:
        add(operator, [x, real(6, 1, 11)])
    for operator in ["Min", "Max", "Sum", "Mean"]:
        add(operator, [x, real(1), real(9, 11)])
    for operator in ["Relu", "Sigmoid", "Tanh", "Erf", "Softmax", "LogSoftmax", "Gelu", "HardSwish", "Elu", "Floor", "Identity"]:
        add(operator, [x])
    add("Clip", [x, real(), real()])
    add("Dropout", [x], 2)
    add("Where", [add("Greater", [x, real(1)]), x, real(9, 1)])
    add("BatchNormalization", [x, real(6), real(6), real(6), real(6)])
    add("InstanceNormalization", [x, real(6), real(6)])
    add("LayerNormalization", [x, real(9, 11), real(9, 11)], 3, axis=-2)
    add("Reshape", [x, constant([0, -1, 3])])
    add("Reshape", [x, constant([4, 3, -1, 11])])
    for axis in [0, 1, 2, 4, -1]:
        add("Flatten", [x], axis=axis)
    add("Transpose", [x])
    add("Transpose", [x], perm=[2, 0, 3, 1])
    add("Unsqueeze", [v, constant([0, -1])])
    add("Squeeze", [add("Unsqueeze", [v, constant([1, 3])]), constant([1])])
    add("Squeeze", [add("Unsqueeze", [v, constant([1, 3])])])
    add("Concat", [x, x, real(2, 1, 9, 11)], axis=1)
    add("Split", [x, constant([1, 2, 3])], 3, axis=1)
    add("Split", [x], 4, axis=-1, num_outputs=4)
    add("Slice", [x, constant([1, -3]), constant([100, -1]), constant([1, 3])])
    add("Slice", [x, constant([-1, 8]), constant([-100, 1]), constant([3, 2]), constant([-2, -3])])
    add("Gather", [x, constant([[0, 2], [1, 1]])], axis=2)
    add("Gather", [x, constant(3)], axis=-1)
    add("GatherElements", [v, constant([[0, 1], [2, 0]])], axis=0)
    add("Expand", [v, constant([4, 1, 5])])
    add("Tile", [v, constant([2, 3])])
    add("Pad", [x, constant([0, 0, 1, 2, 0, 0, 3, -1])])
    add("Pad", [x, constant([1, 2, 3, 4]), "", constant([1, -1])])
    add("DepthToSpace", [add("Pad", [x, constant([0, 0, 0, 0, 0, 2, 0, 0])])], blocksize=2)
    add("SpaceToDepth", [x], blocksize=1)
    add("Trilu", [v], upper=0)
    add("CumSum", [v, constant(0)])
    for operator in ["ReduceSum", "ReduceMean", "ReduceMax", "ReduceL2", "ReduceProd"]:
        add(operator, [x, constant([1, -1])], keepdims=0)
        add(operator, [x, constant([2])])
        add(operator, [x], keepdims=0)
    add("ReduceMean", [x], noop_with_empty_axes=1)
    add("ArgMax", [x], axis=-2, keepdims=0)
    add("Resize", [x, "", constant([1, 1, 1.5, 2], TensorProto.FLOAT)])
    add("Resize", [x, "", "", constant([2, 6, 5, 30])], mode="linear")
    add("Range", [constant(3), constant(20), constant(4)])
    add("ConstantOfShape", [constant([4, 0, 2])])
    add("Cast", [x], to=TensorProto.INT64)
    add("QuantizeLinear", [x, real(), constant(0, TensorProto.INT8)])
    # Shapes computed from shapes.
    sizes = add("Shape", [x])
    tail = add("Slice", [sizes, constant([2]), constant([4])])
    area = add("ReduceProd", [tail], keepdims=1)
    pair = add("Concat", [add("Gather", [sizes, constant([1])]), area], axis=0)
    add("Reshape", [x, add("Concat", [constant([-1]), pair], axis=0)])
    half = add("Div", [add("Gather", [sizes, constant(1)]), constant(2)])
    half = add("Unsqueeze", [add("Add", [half, constant(0)]), constant([0])])
    add("Reshape", [x, add("Concat", [constant([-1]), half, constant([11])], axis=0)])
    add("Expand", [v, add("Where", [add("Equal", [constant([-1, 5]), constant(-1)]), constant([3, 3]), constant([-1, 5])])])
    # Padding as PyTorch exports it: last axis first, turned round by a matrix of two columns.
    zeros = helper.make_tensor("zeros", TensorProto.INT64, [1], [0])
    rest = add("ConstantOfShape", [add("Sub", [constant([8]), constant([4])])], value=zeros)
    pairs = add("Reshape", [add("Concat", [constant([1, 2, 0, 1]), rest], axis=0), constant([-1, 2])])
    pairs = add("Slice", [pairs, constant([-1]), constant([-(2**63) + 1]), constant([0]), constant([-1])])
    pads = add("Reshape", [add("Transpose", [pairs], perm=[1, 0]), constant([-1])])
    add("Reshape", [add("Pad", [x, add("Cast", [pads], to=TensorProto.INT64)]), constant([2, 6, 10, 14])])
    inputs = [
        helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 6, 9, 11]),
        helper.make_tensor_value_info("v", TensorProto.FLOAT, [3, 5]),
    ]
    last = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, None)
    graph = helper.make_graph(nodes, "operators", inputs, [last], initializer=constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)], ir_version=10)
    return onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)


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
    onnx.save(operators(), folder / "operators.onnx")
    strip(folder / "operators.onnx", folder / "operators.stripped.onnx")


if __name__ == "__main__":
    main(sys.argv[1])
