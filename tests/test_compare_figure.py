#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures of fmgcam compare, from outside: test_compare_figure.py PROGRAM SOURCE_ROOT [-v]

As in test_figure.py: pictures are computed here and searched for on the page, and
the words are those of a PDF, where pdftotext is installed. Needs nothing but
Python's standard library.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import test_cli as cli
import test_compare as base
from test_cli import paint, png, read_png
from test_compare import H, K, PALETTE, S, W, compare, resample, tile, winners
from test_figure import HEIGHT, PAPER, WIDTH, Page

needs_words = unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")


def scaled(a, b, pairs, scaling=True):
    """The maps in pairs as they are compared, and their differences."""
    divide = [max([abs(v) for p in pairs for v in stack[p[side]]]) if scaling else 1.0
              for side, stack in ((0, a), (1, b))]
    x, y = [[v / divide[0] for v in a[i]] for i, _ in pairs], [[v / divide[1] for v in b[j]] for _, j in pairs]
    return x, y, [[v - w for v, w in zip(m, n)] for m, n in zip(x, y)]


def largest(*stacks):
    return max(abs(v) for stack in stacks for m in stack for v in m)


class Case(base.Case):
    image = ("--image", "small.png")
    size = ("--size", "%dx%d" % (WIDTH, HEIGHT))
    narrow = ("--width", 480)

    def setUp(self):
        super().setUp()
        rng = random.Random(21)
        self.small = [rng.randrange(256) for _ in range(WIDTH * HEIGHT * 3)]
        self.put("small.png", png(WIDTH, HEIGHT, self.small))
        self.pairs = [(k, k) for k in range(K)]

    def figure(self, *args, name="f.png", maps=("a.npy", "b.npy")):
        self.table(*maps, *args, "--figure", name)
        return Page(self.path(name)) if name.endswith(".png") else self.get(name)

    def words(self, *args, maps=("a.npy", "b.npy"), status=0):
        r = self.run_program("compare", *maps, *args, "--figure", "f.pdf")
        self.assertEqual(r.returncode, status, r.stderr)
        text = subprocess.run(["pdftotext", "-layout", self.path("f.pdf"), "-"], stdout=subprocess.PIPE, check=True,
                              timeout=60).stdout.decode("utf-8")
        return text

    def reports(self, a, b):
        self.put_report("a.json", a)
        self.put_report("b.json", b)
        return "--report-a", "a.json", "--report-b", "b.json"

    def find(self, page, want, allowed=1):
        """The one place of a picture, and how much it is enlarged."""
        found = page.places(want, allowed)
        self.assertEqual(len(found), 1)
        return found[0]

    def fused(self, stack, maps, side, unit, image):
        """What each class wins, in the colours of A."""
        won = winners(stack, S)
        planes = [[0.0] * (WIDTH * HEIGHT) for _ in PALETTE]
        for pair, values in zip(self.pairs, maps):
            kept = [v / unit if won[s] == pair[side] else 0.0 for s, v in enumerate(values)]
            planes[pair[0]] = resample(kept, "bicubic", (H, W), (HEIGHT, WIDTH))
        return paint(planes, image)

    def difference(self, values, unit, image):
        return [v for p in tile([v / unit for v in values], None, (HEIGHT, WIDTH), image) for v in p]

    def check_pictures(self, page, image=None, scaling=True):
        """Each is there once: A left of B, and under them A less B in the order of the classes, each over its badge."""
        a, b, d = scaled(self.a, self.b, self.pairs, scaling)
        unit, own = largest(a, b), max(largest(d), 0.05 * largest(a, b))
        left, top, factor = self.find(page, self.fused(self.a, a, 0, unit, image))
        other = self.find(page, self.fused(self.b, b, 1, unit, image))
        self.assertEqual(other[1:], (top, factor))
        self.assertGreater(other[0], left + WIDTH * factor)
        places = [self.find(page, self.difference(m, own, image)) for m in d]
        self.assertEqual(places, sorted(places, key=lambda at: (at[1], at[0])))
        for (x, y, zoom), (rank, _) in zip(places, self.pairs):
            self.assertGreater(y, top + HEIGHT * factor)
            under = [c for c in PALETTE for at in page.badges(c) if at[0] == x and 0 < at[1] - y - HEIGHT * zoom < 20]
            self.assertEqual(under, [PALETTE[rank]])
        for k, colour in enumerate(PALETTE):
            self.assertEqual(len(page.badges(colour)), 2 * (k in [i for i, _ in self.pairs]))


