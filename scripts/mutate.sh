#!/bin/sh
# Make small mistakes in the libraries, one at a time, and see whether the tests, or
# sanitizers under them, notice; fails if more than 5 % are neither noticed nor
# explained in tests/mutation/survivors.txt. COUNT mistakes, drawn by SEED, take some
# ten seconds each on two cores, after ten minutes to find out which test executes
# which line; that is kept in the folder until a test changes.
#
#   scripts/mutate.sh [COUNT [SEED [OPTION...]]]    60, 1; of tests/mutation/mutate.py
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test

count=${1:-60}
seed=${2:-1}
[ $# -eq 0 ] || shift
[ $# -eq 0 ] || shift

configure_tested build-mutation -Dbuildtype=plain -Doptimization=2 -Ddebug=false \
    -Db_ndebug=true
configure_tested build-mutation-asan -Dbuildtype=plain -Doptimization=1 -Ddebug=true \
    -Db_ndebug=true -Db_lundef=false -Db_sanitize=address,undefined
configure_covered build-coverage
python3 -u tests/mutation/mutate.py build-mutation build-coverage build-mutation-asan \
    --count "$count" --seed "$seed" "$@"
