#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""examples/video.c on a film made here: test_video.py PROGRAM SOURCE_ROOT [-v]

The film is the sample: its activations move to the right by one cell in every
sixth frame and are noisy; class 1 is the best at first, then class 0; classes 2
and 3 are ahead of each other in turn; and its pictures are black, so that an
overlay is nothing but colours. Needs nothing but Python's standard library.
"""
import array
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import zlib

import reporting

PROGRAM = "example-video"
SOURCE = "."

N, K, C, H, W = 5, 3, 1280, 7, 7
FRAMES, CUT, SIZE = 24, 6, 84
SLOTS = [(213, 94, 0), (86, 180, 233), (240, 228, 66)]
PLAIN = ["0", "0"]
DARK = 16  # of 255: below it a pixel shows no class


# ---- Files -------------------------------------------------------------------


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def black_png(size):
    rows = (b"\0" + bytes(3 * size)) * size
    return (b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0))
            + png_chunk(b"IDAT", zlib.compress(rows)) + png_chunk(b"IEND", b""))


def read_png(path):
    """Rows of flat RGB of an 8-bit RGB picture without interlace."""
    with open(path, "rb") as f:
        raw = f.read()
    at, data = 8, b""
    while at < len(raw):
        size, kind = struct.unpack(">I4s", raw[at:at + 8])
        if kind == b"IHDR":
            width, height = struct.unpack(">II", raw[at + 8:at + 16])
        if kind == b"IDAT":
            data += raw[at + 8:at + 8 + size]
        at += size + 12
    data, stride, rows = zlib.decompress(data), 3 * width, []
    before = [0] * stride
    for y in range(height):
        kind, line = data[y * (stride + 1)], list(data[y * (stride + 1) + 1:(y + 1) * (stride + 1)])
        for x in range(stride):
            a, b, c = (line[x - 3], before[x], before[x - 3]) if x >= 3 else (0, before[x], 0)
            near = min((abs(b - c), 0, a), (abs(a - c), 1, b), (abs(a + b - 2 * c), 2, c))[2]
            line[x] = line[x] + (0, a, b, (a + b) // 2, near)[kind] & 255
        rows.append(line)
        before = line
    return rows


def sample(name):
    """(the 128 bytes of header, the rest) of one of the sample's files."""
    with open(os.path.join(SOURCE, "examples", "data", name), "rb") as f:
        return f.read(128), f.read()


def make_film(folder):
    """Its frames, activations and scores."""
    r = random.Random(20231209)
    header, body = sample("activations.npy")
    values = struct.unpack("<%de" % (C * H * W), body)
    score_header, _ = sample("scores.npy")
    for frame in range(1, FRAMES + 1):
        shift = (frame - 1) // CUT
        gains = [r.uniform(0.0, 2.0) for _ in range(4096)]
        moved, at = [], r.randrange(4096)
        for row in range(0, len(values), W):
            for x in range(W):
                at = (at + 1237) % 4093
                moved.append(values[row + (x - shift) % W] * gains[at])
        ahead = 0.1 if frame % 2 else -0.1
        best = [12.3, 14.2] if frame <= CUT else [14.2, 12.3]
        scores = best + [11.0 + ahead, 11.0 - ahead, 7.3]
        for kind, raw in (("activations", header + struct.pack("<%de" % len(moved), *moved)),
                          ("scores", score_header + array.array("f", scores).tobytes())):
            with open(os.path.join(folder, "%s_%04d.npy" % (kind, frame)), "wb") as f:
                f.write(raw)
        with open(os.path.join(folder, "frame_%04d.png" % frame), "wb") as f:
            f.write(black_png(SIZE))


def read_halves(path, count):
    with open(path, "rb") as f:
        return struct.unpack("<%de" % count, f.read()[128:])


# ---- What the overlays show --------------------------------------------------


def winners(frames, frame, classes):
    """The class with the largest evidence in each cell, None where that is not
    above 0; of one frame by itself."""
    matrix = read_halves(os.path.join(SOURCE, "examples", "data", "classifier.npy"), N * C)
    a = read_halves(os.path.join(frames, "activations_%04d.npy" % frame), C * H * W)
    best = []
    for s in range(H * W):
        column = a[s::H * W]
        value, number = max((sum(w * x for w, x in zip(matrix[k * C:(k + 1) * C], column)), k) for k in classes)
        best.append(number if value > 0 else None)
    return best


def slot_of(pixel):
    """The slot whose colour has the pixel's hue, None where it is dark."""
    if max(pixel) < DARK:
        return None

    def alike(slot):
        color = SLOTS[slot]
        return sum(a * b for a, b in zip(pixel, color)) / sum(a * a for a in color) ** 0.5
    return max(range(K), key=alike)


def shown_slots(folder, frame):
    rows = read_png(os.path.join(folder, "frame_%04d.png" % frame))
    return [slot_of(row[x:x + 3]) for row in rows for x in range(0, len(row), 3)]


def count_changes(folder):
    """(share of the pixels shown that show another colour than in the frame
    before, share that show another one for just one frame)."""
    frames = [shown_slots(folder, frame) for frame in range(1, FRAMES + 1)]
    shown = changed = back = 0
    for before, now, after in zip(frames, frames[1:], frames[2:]):
        for a, b, c in zip(before, now, after):
            if None not in (a, b, c):
                shown += 1
                changed += a != b
                back += a != b and a == c
    return changed / shown, back / shown


