#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the comparison of ABIs itself right?

usage: test_gate.py SOURCE_ROOT CC...

Builds the core with changes that no program may notice, and with such as break
programs; the first must pass, each of the others must be caught.
"""

import pathlib
import platform
import shutil
import sys
import tempfile
import unittest

import abi
import variants

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402

SOURCE_ROOT = CC = FOLDER = BASELINE = None
HEADER = variants.CORE.header


def variant(name):
    return variants.Variant(SOURCE_ROOT, FOLDER / name)


def changes(library):
    return abi.changes(BASELINE, library, SOURCE_ROOT / "include")


def changes_of(changed):
    return changes(changed.build(CC, variants.CORE))


class Allowed(unittest.TestCase):
    def test_what_no_program_notices(self):
        changed = variant("allowed")
        changed.append_member(HEADER, "fmgcam_options", "uint64_t newer")
        changed.append_member(HEADER, "fmgcam_head_check", "double newer")
        changed.replace(HEADER, r"(?=^FMGCAM_API uint32_t fmgcam_version)",
                        "FMGCAM_API uint32_t fmgcam_newer(void);\n")
        changed.replace("lib/error.c", r"\Z", "uint32_t fmgcam_newer(void)\n"
                        "{\n    return 0;\n}\n")
        changed.replace(variants.CORE.map, r"\Z", "FMGCAM_0.2 {\nglobal:\n"
                        "    fmgcam_newer;\n} FMGCAM_0.1;\n")
        changed.replace("lib/internal.h", r"^struct fmgcam_context \{$",
                        r"\g<0>\n    int newer;")
        changed.replace("lib/kernels.h", r"^struct fmgcam_kernels \{$",
                        r"\g<0>\n    void (*newer)(void);")
        self.assertEqual(changes_of(changed), "")


class Caught(unittest.TestCase):
    def assert_caught(self, changed, *words):
        report = changes_of(changed)
        for word in words:
            self.assertIn(word, report)

    def assert_caught_in_header(self, pattern, replacement, *words):
        changed = variant(self.id())
        changed.replace(HEADER, pattern, replacement)
        self.assert_caught(changed, *words)

    def test_a_member_in_the_middle(self):
        self.assert_caught_in_header(
            r"^    uint32_t profile; ", r"    uint32_t newer;\n\g<0>",
            "fmgcam_options", "newer")

    def test_a_member_at_the_end_of_a_final_struct(self):
        changed = variant("final")
        changed.append_member(HEADER, "fmgcam_tensor", "int64_t newer")
        self.assert_caught(changed, "fmgcam_tensor", "newer")

    def test_another_type_of_a_parameter(self):
        changed = variant("parameter")
        for path in (HEADER, "lib/palette.c"):
            changed.replace(path, r"(fmgcam_palette_color\(\w+ \w+, )uint32_t",
                            r"\1uint64_t")
        self.assert_caught(changed, "fmgcam_palette_color", "uint64_t")

    def test_another_type_of_a_member(self):
        self.assert_caught_in_header(
            r"^    float    threshold; ", "    double   threshold; ",
            "fmgcam_choice", "threshold")

    def test_another_type_of_a_callback(self):
        self.assert_caught_in_header(
            r"(\(\*fmgcam_run_fn\)\(.*\n *)uint32_t count", r"\1uint64_t count",
            "fmgcam_run_fn")

    def test_another_type_of_a_result(self):
        changed = variant("result")
        for path in (HEADER, "lib/error.c"):
            changed.replace(path, r"^(FMGCAM_API )?size_t fmgcam_copy_error",
                            r"\1uint32_t fmgcam_copy_error")
        self.assert_caught(changed, "fmgcam_copy_error_detail")

    def test_members_exchanged(self):
        self.assert_caught_in_header(
            r"^(    void  \*data;)\n(    size_t size_bytes;)", r"\2\n\1",
            "fmgcam_buffer")


class CaughtByLinking(unittest.TestCase):
    """Objects of today, linked otherwise."""

    @classmethod
    def setUpClass(cls):
        cls.today = variant("linking")
        cls.objects = cls.today.compile(CC, variants.CORE)

    def link(self, **options):
        return self.today.link(CC, variants.CORE, self.objects, **options)

    def test_today_is_the_baseline(self):
        self.assertEqual(changes(self.link()), "")

    def test_a_function_removed(self):
        self.today.replace(variants.CORE.map, r"^    fmgcam_restart;\n", "")
        self.addCleanup(self.today.replace, variants.CORE.map, r"^global:\n",
                        "global:\n    fmgcam_restart;\n")
        report = changes(self.link())
        self.assertIn("fmgcam_restart", report)
        self.assertIn("Removed", report)

    def test_a_function_in_another_node(self):
        self.today.replace(variants.CORE.map, r"^FMGCAM_0\.1 ", "FMGCAM_0.9 ")
        self.addCleanup(self.today.replace, variants.CORE.map,
                        r"^FMGCAM_0\.9 ", "FMGCAM_0.1 ")
        self.assertIn("Removed", changes(self.link()))

    def test_another_soname(self):
        self.assertIn("libfmgcam.so.1",
                      changes(self.link(soname="libfmgcam.so.1")))


class Constants(unittest.TestCase):
    LISTED = {"FMGCAM_STATUS_OK": 0, "FMGCAM_STATUS_SHAPE": 2}

    def changes(self, *lines):
        return abi.constant_changes("enum {\n%s\n};" % ",\n".join(lines),
                                    self.LISTED)

    def test_as_listed(self):
        self.assertEqual(self.changes(
            "FMGCAM_STATUS_OK = 0", "FMGCAM_STATUS_SHAPE = 2 /* , x = 3 */"),
            [])

    def test_renumbered(self):
        self.assertEqual(self.changes(
            "FMGCAM_STATUS_OK = 0", "FMGCAM_STATUS_SHAPE = 3"),
            ["FMGCAM_STATUS_SHAPE: 3, but it has always been 2"])

    def test_without_a_number(self):
        self.assertEqual(len(self.changes(
            "FMGCAM_STATUS_OK = 0", "FMGCAM_STATUS_SHAPE")), 1)

    def test_removed(self):
        self.assertEqual(self.changes("FMGCAM_STATUS_OK = 0"), [
            "FMGCAM_STATUS_SHAPE: gone, but it has always been 2"])

    def test_appended_and_not_listed(self):
        self.assertEqual(len(self.changes(
            "FMGCAM_STATUS_OK = 0", "FMGCAM_STATUS_SHAPE = 2",
            "FMGCAM_STATUS_NEWER = 11")), 1)


class Rules(unittest.TestCase):
    def test_padding_is_seen(self):
        changed = variant("padding")
        changed.append_member(HEADER, "fmgcam_head_check", "uint32_t newer")
        baseline = FOLDER / "padding.abi"
        abi.write_abi(changed.build(CC, variants.CORE), SOURCE_ROOT / "include",
                      baseline)
        self.assertEqual(abi.padded_structs(baseline), ["fmgcam_head_check"])


def main():
    if platform.machine() != "x86_64":
        reporting.skip("the baseline is of amd64, this is %s" % platform.machine())
    for program in ("abidiff", "abidw"):
        if not shutil.which(program):
            reporting.skip("no %s (Debian: abigail-tools)" % program)
    reporting.run_cases()


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    SOURCE_ROOT = pathlib.Path(sys.argv[1])
    CC = sys.argv[2:]
    BASELINE = SOURCE_ROOT / "tests/abi/libfmgcam.abi"
    with tempfile.TemporaryDirectory(prefix="fmgcam-abi-") as scratch:
        FOLDER = pathlib.Path(scratch)
        main()
