#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The fmgcam program and disks that are full or read-only: test_disks.py PRELOAD PROGRAM [full] [Class.test]...

They are small file systems in memory. Who is not root mounts them in a namespace, where that is allowed.
"""
import os
import random
import shutil
import subprocess
import tempfile

import faults
import reporting
from faults import EXPLAIN, OUTPUTS, suffix_of

PAGE = os.sysconf("SC_PAGE_SIZE")

# How to run a shell that may mount; in a namespace it cannot leave anything behind.
SHELLS = [("unshare", "--map-root-user", "--mount", "sh"), ("unshare", "--mount", "sh"), ("sh",)]


def find_shell():
    """The first that may, or None."""
    with tempfile.TemporaryDirectory() as folder:
        for shell in SHELLS:
            script = 'mount -t tmpfs none "$1" && umount "$1"'
            if shutil.which(shell[0]) and subprocess.run((*shell, "-c", script, "sh", folder),
                                                         stderr=subprocess.DEVNULL).returncode == 0:
                return shell
    return None


SHELL = find_shell()


class Disks(faults.Case):
    def on_disk(self, prepare, *args):
        """Run the program with a disk that 'prepare' makes of the folder 'disk'. @return how it ended, and what is on
        the disk."""
        for name in ("disk", "after"):
            shutil.rmtree(self.path(name), ignore_errors=True)
            os.mkdir(self.path(name))
        script = ("trap 'umount disk' EXIT\n" + prepare
                  + '\n"$@"\nstatus=$?\ncp -a disk/. after/ || exit 98\nexit $status\n')
        r = subprocess.run((*SHELL, "-c", script, "sh", faults.PROGRAM, *args), cwd=self.dir, capture_output=True,
                           timeout=120)
        self.assertNotIn(r.returncode, (97, 98), r.stderr)
        return r, faults.tree(self.path("after"))

    def fill(self, outputs, args):
        """Grow the disk page by page, until all is written."""
        for earlier in (False, True):
            files = " ".join("disk/" + n for n in outputs)
            put = "for f in %s; do printf '%s' > $f || exit 97; done" % (files, faults.EARLIER.decode())
            before = {n: faults.EARLIER for n in outputs} if earlier else {}
            failed = 0
            for pages in range(len(outputs) if earlier else 1, 300):
                r, left = self.on_disk("mount -t tmpfs -o size=%d,nr_inodes=100 none disk || exit 97\n%s"
                                       % (pages * PAGE, put if earlier else ":"), *args)
                if r.returncode == 0:
                    self.assertEqual(sorted(left), sorted(outputs))
                    break
                failed += 1
                self.assertEqual(r.returncode, 1, r.stderr)
                self.assertRegex(r.stderr.decode(), r"\Afmgcam: disk/[a-z.]+: No space left on device\n\Z")
                self.assertEqual(left, before)
            self.assertGreater(failed, 0)
            print("%d sizes of a full disk" % failed)

    def test_full_of_pictures(self):
        rng = random.Random(5)
        self.put("large.png", faults.png(120, 80, [rng.randrange(256) for _ in range(120 * 80 * 3)]))
        self.fill(("o.png", "h.jpg"), (*EXPLAIN, "--image", "large.png", "--overlay", "disk/o.png", "--heatmap",
                                       "disk/h.jpg"))

    def test_full_of_arrays(self):
        self.fill(("m.npy", "w.npy", "r.json"), (*EXPLAIN, "--maps", "disk/m.npy", "--winner", "disk/w.npy", "--report",
                                                 "disk/r.json"))

    def test_full_of_names(self):
        """Bytes are left, but no file can be added: not even a temporary one."""
        for inodes in (2, 3):
            r, left = self.on_disk("mount -t tmpfs -o size=1m,nr_inodes=%d none disk || exit 97\nprintf earlier > disk/m.npy"
                                   % inodes, *EXPLAIN, "--maps", "disk/m.npy", "--winner", "disk/w.npy")
            self.assertEqual((r.returncode, left), (1, {"m.npy": b"earlier"}), r.stderr)
            self.assertIn("No space left on device", r.stderr.decode())

    def test_read_only(self):
        for output in OUTPUTS:
            name = "x" + suffix_of(output)
            for earlier in (False, True):
                prepare = "mount -t tmpfs none disk || exit 97\n"
                if earlier:
                    prepare += "printf earlier > disk/%s\n" % name
                r, left = self.on_disk(prepare + "mount -o remount,ro disk || exit 97", *EXPLAIN, "--image", "p.png",
                                       output, "disk/" + name)
                self.assertEqual((r.returncode, left), (1, {name: b"earlier"} if earlier else {}), r.stderr)
                self.assertIn("disk/%s: Read-only file system" % name, r.stderr.decode())

    def test_a_batch_on_a_full_disk(self):
        """Page by page: what is there is whole, and with room --resume makes all of it good."""
        self.put("m.jsonl", b"".join(b'{"id": "%d", "activations": "a.npy", "gradients": "g.npy", "image": "p.png"}\n' % n
                                     for n in range(2)))
        args = ("batch", "m.jsonl", "--output", "disk/out", "--jobs", "1")
        for pages in range(1, 60, 1 if faults.FULL else 3):
            prepare = "mount -t tmpfs -o size=%d none disk || exit 97\n" % (pages * PAGE)
            r, left = self.on_disk(prepare, *args)
            if r.returncode == 0:
                break
            self.assertEqual(r.returncode, 1, r.stderr)
            self.assertIn("No space left on device", r.stderr.decode())
            self.assertEqual([n for n in left if ".fmgcam" in n], [])
            prepare += '"$@" 2> /dev/null && exit 97\nmount -o remount,size=1m disk || exit 97\nset -- "$@" --resume'
            r, left = self.on_disk(prepare, *args)
            self.assertEqual(r.returncode, 0, r.stderr)
            self.assertEqual(left["out/0/overlay.png"], left["out/1/overlay.png"])
            self.assertEqual(len(left), 8)
        self.assertGreater(pages, 1)


if __name__ == "__main__":
    if not SHELL:
        reporting.skip("no file system can be mounted by this user", curable=False)
    faults.main()
