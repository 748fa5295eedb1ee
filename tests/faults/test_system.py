#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Real obstacles for the fmgcam program: folders and pipes in the place of files, what may not be written, outputs
that are inputs, and others that write the same file: test_system.py PRELOAD PROGRAM [full] [Class.test]...
"""
import itertools
import os
import resource
import shutil
import signal
import stat
import subprocess

import faults
from faults import EXPLAIN, OUTPUTS, suffix_of

GRADIENTS = {"--activations": "a.npy", "--gradients": "g.npy", "--image": "p.png", "--labels": "names.txt"}
WEIGHTS = {"--activations": "a.npy", "--weights": "few.npy", "--image": "p.png"}
CLASSIFIER = {"--activations": "a.npy", "--classifier": "w.npy", "--bias": "b.npy", "--logits": "l.npy",
              "--thresholds": "t.npy", "--image": "p.png"}


def as_owner():
    """How to run a program that the modes of files bind, as they do not bind root."""
    return ("setpriv", "--bounding-set", "-dac_override,-dac_read_search") if os.geteuid() == 0 else ()


def flat(options):
    return [word for pair in options.items() for word in pair]


class Case(faults.Case):
    def setUp(self):
        super().setUp()
        self.put("few.npy", faults.npy((3, 6), [0.5 - i % 4 for i in range(18)]))

    def run_program(self, *args, **more):
        more.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([faults.PROGRAM, *args], cwd=self.dir, capture_output=True, timeout=120, **more)

    def explain(self, *args, **more):
        return self.run_program(*EXPLAIN, *args, **more)

    def look(self):
        """All that is in the folder."""
        found = {}
        for name in os.listdir(self.dir):
            info = os.lstat(self.path(name))
            content = faults.read(self.path(name)) if stat.S_ISREG(info.st_mode) else None
            found[name] = (stat.S_IFMT(info.st_mode), info.st_ino, content)
        return found

    def assert_refused(self, status, says, *args):
        before = self.look()
        r = self.run_program(*args)
        text = r.stderr.decode()
        self.assertEqual(r.returncode, status, (args, text))
        self.assertIn(says, text, args)
        self.assertEqual(self.look(), before, args)


class Inputs(Case):
    """An output that is an input, by its name or by a link, is refused before anything is written."""

    def try_all(self, says, command, inputs, output, more=()):
        suffix = suffix_of(output)
        for option, name in inputs.items():
            own = dict(inputs)
            self.put("same" + suffix, faults.read(self.path(name)))
            own[option] = "same" + suffix
            os.symlink("same" + suffix, self.path("symbolic" + suffix))
            os.link(self.path("same" + suffix), self.path("hard" + suffix))
            for other in ("same", "./same", "symbolic", "hard"):
                self.assert_refused(2, says, *command, *flat(own), *more, output, other + suffix)
            for link in ("same", "symbolic", "hard"):
                os.unlink(self.path(link + suffix))

    def test_of_explain(self):
        for inputs in (GRADIENTS, WEIGHTS, CLASSIFIER):
            for output in OUTPUTS:
                self.try_all("is the file of", ("explain",), inputs, output)

    def test_of_further_layers(self):
        for output in OUTPUTS:
            suffix = suffix_of(output)
            self.put("same" + suffix, faults.read(self.path("g2.npy")))
            self.assert_refused(2, "is the file of", *EXPLAIN, "--image", "p.png", "--activations", "a2.npy",
                                "--gradients", "same" + suffix, output, "same" + suffix)

    def test_of_compare(self):
        for name in ("x", "y"):
            self.assertEqual(self.explain("--signed-maps", name + ".npy", "--report", name + ".json").returncode, 0)
        inputs = {"--report-a": "x.json", "--report-b": "y.json", "--image": "p.png"}
        for output in ("--report", "--picture", *(["--figure"] if faults.FIGURES else [])):
            suffix = suffix_of(output)
            more = () if output == "--picture" else ("--picture", "other.png")
            self.try_all("is an input and the file of", ("compare", "x.npy", "y.npy"), inputs, output, more)
            for place in (0, 1):
                self.put("same" + suffix, faults.read(self.path("x.npy")))
                os.symlink("same" + suffix, self.path("symbolic" + suffix))
                maps = ["x.npy", "y.npy"]
                maps[place] = "same" + suffix
                for other in ("same", "symbolic"):
                    self.assert_refused(2, "is an input and the file of", "compare", *maps, "--image", "p.png",
                                        *more, output, other + suffix)
                os.unlink(self.path("symbolic" + suffix))


class Places(Case):
    def each_output(self):
        for output in OUTPUTS:
            yield output, suffix_of(output), (*EXPLAIN, "--image", "p.png")

    def test_a_folder(self):
        for output, suffix, args in self.each_output():
            os.mkdir(self.path("folder" + suffix))
            self.assert_refused(1, "folder%s: Is a directory" % suffix, *args, output, "folder" + suffix)
            self.put("folder" + suffix + "/file", b"")
            self.assert_refused(1, "folder%s: Is a directory" % suffix, *args, output, "folder" + suffix)
            self.assert_refused(1, "Not a directory", *args, output, "a.npy/file" + suffix)
            self.assert_refused(1, "No such file or directory", *args, output, "nowhere/file" + suffix)
            shutil.rmtree(self.path("folder" + suffix))

    def test_a_device(self):
        for output, suffix, args in self.each_output():
            os.symlink("/dev/null", self.path("null" + suffix))
            before = self.look()
            self.assertEqual(self.run_program(*args, output, "null" + suffix).returncode, 0)
            self.assertEqual(self.look(), before)
            os.unlink(self.path("null" + suffix))

    def test_a_link_that_leads_nowhere_or_in_circles(self):
        for output, suffix, args in self.each_output():
            os.symlink("new" + suffix, self.path("link" + suffix))
            self.assertEqual(self.run_program(*args, output, "link" + suffix).returncode, 0)
            self.assertTrue(os.path.islink(self.path("link" + suffix)))
            self.assertGreater(os.path.getsize(self.path("new" + suffix)), 0)
            os.unlink(self.path("link" + suffix))
            os.unlink(self.path("new" + suffix))
            os.symlink("circle" + suffix, self.path("circle" + suffix))
            self.assert_refused(1, "Too many levels of symbolic links", *args, output, "circle" + suffix)
            os.unlink(self.path("circle" + suffix))

    def assert_denied(self, name, *args):
        before = self.look()
        r = subprocess.run([*as_owner(), faults.PROGRAM, *args, name], cwd=self.dir, capture_output=True, timeout=120)
        self.assertEqual((r.returncode, self.look()), (1, before), r.stderr)
        self.assertIn("%s: Permission denied" % name, r.stderr.decode())

    def test_a_folder_that_may_not_be_written(self):
        os.chmod(self.dir, 0o555)
        self.addCleanup(os.chmod, self.dir, 0o755)
        for output, suffix, args in self.each_output():
            self.assert_denied("new" + suffix, *args, output)

    def test_a_file_that_may_not_be_written(self):
        for output, suffix, args in self.each_output():
            self.put("kept" + suffix, faults.EARLIER)
            os.chmod(self.path("kept" + suffix), 0o444)
            self.assert_denied("kept" + suffix, *args, output)

    def test_a_file_that_may_not_grow_so_large(self):
        for output, suffix, args in self.each_output():
            self.put("kept" + suffix, faults.EARLIER)
            before = self.look()
            r = self.run_program(*args, output, "kept" + suffix, restore_signals=True,
                                 preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100)))
            self.assertEqual((r.returncode, self.look()), (1, before), (output, r.stderr))
            self.assertIn("kept%s: File too large" % suffix, r.stderr.decode())

    def test_a_pipe_that_nobody_reads(self):
        """Whether or not the program was started with SIGPIPE ignored."""
        commands = (("--help",), ("--version",), (*EXPLAIN, "--report", "/dev/stdout"),
                    ("check-head", "--activations", "a.npy", "--classifier", "w.npy", "--logits", "l.npy",
                     "--tolerance", "1000"), ("compare", "maps.npy", "maps.npy"))
        self.assertEqual(self.explain("--signed-maps", "maps.npy").returncode, 0)
        for args, ignored in itertools.product(commands, (True, False)):
            reading, writing = os.pipe()
            os.close(reading)
            before = self.look()
            r = subprocess.run([faults.PROGRAM, *args], cwd=self.dir, stdout=writing, stderr=subprocess.PIPE,
                               restore_signals=not ignored, timeout=120)
            os.close(writing)
            self.assertEqual((r.returncode, self.look()), (1, before), args)
            self.assertIn(b"Broken pipe", r.stderr, args)


class Together(Case):
    """Several processes write the same files: each is that of one of them, whole."""

    def test_many_writers(self):
        outputs = ("o.png", "m.npy", "r.json")
        args = [(*EXPLAIN, "--image", "p.png", "--alpha", "0.%d" % n, "--overlay", "o.png", "--maps", "m.npy",
                 "--report", "r.json", "--profile", ("standard", "released")[n % 2]) for n in range(1, 7)]
        wanted = {name: set() for name in outputs}
        for a in args:
            self.assertEqual(self.run_program(*a).returncode, 0)
            for name in outputs:
                wanted[name].add(faults.read(self.path(name)))
        before = set(os.listdir(self.dir))
        for _ in range(20 if faults.FULL else 4):
            running = [subprocess.Popen([faults.PROGRAM, *a], cwd=self.dir, stderr=subprocess.PIPE) for a in args]
            for process in running:
                text = process.communicate(timeout=120)[1]
                self.assertEqual((process.returncode, text), (0, b""))
            for name in outputs:
                self.assertIn(faults.read(self.path(name)), wanted[name])
            self.assertEqual(set(os.listdir(self.dir)), before)

    def test_writers_that_are_ended(self):
        """Half of them; what they leave is what the others left, or what was there."""
        args = (*EXPLAIN, "--image", "p.png", "--overlay", "o.png", "--size", "2000x2000")[:-2]
        self.assertEqual(self.run_program(*args).returncode, 0)
        want = faults.read(self.path("o.png"))
        before = set(os.listdir(self.dir))
        for _ in range(20 if faults.FULL else 4):
            running = [subprocess.Popen([faults.PROGRAM, *args], cwd=self.dir) for _ in range(6)]
            for process in running[::2]:
                process.send_signal(signal.SIGTERM)
            for n, process in enumerate(running):
                self.assertIn(process.wait(120), (0, -signal.SIGTERM) if n % 2 == 0 else (0,))
            self.assertEqual(faults.read(self.path("o.png")), want)
            self.assertEqual(set(os.listdir(self.dir)), before)


if __name__ == "__main__":
    faults.main()
