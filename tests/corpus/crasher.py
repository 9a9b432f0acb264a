# SPDX-License-Identifier: MIT
"""Makes the crashes: holds the host's core_pattern, runs the recorder, collects cores."""
import fcntl
import json
import os
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOCK = "/run/lock/corelate-live-tests"  # that of tests/live/lib.sh
PATTERN = "/proc/sys/kernel/core_pattern"


class CrashError(Exception):
    pass


class CorePattern:
    """Cores of all processes appear in `directory` as PID.core while this is held; afterwards all is as before."""

    def __init__(self, directory):
        self.directory = directory

    def __enter__(self):
        self.lock = open(LOCK, "a", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        with open(PATTERN, encoding="ascii") as file:
            self.before = file.read()
        self.ours = os.path.join(self.directory, "%p.core") + "\n"
        with open(PATTERN, "w", encoding="ascii") as file:
            file.write(self.ours)
        return self

    def still_ours(self):
        with open(PATTERN, encoding="ascii") as file:
            return file.read() == self.ours

    def __exit__(self, *_):
        if self.still_ours():
            with open(PATTERN, "w", encoding="ascii") as file:
                file.write(self.before)
        self.lock.close()


class Launcher:
    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "launcher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, **order):
        self.process.stdin.write(json.dumps(order) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise CrashError("the launcher ended")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Recorder:
    """Records the descendants of one process."""

    def __init__(self, corelate, database, pid, log):
        self.log = log
        options = ["--heap"] if "--heap" in subprocess.run(
            [corelate, "record", "--help"], capture_output=True, text=True, check=False).stdout else []
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [corelate, "record", *options, "--db", database, "--pid", str(pid)], stdout=file, stderr=file)
        deadline = time.monotonic() + 60
        while "corelate: recording " not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise CrashError(f"the recorder did not start: {self.said()}")
            time.sleep(0.02)

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as file:
            return file.read()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        if self.process.wait(60) != 0:
            raise CrashError(f"the recorder ended with {self.process.returncode}: {self.said()}")


def take_core(case, cores, pid, place):
    """Moves the core of the case to `place`; says what is wrong otherwise."""
    found = [name for name in os.listdir(cores) if name.endswith(".core")]
    wanted = f"{pid}.core"
    if case.core == "child":
        # The one that is not the parent's, of this program.
        others = [name for name in found if name != wanted and runs_under(os.path.join(cores, name), case.bug)]
        wanted = others[0] if len(others) == 1 else ""
    if wanted not in found:
        return f"no core of the {case.core} among {found}"
    os.replace(os.path.join(cores, wanted), place)
    for name in found:
        if name != wanted:
            os.unlink(os.path.join(cores, name))
    return ""


def runs_under(core, name):
    """Does the command line in the core's notes (within its first page or so) hold the program's name?"""
    with open(core, "rb") as file:
        return name[:15].encode() in file.read(65536)


def crash(case, program, launcher, cores, directory, place):
    """Runs the case once. Empty string: the core is at `place`; else what went wrong."""
    order = {"program": program, "arguments": case.arguments, "environment": case.environment,
             "directory": directory, "seconds": 20}
    ended = launcher.run(**order)
    if ended["status"] is None:
        return "it did not end within 20 s"
    if case.core == "parent" and ended["status"] not in [-getattr(signal, name) for name in case.signals]:
        return f"it ended with {ended['status']}, not {' or '.join(case.signals)}"
    return take_core(case, cores, ended["pid"], place)
