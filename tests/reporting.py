# SPDX-License-Identifier: MIT
"""How a test program ends: "N passed, M failed", or skipped and why.

usage: reporting.py REASON

As a program it stands for a test that cannot be built, and is skipped.
"""

import os
import pathlib
import sys
import unittest

MESON_SKIP = 77

# Where nothing may be skipped.
STRICT = os.environ.get("FMGCAM_TEST_NO_SKIP") == "1"


def skip(reason, curable=True):
    """End the program: skipped, or failed where nothing may be skipped and an
    installation would have helped."""
    if STRICT and curable:
        print("would be skipped, and must not be: " + reason)
        print("0 passed, 1 failed")
        sys.exit(1)
    print("SKIPPED: " + reason)
    sys.exit(MESON_SKIP)


def report(checks, failures):
    """Print what was wrong of so many checks. @return the exit status."""
    for failure in failures:
        print("%s: %s" % (pathlib.Path(sys.argv[0]).stem, failure),
              file=sys.stderr)
    print("%d passed, %d failed" % (max(0, checks - len(failures)),
                                    len(failures)))
    return 1 if failures else 0


class Checks:
    """Counts what was checked, and keeps what was wrong."""

    def __init__(self):
        self.count = 0
        self.failures = []

    def __call__(self, right, message):
        self.count += 1
        if not right:
            self.failures.append(message)

    def report(self):
        return report(self.count, self.failures)


def run_cases(names=()):
    """Run the test cases of the program, or those with these names, and end it."""
    result = unittest.main(argv=[sys.argv[0], "-v", *names], exit=False).result
    failed = len(result.failures) + len(result.errors)
    passed = result.testsRun - failed - len(result.skipped)
    print("%d passed, %d failed" % (passed, failed))
    if result.skipped and not failed:
        skip(result.skipped[0][1])
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    skip(sys.argv[1])
