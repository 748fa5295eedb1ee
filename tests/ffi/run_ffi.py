#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Test a binding in examples/ with the shared library as it is installed.

usage: run_ffi.py (numpy | torch | rust | javascript | document)
                  MESON BUILD SOURCE CC...

The build is installed into a temporary folder, and the binding's own test runs
there. It says in the file that FMGCAM_TEST_CLAIMS names what the binding takes
for granted, a line each, e.g. `offsetof(fmgcam_options, alpha) 48`, and the C
compiler says whether that is so. Exit status 77: something is missing here.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent / "install")]
sys.dont_write_bytecode = True
import staging  # noqa: E402 (found by the line above)
from reporting import STRICT, skip  # noqa: E402

SYSTEM = "/usr/bin"  # where the distribution's tools are, whatever PATH says


def find_tools(name):
    """The one on PATH, and that of the distribution if it is another one."""
    found = [path for path in (shutil.which(name),
                               shutil.which(name, path=SYSTEM)) if path]
    if len(found) == 2 and os.path.samefile(*found):
        found.pop()
    return found


def run(command, env, cwd, expected):
    """Run a test that says how much passed and failed, or a program that prints
    what is @p expected, and return (passed, failed)."""
    done = subprocess.run([str(word) for word in command], env=env, cwd=cwd,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")
    print(textwrap.indent(done.stdout.rstrip(), "  "))  # its sums are not ours
    sums = [(int(passed), int(failed)) for passed, failed in re.findall(
        r"(\d+) passed[,;] (\d+) failed", done.stdout)]
    passed, failed = (sum(column) for column in zip((0, 0), *sums))
    if expected:
        passed, failed = int(expected in done.stdout), 0
    if not failed and (done.returncode or not passed):
        print("%s: exit status %d, %d passed" % (command[0], done.returncode,
                                                 passed))
        failed = 1
    return passed, failed


# ---- What a binding takes for granted ----------------------------------------


def evaluate(compiler, include, expressions, folder):
    """What C says they are: numbers, in their order."""
    source = folder / "claims.c"
    source.write_text(
        "#include <fmgcam/fmgcam.h>\n#include <stdio.h>\nint main(void)\n{\n"
        + "".join('    printf("%%lld\\n", (long long)(%s));\n' % expression
                  for expression in expressions)
        + "    return 0;\n}\n", encoding="utf-8")
    subprocess.run([*compiler, "-I%s" % include, str(source), "-o",
                    str(folder / "claims")], check=True)
    return [int(word) for word in subprocess.run(
        [str(folder / "claims")], check=True, text=True,
        stdout=subprocess.PIPE).stdout.split()]


def check_claims(compiler, stage, file, folder):
    """(passed, failed) of the lines of a file of claims."""
    lines = file.read_text(encoding="utf-8").splitlines()
    claims = [line.rsplit(" ", 1) for line in lines]
    right = evaluate(compiler, stage.include, [claim[0] for claim in claims],
                     folder)
    wrong = [(claim, value) for claim, value in zip(claims, right)
             if int(claim[1]) != value]
    for (expression, claimed), value in wrong:
        print("%s: the binding has %s, C has %d" % (expression, claimed, value))
    return len(claims) - len(wrong), len(wrong)


# ---- The languages: the commands to run, their folders, and what those that are
# no tests are to print --------------------------------------------------------

SHARE = "28 of 49 cells"  # of the sample's first class


def find_python(*modules):
    """An interpreter that has them, or None."""
    for name in (sys.executable, "python3", SYSTEM + "/python3"):
        program = shutil.which(name)
        if program and subprocess.run(
                [program, "-c", "import " + ", ".join(modules)],
                stderr=subprocess.DEVNULL).returncode == 0:
            return program
    return None


def python_test(script, *modules):
    def commands(source, stage, env, folder):
        program = find_python(*modules)
        if not program:
            skip("no Python with %s here; on Debian: apt-get install %s"
                 % (" and ".join(modules),
                    " ".join("python3-" + name for name in modules)))
        env["PYTHONPATH"] = str(source / "examples" / "python")
        env["PYTHONDONTWRITEBYTECODE"] = "1"
        return [([program, HERE / script, source], folder, None)]
    return commands


def rust_commands(source, stage, env, folder):
    """The crate is copied, with the test, so that nothing is built in the source
    tree. Every cargo that is here must take it."""
    cargos = find_tools("cargo")
    if not cargos:
        skip("no cargo here; on Debian: apt-get install cargo")
    if not shutil.which("pkg-config"):
        skip("no pkg-config here; on Debian: apt-get install pkg-config")
    finder = folder / "pkg-config"
    finder.write_text('#!/bin/sh\nexec pkg-config '
                      '--define-variable=prefix="%s" "$@"\n' % stage.prefix,
                      encoding="utf-8")
    finder.chmod(0o755)
    crate = folder / "crate"
    shutil.copytree(source / "examples" / "rust", crate,
                    ignore=shutil.ignore_patterns("target"))
    (crate / "tests").mkdir()
    shutil.copy(HERE / "test_rust.rs", crate / "tests" / "ffi.rs")
    data = source / "examples" / "data"
    env.update(PKG_CONFIG=str(finder), FMGCAM_TEST_SAMPLE=str(data))
    if STRICT:  # not where a newer compiler warns of what this one does not
        env["RUSTFLAGS"] = "-D warnings"
    commands = []
    for number, cargo in enumerate(cargos):
        beside = "PATH=%s:%s" % (os.path.dirname(cargo), env["PATH"])
        cargo = ["env", beside, cargo]  # with the rustc of its own
        options = ["--offline", "--locked", "--target-dir",
                   folder / ("target-%d" % number)]
        commands += [
            ([*cargo, "test", *options, "--", "--test-threads=1"], crate,
             None),
            ([*cargo, "run", "--quiet", *options, "--example", "explain", "--",
              data / "activations.npy", data / "gradients.npy"], crate, SHARE)]
    return commands


def javascript_commands(source, stage, env, folder):
    """koffi comes from a folder node_modules outside the source tree."""
    nodes = find_tools("node")
    if not nodes:
        skip("no node here; on Debian: apt-get install nodejs")
    modules = pathlib.Path(os.environ.get("FMGCAM_NODE_MODULES") or
                           pathlib.Path(env["FMGCAM_TEST_BUILD"])
                           / "javascript" / "node_modules")
    if not (modules / "koffi" / "package.json").is_file():
        skip("no koffi in %s; to get it (or set FMGCAM_NODE_MODULES): "
             "tests/ffi/install_koffi.sh %s" % (modules, modules.parent))
    package = folder / "package"
    shutil.copytree(source / "examples" / "javascript", package,
                    ignore=shutil.ignore_patterns("node_modules"))
    shutil.copy(HERE / "test_javascript.mjs", package)
    (package / "node_modules").symlink_to(modules.resolve())
    data = source / "examples" / "data"
    commands = []
    for node in nodes:
        commands += [
            ([node, "--expose-gc", "test_javascript.mjs", data], package,
             None),
            ([node, "explain.mjs", data / "activations.npy",
              data / "gradients.npy"], package, SHARE)]
    return commands


def document_commands(source, stage, env, folder):
    """What the table of docs/binding.md says of 64-bit machines."""
    text = (source / "docs" / "binding.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)
    header = (source / "include" / "fmgcam" / "fmgcam.h").read_text(
        encoding="utf-8")
    structs = re.findall(r"^\} (\w+);", header, re.MULTILINE)
    if sys.maxsize < 2**32:
        skip("the table of docs/binding.md is for 64-bit machines")
    for name in sorted(set(structs) ^ {name for name, _ in rows}):
        print("docs/binding.md: %s is not in both the table and fmgcam.h" % name)
        rows.append((name, -1))
    pathlib.Path(env["FMGCAM_TEST_CLAIMS"]).write_text(
        "".join("sizeof(%s) %s\n" % row for row in rows), encoding="utf-8")
    return []


LANGUAGES = {
    "numpy": python_test("test_python.py", "numpy"),
    "torch": python_test("test_torch.py", "numpy", "torch"),
    "rust": rust_commands,
    "javascript": javascript_commands,
    "document": document_commands,
}


def main(language, meson, build, source, *compiler):
    source = pathlib.Path(source).resolve()
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name).resolve()
        stage = staging.install(meson, build, folder / "stage")
        claims = folder / "claims.txt"
        env = stage.environment()
        env.update(FMGCAM_LIBRARY=str(stage.libdir / "libfmgcam.so.0"),
                   FMGCAM_TEST_BUILD=str(build),
                   FMGCAM_TEST_CLAIMS=str(claims))
        commands = LANGUAGES[language](source, stage, env, folder)
        for command, cwd, expected in commands:
            sums = run(command, env, cwd, expected)
            passed, failed = passed + sums[0], failed + sums[1]
        if claims.exists():
            sums = check_claims(compiler, stage, claims, folder)
            passed, failed = passed + sums[0], failed + sums[1]
        elif language != "torch":
            print("the binding's test made no claims")
            failed += 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    if len(sys.argv) < 6 or sys.argv[1] not in LANGUAGES:
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
