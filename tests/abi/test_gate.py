#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Is the comparison of ABIs itself right?

usage: test_gate.py SOURCE_ROOT CC...

Builds the core with changes that no program may notice, and with such as break
programs; the first must pass, each of the others must be caught.
"""

import pathlib
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
    with abi.public_part(library, SOURCE_ROOT / "include") as now:
        return abi.changes(BASELINE, now)


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
    """All at once, each in a struct or function of its own, which must be named."""

    INSERTED = r"    uint32_t newer;\n"
    INSERTED_TWO = r"    uint32_t newer, newest;\n"
    IN_HEADER = {
        "fmgcam_options: .*profile": (r"^    uint32_t profile; ",
                                      INSERTED + r"\g<0>"),
        # Behind these, as many of the same types.
        "fmgcam_outputs: .*non_finite": (r"^    uint64_t non_finite;",
                                         r"    uint64_t newer;\n\g<0>"),
        "fmgcam_limits: .*tracked_scores": (r"^    uint32_t tracked_scores; ",
                                            INSERTED_TWO + r"\g<0>"),
        "fmgcam_geometry: .*input_width": (
            r"^    uint32_t input_width, input_height;",
            INSERTED_TWO + r"\g<0>"),
        # At the end, with its old place taken.
        "fmgcam_class_measures: .*mass": (
            r"^(    )double( +)mass;((?:.*\n)+?)(\} fmgcam_class_measures;)",
            r"\1double\2newer;\3    double mass;\n\4"),
        # With another name.
        "fmgcam_head_check: .*bound": (r"^    double   bound; ",
                                       "    double   newer; "),
        # Ends in padding.
        "fmgcam_layers: has bytes": (r"^\} fmgcam_layers;",
                                     INSERTED + r"\g<0>"),
        "fmgcam_choice: .*threshold": (r"^    float    threshold; ",
                                       "    double   threshold; "),
        "fmgcam_tensor: is final": (r"^\} fmgcam_tensor;",
                                    r"    int64_t newer;\n\g<0>"),
        "fmgcam_buffer: .*size_bytes": (
            r"^(    void  \*data;)\n(    size_t size_bytes;)", r"\2\n\1"),
        r"(?s)fmgcam_set_runner\(.*uint64_t": (
            r"(\(\*fmgcam_run_fn\)\(.*\n *)uint32_t count", r"\1uint64_t count"),
    }
    IN_FUNCTIONS = {
        r"(?s)fmgcam_palette_color\(.*parameter.*uint64_t": (
            "lib/palette.c", r"(fmgcam_palette_color\(\w+ \w+, )uint32_t",
            r"\1uint64_t"),
        r"(?s)fmgcam_copy_error_detail\(.*return type": (
            "lib/error.c", r"^(FMGCAM_API )?size_t fmgcam_copy_error",
            r"\1uint32_t fmgcam_copy_error"),
    }

    def test_what_breaks_programs(self):
        changed = variant("breaks")
        for pattern, replacement in self.IN_HEADER.values():
            changed.replace(HEADER, pattern, replacement)
        for path, pattern, replacement in self.IN_FUNCTIONS.values():
            changed.replace(HEADER, pattern, replacement)
            changed.replace(path, pattern, replacement)
        # So that what uses the member can still be built.
        changed.replace(HEADER, r"\Z", "#define bound newer\n")
        report = changes_of(changed)
        for wanted in [*self.IN_HEADER, *self.IN_FUNCTIONS]:
            with self.subTest(wanted):
                self.assertRegex(report, wanted)


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


class Functions(unittest.TestCase):
    def test_those_of_a_header(self):
        self.assertEqual(abi.header_functions(
            "FMGCAM_API const char *fmgcam_one(int x);\n"
            "/* FMGCAM_API void fmgcam_none(void); */\n"
            "FMGCAM_API fmgcam_status\nfmgcam_two(\n    int y);\n",
            "FMGCAM_API"), {"fmgcam_one", "fmgcam_two"})


def main():
    if abi.why_not_here():
        reporting.skip(abi.why_not_here())
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
