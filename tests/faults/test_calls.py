#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Each call of the system that the fmgcam program makes is disturbed in turn: it fails, moves only a byte, is
interrupted, or a signal comes: test_calls.py PRELOAD PROGRAM [full] [Class.test]...
"""
import errno
import itertools
import os
import signal
import unittest

import faults
from faults import ARRAYS, CHILDREN, ERROR, EXPLAIN, FIRST, SHORT, SIGNAL_AFTER, SIGNAL_BEFORE

POINTS = 3  # of each command, disturbance and kind of call, where not all are taken

# Numbers of the calls on the machines that calls.c knows.
NAMES = {
    "x86_64": {0: "read", 1: "write", 2: "open", 3: "close", 4: "stat", 5: "stat", 6: "stat", 7: "poll", 8: "lseek",
               17: "read", 18: "write", 20: "write", 22: "pipe", 32: "dup", 33: "dup", 56: "fork", 57: "fork", 61: "wait",
               73: "flock", 74: "fsync", 82: "rename", 83: "mkdir", 87: "unlink", 89: "readlink", 91: "fchmod",
               217: "getdents", 257: "open", 258: "mkdir", 262: "stat", 263: "unlink", 264: "rename", 267: "readlink",
               269: "access", 271: "poll", 292: "dup", 293: "pipe", 316: "rename", 332: "stat", 439: "access"},
    "aarch64": {63: "read", 67: "read", 64: "write", 66: "write", 68: "write", 56: "open", 57: "close", 79: "stat",
                80: "stat", 291: "stat", 62: "lseek", 59: "pipe", 23: "dup", 24: "dup", 220: "fork", 260: "wait",
                32: "flock", 82: "fsync", 38: "rename", 276: "rename", 34: "mkdir", 35: "unlink", 78: "readlink",
                52: "fchmod", 61: "getdents", 48: "access", 439: "access", 73: "poll"},
}[os.uname().machine]

ERRORS = {
    "read": ("EIO", "EINTR"), "write": ("ENOSPC", "EIO", "EINTR"), "open": ("EMFILE", "EACCES", "EINTR"),
    "close": ("EIO", "EINTR"), "stat": ("EIO", "ENOMEM"), "poll": ("EINTR", "ENOMEM"), "lseek": ("ESPIPE",),
    "pipe": ("EMFILE",), "dup": ("EMFILE",), "fork": ("EAGAIN",), "wait": ("EINTR", "ECHILD"), "flock": ("ENOLCK",),
    "fsync": ("EIO", "EINTR", "EINVAL"), "rename": ("EIO", "EXDEV"), "mkdir": ("ENOSPC",), "unlink": ("EIO",),
    "readlink": ("EIO",), "fchmod": ("EPERM",), "getdents": ("EIO",), "access": ("EROFS",),
}


class Calls(faults.Case):
    """What holds: see faults.Scene.faults()."""

    points_of_each = POINTS
    names = None  # of the calls that are disturbed; all
    spared = ""

    def scenes(self, args, outputs=()):
        """Over nothing, and over earlier files."""
        if args[0] == "batch":
            yield "parent", faults.BatchScene(self.dir, args[1:], FIRST)
            yield "child", faults.BatchScene(self.dir, args[1:], CHILDREN)
            return
        yield "new", faults.Scene(self.dir, args, outputs, False, self.spared)
        if outputs:
            yield "earlier", faults.Scene(self.dir, args, outputs, True, self.spared)

    def points(self, scene, names=None):
        """(number of the call, counting from 1, and its name)"""
        calls = {}
        for at, (number, _) in enumerate(scene.good.seen):
            calls.setdefault(NAMES[number], []).append(at + 1)
        return [(places[i - 1], name) for name, places in calls.items() if not names or name in names
                for i in faults.sample(len(places), self.points_of_each)]

    def brings_bytes(self, scene, at):
        """Is it a call on which an output depends? Then its failure must be told."""
        calls = [(NAMES[number], first) for number, first in scene.good.seen]
        name, first = calls[at - 1]
        if name == "close":  # of a file that was just brought to the disk
            return at > 1 and calls[at - 2] == ("fsync", first)
        return name in ("write", "fsync", "rename")

    def is_told(self, outcome, names):
        """One of the errors is in what was said, and a file or other subject before it."""
        return any(": " + text in outcome.stderr.split("fmgcam: ", 1)[-1]
                   for text in [os.strerror(getattr(errno, n)) for n in names]) or "out of memory" in outcome.stderr

    @staticmethod
    def ended_by(what, number):
        """The exit status. A case of a batch that is ended has failed; a terminal's SIGINT is for the parent."""
        if what == "child":
            return 0 if number == signal.SIGINT else 1
        return -number

    def fail_with(self, what, scene, at, name, error, same):
        outcome = scene.run(at=at, kind=ERROR, detail=getattr(errno, error), and_same_after=same)
        point = "%s: call %d, %s: %s%s" % (what, at, name, error, " from here on" if same else "")
        found = scene.faults(outcome)
        if name == "unlink":
            found = [f for f in found if not f.startswith("left behind")]
        if outcome.faulted == 0:
            found.append("did not happen")
        if outcome.status not in (0, 1):
            found.append("status %d: %s" % (outcome.status, outcome.stderr))
        elif outcome.status == 0 and error not in ("EINTR", "EINVAL") and self.brings_bytes(scene, at):
            found.append("nobody was told")
        # The C library forgets the reason of a write that failed once, and may succeed the next time.
        elif outcome.status == 1 and not self.is_told(outcome, (error,) if same else (error, "EIO")):
            found.append("is not named: %r" % outcome.stderr)
        self.note(point, found)

    def fail_all(self, args, outputs=()):
        count = 0
        for what, scene in self.scenes(args, outputs):
            for at, name in self.points(scene, self.names):
                for error in ERRORS[name]:
                    # An interrupted call is not interrupted for ever.
                    for same in (0,) if error == "EINTR" else (0, 1):
                        self.fail_with(what, scene, at, name, error, same)
                        count += 1
        self.conclude("%d failures" % count)

    def shorten_all(self, args, outputs=()):
        count = 0
        for what, scene in self.scenes(args, outputs):
            for at, name in self.points(scene, self.names or ("read", "write")):
                for same in (0, 1):
                    outcome = scene.run(at=at, kind=SHORT, and_same_after=same)
                    found = scene.faults(outcome)
                    if outcome.status != 0 or not outcome.faulted:
                        found.append("status %d: %r" % (outcome.status, outcome.stderr))
                    self.note("%s: call %d, %s of a byte" % (what, at, name), found)
                    count += 1
        self.conclude("%d short transfers" % count)

    def end_all(self, args, outputs=()):
        count = 0
        for what, scene in self.scenes(args, outputs):
            for number in (signal.SIGTERM, signal.SIGINT):
                for kind, (at, name) in itertools.product((SIGNAL_BEFORE, SIGNAL_AFTER),
                                                         self.points(scene, self.names)):
                    outcome = scene.run(at=at, kind=kind, detail=int(number))
                    found = scene.faults(outcome)
                    if outcome.status != self.ended_by(what, number):
                        found.append("status %d: %r" % (outcome.status, outcome.stderr))
                    when = "before" if kind == SIGNAL_BEFORE else "after"
                    self.note("%s: %s %s call %d, %s" % (what, number.name, when, at, name), found)
                    count += 1
        self.conclude("%d signals" % count)


