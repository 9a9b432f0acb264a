#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The corpus: small programs with a known fault, each crashed with and without a recorder, and what corelate says, in each state
of evidence.

Prints what went wrong, a table of classes and states, and where less evidence changed an answer. Exit status: 0 when good enough
(AIM; with --no-worse: SO_FAR), 1 when not, 77 when it cannot run here.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "../checker"))
sys.path.insert(0, HERE)
import builder  # noqa: E402
import check  # noqa: E402
import crasher  # noqa: E402
import evidence  # noqa: E402
import judge  # noqa: E402
import monotony  # noqa: E402
import reach  # noqa: E402
import show  # noqa: E402
import so_far  # noqa: E402
import table  # noqa: E402
import views  # noqa: E402

# The crash without a recorder is one of its own; all other states are of the recorded one.
UNRECORDED = "unrecorded"
WHOLE = ("everything", UNRECORDED)
SAMPLE = 12  # of each class one case in so many is explained in all states, and one at least


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build directory, with corelate in it")
    parser.add_argument("--only", metavar="PATTERN", default="", help="cases whose name holds PATTERN")
    parser.add_argument("--table", metavar="FILE", action="append", help="cases from here (default: cases*)")
    parser.add_argument("--mode", choices=["recorded", "unrecorded"], help="only this one")
    parser.add_argument("--states", choices=["whole", "sample", "all"], default="sample",
                        help="all states of evidence for no case, for a sample (default), for all")
    parser.add_argument("--keep", metavar="DIR", help="leave programs, cores, the recordings and reports in DIR")
    parser.add_argument("--json", metavar="OUT", help="write all results there")
    parser.add_argument("--jobs", type=int, default=1, help="how many programs are built and crashed, and cores explained, at once")
    parser.add_argument("--again", action="store_true", help="with --keep: judge the cores that are there already")
    parser.add_argument("--from", metavar="DIR", dest="source", help="with --again: cores and recordings of that --keep, which is "
                        "only read")
    parser.add_argument("--answers", action="store_true", help="with --again: judge the answers that are there already")
    parser.add_argument("--no-worse", action="store_true", help="exit status 0 when it is as good as it was (SO_FAR)")
    parser.add_argument("--list", action="store_true", help="list the cases, and end")
    return parser.parse_args()


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def may_use_bpf():
    import ctypes
    import struct

    attributes = ctypes.create_string_buffer(struct.pack("5I", 2, 4, 4, 1, 0), 128)
    return ctypes.CDLL(None).syscall(321, 0, attributes, 128) >= 0


def check_host(options):
    if os.getuid() != 0:
        skip("recording, and hiding files, needs root")
    if options.again:
        return
    if not os.access("/sys/kernel/btf/vmlinux", os.R_OK):
        skip("this kernel carries no type information (BTF)")
    if not may_use_bpf():
        skip("the bpf system call is refused here")
    if not os.access(crasher.core_pattern.PATTERN, os.W_OK):
        skip("core_pattern cannot be set here")


