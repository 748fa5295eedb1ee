#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Check that the overlay examples make the same picture, byte by byte.

usage: compare_overlays.py PROGRAM PROGRAM ACTIVATIONS GRADIENTS PICTURE
"""

import pathlib
import subprocess
import sys
import tempfile


def main(programs, inputs):
    made = []
    with tempfile.TemporaryDirectory() as folder:
        for number, program in enumerate(programs):
            path = pathlib.Path(folder) / ("%d.png" % number)
            subprocess.run([program, *inputs, path], check=True)
            made.append(path.read_bytes())
    same = made[0] == made[1] and len(made[0]) > 0
    print("%d passed, %d failed" % (same, not same))
    return 0 if same else 1


if __name__ == "__main__":
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:3], sys.argv[3:]))
