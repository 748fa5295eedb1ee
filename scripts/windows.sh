#!/bin/sh
# Build fmgcam for Windows by MinGW-w64, shared and static, and test it under Wine:
# the unit tests with each set of kernels, the program, the examples. About five
# minutes on two cores. The first time it needs the network, for the sources of
# libpng, libjpeg-turbo, jansson and cmocka.
#
#   scripts/windows.sh [FOLDER]    where all of it goes; build-windows
. "$(dirname "$0")/setup.sh"
. scripts/foreign.sh

# shellcheck disable=SC2086 # lists of words
require $packages_to_build python3 gcc-mingw-w64-x86-64 \
    g++-mingw-w64-x86-64 libz-mingw-w64-dev cmake dpkg-dev wine wine64

mkdir -p "${1:-build-windows}"
top=$(cd "${1:-build-windows}" && pwd)
target=x86_64-w64-mingw32
# Debian's wrappers would end the server after each program.
wine=/usr/lib/wine/wine64
wineserver=/usr/lib/wine/wineserver64
[ -x $wine ] || wine=wine
[ -x $wineserver ] || wineserver=wineserver
# Its printf of numbers of 64 bits is the one of C99.
toolchain="-DCMAKE_SYSTEM_NAME=Windows -DCMAKE_SYSTEM_PROCESSOR=AMD64
-DCMAKE_C_COMPILER=$target-gcc -DCMAKE_RC_COMPILER=$target-windres
-DCMAKE_FIND_ROOT_PATH=/usr/$target -DCMAKE_FIND_ROOT_PATH_MODE_PROGRAM=NEVER
-DCMAKE_FIND_ROOT_PATH_MODE_LIBRARY=ONLY -DCMAKE_FIND_ROOT_PATH_MODE_INCLUDE=ONLY
-DCMAKE_C_FLAGS=-D__USE_MINGW_ANSI_STDIO=1"

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

# ---- Tests ----------------------------------------------------------------------

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
# The header knows the format of printf by the name of Microsoft's.
sed -i 's/__printf__, a, b/__gnu_printf__, a, b/' "$top/libraries/include/cmocka.h"
write_runner
write_cross_file
for_windows shared
for_windows static
for_this_machine

prepare_wine
tally exports exports
tally tests-shared suites shared shared soak examples
tally tests-static suites static static kernels kernels-c kernels-avx2 \
    kernels-avx512 tools examples
tally program program
tally examples-shared examples shared
tally examples-static examples static

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