# ---- Pictures ------------------------------------------------------------------


class Pictures(Case):
    def test_each_is_there_once_and_in_its_place(self):
        for theme in ("light", "dark"):
            self.check_pictures(self.figure(*self.image, *self.narrow, "--theme", theme), self.small)

    def test_alone(self):
        for scale in ("max", "none"):
            self.check_pictures(self.figure(*self.size, *self.narrow, "--scale", scale), None, scale == "max")

    def test_large_differences_leave_the_colours_of_maps(self):
        self.a = [[v + (s == 3) * 9 for s, v in enumerate(m)] for m in self.a]
        self.b = [base.single(v - (s == 3) * 18 for s, v in enumerate(m)) for m in self.a]
        self.a = [base.single(m) for m in self.a]
        a, b, d = scaled(self.a, self.b, self.pairs)
        self.assertGreater(largest(d), 1.5 * largest(a, b))
        self.put_maps("a.npy", self.a)
        self.put_maps("b.npy", self.b)
        self.check_pictures(self.figure(*self.image, *self.narrow), self.small)

    def put_one_scale(self):
        """One class, of which nothing is lost to others; the largest difference is the largest magnitude too."""
        peak = max(range(S), key=lambda s: abs(self.a[0][s]))
        self.put_maps("a.npy", self.a[:1])
        self.put_maps("b.npy", [[v / 2 * (s != peak) for s, v in enumerate(self.a[0])]])
        return "--scale", "none"

    def test_they_are_those_of_picture(self):
        page = self.figure(*self.image, *self.narrow, *self.put_one_scale(), "--picture", "p.png")
        width, height, rgb = read_png(self.path("p.png"))
        self.assertEqual((width, height), (3 * WIDTH + 8, HEIGHT))
        tiles = [[v for y in range(HEIGHT) for v in rgb[3 * (y * width + x):3 * (y * width + x + WIDTH)]]
                 for x in (0, WIDTH + 4, 2 * WIDTH + 8)]
        self.assertEqual(len({self.find(page, t, allowed=0)[:2] for t in tiles}), 3)

    def change(self, step):
        self.b = [base.single(v + step * (s % 3) for s, v in enumerate(m)) for m in self.a]
        self.put_maps("b.npy", self.b)
        return self.figure(*self.image, *self.narrow)

    def test_small_differences_are_seen_and_tiny_ones_are_not(self):
        self.check_pictures(self.change(0.25), self.small)
        self.assertEqual(len(self.change(1e-5).places(self.small)), K)
        self.assertEqual(len(self.change(0).places(self.small, 0)), K)

    def test_classes_of_one_side_are_left_out(self):
        """Colours go by the rank in A, and cells are won by all classes of a side."""
        self.pairs = [(0, 2), (2, 1)]
        page = self.figure(*self.reports([(7, None), (5, None), (9, None)], [(4, None), (9, None), (7, None)]),
                           *self.image, *self.narrow)
        self.assertIn(1, winners(self.a, S))
        self.check_pictures(page, self.small)

    def test_what_the_network_saw(self):
        """The pictures are those of --picture in the middle, which was seen, and hatched beside it."""
        steps = ("--preprocess", "crop:6x9")
        steps += self.put_one_scale()
        page = self.figure(*self.image, *self.narrow, *steps, "--picture", "p.png")
        width, _, rgb = read_png(self.path("p.png"))
        plain = self.figure(*self.image, *self.narrow, *steps[2:], "--picture", "q.png")
        places = [self.find(plain, [v for y in range(HEIGHT) for v in self.row(read_png(self.path("q.png")), y, t)])
                  for t in range(3)]
        tops = [(x, y + page.height - plain.height if t == 2 else y, f) for t, (x, y, f) in enumerate(places)]
        for t, (x, y, factor) in enumerate(tops):
            same = [[all(abs(v - w) <= 1 for v, w in zip(page.at(x + i, y + j), self.row((width, 0, rgb), j // factor, t)
                                                         [3 * (i // factor):]))
                     for i in range(WIDTH * factor)] for j in range(HEIGHT * factor)]
            seen = range(3 * factor, 9 * factor)
            self.assertTrue(all(row[i] for row in same for i in seen))
            hatched = [not row[i] for row in same for i in range(WIDTH * factor) if i not in seen]
            self.assertGreater(sum(hatched), 0.1 * len(hatched))

    @staticmethod
    def row(picture, y, t):
        """Row y of tile t of a --picture."""
        width, _, rgb = picture
        at = 3 * (y * width + t * (WIDTH + 4))
        return rgb[at:at + 3 * WIDTH]


# ---- Words ---------------------------------------------------------------------


@needs_words
class Words(Case):
    wide = ("--size", "600x300")
    NAMES = ("bird", "dog", "mouse")

    def row(self, number, name, measures):
        numbers = ["\u2013" if measures[k] is None else "%.3f" % measures[k] for k in ("correlation", "iou")]
        return r"(?m)(^| )%d +%s +%s +%s( |$)" % (number, re.escape(name), *map(re.escape, numbers))

    def check_rows(self, text, names, numbers, a=None, b=None):
        rows, _ = compare(a or self.a, b or self.b, self.pairs, W)
        places = []
        for number, name, measures in zip(numbers, names, rows):
            match = re.search(self.row(number, name, measures), text)
            self.assertTrue(match, (text, name))
            places.append(match.start())
            self.assertIn("largest difference %.3g" % measures["difference"], text)
        self.assertEqual(places, sorted(places))
        self.assertLess(text.index("Correlation"), text.index("IoU"))

    def test_numbers_are_beside_their_names_in_order(self):
        classes = list(enumerate(self.NAMES))
        text = self.words(*self.wide, *self.reports(classes, classes))
        self.check_rows(text, self.NAMES, (1, 2, 3))
        self.assertLess(text.index("A: a.npy"), text.index("B: b.npy"))
        end = "%.3g" % largest(scaled(self.a, self.b, self.pairs)[2])
        self.assertRegex(text, r"-%s: B is stronger +%s: A is stronger" % (end, end))
        self.assertIn("fmgcam 0.", text)

    def test_names_of_classes_without_one(self):
        text = self.words(*self.wide)
        self.check_rows(text, ("rank 1", "rank 2", "rank 3"), (1, 2, 3))
        self.assertIn("matched by rank: 3 in both, of 3 in A and 3 in B", " ".join(text.split()))
        for blank in ("", " ", "\u00a0\t\u3000"):
            classes = [(281, None), (5, blank), (0, "x")]
            self.check_rows(self.words(*self.wide, *self.reports(classes, classes)),
                            ("class 281", "class 5", "x"), (1, 2, 3))

    def test_ranks_are_those_of_a(self):
        self.pairs = [(0, 2), (2, 1)]
        text = self.words(*self.wide, *self.reports([(7, "seven"), (5, "five"), (9, "nine")],
                                                                   [(4, None), (9, "neun"), (7, "sieben")]))
        self.check_rows(text, ("seven", "nine"), (1, 3))
        text = " ".join(text.split())
        self.assertIn("matched by index: 2 in both, of 3 in A and 3 in B", text)
        self.assertIn("Only in A: five. Cells that it wins are left out. "
                      "Only in B: class 4. Cells that it wins are left out.", text)

    def test_many_of_one_side(self):
        self.put_maps("b.npy", [self.b[k % K] for k in range(15)])
        text = " ".join(self.words(*self.wide, *self.reports(
            [(k, None) for k in range(K)], [(k, "name %d" % k) for k in range(15)])).split())
        self.assertIn("Only in B: name 3; name 4; name 5; name 6; name 7; name 8; name 9; name 10; name 11; name 12 "
                      "and 2 more. Cells that these win are left out.", text)

    def test_what_is_not_defined(self):
        self.a[1] = [0.0] * S
        self.put_maps("a.npy", self.a)
        text = self.words(*self.wide)
        self.check_rows(text, ("rank 1", "rank 2", "rank 3"), (1, 2, 3))
        self.assertEqual(text.count("wins no cell in A"), 1)
        self.assertEqual(self.words(*self.wide, maps=("b.npy", "a.npy")).count("wins no cell in B"), 1)
        text = self.words(*self.wide, maps=("a.npy", "a.npy"))
        self.assertEqual(text.count("wins no cell"), 1)
        self.assertNotIn("wins no cell in", text)
        self.assertEqual(text.count("no difference"), K)

    def test_agreement_and_scale(self):
        for scale in ("max", "none"):
            text = " ".join(self.words(*self.wide, "--scale", scale).split())
            report = self.report("a.npy", "b.npy", "--scale", scale)
            agreed = round(report["whole"]["agreement"] * S)
            self.assertIn("Winners agree in %d of %d cells (%.4f); of those with a winner, in " % (
                agreed, S, report["whole"]["agreement"]), text)
            self.assertIn("(%.4f)." % report["whole"]["agreement_won"], text)
            divided = "%.3g in A and %.3g in B" % (report["a"]["divisor"], report["b"]["divisor"])
            self.assertEqual((divided in text, "compared as they are" in text), (scale == "max", scale == "none"))
            self.assertIn("full colours at %.3g." % largest(*scaled(self.a, self.b, self.pairs, scale == "max")[:2]), text)

    def test_sizes(self):
        self.put_maps("b.npy", [m * 2 for m in self.b], (2 * H, W))
        text = " ".join(self.words(*self.wide, "--resample", "nearest", "--preprocess", "crop:400x300").split())
        for words in ("maps of 3 classes, 5x4 cells, resampled to 5x8", "maps of 3 classes, 5x8 cells",
                      "Compared at 5x8 cells, resampling nearest.", "Preprocessing crop:400x300.", "not seen by the network"):
            self.assertIn(words, text)

    def test_thresholds(self):
        classes = list(enumerate(self.NAMES))
        reports = self.reports(classes, classes)
        rows, whole = compare(self.a, self.b, self.pairs, W)
        worst = min(range(K), key=lambda k: rows[k]["iou"])
        most = max(range(K), key=lambda k: rows[k]["difference"])
        self.assertTrue(0.01 < rows[worst]["iou"] < 0.99 and whole["agreement"] < 0.999)
        text = " ".join(self.words(*self.wide, *reports, "--min-agreement", "0.999", "--min-iou", "0.01",
                                   "--min-common", "0.5", "--max-difference", "0.001", status=3).split())
        self.assertIn("Thresholds that are not met: min-agreement 0.999 (%.4g), max-difference 0.001 (%.4g for %s). "
                      "Thresholds that are met: min-common 0.5 (1), min-iou 0.01 (%.4g for %s). fmgcam" % (
                          whole["agreement"], rows[most]["difference"], self.NAMES[most], rows[worst]["iou"],
                          self.NAMES[worst]), text)
        self.put_maps("a.npy", [self.a[0], [0.0] * S, self.a[2]])
        text = " ".join(self.words(*self.wide, *reports, "--min-cosine", "-1", status=3).split())
        self.assertIn("Thresholds that are not met: min-cosine -1 (cannot be computed for dog, since a map is zero "
                      "everywhere). fmgcam", text)
        self.assertNotIn("hreshold", self.words(*self.wide))

    def test_file_names_are_told_apart(self):
        for folder in ("one/x", "two/x", "y"):
            self.put_maps(folder + "/maps.npy", self.a)
        self.put_maps("maps.npy", self.a)
        for one, other, name_a, name_b in (("one/x/maps.npy", "two/x/maps.npy", "one/x/maps.npy", "two/x/maps.npy"),
                                           ("one/x/maps.npy", "y/maps.npy", "x/maps.npy", "y/maps.npy"),
                                           ("one/x/maps.npy", "y/../a.npy", "maps.npy", "a.npy"),
                                           ("maps.npy", "y/maps.npy", "maps.npy", "y/maps.npy"),
                                           ("y/maps.npy", "./y/maps.npy", "y/maps.npy", "./y/maps.npy"),
                                           ("y/maps.npy", self.path("y/maps.npy"), "y/maps.npy",
                                            os.path.basename(self.dir) + "/y/maps.npy"),
                                           ("y/maps.npy", "y/maps.npy", "maps.npy", "maps.npy")):
            text = self.words(*self.wide, maps=(one, other))
            self.assertRegex(text, r"A: %s +B: %s\n" % (re.escape(name_a), re.escape(name_b)))

    def test_kinds_of_maps(self):
        for name, kind in (("maps", "final maps"), ("class-maps", "class maps"), ("signed-maps", "signed maps")):
            for folder, stack in (("one", self.a[:1]), ("two", self.b)):
                self.put_maps("%s/%s.npy" % (folder, name), stack)
                self.put_report(folder + "/report.json", [(k, None) for k in range(len(stack))])
            text = self.words(*self.wide, maps=("one", "two"))
            self.assertRegex(text, r"A: one/%s.npy +B: two/%s.npy\n" % (name, name))
            self.assertRegex(text, r"%s of 1 class, 5x4 cells +%s of 3 classes, 5x4 cells\n" % (kind, kind))

    def test_texts_of_ones_own(self):
        text = self.words(*self.wide, "--title", "A title", "--notice", "Not for medical use")
        self.assertIn("A title", text)
        self.assertIn("Not for medical use", text)
        text = self.words(*self.wide, "--caption", "Seen before.")
        self.assertIn("Seen before.", text)
        for args in (("--caption", "Seen before."), ("--caption", "")):
            self.assertNotIn("Winners agree", self.words(*self.wide, *args))

    def test_file_names_that_are_no_text(self):
        for name in (b"\xff\xc3.npy", "né\x1b\n.npy".encode(), b"\xe2\x82.npy"):
            with open(os.path.join(os.fsencode(self.dir), name), "wb") as f:
                f.write(self.get("b.npy"))
            r = self.run_program("compare", "a.npy", os.fsdecode(name), *self.wide, "--figure", "f.pdf")
            self.assertEqual((r.returncode, r.stderr), (0, b""))
            self.assertIn({b"\xff": "B: ??.npy", b"n": "B: né??.npy", b"\xe2": "B: ??.npy"}[name[:1]],
                          self.words(*self.wide, maps=("a.npy", os.fsdecode(name))))


# ---- Pages ---------------------------------------------------------------------


class Pages(Case):
    NAMES = ("Ελληνική γάτα", "قطة مصرية (Felis)", "मिस्री बिल्ली", "エジプシャン・マウ", "🐱 cat", "x" * 120, "long name " * 12,
             "two\nlines\x1b", None)

    def test_kinds(self):
        self.assertTrue(self.figure(*self.image, name="f.PDF").startswith(b"%PDF-"))
        root = xml.etree.ElementTree.fromstring(self.figure(*self.image, "--width", 700, name="f.svg"))
        self.assertRegex(root.get("width"), r"\A700(\.0+)?(px)?\Z")
        images = {e.get("{http://www.w3.org/1999/xlink}href") for e in root.iter("{http://www.w3.org/2000/svg}image")}
        self.assertEqual(len(images), 2 + K + 1)  # with the scale
        self.assertEqual(self.figure(*self.image, "--width", 700).width, 700)

    def test_the_same_input_gives_the_same_file(self):
        for name in ("f.png", "f.svg", "f.pdf"):
            self.figure(*self.image, name=name)
            first = self.get(name)
            self.figure(*self.image, name=name)
            self.assertEqual(self.get(name), first)

    def test_nothing_is_cut_off(self):
        rng = random.Random(4)
        for count, size, width, theme in ((1, (1, 1), 320, "light"), (2, (40, 3), 480, "dark"), (5, (3, 40), 640, "light"),
                                          (12, (32, 32), 480, "dark"), (20, (45, 30), 800, "light")):
            with self.subTest(count=count, size=size, width=width):
                for name in ("a.npy", "b.npy"):
                    self.put_maps(name, [[rng.gauss(0, 1) for _ in range(S)] for _ in range(count)])
                self.put("p.png", png(*size, [i * 31 % 256 for i in range(size[0] * size[1] * 3)]))
                classes = [(k, self.NAMES[k % len(self.NAMES)]) for k in range(count)]
                page = self.figure(*self.reports(classes, classes), "--image", "p.png", "--width", width, "--theme",
                                   theme, "--title", "A title that is too long for one line: " * 3)
                paper = bytes(PAPER[theme])
                self.assertEqual(page.width, width)
                for y in range(page.height):
                    edge = 10 if 10 <= y < page.height - 10 else page.width
                    self.assertEqual((page.row(0, y, edge), page.row(page.width - edge, y, edge)), (paper * edge,) * 2)

    def test_with_others(self):
        alone = self.figure(*self.image), self.get("f.png")
        self.table("a.npy", "b.npy", *self.image, "--picture", "alone.png")
        self.figure(*self.image, "--picture", "p.png", "--report", "r.json", name="g.png")
        self.assertEqual((self.get("g.png"), self.get("p.png")), (alone[1], self.get("alone.png")))


# ---- A build without figures ---------------------------------------------------


class Absent(Case):
    def test_it_is_said(self):
        args = ("a.npy", "b.npy", *self.image)
        if self.run_program("compare", *args, "--figure", "f.png").returncode == 0:
            self.skipTest("this build makes figures")
        self.assert_fails(1, "fmgcam: figure: this build of fmgcam makes no figures", *args, "--figure", "f.png",
                          "--report", "out.json")
        self.table(*args, "--picture", "p.png")


# ---- Wrong usage ---------------------------------------------------------------


class Usage(Case):
    def test_wrong_usage(self):
        out = ("--figure", "out.png")
        for says, *args in (
                ("--figure: needs --image or --size", *out),
                ("--figure: the name of the file is empty", *self.image, "--figure", ""),
                ("--figure: needs a value", *self.image, "--figure"),
                ("x.jpg: a figure's name ends in .png, .pdf or .svg", *self.image, "--figure", "x.jpg"),
                ("--size: excludes --image", *self.image, *self.size, *out),
                ("small.png: is an input and the file of --figure", *self.image, "--figure", "small.png"),
                ("out.png: is the file of --picture and of --figure", *self.image, *out, "--picture", "out.png"),
                ("out.png: is the file of --report and of --figure", *self.image, *out, "--report", "out.png"),
                ("--image: needs --picture or --figure", *self.image),
                ("--theme: needs --figure", *self.image, "--picture", "out.png", "--theme", "dark"),
                ("--caption: needs --figure", "--caption", ""),
                ("--width: '319' is not a number of pixels from 320", *self.image, *out, "--width", "319"),
                ("--theme: 'blue' is not available", *self.image, *out, "--theme", "blue"),
                ("--notice: is not UTF-8", *self.image, *out, "--notice", os.fsdecode(b"\xff")),
                ("--contours: unknown option", *self.image, *out, "--contours", "none"),
                ("--panels: unknown option", *self.image, *out, "--panels", "none")):
            with self.subTest(says):
                self.assert_fails(2, "fmgcam: " + says, "a.npy", "b.npy", *args, outputs=("out.png",))

    def test_failures(self):
        out = ("--figure", "out.png")
        self.assert_fails(1, "nowhere/f.png: No such file", "a.npy", "b.npy", *self.image, "--figure", "nowhere/f.png")
        self.assert_fails(1, "--preprocess: crop:99", "a.npy", "b.npy", *self.image, *out, "--preprocess", "crop:99",
                          outputs=("out.png",))
        self.assert_fails(1, "--figure: 70000x9 is more than 65500 pixels a side", "a.npy", "b.npy", *out, "--size",
                          "70000x9", outputs=("out.png",))
        reports = self.reports([(k, None) for k in range(K)], [(k + K, None) for k in range(K)])
        self.assert_fails(1, "--figure: there is no class in both to draw", "a.npy", "b.npy", *reports, *self.size, *out,
                          outputs=("out.png",))


if __name__ == "__main__":
    sys.exit(cli.main(sys.modules[__name__]))
