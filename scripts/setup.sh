# Read by the scripts beside it: go to the top of the project, and
# install what is missing on Debian and its relatives.

set -eu
cd "$(dirname "$0")/.."

# shellcheck disable=SC2034 # read by the scripts that read this one
packages_to_build="gcc libc6-dev dpkg-dev meson ninja-build pkg-config libopenblas-dev
libpng-dev libjpeg-dev libjansson-dev libcairo2-dev libpango1.0-dev
fonts-dejavu-core"
# shellcheck disable=SC2034
packages_to_test="libcmocka-dev g++ python3 binutils poppler-utils abigail-tools
clang cmake gfortran libdlpack-dev python3-numpy python3-torch"

# require PACKAGE... : install those that are not there, saying so first.
require() {
    if ! command -v apt-get > /dev/null; then
        echo "This machine has no apt-get. Needed, by their Debian names:"
        echo "  $*"
        echo "Going on in the hope that they are there."
        return
    fi
    missing=
    for package in "$@"; do
        case $(dpkg-query -W -f='${Status}' "$package" 2> /dev/null || :) in
        *' ok installed') ;;
        *) missing="$missing $package" ;;
        esac
    done
    if [ -z "$missing" ]; then
        return
    fi
    echo "Installing from the distribution's archive:$missing"
    as_root=
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo > /dev/null; then
            echo "This needs root, and there is no sudo. As root, run:"
            echo "  apt-get install$missing"
            exit 1
        fi
        as_root=sudo
    fi
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
        --no-install-recommends $missing > /dev/null
}

# require_command COMMAND PACKAGE... : the same where there is no such command yet.
require_command() {
    command -v "$1" > /dev/null && return
    shift
    require "$@"
}

# configure FOLDER OPTION... : a build folder with these options.
configure() {
    folder=$1
    shift
    if [ -f "$folder/build.ninja" ]; then
        meson setup --reconfigure "$folder" "$@" > "$folder/setup.log"
    else
        mkdir -p "$folder"
        meson setup "$folder" "$@" > "$folder/setup.log" || {
            cat "$folder/setup.log"
            exit 1
        }
    fi
}

# build FOLDER OPTION... : a build with everything, warnings being errors.
build() {
    folder=$1
    shift
    echo "== $folder: $*"
    configure "$folder" -Dwerror=true -Dimageio=enabled -Dtools=enabled \
        -Dfigures=enabled -Dtests=enabled "$@"
    ninja -C "$folder" > "$folder/build.log" || {
        tail -n 40 "$folder/build.log"
        return 1
    }
}

# configure_tested FOLDER OPTION... : the static libraries, the program, and what tests
# them.
configure_tested() {
    configure "$@" -Ddefault_library=static -Dimageio=enabled -Dtools=enabled \
        -Dtests=enabled -Dbench=false -Dexamples=false -Ddocs=false
}

# configure_covered FOLDER : the same, counting what is executed: in threads too, and
# without assertions, which are no branches.
configure_covered() {
    configure_tested "$1" -Dbuildtype=debug -Doptimization=0 -Db_coverage=true \
        -Db_ndebug=true -Dc_args=-fprofile-update=prefer-atomic -Dfigures=enabled
}

# suite FOLDER TIMEOUT_MULTIPLIER [ARGUMENT...] : run tests of a build folder. Fails too
# where there are none.
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
    grep -q '^Ok: *[1-9]' "$tested/test.log" || {
        echo "$tested: no test ran"
        return 1
    }
}

# project_files [PATTERN...] : the names of the source tree's files, or of those among
# them that are named so, each ended by a zero byte.
project_files() {
    if [ -e .git ] && command -v git > /dev/null; then
        git ls-files -z -- "$@"
        return
    fi
    [ $# -gt 0 ] || set -- '*'
    for pattern in "$@"; do
        find . \( -path './build*' -o -name node_modules \) -prune -o \
            -type f -name "$pattern" -print0
    done
}

# run_parts PART... : the functions check_PART of a script, each in a shell of its own,
# which it may end. Says how each went, and how long it took.
run_parts() {
    broken=
    for part in "$@"; do
        began=$(date +%s)
        verdict=ok
        (check_"$(echo "$part" | tr - _)") || verdict=FAILED
        echo "$verdict: $part ($(($(date +%s) - began)) s)"
        [ $verdict = ok ] || broken="$broken $part"
    done
    if [ -n "$broken" ]; then
        echo "FAILED:$broken"
        return 1
    fi
}

# known_parts ALL PART... : ends the script where one is not among them.
known_parts() {
    known=$1
    shift
    for part in "$@"; do
        case " $known " in
        *[[:space:]]"$part"[[:space:]]*) ;;
        *)
            # shellcheck disable=SC2086 # a list of words
            echo "there is no part '$part'; there are:" $known
            exit 2
            ;;
        esac
    done
}
