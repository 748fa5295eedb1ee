#!/bin/sh
# Fuzz the libraries and the program: docs/fuzzing.md.
#
#   scripts/fuzz.sh TIME [TARGET...]   for TIME in all, 90 or 90s, 10m, 1h
#   scripts/fuzz.sh merge [TARGET...]  take what was found into the corpus
#   scripts/fuzz.sh coverage           what the corpus reaches
. "$(dirname "$0")/setup.sh"

corpus=tests/fuzz/corpus
found=build-fuzz/found
crashes=build-fuzz/crashes
hash='[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]??????????????????????????????????'

usage() {
    sed -n 's/^#   //p' "$0"
    exit 2
}

# shellcheck disable=SC2086 # a list of words
require $packages_to_build clang libclang-rt-dev llvm libcmocka-dev zlib1g-dev
CC=clang
export CC

# seconds TIME : as a number.
seconds() {
    number=${1%[smh]}
    case $number in
    '' | *[!0-9]*) return 1 ;;
    esac
    case $1 in
    *h) echo $((number * 3600)) ;;
    *m) echo $((number * 60)) ;;
    *) echo "$number" ;;
    esac
}

all_targets() {
    for source in tests/fuzz/fuzz_*.c; do
        name=${source##*/fuzz_}
        echo "${name%.c}"
    done
}

build_fuzzers() {
    configure_tested build-fuzz -Dfuzz=true -Db_sanitize=address,undefined \
        -Db_lundef=false -Dbuildtype=debugoptimized -Doptimization=1 \
        -Dc_args=-fno-sanitize-recover=undefined
    # shellcheck disable=SC2046 # a list of words
    ninja -C build-fuzz $(printf 'tests/fuzz/fuzz_%s ' "$@") \
        > build-fuzz/build.log || {
        tail -n 40 build-fuzz/build.log
        exit 1
    }
    # What the targets allocate and write is small, and BLAS is not looked at.
    OPENBLAS_NUM_THREADS=1
    LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
    UBSAN_OPTIONS=print_stacktrace=1
    export OPENBLAS_NUM_THREADS LSAN_OPTIONS UBSAN_OPTIONS
}

# fuzz TARGET SECONDS : the corpus first, then inputs like it.
fuzz() {
    log=build-fuzz/$1.log
    mkdir -p "$found/$1" "$crashes"
    set -- "$1" "$2" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 \
        -max_len=4096 -close_fd_mask=3 -print_final_stats=1 \
        -artifact_prefix="$crashes/$1-"
    if [ -f "tests/fuzz/$1.dict" ]; then
        set -- "$@" -dict="tests/fuzz/$1.dict"
    fi
    target=$1
    shift 2
    "build-fuzz/tests/fuzz/fuzz_$target" "$@" "$found/$target" \
        "$corpus/$target" > "$log" 2>&1 < /dev/null || {
        tail -n 40 "$log"
        return 1
    }
    awk -v name="$target" '
        /number_of_executed_units/ { inputs = $2 }
        /average_exec_per_sec/ { rate = $2 }
        /new_units_added/ { added = $2 }
        END { print name ": " inputs " inputs, " rate " a second, " added \
            " that reach something new" }' "$log"
}

# All targets, each for its share of the time.
fuzz_all() {
    time=$1
    shift
    build_fuzzers "$@"
    share=$((time / $#))
    [ "$share" -gt 0 ] || share=1
    failed=
    for name in "$@"; do
        fuzz "$name" "$share" || failed="$failed $name"
    done
    if [ -n "$failed" ]; then
        echo "FAILED:$failed; the inputs are in $crashes"
        exit 1
    fi
    echo "nothing found"
}

# Of the inputs that libFuzzer has named, those that were found among them, keep no
# more than reach all that they reach together. Those with other names stay.
merge_all() {
    build_fuzzers "$@"
    for name in "$@"; do
        named=$corpus/$name
        rm -rf build-fuzz/merged
        mkdir -p build-fuzz/merged "$found/$name" "$named"
        find "$named" -type f -name "$hash" -exec mv {} build-fuzz/merged \;
        "build-fuzz/tests/fuzz/fuzz_$name" -merge=1 -use_counters=0 \
            -max_len=12288 -close_fd_mask=3 "$named" build-fuzz/merged \
            "$found/$name" > "build-fuzz/$name.log" 2>&1 < /dev/null || {
            tail -n 20 "build-fuzz/$name.log"
            exit 1
        }
        echo "$name: $(find "$named" -type f | wc -l) inputs," \
            "$(cat "$named"/* | wc -c) bytes"
    done
}

# Of a report of llvm-cov what concerns the project, and the sum of each folder.
summarize() {
    awk -v root="${PWD#/}/" '
        function row(name, lines, missed_lines, branches, missed_branches) {
            printf "%-36s %6d lines, %5.1f %%; %6d branches, %5.1f %%\n", name,
                lines, 100 - 100 * missed_lines / (lines + !lines), branches,
                100 - 100 * missed_branches / (branches + !branches)
        }
        { sub("^" root, "", $1) }
        $1 ~ /^(lib|tools|include)\// && $5 > 0 {
            row($1, $5, $6, $8, $9)
            folder = $1 ~ /^lib\/imageio/ ? "lib/imageio" : $1
            if (folder == $1)
                sub("/.*", "", folder)
            lines[folder] += $5
            missed_lines[folder] += $6
            branches[folder] += $8
            missed_branches[folder] += $9
        }
        END {
            print "in all"
            for (folder in lines)
                row(folder, lines[folder], missed_lines[folder],
                    branches[folder], missed_branches[folder])
        }'
}

coverage() {
    folder=build-fuzz-coverage
    profile=$folder/all.profdata
    flags="-fprofile-instr-generate -fcoverage-mapping"
    configure_tested "$folder" "-Dc_args=$flags" "-Dc_link_args=$flags" \
        -Dbuildtype=debug
    # shellcheck disable=SC2046 # a list of words
    ninja -C "$folder" $(printf 'tests/fuzz/replay_%s ' "$@") \
        > "$folder/build.log"
    rm -f "$folder"/*.profraw
    objects=
    for name in "$@"; do
        LLVM_PROFILE_FILE="$folder/$name.profraw" \
            "$folder/tests/fuzz/replay_$name" "$corpus/$name" \
            > "$folder/replay.log" 2>&1 < /dev/null
        objects="$objects -object $folder/tests/fuzz/replay_$name"
    done
    llvm-profdata merge -o "$profile" "$folder"/*.profraw
    # shellcheck disable=SC2086 # a list of words
    llvm-cov report ${objects# -object } -instr-profile="$profile" \
        -show-region-summary=false | summarize
}

[ $# -gt 0 ] || usage
what=$1
shift
if [ $# -eq 0 ]; then
    # shellcheck disable=SC2046 # a list of words
    set -- $(all_targets)
fi
case $what in
merge) merge_all "$@" ;;
coverage) coverage "$@" ;;
*)
    time=$(seconds "$what") || usage
    fuzz_all "$time" "$@"
    ;;
esac
