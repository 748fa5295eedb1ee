#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make docs/gallery.md and its pictures.

usage: scripts/gallery.py FMGCAM [CASES]

FMGCAM is the program. CASES is a folder of further cases, each with tensors, a
picture and case.json, by default ../shared/data/cases; where it is not there,
the pictures that were made from it stay as they are.
"""

import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "images" / "gallery"
SAMPLE = ROOT / "examples" / "data"


class Case:
    """The options of the program that name a case's files."""

    def __init__(self, folder, picture, names, *more):
        self.labels = tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8")
        self.labels.write("".join(name + "\n" for name in names))
        self.labels.flush()
        self.inputs = ["--activations", folder / "activations.npy", "--gradients", folder / "gradients.npy",
                       "--image", folder / picture, "--labels", self.labels.name, *more]


def sample():
    return Case(SAMPLE, "chelsea.png", (SAMPLE / "labels.txt").read_text(encoding="utf-8").splitlines())


def further(cases, name, picture):
    """With all logits, by which probabilities are known; labels are then by class index."""
    if not cases:
        return None
    classes = json.loads((cases / name / "case.json").read_text(encoding="utf-8"))["classes"]
    names = {c["index"]: c["label"] for c in classes}
    return Case(cases / name, picture, [names.get(i, "") for i in range(max(names) + 1)],
                "--logits", cases / name / "logits.npy")


class Gallery:
    def __init__(self, program):
        self.program = program
        self.lines = []

    def text(self, *paragraphs):
        for paragraph in paragraphs:
            self.lines += [paragraph, ""]

    def run(self, *args):
        subprocess.run([str(a) for a in (self.program, *args)], check=True)

    def overlay(self, name, case, *args):
        """The name of the picture, which is only made where the case is there."""
        if case:
            self.run("explain", *case.inputs, *args, "--overlay", PICTURES / (name + ".jpg"))
        return name + ".jpg"

    def figure(self, name, case, *args):
        if case:
            self.run("figure", *case.inputs, "--width", 760, *args, "--output", PICTURES / (name + ".png"))
        return name + ".png"

    def show(self, picture, alt):
        self.text("![%s](images/gallery/%s)" % (alt, picture))

    def beside(self, *pairs):
        """Pictures with a heading each, in one row."""
        heads = [head for head, _ in pairs]
        self.lines += ["| " + " | ".join(heads) + " |", "|" + "---|" * len(pairs),
                       "| " + " | ".join("![%s](images/gallery/%s)" % pair for pair in pairs) + " |", ""]


def show_cat(g, cat, known):
    """The tensors of known are the same, and come with all logits."""
    g.text("## A cat", "MobileNetV2 at its last layer. Above, FM-G-CAM; below, plain Grad-CAM of each class, which shows that "
           "all five look at much the same places, and not which of them wins where. The tensors are in "
           "[examples/data](../examples/data/README.md).")
    g.show(g.figure("cat", known or cat), "The photograph, the five classes fused over it, and a panel for each class")
    g.text("### Fused at map and at picture size", "At map size (the default) colours mix between cells; at picture size "
           "(`--fuse-at image`) each pixel has one winner.")
    g.beside(("map", g.overlay("cat-at-map", cat)), ("picture", g.overlay("cat-at-image", cat, "--fuse-at", "image")))
    g.text("### With and without the L2 step", "With it each class has the same energy, so \"plastic bag\" (p = 0.0008, two "
           "cells of 49) outshines \"Egyptian cat\" (p = 0.80). `--normalize none` keeps the proportions of the evidence.")
    g.beside(("l2", g.overlay("cat-at-map", cat)), ("none", g.overlay("cat-none", cat, "--normalize", "none")))
    g.text("### Profiles", "`released` is what the published package computes: the first class wins every cell, its columns "
           "are each brought to the same norm. Drawn with that package's colours and blend, as far as fmgcam has them.")
    released = ("--profile", "released", "--palette", "released", "--blend", "constant")
    g.beside(("standard", g.overlay("cat-standard", cat, "--palette", "released", "--blend", "constant")),
             ("released", g.overlay("cat-released", cat, *released)))
    g.text("### Colours", "Palettes `okabe-ito` (the default) and `tol`, and two colour maps of the first class alone: its "
           "evidence, and its evidence with the sign.")
    g.beside(("okabe-ito", g.overlay("cat-at-map", cat)), ("tol", g.overlay("cat-tol", cat, "--palette", "tol")))
    g.beside(("viridis", g.overlay("cat-viridis", cat, "--top", 1, "--color-map", "viridis", "--blend", "constant")),
             ("diverging", g.overlay("cat-diverging", cat, "--top", 1, "--color-map", "diverging")))
    g.text("### Cropped and letterboxed", "The same map, had the network seen the middle of the photograph, or all of it "
           "between two bars. What was not seen fades.")
    g.beside(("resize:256,crop:224", g.overlay("cat-crop", cat, "--preprocess", "resize:256,crop:224")),
             ("letterbox:224x224", g.overlay("cat-letterbox", cat, "--preprocess", "letterbox:224x224")))


