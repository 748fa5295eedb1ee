#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fmgcam program, from outside: test_cli.py PROGRAM SOURCE_ROOT [-v]

Numbers are checked against plain Python, written from the equations in
docs/algorithm.md; files are made and read here. Needs nothing but Python's
standard library.
"""
import array
import contextlib
import json
import math
import os
import random
import re
import signal
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import zlib

PROGRAM = "fmgcam"
SOURCE = "."

K, C, H, W = 3, 6, 4, 5
S = H * W
PALETTE = [(213, 94, 0), (86, 180, 233), (240, 228, 66)]
METHODS = ("grad-cam", "grad-cam++", "grad-cam++-stable", "xgrad-cam", "layer-cam", "hires-cam", "element-wise",
           "contrastive", "eigen-grad-cam")
CODES = {"f2": "e", "f4": "f", "f8": "d", "i4": "i"}
# Of the program's pointers and numbers, which need not be those of this script.
BITS = int(os.environ.get("FMGCAM_TEST_BITS") or 8 * struct.calcsize("P"))
ORDER = {"little": "<", "big": ">"}[os.environ.get("FMGCAM_TEST_ENDIAN") or sys.byteorder]


def single(values):
    """The values as float32 has them."""
    return array.array("f", values).tolist()


# ---- Files -------------------------------------------------------------------


def header_of(descr, shape, fortran=False):
    return "{'descr': '%s', 'fortran_order': %s, 'shape': %s, }" % (
        descr, fortran, "(" + "".join("%d," % n for n in shape) + ")")


def npy(shape, values, descr="<f4", version=1, fortran=False, header=None, pad=True):
    """The bytes of a .npy file; values are in the order of the file."""
    text = (header_of(descr, shape, fortran) if header is None else header).encode("latin1")
    lead = 10 if version == 1 else 12
    if pad:
        text += b" " * (-(lead + len(text) + 1) % 64) + b"\n"
    order = descr[0] if descr[0] in "<>" else ORDER
    body = struct.pack("%s%d%s" % (order, len(values), CODES[descr[1:]]), *values)
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + body


def read_npy(path):
    """(shape, values, descr) of a file that the program wrote."""
    with open(path, "rb") as f:
        raw = f.read()
    assert raw[:8] == b"\x93NUMPY\x01\x00", raw[:8]
    size = struct.unpack("<H", raw[8:10])[0]
    assert (10 + size) % 64 == 0 and raw[9 + size:10 + size] == b"\n", "padding"
    match = re.fullmatch(r"\{'descr': '(<[fi]4)', 'fortran_order': False, 'shape': \(([0-9, ]+)\), \} *\n",
                         raw[10:10 + size].decode("latin1"))
    shape = tuple(int(n) for n in match.group(2).split(",") if n.strip())
    values = struct.unpack("<%d%s" % (math.prod(shape), CODES[match.group(1)[1:]]), raw[10 + size:])
    return shape, list(values), match.group(1)


def png(width, height, rgb):
    def chunk(kind, data):
        return (struct.pack(">I", len(data)) + kind + data
                + struct.pack(">I", zlib.crc32(kind + data)))
    rows = b"".join(b"\0" + bytes(rgb[y * width * 3:(y + 1) * width * 3]) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def read_png(path):
    """(width, height, flat RGB) of an RGB picture of 8 bits without interlace."""
    with open(path, "rb") as f:
        raw = f.read()
    assert raw[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    at, data = 8, b""
    while at < len(raw):
        size, kind = struct.unpack(">I4s", raw[at:at + 8])
        if kind == b"IHDR":
            width, height, depth, colour, _, _, interlace = struct.unpack(">IIBBBBB", raw[at + 8:at + 8 + size])
            assert (depth, colour, interlace) == (8, 2, 0)
        if kind == b"IDAT":
            data += raw[at + 8:at + 8 + size]
        at += size + 12
    data, stride, out = zlib.decompress(data), width * 3, []
    before = [0] * stride
    for y in range(height):
        kind, line = data[y * (stride + 1)], list(data[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b, c = (line[x - 3], before[x], before[x - 3]) if x >= 3 else (0, before[x], 0)
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[x] = line[x] + (0, a, b, (a + b) // 2, near)[kind] & 255
        before = line
        out += line
    return width, height, out


def jpeg_size(raw):
    """(width, height) by the frame header."""
    assert raw[:2] == b"\xff\xd8", "no JPEG"
    at = 2
    while not 0xc0 <= raw[at + 1] <= 0xc2:
        at += 2 + struct.unpack(">H", raw[at + 2:at + 4])[0]
    height, width = struct.unpack(">HH", raw[at + 5:at + 9])
    return width, height


# ---- The equations -----------------------------------------------------------


def pool(gradients):
    return [math.fsum(gradients[i * S:(i + 1) * S]) / S for i in range(len(gradients) // S)]


def combine(weights, activations):
    return [math.fsum(weights[k * C + c] * activations[c * S + s] for c in range(C))
            for k in range(len(weights) // C) for s in range(S)]


ACTIVATIONS = {
    "relu": lambda x: max(x, 0.0),
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "elu": lambda x: x if x > 0 else math.expm1(x),
    "none": lambda x: x,
}


def best(signed):
    """Per cell: the class with the largest value."""
    columns = [signed[s::S] for s in range(S)]
    return [column.index(max(column)) for column in columns]


def winner(signed):
    return [k if signed[k * S + s] > 0 else -1 for s, k in enumerate(best(signed))]


def keep(values, ranks):
    return [v if ranks[i % S] == i // S else 0.0 for i, v in enumerate(values)]


def divide(values, groups, floor):
    out = [0.0] * len(values)
    for group in groups:
        norm = max(math.sqrt(math.fsum(values[i] ** 2 for i in group)), floor)
        for i in group:
            out[i] = values[i] / norm if norm > 0 else 0.0
    return out


def normalize(values, kind, floor=0.0):
    classes = range(len(values) // S)
    if kind == "l2":
        return divide(values, [range(k * S, k * S + S) for k in classes], 0.0)
    if kind == "l2-columns":
        return divide(values, [range(k * S + x, k * S + S, W) for k in classes for x in range(W)], floor)
    return values


def rescale(values, kind):
    if kind == "none":
        return values
    step = S if kind == "class" else len(values)
    out = []
    for at in range(0, len(values), step):
        part = values[at:at + step]
        low, high = min(part), max(part)
        out += [(v - low) / (high - low) if high > low else 0.0 for v in part]
    return out


def standard(signed, activation="relu", filter="argmax", norm="l2", scaling="stack"):
    class_maps = [ACTIVATIONS[activation](v) for v in signed]
    kept = keep(class_maps, winner(signed)) if filter == "argmax" else class_maps
    return rescale(normalize(kept, norm), scaling)


def released(weights, activations, activation="relu", norm="l2-columns"):
    product = list(weights)
    for i in range(C, len(product)):
        product[i] *= product[i - C]
    signed = [v / C for v in combine(product, activations)]
    kept = normalize(keep(signed, best(signed)), norm, 1e-12)
    return signed, rescale([ACTIVATIONS[activation](v) for v in kept], "stack")


def kernel(kind, x):
    x = abs(x)
    if kind == "bilinear":
        return max(1 - x, 0.0)
    a = -0.5
    if x < 1:
        return (a + 2) * x ** 3 - (a + 3) * x ** 2 + 1
    return a * (((x - 5) * x + 8) * x - 4) if x < 2 else 0.0


def taps(kind, size, target):
    """For each target pixel: the weight of each of size cells."""
    rows = []
    for x in range(target):
        centre = (x + 0.5) * size / target
        if kind == "nearest":
            row = [float(i == int(centre)) for i in range(size)]
        else:
            scale = max(size / target, 1.0)
            row = [kernel(kind, (i + 0.5 - centre) / scale) for i in range(size)]
        total = sum(row)
        rows.append([v / total for v in row])
    return rows


def resample(values, kind, width, height):
    """[K, S] to [K][height * width]."""
    across, down = taps(kind, W, width), taps(kind, H, height)
    out = []
    for k in range(len(values) // S):
        rows = [[sum(values[k * S + y * W + i] * t[i] for i in range(W)) for t in across] for y in range(H)]
        out.append([sum(rows[i][x] * t[i] for i in range(H)) for t in down for x in range(width)])
    return out


def paint(planes, picture=None, alpha=0.6, blend="evidence"):
    out = []
    for p, n in enumerate(zip(*planes)):
        colour = [sum(v * PALETTE[k][ch] for k, v in enumerate(n)) for ch in range(3)]
        if picture:
            e = min(max(sum(n), 0.0), 1.0) if blend == "evidence" else 1.0
            colour = [(1 - alpha * e) * picture[p * 3 + ch] + alpha * colour[ch] for ch in range(3)]
        out += [int(min(max(v, 0.0), 255.0) + 0.5) for v in colour]
    return out


def fuse_at_image(signed, kind, width, height):
    """The planes to paint when the winner is chosen for each pixel."""
    q = []
    for k in range(len(signed) // S):
        norm = math.sqrt(math.fsum(max(v, 0.0) ** 2 for v in signed[k * S:(k + 1) * S]))
        q.append(1 / norm if norm > 0 else 0.0)
    m = max(q[i // S] * max(v, 0.0) for i, v in enumerate(signed))
    planes = resample(signed, kind, width, height)
    out = [[0.0] * (width * height) for _ in planes]
    for p, column in enumerate(zip(*planes)):
        k = column.index(max(column))
        if column[k] > 0:
            out[k][p] = min(max(q[k] * column[k] / m, 0.0), 1.0)
    return out


# ---- Calling the program -----------------------------------------------------


def to_nhwc(values, lead):
    return [values[(n * C + c) * S + s] for n in range(lead) for s in range(S) for c in range(C)]


def to_fortran(values, shape):
    """Values in C order to Fortran order."""
    strides = [math.prod(shape[i + 1:]) for i in range(len(shape))]
    out = []
    for i in range(len(values)):
        at = 0
        for n, step in zip(shape, strides):
            at, i = at + i % n * step, i // n
        out.append(values[at])
    return out


class Case(unittest.TestCase):
    """One small random picture in a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        rng = random.Random(20231205)
        self.a = single(rng.gauss(0, 1) for _ in range(C * S))
        self.g = single(rng.gauss(0, 1) for _ in range(K * C * S))
        self.w = pool(self.g)
        self.signed = combine(self.w, self.a)
        self.picture = [rng.randrange(256) for _ in range(23 * 17 * 3)]
        self.put("a.npy", npy((C, H, W), self.a))
        self.put("g.npy", npy((K, C, H, W), self.g))
        self.put("w.npy", npy((K, C), self.w, "<f8"))
        self.put("picture.png", png(23, 17, self.picture))
        self.inputs = ("--activations", "a.npy", "--gradients", "g.npy")

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def get(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def run_program(self, *args, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        more.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([PROGRAM, *map(str, args)], cwd=self.dir, stderr=subprocess.PIPE,
                              timeout=120, **more)

    def explain(self, *args):
        """Run with success, silently."""
        r = self.run_program("explain", *args)
        self.assertEqual((r.returncode, r.stderr, r.stdout), (0, b"", b""), args)

    def result(self, flag, *args, inputs=None):
        self.explain(*(self.inputs if inputs is None else inputs), *args, flag, "out.npy")
        return read_npy(self.path("out.npy"))

    def maps(self, *args, flag="--maps", inputs=None, classes=K):
        shape, values, descr = self.result(flag, *args, inputs=inputs)
        self.assertEqual((shape, descr), ((classes, H, W), "<f4"))
        return values

    def report(self, *args, inputs=None):
        self.explain(*(self.inputs if inputs is None else inputs), *args, "--report", "r.json")
        return json.loads(self.get("r.json").decode("utf-8"))

    def assert_near(self, got, want, tolerance=5e-6):
        self.assertEqual(len(got), len(want))
        scale = max(map(abs, want)) or 1.0
        self.assertLessEqual(max(abs(a - b) for a, b in zip(got, want)), tolerance * scale)

    def assert_picture(self, name, want, allowed=1):
        width, height, rgb = read_png(self.path(name))
        self.assertEqual((width, height), want[:2])
        self.assertLessEqual(max(abs(a - b) for a, b in zip(rgb, want[2])), allowed)

    def assert_fails(self, status, says, *args, command="explain", kept=("out.npy",), **more):
        """Exit status, one line that says so, and everything left as it was."""
        for name in kept:
            self.put(name, b"an earlier result")

        def look():
            return {n: self.get(n) if stat.S_ISREG(os.lstat(self.path(n)).st_mode) else None
                    for n in os.listdir(self.dir)}
        before = look()
        r = self.run_program(*([command] if command else []), *args, **more)
        text = r.stderr.decode("utf-8", "replace")
        self.assertEqual(r.returncode, status, text)
        self.assertRegex(text, r"\Afmgcam: [^\n]+\n\Z")
        self.assertIn(says, text)
        self.assertEqual(look(), before)
        return text


# ---- Stages ------------------------------------------------------------------


class Stages(Case):
    def test_standard(self):
        self.assert_near(self.maps(), standard(self.signed))

    def test_class_maps_are_grad_cam(self):
        self.assert_near(self.maps(flag="--class-maps"), [max(v, 0.0) for v in self.signed])

    def test_winner(self):
        shape, values, descr = self.result("--winner")
        self.assertEqual((shape, descr), ((H, W), "<i4"))
        self.assertEqual(values, winner(self.signed))
        self.assertIn(-1, values)

    def test_each_value_of_each_stage(self):
        for option, names, word in (("--activation", ("relu", "gelu", "elu", "none"), "activation"),
                                    ("--filter", ("argmax", "none"), "filter"),
                                    ("--normalize", ("l2", "l2-columns", "none"), "norm"),
                                    ("--rescale", ("stack", "class", "none"), "scaling"),
                                    ("--method", ("grad-cam",), None),
                                    ("--profile", ("standard",), None)):
            for name in names:
                with self.subTest(option=option, name=name):
                    want = standard(self.signed, **({word: name} if word else {}))
                    self.assert_near(self.maps(option, name), want)

    def test_activation_is_seen_without_the_filter(self):
        for name, phi in ACTIVATIONS.items():
            with self.subTest(name):
                plain = ("--filter", "none", "--normalize", "none", "--rescale", "none", "--activation", name)
                want = [phi(v) for v in self.signed]
                self.assert_near(self.maps(*plain), want)
                self.assert_near(self.maps(*plain, flag="--class-maps"), want)

    def test_weights_in_place_of_gradients(self):
        inputs = ("--activations", "a.npy", "--weights", "w.npy")
        self.assert_near(self.maps(inputs=inputs), standard(self.signed))

    def test_top(self):
        for top in (1, 2, K):
            want = standard(self.signed[:top * S])
            self.assert_near(self.maps("--top", top, classes=top), want)
            self.assert_near(self.maps("--top", top, classes=top,
                                       inputs=("--activations", "a.npy", "--weights", "w.npy")), want)

    def test_gradients_of_one_class(self):
        self.put("one.npy", npy((C, H, W), self.g[:C * S]))
        inputs = ("--activations", "a.npy", "--gradients", "one.npy")
        for args in ((), ("--top", 1)):
            self.assert_near(self.maps(*args, inputs=inputs, classes=1), standard(self.signed[:S]))

    def test_released(self):
        for activation in ACTIVATIONS:
            for norm in ("l2-columns", "none", "l2"):
                with self.subTest(activation=activation, norm=norm):
                    args = ("--profile", "released", "--activation", activation)
                    if norm != "l2-columns":
                        args += ("--normalize", norm)
                    signed, want = released(self.w, self.a, activation, norm)
                    self.assert_near(self.maps(*args), want, 1e-5)
                    self.assert_near(self.maps(*args, flag="--class-maps"),
                                     [ACTIVATIONS[activation](v) for v in signed], 1e-5)
                    self.assertEqual(self.result("--winner", *args)[1], winner(signed))

    def test_options_override_the_profile_before_and_after_it(self):
        for name in ("l2", "none"):
            first = self.maps("--normalize", name, "--profile", "released")
            self.assertEqual(first, self.maps("--profile", "released", "--normalize", name))
            self.assertNotEqual(first, self.maps("--profile", "released"))
            options = self.report("--normalize", name, "--profile", "released")["options"]
            self.assertEqual((options["profile"], options["normalize"]), ("released", name))

    def test_the_last_of_two_counts(self):
        self.assertEqual(self.maps("--rescale", "none", "--rescale", "class"), self.maps("--rescale", "class"))
        self.explain(*self.inputs, "--maps", "first.npy", "--maps", "second.npy")
        self.assertFalse(os.path.exists(self.path("first.npy")))
        self.assertTrue(os.path.exists(self.path("second.npy")))

    def test_abbreviation(self):
        self.explain("--activations=a.npy", "--grad", "g.npy", "--win", "out.npy")
        self.assertEqual(read_npy(self.path("out.npy"))[1], winner(self.signed))

    def test_all_outputs_of_one_run_agree_with_each_alone(self):
        self.explain(*self.inputs, "--image", "picture.png", "--overlay", "o.png", "--heatmap", "h.png", "--maps",
                     "m.npy", "--class-maps", "c.npy", "--winner", "w2.npy", "--report", "r.json")
        for flag, name in (("--overlay", "o.png"), ("--heatmap", "h.png"), ("--maps", "m.npy"),
                           ("--class-maps", "c.npy"), ("--winner", "w2.npy"), ("--report", "r.json")):
            alone = "alone" + os.path.splitext(name)[1]
            self.explain(*self.inputs, "--image", "picture.png", flag, alone)
            self.assertEqual(self.get(alone), self.get(name), flag)


# ---- Encodings ---------------------------------------------------------------


class Encodings(Case):
    def check(self, data, tolerance=5e-6, gradients="g.npy", args=()):
        self.put("other.npy", data)
        inputs = ("--activations", "other.npy", "--gradients", gradients)
        self.assert_near(self.maps(*args, inputs=inputs), standard(self.signed), tolerance)

    def test_byte_orders_and_sizes(self):
        for descr in ("<f4", ">f4", "=f4", "|f4", "<f8", ">f8", "=f8"):
            with self.subTest(descr):
                self.check(npy((C, H, W), self.a, descr), 5e-6)

    def test_same_bits_whatever_the_encoding(self):
        want = self.get_maps(npy((C, H, W), self.a))
        for label, data in (("float64", npy((C, H, W), self.a, ">f8")), ("version 2", npy((C, H, W), self.a, version=2)),
                            ("version 3", npy((C, H, W), self.a, version=3)), ("axis of one", npy((1, C, H, W), self.a)),
                            ("Fortran", npy((C, H, W), to_fortran(self.a, (C, H, W)), fortran=True)),
                            ("Fortran, axis of one", npy((1, C, H, W), to_fortran(self.a, (C, H, W)), fortran=True))):
            with self.subTest(label):
                self.assertEqual(self.get_maps(data), want)

    def get_maps(self, data, *args):
        self.put("other.npy", data)
        return self.maps(*args, inputs=("--activations", "other.npy", "--gradients", "g.npy"))

    def test_nhwc(self):
        self.put("gl.npy", npy((K, H, W, C), to_nhwc(self.g, K)))
        nhwc = ("--layout", "nhwc")
        want = self.maps()
        for shape in ((H, W, C), (1, H, W, C)):
            self.put("al.npy", npy(shape, to_nhwc(self.a, 1)))
            got = self.maps(*nhwc, inputs=("--activations", "al.npy", "--gradients", "gl.npy"))
            self.assert_near(got, standard(self.signed))
            self.assertEqual(got, want)
        got = self.maps(*nhwc, inputs=("--activations", "al.npy", "--weights", "w.npy"))
        self.assert_near(got, standard(self.signed))
        self.put("gl.npy", npy((H, W, C), to_nhwc(self.g, 1)))
        got = self.maps(*nhwc, inputs=("--activations", "al.npy", "--gradients", "gl.npy"), classes=1)
        self.assert_near(got, standard(self.signed[:S]))
        self.put("al.npy", npy((H, W, C), to_fortran(to_nhwc(self.a, 1), (H, W, C)), fortran=True))
        got = self.maps(*nhwc, inputs=("--activations", "al.npy", "--weights", "w.npy"))
        self.assert_near(got, standard(self.signed))

    def test_fortran_gradients_and_weights(self):
        want = self.maps()
        self.put("gf.npy", npy((K, C, H, W), to_fortran(self.g, (K, C, H, W)), fortran=True))
        self.assertEqual(self.maps(inputs=("--activations", "a.npy", "--gradients", "gf.npy")), want)
        top = self.maps("--top", 2, classes=2)
        self.assertEqual(self.maps("--top", 2, classes=2, inputs=("--activations", "a.npy", "--gradients", "gf.npy")), top)
        self.put("wf.npy", npy((K, C), to_fortran(self.w, (K, C)), "<f8", fortran=True))
        self.assert_near(self.maps("--top", 2, classes=2, inputs=("--activations", "a.npy", "--weights", "wf.npy")), top)

    def test_every_float16_is_read_exactly(self):
        """Each finite half is a class weight of one activation of 1."""
        bits = [b for b in range(0x10000) if b >> 10 & 31 != 31]
        raw = struct.pack(">%dH" % len(bits), *bits)
        want = struct.unpack(">%de" % len(bits), raw)
        data = npy((len(bits), 1), [0.0] * len(bits), ">f2")
        self.put("half.npy", data[:-len(raw)] + raw)
        self.put("unit.npy", npy((1, 1, 1), [1.0]))
        _, got, _ = self.result("--class-maps", "--activation", "none",
                                inputs=("--activations", "unit.npy", "--weights", "half.npy"))
        self.assertEqual(got, list(want))

    def test_float64_is_rounded(self):
        values = [1 + 2.0 ** -24, 1 + 3 * 2.0 ** -24, 0.1, -1e-46, 3.4028235677973362e38, -3.4028234e38, 1e-42]
        self.put("wide.npy", npy((len(values), 1), values, "<f8"))
        self.put("unit.npy", npy((1, 1, 1), [1.0]))
        _, got, _ = self.result("--class-maps", "--activation", "none",
                                inputs=("--activations", "unit.npy", "--weights", "wide.npy"))
        self.assertEqual(got, [struct.unpack("f", struct.pack("f", v))[0] if abs(v) < 3.4e38 else
                               math.copysign(3.4028234663852886e38, v) for v in values])

    def test_headers_as_others_write_them(self):
        for text in ('{"descr": "<f4", "fortran_order": False, "shape": (6, 4, 5)}',
                     "{'shape':(6,4,5),'fortran_order':False,'descr':'<f4'}",
                     " {  'fortran_order' : False , 'shape' : ( 6 , 4 , 5 , ) , 'descr' : \"<f4\" , } \n",
                     "{'descr': '<f4', 'fortran_order': False, 'shape': (6L, 4L, 5L), }"):
            with self.subTest(text):
                self.check(npy((C, H, W), self.a, header=text))
                self.check(npy((C, H, W), self.a, header=text, pad=False))
        self.check(npy((C, H, W), self.a, header=header_of("<f4", (C, H, W)) + " " * 60000))

    def test_pipes_as_inputs(self):
        self.put("labels.txt", b"one\ntwo\nthree\n")
        names = {"--activations": "a.npy", "--gradients": "g.npy", "--image": "picture.png", "--labels": "labels.txt"}
        args, writers = [], []
        for flag, name in names.items():
            fifo = self.path(name + ".fifo")
            os.mkfifo(fifo)
            args += [flag, fifo]
            writers.append(threading.Thread(target=self.feed, args=(fifo, self.get(name)), daemon=True))
        for writer in writers:
            writer.start()
        self.explain(*args, "--overlay", "piped.png", "--report", "piped.json")
        self.explain(*self.inputs, "--image", "picture.png", "--labels", "labels.txt", "--overlay", "o.png", "--report", "r.json")
        self.assertEqual(self.get("piped.png"), self.get("o.png"))
        self.assertEqual(self.get("piped.json"), self.get("r.json"))

    @staticmethod
    def feed(path, data):
        with open(path, "wb", buffering=0) as f:
            for at in range(0, len(data), 1000):
                f.write(data[at:at + 1000])


# ---- Pictures ----------------------------------------------------------------


class Pictures(Case):
    image = ("--image", "picture.png")
    size = (23, 17)

    def test_overlay(self):
        final = standard(self.signed)
        for kind in ("nearest", "bilinear", "bicubic"):
            planes = resample(final, kind, *self.size)
            for blend in ("evidence", "constant"):
                for alpha in (0.0, 0.35, 1.0):
                    with self.subTest(kind=kind, blend=blend, alpha=alpha):
                        self.explain(*self.inputs, *self.image, "--resample", kind, "--blend", blend,
                                     "--alpha", alpha, "--overlay", "o.png")
                        self.assert_picture("o.png", (*self.size, paint(planes, self.picture, alpha, blend)),
                                            1 if alpha else 0)

    def test_defaults(self):
        planes = resample(standard(self.signed), "bicubic", *self.size)
        self.explain(*self.inputs, *self.image, "--overlay", "o.png", "--heatmap", "h.png")
        self.assert_picture("o.png", (*self.size, paint(planes, self.picture)))
        self.assert_picture("h.png", (*self.size, paint(planes)))
        self.explain(*self.inputs, *self.image, "--resample", "bicubic", "--blend", "evidence", "--alpha", "0.6",
                     "--fuse-at", "map", "--overlay", "o2.png")
        self.assertEqual(self.get("o.png"), self.get("o2.png"))

    def test_heatmap_of_a_size(self):
        final = standard(self.signed)
        for width, height in ((41, 13), (3, 2), (5, 4), (1, 1), (2, 9)):
            for kind in ("nearest", "bilinear", "bicubic"):
                with self.subTest(kind=kind, size=(width, height)):
                    self.explain(*self.inputs, "--size", "%dx%d" % (width, height), "--resample", kind, "--heatmap", "h.png")
                    self.assert_picture("h.png", (width, height, paint(resample(final, kind, width, height))))

    def test_fuse_at_image(self):
        for kind in ("nearest", "bilinear", "bicubic"):
            planes = fuse_at_image(self.signed, kind, *self.size)
            with self.subTest(kind):
                args = (*self.inputs, *self.image, "--fuse-at", "image", "--resample", kind)
                self.explain(*args, "--heatmap", "h.png", "--overlay", "o.png", "--maps", "m.npy")
                for name, want in (("h.png", paint(planes)), ("o.png", paint(planes, self.picture))):
                    self.assert_near_all_but_borders(name, want)
                self.assert_near(read_npy(self.path("m.npy"))[1], standard(self.signed))

    def assert_near_all_but_borders(self, name, want):
        """Float rounding may hand a pixel or two on a border to the other class."""
        _, _, rgb = read_png(self.path(name))
        off = sum(abs(a - b) > 1 for a, b in zip(rgb, want))
        self.assertLessEqual(off, 6)

    def test_no_evidence_leaves_the_picture_alone(self):
        self.put("zero.npy", npy((K, C), [0.0] * (K * C)))
        self.explain("--activations", "a.npy", "--weights", "zero.npy", *self.image, "--overlay", "o.png")
        self.assertEqual(read_png(self.path("o.png"))[2], self.picture)

    def test_kinds_by_suffix_and_by_signature(self):
        for name in ("o.jpg", "o.jpeg", "o.JPG"):
            self.explain(*self.inputs, *self.image, "--overlay", name)
            self.assertEqual(jpeg_size(self.get(name)), self.size)
        self.explain(*self.inputs, *self.image, "--overlay", "o.PNG")
        self.assertEqual(read_png(self.path("o.PNG"))[:2], self.size)
        os.rename(self.path("o.jpg"), self.path("a jpeg.png"))
        self.explain(*self.inputs, "--image", "a jpeg.png", "--overlay", "o.png")
        self.assertEqual(read_png(self.path("o.png"))[:2], self.size)


# ---- Where the map lies --------------------------------------------------------

def walk(step, at, size):
    """A point of a picture, and the picture's size, after one step."""
    (x, y), (w, h) = at, size
    name, _, value = step.partition(":")
    if name == "flip":
        return ((w - x, y) if value == "horizontal" else (x, h - y)), size
    m = re.fullmatch(r"(\d+)(?:x(\d+))?(?:\+(\d+)\+(\d+))?", value)
    a, b = int(m[1]), int(m[2] or m[1])
    if name in ("stretch", "resize", "fit", "letterbox"):
        if name == "resize":
            a, b = (a, int(a * h / w)) if w <= h else (int(a * w / h), a)
        box, scale = (a, b), min(a / w, b / h)
        if name in ("fit", "letterbox"):
            a, b = max(round(w * scale), 1), max(round(h * scale), 1)
        at, size = (x * a / w, y * b / h), (a, b)
        return walk("pad:%dx%d" % box, at, size) if name == "letterbox" else (at, size)
    if name == "crop":
        left, top = (int(m[3]), int(m[4])) if m[3] else (round((w - a) / 2), round((h - b) / 2))
        at = x - left, y - top
        return (at if 0 <= at[0] < a and 0 <= at[1] < b else (math.nan, math.nan)), (a, b)
    left, top = (int(m[3]), int(m[4])) if m[3] else ((a - w) // 2, (b - h) // 2)
    return (x + left, y + top), (a, b)


class Geometry(Case):
    size = (23, 17)
    chains = ("resize:12,crop:11", "resize:40,crop:30x20+7+5", "stretch:50x20", "letterbox:64x64", "fit:30x30,pad:40x30+0+0",
              "flip:horizontal", "flip:vertical", "resize:20,flip:horizontal,crop:13x12+2+1", "crop:9,pad:30x29,flip:vertical",
              "pad:40,crop:20")

    def cell_of(self, chain, x, y):
        at, size = (x + 0.5, y + 0.5), self.size
        for step in chain.split(","):
            at, size = walk(step, at, size)
        if math.isnan(at[0] + at[1]):
            return None
        if any(abs(v - round(v)) < 1e-9 for v in (at[1] * H / size[1], at[0] * W / size[0])):
            return -1  # on a border, where a mirrored map has it the other way round
        return int(at[1] * H / size[1]) * W + int(at[0] * W / size[0])

    def test_a_lit_cell_lands_where_the_steps_say(self):
        for chain in self.chains:
            for cell in range(0, S, 3):
                with self.subTest(chain=chain, cell=cell):
                    self.put("delta.npy", npy((1, H, W), [float(s == cell) for s in range(S)]))
                    self.explain("--activations", "delta.npy", "--weights", "one.npy", "--image", "picture.png", "--alpha", 1,
                                 "--resample", "nearest", "--preprocess", chain, "--overlay", "o.png", "--report", "r.json")
                    rgb = read_png(self.path("o.png"))[2]
                    lit = []
                    for i in range(self.size[0] * self.size[1]):
                        x, y = i % self.size[0], i // self.size[0]
                        under = self.picture[3 * i:3 * i + 3]
                        got = self.cell_of(chain, x, y)
                        if got == -1:
                            continue
                        lit += [(x, y)] if got == cell else []
                        want = ([213, 94, 0] if got == cell else
                                [0.4 * v + 76.8 for v in under] if got is None else under)
                        self.assertLessEqual(max(abs(a - b) for a, b in zip(rgb[3 * i:], want)), 0.5001, (x, y))
                    self.check_box(lit)

    def check_box(self, lit):
        report = json.loads(self.get("r.json"))["classes"][0]
        box, centroid = report["picture_box"], report["picture_centroid"]
        for x, y in lit:
            self.assertTrue(box[0] <= x + 0.5 <= box[2] and box[1] <= y + 0.5 <= box[3], (box, x, y))
        self.assertAlmostEqual(centroid[0], (box[0] + box[2]) / 2)  # of one cell
        self.assertAlmostEqual(centroid[1], (box[1] + box[3]) / 2)

    def setUp(self):
        super().setUp()
        self.put("one.npy", npy((1, 1), [1.0]))

    def test_the_report_says_where(self):
        r = self.report("--image", "picture.png", "--preprocess", "letterbox:46x46")
        self.assertEqual(r["geometry"], {"picture": [23, 17], "input": [46, 46], "map": [0, -3, 23, 20], "seen": [0, 0, 23, 17]})
        self.assertEqual(r["options"]["preprocess"], "letterbox:46x46")
        r = self.report("--size", "20x10", "--preprocess", "crop:10,flip:horizontal")
        self.assertEqual(r["geometry"], {"picture": [20, 10], "input": [10, 10], "map": [15, 0, 5, 10], "seen": [5, 0, 15, 10]})
        self.assertEqual(self.report("--size", "7x5")["geometry"]["map"], [0, 0, 7, 5])

    def test_what_was_not_seen_can_be_kept(self):
        self.put("zero.npy", npy((K, C), [0.0] * (K * C)))
        args = ("--activations", "a.npy", "--weights", "zero.npy", "--image", "picture.png", "--preprocess", "crop:5")
        self.explain(*args, "--unseen", "keep", "--overlay", "o.png")
        self.assertEqual(read_png(self.path("o.png"))[2], self.picture)
        self.explain(*args, "--unseen", "fade", "--overlay", "o.png")
        self.assertNotEqual(read_png(self.path("o.png"))[2], self.picture)

    def test_wrong_steps(self):
        args = (*self.inputs, "--image", "picture.png", "--overlay", "out.png")
        for chain in ("", "resize", "resize:", "resize:0", "resize:4x4", "resize:-1", "stretch:4", "crop:4x", "crop:4+1", "pad:3+",
                      "crop:4x4+1+", "flip:up", "rotate:90", "resize:8,", ",resize:8", "resize:8,,crop:2", "resize:8 crop:2",
                      "crop:4x4+1+1+1", "letterbox:1e3", "fit:99999999999x1"):
            self.assert_fails(2, "fmgcam: --preprocess: '", *args, "--preprocess", chain)
        for chain, says in (("resize:0", "'resize:0': the size 0 is out of range"),
                            ("flip:vertical,fit:4294967297x1,crop:2", "'fit:4294967297x1': the size 4294967297 is out of range"),
                            ("crop:5x00", "'crop:5x00': the size 00 is out of range"),
                            ("pad:5+1+4294967296", "'pad:5+1+4294967296': the place 4294967296 is out of range"),
                            ("resize0", "'resize0' is not a step"), ("flip:1", "'flip:1' is not a step"),
                            ("crop:4x4+1+1+1", "'crop:4x4+1+1+1' is not a step"), ("7", "'7' is not a step")):
            self.assert_fails(2, "fmgcam: --preprocess: " + says, *args, "--preprocess", chain)
        self.assert_fails(2, "more than 16 steps", *args, "--preprocess", ",".join(["flip:vertical"] * 17))
        self.assert_fails(1, "fmgcam: --preprocess: crop:18, of a picture of 23 x 17: a crop of 18 x 18 at 0, 0, expected one",
                          *args, "--preprocess", "flip:vertical,crop:18")
        self.assert_fails(2, "fmgcam: --preprocess: needs --image or --size", *self.inputs, "--preprocess", "crop:2",
                          "--maps", "out.npy")


class RealGeometry(Case):
    """The sample's network saw the photograph of the cat. Here the photograph is the middle of a larger picture that was
    cropped, or has lost what a letterbox put there: the map must lie on the cat as it does on the photograph."""
    data = os.path.join("examples", "data")

    def overlay(self, name, *args):
        self.explain("--activations", os.path.join(SOURCE, self.data, "activations.npy"), "--gradients",
                     os.path.join(SOURCE, self.data, "gradients.npy"), "--image", name, *args, "--overlay", "o.png")
        width, height, rgb = read_png(self.path("o.png"))
        return [rgb[3 * width * y:3 * width * (y + 1)] for y in range(height)]

    def setUp(self):
        super().setUp()
        photo = os.path.join(SOURCE, self.data, "chelsea.png")
        self.width, self.height, rgb = read_png(photo)
        self.rows = [rgb[3 * self.width * y:3 * self.width * (y + 1)] for y in range(self.height)]
        self.want = self.overlay(photo)

    def put_rows(self, rows):
        self.put("p.png", png(len(rows[0]) // 3, len(rows), [v for row in rows for v in row]))

    def assert_rows(self, got, want, allowed=1):
        self.assertEqual(len(got), len(want))
        for a, b in zip(got, want):
            self.assertLessEqual(max(abs(x - y) for x, y in zip(a, b)), allowed)

    def test_centre_crop(self):
        side = [30, 60, 90] * 60
        self.put_rows([side + row + side for row in self.rows])
        got = self.overlay("p.png", "--preprocess", "resize:%d,crop:%dx%d" % (self.height, self.width, self.height))
        self.assert_rows([row[180:-180] for row in got], self.want)
        faded = [round(0.4 * v + 76.8) for v in side]
        self.assert_rows([row[:180] + row[-180:] for row in got], [faded * 2] * self.height)

    def test_flipped_crop(self):
        mirrored = [[v for x in reversed(range(self.width)) for v in row[3 * x:3 * x + 3]] for row in self.rows]
        self.put_rows(mirrored)
        got = self.overlay("p.png", "--preprocess", "flip:horizontal,stretch:224x224")
        self.assert_rows([[v for x in reversed(range(self.width)) for v in row[3 * x:3 * x + 3]] for row in got], self.want)

    def test_letterbox(self):
        self.put_rows(self.rows[60:240])
        got = self.overlay("p.png", "--preprocess", "letterbox:%dx%d" % (self.width, self.height))
        self.assert_rows(got, self.want[60:240])


# ---- Colours -------------------------------------------------------------------


class Colours(Case):
    def colour_of(self, *args):
        """Of a heatmap with every cell full of one class."""
        self.put("full.npy", npy((1, H, W), [1.0] * S))
        self.put("w.npy", npy((K, 1), [float(k == 0) for k in range(K)]))
        self.explain("--activations", "full.npy", "--weights", "w.npy", "--size", "1x1", "--heatmap", "h.png", *args)
        return tuple(read_png(self.path("h.png"))[2])

    def test_palettes(self):
        one = ("--normalize", "none", "--rescale", "none")
        self.assertEqual(self.colour_of(*one), (213, 94, 0))
        self.assertEqual(self.colour_of(*one, "--palette", "tol"), (0x44, 0x77, 0xaa))
        self.assertEqual(self.colour_of(*one, "--palette", "released"), (255, 0, 0))

    def test_by_class(self):
        one = ("--normalize", "none", "--rescale", "none")
        for logits, order, colour in (([0, 1, 3], "2,1,0", (240, 228, 66)), ([9, 1, 3], "0,2,1", (213, 94, 0)),
                                      ([0, 9, 3], "1,0,2", (86, 180, 233))):
            self.put("y.npy", npy((K,), [float(y) for y in logits]))
            args = (*one, "--logits", "y.npy", "--classes", order)
            self.assertEqual(self.colour_of(*args, "--color-by", "class"), colour)
            self.assertEqual(self.colour_of(*args), (213, 94, 0))
        self.assert_fails(2, "fmgcam: --color-by: class needs", *self.inputs, "--color-by", "class", "--size", "2x2",
                          "--heatmap", "out.png")

    def test_maps_of_one_class(self):
        one = ("--normalize", "none", "--rescale", "none", "--top", 1)
        self.assertEqual(self.colour_of(*one, "--color-map", "viridis"), (253, 231, 37))
        self.assertEqual(self.colour_of(*one, "--color-map", "grey"), (255, 255, 255))
        self.assertEqual(self.colour_of(*one, "--color-map", "diverging"), (103, 0, 31))

    def test_a_colour_map_for_several_classes(self):
        for name, count, *args in (("jet", K, "--heatmap", "out.png", "--size", "2x2"),
                                   ("diverging", 2, "--top", 2, "--heatmap", "out.png", "--size", "2x2"),
                                   ("viridis", K, "--overlay", "out.png", "--image", "picture.png", "--maps", "m.npy"),
                                   ("grey", K, "--fuse-at", "image", "--heatmap", "out.png", "--size", "2x2")):
            r = self.run_program("explain", *self.inputs, "--color-map", name, *args)
            self.assertEqual((r.returncode, r.stderr.decode()), (1, "fmgcam: --color-map: %s is for a single class, and "
                                                                    "%d are explained; see --top\n" % (name, count)))
            self.assertFalse(os.path.exists(self.path("out.png")) or os.path.exists(self.path("m.npy")))
        self.explain(*self.inputs, "--color-map", "jet", "--maps", "m.npy")  # nothing is drawn


# ---- Report ------------------------------------------------------------------


class Report(Case):
    def test_keys_and_options(self):
        r = self.report()
        self.assertEqual(list(r), ["version", "shape", "options", "flat", "classes", "layers", "overlap", "region",
                                   "geometry", "head", "guarded", "non_finite"])
        self.assertEqual([r[k] for k in ("layers", "region", "geometry", "head", "guarded", "non_finite")],
                         [1, None, None, None, 0, 0])
        self.assertEqual((r["version"], r["shape"], r["flat"]), (1, [C, H, W], False))
        self.assertEqual(r["options"], {
            "profile": "standard", "method": "grad-cam", "activation": "relu", "filter": "argmax", "normalize": "l2",
            "rescale": "stack", "fuse_at": "map", "resample": "bicubic", "blend": "evidence", "target": "logit",
            "non_finite": "error", "fuse_layers": "mean", "palette": "okabe-ito", "color_map": "class", "alpha": 0.6,
            "top": None, "color_by": "rank", "unseen": "fade", "preprocess": None})
        for c in r["classes"]:
            self.assertEqual(list(c), ["rank", "index", "label", "score", "probability", "area", "peak", "mass", "box",
                                       "centroid", "picture_box", "picture_centroid", "positive_share", "contribution"])
            self.assertEqual([c[k] for k in ("index", "label", "score", "probability", "picture_box", "picture_centroid",
                                             "contribution")], [None] * 7)

    def test_each_option_is_reported_as_given(self):
        for key, flag, names in (("activation", "--activation", ("relu", "gelu", "elu", "none")),
                                 ("filter", "--filter", ("argmax", "none")), ("method", "--method", METHODS),
                                 ("normalize", "--normalize", ("l2", "l2-columns", "none", "max")),
                                 ("non_finite", "--non-finite", ("error", "skip", "propagate")),
                                 ("rescale", "--rescale", ("stack", "class", "none")),
                                 ("fuse_at", "--fuse-at", ("map", "image")), ("blend", "--blend", ("evidence", "constant")),
                                 ("resample", "--resample", ("nearest", "bilinear", "bicubic")),
                                 ("palette", "--palette", ("okabe-ito", "tol", "released")),
                                 ("color_map", "--color-map", ("class", "viridis", "magma", "turbo", "jet", "grey",
                                                               "diverging")),
                                 ("unseen", "--unseen", ("fade", "keep")),
                                 ("profile", "--profile", ("standard", "released"))):
            for name in names:
                self.assertEqual(self.report(flag, name)["options"][key], name)
        self.assertEqual(self.report("--profile", "released")["options"]["normalize"], "l2-columns")
        self.assertEqual(self.report("--top", 2)["options"]["top"], 2)

    def test_alpha_is_printed_as_given(self):
        for text in ("0.6", "0", "1", "0.35", "0.1", "0.123456", "1e-7", "-0", ".5"):
            self.assertEqual(self.report("--alpha", text)["options"]["alpha"], float(text))
        self.report("--alpha", "0.35")
        self.assertIn(b'"alpha": 0.35,', self.get("r.json"))

    def check_classes(self, report, signed, class_maps):
        ranks = winner(signed)
        self.assertEqual([c["rank"] for c in report["classes"]], list(range(len(signed) // S)))
        for k, c in enumerate(report["classes"]):
            cells = [s for s in range(S) if ranks[s] == k]
            value = {s: class_maps[k * S + s] for s in cells}
            mass = sum(value.values())
            self.assertAlmostEqual(c["area"], len(cells) / S, 12)
            self.assertAlmostEqual(c["peak"], max(value.values(), default=0.0), 6)
            self.assertAlmostEqual(c["mass"], mass, 5)
            if not cells:
                self.assertEqual((c["peak"], c["mass"], c["box"], c["centroid"]), (0, 0, None, None))
                continue
            xs, ys = [s % W for s in cells], [s // W for s in cells]
            self.assertEqual(c["box"], [min(xs), min(ys), max(xs) + 1, max(ys) + 1])
            self.assertAlmostEqual(c["centroid"][0], sum(v * (s % W + 0.5) for s, v in value.items()) / mass, 5)
            self.assertAlmostEqual(c["centroid"][1], sum(v * (s // W + 0.5) for s, v in value.items()) / mass, 5)

    def test_classes(self):
        for args in ((), ("--activation", "gelu"), ("--filter", "none"), ("--fuse-at", "image"), ("--rescale", "none")):
            phi = ACTIVATIONS[args[1] if args[:1] == ("--activation",) else "relu"]
            self.check_classes(self.report(*args), self.signed, [phi(v) for v in self.signed])
        signed, _ = released(self.w, self.a)
        self.check_classes(self.report("--profile", "released"), signed, [max(v, 0.0) for v in signed])
        self.check_classes(self.report("--top", 1), self.signed[:S], [max(v, 0.0) for v in self.signed[:S]])

    def test_a_class_that_wins_nothing(self):
        weights = self.w[:C] + [w / 2 for w in self.w[:C]]
        self.put("half.npy", npy((2, C), weights))
        signed = combine(single(weights), self.a)
        r = self.report(inputs=("--activations", "a.npy", "--weights", "half.npy"))
        self.assertIsNone(r["classes"][1]["box"])
        self.check_classes(r, signed, [max(v, 0.0) for v in signed])

    def test_flat(self):
        self.put("zero.npy", npy((K, C), [0.0] * (K * C)))
        inputs = ("--activations", "a.npy", "--weights", "zero.npy")
        r = self.report(inputs=inputs)
        self.assertIs(r["flat"], True)
        self.check_classes(r, [0.0] * (K * S), [0.0] * (K * S))
        self.assertEqual(self.maps(inputs=inputs), [0.0] * (K * S))

    def test_labels(self):
        for data, want in ((b"one\ntwo\nthree\n", ["one", "two", "three"]), (b"one\ntwo\nthree", ["one", "two", "three"]),
                           (b"\xef\xbb\xbfone\r\ntwo\r\nthree\r\n\r\n", ["one", "two", "three"]),
                           (b"a\nb\nc\nd\n", ["a", "b", "c"]), (b"a\n\nc\n", ["a", "", "c"]),
                           ("\u00e9\n\u65e5\u672c \"x\\\n\U0001f431\t.\n".encode(), ["\u00e9", "\u65e5\u672c \"x\\", "\U0001f431\t."])):
            self.put("labels.txt", data)
            self.assertEqual([c["label"] for c in self.report("--labels", "labels.txt")["classes"]], want)
        self.assertIn("\u65e5".encode(), self.get("r.json"))

    def test_wrong_labels(self):
        report = ("--report", "out.npy")
        self.put("l", b"one\ntwo\n\n")
        self.assert_fails(1, "fmgcam: l: has 2 labels for 3 classes", *self.inputs, "--labels", "l", *report)
        self.assert_fails(1, "has 2 labels for 3 classes", *self.inputs, "--labels", "l", "--maps", "out.npy")
        self.report("--labels", "l", "--top", 2)
        self.put("l", b"")
        self.assert_fails(1, "fmgcam: l: has 0 labels for 3", *self.inputs, "--labels", "l", *report)
        for bad in (b"\xff", b"\xc3", b"\xc0\x80", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
                    b"\x80", b"\xe2\x82", b"\xf0\x80\x80\x80", b"a\0b"):
            self.put("l", b"one\ntwo\n" + bad + b"\nfour\n")
            self.assert_fails(1, "fmgcam: l: line 3", *self.inputs, "--labels", "l", *report)
        self.assert_fails(1, "fmgcam: absent: No such", *self.inputs, "--labels", "absent", *report)
        self.assert_fails(1, "fmgcam: /dev/zero: ", *self.inputs, "--labels", "/dev/zero", *report)


# ---- Methods, layers, layouts ------------------------------------------------


class Methods(Case):
    def signed_maps(self, method):
        """From the formulas of docs/methods.md, cell by cell."""
        out = []
        for k in range(K):
            g = [self.g[(k * C + c) * S:(k * C + c + 1) * S] for c in range(C)]
            a = [self.a[c * S:(c + 1) * S] for c in range(C)]
            if method in ("layer-cam", "hires-cam", "element-wise"):
                term = {"layer-cam": lambda x, y: max(x, 0) * y, "hires-cam": lambda x, y: x * y,
                        "element-wise": lambda x, y: max(x * y, 0)}[method]
                out += [math.fsum(term(g[c][s], a[c][s]) for c in range(C)) for s in range(S)]
                continue
            sums = [math.fsum(row) for row in a]
            weigh = {
                "grad-cam++": lambda c: math.fsum(x ** 3 / (2 * x * x + sums[c] * x ** 3 + 1e-6) for x in g[c] if x > 0),
                "grad-cam++-stable": lambda c: math.fsum(x / (2 + sums[c] * x) for x in g[c]
                                                         if x > 0 and 2 + sums[c] * x > 1e-3),
                "xgrad-cam": lambda c: math.fsum(x * y for x, y in zip(g[c], a[c])) / sums[c]}[method]
            w = [weigh(c) for c in range(C)]
            out += [math.fsum(w[c] * a[c][s] for c in range(C)) for s in range(S)]
        return out

    def test_formulas(self):
        for method in ("layer-cam", "hires-cam", "element-wise", "grad-cam++", "grad-cam++-stable", "xgrad-cam"):
            with self.subTest(method):
                want = self.signed_maps(method)
                self.assert_near(self.maps("--method", method, flag="--signed-maps"), want, 1e-5)
                self.assert_near(self.maps("--method", method), standard(want), 1e-4)

    def test_contrastive(self):
        want = []
        for k in range(K):
            others = [t for t in range(K) if t != k]
            w = [self.w[k * C + c] - 0.6 * sum(self.w[t * C + c] for t in others) / len(others) for c in range(C)]
            want += combine(w, self.a)
        self.assert_near(self.maps("--method", "contrastive", flag="--signed-maps"), want)
        self.assert_fails(1, "contrastive compares", *self.inputs, "--top", 1, "--method", "contrastive", "--maps", "out.npy")

    def test_class_agnostic(self):
        alone = ("--activations", "a.npy")
        for method in ("eigen-cam", "fem"):
            self.maps("--method", method, inputs=alone, classes=1)
            self.maps("--method", method, "--top", 1, classes=1)
            self.assert_fails(1, "nothing to fuse", *self.inputs, "--method", method, "--maps", "out.npy")
        self.assert_fails(2, "--gradients: is missing", *alone, "--maps", "out.npy")

    def test_normalize_by_class(self):
        kept = keep([max(v, 0.0) for v in self.signed], winner(self.signed))
        peaks = [max(kept[k * S:(k + 1) * S]) for k in range(K)]
        self.assert_near(self.maps("--normalize", "max"),
                         rescale([v / peaks[i // S] if peaks[i // S] else 0.0 for i, v in enumerate(kept)], "stack"))
        logits = [3.0, 1.0, 2.0]
        self.put("l.npy", npy((3,), logits))
        p = sorted((math.exp(v) / sum(map(math.exp, logits)) for v in logits), reverse=True)
        got = self.maps("--normalize", "probability", "--logits", "l.npy")
        self.assert_near(got, rescale([v * p[i // S] for i, v in enumerate(kept)], "stack"))
        self.assert_fails(2, "--normalize: probability needs --logits", *self.inputs, "--normalize", "probability", "--maps", "out.npy")

    def test_scales_by_class_when_fused_at_the_picture(self):
        logits = [3.0, 1.0, 2.0]
        self.put("l.npy", npy((3,), logits))
        p = sorted((math.exp(v) / sum(map(math.exp, logits)) for v in logits), reverse=True)
        peaks = [max(self.signed[k * S:(k + 1) * S]) for k in range(K)]
        width, height = 23, 17
        for name, q in (("max", [1 / v for v in peaks]), ("probability", p)):
            top = max(q[k] * peaks[k] for k in range(K))
            planes = resample(self.signed, "bilinear", width, height)
            out = [[0.0] * (width * height) for _ in planes]
            for i, column in enumerate(zip(*planes)):
                k = column.index(max(column))
                if column[k] > 0:
                    out[k][i] = min(q[k] * column[k] / top, 1.0)
            self.explain(*self.inputs, "--logits", "l.npy", "--normalize", name, "--fuse-at", "image", "--resample", "bilinear",
                         "--size", "23x17", "--heatmap", "h.png")
            got, want = read_png(self.path("h.png"))[2], paint(out)
            self.assertLessEqual(sum(abs(a - b) > 1 for a, b in zip(got, want)), 6)

    def test_margin(self):
        shape, values, descr = self.result("--margin")
        self.assertEqual((shape, descr), ((H, W), "<f4"))
        columns = [sorted(self.signed[s::S], reverse=True) for s in range(S)]
        self.assert_near(values, [c[0] - c[1] for c in columns])

    def test_non_finite(self):
        bad = list(self.a)
        bad[S + 3] = math.nan
        self.put("bad.npy", npy((C, H, W), bad))
        zero = list(self.a)
        zero[S + 3] = 0.0
        inputs = ("--activations", "bad.npy", "--gradients", "g.npy")
        self.assert_fails(1, "[1,0,3] is nan", *inputs, "--maps", "out.npy")
        self.assert_near(self.maps("--non-finite", "skip", flag="--signed-maps", inputs=inputs), combine(self.w, zero))
        self.assertEqual(self.report("--non-finite", "skip", inputs=inputs)["non_finite"], 1)
        got = self.maps("--non-finite", "propagate", flag="--class-maps", inputs=inputs)
        self.assertEqual([i for i, v in enumerate(got) if math.isnan(v)], [k * S + 3 for k in range(K)])
        self.report("--non-finite", "propagate", inputs=inputs)


class Layers(Case):
    """A second layer of 2 x 3 cells."""

    def setUp(self):
        super().setUp()
        rng = random.Random(7)
        self.a2 = single(rng.gauss(0, 1) for _ in range(4 * 6))
        self.w2 = single(rng.gauss(0, 1) for _ in range(K * 4))
        self.put("a2.npy", npy((4, 2, 3), self.a2))
        self.put("w2.npy", npy((K, 4), self.w2))
        self.both = ("--activations", "a.npy", "--weights", "w.npy", "--activations", "a2.npy", "--weights", "w2.npy")

    def fused(self, kind, join):
        small = [max(math.fsum(self.w2[k * 4 + c] * self.a2[c * 6 + s] for c in range(4)), 0.0) for k in range(K) for s in range(6)]
        large = [max(v, 0.0) for v in self.signed]
        small, large = ([v / max(m) for v in m] for m in (small, large))
        across, down = taps(kind, 3, W), taps(kind, 2, H)
        grown = []
        for k in range(K):
            rows = [[sum(small[k * 6 + y * 3 + i] * t[i] for i in range(3)) for t in across] for y in range(2)]
            grown += [sum(rows[i][x] * t[i] for i in range(2)) for t in down for x in range(W)]
        return [join(x, y) for x, y in zip(large, grown)]

    def test_fusions(self):
        for name, join in (("mean", lambda x, y: (x + y) / 2), ("maximum", max), ("product", lambda x, y: x * max(y, 0.0))):
            for kind in ("bilinear", "bicubic"):
                with self.subTest(name=name, kind=kind):
                    args = (*self.both, "--resample", kind, "--fuse-layers", name)
                    want = self.fused(kind, join)
                    self.explain(*args, "--class-maps", "c.npy", "--maps", "m.npy", "--winner", "n.npy")
                    self.assert_near(read_npy(self.path("c.npy"))[1], want)
                    self.assert_near(read_npy(self.path("m.npy"))[1], rescale(normalize(keep(want, winner(want)), "l2"), "stack"))
                    self.assertEqual(read_npy(self.path("n.npy"))[1], winner(want))

    def test_order_does_not_decide_the_size(self):
        self.explain("--activations", "a2.npy", "--weights", "w2.npy", "--activations", "a.npy", "--weights", "w.npy",
                     "--image", "picture.png", "--overlay", "o.png", "--maps", "m.npy", "--margin", "n.npy", "--report", "r.json")
        self.assertEqual(read_npy(self.path("m.npy"))[0], (K, H, W))
        self.assertEqual(read_npy(self.path("n.npy"))[0], (H, W))
        self.assertEqual(json.loads(self.get("r.json"))["layers"], 2)

    def test_what_does_not_go_together(self):
        out = ("--maps", "out.npy")
        self.assert_fails(2, "--weights: is given 1 times, and --activations 2", *self.both[:6], *out)
        self.assert_fails(2, "--fuse-layers: needs", *self.inputs, "--fuse-layers", "mean", *out)
        self.assert_fails(2, "exclude --profile released", *self.both, "--profile", "released", *out)
        self.put("w3.npy", npy((2, 4), self.w2[:8]))
        self.assert_fails(1, "fmgcam: w3.npy: has 2 classes, and the first layer 3", *self.both[:7], "w3.npy", *out)
        self.assert_fails(2, "--activations: is given more than 32 times", *(("--activations", "a.npy") * 33), *out)


class Layouts(Case):
    def test_tokens(self):
        prefix = 2

        def tokens(values, lead):
            rows = []
            for n in range(lead):
                rows += [9e9] * (prefix * C)
                rows += [values[(n * C + c) * S + s] for s in range(S) for c in range(C)]
            return rows
        want = self.maps()
        for shape in ((prefix + S, C), (1, prefix + S, C)):
            self.put("ta.npy", npy(shape, tokens(self.a, 1)))
            self.put("tg.npy", npy((K, prefix + S, C), tokens(self.g, K)))
            args = ("--activations", "ta.npy", "--gradients", "tg.npy", "--layout", "tokens", "--prefix-tokens", prefix,
                    "--grid", "%dx%d" % (H, W))
            self.assertEqual(self.maps(inputs=args), want)
        out = ("--maps", "out.npy")
        self.assert_fails(1, "fmgcam: ta.npy: 22 tokens; 2 of the prefix and 15 of the grid", *args[:-1], "3x5", *out)
        self.assert_fails(2, "--layout: tokens needs --grid", *args[:-2], *out)
        self.assert_fails(2, "--grid: needs --layout tokens", *self.inputs, "--grid", "4x5", *out)
        self.assert_fails(2, "--prefix-tokens: needs --layout tokens", *self.inputs, "--prefix-tokens", 1, *out)
        self.assert_fails(2, "--spatial-axes: contradicts --grid", *args, "--spatial-axes", 3, *out)
        for grid in ("", "4x", "x4", "0x4", "1x2x3x4", "4,5", "-4x5"):
            self.assert_fails(2, "--grid: '%s'" % grid, *args[:-1], grid, *out)

    def test_signals_and_volumes(self):
        want = self.maps()
        for axes, shape in ((1, (S,)), (3, (2, 2, 5))):
            self.put("sa.npy", npy((C, *shape), self.a))
            self.put("sg.npy", npy((K, C, *shape), self.g))
            args = ("--activations", "sa.npy", "--gradients", "sg.npy", "--spatial-axes", axes)
            got, values, _ = self.result("--maps", inputs=args)
            self.assertEqual((got, values), ((K, *shape), want))
            self.assertEqual(self.result("--winner", inputs=args)[0], shape)
            report = self.report(inputs=args)
            self.assertEqual(report["shape"], [C, *shape])
            self.assertEqual(report["classes"][0]["box"] is None, axes == 3)
            self.put("la.npy", npy((*shape, C), to_nhwc(self.a, 1)))
            self.put("lg.npy", npy((K, *shape, C), to_nhwc(self.g, K)))
            last = ("--activations", "la.npy", "--gradients", "lg.npy", "--spatial-axes", axes, "--layout", "nhwc")
            self.assertEqual(self.result("--maps", inputs=last)[1], want)
            self.assert_fails(2, "--heatmap: needs maps of two axes", *args, "--size", "9x9", "--heatmap", "out.png", kept=("out.png",))
        self.put("long.npy", npy((1, C, H, W), self.a))
        self.assert_fails(1, "[C,L] or [1,C,L] expected", "--activations", "long.npy", *self.inputs[2:], "--spatial-axes", 1,
                          "--maps", "out.npy")


# ---- Classes and classifiers -------------------------------------------------


class Head(Case):
    """A network of N classes that ends in global average pooling and one linear layer."""

    N = 8

    def setUp(self):
        super().setUp()
        rng = random.Random(11)
        self.matrix = single(rng.gauss(0, 1) for _ in range(self.N * C))
        self.bias = single(rng.gauss(0, 0.05) for _ in range(self.N))
        self.means = [math.fsum(self.a[c * S:(c + 1) * S]) / S for c in range(C)]
        self.logits = self.scores(self.means)
        self.put("m.npy", npy((self.N, C), self.matrix))
        self.put("b.npy", npy((self.N,), self.bias))
        self.put("l.npy", npy((1, self.N), self.logits))
        self.order = sorted(range(self.N), key=lambda i: -self.logits[i])
        self.head = ("--activations", "a.npy", "--classifier", "m.npy", "--bias", "b.npy", "--logits", "l.npy")
        total = math.fsum(math.exp(v) for v in self.logits)
        self.p = [math.exp(v) / total for v in self.logits]

    def scores(self, features):
        return [math.fsum(self.matrix[i * C + c] * features[c] for c in range(C)) + self.bias[i] for i in range(self.N)]

    def rows(self, classes):
        return [self.matrix[i * C + c] / S for i in classes for c in range(C)]

    def put_transposed(self):
        self.put("t.npy", npy((C, self.N), [self.matrix[i * C + c] for c in range(C) for i in range(self.N)]))


class Classifier(Head):
    def indices(self, *args, inputs=None):
        return [c["index"] for c in self.report(*args, inputs=inputs or self.head)["classes"]]

    def test_the_best_five(self):
        want = combine(self.rows(self.order[:5]), self.a)
        self.assert_near(self.maps(flag="--signed-maps", inputs=self.head, classes=5), want)
        self.put("names", b"".join(b"class %d\n" % i for i in range(self.N)))
        r = self.report("--labels", "names", inputs=self.head)
        for k, c in enumerate(r["classes"]):
            i = self.order[k]
            self.assertEqual((c["index"], c["label"]), (i, "class %d" % i))
            self.assertAlmostEqual(c["score"], self.logits[i], 5)
            self.assertAlmostEqual(c["probability"], self.p[i], 6)
        self.assertIs(r["head"]["fits"], True)
        self.assertLess(r["head"]["error"], r["head"]["bound"])
        self.put("names", b"0\n1\n2\n")
        self.assert_fails(1, "has 3 labels, and class", *self.head, "--labels", "names", "--report", "out.npy")

    def test_the_parts_of_the_map_add_up_to_the_score(self):
        r = self.report("--region", "0,0,%d,%d" % (W, H), "--activation", "none", inputs=self.head)
        for c in r["classes"]:
            self.assertAlmostEqual(c["contribution"] + self.bias[c["index"]], c["score"], 5)
        left, right = (self.report("--region", region, inputs=self.head)["classes"][0]["contribution"]
                       for region in ("0,0,2,%d" % H, "2,0,%d,%d" % (W, H)))
        self.assertAlmostEqual(left + right, r["classes"][0]["contribution"], 5)
        self.assertEqual(r["region"], [0, 0, W, H])
        self.assert_fails(1, "--region: reaches beyond", *self.head, "--region", "0,0,6,1", "--report", "out.npy")
        for bad in ("", "1,2,3", "2,0,2,1", "0,3,1,2", "0,0,1,1,1", "-1,0,1,1"):
            self.assert_fails(2, "--region: '%s'" % bad, *self.head, "--region=" + bad, "--report", "out.npy")
        self.assert_fails(2, "--region: needs --report", *self.head, "--region", "0,0,1,1", "--maps", "out.npy")

    def test_choosing(self):
        mass, k = 0.0, 0
        while mass < 0.8:
            mass, k = mass + self.p[self.order[k]], k + 1
        self.assertEqual(self.indices("--mass", 0.8), self.order[:k])
        self.assertEqual(self.indices("--min-probability", 0.1), [i for i in self.order if self.p[i] >= 0.1])
        self.assertEqual(self.indices("--top", self.N), self.order)
        self.assertEqual(self.indices("--classes", "3,1,5"), [3, 1, 5])
        self.assertEqual(self.indices("--mass", 1, "--max-classes", 2), self.order[:2])
        ranked = [self.p[i] for i in self.order]
        drops = [x - y for x, y in zip(ranked, ranked[1:])]
        self.assertEqual(self.indices("--largest-gap"), self.order[:1 + drops.index(max(drops))])
        thresholds = [0.0 if i % 3 == 0 else 2.0 for i in range(self.N)]
        self.put("t.npy", npy((self.N,), thresholds))
        self.assertEqual(self.indices("--thresholds", "t.npy", "--link", "sigmoid"), [i for i in self.order if i % 3 == 0])
        hot = [math.exp(v / 5) for v in self.logits]
        r = self.report("--temperature", 5, inputs=self.head)
        self.assertAlmostEqual(r["classes"][0]["probability"], max(hot) / sum(hot), 6)
        self.assert_fails(1, "no class is chosen by --min-probability", *self.head, "--min-probability", 1.5, "--maps", "out.npy")
        self.assert_fails(1, "has 8 classes, and --top asks for 9", *self.head, "--top", 9, "--maps", "out.npy")
        self.assert_fails(1, "there is no class 8; the highest is 7", *self.head, "--classes", "8", "--maps", "out.npy")

    def test_targets(self):
        k = self.order[0]
        soft = [self.p[k] * (self.matrix[k * C + c] - math.fsum(self.p[j] * self.matrix[j * C + c] for j in range(self.N))) / S
                for c in range(C)]
        self.assert_near(self.maps("--target", "softmax", "--top", 1, flag="--signed-maps", inputs=self.head, classes=1),
                         combine(soft, self.a))
        s = 1 / (1 + math.exp(-self.logits[k]))
        self.assert_near(self.maps("--target", "sigmoid", "--top", 1, flag="--signed-maps", inputs=self.head, classes=1),
                         combine([s * (1 - s) * w for w in self.rows([k])], self.a))
        self.assert_fails(1, "target", *self.inputs, "--logits", "l.npy", "--target", "softmax", "--maps", "out.npy")

    def test_without_logits(self):
        alone = self.head[:4]
        self.assert_near(self.maps("--classes", "2,6", flag="--signed-maps", inputs=alone, classes=2),
                         combine(self.rows([2, 6]), self.a))
        self.assert_fails(2, "--classifier: needs --logits", *alone, "--maps", "out.npy")
        self.assert_fails(2, "--mass: needs --logits", *alone, "--mass", 0.5, "--maps", "out.npy")
        self.assert_fails(2, "--target: needs --logits", *alone, "--classes", "1", "--target", "softmax", "--maps", "out.npy")

    def test_rows_of_gradients_are_those_of_the_best(self):
        gradients = [self.matrix[i * C + c] / S for i in self.order[:K] for c in range(C) for _ in range(S)]
        self.put("hg.npy", npy((K, C, H, W), gradients))
        inputs = ("--activations", "a.npy", "--gradients", "hg.npy", "--logits", "l.npy")
        self.assertEqual(self.indices(inputs=inputs), self.order[:K])
        third, first = self.order[2], self.order[0]
        got = self.maps("--classes", "%d,%d" % (third, first), flag="--signed-maps", inputs=inputs, classes=2)
        self.assert_near(got, combine(self.rows([third, first]), self.a))
        self.put("fg.npy", npy((K, C, H, W), to_fortran(gradients, (K, C, H, W)), fortran=True))
        again = self.maps("--classes", "%d,%d" % (third, first), flag="--signed-maps", classes=2,
                          inputs=("--activations", "a.npy", "--gradients", "fg.npy", "--logits", "l.npy"))
        self.assertEqual(again, got)
        self.assert_fails(1, "hg.npy: has no row for class %d, which is number 4" % self.order[3], *inputs, "--classes",
                          str(self.order[3]), "--maps", "out.npy")
        self.assert_fails(2, "--classes: needs --logits or --classifier", *inputs[:4], "--classes", "1", "--maps", "out.npy")

    def test_what_excludes_what(self):
        out = ("--maps", "out.npy")
        self.assert_fails(2, "--mass: excludes --top", *self.head, "--top", 2, "--mass", 0.5, *out)
        self.assert_fails(2, "--classes: excludes --top", *self.head, "--top", 2, "--classes", "1", *out)
        self.assert_fails(2, "--largest-gap: excludes --mass", *self.head, "--mass", 0.5, "--largest-gap", *out)
        self.assert_fails(2, "--max-classes: needs", *self.head, "--max-classes", 3, *out)
        self.assert_fails(2, "--classifier: excludes --gradients", *self.head, "--gradients", "g.npy", *out)
        self.assert_fails(2, "--bias: needs --classifier", *self.inputs, "--bias", "b.npy", *out)
        for flag, values in (("--mass", ("0", "1.1", "x", "")), ("--min-probability", ("x", "", "nan")),
                             ("--temperature", ("0", "-1", "x")), ("--max-classes", ("0", "-1", "x")),
                             ("--classes", ("", "x", "1,", ",1", "1,,2", "-1", "1.5")), ("--box-threshold", ("-0.1", "2", "x"))):
            for value in values:
                self.assert_fails(2, "fmgcam: %s: '%s'" % (flag, value), *self.head, "%s=%s" % (flag, value), *out)
        self.put("t.npy", npy((3,), [0.1] * 3))
        self.assert_fails(1, "t.npy: has 3 thresholds for 8 classes", *self.head, "--thresholds", "t.npy", *out)
        self.put("l9.npy", npy((9,), [0.1] * 9))
        self.assert_fails(1, "l9.npy: has 9 logits, and the classifier 8 rows", *self.head[:6], "--logits", "l9.npy", *out)

    def test_a_transposed_matrix_is_pointed_out(self):
        self.put_transposed()
        self.assert_fails(1, "check-head", "--activations", "a.npy", "--classifier", "t.npy", "--logits", "l.npy", "--maps", "out.npy")

    def test_box_threshold(self):
        r = self.report("--box-threshold", 1, "--top", 1, inputs=self.head)["classes"][0]
        map_ = combine(self.rows([self.order[0]]), self.a)
        s = map_.index(max(map_))
        self.assertEqual(r["box"], [s % W, s // W, s % W + 1, s // W + 1])

    def test_many_classes(self):
        """What grows with their square is not for a thousand and more, and nothing else does."""
        self.put("one.npy", npy((1, 1, 1), [1.0]))
        for k, has_overlap in ((1000, True), (1001, False), (100000, False)):
            self.put("many.npy", npy((k, 1), [float(i % 1000) for i in range(k)]))
            self.put("many-logits.npy", npy((k,), [float(i % 1000) for i in range(k)]))
            r = self.report("--top", k, inputs=("--activations", "one.npy", "--classifier", "many.npy", "--logits", "many-logits.npy"))
            self.assertEqual((len(r["classes"]), r["classes"][0]["index"]), (k, 999))
            self.assertEqual(r["overlap"] and len(r["overlap"]), k if has_overlap else None)

    def test_overlap(self):
        same = [x for k in (0, 0, 1) for x in self.w[k * C:(k + 1) * C]]
        self.put("same.npy", npy((K, C), same))
        r = self.report(inputs=("--activations", "a.npy", "--weights", "same.npy"))["overlap"]
        self.assertEqual([r[0][0], r[1][1], r[2][2]], [1, 1, 1])
        self.assertAlmostEqual(r[0][1], 1, 6)
        self.assertEqual(r[0][2], r[2][0])

    def test_a_class_that_is_there_twice(self):
        for chosen, which in (("6,6,3", 6), ("1,4,2,4,5,1", 1), ("0,00", 0), ("7,10,007", 7)):
            r = self.run_program("explain", *self.head, "--classes", chosen, "--maps", "out.npy")
            self.assertEqual((r.returncode, r.stderr.decode()), (2, "fmgcam: --classes: %d is there twice\n" % which))
        self.assertEqual(os.path.exists(self.path("out.npy")), False)
        self.assertEqual(self.indices("--classes", "1,7,0"), [1, 7, 0])
        self.assert_fails(1, "there is no class 4294967295", *self.head, "--classes",
                          ",".join(map(str, [4294967295, *range(20000)])), "--maps", "out.npy")


class CheckHead(Head):
    def check(self, status, says, *args):
        r = self.run_program("check-head", *args)
        text = r.stdout.decode()
        self.assertEqual((r.returncode, r.stderr), (status, b""), text)
        self.assertIn(says, text)
        return text

    def test_it_fits(self):
        self.assertRegex(self.check(0, "the head fits", *self.head), r"largest error [0-9.e-]+ at class \d .*allowed [0-9.e-]+\n\Z")

    def test_causes(self):
        self.check(1, "bias is missing", *self.head[:4], *self.head[6:])
        self.put_transposed()
        self.check(1, "transposed", "--activations", "a.npy", "--classifier", "t.npy", *self.head[4:])
        self.put("w.npy", npy((C, H, W), self.a[S:] + self.a[:S]))
        self.check(1, "another layer", "--activations", "w.npy", *self.head[2:])
        relu = [math.fsum(max(v, 0.0) for v in self.a[c * S:(c + 1) * S]) / S for c in range(C)]
        self.put("r.npy", npy((self.N,), self.scores(relu)))
        self.check(1, "before a ReLU", *self.head[:6], "--logits", "r.npy")
        self.put("s.npy", npy((self.N,), self.scores([v * S for v in self.means])))
        self.check(1, "by the sum", *self.head[:6], "--logits", "s.npy")
        self.put("n.npy", npy((self.N,), [v - b for v, b in zip(self.logits, self.bias)]))
        self.check(1, "leave --bias out", *self.head[:6], "--logits", "n.npy")
        self.put("p.npy", npy((self.N,), self.p))
        self.check(1, "probabilities", *self.head[:6], "--logits", "p.npy")

    def test_tolerance_and_layouts(self):
        self.put("o.npy", npy((self.N,), [v + 0.01 for v in self.logits]))
        self.check(1, "does not fit", *self.head[:6], "--logits", "o.npy")
        self.check(0, "allowed 0.02", *self.head[:6], "--logits", "o.npy", "--tolerance", "0.02")
        self.put("h.npy", npy((H, W, C), to_nhwc(self.a, 1)))
        self.check(0, "fits", "--activations", "h.npy", "--layout", "nhwc", *self.head[2:])
        self.put("k.npy", npy((S + 1, C), [7.0] * C + to_nhwc(self.a, 1)))
        self.check(0, "fits", "--activations", "k.npy", "--layout", "tokens", "--prefix-tokens", 1, "--grid", "4x5", *self.head[2:])

    def test_stored_in_half_precision(self):
        """What was rounded to 11 bits may be off by as much: the bound follows the type of the files."""
        for name, shape, values in (("a", (C, H, W), self.a), ("m", (self.N, C), self.matrix), ("l", (self.N,), self.logits)):
            self.put(name + "16.npy", npy(shape, values, "<f2"))
            self.put(name + "32.npy", npy(shape, [struct.unpack("<e", struct.pack("<e", v))[0] for v in values]))
        names = ("--activations", "--classifier", "--logits")
        for size, status in (("16", 0), ("32", 1)):
            files = [x for option, name in zip(names, "aml") for x in (option, name + size + ".npy")]
            self.check(status, "fit", *files, "--bias", "b.npy")
        got = self.maps("--classes", "3,1", flag="--signed-maps", classes=2, inputs=(
            "--activations", "a16.npy", "--classifier", "m16.npy", "--logits", "l16.npy"))
        self.assertEqual(got, self.maps("--classes", "3,1", flag="--signed-maps", classes=2, inputs=(
            "--activations", "a32.npy", "--classifier", "m32.npy", "--logits", "l32.npy")))
        half = self.report(inputs=("--activations", "a16.npy", "--classifier", "m16.npy", "--logits", "l16.npy"))
        for c in half["classes"]:
            self.assertAlmostEqual(c["score"], self.logits[c["index"]], 2)
        self.put("t16.npy", npy((self.N,), [0.0] * 3 + [2.0] * (self.N - 3), "<f2"))
        self.assertEqual(sorted(c["index"] for c in self.report("--thresholds", "t16.npy", inputs=self.head)["classes"]), [0, 1, 2])

    def test_wrong_usage(self):
        for args, says in (((), "--activations: is missing"), (self.head[:2], "--classifier: is missing"),
                           (self.head[:6], "--logits: is missing"), ((*self.head, "--tolerance", "0"), "--tolerance: '0'"),
                           ((*self.head, "--tolerance", "nan"), "--tolerance"), ((*self.head, "--top", "1"), "--top: unknown"),
                           ((*self.head, "--layout", "x"), "--layout"), ((*self.head, "more"), "more: is not an option"),
                           ((*self.head, "--grid", "1x1"), "--grid")):
            self.assert_fails(2, says, *args, command="check-head")
        self.assert_fails(1, "fmgcam: absent: No such", *self.head[:6], "--logits", "absent", command="check-head")
        self.assert_fails(1, "fmgcam: a.npy: shape [6,4,5]", *self.head[:6], "--logits", "a.npy", command="check-head")
        self.assert_fails(1, "fmgcam: w.npy: classifier: shape", "--activations", "a.npy", "--classifier", "w.npy", *self.head[6:],
                          command="check-head")


# ---- Failures ----------------------------------------------------------------


class Files(Case):
    """Exit status 1."""

    def bad_activations(self, says, data):
        self.put("bad.npy", data)
        return self.assert_fails(1, says, "--activations", "bad.npy", "--gradients", "g.npy", "--maps", "out.npy")

    def test_not_npy(self):
        good = npy((C, H, W), self.a)
        for says, data in (("too short", b""), ("too short", b"\x93NUM"), ("not a .npy file", b"hello, this is no tensor\n" * 9),
                           ("version 4.0", good[:6] + b"\x04\0" + good[8:]), ("version 0.0", good[:6] + b"\0\0" + good[8:]),
                           ("version 1.1", good[:6] + b"\x01\x01" + good[8:]), ("cut short", good[:9]), ("cut short", good[:40])):
            self.bad_activations("fmgcam: bad.npy: ", data)
            self.bad_activations(says, data)

    def test_not_enough_and_too_much(self):
        good = npy((C, H, W), self.a)
        self.bad_activations("cut short: 119 of 120 elements", good[:-1])
        self.bad_activations("cut short: 60 of 120 elements", good[:-240])
        self.bad_activations("cut short: 0 of 120 elements", good[:-480])
        self.bad_activations("bytes after the last element", good + b"\0")

    def test_lying_headers(self):
        for says, shape in (("cut short: 120 of", "(1048576, 16, 16)"),
                            ("cut short: 120 of" if BITS > 32 else "too large", "(1048576, 1024, 256)"), ("too large", "(4611686018427387904, 16, 16)"),
                            ("too large", "(9223372036854775807, 9223372036854775807, 4)"),
                            ("too large", "(99999999999999999999999999, 1, 1)"), ("too large", "(3037000500, 3037000500, 1)"),
                            ("no elements", "(6, 0, 5)"), ("no elements", "(0, 9223372036854775807, 9223372036854775807)"),
                            ("negative", "(-6, 4, 5)"), ("negative", "(6, 4, -1)"), ("8 axes", "(6, 4, 5, 1, 1, 1, 1, 1, 1)")):
            self.bad_activations(says, npy((C, H, W), self.a, header="{'descr': '<f4', 'fortran_order': False, 'shape': %s, }" % shape))
        self.bad_activations("header is too long", b"\x93NUMPY\x02\0\xff\xff\xff\xff{'descr'")
        self.bad_activations("header is too long", b"\x93NUMPY\x03\0\0\0\1\0" + b" " * 70000)

    def test_malformed_headers(self):
        d, o, s = "'descr': '<f4'", "'fortran_order': False", "'shape': (6, 4, 5)"
        for text in ("", "{", "}", "{}", "{%s, %s}" % (d, o), "{%s, %s}" % (o, s), "{%s, %s, %s" % (d, o, s),
                     "%s, %s, %s" % (d, o, s), "{%s %s, %s}" % (d, o, s), "{%s, %s, %s}x" % (d, o, s),
                     "{%s, %s, %s, %s}" % (d, o, s, s), "{%s, %s, %s, 'x': 1}" % (d, o, s), "{,%s, %s, %s}" % (d, o, s),
                     "{%s,, %s, %s}" % (d, o, s), "{{%s, %s, %s}}" % (d, o, s), "[%s, %s, %s]" % (d, o, s),
                     "{%s, 'fortran_order': 0, %s}" % (d, s), "{%s, 'fortran_order': false, %s}" % (d, s),
                     "{%s, 'fortran_order': , %s}" % (d, s), "{'descr': <f4, %s, %s}" % (o, s), "{%s, %s, 'descr': '<f4}" % (o, s),
                     "{'descr': '<f4\\', %s, %s}" % (o, s), "{%s, %s, 'descr': '<f4\"}" % (o, s), "{descr: '<f4', %s, %s}" % (o, s),
                     *("{%s, %s, 'shape': %s}" % (d, o, t) for t in (
                         "6", "(6)", "[6, 4, 5]", "(6, 4, 5", "(6 4 5)", "(6,, 4, 5)", "(,)", "(6, 4, 5.0)", "(6, 4, 0x5)",
                         "(6, 4, +5)", "(6, 4, 'a')", "((6, 4, 5))", "(" * 5000, "(6, 4, 5LL)"))):
            with self.subTest(text[:80]):
                self.bad_activations("header is malformed", npy((C, H, W), self.a, header=text))
        self.bad_activations("header is malformed", npy((C, H, W), self.a, header="{'descr\0': '<f4', %s, %s}" % (o, s)))
        self.bad_activations("structures", npy((C, H, W), self.a, header="{'descr': [('x', '<f4')], %s, %s}" % (o, s)))

    def test_other_types(self):
        for descr in ("<i4", "|u1", "<c8", "<f16", "|O", "<f3", "f4", "", "<f", "<f44", "!f4", "|b1", "<U20", "<f4 "):
            with self.subTest(descr):
                self.bad_activations("elements are '%s'" % descr[:20],
                                     npy((C, H, W), self.a, header="{'descr': '%s', 'fortran_order': False, 'shape': (6, 4, 5), }" % descr))

    def test_numbers_that_no_float32_holds(self):
        wide = list(self.a)
        wide[2 * S + 3 * W + 1] = 1e300
        self.bad_activations("[2,3,1] is 1e+300", npy((C, H, W), wide, "<f8"))
        self.bad_activations("[2,3,1] is 1e+300", npy((C, H, W), to_fortran(wide, (C, H, W)), ">f8", fortran=True))
        wide[2 * S + 3 * W + 1] = -3.4028235677973366e38
        self.bad_activations("[2,3,1] is -3.40282e+38", npy((C, H, W), wide, "<f8"))

    def test_nan_and_infinity(self):
        for value in (math.nan, math.inf, -math.inf):
            for descr in ("<f2", "<f4", "<f8"):
                bad = [0.5] * len(self.a)
                bad[2 * S + 3 * W + 1] = value
                text = self.bad_activations("fmgcam: bad.npy: activations: ", npy((C, H, W), bad, descr))
                self.assertRegex(text, r"2, ?3, ?1\]")
        bad = list(self.g)
        bad[(1 * C + 2) * S + 3 * W + 4] = math.nan
        self.put("gn.npy", npy((K, C, H, W), bad))
        text = self.assert_fails(1, "fmgcam: gn.npy: gradients: ", "--activations", "a.npy", "--gradients", "gn.npy", "--maps", "out.npy")
        self.assertRegex(text, r"1, ?2, ?3, ?4\]")
        self.explain("--activations", "a.npy", "--gradients", "gn.npy", "--top", 1, "--maps", "out.npy")
        self.put("wn.npy", npy((K, C), [math.inf] * (K * C)))
        self.assert_fails(1, "fmgcam: wn.npy: weights: ", "--activations", "a.npy", "--weights", "wn.npy", "--maps", "out.npy")

    def test_shapes(self):
        for shape in ((C * S,), (C, S), (1, 1, C, H, W)):
            self.bad_activations("fmgcam: bad.npy: shape [", npy(shape, self.a))
        self.bad_activations("bad.npy: shape []; [C,H,W]", npy((), [1.0], header="{'descr': '<f4', 'fortran_order': False, 'shape': ()}"))
        self.bad_activations("fmgcam: ", npy((2, C // 2, H, W), self.a))
        self.bad_activations("activations", npy((C + 1, H, W), self.a + self.a[:S]))
        self.bad_activations("activations", npy((C, W, H), self.a))
        for flag, shape, says in (("--gradients", (K * C, S), "[K,C,H,W]"), ("--weights", (K * C * S,), "[K,C] expected"),
                                  ("--weights", (K, C, H, W), "[K,C] expected"), ("--weights", (K, C * S), "fmgcam: s.npy: weights")):
            self.put("s.npy", npy(shape, self.g))
            self.assert_fails(1, says, "--activations", "a.npy", flag, "s.npy", "--maps", "out.npy")
        self.assert_fails(1, "fmgcam: w.npy: weights: ", "--activations", "a.npy", "--weights", "w.npy", "--layout", "nhwc",
                          "--maps", "out.npy")

    def test_more_classes_than_there_are(self):
        self.assert_fails(1, "fmgcam: g.npy: has 3 classes, and --top asks for 4", *self.inputs, "--top", 4, "--maps", "out.npy")
        self.put("one.npy", npy((C, H, W), self.g[:C * S]))
        self.assert_fails(1, "fmgcam: one.npy: has 1 class, and --top asks for 2", "--activations", "a.npy", "--gradients", "one.npy",
                          "--top", 2, "--maps", "out.npy")

    def test_missing_files_and_folders(self):
        for flag in ("--activations", "--gradients", "--image", "--labels"):
            for name, says in (("absent", "fmgcam: absent: No such file"), (".", "fmgcam: .: Is a directory")):
                files = {"--activations": "a.npy", "--gradients": "g.npy", "--image": "picture.png", flag: name}
                self.assert_fails(1, says, *(x for pair in files.items() for x in pair), "--overlay", "out.png", kept=("out.png",))

    def test_bad_pictures(self):
        good = self.get("picture.png")
        for data in (b"", b"no picture", good[:40], good[:-30], b"\xff\xd8\xff"):
            self.put("bad.png", data)
            self.assert_fails(1, "fmgcam: bad.png: ", *self.inputs, "--image", "bad.png", "--overlay", "out.png", "--maps", "out.npy",
                              kept=("out.png", "out.npy"))

    def test_a_line_is_one_line(self):
        self.assert_fails(1, "fmgcam: a?b?[31m: No such", *self.inputs, "--image", "a\nb\x1b[31m", "--maps", "out.npy")
        self.assert_fails(2, "fmgcam: --method: 'a?b'", *self.inputs, "--method", "a\nb", "--maps", "out.npy")
        # Controls of 128 to 159, and what turns the direction of text; other letters stay.
        for name, shown in (("a\u009b31m\u0085", "a??31m??"), ("\u202eknp.\u2066", "???knp.???"),
                            ("\u2028", "???"), ("caf\u00e9 \u732b \U0001f408 \u00a0", "caf\u00e9 \u732b \U0001f408 \u00a0")):
            self.assert_fails(1, "fmgcam: %s: No such" % shown, *self.inputs, "--image", name, "--maps", "out.npy")
        self.assert_fails(1, "fmgcam: " + "x" * 3000, "--activations", "x" * 3000, "--gradients", "g.npy", "--maps", "out.npy")

    def test_a_line_is_utf_8(self):
        self.assert_fails(1, "fmgcam: a???: No such", *self.inputs, "--image", "a\udcff\udc9b\udcc3", "--maps", "out.npy")


class Limits(Case):
    """Files that promise much, and files that are long. What they cost is held against a run that costs nothing."""

    def peak(self, *args):
        """(exit status, stderr, kB that were resident at most)."""
        # By it malloc would touch all that it hands out.
        env = {k: v for k, v in os.environ.items() if k != "MALLOC_PERTURB_"}
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen([PROGRAM, *map(str, args)], cwd=self.dir, env=env, stdin=subprocess.DEVNULL,
                                       stderr=errors)
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
            errors.seek(0)
            return process.returncode, errors.read().decode("utf-8"), usage.ru_maxrss

    @staticmethod
    def is_sanitized():
        """Then memory that is never touched is, in the books that are kept of it."""
        with open(PROGRAM, "rb") as f:
            return re.search(b"__[atm]san_init", f.read()) is not None

    def assert_cheap(self, says, *args, megabytes=8):
        """Refused in one line, for hardly more memory than a usage error takes."""
        idle = self.peak("explain", "--nothing")[2]
        status, text, kilobytes = self.peak(*args)
        self.assertEqual(status, 1, text)
        self.assertRegex(text, r"\Afmgcam: [^\n]+\n\Z")
        self.assertIn(says, text)
        if not self.is_sanitized():
            self.assertLess(kilobytes - idle, megabytes * 1024, text)

    def assert_picture_fails(self, says, data, **more):
        self.put("big.png", data)
        self.assert_cheap("fmgcam: big.png: " + says, "explain", *self.inputs, "--image", "big.png", "--overlay", "x.png", **more)

    def test_pngs_that_claim_much(self):
        def claiming(width, height, kind=2, depth=8, interlace=0):
            good, ihdr = png(1, 1, [0, 0, 0]), struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, interlace)
            return good[:16] + ihdr + struct.pack(">I", zlib.crc32(b"IHDR" + ihdr)) + good[33:]
        self.assert_picture_fails("", claiming(2**31 - 1, 2**31 - 1))
        self.assert_picture_fails("", claiming(2**32 - 1, 1))
        self.assert_picture_fails("width 65501 is beyond the limit 65500", claiming(65501, 1))
        self.assert_picture_fails("height 65501 is beyond the limit 65500", claiming(1, 65501))
        self.assert_picture_fails("", claiming(65500, 65500))
        self.assert_picture_fails("", claiming(65500, 5465))
        # Within the limits, and not there.
        for kind, depth, interlace in ((2, 8, 0), (6, 16, 1), (0, 1, 1)):
            self.assert_picture_fails("damaged", claiming(65500, 5464, kind, depth, interlace), megabytes=24)

    def test_jpegs_that_claim_much(self):
        def claiming(width, height, marker=0xC0):
            frame = struct.pack(">BHHB", 8, height, width, 3) + b"\1\x11\0\2\x11\0\3\x11\0"
            return (b"\xff\xd8\xff\xdb\0\x43\0" + b"\1" * 64 + b"\xff" + bytes([marker])
                    + struct.pack(">H", 2 + len(frame)) + frame + b"\xff\xda\0\x0c\3\1\0\2\0\3\0\0\x3f\0\xff\xd9")
        self.assert_picture_fails("too large", claiming(65501, 1))
        self.assert_picture_fails("", claiming(65500, 65500))
        self.assert_picture_fails("too large", claiming(65535, 65535))
        self.assert_picture_fails("", claiming(20000, 20000, 0xC2))  # 2.4 GB of coefficients
        self.assert_picture_fails("", claiming(13000, 13000, 0xC2), megabytes=24)
        self.assert_picture_fails("", claiming(65500, 5464), megabytes=24)

    def test_arrays_that_claim_much(self):
        some = [0.5] * 70000  # more than one piece of the file
        # As many as a program of these bits can count.
        most = "(1048576, 1024, 1024)", "(1, 1073741824, 1073741823)"
        for shape in ("(1, 1, 1048576)", *(most if BITS > 32 else ("(128, 1024, 1024)",))):
            for descr in ("<f2", "<f4", "<f8"):
                self.put("big.npy", npy((), some, header="{'descr': '%s', 'fortran_order': True, 'shape': %s, }" % (descr, shape)))
                for flag in ("--activations", "--gradients"):
                    both = {"--activations": "a.npy", "--gradients": "g.npy", flag: "big.npy"}
                    self.assert_cheap("fmgcam: big.npy: cut short", "explain", *(x for pair in both.items() for x in pair), "--maps", "x.npy")

    def test_more_classes_than_numbers(self):
        for top in (1000000, 2**31 - 1, 2**31, 2**32 - 1):
            self.assert_cheap("g.npy: has 3 classes, and --top asks for %d" % top, "explain", *self.inputs, "--top", top, "--maps", "x.npy")

    def test_labels(self):
        self.put("l.txt", b"name\n" * 1000000)
        self.explain(*self.inputs, "--labels", "l.txt", "--maps", "out.npy")
        self.put("l.txt", b"x" * (16 << 20))
        self.assert_cheap("l.txt: has 1 label for 3 classes", "explain", *self.inputs, "--labels", "l.txt", "--maps", "x.npy", megabytes=56)
        self.put("l.txt", b"\n" * ((16 << 20) + 1))
        self.assert_cheap("l.txt: larger than 16777216 bytes", "explain", *self.inputs, "--labels", "l.txt", "--maps", "x.npy", megabytes=56)
        self.assert_cheap("/dev/zero: larger than", "explain", *self.inputs, "--labels", "/dev/zero", "--maps", "x.npy", megabytes=56)

    def test_reports_that_are_deep(self):
        self.explain(*self.inputs, "--maps", "m.npy", "--report", "r.json")
        for text in ("[" * 1000000, '{"classes":' * 1000000, '{"classes": %s%s}' % ("[" * 100000, "]" * 100000)):
            self.put("deep.json", text.encode())
            self.assert_cheap("deep.json: ", "compare", "m.npy", "m.npy", "--report-a", "deep.json", "--report-b", "r.json", megabytes=24)


def has_full_device():
    return os.path.exists("/dev/full") and stat.S_ISCHR(os.stat("/dev/full").st_mode)


class Outputs(Case):
    """All or none."""

    def test_one_that_fails_stops_all(self):
        outputs = ("--maps", "out.npy", "--winner", "new.npy", "--report", "out.json")
        for name, says in (("no/such/folder.png", "No such file"), ("sub.png", "Is a directory"),
                           ("full.png", "No space left"), ("a.npy/x.png", "Not a directory")):
            if name == "sub.png":
                os.mkdir(self.path(name))
            if name == "full.png":
                if not has_full_device():
                    continue
                os.symlink("/dev/full", self.path(name))
            with self.subTest(name):
                self.assert_fails(1, "fmgcam: %s: %s" % (name, says), *self.inputs, "--size", "9x9", "--heatmap", name, *outputs,
                                  kept=("out.npy", "out.json"))

    @unittest.skipUnless(has_full_device(), "no /dev/full")
    def test_a_full_device(self):
        for flag in ("--maps", "--class-maps", "--winner", "--report"):
            self.assert_fails(1, "fmgcam: /dev/full: No space left", *self.inputs, flag, "/dev/full")
        for args in (("--help",), ("--version",), ("explain", "--help"), ("figure", "--help"), ("check-head", "--help"),
                     ("compare", "--help")):
            with open("/dev/full", "wb") as full:
                self.assert_fails(1, "standard output: No space left", *args, command=None, stdout=full)

    def test_standard_output(self):
        for flag, name in (("--maps", "m.npy"), ("--report", "r.json")):
            self.explain(*self.inputs, flag, name)
            r = self.run_program("explain", *self.inputs, flag, "/dev/stdout")
            self.assertEqual((r.returncode, r.stdout, r.stderr), (0, self.get(name), b""))

    def test_what_cannot_be_taken_back_comes_last(self):
        r = self.run_program("explain", *self.inputs, "--maps", "/dev/stdout", "--winner", "no/such/folder.npy")
        self.assertEqual((r.returncode, r.stdout), (1, b""))

    def test_standard_output_in_a_file_is_appended_to(self):
        self.put("log", b"before\n")
        self.explain(*self.inputs, "--report", "r.json")
        with open(self.path("log"), "ab") as log:
            r = self.run_program("explain", *self.inputs, "--report", "/dev/stdout", stdout=log)
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            os.write(log.fileno(), b"after\n")
        self.assertEqual(self.get("log"), b"before\n" + self.get("r.json") + b"after\n")

    def test_a_pipe_is_written_straight(self):
        os.mkfifo(self.path("pipe.png"))
        got = []
        reader = threading.Thread(target=lambda: got.append(self.get("pipe.png")), daemon=True)
        reader.start()
        self.explain(*self.inputs, "--image", "picture.png", "--overlay", "pipe.png")
        reader.join(60)
        self.assertTrue(stat.S_ISFIFO(os.lstat(self.path("pipe.png")).st_mode))
        self.explain(*self.inputs, "--image", "picture.png", "--overlay", "o.png")
        self.assertEqual(got, [self.get("o.png")])

    def test_a_closed_pipe(self):
        big = ("--size", "900x900", "--heatmap", "big.png", "--maps", "out.npy")
        for args in ((*self.inputs, "--report", "/dev/stdout", "--maps", "out.npy"), ("--help",)):
            reading, writing = os.pipe()
            os.close(reading)
            with os.fdopen(writing, "wb", closefd=True) as pipe:
                self.assert_fails(1, "Broken pipe", *args, stdout=pipe)
        os.mkfifo(self.path("big.png"))

        def peek():
            with open(self.path("big.png"), "rb", buffering=0) as f:
                f.read(10)
        reader = threading.Thread(target=peek, daemon=True)
        reader.start()
        self.assert_fails(1, "fmgcam: big.png: Broken pipe", *self.inputs, "--activation", "gelu", "--filter", "none", *big)
        reader.join(60)

    def test_closed_standard_streams(self):
        with open(PROGRAM, "rb") as f:
            if f.read(2) == b"#!":
                self.skipTest("whatever wraps the program needs its streams")
        shell = "exec \"$0\" explain --activations a.npy --gradients g.npy --maps out.npy %s"
        for close in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
            r = subprocess.run(["sh", "-c", shell % close, PROGRAM], cwd=self.dir, timeout=60)
            self.assertEqual(r.returncode, 0)
            self.assert_near(read_npy(self.path("out.npy"))[1], standard(self.signed))
        r = subprocess.run(["sh", "-c", "exec \"$0\" --help >&- 2>/dev/null", PROGRAM], timeout=60)
        self.assertEqual(r.returncode, 1)

    def test_links_and_modes_are_kept(self):
        self.put("real.npy", b"earlier")
        os.chmod(self.path("real.npy"), 0o640)
        os.symlink("real.npy", self.path("link.npy"))
        self.explain(*self.inputs, "--maps", "link.npy")
        self.assertTrue(os.path.islink(self.path("link.npy")))
        self.assertEqual(stat.S_IMODE(os.stat(self.path("real.npy")).st_mode), 0o640)
        self.assert_near(read_npy(self.path("real.npy"))[1], standard(self.signed))

    def test_files_of_a_later_time(self):
        """Than 32 bits have seconds for, from 2038 on."""
        self.put("out.npy", b"an earlier result")
        for name in ("a.npy", "g.npy", "out.npy"):
            os.utime(self.path(name), (2**32, 2**32))
        self.assert_near(self.maps(), standard(self.signed))

    def test_nothing_else_is_left(self):
        before = set(os.listdir(self.dir))
        self.explain(*self.inputs, "--image", "picture.png", "--overlay", "o.jpg", "--maps", "m.npy", "--report", "r.json")
        self.assertEqual(set(os.listdir(self.dir)) - before, {"o.jpg", "m.npy", "r.json"})


class Usage(Case):
    """Exit status 2."""

    def bad(self, says, *args, **more):
        return self.assert_fails(2, says, *args, kept=("out.npy", "out.png"), **more)

    def test_no_command(self):
        self.bad("no command", command=None)
        self.bad("fmgcam: explian: unknown command", command="explian")
        self.bad("fmgcam: --explain: unknown option", command="--explain")
        self.bad("fmgcam: : unknown command", "", command=None)

    def test_unknown_options(self):
        for option in ("--no-such-option", "--no-such-option=3", "-x", "-xyz", "-h", "--", "--m", "--=", "-"):
            with self.subTest(option):
                self.bad("fmgcam: ", *self.inputs, option, "--maps", "out.npy")
        self.bad("fmgcam: --m: ambiguous", *self.inputs, "--m", "out.npy")
        self.bad("fmgcam: --activatio: ambiguous", *self.inputs, "--activatio", "relu")
        self.bad("fmgcam: -x: unknown", *self.inputs, "-x", "--maps", "out.npy")
        self.bad("fmgcam: --nope: unknown", *self.inputs, "--nope=1", "--maps", "out.npy")
        self.bad("fmgcam: a.npy: is not an option", "a.npy", *self.inputs, "--maps", "out.npy")
        self.bad("fmgcam: --help: does not take a value", "--help=1")
        self.bad("fmgcam: --maps: needs a value", *self.inputs, "--maps")
        self.bad("fmgcam: --top: needs a value", *self.inputs, "--maps", "out.npy", "--top")

    def no_character_is_the_code_of_an_option(self, *commands):
        """musl's getopt() has one of Unicode for what is no option."""
        for command in commands:
            for option in ("-\u0101", "-\u00e9", "-\u732b", "-\U0001f408", os.fsdecode(b"-\xa9outp")):
                with self.subTest((command, option)):
                    self.bad("fmgcam: -?: unknown option; see 'fmgcam %s --help'" % command, option, command=command)

    def test_no_character_is_the_code_of_an_option(self):
        self.no_character_is_the_code_of_an_option("explain", "figure", "compare", "check-head")

    def test_no_character_is_the_code_of_an_option_of_batch(self):
        self.no_character_is_the_code_of_an_option("batch")

    def test_unknown_values(self):
        for flag in ("--profile", "--method", "--activation", "--filter", "--normalize", "--rescale", "--fuse-at", "--resample",
                     "--blend", "--layout", "--target", "--non-finite", "--fuse-layers", "--link"):
            for value in ("", "nothing", "NONE", "relu ", "grad"):
                self.bad("fmgcam: %s: '%s' is not available; there is: " % (flag, value), *self.inputs, flag, value, "--maps", "out.npy")
        self.bad("there is: grad-cam, grad-cam++, grad-cam++-stable, xgrad-cam, layer-cam, hires-cam, element-wise, "
                 "contrastive, eigen-cam, eigen-grad-cam, fem\n", *self.inputs, "--method", "score-cam", "--maps", "out.npy")

    def test_alpha(self):
        for value in ("1.5", "-0.1", "nan", "inf", "-inf", "1.0000001", "0.5x", "x", "", " 0.5", "0.5 ", "0x1p-1", "1e", "0,5", "1e99", "--1"):
            self.bad("fmgcam: --alpha: '%s' is not a number from 0 to 1" % value, *self.inputs, "--alpha=" + value, "--maps", "out.npy")

    def test_top(self):
        for value in ("0", "-1", "+1", "x", "", "1x", " 1", "1.5", "4294967296", "99999999999999999999", "18446744073709551617",
                      "00"):
            self.bad("fmgcam: --top: '%s' is not" % value, *self.inputs, "--top=" + value, "--maps", "out.npy")

    def test_size(self):
        for value in ("", "x", "9", "9x", "x9", "0x9", "9x0", "9x9x9", "9 x9", "9x9 ", "-9x9", "9X9", "9x-9", "9,9", "4294967296x1", "9.5x9"):
            self.bad("fmgcam: --size: '%s' is not" % value, *self.inputs, "--size=" + value, "--heatmap", "out.png")

    def test_what_is_missing(self):
        out = ("--maps", "out.npy")
        self.bad("--activations", "--gradients", "g.npy", *out)
        self.bad("--gradients", "--activations", "a.npy", *out)
        self.bad("--gradients", *self.inputs, "--weights", "w.npy", *out)
        self.bad("no output", *self.inputs)
        self.bad("no output", *self.inputs, "--image", "picture.png", "--top", "1")
        self.bad("fmgcam: --overlay: needs --image", *self.inputs, "--overlay", "out.png")
        self.bad("fmgcam: --overlay: needs --image", *self.inputs, "--size", "9x9", "--overlay", "out.png")
        self.bad("fmgcam: --heatmap: needs --image or --size", *self.inputs, "--heatmap", "out.png")
        self.bad("fmgcam: --size: excludes --image", *self.inputs, "--size", "9x9", "--image", "picture.png", "--heatmap", "out.png")

    def test_kinds_of_picture(self):
        for name in ("x.what", "x", "png", ".png", "x.pngx", "x.png.gz", "x.gif", "x.jp", "x.npy", "/dev/stdout"):
            self.bad("fmgcam: %s: " % name, *self.inputs, "--image", "picture.png", "--overlay", name)
            self.bad("fmgcam: %s: " % name, *self.inputs, "--size", "9x9", "--heatmap", name)

    def test_names(self):
        for flag in ("--activations", "--labels", "--maps", "--report"):
            self.bad("fmgcam: %s: the name of the file is empty" % flag, *self.inputs, "--maps", "out.npy", flag, "")
        os.symlink("out.npy", self.path("link.npy"))
        os.link(self.path("out.npy"), self.path("hard.npy"))
        os.mkdir(self.path("sub"))
        for one, other in (("out.npy", "out.npy"), ("new.npy", "new.npy"), ("new.npy", "./new.npy"), ("out.npy", "link.npy"),
                           ("sub/new", self.path("sub/new")), ("sub/../new", "new"), ("out.npy", "hard.npy")):
            with self.subTest(one=one, other=other):
                self.bad("is the file of --maps and of --winner", *self.inputs, "--maps", one, "--winner", other)
        self.explain(*self.inputs, "--maps", "new", "--winner", "sub/new")

    def test_an_output_replaces_no_input(self):
        os.symlink("a.npy", self.path("link-to-a.npy"))
        for name in ("a.npy", "link-to-a.npy"):
            self.bad("fmgcam: %s: is the file of --activations and of --maps" % name, *self.inputs, "--maps", name)
        self.bad("is the file of --image and of --overlay", *self.inputs, "--image", "picture.png", "--overlay", "./picture.png")

    def test_a_signal_leaves_nothing(self):
        os.mkfifo(self.path("pipe"))
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = sorted(os.listdir(self.dir))
            # No one reads the pipe, so the program waits when its files are complete.
            running = subprocess.Popen([PROGRAM, "explain", *self.inputs, "--maps", "new.npy", "--report", "pipe"],
                                       cwd=self.dir, stderr=subprocess.DEVNULL)
            for _ in range(3000):
                if sorted(os.listdir(self.dir)) != before:
                    break
                time.sleep(0.01)
            self.assertNotEqual(sorted(os.listdir(self.dir)), before)
            time.sleep(0.1)
            running.send_signal(number)
            self.assertEqual(running.wait(60), -number)
            self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_size_has_limits(self):
        for size in ("65501x1", "1x65501", "65500x65500", "4294967295x4294967295"):
            self.bad("fmgcam: --size: '%s' is more than" % size, *self.inputs, "--size", size, "--heatmap", "x.png")

    def test_wrong_usage_is_noticed_before_files_are(self):
        self.bad("--alpha", "--activations", "absent", "--gradients", "absent", "--alpha", "2", "--maps", "out.npy")
        self.bad("--overlay", "--activations", "absent", "--gradients", "absent", "--overlay", "out.png")


class Documentation(Case):
    def text(self, *args):
        r = self.run_program(*args)
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        return r.stdout.decode("ascii")

    def man(self):
        with open(os.path.join(SOURCE, "tools", "fmgcam.1"), encoding="ascii") as f:
            return f.read()

    def test_width(self):
        for args in (("--help",), ("--version",), ("explain", "--help"), ("figure", "--help"), ("check-head", "--help"),
                     ("compare", "--help"), ("batch", "--help")):
            self.assertLessEqual(max(map(len, self.text(*args).splitlines())), 80)

    def test_help_and_manual_page_list_the_same_options(self):
        listed = set(re.findall(r"^  (--[a-z-]+)", self.text("--help") + self.text("explain", "--help")
                                + self.text("figure", "--help") + self.text("check-head", "--help")
                                + self.text("compare", "--help") + self.text("batch", "--help"), re.M))
        described = {"--" + name for name in re.findall(r"^\.It Fl -([a-z-]+)", self.man(), re.M)}
        mentioned = {"--" + name for name in re.findall(r"Fl -([a-z-]+)", self.man())}
        self.assertEqual(listed, described)
        self.assertLessEqual(mentioned, described)
        self.assertGreater(len(listed), 40)

    def test_help_and_manual_page_list_the_same_values(self):
        text = self.text("explain", "--help") + self.text("figure", "--help") + self.text("compare", "--help")
        for name, values in re.findall(r"^\.It Fl -([a-z-]+) Cm ([a-z0-9| -]+)$", self.man(), re.M):
            entry = re.search(r"^  --%s .*?(?=^  --|^$)" % name, text, re.M | re.S).group()
            for value in values.split(" | "):
                self.assertRegex(entry, r"\b%s\b" % re.escape(value), name)
            self.assertIn("default", entry)

    def test_each_option_of_the_help_is_one(self):
        text = self.text("explain", "--help")
        for name in re.findall(r"^  (--[a-z-]+) [A-Z]", text, re.M):
            self.assert_fails(2, "fmgcam: %s: needs a value" % name, name)

    def test_help_wins_over_what_follows(self):
        self.assertEqual(self.text("explain", "--top", "1", "--help", "--nope"), self.text("explain", "--help"))

    def test_version(self):
        with open(os.path.join(SOURCE, "include", "fmgcam", "version.h"), encoding="ascii") as f:
            numbers = re.findall(r"define FMGCAM_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", f.read())
        lines = self.text("--version").splitlines()
        self.assertEqual(lines[0], "fmgcam " + ".".join(numbers))
        self.assertRegex(lines[1], r"BLAS")


def heed_signals():
    """And all that is started does, though nohup or the background of a shell ignore some."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def main(module=sys.modules[__name__]):
    """Also for the tests of one command, which are modules of their own."""
    global PROGRAM, SOURCE
    heed_signals()
    if len(sys.argv) < 3:
        sys.exit("usage: %s PROGRAM SOURCE_ROOT [-v] [Class.test]..." % os.path.basename(sys.argv[0]))
    PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    names = [n for n in sys.argv[3:] if n != "-v"]
    loader = unittest.defaultTestLoader
    tests = loader.loadTestsFromNames(names, module) if names else loader.loadTestsFromModule(module)
    with contextlib.redirect_stdout(sys.stderr):
        result = unittest.TextTestRunner(verbosity=2 if "-v" in sys.argv else 1).run(tests)
    failed = {getattr(test, "test_case", test).id() for test, _ in result.failures + result.errors}
    passed = result.testsRun - len(failed) - len(result.skipped)
    print("%d passed, %d failed" % (passed, len(failed)))
    return 0 if passed > 0 and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
