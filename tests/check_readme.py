#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that what the documents show is what is there.

usage: check_readme.py SOURCE_ROOT

The C example of README.md must be examples/minimal.c; every relative link of
every Markdown file must lead somewhere; all that say the version must agree;
docs/threading.md and docs/limits.md must speak of each function that the libraries
export, once, and the tests of threads must call it.
"""

import pathlib
import re
import subprocess
import sys

import reporting


def exported(root):
    """The functions of both libraries, by their version scripts."""
    return [name for path in ("lib/fmgcam.map", "lib/imageio/imageio.map")
            for name in re.findall(r"^    (fmgcam_\w+);",
                                   (root / path).read_text("utf-8"), re.M)]


def check_versions(root, check):
    """What else says the version agrees with the one place that states it."""
    version = subprocess.run(["sh", root / "scripts/version.sh"], check=True,
                             text=True, stdout=subprocess.PIPE).stdout.strip()
    for path, pattern in {
            "NEWS.md": r"^## ([\d.]+)",
            "packaging/debian/changelog": r"^fmgcam \(([\d.]+)-"}.items():
        said = re.search(pattern, (root / path).read_text("utf-8"), re.M)
        check(said and said.group(1) == version,
              "%s: begins with another version than %s" % (path, version))


def check_tables(root, check):
    """Pages that go through all functions, with a row for each."""
    for page in ("docs/threading.md", "docs/limits.md"):
        table = (root / page).read_text("utf-8")
        for name in exported(root):
            check(table.count("| `%s`" % name) + table.count(", `%s`" % name)
                  == 1, "%s: not one row has %s" % (page, name))


def check_threading(root, check):
    called = "".join((root / "tests" / name).read_text("utf-8") for name in
                     ("test_threads.c", "test_imageio_threads.c"))
    for name in exported(root):
        check(re.search(r"\b%s\(" % name, called),
              "tests of threads: %s is not called" % name)


def main(root):
    root = pathlib.Path(root)
    check = reporting.Checks()

    readme = (root / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```c\n(.*?)```", readme, re.DOTALL).group(1)
    example = (root / "examples/minimal.c").read_text(encoding="utf-8")
    check(shown.split() == example.partition("*/")[2].split(),
          "README.md: its C example is not examples/minimal.c")

    pages = [*root.glob("*.md"), *root.glob("docs/*.md"),
             *root.glob("LICENSES/*.md"), *root.glob("examples/**/*.md")]
    for page in pages:
        if {"node_modules", "target"} & set(page.parts):
            continue  # what was installed for an example
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"),
                      flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)", text):
            if re.match(r"[a-z]+:", target):
                continue
            check((page.parent / target).exists(),
                  "%s: leads to %s, which is not there" %
                  (page.relative_to(root), target))
    check_versions(root, check)
    check_tables(root, check)
    check_threading(root, check)
    return check.report()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
