#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check what a DLL exports and needs.

usage: check_exports.py OBJDUMP DLL MAP

It must export exactly the functions of its version script, and need no DLL but
those that are part of Windows.
"""

import pathlib
import re
import subprocess
import sys

from check_symbols import read_map

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402

NEEDED = re.compile(r"^(kernel32|msvcrt|ucrtbase|api-ms-win-crt-.*)\.dll$",
                    re.IGNORECASE)


def read_dll(objdump, library):
    """The names that it exports, and the DLLs that it needs."""
    text = subprocess.run([objdump, "-p", library], check=True,
                          stdout=subprocess.PIPE,
                          universal_newlines=True).stdout
    table = text.partition("[Ordinal/Name Pointer] Table")[2]
    exported = re.findall(r"^\s*\[ *\d+\] (\S+)$", table.partition("\n\n")[0],
                          re.MULTILINE)
    return set(exported), re.findall(r"DLL Name: (\S+)", text)


def main(objdump, library, map_file):
    check = reporting.Checks()
    _, wanted = read_map(map_file)
    exported, needed = read_dll(objdump, library)
    check(exported, "%s: exports nothing" % library)
    for name in sorted(exported | set(wanted)):
        check(name in exported, "%s: in the map, not exported" % name)
        check(name in wanted, "%s: exported, not in the map" % name)
    for name in needed:
        check(NEEDED.match(name), "%s: must not be needed" % name)
    return check.report()


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
