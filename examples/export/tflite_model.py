#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one picture through a .tflite model and write what `fmgcam explain` reads, without gradients.

    tflite_model.py --model net.tflite --image cat.jpg --out tensors

For models, quantised or not, that end in global average pooling and one linear layer (FULLY_CONNECTED, or
CONV_2D of 1 x 1). Arm NN runs the model, which is told to give out the activations too. Needs numpy,
flatbuffers, pyarmnn and, for --image, Pillow (Debian: python3-flatbuffers, python3-pyarmnn,
libarmnntfliteparser22, libarmnn-cpuref-backend22, python3-pil).
"""
import argparse
import contextlib
import io
import os
import struct
import sys
import tempfile

import numpy as np
from flatbuffers import encode, number_types, packer
from flatbuffers.table import Table

# Of the schema of TensorFlow Lite.
AVERAGE_POOL_2D, CONV_2D, FULLY_CONNECTED, MEAN = 1, 3, 9, 40
DTYPES = {0: np.float32, 1: np.float16, 2: np.int32, 3: np.uint8, 9: np.int8}


class Unusable(Exception):
    """What is wrong, in one line."""


# ---- The file ----------------------------------------------------------------


def child(table, slot):
    """The table in a slot, or None."""
    offset = table.Offset(4 + 2 * slot)
    return Table(table.Bytes, table.Indirect(offset + table.Pos)) if offset else None


def children(table, slot):
    offset = table.Offset(4 + 2 * slot)
    if not offset:
        return []
    start = table.Vector(offset)
    return [Table(table.Bytes, table.Indirect(start + 4 * i)) for i in range(table.VectorLen(offset))]


def scalar(table, slot, kind=number_types.Int32Flags, default=0):
    offset = table.Offset(4 + 2 * slot)
    return table.Get(kind, offset + table.Pos) if offset else default


def array(table, slot, dtype=np.int32):
    offset = table.Offset(4 + 2 * slot) if table else 0
    if not offset:
        return np.zeros(0, dtype)
    return np.frombuffer(table.Bytes, dtype, table.VectorLen(offset), table.Vector(offset))


class Model:
    def __init__(self, raw):
        if raw[4:8] != b"TFL3":
            raise Unusable("not a .tflite file")
        self.raw = raw
        root = Table(bytearray(raw), encode.Get(packer.uoffset, raw, 0))
        codes = [max(scalar(c, 3), scalar(c, 0, number_types.Int8Flags)) for c in children(root, 1)]
        self.graph = children(root, 2)[0]
        self.tensors = children(self.graph, 0)
        self.buffers = children(root, 4)
        self.operators = [(codes[scalar(o, 0, number_types.Uint32Flags)], array(o, 1), array(o, 2))
                          for o in children(self.graph, 3)]

    def quantization(self, index):
        """(scales, zero points, axis); without scales the numbers are as they are."""
        q = child(self.tensors[index], 4)
        return array(q, 2, np.float32), array(q, 3, np.int64), scalar(q, 6) if q else 0

    def dequantize(self, index, values):
        scales, zeros, axis = self.quantization(index)
        if not len(scales):
            return values.astype(np.float32)
        shape = [1] * values.ndim
        shape[axis if len(scales) > 1 else 0] = len(scales)
        zeros = zeros if len(zeros) else np.zeros(len(scales), np.int64)
        return (scales.reshape(shape) * (values.astype(np.float32) - zeros.reshape(shape))).astype(np.float32)

    def constant(self, index):
        tensor = self.tensors[index]
        data = array(self.buffers[scalar(tensor, 2, number_types.Uint32Flags)], 0, np.uint8)
        return self.dequantize(index, data.view(DTYPES[scalar(tensor, 1, number_types.Int8Flags)]).reshape(array(tensor, 0)))

    def with_outputs(self, indices):
        """The same file with these outputs. Their list goes to the end; offsets point forward."""
        at = self.graph.Pos + self.graph.Offset(4 + 2 * 2)
        raw = bytearray(self.raw) + b"\0" * (-len(self.raw) % 4)
        struct.pack_into("<I", raw, at, len(raw) - at)
        return bytes(raw) + struct.pack("<I%di" % len(indices), len(indices), *indices)


def find_head(model):
    """(index of the activations, of the linear layer's input and output, W [n, C], b [n])."""
    last = {}
    for code, inputs, outputs in model.operators:
        last["linear" if code in (CONV_2D, FULLY_CONNECTED) else code] = (inputs, outputs)
    pooling = last.get(MEAN) or last.get(AVERAGE_POOL_2D)
    if not pooling or "linear" not in last:
        raise Unusable("the model does not end in global average pooling and a linear layer")
    inputs, outputs = last["linear"]
    matrix = model.constant(inputs[1])
    if matrix.size != matrix.shape[0] * matrix.shape[-1]:
        raise Unusable("the last linear layer has shape %s; [n,C] or [n,1,1,C] expected" % list(matrix.shape))
    bias = model.constant(inputs[2]) if len(inputs) > 2 and inputs[2] >= 0 else np.zeros(len(matrix), np.float32)
    return int(pooling[0][0]), int(inputs[0]), int(outputs[0]), matrix.reshape(len(matrix), -1), bias


def step(model, index):
    """What a quantised tensor is rounded to."""
    scales = model.quantization(index)[0]
    return float(scales.max()) if len(scales) else 0.0


# ---- Running it --------------------------------------------------------------


def import_armnn():
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        import pyarmnn  # warns of every parser that is not installed
    return pyarmnn


def run(model, indices, picture):
    """The tensors of these indices, as numbers, for one picture [1,H,W,3] of floats."""
    ann = import_armnn()
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model.with_outputs(indices))
        file.flush()
        parser = ann.ITfLiteParser()
        network = parser.CreateNetworkFromBinaryFile(file.name)
    runtime = ann.IRuntime(ann.CreationOptions())
    optimized, _ = ann.Optimize(network, [ann.BackendId("CpuRef")], runtime.GetDeviceSpec(), ann.OptimizerOptions())
    loaded, _ = runtime.LoadNetwork(optimized)
    source = parser.GetNetworkInputBindingInfo(0, parser.GetSubgraphInputTensorNames(0)[0])
    sinks = [parser.GetNetworkOutputBindingInfo(0, name) for name in parser.GetSubgraphOutputTensorNames(0)]
    results = ann.make_output_tensors(sinks)
    runtime.EnqueueWorkload(loaded, ann.make_input_tensors([source], [picture]), results)
    values = ann.workload_tensors_to_ndarray(results)
    return [model.dequantize(i, v) for i, v in zip(indices, values)]


