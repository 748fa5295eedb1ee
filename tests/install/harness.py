# SPDX-License-Identifier: MIT
"""What the tests of an installed fmgcam have in common."""

import contextlib
import functools
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402
import staging  # noqa: E402

CONSUMERS = pathlib.Path(__file__).resolve().parent / "consumers"
CC = shlex.split(os.environ.get("CC", "cc"))
CXX = shlex.split(os.environ.get("CXX", "c++"))


class build:
    """What is installed, as the command line says."""
    meson = folder = source = None
    parts = []

    @classmethod
    def version(cls):
        return run("sh", cls.source / "scripts/version.sh").strip()


def run(*command, fails=False, **more):
    """What a command prints, having ended as it should."""
    command = [str(word) for word in command]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=600, **more)
    if (done.returncode != 0) != fails:
        raise AssertionError("%s: exit status %d\n%s" % (
            shlex.join(command), done.returncode, done.stdout))
    return done.stdout


def works(*command):
    """Whether the machine has what this command needs."""
    try:
        return subprocess.run([str(word) for word in command], timeout=600,
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode == 0
    except FileNotFoundError:
        return False


def skip(reason):
    """End a test that cannot run here."""
    if reporting.STRICT:
        raise AssertionError(reason)
    raise unittest.SkipTest(reason)


def missing(what, packages):
    """End a test that needs something which the machine lacks."""
    skip("no %s; on Debian: apt-get install %s" % (what, packages))


def files_below(folder):
    """The files and links below a folder, by their relative paths."""
    folder = pathlib.Path(folder)
    return {str(path.relative_to(folder)) for path in folder.rglob("*")
            if path.is_symlink() or not path.is_dir()}


def needs(part):
    """For tests of something that a build may be without."""
    def decorate(test):
        @functools.wraps(test)
        def checked(self):
            if part not in build.parts:
                self.skipTest("this build has no " + part)
            test(self)
        return checked
    return decorate


class Case(unittest.TestCase):
    """Tests in a temporary folder of their own."""

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name).resolve()

    def path(self, name):
        """A path that no other test uses."""
        folder = self.folder / self._testMethodName
        folder.mkdir(exist_ok=True)
        return folder / name

    def assert_runs(self, program, loaded=(), environment=os.environ):
        """It succeeds, and runs with these shared libraries of fmgcam alone."""
        arguments = [build.source / "examples/data"] if "maps" in program.name else []
        printed = run(program, *arguments, env=environment)
        self.assertEqual(set(re.findall(r"^loaded: (.*)$", printed, re.M)),
                         {str(path.resolve()) for path in loaded})


class StagedCase(Case):
    """Tests that share an installation."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not staging.options(build.meson, build.folder)["pkgconfig.relocatable"]:
            skip("the .pc files of this build are for its prefix alone; "
                 "it needs -Dpkgconfig.relocatable=true")
        cls.stage = staging.install(build.meson, build.folder, cls.folder / "stage")

    def stage_of_its_own(self):
        return staging.install(build.meson, build.folder, self.path("stage"))

    def compile(self, compiler, source, *words):
        """The program made of @p source, which stands in consumers/ or anywhere."""
        program = self.path(pathlib.Path(source).stem)
        run(*compiler, CONSUMERS / source, *words, "-o", program)
        return program

    def requirements(self, module):
        """What its .pc file requires, be it for static programs alone."""
        return [word for kind in ("--print-requires", "--print-requires-private")
                for word in self.stage.pkg_config(kind, module)]

    def require_static(self, *modules):
        """Skip where a program without fmgcam cannot be static altogether either."""
        names = [name for module in modules for name in self.requirements(module)]
        empty = self.path("empty.c")
        empty.write_text("int main(void) { return 0; }\n")
        words = self.stage.pkg_config("--static", "--libs", *names) if names else []
        if not works(*CC, "-static", empty, *words, "-o", self.path("empty")):
            missing("static " + " or ".join(["libc", *names]),
                    "libc6-dev gfortran libopenblas-dev libpng-dev libjpeg-dev")

    def assert_links(self, program, library, stage=None, environment=None):
        """It runs with this library of the stage, if that was built to be shared."""
        stage = stage or self.stage
        shared = [stage.libdir / ("lib%s.so" % library)]
        self.assert_runs(program, shared if "shared" in build.parts else [],
                         environment or stage.environment())


def main():
    """usage: TEST.py MESON BUILD SOURCE PARTS [CLASS[.TEST]]..."""
    if len(sys.argv) < 5:
        sys.exit(main.__doc__)
    build.meson, build.folder = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
    build.source, build.parts = pathlib.Path(sys.argv[3]).resolve(), sys.argv[4].split(",")
    module = sys.modules["__main__"]
    loader = unittest.defaultTestLoader
    tests = (loader.loadTestsFromNames(sys.argv[5:], module) if sys.argv[5:]
             else loader.loadTestsFromModule(module))
    with contextlib.redirect_stdout(sys.stderr):
        result = unittest.TextTestRunner(verbosity=2).run(tests)
    for _, reason in result.skipped:
        print("skipped: " + reason)
    # A class that could not begin stands there as something else than a test.
    skipped = [test for test, _ in result.skipped if isinstance(test, Case)]
    failed = [test for test, _ in result.failures + result.errors]
    passed = result.testsRun - len(skipped + [test for test in failed
                                              if isinstance(test, Case)])
    print("%d passed, %d failed" % (passed, len(failed)))
    if failed:
        return 1
    return 0 if passed > 0 else reporting.MESON_SKIP
