# SPDX-License-Identifier: MIT
"""Running the fmgcam program with one allocation or call of the system disturbed, and what must hold after it.

A test program is called NAME PRELOAD PROGRAM [full] [no-figures] [Class.test]...; without 'full' it takes a sample
of the points at which something can fail, evenly spread and the same each time. The program is built without figures
where it is told so.
"""
import json
import mmap
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import reporting  # noqa: E402
from test_cli import npy, png, single  # noqa: E402

PRELOAD, PROGRAM = map(os.path.abspath, sys.argv[1:3]) if len(sys.argv) > 2 else ("", "")
FULL = "full" in sys.argv[3:]
FIGURES = "no-figures" not in sys.argv[3:]

EARLIER = b"an earlier result"
NONE, ERROR, SHORT, SIGNAL_BEFORE, SIGNAL_AFTER = range(5)
ALL, FIRST, CHILDREN = range(3)

# plan.h in struct's words.
HEAD = struct.Struct("<7I256s7i")
CALLS_KEPT = 8192
SIZE = HEAD.size + CALLS_KEPT * 8


class Outcome:
    """How the program ended, and what the preloaded library saw."""

    def __init__(self, process, plan):
        self.status, self.stdout = process.returncode, process.stdout
        self.stderr = process.stderr.decode("utf-8", "replace")
        (self.allocations, self.allocations_failed, self.live, self.calls, self.faulted,
         self.descriptors) = HEAD.unpack_from(plan)[9:]
        kept = min(self.calls, CALLS_KEPT)
        words = struct.unpack_from("<%di" % (2 * kept), plan, HEAD.size)
        self.seen = list(zip(words[::2], words[1::2]))


