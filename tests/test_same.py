#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fmgcam program of another machine makes what that of this one makes:

    test_same.py PROGRAM SOURCE_ROOT NATIVE_PROGRAM [-v] [Class.test]...

PROGRAM is a script that runs it, NATIVE_PROGRAM a build of the same source. Files
of numbers and reports are compared by their bytes, pictures by their pixels.
"""
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import test_cli as cli

NATIVE = "fmgcam"


class Case(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        self.data = os.path.join(cli.SOURCE, "examples", "data")
        self.inputs = ("--activations", self.sample("activations.npy"), "--gradients", self.sample("gradients.npy"))

    def sample(self, name):
        return os.path.join(self.data, name)

    def path(self, name):
        return os.path.join(self.dir, name)

    def get(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def put(self, name, content):
        with open(self.path(name), "wb") as file:
            file.write(content)

    def run_program(self, *args, program=None):
        return subprocess.run([program or cli.PROGRAM, *args], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=120)

    def explain(self, *args, program=None):
        r = self.run_program("explain", *self.inputs, *args, program=program)
        self.assertEqual((r.returncode, r.stderr.decode()), (0, ""))

    def assert_fails(self, status, says, *args):
        """With one line on stderr, and no file made or changed."""
        before = self.content()
        r = self.run_program(*args)
        text = r.stderr.decode()
        self.assertEqual((r.returncode, r.stdout), (status, b""), text)
        self.assertRegex(text, r"\Afmgcam: [^\r\n]+\n\Z")
        self.assertIn(says, text)
        self.assertEqual(self.content(), before)

    def content(self):
        return {n: self.get(n) for n in os.listdir(self.dir) if os.path.isfile(self.path(n))}


def floats(path):
    with open(path, "rb") as file:
        raw = file.read()
    start = 10 + struct.unpack("<H", raw[8:10])[0]
    return struct.unpack("<%df" % ((len(raw) - start) // 4), raw[start:])


class TheSame(Case):
    """What the native program makes of the sample."""
    outputs = ("--maps", "maps.npy", "--class-maps", "class-maps.npy", "--signed-maps", "signed-maps.npy", "--winner",
               "winner.npy", "--margin", "margin.npy", "--report", "report.json")

    def assert_same_files(self, *names):
        for name in names:
            with self.subTest(name):
                self.assertEqual(self.get(name), self.get(os.path.join("native", name)))

    def explain_both(self, *args):
        """What was made is here, and what the native program made in the folder native."""
        self.explain(*args)
        made = [n for n in args if "." in n and os.path.isfile(self.path(n)) and os.path.dirname(n) == ""]
        os.makedirs(self.path("native"), exist_ok=True)
        self.explain(*(os.path.join("native", n) if n in made else n for n in args), program=NATIVE)
        return made

    def assert_the_same(self, *args):
        made = self.explain_both(*args)
        self.assertTrue(made)
        self.assert_same_files(*made)

    def test_numbers(self):
        self.assert_the_same(*self.outputs)

    def test_methods(self):
        for method in cli.METHODS + ("eigen-cam", "fem"):
            with self.subTest(method):
                inputs = self.inputs
                if method in ("eigen-cam", "fem"):
                    self.inputs = inputs[:2]
                self.assert_the_same("--method", method, "--maps", "maps.npy", "--signed-maps", "signed.npy", "--report",
                                     "report.json")
                self.inputs = inputs

    def test_types(self):
        """Of elements, in both orders of their bytes and of their axes."""
        values = [math.sin(i * i) for i in range(cli.C * cli.S)]
        self.put("w.npy", cli.npy((cli.K, cli.C), values[:cli.K * cli.C]))
        self.inputs = ("--activations", "a.npy", "--weights", "w.npy")
        made = {}
        for descr in ("<f2", ">f2", "<f4", ">f4", "<f8", ">f8"):
            for fortran in (False, True):
                with self.subTest(descr, fortran=fortran):
                    self.put("a.npy", cli.npy((cli.C, cli.H, cli.W), values, descr, fortran=fortran))
                    self.assert_the_same("--maps", "maps.npy")
                    made.setdefault((descr[1:], fortran), set()).add(self.get("maps.npy"))
        self.assertEqual([len(maps) for maps in made.values()], [1] * 6)

    def test_what_is_expected(self):
        self.explain("--maps", "maps.npy", "--class-maps", "class-maps.npy")
        # The expected ones are of tensors that were not rounded to float16 yet.
        for made, expected, near in (("maps.npy", "expected_maps.npy", 1e-4),
                                     ("class-maps.npy", "expected_class_maps.npy", 1e-3)):
            pairs = list(zip(floats(self.path(made)), floats(self.sample(expected))))
            self.assertEqual(len(pairs), 5 * 7 * 7)
            for got, want in pairs:
                self.assertAlmostEqual(got, want, delta=near)

    def test_pictures(self):
        self.explain_both("--image", self.sample("chelsea.png"), "--labels", self.sample("labels.txt"), "--overlay",
                          "overlay.png", "--heatmap", "heatmap.png", "--resample", "bicubic")
        for name in ("overlay.png", "heatmap.png"):
            with self.subTest(name):
                self.assertEqual(cli.read_png(self.path(name)), cli.read_png(self.path(os.path.join("native", name))))

    def test_jpeg(self):
        """Written, and read: libjpeg-turbo has the same bits with SIMD and without."""
        self.assert_the_same("--image", self.sample("chelsea.png"), "--overlay", "overlay.jpg")
        self.explain_both("--image", "overlay.jpg", "--overlay", "again.png")
        self.assertEqual(*(cli.read_png(self.path(n)) for n in ("again.png", "native/again.png")))

    def test_reports_of_other_commands(self):
        head = ("--activations", self.inputs[1], "--classifier", self.sample("classifier.npy"), "--bias",
                self.sample("bias.npy"), "--logits", self.sample("scores.npy"))
        files = (self.sample("expected_maps.npy"), self.sample("expected_class_maps.npy"))
        for args in (("check-head", *head), ("compare", *files), ("--version",), ("--help",), ("explain", "--help")):
            with self.subTest(args[0]):
                here, native = (self.run_program(*args, program=p) for p in (cli.PROGRAM, NATIVE))
                text = here.stdout
                if args[0] == "--version":  # the second line has the BLAS
                    text, native.stdout = (t.splitlines()[0] for t in (text, native.stdout))
                self.assertEqual((here.returncode, text, here.stderr), (0, native.stdout, b""))


def main():
    global NATIVE
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    NATIVE = os.path.abspath(sys.argv.pop(3))
    return cli.main(sys.modules[__name__])


if __name__ == "__main__":
    sys.exit(main())
