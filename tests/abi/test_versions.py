#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do programs and libraries of different versions work with each other?

usage: test_versions.py SOURCE_ROOT CC...

Builds each library as it is and as it may be one day, with one more member at the
end of each struct that begins with struct_size, and a program against each of the
two headers; then runs each program with each library.
"""

import os
import pathlib
import re
import sys
import tempfile
import unittest

import abi
import variants

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402

SOURCE_ROOT = CC = FOLDER = None


class Versions:
    """For a kind of library: everything of both versions."""

    @classmethod
    def setUpClass(cls):
        folder = FOLDER / cls.kind.name
        cls.old = variants.Variant(SOURCE_ROOT, folder / "old")
        cls.new = variants.Variant(SOURCE_ROOT, folder / "new")
        header = (SOURCE_ROOT / cls.kind.header).read_text("utf-8")
        cls.structs = re.findall(
            r"typedef struct (\w+) \{\s*size_t\s+struct_size;", header)
        for struct in cls.structs:
            cls.new.append_member(cls.kind.header, struct, "uint64_t newer")
        for version in cls.old, cls.new:
            version.build(CC, cls.kind)

    def run_program(self, built, used, *arguments):
        """What a program of the version @built prints with the library @used."""
        program = built.root / ("program" + "".join(arguments))
        source = SOURCE_ROOT / "tests/abi" / self.program
        library = built.root / "library"
        compiled = abi.run(
            [*CC, "-std=c99", "-Wall", "-Werror", "-I", built.root / "include",
             *arguments, source, "-o", program, "-L", library,
             "-l" + self.kind.name[len("lib"):-len(".so")]])
        self.assertEqual(compiled.returncode, 0, compiled.stdout)
        result = abi.run([program], env={
            **os.environ, "LD_LIBRARY_PATH": str(used.root / "library")})
        self.assertEqual(result.returncode, 0, result.stdout)
        return result.stdout

    def expected(self):
        printed = self.run_program(self.old, self.old)
        self.assertIn(self.key_line, printed)
        self.assertNotIn("behind", printed)
        return printed

    def test_all_structs_are_there(self):
        source = (SOURCE_ROOT / "tests/abi" / self.program).read_text("utf-8")
        for struct in self.structs:
            self.assertIn(struct, source)

    def test_old_program_with_new_library(self):
        self.assertEqual(self.run_program(self.old, self.new), self.expected())

    def test_new_program_with_new_library(self):
        self.assertEqual(self.run_program(self.new, self.new, "-DNEWER=0"),
                         self.expected())

    def test_new_program_with_old_library(self):
        self.assertEqual(self.run_program(self.new, self.old, "-DNEWER=0"),
                         self.expected())

    def test_old_library_refuses_what_it_does_not_know(self):
        printed = self.run_program(self.new, self.old, "-DNEWER=1")
        self.assertRegex(printed, self.refusal)
        self.assertNotIn("behind", printed)


class Core(Versions, unittest.TestCase):
    kind = variants.CORE
    program = "program.c"
    key_line = "palette 2, alpha 0.6"
    refusal = (r"set_options: not supported options: byte \d+ of \d+ is set, which "
               r"this version does not know")


class Imageio(Versions, unittest.TestCase):
    kind = variants.IMAGEIO
    program = "imageio_program.c"
    key_line = "3 x 2, kind 1, the same"
    refusal = "read: .*a member that this version does not know"

    @classmethod
    def setUpClass(cls):
        for library in "libpng", "libjpeg":
            if abi.run(["pkg-config", "--exists", library]).returncode:
                raise unittest.SkipTest("no " + library)
        super().setUpClass()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    SOURCE_ROOT = pathlib.Path(sys.argv[1])
    CC = sys.argv[2:]
    with tempfile.TemporaryDirectory(prefix="fmgcam-abi-") as scratch:
        FOLDER = pathlib.Path(scratch)
        reporting.run_cases()
