#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fmgcam program for Windows, under Wine:

    test_windows.py PROGRAM SOURCE_ROOT NATIVE_PROGRAM [-v] [Class.test]...

PROGRAM is a script that runs it under Wine. It must make what NATIVE_PROGRAM, a
build of the same source for this machine, makes; handle names and files as Windows
has them; and pass the tests of test_cli.py and test_compare.py (classes Cli* and
Compare* here) but those that are about what Windows does not have.
"""
import fcntl
import os
import pty
import select
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import test_cli as cli
import test_compare as compare
import test_same as same
from test_same import Case, TheSame  # noqa: F401

NOT_HERE = {
    cli.Classifier: {"test_a_class_that_is_there_twice": "the command line is longer than Windows allows"},
    cli.Documentation: {"test_help_and_manual_page_list_the_same_options": "batch has no --help",
                        "test_width": "batch has no --help"},
    cli.Files: {"test_a_line_is_utf_8": "there are no such names"},
    cli.Outputs: {"test_a_closed_pipe": "the system's text of the error is another one",
                  "test_links_and_modes_are_kept": "there are no modes",
                  "test_one_that_fails_stops_all": "the system's text of an error is another one"},
    cli.Pictures: {"test_kinds_by_suffix_and_by_signature": "two names that differ by case alone"},
    cli.Usage: {"test_a_signal_leaves_nothing": "there are no such signals",
                "test_no_character_is_the_code_of_an_option_of_batch": "there is no batch"},
    compare.Files: {"test_a_pipe": "there is no /dev/fd to read from",
                    "test_a_name_that_is_not_utf_8": "there are no such names"},
    compare.Table: {"test_it_must_arrive": "the system's text of the error is another one"},
}


class Names(Case):
    def test_unicode(self):
        name = "Überblick – 猫 🐈.npy"
        shutil.copy(self.inputs[1], self.path("Tätigkeit 活.npy"))
        self.inputs = ("--activations", "Tätigkeit 活.npy", *self.inputs[2:])
        self.explain("--maps", name)
        self.explain("--maps", "plain.npy")
        self.assertEqual(self.get(name), self.get("plain.npy"))
        shutil.copy(self.sample("chelsea.png"), self.path("Bild é.png"))
        self.explain("--image", "Bild é.png", "--overlay", "Ü.png")
        self.assertEqual(cli.read_png(self.path("Ü.png"))[:2], (451, 300))

    def test_unicode_in_messages(self):
        self.assert_fails(1, "fmgcam: fehlt – 猫.npy: No such file", "explain", "--activations", "fehlt – 猫.npy",
                          *self.inputs[2:], "--maps", "out.npy")

    def test_backslashes(self):
        os.mkdir(self.path("folder"))
        self.explain("--maps", "folder\\out.npy", "--winner", ".\\folder/w.npy")
        self.assertEqual(sorted(os.listdir(self.path("folder"))), ["out.npy", "w.npy"])

    def test_patterns_are_names(self):
        self.put("a.npy", b"x")
        self.assert_fails(1, "fmgcam: ?.npy: No such file", "explain", "--activations", "?.npy", *self.inputs[2:],
                          "--maps", "out.npy")

    def test_long(self):
        folder = os.path.join(*["f" * 100] * 4)
        os.makedirs(self.path(folder))
        name = os.path.join(folder, "out.npy")
        self.explain("--maps", name)
        self.explain("--maps", name)
        self.assertEqual(os.listdir(self.path(folder)), ["out.npy"])
        r = self.run_program("compare", name, name)
        self.assertEqual((r.returncode, r.stderr), (0, b""))

    def test_case_makes_no_difference(self):
        self.assert_fails(2, "out.npy", "explain", *self.inputs, "--maps", "OUT.npy", "--winner", "out.npy")
        shutil.copy(self.inputs[1], self.path("in.npy"))
        self.assert_fails(2, "IN.npy", "explain", "--activations", "in.npy", *self.inputs[2:], "--maps", "IN.npy")


class Files(Case):
    def test_an_earlier_file_survives(self):
        self.put("out.npy", b"earlier")
        self.assert_fails(1, "fmgcam: no\\such\\folder.npy: No such file", "explain", *self.inputs, "--maps",
                          "out.npy", "--winner", "no\\such\\folder.npy")
        self.explain("--maps", "out.npy")
        self.assertNotEqual(self.get("out.npy"), b"earlier")
        self.assertEqual(os.listdir(self.dir), ["out.npy"])

    @unittest.skipIf(os.geteuid() == 0, "root may write anything")
    def test_a_read_only_file_is_not_replaced(self):
        self.put("out.npy", b"earlier")
        os.chmod(self.path("out.npy"), stat.S_IRUSR)
        self.assert_fails(1, "fmgcam: out.npy: Permission denied", "explain", *self.inputs, "--maps", "out.npy")

    def test_a_link_is_followed(self):
        os.mkdir(self.path("folder"))
        self.put("folder/real.npy", b"earlier")
        os.symlink("folder/real.npy", self.path("link.npy"))
        self.explain("--maps", "link.npy")
        self.assertTrue(os.path.islink(self.path("link.npy")))
        self.assertEqual(self.get("folder/real.npy")[:6], b"\x93NUMPY")
        self.assertEqual(os.listdir(self.path("folder")), ["real.npy"])

    def test_a_folder_is_no_file(self):
        os.mkdir(self.path("folder"))
        for args in (("--maps", "folder"), ("--maps", "out.npy", "--image", "folder", "--overlay", "o.png")):
            self.assert_fails(1, "fmgcam: folder: Is a directory", "explain", *self.inputs, *args)

    def test_the_null_device(self):
        self.explain("--maps", "NUL")
        self.assertEqual(os.listdir(self.dir), [])
        self.assert_fails(1, "fmgcam: NUL: ", "explain", "--activations", "NUL", *self.inputs[2:], "--maps", "out.npy")

    def test_bytes_on_standard_output(self):
        self.explain("--maps", "out.npy")
        r = self.run_program("explain", *self.inputs, "--maps", "/dev/stdout")
        self.assertEqual((r.returncode, r.stdout, r.stderr), (0, self.get("out.npy"), b""))
        self.assertIn(b"\n", r.stdout)


class Ended(Case):
    def wait_until(self, happened, what):
        end = time.monotonic() + 60
        while not happened():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def temporaries(self):
        return [n for n in os.listdir(self.dir) if n.startswith(".fmgcam-")]

    def test_control_c_leaves_nothing(self):
        os.mkfifo(self.path("big.png"))
        reading = os.open(self.path("big.png"), os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reading)
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, 4096)
        child, console = pty.fork()
        if child == 0:
            os.chdir(self.dir)
            os.execv(cli.PROGRAM, [cli.PROGRAM, "explain", *self.inputs, "--image", self.sample("chelsea.png"),
                                   "--overlay", "o.png", "--heatmap", "big.png"])
        self.addCleanup(os.close, console)
        self.addCleanup(os.waitpid, child, 0)
        # It waits for somebody who reads on.
        self.wait_until(lambda: select.select([reading], [], [], 0)[0], "nothing was written")
        self.assertEqual(len(self.temporaries()), 1)
        os.write(console, b"\x03")
        self.wait_until(lambda: not self.temporaries(), "the temporary file stays")
        # All that is left are the bytes that it had written.
        os.set_blocking(reading, True)
        while os.read(reading, 65536):
            pass
        self.assertEqual(os.listdir(self.dir), ["big.png"])


class NotThere(Case):
    """What the build does not have, and wrong usage."""

    def test_batches(self):
        self.put("cases.csv", b"id,activations\n")
        self.assert_fails(1, "fmgcam: batch: this build of fmgcam makes no batches", "batch", "cases.csv", "--output",
                          "results")

    def test_figures(self):
        self.assert_fails(1, "this build of fmgcam makes no figures", "figure", *self.inputs, "--image",
                          self.sample("chelsea.png"), "--output", "figure.png")

    def test_wrong_usage(self):
        for args, says in ((("explain", "--nope"), "--nope: unknown option"), (("nope",), "nope: unknown command"),
                           ((), "no command given")):
            self.assert_fails(2, says, *args)


def take_over(prefix, module):
    """The tests of @p module, less those that do not apply."""
    for name, value in vars(module).items():
        if isinstance(value, type) and issubclass(value, unittest.TestCase):
            globals()[prefix + name] = value


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    same.NATIVE = os.path.abspath(sys.argv.pop(3))
    for owner, tests in NOT_HERE.items():
        for name, why in tests.items():
            setattr(owner, name, unittest.skip(why)(getattr(owner, name)))
    take_over("Cli", cli)
    take_over("Compare", compare)
    return cli.main(sys.modules[__name__])


if __name__ == "__main__":
    sys.exit(main())
