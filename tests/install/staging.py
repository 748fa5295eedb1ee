# SPDX-License-Identifier: MIT
"""A build installed into a folder of its own, and how programs find it there.

    stage = staging.install(meson, build, folder)
    subprocess.run(["cc", "app.c", *stage.pkg_config("fmgcam"), "-o", "app"])
    subprocess.run(["./app"], env=stage.environment())
"""

import json
import os
import pathlib
import subprocess


class Stage:
    """A prefix that was installed, wherever it lies now."""

    def __init__(self, prefix, libdir):
        self.prefix = pathlib.Path(prefix)
        self.libdir = self.prefix / libdir
        self.include = self.prefix / "include"

    def environment(self):
        """The environment in which compilers and programs find it."""
        return {**os.environ,
                "PKG_CONFIG_PATH": str(self.libdir / "pkgconfig"),
                "CMAKE_PREFIX_PATH": str(self.prefix),
                "LD_LIBRARY_PATH": str(self.libdir)}

    def pkg_config(self, *arguments):
        """The words that pkg-config prints: --cflags --libs by default."""
        if not any(word.startswith("--") for word in arguments):
            arguments = ("--cflags", "--libs") + arguments
        return subprocess.run(["pkg-config", *arguments], check=True,
                              env=self.environment(), text=True,
                              stdout=subprocess.PIPE).stdout.split()


def install(meson, build, folder):
    """Install what is built in @p build under @p folder, by DESTDIR."""
    run = dict(check=True, text=True, stdout=subprocess.PIPE)
    options = {option["name"]: option["value"] for option in json.loads(
        subprocess.run([meson, "introspect", "--buildoptions", build],
                       **run).stdout)}
    folder = pathlib.Path(folder).resolve()
    subprocess.run([meson, "install", "-C", build, "--no-rebuild",
                    "--destdir", folder], **run)
    return Stage(folder / options["prefix"].lstrip("/"), options["libdir"])
