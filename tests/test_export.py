#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The scripts of examples/export: test_export.py PROGRAM SOURCE_ROOT

Small networks go through them and through the program; what comes out is compared with plain arithmetic.
A script whose modules are not installed is only read; that is said. Prints 'N passed, M failed'.
"""
import ast
import importlib.util
import json
import os
import shlex
import struct
import subprocess
import sys
import tempfile
import unittest

PROGRAM, SOURCE = "fmgcam", "."
NEEDS = {"pytorch": ("numpy", "torch"), "onnx_model": ("numpy", "onnx", "cv2"),
         "tflite_model": ("numpy", "flatbuffers", "pyarmnn")}


def missing(*modules):
    return [m for m in modules if importlib.util.find_spec(m) is None]


def needs(*modules):
    gone = missing(*modules)
    return unittest.skipIf(gone, "no module " + ", ".join(gone))


def script(name):
    return os.path.join(SOURCE, "examples", "export", name + ".py")


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name

    def path(self, name):
        return os.path.join(self.dir, name)

    def call(self, *args):
        return subprocess.run(list(map(str, args)), cwd=self.dir, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=300)

    def run_script(self, name, *args):
        """The commands that it prints, by the name of fmgcam's command."""
        r = self.call(sys.executable, script(name), *args)
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        lines = [shlex.split(x) for x in r.stdout.decode().splitlines() if x.startswith("fmgcam ")]
        return {words[1]: words[1:] for words in lines}

    def assert_refused(self, name, *args):
        r = self.call(sys.executable, script(name), *args)
        self.assertEqual(r.returncode, 2, r.stderr.decode())
        self.assertRegex(r.stderr.decode().splitlines()[-1], r"\A%s.py: " % name)
        self.assertNotIn("Traceback", r.stderr.decode())

    def assert_head_fits(self, command):
        r = self.call(PROGRAM, *command)
        self.assertEqual(r.returncode, 0, r.stdout.decode() + r.stderr.decode())

    def signed_maps(self, command):
        import numpy as np
        r = self.call(PROGRAM, *command, "--signed-maps", "m.npy")
        self.assertEqual(r.returncode, 0, r.stderr.decode())
        return np.load(self.path("m.npy")), json.loads(r.stdout.decode())

    def assert_near(self, got, want):
        import numpy as np
        self.assertEqual(got.shape, want.shape)
        self.assertLessEqual(np.abs(got - want).max(), 1e-5 * np.abs(want).max())


class Text(unittest.TestCase):
    def test_each_is_python_and_in_the_readme(self):
        with open(os.path.join(SOURCE, "examples", "export", "README.md"), encoding="utf-8") as f:
            readme = f.read()
        for name in NEEDS:
            with open(script(name), encoding="utf-8") as f:
                ast.parse(f.read())
            self.assertIn("`%s.py`" % name, readme)


NET = """
import torch
def net():
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 10, 3, padding=1), torch.nn.ReLU(inplace=True), torch.nn.AdaptiveAvgPool2d(1),
                               torch.nn.Flatten(), torch.nn.Linear(10, 7))
def deeper():
    torch.manual_seed(2)
    return torch.nn.Sequential(torch.nn.Conv2d(3, 10, 3, padding=1), torch.nn.ReLU(inplace=True), torch.nn.MaxPool2d(3),
                               torch.nn.Flatten(), torch.nn.Linear(120, 7))
"""


