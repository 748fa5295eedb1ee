#!/bin/sh
# Build fmgcam and run its tests, with OpenBLAS and without any BLAS; then what is fast
# of the sanitizers and analysers. A quarter of an hour on two cores. docs/testing.md
# says what else there is.
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test
require_command cargo cargo
require_command node nodejs
require_command npm npm

# No test may be left out for want of something to run it with.
FMGCAM_TEST_NO_SKIP=1
FMGCAM_NODE_MODULES=$PWD/build-test-javascript/node_modules
export FMGCAM_TEST_NO_SKIP FMGCAM_NODE_MODULES
sh tests/ffi/install_koffi.sh "${FMGCAM_NODE_MODULES%/*}" > /dev/null

passed=0
failed=0

# run NAME SUITES OPTION... : build with these options and run the suites.
run() {
    folder=build-test-$1
    suites=$2
    shift 2
    build "$folder" "$@" || exit 1
    # shellcheck disable=SC2086 # a list of words
    meson test -C "$folder" --no-rebuild --print-errorlogs $suites ||
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

run openblas "" -Dblas=openblas -Ddebug=true
run none "--no-suite ffi --no-suite headers --no-suite faults" -Dblas=none -Ddebug=true

echo "== Debian packages"
sh scripts/debian.sh build-debian || failed=$((failed + 1))

echo "== Sanitizers and analysers"
sh scripts/analyze.sh quick || failed=$((failed + 1))

if [ "$passed" -eq 0 ]; then
    echo "no test ran"
    failed=$((failed + 1))
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
