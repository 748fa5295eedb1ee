#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check what a shared library exports, imports and needs.

usage: check_symbols.py NM READELF LIBRARY MAP (core | imageio)

Both must export exactly the functions of their version script, read no environment
and start no thread. The core must write to no stream, and need no library but
libc, libm and the BLAS; imageio writes files, but not to the standard streams, and
needs libc, libpng and libjpeg.
"""

import re
import subprocess
import sys

# Functions of stdio that need no stream (snprintf, vsnprintf) are fine.
FORBIDDEN = {
    "core": re.compile(
        r"""^_*(
            v?[fd]?printf(_chk)? | v?printf_unlocked |
            (f?put(s|c|char)|putw|perror)(_unlocked)? | fwrite(_unlocked)? |
            write | writev | fflush | f?open(64|at)? | freopen(64)? | fdopen |
            creat | std(out|err|in) | (secure_)?getenv | setenv | putenv |
            environ | pthread_create | thrd_create | clone | fork | vfork |
            system | popen | openblas_set_num_threads
        )$""", re.VERBOSE),
    "imageio": re.compile(
        r"""^_*(
            v?printf(_chk)? | puts | putchar(_unlocked)? | perror |
            std(out|err|in) | (secure_)?getenv | setenv | putenv | environ |
            pthread_create | thrd_create | clone | fork | vfork | system | popen
        )$""", re.VERBOSE),
}

NEEDED = {
    "core": re.compile(
        r"""^(libc|libm|ld-linux.*|lib(open|c|f?lex|gsl)?blas.*|libcblas|
            libatlas|libblis.*|libflexiblas)\.so(\.\d+)*$""", re.VERBOSE),
    "imageio": re.compile(
        r"^(libc|libm|ld-linux.*|libpng\d*|libjpeg|libz)\.so(\.\d+)*$"),
}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout


def read_map(path):
    """The version nodes and the exported names of a version script."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    nodes = re.findall(r"([A-Za-z_][\w.]*)\s*\{", text)
    names = set()
    for part in re.findall(r"global:(.*?)(?:local:|\})", text, re.DOTALL):
        names.update(name for name in re.split(r"[;\s]+", part) if name)
    return set(nodes), names


def main(nm, readelf, library, map_file, kind):
    failures = []
    checks = 0

    def check(right, message):
        nonlocal checks
        checks += 1
        if not right:
            failures.append(message)

    nodes, wanted = read_map(map_file)
    check(wanted, "%s: no exported name found" % map_file)
    check(not any("*" in name for name in wanted),
          "%s: a wildcard under global:" % map_file)

    exported = set()
    for line in run(nm, "-D", "--defined-only", library).splitlines():
        name, _, version = line.split()[-1].partition("@")
        if name in nodes:
            continue
        exported.add(name)
        check(name.startswith("fmgcam_"), "%s: exported without prefix" % name)
        check(version.lstrip("@") in nodes, "%s: no version node" % name)
    for name in sorted(wanted - exported):
        check(False, "%s: in the map, not exported" % name)
    for name in sorted(exported - wanted):
        check(False, "%s: exported, not in the map" % name)

    imported = set()
    for line in run(nm, "-D", "--undefined-only", library).splitlines():
        imported.add(line.split()[-1].partition("@")[0])
    check(imported, "%s: imports nothing; is it stripped?" % library)
    for name in sorted(imported):
        check(not FORBIDDEN[kind].match(name), "%s: must not be used" % name)

    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", run(readelf, "-d", library))
    check("libc.so.6" in needed or not needed or
          any(name.startswith("libc.") for name in needed),
          "%s: does not need libc?" % library)
    for name in needed:
        check(NEEDED[kind].match(name), "%s: must not be needed" % name)

    for failure in failures:
        print("check_symbols: " + failure, file=sys.stderr)
    print("%d passed, %d failed" % (checks - len(failures), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 6 or sys.argv[5] not in FORBIDDEN:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
