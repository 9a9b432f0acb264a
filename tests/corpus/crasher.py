# SPDX-License-Identifier: MIT
"""Makes the crashes: runs the recorder and the programs, collects cores."""
import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import core_pattern  # noqa: E402


PAUSE = 0.5


class CrashError(Exception):
    pass


def database(work, case):
    """Where what was recorded of the case lies: of the heap's cases in a recording of their own."""
    heap = os.path.join(work, "heap.db")
    return heap if case.of_the_heap() and os.path.exists(heap) else os.path.join(work, "corpus.db")


class Launcher:
    """Runs several programs at a time, each a descendant of `process`; run() may be called by several threads."""

    def __init__(self):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(HERE, "launcher.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        if self.process.stdout.readline() != "ready\n":
            raise CrashError("the launcher did not start")
        self.lock = threading.Lock()
        self.waiting = {}
        self.orders = 0
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            with self.lock:
                future = self.waiting.pop(answer["order"])
            future.set_result(answer)
        with self.lock:
            for future in self.waiting.values():
                future.set_exception(CrashError("the launcher ended"))

    def run(self, **order):
        future = concurrent.futures.Future()
        with self.lock:
            self.orders += 1
            self.waiting[self.orders] = future
            self.process.stdin.write(json.dumps({"order": self.orders, **order}) + "\n")
            self.process.stdin.flush()
        return future.result(order["seconds"] + 60)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Recorder:
    """Records the descendants of one process; with `heap` their allocator's calls, too, of those that wait before they exec
    (PAUSE): its probes come a while after a fork."""

    def __init__(self, corelate, database, pid, log, heap=False):
        self.log = log
        options = ["--heap"] if heap else []
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


def take_core(case, directory, pid, place):
    """Moves the core of the case to `place`; says what is wrong otherwise."""
    found = [name for name in os.listdir(directory) if name.startswith("core.")]
    wanted = f"core.{pid}"
    if case.core == "child":
        # The one that is not the parent's, of this program.
        others = [name for name in found if name != wanted and runs_under(os.path.join(directory, name), case.bug)]
        wanted = others[0] if len(others) == 1 else ""
    if wanted not in found:
        return f"no core of the {case.core} among {found}"
    os.replace(os.path.join(directory, wanted), place)
    for name in found:
        if name != wanted:
            os.unlink(os.path.join(directory, name))
    return ""


def runs_under(core, name):
    """Does the command line in the core's notes (within its first page or so) hold the program's name?"""
    with open(core, "rb") as file:
        return name[:15].encode() in file.read(65536)


def crash(case, program, launcher, directory, place, pause=0):
    """Runs the case once, in `directory`, where its core appears while core_pattern is shared; its process waits `pause` seconds
    before it is the program. Empty string: the core is at `place`; else what went wrong."""
    order = {"program": program, "arguments": case.arguments, "environment": case.environment,
             "directory": directory, "seconds": 20, "pause": pause}
    ended = launcher.run(**order)
    if ended["status"] is None:
        return "it did not end within 20 s"
    if case.core == "parent" and ended["status"] not in [-getattr(signal, name) for name in case.signals]:
        return f"it ended with {ended['status']}, not {' or '.join(case.signals)}"
    return take_core(case, directory, ended["pid"], place)
