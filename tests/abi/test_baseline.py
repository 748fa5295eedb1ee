#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Do programs that were built against the baseline keep running?

usage: test_baseline.py check LIBRARY BASELINE HEADER CONSTANTS
       test_baseline.py write LIBRARY BASELINE HEADER

LIBRARY must have debug information, of gcc for amd64. check compares it with
BASELINE, and the constants of HEADER with the list CONSTANTS; write makes it the
baseline.
"""

import pathlib
import sys

import abi

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402


def headers_of(header_path):
    """The folder with all public headers."""
    return pathlib.Path(header_path).resolve().parent


def macro_of(header_path):
    """What marks the functions that it exports."""
    return {"fmgcam.h": "FMGCAM_API", "imageio.h": "FMGCAM_IMAGEIO_API"}[
        pathlib.Path(header_path).name]


def check(library, baseline, header_path, constants_path):
    reason = abi.why_not_here()
    if not reason and not abi.has_debug_information(library):
        reason = ("%s has no debug information: configure a new folder with "
                  "-Ddebug=true" % library)
    if reason:
        reporting.skip(reason)
    header = pathlib.Path(header_path).read_text("utf-8")
    constants = abi.listed_constants(
        pathlib.Path(constants_path).read_text("utf-8"))

    failures = []
    with abi.public_part(library, headers_of(header_path)) as now:
        difference = abi.changes(baseline, now)
        exported = abi.exported_functions(now)
    if difference:
        failures.append("%s: its ABI is not that of the baseline:\n%s" %
                        (library, difference))
    failures += abi.constant_changes(header, constants)
    declared = abi.header_functions(header, macro_of(header_path))
    failures += ["%s: declared in %s, but not exported" % (name, header_path)
                 for name in sorted(declared - exported)]
    failures += ["%s: exported, but not declared in %s" % (name, header_path)
                 for name in sorted(exported - declared)]
    checks = 1 + len(constants) + len(declared | exported)
    return reporting.report(checks, failures)


def write(library, baseline, header_path):
    if not abi.has_debug_information(library):
        sys.exit("%s: no debug information: configure with -Ddebug=true" %
                 library)
    abi.write_abi(library, headers_of(header_path), baseline)


if __name__ == "__main__":
    if sys.argv[1:2] == ["check"] and len(sys.argv) == 6:
        sys.exit(check(*sys.argv[2:]))
    if sys.argv[1:2] == ["write"] and len(sys.argv) == 5:
        sys.exit(write(*sys.argv[2:]))
    sys.exit(__doc__)
