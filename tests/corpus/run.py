#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The corpus: small programs with a known fault, each crashed with and without a recorder, and what corelate says.

Prints what went wrong, a confusion matrix for each mode, and the accuracy. Exit status: 0 when good enough (97 % right
recorded, 90 % unrecorded, nothing wrong at `proven`, nothing broken), 1 when not, 77 when it cannot run here.
"""
import argparse
import concurrent.futures
import json
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import builder  # noqa: E402
import crasher  # noqa: E402
import judge  # noqa: E402
import table  # noqa: E402

LEAST = {"recorded": 97.0, "unrecorded": 90.0}
# What has been reached, less what one run differs from the next: the test of every change. It is not the aim, only the
# ground that must not be lost; raise it when the corpus gets better. Wrong answers at `proven` at most, and right per cent.
SO_FAR = {"recorded": (2, 97.5), "unrecorded": (1, 97.0)}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build directory, with corelate in it")
    parser.add_argument("--only", metavar="PATTERN", default="", help="cases whose name holds PATTERN")
    parser.add_argument("--table", metavar="FILE", action="append", help="cases from here (default: cases*)")
    parser.add_argument("--mode", choices=["recorded", "unrecorded"], help="only this one")
    parser.add_argument("--keep", metavar="DIR", help="leave programs, cores, the recording and reports in DIR")
    parser.add_argument("--json", metavar="OUT", help="write all results there")
    parser.add_argument("--jobs", type=int, default=1, help="how many programs are built and crashed, and cores explained, at once")
    parser.add_argument("--again", action="store_true", help="with --keep: judge the cores that are there already")
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


def check_host(again):
    if again:
        return
    if os.getuid() != 0:
        skip("recording needs root")
    if not os.access("/sys/kernel/btf/vmlinux", os.R_OK):
        skip("this kernel carries no type information (BTF)")
    if not may_use_bpf():
        skip("the bpf system call is refused here")
    if not os.access(crasher.core_pattern.PATTERN, os.W_OK):
        skip("core_pattern cannot be set here")


class Run:
    def __init__(self, options, cases, work, modes):
        self.options = options
        self.cases = cases
        self.work = work
        self.corelate = os.path.join(os.path.realpath(options.build), "corelate")
        self.programs = {}
        self.skipped = {}
        self.modes = modes
        self.results = []

    def path(self, *names):
        return os.path.join(self.work, *names)

    def place(self, case, mode, ending):
        return self.path(mode, f"{case.name}.{ending}")

    def build(self):
        cache = self.path("built") if self.options.keep else os.path.join(self.options.build, "tests/corpus/built")
        os.makedirs(cache, exist_ok=True)

        def one(case):
            try:
                return case, builder.build(case, os.path.realpath(cache)), None
            except builder.Missing as missing:
                return case, None, f"{missing} is missing"
            except builder.BuildError as error:
                for mode in self.modes:
                    self.add(case, mode, "broken", why=f"it does not build: {error}")
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
        launcher, recorder = crasher.Launcher(), None
        try:
            with crasher.core_pattern.held(crasher.core_pattern.share):
                if mode == "recorded":
                    database = self.path("corpus.db")
                    for ending in ("", "-wal", "-shm"):
                        if os.path.exists(database + ending):
                            os.unlink(database + ending)
                    recorder = crasher.Recorder(self.corelate, database, launcher.process.pid, self.path("recorder.log"))
                with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                    for _ in pool.map(lambda case: self.crash_one(case, mode, launcher), self.cases):
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

    def crash_one(self, case, mode, launcher):
        directory = self.place(case, mode, "dir")
        os.mkdir(directory)
        why = crasher.crash(case, self.programs[case.name], launcher, directory, self.place(case, mode, "core"))
        if why and crasher.core_pattern.read() != crasher.core_pattern.SHARED:
            raise crasher.CrashError("somebody else set core_pattern meanwhile")
        if why:
            self.add(case, mode, "broken", why=why)

    def explain(self, case, mode):
        core = self.place(case, mode, "core")
        if not os.path.exists(core):
            return "there is no core" if self.options.again else None
        command = [self.corelate, "explain", "--json"]
        if mode == "recorded":
            command += ["--db", self.path("corpus.db")]
        environment = {k: v for k, v in os.environ.items() if k != "CORELATE_DB"}
        done = subprocess.run(command + [core], capture_output=True, text=True, errors="replace", env=environment,
                              timeout=120, check=False)
        if done.returncode != 0:
            return f"explain ended with {done.returncode}: {done.stderr.strip()[-300:]}"
        with open(self.place(case, mode, "json"), "w", encoding="utf-8") as file:
            file.write(done.stdout)
        return json.loads(done.stdout)

    def explain_all(self, mode):
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for case, document in zip(self.cases, pool.map(lambda case: self.explain(case, mode), self.cases)):
                if isinstance(document, str):
                    self.add(case, mode, "broken", why=document)
                elif document:
                    outcome = judge.judge(case, mode == "recorded", document)
                    self.add(case, mode, *outcome)

    def add(self, case, mode, outcome, answer=None, confidence=None, summary=None, why=""):
        self.results.append({"case": case.name, "mode": mode, "label": case.label, "near": case.near,
                             "outcome": outcome, "answer": answer, "confidence": confidence, "summary": summary,
                             "why": why, "core": self.place(case, mode, "core")})


def show_failures(results):
    order = {"proven": 0, "likely": 1, "possible": 2, "none": 3, None: 4}
    failures = [result for result in results if result["outcome"] != "right"]
    for result in sorted(failures, key=lambda r: (judge.OUTCOMES[::-1].index(r["outcome"]), order[r["confidence"]])):
        print(f"{result['outcome']:<10}{result['mode']:<11}{result['case']}: {result['why']}")
        if result["answer"]:
            print(f"{'':10}{result['answer']}, {result['confidence']}: {result['summary']}")


def is_good(mode, score, no_worse):
    most_wrong, least = SO_FAR[mode] if no_worse else (0, LEAST[mode])
    return score.accuracy() >= least and score.wrong["proven"] <= most_wrong and not score.outcomes["broken"]


def show(run, modes):
    """Prints all; is it good enough?"""
    good = True
    show_failures(run.results)
    for name, why in run.skipped.items():
        print(f"skipped   {name}: {why}")
    for mode in modes:
        results = [result for result in run.results if result["mode"] == mode]
        print(f"\n{mode}: label, right answers of all; then other answers (~: honest for that case)")
        print("\n".join(judge.matrix(results)))
    print()
    for mode in modes:
        for what, some in (("", lambda r: True), (" near", lambda r: r["near"])):
            score = judge.Score([r for r in run.results if r["mode"] == mode and some(r)])
            print(score.line(mode + what if not what else "  near miss"))
            if not what:
                good &= is_good(mode, score, run.options.no_worse)
    return good


def main():
    options = arguments()
    paths = options.table or sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.startswith("cases"))
    cases = [case for case in table.load(paths) if options.only in case.name]
    if options.list:
        for case in cases:
            print(f"{case.name:<48}{case.label:<24}{case.near}")
        near = sum(bool(case.near) for case in cases)
        print(f"{len(cases)} cases, {near} of them near misses, {len({case.label for case in cases})} classes")
        return 0
    check_host(options.again)
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
        if options.json:
            with open(options.json, "w", encoding="utf-8") as file:
                json.dump({"results": run.results, "skipped": run.skipped}, file, indent=1)
        return 0 if show(run, modes) else 1
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