@needs("numpy", "torch")
class Torch(Case):
    def setUp(self):
        super().setUp()
        import numpy as np
        with open(self.path("own.py"), "w", encoding="utf-8") as f:
            f.write(NET)
        np.save(self.path("x.npy"), np.random.RandomState(1).randn(1, 3, 9, 12).astype("f4"))

    def test_pytorch(self):
        import numpy as np
        for net, layer, head in (("net", "0", False), ("net", "1", True), ("deeper", "1", False)):
            command = self.run_script("pytorch", "--model", "own:" + net, "--layer", layer, "--input", "x.npy", "--top", 3,
                                      "--out", net + layer)["explain"]
            folder = self.path(net + layer)
            a, g, y = (np.load(os.path.join(folder, n + ".npy")).astype("f8") for n in ("activations", "gradients", "logits"))
            got, report = self.signed_maps(command)
            self.assert_near(got, np.tensordot(g.mean((2, 3)), a, 1))
            self.assertEqual([c["index"] for c in report["classes"]], list(np.argsort(-y, kind="stable")[:3]))
            self.assertEqual(os.path.exists(os.path.join(folder, "classifier.npy")), head)
            if head:
                files = [x for n in ("activations", "classifier", "bias", "logits") for x in
                         ("--" + n, os.path.join(folder, n + ".npy"))]
                self.assert_head_fits(["check-head", *files])
                again, _ = self.signed_maps(["explain", *files, "--top", "3", "--report", "/dev/stdout"])
                self.assert_near(again, got)
        for bad in (("own:net", "9"), ("own:nothing", "0"), ("nothing:net", "0"), ("net.pt", "0")):
            self.assert_refused("pytorch", "--model", bad[0], "--layer", bad[1], "--input", "x.npy", "--out", "z")

    @needs(*NEEDS["onnx_model"])
    def test_onnx(self):
        import torch
        sys.path.insert(0, self.dir)
        import own
        sys.path.pop(0)
        torch.onnx.export(own.net().eval(), torch.zeros(1, 3, 9, 12), self.path("net.onnx"), opset_version=12)
        commands = self.run_script("onnx_model", "--model", "net.onnx", "--input", "x.npy", "--out", "o")
        self.assert_head_fits(commands["check-head"])
        here, _ = self.signed_maps(commands["explain"])
        torch_command = self.run_script("pytorch", "--model", "own:net", "--layer", "1", "--input", "x.npy", "--out", "t")["explain"]
        there, _ = self.signed_maps(torch_command)
        self.assert_near(here, there)
        for bad in ("own.py", "nothing"):
            self.assert_refused("onnx_model", "--model", bad, "--input", "x.npy", "--out", "z")


# ---- A .tflite file, slot by slot of its schema --------------------------------


class TfliteWriter:
    """A convolution with ReLU, a mean over the cells, a linear layer and a softmax."""

    def __init__(self, kernel, kernel_bias, matrix, bias, shape, scales=None):
        import flatbuffers
        import numpy as np
        self.b, self.np = flatbuffers.Builder(1024), np
        c, n = len(kernel), len(matrix)
        sizes = [shape, kernel.shape, [c], [1, *shape[1:3], c], [2], [1, c], matrix.shape, [n], [1, n], [1, n]]
        numbers = {1: kernel, 2: kernel_bias, 4: np.array([1, 2], "i4"), 6: matrix, 7: bias}
        kinds, steps = {i: 0 for i in range(10)}, {}
        kinds[4] = 2
        if scales:
            x, w, a, m, y = scales
            kinds.update({i: 9 for i in (0, 1, 3, 5, 6, 8, 9)})
            kinds.update({2: 2, 7: 2})
            steps = {0: (x, 0), 1: (w, 0), 2: (x * w, 0), 3: (a, -128), 5: (a, -128), 6: (m, 0), 7: (a * m, 0), 8: (y, 3), 9: (1 / 256, -128)}
            for i in (1, 2, 6, 7):
                numbers[i] = np.rint(numbers[i] / steps[i][0]).astype("i4" if kinds[i] == 2 else "i1")
        self.buffers = [self.table(1, {})]
        tensors = [self.tensor(i, sizes[i], kinds[i], numbers.get(i), steps.get(i)) for i in range(10)]
        conv = self.table(6, {1: ("Int32", 1), 2: ("Int32", 1), 3: ("Int8", 1), 4: ("Int32", 1), 5: ("Int32", 1)})
        operators = [self.operator(0, [0, 1, 2], [3], 1, conv), self.operator(1, [3, 4], [5], 27, self.table(1, {})),
                     self.operator(2, [5, 6, 7], [8], 8, self.table(3, {})),
                     self.operator(3, [8], [9], 9, self.table(1, {0: ("Float32", 1.0)}))]
        graph = self.table(5, {0: self.offsets(tensors), 1: self.vector([0], "Int32", 4), 2: self.vector([9], "Int32", 4),
                               3: self.offsets(operators)})
        codes = self.offsets([self.table(4, {0: ("Int8", k), 2: ("Int32", 1), 3: ("Int32", k)}) for k in (3, 40, 9, 25)])
        model = self.table(5, {0: ("Uint32", 3), 1: codes, 2: self.offsets([graph]), 4: self.offsets(self.buffers)})
        self.b.Finish(model, b"TFL3")
        self.raw = bytes(self.b.Output())

    def table(self, slots, values):
        self.b.StartObject(slots)
        for slot, value in values.items():
            if isinstance(value, tuple):
                getattr(self.b, "Prepend%sSlot" % value[0])(slot, value[1], 0)
            else:
                self.b.PrependUOffsetTRelativeSlot(slot, value, 0)
        return self.b.EndObject()

    def vector(self, values, kind, size):
        self.b.StartVector(size, len(values), size)
        for value in reversed(values):
            getattr(self.b, "Prepend" + kind)(value)
        return self.b.EndVector()

    def offsets(self, values):
        return self.vector(values, "UOffsetTRelative", 4)

    def tensor(self, index, shape, kind, numbers, step):
        buffer = 0
        if numbers is not None:
            self.buffers.append(self.table(1, {0: self.b.CreateByteVector(numbers.tobytes())}))
            buffer = len(self.buffers) - 1
        slots = {0: self.vector([int(i) for i in shape], "Int32", 4), 3: self.b.CreateString("t%d" % index)}
        if step:
            slots[4] = self.table(7, {2: self.vector([float(step[0])], "Float32", 4), 3: self.vector([step[1]], "Int64", 8)})
        return self.table(5, {1: ("Int8", kind), 2: ("Uint32", buffer), **slots})

    def operator(self, code, inputs, outputs, kind, options):
        return self.table(9, {1: self.vector(inputs, "Int32", 4), 2: self.vector(outputs, "Int32", 4), 4: options,
                              0: ("Uint32", code), 3: ("Uint8", kind)})


