// SPDX-License-Identifier: MIT
// The same file through a C++11 compiler.
#include "test_dlpack.c"
