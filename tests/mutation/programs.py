# SPDX-License-Identifier: MIT
"""The test programs of a build folder, what they execute, and how they are
linked with a changed library."""

import collections
import concurrent.futures
import contextlib
import fnmatch
import hashlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time

# What checks something else, or the same things a second time and slowly.
LEFT_OUT = {"figure", "tools", "parity", "examples", "bench", "headers", "docs",
            "abi", "ffi", "install", "kernels-c", "kernels-avx2",
            "kernels-avx512", "kernels-neon"}
# They execute nothing of the libraries that the other tests do not.
LEFT_OUT_TESTS = {"batch", "allocations", "calls", "system", "disks"}
# Under sanitizers they take minutes, and touch no memory that the others do not.
SLOW_SANITIZED = {"limits", "methods", "properties", "weights"}
MESON_SKIP = 77
# A mistake must not fill the disk or the memory.
LIMITS = ["--fsize=%d:" % 2**28]
LIMIT_OF_MEMORY = ["--as=%d:" % 2**33]
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "MALLOC_PERTURB_": "165",
               "PYTHONDONTWRITEBYTECODE": "1",
               # Sanitizers want more addresses than there are to limit.
               "ASAN_OPTIONS": "hard_rss_limit_mb=4096",
               "UBSAN_OPTIONS": "halt_on_error=1"}


def output_of(command, folder):
    return subprocess.run(command, cwd=folder, check=True, text=True,
                          stdout=subprocess.PIPE).stdout


class Unit:
    """One source file as it is compiled for one library or program."""

    def __init__(self, entry):
        words = shlex.split(entry["command"])
        self.source = entry["file"]
        self.output = entry["output"]
        self.archive = (self.output.split(".p/")[0]
                        if ".a.p/" in self.output else None)
        self.command = []
        skipped = iter(words)
        for word in skipped:
            if word in ("-MQ", "-MF", "-o"):
                next(skipped)
            elif word != "-MD":
                self.command.append(word)


class Test:
    """A test of meson, and the program that it runs or is."""

    def __init__(self, about, programs, build):
        suites = [suite.split(":")[-1] for suite in about["suite"]]
        self.name = about["name"]
        self.id = "%s/%s" % (suites[0], self.name)
        self.environment = about["env"]
        # Of programs meson tells the place in the build folder.
        named = {word: str(build.folder / word) for word in about["cmd"]
                 if str(build.folder / word) in programs}
        self.command = [named.get(word, word) for word in about["cmd"]]
        self.programs = [word for word in self.command if word in programs]
        self.is_script = self.command[0] not in programs
        self.is_used = bool(self.programs and self.name not in LEFT_OUT_TESTS
                            and not LEFT_OUT.intersection(suites))
        self.wrapper = [] if self.is_script else build.wrapper
        self.limits = [] if self.wrapper else [*LIMITS]
        if not self.wrapper and not build.is_sanitized:
            self.limits += LIMIT_OF_MEMORY

    def run(self, folder, timeout, replaced=None, environment=None):
        """@return its exit status; None if it took more than @p timeout of a CPU,
        or ten times as long while others had it."""
        replaced = replaced or {}
        command = [replaced.get(word, word) for word in self.command]
        limits = ["prlimit", "--core=0", "--cpu=%d" % timeout, *self.limits]
        process = subprocess.Popen(
            [*limits, *self.wrapper, *command], cwd=folder,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={**os.environ, **ENVIRONMENT, **self.environment,
                 "TMPDIR": str(folder), **(environment or {})})
        try:
            status = process.wait(10 * timeout)
            return None if status == -signal.SIGXCPU else status
        except subprocess.TimeoutExpired:
            return None
        finally:
            # And what it has started.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


