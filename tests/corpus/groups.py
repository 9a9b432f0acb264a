#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How well crashes are grouped: programs of the corpus, each crashed several times and explained in several states of evidence.

All crashes of one program are one bug, so all its answers belong in one group, and nobody else's. Groups are made by the rule of
`corelate list --group`, which the program group-crashes runs.

    groups.py BUILD                      100 programs, 5 crashes each, in 6 states (root; some minutes; ./dev soak groups)
    groups.py BUILD --programs 12 --times 3 --keep D      fewer; programs, cores, recordings and answers stay in D
    groups.py BUILD --keep D --again     explain the cores of D again, with the corelate of today
    groups.py BUILD --keep D --answers   only group the answers of D again

Exit status: 0 when good enough (SPLIT_MOST, and nothing merged), 1 when not, 77 when it cannot run here.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zlib

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import builder  # noqa: E402
import crasher  # noqa: E402
import evidence  # noqa: E402
import run as corpus  # noqa: E402
import table  # noqa: E402
import views  # noqa: E402

STATES = ["everything", "no-heap", "no-record", "no-siginfo", "no-files", "no-debug"]
SPLIT_MOST = 0.02  # of the programs: those whose crashes are in more than one group


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build directory, with corelate in it")
    parser.add_argument("--programs", type=int, default=100, metavar="N", help="how many (default: 100)")
    parser.add_argument("--times", type=int, default=5, metavar="N", help="how often each is crashed (default: 5)")
    parser.add_argument("--only", metavar="PATTERN", default="", help="of those whose name holds PATTERN")
    parser.add_argument("--keep", metavar="DIR", help="leave everything in DIR")
    parser.add_argument("--again", action="store_true", help="with --keep: explain the cores that are there already")
    parser.add_argument("--answers", action="store_true", help="with --keep: group the answers that are there already")
    parser.add_argument("--jobs", type=int, default=1, help="how many are built, crashed and explained at once")
    return parser.parse_args()


def choose(cases, count):
    """One build of `count` bugs, the same ones at each call: first one bug of each class, then whichever."""
    order = sorted(cases, key=lambda case: zlib.crc32(case.name.encode()))
    bugs = list({case.bug: case for case in reversed(order)}.values())[::-1]
    first = list({case.label: case for case in reversed(bugs)}.values())[::-1]
    return (first + [case for case in bugs if case not in first])[:count]


