#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check what a library exports, imports and needs.

usage: check_symbols.py NM READELF shared LIBRARY (core | imageio) MAP
       check_symbols.py NM READELF static LIBRARY (core | imageio)

A shared library must export exactly the functions of its version script, each
in the node that has it there, and those nodes; it must carry its SONAME. A
static one must define no global name without the prefix fmgcam_.

Neither may read the environment or start a thread. The core must write to no
stream, and need no library but libc, libm and the BLAS; imageio writes files, but
not to the standard streams, and needs libc, libpng and libjpeg.
"""

import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402

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

SONAME = {"core": r"libfmgcam\.so\.\d+", "imageio": r"libfmgcam-imageio\.so\.\d+"}


def run(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE,
                          universal_newlines=True).stdout


def read_map(path):
    """The version nodes of a version script, and {exported name: its node}."""
    with open(path, encoding="utf-8") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.DOTALL)
    nodes = {}
    for node, body in re.findall(r"([A-Za-z_][\w.]*)\s*\{(.*?)\}", text,
                                 re.DOTALL):
        listed = re.search(r"global:(.*?)(?:local:|$)", body, re.DOTALL)
        nodes[node] = re.findall(r"[^;\s]+", listed.group(1)) if listed else []
    return set(nodes), {name: node for node, names in nodes.items()
                        for name in names}


def check_exports(check, nm, library, map_file):
    nodes, wanted = read_map(map_file)
    check(wanted, "%s: no exported name found" % map_file)
    check(not any("*" in name for name in wanted),
          "%s: a wildcard under global:" % map_file)

    exported = {}
    defined_nodes = set()
    for line in run(nm, "-D", "--defined-only", library).splitlines():
        kind, name = line.split()[-2:]
        name, _, version = name.partition("@")
        if kind == "A":
            defined_nodes.add(name)
        else:
            exported[name] = version
    check(defined_nodes == nodes, "version nodes: %s, expected %s" %
          (sorted(defined_nodes), sorted(nodes)))
    for name, version in sorted(exported.items()):
        check(name in wanted, "%s: exported, not in the map" % name)
        check(version == "@" + wanted.get(name, ""),
              "%s@%s: expected @@%s" % (name, version, wanted.get(name)))
    for name in sorted(set(wanted) - set(exported)):
        check(False, "%s: in the map, not exported" % name)


def check_needs(check, readelf, library, kind):
    dynamic = run(readelf, "-d", library)
    soname = re.findall(r"\(SONAME\).*\[(.*)\]", dynamic)
    check(re.fullmatch(SONAME[kind], "".join(soname)),
          "SONAME: %s, expected %s" % (soname, SONAME[kind]))
    needed = re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic)
    check(not needed or any(name.startswith("libc.") for name in needed),
          "%s: does not need libc?" % library)
    for name in needed:
        check(NEEDED[kind].match(name), "%s: must not be needed" % name)


def check_imports(check, names, kind):
    check(names, "imports nothing; is it stripped?")
    for name in sorted(names):
        check(not FORBIDDEN[kind].match(name), "%s: must not be used" % name)


def names_of(nm, *arguments):
    """The names that nm lists, without versions and the lines between files."""
    return {line.split()[-1].partition("@")[0]
            for line in run(nm, *arguments).splitlines()
            if line.strip() and not line.endswith(":")}


def main(nm, readelf, form, library, kind, map_file=None):
    check = reporting.Checks()
    if form == "shared":
        check_exports(check, nm, library, map_file)
        check_imports(check, names_of(nm, "-D", "--undefined-only", library),
                      kind)
        check_needs(check, readelf, library, kind)
    else:
        defined = names_of(nm, "--defined-only", "--extern-only", library)
        check(defined, "defines nothing")
        for name in sorted(defined):
            check(name.startswith("fmgcam_"), "%s: without prefix" % name)
        check_imports(check, names_of(nm, "--undefined-only", library), kind)
    return check.report()


if __name__ == "__main__":
    if (len(sys.argv) != {"shared": 7, "static": 6}.get("".join(sys.argv[3:4]))
            or sys.argv[5] not in FORBIDDEN):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
