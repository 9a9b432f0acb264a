#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""From one stored crash (program, core, recording) the states of evidence, and what `corelate explain` says in each.

A piece is taken away in the way in which it would be missing: files are gone from the file system that explain sees (views.py),
notes from the core, heap calls from a copy of the recording; without a recording none is named.

    evidence.py BUILD CORE [--db FILE] [--program NAME] [STATE...]     class, confidence and sentence in each, by hand
"""
import argparse
import functools
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import elfnotes  # noqa: E402
import views  # noqa: E402

# What is taken away. `record` is the recording, its heap calls too; `debug` the debug information, in the files and beside
# them; `symbols` .symtab (not .dynsym); `libraries` all files other than program and C library; `files` NT_FILE.
STATES = {
    "everything": (),
    "no-heap": ("heap",),
    "no-record": ("heap", "record"),
    "no-symbols": ("symbols",),
    "no-debug": ("debug",),
    "no-executable": ("executable",),
    "no-libc": ("libc",),
    "no-siginfo": ("siginfo",),
    "no-files": ("files",),
    "down-debug": ("heap", "record", "debug"),
    "down-symbols": ("heap", "record", "debug", "symbols"),
    "down-executable": ("heap", "record", "debug", "symbols", "executable"),
    "core-alone": ("heap", "record", "debug", "symbols", "executable", "libc", "libraries"),
    "bare-core": ("heap", "record", "debug", "symbols", "executable", "libc", "libraries", "siginfo", "files"),
}
STATES = {name: frozenset(pieces) for name, pieces in STATES.items()}
PIECES = frozenset().union(*STATES.values())
IN_FILES = frozenset({"symbols", "debug", "executable", "libc", "libraries"})
NOTES = {"siginfo": elfnotes.NT_SIGINFO, "files": elfnotes.NT_FILE}
LONGEST = 120


def edges():
    """[(more, less)]: a state and one with less evidence, and none of the others between them; and `everything` with each."""
    below = [(more, less) for more in STATES for less in STATES if STATES[more] < STATES[less]]
    return [(more, less) for more, less in below
            if more == "everything" or not any((more, between) in below and (between, less) in below for between in STATES)]


def without_heap(database, place):
    """A copy of the recording as if it had been made without --heap."""
    source = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    copy = sqlite3.connect(place)
    source.backup(copy)
    source.close()
    copy.executescript("DELETE FROM heap; DELETE FROM heap_block; DELETE FROM function WHERE role BETWEEN 1 AND 9;"
                       "UPDATE probe_coverage SET heap = 0;"
                       "DELETE FROM probe_coverage WHERE NOT EXISTS (SELECT 1 FROM function);")
    copy.close()


class Crash:
    """A core, the name of the program that it is of, and the recording (None: there is none)."""

    def __init__(self, core, name, database=None):
        self.core, self.database = core, database
        self.files = elfnotes.core_files(core)
        self.program = next(file for file in self.files if os.path.basename(file) == name)
        self.sections = elfnotes.section_names(self.program)

    def is_static(self):
        return not any(views.is_libc(name) for name in self.files)

    @functools.cache
    def present(self):
        """The pieces that there are of it at all; `text`: the core holds the instruction at which it ended."""
        found = {"siginfo", "files", "executable"}
        found |= {"text"} if elfnotes.dumps_its_code(self.core) else set()
        if not self.is_static():
            found |= {"libc", "libraries"}
        found |= {"symbols"} if any(map(views.is_symbols, self.sections)) else set()
        found |= {"debug"} if any(map(views.is_debug, self.sections)) else set()
        if self.database:
            found |= {"record", "heap"} if self.has_heap() else {"record"}
        return frozenset(found)

    def touched(self):
        """The pieces without which anything is different. Files beside the program have symbols and debug information, too."""
        return self.present() | (set() if self.is_static() else {"symbols", "debug"})

    def has_heap(self):
        """Was a heap call of its own recorded? What the process was is told by its pid, the last of that number."""
        pid = self.pid()
        connection = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)
        try:
            space = connection.execute(
                "SELECT signal.space_id FROM signal JOIN process ON process.id = process_id WHERE fatal = 1 AND pid = ? "
                "ORDER BY time_ns DESC LIMIT 1", (pid,)).fetchone()
            return bool(space and connection.execute("SELECT EXISTS (SELECT 1 FROM heap WHERE space_id = ?)", space).fetchone()[0])
        finally:
            connection.close()

    def pid(self):
        for _, kind, data, _ in elfnotes.core_notes(self.core):
            if kind == 3:  # NT_PRPSINFO: state, sname, zombie, nice, flag, uid, gid, pid
                return int.from_bytes(data[24:28], "little")
        return 0


class Evidence:
    """Explains crashes in states. `place` is a directory of its own, emptied by close(); crashes must be known at the start,
    because views are made of all their files at once. explain() may be called by several threads."""

    def __init__(self, corelate, crashes, built, place):
        self.corelate, self.place = os.path.realpath(corelate), place
        self.views, self.databases, self.serial = {}, {}, 0
        self.lock = threading.Lock()
        os.makedirs(os.path.join(place, "copies"))
        self.copies = views.Copies(os.path.join(place, "copies"))
        self.files = views.Files(built, [crash.program for crash in crashes], {n for crash in crashes for n in crash.files})

    def view(self, removed):
        with self.lock:
            if removed not in self.views:
                place = os.path.join(self.place, f"view{len(self.views)}")
                os.makedirs(place)
                self.views[removed] = views.View(self.files, removed, place, self.copies)
            return self.views[removed]

    def database(self, crash, removed):
        if not crash.database or "record" in removed:
            return None
        if "heap" not in removed:
            return crash.database
        with self.lock:
            if crash.database not in self.databases:
                copy = os.path.join(self.place, f"without-heap{len(self.databases)}.db")
                without_heap(crash.database, copy)
                self.databases[crash.database] = copy
            return self.databases[crash.database]

    def core(self, crash, removed):
        """A core without these notes: a copy of its own, which the caller deletes."""
        with self.lock:
            self.serial += 1
            place = os.path.join(self.place, f"{self.serial}.core")
        subprocess.run(["cp", "--preserve=timestamps", "--sparse=auto", "--", crash.core, place], check=True)
        os.chmod(place, 0o600)
        elfnotes.remove_core_notes(place, {NOTES[piece] for piece in removed})
        return place

    def explain(self, crash, state):
        """(exit status, standard output, standard error) of explain --json."""
        removed = STATES[state]
        words = [self.corelate, "explain", "--json"]
        database = self.database(crash, removed)
        if database:
            words += ["--db", database]
        notes = removed & NOTES.keys()
        core = self.core(crash, notes) if notes else crash.core
        try:
            command = words + [core]
            if removed & IN_FILES:
                command = self.view(removed & IN_FILES).command(command)
            environment = {k: v for k, v in os.environ.items() if k != "CORELATE_DB"}
            done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, timeout=LONGEST,
                                  stdin=subprocess.DEVNULL, check=False)
            return done.returncode, done.stdout, done.stderr
        finally:
            if notes:
                os.unlink(core)

    def close(self):
        for view in self.views.values():
            view.close()
        shutil.rmtree(self.place, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build")
    parser.add_argument("core")
    parser.add_argument("state", nargs="*", default=list(STATES))
    parser.add_argument("--db")
    parser.add_argument("--program", metavar="NAME", help="default: that of the first file that the core names")
    options = parser.parse_args()
    core = os.path.realpath(options.core)
    name = options.program or os.path.basename(elfnotes.core_files(core)[0])
    crash = Crash(core, name, os.path.realpath(options.db) if options.db else None)
    print("there is", *sorted(crash.present()))
    evidence = Evidence(os.path.join(options.build, "corelate"), [crash], os.path.dirname(crash.program),
                        tempfile.mkdtemp(prefix="corelate-evidence."))
    try:
        for state in options.state:
            status, output, error = evidence.explain(crash, state)
            finding = json.loads(output)["findings"][0] if status == 0 else {"class": "-", "confidence": "-", "summary": error}
            print(f"{state:<16}{finding['class']}, {finding['confidence']}: {finding['summary']}")
    finally:
        evidence.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