class Groups:
    def __init__(self, options, cases, work):
        self.options, self.cases, self.work = options, cases, work
        self.corelate = os.path.join(os.path.realpath(options.build), "corelate")
        self.built = os.path.join(work, "built") if options.keep else os.path.join(os.path.realpath(options.build), "tests/corpus/built")
        self.programs = {}

    def build(self):
        os.makedirs(self.built, exist_ok=True)

        def one(case):
            try:
                return case, builder.build(case, self.built)
            except builder.Missing as missing:
                print(f"{case.name}: left out, {missing} is missing")
                return case, None

        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            self.programs = {case.name: program for case, program in pool.map(one, self.cases) if program}
        self.cases = [case for case in self.cases if case.name in self.programs]

    def place(self, turn, case):
        return os.path.join(self.work, str(turn), f"{case.name}.core")

    def crash_all(self):
        """Each turn has recordings of its own, as run.py makes them: one of the heap's cases, one of all others."""
        for turn in range(self.options.times):
            shutil.rmtree(os.path.join(self.work, str(turn)), ignore_errors=True)
            os.makedirs(os.path.join(self.work, str(turn)))
            self.crash_some(turn, [case for case in self.cases if not case.of_the_heap()], "corpus.db", 0)
            heap = [case for case in self.cases if case.of_the_heap()]
            for pause in (crasher.PAUSE, 4 * crasher.PAUSE):
                self.crash_some(turn, heap, "heap.db", pause)
                heap = [case for case in heap if os.path.exists(self.place(turn, case)) and not self.crash(turn, case).has_heap()]

    def crash_some(self, turn, cases, name, pause):
        if not cases:
            return
        launcher, recorder = crasher.Launcher(), None
        try:
            with crasher.core_pattern.held(crasher.core_pattern.share):
                recorder = crasher.Recorder(self.corelate, os.path.join(self.work, str(turn), name), launcher.process.pid,
                                            os.path.join(self.work, "recorder.log"), pause > 0)
                with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                    for case, why in pool.map(lambda case: (case, self.crash_one(turn, case, launcher, pause)), cases):
                        if why:
                            print(f"{case.name}, crash {turn}: {why}")
        finally:
            launcher.close()
            if recorder:
                recorder.close()

    def crash_one(self, turn, case, launcher, pause):
        directory = self.place(turn, case)[: -len("core")] + "dir"
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        return crasher.crash(case, self.programs[case.name], launcher, directory, self.place(turn, case), pause)

    def crash(self, turn, case):
        return evidence.Crash(self.place(turn, case), case.bug, crasher.database(os.path.join(self.work, str(turn)), case))

    def crashes(self):
        return {(turn, case.name): self.crash(turn, case) for turn in range(self.options.times) for case in self.cases
                if os.path.exists(self.place(turn, case))}

    def explain_all(self):
        """{(turn, case's name, state): its answer}; what makes no difference to a crash is asked once."""
        crashes = self.crashes()
        place = tempfile.mkdtemp(prefix="corelate-evidence.")
        states = evidence.Evidence(self.corelate, list(crashes.values()), self.built, place)

        def one(item):
            (turn, name), crash = item
            asked, answers = {}, {}
            for state in STATES:
                removed = evidence.STATES[state] & crash.touched()
                if removed not in asked:
                    status, output, error = states.explain(crash, state)
                    asked[removed] = json.loads(output) if status == 0 else {"failed": error.strip()[-300:]}
                answers[turn, name, state] = brief(asked[removed])
            return answers

        found = {}
        try:
            with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
                for answers in pool.map(one, crashes.items()):
                    found.update(answers)
        finally:
            states.close()
        return found


def brief(document):
    """What is needed of a report."""
    if "failed" in document:
        return document
    finding = document["findings"][0]
    return {"class": finding["class"], "confidence": finding["confidence"], "any": document["crash"]["signature"],
            **document["crash"]["signatures"]}


def group(program, answers):
    """The number of the group of each answer: by the rule of `corelate list --group`."""
    lines = "".join(f"{answer['cause'] or '-'} {answer['stack'] or '-'} {answer['any']}\n" for answer in answers)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, check=True)
    return [int(line) for line in done.stdout.split()]


def measure(program, answers):
    """(programs, split, merged, lines to print): `split` are programs in several groups, `merged` groups of several programs."""
    keys = [key for key in answers if "failed" not in answers[key]]
    numbers = group(program, [answers[key] for key in keys])
    members = collections.defaultdict(list)
    for key, number in zip(keys, numbers):
        members[number].append(key)
    groups_of = collections.defaultdict(set)
    for number, some in members.items():
        for _, name, _ in some:
            groups_of[name].add(number)
    split = sorted(name for name, numbers in groups_of.items() if len(numbers) > 1)
    merged = [some for some in members.values() if len({name for _, name, _ in some}) > 1]
    lines = []
    for name in split:
        lines.append(f"split   {name}: {len(groups_of[name])} groups")
        for number in sorted(groups_of[name], key=lambda number: -len(members[number])):
            lines += list(describe([key for key in members[number] if key[1] == name], answers))
    for some in merged:
        lines.append(f"merged  {', '.join(sorted({name for _, name, _ in some}))}")
        lines += list(describe(some, answers))
    lines += [f"failed  {name}, crash {turn}, {state}: {answers[turn, name, state]['failed']}"
              for turn, name, state in answers if "failed" in answers[turn, name, state]]
    return sorted(groups_of), split, merged, lines


