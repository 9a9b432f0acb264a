#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py BUILD [--runs N] [--first N] [--table FILE]

Records a victim that writes down what it does, again and again, with room and without, and holds each record against the
notes (check.py) and the auditor. Run number N has always the same setting and seed. Then damages copies of two records:
each damage must be found. Prints a table; status 1 for a contradiction, a fault of the record or a damage that was
missed."""
import argparse
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.realpath(__file__))
LOG_BYTES = 64 << 20
# Name, what the recorder is given, calls a thread makes, for how long the store is locked meanwhile (s). Without a lock
# there is room: the recorder is given as much of it as it likes.
SETTINGS = (
    ("room", ["--ring", "64M"], 160, 0),
    ("ring 4K", ["--ring", "4K"], 160, 0),
    ("room", ["--ring", "64M"], 240, 0),
    ("ring 32K", ["--ring", "32K"], 160, 0),
    ("queue 1M", ["--queue", "1M"], 300, 0.3),
    ("ring 128K", ["--ring", "128K"], 160, 0),
)
COLUMNS = ("run", "setting", "seed", "calls", "events", "lost", "gaps", "lives", "open", "unsure", "under gaps", "contradictions", "audit")


class Run:
    def __init__(self, build, number, directory):
        self.number, self.seed, self.build = number, 1000 + number, build
        self.setting, self.options, self.calls, self.locked = SETTINGS[number % len(SETTINGS)]
        self.corelate = os.path.join(build, "corelate")
        self.database = os.path.join(directory, "run-%d.db" % number)
        self.log = os.path.join(directory, "run-%d.log" % number)

    def victim(self):
        return [os.path.join(self.build, "tests/live/ground-truth-victim"), self.log, str(self.seed), str(self.calls)]

    def record(self):
        with open(self.log, "wb") as log:
            log.truncate(LOG_BYTES)
        command = [self.corelate, "record", "--db", self.database, *self.options, "--"]
        if self.locked:
            command += [sys.executable, os.path.realpath(__file__), "--lock", self.database, str(self.locked)]
        done = subprocess.run(command + self.victim(), stderr=subprocess.PIPE, text=True, timeout=120)
        if done.returncode:
            raise SystemExit("run %d: recording ended with %d: %s" % (self.number, done.returncode, done.stderr[-500:]))

    def check(self, database=None):
        """(summary, what was found); the summary is None where the victim's own notes cannot be followed: then nothing
        is known of the record."""
        done = subprocess.run(
            [sys.executable, os.path.join(HERE, "check.py"), self.corelate, database or self.database, self.log, "--json"]
            + ([] if self.options[0] == "--queue" or self.options[1] != "64M" else ["--no-gaps"]),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300)
        if done.returncode == 2 and "the victim's own notes" in done.stderr:
            return None, done.stderr
        if done.returncode not in (0, 1) or not done.stdout:
            raise SystemExit("run %d: the checker failed: %s" % (self.number, done.stderr))
        return json.loads(done.stdout), done.stderr

    def audit(self):
        done = subprocess.run([self.corelate, "audit", "--db", self.database], stdout=subprocess.PIPE, text=True, timeout=120)
        return [] if done.returncode == 0 else done.stdout.splitlines()

    def forget(self):
        for path in (self.log, self.database, self.database + "-wal", self.database + "-shm"):
            if os.path.exists(path):
                os.unlink(path)


def lock(database, seconds, command):
    """Runs the command, for so long with the store locked, so that what waits to be stored is more than the queue holds."""
    connection = sqlite3.connect(database, timeout=10, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    child = subprocess.Popen(command)
    try:
        child.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        pass
    connection.execute("ROLLBACK")
    connection.close()
    return child.wait()


# ---- damages ----

def change(database, statements):
    connection = sqlite3.connect(database)
    for statement in statements:
        if connection.execute(statement).rowcount < 1:
            raise SystemExit("a damage found nothing to damage: %s" % statement)
    connection.commit()
    connection.close()


PICK = ("(SELECT id FROM event WHERE kind = %d AND a0 BETWEEN 0x100000000000 AND 0x100000280000 AND result %s"
        " ORDER BY id LIMIT 1 OFFSET 3)")
MUNMAP, MMAP, FAILED = PICK % (3, "= 0"), PICK % (2, "> 0"), PICK % (5, "= -12")
# What is done to a copy of a record without losses, and to one with them.
DAMAGES = {
    "a row is gone": ["DELETE FROM event WHERE id = " + MUNMAP, "UPDATE recording SET emitted = emitted - 1, stored = stored - 1"],
    "a failed call is gone": ["DELETE FROM event WHERE id = " + FAILED],
    "a row has another length": ["UPDATE event SET a1 = a1 + 4096 WHERE id = " + MUNMAP],
    "a row has another result": ["UPDATE event SET result = -22 WHERE id = " + MUNMAP],
    "a row has another time": ["UPDATE event SET enter_ns = enter_ns - 1000000000 WHERE id = " + MMAP],
    "a row is another thread's": ["UPDATE event SET tid = tid + 100000 WHERE id = " + MMAP],
    "a row is another space's": ["UPDATE event SET space_id = (SELECT max(id) FROM space) WHERE id = " + MMAP],
    "a row never happened": [
        "INSERT INTO event SELECT (SELECT max(id) + 1 FROM event), space_id, tid, 3, enter_ns, 1, ip, sp, top_word, 0, a0, 4096, 0,"
        " 0, 0, 0, 0, 0 FROM event WHERE id = " + MMAP],
    "a fork has another parent": [
        "UPDATE space SET parent_space_id = (SELECT min(id) FROM space) WHERE id = (SELECT max(id) FROM space WHERE origin = 2"
        " AND parent_space_id > (SELECT min(id) FROM space))"],
    "nobody shares a space": ["DELETE FROM space_sharer WHERE id = (SELECT min(id) FROM space_sharer)"],
}
GAP = "(SELECT id FROM gap WHERE lost > 0 AND cause IN (1, 2) ORDER BY lost DESC LIMIT 1)"
DAMAGES_WITH_GAPS = {
    "a gap is gone, and the books say so": [
        "UPDATE recording SET emitted = emitted - (SELECT lost FROM gap WHERE id = %s)," % GAP
        + " lost = lost - (SELECT lost FROM gap WHERE id = %s)" % GAP, "DELETE FROM gap WHERE id = " + GAP],
    "a gap is another process's": ["UPDATE gap SET pid = 1 WHERE id = " + GAP],
    "a gap counts less": ["UPDATE gap SET lost = lost - 1 WHERE id = " + GAP],
    "a gap begins too late": ["UPDATE gap SET from_ns = to_ns - 1 WHERE id = " + GAP],
    "a gap is too long": ["UPDATE gap SET from_ns = from_ns - 10000000000 WHERE id = " + GAP],
}


def find_damages(run, damages):
    missed = []
    for name, statements in damages.items():
        copy = run.database + ".damaged"
        shutil.copyfile(run.database, copy)
        change(copy, statements)
        summary, _ = run.check(copy)
        os.unlink(copy)
        if summary and not summary["contradictions"]:
            missed.append(name)
    return missed


# ---- the table ----

def show(file, cells):
    print("".join("%-11s" % cell if i == 1 else "%15s" % cell if i == 11 else "%11s" % cell for i, cell in enumerate(cells)),
          file=file, flush=True)


def share(part, whole):
    return "%.1f%%" % (100 * part / whole) if whole else "-"


def main():
    options = argparse.ArgumentParser()
    options.add_argument("build")
    options.add_argument("--runs", type=int, default=6)
    options.add_argument("--first", type=int, default=0)
    options.add_argument("--table", type=argparse.FileType("w"), default=sys.stdout)
    options.add_argument("--keep", action="store_true", help="the records of runs that failed")
    options = options.parse_args()
    directory = tempfile.mkdtemp()
    totals, faults, missed, damaged, untold = {}, 0, [], set(), []
    print("seeds: %s" % " ".join(str(1000 + number) for number in range(options.first, options.first + options.runs)))
    show(options.table, COLUMNS)
    for number in range(options.first, options.first + options.runs):
        run = Run(options.build, number, directory)
        run.record()
        summary, found = run.check()
        audit = run.audit()
        if not summary:
            untold.append(number)
            faults += bool(audit)
            print("run %d: %s%s" % (number, found, "\n".join(audit)), file=sys.stderr)
            run.forget()
            continue
        show(options.table, (number, run.setting, run.seed, summary["calls"], summary["events"], summary["lost"], summary["gaps"],
                             summary["lives"], summary["open"], summary["unsure pages"], share(summary["pages under gaps"], summary["pages"]),
                             summary["contradictions"], len(audit)))
        bad = bool(summary["contradictions"] or audit or summary["unchecked pages"])
        if bad:
            faults += 1
            print("run %d:\n%s%s%s pages were not checked" % (number, found, "\n".join(audit), summary["unchecked pages"]),
                  file=sys.stderr)
        sums = totals.setdefault(run.setting, {"runs": 0})
        sums["runs"] += 1
        for key, value in summary.items():
            sums[key] = sums.get(key, 0) + value
        sums["audit"] = sums.get("audit", 0) + len(audit)
        kind = "lost" if summary["lost"] else "whole"
        if kind not in damaged and not bad:
            damaged.add(kind)
            missed += find_damages(run, DAMAGES_WITH_GAPS if summary["lost"] else DAMAGES)
        if not (bad and options.keep):
            run.forget()
    show(options.table, ("runs", "setting", "", *COLUMNS[3:]))
    for setting, sums in totals.items():
        show(options.table, (sums["runs"], setting, "", sums["calls"], sums["events"], sums["lost"], sums["gaps"], sums["lives"],
                             sums["open"], sums["unsure pages"], share(sums["pages under gaps"], sums["pages"]), sums["contradictions"], sums["audit"]))
    if untold:
        print("runs of which nothing is known: %s" % " ".join(map(str, untold)), file=options.table)
    # One in some forty is so; more would be a fault of the victim's that hides others.
    faults += len(untold) > 1 + options.runs // 20
    for name in missed:
        print("damage that nobody noticed: %s" % name, file=sys.stderr)
    if {"lost", "whole"} - damaged and options.runs >= 2:
        print("no record to damage: %s" % ", ".join(sorted({"lost", "whole"} - damaged)), file=sys.stderr)
        missed.append("")
    if not (faults and options.keep):
        shutil.rmtree(directory)
    else:
        print("kept: %s" % directory, file=sys.stderr)
    return 1 if faults or missed else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--lock"]:
        sys.exit(lock(sys.argv[2], float(sys.argv[3]), sys.argv[4:]))
    sys.exit(main())
