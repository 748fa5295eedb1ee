#!/bin/sh
# SPDX-License-Identifier: MIT
# Install koffi, which the binding for Node.js needs, from the npm registry:
#
#   install_koffi.sh FOLDER
#
# into FOLDER/node_modules, at the version that package-lock.json has. The test
# looks for it in BUILD/javascript, or where FMGCAM_NODE_MODULES says.
set -eu
source=$(dirname "$0")/../../examples/javascript
mkdir -p "$1"
cp "$source/package.json" "$source/package-lock.json" "$1"
npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
