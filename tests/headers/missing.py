#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Stand in for a test that cannot be built: say what is missing, and be skipped.

usage: missing.py WHAT PACKAGE
"""

import os
import sys

print("%s is missing (on Debian: apt-get install %s)" % tuple(sys.argv[1:]))
sys.exit(1 if os.environ.get("FMGCAM_TEST_NO_SKIP") == "1" else 77)