class Tflite(Case):
    @needs(*NEEDS["tflite_model"])
    def test_tflite(self):
        import numpy as np
        r = np.random.RandomState(4)
        kernel, matrix = (0.3 * r.randn(12, 3, 3, 3)).astype("f4"), r.randn(7, 12).astype("f4")
        kernel_bias, bias = (0.1 * r.randn(12)).astype("f4"), r.randn(7).astype("f4")
        x = r.uniform(-1, 1, (1, 9, 11, 3)).astype("f4")
        np.save(self.path("x.npy"), x)
        padded = np.pad(x[0].astype("f8"), ((1, 1), (1, 1), (0, 0)))
        want = np.array([[[max((padded[i:i + 3, j:j + 3] * kernel[c]).sum() + kernel_bias[c], 0) for j in range(11)]
                          for i in range(9)] for c in range(12)])
        for scales, allowed in ((None, 1e-5), ((1 / 64, 0.01, 0.03, 0.02, 0.08), 0.1)):
            with open(self.path("net.tflite"), "wb") as f:
                f.write(TfliteWriter(kernel, kernel_bias, matrix, bias, x.shape, scales).raw)
            commands = self.run_script("tflite_model", "--model", "net.tflite", "--input", "x.npy", "--out", "t")
            self.assertLessEqual(np.abs(np.load(self.path("t/activations.npy")) - want).max(), allowed)
            self.assertLessEqual(np.abs(np.load(self.path("t/classifier.npy")) - matrix).max(), 0.5 * 0.021)
            self.assertEqual("--tolerance" in commands["check-head"], scales is not None)
            self.assert_head_fits(commands["check-head"])
            got, report = self.signed_maps(commands["explain"])
            rows = np.load(self.path("t/classifier.npy")).astype("f8")[[c["index"] for c in report["classes"]]]
            self.assert_near(got, np.tensordot(rows / 99, np.load(self.path("t/activations.npy")).astype("f8"), 1))
        with open(self.path("no.tflite"), "wb") as f:
            f.write(struct.pack("<I4s", 8, b"TFL3"))
        for bad in ("x.npy", "nothing", "no.tflite"):
            self.assert_refused("tflite_model", "--model", bad, "--input", "x.npy", "--out", "z")


def main():
    global PROGRAM, SOURCE
    if len(sys.argv) != 3:
        sys.exit("usage: test_export.py PROGRAM SOURCE_ROOT")
    PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    tests = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stderr).run(tests)
    for test, why in result.skipped:
        print("skipped %s: %s" % (test.id(), why))
    bad = len(result.failures) + len(result.errors)
    passed = result.testsRun - bad - len(result.skipped)
    print("%d passed, %d failed" % (passed, bad))
    return 0 if passed > 0 and bad == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
