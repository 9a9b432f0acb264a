# SPDX-License-Identifier: MIT
"""With less evidence an answer may say less: never something else, never more, never surer. Compares the answers of one crash
along the states of evidence.

Kinds of violation: `class`, a class that is no node of the chain that more evidence gave; `deeper`, a true one that more evidence
did not give; `surer`, a cause or a link's class, surer than there; `surer-end`, the same end, surer than there; `culprit` and
`sender`, somebody else is named, or somebody only with less; `frame`, a function of the program has another name at the same place.
"""
import evidence
from reach import CONFIDENCES

KINDS = ["class", "deeper", "surer", "surer-end", "culprit", "sender", "frame"]


def facts(document, below):
    """What is compared, of one answer; frames are those whose file lies in the directory `below`."""
    crashed = [frame for thread in document["threads"] if thread["crashed"] for frame in thread["frames"]]
    cause, end, culprit = document["cause"], document["end"], document["culprit"]
    nodes = {link["class"]: link["confidence"] for link in cause["links"] if link["class"]} if cause else {}
    if end["before_handler"]:  # the handler that ended the process afterwards is told with the end
        nodes.setdefault("deliberate-abort", "proven")
    return {
        "nodes": {**nodes, cause["class"]: cause["confidence"]} if cause else nodes,
        "end": [end["class"], "proven" if end["confidence"] == "certain" else end["confidence"]],
        "culprit": culprit and {key: culprit[key] for key in ("kind", "name", "module", "function", "process")},
        "sender": document["signal"]["sender_pid"],
        "frames": {frame["pc"]: frame["function"] for frame in crashed
                   if frame["function"] and (frame["module"] or "").startswith(below + "/")},
    }


def rung_of(case, name):
    return next((index for index, rung in enumerate(case.rungs) if name in rung.classes), None)


def surer(confidence, than):
    return CONFIDENCES.index(confidence) > CONFIDENCES.index(than)


def compare_class(case, more, less):
    if less["answer"] == "unknown":
        return None
    name, confidence = less["answer"], less["confidence"]
    nodes, (end, end_confidence) = more["facts"]["nodes"], more["facts"]["end"]
    if name in nodes:
        return "surer" if surer(confidence, nodes[name]) else None
    if name == end:
        return "surer-end" if surer(confidence, end_confidence) else None
    above, here = rung_of(case, more["answer"]), rung_of(case, name)
    return "deeper" if here is not None and (above is None or here < above) else "class"


def same_or_less(more, less):
    """Is a culprit the same, as far as it is named? A function that was inlined is known by debug information alone: without it
    the code is named after the function of the symbol table that holds it, which `name` has in both."""
    if more is None or less["kind"] != more["kind"]:
        return False
    return less["name"] == more["name"] or all(less[key] in (None, more[key]) for key in ("module", "function", "process"))


def compare(case, more, less):
    """The kinds of violation between two results of one crash."""
    kinds = [compare_class(case, more, less)]
    if less["facts"]["culprit"] and not same_or_less(more["facts"]["culprit"], less["facts"]["culprit"]):
        kinds.append("culprit")
    if less["facts"]["sender"] and less["facts"]["sender"] != more["facts"]["sender"]:
        kinds.append("sender")
    frames = more["facts"]["frames"]
    if any(frames.get(pc, name) != name for pc, name in less["facts"]["frames"].items()):
        kinds.append("frame")
    return [kind for kind in kinds if kind]


def violations(cases, results):
    """Of all crashes, each kind once a crash and state: [(case, kind, more, less)], `more` and `less` being results."""
    by_name = {case.name: case for case in cases}
    answers = {(r["case"], r["state"]): r for r in results if r["outcome"] != "broken" and r["state"] in evidence.STATES}
    found = {}
    for (name, state), less in answers.items():
        for more in (answers.get((name, above)) for above, below in evidence.edges() if below == state):
            for kind in compare(by_name[name], more, less) if more else []:
                found.setdefault((name, kind, state), (name, kind, more, less))
    return sorted(found.values(), key=lambda item: (KINDS.index(item[1]), item[0], item[3]["state"]))
