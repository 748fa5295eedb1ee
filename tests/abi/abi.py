# SPDX-License-Identifier: MIT
"""The ABI of a library as it was promised, and what has become of it.

Functions and structs are compared by abidiff with a baseline, which abidw wrote
of a library with debug information. Constants are not in there, since no type
holds them (members are plain integers, for bindings), so that they have a list
of their own.
"""

import contextlib
import itertools
import pathlib
import platform
import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree


def run(command, **options):
    return subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


def why_not_here():
    """What keeps ABIs from being compared on this machine, or None."""
    if platform.machine() != "x86_64":
        return "the baseline is of amd64, this is " + platform.machine()
    for program in "abidiff", "abidw":
        if not shutil.which(program):
            return "no %s (Debian: abigail-tools)" % program
    return None


# ---- Functions and structs --------------------------------------------------

def has_debug_information(library):
    return ".debug_info" in run(["readelf", "-S", "-W", library],
                                check=True).stdout


def write_abi(library, headers, file):
    """What of a library the types in the folder @headers make public. Nothing in
    it depends on where or with which BLAS it was built."""
    run(["abidw", "--exported-interfaces-only", "--headers-dir", headers,
         "--drop-private-types", "--no-corpus-path", "--no-comp-dir-path",
         "--no-show-locs", "--no-elf-needed", "--type-id-style", "hash",
         "--out-file", file, library], check=True)
    path = pathlib.Path(file)
    path.write_text(re.sub(r" path='[^']*?/(lib/[^']*)'", r" path='\1'",
                           path.read_text("utf-8")), "utf-8")


@contextlib.contextmanager
def public_part(library, headers):
    """A file with what write_abi() writes, for as long as it is needed."""
    with tempfile.NamedTemporaryFile(suffix=".abi") as file:
        write_abi(library, headers, file.name)
        yield file.name


def changes(baseline, now):
    """What programs that were built against the baseline would not survive with
    what is in the file @now: a report, "" where there is nothing.

    Structs are compared member by member, since abidiff takes a member for renamed
    where another one of its type was put before it. Functions, callbacks and all
    else are for abidiff, which must not see what was appended to structs that may
    grow. (A suppression with has_data_member_inserted_at = end would say the same,
    but with abidiff 2.2 it also hides a member whose type has changed. And given a
    library in place of a file, abidiff lets the type of a parameter change where it
    is to leave private types out.)
    """
    report = struct_changes(Structs(baseline), Structs(now))
    with tempfile.NamedTemporaryFile(suffix=".abi") as without_growth:
        take_growth_away(now, baseline, without_growth.name)
        result = run(["abidiff", "--no-added-syms", baseline,
                      without_growth.name])
    if result.returncode:
        report.append(result.stdout or "abidiff: status %d" % result.returncode)
    return "\n".join(report)


def exported_functions(abi_file):
    root = xml.etree.ElementTree.parse(abi_file).getroot()
    return {node.get("name") for node in
            root.find("elf-function-symbols").iter("elf-symbol")
            if node.get("is-defined") == "yes"}


# ---- Structs ----------------------------------------------------------------

class Structs:
    """The structs of an ABI that have members, by name."""

    def __init__(self, abi_file):
        self.tree = xml.etree.ElementTree.parse(abi_file)
        root = self.tree.getroot()
        self.types = {node.get("id"): node for node in root.iter()
                      if node.get("id")}
        self.nodes = {node.get("name"): node for node in root.iter("class-decl")
                      if node.get("size-in-bits")}

    def members(self, name):
        """[(name, first bit, type)]"""
        return [(variable.get("name"), int(member.get("layout-offset-in-bits")),
                 self.type_text(variable.get("type-id")))
                for member in self.nodes[name].findall("data-member")
                for variable in member.findall("var-decl")]

    def size(self, name):
        return int(self.nodes[name].get("size-in-bits"))

    def may_grow(self, name):
        return self.members(name)[0][0] == "struct_size"

    def type_text(self, type_id):
        """A type, as far as its name or what it is made of tells it."""
        node = self.types[type_id]
        name = node.get("name")
        if node.tag == "pointer-type-def":
            return self.type_text(node.get("type-id")) + " *"
        if node.tag == "qualified-type-def":
            return self.type_text(node.get("type-id")) + " const"
        if node.tag == "array-type-def":
            return "%s[%s bits]" % (self.type_text(node.get("type-id")),
                                    node.get("size-in-bits"))
        return name or node.tag

    def type_bits(self, type_id):
        node = self.types[type_id]
        return (int(node.get("size-in-bits") or 0)
                or self.type_bits(node.get("type-id")))

    def padded(self):
        """Those that may grow and have bytes that no member has: one that is
        appended there would take what an older program left undefined."""
        return sorted(name for name, node in self.nodes.items()
                      if self.may_grow(name) and self.size(name) !=
                      sum(self.type_bits(variable.get("type-id")) for variable
                          in node.findall("data-member/var-decl")))


def struct_changes(before, now):
    """Sentences about structs that are not what they were, but for growth."""
    wrong = []
    for name in before.nodes:
        if name not in now.nodes:
            wrong.append("%s: is gone" % name)
            continue
        old, new = before.members(name), now.members(name)
        if before.may_grow(name):
            new = new[:len(old)]
        elif now.size(name) != before.size(name):
            wrong.append("%s: is final, but has another size" % name)
        wrong += ["%s: %s has become %s" % (name, was, become)
                  for was, become in itertools.zip_longest(old, new)
                  if was != become]
    return wrong + ["%s: has bytes that no member has" % name
                    for name in now.padded()]


def take_growth_away(file, baseline, result):
    """Write @file to @result with its structs that may grow as large as those of
    @baseline."""
    now, before = Structs(file), Structs(baseline)
    for name in filter(before.may_grow, before.nodes.keys() & now.nodes.keys()):
        node = now.nodes[name]
        for member in node.findall("data-member"):
            if int(member.get("layout-offset-in-bits")) >= before.size(name):
                node.remove(member)
        node.set("size-in-bits", str(before.size(name)))
    now.tree.write(result)


# ---- Constants --------------------------------------------------------------

def without_comments(header):
    return re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)


def header_functions(header, macro):
    """The functions that a header declares as exported, by the @macro of that."""
    return set(re.findall(r"^%s [^;(]*?\b(\w+)\(" % macro,
                          without_comments(header), re.MULTILINE))


def header_constants(header):
    """{name: number} of all enumerators, and of macros that are numbers; None
    where an enumerator has no number of its own."""
    text = without_comments(header)
    found = {}
    for body in re.findall(r"\benum\s*\w*\s*\{(.*?)\}", text, re.DOTALL):
        for item in filter(None, (part.strip() for part in body.split(","))):
            name, _, number = (word.strip() for word in item.partition("="))
            found[name] = int(number, 0) if number.isdigit() else None
    for name, number in re.findall(r"^# *define (\w+) (\d+)$", text,
                                   re.MULTILINE):
        if not name.startswith("FMGCAM_VERSION"):
            found[name] = int(number)
    return found


def listed_constants(text):
    return {name: int(number) for name, number in
            re.findall(r"^CONSTANT\((\w+), (\d+)\)$", text, re.MULTILINE)}


def constant_changes(header, listed):
    """Sentences about constants that are not what the list says."""
    found = header_constants(header)
    wrong = ["%s: %s, but it has always been %d" %
             (name, found.get(name, "gone"), number)
             for name, number in listed.items() if found.get(name) != number]
    wrong += ["%s: not in the list of tests/abi; append it" % name
              for name in found if name not in listed]
    return wrong
