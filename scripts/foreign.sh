# Read by machines.sh and windows.sh after setup.sh: what Debian has for another
# machine, and its tests there; by analyze.sh for what cannot be installed beside
# the rest. $top is the folder for all of that.
# shellcheck disable=SC2154 # top and toolchain, which they set

passed=0
failed=0

# ---- What it is built with ------------------------------------------------------

# configure_apt KIND ARCHITECTURE : in $top/apt a configuration of apt that the
# machine's own does not see, for what Debian has of KIND, deb or deb-src. Give it to
# apt-get by APT_CONFIG=$top/apt/conf.
configure_apt() {
    mkdir -p "$top/apt/lists/partial" "$top/apt/archives/partial"
    : > "$top/apt/status"
    echo "$1 http://deb.debian.org/debian bookworm main" > "$top/apt/list"
    cat > "$top/apt/conf" << END
APT::Architecture "$2";
APT::Architectures { "$2"; };
APT::Sandbox::User "root";
Dir::State "$top/apt";
Dir::State::status "$top/apt/status";
Dir::Cache "$top/apt";
Dir::Etc::SourceList "$top/apt/list";
Dir::Etc::SourceParts "/dev/null";
END
}

# unpack ARCHITECTURE PACKAGE... : these and what they need, into $top/root, unless
# that is there. Absolute links in it then lead to what is in it.
unpack() {
    if [ -d "$top/root" ]; then
        return
    fi
    echo "== packages of $1"
    configure_apt deb "$1"
    shift
    {
        APT_CONFIG=$top/apt/conf apt-get update -qq &&
            APT_CONFIG=$top/apt/conf apt-get install -y -qq --download-only \
                --no-install-recommends "$@"
    } > "$top/packages.log" 2>&1 || {
        tail -n 40 "$top/packages.log"
        exit 1
    }
    rm -rf "$top/unpacked"
    for package in "$top"/apt/archives/*.deb; do
        dpkg -x "$package" "$top/unpacked"
    done
    find "$top/unpacked" -lname '/*' | while read -r link; do
        ln -sfn "$top/root$(readlink "$link")" "$link"
    done
    mv "$top/unpacked" "$top/root"
}

# fetch_sources PACKAGE... : of the distribution, into $top/sources.
fetch_sources() {
    mkdir -p "$top/sources"
    configure_apt deb-src amd64
    APT_CONFIG=$top/apt/conf apt-get update -qq &&
        (cd "$top/sources" && APT_CONFIG=$top/apt/conf apt-get source -qq "$@") \
            > "$top/sources.log" 2>&1
}

# library NAME PACKAGE OPTION... : built from source by the compiler that $toolchain,
# options of CMake, names, into $top/libraries, unless NAME.pc is there.
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
        # shellcheck disable=SC2086 # a list of words
        cmake -GNinja -S "$top/sources/$package"-*/ -B "$top/sources/$package" \
            $toolchain -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_LIBDIR:PATH=lib \
            -DCMAKE_INSTALL_PREFIX="$top/libraries" "$@" &&
            ninja -C "$top/sources/$package" install
    } > "$top/$name.log" 2>&1 || {
        tail -n 40 "$top/$name.log"
        exit 1
    }
}

# What is static needs no path to it at run time.
libraries() {
    library libjpeg libjpeg-turbo -DWITH_SIMD=OFF -DENABLE_SHARED=OFF \
        -DWITH_TURBOJPEG=OFF
    library libpng16 libpng1.6 -DPNG_SHARED=OFF -DPNG_TESTS=OFF
    library jansson jansson -DJANSSON_BUILD_DOCS=OFF \
        -DJANSSON_WITHOUT_TESTS=ON -DJANSSON_EXAMPLES=OFF
    if [ -f "$top/libraries/lib/libcmocka.a" ]; then
        return
    fi
    library cmocka cmocka -DUNIT_TESTING=OFF -DWITH_EXAMPLES=OFF \
        -DWITH_STATIC_LIB=ON
    rm "$top/libraries/lib/libcmocka".*
    mv "$top/libraries/lib/libcmocka-static.a" "$top/libraries/lib/libcmocka.a"
}

# ---- The program of this machine, to compare with -------------------------------

# for_this_machine : $top/native
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

# tally NAME COMMAND... : run, and add what its log, $top/NAME.log, says passed and
# failed.
tally() {
    part=$1
    log=$top/$part.log
    shift
    status=0
    began=$(date +%s)
    "$@" > "$log" 2>&1 || status=1
    seconds=$(($(date +%s) - began))
    good=$(awk '/^Ok: / { sum += $2 } /^[0-9]+ passed, / { sum += $1 }
        END { print sum + 0 }' "$log")
    bad=$(awk '/^(Fail|Timeout): / { sum += $2 } /^[0-9]+ passed, / { sum += $3 }
        END { print sum + 0 }' "$log")
    if [ "$bad" -eq 0 ] && { [ $status -ne 0 ] || [ "$good" -eq 0 ]; }; then
        bad=1
    fi
    [ "$bad" -eq 0 ] || tail -n 60 "$log"
    echo "$part: $good passed, $bad failed ($seconds s)"
    passed=$((passed + good))
    failed=$((failed + bad))
}