def show_earlier_layer(g, cases):
    cat = further(cases, "chelsea-mobilenetv2-mid", "image.png")
    g.text("## The same cat, seen by an earlier layer", "14 x 14 cells after the twelfth block, whose activations have a sign. "
           "Finer, and less about classes: the gradients vary over the map here, and LayerCAM and HiResCAM use that.")
    g.beside(("grad-cam", g.overlay("mid-grad-cam", cat)), ("layer-cam", g.overlay("mid-layer-cam", cat, "--method", "layer-cam")),
             ("hires-cam", g.overlay("mid-hires-cam", cat, "--method", "hires-cam")))


def show_coffee(g, cases):
    cup = further(cases, "coffee-mobilenetv1", "image.png")
    g.text("## A cup of coffee", "MobileNetV1 0.75 at 192 pixels. Photograph by Rachel Michetti (CC0).")
    g.show(g.figure("coffee", cup), "A cup of coffee with the evidence for five classes")


def show_films(g, cases):
    names = ("cxr-cardiomegaly", "cxr-effusion", "cxr-no-finding")
    films = [further(cases, name, "image_224.png") for name in names]
    large = further(cases, names[0], "image.png")
    g.text("## Chest X-rays: not for medical use", "A small network that was trained on a public collection and calls every "
           "adult film Covid-19 with near certainty. The films have nothing to do with that: the NIH collection has them as "
           "cardiomegaly, effusion and no finding. What the maps show is where this network looks: at shoulders, neck and the "
           "borders of the film as much as at lungs. That is a reason to distrust it, and what an explanation is for. **Not "
           "for medical use.**",
           "Films: NIH Clinical Center, ChestX-ray14 (X. Wang et al., \"ChestX-ray8: Hospital-scale Chest X-ray Database and "
           "Benchmarks on Weakly-Supervised Classification and Localization of Common Thorax Diseases\", CVPR 2017).")
    g.show(g.figure("film", large, "--notice", "Not for medical use", "--caption",
                    "Film: NIH Clinical Center, ChestX-ray14 (Wang et al., CVPR 2017)."),
           "A chest X-ray with the evidence for three classes; not for medical use")
    for method, option in (("FM-G-CAM", ()), ("Grad-CAM of the first class", ("--top", "1", "--color-map", "turbo", "--blend",
                                                                              "constant"))):
        g.text("%s, of all three films:" % method)
        slug = "film-fused-" if not option else "film-first-"
        g.beside(*((name[4:], g.overlay(slug + name[4:], film, *option)) for name, film in zip(names, films)))


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    cases = pathlib.Path(sys.argv[2] if len(sys.argv) == 3 else ROOT / ".." / "shared" / "data" / "cases")
    cases = cases if cases.is_dir() else None
    PICTURES.mkdir(parents=True, exist_ok=True)
    g = Gallery(pathlib.Path(sys.argv[1]).resolve())
    g.text("# Gallery", "Made by [scripts/gallery.py](../scripts/gallery.py). Colours say which class wins a place, their strength "
           "how much speaks for it there.")
    show_cat(g, sample(), further(cases, "chelsea-mobilenetv2", "image.png"))
    show_earlier_layer(g, cases)
    show_coffee(g, cases)
    show_films(g, cases)
    (ROOT / "docs" / "gallery.md").write_text("\n".join(g.lines), encoding="utf-8")


if __name__ == "__main__":
    main()
