#!/bin/sh
# What finds mistakes that no test asks about: sanitizers, valgrind, analysers of the
# source, the hardened build. scripts/analyze.sh [PART...] runs these parts, all of them
# by default; "quick" stands for those that take six minutes together on two cores.
# Ends with "ok: PART (N s)" or "FAILED: PART (N s)" for each, and fails if one does.
. "$(dirname "$0")/setup.sh"
. scripts/foreign.sh

all="format shellcheck manual-page cppcheck tidy fanalyzer hardened asan msan tsan
tsan-blas valgrind"
quick="format shellcheck manual-page cppcheck tidy-core asan-core"

jobs=$(nproc)

# An undefined operation ends the program.
UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export UBSAN_OPTIONS

# ---- Sanitizers ----------------------------------------------------------------------

# sanitized FOLDER SANITIZER OPTION... : configured; suite() builds what it runs.
sanitized() {
    folder=$1
    sanitizer=$2
    shift 2
    configure "$folder" -Dwerror=true -Db_lundef=false -Db_sanitize="$sanitizer" \
        -Doptimization=1 -Ddebug=true -Db_ndebug=false -Dtests=enabled "$@"
}

# All programs once: test_kernels has each set of kernels.
check_asan() {
    folder=build-verify-asan
    sanitized "$folder" address,undefined -Ddefault_library=static \
        -Dimageio=enabled -Dtools=enabled -Dfigures=enabled
    suite "$folder" 3 --no-suite docs --no-suite kernels-c --no-suite kernels-avx2 \
        --no-suite kernels-avx512 --no-suite kernels-neon
}

# The libraries alone.
check_asan_core() {
    folder=build-analyze-asan
    sanitized "$folder" address,undefined -Ddefault_library=static \
        -Dimageio=enabled -Dtools=disabled
    suite "$folder" 3 --suite static --suite imageio
}

# Reads of memory that nobody wrote. All code must be instrumented, so the core alone,
# without a BLAS. The assertions of cmocka are not, which only hides what they are given:
# what they return is not memory.
check_msan() {
    folder=build-analyze-msan
    CC=clang CXX=clang++ sanitized "$folder" memory -Ddefault_library=static \
        -Dblas=none -Dimageio=disabled -Dtools=disabled
    suite "$folder" 5 --suite static --suite kernels
}

# What starts threads, once, and the batches of the benchmark, which have threads of
# their own. Without those of OpenBLAS and Pango, which this sanitizer cannot see into.
check_tsan() {
    folder=build-verify-tsan
    sanitized "$folder" thread -Ddefault_library=static -Dblas=none \
        -Dimageio=enabled -Dtools=enabled
    suite "$folder" 10 --suite static --suite kernels --suite imageio --suite soak &&
        suite "$folder" 10 --suite cli cli &&
        ninja -C "$folder" bench/fmgcam-bench > "$folder/build.log" &&
        python3 tests/test_bench.py "$folder/bench/fmgcam-bench" batch
}

# The same with the OpenBLAS that starts no threads. Only one OpenBLAS can be installed
# for compilers, so this one is unpacked beside it.
check_tsan_blas() {
    folder=build-analyze-tsan-blas
    top=$PWD/$folder-packages
    libraries=$top/root/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)
    libraries=$libraries/openblas-serial
    unpack "$(dpkg-architecture -q DEB_HOST_ARCH)" libopenblas-serial-dev
    sed -i "s,=/usr,=$top/root/usr," "$libraries/pkgconfig/openblas.pc"
    (
        PKG_CONFIG_PATH=$libraries/pkgconfig
        LD_LIBRARY_PATH=$libraries
        export PKG_CONFIG_PATH LD_LIBRARY_PATH
        sanitized "$folder" thread -Ddefault_library=shared -Dblas=openblas \
            -Dimageio=disabled -Dtools=disabled
        suite "$folder" 10 --suite shared || return 1
        ldd "$folder/lib/libfmgcam.so" | grep -q "=> $libraries/" || {
            echo "$folder: not linked to the serial OpenBLAS"
            return 1
        }
    )
}

