#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""lies.py BUILD DIRECTORY: shows that each rule of the checker catches its lie.

DIRECTORY holds cores and the recordings of their crashes: NAME.core and live.db; with heap calls NAME.heap.core and heap.db. Each is explained; as it is, it must pass. Then each
lie of plant.py is told of the first report that it fits, and must be caught by the rule that it is about; and corelate itself is asked
again, with the one row deleted that the culprit rests on, and with a gap: then the culprit is null, and nothing is proven.
Prints the table; the exit status is 0 when all is caught."""
import glob
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import check  # noqa: E402
import alternatives  # noqa: E402
import plant  # noqa: E402
import plant_culprits  # noqa: E402,F401 (each adds its lies)
import plant_heap  # noqa: E402,F401
import plant_relations  # noqa: E402,F401
import plant_shape  # noqa: E402,F401
import plant_showings  # noqa: E402,F401
import plant_signals  # noqa: E402,F401
import relations  # noqa: E402

RULES = {"schema", "record", "verdict", "no-links", "class", "chain", "confidence", "uncited", "kind", "alternative", "citation", "gap",
         "order", "culprit"}
LONGEST_SECONDS = 0.3


def explain(build, core, database):
    environment = {key: value for key, value in os.environ.items() if key != "CORELATE_DB"}
    if database is None:
        environment["CORELATE_DB"] = ""
    words = [os.path.join(build, "corelate"), "explain", "--json", *(["--db", database] if database else []), core]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, timeout=60, check=False)
    if done.returncode:
        sys.exit(f"explain of {core} ended with {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def load(build, directory, place):
    """Each core with the recording, then each without one."""
    found = []
    for is_recorded, name in ((True, "{}"), (False, "{}, alone")):
        for core in sorted(glob.glob(os.path.join(directory, "*.core"))):
            database = os.path.join(directory, "heap.db" if core.endswith(".heap.core") else "live.db") if is_recorded else None
            report = explain(build, core, database)
            found.append(plant.Truth(name.format(os.path.basename(core)[:-5]), report, core, database, place))
    return found


def judge(truth):
    return check.check(truth.report, truth.core, truth.database)


def is_caught(wanted, failures):
    return any(wanted == rule or f"({wanted})" in what for rule, what in failures)


def tell(truths, wanted, function):
    """(name of the report, what the checker says, caught) of the first that the lie fits; None where it fits none. A lie that
    happens to stay true of one report is told of the next."""
    told = None
    for truth in truths:
        changed = truth.copy()
        try:
            function(changed)
        except plant.Unfit:
            continue
        failures = judge(changed)
        told = truth.name, failures, is_caught(wanted, failures)
        if told[2]:
            break
    return told


def tell_all(truths):
    failed, planted = 0, set()
    print(f"{'rule':<22}{'lie':<62}{'told of':<26}caught by")
    for wanted, text, function in plant.LIES:
        told = tell(truths, wanted, function)
        planted.add(wanted)
        if told is None:
            print(f"{wanted:<22}{text:<62}{'nothing it fits':<26}NOT TOLD")
            failed += 1
            continue
        name, failures, caught = told
        by = ", ".join(dict.fromkeys(rule for rule, _ in failures))
        print(f"{wanted:<22}{text:<62}{name:<26}{by if caught else 'NOT CAUGHT ' + by}")
        failed += not caught
    without = (RULES | relations.RELATIONS.keys() | alternatives.SHOWS.keys()) - planted
    for rule in sorted(without):
        print(f"{rule}: NO LIE is planted for it")
    return failed + len(without)


def ask_again(build, truths):
    """Without the row that the culprit rests on: no culprit. Over a gap: not proven. And what is said then passes, too."""
    failed = 0
    for truth in truths:
        culprit, cause = truth.report["culprit"], truth.report["cause"]
        if not culprit or not cause["links"] or culprit["act"]["kind"] != "event":
            continue
        act = truth.event(culprit["act"]["id"])
        deleted, gapped = truth.copy(), truth.copy()
        deleted.place, gapped.place = truth.place + ".deleted", truth.place + ".gapped"
        deleted.execute("DELETE FROM event WHERE id = ?", act["id"])
        for table in ("event_block", "event_block_space"):
            deleted.execute(f"DELETE FROM {table}")
        gapped.execute("INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost) SELECT id, 0, 1, ?, ?, 1 FROM recording",
                       act["enter_ns"] - 1, act["enter_ns"] + act["duration_ns"] + 1)
        for changed, what, bad in ((deleted, "its row deleted", lambda report: report["culprit"] is not None),
                                   (gapped, "a gap over it", lambda report: report["findings"][0]["confidence"] == "proven")):
            report = explain(build, changed.core, changed.database)
            failures = check.check(report, changed.core, changed.database)
            verdict = f"{report['findings'][0]['class']} {report['findings'][0]['confidence']}"
            is_bad = bad(report) or bool(failures)
            print(f"{truth.name:<20}{what:<18}{'WRONG ' if is_bad else ''}{verdict}, culprit "
                  f"{(report['culprit'] or {}).get('name')} {failures or ''}")
            failed += is_bad
    return failed


def main():
    build, directory = map(os.path.abspath, sys.argv[1:3])
    failed = 0
    with tempfile.TemporaryDirectory() as place:
        truths = load(build, directory, os.path.join(place, "lie.db"))
        for truth in truths:
            begin = time.process_time()
            failures = judge(truth)
            seconds = time.process_time() - begin
            kinds = [link["kind"] for link in (truth.report["cause"] or {"links": []})["links"]]
            print(f"{truth.name:<26}{truth.report['findings'][0]['class']:<24}{' <- '.join(kinds):<50}"
                  f"{'passes' if not failures else 'FAILS: ' + str(failures)}")
            failed += bool(failures)
            if seconds > LONGEST_SECONDS:
                print(f"{truth.name}: that took {seconds:.2f} s")
        failed += tell_all(truths)
        failed += ask_again(build, truths)
    print(f"{len(plant.LIES)} lies of {len(truths)} reports, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
