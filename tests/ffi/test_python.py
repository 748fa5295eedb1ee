#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/python with numpy arrays: test_python.py SOURCE, from run_ffi.py."""

import ctypes
import gc
import os
import pathlib
import re
import subprocess
import sys
import threading
import unittest
import weakref

import numpy

import fmgcam

SOURCE = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".")
DATA = SOURCE / "examples" / "data"
MAPS_BOUND = 4.4e-5  # what float16 moves: examples/data/README.md
STATUS_ARGUMENT, STATUS_SHAPE, STATUS_RUNNER = 1, 2, 10
ROUNDS = 300


def load(name):
    return numpy.load(str(DATA / (name + ".npy")))


A, G = load("activations"), load("gradients")
A4 = A.reshape((1,) + A.shape[-3:])
K, C, H, W = G.shape


def explain(activations=A, options=(), **inputs):
    """The maps, by a context of their own, on the reproducible path."""
    inputs = inputs or {"gradients": G}
    with fmgcam.Context(arithmetic="reproducible", **dict(options)) as context:
        return context.explain(activations, **inputs)


def resident():
    """Bytes of memory that the process has."""
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


class Sample(unittest.TestCase):
    """The real tensors and what is expected of them."""

    def test_maps_are_the_expected_ones(self):
        found = explain(wanted=("maps", "class_maps", "winner", "weights",
                                "signed_maps", "margin"), gradients=G)
        self.assertLess(abs(found.maps - load("expected_maps")).max(),
                        MAPS_BOUND)
        expected = load("expected_class_maps")
        error = abs(found.class_maps - expected).max()
        self.assertLess(error, 1e-3 * expected.max())
        self.assertEqual(found.maps.shape, (K, H, W))
        self.assertEqual(found.winner.dtype, numpy.int32)
        self.assertEqual([(found.winner == k).sum() for k in range(K)],
                         [28, 6, 8, 5, 2])
        ours = G.astype(numpy.float64).mean(axis=(2, 3))
        self.assertLess(abs(found.weights - ours).max(), 1e-6)
        self.assertTrue((numpy.maximum(found.signed_maps, 0)
                         == found.class_maps).all())
        best = numpy.sort(found.signed_maps, axis=0)
        self.assertLess(abs(found.margin - (best[-1] - best[-2])).max(), 1e-6)
        self.assertIsNone(found.filtered_maps)
        self.assertFalse(found.flat)

    def test_the_example_of_the_manual(self):
        text = (SOURCE / "docs" / "binding.md").read_text(encoding="utf-8")
        code = re.search(r"```python\n(.*?)```", text, re.DOTALL).group(1)
        names = dict(activations=A, gradients=G, scores=load("scores"),
                     picture=numpy.zeros((40, 50, 3), numpy.uint8))
        exec(code, names)
        self.assertEqual(names["classes"].tolist(), [0, 1])
        self.assertEqual(names["found"].maps.shape, (2, H, W))
        self.assertTrue(names["picture"].any())

    def test_the_program_prints_a_table(self):
        done = subprocess.run(
            [sys.executable, str(SOURCE / "examples" / "python" / "explain.py"),
             *(str(DATA / (name + ".npy"))
               for name in ("activations", "gradients")),
             "--labels", str(DATA / "labels.txt")],
            stdout=subprocess.PIPE, text=True, check=True)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 1 + K)
        self.assertTrue(re.match(r"Egyptian cat +28 +57\.1%", lines[1]))

    def test_the_program_says_what_is_wrong(self):
        done = subprocess.run(
            [sys.executable, str(SOURCE / "examples" / "python" / "explain.py"),
             str(DATA / "activations.npy"), str(DATA / "scores.npy")],
            stderr=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("\n"), 1)
        self.assertIn("explain.py: gradients: ", done.stderr)

    def test_classifier_gives_the_same_maps(self):
        found = explain(classifier=load("classifier"))
        self.assertLess(abs(found.maps - load("expected_maps")).max(), 1e-4)
        one = explain(classifier=load("classifier"), classes=[3, 1],
                      wanted=("class_maps",))
        self.assertLess(abs(one.class_maps
                            - load("expected_class_maps")[[3, 1]]).max(), 1e-2)

    def test_class_agnostic_method(self):
        with fmgcam.Context(method="fem") as context:
            self.assertEqual(context.explain(A).maps.shape, (1, H, W))

    def test_signals_and_volumes(self):
        for axes, shape in ((1, (H * W,)), (3, (1, H, W))):
            found = explain(A.reshape(C, *shape), {"spatial_axes": axes},
                            gradients=G.reshape(K, C, *shape))
            self.assertEqual(found.maps.shape, (K, *shape))
            self.assertTrue((found.maps.ravel() == explain().maps.ravel()).all())


