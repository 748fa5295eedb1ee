#!/bin/sh
# Build fmgcam for Windows by MinGW-w64, shared and static, and test it under Wine:
# the unit tests with each set of kernels, the program, the examples. About five
# minutes on two cores. The first time it needs the network, for the sources of
# libpng, libjpeg-turbo, jansson and cmocka.
#
#   scripts/windows.sh [FOLDER]    where all of it goes; build-windows
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build $packages_to_test gcc-mingw-w64-x86-64 \
    g++-mingw-w64-x86-64 libz-mingw-w64-dev cmake dpkg-dev wine wine64

mkdir -p "${1:-build-windows}"
top=$(cd "${1:-build-windows}" && pwd)
target=x86_64-w64-mingw32
# Debian's wrappers would end the server after each program.
wine=/usr/lib/wine/wine64
wineserver=/usr/lib/wine/wineserver64
[ -x $wine ] || wine=wine
[ -x $wineserver ] || wineserver=wineserver
passed=0
failed=0

# ---- What it is built with ------------------------------------------------------

# fetch_sources PACKAGE... : of the distribution.
fetch_sources() {
    mkdir -p "$top/sources"
    configure_apt "$top/apt" deb-src amd64
    (
        cd "$top/sources"
        APT_CONFIG=$top/apt/conf
        export APT_CONFIG
        apt-get update -qq
        apt-get source -qq "$@" > "$top/sources.log" 2>&1
    )
}

# library NAME PACKAGE OPTION... : into $top/libraries, unless NAME.pc is there.
library() {
    name=$1
    package=$2
    shift 2
    if [ -f "$top/libraries/lib/pkgconfig/$name.pc" ]; then
        return
    fi
    echo "== $package"
    rm -rf "$top/sources/$package"*
    fetch_sources "$package"
    {
        # What prints numbers of 64 bits is the printf of C99 there.
        cmake -GNinja -S "$top/sources/$package"-*/ -B "$top/sources/$package" \
            -DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64 \
            -DCMAKE_C_COMPILER=$target-gcc -DCMAKE_RC_COMPILER=$target-windres \
            -DCMAKE_FIND_ROOT_PATH=/usr/$target \
            -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER \
            -DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY \
            -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY \
            -DCMAKE_BUILD_TYPE=Release \
            -DCMAKE_C_FLAGS=-D__USE_MINGW_ANSI_STDIO=1 \
            -DCMAKE_INSTALL_PREFIX="$top/libraries" "$@" &&
            ninja -C "$top/sources/$package" install
    } > "$top/$name.log" 2>&1 || {
        tail -n 40 "$top/$name.log"
        exit 1
    }
}

# Its header knows the format of printf by the name of Microsoft's, and only a
# static one needs no DLL beside each test.
library_cmocka() {
    if [ -f "$top/libraries/lib/libcmocka.a" ]; then
        return
    fi
    library cmocka cmocka -DUNIT_TESTING=OFF -DWITH_EXAMPLES=OFF \
        -DWITH_STATIC_LIB=ON
    sed -i 's/__printf__, a, b/__gnu_printf__, a, b/' \
        "$top/libraries/include/cmocka.h"
    rm "$top/libraries/lib/libcmocka.dll.a"
    mv "$top/libraries/lib/libcmocka-static.a" \
        "$top/libraries/lib/libcmocka.a"
}

libraries() {
    library libjpeg libjpeg-turbo -DWITH_SIMD=OFF -DENABLE_SHARED=OFF \
        -DWITH_TURBOJPEG=OFF
    library libpng16 libpng1.6 -DPNG_SHARED=OFF -DPNG_TESTS=OFF
    library jansson jansson -DJANSSON_BUILD_DOCS=OFF \
        -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF
    library_cmocka
}

# ---- Wine -----------------------------------------------------------------------

# Without a window, and with a server that stays: starting one takes ten times as
# long as the program.
prepare_wine() {
    WINEPREFIX=$top/wine
    WINEARCH=win64
    WINEDEBUG=-all
    WINEDLLOVERRIDES='mscoree,mshtml='
    export WINEPREFIX WINEARCH WINEDEBUG WINEDLLOVERRIDES
    unset DISPLAY WAYLAND_DISPLAY
    mkdir -p "$WINEPREFIX"
    $wineserver -p || : # one may be there
    trap '$wineserver -k || :' EXIT
    $wine wineboot -i > "$top/wineboot.log" 2>&1
}

# Wine itself fails once in some thousand starts of any program, with status 1 and
# without a word. A program that fails says why; so another try hides nothing.
write_runner() {
    cat > "$top/under-wine" << END
#!/bin/sh
said=\$(mktemp)
trap 'rm -f "\$said"' EXIT
$wine "\$@" 2> "\$said"
status=\$?
if [ \$status -eq 1 ] && [ ! -s "\$said" ]; then
    $wine "\$@" 2> "\$said"
    status=\$?
fi
cat "\$said" >&2
exit \$status
END
    cat > "$top/fmgcam" << END
#!/bin/sh
exec "$top/under-wine" "$top/static-installed/fmgcam/bin/fmgcam.exe" "\$@"
END
    chmod +x "$top/under-wine" "$top/fmgcam"
}

write_cross_file() {
    cat > "$top/cross.ini" << END
[binaries]
exe_wrapper = '$top/under-wine'
[properties]
pkg_config_libdir = '$top/libraries/lib/pkgconfig:/usr/$target/lib/pkgconfig'
END
}

