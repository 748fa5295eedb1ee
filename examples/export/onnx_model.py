#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one picture through an ONNX model and write what `fmgcam explain` reads, without gradients.

    onnx_model.py --model net.onnx --image cat.jpg --out tensors

For models that end in global average pooling and one linear layer (Gemm, or MatMul and Add). OpenCV runs
the model; python3-onnx finds the pooling and the matrix. Needs numpy, onnx and cv2 (Debian: python3-onnx,
python3-opencv).
"""
import argparse
import os
import sys

import cv2
import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper


class Unusable(Exception):
    """What is wrong, in one line."""


# ---- The graph ---------------------------------------------------------------


def constants_of(graph):
    """Tensors with known values, by name."""
    found = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            for a in node.attribute:
                if a.name == "value":
                    found[node.output[0]] = numpy_helper.to_array(a.t)
    return found


def fold_identities(graph):
    """Exporters write copies of equal weights as Identity nodes, which OpenCV does not take."""
    known = constants_of(graph)
    copies = {n.output[0]: n.input[0] for n in graph.node if n.op_type == "Identity" and n.input[0] in known}
    kept = [n for n in graph.node if n.output[0] not in copies]
    for node in kept:
        for i, name in enumerate(node.input):
            node.input[i] = copies.get(name, name)
    del graph.node[:]
    graph.node.extend(kept)


def find_head(graph):
    """(name of the pooling's input, W [n, C], b [n])."""
    constants = constants_of(graph)
    linear = [n for n in graph.node if n.op_type in ("Gemm", "MatMul") and n.input[1] in constants]
    pooling = [n for n in graph.node if n.op_type in ("GlobalAveragePool", "ReduceMean", "AveragePool")]
    if not linear or not pooling:
        raise Unusable("no %s was found; the model does not end in global average pooling and a linear layer"
                       % ("linear layer" if not linear else "pooling"))
    last = linear[-1]
    matrix = constants[last.input[1]]
    transposed = {a.name: a.i for a in last.attribute}.get("transB", 0) if last.op_type == "Gemm" else 0
    if not transposed:
        matrix = matrix.T
    bias = np.zeros(len(matrix), np.float32)
    if last.op_type == "Gemm" and len(last.input) > 2:
        bias = constants[last.input[2]]
    for node in graph.node:
        if node.op_type == "Add" and last.output[0] in node.input:
            bias = next((constants[i] for i in node.input if i in constants), bias)
    return pooling[-1].input[0], matrix, bias.reshape(-1)


# ---- Running it --------------------------------------------------------------


def layer_that_makes(net, graph, tensor):
    """OpenCV's name of the layer whose output is this tensor."""
    makers = {name: node for node in graph.node for name in node.output}
    if tensor not in makers:
        raise Unusable("the pooling reads the model's input")
    names = net.getLayerNames()
    node = makers[tensor]
    for name in ("onnx_node!" + node.name, "onnx_node_output_0!" + tensor, node.name, tensor):
        if name in names:
            return name
    raise Unusable("OpenCV has no layer for '%s'" % (node.name or tensor))


def run(model, tensor, x):
    net = cv2.dnn.readNetFromONNX(np.frombuffer(model.SerializeToString(), np.uint8))
    layer = layer_that_makes(net, model.graph, tensor)
    net.setInput(x)
    activations, scores = net.forward([layer, net.getUnconnectedOutLayersNames()[-1]])
    if activations.ndim != 4 or scores.size != scores.shape[-1]:
        raise Unusable("the outputs have shapes %s and %s; [1,C,H,W] and [1,n] expected"
                       % (activations.shape, scores.shape))
    return activations[0].copy(), scores.reshape(-1).copy()


# ---- The command line --------------------------------------------------------


def export(model_file, x, folder):
    """Write the tensors of picture x [1,3,H,W] to folder. Returns the options of fmgcam that name the files."""
    try:
        model = onnx.load(model_file)
    except DecodeError:
        raise Unusable("%s: not an ONNX file" % model_file) from None
    fold_identities(model.graph)
    tensor, matrix, bias = find_head(model.graph)
    activations, logits = run(model, tensor, x)
    if matrix.shape != (len(logits), len(activations)):
        raise Unusable("the matrix has shape %s, for %d scores and %d channels" % (matrix.shape, len(logits), len(activations)))
    os.makedirs(folder, exist_ok=True)
    options = []
    for name, array in (("activations", activations), ("classifier", matrix), ("bias", bias), ("logits", logits)):
        path = os.path.join(folder, name + ".npy")
        np.save(path, np.ascontiguousarray(array.astype("<f4")))
        options += ["--" + name, path]
    return options


def read_input(o):
    if o.input:
        x = np.load(o.input).astype(np.float32)
        return x if x.ndim == 4 else x[None]
    picture = cv2.imread(o.image, cv2.IMREAD_COLOR)
    if picture is None:
        raise Unusable("%s: cannot be read as a picture" % o.image)
    picture = cv2.resize(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), (o.size, o.size), interpolation=cv2.INTER_AREA)
    x = (picture.astype(np.float32) / 255 - np.float32(o.mean)) / np.float32(o.std)
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None]


def parse(arguments):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help=".onnx")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", help="picture; resized without keeping its proportions")
    source.add_argument("--input", help=".npy [3,H,W] or [1,3,H,W], what the model is fed")
    p.add_argument("--size", type=int, default=224, help="side of the model's input in pixels; default 224")
    p.add_argument("--mean", type=float, nargs=3, default=(0.485, 0.456, 0.406), help="default ImageNet's")
    p.add_argument("--std", type=float, nargs=3, default=(0.229, 0.224, 0.225), help="default ImageNet's")
    p.add_argument("--out", required=True, help="folder to write to")
    return p.parse_args(arguments)


def main(arguments=None):
    o = parse(arguments)
    try:
        options = export(o.model, read_input(o), o.out)
    except Unusable as e:
        print("onnx_model.py: %s" % e, file=sys.stderr)
        return 2
    except (OSError, ValueError, cv2.error) as e:
        print("onnx_model.py: %s" % str(e).strip().splitlines()[0], file=sys.stderr)
        return 2
    print(" ".join(["fmgcam", "check-head", *options]))
    more = ["--image", o.image, "--overlay", os.path.join(o.out, "overlay.png")] if o.image else ["--report", "/dev/stdout"]
    print(" ".join(["fmgcam", "explain", *options, *more]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
