#!/bin/sh
# Build fmgcam for other machines, and test it as they run it. The first time it needs
# the network, for 75 MB of Debian's packages for each of them.
#
#   scripts/machines.sh [MACHINE...]    all of them by default:
#
#   i386       32 bits; run as they are where the kernel does that, else by qemu
#   aarch64    kernels for NEON, and char is unsigned; by qemu
#   s390x      big-endian; by qemu
#   musl       this machine with another C library
#
# All of it goes to build-machines. What qemu runs is ten times and more as slow, and
# there some tests are left out that would show the same as on i386, or with musl:
#
#   faults, and methods on s390x, which alone take five minutes each; weights, maps and
#   same have methods too;
#   of batch what is about processes, signals and time, which are qemu's there.
#
# And of figures only words, and that each picture is in its place: the rest is
# arithmetic on whole numbers, done alike by all.
. "$(dirname "$0")/setup.sh"
. scripts/foreign.sh

# shellcheck disable=SC2086 # lists of words
require $packages_to_build python3 poppler-utils

all=$PWD/build-machines

# describe MACHINE : what it is to Debian, to GNU and to Meson, and how it is run.
describe() {
    top=$all/$1
    root=$top/root
    libraries=$top/libraries/lib/pkgconfig
    debian=$1
    target=$1-linux-gnu
    family=$1
    endian=little
    bits=64
    figures=enabled
    static=false
    run="qemu-$1 -L $root"
    patience=10
    FMGCAM_TEST_EMULATED=1
    export FMGCAM_TEST_EMULATED
    case $1 in
    i386)
        target=i686-linux-gnu
        family=x86
        bits=32
        ;;
    aarch64) debian=arm64 ;;
    s390x) endian=big ;;
    musl)
        root=
        family=x86_64
        figures=disabled
        static=true
        run=
        patience=2
        unset FMGCAM_TEST_EMULATED
        ;;
    *)
        echo "$1 is none of i386, aarch64, s390x and musl"
        exit 2
        ;;
    esac
    mkdir -p "$top"
}

# ---- What it is built with ------------------------------------------------------

# The packages that Debian has for it.
get_packages() {
    require "gcc-$target" "g++-$target" qemu-user
    unpack "$debian" libc6-dev libpng-dev libjpeg-dev libjansson-dev \
        libcmocka-dev libcairo2-dev libpango1.0-dev fonts-dejavu-core
    libraries=$(echo "$root"/usr/lib/*/pkgconfig):$root/usr/share/pkgconfig
    c="'$target-gcc', '--sysroot=$root'"
    cpp="'$target-g++', '--sysroot=$root'"
    tools=$target-
}

build_zlib() {
    if [ -f "$libraries/zlib.pc" ]; then
        return
    fi
    echo "== zlib"
    fetch_sources zlib
    {
        cd "$top"/sources/zlib-*/ &&
            CC=musl-gcc CFLAGS='-O3 -fPIC' ./configure --static \
                --prefix="$top/libraries" &&
            make install
    } > "$top/zlib.log" 2>&1 || {
        tail -n 40 "$top/zlib.log"
        exit 1
    }
}

# Their sources, for which musl has no packages; and it has no C++.
build_libraries() {
    require musl-tools cmake make
    toolchain="-DCMAKE_C_COMPILER=musl-gcc -DCMAKE_PREFIX_PATH=$top/libraries"
    toolchain="$toolchain -DCMAKE_POSITION_INDEPENDENT_CODE=ON"
    (build_zlib)
    libraries
    c="'musl-gcc'"
    cpp="'false'"
    tools=
}

# This kernel may well run them, if told what loads them.
run_i386_natively() {
    loader="$root/lib/ld-linux.so.2"
    if "$loader" --help > /dev/null 2>&1; then
        run="$loader --library-path"
        run="$run $root/lib/i386-linux-gnu:$root/usr/lib/i386-linux-gnu"
        patience=2
        unset FMGCAM_TEST_EMULATED
    fi
}

# runs NAME [PROGRAM] : a script $top/NAME that runs PROGRAM, or what it is told to.
runs() {
    printf '#!/bin/sh\nexec %s "$@"\n' "$run${2:+ $top/build/$2}" > "$top/$1"
    chmod +x "$top/$1"
}

write_cross_file() {
    cat > "$top/cross.ini" << END
[binaries]
c = [$c]
cpp = [$cpp]
ar = '${tools}ar'
strip = '${tools}strip'
pkgconfig = 'pkg-config'
exe_wrapper = '$top/run'
[properties]
needs_exe_wrapper = true
sys_root = '$root'
pkg_config_libdir = '$libraries'
[host_machine]
system = 'linux'
cpu_family = '$family'
cpu = '$family'
endian = '$endian'
END
}

for_machine() {
    if [ "$1" = musl ]; then
        build_libraries
    else
        get_packages
    fi
    if [ "$1" = i386 ]; then
        run_i386_natively
    fi
    runs run
    runs fmgcam tools/fmgcam
    runs example-video examples/example-video
    write_cross_file
    configure "$top/build" --cross-file "$top/cross.ini" -Dwerror=true \
        -Dblas=none -Dimageio=enabled -Dtools=enabled -Dfigures=$figures \
        -Dtests=enabled -Dbench=false -Dprefer_static=$static \
        -Ddefault_library=shared
    # Of the tests those that are run: not once more for each set of kernels.
    ninja -C "$top/build" > "$top/build.log" || {
        tail -n 40 "$top/build.log"
        exit 1
    }
}

# ---- Tests ----------------------------------------------------------------------

# suites ARGUMENT... : of the tests that are programs for the machine.
suites() {
    meson test -C "$top/build" --print-errorlogs \
        --timeout-multiplier "$patience" "$@"
}

# script NAME PROGRAM ARGUMENT... : what drives a program, from this machine.
script() {
    name=$1
    driven=$top/$2
    shift 2
    FMGCAM_TEST_BITS=$bits FMGCAM_TEST_ENDIAN=$endian \
        python3 "tests/test_$name.py" "$driven" . "$@"
}

test_batch() {
    if [ -n "${FMGCAM_TEST_EMULATED:-}" ]; then
        tally batch script batch fmgcam Manifests Results
    else
        tally batch script batch fmgcam
    fi
}

test_figures() {
    if [ $figures = enabled ]; then
        tally text suites --suite figure figure_text
        tally figure script figure fmgcam \
            Pictures.test_each_picture_is_there_once_and_in_its_place
    else
        tally no-figures script figure fmgcam Absent
    fi
}

# test_machine NAME
test_machine() {
    without=
    if [ "$1" = s390x ]; then
        without="--no-suite slow --no-suite faults"
    fi
    # shellcheck disable=SC2086 # none or several words
    tally core suites $without --suite shared --suite kernels --suite imageio \
        --suite tools
    tally fuzz suites --suite fuzz
    tally soak suites --suite soak
    tally others suites --suite examples --suite headers minimal classifier overlay \
        overlay-cpp dlpack-1-c dlpack-1-cpp wrapper-cpp11 wrapper-without-exceptions
    tally video script video example-video
    tally same script same fmgcam "$all/native/tools/fmgcam"
    tally cli script cli fmgcam
    tally compare script compare fmgcam
    test_batch
    test_figures
}

top=$all
for_this_machine
[ $# -gt 0 ] || set -- i386 aarch64 s390x musl
for machine; do
    describe "$machine"
    started=$(date +%s)
    echo "== $machine"
    for_machine "$machine"
    test_machine "$machine"
    echo "$machine: $(($(date +%s) - started)) seconds"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
