#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many small mistakes in the library its tests would notice.

usage: mutate.py [OPTION...] BUILD COVERED [SANITIZED]

Makes mistakes in the sources of the library, one at a time, and runs the tests
that execute the changed line, the fastest first, until one fails. BUILD and
COVERED are build folders of meson directly below the project with static
libraries: one as the tests shall run it, one with -Db_coverage=true, which tells
what executes what. SANITIZED is one with -Db_sanitize=address,undefined: what all
tests of BUILD let pass is given to the programs there. What was made of each is in
BUILD/mutants.json.

  --count N        mutants that count, over all files (default 100); each file has
                   a share by its size, and 3 or more where N is enough for that
  --seed S         which ones (default 1)
  --require SHARE  of them to be noticed or explained in survivors.txt, in percent
                   (default 95)
  --notice SHARE   of them to be noticed (default 80; 90 for samples of hundreds)
  --files PATTERN  only such files, as lib/x86/*; may be repeated
  --only PATTERN   only mutants so named, as lib/pool.c:12:*; may be repeated
  --tests PATTERN  only such tests, as kernels/*; may be repeated
  --longest SECS   leave out tests that take longer
  --wrapper WORDS  what runs a program of BUILD, if it is for another machine
  --gcov PROGRAM   what reads its coverage (default gcov)
  --jobs N         at a time (default: processors)

A mutant counts unless it does not compile, or compiles to the same code. One that
no test executes has survived, and so has one of which survivors.txt says why it
changes no result.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import json
import os
import pathlib
import queue
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import mistakes  # noqa: E402
import programs  # noqa: E402


SURVIVORS = pathlib.Path(__file__).with_name("survivors.txt")
# Of what changes the speed alone.
LEFT_OUT = ["lib/x86/prefetch.h"]


def shares(sites, count):
    """{file: how many of @p count}, by the number of sites, and 3 where there are
    enough for all files."""
    total = sum(len(found) for found in sites.values())
    least = min(3, count // len(sites))
    return {file: min(len(found), max(least, round(count * len(found) / total)))
            for file, found in sites.items()}


class Mutant:
    """One mistake in one file, and what became of it."""

    def __init__(self, file, text, mistake):
        self.file = file
        self.mistake = mistake
        column = mistake.at - text.rfind("\n", 0, mistake.at)
        change = " -> ".join(" ".join(part.split())[:70] or "nothing"
                             for part in (mistake.was, mistake.now))
        self.name = "%s:%d:%d: %s" % (file, mistake.line, column, change)
        # The same wherever the line goes.
        self.lasting = "%s: %s => %s" % (
            file, text.splitlines()[mistake.line - 1].strip(),
            mistakes.mutate(text, mistake).splitlines()[mistake.line - 1]
            .strip())
        self.result = None
        self.stage = None
        self.test = None
        self.seconds = 0.0

    @property
    def counts(self):
        return self.result in ("caught", "timeout", "survived", "uncovered")

    @property
    def is_caught(self):
        return self.result in ("caught", "timeout")

    def as_row(self):
        return {"name": self.name, "lasting": self.lasting,
                "result": self.result, "stage": self.stage, "test": self.test,
                "seconds": self.seconds}


class Stage:
    """A build, its tests, and a folder in which they are run with mutants."""

    def __init__(self, name, measured, number):
        self.name = name
        self.tests = {test.id: test for test in measured.tests}
        self.tree = programs.Tree(
            measured.build, measured.build.folder / "mutation" / str(number))

    def judge(self, mutant, text, tests):
        with self.tree.changed(mutant.file,
                               mistakes.mutate(text, mutant.mistake)):
            mutant.result = self.result_of(mutant, tests)
        if mutant.is_caught:
            mutant.stage = self.name

    def result_of(self, mutant, tests):
        objects = self.tree.compile(mutant.file)
        if objects is None:
            return "does not compile"
        if not objects:
            return mutant.result or "equivalent"
        if not tests:
            return "uncovered"
        for test in (self.tests[name] for name in tests if name in self.tests):
            outcome = self.tree.run(test, objects)
            if outcome != "passed":
                mutant.test = test.id
                return "caught" if outcome == "failed" else "timeout"
        return "survived"


class Judge:
    """Finds out what becomes of mutants."""

    def __init__(self, coverage, stages):
        self.coverage = coverage
        self.stages = stages

    def judge(self, mutant, text):
        """Each stage is given what the one before it let pass."""
        begin = time.monotonic()
        tests = self.coverage.tests_of(mutant.file, mutant.mistake.line)
        for stage in self.stages:
            if mutant.result in (None, "survived"):
                stage.judge(mutant, text, tests)
        mutant.seconds = round(time.monotonic() - begin, 2)
        return mutant


def judge_file(judge, drawn, text, wanted):
    """Judge until so many count. Which ones does not depend on the speed."""
    done = []
    while len(done) < len(drawn) and wanted > 0:
        mutant = judge.judge(drawn[len(done)], text)
        print("%-9s %s%s" % (mutant.result, mutant.name,
                             "  (%s: %s)" % (mutant.stage, mutant.test)
                             if mutant.test else ""), flush=True)
        wanted -= mutant.counts
        done.append(mutant)
    return done


def draw(file, text, options):
    """All mutants of a file, in an order that the seed alone decides."""
    mutants = [Mutant(file, text, found)
               for found in mistakes.mutations_of(text)]
    random.Random("%s:%s" % (options.seed, file)).shuffle(mutants)
    return [mutant for mutant in mutants
            if not mistakes.is_idle(text, mutant.mistake)
            and any(fnmatch.fnmatch(mutant.name, pattern)
                    for pattern in options.only or ["*"])]


def judge_all(judges, root, files, options):
    """Each judge takes a file at a time, the larger ones first."""
    texts = {file: (root / file).read_text("utf-8") for file in files}
    drawn = {file: draw(file, texts[file], options) for file in files}
    drawn = {file: found for file, found in drawn.items() if found}
    wanted = ({file: len(found) for file, found in drawn.items()}
              if options.only else shares(drawn, options.count))
    free = queue.SimpleQueue()
    for judge in judges:
        free.put(judge)

    def judge_one(file):
        judge = free.get()
        try:
            return judge_file(judge, drawn[file], texts[file], wanted[file])
        finally:
            free.put(judge)

    with concurrent.futures.ThreadPoolExecutor(len(judges)) as executor:
        by_size = sorted(drawn, key=lambda file: -wanted[file])
        return [mutant for done in executor.map(judge_one, by_size)
                for mutant in done]


def read_explained(root):
    """The survivors of which it is known why, each a change of a line that is
    there."""
    explained = {line.split(" -- ")[0]
                 for line in SURVIVORS.read_text("utf-8").splitlines()
                 if " -- " in line and not line.startswith("#")}
    for name in sorted(explained):
        file, change = name.split(": ", 1)
        lines = (root / file).read_text("utf-8").splitlines()
        if change.split(" => ")[0] not in map(str.strip, lines):
            sys.exit("survivors.txt: %s has no such line: %s" % (file, change))
    return explained


def print_survivors(done, explained):
    """@return of how many no explanation is known."""
    unexplained = 0
    for mutant in done:
        if mutant.counts and not mutant.is_caught:
            is_known = mutant.lasting in explained
            unexplained += not is_known
            print("%s%s: %s\n    %s" % (
                mutant.result, ", explained" if is_known else "", mutant.name,
                mutant.lasting))
    return unexplained


def report(done, explained, options, seconds):
    """Print what became of all. @return the exit status."""
    unexplained = print_survivors(done, explained)
    tally = collections.Counter(mutant.result for mutant in done)
    print("%d mutants in %d s: %s" % (
        len(done), seconds,
        ", ".join("%d %s" % (tally[result], result)
                  for result in sorted(tally))))
    stages = collections.Counter(mutant.stage for mutant in done
                                 if mutant.is_caught)
    counted = sum(mutant.counts for mutant in done)
    caught = sum(stages.values())
    if not counted:
        return 1
    noticed = 100.0 * caught / counted
    accounted = 100.0 * (counted - unexplained) / counted
    print("%d of %d noticed%s: %.1f %%, %.1f %% required; with those explained "
          "%.1f %%, %.1f %% required" % (
              caught, counted,
              "".join(", %d by %s" % (stages[stage], stage)
                      for stage in sorted(stages, reverse=True)),
              noticed, options.notice, accounted, options.require))
    return 0 if noticed >= options.notice and accounted >= options.require else 1


def parse_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("covered", type=pathlib.Path)
    parser.add_argument("sanitized", type=pathlib.Path, nargs="?")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--require", type=float, default=95.0)
    parser.add_argument("--notice", type=float, default=80.0)
    parser.add_argument("--files", action="append", default=[])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tests", action="append", default=[])
    parser.add_argument("--longest", type=float, default=float("inf"))
    parser.add_argument("--wrapper", default="")
    parser.add_argument("--gcov", default="gcov")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    return parser.parse_args()


def read_stages(options):
    """@return what the tests execute, and {name: the tests of this stage}."""
    build, covered, *sanitized = (
        programs.Build(folder, options.wrapper.split(), options.tests or ["*"])
        for folder in (options.build, options.covered, options.sanitized) if folder)
    coverage = programs.Coverage(build, covered, options.gcov, options.jobs,
                                 options.longest)
    stages = {"tests": coverage}
    for other in sanitized:
        stages["sanitizers"] = programs.Measured(other, options.jobs,
                                                 options.longest)
    return coverage, stages


def main():
    options = parse_arguments()
    begin = time.monotonic()
    explained = read_explained(options.build.resolve().parent)
    coverage, stages = read_stages(options)
    build = coverage.build
    files = [file for file in build.files()
             if file not in LEFT_OUT
             and any(fnmatch.fnmatch(file, pattern)
                     for pattern in options.files or ["*"])]
    print("%d files, %s, executed by them and timed in %d s" % (
        len(files), ", ".join("%d %s" % (len(measured.tests), name)
                              for name, measured in stages.items()),
        time.monotonic() - begin), flush=True)
    judges = [Judge(coverage, [Stage(name, measured, i)
                               for name, measured in stages.items()])
              for i in range(options.jobs)]
    done = judge_all(judges, build.root, files, options)
    (build.folder / "mutants.json").write_text(
        json.dumps([mutant.as_row() for mutant in done], indent=1))
    return report(done, explained, options, time.monotonic() - begin)


if __name__ == "__main__":
    sys.exit(main())
