#!/bin/sh
# What of the libraries and of the program the tests execute, line by line and branch
# by branch; fails if there is an error that they do not reach. About ten minutes on
# two cores. Without an argument after the folder, all suites that run the libraries.
#
#   scripts/coverage.sh [FOLDER [ARGUMENT...]]    of meson test; build-coverage
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test gcovr

folder=${1:-build-coverage}
[ $# -eq 0 ] || shift
# The suites of kernels run the same tests once more; the others look at what is
# installed, or build what they test.
[ $# -gt 0 ] || set -- --no-suite kernels-c --no-suite kernels-avx2 \
    --no-suite kernels-avx512 --no-suite kernels-neon --no-suite parity \
    --no-suite docs --no-suite headers --no-suite examples --no-suite abi \
    --no-suite install --no-suite ffi

# measure PART FOLDER... : what was counted there, to $report/PART.json. From a folder
# of its own, as gcov leaves files where it runs.
measure() {
    part=$1
    shift
    (
        cd "$report"
        gcovr --root "$source" --filter "$source/$part/" --json "$part.json" "$@"
        gcovr --root "$source" --add-tracefile "$part.json" \
            --html-details "$part.html"
    )
}

echo "== $folder"
configure_covered "$folder"
find "$folder" -name '*.gcda' -delete

# What these tests need is built first.
OPENBLAS_NUM_THREADS=1 meson test -C "$folder" --timeout-multiplier 5 \
    --print-errorlogs "$@" > "$folder/test.log" 2>&1 || {
    tail -n 60 "$folder/test.log"
    exit 1
}
grep -E '^(Ok|Fail|Skipped):' "$folder/test.log"

source=$PWD
report=$PWD/$folder/report
rm -rf "$report"
mkdir -p "$report"
measure lib "$source/$folder/lib"
measure tools "$source/$folder/tools"
echo "$folder/report/lib.html, tools.html"
python3 tests/coverage/check_coverage.py . "$report/lib.json" "$report/tools.json"
