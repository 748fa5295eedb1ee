#!/bin/sh
# Build fmgcam and explain the sample picture: which parts of it speak for which
# of the five classes that the network thought of.
. "$(dirname "$0")/setup.sh"

# shellcheck disable=SC2086 # lists of words
require $packages_to_build

echo "Building in build-demo/"
configure build-demo -Dimageio=enabled -Dtools=enabled -Dfigures=enabled \
    -Dtests=disabled
ninja -C build-demo -v > build-demo/build.log || {
    tail -n 30 build-demo/build.log
    exit 1
}

data=examples/data
build-demo/tools/fmgcam figure \
    --activations $data/activations.npy --gradients $data/gradients.npy \
    --image $data/chelsea.png --labels $data/labels.txt \
    --output build-demo/figure.png --overlay build-demo/overlay.png \
    --report build-demo/report.json

echo "The picture is $data/chelsea.png. What the network saw in it, class by class:"
echo "    $PWD/build-demo/figure.png"
echo "The evidence alone, laid over the picture:"
echo "    $PWD/build-demo/overlay.png"
echo "In numbers: $PWD/build-demo/report.json"
