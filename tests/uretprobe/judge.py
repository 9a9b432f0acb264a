#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares a report with what is known of a case, and prints one line.

The expected frames are words, innermost first:
    name       a frame of this function
    name@mark  the same, at the source line that carries the comment /* @mark */
    name*N     N of them
    ?          any one frame (of a libc without names, or of the kernel's page)
    ...        any number of frames of other people's code: with a module, and not from the victims' own sources
A frame that the report marks as lost stands for any number of expected frames, and none of them counts as right. The
report's stack may end early; that too only costs right ones. Any other difference is a wrong frame.
"""
import argparse
import functools
import json
import pathlib
import re
import sys

BLAMES_TRACER = ("uretprobe-", "stray-breakpoint")


def expand(text):
    for word in text.split():
        name, star, count = word.rpartition("*")
        if star and count.isdigit():
            yield from [name] * int(count)
        else:
            yield word


def find_mark(sources, mark):
    for path in sorted(pathlib.Path(sources).iterdir()):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if re.search(r"[*/] @%s\b" % re.escape(mark), line):
                return number
    sys.exit(f"judge.py: no line is marked @{mark}")


def is_foreign(frame, sources):
    return frame["module"] is not None and not (frame["file"] or "").startswith(sources + "/")


def fits(word, frame, sources):
    name, _, mark = word.partition("@")
    # GCC puts the unlikely half of a function elsewhere, as name.cold.
    if (frame["function"] or "").removesuffix(".cold") != name:
        return False
    return not mark or frame["line"] in (None, find_mark(sources, mark))


def align(words, frames, sources):
    """The greatest number of right frames, or None where a frame is wrong."""
    sys.setrecursionlimit(100000)

    @functools.lru_cache(maxsize=None)
    def best(i, j):
        if j == len(frames):
            return 0
        results = []
        lost = frames[j]["trust"] == "lost"
        if lost:
            # This frame stands for no, one, or more of the words.
            results.append(best(i, j + 1))
            if i < len(words):
                results.append(best(i + 1, j))
        if i < len(words):
            if words[i] == "...":
                results.append(best(i + 1, j))
                if is_foreign(frames[j], sources):
                    results.append(best(i, j + 1))
            elif words[i] == "?":
                results.append(best(i + 1, j + 1))
            elif fits(words[i], frames[j], sources):
                rest = best(i + 1, j + 1)
                results.append(None if rest is None else rest + (not lost))
        results = [result for result in results if result is not None]
        return max(results) if results else None

    return best(0, 0)


def first_wrong(words, frames, sources):
    """The frame at which every way of reading the stack has failed."""
    for count in range(1, len(frames) + 1):
        if align(words, frames[:count], sources) is None:
            frame = frames[count - 1]
            right = align(words, frames[: count - 1], sources)
            return right, f"frame {count - 1} is {describe(frame)}"
    return 0, "frames"


def describe(frame):
    line = f":{frame['line']}" if frame["line"] else ""
    return f"{frame['function'] or frame['pc']}{line} ({frame['trust']})"


def contains(words, frames):
    names = [frame["function"] for frame in frames if frame["trust"] != "lost"]
    return any(names[i : i + len(words)] == words for i in range(len(names)))


def finding_texts(finding):
    yield finding["summary"]
    yield finding["next_step"] or ""
    for line in finding["evidence"]:
        yield line["text"]
    yield from finding["counter_evidence"]
    yield from finding["missing"]


def wrong_tracers(wanted, seen):
    """FUNCTION=NAME: that process and no other; FUNCTION=NAME,NAME: all of them, and nobody is named."""
    for word in wanted.split():
        function, names = word.split("=")
        probe = seen.get(function)
        if not probe:
            yield f"no probe on {function}"
            continue
        holders = sorted(holder["comm"] for holder in probe["holders"])
        named = (probe["attached_by"] or {}).get("comm")
        if holders != sorted(names.split(",")) or named != (None if "," in names else names):
            yield f"{function} is held by {holders}, and {named} is named"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("report")
    for name in ("case", "mode", "verdict", "probed", "frames", "least", "never", "other", "sources", "tracers", "says", "never-says"):
        parser.add_argument(f"--{name}", default="")
    options = parser.parse_args()
    text = pathlib.Path(options.report).read_text()
    try:
        report = json.loads(text)
    except json.JSONDecodeError:
        sys.exit(f"{options.case:<20} {options.mode:<10} FAIL: no report but {text[:400]!r}")
    problems = []

    finding = report["findings"][0] if report["findings"] else {"class": "none", "confidence": "none"}
    if options.verdict == "not-tracing":
        as_expected = not finding["class"].startswith(BLAMES_TRACER)
    else:
        as_expected = finding["class"] == options.verdict
    if not as_expected:
        problems.append("verdict")

    crashed = [thread for thread in report["threads"] if thread["crashed"]]
    frames = crashed[0]["frames"] if crashed else []
    words = list(expand(options.frames))
    named = [word for word in words if word not in ("?", "...")]
    right = 0
    if words:
        right = align(words, frames, options.sources)
        if right is None:
            right, problem = first_wrong(words, frames, options.sources)
            problems.append(problem)
        least = len(named) if options.least == "all" else int(options.least)
        if right < least:
            problems.append(f"{right} of at least {least} frames")
    for frame in frames:
        if frame["function"] in options.never.split() and frame["trust"] != "lost":
            problems.append(f"{frame['function']} is on no stack")
    if options.other:
        wanted = list(expand(options.other))
        if not any(contains(wanted, thread["frames"]) for thread in report["threads"] if not thread["crashed"]):
            problems.append(f"no other thread shows {' '.join(wanted)}")

    seen = {probe["function"]: probe for probe in report["probes"]}
    probed = options.probed.split()
    found = [name for name in probed if name in seen]
    if len(found) < len(probed):
        problems.append("probes not seen: " + " ".join(name for name in probed if name not in seen))
    if options.says and not re.search(options.says, finding["summary"]):
        problems.append(f"it does not say {options.says!r}")
    for one in report["findings"] if options.never_says else []:
        for text in finding_texts(one):
            if re.search(options.never_says, text):
                problems.append(f"it says {text!r}")
    tracer = "-"
    if options.mode == "record" and options.tracers:
        wrong = list(wrong_tracers(options.tracers, seen))
        tracer = "no" if wrong else "named"
        problems += wrong
    elif options.mode == "record" and probed:
        by = [seen[name]["attached_by"] for name in found]
        named_all = bool(by) and all(one and one["comm"] == "bpftrace" for one in by)
        tracer = "named" if named_all else "no"
        if not named_all:
            problems.append("tracer not named")

    marks = {mark: sum(frame["trust"] == mark for frame in frames) for mark in ("restored", "inferred", "lost")}
    print(
        f"{options.case:<20} {options.mode:<10} {options.verdict}/{finding['class']} {finding['confidence']} "
        f"frames {right}/{len(named)} ({marks['restored']} restored, {marks['inferred']} inferred, {marks['lost']} lost) "
        f"probes {len(found)}/{len(probed)} tracer {tracer} {'FAIL' if problems else 'PASS'}"
        + (": " + "; ".join(problems) if problems else "")
    )
    sys.exit(bool(problems))


main()