def parse(line):
    """(frame, {class: slot}) of a line that the program prints."""
    frame, rest = line.split(":")
    return int(frame), {int(c): int(s) for c, s in re.findall(r"class (\d+) in slot (\d+) \(0\.\d{3}\)", rest)}


class Video(unittest.TestCase):

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp()
        cls.frames = os.path.join(cls.folder, "frames")
        os.mkdir(cls.frames)
        make_film(cls.frames)
        cls.calm, cls.calm_lines = cls.play("calm")
        cls.plain, cls.plain_lines = cls.play("plain", *PLAIN)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)

    @classmethod
    def run_program(cls, *args):
        return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)

    @classmethod
    def play(cls, name, *options):
        """(folder of the overlays, lines) of a run on the film."""
        out = os.path.join(cls.folder, name)
        os.mkdir(out)
        matrix = os.path.join(SOURCE, "examples", "data", "classifier.npy")
        done = cls.run_program(cls.frames, matrix, out, *options)
        assert done.returncode == 0 and not done.stderr, done.stderr
        return out, [parse(line) for line in done.stdout.splitlines()]

    def test_each_frame_has_an_overlay_and_a_line(self):
        for folder, lines in ((self.calm, self.calm_lines), (self.plain, self.plain_lines)):
            self.assertEqual(sorted(os.listdir(folder)), ["frame_%04d.png" % f for f in range(1, FRAMES + 1)])
            self.assertEqual([frame for frame, _ in lines], list(range(1, FRAMES + 1)))
            for _, slots in lines:
                self.assertEqual(len(slots), K)
                self.assertEqual(sorted(slots.values()), list(range(K)))

    def test_the_class_set_is_steady(self):
        self.assertEqual([set(slots) for _, slots in self.calm_lines], [{0, 1, 2}] * FRAMES)
        for frame, slots in self.plain_lines:
            self.assertEqual(set(slots), {0, 1, 2 if frame % 2 else 3})

    def test_no_class_changes_its_slot(self):
        for lines in (self.calm_lines, self.plain_lines):
            for (_, before), (_, now) in zip(lines, lines[1:]):
                for number in set(before) & set(now):
                    self.assertEqual(now[number], before[number])

    def test_ranks_exchange_and_slots_do_not(self):
        for lines in (self.calm_lines, self.plain_lines):
            self.assertEqual(list(lines[0][1])[:2], [1, 0])
            self.assertEqual(list(lines[-1][1])[:2], [0, 1])
            for _, slots in lines:
                self.assertEqual((slots[1], slots[0]), (0, 1))

    def test_each_class_has_the_colour_of_its_slot(self):
        """At the centres of cells, where colours hardly mix, in frames of either
        order of the ranks."""
        for frame in (1, 2, CUT + 2, FRAMES):
            slots = self.plain_lines[frame - 1][1]
            rows = read_png(os.path.join(self.plain, "frame_%04d.png" % frame))
            right = wrong = 0
            for s, number in enumerate(winners(self.frames, frame, slots)):
                x, y = (s % W * 2 + 1) * SIZE // W // 2, (s // W * 2 + 1) * SIZE // H // 2
                seen = slot_of(rows[y][3 * x:3 * x + 3])
                if None not in (number, seen):
                    right += seen == slots[number]
                    wrong += seen != slots[number]
            self.assertGreater(right, 15, frame)
            self.assertLess(wrong, right / 8, frame)

    def test_the_colours_are_those_of_the_palette(self):
        """Bright pixels are the colours themselves, or mixtures of them."""
        seen = set()
        for row in read_png(os.path.join(self.calm, "frame_0003.png")):
            for x in range(0, len(row), 3):
                pixel = row[x:x + 3]
                for slot, color in enumerate(SLOTS):
                    share = max(pixel) / max(color)
                    if max(pixel) > 40 and all(abs(p - share * c) <= 1.5 for p, c in zip(pixel, color)):
                        seen.add(slot)
        self.assertEqual(seen, set(range(K)))

    def test_colours_do_not_flicker(self):
        calm, plain = count_changes(self.calm), count_changes(self.plain)
        for name, shares in (("smoothed", calm), ("each frame by itself", plain)):
            print("%s: %.2f %% of the pixels change their colour from frame to frame, %.2f %% for one frame only"
                  % (name, 100 * shares[0], 100 * shares[1]))
        self.assertGreater(plain[1], 0.1)
        self.assertLess(calm[0], plain[0] / 3)
        self.assertLess(calm[1], plain[1] / 8)

    def test_wrong_calls_are_told(self):
        matrix = os.path.join(SOURCE, "examples", "data", "classifier.npy")
        self.assertEqual(self.run_program(self.frames, matrix).returncode, 2)
        empty = os.path.join(self.folder, "empty")
        os.mkdir(empty)
        done = self.run_program(empty, matrix, self.calm)
        self.assertEqual(done.returncode, 1)
        self.assertIn("frame_0001.png", done.stderr)
        done = self.run_program(self.frames, matrix, self.calm, "1")
        self.assertEqual(done.returncode, 1)
        self.assertIn("tracking.smoothing: 1", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    PROGRAM, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
    reporting.run_cases()
