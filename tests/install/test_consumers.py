#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Use an installed fmgcam as programs of others do, one class a kind of program.

usage: test_consumers.py MESON BUILD SOURCE PARTS [CLASS[.TEST]]...

PARTS is what the build has, of shared,static,imageio,tools,docs. The programs in
consumers/ fail where a result is not the expected one, and print which shared libraries
of fmgcam they run with. CC and CXX may name the compilers.
"""

import os
import re
import shutil
import sys

from harness import (CC, CONSUMERS, CXX, Case, StagedCase, build, files_below, main,
                     missing, needs, run, works)

# What examples/minimal.c prints, worked out by hand: the weights are (1, 0) and (0, 2),
# so M0 = 3 1 0 0 and M1 = 0 0 2 4, of norms sqrt(10) and sqrt(20); the largest quotient
# is 3 / sqrt(10), by which the others are divided.
MINIMAL = """\
cell 0: class 0 1.000, class 1 0.000
cell 1: class 0 0.333, class 1 0.000
cell 2: class 0 0.000, class 1 0.471
cell 3: class 0 0.000, class 1 0.943
"""


class Readme(StagedCase):
    """What the README says, and no more."""

    def test_its_program(self):
        text = (build.source / "README.md").read_text(encoding="utf-8")
        source = self.folder / "readme.c"
        source.write_text(re.search(r"```c\n(.*?)```", text, re.S).group(1))
        program = self.compile(CC, source, *self.stage.pkg_config("fmgcam"))
        self.assertEqual(run(program, env=self.stage.environment()), MINIMAL)


class Shared(StagedCase):
    """C, with what pkg-config says."""

    def test_core(self):
        program = self.compile(CC, "maps.c", *self.stage.pkg_config("fmgcam"))
        self.assert_links(program, "fmgcam")

    @needs("imageio")
    def test_imageio_does_not_need_the_core(self):
        program = self.compile(CC, "picture.c", *self.stage.pkg_config("fmgcam-imageio"))
        self.assert_links(program, "fmgcam-imageio")

    def test_moved(self):
        stage = self.stage_of_its_own().move(self.path("another place/of/it"))
        program = self.compile(CC, "maps.c", *stage.pkg_config("fmgcam"))
        self.assert_links(program, "fmgcam", stage)


class Static(StagedCase):
    """C, with the archives: alone, or with those of all that they need."""

    def check_altogether(self, source, module):
        self.require_static(module)
        program = self.compile(CC, source, "-static", *self.stage.pkg_config(
            "--static", "--cflags", "--libs", module))
        self.assertIn("no dynamic section", run("readelf", "-d", program))
        self.assert_runs(program, environment={})

    def check_alone(self, source, module):
        libdir, = self.stage.pkg_config("--variable=libdir", module)
        needed = self.requirements(module)
        words = self.stage.pkg_config("--libs", *needed) if needed else []
        program = self.compile(CC, source, *self.stage.pkg_config("--cflags", module),
                               "%s/lib%s.a" % (libdir, module), *words, "-lm")
        self.assert_runs(program)

    def test_core_altogether(self):
        self.check_altogether("maps.c", "fmgcam")

    @needs("imageio")
    def test_imageio_altogether(self):
        self.check_altogether("picture.c", "fmgcam-imageio")

    def test_core_alone(self):
        self.check_alone("maps.c", "fmgcam")

    @needs("imageio")
    def test_imageio_alone(self):
        self.check_alone("picture.c", "fmgcam-imageio")


class Cplusplus(StagedCase):
    """C++, with the C header."""

    def test_core(self):
        program = self.compile(CXX, "maps.cpp", "-std=c++11", "-Wall", "-Wextra",
                               "-pedantic", "-Werror", *self.stage.pkg_config("fmgcam"))
        self.assert_links(program, "fmgcam")


class Cmake(StagedCase):
    """A CMake project, which asks find_package()."""

    @classmethod
    def setUpClass(cls):
        if not works("cmake", "--version"):
            missing("cmake", "cmake")
        super().setUpClass()

    def configure(self, stage, *words, source=CONSUMERS, **more):
        return run("cmake", "-G", "Ninja", "-S", source, "-B", self.path("build"),
                   "-DCMAKE_BUILD_TYPE=Release", *words, env=stage.environment(), **more)

    def programs(self, stage, kind="", *words):
        """Those of consumers/CMakeLists.txt for one kind of target."""
        names = ["maps-fmgcam" + kind]
        if "imageio" in build.parts:
            names.append("picture-imageio" + kind)
        else:
            words += ("-DCOMPONENTS=",)
        self.configure(stage, *words)
        run("cmake", "--build", self.path("build"), "--target", *names)
        return [self.path("build") / name for name in names]

    def check_shared(self, stage):
        """CMake notes in a program where the library is."""
        for program in self.programs(stage):
            library = program.name.partition("-")[2].replace("imageio", "fmgcam-imageio")
            self.assert_links(program, library, stage, os.environ)

    def test_targets(self):
        self.check_shared(self.stage)

    def test_moved(self):
        self.check_shared(self.stage_of_its_own().move(self.path("another place/of/it")))

    @needs("static")
    def test_static_targets(self):
        for program in self.programs(self.stage, "_static"):
            self.assert_runs(program)

    @needs("static")
    def test_altogether_static(self):
        self.require_static("fmgcam", *["fmgcam-imageio"] * ("imageio" in build.parts))
        for program in self.programs(self.stage, "_static", "-DALTOGETHER_STATIC=ON"):
            self.assertIn("no dynamic section", run("readelf", "-d", program))
            self.assert_runs(program, environment={})

    @needs("static")
    def test_where_only_the_static_ones_are(self):
        stage = self.stage_of_its_own()
        for library in stage.libdir.glob("libfmgcam*.so*"):
            library.unlink()
        for program in self.programs(stage):
            self.assert_runs(program)

    def test_a_component_that_is_not_there_is_named(self):
        stage = self.stage_of_its_own()
        for library in stage.libdir.glob("libfmgcam-imageio*"):
            library.unlink()
        printed = self.configure(stage, fails=True)
        self.assertIn("no component imageio in %s: " % stage.libdir,
                      " ".join(printed.split()))

    def test_versions(self):
        major, minor, patch = map(int, build.version().split("."))
        fit = ["", "%d.%d" % (major, minor), "%s EXACT" % build.version(),
               "0.0.1...%d" % (major + 1), "%d.%d...%s" % (major, minor, build.version())]
        unfit = ["%d.%d" % (major, minor + 1), "%d.%d.%d" % (major, minor, patch + 1),
                 "%d" % (major + 1), "%d.%d EXACT" % (major, minor + 1), "0.0",
                 "0.0.1...<%s" % build.version(), "%d...%d" % (major + 1, major + 2)]
        self.path("CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.19)\nproject(versions C)\n" + "".join(
                "find_package(fmgcam %s CONFIG QUIET)\n"
                "message(STATUS \"[%s] ${fmgcam_FOUND}\")\n"
                "unset(fmgcam_DIR CACHE)\n" % (wanted, wanted) for wanted in fit + unfit))
        printed = self.configure(self.stage, source=self.path(""))
        self.assertEqual(re.findall(r"^-- \[(.*)\] (\d)$", printed, re.M),
                         [(wanted, "1") for wanted in fit]
                         + [(wanted, "0") for wanted in unfit])


class Meson(StagedCase):
    """A meson project that finds what is installed."""

    def test_dependency(self):
        folder = self.path("build")
        imageio = "enabled" if "imageio" in build.parts else "disabled"
        run(build.meson, "setup", folder, CONSUMERS, "--wrap-mode=nofallback",
            "--werror", "-Dimageio=" + imageio, env=self.stage.environment())
        run(build.meson, "compile", "-C", folder)
        self.assert_links(folder / "maps", "fmgcam")
        if "imageio" in build.parts:
            self.assert_links(folder / "picture", "fmgcam-imageio")


class Subproject(Case):
    """A meson project that has the sources of fmgcam in subprojects/."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.project = cls.folder / "project"
        shutil.copytree(CONSUMERS, cls.project)
        shutil.copytree(build.source, cls.project / "subprojects/fmgcam", symlinks=True,
                        ignore=cls.not_source)

    @staticmethod
    def not_source(folder, names):
        """What lies in a source tree and is none: builds, and what is hidden."""
        return [name for name in names if name.startswith((".", "build"))
                or os.path.exists(os.path.join(folder, name, "meson-private"))]

    def check_installed(self, expected, *options):
        """With these options, these programs alone are installed, and run without
        what was built."""
        folder, stage = self.path("build"), self.path("stage")
        printed = run(build.meson, "setup", folder, self.project, "--prefix=/opt/consumer",
                      "--wrap-mode=forcefallback", "--buildtype=debug", "--werror",
                      "-Dwarning_level=3", *options)
        printed += run(build.meson, "compile", "-C", folder)
        self.assertNotRegex(printed, r"(?i)\bwarning: ")
        run(build.meson, "install", "-C", folder, "--destdir", stage)
        shutil.rmtree(folder)
        self.assertEqual(files_below(stage),
                         {"opt/consumer/bin/" + name for name in expected})
        for name in expected:
            self.assert_runs(stage / "opt/consumer/bin" / name)

    @needs("imageio")
    def test_it_becomes_part_of_the_programs(self):
        self.check_installed(["maps", "picture"], "-Dimageio=enabled")

    def test_without_what_it_can_do_without(self):
        self.check_installed(["maps"], "-Dfmgcam:imageio=disabled", "-Dfmgcam:blas=none")


if __name__ == "__main__":
    sys.exit(main())