# ---- Valgrind ------------------------------------------------------------------------

# grind LOG COMMAND... : run it, and show the end of what it prints.
grind() {
    log=$1
    shift
    "$@" > "$log" 2>&1 || {
        tail -n 40 "$log"
        return 1
    }
    tail -n 1 "$log"
}

# names FOLDER PATTERN SUITE... : the tests of suites but those of these names.
names() {
    listed=$1
    without=$2
    shift 2
    meson test -C "$listed" --no-rebuild --list "$@" 2> /dev/null |
        sed -n 's,^.* / ,,p' | grep -vxE "$without"
}

# Every program of the suite, and the fmgcam program under the scripts that drive it.
# But for what takes very long here: test_methods is left to AddressSanitizer and
# MemorySanitizer, and wrong usage and help of the program to the first. A film's
# program is driven by a script.
check_valgrind() {
    folder=build-verify-gcc
    CC=gcc build "$folder" -Dbuildtype=debugoptimized || return 1
    # The hand-written SIMD of libjpeg-turbo reads ahead of what it uses.
    JSIMD_FORCENONE=1
    export JSIMD_FORCENONE
    wrapper="valgrind -q --error-exitcode=99 --leak-check=full"
    wrapper="$wrapper --errors-for-leak-kinds=definite,possible"
    wrapper="$wrapper --suppressions=$PWD/tests/valgrind.supp"
    suites="--suite shared --suite imageio --suite tools --suite examples"
    # shellcheck disable=SC2046,SC2086 # lists of words
    suite "$folder" 30 --wrapper "$wrapper" $suites \
        $(names "$folder" 'methods|video' $suites) || return 1
    program=$folder/fmgcam-valgrind
    printf '#!/bin/sh\nexec %s %s/tools/fmgcam "$@"\n' "$wrapper" \
        "$PWD/$folder" > "$program"
    chmod +x "$program"
    grind "$program-cli.log" python3 tests/test_cli.py "$program" . Encodings \
        Pictures Colours Methods Layers Layouts Classifier CheckHead Files Outputs &
    cli=$!
    grind "$program-compare.log" python3 tests/test_compare.py "$program" . Measures \
        Sizes Classes Table Files Picture &&
        grind_figures "$program"
    others=$?
    wait $cli && return $others
}

# Each takes a minute's share here, so not all of them.
grind_figures() {
    program=$1
    grind "$program-figure.log" python3 tests/test_figure.py "$program" . \
        Pages.test_kinds Pages.test_it_is_written_to_pipes \
        Legend.test_ranks_follow_each_other Usage
}

# ---- Analysers of the source ---------------------------------------------------------

# sources FOLDER PATTERN : the files that a build folder's commands compile.
sources() {
    sed -n 's,^ *"file": "\.\./\(.*\)".*,\1,p' "$1/compile_commands.json" |
        sort -u | grep -E "$2" > "$1/sources" || {
        echo "$1: no source to look at"
        return 1
    }
}

# everything FOLDER [OPTION...] : configured with assertions, which tell analysers what
# holds.
everything() {
    configure "$@" -Dbuildtype=debugoptimized -Db_ndebug=false \
        -Ddefault_library=static -Dimageio=enabled -Dtools=enabled \
        -Dfigures=enabled -Dtests=enabled
}

# Checks are chosen in .clang-tidy, and why.
check_tidy() {
    tidy '^(lib|tools|bench|examples|tests)/.*\.c$'
}

check_tidy_core() {
    tidy '^(lib|tools)/.*\.c$'
}

# tidy PATTERN : those sources.
tidy() {
    pattern=$1
    folder=build-analyze-tidy
    CC=clang CXX=clang++ everything "$folder"
    sources "$folder" "$pattern" || return 1
    xargs -P "$jobs" -n 1 clang-tidy --quiet -p "$folder" < "$folder/sources" \
        > "$folder/tidy.log" 2> "$folder/tidy.err" || {
        grep -hE -A 5 '(error|warning): ' "$folder/tidy.log" "$folder/tidy.err" |
            head -n 200
        return 1
    }
}

