# SPDX-License-Identifier: MIT
"""The ABI of a library as it was promised, and what has become of it.

Functions and structs are compared by abidiff with a baseline, which abidw wrote
of a library with debug information. Constants are not in there, since no type
holds them (members are plain integers, for bindings), so that they have a list
of their own.
"""

import pathlib
import re
import subprocess
import tempfile
import xml.etree.ElementTree


def run(command, **options):
    return subprocess.run([str(word) for word in command], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          **options)


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


def changes(baseline, library, headers):
    """What abidiff reports; "" where programs keep running.

    Structs that begin with struct_size may grow at their end: what was appended
    is taken away before. (A suppression with has_data_member_inserted_at = end
    would say the same, but with abidiff 2.2 it also hides a member whose type has
    changed. And given a library in place of a file, abidiff lets the type of a
    parameter change where it is to leave private types out.)
    """
    with tempfile.NamedTemporaryFile(suffix=".abi") as now:
        write_abi(library, headers, now.name)
        take_growth_away(now.name, baseline)
        result = run(["abidiff", "--no-added-syms", baseline, now.name])
    if result.returncode == 0:
        return ""
    return result.stdout or "abidiff: exit status %d" % result.returncode


# ---- Structs that grow ------------------------------------------------------

def structs(root):
    """{name: node} of the structs of an ABI, as far as they have members."""
    return {node.get("name"): node for node in root.iter("class-decl")
            if node.get("size-in-bits")}


def may_grow(struct):
    return struct.find("data-member/var-decl").get("name") == "struct_size"


def take_growth_away(file, baseline):
    """Make the structs of @file that may grow as large as those of @baseline."""
    tree = xml.etree.ElementTree.parse(file)
    now = structs(tree.getroot())
    before = structs(xml.etree.ElementTree.parse(baseline).getroot())
    for name in filter(lambda name: may_grow(before[name]), before.keys() & now):
        size = before[name].get("size-in-bits")
        for member in now[name].findall("data-member"):
            if int(member.get("layout-offset-in-bits")) >= int(size):
                now[name].remove(member)
        now[name].set("size-in-bits", size)
    tree.write(file)


def padded_structs(baseline):
    """Those that may grow and have bytes that no member has: one that is appended
    there would take what an older program left undefined."""
    root = xml.etree.ElementTree.parse(baseline).getroot()
    types = {node.get("id"): node for node in root.iter() if node.get("id")}

    def bits(type_id):
        node = types[type_id]
        return int(node.get("size-in-bits") or 0) or bits(node.get("type-id"))

    return sorted(name for name, node in structs(root).items()
                  if may_grow(node) and int(node.get("size-in-bits")) !=
                  sum(bits(member.get("type-id"))
                      for member in node.findall("data-member/var-decl")))


# ---- Constants --------------------------------------------------------------

def without_comments(header):
    return re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)


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