class Memory(unittest.TestCase):
    """Arrays are read where they lie."""

    def check_same(self, activations, gradients=G):
        found = explain(activations, gradients=gradients).maps
        self.assertEqual(found.tobytes(), explain().maps.tobytes())

    def test_views_have_the_addresses_of_the_arrays(self):
        for array in (A, G[:, ::2], G[::-1, :, ::-1, ::-3],
                      G.transpose(3, 1, 0, 2), G[2:3, 5]):
            tensor = fmgcam._tensor("a", array)
            self.assertEqual(tensor.data, array.ctypes.data)
            self.assertEqual(tuple(tensor.shape[:tensor.rank]), array.shape)
            self.assertEqual([2 * s for s in tensor.strides[:tensor.rank]],
                             list(array.strides))

    def test_what_is_written_after_the_view_is_seen(self):
        array = A.copy()
        tensor = fmgcam._tensor("a", array)
        array[0] = 7
        seen = ctypes.c_uint16.from_address(tensor.data).value
        self.assertEqual(numpy.uint16(seen).view(numpy.float16), 7)

    def test_float_types(self):
        for dtype in (numpy.float32, numpy.float64):
            self.check_same(A.astype(dtype), G.astype(dtype))

    def test_layouts(self):
        last = numpy.ascontiguousarray(A4.transpose(0, 2, 3, 1))
        self.check_same(last.transpose(0, 3, 1, 2),
                        numpy.asfortranarray(G))

    def test_negative_and_wide_strides(self):
        wide = numpy.zeros((C, 2 * H, 3 * W), A.dtype)
        wide[:, ::2, ::3] = A4[0]
        self.check_same(wide[:, ::2, ::3],
                        numpy.ascontiguousarray(G[::-1, :, ::-1])[::-1, :, ::-1])

    def test_zero_strides_repeat(self):
        constant = G[:, :, :1, :1]
        self.check_same(A, numpy.broadcast_to(constant, G.shape))

    def test_awkward_memory_is_copied(self):
        raw = numpy.frombuffer(b"x" + A.tobytes(), numpy.uint8)[1:]
        self.check_same(raw.view(A.dtype).reshape(C, H, W),
                        G.astype(G.dtype.newbyteorder()))

    def test_read_only_and_mapped(self):
        mapped = numpy.load(str(DATA / "activations.npy"), mmap_mode="r")
        self.check_same(mapped)

    def test_lists(self):
        found = explain([[[3, 1], [0, 0]], [[0, 0], [1, 2.0]]],
                        gradients=[[[[1.0] * 2] * 2] * 2])
        self.assertEqual(found.maps.shape[0], 1)

    def test_integers(self):
        scale = numpy.float32(float(A.max()) / 255)
        q = numpy.round(A / scale).astype(numpy.uint8)
        values = (q.astype(numpy.float64) * scale).astype(numpy.float32)
        self.assertEqual(
            explain(fmgcam.Quantized(q, scale), gradients=G).maps.tobytes(),
            explain(values, gradients=G).maps.tobytes())
        scales = numpy.linspace(0.01, 0.02, K).astype(numpy.float32)
        q = numpy.round(load("classifier")
                        / scales[:, None]).clip(-128, 127).astype(numpy.int8)
        values = (scales[:, None].astype(numpy.float64) * (q - 3.0)).astype(
            numpy.float32)
        self.assertEqual(
            explain(classifier=fmgcam.Quantized(q, scales, 3)).maps.tobytes(),
            explain(classifier=values).maps.tobytes())

    def test_anything_with_dlpack(self):
        class Other:
            def __init__(self, array):
                self.array = array

            def __dlpack__(self, stream=None):
                return self.array.__dlpack__()

            def __dlpack_device__(self):
                return self.array.__dlpack_device__()

        self.check_same(Other(A.astype(numpy.float64)),
                        Other(numpy.asfortranarray(G)))
        other = Other(A)
        self.assertEqual(fmgcam._tensor("a", other).data, A.ctypes.data)

    def test_dlpack_memory_is_given_back(self):
        array = A.copy()
        gone = weakref.ref(array)
        tensor = fmgcam._tensor("a", memoryview(array))
        del array
        self.assertIsNotNone(gone())
        del tensor
        gc.collect()
        self.assertIsNone(gone())

    def test_outputs_that_are_given(self):
        maps = numpy.full((K, H, W), 9, numpy.float32)
        winner = numpy.full((2, H, W), 9, numpy.int32)
        found = explain(wanted=("class_maps",), gradients=G,
                        out={"maps": maps, "winner": winner[1]})
        self.assertIs(found.maps, maps)
        self.assertEqual(maps.tobytes(), explain().maps.tobytes())
        self.assertTrue((winner[0] == 9).all() and (winner[1] < K).all())
        self.assertEqual(found.class_maps.shape, (K, H, W))

    def test_a_lone_name_is_wanted(self):
        found = explain(gradients=G, wanted="winner")
        self.assertEqual(found.winner.shape, (H, W))
        self.assertIsNone(found.maps)

    def test_outputs_that_do_not_fit(self):
        frozen = numpy.zeros((K, H, W), numpy.float32)
        frozen.flags.writeable = False
        for bad, text in (
                (numpy.zeros((K, H, W)), "maps: float64"),
                (numpy.zeros((K, W, H + 1), numpy.float32), "expected float32"),
                (numpy.zeros((W, H, K), numpy.float32).T, "not contiguous"),
                (frozen, "read-only"), ([1.0], "cannot be written to"),
                (numpy.zeros((K, H, W), ">f4"), "foreign byte order")):
            with self.assertRaisesRegex((TypeError, ValueError), text):
                explain(gradients=G, out={"maps": bad})


