#!/bin/sh
# Build fmgcam and run its tests: with OpenBLAS, and without any BLAS. About seven
# minutes on two cores. scripts/verify.sh has the longer checks.
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test

passed=0
failed=0

# run NAME OPTION... : build with these options and run the suite.
run() {
    folder=build-test-$1
    shift
    build "$folder" "$@" || exit 1
    meson test -C "$folder" --no-rebuild --print-errorlogs ||
        failed=$((failed + 1))
    # The closing lines of the test programs themselves, and their sum.
    grep -hE '^\[  (PASSED|FAILED)|^[0-9]+ passed, [0-9]+ failed' \
        "$folder/meson-logs/testlog.txt" || :
    passed=$((passed + $(awk '
        /^\[  PASSED  \] [0-9]+ test/ { sum += $4 }
        /^[0-9]+ passed, [0-9]+ failed/ { sum += $1; bad += $3 }
        /^\[  FAILED  \] [0-9]+ test/ { bad += $4 }
        END { print sum + 0 }' "$folder/meson-logs/testlog.txt")))
}

run openblas -Dblas=openblas
run none -Dblas=none

if [ "$passed" -eq 0 ]; then
    echo "no test ran"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
