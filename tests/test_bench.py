#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run works of the benchmark and check the form of its JSON, not its times.

usage: test_bench.py FMGCAM_BENCH WORK...

The benchmark itself checks each result before it times it, and fails where one
is wrong.
"""

import json
import subprocess
import sys

TEXT, COUNT, TIME = str, int, float

ROWS = {
    "weighting": {"shape": TEXT, "classes": COUNT, "mode": TEXT,
                  "pictures": COUNT, "ns": TIME, "floor_ns": TIME,
                  "floor_ratio": TIME},
    "arithmetic": {"shape": TEXT, "classes": COUNT, "ns": TIME,
                   "blas_ns": TIME, "blas_ratio": TIME},
    "overlay": {"width": COUNT, "height": COUNT, "resample": TEXT,
                "fuse_at": TEXT, "blend": TEXT, "classes": COUNT, "ns": TIME,
                "memcpy_ns": TIME, "memcpy_ratio": TIME},
    "explain": {"shape": TEXT, "classes": COUNT, "width": COUNT,
                "height": COUNT, "ns": TIME, "floor_ns": TIME,
                "floor_ratio": TIME},
    "batch": {"shape": TEXT, "classes": COUNT, "mode": TEXT, "threads": COUNT,
              "pictures_per_second": TIME, "speedup": TIME},
    "method": {"method": TEXT, "shape": TEXT, "classes": COUNT, "ns": TIME,
               "floor_ns": TIME, "floor_ratio": TIME},
    "frame": {"frame": TEXT, "width": COUNT, "height": COUNT, "ns": TIME,
              "plain_ns": TIME, "plain_ratio": TIME},
    "layout": {"layout": TEXT, "shape": TEXT, "classes": COUNT, "ns": TIME,
               "plain_ns": TIME, "plain_ratio": TIME},
}

OPTIONAL = {"blas_ns", "blas_ratio", "opencv_ns", "opencv_ratio", "plain_ns",
            "plain_ratio"}


def problem_of(row):
    """What is wrong with a row, or None."""
    form = ROWS.get(row.get("name"))
    if form is None:
        return "unknown name"
    for key, kind in form.items():
        if not isinstance(row.get(key), kind):
            return "%s is %r" % (key, row.get(key))
        if kind in (COUNT, TIME) and row[key] <= 0:
            return "%s is not positive" % key
    unknown = set(row) - set(form) - OPTIONAL - {"name"}
    return "unknown keys %s" % unknown if unknown else None


def main():
    program, works = sys.argv[1], sys.argv[2:]
    output = subprocess.run([program, "--json", "--memory", "512"] + works,
                            check=True, stdout=subprocess.PIPE).stdout
    result = json.loads(output)
    passed = failed = 0
    for key in ("cpu", "library"):
        assert result[key], key
    for row in result["results"]:
        problem = problem_of(row)
        if problem:
            print("FAIL %s in %s" % (problem, row))
        passed += not problem
        failed += bool(problem)
    names = {row["name"] for row in result["results"]}
    for work in works:
        if work.rstrip("s") not in {name.rstrip("s") for name in names}:
            print("FAIL nothing of %s" % work)
            failed += 1
    print("%d passed, %d failed" % (passed, failed))
    sys.exit(failed > 0)


main()
