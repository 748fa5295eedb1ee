#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run one picture through a torch model and write what `fmgcam explain` reads.

    pytorch.py --model torchvision:resnet18 --weights resnet18.pth --layer layer4 \\
        --image cat.jpg --labels imagenet.txt --out tensors

From Python: `export(model, layer, x, k, folder)`, x being one picture [1, ...].
Needs torch and numpy; Pillow for --image, torchvision for --model torchvision:.
"""
import argparse
import importlib
import os
import sys

import numpy as np
import torch

FLOAT_ROUNDOFF = 2.0 ** -24


class Unusable(Exception):
    """What is wrong, in one line."""


# ---- Running the model -------------------------------------------------------


def find_layer(model, name):
    layers = dict(model.named_modules())
    if name not in layers or name == "":
        near = [n for n in layers if n and (n.startswith(name.split(".")[0]) or name in n)][:8]
        raise Unusable("--layer: there is no '%s'%s" % (name, "; there is " + ", ".join(near) if near else ""))
    return layers[name]


def first_tensor(output):
    """Models and layers may return tuples and dictionaries."""
    while not isinstance(output, torch.Tensor):
        values = list(output.values()) if isinstance(output, dict) else list(output)
        if not values:
            raise Unusable("the output has no tensor")
        output = values[0]
    return output


def replace_first(output, tensor):
    if isinstance(output, torch.Tensor):
        return tensor
    if isinstance(output, dict):
        key = next(iter(output))
        return type(output)({**output, key: replace_first(output[key], tensor)})
    return type(output)([replace_first(output[0], tensor), *output[1:]])


def run(model, layer, x):
    """Activations and scores, the scores being a function of the activations.

    The hook cuts the graph, so that only the head is differentiated. It hands on a copy: an in-place
    ReLU behind the layer would else overwrite the activations.
    """
    grabbed = []

    def cut(module, inputs, output):
        leaf = first_tensor(output).detach().clone().requires_grad_()
        grabbed.append(leaf)
        return replace_first(output, leaf.clone())

    was_training = model.training
    handle = layer.register_forward_hook(cut)
    try:
        model.eval()
        with torch.enable_grad():
            scores = first_tensor(model(x))
    finally:
        handle.remove()
        model.train(was_training)
    if len(grabbed) != 1:
        raise Unusable("--layer: it ran %d times for one picture; take one that runs once" % len(grabbed))
    if scores.ndim == 1:
        scores = scores[None]
    if scores.ndim != 2 or scores.shape[0] != 1:
        raise Unusable("the model's output has shape %s; [1, classes] expected" % list(scores.shape))
    if not scores.requires_grad:
        raise Unusable("--layer: the scores do not depend on it")
    return grabbed[0], scores


def gradients_of(scores, activations, classes):
    rows = []
    for k in classes:
        row, = torch.autograd.grad(scores[0, int(k)], activations, retain_graph=True, allow_unused=True)
        if row is None:
            raise Unusable("--layer: score %d does not depend on it" % int(k))
        rows.append(row[0])
    return torch.stack(rows)


# ---- The head ----------------------------------------------------------------


def find_classifier(model, activations, scores):
    """(W, b) of the last linear layer if the scores are W mean(A) + b, else why not."""
    linear = [m for m in model.modules() if isinstance(m, torch.nn.Linear) and m.out_features == scores.shape[1]]
    if not linear:
        return None, "there is no linear layer of %d outputs" % scores.shape[1]
    w = linear[-1].weight.detach().double().cpu()
    b = linear[-1].bias.detach().double().cpu() if linear[-1].bias is not None else torch.zeros(len(w)).double()
    a = activations[0].detach().double().cpu().flatten(1)
    if w.shape[1] != a.shape[0]:
        return None, "the last linear layer takes %d numbers, and the layer has %d channels" % (w.shape[1], a.shape[0])
    means = a.mean(1)
    error = (means @ w.T + b - scores[0].detach().double().cpu()).abs()
    n = (a.shape[0] + a.shape[1] + 2) * FLOAT_ROUNDOFF
    bound = n / (1 - n) * (a.abs().mean(1) @ w.abs().T + b.abs())
    if bool((error > bound).any()):
        return None, "W mean(A) + b is off by up to %.2g" % float(error.max())
    return (w.numpy(), b.numpy()), "W mean(A) + b is off by up to %.2g only" % float(error.max())


# ---- Writing -----------------------------------------------------------------


def describe(shape):
    """The options of fmgcam for activations of this shape, without the axis of pictures."""
    if len(shape) == 2 and shape[0] > 1:
        for prefix in (1, 0, 2, 5):
            side = int(round(max(shape[0] - prefix, 0) ** 0.5))
            if side > 0 and side * side + prefix == shape[0]:
                return "tokens", ["--layout", "tokens", "--prefix-tokens", str(prefix), "--grid", "%dx%d" % (side, side)]
        return "tokens", ["--layout", "tokens", "--grid", "?x?"]
    axes = len(shape) - 1
    if axes not in (2, 3):
        raise Unusable("--layer: its output has shape [1, %s]; [1,C,H,W], [1,C,D,H,W] or tokens [1,L,C] expected"
                       % ", ".join(map(str, shape)))
    return "maps", ["--spatial-axes", str(axes)] if axes != 2 else []


def save(folder, name, array):
    path = os.path.join(folder, name + ".npy")
    np.save(path, np.ascontiguousarray(np.asarray(array, dtype="<f4")))
    return path


def export(model, layer, x, k, folder, labels=None, signal=False):
    """Write the tensors of the k best classes of picture x to folder.

    layer is a module or its name. signal says that an output [1, C, L] is a signal, not tokens
    [1, L, C]. Returns (the command for fmgcam as a list, remarks).
    """
    if isinstance(layer, str):
        layer = find_layer(model, layer)
    activations, scores = run(model, layer, x)
    if activations.shape[0] != 1:
        raise Unusable("--layer: its output has shape %s; one picture expected" % list(activations.shape))
    n = scores.shape[1]
    if not 1 <= k <= n:
        raise Unusable("--top: %d classes, and the model has %d" % (k, n))
    if not bool(torch.isfinite(scores).all()):
        raise Unusable("the scores are not finite")
    classes = torch.argsort(scores[0].detach(), descending=True, stable=True)[:k]
    gradients = gradients_of(scores, activations, classes)
    shape = list(activations.shape[1:])
    kind, options = ("maps", ["--spatial-axes", "1"]) if signal else describe(shape)

    os.makedirs(folder, exist_ok=True)
    files = {"activations": save(folder, "activations", activations[0].detach().float().cpu().numpy()),
             "gradients": save(folder, "gradients", gradients.float().cpu().numpy()),
             "logits": save(folder, "logits", scores[0].detach().float().cpu().numpy())}
    remarks = ["classes %s" % ", ".join(str(int(c)) for c in classes)]
    if kind == "maps":
        head, why = find_classifier(model, activations, scores)
        if head:
            files["classifier"] = save(folder, "classifier", head[0])
            files["bias"] = save(folder, "bias", head[1])
            remarks.append("classifier.npy can stand in for gradients: " + why)
        else:
            remarks.append("no classifier.npy: " + why)
    command = ["fmgcam", "explain", "--activations", files["activations"], "--gradients", files["gradients"],
               "--logits", files["logits"], *options]
    if labels:
        with open(os.path.join(folder, "labels.txt"), "w", encoding="utf-8") as f:
            f.writelines(name + "\n" for name in labels)
        command += ["--labels", os.path.join(folder, "labels.txt")]
    return command, remarks


# ---- The command line --------------------------------------------------------


def load_model(name, weights):
    if name.startswith("torchvision:"):
        models = importlib.import_module("torchvision.models")
        if not hasattr(models, name[12:]):
            raise Unusable("--model: torchvision has no '%s'" % name[12:])
        model = getattr(models, name[12:])()
    elif ":" in name:
        module, function = name.split(":", 1)
        sys.path.insert(0, os.getcwd())
        model = getattr(importlib.import_module(module), function)()
    else:
        raise Unusable("--model: '%s' is neither torchvision:NAME nor MODULE:FUNCTION (TorchScript files have no hooks)" % name)
    if weights:
        state = torch.load(weights, map_location="cpu")
        model.load_state_dict(state.get("state_dict", state) if isinstance(state, dict) else state)
    return model.eval()


def read_image(path, size, mean, std):
    from PIL import Image
    picture = Image.open(path).convert("RGB").resize((size, size), Image.BICUBIC)
    x = np.asarray(picture, dtype=np.float32) / 255
    x = (x - np.float32(mean)) / np.float32(std)
    return torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)))[None]


def read_input(o):
    if o.input:
        x = torch.from_numpy(np.ascontiguousarray(np.load(o.input), dtype=np.float32))
        if x.ndim < 2 or x.shape[0] != 1:
            raise Unusable("--input: shape %s; one picture [1, ...] expected" % list(x.shape))
        return x
    return read_image(o.image, o.size, o.mean, o.std)


def parse(arguments):
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help="torchvision:NAME, or MODULE:FUNCTION that returns one")
    p.add_argument("--weights", help="state dictionary, as torch.save() writes it")
    p.add_argument("--layer", required=True, help="name of the module whose output is looked at")
    source = p.add_mutually_exclusive_group(required=True)
    source.add_argument("--image", help="picture; resized without keeping its proportions")
    source.add_argument("--input", help=".npy [1, ...], what the model is fed")
    p.add_argument("--size", type=int, default=224, help="side of the model's input in pixels; default 224")
    p.add_argument("--mean", type=float, nargs=3, default=(0.485, 0.456, 0.406), help="default ImageNet's")
    p.add_argument("--std", type=float, nargs=3, default=(0.229, 0.224, 0.225), help="default ImageNet's")
    p.add_argument("--signal", action="store_true", help="the layer's output [1,C,L] is a signal, not tokens [1,L,C]")
    p.add_argument("--top", type=int, default=5, help="how many classes; default 5")
    p.add_argument("--labels", help="names of all classes, one a line, by index")
    p.add_argument("--out", required=True, help="folder to write to")
    return p.parse_args(arguments)


def main(arguments=None):
    o = parse(arguments)
    try:
        labels = open(o.labels, encoding="utf-8").read().splitlines() if o.labels else None
        model = load_model(o.model, o.weights)
        command, remarks = export(model, o.layer, read_input(o), o.top, o.out, labels, o.signal)
    except Unusable as e:
        print("pytorch.py: %s" % e, file=sys.stderr)
        return 2
    except (OSError, ImportError, AttributeError, RuntimeError, ValueError) as e:
        print("pytorch.py: %s" % str(e).splitlines()[0], file=sys.stderr)
        return 2
    for remark in remarks:
        print("# " + remark)
    if o.image:
        command += ["--image", o.image, "--overlay", os.path.join(o.out, "overlay.png")]
    else:
        command += ["--report", "/dev/stdout"]
    print(" ".join(command))
    return 0


if __name__ == "__main__":
    sys.exit(main())