class Errors(unittest.TestCase):

    def test_the_library_names_the_argument(self):
        with self.assertRaises(fmgcam.Error) as caught:
            explain(gradients=G[:, :-1])
        self.assertEqual(caught.exception.status, STATUS_SHAPE)
        self.assertEqual(caught.exception.detail, str(caught.exception))
        self.assertRegex(str(caught.exception),
                         r"^gradients: .*\[5,1279,7,7\].*1280")

    def test_a_context_is_usable_after_an_error(self):
        with fmgcam.Context() as context:
            with self.assertRaises(fmgcam.Error):
                context.explain(A)
            self.assertEqual(context.explain(A, gradients=G).maps.shape,
                             (K, H, W))

    def test_this_module_names_the_argument(self):
        for text, call in (
                ("activations: dtype int64, expected one of float32",
                 lambda: explain(numpy.zeros((2, 2, 2), int))),
                ("gradients: rank 9", lambda: explain(
                    gradients=numpy.zeros((1,) * 9))),
                ("activation: 'relo', expected one of relu, gelu",
                 lambda: fmgcam.Context(activation="relo")),
                ("colour: there is no such member",
                 lambda: fmgcam.Context(colour=1)),
                ("wanted: 'map', expected some of weights",
                 lambda: explain(gradients=G, wanted=("map",))),
                ("wanted: 'map', expected some of weights",
                 lambda: explain(gradients=G, wanted="map")),
                ("wanted: 3, expected some of weights",
                 lambda: explain(gradients=G, wanted=3)),
                ("classes: [0, -1], expected a list of integers",
                 lambda: explain(classifier=load("classifier"),
                                 classes=[0, -1])),
                ("spatial_axes: -2, expected an integer in 0...2^32-1",
                 lambda: fmgcam.Context(spatial_axes=-2)),
                ("spatial_axes: '2', expected an integer in 0...2^32-1",
                 lambda: fmgcam.Context(spatial_axes="2")),
                ("profile: 4294967297, expected an integer in 0...2^32-1",
                 lambda: fmgcam.Context(profile=2**32 + 1)),
                ("alpha: 'x', expected a number",
                 lambda: fmgcam.Context(alpha="x")),
                ("log: 3, expected a function of a level and a text",
                 lambda: fmgcam.Context(log=3)),
                *((f"threads: {bad!r}, expected an integer in 0...2^32-1",
                   lambda bad=bad: fmgcam.Context(threads=bad))
                  for bad in (-1, 2.5, "x", 2**32))):
            with self.subTest(text), self.assertRaisesRegex(
                    (TypeError, ValueError), "^" + re.escape(text)):
                call()

    def test_no_activations_are_for_the_library_to_refuse(self):
        with self.assertRaisesRegex(fmgcam.Error, "^activations: NULL"):
            explain(None, gradients=G)

    def test_integers_are_quantized_and_nothing_else_is(self):
        plain = "{}: dtype {}, expected .*fmgcam.Quantized"
        for name, dtype in (("activations", "uint8"), ("gradients", "int8")):
            arrays = {"activations": A, "gradients": G}
            arrays[name] = arrays[name].astype(dtype)
            with self.assertRaisesRegex(TypeError, plain.format(name, dtype)):
                explain(**arrays)
        with self.assertRaisesRegex(
                TypeError, "activations: dtype float16, expected one of int8"):
            explain(fmgcam.Quantized(A, 1.0), gradients=G)
        picture = numpy.zeros((8, 8, 3), numpy.uint8)
        with fmgcam.Context() as context, self.assertRaisesRegex(
                TypeError, "maps: dtype uint8, expected .*bfloat16$"):
            context.draw_overlay(picture, numpy.zeros((1, 2, 2), numpy.uint8))

    def test_memory_of_other_devices_is_refused(self):
        class Remote:
            def __dlpack_device__(self):
                return 2, 0

            def __dlpack__(self):
                raise AssertionError("asked for the data")

        with self.assertRaisesRegex(TypeError, "gradients: in memory of CUDA"):
            explain(gradients=Remote())

    def test_options_out_of_range_come_from_the_library(self):
        with self.assertRaises(fmgcam.Error) as caught:
            fmgcam.Context(alpha=1.5)
        self.assertEqual(caught.exception.status, STATUS_ARGUMENT)
        self.assertIn("options.alpha: 1.5", str(caught.exception))

    def test_closed_contexts(self):
        context = fmgcam.Context()
        context.close()
        context.close()
        with self.assertRaisesRegex(ValueError, "closed"):
            context.explain(A, gradients=G)

    def test_libraries_of_other_versions_are_refused(self):
        number = fmgcam._library.fmgcam_version()
        fmgcam.check_version(number)
        fmgcam.check_version(number + 1)
        for other in (number - 0x100, number + 0x10000):
            with self.assertRaisesRegex(ImportError, "for version"):
                fmgcam.check_version(other)

    def test_a_library_that_is_not_there(self):
        done = subprocess.run(
            [sys.executable, "-c", "import fmgcam"], text=True,
            env={**os.environ, "FMGCAM_LIBRARY": "/nowhere/libfmgcam.so"},
            stderr=subprocess.PIPE)
        self.assertIn("/nowhere/libfmgcam.so", done.stderr)
        self.assertNotEqual(done.returncode, 0)


