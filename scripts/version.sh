#!/bin/sh
# Prints the version that include/fmgcam/version.h states.
set -eu
header=$(dirname "$0")/../include/fmgcam/version.h
part() {
    sed -n "s/^#define FMGCAM_VERSION_$1 \([0-9][0-9]*\)$/\1/p" "$header"
}
echo "$(part MAJOR).$(part MINOR).$(part PATCH)"
