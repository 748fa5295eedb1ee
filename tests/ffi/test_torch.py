#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/python with torch tensors: test_torch.py SOURCE, from run_ffi.py."""

import gc
import pathlib
import subprocess
import sys
import unittest
import weakref

import fmgcam
import numpy
import torch

SOURCE = pathlib.Path(sys.argv.pop(1) if len(sys.argv) > 1 else ".")
DATA = SOURCE / "examples" / "data"


def load(name):
    return torch.from_numpy(numpy.load(str(DATA / (name + ".npy"))))


A, G = load("activations"), load("gradients")
K, C, H, W = G.shape


def explain(activations=A, gradients=G, **more):
    with fmgcam.Context(arithmetic="reproducible") as context:
        return context.explain(activations, gradients=gradients, **more)


class Torch(unittest.TestCase):

    def check_same(self, activations, gradients, like=(A, G)):
        expected = explain(like[0].detach().float().numpy(),
                           like[1].detach().float().numpy()).maps
        self.assertEqual(explain(activations, gradients).maps.tobytes(),
                         expected.tobytes())

    def test_maps_are_the_expected_ones(self):
        error = abs(explain().maps - load("expected_maps").numpy()).max()
        self.assertLess(error, 4.4e-5)

    def test_types(self):
        for dtype in (torch.float16, torch.float32, torch.float64):
            self.check_same(A.to(dtype), G.to(dtype))

    def test_bfloat16(self):
        a, g = A.bfloat16(), G.bfloat16()
        self.check_same(a, g, like=(a, g))

    def test_views_have_the_addresses_of_the_tensors(self):
        for t in (A, G[:, ::2], G.permute(3, 1, 0, 2), G[2:3, 5],
                  G.bfloat16()[1:, :, 2:, ::3]):
            view = fmgcam._tensor("t", t)
            self.assertEqual(view.data, t.data_ptr())
            self.assertEqual(tuple(view.shape[:view.rank]), tuple(t.shape))
            for extent, ours, theirs in zip(t.shape, view.strides, t.stride()):
                self.assertTrue(extent == 1 or ours == theirs)

    def test_what_is_written_after_the_view_is_seen(self):
        t = torch.zeros(4)
        view = fmgcam._tensor("t", t)
        t[0] = 3
        seen = fmgcam.ctypes.c_float.from_address(view.data).value
        self.assertEqual(seen, 3)

    def test_layouts(self):
        last = G.contiguous(memory_format=torch.channels_last)
        self.assertEqual(last.stride(1), 1)
        self.check_same(A, last)
        wide = torch.zeros(C, 2 * H, 3 * W)
        wide[:, ::2, ::3] = A.float()
        self.check_same(wide[:, ::2, ::3], G)
        self.check_same(A, G[:, :, :1, :1].expand(K, C, H, W))

    def test_tensors_on_a_graph(self):
        a = A.float().requires_grad_()
        scores = (load("classifier").float() * a.mean((1, 2))).sum(1)
        g = torch.stack([torch.autograd.grad(y, a, retain_graph=True)[0]
                         for y in scores])
        found = explain(a * 1.0, g).maps
        self.assertTrue((a * 1.0).requires_grad)
        error = abs(found - load("expected_maps").numpy()).max()
        self.assertLess(error, 1e-4)

    def test_a_minus_that_is_yet_to_be_applied(self):
        g = torch.conj(torch.complex(torch.zeros(G.shape), G.float())).imag
        self.assertTrue(g.is_neg())
        self.check_same(A, g, like=(A, -G.float()))

    def test_integers(self):
        scale = float(A.max()) / 255
        q = torch.round(A.float() / scale).to(torch.uint8)
        self.assertEqual(
            explain(fmgcam.Quantized(q, scale)).maps.tobytes(),
            explain(fmgcam.Quantized(q.numpy(), scale)).maps.tobytes())

    def test_outputs_that_are_given(self):
        maps = torch.zeros(K, H, W)
        found = explain(out={"maps": maps})
        self.assertIs(found.maps, maps)
        self.assertEqual(maps.numpy().tobytes(), explain().maps.tobytes())
        winner = torch.zeros(H, W, dtype=torch.int32)
        explain(out={"winner": winner})
        self.assertEqual(int((winner == 0).sum()), 28)
        for bad, text in ((torch.zeros(K, H, W).double(), "maps: float64"),
                          (torch.zeros(K, W, 2 * H)[..., ::2], "contiguous")):
            with self.assertRaisesRegex(ValueError, text):
                explain(out={"maps": bad})

    def test_pictures(self):
        picture = torch.full((60, 90, 3), 100, dtype=torch.uint8)
        array = picture.numpy().copy()
        with fmgcam.Context() as context:
            maps = torch.from_numpy(context.explain(A, gradients=G).maps)
            self.assertIs(context.draw_overlay(picture, maps), picture)
            context.draw_overlay(array, maps)
        self.assertTrue((picture.numpy() == array).all())
        self.assertTrue((array != 100).any())

    def test_scores_and_classes(self):
        with fmgcam.Context() as context:
            classes, _ = context.choose_classes(load("scores")[None], count=2)
        self.assertEqual(classes.tolist(), [0, 1])
        with fmgcam.Context() as context:
            found = context.explain(A, classifier=load("classifier"),
                                    classes=torch.tensor([3, 1]))
        self.assertEqual(found.maps.shape, (2, H, W))

    def test_what_cannot_be_read_is_named(self):
        for bad, text in (
                (G.to("meta"), "gradients: .*meta"),
                (G.float().to_sparse(), "gradients: "),
                (torch.complex(G.float(), G.float()), "gradients: dtype"),
                (G.int(), "gradients: dtype int32, expected"),
                (G > 0, "gradients: ")):
            with self.assertRaisesRegex((TypeError, ValueError), text):
                explain(gradients=bad)

    @unittest.skipUnless(torch.cuda.is_available(), "no CUDA here")
    def test_cuda_is_refused(self):
        with self.assertRaisesRegex(TypeError, "gradients: in memory of CUDA"):
            explain(gradients=G.cuda())

    def test_tensors_are_kept_and_let_go(self):
        t = torch.zeros(4)
        gone = weakref.ref(t)
        view = fmgcam._tensor("t", t)
        del t
        gc.collect()
        self.assertIsNotNone(gone())
        del view
        gc.collect()
        self.assertIsNone(gone())

    def test_the_module_does_not_import_torch(self):
        subprocess.run(
            [sys.executable, "-c", "import fmgcam, sys; "
             "sys.exit('torch' in sys.modules)"], check=True)


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    bad = len(result.failures) + len(result.errors)
    print("%d passed, %d failed" % (result.testsRun - bad
                                    - len(result.skipped), bad))
    sys.exit(bad > 0)