def describe(some, answers):
    """A line for each text in a group: of how many crashes in which states."""
    texts = collections.defaultdict(list)
    for turn, name, state in some:
        answer = answers[turn, name, state]
        texts[answer["cause_text"] or "-", answer["stack_text"] or "-", answer["class"], answer["confidence"]].append(state)
    for (cause, stack, label, confidence), states in texts.items():
        counts = ", ".join(f"{count} {state}" for state, count in collections.Counter(states).items())
        yield f"        {cause} | {stack}   ({label}, {confidence}: {counts})"


def hash_of(text):
    """As signature_hash() does: FNV-1a."""
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    return f"{value:016x}"


def as_one_program(cases, answers):
    """The answers as if the bugs of one source were bugs of one program: their texts have its name."""
    by_name = {case.name: case for case in cases}
    renamed = {}
    for key, answer in answers.items():
        case = by_name[key[1]]
        pattern, program = re.compile(rf"(?<![\w-]){re.escape(case.bug)}(?![\w-])"), os.path.splitext(case.program)[0]
        renamed[key] = new = dict(answer)
        for what in ("cause", "stack"):
            if answer.get(what):
                assert hash_of(answer[what + "_text"]) == answer[what], "the text is not what was hashed"
                new[what + "_text"] = pattern.sub(program, answer[what + "_text"])
                new[what] = hash_of(new[what + "_text"])
        # Where neither is known, no group is claimed: they stay apart.
    return renamed


def by_state(answers):
    """How many answers of each state have which signature."""
    yield f"  {'':12}{'answers':>9}{'cause':>9}{'stack':>9}{'neither':>9}"
    for state in STATES:
        some = [answer for key, answer in answers.items() if key[2] == state and "failed" not in answer]
        counts = [sum(bool(a["cause"]) for a in some), sum(bool(a["stack"]) for a in some),
                  sum(not a["cause"] and not a["stack"] for a in some)]
        yield f"  {state:12}{len(some):>9}" + "".join(f"{count:>9}" for count in counts)


def show(options, cases, answers):
    """Prints all; true when it is good enough."""
    program = os.path.join(options.build, "tests", "group-crashes")
    names, split, merged, lines = measure(program, answers)
    print("\n".join(lines))
    print("\n".join(by_state(answers)))
    together = measure(program, as_one_program(cases, answers))[2]
    for some in together:
        print(f"bugs of one program in one group: {', '.join(sorted({name for _, name, _ in some}))}")
    share = 100 * len(split) / len(names) if names else 0
    print(f"{len(names)} programs, {len(answers)} answers: {len(split)} programs split ({share:.1f} %), {len(merged)} groups of "
          f"several programs; {len(together)} groups of several bugs, were those of one source one program")
    return bool(names) and len(split) <= SPLIT_MOST * len(names) and not merged


def main():
    options = arguments()
    cases = [case for case in table.load(sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.startswith("cases")))
             if options.only in case.name]
    corpus.check_host(options)
    work = os.path.realpath(options.keep) if options.keep else tempfile.mkdtemp(prefix="corelate-groups.")
    os.makedirs(work, exist_ok=True)
    os.chmod(work, 0o755)
    groups = Groups(options, choose(cases, options.programs), work)
    stored = os.path.join(work, "answers.json")
    try:
        if options.answers:
            with open(stored, encoding="utf-8") as file:
                answers = {tuple(key): answer for key, answer in json.load(file)}
        else:
            groups.build()
            if not options.again:
                groups.crash_all()
            answers = groups.explain_all()
            with open(stored, "w", encoding="utf-8") as file:
                json.dump([[key, answer] for key, answer in answers.items()], file)
        return 0 if show(options, groups.cases, answers) else 1
    except views.ViewError as error:
        corpus.skip(error)
    finally:
        if not options.keep:
            shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
