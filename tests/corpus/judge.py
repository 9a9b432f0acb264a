# SPDX-License-Identifier: MIT
"""Compares what corelate says in one state of evidence with what is true and can be reached there, and counts."""
import functools
import re
import subprocess

import evidence
import reach
from reach import CONFIDENCES

# right: the deepest class that can be reached, at `likely` or surer (or as sure as its label lets it be). words: right, and the
# sentence leaves out or says what it must not. shallower: true, and more could be said, or it could be surer; `unknown`, too.
# beyond: true, but deeper than the evidence goes: a guess, or a label to be looked at. wrong: not true, surer than it may be, or
# it accuses somebody who did not do it. broken: there was nothing to judge, or corelate failed.
OUTCOMES = ["right", "words", "shallower", "beyond", "wrong", "broken"]


def told(document):
    """(class, confidence) of the answer. Where the cause is not known the class is the end's, and as sure as the end."""
    finding, end = document["findings"][0], document.get("end") or {}
    if finding["confidence"] == "none" and finding["class"] != "unknown" and finding["class"] == end.get("class"):
        return finding["class"], "proven" if end["confidence"] == "certain" else end["confidence"]
    return finding["class"], finding["confidence"]


def finding_text(finding):
    return finding["summary"], " ".join([finding["summary"]] + [item["text"] or "" for item in finding["evidence"]])


def missing_words(case, finding, recorded):
    """What the finding must say and does not, and what it says and must not."""
    summary, everything = finding_text(finding)
    wanted = list(case.contains) + (case.contains_recorded if recorded else [])
    absent = [f"no '{word}'" for word in wanted if word.lower() not in everything.lower()]
    functions = list(case.function) + (case.function_recorded if recorded else [])
    if case.named():
        absent += [f"no function {name}" for name in functions if name not in everything]
    return absent + [f"says '{word}'" for word in case.lacks if word.lower() in summary.lower()]


@functools.lru_cache(maxsize=None)
def readable(name):
    """A function's name as its program's text has it: not mangled, without parameters and what compilers hang on to it."""
    plain = subprocess.run(["c++filt", "-p", name], capture_output=True, text=True, check=True).stdout.strip() \
        if name.startswith("_") else name
    plain = re.sub(r"\.(constprop|isra|part|cold|lto_priv|llvm)(\.\d+)*|\[clone [^]]*\]|::h[0-9a-f]{16}$", "", plain).strip()
    plain = re.sub(r"(\.func\d+)+(\.\d+)*$", "", plain)  # a closure of Go's stands in the text of its function
    return re.sub(r"\$LT\$|\$GT\$|\$u20\$", " ", plain).strip()


def accused(document):
    """(functions, processes) that the report names as culprits; both empty where it has none."""
    culprit = document["culprit"] or {}
    return {readable(culprit["function"])} if culprit.get("function") else set(), {culprit["process"]} if culprit.get("process") else set()


def wrongly_accused(case, found, document):
    functions, processes = accused(document)
    # The right name is never wrong, even where none was to be had.
    code = {act.name for act in case.acts if not act.is_process and not act.is_suspect and reach.met(act.need, found)}
    names = reach.culprits(case, found)[1]
    return sorted({name for name in functions if not any(name == own or name.endswith(("::" + own, "." + own)) for own in code)}
                  | {name for name in processes if name[:15] not in {own[:15] for own in names}})


def depth(case, found, name):
    """(index of the rung that an answer of class `name` stands on, whether its evidence is there); (None, False): on none."""
    places = [index for index, rung in enumerate(case.rungs) if name in rung.classes]
    for index in places:
        if reach.met(case.rungs[index].need, found):
            return index, True
    return (places[0], False) if places else (None, False)


def judge_class(case, found, name, confidence):
    """(outcome, why)"""
    best = next((index for index, rung in enumerate(case.rungs) if reach.met(rung.need, found)), None)
    deepest = case.rungs[best] if best is not None else None
    index, backed = depth(case, found, name)
    if name == "unknown":
        return ("shallower", f"{deepest.classes[0]} can be reached") if deepest else ("right", "")
    if index is None:
        return "wrong", f"not {case.label}"
    if not backed:
        return "beyond", f"{name} needs {reach.missing(case.rungs[index], found)}"
    rung = case.rungs[index]
    if CONFIDENCES.index(confidence) > CONFIDENCES.index(rung.limit):
        return "wrong", f"more sure than {rung.limit}"
    if index > best:
        return "shallower", f"{deepest.classes[0]} can be reached"
    if CONFIDENCES.index(confidence) < CONFIDENCES.index(min("likely", rung.limit, key=CONFIDENCES.index)):
        return "shallower", "it can be surer"
    return "right", ""


def judge(case, found, document, recorded=None):
    """(outcome, why). `found` is what there is of evidence (reach.available). `recorded` says whether the crash was recorded, where
    all of its files are there: then the words are asked for; None: the class alone."""
    finding = document["findings"][0]
    if document["coverage"]["recorded"] != ("record" in found):
        return "broken", f"recorded is {document['coverage']['recorded']}"
    outcome, why = judge_class(case, found, *told(document))
    others = wrongly_accused(case, found, document)
    if others:
        return "wrong", f"accuses {', '.join(others)}"
    if outcome == "right" and recorded is not None and finding["class"] != "unknown":
        absent = missing_words(case, finding, recorded)
        if absent:
            return "words", ", ".join(absent)
    return outcome, why


def name_inlined(results):
    """Without debug information nobody can know that a function was inlined: its code is named after the function of the symbol
    table that holds it. Where that is the very code that is rightly accused with all evidence, the answer is shallower, not wrong."""
    whole = {r["case"]: r["facts"]["culprit"] for r in results
             if r["state"] == "everything" and r["facts"] and r["outcome"] != "wrong" and r["facts"]["culprit"]}
    for result in results:
        culprit = result["facts"] and result["facts"]["culprit"]
        if result["outcome"] == "wrong" and result["why"].startswith("accuses ") and "debug" in evidence.STATES.get(result["state"], ()) \
                and culprit and culprit["name"] == whole.get(result["case"], {}).get("name"):
            result["outcome"], result["why"] = "shallower", "names the function that the act was inlined into"


def names_culprit(case, found, document):
    """Does the text name one whose act was seen? None: nobody's was."""
    code, processes = reach.culprits(case, found)
    text = finding_text(document["findings"][0])[1]
    return any(name in text for name in code | processes) if code | processes else None


class Score:
    """Counts over some results."""

    def __init__(self, results):
        self.count = len(results)
        self.outcomes = {outcome: sum(r["outcome"] == outcome for r in results) for outcome in OUTCOMES}
        self.wrong = {level: sum(r["outcome"] == "wrong" and r["confidence"] == level for r in results)
                      for level in CONFIDENCES[1:]}

    def not_right(self):
        return self.count - self.outcomes["right"]

    def wrong_and_sure(self):
        return self.wrong["likely"] + self.wrong["proven"]

    def percent(self, outcome):
        return 100.0 * self.outcomes[outcome] / self.count if self.count else 0.0
