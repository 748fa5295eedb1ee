#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fmgcam batch, from outside: test_batch.py PROGRAM SOURCE_ROOT [-v] [Class.test]...

What a case makes is compared with what `fmgcam explain` makes of the same options, tables and pages with what
Python's own csv and html modules read in them. Prints 'N passed, M failed'.
"""
import contextlib
import csv
import fcntl
import html.parser
import io
import json
import os
import pty
import random
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest
import urllib.parse

import test_cli as cli
from test_cli import npy, png, read_png, single

K, C, H, W = 3, 6, 4, 5
LABELS = ["Katze, \"rot\"", "<b>dog</b> & 'co' </li><script>x()</script>", "=1+1 \u732b"]
on_linux = unittest.skipUnless(os.path.isdir("/proc/self/task"), "needs Linux's /proc")


def wait_until(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError("waited in vain")
        time.sleep(0.005)


def children_of(process):
    with open("/proc/%d/task/%d/children" % (process, process), encoding="ascii") as f:
        return [int(n) for n in f.read().split()]


class Case(unittest.TestCase):
    """A folder with the tensors and pictures of a few small cases, in data/."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = folder.name
        os.mkdir(self.path("data"))
        rng = random.Random(20231205)
        for i in range(4):
            self.put("data/a%d.npy" % i, npy((C, H, W), single(rng.gauss(0, 1) for _ in range(C * H * W))))
            self.put("data/g%d.npy" % i, npy((K, C, H, W), single(rng.gauss(0, 1) for _ in range(K * C * H * W))))
        self.put("data/p.png", png(23, 17, [rng.randrange(256) for _ in range(23 * 17 * 3)]))
        self.put("data/names.txt", "\n".join(LABELS).encode())

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def put(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)

    def get(self, *names):
        with open(self.path(*names), "rb") as f:
            return f.read()

    def json(self, *names):
        return json.loads(self.get(*names))

    def row(self, i=0, **more):
        """A good case; None takes a key away."""
        row = {"activations": "a%d.npy" % (i % 4), "gradients": "g%d.npy" % (i % 4), "image": "p.png",
               "labels": "names.txt", **{k.replace("_", "-"): v for k, v in more.items()}}
        return {k: v for k, v in row.items() if v is not None}

    def manifest(self, rows, name="data/m.jsonl"):
        self.put(name, "".join(json.dumps(r) + "\n" for r in rows).encode())
        return name

    def command(self, *args):
        return [cli.PROGRAM, "batch", *map(str, args)]

    def batch(self, *args, manifest="data/m.jsonl", output="out", status=0, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        r = subprocess.run(self.command(manifest, "--output", output, *args), cwd=self.dir, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, timeout=300, **more)
        text = r.stderr.decode()
        self.assertEqual((r.returncode, r.stdout), (r.returncode if status is None else status, b""), text)
        return text.splitlines()

    def start(self, *args, **more):
        process = subprocess.Popen(self.command("data/m.jsonl", "--output", "out", *args), cwd=self.dir,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
        self.addCleanup(process.stderr.close)
        self.addCleanup(lambda: process.poll() is None and process.kill())
        return process

    def end(self, process):
        status = process.wait(120)
        return status, process.stderr.read().decode().splitlines()

    def explain(self, name, *args):
        subprocess.run([cli.PROGRAM, "explain", *map(str, args)], cwd=self.dir, check=True, timeout=60)
        return self.get(name)

    def feed(self, pipe, tensor):
        """Let the case go on that waits for its tensor."""
        with open(self.path(pipe), "wb") as f:
            f.write(self.get(tensor))

    def summary(self, output="out"):
        with open(self.path(output, "summary.csv"), newline="", encoding="utf-8") as f:
            return list(csv.DictReader(f, strict=True))

    def states(self, output="out"):
        return {r["id"]: r["status"] for r in self.summary(output)}

    def files(self, output="out"):
        """Each file of the cases: (inode, time, content)."""
        found = {}
        for folder, _, names in os.walk(self.path(output)):
            for name in names:
                path = os.path.join(folder, name)
                info = os.stat(path)
                with open(path, "rb") as f:
                    found[os.path.relpath(path, self.path(output))] = (info.st_ino, info.st_mtime_ns, f.read())
        return found

    def assert_no_leftovers(self, output="out"):
        self.assertEqual([n for n in self.files(output) if ".fmgcam-" in n], [])

    def results(self, output="out"):
        """What does not depend on when and how often the program ran."""
        found = {n: content for n, (_, _, content) in self.files(output).items()}
        for name in found:
            if name.endswith("case.json"):
                found[name] = {k: v for k, v in json.loads(found[name]).items() if k != "seconds"}
        return found


# ---- Cases -------------------------------------------------------------------


class Work(Case):
    def test_cases_are_what_explain_makes(self):
        self.manifest([self.row(0), self.row(1, id="second", top=2, alpha=0.3, resample="nearest"),
                       self.row(2, image=None, size="31x19"), self.row(3, image=None)])
        lines = self.batch()
        self.assertRegex(lines[-1], r"\Afmgcam: 4 cases: 4 done, 0 failed; [0-9.]+ s\Z")
        self.assertEqual(len(lines), 1)
        wanted = {
            "1": ["--image", "data/p.png"],
            "second": ["--image", "data/p.png", "--top", 2, "--alpha", 0.3, "--resample", "nearest"],
            "3": ["--size", "31x19"],
            "4": []}
        for i, (name, options) in enumerate(wanted.items()):
            options = ["--activations", "data/a%d.npy" % i, "--gradients", "data/g%d.npy" % i,
                       "--labels", "data/names.txt", *options]
            outputs = {"case.json", "report.json"}
            if "--image" in options:
                outputs.add("overlay.png")
                self.assertEqual(self.get("out", name, "overlay.png"),
                                 self.explain("o.png", *options, "--overlay", "o.png"))
            elif "--size" in options:
                outputs.add("heatmap.png")
                self.assertEqual(self.get("out", name, "heatmap.png"),
                                 self.explain("h.png", *options, "--heatmap", "h.png"))
            self.assertEqual(set(os.listdir(self.path("out", name))), outputs)
            self.assertEqual(self.get("out", name, "report.json"),
                             self.explain("r.json", *options, "--report", "r.json"))
            record = self.json("out", name, "case.json")
            self.assertEqual((record["id"], record["status"], record["error"]), (name, "done", None))
            self.assertEqual(set(record["outputs"]), outputs - {"case.json"})
        self.assertEqual(set(os.listdir(self.path("out"))), {*wanted, "summary.csv", "index.html"})

    def test_outputs_are_chosen(self):
        self.manifest([self.row(0), self.row(1, image=None)])
        lines = self.batch("--write", "maps,class-maps,overlay,winner", status=1)
        self.assertEqual(lines[0], "fmgcam: 2 (data/m.jsonl:2): --overlay: needs --image")
        self.assertEqual(sorted(os.listdir(self.path("out/1"))),
                         ["case.json", "class-maps.npy", "maps.npy", "overlay.png", "report.json", "winner.npy"])
        self.assertEqual(os.listdir(self.path("out/2")), ["case.json"])
        self.assertEqual(self.get("out/1/maps.npy"),
                         self.explain("m.npy", "--activations", "data/a0.npy", "--gradients", "data/g0.npy",
                                      "--maps", "m.npy"))
        for text in ("nope", "maps,", ",maps", "", "activations"):
            self.assertIn("--write: '", self.batch("--write", text, output="new", status=2)[0])
        self.assertFalse(os.path.exists(self.path("new")))

    def test_defaults_and_rows(self):
        os.mkdir(self.path("elsewhere"))
        shutil.copy(self.path("data/p.png"), self.path("elsewhere/q.png"))
        self.manifest([self.row(0, image=None), self.row(1, alpha=0.25), self.row(2, activations=["a2.npy", "a2.npy"],
                                                                                 gradients=["g2.npy", "g1.npy"])])
        # A path of the command line starts from here, one of the manifest from there.
        self.batch("--image", "elsewhere/q.png", "--alpha", "0.5", "--activations", "absent", "--activations", "absent")
        common = ["--labels", "data/names.txt", "--overlay", "o.png"]
        self.assertEqual(self.get("out/1/overlay.png"),
                         self.explain("o.png", "--activations", "data/a0.npy", "--gradients", "data/g0.npy",
                                      "--image", "data/p.png", "--alpha", 0.5, *common))
        self.assertEqual(self.get("out/2/overlay.png"),
                         self.explain("o.png", "--activations", "data/a1.npy", "--gradients", "data/g1.npy",
                                      "--image", "data/p.png", "--alpha", 0.25, *common))
        self.assertEqual(self.get("out/3/overlay.png"),
                         self.explain("o.png", "--activations", "data/a2.npy", "--activations", "data/a2.npy",
                                      "--gradients", "data/g2.npy", "--gradients", "data/g1.npy",
                                      "--image", "data/p.png", "--alpha", 0.5, *common))

    def test_a_default_that_no_case_could_use(self):
        self.manifest([self.row()])
        self.assertIn("--alpha: '2' is not", self.batch("--alpha", 2, status=2)[0])
        self.assertIn("--classes: 5 is there twice", self.batch("--classes", "5,5", status=2)[0])
        self.assertIn("--maps: is not for a batch", self.batch("--maps", "x.npy", status=2)[0])
        self.assertFalse(os.path.exists(self.path("out")))

    def test_values_of_json(self):
        self.put("data/w.npy", npy((9, C), [((i * 7) % 11 - 5) / 4 for i in range(9 * C)]))
        self.put("data/l.npy", npy((9,), [0.5, 3, 1, 2, -1, 0, 0.25, 4, 1.5]))
        common = dict(gradients=None, labels=None, classifier="w.npy", logits="l.npy")
        self.manifest([self.row(0, classes=[7, 1, 3], alpha=0.1, **common), self.row(0, classes="7,1,3", **common),
                       self.row(0, largest_gap=True, max_classes=4, **common),
                       self.row(0, largest_gap=False, region=[0, 1, 2, 3], temperature=1e-3, top=None, **common),
                       {**self.row(0, **common), "top": None, "min-probability": 0.30000000000000004}])
        self.batch()
        for name in "12":
            self.assertEqual([c["index"] for c in self.json("out", name, "report.json")["classes"]], [7, 1, 3])
        self.assertEqual(self.json("out/4/report.json")["region"], [0, 1, 2, 3])
        self.assertEqual([len(self.json("out/%d/report.json" % i)["classes"]) for i in (3, 4, 5)], [1, 5, 1])
        options = [dict(map(tuple, self.json("out/%d/case.json" % i)["options"])) for i in range(1, 6)]
        self.assertEqual(options[0]["alpha"], "0.1")
        self.assertEqual(options[3]["temperature"], "0.001")
        self.assertEqual(options[4]["min-probability"], "0.30000000000000004")
        self.assertNotIn("top", options[4])

    def test_broken_cases_are_alone(self):
        self.put("data/short.npy", npy((C, H, W), [0.0] * (C * H * W))[:-5])
        self.put("data/nan.npy", npy((C, H, W), [float("nan")] * (C * H * W)))
        self.put("data/few.npy", npy((K, C - 1, H, W), [0.0] * (K * (C - 1) * H * W)))
        self.put("data/one.txt", b"one\n")
        self.put("data/latin.txt", b"caf\xe9\nx\ny\n")
        self.put("data/p.txt", b"no picture")
        os.mkdir(self.path("data/folder"))
        broken = [(dict(activations="absent.npy"), "data/absent.npy: No such file"),
                  (dict(activations="p.png"), "data/p.png: not a .npy file"),
                  (dict(activations="short.npy"), "data/short.npy: "),
                  (dict(activations="nan.npy"), "data/nan.npy: activations: value at [0,0,0] is nan"),
                  (dict(activations="folder"), "data/folder: "),
                  (dict(activations=""), "--activations: "),
                  (dict(gradients="few.npy"), "data/few.npy: "),
                  (dict(gradients=None), "--gradients: is missing"),
                  (dict(weights="w.npy"), "excludes"),
                  (dict(image="p.txt"), "data/p.txt: "),
                  (dict(labels="one.txt"), "data/one.txt: has 1 label for 3 classes"),
                  (dict(labels="latin.txt"), "data/latin.txt: line 1 is not UTF-8"),
                  (dict(alpha=2), "--alpha: '2' is not"),
                  (dict(alpha="x" * 5000), "is not a number"),
                  (dict(classes=[4, 2, 4]), "--classes: 4 is there twice"),
                  (dict(color_map="viridis"), "--color-map: viridis is for a single class, and 3 are explained; see --top"),
                  (dict(resample="lanczos"), "--resample: 'lanczos' is not available"),
                  (dict(size="0x0"), "--size: '0x0'"),
                  (dict(activations="a\u00e9\u732b\x07.npy"), "data/a\u00e9\u732b?.npy: No such"),
                  (dict(activations=["a0.npy"] * 33), "more than 32 times"),
                  (dict(top="9"), "")]
        rows = []
        for i, (change, _) in enumerate(broken):
            rows += [self.row(i, id="good%d" % i), self.row(0, id="bad%d" % i, **change)]
        self.manifest(rows)
        # A machine that is busy takes long enough for a line of progress.
        lines = [line for line in self.batch("--jobs", 1, status=1) if not re.match(r"fmgcam: \d+/\d+", line)]
        self.assertEqual(len(lines), len(broken) + 1)
        self.assertIn("%d cases: %d done, %d failed;" % (2 * len(broken), len(broken), len(broken)), lines[-1])
        for i, (line, (_, says)) in enumerate(zip(lines, broken)):
            lead = "fmgcam: bad%d (data/m.jsonl:%d): " % (i, 2 * i + 2)
            self.assertEqual(line[:len(lead)], lead)
            self.assertIn(says, line)
            self.assertEqual(os.listdir(self.path("out/bad%d" % i)), ["case.json"])
            record = self.json("out/bad%d/case.json" % i)
            self.assertEqual((record["status"], record["error"]), ("failed", line[len(lead):]))
        states = self.states()
        for i in range(len(broken)):
            self.assertEqual((states["good%d" % i], states["bad%d" % i]), ("done", "failed"))

    @on_linux
    def test_a_crash_is_alone(self):
        os.mkfifo(self.path("data/pipe"))
        self.manifest([self.row(0), self.row(0, activations="pipe"), self.row(1)])
        process = self.start("--jobs", 1)
        wait_until(lambda: os.path.exists(self.path("out/2")))
        child, = children_of(process.pid)
        os.kill(child, signal.SIGKILL)
        status, lines = self.end(process)
        self.assertEqual(status, 1)
        self.assertIn("fmgcam: 2 (data/m.jsonl:2): was ended by signal 9 (Killed)", lines[0])
        self.assertEqual(self.states(), {"1": "done", "2": "failed", "3": "done"})

    @on_linux
    def test_temporary_files_of_the_killed_go(self):
        """Those of a worker when it is recorded, those of a whole batch when the case is redone."""
        others = {".fmgcam-0123456789abcde", ".fmgcam-0123456789abcdef0", ".fmgcam-0123456789abcdeF", "fmgcam-0123456789abcdef"}
        self.manifest([self.row(0), self.row(1)])
        os.makedirs(self.path("out/1"))
        os.mkfifo(self.path("out/1/report.json"))
        for name in others:
            self.put("out/1/" + name, b"the user's")
        temporary = lambda: {n for n in os.listdir(self.path("out/1")) if n.startswith(".fmgcam-")} - others
        process = self.start("--resume", "--jobs", 1)
        wait_until(temporary)
        os.kill(children_of(process.pid)[0], signal.SIGKILL)
        status, lines = self.end(process)
        self.assertEqual((status, self.states()), (1, {"1": "failed", "2": "done"}))
        self.assertEqual(temporary(), set())
        for name in (".fmgcam-0123456789abcdef", ".fmgcam-ffffffffffffffff"):
            self.put("out/1/" + name, b"half a picture")
        os.remove(self.path("out/1/report.json"))
        self.batch("--resume")
        self.assertEqual(set(os.listdir(self.path("out/1"))), others | {"overlay.png", "report.json", "case.json"})

    def test_files_that_may_not_be_so_large(self):
        limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        self.manifest([self.row(0, image=None, size="300x300")])
        lines = self.batch("--write", "heatmap", status=1, preexec_fn=limit)
        self.assertEqual(lines[0], "fmgcam: 1 (data/m.jsonl:1): out/1/heatmap.png: File too large")
        self.assertEqual(os.listdir(self.path("out/1")), ["case.json"])

    def test_a_folder_that_is_none(self):
        """The case cannot even be recorded."""
        os.mkdir(self.path("out"))
        self.put("out/1", b"the user's")
        self.manifest([self.row(0), self.row(1)])
        lines = self.batch("--resume", status=1)
        self.assertIn("fmgcam: 1 (data/m.jsonl:1): out/1/", lines[0])
        self.assertEqual(self.states(), {"1": "failed", "2": "done"})
        self.assertEqual(self.get("out/1"), b"the user's")

    def test_several_at_once(self):
        self.manifest([self.row(i, alpha=2 if i % 9 == 4 else i % 10 / 10) for i in range(60)])
        self.batch("--jobs", 1, output="one", status=1)
        for jobs in (2, 7, 100):
            lines = self.batch("--jobs", jobs, output="jobs%d" % jobs, status=1)
            self.assertEqual(len([x for x in lines if "--alpha" in x]), 7)
            self.assertEqual(self.results("jobs%d" % jobs), self.results("one"))
        for jobs in ("0", "1025", "-1", "x", ""):
            self.assertIn("--jobs: '", self.batch("--jobs", jobs, output="new", status=2)[0])

    @on_linux
    @unittest.skipUnless(shutil.which("sh"), "needs a shell")
    def test_fewer_files_than_jobs(self):
        """What the system is out of comes back when a case ends."""
        self.manifest([self.row(i, id="c%d" % i) for i in range(60)])
        r = subprocess.run(["sh", "-c", "ulimit -n 24; exec \"$@\"", "sh", *self.command(
            "data/m.jsonl", "--output", "out", "--jobs", 40)], cwd=self.dir, stderr=subprocess.PIPE, timeout=120)
        self.assertIn("60 cases: 60 done, 0 failed", r.stderr.decode())
        self.assertEqual(r.returncode, 0)

    def test_ends_are_seen_whoever_ignored_them(self):
        """SIGCHLD ignored by the parent's parent."""
        self.manifest([self.row(id="good"), self.row(id="bad", alpha=7)])
        said = self.batch(status=1, preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
        self.assertIn("2 cases: 1 done, 1 failed", said[-1])
        self.assertEqual([row["status"] for row in self.summary() if row["id"] == "bad"], ["failed"])

    def test_jobs_are_processes(self):
        for i in range(5):
            os.mkfifo(self.path("data/pipe%d" % i))
        self.manifest([self.row(0, activations="pipe%d" % i) for i in range(5)])
        process = self.start("--jobs", 3)
        wait_until(lambda: len(children_of(process.pid)) == 3)
        time.sleep(0.2)
        self.assertEqual(len(children_of(process.pid)), 3)
        for i in range(5):
            self.feed("data/pipe%d" % i, "data/a%d.npy" % (i % 4))
        self.assertEqual(self.end(process)[0], 0)
        self.assertEqual(set(self.states().values()), {"done"})


# ---- Manifests ---------------------------------------------------------------


class Manifests(Case):
    def refused(self, says, *args, status=2, **more):
        lines = self.batch(*args, status=status, **more)
        self.assertEqual(len(lines), 1, lines)
        self.assertIn(says, lines[0])
        self.assertFalse(os.path.exists(self.path("out")))
        return lines[0]

    def bad_text(self, text, says, name="data/m.jsonl"):
        with self.subTest(text[:60]):
            self.put(name, text if isinstance(text, bytes) else text.encode())
            line = self.refused(says, manifest=name)
            self.assertEqual(line[:len("fmgcam: " + name)], "fmgcam: " + name)

    def test_broken_json_lines(self):
        good = json.dumps(self.row()) + "\n"
        self.bad_text(good + "\n" + '{"actvations": "a"}', "m.jsonl:3: 'actvations' is neither 'id' nor an option")
        self.bad_text(good + '{"overlay": "x.png"}', ":2: 'overlay' is an output")
        self.bad_text(good + '{"report": "x"}', ":2: 'report' is an output")
        self.bad_text(good + '{"help": true}', ":2: 'help'")
        self.bad_text(good + '{"resume": true}', ":2: 'resume'")
        self.bad_text(good + '{"": 1}', ":2: ''")
        self.bad_text(good + '{"top": 1, "top": 2}', ":2: is not JSON: duplicate")
        self.bad_text(good + '{"top": {"a": 1}}', ":2: the value of 'top' is not a string or number")
        self.bad_text(good + '{"top": true}', ":2: the value of 'top'")
        self.bad_text(good + '{"top": [1]}', ":2: the value of 'top'")
        self.bad_text(good + '{"activations": [["a"]]}', ":2: the value of 'activations' is not an array of strings")
        self.bad_text(good + '{"classes": [1, null]}', ":2: the value of 'classes' is not an array of numbers")
        self.bad_text(good + '{"largest-gap": "true"}', ":2: the value of 'largest-gap' is not true or false")
        self.bad_text(good + '{"id": true}', ":2: the value of 'id'")
        self.bad_text(good + '{"id": ["a"]}', ":2: the value of 'id'")
        self.bad_text(good + '{"top": 1e999}', ":2: is not JSON")
        self.bad_text(good + '{"image": "a\\u0000b"}', ":2: is not JSON")
        self.bad_text((good + '{"image": "').encode() + b'\xff"}', ":2: is not JSON")
        self.bad_text(good + "{", ":2: is not JSON")
        self.bad_text(good + "{} {}", ":2: is not JSON")
        self.bad_text("[\n" + good + "]", ":1: is not JSON")
        self.bad_text("[%s]" % good.strip(), ":1: is not an object; JSON lines expected")
        self.bad_text(good + '"a"', ":2: is not")
        self.bad_text(good + '{"image": "%s"}' % ("x" * (1 << 20)), ":2: is longer than 1048576 bytes")
        self.bad_text(good + "[" * 1000000, ":2: is not JSON")
        self.bad_text(good + '{"image": %s' % ("[" * 100000), ":2: is not JSON")
        self.bad_text("", "has no case")
        self.bad_text(" \r\n\n\t\n", "has no case")
        self.bad_text(b"\xef\xbb\xbf", "has no case")

    def test_broken_csv(self):
        def bad(text, says):
            self.bad_text(text, says, "data/m.csv")
        bad("", "is empty")
        bad("id,activations\n", "has no case")
        bad("id,actvations\na,b\n", "m.csv:1: 'actvations' is neither")
        bad("id;activations\na;b\n", "m.csv:1: 'id;activations' is neither")
        bad("id,overlay\na,b\n", ":1: 'overlay' is an output")
        bad("id,image,\na,b,\n", ":1: '' is neither")
        bad("id, image\na,b\n", ":1: ' image' is neither")
        bad("id,image,id\na,b,c\n", ":1: 'id' is the name of two columns")
        bad("top,image,top\na,b,c\n", ":1: 'top' is the name of two columns")
        bad("id,image\na,b\n\nc\n", ":4: has 1 fields, and the header 2")
        bad("id,image\na,b,\n", ":2: has 3 fields, and the header 2")
        bad('id,image\na,"x\ny"\nb,"x\n', ":4: has a quote that is not closed")
        bad('id,image\na,"x"y\n', ":2: has text after a closing quote")
        bad('id,image\na,x"y\n', ":2: has a quote within a field")
        bad('id,image\na,"x\ny" \n', ":3: has text after a closing quote")
        bad("id,image\na,x\ry\n", ":2: has a carriage return")
        bad("id,image\ra,x\r", ":1: has a carriage return")
        bad("id,image\na,x\0y\n", ":2: has a NUL byte")
        bad("id,image\n".encode("utf-16"), ":1: has a NUL byte")
        bad(b"id,image\na,\xff\n", ":2: the value of 'image' is not text in UTF-8")
        bad("id,largest-gap\na,yes\n", ":2: the value of 'largest-gap' is not true, false or empty")
        bad("id,image\na,%s\n" % ("x" * (1 << 20)), ":2: is longer than 1048576 bytes")

    def test_a_hundred_thousand_rows(self):
        """All are looked at before the first is run."""
        rows = "".join('{"id": "n%d", "activations": "a", "weights": "w"}\n' % i for i in range(100000))
        self.bad_text(rows + '{"id": "N77", "activations": "a", "weights": "w"}\n', "lines 78 and 100001 have the same id")
        self.bad_text(rows + "{", ":100001: is not JSON")
        self.bad_text("activations,weights\n" + "a,w\n" * 100000 + "a\n", ":100002: ", name="data/m.csv")

    def test_ids(self):
        good = ["a", "A-1_b.c", "0", "x" * 100, "com", "com10", "index", "index.htm", "summary.csv2", "_x", "a..b"]
        self.manifest([self.row(i, id=name) for i, name in enumerate(good)])
        self.batch()
        self.assertEqual(set(self.states()), set(good))
        shutil.rmtree(self.path("out"))
        for name in ("", ".", "..", ".a", "-a", "a.", "a/b", "a\\b", "a b", "a\n", "\u00e4", "a:b", "con", "Nul.txt",
                     "LPT1", "com0.x", "index.html", "Index-2.HTML", "Summary.csv", "x" * 101, "a\0b"):
            with self.subTest(name):
                self.manifest([self.row(), self.row(id=name)])
                self.refused("data/m.jsonl:2: ")
        for name, says in (("CON", "is reserved on Windows"), ("com1.a", "is reserved on Windows"), ("index.html", "is taken")):
            self.manifest([self.row(id=name)])
            self.refused("data/m.jsonl:1: the id '%s' names a folder, and that name %s" % (name, says))

    def test_one_case_is_counted_as_one(self):
        self.manifest([self.row()])
        self.assertIn("fmgcam: 1 case: 1 done, 0 failed", self.batch()[-1])

    def test_ids_that_are_the_same(self):
        for one, other, extra in (("x", "x", "'x'"), ("Ab", "aB", "'aB', but for capital letters"),
                                  ("4", None, "'4'"), (4, None, "'4'")):
            self.manifest([self.row(), self.row(id=one), self.row(id="Z"), self.row(id=other)])
            line = self.refused("data/m.jsonl: lines 2 and 4 have the same id, " + extra)
            self.assertTrue(line.endswith(extra))

    def test_dialects_of_csv(self):
        odd = 'a "b",\nc.npy'
        shutil.copy(self.path("data/a1.npy"), self.path("data", odd))
        self.put("data/l.npy", npy((K,), [3.0, 2.0, 1.0]))
        header = "id,activations,gradients,image,top,activations,gradients,logits,largest-gap"
        records = ["one,a0.npy,g0.npy,p.png,,,,,", 'two,"a ""b"",\nc.npy",g1.npy,"p.png",2,,,,false',
                   ",a2.npy,g2.npy,,,a3.npy,g3.npy,,", '"four","a3.npy",g3.npy,"","",,,l.npy,true']
        self.manifest([self.row(0, id="one", labels=None), self.row(1, id="two", labels=None, activations=odd, top=2),
                       self.row(0, labels=None, image=None, activations=["a2.npy", "a3.npy"],
                                gradients=["g2.npy", "g3.npy"]),
                       self.row(3, id="four", labels=None, image=None, logits="l.npy", largest_gap=True)])
        self.batch(output="json")
        want = self.results("json")
        for mark in ("", "\ufeff"):
            for end in ("\n", "\r\n"):
                for last in ("", end, end * 3):
                    text = mark + (end * (len(last) // len(end) + 1)).join([header, *records]) + last
                    self.put("data/m.csv", text.encode())
                    self.batch(manifest="data/m.csv", output="csv")
                    got = self.results("csv")
                    for name in list(want):
                        if name.endswith("case.json"):
                            order = [sorted(x[name]["options"]) for x in (got, want)]
                            self.assertEqual(*order)
                            self.assertEqual(got[name]["outputs"], want[name]["outputs"])
                        elif name != "index.html":
                            self.assertEqual(got[name], want[name], name)
                    shutil.rmtree(self.path("csv"))

    def test_csv_as_python_writes_it(self):
        """Any text comes through; the records say what was read."""
        rng = random.Random(11)
        texts = ["".join(rng.choice("ab,\"\n '=;\u00e9\u732b\t") for _ in range(rng.randrange(12))) for _ in range(400)]
        for style in (dict(), dict(lineterminator="\n"), dict(quoting=csv.QUOTE_ALL)):
            text = io.StringIO(newline="")
            writer = csv.writer(text, **style)
            writer.writerow(["method", "id", "top"])
            for i, (one, other) in enumerate(zip(texts[::2], texts[1::2])):
                writer.writerow([one, "c%d" % i, other])
            self.put("data/m.csv", text.getvalue().encode())
            self.batch(manifest="data/m.csv", output="csv", status=1)
            for i, (one, other) in enumerate(zip(texts[::2], texts[1::2])):
                want = [[k, v] for k, v in (("method", one), ("top", other)) if v]
                self.assertEqual(self.json("csv/c%d/case.json" % i)["options"], want)
            shutil.rmtree(self.path("csv"))

    def test_format_and_standard_input(self):
        text = (json.dumps(self.row(0, activations="data/a0.npy", gradients="data/g0.npy", image="data/p.png",
                                    labels=None)) + "\n").encode()
        self.put("rows", text)
        self.put("rows.csv", text)
        self.put("ROWS.NDJSON", text)
        self.refused("standard input: --format jsonl or csv is needed", manifest="-")
        self.refused("rows: --format", manifest="rows")
        self.refused("rows.csv:1: ", manifest="rows.csv")
        self.refused("--format: 'xml' is not available", "--format", "xml", manifest="rows")
        self.refused("absent.csv: No such file", manifest="absent.csv", status=1)
        self.refused("data: Is a directory", "--format", "csv", manifest="data", status=1)
        self.batch(manifest="ROWS.NDJSON", output="want")
        want = self.get("want/1/overlay.png")
        for i, name in enumerate(("rows", "rows.csv")):
            self.batch("--format", "jsonl", manifest=name, output="named%d" % i)
            self.assertEqual(self.get("named%d/1/overlay.png" % i), want)
        with open(self.path("rows"), "rb") as f:
            self.batch("--format", "jsonl", manifest="-", output="file", stdin=f)
        self.batch("--format", "jsonl", manifest="-", output="pipe", stdin=None, input=text)
        process = subprocess.Popen(["cat", "rows"], cwd=self.dir, stdout=subprocess.PIPE)
        self.batch("--format", "jsonl", manifest="/dev/fd/%d" % process.stdout.fileno(), output="fd",
                   pass_fds=[process.stdout.fileno()], status=1)  # whose paths start from /dev/fd
        process.stdout.close()
        process.wait()
        for name in ("file", "pipe"):
            self.assertEqual(self.get(name, "1/overlay.png"), want)
        self.assertIn("standard input: ", self.batch("--format", "jsonl", manifest="-", status=2, stdin=None,
                                                     input=b"")[0])

    def test_a_manifest_that_changes(self):
        """While a case is at work; whoever changes it may also put the time of change back."""
        rows = [self.row(0), self.row(1, activations="pipe"), self.row(2)]
        changes = {"more": rows + [{}] * 9, "fewer": rows[:2], "another": [self.row(3)] + rows[1:], "none": [{}],
                   "as long": rows + [{}] * 10}
        os.mkfifo(self.path("data/pipe"))
        for jobs in (1, 2):
            for name, changed in changes.items():
                with self.subTest(name, jobs=jobs):
                    self.manifest(rows)
                    with open(self.path("data/m.jsonl"), "a", encoding="ascii") as f:
                        f.write("%30s" % "\n")
                    before = os.stat(self.path("data/m.jsonl"))
                    process = self.start("--jobs", jobs)
                    wait_until(lambda: os.path.exists(self.path("out/2")))
                    self.manifest(changed)
                    if name != "another":
                        os.utime(self.path("data/m.jsonl"), ns=(before.st_atime_ns, before.st_mtime_ns))
                    self.feed("data/pipe", "data/a0.npy")
                    status, lines = self.end(process)
                    self.assertEqual(status, 1)
                    self.assertIn("fmgcam: data/m.jsonl: has changed since it was first read", lines)
                    self.assert_no_leftovers()
                    shutil.rmtree(self.path("out"))

    def test_wrong_usage(self):
        self.manifest([self.row()])
        for args, says in (((), "batch: the manifest is missing"),
                           (("data/m.jsonl",), "--output: is missing"),
                           (("data/m.jsonl", "--output", ""), "--output: the name of the folder is empty"),
                           (("data/m.jsonl", "more", "--output", "out"), "more: is one argument too many"),
                           (("data/m.jsonl", "--output", "out", "--nope"), "--nope: unknown option; see 'fmgcam batch"),
                           (("data/m.jsonl", "--output", "out", "--re"), "--re: ambiguous option"),
                           (("data/m.jsonl", "--output"), "--output: needs a value"),
                           (("data/m.jsonl", "--output", "out", "--resume=1"), "--resume: does not take a value")):
            r = subprocess.run(self.command(*args), cwd=self.dir, stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(r.returncode, 2)
            self.assertRegex(r.stderr.decode(), r"\Afmgcam: %s[^\n]*\n\Z" % re.escape(says))
        self.refused("no/out: No such file", output="no/out", status=1)
        self.refused("data/p.png: ", output="data/p.png", status=1)


# ---- Going on ----------------------------------------------------------------


class Resume(Case):
    def touched(self, before, *more):
        """The cases that have a file which is not the same as before."""
        now = self.files()
        return sorted({n.split("/")[0] for n in set(before) | set(now)
                       if "/" in n and before.get(n, (0, 0))[:2] != now.get(n, (0, 0))[:2]})

    def test_a_folder_that_is_not_empty(self):
        self.manifest([self.row()])
        self.batch()
        before = self.files()
        self.assertIn("out: is not empty; with --resume", self.batch(status=2)[0])
        self.assertEqual(self.files(), before)
        os.mkdir(self.path("empty"))
        self.batch(output="empty")
        self.batch("--resume", output="absent")
        self.assertEqual(self.results("empty"), self.results("absent"))

    def test_only_what_is_not_complete(self):
        rows = [self.row(i, id="c%d" % i) for i in range(6)]
        self.manifest(rows)
        self.batch()
        before = self.files()

        def go_on(*args, redone=(), status=0, says=None):
            nonlocal before
            lines = self.batch("--resume", *args, status=status)
            self.assertEqual(self.touched(before), sorted(redone))
            before_text = ", %d of them before" % (6 - len(redone)) if len(redone) < 6 else ""
            self.assertIn(says or "6 cases: 6 done%s, 0 failed;" % before_text, lines[-1])
            before = self.files()

        go_on()
        rows[2]["alpha"] = 0.5
        self.manifest(rows)
        go_on(redone=["c2"])
        shutil.copy(self.path("data/a0.npy"), self.path("data/a1.npy"))  # of c1 and c5
        go_on(redone=["c1", "c5"])
        os.utime(self.path("data/g3.npy"), ns=(0, 0))
        go_on(redone=["c3"])
        os.remove(self.path("out/c4/overlay.png"))
        go_on(redone=["c4"])
        os.remove(self.path("out/c0/case.json"))
        before.pop("c0/case.json")
        go_on(redone=["c0"])
        record = self.get("out/c0/case.json")
        self.put("out/c0/case.json", record[:-20])
        go_on(redone=["c0"])
        self.put("out/c0/case.json", record.replace(b'"program": "', b'"program": "0'))
        go_on(redone=["c0"])
        go_on("--write", "overlay,maps", redone=["c%d" % i for i in range(6)])
        go_on("--write", "overlay,maps")
        go_on("--write", "overlay,maps", "--alpha", 0.1, redone=["c0", "c1", "c3", "c4", "c5"])  # c2 has its own
        # The tensors may go when the work is done; what is left undone notices.
        go_on(redone=["c%d" % i for i in range(6)])
        os.remove(self.path("data/a3.npy"))
        go_on()
        rows[3]["alpha"] = 0.7
        self.manifest(rows)
        kept = self.get("out/c3/overlay.png")
        go_on(redone=["c3"], status=1, says="5 done, 5 of them before, 1 failed")
        self.assertEqual(self.get("out/c3/overlay.png"), kept)
        self.assertEqual(self.json("out/c3/case.json")["status"], "failed")

    def test_an_order_of_options_that_says_the_same(self):
        """From another folder, too: paths are those of the manifest."""
        self.manifest([self.row(i) for i in range(3)])
        self.batch()
        before = self.files()
        os.rename(self.path("data"), self.path("moved"))
        lines = self.batch("--resume", manifest="moved/m.jsonl")
        self.assertIn("3 done, 3 of them before, 0 failed", lines[-1])
        self.assertEqual(self.touched(before), [])

    def test_failed_ones_are_tried_again(self):
        self.manifest([self.row(0), self.row(1, activations="later.npy"), self.row(2, alpha=2)])
        self.batch(status=1)
        before = self.files()
        shutil.copy(self.path("data/a1.npy"), self.path("data/later.npy"))
        lines = self.batch("--resume", status=1)
        self.assertEqual(self.touched(before), ["2", "3"])
        self.assertIn("2 done, 1 of them before, 1 failed", lines[-1])
        self.assertEqual(self.states(), {"1": "done", "2": "done", "3": "failed"})

    def test_one_batch_a_folder(self):
        os.mkfifo(self.path("data/pipe"))
        self.manifest([self.row(0, activations="pipe")])
        process = self.start()
        wait_until(lambda: os.path.exists(self.path("out/1")))
        self.assertIn("out: is in use by another batch", self.batch("--resume", status=1)[0])
        self.feed("data/pipe", "data/a0.npy")
        self.assertEqual(self.end(process)[0], 0)

    def test_a_damaged_report_is_made_again(self):
        self.manifest([self.row(i, id="c%d" % i) for i in range(3)])
        self.batch()
        whole = self.get("out", "c1", "report.json")
        for damage in (b"{", b""):
            self.put("out/c1/report.json", damage)
            said = self.batch("--resume")
            self.assertIn("3 cases: 3 done, 2 of them before, 0 failed", said[-1])
            self.assertEqual(self.get("out", "c1", "report.json"), whole)
        self.put("out/c2/overlay.png", b"")
        self.assertIn("2 of them before", self.batch("--resume")[-1])

    def test_results_do_not_replace_what_is_read(self):
        self.manifest([self.row(id="c")])
        self.batch()
        self.put("out/summary.csv", b"id,activations,gradients\nc,../data/a0.npy,../data/g0.npy\n")
        before = self.files()
        said = self.batch("--resume", manifest="out/summary.csv", status=2)
        self.assertIn("fmgcam: out/summary.csv: is where the batch writes its summary.csv", said)
        self.assertEqual(self.files(), before)
        self.batch("--resume", status=0)
        record = self.get("out", "c", "case.json")
        self.manifest([self.row(id="c", labels="../out/c/case.json")])
        self.assertIn("is the record of the case itself", self.batch("--resume", status=1)[0])
        self.assertNotEqual(record, b"")

    def test_fewer_cases(self):
        """Pages that are no longer needed go; folders stay."""
        self.manifest([self.row(i) for i in range(401)])
        self.batch()
        self.assertTrue(os.path.exists(self.path("out/index-3.html")))
        self.manifest([self.row(i) for i in range(200)])
        self.batch("--resume")
        self.assertEqual([n for n in os.listdir(self.path("out")) if n.startswith("index")], ["index.html"])
        self.assertTrue(os.path.exists(self.path("out/401/overlay.png")))
        self.assertEqual(len(self.states()), 200)


class Signals(Case):
    CASES = 1000

    def many(self, count):
        return [self.row(i, id="case-%d" % i,
                         **{17: dict(activations="absent.npy"), 27: dict(alpha=2), 37: dict(activations="p.png")}
                         .get(i % 50, {})) for i in range(count)]

    def complete(self, output="out"):
        """Files of the cases with a record of success."""
        files = self.files(output)
        done = {n.split("/")[0] for n, (_, _, content) in files.items()
                if n.endswith("case.json") and json.loads(content)["status"] == "done"}
        return done, {n: info[:2] for n, info in files.items() if n.split("/")[0] in done}

    def test_a_thousand_cases_interrupted_half_way(self):
        self.manifest(self.many(self.CASES))
        self.batch("--jobs", 2, output="whole", status=1)
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                process = self.start("--jobs", 2)
                wait_until(lambda: os.path.exists(self.path("out/case-%d" % (self.CASES // 2))))
                process.send_signal(number)
                status, lines = self.end(process)
                self.assertEqual(status, -number)
                self.assertRegex(lines[-2], r"\d+ done, \d+ failed, \d+ left;")
                self.assertIn("--resume", lines[-1])
                self.assert_no_leftovers()
                done, before = self.complete()
                states = list(self.states().values())
                self.assertEqual(states.count("done"), len(done))
                self.assertTrue(self.CASES // 4 < len(done) < self.CASES * 3 // 4, len(done))
                self.assertEqual(len(states), len(set(r["id"] for r in self.summary())) and len(states))
                self.assertIn("not run yet", self.get("out/index.html").decode())
                for case in done:
                    self.assertEqual(sorted(os.listdir(self.path("out", case))),
                                     ["case.json", "overlay.png", "report.json"])
                # What is there from the first run stays as it is, and all of the rest is made.
                lines = self.batch("--resume", "--jobs", 2, status=1)
                self.assertIn("%d done, %d of them before, 60 failed" % (self.CASES - 60, len(done)),
                              lines[-1])
                now = self.files()
                self.assertEqual({n: now[n][:2] for n in before}, before)
                self.assertEqual(self.results(), self.results("whole"))
                shutil.rmtree(self.path("out"))

    def waiting(self, *args, **more):
        """A batch whose second case has all but its report, and waits for someone who reads that."""
        self.manifest([self.row(i) for i in range(4)])
        os.makedirs(self.path("out/2"))
        os.mkfifo(self.path("out/2/report.json"))
        process = self.start("--resume", "--jobs", 1, *args, **more)
        wait_until(lambda: [n for n in os.listdir(self.path("out/2")) if n.startswith(".fmgcam")])
        time.sleep(0.1)
        return process

    def test_a_second_signal_ends_at_once(self):
        process = self.waiting()
        children = children_of(process.pid) if os.path.isdir("/proc/self/task") else []
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), -signal.SIGINT)
        self.assertEqual(os.listdir(self.path("out/2")), ["report.json"])
        self.assertFalse(os.path.exists(self.path("out/3")))
        self.assertEqual(sorted(os.listdir(self.path("out/1"))), ["case.json", "overlay.png", "report.json"])
        for child in children:
            self.assertFalse(os.path.exists("/proc/%d" % child))

    def test_a_terminal_interrupts_all_and_the_running_one_finishes(self):
        process = self.waiting(start_new_session=True)
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
        self.assertIsNone(process.poll())
        report = self.get("out/2/report.json")
        status, lines = self.end(process)
        self.assertEqual(status, -signal.SIGINT)
        self.assertEqual(json.loads(report)["version"], 1)
        self.assertEqual(self.json("out/2/case.json")["status"], "done")
        self.assertTrue(os.path.exists(self.path("out/2/overlay.png")))
        self.assertFalse(os.path.exists(self.path("out/3")))

    def test_what_a_signal_to_all_ends_is_left(self):
        process = self.waiting(start_new_session=True)
        os.killpg(process.pid, signal.SIGTERM)
        status, lines = self.end(process)
        self.assertEqual(status, -signal.SIGTERM)
        self.assertIn("1 done, 0 failed, 3 left", lines[-2])
        self.assertEqual(os.listdir(self.path("out/2")), ["report.json"])
        self.assertEqual(self.states(), {"1": "done", "2": "left", "3": "left", "4": "left"})

    def test_what_was_complete_before_is_not_left(self):
        rows = [self.row(i) for i in range(5)]
        self.manifest(rows)
        self.batch()
        os.mkfifo(self.path("data/pipe"))
        rows[1]["activations"] = "pipe"
        rows[2]["alpha"] = 0.1
        self.manifest(rows)
        process = self.start("--resume", "--jobs", 1)
        wait_until(lambda: not os.path.exists(self.path("out/2/case.json")))
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        self.feed("data/pipe", "data/a0.npy")
        status, lines = self.end(process)
        self.assertEqual(status, -signal.SIGINT)
        self.assertIn("4 done, 3 of them before, 0 failed, 1 left", lines[-2])
        self.assertEqual(self.states(), {"1": "done", "2": "done", "3": "left", "4": "done", "5": "done"})

    @on_linux
    def test_memory_does_not_grow(self):
        def peak(count):
            self.manifest([self.row(i, image=None, size="8x8") for i in range(count)])
            process = self.start("--jobs", 2)
            wait_until(lambda: os.path.exists(self.path("out/1")))
            with open("/proc/%d/maps" % process.pid, encoding="utf-8") as f:
                sanitized = re.search(r"lib[a-z]san\.so", f.read())
            kilobytes = 0
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    with open("/proc/%d/status" % process.pid, encoding="ascii") as f:
                        match = re.search(r"RssAnon:\s+(\d+) kB", f.read())
                    kilobytes = max(kilobytes, int(match.group(1)) if match else 0)
                time.sleep(0.002)
            self.assertEqual(self.end(process)[0], 0)
            shutil.rmtree(self.path("out"))
            if sanitized:
                self.skipTest("a sanitizer keeps what is freed")
            return kilobytes
        few, many = peak(200), peak(2000)
        print("memory of the parent: %d kB over 200 cases, %d kB over 2000" % (few, many), file=sys.stderr)
        # While ids are compared, each takes 32 bytes, and 16 three times in a list that grows and once for sorting; a
        # byte tells the state; and 128 kB for what malloc() does not fill. What was not given back of a row would be
        # over 500 bytes.
        self.assertLess(many - few, 1800 * (32 + 4 * 16 + 1) / 1024 + 128)


# ---- Progress ----------------------------------------------------------------


class Progress(Case):
    def on_terminal(self, columns, *args):
        """(exit status, all that came to a terminal of that width)."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = subprocess.Popen(self.command("data/m.jsonl", "--output", "out", *args), cwd=self.dir,
                                   stdin=subprocess.DEVNULL, stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                if not select.select([master], [], [], 120)[0]:
                    break
                part = os.read(master, 65536)
            except OSError:
                part = b""
            if not part:
                break
            text += part
        os.close(master)
        return process.wait(60), text.decode()

    @staticmethod
    def screen(text, columns):
        """The lines that a terminal shows in the end, and each bar in between. Fails where a line would wrap before
        it ends."""
        lines, bars, line, column = [], [], [], 0
        for character in text:
            if character == "\r":
                shown = "".join(line).rstrip()
                if re.match(r"\[[#-]*\] |\d+/", shown) and (not bars or bars[-1] != shown):
                    bars.append(shown)
                column = 0
            elif character == "\n":
                lines.append("".join(line).rstrip())
                line, column = [], 0
            else:
                line[column:column + 1] = character
                column += 1
        return lines + (["".join(line).rstrip()] if "".join(line).strip() else []), bars

    def test_bar(self):
        self.manifest([self.row(i, alpha=2 if i % 20 == 7 else 0.5) for i in range(600)])
        # In 30 columns there is room for one until there is a speed to show.
        for columns, shape in ((80, r"\[#*-*\] \d+/600"), (200, r"\[[#-]{60}\] "), (30, r"(\[-+\] 0|\d+)/600"),
                               (9, r"\d+/600")):
            with self.subTest(columns):
                status, text = self.on_terminal(columns, "--jobs", 2)
                self.assertEqual(status, 1)
                self.assertNotIn("\x1b", text)
                lines, bars = self.screen(text, columns)
                self.assertEqual(len(lines), 31)
                for line in lines[:-1]:
                    self.assertRegex(line, r"\Afmgcam: \d+ \(data/m.jsonl:\d+\): --alpha: '2' is not a number from 0 to 1\Z")
                self.assertRegex(lines[-1], r"\Afmgcam: 600 cases: 570 done, 30 failed; ")
                self.assertGreaterEqual(len(bars), 3)
                for bar in bars:
                    self.assertRegex(bar, r"\A" + shape)
                    self.assertLess(len(bar), columns)
                over = [int(re.search(r"(\d+)/600", bar).group(1)) for bar in bars]
                self.assertEqual(over, sorted(over))
                self.assertLess(len(bars), 12 * float(re.search(r"; ([0-9.]+) s", lines[-1]).group(1)) + 32 + 2)
                if columns >= 80:
                    self.assertRegex(bars[-1], r"/600, \d+ failed, [0-9.]+/s, \d+:\d\d left\Z")
                    filled = [bar.count("#") / (bar.count("#") + bar.count("-")) for bar in bars]
                    for part, count in zip(filled, over):
                        self.assertLess(abs(part - count / 600), 1 / 10 + 1e-9)
                shutil.rmtree(self.path("out"))

    def test_log(self):
        os.mkfifo(self.path("data/pipe"))
        self.manifest([self.row(i, activations="pipe" if i == 4 else None if i == 6 else "a%d.npy" % (i % 4))
                       for i in range(10)])
        process = self.start("--jobs", 1)
        wait_until(lambda: os.path.exists(self.path("out/5")))
        time.sleep(1.2)
        self.feed("data/pipe", "data/a0.npy")
        status, lines = self.end(process)
        self.assertEqual(status, 1)
        progress = [line for line in lines if re.match(r"fmgcam: \d+/10", line)]
        failed, summary = [line for line in lines if line not in progress]
        for line in progress:
            self.assertRegex(line, r"\Afmgcam: \d/10(, 1 failed)?, [0-9.]+/s, \d:\d\d left\Z")
        self.assertIn("fmgcam: 7 (data/m.jsonl:7): --activations: is missing", failed)
        seconds = float(re.match(r"\Afmgcam: 10 cases: 9 done, 1 failed; ([0-9.]+) s\Z", summary).group(1))
        self.assertTrue(1 <= len(progress) <= seconds, lines)


# ---- Table and pages ---------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Checks that elements are closed, and collects."""
    VOID = {"meta", "img", "br", "link"}

    def __init__(self, path):
        super().__init__()
        self.open, self.links, self.ids, self.tags, self.texts = [], [], set(), [], []
        with open(path, encoding="utf-8") as f:
            self.feed(f.read())
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("href", "src"):
                self.links.append(value)
            if name == "id":
                assert value not in self.ids, value
                self.ids.add(value)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)

    def text(self):
        return " ".join(" ".join(self.texts).split())


class Results(Case):
    def test_summary(self):
        self.put("data/w.npy", npy((9, C), [((i * 7) % 11 - 5) / 4 for i in range(9 * C)]))
        self.put("data/l.npy", npy((9,), [0.5, 3, 1, 2, -1, 0, 0.25, 4, 1.5]))
        self.manifest([self.row(0, id="z"), self.row(1, alpha="-2"), self.row(2, region=[0, 0, 3, 2], id="a"),
                       self.row(3, gradients=None, classifier="w.npy", logits="l.npy", labels=None, top=4)])
        self.batch("--jobs", 2, status=1)
        rows = self.summary()
        self.assertEqual([r["id"] for r in rows], ["z"] * 3 + ["2"] + ["a"] * 3 + ["4"] * 4)
        self.assertEqual(self.get("out/summary.csv").count(b"\r\n"), len(rows) + 1)
        for row in rows:
            if row["id"] == "2":
                self.assertEqual(row["error"], "'--alpha: '-2' is not a number from 0 to 1")
                self.assertEqual(set(v for k, v in row.items() if k not in ("id", "status", "error")), {""})
                continue
            case = self.json("out", row["id"], "report.json")["classes"][int(row["rank"])]
            self.assertEqual((row["status"], row["error"]), ("done", ""))
            for key in ("index", "score", "probability", "area", "peak", "mass", "positive_share", "contribution"):
                self.assertEqual(float(row[key]) if row[key] else None, case[key], key)
            box = [row[key] for key in ("left", "top", "right", "bottom")]
            self.assertEqual([int(x) for x in box] if box[0] else None, case["box"])
            centroid = [row["centroid_x"], row["centroid_y"]]
            self.assertEqual([float(x) for x in centroid] if centroid[0] else None, case["centroid"])
            box = [row["picture_" + key] for key in ("left", "top", "right", "bottom", "x", "y")]
            self.assertEqual([float(x) for x in box] if box[0] else None,
                             case["picture_box"] and case["picture_box"] + case["picture_centroid"])
            label = case["label"] or ""
            self.assertEqual(row["label"], "'" + label if label.startswith("=") else label)
        self.assertIn("'" + LABELS[2], [r["label"] for r in rows])

    def test_formulas_stay_text(self):
        names = ["=1", "+1", "-1", "@x", "\tx", "'x", "1", "a=1"]
        self.put("data/g8.npy", npy((8, C, H, W), [1.0] * (8 * C * H * W)))
        self.put("data/names8.txt", "\n".join(names).encode())
        self.manifest([self.row(0, gradients="g8.npy", labels="names8.txt")])
        self.batch()
        self.assertEqual([r["label"] for r in self.summary()],
                         ["'=1", "'+1", "'-1", "'@x", "'\tx", "'x", "1", "a=1"])

    def pages(self):
        names = ["index.html"] + ["index-%d.html" % i for i in range(2, 10)]
        return {n: Page(self.path("out", n)) for n in names if os.path.exists(self.path("out", n))}

    def test_pages(self):
        rows = [self.row(i, id="x%d" % i, alpha=2 if i in (3, 207, 449) else 0.5) for i in range(450)]
        self.manifest(rows)
        self.batch("--write", "maps,overlay", status=1)
        pages = self.pages()
        self.assertEqual(list(pages), ["index.html", "index-2.html", "index-3.html"])
        seen = []
        for name, page in pages.items():
            self.assertIn("450 cases: 447 done, 3 failed .", page.text().replace("failed.", "failed ."))
            self.assertNotIn("script", {tag for tag, _ in page.tags})
            for link in page.links:
                parts = urllib.parse.urlsplit(link)
                self.assertEqual((parts.scheme, parts.netloc), ("", ""))
                target = urllib.parse.unquote(parts.path)
                self.assertTrue(os.path.isfile(self.path("out", target or name)), link)
                if parts.fragment:
                    self.assertIn(parts.fragment, pages[target or name].ids)
            articles = [attrs for tag, attrs in page.tags if tag == "article"]
            self.assertEqual(len(articles), {"index-3.html": 50}.get(name, 200))
            self.assertIn("Cases %d to %d" % (len(seen) + 1, len(seen) + len(articles)), page.text())
            seen += [a["id"] for a in articles]
            images = [attrs for tag, attrs in page.tags if tag == "img"]
            self.assertEqual(len(images), len([a for a in articles if a["class"] == "done"]))
            for image in images:
                self.assertEqual(image["loading"], "lazy")
                self.assertTrue(image["alt"].startswith("overlay of x"))
            self.assertTrue({"x%d/maps.npy" % i for i in range(450)} & set(page.links))
        self.assertEqual(seen, ["case-x%d" % i for i in range(450)])
        first = pages["index.html"]
        self.assertLessEqual({"#case-x3", "index-2.html#case-x207", "index-3.html#case-x449"}, set(first.links))
        self.assertEqual(first.text().count("--alpha: '2' is not a number from 0 to 1"), 4)

    def test_notice(self):
        """On each page, and in figures where there are some."""
        notice = "Not for <medical> use & 'co'"
        self.manifest([self.row(i, activations="absent" if i else "a0.npy") for i in range(201)])
        self.batch("--notice", "forgotten", "--notice", notice, status=1)
        for name, page in self.pages().items():
            self.assertEqual(page.texts.count(notice), 1)
            tags = [tag for tag, _ in page.tags]
            self.assertLess(tags.index("strong"), tags.index("h1"))
            self.assertNotIn("forgotten", page.text())
        self.assertEqual(self.states()["1"], "done")
        self.batch("--resume", "--notice", "", status=1)
        self.assertNotIn("strong", {tag for tag, _ in self.pages()["index.html"].tags})
        self.assertIn("--notice: is not UTF-8 text", self.batch("--notice", os.fsdecode(b"\xff"), status=2)[0])
        self.manifest([self.row(0)])
        self.batch("--write", "figure", "--notice", notice, output="figures", status=None)
        self.assertIn(["notice", notice], self.json("figures/1/case.json")["options"])

    def test_any_text(self):
        names = ["<b>&amp;\"'</b>", "</li></ul><script>alert(1)</script>", "\u202egnp.tac\u05d0", "a\x01b\x7f", "",
                 "x" * 300]
        self.put("data/g6.npy", npy((6, C, H, W), [1.0] * (6 * C * H * W)))
        self.put("data/names6.txt", ("\n".join(names)).encode())
        bad = "<img src=x onerror=alert(1)>&'\".npy"
        self.manifest([self.row(0, gradients="g6.npy", labels="names6.txt"), self.row(0, activations=bad)],
                      "data/a & <b>.jsonl")
        lines = self.batch(manifest="data/a & <b>.jsonl", status=1)
        self.assertIn(bad, lines[0])
        page = self.pages()["index.html"]
        self.assertEqual([a.get("alt") for tag, a in page.tags if tag == "img"], ["overlay of 1"])
        self.assertNotIn("script", {tag for tag, _ in page.tags})
        labels = [t for t in page.texts if t.strip()]
        for want in (names[0], names[1], names[2], "a\ufffdb\ufffd", "rank 5", names[5], "a & <b>.jsonl",
                     "data/%s: No such file or directory" % bad):
            self.assertIn(want, labels)
        self.assertEqual(len([1 for tag, _ in page.tags if tag == "bdi"]), 8)

    def test_colours_and_shares(self):
        """The first classes of a case, each with its colour in the overlay; the report has the rest."""
        self.put("data/g9.npy", npy((9, C, H, W), single(random.Random(3).gauss(0, 1) for _ in range(9 * C * H * W))))
        self.manifest([self.row(0, gradients="g9.npy", labels=None), self.row(1, activations="a0.npy", gradients="g0.npy")])
        self.batch()
        page = self.pages()["index.html"]
        colours = [a["style"] for tag, a in page.tags if tag == "i"]
        palette = [(213, 94, 0), (86, 180, 233), (240, 228, 66), (0, 158, 115), (204, 121, 167), (0, 114, 178),
                   (230, 159, 0), (153, 153, 153)]
        want = ["background:#%02x%02x%02x" % c for c in palette]
        self.assertEqual(colours, want + want[:3])
        self.assertIn("and 1 more, in the report", page.text())
        for case in self.json("out/2/report.json")["classes"]:
            percent = 100 * case["area"]  # as a reader sees it
            self.assertIn("area %s\u00a0%%" % ("%.1f" % percent if percent >= 0.1 else "%.2g" % percent), page.texts)

    def test_colours_are_those_of_the_picture(self):
        self.put("data/w.npy", npy((9, C), [((i * 7) % 11 - 5) / 4 for i in range(9 * C)]))
        self.put("data/l.npy", npy((9,), [0.5, 3, 1, 2, -1, 0, 0.25, 4, 1.5]))
        common = dict(gradients=None, labels=None, classifier="w.npy", logits="l.npy", classes=[5, 2],
                      fuse_at="image", normalize="max", blend="constant", alpha=1, resample="nearest")
        self.manifest([self.row(0, **common), self.row(0, palette="tol", color_by="class", **common),
                       self.row(0, color_map="viridis", **{**common, "classes": [5]})])
        self.batch()
        page = self.pages()["index.html"]
        colours = [a["style"] for tag, a in page.tags if tag == "i"]
        self.assertEqual(len(colours), 4)
        self.assertEqual(colours[:2], ["background:#d55e00", "background:#56b4e9"])
        for case, (one, other) in (("1", colours[:2]), ("2", colours[2:])):
            shown = [[int(c[12 + i:14 + i], 16) for i in (0, 2, 4)] for c in (one, other)]
            _, _, rgb = read_png(self.path("out", case, "overlay.png"))
            pixels = {tuple(rgb[i:i + 3]) for i in range(0, len(rgb), 3)} - {(0, 0, 0)}
            self.assertTrue(pixels)
            for pixel in pixels:  # a shade of one of them
                self.assertTrue(any(max(abs(max(pixel) / max(c) * c[i] - pixel[i]) for i in range(3)) <= 1.5
                                    for c in shown), (pixel, shown))

    def test_what_a_colour_is(self):
        self.put("data/w.npy", npy((9, C), [((i * 7) % 11 - 5) / 4 for i in range(9 * C)]))
        self.put("data/l.npy", npy((9,), [0.5, 3, 1, 2, -1, 0, 0.25, 4, 1.5]))
        common = dict(gradients=None, labels=None, classifier="w.npy", logits="l.npy")
        by_class, by_rank = self.row(0, color_by="class", **common), self.row(0, **common)
        failed = self.row(0, activations="absent")
        for i, (rows, everywhere) in enumerate((([by_class, by_class], True), ([by_class, by_rank], False),
                                                ([by_rank], False), ([by_class, failed], True), ([failed], False))):
            self.manifest(rows)
            self.batch(output="out%d" % i, status=int(failed in rows))
            text = Page(self.path("out%d" % i, "index.html")).text()
            self.assertEqual("A colour is a class in all pictures: where" in text, everywhere)
            self.assertEqual("Within a picture a colour is a class: where" in text, not everywhere)

    def test_a_report_that_was_lost(self):
        """Between its case and the summary."""
        os.mkfifo(self.path("data/pipe"))
        self.manifest([self.row(0), self.row(0, activations="pipe")])
        process = self.start("--jobs", 1)
        wait_until(lambda: os.path.exists(self.path("out/2")))
        self.put("out/1/report.json", b"{")
        self.feed("data/pipe", "data/a0.npy")
        status, lines = self.end(process)
        self.assertEqual(status, 1)
        self.assertEqual(self.states(), {"1": "failed", "2": "done"})
        self.assertIn("1 done, 1 failed", lines[-1])


class Documentation(Case):
    def test_help(self):
        r = subprocess.run(self.command("--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual((r.returncode, r.stderr), (0, b""))
        text = r.stdout.decode("ascii")
        self.assertLessEqual(max(map(len, text.splitlines())), 80)
        for name in re.findall(r"^  --([a-z-]+) [A-Z]", text, re.M):
            r = subprocess.run(self.command("--" + name), stderr=subprocess.PIPE, timeout=60)
            self.assertEqual((r.returncode, r.stderr.decode()), (2, "fmgcam: --%s: needs a value\n" % name))

    def test_all_options_of_explain_are_defaults(self):
        """Those that this test knows nothing of, too."""
        r = subprocess.run([cli.PROGRAM, "explain", "--help"], stdout=subprocess.PIPE, timeout=60)
        inputs, outputs = r.stdout.decode().split("\nOutputs")
        for name in re.findall(r"^  (--[a-z-]+) [A-Z]", inputs, re.M):
            r = subprocess.run(self.command("m.csv", name), stderr=subprocess.PIPE, timeout=60)
            self.assertEqual(r.stderr.decode(), "fmgcam: %s: needs a value\n" % name)
        self.manifest([self.row()])
        for name in re.findall(r"^  --([a-z-]+) [A-Z]", outputs, re.M):
            self.assertIn("--%s: is not for a batch" % name, self.batch("--" + name, "x", status=2)[0])
            self.assertIn("is not available", self.batch("--write", name + "x", status=2)[0])
            self.assertIn("--output: is missing", subprocess.run(self.command("m.csv", "--write", name), timeout=60,
                                                                 stderr=subprocess.PIPE).stderr.decode())


if __name__ == "__main__":
    sys.exit(cli.main(sys.modules[__name__]))