class Build:
    """A build folder, with the programs that the tests need."""

    def __init__(self, folder, wrapper=(), patterns=("*",)):
        self.folder = folder.resolve()
        self.root = self.folder.parent
        self.wrapper = list(wrapper)
        self.patterns = patterns
        self.is_sanitized = self.option("b_sanitize") != "none"
        if not (self.root / "meson.build").exists():
            sys.exit("%s is not directly below the project" % folder)
        self.links = self.read_links()
        self.tests = self.read_tests()
        self.make()
        self.units = self.read_units()
        self.depending = self.read_depending()

    def option(self, name):
        options = json.loads(output_of(["meson", "introspect", "--buildoptions"],
                                       self.folder))
        return next(option["value"] for option in options
                    if option["name"] == name)

    def ninja(self, *arguments):
        return output_of(["ninja", *arguments], self.folder)

    def read_links(self):
        """{program: how it is linked}, of those with a library of ours."""
        commands = (shlex.split(line) for line in
                    self.ninja("-t", "commands", "all",
                               *self.targets()).splitlines())
        return {str(self.folder / words[words.index("-o") + 1]): words
                for words in commands
                if "-o" in words and "-c" not in words
                and any(word.endswith(".a") for word in words)}

    def targets(self):
        return [line.split(":")[0]
                for line in self.ninja("-t", "targets", "all").splitlines()
                if line.startswith("tests/")
                and line.split(": ")[1] == "c_LINKER"]

    def read_tests(self):
        about = json.loads(output_of(["meson", "introspect", "--tests"],
                                     self.folder))
        tests = [Test(test, self.links, self) for test in about]
        return [test for test in tests
                if test.is_used and any(fnmatch.fnmatch(test.id, pattern)
                                        for pattern in self.patterns)
                and not (self.is_sanitized and self.is_slow_sanitized(test))]

    @staticmethod
    def is_slow_sanitized(test):
        """Or a script: what the program does is not looked at."""
        return test.is_script or test.name in SLOW_SANITIZED

    def make(self):
        programs = {program for test in self.tests for program in test.programs}
        self.ninja(*sorted(os.path.relpath(program, self.folder)
                           for program in programs))

    def read_units(self):
        """Of the libraries, and of programs that compile parts of them."""
        used = {os.path.relpath(word, self.folder) + ".p"
                for test in self.tests for word in test.programs}
        entries = json.loads((self.folder / "compile_commands.json").read_text())
        units = [Unit(entry) for entry in entries
                 if entry["file"].startswith("../lib/")]
        return [unit for unit in units
                if unit.output.startswith("lib/")
                or os.path.dirname(unit.output) in used]

    def read_depending(self):
        """{file of lib/: the units that it is part of}"""
        depending = collections.defaultdict(list)
        by_output = {unit.output: unit for unit in self.units}
        unit = None
        for line in self.ninja("-t", "deps").splitlines():
            if line and not line[0].isspace():
                unit = by_output.get(line.split(": ")[0])
            elif unit and line.strip().startswith("../lib/"):
                depending[line.strip()[3:]].append(unit)
        return depending

    def files(self):
        return sorted(self.depending)


class Tree:
    """A copy of the sources in which one file at a time is changed, and the
    programs that come of it."""

    def __init__(self, build, folder):
        self.build = build
        self.folder = folder
        # Compilers see the same names as in the build folder.
        self.inside = folder / build.folder.name
        self.scratch = folder / "scratch"
        self.linked = {}
        shutil.rmtree(folder, ignore_errors=True)
        self.inside.mkdir(parents=True)
        shutil.copytree(build.root / "lib", folder / "lib")
        for part in ("include", "tools"):
            (folder / part).symlink_to(build.root / part)
        for part in ("include", "lib", "tools", "tests"):
            (self.inside / part).symlink_to(build.folder / part)

    @contextlib.contextmanager
    def changed(self, file, text):
        path = self.folder / file
        original = path.read_bytes()
        path.write_text(text, "utf-8")
        try:
            yield
        finally:
            path.write_bytes(original)
            self.linked = {}
            for part in (self.inside / "changed", self.scratch):
                shutil.rmtree(part, ignore_errors=True)

    def compile(self, file):
        """{unit: its new object} where it is another; None on an error."""
        objects = {}
        for unit in self.build.depending[file]:
            to = self.inside / "changed" / unit.output.replace("/", "@")
            to.parent.mkdir(exist_ok=True)
            if subprocess.run([*unit.command, "-w", "-o", to], cwd=self.inside,
                              stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL).returncode:
                return None
            if to.read_bytes() != (self.build.folder
                                   / unit.output).read_bytes():
                objects[unit] = to
        return objects

    def link(self, program, objects):
        """@return the path of the program with these objects in it."""
        if program not in self.linked:
            to = self.inside / "changed" / os.path.basename(program)
            words = list(self.build.links[program])
            words[words.index("-o") + 1] = to
            for unit, changed in objects.items():
                if unit.output in words:
                    words[words.index(unit.output)] = changed
                elif unit.archive in words and not self.is_own(unit, words):
                    # What is found before the archive is not taken of it.
                    words.insert(words.index("-o"), changed)
            subprocess.run(words, cwd=self.build.folder, check=True)
            self.linked[program] = str(to)
        return self.linked[program]

    def is_own(self, unit, words):
        """Whether a program compiles this source for itself."""
        return any(other.source == unit.source and other.output in words
                   for other in self.build.units)

    def run(self, test, objects):
        replaced = {program: self.link(program, objects)
                    for program in test.programs}
        self.scratch.mkdir(exist_ok=True)
        status = test.run(self.scratch, 5 * test.seconds + 10, replaced)
        if status is None:
            return "timeout"
        return "failed" if status else "passed"


