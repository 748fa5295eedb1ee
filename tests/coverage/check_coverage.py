#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Print what the tests execute, and check that they reach every error.

usage: check_coverage.py SOURCE_ROOT COVERAGE.json [PROGRAM.json]

COVERAGE.json is gcovr's, of lib/; PROGRAM.json, of the fmgcam program, is only
printed. An error is a place in lib/ that calls a function whose name has "fail"
in it, or that names a status other than OK without comparing with it. Each must
have been executed, and each status of the two headers raised somewhere and named
by a test. What cannot be reached stands with its reason in unreached.txt.
"""

import collections
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import c_text  # noqa: E402
import reporting  # noqa: E402

UNREACHED = pathlib.Path(__file__).with_name("unreached.txt")
FAILING = re.compile(r"fail|fail_\w+|\w+_fail|\w+_fail_\w+")
STATUSES = {"fmgcam.h": r"^\s+(FMGCAM_STATUS_\w+)\s*= *[1-9]",
            "imageio.h": r"^\s+(FMGCAM_IMAGEIO_\w+)\s*= *[1-9]"}

# An error in the sources: where its statement is executed, and what it says.
Place = collections.namedtuple("Place", "file first line code names chooses")


# ---- The table -----------------------------------------------------------------

def percent(part, whole):
    return "%5.1f %%" % (100.0 * part / whole) if whole else "      -"


def counts_of(about):
    """Of one file: its lines and branches, and how many of each were taken."""
    lines = [line for line in about["lines"] if not line["gcovr/noncode"]]
    branches = [branch for line in lines for branch in line["branches"]]
    return (sum(line["count"] > 0 for line in lines), len(lines),
            sum(branch["count"] > 0 for branch in branches), len(branches))


def print_row(name, counts):
    print("%-36s %5d / %5d %s  %5d / %5d %s" % (
        name, counts[0], counts[1], percent(counts[0], counts[1]),
        counts[2], counts[3], percent(counts[2], counts[3])))


def print_table(files):
    """Each file, and the sum of each folder."""
    sums = collections.defaultdict(lambda: (0, 0, 0, 0))
    print("%-36s %s  %s" % ("", "lines".rjust(21), "branches".rjust(21)))
    for about in files:
        counts = counts_of(about)
        print_row(about["file"], counts)
        folder = os.path.dirname(about["file"])
        sums[folder] = tuple(map(sum, zip(sums[folder], counts)))
    for folder in sorted(sums):
        print_row("total of %s/" % folder, sums[folder])


# ---- Errors --------------------------------------------------------------------

def statuses_of(root, header):
    """The names of a header, without those of kinds and flags that follow."""
    text = (root / "include" / "fmgcam" / header).read_text("utf-8")
    first = text.index("_OK ")
    return re.findall(STATUSES[header], text[first:text.index("};", first)],
                      re.MULTILINE)


def is_compared(tokens, i):
    return (tokens[i - 1].text in ("==", "!=", "case")
            or tokens[i + 1].text in ("==", "!="))


def places_of(file, text, statuses):
    """The statements of a file that raise an error."""
    source = c_text.Text(text)
    tokens = source.tokens
    found = {}
    for i in source.computed():
        calls = (FAILING.fullmatch(tokens[i].text)
                 and tokens[i + 1].text == "(")
        names = tokens[i].text in statuses and not is_compared(tokens, i)
        if not calls and not names:
            continue
        begin = source.begin_of_statement(i)
        end = tokens[source.end_of_statement(begin) or i].end
        code = " ".join(text[tokens[begin].at:end].split())
        statement = {token.text for token in tokens[begin:i + 6]}
        found.setdefault(begin, Place(
            file, source.line_of(tokens[begin].at),
            source.line_of(tokens[i].at), code,
            statement & statuses, "?" in statement))
    return found.values()


def is_reached(place, lines):
    """Whether the line where the statement is executed was; and where it
    chooses, each of what it can choose."""
    for number in range(place.line, place.first - 1, -1):
        if number in lines:
            line = lines[number]
            return line["count"] > 0 and (not place.chooses or all(
                branch["count"] for branch in line["branches"]))
    return False


def read_unreached():
    """{(file, code): why it cannot be reached}"""
    entries = {}
    for line in UNREACHED.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            where, reason = line.split(" -- ", 1)
            file, code = where.split(": ", 1)
            entries[file, code] = reason
    return entries


def check_errors(files, root, checks):
    """Check all of lib/ that was built; @return the statuses that were raised."""
    statuses = {name for header in STATUSES for name in statuses_of(root, header)}
    explained = read_unreached()
    unused = set(explained)
    raised, reached, total = set(), 0, 0
    for about in files:
        file = about["file"]
        lines = {line["line_number"]: line for line in about["lines"]}
        text = (root / file).read_text("utf-8")
        for place in places_of(file, text, statuses):
            total += 1
            is_known = (file, place.code) in explained
            unused.discard((file, place.code))
            if is_reached(place, lines):
                reached += 1
                raised |= place.names
            else:
                checks(is_known, "%s:%d: no test comes here: %s" % (
                    file, place.first, place.code[:100]))
    for file, code in sorted(unused):
        checks(False, "unreached.txt: %s has no such place: %s" % (file, code))
    print("%d of %d errors are reached, %d cannot be" % (
        reached, total, len(explained) - len(unused)))
    return raised


def check_statuses(raised, root, checks):
    tests = "".join(path.read_text("utf-8")
                    for path in sorted((root / "tests").glob("test_*.c")))
    for header in STATUSES:
        names = statuses_of(root, header)
        for name in names:
            short = re.sub(r"FMGCAM_(STATUS|IMAGEIO)_", "", name)
            checks(name in raised, "no test makes the library return " + name)
            checks(re.search(r"\b(%s|%s)\b" % (name, short), tests),
                   "no test asks for " + name)
        print("%s: %d of %d statuses are returned" % (
            header, len(raised.intersection(names)), len(names)))


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    root = pathlib.Path(sys.argv[1])
    files, *program = (json.loads(pathlib.Path(path).read_text())["files"]
                       for path in sys.argv[2:])
    for about in program:
        print_table(about)
    print_table(files)
    checks = reporting.Checks()
    check_statuses(check_errors(files, root, checks), root, checks)
    sys.exit(checks.report())


if __name__ == "__main__":
    main()