class Contexts(unittest.TestCase):

    def test_version_and_build(self):
        self.assertGreaterEqual(fmgcam.version(), fmgcam.WRITTEN_FOR)
        self.assertIn("%d.%d.%d" % fmgcam.version(), fmgcam.build_info())

    def test_options(self):
        with fmgcam.Context(profile="released", alpha=0.0,
                            unseen_kept=True) as context:
            options = context.options
            self.assertEqual(options["normalize"], "l2_columns")
            self.assertEqual(options["alpha"], 0)
            self.assertTrue(options["unseen_kept"])
            context.set_options()
            self.assertEqual(context.options["profile"], "standard")
            self.assertAlmostEqual(context.options["alpha"], 0.6, places=6)
            context.set_options(**options)
            self.assertEqual(context.options, options)
            context.set_options(method="grad-cam-plus-plus", activation=2)
            self.assertEqual(context.options["method"], "grad_cam_plus_plus")
            self.assertEqual(context.options["activation"], "gelu")

    def test_released_and_gelu_change_the_maps(self):
        maps = [explain(A, options, gradients=G).maps.tobytes()
                for options in ({}, {"profile": "released"},
                                {"activation": "gelu"})]
        self.assertEqual(len(set(maps)), 3)

    def test_reserve(self):
        with fmgcam.Context() as context:
            context.reserve(classes=K, channels=C, map_height=H, map_width=W)
            context.explain(A, gradients=G)
            with self.assertRaisesRegex(fmgcam.Error, "reserve"):
                context.explain(numpy.zeros((C, H + 1, W)),
                                gradients=numpy.zeros((K, C, H + 1, W)))
            with self.assertRaisesRegex(ValueError, "classes: -1, expected"):
                context.reserve(classes=-1, channels=C, map_height=H,
                                map_width=W)

    def test_choose_classes(self):
        scores = load("scores")
        with fmgcam.Context() as context:
            classes, shares = context.choose_classes(scores[::-1], count=3)
            self.assertEqual(classes.tolist(), [4, 3, 2])
            exact = numpy.exp(scores - scores.max(), dtype=numpy.float64)
            self.assertLess(abs(shares - exact[:3] / exact.sum()).max(), 1e-6)
            classes, _ = context.choose_classes(scores, "mass", threshold=0.9)
            self.assertEqual(classes.tolist(), [0, 1])
            classes, _ = context.choose_classes(
                scores, "thresholds", link="none",
                thresholds=[20, 12, 20, 8, 20])
            self.assertEqual(classes.tolist(), [1, 3])
            with self.assertRaisesRegex(ValueError, "thresholds: shape"):
                context.choose_classes(scores, "thresholds", thresholds=[1])
            with self.assertRaises(fmgcam.Error):
                context.choose_classes(scores, count=6)

    def test_overlay_in_place_and_elsewhere(self):
        with fmgcam.Context() as context:
            maps = context.explain(A, gradients=G).maps
            picture = numpy.full((60, 90, 3), 100, numpy.uint8)
            drawn = context.draw_overlay(picture.copy(), maps)
            self.assertTrue((drawn != 100).any())
            self.assertEqual(picture.max(), 100)

            other = numpy.zeros_like(picture)
            self.assertIs(context.draw_overlay(picture, maps, overlay=other),
                          other)
            self.assertTrue((other == drawn).all())

            # A part of a larger picture, stored bottom up.
            frame = numpy.full((80, 100, 3), 100, numpy.uint8)
            part = frame[70:10:-1, 5:95]
            self.assertIs(context.draw_overlay(part, maps), part)
            self.assertTrue((part == drawn).all())
            frame[11:71, 5:95] = 100
            self.assertTrue((frame == 100).all())

            # Other layouts, and the application's own colours.
            blue = context.draw_overlay(picture.copy(), maps, layout="bgr8")
            self.assertTrue((blue[..., ::-1] == drawn).all())
            alpha = numpy.full((60, 90, 4), 100, numpy.uint8)
            context.draw_overlay(alpha, maps)
            self.assertTrue((alpha[..., :3] == drawn).all())
            self.assertTrue((alpha[..., 3] == 100).all())
            grey = numpy.full((60, 90), 100, numpy.uint8)
            self.assertTrue((context.draw_overlay(grey, maps) != 100).any())
            colors = [(213, 94, 0), (86, 180, 233), (240, 228, 66),
                      (0, 158, 115), (204, 121, 167)]
            own = context.draw_overlay(picture.copy(), maps, colors=colors)
            self.assertTrue((own == drawn).all())
            # Strides of one pixel, or of one row, do not matter.
            wide = numpy.full((9, 9, 3), 100, numpy.uint8)
            for thin in (wide[:, 3:4], wide[4:5, ::-1][:, :1], wide[::4][1:2]):
                context.draw_overlay(thin, maps)
            self.assertTrue((wide != 100).any())
            own = context.draw_overlay(picture.copy(), maps,
                                       classes=range(1, K + 1))
            self.assertTrue((own != drawn).any())

    def test_pictures_that_do_not_fit(self):
        maps = explain().maps
        picture = numpy.zeros((8, 8, 3), numpy.uint8)
        with fmgcam.Context() as context:
            for text, (pixels, drawn, *layout) in (
                    ("picture: float64", (numpy.zeros((8, 8, 3)), maps)),
                    ("picture: uint8 .*expected uint8",
                     (numpy.zeros((8, 8, 2), numpy.uint8), maps)),
                    ("layout 7", (picture, maps, 7)),
                    ("layout: 'cmyk', expected", (picture, maps, "cmyk")),
                    ("pixels of a row", (picture[:, ::2], maps)),
                    ("pixels of a row", (picture[:, :, ::-1], maps))):
                with self.assertRaisesRegex(ValueError, text):
                    context.draw_overlay(pixels, drawn,
                                         layout=layout[0] if layout else None)
            with self.assertRaisesRegex(ValueError, "colors: shape"):
                context.draw_overlay(picture, maps, colors=[(1, 2, 3)])
            with self.assertRaisesRegex(ValueError, "classes: 1, expected 5"):
                context.draw_overlay(picture, maps, classes=[1])
            picture.flags.writeable = False
            with self.assertRaisesRegex(ValueError, "read-only"):
                context.draw_overlay(picture, maps)


