# SPDX-License-Identifier: MIT
"""A build installed into a folder of its own, and how programs find it there.

    stage = staging.install(meson, build, folder)
    subprocess.run(["cc", "app.c", *stage.pkg_config("fmgcam"), "-o", "app"])
    subprocess.run(["./app"], env=stage.environment())
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shlex
import subprocess


class Stage:
    """A prefix that was installed, wherever it lies now."""

    def __init__(self, prefix, libdir):
        self.prefix = pathlib.Path(prefix)
        self.libdir = self.prefix / libdir
        self.include = self.prefix / "include"

    def environment(self):
        """The environment in which compilers and programs find it."""
        # lib64 is meson's choice on a Debian without dpkg-dev, where CMake looks into
        # lib alone.
        for_cmake = (self.libdir / "cmake/fmgcam" if self.libdir.name == "lib64"
                     else self.prefix)
        return {**os.environ,
                "PKG_CONFIG_PATH": before(self.libdir / "pkgconfig", "PKG_CONFIG_PATH"),
                "CMAKE_PREFIX_PATH": before(for_cmake, "CMAKE_PREFIX_PATH"),
                "LD_LIBRARY_PATH": before(self.libdir, "LD_LIBRARY_PATH")}

    def pkg_config(self, *arguments):
        """The words that pkg-config prints: --cflags --libs by default."""
        if not any(word.startswith("--") for word in arguments):
            arguments = ("--cflags", "--libs") + arguments
        printed = subprocess.run(["pkg-config", *arguments], check=True,
                                 env=self.environment(), text=True,
                                 stdout=subprocess.PIPE).stdout
        return shlex.split(printed)

    def move(self, prefix):
        """The same after it was moved to the folder @p prefix."""
        prefix = pathlib.Path(prefix)
        prefix.parent.mkdir(parents=True, exist_ok=True)
        return Stage(self.prefix.rename(prefix),
                     self.libdir.relative_to(self.prefix))


def before(path, variable):
    """The search path of @p variable with @p path in front."""
    return os.pathsep.join([str(path), *filter(None, [os.environ.get(variable)])])


def options(meson, build):
    """The options of a build, by name."""
    listed = subprocess.run([meson, "introspect", "--buildoptions", build], check=True,
                            text=True, stdout=subprocess.PIPE).stdout
    return {option["name"]: option["value"] for option in json.loads(listed)}


@contextlib.contextmanager
def own_install_log(build):
    """Meson notes in the build folder what "ninja uninstall" would remove. One
    installation at a time, after which that is what it was before."""
    log = pathlib.Path(build) / "meson-logs/install-log.txt"
    with open(log.with_name("install-log.lock"), "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        earlier = log.read_bytes() if log.exists() else None
        try:
            yield
        finally:
            if earlier is None:
                log.unlink(missing_ok=True)
            else:
                log.write_bytes(earlier)


def copy_files(meson, build, folder):
    """Install what is built in @p build under @p folder, by DESTDIR."""
    subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--destdir",
                    pathlib.Path(folder).resolve()],
                   check=True, text=True, stdout=subprocess.PIPE)


def install(meson, build, folder):
    """The stage of @p build under @p folder."""
    with own_install_log(build):
        copy_files(meson, build, folder)
    have = options(meson, build)
    prefix = under(folder, have["prefix"])
    return Stage(prefix, under(folder, have["libdir"])
                 if os.path.isabs(have["libdir"]) else have["libdir"])


def under(folder, path):
    """Where DESTDIR puts an absolute path."""
    return pathlib.Path(folder).resolve() / path.lstrip("/")
