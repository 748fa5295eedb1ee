#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fmgcam compare, from outside: test_compare.py PROGRAM SOURCE_ROOT [-v]

Every measure is computed once more here, from its definition and without a
thought for speed: ranks by counting, sums by math.fsum. Needs nothing but Python's
standard library; real cases are looked at where they are beside the project.
"""
import json
import math
import os
import random
import re
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from fractions import Fraction

import test_cli as cli
from test_cli import CODES, kernel, npy, png, read_png, single, to_fortran

K, H, W = 3, 4, 5
S = H * W
PALETTE = [(213, 94, 0), (86, 180, 233), (240, 228, 66)]


def read_any_npy(path):
    """(shape, values) of a little-endian file in C order, as numpy writes it."""
    with open(path, "rb") as f:
        raw = f.read()
    size = struct.unpack("<H", raw[8:10])[0]
    match = re.search(r"'descr': '<(\w\d)'.*'fortran_order': False.*'shape': \(([0-9, ]+)\)",
                      raw[10:10 + size].decode("latin1"))
    shape = tuple(int(n) for n in match.group(2).split(",") if n.strip())
    values = struct.unpack("<%d%s" % (math.prod(shape), CODES[match.group(1)]), raw[10 + size:])
    return shape, list(values)


# From what B has more to what A has more: Brewer's eleven from blue to red.
DIVERGING = [(5, 48, 97), (33, 102, 172), (67, 147, 195), (146, 197, 222), (209, 229, 240), (247, 247, 247),
             (253, 219, 199), (244, 165, 130), (214, 96, 77), (178, 24, 43), (103, 0, 31)]


# ---- The measures, by definition ---------------------------------------------


def ranks(values):
    """1 for the smallest; the average of the ranks that equal ones would take."""
    return [Fraction(2 * sum(w < v for w in values) + 1 + sum(w == v for w in values), 2) for v in values]


def pearson(a, b):
    mean_a, mean_b = Fraction(sum(a), len(a)), Fraction(sum(b), len(b))
    ab = sum((x - mean_a) * (y - mean_b) for x, y in zip(a, b))
    aa, bb = sum((x - mean_a) ** 2 for x in a), sum((y - mean_b) ** 2 for y in b)
    return None if 0 in (aa, bb) else float(ab) / math.sqrt(float(aa) * float(bb))


def spearman(a, b):
    return pearson(ranks(a), ranks(b))


def cosine(a, b):
    aa, bb = math.fsum(x * x for x in a), math.fsum(y * y for y in b)
    return None if 0 in (aa, bb) else math.fsum(x * y for x, y in zip(a, b)) / math.sqrt(aa * bb)


def winners(stack, cells):
    out = []
    for s in range(cells):
        column = [m[s] for m in stack]
        out.append(column.index(max(column)) if max(column) > 0 else None)
    return out


def share(both, either):
    return both / either if either else 1.0


def differences(a, b, width):
    d = [abs(x - y) for x, y in zip(a, b)]
    at = d.index(max(d))
    return {"difference": d[at], "difference_at": [at % width, at // width], "mean_difference": math.fsum(d) / len(d)}


def compare(a, b, pairs, width, scaled=True):
    """What the report of stacks a and b, lists of maps, should say."""
    cells = len(a[0])
    divide = [max([abs(v) for p in pairs for v in stack[p[side]]] + [0.0]) if scaled else 1.0
              for side, stack in ((0, a), (1, b))]
    divide = [d or 1.0 for d in divide]
    won_a, won_b = winners(a, cells), winners(b, cells)
    partner = dict(pairs)
    same = [y is None if x is None else y is not None and partner.get(x) == y for x, y in zip(won_a, won_b)]
    won = [x is not None or y is not None for x, y in zip(won_a, won_b)]
    rows, counts = [], []
    for i, j in pairs:
        in_a, in_b = {s for s in range(cells) if won_a[s] == i}, {s for s in range(cells) if won_b[s] == j}
        counts.append((len(in_a), len(in_b), len(in_a & in_b), len(in_a | in_b)))
        x, y = [v / divide[0] for v in a[i]], [v / divide[1] for v in b[j]]
        rows.append({"rank_a": i, "rank_b": j, "correlation": spearman(a[i], b[j]), "cosine": cosine(x, y),
                     "iou": share(*counts[-1][2:]), "area_a": counts[-1][0] / cells, "area_b": counts[-1][1] / cells,
                     **differences(x, y, width)})
    whole = {"agreement": sum(same) / cells,
             "agreement_won": sum(x and y for x, y in zip(same, won)) / sum(won) if any(won) else None,
             "common": len(pairs) / (len(a) + len(b) - len(pairs))}
    if pairs:
        x = [v / divide[0] for i, _ in pairs for v in a[i]]
        y = [v / divide[1] for _, j in pairs for v in b[j]]
        total = [sum(c[n] for c in counts) for n in range(4)]
        worst = max(range(len(rows)), key=lambda n: (rows[n]["difference"], -n))
        whole.update(correlation=spearman([v for i, _ in pairs for v in a[i]], [v for _, j in pairs for v in b[j]]),
                     cosine=cosine(x, y), iou=share(total[2], total[0] + total[1] - total[2]),
                     area_a=total[0] / cells, area_b=total[1] / cells, difference=rows[worst]["difference"],
                     difference_at=rows[worst]["difference_at"], difference_rank_a=pairs[worst][0],
                     mean_difference=math.fsum(abs(p - q) for p, q in zip(x, y)) / len(x))
    return rows, whole


def resample(plane, kind, size, target):
    """One map, (height, width) each."""
    def taps(n, m):
        rows = []
        for x in range(m):
            centre = (x + 0.5) * n / m
            row = [float(i == int(centre)) if kind == "nearest" else kernel(kind, i + 0.5 - centre)
                   for i in range(n)]
            rows.append([v / sum(row) for v in row])
        return rows
    (height, width), down, across = size, taps(size[0], target[0]), taps(size[1], target[1])
    rows = [[math.fsum(plane[y * width + i] * t[i] for i in range(width)) for t in across] for y in range(height)]
    return [math.fsum(rows[i][x] * t[i] for i in range(height)) for t in down for x in range(target[1])]


def split(values, cells):
    return [values[at:at + cells] for at in range(0, len(values), cells)]


# ---- Calling the program -----------------------------------------------------


class Case(unittest.TestCase):
    """Two small stacks with many equal values in a folder of their own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        rng = random.Random(5)
        self.a = [[rng.randrange(-4, 5) / 4 for _ in range(S)] for _ in range(K)]
        self.b = [[v + rng.choice((-0.5, 0, 0, 0.25)) for v in m] for m in self.a]
        self.put_maps("a.npy", self.a)
        self.put_maps("b.npy", self.b)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def put(self, name, data):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "wb") as f:
            f.write(data)

    def put_maps(self, name, stack, size=(H, W)):
        self.put(name, npy((len(stack),) + tuple(size), [v for m in stack for v in m]))

    def put_report(self, name, classes):
        """Of (index, label) pairs, as far as compare looks at it."""
        rows = [{"rank": k, "index": i, "label": t} for k, (i, t) in enumerate(classes)]
        self.put(name, json.dumps({"version": 1, "classes": rows}).encode("utf-8"))

    def get(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def run_program(self, *args, **more):
        more.setdefault("stdout", subprocess.PIPE)
        return subprocess.run([cli.PROGRAM, *map(str, args)], cwd=self.dir, stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=120, **more)

    def table(self, *args):
        r = self.run_program("compare", *args)
        self.assertEqual((r.returncode, r.stderr), (0, b""), args)
        return r.stdout.decode("utf-8")

    def report(self, *args):
        self.table(*args, "--report", "out.json")
        return json.loads(self.get("out.json").decode("utf-8"))

    def assert_value(self, got, want, what, tolerance):
        if isinstance(want, float) and got is not None:
            self.assertLessEqual(abs(got - want), tolerance, what)
        else:
            self.assertEqual(got, want, what)

    def assert_measures(self, report, a, b, pairs, width=W, scaled=True, tolerance=1e-12):
        rows, whole = compare(a, b, pairs, width, scaled)
        self.assertEqual(len(report["pairs"]), len(rows))
        for got, want in zip(report["pairs"] + [report["whole"]], rows + [whole]):
            for key, value in want.items():
                self.assert_value(got[key], value, (key, got), tolerance)

    def assert_fails(self, status, says, *args, outputs=("out.json",)):
        """Exit status, one line that says so, and everything left as it was."""
        for name in outputs:
            self.put(name, b"an earlier result")

        def look():
            return {n: self.get(n) for n in os.listdir(self.dir) if stat.S_ISREG(os.lstat(self.path(n)).st_mode)}
        before = look()
        r = self.run_program("compare", *args)
        text = r.stderr.decode("utf-8", "replace")
        self.assertEqual((r.returncode, r.stdout), (status, b""), text)
        self.assertRegex(text, r"\Afmgcam: [^\n]+\n\Z")
        self.assertIn(says, text)
        self.assertEqual(look(), before)


# ---- Measures ----------------------------------------------------------------


class Measures(Case):
    def test_all_of_them(self):
        report = self.report("a.npy", "b.npy")
        self.assert_measures(report, self.a, self.b, [(k, k) for k in range(K)])
        self.assertEqual(report["matched_by"], "rank")
        self.assertEqual(report["size"], [H, W])
        self.assertEqual((report["a"]["shape"], report["a"]["resampled"]), ([K, H, W], False))
        self.assertEqual(report["options"], {"scale": "max", "resample": "bicubic"})
        self.assertEqual((report["thresholds"], report["met"]), ({}, True))

    def test_many_random_ones(self):
        rng = random.Random(11)
        for n in range(25):
            height, width = rng.randrange(1, 5), rng.randrange(1, 5)
            cells, levels = height * width, rng.choice((1, 2, 3, 50))
            a, b = ([[rng.randrange(-levels, levels + 1) / 8 for _ in range(cells)]
                     for _ in range(rng.randrange(1, 4))] for _ in range(2))
            scale = rng.choice(("max", "none"))
            self.put_maps("a.npy", a, (height, width))
            self.put_maps("b.npy", b, (height, width))
            with self.subTest(n=n):
                self.assert_measures(self.report("a.npy", "b.npy", "--scale", scale), a, b,
                                     [(k, k) for k in range(min(len(a), len(b)))], width, scale == "max")

    def test_equal_stacks(self):
        report = self.report("a.npy", "a.npy", "--min-agreement", 1, "--min-common", 1, "--min-correlation", 1,
                             "--min-cosine", 1, "--min-iou", 1, "--max-difference", 0, "--max-mean-difference", 0)
        for row in report["pairs"] + [report["whole"]]:
            self.assertEqual([row[k] for k in ("correlation", "cosine", "iou", "difference", "mean_difference")],
                             [1, 1, 1, 0, 0])
        self.assertEqual([report["whole"][k] for k in ("agreement", "agreement_won", "common")], [1, 1, 1])
        self.assertEqual(len(report["thresholds"]), 7)
        self.assertTrue(report["met"])

    def test_opposite_stacks(self):
        self.put_maps("b.npy", [[-v for v in m] for m in self.a])
        row = self.report("a.npy", "b.npy")["whole"]
        self.assertEqual((row["correlation"], row["cosine"]), (-1, -1))

    def test_a_larger_scale_is_no_difference(self):
        self.put_maps("b.npy", [[4 * v for v in m] for m in self.a])
        report = self.report("a.npy", "b.npy", "--min-correlation", 1)
        self.assertEqual(report["whole"]["difference"], 0)
        self.assertEqual(report["b"]["divisor"], 4 * report["a"]["divisor"])
        report = self.report("a.npy", "b.npy", "--scale", "none", "--min-correlation", 1)
        self.assertEqual(report["whole"]["difference"], 3 * max(abs(v) for m in self.a for v in m))
        self.assertEqual((report["a"]["divisor"], report["options"]["scale"]), (1, "none"))

    def test_ranks_see_what_sums_do_not(self):
        self.put_maps("a.npy", [[i ** 5 for i in range(S)]])
        self.put_maps("b.npy", [[math.sqrt(i) for i in range(S)]])
        row = self.report("a.npy", "b.npy")["pairs"][0]
        self.assertEqual(row["correlation"], 1)
        self.assertLess(row["cosine"], 0.9)

    def test_constant_maps(self):
        self.put_maps("a.npy", [self.a[0], [0] * S, [0.5] * S])
        report = self.report("a.npy", "b.npy")
        self.assert_measures(report, [self.a[0], [0] * S, [0.5] * S], self.b, [(k, k) for k in range(K)])
        self.assertEqual([row["correlation"] is None for row in report["pairs"]], [False, True, True])
        self.assertEqual([row["cosine"] is None for row in report["pairs"]], [False, True, False])
        self.put_maps("a.npy", [[0] * S] * K)
        self.assert_measures(self.report("a.npy", "b.npy"), [[0] * S] * K, self.b, [(k, k) for k in range(K)])
        self.put_maps("b.npy", [[0] * S] * K)
        report = self.report("a.npy", "b.npy")
        self.assertIsNone(report["whole"]["agreement_won"])
        self.assertEqual((report["whole"]["agreement"], report["pairs"][0]["iou"]), (1, 1))

    def test_ties_of_winners_go_to_the_lowest_rank(self):
        a, b = [[1, 1, 0, -1], [1, 0, 0, -2]], [[1, 1, 0, -3], [2, 1, 0, 0]]
        self.put_maps("a.npy", a, (2, 2))
        self.put_maps("b.npy", b, (2, 2))
        report = self.report("a.npy", "b.npy")
        self.assert_measures(report, a, b, [(0, 0), (1, 1)], 2)
        self.assertEqual([row["iou"] for row in report["pairs"]], [0.5, 0])
        self.assertEqual((report["whole"]["agreement"], report["whole"]["agreement_won"]), (0.75, 0.5))

    def test_large_and_small_numbers(self):
        for scale in (1e38, 1e-42):
            a, b = ([single(v * scale for v in m) for m in stack] for stack in (self.a, self.b))
            self.put_maps("a.npy", a)
            self.put_maps("b.npy", b)
            self.assert_measures(self.report("a.npy", "b.npy"), a, b, [(k, k) for k in range(K)])

    def test_encodings(self):
        want = self.report("a.npy", "b.npy")
        flat, shape = [v for m in self.a for v in m], (K, H, W)
        for data in (npy(shape, flat, "<f2"), npy(shape, flat, ">f8"),
                     npy(shape, to_fortran(flat, shape), fortran=True)):
            self.put("a.npy", data)
            self.assertEqual(self.report("a.npy", "b.npy"), want)


class Sizes(Case):
    def test_to_the_larger_of_each(self):
        rng = random.Random(3)
        a, b = ([[rng.gauss(0, 1) for _ in range(cells)] for _ in range(2)] for cells in (3 * 8, 6 * 4))
        a, b = [single(m) for m in a], [single(m) for m in b]
        self.put_maps("a.npy", a, (3, 8))
        self.put_maps("b.npy", b, (6, 4))
        for kind in ("nearest", "bilinear", "bicubic"):
            with self.subTest(kind):
                large_a = [resample(m, kind, (3, 8), (6, 8)) for m in a]
                large_b = [resample(m, kind, (6, 4), (6, 8)) for m in b]
                report = self.report("a.npy", "b.npy", "--resample", kind)
                if kind != "nearest":  # no rank hangs on how float32 rounds
                    for m in large_a + large_b:
                        values = sorted(m)
                        self.assertGreater(min(y - x for x, y in zip(values, values[1:])), 1e-5)
                # A value is a sum of up to 4 x 4 products, 16 roundings deep with those of the weights, whose
                # magnitudes add up to less than 1.6; it and its divisor count, on both sides.
                self.assert_measures(report, large_a, large_b, [(0, 0), (1, 1)], 8,
                                     tolerance=1e-12 if kind == "nearest" else 4 * 1.6 * 16 * 2 ** -24)
                self.assertEqual((report["size"], report["a"]["shape"], report["b"]["shape"]),
                                 ([6, 8], [2, 3, 8], [2, 6, 4]))
                self.assertEqual((report["a"]["resampled"], report["b"]["resampled"]), (True, True))
                self.assertEqual(report["options"]["resample"], kind)

    def test_one_alone(self):
        self.put_maps("b.npy", [resample(m, "nearest", (H, W), (2 * H, 3 * W)) for m in self.a], (2 * H, 3 * W))
        report = self.report("a.npy", "b.npy", "--resample", "nearest", "--max-difference", 0)
        self.assertEqual((report["a"]["resampled"], report["b"]["resampled"]), (True, False))
        self.assertIn("[3,4,5], resampled, a.npy", self.table("a.npy", "b.npy"))


# ---- Classes -----------------------------------------------------------------


class Classes(Case):
    REPORTS = ("--report-a", "a.json", "--report-b", "b.json")

    def setUp(self):
        """No two classes are equal in a cell: there, their order would decide the winner."""
        super().setUp()
        rng = random.Random(6)
        self.a, self.b = ([single(rng.gauss(0, 1) for _ in range(S)) for _ in range(K)] for _ in range(2))
        for m in self.a + self.b:  # there, nobody wins
            m[7] = -abs(m[7])
        self.put_maps("a.npy", self.a)
        self.put_maps("b.npy", self.b)

    def match(self, a, b, *args):
        self.put_report("a.json", a)
        self.put_report("b.json", b)
        return self.report("a.npy", "b.npy", *self.REPORTS, *args)

    def test_permuted_by_index(self):
        self.put_maps("b.npy", [self.a[k] for k in (2, 0, 1)])
        report = self.match([(7, "x"), (5, "y"), (9, "z")], [(9, "x"), (7, "y"), (5, "z")],
                            "--min-agreement", 1, "--max-difference", 0, "--min-iou", 1)
        self.assertEqual(report["matched_by"], "index")
        self.assertEqual([(r["rank_a"], r["rank_b"], r["index"], r["label"]) for r in report["pairs"]],
                         [(0, 1, 7, "x"), (1, 2, 5, "y"), (2, 0, 9, "z")])
        self.assertLess(self.report("a.npy", "b.npy")["whole"]["agreement"], 1)

    def test_permuted_by_label(self):
        self.put_maps("b.npy", [self.a[k] for k in (1, 2, 0)])
        for a in ([(None, "x"), (None, "y"), (None, "z")], [(5, "x"), (6, "y"), (7, "z")]):
            report = self.match(a, [(None, "y"), (None, "z"), (None, "x")], "--max-difference", 0)
            self.assertEqual(report["matched_by"], "label")
            self.assertEqual([(r["rank_a"], r["rank_b"], r["index"], r["label"]) for r in report["pairs"]],
                             [(0, 2, None, "x"), (1, 0, None, "y"), (2, 1, None, "z")])

    def test_a_label_of_one_side(self):
        report = self.match([(7, None), (5, None), (9, "z")], [(9, "x"), (7, "y"), (5, "z")])
        self.assertEqual([r["label"] for r in report["pairs"]], ["y", "z", "z"])

    def test_only_common_ones(self):
        report = self.match([(1, "one"), (2, "two"), (3, "three")], [(3, "drei"), (4, "vier"), (1, "eins")])
        self.assert_measures(report, self.a, self.b, [(0, 2), (2, 0)])
        self.assertEqual(report["only_a"], [{"rank": 1, "index": 2, "label": "two"}])
        self.assertEqual(report["only_b"], [{"rank": 1, "index": 4, "label": "vier"}])
        self.assertEqual(report["whole"]["common"], 0.5)
        table = self.table("a.npy", "b.npy", *self.REPORTS)
        self.assertRegex(table, r"(?m)^ +1 +-  only in A 2 two$")
        self.assertRegex(table, r"(?m)^ +- +1  only in B 4 vier$")

    def test_more_in_one_by_rank(self):
        self.put_maps("b.npy", self.b[:2])
        report = self.report("a.npy", "b.npy")
        self.assert_measures(report, self.a, self.b[:2], [(0, 0), (1, 1)])
        self.assertEqual((report["only_a"], report["only_b"]), ([{"rank": 2, "index": None, "label": None}], []))

    def test_none_in_common(self):
        report = self.match([(1, "a"), (2, "b"), (3, "c")], [(4, "a"), (5, "b"), (6, "c")])
        self.assert_measures(report, self.a, self.b, [])
        self.assertEqual([report["whole"][k] for k in ("correlation", "cosine", "iou", "difference", "common")],
                         [None, None, None, None, 0])
        self.assertGreater(report["whole"]["agreement"], 0)  # where nobody wins
        self.assertIn("- ", self.table("a.npy", "b.npy", *self.REPORTS))
        self.assert_fails(1, "no class in both", "a.npy", "b.npy", *self.REPORTS, "--picture", "out.png", "--size",
                          "9x9", "--report", "out.json", outputs=("out.png", "out.json"))

    def test_reports_that_know_nothing(self):
        report = self.match([(None, None)] * K, [(None, None)] * K)
        self.assertEqual(report["matched_by"], "rank")

    def test_that_cannot_be_matched(self):
        known, unknown = [(k, "c%d" % k) for k in range(K)], [(None, None)] * K
        for a, b, says in ((known, unknown, "b.json: cannot be matched with a.json"),
                           (unknown, known, "b.json: cannot be matched with a.json"),
                           ([(1, None)] * K, known, "a.json: classes[0] and classes[1] have the same index"),
                           ([(None, "x")] * K, known, "a.json: classes[0] and classes[1] have the same label"),
                           (known, [(1, None), (2, None), (1, None)],
                            "b.json: classes[0] and classes[2] have the same index"),
                           (known, known[:2], "b.json: 2 classes; 3 maps are given")):
            self.put_report("a.json", a)
            self.put_report("b.json", b)
            self.assert_fails(1, says, "a.npy", "b.npy", *self.REPORTS, "--report", "out.json")

    def test_reports_that_are_none(self):
        self.put_report("b.json", [(k, None) for k in range(K)])
        row = '{"rank": %s, "index": %s, "label": %s}'
        rows = '{"version": 1, "classes": [' + row + ", " + row % (1, 1, "null") + ", " + row % (2, 2, "null") + "]}"
        for text, says in (("", "not JSON: line 1"), ('{"a": 1, "a": 2}', "not JSON"), ("[]", "\"version\" is not 1"),
                           ('{"version": 2, "classes": []}', "\"version\" is not 1"),
                           ('{"version": 1, "classes": {}}', "\"classes\" is no array"),
                           (rows % (1, 1, "null"), "classes[0]: \"rank\" is not 0"),
                           (rows % (0, -1, "null"), "classes[0]: \"index\" is no index"),
                           (rows % (0, 1.5, "null"), "classes[0]: \"index\" is no index"),
                           (rows % (0, 0, 7), "classes[0]: \"label\" is no text"),
                           ('{"version": 1, "classes": [1, 2, 3]}', "classes[0]: \"rank\"")):
            self.put("a.json", text.encode())
            self.assert_fails(1, "fmgcam: a.json: ", "a.npy", "b.npy", *self.REPORTS)
            self.assert_fails(1, says, "a.npy", "b.npy", *self.REPORTS)
        self.assert_fails(1, "nope.json: No such file", "a.npy", "b.npy", "--report-a", "nope.json",
                          "--report-b", "b.json")


class Table(Case):
    def test_what_it_shows(self):
        names = ["猫", "Ägyptische Katze", "chat\x1b[2J\n\u009b2J"]
        self.put_report("a.json", list(enumerate(names)))
        args = ("a.npy", "b.npy", "--report-a", "a.json", "--report-b", "a.json")
        text, report = self.table(*args), self.report(*args)
        self.assertNotIn("\x1b", text)
        lines = [line for line in text.splitlines() if re.match(r" +\d+ +\d", line)]
        self.assertEqual(len(lines), K)
        for line, row, name in zip(lines, report["pairs"], ["猫", "Ägyptische Katze", "chat?[2J???2J"]):
            words = line.split(None, 9)
            self.assertEqual(words[:2], [str(row["rank_a"]), str(row["rank_b"])])
            self.assertEqual(words[2:5], ["%.4f" % row[k] for k in ("correlation", "cosine", "iou")])
            self.assertEqual(words[5:7], ["%.4g" % row[k] for k in ("mean_difference", "difference")])
            self.assertEqual(words[7:], ["%d,%d" % tuple(row["difference_at"]), str(row["index"]), name])
        heads = text.splitlines()[4]
        self.assertEqual(len({line.index(words) for line, words in zip(lines, ("猫", "Ägyptische", "chat"))}), 1)
        self.assertTrue(heads.endswith("class") and heads.startswith("rank A"))
        agreed = re.search(r"agree in (\d+) of (\d+) cells \(([0-9.]+)\)", text).groups()
        self.assertEqual(agreed[1:], (str(S), "%.4f" % report["whole"]["agreement"]))
        self.assertEqual(int(agreed[0]) / S, report["whole"]["agreement"])

    def test_it_is_left_out_where_a_file_goes(self):
        want = self.report("a.npy", "b.npy")
        for name in ("/dev/stdout", "/dev/fd/1"):
            self.assertEqual(json.loads(self.table("a.npy", "b.npy", "--report", name)), want)

    def test_it_must_arrive(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        with open("/dev/full", "wb") as full:
            r = self.run_program("compare", "a.npy", "b.npy", "--min-agreement", 1, stdout=full)
        self.assertEqual(r.returncode, 1)
        self.assertIn(b"standard output: No space left", r.stderr)


# ---- Thresholds --------------------------------------------------------------


class Thresholds(Case):
    def results(self):
        rows, whole = compare(self.a, self.b, [(k, k) for k in range(K)], W)
        worst = {"min-agreement": whole["agreement"], "min-common": whole["common"]}
        for name, key in (("min-correlation", "correlation"), ("min-cosine", "cosine"), ("min-iou", "iou")):
            worst[name] = min(row[key] for row in rows)
        for name, key in (("max-difference", "difference"), ("max-mean-difference", "mean_difference")):
            worst[name] = max(row[key] for row in rows)
        return worst, rows

    def run_with(self, *args):
        r = self.run_program("compare", "a.npy", "b.npy", "--report", "out.json", *args)
        return r.returncode, r.stderr.decode(), json.loads(self.get("out.json"))

    def test_both_sides_of_each(self):
        worst, _ = self.results()
        for name, value in worst.items():
            with self.subTest(name):
                step = -1e-6 if name.startswith("min") else 1e-6
                status, text, report = self.run_with("--" + name, value + step)
                self.assertEqual((status, text, report["met"]), (0, "", True))
                if value - step <= 1 or name.startswith("max"):
                    status, text, report = self.run_with("--" + name, value - step)
                    self.assertEqual((status, report["met"]), (3, False))
                    self.assertRegex(text, r"\Afmgcam: --%s: [-0-9.e]+[^\n]*, expected at (least|most) [-0-9.e]+\n\Z"
                                     % name)
                found = report["thresholds"][name]
                self.assertLess(abs(found["found"] - value), 1e-12)
                self.assertEqual(found["rank_a"] is None, name in ("min-agreement", "min-common"))

    def test_exactly_met(self):
        worst, _ = self.results()
        self.assertEqual(self.run_with("--min-agreement", repr(worst["min-agreement"]))[0], 0)
        self.assertEqual(self.run_with("--min-iou", repr(worst["min-iou"]))[0], 0)

    def test_the_line(self):
        self.put_maps("a.npy", [[1] * 50 + [0] * 10], (6, 10))
        self.put_maps("b.npy", [[1] * 40 + [0] * 20], (6, 10))
        self.assertEqual(self.run_with("--min-agreement", "0.9")[1],
                         "fmgcam: --min-agreement: 0.8333, expected at least 0.9\n")
        self.put_report("a.json", [(281, "tabby")])
        reports = ("--report-a", "a.json", "--report-b", "a.json")
        self.assertEqual(self.run_with("--min-iou", "0.9", "--max-difference", ".5", *reports)[1],
                         "fmgcam: --min-iou: 0.8 for class 281 (tabby), expected at least 0.9\n"
                         "fmgcam: --max-difference: 1 for class 281 (tabby), expected at most 0.5\n")
        self.assertEqual(self.run_with("--min-iou", "0.9")[1],
                         "fmgcam: --min-iou: 0.8 for rank 0, expected at least 0.9\n")
        # Never a number that would meet it.
        self.assertEqual(self.run_with("--min-agreement", "0.83334")[1],
                         "fmgcam: --min-agreement: 0.8333, expected at least 0.83334\n")
        self.assertEqual(self.run_with("--min-agreement", "0.8333333334")[1],
                         "fmgcam: --min-agreement: 0.8333, expected at least 0.8333333334\n")
        self.put_maps("a.npy", [[1] * 19999 + [0]], (100, 200))
        self.put_maps("b.npy", [[1] * 20000], (100, 200))
        self.assertEqual(self.run_with("--min-agreement", "1")[1],
                         "fmgcam: --min-agreement: 0.99995, expected at least 1\n")

    def test_the_worst_class_is_named(self):
        _, rows = self.results()
        worst = min(range(K), key=lambda k: rows[k]["correlation"])
        status, text, report = self.run_with("--min-correlation", 1)
        self.assertIn(" for rank %d, " % worst, text)
        self.assertEqual((status, report["thresholds"]["min-correlation"]["rank_a"]), (3, worst))

    def test_what_is_not_defined_does_not_meet_any(self):
        self.put_maps("a.npy", [self.a[0], [0] * S, self.a[2]])
        status, text, report = self.run_with("--min-correlation", -1, "--min-cosine", -1)
        self.assertEqual(status, 3)
        self.assertEqual(text, "fmgcam: --min-correlation: cannot be computed for rank 1, since a map is constant; "
                               "expected at least -1\n"
                               "fmgcam: --min-cosine: cannot be computed for rank 1, since a map is zero everywhere; "
                               "expected at least -1\n")
        self.assertEqual(report["thresholds"]["min-correlation"],
                         {"threshold": -1, "found": None, "rank_a": 1, "met": False})
        self.put_report("a.json", [(k, None) for k in range(K)])
        self.put_report("b.json", [(k + K, None) for k in range(K)])
        for name in ("min-correlation", "min-cosine", "min-iou", "max-difference", "max-mean-difference"):
            status, text, _ = self.run_with("--report-a", "a.json", "--report-b", "b.json", "--" + name, 0)
            self.assertEqual(status, 3)
            self.assertIn("--%s: cannot be computed, since no class is in both; expected at" % name, text)

    def test_out_of_range(self):
        for name, bad in (("min-agreement", ("-0.1", "1.1")), ("min-common", ("-1", "2")), ("min-iou", ("-0.5", "1.5")),
                          ("min-correlation", ("-1.1", "1.01")), ("min-cosine", ("-2", "2")),
                          ("max-difference", ("-0.1",)), ("max-mean-difference", ("-1",))):
            for value in bad + ("nan", "inf", "-inf", "", "x", "0.5x", "0x1", "1e999"):
                self.assert_fails(2, "fmgcam: --%s: '%s' is not a number from" % (name, value), "a.npy", "b.npy",
                                  "--" + name, value, "--report", "out.json")


# ---- Files -------------------------------------------------------------------


class Files(Case):
    def put_case(self, name, **stacks):
        for kind, stack in stacks.items():
            self.put_maps("%s/%s.npy" % (name, kind.replace("_", "-")), stack)
        self.put_report(name + "/report.json", [(k, "c%d" % k) for k in range(K)])

    def test_folders(self):
        self.put_case("one", maps=self.a, class_maps=self.a)
        self.put_case("two", maps=self.b, class_maps=self.b, signed_maps=self.b)
        for one, two in (("one", "two"), ("one/", "two/")):
            report = self.report(one, two)
            self.assert_measures(report, self.a, self.b, [(k, k) for k in range(K)])
            self.assertEqual((report["matched_by"], report["pairs"][2]["label"]), ("index", "c2"))
            self.assertEqual((report["a"]["maps"], report["b"]["maps"]), ("one/class-maps.npy", "two/class-maps.npy"))
            self.assertEqual(report["a"]["report"], "one/report.json")
        self.put_case("one", signed_maps=self.b)
        self.assertEqual(self.report("one", "two")["a"]["maps"], "one/signed-maps.npy")
        self.put_report("other.json", [(9, None), (1, None), (2, None)])
        self.assertEqual(self.report("one", "two", "--report-a", "other.json", "--report-b", "two/report.json")
                         ["only_a"], [{"rank": 0, "index": 9, "label": None}])

    def test_one_report_beside_that_of_a_folder(self):
        for name in ("one", "two"):
            self.put_case(name, maps=self.a)
        self.put_report("other.json", [(9, None), (1, None), (2, None)])
        other = [{"rank": 0, "index": 9, "label": None}]
        r = self.report("one", "two", "--report-a", "other.json")
        self.assertEqual((r["a"]["report"], r["b"]["report"], r["only_a"]), ("other.json", "two/report.json", other))
        r = self.report("one", "two", "--report-b", "other.json")
        self.assertEqual((r["a"]["report"], r["b"]["report"], r["only_b"]), ("one/report.json", "other.json", other))

    def test_folders_that_do_not_go_together(self):
        self.put_case("one", maps=self.a)
        self.put_case("two", class_maps=self.b)
        self.assert_fails(1, "one: has none of signed-maps.npy, class-maps.npy and maps.npy that two has too",
                          "one", "two")
        self.assert_fails(2, "one: is a folder, and b.npy is not", "one", "b.npy")
        self.assert_fails(2, "one: is a folder, and a.npy is not", "a.npy", "one")
        os.remove(self.path("one", "report.json"))
        self.assert_fails(1, "one/report.json: No such file", "one", "one")

    def test_not_finite(self):
        for value, word in ((math.nan, "NaN"), (math.inf, "infinite"), (-math.inf, "infinite")):
            bad = [list(m) for m in self.b]
            bad[2][1 * W + 3] = value
            self.put_maps("bad.npy", bad)
            says = "fmgcam: bad.npy: the element at [2,1,3] is " + word
            self.assert_fails(1, says, "a.npy", "bad.npy", "--report", "out.json")
            self.assert_fails(1, says, "bad.npy", "a.npy")
            flat = [v for m in bad for v in m]
            self.put("bad.npy", npy((K, H, W), to_fortran(flat, (K, H, W)), fortran=True))
            self.assert_fails(1, says, "a.npy", "bad.npy")

    def test_shapes(self):
        for shape in ((S,), (H, W), (1, K, H, W)):
            self.put("bad.npy", npy(shape, [0.0] * math.prod(shape)))
            self.assert_fails(1, "bad.npy: shape [%s]; [K,H,W] expected" % ",".join(map(str, shape)),
                              "a.npy", "bad.npy")

    def test_missing(self):
        self.assert_fails(1, "nope.npy: No such file", "a.npy", "nope.npy")
        self.assert_fails(1, "nope.npy: No such file", "nope.npy", "b.npy")
        self.put("bad.npy", b"nothing of the kind")
        self.assert_fails(1, "bad.npy: not a .npy file", "bad.npy", "b.npy")
        self.assert_fails(1, "nowhere/out.json: No such file", "a.npy", "b.npy", "--report", "nowhere/out.json")

    def test_a_pipe(self):
        want = self.report("a.npy", "b.npy")
        read, write = os.pipe()
        os.write(write, self.get("a.npy"))
        os.close(write)
        r = self.run_program("compare", "/dev/fd/%d" % read, "b.npy", "--report", "/dev/stdout", pass_fds=(read,))
        os.close(read)
        self.assertEqual(json.loads(r.stdout)["pairs"], want["pairs"])

    def test_a_name_that_is_not_utf_8(self):
        os.rename(self.path("a.npy"), os.path.join(os.fsencode(self.dir), b"\xff.npy"))
        r = self.run_program("compare", b"\xff.npy".decode("utf-8", "surrogateescape"), "b.npy", "--report", "out.json")
        self.assertEqual(r.returncode, 0)
        self.assertIsNone(json.loads(self.get("out.json"))["a"]["maps"])

    def test_no_input_is_replaced(self):
        self.put_report("r.json", [(k, None) for k in range(K)])
        for name, more in (("a.npy", ()), ("b.npy", ()), ("r.json", ("--report-a", "r.json", "--report-b", "r.json"))):
            self.assert_fails(2, "%s: is an input and the file of --report" % name, "a.npy", "b.npy", *more,
                              "--report", name)
        self.put_case("one", maps=self.a)
        self.assert_fails(2, "one/report.json: is an input and the file of --report", "one", "one", "--report",
                          "one/report.json")

    def test_all_or_none(self):
        self.assert_fails(1, "out.png", "a.npy", "b.npy", "--report", "out.json", "--picture", "nowhere/out.png",
                          "--size", "8x8")


class Usage(Case):
    def test_what_is_missing(self):
        self.assert_fails(2, "fmgcam: compare: A and B are missing")
        self.assert_fails(2, "fmgcam: compare: B is missing", "a.npy")
        self.assert_fails(2, "fmgcam: c.npy: there are two to compare", "a.npy", "b.npy", "c.npy")
        self.assert_fails(2, "fmgcam: A: the name of the file is empty", "", "b.npy")
        self.assert_fails(2, "fmgcam: B: the name of the file is empty", "a.npy", "")
        self.assert_fails(2, "fmgcam: --report: the name of the file is empty", "a.npy", "b.npy", "--report", "")

    def test_what_does_not_go_together(self):
        for says, *args in (("--report-a: goes together with --report-b", "--report-a", "x.json"),
                            ("--report-b: goes together with --report-a", "--report-b", "x.json"),
                            ("--image: needs --picture", "--image", "x.png"),
                            ("--size: needs --picture", "--size", "4x4"),
                            ("--preprocess: needs --picture", "--preprocess", "crop:2"),
                            ("--size: excludes --image", "--size", "4x4", "--image", "x.png", "--picture", "y.png"),
                            ("--picture: needs --image or --size", "--picture", "y.png"),
                            ("y.gif: a picture's name ends in", "--picture", "y.gif", "--size", "4x4"),
                            ("y.png: is the file of --report and of --picture", "--picture", "y.png", "--size", "4x4",
                             "--report", "y.png")):
            self.assert_fails(2, "fmgcam: " + says, "a.npy", "b.npy", *args)

    def test_values(self):
        for says, *args in (("--scale: 'sum' is not available; there is: max, none", "--scale", "sum"),
                            ("--resample: 'x' is not available; there is: nearest", "--resample", "x"),
                            ("--preprocess: 'turn'", "--preprocess", "turn"),
                            ("--size: '0x4' is not WIDTHxHEIGHT", "--size", "0x4"),
                            ("--nope: unknown option; see 'fmgcam compare --help'", "--nope"),
                            ("--m: ambiguous option", "--m", "1"),
                            ("--min-iou: needs a value", "--min-iou")):
            self.assert_fails(2, "fmgcam: " + says, "a.npy", "b.npy", *args)

    def test_help(self):
        for args in (("--help",), ("a.npy", "--help", "--nope")):
            text = self.table(*args)
            for word in ("3 compared, but a threshold is not met", "--max-mean-difference"):
                self.assertIn(word, text)
        r = self.run_program("--help")
        self.assertRegex(r.stdout.decode(), r"(?m)^  compare +\w")
        self.assertIn(b"3", r.stdout.split(b"Exit status")[1])


# ---- Picture -----------------------------------------------------------------


def tile(plane, colour, size, image=None):
    """By the colour of a class, or with None the diverging ones."""
    out = []
    for p, v in enumerate(resample(plane, "bicubic", (H, W), size)):
        if colour:
            c, e = [v * x for x in colour], min(max(v, 0.0), 1.0)
        else:
            v = min(max(v, -1.0), 1.0)
            at = min(int((v + 1) * 5), 9)
            share = (v + 1) * 5 - at
            c, e = [(1 - share) * x + share * y for x, y in zip(*DIVERGING[at:at + 2])], abs(v)
        if image:
            c = [(1 - 0.6 * e) * image[p * 3 + i] + 0.6 * c[i] * (1 if colour else e) for i in range(3)]
        out.append([int(min(max(x, 0.0), 255.0) + 0.5) for x in c])
    return out


class Picture(Case):
    GAP = 4

    def assert_picture(self, name, size, image, scaled):
        height, width = size
        largest = [max(abs(v) for m in stack for v in m) for stack in (self.a, self.b)]
        a, b = ([[v / (d if scaled else 1) for v in m] for m in stack]
                for stack, d in zip((self.a, self.b), largest))
        d = [[x - y for x, y in zip(m, n)] for m, n in zip(a, b)]
        unit = max(abs(v) for stack in (a, b, d) for m in stack for v in m)
        got_width, got_height, rgb = read_png(self.path(name))
        self.assertEqual((got_width, got_height), (3 * width + 2 * self.GAP, K * height + (K - 1) * self.GAP))
        want = [[255] * 3 for _ in range(got_width * got_height)]

        for k in range(K):
            tiles = (tile([max(v / unit, 0.0) for v in a[k]], PALETTE[k], size, image),
                     tile([max(v / unit, 0.0) for v in b[k]], PALETTE[k], size, image),
                     tile([v / unit for v in d[k]], None, size, image))
            for t, pixels in enumerate(tiles):
                for y in range(height):
                    at = (k * (height + self.GAP) + y) * got_width + t * (width + self.GAP)
                    want[at:at + width] = pixels[y * width:(y + 1) * width]
        flat = [v for p in want for v in p]
        self.assertLessEqual(max(abs(p - q) for p, q in zip(rgb, flat)), 1)

    def test_alone(self):
        for scale in ("max", "none"):
            self.table("a.npy", "b.npy", "--picture", "p.png", "--size", "13x10", "--scale", scale)
            self.assert_picture("p.png", (10, 13), None, scale == "max")

    def test_a_difference_larger_than_both(self):
        self.b = [[-v for v in m] for m in self.a]
        self.put_maps("b.npy", self.b)
        self.table("a.npy", "b.npy", "--picture", "p.png", "--size", "13x10")
        self.assert_picture("p.png", (10, 13), None, True)

    def test_over_an_image(self):
        rng = random.Random(8)
        image = [rng.randrange(256) for _ in range(11 * 9 * 3)]
        self.put("image.png", png(11, 9, image))
        self.table("a.npy", "b.npy", "--picture", "p.png", "--image", "image.png")
        self.assert_picture("p.png", (9, 11), image, True)

    def test_zero_everywhere(self):
        self.put_maps("zero.npy", [[0] * S] * K)
        self.table("zero.npy", "zero.npy", "--picture", "p.png", "--size", "5x4")
        self.assertEqual(set(read_png(self.path("p.png"))[2]), {0, 247, 255})

    def test_the_colour_follows_the_rank_in_a(self):
        self.put_report("a.json", [(k, None) for k in range(K)])
        self.put_report("b.json", [(2, None), (8, None), (9, None)])
        self.put_maps("full.npy", [[1] * S] * K)
        self.table("full.npy", "full.npy", "--report-a", "a.json", "--report-b", "b.json", "--picture", "p.png", "--size",
                   "1x1")
        gap = [255] * (3 * self.GAP)
        self.assertEqual(read_png(self.path("p.png"))[2],
                         list(PALETTE[2]) + gap + list(PALETTE[2]) + gap + list(DIVERGING[5]))

    def test_what_the_network_saw(self):
        """The map lies in the middle of a wide image, the rest fades into grey."""
        self.put("image.png", png(15, 4, [200] * (15 * 4 * 3)))
        self.put_maps("full.npy", [[1] * S])
        self.table("full.npy", "full.npy", "--picture", "p.png", "--image", "image.png", "--preprocess", "crop:5x4")
        width, _, rgb = read_png(self.path("p.png"))
        seen = [round(0.4 * 200 + 0.6 * v) for v in PALETTE[0]]
        row = [rgb[3 * x:3 * x + 3] for x in range(15)]
        self.assertEqual((width, row), (53, [[157] * 3] * 5 + [seen] * 5 + [[157] * 3] * 5))
        self.assert_fails(1, "--preprocess: crop:99", "a.npy", "b.npy", "--picture", "out.png", "--size", "8x8",
                          "--preprocess", "crop:99", outputs=("out.png",))

    def test_too_large(self):
        for size in ("30000x9", "9x30000", "60000x60000", "4294967295x4294967295"):
            self.assert_fails(1, "--picture: 3 rows of tiles of %s are more than" % size, "a.npy", "b.npy",
                              "--picture", "out.png", "--size", size, outputs=("out.png",))

    def test_a_bad_image(self):
        self.assert_fails(1, "a.npy: ", "a.npy", "b.npy", "--picture", "out.png", "--image", "a.npy",
                          outputs=("out.png",))


# ---- Real ones ---------------------------------------------------------------


class Sample(Case):
    def test_before_and_after_quantisation(self):
        """Activations in 8 bits: each is off by half a step at most, so a signed map by the sum of its weights
        times that, and by what float32 makes of 320 products."""
        data = os.path.join(cli.SOURCE, "examples", "data")
        if not os.path.exists(os.path.join(data, "activations.npy")):
            self.skipTest("the sample is not there")
        shape, values = read_any_npy(os.path.join(data, "activations.npy"))
        channels, cells = shape[0], shape[1] * shape[2]
        step = max(values) / 127
        self.put("int8.npy", npy(shape, [round(v / step) * step for v in values]))
        _, gradients = read_any_npy(os.path.join(data, "gradients.npy"))
        weights = [math.fsum(g) / cells for g in split(gradients, cells)]
        reach = max(math.fsum(map(abs, w)) for w in split(weights, channels))
        inputs = ("--gradients", os.path.join(data, "gradients.npy"), "--labels", os.path.join(data, "labels.txt"))
        for name, file in (("float", os.path.join(data, "activations.npy")), ("int8", self.path("int8.npy"))):
            os.mkdir(self.path(name))
            r = self.run_program("explain", "--activations", file, *inputs, "--signed-maps", name + "/signed-maps.npy",
                                 "--maps", name + "/maps.npy", "--report", name + "/report.json")
            self.assertEqual((r.returncode, r.stderr), (0, b""))
        report = self.report("float", "int8", "--scale", "none", "--min-common", 1)
        a, b = (split(read_any_npy(self.path(name, "signed-maps.npy"))[1], cells) for name in ("float", "int8"))
        self.assert_measures(report, a, b, [(k, k) for k in range(len(a))], shape[2], scaled=False)
        rounding = 2 * channels * 2 ** -24 * reach * max(values)
        self.assertLessEqual(report["whole"]["difference"], reach * step / 2 + rounding)
        self.assertGreater(report["whole"]["difference"], 0)
        self.assertEqual(report["matched_by"], "label")
        print("sample, 8 bits: agreement %.4f, correlation %.4f" % (
            report["whole"]["agreement"], report["whole"]["correlation"]), file=sys.stderr)


class RealCases(Case):
    def cases(self):
        folder = os.path.join(cli.SOURCE, "..", "shared", "data", "cases")
        if not os.path.isdir(folder):
            print("SKIPPED: no real cases at %s" % folder, file=sys.stderr)
            self.skipTest("no real cases at " + folder)
        return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]

    def compare_files(self, case, one, other):
        one, other = os.path.join(case, one), os.path.join(case, other)
        (shape, a), (_, b) = read_any_npy(one), read_any_npy(other)
        a, b = split(a, shape[1] * shape[2]), split(b, shape[1] * shape[2])
        report = self.report(one, other)
        self.assert_measures(report, a, b, [(k, k) for k in range(shape[0])], shape[2])
        return report, a

    def test_fused_against_grad_cam(self):
        """The same classes win; only the faintest cell of one that wins all would be none's."""
        for case in self.cases():
            with self.subTest(case):
                report, fused = self.compare_files(case, "fmgcam_paper.npy", "grad_cam.npy")
                self.assertTrue(any(min(m) == 0 for m in fused))
                self.assertEqual(report["whole"]["agreement"], 1)

    def test_the_package_against_standard(self):
        for case in self.cases():
            for name in ("relu_enhance", "elu_raw"):
                with self.subTest(case=case, name=name):
                    self.compare_files(case, "fmgcam_package_%s.npy" % name, "fmgcam_paper.npy")

    def test_methods_against_each_other(self):
        for case in self.cases():
            with self.subTest(case):
                self.compare_files(case, "pgc_gradcam.npy", "pgc_layercam.npy")

    def test_two_networks(self):
        """Two layers of one network, and their classes by the case's own list."""
        cases = {os.path.basename(c): c for c in self.cases()}
        pair = [cases["chelsea-mobilenetv2"], cases["dogcat-mobilenetv2"]]
        indices = []
        for case, name in zip(pair, ("a.json", "b.json")):
            with open(os.path.join(case, "case.json"), encoding="utf-8") as f:
                classes = json.load(f)["classes"]
            indices.append([c["index"] for c in classes])
            self.put_report(name, [(c["index"], c["label"]) for c in classes])
        stacks = [split(read_any_npy(os.path.join(c, "pgc_gradcam.npy"))[1], 49) for c in pair]
        report = self.report(*(os.path.join(c, "pgc_gradcam.npy") for c in pair), "--report-a", "a.json", "--report-b",
                             "b.json")
        pairs = [(i, indices[1].index(n)) for i, n in enumerate(indices[0]) if n in indices[1]]
        self.assert_measures(report, *stacks, pairs, 7)


if __name__ == "__main__":
    sys.exit(cli.main(sys.modules[__name__]))