class Callbacks(unittest.TestCase):

    def test_the_log_is_kept_alive_and_heard(self):
        lines = []
        context = fmgcam.Context(log=lambda *line: lines.append(line))
        for _ in range(20):
            gc.collect()
            with self.assertRaises(fmgcam.Error) as caught:
                context.explain(A)
        self.assertEqual(lines,
                         [(fmgcam.LOG_ERROR, str(caught.exception))] * 20)
        context.reserve(classes=K, channels=C, map_height=H, map_width=W)
        self.assertEqual(lines[-1][0], fmgcam.LOG_INFO)

    def test_exceptions_of_the_log_come_out(self):
        def log(level, text):
            raise KeyError(text)

        with fmgcam.Context(log=log) as context:
            with self.assertRaisesRegex(KeyError, "gradients"):
                context.explain(A)

    def test_callbacks_must_not_call_their_context(self):
        with fmgcam.Context(log=lambda *line: context.close()) as context:
            with self.assertRaisesRegex(RuntimeError, "in another call"):
                context.explain(A)

    def test_threads_share_the_work(self):
        """The pool's threads run C code while this one is inside a call: it
        does not hold the interpreter lock there."""
        before = set(threading.enumerate())
        with fmgcam.Context(threads=3, arithmetic="reproducible") as context:
            found = context.explain(A, gradients=G)
            self.assertEqual(found.maps.tobytes(), explain().maps.tobytes())
            self.assertGreaterEqual(len(set(threading.enumerate()) - before), 2)
        self.assertEqual(set(threading.enumerate()), before)

    def test_a_runner_that_fails(self):
        with fmgcam.Context(threads=2) as context:
            context._pool.shutdown()
            with self.assertRaisesRegex(RuntimeError, "shutdown"):
                context.explain(A, gradients=G)

        def refuse(opaque, task, job, count):
            return 1

        with fmgcam.Context() as context:
            runner = fmgcam._RUN(refuse)
            context._call("set_runner", runner, None, 2)
            with self.assertRaises(fmgcam.Error) as caught:
                context.explain(A, gradients=G)
            self.assertEqual(caught.exception.status, STATUS_RUNNER)

    def test_contexts_in_several_threads(self):
        expected, wrong = explain().maps.tobytes(), []

        def work():
            for _ in range(5):
                if explain().maps.tobytes() != expected:
                    wrong.append(1)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])


