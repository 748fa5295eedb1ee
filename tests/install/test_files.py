#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What fmgcam installs, and where, and what its .pc files require.

usage: test_files.py MESON BUILD SOURCE PARTS [CLASS[.TEST]]...

PARTS is what the build has, of shared,static,imageio,tools,docs.
"""

import os
import pathlib
import re
import sys

import staging
from harness import CC, CONSUMERS, Case, build, files_below, main, missing, run, works

SMALL = ["-Dimageio=disabled", "-Dtools=disabled", "-Dtests=disabled",
         "-Dexamples=false", "-Dbench=false", "-Ddocs=false"]


def expected_files(have):
    """Below DESTDIR, from the options of the build and the files of the source tree."""
    prefix = pathlib.PurePath(have["prefix"].lstrip("/"))
    libdir = prefix / have["libdir"]
    version = build.version()
    files = set()

    for name in ["fmgcam"] + ["fmgcam-imageio"] * ("imageio" in build.parts):
        library = "lib" + name
        if "shared" in build.parts:
            files |= {libdir / (library + end) for end in (
                ".so", ".so.%s" % soversion(), ".so." + version)}
        if "static" in build.parts:
            files.add(libdir / (library + ".a"))
        files.add(libdir / "pkgconfig" / (name + ".pc"))
    files |= {libdir / "cmake/fmgcam" / name for name in (
        "fmgcam-config.cmake", "fmgcam-config-version.cmake")}

    headers = prefix / have["includedir"] / "fmgcam"
    files |= {headers / path.name for path in (build.source / "include/fmgcam").iterdir()
              if path.name != "imageio.h" or "imageio" in build.parts}

    if "tools" in build.parts:
        files.add(prefix / have["bindir"] / "fmgcam")
    if "docs" in build.parts:
        docs = prefix / have["datadir"] / "doc/fmgcam"
        files |= {docs / name for name in files_below(build.source / "docs")
                  if name != "meson.build"}
        if "tools" in build.parts:
            files.add(prefix / have["mandir"] / "man1/fmgcam.1")
    return {str(path) for path in files}


def soversion():
    """As README and NEWS promise it, so that it does not change unnoticed."""
    news = (build.source / "NEWS.md").read_text(encoding="utf-8")
    return re.search(r"libfmgcam\.so\.(\d+)", news).group(1)


class Files(Case):
    """The build as it is."""

    def test_they_are_the_expected_ones_and_go_again(self):
        destination = self.path("stage")
        expected = expected_files(staging.options(build.meson, build.folder))
        with staging.own_install_log(build.folder):
            staging.copy_files(build.meson, build.folder, destination)
            self.assertEqual(sorted(files_below(destination)), sorted(expected))
            run("ninja", "-C", build.folder, "uninstall")
        self.assertFalse(destination.exists(), "something is left of it")


class Layouts(Case):
    """A small build with other folders: it is found in each."""

    LAYOUTS = {
        "plain": ["--prefix=/opt/fmgcam", "--libdir=lib"],
        "multiarch": ["--prefix=/usr", "--libdir=lib/x86_64-linux-gnu"],
        "odd": ["--prefix=/srv/a/b", "--libdir=lib64/c", "--includedir=share/include"],
    }

    def test_found_in_each(self):
        folder = self.path("build")
        run(build.meson, "setup", folder, build.source, *SMALL, "-Dblas=none",
            "-Dbuildtype=debug", "-Ddefault_library=shared")
        for name, options in self.LAYOUTS.items():
            with self.subTest(name):
                run(build.meson, "configure", folder, *options)
                run(build.meson, "compile", "-C", folder)
                self.check(staging.install(build.meson, folder, self.path(name)))

    def check(self, stage):
        library = [stage.libdir / "libfmgcam.so"]
        program = stage.prefix / "maps"
        run(*CC, CONSUMERS / "maps.c", *stage.pkg_config("fmgcam"), "-o", program)
        self.assert_runs(program, library, stage.environment())
        if works("cmake", "--version"):
            cmake = stage.prefix / "build"
            run("cmake", "-G", "Ninja", "-S", CONSUMERS, "-B", cmake, "-DCOMPONENTS=",
                "-Dfmgcam_DIR=%s" % (stage.libdir / "cmake/fmgcam"))
            run("cmake", "--build", cmake, "--target", "maps-fmgcam")
            self.assert_runs(cmake / "maps-fmgcam", library)


class Requirements(Case):
    """What the .pc files of other builds say; they are written when it is configured."""

    def pkg_config(self, *words, options=()):
        """What pkg-config prints for a build with these options."""
        folder = self.path("build")
        if not folder.exists():
            run(build.meson, "setup", folder, build.source, *SMALL, *options)
        return run("pkg-config", *words, env={
            **os.environ,
            "PKG_CONFIG_PATH": staging.before(folder / "meson-private", "PKG_CONFIG_PATH")
        }).split()

    def assert_requires(self, module, public, private, libraries, options):
        required = self.pkg_config("--print-requires", module, options=options)
        self.assertEqual(required, public)
        self.assertEqual(self.pkg_config("--print-requires-private", module), private)
        text = self.path("build/meson-private/%s.pc" % module).read_text(encoding="utf-8")
        self.assertRegex(text, r"(?m)^Libs: -L\$\{libdir\} %s$" % re.escape(libraries))

    def test_none(self):
        self.assert_requires("fmgcam", [], [], "-lfmgcam", ["-Dblas=none"])

    def test_openblas(self):
        if not works("pkg-config", "--exists", "openblas"):
            missing("openblas.pc", "libopenblas-dev")
        self.assert_requires("fmgcam", [], ["openblas"], "-lfmgcam", ["-Dblas=openblas"])

    def test_cblas(self):
        names = [name for name in ("cblas", "blas")
                 if works("pkg-config", "--exists", name)]
        if not names:
            missing("blas.pc", "libblas-dev")
        self.assert_requires("fmgcam", [], names[:1], "-lfmgcam", ["-Dblas=cblas"])

    def test_static_alone(self):
        if not works("pkg-config", "--exists", "openblas"):
            missing("openblas.pc", "libopenblas-dev")
        self.assert_requires("fmgcam", ["openblas"], [], "-lfmgcam -lm",
                             ["-Ddefault_library=static"])

    def test_imageio(self):
        self.assert_requires("fmgcam-imageio", [], ["libpng", "libjpeg"],
                             "-lfmgcam-imageio", ["-Dimageio=enabled", "-Dblas=none"])

    def test_imageio_static_alone(self):
        self.assert_requires("fmgcam-imageio", ["libpng", "libjpeg"], [],
                             "-lfmgcam-imageio",
                             ["-Dimageio=enabled", "-Dblas=none",
                              "-Ddefault_library=static"])


class Windows(Case):
    """There a program must know which kind of library it is linked to."""

    def test_the_static_one_says_that_it_is(self):
        if not works("x86_64-w64-mingw32-gcc", "--version"):
            missing("compiler for Windows", "gcc-mingw-w64-x86-64")
        cross = self.path("cross.ini")
        cross.write_text("[binaries]\nc = 'x86_64-w64-mingw32-gcc'\n"
                         "ar = 'x86_64-w64-mingw32-ar'\n[host_machine]\n"
                         "system = 'windows'\ncpu_family = 'x86_64'\n"
                         "cpu = 'x86_64'\nendian = 'little'\n")
        for kind, says_so in (("static", True), ("shared", False)):
            folder = self.path(kind)
            run(build.meson, "setup", folder, build.source, "--cross-file", cross, *SMALL,
                "-Dblas=none", "-Ddefault_library=" + kind)
            text = (folder / "meson-private/fmgcam.pc").read_text(encoding="utf-8")
            self.assertEqual("-DFMGCAM_STATIC" in text, says_so, text)


if __name__ == "__main__":
    sys.exit(main())