def input_of(model):
    """(index, [1, H, W, 3], dtype) of the input."""
    index = int(array(model.graph, 1)[0])
    tensor = model.tensors[index]
    return index, array(tensor, 0), DTYPES[scalar(tensor, 1, number_types.Int8Flags)]


def quantize_input(model, picture):
    index, shape, dtype = input_of(model)
    if tuple(picture.shape) != tuple(shape):
        raise Unusable("the input has shape %s; %s expected" % (list(picture.shape), list(shape)))
    scales, zeros, _ = model.quantization(index)
    if not len(scales) or dtype == np.float32:
        return np.ascontiguousarray(picture, dtype=np.float32)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(picture / scales[0]) + zeros[0], limits.min, limits.max).astype(dtype)


# ---- The command line --------------------------------------------------------


def export(model_file, picture, folder):
    """Write the tensors of a picture [1,H,W,3] to folder.

    Returns the options of fmgcam that name the files, and the error that quantised means and logits
    may have, 0 for a model of floats.
    """
    with open(model_file, "rb") as file:
        model = Model(file.read())
    layer, pooled, scores, matrix, bias = find_head(model)
    x = quantize_input(model, picture(input_of(model)[1]) if callable(picture) else picture)
    activations, logits = run(model, [layer, scores], x)
    if activations.ndim != 4 or activations.shape[3] != matrix.shape[1] or logits.size != len(matrix):
        raise Unusable("the pooling reads %s, the matrix is %s" % (list(activations.shape), list(matrix.shape)))
    os.makedirs(folder, exist_ok=True)
    options = []
    for name, values in (("activations", activations[0].transpose(2, 0, 1)), ("classifier", matrix), ("bias", bias),
                         ("logits", logits.reshape(-1))):
        path = os.path.join(folder, name + ".npy")
        np.save(path, np.ascontiguousarray(values, dtype="<f4"))
        options += ["--" + name, path]
    slack = (step(model, scores) + float(np.abs(matrix).sum(1).max()) * step(model, pooled)) / 2
    return options, slack


def read_image(o):
    from PIL import Image
    picture = Image.open(o.image).convert("RGB")

    def resized(shape):
        values = np.asarray(picture.resize((int(shape[2]), int(shape[1])), Image.BICUBIC), np.float32)
        return ((values - o.mean) / o.std)[None]
    return resized


def parse(arguments):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help=".tflite")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", help="picture; resized without keeping its proportions")
    source.add_argument("--input", help=".npy [1,H,W,3], what the model is fed, before quantisation")
    p.add_argument("--mean", type=float, default=127.5, help="taken from each of R, G, B (0...255); default 127.5")
    p.add_argument("--std", type=float, default=127.5, help="divides the rest; default 127.5")
    p.add_argument("--out", required=True, help="folder to write to")
    return p.parse_args(arguments)


def main(arguments=None):
    o = parse(arguments)
    try:
        options, slack = export(o.model, np.load(o.input) if o.input else read_image(o), o.out)
    except Unusable as e:
        print("tflite_model.py: %s" % e, file=sys.stderr)
        return 2
    except (OSError, ValueError, RuntimeError, ImportError, struct.error, IndexError, KeyError) as e:
        print("tflite_model.py: %s" % (str(e).strip() or type(e).__name__).splitlines()[0], file=sys.stderr)
        return 2
    tolerance = ["--tolerance", "%.2g" % (1.1 * slack)] if slack else []
    print(" ".join(["fmgcam", "check-head", *options, *tolerance]))
    more = ["--image", o.image, "--overlay", os.path.join(o.out, "overlay.png")] if o.image else ["--report", "/dev/stdout"]
    print(" ".join(["fmgcam", "explain", *options, *more]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