PICTURES = (*EXPLAIN, "--image", "p.png", "--overlay", "o.png", "--heatmap", "h.jpg", "--labels", "names.txt")


class Explain(Calls):
    def test_failures_of_arrays(self):
        self.fail_all((*EXPLAIN, *ARRAYS), ("maps.npy", "winner.npy", "report.json"))

    def test_failures_of_pictures(self):
        self.fail_all(PICTURES, ("o.png", "h.jpg"))

    def test_short_transfers(self):
        self.shorten_all((*PICTURES, *ARRAYS), ("o.png", "h.jpg", "maps.npy", "winner.npy", "report.json"))

    def test_signals(self):
        self.end_all((*PICTURES, *ARRAYS), ("o.png", "h.jpg", "maps.npy", "winner.npy", "report.json"))


@unittest.skipUnless(faults.FIGURES, "the program is built without figures")
class Figures(Calls):
    """Where they are written; what fontconfig reads is its own affair, and what GLib keeps."""

    points_of_each = 1
    names = ("write", "fsync", "rename", "unlink")
    spared = "libglib"

    def args(self, name):
        return (*EXPLAIN, "--image", "p.png", "--figure", name, "--maps", "m.npy")

    def test_failures(self):
        for name in ("f.png", "f.pdf", "f.svg"):
            self.fail_all(self.args(name), (name, "m.npy"))

    def test_short_transfers(self):
        self.names = ("write",)
        self.shorten_all(self.args("f.pdf"), ("f.pdf", "m.npy"))

    def test_signals(self):
        self.end_all(self.args("f.png"), ("f.png", "m.npy"))


