# SPDX-License-Identifier: MIT
"""How a test program ends: "N passed, M failed", or skipped and why."""

import os
import sys
import unittest

MESON_SKIP = 77


def skip(reason):
    """End the program: skipped, or failed where nothing may be skipped."""
    if os.environ.get("FMGCAM_TEST_NO_SKIP") == "1":
        print("would be skipped, and must not be: " + reason)
        print("0 passed, 1 failed")
        sys.exit(1)
    print("SKIPPED: " + reason)
    sys.exit(MESON_SKIP)


def run_cases():
    """Run the test cases of the program, and end it."""
    result = unittest.main(argv=[sys.argv[0], "-v"], exit=False).result
    failed = len(result.failures) + len(result.errors)
    passed = result.testsRun - failed - len(result.skipped)
    print("%d passed, %d failed" % (passed, failed))
    if result.skipped and not failed:
        skip(result.skipped[0][1])
    sys.exit(1 if failed or not passed else 0)
