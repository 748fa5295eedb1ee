# SPDX-License-Identifier: MIT
"""The libraries of other days: built from copies of the sources with changes."""

import concurrent.futures
import os
import pathlib
import platform
import re
import shutil

import abi


class Kind:
    """What it takes to build one of the two libraries from a copy."""

    def __init__(self, header, name, folders, map_file, arguments, libraries):
        self.header = header
        self.name = name
        self.folders = folders
        self.map = map_file
        self.arguments = arguments
        self.libraries = libraries

    def sources(self, root):
        return [path for folder in self.folders
                for path in sorted((root / folder).glob("*.c"))
                if "windows" not in path.stem]


CORE = Kind("include/fmgcam/fmgcam.h", "libfmgcam.so",
            ["lib"] + {"x86_64": ["lib/x86"], "aarch64": ["lib/arm"]}.get(
                platform.machine(), []),
            "lib/fmgcam.map",
            ["-DFMGCAM_BUILDING", '-DFMGCAM_BLAS_NAME="none"'], ["-lm"])
IMAGEIO = Kind("include/fmgcam/imageio.h", "libfmgcam-imageio.so",
               ["lib/imageio"], "lib/imageio/imageio.map",
               ["-DFMGCAM_IMAGEIO_BUILDING"], ["-lpng", "-ljpeg"])


class Variant:
    """A copy of the public headers and of lib/ that may be changed."""

    def __init__(self, source_root, folder):
        self.root = pathlib.Path(folder)
        for part in ("include", "lib"):
            shutil.copytree(pathlib.Path(source_root) / part, self.root / part)

    def replace(self, path, pattern, replacement):
        """Change the one place that matches."""
        file = self.root / path
        text, count = re.subn(pattern, replacement, file.read_text("utf-8"),
                              flags=re.MULTILINE)
        if count != 1:
            raise ValueError("%s: %d places match %s" % (path, count, pattern))
        file.write_text(text, "utf-8")

    def append_member(self, path, struct, member):
        self.replace(path, r"^\} %s;$" % struct, "    %s;\n} %s;" %
                     (member, struct))

    def compile(self, cc, kind):
        """Its object files: quickly, and with debug information."""
        folder = self.root / "objects" / kind.name
        folder.mkdir(parents=True, exist_ok=True)

        def compile_one(source):
            result = abi.run(
                [*cc, "-std=c11", "-g", "-O0", "-fPIC", "-fvisibility=hidden",
                 "-I", self.root / "include", "-I", self.root / "lib",
                 *kind.arguments, "-c", source,
                 "-o", folder / (source.stem + ".o")])
            if result.returncode:
                raise RuntimeError(result.stdout)

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(compile_one, kind.sources(self.root)))
        return sorted(folder.glob("*.o"))

    def link(self, cc, kind, objects, soname=None):
        """The shared library of @objects in a folder of its own."""
        folder = self.root / "library"
        folder.mkdir(exist_ok=True)
        library = folder / kind.name
        result = abi.run(
            [*cc, "-shared", "-Wl,--version-script", self.root / kind.map,
             "-Wl,-soname," + (soname or kind.name + ".0"), *objects,
             *kind.libraries, "-o", library])
        if result.returncode:
            raise RuntimeError(result.stdout)
        soname_link = folder / (kind.name + ".0")
        if not soname_link.exists():
            soname_link.symlink_to(kind.name)
        return library

    def build(self, cc, kind):
        return self.link(cc, kind, self.compile(cc, kind))
