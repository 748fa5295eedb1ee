# SPDX-License-Identifier: MIT
"""Libraries and programs bear the marks of the flags that harden them.

usage: test_hardened.py READELF FILE...

-fcf-protection marks a file only where all that is linked has it, the C library's
start files too, and -fstack-clash-protection marks none.
"""

import re
import subprocess
import sys

import reporting


def readelf(program, *arguments):
    return subprocess.run([program, "-W", *arguments], check=True,
                          stdout=subprocess.PIPE, text=True).stdout


def stack_flags(segments):
    """"RW" where the stack holds no code; None: the default, which may be RWE."""
    found = re.search(r"^\s+GNU_STACK(?:\s+0x[0-9a-f]+){5}\s+([RWE]+)", segments,
                      re.M)
    return found.group(1) if found else None


def check_file(check, program, path):
    segments = readelf(program, "-lh", path)
    dynamic = readelf(program, "-d", path)
    symbols = set(re.findall(r"UND (\w+)", readelf(program, "--dyn-syms", path)))
    flags = " ".join(re.findall(r"\(FLAGS(?:_1)?\)\s+(.*)", dynamic))

    def expect(right, message):
        check(right, "%s: %s" % (path, message))

    expect(re.search(r"Type:\s+DYN", segments), "is not position-independent")
    if "INTERP" in segments:
        expect(re.search(r"\bPIE\b", flags), "is a program and no PIE")
    expect("GNU_RELRO" in segments, "has no GNU_RELRO")
    expect(re.search(r"\b(BIND_)?NOW\b", flags), "binds lazily: flags '%s'" % flags)
    expect("TEXTREL" not in dynamic, "has relocations in its code")
    stack = stack_flags(segments)
    expect(stack == "RW", "has a stack of '%s', expected 'RW'" % stack)
    expect("__stack_chk_fail" in symbols, "does not import __stack_chk_fail")
    expect([s for s in symbols if re.fullmatch(r"__\w+_chk", s)],
           "imports no function that checks sizes, such as __snprintf_chk")


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    check = reporting.Checks()
    for path in sys.argv[2:]:
        check_file(check, sys.argv[1], path)
    sys.exit(check.report())


if __name__ == "__main__":
    main()
