#!/bin/sh
# The long checks, of which scripts/test.sh is the short form: other compilers and BLAS
# libraries, sanitizers and analysers, other machines, faults, fuzzing, a long run,
# coverage and mutation. scripts/verify.sh [PART...] runs these parts, all of them by
# default; docs/testing.md says what each does, and how long it takes.
. "$(dirname "$0")/setup.sh"

all="gcc bench cblas static shared clang analyze machines windows faults fuzz soak
coverage mutate"

# The bindings are the same whatever builds the library; scripts/test.sh runs them.
build_and_test() {
    folder=$1
    shift
    build "$folder" "$@" && suite "$folder" 3 --no-suite ffi
}

# one_kind KIND : where libraries are built of this kind alone.
one_kind() {
    folder=build-verify-$1
    build "$folder" -Ddefault_library="$1" -Dbench=false &&
        suite "$folder" 3 --suite "$1" --suite abi --suite install --suite threads \
            --suite imageio --suite examples
}

# ---- Compilers and BLAS libraries ----------------------------------------------------

check_gcc() {
    build_and_test build-verify-gcc -Dbuildtype=debugoptimized
}

# The works of the benchmark that the suite leaves out as too long.
check_bench() {
    build build-verify-gcc -Dbuildtype=debugoptimized || return 1
    log=build-verify-gcc/bench.log
    python3 tests/test_bench.py build-verify-gcc/bench/fmgcam-bench \
        weighting arithmetic overlay > $log || {
        tail -n 40 $log
        return 1
    }
    tail -n 1 $log
}

check_cblas() {
    build build-verify-cblas -Dblas=cblas -Dbench=false &&
        suite build-verify-cblas 3 --suite shared --suite threads
}

check_static() {
    one_kind static
}

check_shared() {
    one_kind shared
}

check_clang() {
    CC=clang CXX=clang++ build_and_test build-verify-clang
}

# ---- Scripts of their own ------------------------------------------------------------

check_analyze() {
    sh scripts/analyze.sh
}

check_machines() {
    sh scripts/machines.sh
}

check_windows() {
    sh scripts/windows.sh build-windows
}

check_faults() {
    sh scripts/faults.sh
}

check_fuzz() {
    sh scripts/fuzz.sh 10m
}

check_coverage() {
    sh scripts/coverage.sh
}

check_mutate() {
    sh scripts/mutate.sh
}

# ---- A long run ----------------------------------------------------------------------

# Without the caches of threads malloc says to the byte what is in use.
check_soak() {
    build build-verify-soak -Ddefault_library=static -Dbench=false -Dexamples=false &&
        ninja -C build-verify-soak tests/soak/soak > build-verify-soak/build.log &&
        GLIBC_TUNABLES=glibc.malloc.tcache_count=0 \
            build-verify-soak/tests/soak/soak 1000000
}

# shellcheck disable=SC2086 # a list of words
[ $# -gt 0 ] || set -- $all
known_parts "$all" "$@"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test clang libblas-dev
run_parts "$@" && echo "all verified"
