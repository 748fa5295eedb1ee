#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compile every public header by itself, at the strictest warnings, as errors.

usage: check_headers.py CC CXX INCLUDE DLPACK_1

CC and CXX are a pair of compilers, INCLUDE is the folder of the headers, DLPACK_1
one with dlpack/dlpack.h of DLPack 1; the installed one, mostly older, is taken too.
Each header is included twice by a file that includes nothing else, in every standard
that it is for. Then two files that include and use all of them are linked.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
import reporting  # noqa: E402

STANDARDS = {"c": ["c99", "c11", "c17"], "c++": ["c++11", "c++17", "c++20"]}

GCC = """-Wall -Wextra -Wpedantic -pedantic-errors -Wshadow -Wconversion
    -Wsign-conversion -Wundef -Wcast-qual -Wcast-align=strict -Wformat=2
    -Wdouble-promotion -Wredundant-decls -Wduplicated-cond -Wduplicated-branches
    -Wlogical-op -Wnull-dereference -Wpointer-arith -Wswitch-enum -Wvla
    -Wfloat-equal""".split()
GCC_C = """-Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wnested-externs -Wbad-function-cast -Wc++-compat -Wjump-misses-init""".split()
GCC_CPP = """-Wold-style-cast -Wuseless-cast -Wzero-as-null-pointer-constant
    -Wextra-semi -Wnon-virtual-dtor -Woverloaded-virtual -Weffc++
    -Wmissing-declarations -Wctor-dtor-privacy -Wstrict-null-sentinel
    -Wsuggest-override -Wdeprecated-copy-dtor -Wcomma-subscript""".split()

CLANG = [
    "-Weverything", "-pedantic-errors",
    "-Wno-unknown-warning-option",  # a clang may lack some of those below
    "-Wno-padded",  # structs of an ABI have gaps
    "-Wno-unsafe-buffer-usage",  # C has pointers
    "-Wno-declaration-after-statement",  # C99 has them anywhere
    "-Wno-pre-c11-compat",
    "-Wno-c++98-compat",
    "-Wno-c++98-compat-pedantic",
    "-Wno-weak-vtables",  # a class in a header alone
]

WHERE = {"gcc": "gcc", "g++": "g++", "clang": "clang", "clang++": "clang",
         "dlpack/dlpack.h": "libdlpack-dev"}