class Seen:
    """What is known of a file: its lines, its functions, what was executed."""

    def __init__(self, known=((), (), ())):
        self.lines = set(known[0])
        self.functions = {tuple(function) for function in known[1]}
        self.executed = set(known[2])

    def add_counts(self, about):
        """What gcov says of one unit that has it."""
        self.functions.update((function["start_line"], function["end_line"])
                              for function in about["functions"])
        for line in about["lines"]:
            self.lines.add(line["line_number"])
            if line["count"]:
                self.executed.add(line["line_number"])

    def add(self, other):
        self.lines |= other.lines
        self.functions |= other.functions

    def as_lists(self):
        return [sorted(self.lines), sorted(self.functions),
                sorted(self.executed)]

    def like(self, line):
        """The line that is executed with this one, where its statement begins, and
        all lines of its function; outside of functions, those of the file."""
        for first, last in self.functions:
            if first <= line <= last:
                inside = {known for known in self.lines if first <= known <= last}
                before = [known for known in inside if known <= line]
                return {max(before, default=first)}, inside
        return self.lines, self.lines


class Measured:
    """What was found out about the tests of a build folder: how long they take, and
    what a subclass adds. Kept in the folder until a test changes."""

    def __init__(self, build, jobs, longest):
        self.build = build
        tests = build.tests
        cache = build.folder / "measured.json"
        known = json.loads(cache.read_text()) if cache.exists() else {}
        digests = {test.id: self.digest(test) for test in tests}
        stale = [test for test in tests if known.get(test.id, {}).get("digest")
                 != digests[test.id]]
        with concurrent.futures.ThreadPoolExecutor(jobs) as executor:
            for test, about in zip(stale, executor.map(self.measure, stale)):
                known[test.id] = {**about, "digest": digests[test.id]}
                cache.write_text(json.dumps(known))
        self.known = known
        for test in tests:
            test.seconds = known[test.id]["seconds"]
        self.tests = [test for test in tests if test.seconds is not None
                      and test.seconds <= longest]
        self.tests.sort(key=lambda test: test.seconds)

    def digest(self, test):
        """Of the program, and of the script if there is one."""
        summed = hashlib.sha256()
        for word in test.command:
            path = pathlib.Path(word)
            if self.build.root in path.parents and path.is_file():
                summed.update(path.read_bytes())
        return summed.hexdigest()

    def measure(self, test):
        """@return {"seconds": S}, None for S if it was skipped."""
        with tempfile.TemporaryDirectory() as scratch:
            begin = time.monotonic()
            status = test.run(scratch, 1200)
            seconds = round(time.monotonic() - begin, 2)
        if status not in (0, MESON_SKIP):
            sys.exit("%s fails without any change" % test.id)
        return {"seconds": None if status else seconds}


class Coverage(Measured):
    """What each test executes too."""

    def __init__(self, build, covered, gcov, jobs, longest):
        self.gcov = gcov
        self.covered = covered
        self.of_covered = {test.id: test for test in covered.tests}
        super().__init__(build, jobs, longest)
        self.seen, self.whole = {}, {}
        for test in self.tests:
            self.seen[test.id] = {file: Seen(lists) for file, lists
                                  in self.known[test.id]["files"].items()}
            for file, seen in self.seen[test.id].items():
                self.whole.setdefault(file, Seen()).add(seen)

    def measure(self, test):
        about = super().measure(test)
        files = collections.defaultdict(Seen)
        if about["seconds"] is not None:
            with tempfile.TemporaryDirectory() as scratch:
                self.of_covered[test.id].run(
                    scratch, 3600, environment={"GCOV_PREFIX": scratch})
                self.add_counts(files, pathlib.Path(scratch))
        return {**about, "files": {file: seen.as_lists()
                                   for file, seen in files.items()}}

    def add_counts(self, files, scratch):
        for about in self.read_counters(scratch):
            path = os.path.join(self.covered.folder, about["file"])
            file = os.path.relpath(path, self.covered.root)
            if file.startswith("lib/"):
                files[file].add_counts(about)

    def read_counters(self, scratch):
        """What gcov says of each unit, whose notes it wants beside the counts."""
        written = [path for path in scratch.rglob("*.gcda")
                   if "lib" in str(path.relative_to(scratch))]
        for path in written:
            notes = pathlib.Path("/") / path.relative_to(scratch)
            path.with_suffix(".gcno").symlink_to(notes.with_suffix(".gcno"))
        if not written:
            return []
        said = output_of([self.gcov, "--json-format", "--stdout", *written],
                         self.covered.folder)
        return [about for line in said.splitlines() if line.strip()
                for about in json.loads(line)["files"]]

    def tests_of(self, file, line):
        """The names of the tests that execute the line, the fastest first; or its
        function, if the compiler has counted the line with another."""
        if file not in self.whole:
            return []
        of_line, of_function = self.whole[file].like(line)
        return self.executing(file, of_line) or self.executing(file, of_function)

    def executing(self, file, lines):
        return [test.id for test in self.tests
                if lines & self.seen[test.id].get(file, Seen()).executed]
