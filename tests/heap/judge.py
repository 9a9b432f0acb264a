#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Compares what corelate says of a crash with what AddressSanitizer says of the same source: the class, and file and line
of each party. Prints one line; exit status 0 when they agree, 1 when not.

Where nothing was recorded, corelate cannot know who allocated and freed: only the class is compared, with the case's
own list of honest answers, and the parties that it does name must still be right.
"""
import argparse
import json
import re
import sys

HEAP = {"double-free", "use-after-free", "invalid-free", "heap-overflow", "heap-corruption"}
CLASSES = [
    ("attempting double-free", "double-free"),
    ("heap-use-after-free", "use-after-free"),
    ("attempting free on address which was not malloc()-ed", "invalid-free"),
    ("alloc-dealloc-mismatch", "invalid-free"),
    ("heap-buffer-overflow", "heap-overflow"),
    ("stack-buffer-overflow", "smashed-return"),
    ("SEGV on unknown address", "no heap class"),
]


# What the compiler wrote for the delete of an object with a virtual destructor; its line is the class's. The delete is in
# its caller.
DELETING_DESTRUCTOR = re.compile(r"\s+#1 0x[0-9a-f]+ in (?:\w+::)*(\w+)::~\1\(\) ")


def first_frame(lines, sources, skip):
    """File and line of the first frame in the victims' directory."""
    for line in lines:
        if DELETING_DESTRUCTOR.match(line):
            continue
        match = re.match(r"\s+#\d+ 0x[0-9a-f]+ in .*? (%s.*|\S+):(\d+)(?::\d+)?$" % re.escape(sources), line)
        if not match:
            if not line.strip():
                return None
            continue
        path, number = match.groups()
        name = path.rsplit("/", 1)[-1]
        if path.startswith(sources) and name not in skip:
            return f"{name}:{number}"
    return None


def read_asan(path, sources, skip):
    text = open(path, errors="replace").read()
    lines = text.splitlines()
    found = {"class": None}
    for needle, name in CLASSES:
        if f"ERROR: AddressSanitizer: {needle}" in text:
            found["class"] = name
    for index, line in enumerate(lines):
        rest = lines[index + 1 :]
        if line.startswith("==") and "ERROR: AddressSanitizer" in line:
            if rest and re.match(r"(READ|WRITE) of size", rest[0]):
                rest = rest[1:]
            rest = [entry for entry in rest if "caused by" not in entry and "Hint" not in entry]
            found["end"] = first_frame(rest, sources, skip)
        elif line.startswith("freed by thread"):
            found["freed"] = first_frame(rest, sources, skip)
        elif "allocated by thread" in line:
            found["allocated"] = first_frame(rest, sources, skip)
    return found


def place(finding, *starts):
    """File and line of the first evidence that begins so: of its caller."""
    for evidence in finding["evidence"]:
        text = evidence["text"] or ""
        if text.startswith(starts):
            match = re.search(r"\(([^():]+:\d+)\)", text)
            return match.group(1) if match else "?"
    return None


def judged(document, honest):
    """The verdict. Where that is an end whose cause is not known, and no honest one, the first cause behind it: one that
    is only possible, as a surer one would be the verdict."""
    first, rest = document["findings"][0], document["findings"][1:]
    causes = [finding for finding in rest if finding["confidence"] == "possible" and finding["class"] in HEAP]
    return causes[0] if first["confidence"] == "none" and first["class"] not in honest and causes else first


def read_corelate(finding):
    return {
        "class": finding["class"],
        "confidence": finding["confidence"],
        "allocated": place(finding, "allocated:", "the block was allocated:"),
        "freed": place(finding, "freed first:") or (place(finding, "freed:") if finding["class"] == "use-after-free" else None),
        "end": place(finding, "freed again:", "used:", "went past the end:", "given to the other family:")
        or (place(finding, "freed:") if finding["class"] == "invalid-free" else None),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report")
    parser.add_argument("--name", required=True)
    parser.add_argument("--mode", required=True)
    parser.add_argument("--asan", required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--skip", default="", help="source files whose frames are not a party's")
    parser.add_argument("--compare", default="allocated freed end", help="parties that can be compared")
    parser.add_argument("--confidence", default="", help="of the verdict; a|b")
    parser.add_argument("--honest", default="", help="other classes that are honest where it was recorded, too")
    parser.add_argument("--bare", default="", help="classes that are honest where nothing was recorded")
    arguments = parser.parse_args()
    document = json.load(open(arguments.report))
    truth = read_asan(arguments.asan, arguments.sources, arguments.skip.split())
    honest = (arguments.honest if arguments.mode == "record" else arguments.honest + "|" + arguments.bare).split("|")
    # With a record only where the case says that its cause may be no more than possible.
    if truth["class"] == "no heap class" or (arguments.mode == "record" and "possible" not in arguments.confidence):
        said = read_corelate(document["findings"][0])
    else:
        said = read_corelate(judged(document, honest))
    wrong = []
    if truth["class"] is None:
        wrong.append("AddressSanitizer reported nothing")
    if truth["class"] == "no heap class":
        # Where other classes are honest, a heap class that is only possible may stand behind one of them.
        others = document["findings"][1:] if arguments.honest and said["class"] in arguments.honest.split("|") else []
        open_ones = [f for f in others if f["confidence"] == "possible"]
        blamed = [f["class"] for f in document["findings"] if f["class"] in HEAP and f not in open_ones]
        if blamed:
            wrong.append(f"blames the heap: {' '.join(blamed)}")
    elif arguments.mode == "record":
        if said["class"] not in [truth["class"]] + arguments.honest.split("|"):
            wrong.append(f"class {said['class']}, AddressSanitizer: {truth['class']}")
        for party in arguments.compare.split():
            if truth.get(party) != said[party]:
                wrong.append(f"{party} {said[party]}, AddressSanitizer: {truth.get(party)}")
        if arguments.confidence and said["confidence"] not in arguments.confidence.split("|"):
            wrong.append(f"confidence {said['confidence']}, not {arguments.confidence}")
    else:
        if said["class"] not in [truth["class"]] + arguments.bare.split("|"):
            wrong.append(f"class {said['class']}, AddressSanitizer: {truth['class']}")
        if said["confidence"] == "proven" and said["class"] in HEAP and said["class"] != truth["class"]:
            wrong.append("and is sure of it")
        for party in arguments.compare.split():
            if said["class"] == truth["class"] and said[party] not in (None, truth.get(party)):
                wrong.append(f"{party} {said[party]}, AddressSanitizer: {truth.get(party)}")
    parties = " ".join(f"{party} {said[party]}" for party in ("allocated", "freed", "end") if said[party])
    print(f"{arguments.name:20} {arguments.mode:9} {said['class']}, {said['confidence']}: {parties}: "
          f"{'FAIL: ' + '; '.join(wrong) if wrong else 'PASS'}")
    sys.exit(1 if wrong else 0)


main()
