#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Who of the tests has a say over the host's core_pattern.

The kernel has one core_pattern for all containers. Tests that need no pattern of their own share this one, "core.%p": it is
relative, so each process leaves its core in its own working directory, and any number of tests can crash things at the same
time as long as each crashes them in a directory of its own. (A pattern with %P or a cgroup in an absolute path would put the
cores of all into one directory, and a process in another root would not find it.) Tests that set core_pattern, or want it
absolute, hold it alone.

Both hold a lock on LOCK as long as they run; the kernel drops it whatever ends them. While the pattern is shared, BEFORE holds
what it was; the last to leave, or who comes after it was killed, puts that back.

    core_pattern.py share|alone|leave FD    on the lock that is open as descriptor FD, and stays held by that descriptor
    core_pattern.py share|alone COMMAND…    runs a command meanwhile
"""
import contextlib
import fcntl
import os
import subprocess
import sys
import time

PATTERN = "/proc/sys/kernel/core_pattern"
LOCK = "/run/lock/corelate-live-tests"
MUTEX = LOCK + ".mutex"  # held for the moment in which BEFORE and the pattern are looked at and changed
BEFORE = LOCK + ".before"
SHARED = "core.%p"
SECONDS = 900


def read():
    with open(PATTERN, encoding="utf-8", errors="surrogateescape") as file:
        return file.read().rstrip("\n")


def write(pattern):
    with open(PATTERN, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(pattern + "\n")


@contextlib.contextmanager
def mutex():
    with open(MUTEX, "a", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def wait_for(descriptor, how):
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{LOCK} is held by others for {SECONDS} s") from None
            time.sleep(0.05)


def remember(pattern):
    with open(BEFORE + ".new", "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(pattern)
    os.rename(BEFORE + ".new", BEFORE)


def restore():
    try:
        with open(BEFORE, encoding="utf-8", errors="surrogateescape") as file:
            before = file.read()
    except FileNotFoundError:
        return
    # What somebody who takes no lock has set meanwhile is not ours to change.
    if read() == SHARED:
        write(before)
    os.unlink(BEFORE)


def share(descriptor):
    wait_for(descriptor, fcntl.LOCK_SH)
    with mutex():
        if not os.path.exists(BEFORE):
            remember(read())
        if read() != SHARED:
            write(SHARED)


def alone(descriptor):
    """The pattern is what it was before any test; the caller puts it back when it has changed it."""
    wait_for(descriptor, fcntl.LOCK_EX)
    with mutex():
        restore()


def leave(descriptor):
    with mutex():
        try:
            # Nobody else holds it: the last. (Where that fails, the lock is gone all the same: flock(2).)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            restore()
        except BlockingIOError:
            pass
    fcntl.flock(descriptor, fcntl.LOCK_UN)


def open_lock():
    return os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


@contextlib.contextmanager
def held(how):
    """`how`: share or alone."""
    descriptor = open_lock()
    try:
        how(descriptor)
        try:
            yield
        finally:
            leave(descriptor)
    finally:
        os.close(descriptor)


def main(words):
    actions = {"share": share, "alone": alone, "leave": leave}
    if len(words) < 2 or words[0] not in actions:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        if words[1].isdigit():
            actions[words[0]](int(words[1]))
            return 0
        with held(actions[words[0]]):
            return subprocess.run(words[1:], check=False).returncode
    except TimeoutError as error:
        print(error, file=sys.stderr)
        return 77


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
