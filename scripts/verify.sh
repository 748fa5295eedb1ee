#!/bin/sh
# The longer checks: compilers, BLAS libraries, sanitizers, valgrind, other machines
# under emulation, Windows under Wine, formatting. About an hour and a half on two cores.
# scripts/test.sh is the short form.
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test clang libclang-rt-dev llvm \
    libblas-dev valgrind clang-format shellcheck mandoc

failed=

# check NAME COMMAND... : run, and remember what failed.
check() {
    name=$1
    shift
    if "$@"; then
        echo "ok: $name"
    else
        echo "FAILED: $name"
        failed="$failed $name"
    fi
}

# suite FOLDER TIMEOUT_MULTIPLIER [ARGUMENT...] : run its tests.
suite() {
    tested=$1
    multiplier=$2
    shift 2
    meson test -C "$tested" --print-errorlogs \
        --timeout-multiplier "$multiplier" "$@" > "$tested/test.log" 2>&1 || {
        tail -n 60 "$tested/test.log"
        return 1
    }
    grep -E '^(Ok|Fail|Skipped):' "$tested/test.log"
}

# The bindings are the same whatever builds the library; scripts/test.sh runs them.
build_and_test() {
    folder=$1
    shift
    build "$folder" "$@" && suite "$folder" 3 --no-suite ffi
}

# Each program once, and the batches of the benchmark, which have threads of their
# own. Without those of OpenBLAS and Pango, which this sanitizer cannot see into.
thread_sanitized() {
    folder=build-verify-tsan
    build "$folder" -Db_lundef=false -Dblas=none -Dbuildtype=debugoptimized \
        -Db_sanitize=thread || return 1
    suite "$folder" 10 --no-suite static --no-suite bench --no-suite figure \
        --no-suite kernels-c --no-suite kernels-avx2 \
        --no-suite kernels-avx512 || return 1
    python3 tests/test_bench.py "$folder/bench/fmgcam-bench" batch
}

# Every program of the suite, and the fmgcam program under the scripts that drive
# it, under valgrind.
under_valgrind() {
    # The hand-written SIMD of libjpeg-turbo reads ahead of what it uses.
    JSIMD_FORCENONE=1
    export JSIMD_FORCENONE
    grind="valgrind -q --error-exitcode=99 --leak-check=full"
    grind="$grind --errors-for-leak-kinds=definite,possible"
    grind="$grind --suppressions=$PWD/tests/valgrind.supp"
    meson test -C build-verify-gcc --print-errorlogs --wrapper "$grind" \
        --timeout-multiplier 30 --suite shared --suite imageio \
        --suite tools --suite examples \
        > build-verify-gcc/valgrind.log 2>&1 ||
        {
            tail -n 60 build-verify-gcc/valgrind.log
            return 1
        }
    grep -E '^(Ok|Fail|Skipped):' build-verify-gcc/valgrind.log
    printf '#!/bin/sh\nexec %s %s/build-verify-gcc/tools/fmgcam "$@"\n' \
        "$grind" "$PWD" > build-verify-gcc/fmgcam-valgrind
    chmod +x build-verify-gcc/fmgcam-valgrind
    python3 tests/test_cli.py build-verify-gcc/fmgcam-valgrind . \
        > build-verify-gcc/valgrind-cli.log 2>&1 || {
        tail -n 40 build-verify-gcc/valgrind-cli.log
        return 1
    }
    tail -n 1 build-verify-gcc/valgrind-cli.log
    python3 tests/test_compare.py build-verify-gcc/fmgcam-valgrind . \
        > build-verify-gcc/valgrind-compare.log 2>&1 || {
        tail -n 40 build-verify-gcc/valgrind-compare.log
        return 1
    }
    tail -n 1 build-verify-gcc/valgrind-compare.log
    # Each figure takes a minute's share here, so not all of them.
    python3 tests/test_figure.py build-verify-gcc/fmgcam-valgrind . \
        Pages.test_kinds Pages.test_it_is_written_to_pipes \
        Legend.test_ranks_follow_each_other Usage \
        > build-verify-gcc/valgrind-figure.log 2>&1 || {
        tail -n 40 build-verify-gcc/valgrind-figure.log
        return 1
    }
    tail -n 1 build-verify-gcc/valgrind-figure.log
}

# The works of the benchmark that the suite leaves out as too long.
benchmarked() {
    log=build-verify-gcc/bench.log
    python3 tests/test_bench.py build-verify-gcc/bench/fmgcam-bench \
        weighting arithmetic overlay > $log || {
        tail -n 40 $log
        return 1
    }
    tail -n 1 $log
}

formatted() {
    git ls-files '*.c' '*.h' '*.cpp' | xargs clang-format --dry-run -Werror
}

CC=gcc
export CC
check gcc build_and_test build-verify-gcc -Dbuildtype=debugoptimized
check bench benchmarked
check cblas build_and_test build-verify-cblas -Dblas=cblas
check none build_and_test build-verify-none -Dblas=none
check static build_and_test build-verify-static -Ddefault_library=static
check shared build_and_test build-verify-shared -Ddefault_library=shared

UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export UBSAN_OPTIONS
check asan+ubsan build_and_test build-verify-asan -Db_lundef=false \
    -Dbuildtype=debugoptimized -Db_sanitize=address,undefined
check tsan thread_sanitized

check machines sh scripts/machines.sh
check windows sh scripts/windows.sh build-windows

CC=clang CXX=clang++
export CC CXX
check clang build_and_test build-verify-clang

check valgrind under_valgrind
check format formatted
check shellcheck shellcheck -s sh -x -P scripts scripts/*.sh \
    tests/ffi/install_koffi.sh packaging/debian/tests/programs
check manual-page mandoc -T lint -W warning tools/fmgcam.1

if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
echo "all verified"
