#!/bin/sh
# The longer checks: compilers, BLAS libraries, sanitizers, valgrind, formatting.
# About half an hour on two cores. scripts/test.sh is the short form.
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

suite() {
    meson test -C "$1" --print-errorlogs --timeout-multiplier "${2:-1}" \
        > "$1/test.log" 2>&1 || {
        tail -n 60 "$1/test.log"
        return 1
    }
    grep -E '^(Ok|Fail|Skipped):' "$1/test.log"
}

build_and_test() {
    folder=$1
    shift
    build "$folder" "$@" && suite "$folder" 3
}

# Every program of the suite, and the fmgcam program under the scripts that drive
# it, under valgrind.
under_valgrind() {
    # The hand-written SIMD of libjpeg-turbo reads ahead of what it uses.
    JSIMD_FORCENONE=1
    export JSIMD_FORCENONE
    grind="valgrind -q --error-exitcode=99 --leak-check=full"
    grind="$grind --errors-for-leak-kinds=definite,possible"
    meson test -C build-verify-gcc --print-errorlogs --wrapper "$grind" \
        --timeout-multiplier 30 --suite shared --suite static \
        --suite imageio --suite examples > build-verify-gcc/valgrind.log 2>&1 ||
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
}

formatted() {
    git ls-files '*.c' '*.h' '*.cpp' | xargs clang-format --dry-run -Werror
}

CC=gcc
export CC
check gcc build_and_test build-verify-gcc -Dbuildtype=debugoptimized
check cblas build_and_test build-verify-cblas -Dblas=cblas
check none build_and_test build-verify-none -Dblas=none
check static build_and_test build-verify-static -Ddefault_library=static
check shared build_and_test build-verify-shared -Ddefault_library=shared

UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export UBSAN_OPTIONS
check asan+ubsan build_and_test build-verify-asan -Db_lundef=false \
    -Dbuildtype=debugoptimized -Db_sanitize=address,undefined
# Without the threads of OpenBLAS, which this sanitizer cannot see into.
check tsan build_and_test build-verify-tsan -Db_lundef=false -Dblas=none \
    -Dbuildtype=debugoptimized -Db_sanitize=thread

CC=clang CXX=clang++
export CC CXX
check clang build_and_test build-verify-clang

check valgrind under_valgrind
check format formatted
check shellcheck shellcheck -s sh -x -P scripts scripts/*.sh
check manual-page mandoc -T lint -W warning tools/fmgcam.1

if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
echo "all verified"