def sample(cases):
    """Names of the cases that are explained in all states: the same ones at each run."""
    classes = collections.defaultdict(list)
    for case in cases:
        classes[case.label].append(case.name)
    return {name for names in classes.values()
            for name in sorted(names, key=lambda name: zlib.crc32(name.encode()))[: -(-len(names) // SAMPLE)]}


class Run:
    def __init__(self, options, cases, work, modes):
        self.options, self.cases, self.work, self.modes = options, cases, work, modes
        self.source = os.path.realpath(options.source) if options.source else work
        self.corelate = os.path.join(os.path.realpath(options.build), "corelate")
        self.programs, self.skipped, self.results = {}, {}, []
        self.unfounded = []  # verdicts that do not stand on what they cite: (case, mode, rule, what)

    def path(self, *names):
        return os.path.join(self.work, *names)

    def place(self, case, mode, ending):
        return self.path(mode, f"{case.name}.{ending}")

    def cache(self):
        """Where the programs are built."""
        if self.options.keep or self.options.source:
            return os.path.join(self.source, "built")
        return os.path.realpath(os.path.join(self.options.build, "tests/corpus/built"))

    def build(self):
        cache = self.cache()
        os.makedirs(cache, exist_ok=True)

        def one(case):
            try:
                return case, builder.build(case, cache), None
            except builder.Missing as missing:
                return case, None, f"{missing} is missing"
            except builder.BuildError as error:
                for state in WHOLE:
                    self.add(case, state, "broken", f"it does not build: {error}")
                return case, None, ""

        # Cases that share a program come one after another: the second finds it built.
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for case, program, why in pool.map(one, self.cases):
                if program:
                    self.programs[case.name] = program
                elif why:
                    self.skipped[case.name] = why
        self.cases = [case for case in self.cases if case.name in self.programs]

    def crash_all(self, mode):
        shutil.rmtree(self.path(mode), ignore_errors=True)
        os.makedirs(self.path(mode))
        if mode == "unrecorded":
            self.crash_some(mode, self.cases, None)
            return
        for name in ("corpus.db", "heap.db"):
            for ending in ("", "-wal", "-shm"):
                if os.path.exists(self.path(name + ending)):
                    os.unlink(self.path(name + ending))
        self.crash_some(mode, [case for case in self.cases if not case.of_the_heap()], "corpus.db")
        heap = [case for case in self.cases if case.of_the_heap()]
        for pause in (crasher.PAUSE, 4 * crasher.PAUSE):
            self.crash_some(mode, heap, "heap.db", pause)
            # On a busy machine the recorder may come too late.
            found = self.crashes(mode, heap)
            heap = [case for case in heap if case.name in found and not found[case.name].has_heap()]

    def crash_some(self, mode, cases, name, pause=0):
        """Crashes them, recorded into `name` if it is not None; their heap's calls, too, if they pause."""
        if not cases:
            return
        launcher, recorder = crasher.Launcher(), None
        try:
            with crasher.core_pattern.held(crasher.core_pattern.share):
                if name:
                    database, log = self.path(name), self.path("recorder.log")
                    recorder = crasher.Recorder(self.corelate, database, launcher.process.pid, log, pause > 0)
                with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                    for _ in pool.map(lambda case: self.crash_one(case, mode, launcher, pause), cases):
                        pass
        finally:
            launcher.close()
            if recorder:
                recorder.close()
                self.audit(database)

    def audit(self, database):
        """The record must be whole, whatever was recorded."""
        done = subprocess.run([self.corelate, "audit", database], capture_output=True, text=True, errors="replace",
                              timeout=120, check=False)
        if done.returncode != 0:
            raise crasher.CrashError(f"the record is not whole: {done.stdout[:2000]}{done.stderr[-300:]}")

    def crash_one(self, case, mode, launcher, pause):
        directory = self.place(case, mode, "dir")
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        why = crasher.crash(case, self.programs[case.name], launcher, directory, self.place(case, mode, "core"), pause)
        if why and crasher.core_pattern.read() != crasher.core_pattern.SHARED:
            raise crasher.CrashError("somebody else set core_pattern meanwhile")
        if why:
            self.add(case, "everything" if mode == "recorded" else UNRECORDED, "broken", why)

    def crashes(self, mode, cases):
        """{case's name: evidence.Crash} of the cores that are there."""
        found = {}
        for case in cases:
            core = os.path.join(self.source, mode, f"{case.name}.core")
            if os.path.exists(core):
                database = crasher.database(self.source, case) if mode == "recorded" else None
                found[case.name] = evidence.Crash(core, case.bug, database)
            elif self.options.again:
                self.add(case, "everything" if mode == "recorded" else UNRECORDED, "broken", "there is no core")
        return found

    def explain_all(self, mode):
        crashes = self.crashes(mode, self.cases)
        chosen = set(crashes) if self.options.states == "all" else sample(self.cases) if self.options.states == "sample" else set()
        place = tempfile.mkdtemp(prefix="corelate-evidence.")
        states = evidence.Evidence(self.corelate, list(crashes.values()), self.cache(), place)

        def one(case):
            wanted = ["no-record"] if mode == "unrecorded" else list(evidence.STATES) if case.name in chosen else ["everything"]
            return case, list(self.explain(case, crashes[case.name], states, wanted))

        try:
            with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                for case, answers in pool.map(one, [case for case in self.cases if case.name in crashes]):
                    for state, document in answers:
                        self.judge(case, crashes[case.name], state, mode, document)
        finally:
            states.close()

    def explain(self, case, crash, states, wanted):
        """(state, its document or why there is none) each; what makes no difference to a crash is asked once."""
        asked = {}
        for state in wanted:
            removed = evidence.STATES[state] & crash.touched()
            if removed not in asked:
                asked[removed] = self.answer(case, crash, states, state)
            yield state, asked[removed]

    def answer(self, case, crash, states, state):
        mode = "recorded" if crash.database else "unrecorded"
        place = self.place(case, mode, "json" if state == "everything" or mode == "unrecorded" else f"{state}.json")
        if not self.options.answers:
            status, output, error = states.explain(crash, state)
            if status != 0:
                return f"explain ended with {status}: {error.strip()[-300:]}"
            os.makedirs(os.path.dirname(place), exist_ok=True)
            with open(place, "w", encoding="utf-8") as file:
                file.write(output)
        try:
            with open(place, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError) as error:
            return f"there is no answer: {error}"

    def judge(self, case, crash, state, mode, document):
        name = UNRECORDED if mode == "unrecorded" else state
        if isinstance(document, str):
            self.add(case, name, "broken", document)
            return
        if name in WHOLE:
            self.check_verdict(case, crash, mode, document)
        found = reach.available(case, crash.present(), evidence.STATES[state])
        recorded = {"everything": True, UNRECORDED: False}.get(name)
        outcome, why = judge.judge(case, found, document, recorded)
        self.add(case, name, outcome, why, document, judge.names_culprit(case, found, document), found)

    def check_verdict(self, case, crash, mode, document):
        """By tests/checker, with the core and the recording as they are."""
        self.unfounded += [(case.name, mode, *failure) for failure in check.check(document, crash.core, crash.database)]

    def add(self, case, state, outcome, why="", document=None, named=None, found=()):
        answer, confidence = judge.told(document) if document else (None, None)
        self.results.append({
            "case": case.name, "state": state, "label": case.label, "near": case.near, "outcome": outcome, "why": why,
            "answer": answer, "confidence": confidence, "summary": document and document["findings"][0]["summary"],
            "named": named, "heap": "heap" in found, "facts": document and monotony.facts(document, self.cache())})


def is_good(results, broken_rules, options):
    """Prints what is not. What was reached is compared without the cases whose answers are chance."""
    limits = so_far.SO_FAR[options.states] if options.no_worse else so_far.AIM
    if options.no_worse:
        results = [result for result in results if result["case"] not in so_far.CHANCE]
        broken_rules = [violation for violation in broken_rules if violation[0] not in so_far.CHANCE]
    bad = [text for state in dict.fromkeys(result["state"] for result in results)
           for text in limits.complaints(state, judge.Score([result for result in results if result["state"] == state]))]
    bad += limits.monotony_complaints(broken_rules)
    print("\n".join(bad))
    return not bad


def main():
    options = arguments()
    paths = options.table or sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.startswith("cases"))
    cases = [case for case in table.load(paths) if options.only in case.name]
    if options.list:
        show.cases(cases)
        return 0
    check_host(options)
    work = os.path.realpath(options.keep) if options.keep else tempfile.mkdtemp(prefix="corelate-corpus.")
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)
    modes = [options.mode] if options.mode else ["unrecorded", "recorded"]
    run = Run(options, cases, work, modes)
    try:
        if not options.again:
            run.build()
            for mode in modes:
                run.crash_all(mode)
        for mode in modes:
            run.explain_all(mode)
        judge.name_inlined(run.results)
        broken_rules = monotony.violations(run.cases, run.results)
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"results": run.results, "skipped": run.skipped}, file, indent=1)
        show.everything(run.results, run.skipped, broken_rules, [UNRECORDED, *evidence.STATES])
        show.checked(run.results, run.unfounded)
        return 0 if is_good(run.results, broken_rules, options) and not run.unfounded else 1
    except views.ViewError as error:
        skip(error)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
