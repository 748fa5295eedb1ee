#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Figures of the fmgcam program, from outside: test_figure.py PROGRAM SOURCE_ROOT [-v]

No golden pictures, since fonts differ from machine to machine. Instead each part
of a figure is searched for: pictures by their pixels, computed here from the
equations; badges by their colours; names by how the same program draws them where
all classes have that name. Needs nothing but Python's standard library; the words
of a PDF are looked at where pdftotext is installed.
"""
import os
import re
import shutil
import subprocess
import sys
import unittest
import xml.etree.ElementTree

import test_cli as cli
from test_cli import H, K, PALETTE, S, W, npy, paint, png, read_png, resample, standard, winner

WIDTH, HEIGHT = 12, 9  # of the picture
BADGE = 28, 20
PAPER = {"light": (255, 255, 255), "dark": (20, 22, 24)}


class Page:
    """Pixels of a figure."""

    def __init__(self, path):
        self.width, self.height, rgb = read_png(path)
        self.rgb = bytes(rgb)

    def at(self, x, y):
        i = 3 * (y * self.width + x)
        return tuple(self.rgb[i:i + 3])

    def row(self, x, y, width):
        i = 3 * (y * self.width + x)
        return self.rgb[i:i + 3 * width]

    def badges(self, colour):
        """Upper left corners of badges, top ones first. The number is inside: the first rows are whole."""
        run, found = bytes(colour) * BADGE[0], []
        for y in range(self.height - 3):
            at = self.rgb.find(run, 3 * y * self.width, 3 * (y + 1) * self.width)
            while at >= 0:
                x = at // 3 % self.width
                if (at % 3 == 0 and self.at(x - 1, y) != colour and self.at(x + BADGE[0], y) != colour
                        and self.at(x, y - 1) != colour and all(self.row(x, y + i, BADGE[0]) == run for i in (1, 2))):
                    found.append((x, y))
                at = self.rgb.find(run, at + 1, 3 * (y + 1) * self.width)
        return found

    def pictures(self, want, factor, allowed=1):
        """Where a picture is, each pixel a square of factor x factor, give or take a rounding."""
        found = []
        probes = [(i, 3 * i) for i in range(0, WIDTH * HEIGHT, 7)]
        for y in range(self.height - HEIGHT * factor + 1):
            for x in range(self.width - WIDTH * factor + 1):
                start = 3 * (y * self.width + x)
                if abs(self.rgb[start] - want[0]) <= allowed and all(
                        abs(self.at(x + i % WIDTH * factor, y + i // WIDTH * factor)[c] - want[p + c]) <= allowed
                        for i, p in probes for c in range(3)) and self.is_picture(x, y, want, factor, allowed):
                    found.append((x, y))
        return found

    def places(self, want, allowed=1):
        """The same for any size, with the factor."""
        return [(x, y, factor) for factor in range(12, 6, -1) for x, y in self.pictures(want, factor, allowed)]

    def is_picture(self, left, top, want, factor, allowed):
        for y in range(HEIGHT * factor):
            row = self.row(left, top + y, WIDTH * factor)
            for x in range(WIDTH * factor):
                i = 3 * (y // factor * WIDTH + x // factor)
                if any(abs(row[3 * x + c] - want[i + c]) > allowed for c in range(3)):
                    return False
        return True

    def word(self, x, y, paper):
        """The pixels of the text right of a badge at (x, y), up to a wide gap and not down to the next line."""
        rows = range(y - 2, y + 18)
        columns, empty = [], bytes(paper) * len(rows)
        for i in range(x + BADGE[0] + 3, self.width):
            column = b"".join(bytes(self.at(i, j)) for j in rows)
            columns.append(column)
            if len(columns) > 20 and columns[-14:] == [empty] * 14:
                break
        while columns and columns[-1] == empty:
            columns.pop()
        while columns and columns[0] == empty:
            columns.pop(0)
        return columns


class Case(cli.Case):
    def setUp(self):
        super().setUp()
        self.small = self.picture[:WIDTH * HEIGHT * 3]
        self.put("small.png", png(WIDTH, HEIGHT, self.small))
        self.image = (*self.inputs, "--image", "small.png")
        self.plain = ("--contours", "none", "--panel-color-map", "grey", "--width", 480)

    def figure(self, *args, name="f.png"):
        r = self.run_program("figure", *args, "--output", name)
        self.assertEqual((r.returncode, r.stderr, r.stdout), (0, b"", b""), args)
        return Page(self.path(name)) if name.endswith(".png") else self.get(name)

    def pdf(self, *args):
        """Its words."""
        self.figure(*args, name="f.pdf")
        return subprocess.run(["pdftotext", "-layout", self.path("f.pdf"), "-"], stdout=subprocess.PIPE, check=True,
                              timeout=60).stdout.decode("utf-8")

    def find(self, page, want, allowed=1):
        """The one place of a picture, and how much it is enlarged."""
        found = page.places(want, allowed)
        self.assertEqual(len(found), 1)
        return found[0]

    def overlay(self):
        return paint(resample(standard(self.signed), "bicubic", WIDTH, HEIGHT), self.small)

    def panel(self, k):
        """A class map in shares of its peak, in grey over the picture."""
        one = [max(v, 0.0) for v in self.signed[k * S:(k + 1) * S]]
        shares = [v / max(one) for v in one]
        out = []
        for i, v in enumerate(resample(shares, "bicubic", WIDTH, HEIGHT)[0]):
            v = min(max(v, 0.0), 1.0)
            out += [int((1 - 0.6 * v) * p + 0.6 * v * 255 * v + 0.5) for p in self.small[3 * i:3 * i + 3]]
        return out

    def put_labels(self, names):
        self.put("names.txt", "".join(n + "\n" for n in names).encode("utf-8"))
        return "--labels", "names.txt"


# ---- Pictures ------------------------------------------------------------------


class Pictures(Case):
    def test_each_picture_is_there_once_and_in_its_place(self):
        page = self.figure(*self.image, *self.plain)
        x, y, factor = self.find(page, self.small)
        fused = self.find(page, self.overlay())
        self.assertEqual(fused[1:], (y, factor))
        self.assertGreater(fused[0], x + WIDTH * factor)
        panels = [self.find(page, self.panel(k)) for k in range(K)]
        self.assertEqual(panels, sorted(panels, key=lambda at: (at[1], at[0])))
        for k, (left, top, factor) in enumerate(panels):
            self.assertGreater(top, y + HEIGHT * fused[2])
            under = [b for b in page.badges(PALETTE[k]) if b[0] == left and 0 < b[1] - top - HEIGHT * factor < 20]
            self.assertEqual(len(under), 1, k)

    def test_no_panels(self):
        page = self.figure(*self.image, *self.plain, "--panels", "none")
        self.find(page, self.small)
        self.find(page, self.overlay())
        for k in range(K):
            self.assertEqual(page.pictures(self.panel(k), 12), [])
            self.assertEqual(len(page.badges(PALETTE[k])), 1)

    def test_the_overlay_is_that_of_explain(self):
        for more in ((), ("--preprocess", "flip:horizontal"), ("--fuse-at", "image"), ("--palette", "tol"),
                     ("--blend", "constant", "--alpha", 0.3), ("--profile", "released")):
            with self.subTest(more):
                self.explain(*self.image, *more, "--overlay", "o.png")
                page = self.figure(*self.image, *self.plain, *more)
                self.find(page, read_png(self.path("o.png"))[2], allowed=0)

    def test_explain_makes_it_among_others(self):
        self.explain(*self.image, "--overlay", "alone.png")
        alone = self.figure(*self.image), self.get("f.png")
        self.explain(*self.image, "--overlay", "o.png", "--figure", "g.png", "--winner", "w.npy")
        self.assertEqual(self.get("g.png"), alone[1])
        self.assertEqual(self.get("o.png"), self.get("alone.png"))

    def test_without_an_image(self):
        page = self.figure(*self.inputs, "--size", "%dx%d" % (WIDTH, HEIGHT), *self.plain)
        self.find(page, paint(resample(standard(self.signed), "bicubic", WIDTH, HEIGHT)))

    def test_a_large_picture_is_filtered(self):
        """Stripes of one pixel become even grey, not stripes of another width."""
        self.put("big.png", png(1200, 800, [255 * (x % 2) for y in range(800) for x in range(1200) for c in range(3)]))
        page = self.figure(*self.inputs, "--image", "big.png", "--alpha", 0, *self.plain, "--width", 320, "--panels", "none")
        middle = [page.at(x, 40)[0] for x in range(40, 120)]
        self.assertTrue(all(abs(v - 127.5) < 8 for v in middle), middle)

    def test_what_was_not_seen_is_hatched_and_in_the_legend(self):
        steps = ("--preprocess", "crop:6x9")
        self.explain(*self.image, *steps, "--overlay", "o.png")
        want = read_png(self.path("o.png"))[2]
        page = self.figure(*self.image, *self.plain, *steps)
        x, y, factor = self.find(page, self.small)
        hatched = [self.differing(page, left, y, want, factor) for left in range(x + WIDTH * factor, page.width // 2)]
        hatched = [unseen for seen, unseen in hatched if seen == 0]
        self.assertEqual(len(hatched), 1)
        self.assertGreater(hatched[0], 0.1 * WIDTH * HEIGHT * factor * factor / 2)

    def differing(self, page, left, top, want, factor):
        """How many pixels differ in the columns that were seen, and in the others."""
        differing = [0, 0]
        for j in range(HEIGHT * factor):
            for i in range(WIDTH * factor):
                at = 3 * (j // factor * WIDTH + i // factor)
                if any(abs(a - b) > 1 for a, b in zip(page.at(left + i, top + j), want[at:at + 3])):
                    differing[3 <= i // factor < 9] += 1
            if differing[True]:
                break
        return differing[True], differing[False]


# ---- Contours ------------------------------------------------------------------


class Contours(Case):
    def changed(self, *args):
        """Where contours change the panel of the one class, and its place."""
        one = (*self.image, "--top", 1, "--panel-color-map", "grey", "--width", 480)
        plain, lined = self.figure(*one, "--contours", "none"), self.figure(*one, *args)
        x, y, factor = self.find(plain, self.panel(0))
        self.assertEqual((plain.width, plain.height), (lined.width, lined.height))
        return {(i, j) for j in range(HEIGHT * factor) for i in range(WIDTH * factor)
                if plain.at(x + i, y + j) != lined.at(x + i, y + j)}, factor

    def levels(self, factor, level):
        """Pixels of the panel between which the class map crosses the level."""
        one = [max(v, 0.0) for v in self.signed[:S]]
        width, height = WIDTH * factor, HEIGHT * factor
        high = [v >= level * max(one) for v in resample(one, "bicubic", width, height)[0]]
        return [(i, j) for j in range(height - 1) for i in range(width - 1)
                if high[j * width + i] != high[j * width + i + 1] or high[j * width + i] != high[(j + 1) * width + i]]

    def check(self, changed, wanted):
        self.assertTrue(wanted)
        for near, what in ((changed, wanted), (set(wanted), changed)):
            for x, y in what:
                self.assertTrue(any((x + i, y + j) in near for i in range(-4, 5) for j in range(-4, 5)), (x, y))

    def test_lines_are_where_the_map_has_the_level(self):
        changed, factor = self.changed()
        self.check(changed, self.levels(factor, 0.5))

    def test_levels(self):
        changed, factor = self.changed("--contours", "0.3,0.8")
        self.check(changed, self.levels(factor, 0.3) + self.levels(factor, 0.8))

    def test_lines_of_what_is_won_have_the_colour_of_the_class(self):
        self.put("black.png", png(200, 150, [0] * 90000))
        for more in ((), ("--fuse-at", "image")):
            counts = []
            for contours in ("none", "0.5"):
                page = self.figure(*self.inputs, "--image", "black.png", "--alpha", 0, "--panels", "none", "--width", 480,
                                   "--contours", contours, *more)
                pixels = [page.rgb[i:i + 3] for i in range(0, len(page.rgb), 3)]
                counts.append([sum(max(abs(a - b) for a, b in zip(p, colour)) < 12 for p in pixels) for colour in PALETTE])
            for k in range(K):
                self.assertEqual(counts[1][k] > counts[0][k] + 20, k in winner(self.signed), (k, counts))


# ---- Colour maps ---------------------------------------------------------------


class ColorMaps(Case):
    def setUp(self):
        super().setUp()
        self.one = (*self.image, "--top", 1, "--contours", "none")

    def bars(self, page):
        """Places of rows of a scale from black to white in any 100 steps or more, and their widths."""
        found = []
        for y in range(page.height):
            row = page.row(0, y, page.width)
            red = row[0::3]
            for x in range(page.width):
                end = x
                while red[x] <= 1 and end < page.width - 1 and red[end + 1] > red[end] and row[3 * end] == row[3 * end + 2]:
                    end += 1
                if end - x >= 100 and red[end] >= 254:
                    found.append((x, y, end + 1 - x))
        return found

    def test_the_overlay_has_its_scale_under_it(self):
        self.explain(*self.image, "--top", 1, "--color-map", "grey", "--overlay", "o.png")
        page = self.figure(*self.one, "--color-map", "grey", "--width", 480, "--panels", "none")
        x, y, factor = self.find(page, read_png(self.path("o.png"))[2], allowed=0)
        bars = self.bars(page)
        self.assertEqual(bars, [(x, bars[0][1] + i, bars[0][2]) for i in range(14)])
        self.assertGreaterEqual(bars[0][2], WIDTH * factor)
        self.assertTrue(y + HEIGHT * factor < bars[0][1] < y + HEIGHT * factor + 60)
        self.assertEqual(self.bars(self.figure(*self.one, "--width", 480, "--panels", "none")), [])

    def test_panels_follow_it(self):
        """The class map in shares of its peak is what the overlay of one class shows too."""
        for args, count in ((("--color-map", "grey"), 2), (("--color-map", "grey", "--panel-color-map", "viridis"), 1),
                            (("--color-map", "viridis", "--panel-color-map", "grey"), 1), (("--color-map", "viridis"), 0)):
            page = self.figure(*self.one, *args, "--width", 480)
            self.assertEqual(len(page.places(self.panel(0))), count, args)

    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_words(self):
        size = (*self.inputs, "--top", 1, "--size", "600x400", *self.put_labels(["bird"] * K))
        for name, low, high in (("turbo", "0", "1"), ("diverging", "-1: against", "1: for the class")):
            text = self.pdf(*size, "--color-map", name, "--panels", "none")
            self.assertRegex(text, r"(?m)^ *grad-cam of bird( |$)")
            self.assertRegex(text, r"(?m)^ *%s +%s( |$)" % (low, high))
            self.assertIn("blend evidence, colour map %s." % name, " ".join(text.split()))
            self.assertNotIn("FM-G-CAM", text)
        text = self.pdf(*size)
        self.assertIn("FM-G-CAM, 1 class", text)
        self.assertNotIn("colour map", text)
        text = self.pdf(*size[:-2], "--color-map", "turbo")
        self.assertIn("grad-cam of rank 1", text)


# ---- Methods that look at no class ---------------------------------------------


class NoClass(Case):
    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_it_is_said(self):
        self.put("g1.npy", npy((1, cli.C, H, W), [1.0] * (cli.C * S)))
        labels = self.put_labels(["bird"] * K)
        alone = ("--activations", "a.npy", "--size", "600x400")
        for args in (alone, (*alone, *labels), (*alone, "--gradients", "g1.npy", *labels)):
            for method in ("eigen-cam", "fem"):
                text = self.pdf(*args, "--method", method)
                self.assertRegex(text, r"(?m)^ *%s \(of no class\)( |$)" % method)
                self.assertRegex(text, r"(?m)(^| )1 +no class +[0-9.]+ %")
                for word in ("FM-G-CAM", "rank", "bird", "by itself", "class wins", "each class", "peak 0", "against"):
                    self.assertNotIn(word, text)
            text = self.pdf(*args, "--method", "eigen-cam", "--color-map", "diverging")
            self.assertRegex(text, r"(?m)^ *-1 +1( |$)")
        self.assertIn("FM-G-CAM", self.pdf("--gradients", "g1.npy", *alone, "--method", "eigen-grad-cam"))

    def test_it_has_no_panels(self):
        args = ("--activations", "a.npy", "--image", "small.png", "--method", "eigen-cam", "--width", 480)
        self.figure(*args)
        without = self.get("f.png")
        self.assertEqual(len(Page(self.path("f.png")).badges(PALETTE[0])), 1)
        for more in (("--panels", "none"), ("--panels", "class-maps"), ("--panel-color-map", "turbo")):
            self.figure(*args, *more)
            self.assertEqual(self.get("f.png"), without)


# ---- The legend ----------------------------------------------------------------


class Legend(Case):
    names = ("bird", "dog", "mouse")

    def words(self, page, theme="light"):
        """The name beside each badge: those of the legend, then those of panels."""
        badges = [page.badges(colour) for colour in PALETTE]
        self.assertEqual([len(b) for b in badges], [2] * K)
        return [[page.word(*b[i], PAPER[theme]) for b in badges] for i in (0, 1)]

    def test_each_name_is_beside_its_colour(self):
        for theme in ("light", "dark"):
            args = (*self.image, "--width", 480, "--theme", theme)
            alone = {}
            for name in self.names:
                words = self.words(self.figure(*args, *self.put_labels([name] * K)), theme)
                alone[name] = words[0][0]
                for word in words[0] + words[1]:
                    self.assertEqual(word, alone[name])
            self.assertEqual(len({tuple(w) for w in alone.values()}), K)
            for order in ((0, 1, 2), (2, 0, 1)):
                names = [self.names[i] for i in order]
                words = self.words(self.figure(*args, *self.put_labels(names)), theme)
                self.assertEqual(words, [[alone[n] for n in names]] * 2)

    def test_more_classes_than_it_shows(self):
        """That is said before a panel of each is drawn."""
        self.put("one.npy", npy((1, 1, 1), [1.0]))
        self.put("many.npy", npy((257, 1), [1.0] * 257))
        r = self.run_program("figure", "--activations", "one.npy", "--weights", "many.npy", "--size", "9x9", "--output", "f.svg")
        self.assertEqual((r.returncode, r.stdout), (1, b""))
        self.assertEqual(r.stderr, b"fmgcam: --figure: a figure shows up to 256 classes, and there are 257\n")
        self.figure("--activations", "one.npy", "--weights", "many.npy", "--size", "9x9", "--top", 256, name="f.svg")

    def test_blanks_are_no_names(self):
        args = (*self.image, "--width", 480)
        unnamed = self.words(self.figure(*args))
        for blank in (" ", "\t  ", "\u00a0", "\u2003\u3000\u200b", "\ufeff"):
            labels = self.put_labels(["", blank, "dog"])
            self.assertEqual([w[:2] for w in self.words(self.figure(*args, *labels))], [w[:2] for w in unnamed])
            self.assertEqual([c["label"] for c in self.report(*labels)["classes"]], ["", blank, "dog"])
        for name in ("\u2010", "\u3001", "  a", "\u00a1"):
            self.assertNotEqual(self.words(self.figure(*args, *self.put_labels(["", name, "dog"])))[0][1], unnamed[0][1])

    def test_ranks_follow_each_other(self):
        page = self.figure(*self.image, "--width", 480)
        tops = [page.badges(colour)[0] for colour in PALETTE]
        self.assertEqual(tops, sorted(tops, key=lambda at: at[1]))
        self.assertEqual(len({x for x, _ in tops}), 1)

    def test_colours_by_class(self):
        self.put("y.npy", npy((K,), [0.0, 9.0, 3.0]))
        page = self.figure(*self.image, "--width", 480, "--logits", "y.npy", "--color-by", "class")
        order = sorted(range(K), key=lambda k: page.badges(PALETTE[k])[0][1])
        self.assertEqual(order, [1, 2, 0])

    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_numbers_are_beside_their_names(self):
        self.put("y.npy", npy((K,), [0.0, 9.0, 3.0]))
        text = self.pdf(*self.image, "--logits", "y.npy", *self.put_labels(self.names), "--title", "A title",
                        "--notice", "Not for medical use")
        classes = self.report("--logits", "y.npy", "--labels", "names.txt")["classes"]
        for rank, (name, c) in enumerate(zip(("dog", "mouse", "bird"), classes), 1):
            probability = c["probability"]
            shown = "%.3f" % probability if probability >= 0.001 else "%.4f" % probability
            self.assertEqual(c["label"], name)
            self.assertRegex(text, r"(?m)(^| )%d +%s +%s +%.1f %%" % (rank, name, re.escape(shown), 100 * c["area"]))
            self.assertRegex(text, r"peak %s\b" % re.escape("%.3g" % max(self.class_map(c["index"]))))
        self.assertIn("A title", text)
        self.assertIn("Not for medical use", text)
        for word in ("grad-cam", "standard", "bicubic", "alpha 0.6", "blend evidence", "0.5 of the peak", "fmgcam"):
            self.assertIn(word, " ".join(text.split()))

    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_near_to_certainty_is_not_certainty(self):
        for logits, shown in (([0.0, 9.5, 0.0], ">0.999"), ([0.0, 300.0, 0.0], "1.000")):
            self.put("y.npy", npy((K,), logits))
            self.figure(*self.image, "--logits", "y.npy", name="f.pdf")
            text = subprocess.run(["pdftotext", "-layout", self.path("f.pdf"), "-"], stdout=subprocess.PIPE, check=True,
                                  timeout=60).stdout.decode("utf-8")
            self.assertRegex(text, r"(?m)class 1 +%s " % shown)

    def class_map(self, index):
        rank = [1, 2, 0].index(index)  # gradients go by rank
        return [max(v, 0.0) for v in self.signed[rank * S:(rank + 1) * S]]


# ---- Pages ---------------------------------------------------------------------


class Pages(Case):
    scripts = ("Ελληνική γάτα", "Рыжая кошка", "قطة مصرية (Felis)", "חתול מצרי", "मिस्री बिल्ली", "埃及貓", "エジプシャン・マウ",
               "이집트 고양이", "🐱 cat", "แมว", "a\u0301\u0302\u0323\u0327", "x" * 120, "long name " * 12)

    def many(self, count, *args):
        """Inputs of more classes, whose names are in all scripts."""
        self.put("w.npy", npy((count, cli.C), [(i * 37 % 101) / 50 - 1 for i in range(count * cli.C)]))
        names = [self.scripts[i % len(self.scripts)] for i in range(count)]
        return ("--activations", "a.npy", "--weights", "w.npy", *self.put_labels(names), *args)

    def check_margins(self, page, theme):
        paper = bytes(PAPER[theme])
        for y in list(range(10)) + list(range(page.height - 10, page.height)):
            self.assertEqual(page.row(0, y, page.width), paper * page.width)
        for y in range(page.height):
            self.assertEqual(page.row(0, y, 10), paper * 10)
            self.assertEqual(page.row(page.width - 10, y, 10), paper * 10)

    def test_nothing_is_cut_off(self):
        for count, size, width, theme in ((1, (1, 1), 320, "light"), (2, (40, 3), 480, "dark"), (5, (3, 40), 640, "light"),
                                          (13, (32, 32), 480, "dark"), (20, (45, 30), 800, "light")):
            with self.subTest(count=count, size=size, width=width):
                self.put("p.png", png(*size, [i * 31 % 256 for i in range(size[0] * size[1] * 3)]))
                page = self.figure(*self.many(count), "--image", "p.png", "--width", width, "--theme", theme, "--title",
                                   "A title that is too long for one line: " * 3, "--preprocess", "pad:50")
                self.assertEqual(page.width, width)
                self.check_margins(page, theme)

    @unittest.skipUnless(shutil.which("pdftotext"), "pdftotext is not installed")
    def test_steps_are_not_broken(self):
        """A line ends after a whole step, wherever its end is."""
        steps = ["resize:256", "crop:224x224+16+16", "letterbox:1024x1024", "flip:horizontal"]
        ends = set()
        for width in range(320, 800, 24):
            text = self.pdf(*self.image, "--panels", "none", "--width", width, "--preprocess", ",".join(steps))
            for step in steps:
                self.assertIn(step, text)
            ends |= {s for s in steps if re.search(r"(?m)%s[,.]$" % re.escape(s), text)}
        self.assertGreater(len(ends), 1)

    def test_the_page_grows_with_what_is_on_it(self):
        heights = [self.figure(*self.image, *args, "--width", 320).height for args in (
            ("--panels", "none", "--caption", ""), ("--panels", "none"), (),
            self.put_labels(["name " * 40] * K), (*self.put_labels(["name " * 40] * K), "--title", "A title"))]
        self.assertEqual(heights, sorted(set(heights)))

    def test_the_same_input_gives_the_same_file(self):
        for name in ("f.png", "f.svg", "f.pdf"):
            self.figure(*self.image, name=name)
            first = self.get(name)
            self.run_program("--version")
            self.figure(*self.image, name=name)
            self.assertEqual(self.get(name), first)
        self.assertNotIn(b"CreationDate", first)

    def test_kinds(self):
        self.assertTrue(self.figure(*self.image, name="f.PDF").startswith(b"%PDF-"))
        raw = self.figure(*self.image, "--width", 700, name="f.svg")
        root = xml.etree.ElementTree.fromstring(raw)
        self.assertRegex(root.get("width"), r"\A700(\.0+)?(px)?\Z")
        images = {e.get("{http://www.w3.org/1999/xlink}href") for e in root.iter("{http://www.w3.org/2000/svg}image")}
        self.assertEqual(len(images), K + 3)  # with the scale
        self.assertTrue(all(href.startswith("data:image/png;base64,") for href in images))

    def test_it_is_written_to_pipes(self):
        os.mkfifo(self.path("p.pdf"))
        reader = subprocess.Popen(["cat", self.path("p.pdf")], stdout=subprocess.PIPE)
        self.run_program("figure", *self.image, "--output", "p.pdf")
        self.assertTrue(reader.communicate(timeout=60)[0].rstrip().endswith(b"%%EOF"))


# ---- A build without figures ---------------------------------------------------


class Absent(Case):
    def test_it_is_said(self):
        args = (*self.image, "--output", "f.png")
        if self.run_program("figure", *args).returncode == 0:
            self.skipTest("this build makes figures")
        self.assert_fails(1, "fmgcam: figure: this build of fmgcam makes no figures", *args, command="figure")
        self.assert_fails(1, "makes no figures", *self.image, "--figure", "f.png", "--winner", "out.npy")
        self.explain(*self.image, "--overlay", "o.png")


# ---- Wrong usage ---------------------------------------------------------------


class Usage(Case):
    def test_wrong_usage(self):
        out = ("--output", "out.npy.png")
        for says, args in (
                ("--output: is missing", self.image),
                ("--output: needs --image or --size", (*self.inputs, *out)),
                ("x.gif: a figure's name ends in .png, .pdf or .svg", (*self.image, "--output", "x.gif")),
                ("x.jpg: a figure's name ends in", (*self.image, "--output", "x.jpg")),
                ("--theme: 'blue' is not available", (*self.image, *out, "--theme", "blue")),
                ("--panels: 'all' is not available", (*self.image, *out, "--panels", "all")),
                ("--panel-color-map: 'class' is not available", (*self.image, *out, "--panel-color-map", "class")),
                ("--title: is not UTF-8", (*self.image, *out, "--title", os.fsdecode(b"\xff"))),
                ("--notice: is not UTF-8", (*self.image, *out, "--notice", os.fsdecode(b"\xff"))),
                ("--caption: is not UTF-8", (*self.image, *out, "--caption", os.fsdecode(b"a\xc3"))),
                ("small.png: is the file of --image and of --output", (*self.image, "--output", "small.png")),
                ("o.png: is the file of --overlay and of --output", (*self.image, "--overlay", "o.png", "--output", "o.png")),
                ("see 'fmgcam figure --help'", ("--nope",))):
            with self.subTest(says):
                self.assert_fails(2, says, *args, command="figure")
        for width in ("0", "319", "16385", "1e3", "-5", ""):
            self.assert_fails(2, "--width: '%s'" % width, *self.image, *out, "--width", width, command="figure")
        for levels in ("", "0", "1", "0.5,", ",0.5", "0.5;0.6", "nan", "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9", "0." + "1" * 40):
            self.assert_fails(2, "--contours: '%s'" % levels, *self.image, *out, "--contours", levels, command="figure")
        self.assert_fails(2, "--theme: needs --figure", *self.image, "--maps", "m.npy", "--theme", "dark")
        self.assert_fails(2, "--output: unknown option", *self.image, "--output", "f.png")

    def test_maps_of_one_axis(self):
        self.put("line.npy", npy((cli.C, 5), [float(i) for i in range(cli.C * 5)]))
        self.put("w.npy", npy((1, cli.C), [1.0] * cli.C))
        self.assert_fails(2, "--output: needs maps of two axes", "--activations", "line.npy", "--weights", "w.npy",
                          "--spatial-axes", 1, "--size", "9x9", "--output", "f.png", command="figure")

    def test_failures(self):
        self.assert_fails(1, "nowhere/f.png: No such file", *self.image, "--output", "nowhere/f.png", command="figure")
        for kind in ("png", "pdf", "svg"):
            os.symlink("/dev/full", self.path("full." + kind))
            if cli.has_full_device():
                self.assert_fails(1, "full.%s: No space left" % kind, *self.image, "--output", "full." + kind,
                                  command="figure")
        self.put("tall.png", png(1, 3000, [9] * 9000))
        self.put("w.npy", npy((256, cli.C), [1.0] * (256 * cli.C)))
        self.assert_fails(1, "out.png: the figure would be", "--activations", "a.npy", "--weights", "w.npy", "--image",
                          "tall.png", "--width", 320, "--output", "out.png", command="figure", kept=("out.png",))


if __name__ == "__main__":
    sys.exit(cli.main(sys.modules[__name__]))
