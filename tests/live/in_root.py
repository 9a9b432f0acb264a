#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""in_root.py DIRECTORY COMMAND...: runs it in a mount namespace whose root is that directory, as in a container, with
the kernel's own file systems and nothing else of this machine."""
import ctypes
import os
import sys

MS_BIND, MS_REC, MS_PRIVATE, MNT_DETACH, CLONE_NEWNS = 0x1000, 0x4000, 0x40000, 2, 0x20000  # linux/mount.h, linux/sched.h
PIVOT_ROOT = 155  # x86-64
libc = ctypes.CDLL(None, use_errno=True)


def must(result, what):
    if result:
        sys.exit("in_root.py: %s: %s" % (what, os.strerror(ctypes.get_errno())))


def mount(source, target, flags):
    must(libc.mount(source.encode(), target.encode(), None, flags, None), "mount " + target)


root, command = sys.argv[1], sys.argv[2:]
must(libc.unshare(CLONE_NEWNS), "unshare")
mount("none", "/", MS_REC | MS_PRIVATE)
mount(root, root, MS_BIND)
for directory in ("/proc", "/sys"):
    mount(directory, root + directory, MS_BIND | MS_REC)
os.chdir(root)
# The old root is put over the new one and taken away: pivot_root(2), "pivot_root(".", ".")".
must(libc.syscall(PIVOT_ROOT, b".", b"."), "pivot_root")
must(libc.umount2(b".", MNT_DETACH), "umount")
os.chdir("/")
# This interpreter is not in there any more, so that the path is searched by somebody who is.
os.execv("/usr/bin/env", ["env"] + command)