# ---- Builds ---------------------------------------------------------------------

# for_windows LINKAGE : $top/LINKAGE, and installed in $top/LINKAGE-installed.
for_windows() {
    echo "== for Windows, $1"
    configure "$top/$1" --cross-file packaging/windows/mingw-w64.ini \
        --cross-file "$top/cross.ini" --prefix=/fmgcam --libdir=lib \
        -Dwerror=true -Dblas=none -Dimageio=enabled -Dtools=enabled \
        -Dfigures=disabled -Dtests=enabled -Dbench=false \
        -Dprefer_static=true -Ddefault_library="$1"
    {
        ninja -C "$top/$1" &&
            meson install -C "$top/$1" --destdir "$top/$1-installed"
    } > "$top/$1/build.log" 2>&1 || {
        tail -n 40 "$top/$1/build.log"
        exit 1
    }
}

for_this_machine() {
    echo "== for this machine"
    configure "$top/native" -Dblas=none -Dimageio=enabled -Dtools=enabled \
        -Dfigures=disabled -Dtests=disabled -Dbench=false
    ninja -C "$top/native" > "$top/native/build.log" || {
        tail -n 40 "$top/native/build.log"
        exit 1
    }
}

# ---- Tests ----------------------------------------------------------------------

# tally NAME COMMAND... : run, and add what its log says passed and failed.
tally() {
    part=$1
    log=$top/$part.log
    shift
    status=0
    "$@" > "$log" 2>&1 || status=1
    good=$(awk '/^Ok: / { sum += $2 } /^[0-9]+ passed, / { sum += $1 }
        END { print sum + 0 }' "$log")
    bad=$(awk '/^(Fail|Timeout): / { sum += $2 } /^[0-9]+ passed, / { sum += $3 }
        END { print sum + 0 }' "$log")
    if [ "$bad" -eq 0 ] && { [ $status -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
    fi
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
    echo "$part: $good passed, $bad failed"
    passed=$((passed + good))
    failed=$((failed + bad))
}

exports() {
    python3 tests/abi/check_exports.py $target-objdump \
        "$top/shared-installed/fmgcam/bin/libfmgcam-0.dll" lib/fmgcam.map &&
        python3 tests/abi/check_exports.py $target-objdump \
            "$top/shared-installed/fmgcam/bin/libfmgcam-imageio-0.dll" \
            lib/imageio/imageio.map
}

# suites LINKAGE SUITE... : of the unit tests, which need DLLs of MinGW too.
suites() {
    tested=$1
    lib=$top/$1/lib
    compiler=$(dirname "$($target-g++ -print-file-name=libstdc++-6.dll)")
    shift
    for suite; do
        shift
        set -- "$@" --suite "$suite"
    done
    WINEPATH="$lib;$lib/imageio;/usr/$target/lib;$compiler" \
        meson test -C "$top/$tested" --no-rebuild --print-errorlogs \
        --timeout-multiplier 3 "$@"
}

program() {
    python3 tests/test_windows.py "$top/fmgcam" . "$top/native/tools/fmgcam"
}

# example LINKAGE NAME ARGUMENT... : compiled as a user would, it prints what the
# native one prints, but for the ends of lines.
example() {
    installed=$top/$1-installed/fmgcam
    linked=$top/$1-$2
    native=$top/native/examples/example-$2
    source=examples/$2.c
    define=
    others=
    if [ "$1" = static ]; then
        define=-DFMGCAM_STATIC
        others="-L$top/libraries/lib -lpng16 -ljpeg -lz"
    fi
    shift 2
    # shellcheck disable=SC2086 # none or several words
    $target-gcc -std=c11 -Wall -Wextra -Wpedantic -Werror $define \
        "-I$installed/include" "$source" -o "$linked.exe" \
        "-L$installed/lib" -lfmgcam -lfmgcam-imageio $others &&
        WINEPATH=$installed/bin "$top/under-wine" "$linked.exe" "$@" > "$linked.txt" &&
        "$native" "$@" > "$linked-native.txt" &&
        tr -d '\r' < "$linked.txt" | cmp - "$linked-native.txt"
}

# The pictures that the example makes here and there.
same_overlay() {
    data=examples/data
    example "$1" overlay $data/activations.npy $data/gradients.npy \
        $data/chelsea.png "$top/overlay.png" || return 1
    mv "$top/overlay.png" "$top/native-overlay.png"
    WINEPATH=$top/$1-installed/fmgcam/bin \
        "$top/under-wine" "$top/$1-overlay.exe" \
        $data/activations.npy $data/gradients.npy $data/chelsea.png \
        "$top/overlay.png" || return 1
    PYTHONPATH=tests python3 -c 'import sys, test_cli
sys.exit(test_cli.read_png(sys.argv[1]) != test_cli.read_png(sys.argv[2]))' \
        "$top/overlay.png" "$top/native-overlay.png"
}

examples() {
    data=examples/data
    example "$1" minimal &&
        example "$1" classifier $data/activations.npy $data/classifier.npy \
            $data/bias.npy $data/scores.npy &&
        same_overlay "$1" && echo "3 passed, 0 failed"
}

libraries
write_runner
write_cross_file
for_windows shared
for_windows static
for_this_machine

prepare_wine
tally exports exports
tally tests-shared suites shared shared examples
tally tests-static suites static static kernels kernels-c kernels-avx2 \
    kernels-avx512 tools examples
tally program program
tally examples-shared examples shared
tally examples-static examples static

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
