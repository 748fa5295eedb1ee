#!/bin/sh
# Let each allocation and each call of the system fail in turn, with nothing left
# out: the suite 'faults' of meson test takes samples of the program's. Twenty
# minutes on two cores that do other work too.
#
#   scripts/faults.sh [PART]...    allocations, calls, system, disks; all
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # a list of words
require $packages_to_build libcmocka-dev python3 mount util-linux

# No test may be left out for want of something to run it with.
FMGCAM_TEST_NO_SKIP=1
export FMGCAM_TEST_NO_SKIP
folder=build-faults
failed=0

# run PART : a test program, with all points at which something can fail.
run() {
    echo "== $1"
    python3 "tests/faults/test_$1.py" \
        "$folder/tests/faults/libfmgcam_faults.so" "$folder/tools/fmgcam" \
        full > "$folder/$1.log" 2>&1 || {
        failed=$((failed + 1))
        tail -n 60 "$folder/$1.log"
    }
    grep -E 'failed|signals|short transfers|sizes of' "$folder/$1.log" || :
}

build "$folder" -Dbench=false -Dexamples=false || exit 1
ninja -C "$folder" tests/faults/libfmgcam_faults.so > "$folder/build.log"
if [ $# -eq 0 ]; then
    meson test -C "$folder" --print-errorlogs core imageio --suite faults ||
        failed=$((failed + 1))
    set -- allocations calls system disks
fi
for part in "$@"; do
    run "$part"
done
[ "$failed" -eq 0 ]
