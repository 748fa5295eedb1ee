#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check what a DLL exports and needs.

usage: check_exports.py OBJDUMP DLL MAP

It must export exactly the functions of its version script, and need no DLL but
those that are part of Windows.
"""

import re
import subprocess
import sys

from check_symbols import read_map

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
    wanted = set(read_map(map_file)[1])
    exported, needed = read_dll(objdump, library)
    problems = ["%s: in the map, not exported" % n
                for n in sorted(wanted - exported)]
    problems += ["%s: exported, not in the map" % n
                 for n in sorted(exported - wanted)]
    problems += ["%s: must not be needed" % n
                 for n in needed if not NEEDED.match(n)]
    for problem in problems:
        print("check_exports: " + problem, file=sys.stderr)
    checks = len(wanted | exported) + len(needed)
    print("%d passed, %d failed" % (checks - len(problems), len(problems)))
    return 1 if problems or not exported else 0


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
