#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Explain the classes of one picture from its tensors, .npy files.

Prints, best class first, the cells that each class wins, their share of the
map, and the class's strongest cell.
"""

import argparse
import sys

import numpy

import fmgcam


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("activations", help="[C, H, W]")
    parser.add_argument("gradients", help="[K, C, H, W]")
    parser.add_argument("--labels", help="a name a line, best class first")
    parser.add_argument("--maps", help="where to write the maps, .npy")
    for name, values in fmgcam.OPTIONS.items():
        parser.add_argument("--" + name.replace("_", "-"), choices=values)
    return parser.parse_args(arguments)


def print_table(labels, found):
    print("%-20s %5s %6s  %s" % ("class", "cells", "share", "strongest at"))
    for rank, label in enumerate(labels):
        cells = int((found.winner == rank).sum())
        best = numpy.unravel_index(found.class_maps[rank].argmax(),
                                   found.winner.shape)
        print("%-20s %5d %5.1f%%  row %d, column %d"
              % (label, cells, 100 * cells / found.winner.size, *best))


def main(arguments):
    given = parse(arguments)
    options = {name: getattr(given, name) for name in fmgcam.OPTIONS
               if getattr(given, name)}
    with fmgcam.Context(**options) as context:
        found = context.explain(
            numpy.load(given.activations),
            gradients=numpy.load(given.gradients),
            wanted=("maps", "class_maps", "winner"))
    labels = ["class %d" % rank for rank in range(len(found.maps))]
    if given.labels:
        with open(given.labels, encoding="utf-8") as file:
            labels[:] = [line.strip() for line in file][:len(labels)]
    print_table(labels, found)
    if given.maps:
        numpy.save(given.maps, found.maps)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (fmgcam.Error, OSError, TypeError, ValueError) as error:
        sys.exit("explain.py: %s" % error)