class Check:
    def __init__(self, include, folder):
        self.include = include
        self.folder = pathlib.Path(folder)
        self.passed = 0
        self.failures = []

    def source(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def run(self, what, command, right=True):
        """Whether @p command succeeds, which it must if @p right."""
        done = subprocess.run([str(word) for word in command], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if (done.returncode == 0) == right:
            self.passed += 1
            return True
        self.failures.append(what)
        print("check_headers: %s: %s\n%s" % (
            what, "failed" if right else "compiled", done.stdout),
              file=sys.stderr)
        return False


class Compiler:
    """One of a pair, for C or C++."""

    def __init__(self, program, language):
        self.program = program
        self.language = language
        version = subprocess.run([program, "--version"], text=True,
                                 stdout=subprocess.PIPE).stdout
        if "clang" in version:
            warnings = CLANG
        else:
            warnings = GCC + (GCC_C if language == "c" else GCC_CPP)
        self.flags = ["-O1", "-Werror", *warnings]
        self.standards = []
        for standard in STANDARDS[language]:
            if self.takes("-std=" + standard):
                self.standards.append(standard)
            else:
                print("check_headers: %s has no %s" % (program, standard))

    def takes(self, *flags, text=""):
        """Whether it compiles @p text, without any warnings asked for."""
        return subprocess.run(
            [self.program, *flags, "-x", self.language, "-fsyntax-only", "-"],
            input=text, text=True, stderr=subprocess.DEVNULL).returncode == 0

    def command(self, standard, source, *extra, output="/dev/null"):
        return [self.program, "-x", self.language, "-std=" + standard,
                *self.flags, *extra, "-c", source, "-o", output]


def check_alone(check, compiler, header, what="", extra=()):
    source = check.source("alone", "".join([
        "#include <fmgcam/%s>\n" % header] * 2) + "extern int fmgcam_test;\n")
    for standard in compiler.standards:
        check.run("%s as %s%s" % (header, standard, what),
                  compiler.command(standard, source, "-I", check.include,
                                   *extra))


def check_together(check, compiler, standard, text, what, extra):
    """Two files with the text @p text are one program."""
    objects = []
    for name in ("fmgcam_one", "fmgcam_two"):
        source = check.source(name, text)
        objects.append(check.folder / (name + ".o"))
        if not check.run("all headers as %s%s" % (standard, what),
                         compiler.command(
                             standard, source, "-I", check.include, *extra,
                             "-DFMGCAM_TEST_NAME=" + name, output=objects[-1])):
            return
    check.run("two files with all headers as %s%s" % (standard, what),
              [compiler.program, "-r", "-nostdlib", *objects, "-o",
               check.folder / "both.o"])


def check_warnings(check, c, cpp):
    """That the compilers were asked to warn."""
    for compiler, standard, text in (
            (c, "c99", "int f(void);\nint f(void) { return 4294967295u; }\n"),
            (c, "c99", "int f() { return 0; }\n"),
            (cpp, "c++11", "int f(double x);\nint f(double x) "
                           "{ return (int)x; }\n"),
            (cpp, "c++11", "int *f();\nint *f() { return 0; }\n")):
        check.run("what must be warned of", compiler.command(
            standard, check.source("wrong", text)), right=False)


# Views of what is about to go, and of what may not be written.
WRONG_USES = [
    "fmgcam::Tensor tensor(std::vector<float>(24), {24});",
    "fmgcam::Tensor tensor(std::array<float, 24>(), {24});",
    "fmgcam::float16(std::vector<std::uint16_t>(24));",
    "fmgcam::bfloat16(std::vector<std::uint16_t>(24));",
    "fmgcam::image(std::vector<std::uint8_t>(12), 2, 2);",
    "fmgcam::read_only_image(std::vector<std::uint8_t>(12), 2, 2);",
    "fmgcam::image(std::string(12, 'a'), 2, 2);",
    "const std::vector<std::uint8_t> pixels(12); fmgcam::image(pixels, 2, 2);",
    "const std::uint8_t *pixels = nullptr; fmgcam::image(pixels, 2, 2);",
]
RIGHT_USES = [
    "std::vector<float> values(24); fmgcam::Tensor tensor(values, {24});",
    "const float *values = nullptr; fmgcam::Tensor tensor(values, {24});",
    "const std::vector<std::uint8_t> p(12); fmgcam::read_only_image(p, 2, 2);",
    "std::vector<std::uint8_t> p(12); fmgcam::image(p.data(), 2, 2);",
]


def check_uses(check, cpp):
    """What fmgcam.hpp takes and does not take, by static_assert and = delete."""
    for uses, right in ((WRONG_USES, False), (RIGHT_USES, True)):
        for use in uses:
            source = check.source("use", "#include <fmgcam/fmgcam.hpp>\n"
                                  "#include <string>\nint main() { %s }\n" % use)
            check.run(use, [cpp.program, "-x", "c++", "-std=c++11", "-I",
                            check.include, "-fsyntax-only", source], right)


def missing(what):
    return "%s is missing (on Debian: apt-get install %s)" % (what, WHERE[what])


def main(cc, cxx, include, dlpack_1):
    absent = [program for program in (cc, cxx) if not shutil.which(program)]
    if absent:
        reporting.skip("; ".join(map(missing, absent)))

    c, cpp = Compiler(cc, "c"), Compiler(cxx, "c++")
    dlpacks = {" with DLPack 1": ["-isystem", dlpack_1]}
    if c.takes(text="#include <dlpack/dlpack.h>\n"):
        dlpacks[" with the installed DLPack"] = []
    else:
        print("check_headers: " + missing("dlpack/dlpack.h"))

    with tempfile.TemporaryDirectory() as folder:
        check = Check(include, folder)
        if len(dlpacks) == 1 and reporting.STRICT:
            check.failures.append("no installed DLPack")
        check_warnings(check, c, cpp)
        for compiler in (c, cpp):
            for header in ("version.h", "fmgcam.h", "imageio.h"):
                check_alone(check, compiler, header)
            for what, extra in dlpacks.items():
                check_alone(check, compiler, "dlpack.h", what, extra)
        plain = ["-fno-exceptions", "-fno-rtti"]
        for what, extra in (("", []), (" without exceptions", plain)):
            check_alone(check, cpp, "fmgcam.hpp", what, extra)

        check_uses(check, cpp)

        here = pathlib.Path(__file__).parent
        use_all = "".join("#include <fmgcam/%s>\n" % name for name in (
            "dlpack.h", "fmgcam.h", "imageio.h", "version.h"))
        use_all += "extern int FMGCAM_TEST_NAME;\nint FMGCAM_TEST_NAME = 1;\n"
        use_wrapper = (here / "use_wrapper.cpp").read_text(encoding="utf-8")
        for what, extra in dlpacks.items():
            check_together(check, c, "c99", use_all, what, extra)
            check_together(check, cpp, "c++11", use_wrapper, what, extra)
        extra = ["-isystem", dlpack_1]
        check_together(check, cpp, cpp.standards[-1], use_wrapper, "", extra)
        check_together(check, cpp, "c++11", use_wrapper,
                       " without exceptions", extra + plain)

    for failure in check.failures:
        print("check_headers: %s: %s" % (cc, failure), file=sys.stderr)
    print("%d passed, %d failed" % (check.passed, len(check.failures)))
    return 1 if check.failures else 0


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
