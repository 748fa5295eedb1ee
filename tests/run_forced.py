#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Run a script of checks with the fmgcam program held to one set of kernels.

usage: run_forced.py KERNELS PROGRAM SCRIPT [ARGUMENT...]

PROGRAM is linked with force_kernels.c. Exits with 77, which meson counts as
skipped, where this CPU does not have them.
"""

import os
import subprocess
import sys

kernels, program = sys.argv[1:3]
os.environ["FMGCAM_TEST_KERNELS"] = kernels
probe = subprocess.run([program, "--version"], stdout=subprocess.DEVNULL)
if probe.returncode == 77:
    sys.exit(77)
sys.exit(subprocess.run([sys.executable] + sys.argv[3:]).returncode)
