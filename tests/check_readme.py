#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that what the documents show is what is there.

usage: check_readme.py SOURCE_ROOT

The C example of README.md must be examples/minimal.c; every relative link of
every Markdown file must lead somewhere.
"""

import pathlib
import re
import sys


def main(root):
    root = pathlib.Path(root)
    failures = []
    checks = 0

    readme = (root / "README.md").read_text(encoding="utf-8")
    shown = re.search(r"```c\n(.*?)```", readme, re.DOTALL).group(1)
    example = (root / "examples/minimal.c").read_text(encoding="utf-8")
    checks += 1
    if shown.split() != example.partition("*/")[2].split():
        failures.append("README.md: its C example is not examples/minimal.c")

    pages = [*root.glob("*.md"), *root.glob("docs/*.md"),
             *root.glob("LICENSES/*.md"), *root.glob("examples/**/*.md")]
    for page in pages:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"),
                      flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)#]+)", text):
            if re.match(r"[a-z]+:", target):
                continue
            checks += 1
            if not (page.parent / target).exists():
                failures.append("%s: leads to %s, which is not there"
                                % (page.relative_to(root), target))

    for failure in failures:
        print("check_readme: " + failure, file=sys.stderr)
    print("%d passed, %d failed" % (checks - len(failures), len(failures)))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