# It reads no header of the C library, so it must be told the limits that libpng looks at.
limits="-DCHAR_BIT=8 -DUCHAR_MAX=255 -DSHRT_MIN=-32768 -DSHRT_MAX=32767"
limits="$limits -DUSHRT_MAX=65535 -DINT_MIN=-2147483648 -DINT_MAX=2147483647"
limits="$limits -DUINT_MAX=4294967295 -D__$(uname -m)__=1"
check_cppcheck() {
    folder=build-analyze-cppcheck
    CC=gcc CXX=g++ everything "$folder" -Dc_args="$limits"
    look="cppcheck -j $jobs --quiet --error-exitcode=1 --std=c11
        --project=$folder/compile_commands.json
        --suppressions-list=scripts/cppcheck.suppressions"
    # shellcheck disable=SC2086 # lists of words
    {
        $look --enable=warning,performance,portability,style --inconclusive \
            -i tests &&
            $look --enable=warning,performance,portability -i lib -i tools \
                -i bench -i examples
    } > "$folder/cppcheck.log" 2>&1 || {
        cat "$folder/cppcheck.log"
        return 1
    }
}

# What is found and what is accepted must be the same. All is compiled again, for what
# is compiled already says nothing.
check_fanalyzer() {
    folder=build-analyze-gcc
    CC=gcc CXX=g++ everything "$folder" -Dc_args=-fanalyzer
    ninja -C "$folder" -t clean > /dev/null
    LC_ALL=C ninja -C "$folder" > "$folder/build.log" || {
        tail -n 40 "$folder/build.log"
        return 1
    }
    grep -q 'Compiling C object' "$folder/build.log" || {
        echo "$folder: nothing was compiled"
        return 1
    }
    sed -n '/ warning: / {
        s,^\.\./\([^:]*\):[0-9:]* warning: \(.*\) \[-W.*,\1: \2,
        s, \[CWE-[0-9]*\]$,,
        p
    }' "$folder/build.log" | sort -u > "$folder/found"
    grep -v -e '^#' -e '^$' scripts/fanalyzer.accepted | sort -u > "$folder/accepted"
    diff "$folder/accepted" "$folder/found" || {
        echo "> is found and not accepted, < is accepted and not found"
        return 1
    }
}

# ---- Hardening -----------------------------------------------------------------------

check_hardened() {
    folder=build-analyze-hardened
    configure "$folder" -Dwerror=true -Dhardened=true -Ddefault_library=shared \
        -Dimageio=enabled -Dtools=enabled -Dfigures=enabled -Dtests=enabled
    suite "$folder" 2 --suite hardened --suite shared --suite imageio --suite tools
}

# ---- Texts ---------------------------------------------------------------------------

check_format() {
    project_files '*.c' '*.h' '*.cpp' | xargs -0 clang-format --dry-run -Werror
}

check_shellcheck() {
    project_files '*.sh' |
        xargs -0 shellcheck -s sh -x -P scripts packaging/debian/tests/programs
}

check_manual_page() {
    mandoc -T lint -W warning tools/fmgcam.1
}

# ---- The parts -----------------------------------------------------------------------

# needs PART : the packages beyond those of a build and its tests.
needs() {
    case $1 in
    format) echo clang-format ;;
    manual-page) echo mandoc ;;
    tidy | tidy-core) echo clang clang-tidy ;;
    msan) echo clang libclang-rt-dev llvm ;;
    cppcheck | shellcheck | valgrind) echo "$1" ;;
    esac
}

# shellcheck disable=SC2086 # lists of words
{
    [ $# -gt 0 ] || set -- $all
    [ "$*" != quick ] || set -- $quick
}

known_parts "$all $quick" "$@"
packages="$packages_to_build $packages_to_test"
for part in "$@"; do
    packages="$packages $(needs "$part")"
done
# shellcheck disable=SC2086 # a list of words
require $packages

run_parts "$@"