class Lifetime(unittest.TestCase):

    def test_forgotten_contexts_are_released(self):
        class Log:
            def __call__(self, level, text):
                pass

        log = Log()
        gone, heard = [], weakref.ref(log)
        for _ in range(3):
            context = fmgcam.Context(log=log, threads=2)
            context.explain(A, gradients=G)
            gone.append(context._close)
        del context, log
        gc.collect()
        self.assertEqual([close.alive for close in gone], [False] * 3)
        self.assertIsNone(heard())

    @unittest.skipUnless(os.path.exists("/proc/self/statm"), "needs /proc")
    def test_nothing_leaks(self):
        """A context that has worked holds tens of kilobytes at least."""
        def rounds():
            for _ in range(ROUNDS):
                with fmgcam.Context(log=lambda *line: None) as context:
                    context.reserve(classes=K, channels=C, map_height=H,
                                    map_width=W, picture_height=64,
                                    picture_width=64)
                    context.explain(A, gradients=G)
                    with self.assertRaises(fmgcam.Error):
                        context.explain(A)
            gc.collect()

        rounds()
        before = resident()
        rounds()
        self.assertLess(resident() - before, ROUNDS * 10000)


def size_through(member):
    """Of a struct that ends there."""
    return member.offset + member.size


def spoil_after(struct, size):
    address = ctypes.addressof(struct) + size
    ctypes.memset(address, 0x77, ctypes.sizeof(struct) - size)


def is_spoiled_after(struct, size):
    return set(bytes(struct)[size:]) <= {0x77}