def run(folder, args, allocation=0, and_all_after=0, at=0, kind=NONE, detail=0, and_same_after=0, whose=ALL, spared="", **more):
    """Run the program in the folder with this plan."""
    more.setdefault("stdin", subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile() as file:
        file.truncate(SIZE)
        with mmap.mmap(file.fileno(), SIZE) as plan:
            HEAD.pack_into(plan, 0, allocation, and_all_after, at, kind, detail, and_same_after, whose, spared.encode(),
                           *[0] * 7)
            # Threads of OpenBLAS allocate when they like to; the words of errors are looked for in English.
            environment = {**os.environ, "LD_PRELOAD": PRELOAD, "FMGCAM_TEST_FAULTS": file.name, "OPENBLAS_NUM_THREADS": "1",
                           "LC_ALL": "C.UTF-8", "MALLOC_PERTURB_": "0"}
            process = subprocess.run([PROGRAM, *args], cwd=folder, env=environment, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, timeout=120, **more)
            if process.returncode == 99:
                raise unittest.SkipTest(process.stderr.decode().strip())
            return Outcome(process, plan)


def sample(count, most):
    """Points from 1 to count: all, or as many as may be, the first and last among them, or the one in the middle."""
    if FULL or count <= most:
        return list(range(1, count + 1))
    if most == 1:
        return [(count + 1) // 2]
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def inputs():
    """Files for all commands: small, of one picture and three classes of six."""
    rng = random.Random(20231205)

    def values(count):
        return single(rng.gauss(0, 1) for _ in range(count))
    head = values(6 * 6)
    picture = png(23, 17, [rng.randrange(256) for _ in range(23 * 17 * 3)])
    return {
        "a.npy": npy((6, 4, 5), values(120)),
        "g.npy": npy((3, 6, 4, 5), values(360)),
        "a2.npy": npy((4, 3, 3), values(36)),
        "g2.npy": npy((3, 4, 3, 3), values(108), "<f8"),
        "w.npy": npy((6, 6), head),
        "b.npy": npy((6,), values(6)),
        "l.npy": npy((6,), values(6)),
        "t.npy": npy((6,), [0.0] * 6),
        "p\u00fc.png": picture,
        "p.png": picture,
        "names.txt": "Katze\nHund\nVogel \u732b\nFisch\nMaus\nPferd\n".encode(),
    }


def kept(outcome, descriptors=0):
    """What the program did not give back."""
    found = []
    if outcome.live:
        found.append("%d blocks not freed" % outcome.live)
    if outcome.descriptors > descriptors:
        found.append("%d descriptors left open" % outcome.descriptors)
    return found


class Scene:
    """A command in a folder of its own: what it writes where nothing fails, and whether anything else can be seen
    after a failure."""

    def __init__(self, folder, args, outputs, earlier, spared=""):
        self.folder, self.args, self.outputs, self.earlier, self.spared = folder, args, outputs, earlier, spared
        self.clear()
        self.files = set(os.listdir(folder)) - set(outputs)
        self.good = self.run()
        self.want = {name: read(self.path(name)) for name in outputs}
        assert self.good.status == 0, self.good.stderr
        assert not self.faults(self.good), self.faults(self.good)

    def path(self, name):
        return os.path.join(self.folder, name)

    def clear(self):
        """As before the run."""
        for name in self.outputs:
            if self.earlier:
                write(self.path(name), EARLIER)
            elif os.path.exists(self.path(name)):
                os.unlink(self.path(name))

    def run(self, **plan):
        self.clear()
        return run(self.folder, self.args, spared=self.spared, **plan)

    def is_right(self):
        """All outputs are there and what they must be."""
        return all(os.path.exists(self.path(n)) and read(self.path(n)) == self.want[n] for n in self.outputs)

    def faults(self, outcome):
        """What is wrong with what is left."""
        found = []
        left = set(os.listdir(self.folder))
        for name in sorted(left - self.files - set(self.outputs)):
            found.append("left behind: " + name)
            os.unlink(self.path(name))
        for name in sorted(self.files - left):
            found.append("gone: " + name)
        for name in self.outputs:
            if name not in left:
                if self.earlier:
                    found.append("the earlier %s is gone" % name)
            elif read(self.path(name)) not in (self.want[name], EARLIER if self.earlier else self.want[name]):
                found.append("%s is half written" % name)
        if outcome.status >= 0 and not self.spared:  # GLib and fontconfig keep what they like
            found += kept(outcome)
        if outcome.status == 0 and not self.is_right():
            found.append("status 0, but not all outputs are right")
        if outcome.status == 0 and outcome.stdout != self.good.stdout:
            found.append("status 0, but not all that was to be printed")
        if not self.good.stdout.startswith(outcome.stdout):
            found.append("something else was printed")
        return found


def tree(folder):
    """{path: content} of all files below the folder; of the records, without what depends on the time."""
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            data = read(path)
            if name == "case.json":
                data = {k: v for k, v in json.loads(data).items() if k != "seconds"}
            found[os.path.relpath(path, folder)] = data
    return found


def known(data):
    """Of a record, without the inputs: one that could not be looked at is null."""
    return {k: v for k, v in data.items() if k != "inputs"} if isinstance(data, dict) else data


class BatchScene:
    """The same for a batch, whose results are a folder: after a failure, --resume must make all of it good. With
    resume all cases are complete before, and only tables and pages are made."""

    def __init__(self, folder, args, whose=ALL, resume=False):
        self.whose, self.complete = whose, None
        self.folder, self.args = folder, ("batch", *args, "--output", "out", "--jobs", "1")
        self.files = set(os.listdir(folder)) - {"out"}
        self.good = self.run()
        self.want = tree(self.out())
        assert self.good.status == 0, self.good.stderr
        assert not self.faults(self.good), self.faults(self.good)
        if resume:
            self.complete = self.out() + ".complete"
            self.files.add("out.complete")
            shutil.copytree(self.out(), self.complete)
            self.args += ("--resume",)
            self.good = self.run()

    def out(self):
        return os.path.join(self.folder, "out")

    def run(self, **plan):
        shutil.rmtree(self.out(), ignore_errors=True)
        if self.complete:
            shutil.copytree(self.complete, self.out())
        return run(self.folder, self.args, whose=self.whose, **plan)

    def faults(self, outcome):
        found = []
        left = {}
        if set(os.listdir(self.folder)) - {"out"} != self.files:
            found.append("other files: %s" % sorted(os.listdir(self.folder)))
        if os.path.exists(self.out()):
            left = tree(self.out())
        found += ["left behind: " + name for name in left if name not in self.want]
        # Tables, pages and records say what was wrong.
        found += ["%s is half written" % name for name, data in left.items()
                  if name in self.want and data != self.want[name] and not self.may_differ(name)]
        if outcome.status == 0 and {n: known(d) for n, d in left.items()} != {n: known(d) for n, d in self.want.items()}:
            found.append("status 0, but not all results are right")
        if outcome.status >= 0:
            found += kept(outcome, descriptors=1)  # by which it locks the folder
        again = run(self.folder, (*self.args, "--resume"))
        if again.status != 0:
            found.append("--resume fails: %s" % again.stderr)
        elif tree(self.out()) != self.want:
            found.append("--resume leaves other results")
        return found

    @staticmethod
    def may_differ(name):
        return os.path.basename(name) in ("summary.csv", "index.html", "case.json")


EXPLAIN = ("explain", "--activations", "a.npy", "--gradients", "g.npy")
# Outputs of explain and figure, which all can be made of EXPLAIN and a picture.
OUTPUTS = ("--maps", "--class-maps", "--signed-maps", "--winner", "--margin", "--report", "--overlay", "--heatmap",
           *(("--figure",) if FIGURES else ()))
ARRAYS = ("--maps", "maps.npy", "--winner", "winner.npy", "--report", "report.json")


def suffix_of(option):
    """Of the files that it writes."""
    if option in ("--overlay", "--heatmap", "--figure", "--picture"):
        return ".png"
    return ".json" if option == "--report" else ".npy"


class Case(unittest.TestCase):
    """Sweeps over the points at which something can fail."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = os.path.join(folder.name, "work")
        os.mkdir(self.dir)
        for name, data in inputs().items():
            write(os.path.join(self.dir, name), data)
        self.wrong = []

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def put(self, name, data):
        write(self.path(name), data)

    def note(self, point, faults):
        self.wrong += ["%s: %s" % (point, fault) for fault in faults]

    def conclude(self, figure):
        print("%s: %s" % (self.id().split(".", 1)[1], figure))
        if self.wrong:
            self.fail("%d in all:\n%s" % (len(self.wrong), "\n".join(self.wrong[:20])))


def main():
    if not sys.platform.startswith("linux"):
        reporting.skip("only Linux can put a library in front of the C library")
    # Of a job in the background it is ignored, and so it would be by the program.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv[1:] = [a for a in sys.argv[3:] if a not in ("full", "no-figures")]
    reporting.run_cases(sys.argv[1:])