class Compare(Calls):
    def setUp(self):
        super().setUp()
        for name in ("x", "y"):
            outcome = faults.run(self.dir, (*EXPLAIN, "--signed-maps", name + ".npy", "--report", name + ".json"))
            self.assertEqual(outcome.status, 0, outcome.stderr)
        self.args = ("compare", "x.npy", "y.npy", "--report-a", "x.json", "--report-b", "y.json", "--picture", "c.png",
                     "--report", "c.json", "--image", "p.png")

    def test_failures(self):
        self.fail_all(self.args, ("c.png", "c.json"))

    def test_short_transfers(self):
        self.shorten_all(self.args, ("c.png", "c.json"))

    def test_signals(self):
        self.end_all(self.args, ("c.png", "c.json"))


class CheckHead(Calls):
    ARGS = ("check-head", "--activations", "a.npy", "--classifier", "w.npy", "--bias", "b.npy", "--logits", "l.npy",
            "--tolerance", "1000")

    def test_failures(self):
        self.fail_all(self.ARGS)

    def test_short_transfers(self):
        self.shorten_all(self.ARGS)


class Batch(Calls):
    """With the calls of its children, whose results are what counts. It takes longer than the others."""

    points_of_each = 1

    def setUp(self):
        super().setUp()
        # Longer than the buffer of a stream, so that reading can fail in the middle of a row.
        rows = "".join('%d,%sa.npy,"%sg.npy"\n' % (n, "./" * 1500, "./" * 1500) for n in range(2))
        faults.write(os.path.join(self.dir, "m.csv"), ("id,activations,gradients\n" + rows).encode())
        self.args = ("batch", "m.csv", "--image", "p.png", "--write", "overlay,report")

    def brings_bytes(self, scene, at):
        """A child's failure is told by its parent, for whom the other cases go on."""
        return False

    def is_told(self, outcome, names):
        """Or which of its own files it could not rely on, or which child not."""
        known = {"the report or the record cannot be read", "has changed since it was first read"}
        if "ECHILD" in names:
            known.add("nobody knows how it ended")
        return super().is_told(outcome, names) or any(text in outcome.stderr for text in known)

    def test_failures(self):
        self.fail_all(self.args)

    def test_a_manifest_that_cannot_be_read(self):
        """Not to the end of a row, or not again from its beginning."""
        scene = faults.BatchScene(self.dir, self.args[1:], FIRST)
        begin = [at + 1 for at, (number, _) in enumerate(scene.good.seen) if NAMES[number] in ("read", "lseek")][:9]
        for at, error, same in itertools.product(begin, ("EIO", "EINTR"), (0, 1)):
            self.fail_with("parent", scene, at, NAMES[scene.good.seen[at - 1][0]], error, same)
        self.conclude("%d failures" % (len(begin) * 4))

    def test_short_transfers(self):
        self.shorten_all(self.args)

    def test_signals(self):
        self.end_all(self.args)


if __name__ == "__main__":
    faults.main()
