#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each allocation of the fmgcam program fails in turn, alone and with all that follow:
test_allocations.py PRELOAD PROGRAM [full] [Class.test]...
"""
import json
import os
import unittest

import faults
from faults import ARRAYS, EXPLAIN

POINTS = 30  # of each command, where not all are taken; of those that take longer, fewer


class Sweeps(faults.Case):
    """All allocations of the process: those of jansson, libpng, libjpeg and the C library too."""

    points = POINTS

    def sweep(self, args, outputs=(), earlier=True, spared="", alone=False):
        self.fail_all(faults.Scene(self.dir, args, outputs, earlier, spared), alone)

    def fail_all(self, scene, alone=False):
        total = scene.good.allocations
        failed = harmless = 0
        for and_all_after in (0,) if alone else (0, 1):
            for n in faults.sample(total, self.points):
                outcome = scene.run(allocation=n, and_all_after=and_all_after)
                point = "allocation %d of %d%s" % (n, total, " and all after" if and_all_after else "")
                self.note(point, scene.faults(outcome))
                self.assertGreater(outcome.allocations_failed, 0, point)
                failed += 1
                if outcome.status == 0:
                    harmless += 1
                elif outcome.status != 1 or "out of memory" not in outcome.stderr:
                    self.note(point, ["status %d, %r" % (outcome.status, outcome.stderr)])
        self.conclude("%d allocations, %d times failed, %d of them without harm" % (total, failed, harmless))

    def explain(self, *args, outputs=(), **more):
        self.sweep((*EXPLAIN, *args), outputs, **more)


class Allocations(Sweeps):
    def test_arrays_and_report(self):
        self.explain(*ARRAYS, "--labels", "names.txt", "--region", "0,0,2,2",
                     outputs=("maps.npy", "winner.npy", "report.json"))

    def test_pictures(self):
        self.explain("--image", "p.png", "--overlay", "o.png", "--heatmap", "h.jpg", "--preprocess", "resize:16,crop:12",
                     outputs=("o.png", "h.jpg"))

    def test_new_files(self):
        self.explain("--image", "p.png", "--overlay", "o.jpg", "--maps", "m.npy", outputs=("o.jpg", "m.npy"),
                     earlier=False)

    def test_layers(self):
        self.explain("--activations", "a2.npy", "--gradients", "g2.npy", "--maps", "m.npy", "--report", "r.json",
                     outputs=("m.npy", "r.json"))

    def test_a_matrix_of_eigen_cam(self):
        self.explain("--method", "eigen-grad-cam", "--maps", "m.npy", outputs=("m.npy",))

    def test_classifier(self):
        self.sweep(("explain", "--activations", "a.npy", "--classifier", "w.npy", "--bias", "b.npy", "--logits", "l.npy",
                    "--labels", "names.txt", "--thresholds", "t.npy", "--report", "r.json"), ("r.json",))

    def test_check_head(self):
        self.sweep(("check-head", "--activations", "a.npy", "--classifier", "w.npy", "--bias", "b.npy", "--logits", "l.npy",
                    "--tolerance", "1000"))

    def test_compare(self):
        for name in ("x", "y"):
            outcome = faults.run(self.dir, (*EXPLAIN, "--signed-maps", name + ".npy", "--report", name + ".json"))
            self.assertEqual(outcome.status, 0, outcome.stderr)
        self.sweep(("compare", "x.npy", "y.npy", "--report-a", "x.json", "--report-b", "y.json", "--image", "p.png",
                    "--picture", "c.png", "--report", "c.json", "--min-iou", "0.5"), ("c.png", "c.json"))


class Batch(Sweeps):
    points = POINTS // 2

    def batch(self, name, lines, resume=False):
        faults.write(os.path.join(self.dir, name), "\n".join(lines).encode() + b"\n")
        self.fail_all(faults.BatchScene(self.dir, (name, "--write", "overlay,maps,report", "--labels", "names.txt"),
                                        resume=resume), alone=faults.FULL or resume)

    def test_batch_of_json_lines(self):
        self.batch("m.jsonl", [json.dumps({"id": "one", "activations": "a.npy", "gradients": "g.npy",
                                           "image": "p\u00fc.png", "region": [0, 0, 2, 2]})])

    def test_batch_of_csv(self):
        self.batch("m.csv", ["id,activations,gradients,image,region"]
                   + ['one,a.npy,g.npy,p\u00fc.png,"0,0,2,2"'])

    def test_tables_and_pages(self):
        self.points = POINTS * 3 // 2
        self.batch("m.csv", ["id,activations,gradients,image", "one,a.npy,g.npy,p.png"], resume=True)


@unittest.skipUnless(faults.FIGURES, "the program is built without figures")
class Figures(Sweeps):
    """GLib ends the program when it gets no memory, and Cairo 1.16 then crashes, or draws less and says nothing: they,
    what they use, and what the C library allocates for them, always get theirs."""

    points = POINTS // 3

    def figure(self, name):
        self.explain("--image", "p.png", "--figure", name, "--labels", "names.txt", outputs=(name,), alone=True,
                     spared="libglib libgobject libgio libpango libfontconfig libharfbuzz libfreetype libexpat "
                            "libfribidi libthai libdatrie libgraphite libcairo libpixman libpng libz libc.so ld-linux")

    def test_figure_png(self):
        self.figure("f.png")

    def test_figure_pdf(self):
        self.figure("f.pdf")

    def test_figure_svg(self):
        self.figure("f.svg")


if __name__ == "__main__":
    faults.main()
