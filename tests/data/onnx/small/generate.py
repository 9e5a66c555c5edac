"""Writes small whole models, weights included: a float network, and the same layers quantised by QONNX, QDQ and QOperator.

Run with Python and the package onnx: python3 generate.py
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = pathlib.Path(__file__).parent
RANDOM = np.random.default_rng(1)


def weights(*shape):
    return (RANDOM.integers(-40, 40, shape) / 64).astype(np.float32)


def save(name, nodes, tensors, inputs, outputs, opset, domains=()):
    values = [numpy_helper.from_array(np.asarray(value), key) for key, value in tensors.items() if not isinstance(value, onnx.TensorProto)]
    values += [value for value in tensors.values() if isinstance(value, onnx.TensorProto)]
    info = lambda pair: helper.make_tensor_value_info(pair[0], TensorProto.FLOAT, pair[1])
    graph = helper.make_graph(nodes, name, [info(pair) for pair in inputs], [info(pair) for pair in outputs], values)
    sets = [helper.make_opsetid("", opset)] + [helper.make_opsetid(domain, 1) for domain in domains]
    model = helper.make_model(graph, opset_imports=sets, ir_version=10)
    (FOLDER / f"{name}.onnx").write_bytes(model.SerializeToString())


def node(operator, inputs, outputs, **attributes):
    return helper.make_node(operator, inputs.split(), outputs.split(), **attributes)


def float_network():
    """8x8 pixels in two channels; convolution, batch norm, pooling, then an LSTM over the rows and a classifier."""
    nodes = [
        node("Conv", "x conv.weight conv.bias", "c", pads=[1, 1, 1, 1]),
        node("BatchNormalization", "c bn.weight bn.bias bn.mean bn.var", "n"),
        node("Relu", "n", "r"),
        node("MaxPool", "r", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Constant", "", "order", value=numpy_helper.from_array(np.array([4, 1, 16], np.int64), "")),
        node("Transpose", "p", "t", perm=[2, 0, 1, 3]),
        node("Reshape", "t order", "s"),
        node("LSTM", "s W R B", "h", hidden_size=3),
        node("Squeeze", "h one", "q"),
        node("Slice", "q last end zero", "l"),
        node("Reshape", "l row", "f"),
        node("Gemm", "f fc.weight fc.bias", "g", transB=1),
        node("Softmax", "g", "y", axis=-1),
    ]
    tensors = {
        "conv.weight": weights(4, 2, 3, 3), "conv.bias": weights(4),
        "bn.weight": weights(4), "bn.bias": weights(4), "bn.mean": weights(4), "bn.var": np.abs(weights(4)) + np.float32(0.5),
        "W": weights(1, 12, 16), "R": weights(1, 12, 3), "B": weights(1, 24),
        "one": np.array([1], np.int64), "last": np.array([-1], np.int64), "end": np.array([2**62], np.int64),
        "zero": np.array([0], np.int64), "row": np.array([1, 3], np.int64),
        "fc.weight": weights(5, 3), "fc.bias": weights(5),
    }
    save("float", nodes, tensors, [("x", [1, 2, 8, 8])], [("y", [1, 5])], 17)


def qonnx():
    """A convolution of 4-bit weights on unsigned 8-bit activations with an exact bias, and a classifier of signs."""
    domain = "qonnx.custom_op.general"
    quant = lambda inputs, output, signed, narrow: helper.make_node(
        "Quant", inputs.split(), [output], domain=domain, signed=signed, narrow=narrow, rounding_mode="ROUND")
    nodes = [
        quant("x sx zero b8", "qx", 0, 0),
        quant("conv.weight sw zero b4", "qw", 1, 1),
        quant("conv.bias sb zero b16", "qb", 1, 0),
        node("Conv", "qx qw qb", "c"),
        node("Relu", "c", "r"),
        quant("r sr zero b3", "qr", 0, 0),
        node("Flatten", "qr", "f"),
        helper.make_node("BipolarQuant", ["fc.weight", "ss"], ["qf"], domain=domain),
        node("Gemm", "f qf", "y", transB=1),
    ]
    one = lambda value: np.float32(value)
    tensors = {
        "sx": one(2**-8), "sw": one(2**-4), "sb": one(2**-12), "sr": one(0.03), "ss": one(0.125), "zero": one(0),
        "b3": one(3), "b4": one(4), "b8": one(8), "b16": one(16),
        "conv.weight": weights(4, 2, 3, 3), "conv.bias": weights(4), "fc.weight": weights(5, 144),
    }
    save("qonnx", nodes, tensors, [("x", ["N", 2, 8, 8])], [("y", ["N", 5])], 16, [domain])


def qdq():
    """int4 weights by channel, an int32 bias, uint8 activations."""
    nodes = [
        node("QuantizeLinear", "x sx zx", "qx"),
        node("DequantizeLinear", "qx sx zx", "dx"),
        node("DequantizeLinear", "weight sw zw", "dw", axis=0),
        node("DequantizeLinear", "bias sb zb", "db", axis=0),
        node("Conv", "dx dw db", "c"),
        node("Relu", "c", "r"),
        node("QuantizeLinear", "r sy zx", "qy"),
        node("DequantizeLinear", "qy sy zx", "y"),
    ]
    values = [int(value) for value in RANDOM.integers(-7, 8, 72)]
    sw = np.abs(weights(4)) + np.float32(0.01)
    tensors = {
        "sx": np.float32(0.0078), "zx": np.uint8(0), "sw": sw, "sb": (sw * np.float32(0.0078)).astype(np.float32),
        "zb": np.zeros(4, np.int32), "sy": np.float32(0.02), "bias": RANDOM.integers(-999, 999, 4).astype(np.int32),
        "weight": helper.make_tensor("weight", TensorProto.INT4, [4, 2, 3, 3], values),
        "zw": helper.make_tensor("zw", TensorProto.INT4, [4], [0] * 4),
    }
    save("qdq", nodes, tensors, [("x", ["N", 2, 8, 8])], [("y", ["N", 4, 6, 6])], 21)


def qoperator():
    """QLinearConv and QGemm of ONNX Runtime, then a dynamically quantised product."""
    microsoft = "com.microsoft"
    nodes = [
        node("QuantizeLinear", "x sx zx", "qx"),
        node("QLinearConv", "qx sx zx weight sw zw sy zy bias", "qc"),
        node("Flatten", "qc", "f"),
        helper.make_node("QGemm", "f sy zy fc sf zf fcbias sg zy".split(), ["qg"], domain=microsoft, transB=1),
        node("DequantizeLinear", "qg sg zy", "g"),
        node("DynamicQuantizeLinear", "g", "d ds dz"),
        node("MatMulInteger", "d last dz", "i"),
        node("Cast", "i", "j", to=1),
        node("Mul", "ds sl", "k"),
        node("Mul", "j k", "y"),
    ]
    small = lambda *shape: RANDOM.integers(-90, 90, shape).astype(np.int8)
    tensors = {
        "sx": np.float32(0.0078), "zx": np.uint8(0), "weight": small(4, 2, 3, 3), "sw": np.float32(0.01), "zw": np.int8(0),
        "sy": np.float32(0.05), "zy": np.uint8(128), "bias": RANDOM.integers(-999, 999, 4).astype(np.int32),
        "fc": small(5, 144), "sf": np.float32(0.02), "zf": np.int8(0), "fcbias": RANDOM.integers(-999, 999, 5).astype(np.int32),
        "sg": np.float32(0.3), "last": small(5, 3), "sl": np.float32(0.004),
    }
    save("qoperator", nodes, tensors, [("x", ["N", 2, 8, 8])], [("y", ["N", 3])], 17, [microsoft])


float_network()
qonnx()
qdq()
qoperator()