class Abi(unittest.TestCase):
    """Structs of other versions. Those of the first one, 0.1, ended where it is
    said here."""

    def test_options_of_the_first_version(self):
        """What was appended since is not read, and not written."""
        options = fmgcam.Options(profile=2, activation=3)
        options.struct_size = size = size_through(fmgcam.Options.color_map)
        spoil_after(options, size)
        with fmgcam.Context() as context:
            context._call("set_options", ctypes.byref(options))
            self.assertEqual(context.options["profile"], "released")
            context._call("get_options", ctypes.byref(options))
        self.assertEqual(options.activation, 3)
        self.assertEqual(options.struct_size, size)
        self.assertTrue(is_spoiled_after(options, size))

    def test_outputs_of_the_first_version(self):
        maps = numpy.empty((K, H, W), numpy.float32)
        a, g = fmgcam._tensor("a", A), fmgcam._tensor("g", G)
        inputs = fmgcam.Inputs(activations=ctypes.pointer(a),
                               gradients=ctypes.pointer(g))
        inputs.struct_size = size_through(fmgcam.Inputs.scores_quantization)
        spoil_after(inputs, inputs.struct_size)
        outputs = fmgcam.Outputs(
            maps=fmgcam.Buffer(data=maps.ctypes.data, size_bytes=maps.nbytes))
        outputs.struct_size = size = size_through(fmgcam.Outputs.non_finite)
        spoil_after(outputs, size)
        with fmgcam.Context(arithmetic="reproducible") as context:
            context._call("explain", ctypes.byref(inputs),
                          ctypes.byref(outputs))
        self.assertEqual(maps.tobytes(), explain().maps.tobytes())
        self.assertTrue(is_spoiled_after(outputs, size))

    def test_a_struct_that_is_too_small(self):
        options = fmgcam.Options()
        options.struct_size = size_through(fmgcam.Options.color_map) - 1
        with fmgcam.Context() as context:
            with self.assertRaisesRegex(fmgcam.Error, "options.struct_size"):
                context._call("set_options", ctypes.byref(options))

    def test_newer_options(self):
        """Of a header with one more member: 0 there is fine, else it is said."""
        class Newer(fmgcam.Options):
            _fields_ = [("more", ctypes.c_uint32 * 2)]

        newer = Newer.from_buffer(bytearray(ctypes.sizeof(Newer)))
        newer.struct_size = ctypes.sizeof(Newer)
        with fmgcam.Context() as context:
            set_options = fmgcam._library["fmgcam_set_options"]
            self.assertEqual(set_options(context._handle,
                                         ctypes.byref(newer)), 0)
            newer.more[1] = 1
            self.assertEqual(set_options(context._handle,
                                         ctypes.byref(newer)), 4)


def claims():
    """What the module says of C, as expressions of C."""
    for name in dir(fmgcam):
        struct = getattr(fmgcam, name)
        if isinstance(struct, type) and issubclass(struct, fmgcam._Struct) \
                and struct is not fmgcam._Struct:
            c_name = "fmgcam_" + name.lower()
            yield "sizeof(%s)" % c_name, ctypes.sizeof(struct)
            for member, _ in struct._fields_:
                field = getattr(struct, member)
                yield "offsetof(%s, %s)" % (c_name, member), field.offset
                yield ("sizeof(((%s *)0)->%s)" % (c_name, member), field.size)
    tables = dict(fmgcam.OPTIONS, dtype=fmgcam.DTYPES, choice=fmgcam.CHOICES,
                  link=fmgcam.LINKS, pixel=fmgcam.PIXELS)
    for table, names in tables.items():
        for number, name in enumerate(names, 1):
            yield "FMGCAM_%s_%s" % (table.upper(), name.upper()), number
    yield "FMGCAM_OPTION_ALPHA_SET", fmgcam.ALPHA_SET
    yield "FMGCAM_OPTION_UNSEEN_KEPT", fmgcam.UNSEEN_KEPT
    yield "FMGCAM_RESULT_FLAT", fmgcam.RESULT_FLAT
    yield "FMGCAM_LIMIT_EIGEN", fmgcam.LIMIT_EIGEN
    yield "FMGCAM_LOG_ERROR", fmgcam.LOG_ERROR
    yield "FMGCAM_LOG_INFO", fmgcam.LOG_INFO
    yield "FMGCAM_MAX_RANK", len(fmgcam.Tensor().shape)
    yield ("FMGCAM_VERSION",
           sum(n << s for n, s in zip(fmgcam.version(), (16, 8, 0))))


if __name__ == "__main__":
    if "FMGCAM_TEST_CLAIMS" in os.environ:
        with open(os.environ["FMGCAM_TEST_CLAIMS"], "w") as out:
            out.writelines("%s %d\n" % claim for claim in claims())
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad
                                    - len(result.skipped), bad))
    sys.exit(bad > 0)
