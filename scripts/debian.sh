#!/bin/sh
# Build the Debian packages of what git tracks, check them with lintian, and build and
# run programs with what is in them: scripts/debian.sh [FOLDER]. All of it happens in
# FOLDER, build-debian by default, where the packages are left. Half a minute on two
# cores.
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build build-essential debhelper fakeroot lintian

folder=${1:-build-debian}
version=$(sh scripts/version.sh)
source=$folder/fmgcam-$version
root=$folder/root

# The suite runs elsewhere.
: "${DEB_BUILD_OPTIONS=nocheck}" "${DEB_BUILD_PROFILES=nocheck}"
export DEB_BUILD_OPTIONS DEB_BUILD_PROFILES

packaged=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
if [ "${packaged%-*}" != "$version" ]; then
    echo "packaging/debian/changelog is of version $packaged," \
        "include/fmgcam/version.h of $version"
    exit 1
fi

mkdir -p "$folder"
rm -rf "$source" "$root" "$folder"/*.deb
mkdir "$source" "$root"
project_files | grep -zv "^\./$folder/" | tar --null -T - -c | tar -x -C "$source"
tar -C "$folder" -czf "$folder/fmgcam_$version.orig.tar.gz" "fmgcam-$version"
cp -R packaging/debian "$source/debian"

(cd "$source" && dpkg-buildpackage -us -uc > ../build.log 2>&1) || {
    tail -n 40 "$folder/build.log"
    exit 1
}
lintian --allow-root --fail-on error "$folder"/*.changes

if dpkg-deb -f "$folder"/libfmgcam0_*.deb Depends | grep -E 'png|jpeg'; then
    echo "libfmgcam0 must need neither libpng nor libjpeg"
    exit 1
fi

# What they hold, as if it were installed.
for package in "$folder"/*.deb; do
    dpkg -x "$package" "$root"
done
root=$(cd "$root" && pwd)
libraries=$root/usr/lib/$(dpkg-architecture -q DEB_HOST_MULTIARCH)
mkdir -p "$folder/programs"
AUTOPKGTEST_TMP=$(cd "$folder/programs" && pwd)
PKG_CONFIG_SYSROOT_DIR=$root
PKG_CONFIG_PATH=$libraries/pkgconfig
LD_LIBRARY_PATH=$libraries
PATH=$root/usr/bin:$PATH
export AUTOPKGTEST_TMP PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH LD_LIBRARY_PATH PATH
(cd "$source" && sh debian/tests/programs) > "$folder/programs.log" 2>&1 || {
    cat "$folder/programs.log"
    echo "a program made with the packages fails"
    exit 1
}
for library in libfmgcam libfmgcam-imageio; do
    grep -q "^loaded: $libraries/$library\.so\." "$folder/programs.log" || {
        cat "$folder/programs.log"
        echo "no program ran with $libraries/$library.so"
        exit 1
    }
done
echo "$folder has the packages of $packaged, and programs ran with them"
