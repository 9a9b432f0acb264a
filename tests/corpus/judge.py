# SPDX-License-Identifier: MIT
"""Compares what corelate says with what is true, and counts."""
from table import CONFIDENCES

# right: class and words. words: the class is right, the sentence leaves out or says what it must not.
# undecided: unknown. wrong: another class. broken: there was nothing to judge, or corelate failed.
OUTCOMES = ["right", "words", "undecided", "wrong", "broken"]


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
    absent += [f"says '{word}'" for word in case.lacks if word.lower() in summary.lower()]
    return absent


def judge(case, recorded, document):
    """(outcome, class, confidence, summary, why)"""
    finding = document["findings"][0]
    name, confidence, summary = finding["class"], finding["confidence"], finding["summary"]
    if document["coverage"]["recorded"] != recorded:
        return "broken", name, confidence, summary, f"recorded is {document['coverage']['recorded']}"
    allowed = case.answers(recorded)
    if name in allowed:
        if CONFIDENCES.index(confidence) > CONFIDENCES.index(allowed[name]):
            return "wrong", name, confidence, summary, f"more sure than {allowed[name]}"
        absent = [] if name == "unknown" else missing_words(case, finding, recorded)
        return ("words" if absent else "right"), name, confidence, summary, ", ".join(absent)
    if name == "unknown":
        return "undecided", name, confidence, summary, ""
    return "wrong", name, confidence, summary, f"not {case.label}"


class Score:
    """Counts over the results of one mode."""

    def __init__(self, results):
        self.results = results
        self.count = len(results)
        self.outcomes = {outcome: sum(r["outcome"] == outcome for r in results) for outcome in OUTCOMES}
        self.wrong = {level: sum(r["outcome"] == "wrong" and r["confidence"] == level for r in results)
                      for level in CONFIDENCES[1:]}

    def accuracy(self):
        return 100.0 * self.outcomes["right"] / self.count if self.count else 0.0

    def class_accuracy(self):
        return 100.0 * (self.outcomes["right"] + self.outcomes["words"]) / self.count if self.count else 0.0

    def line(self, mode):
        wrong = ", ".join(f"{count} {level}" for level, count in reversed(self.wrong.items()))
        return (f"{mode:<11}{self.count:4} crashes: {self.accuracy():5.1f} % right (class alone "
                f"{self.class_accuracy():5.1f} %), {self.outcomes['undecided']} undecided, "
                f"{self.outcomes['wrong']} wrong ({wrong}), {self.outcomes['broken']} broken")


def matrix(results):
    """Lines of the confusion matrix: a row a label, its answers by number. An honest alternative is marked with ~."""
    rows = {}
    for result in results:
        row = rows.setdefault(result["label"], {})
        answer = result["answer"] or "(none)"
        if answer != result["label"] and result["outcome"] in ("right", "words"):
            answer = "~" + answer
        row[answer] = row.get(answer, 0) + 1
    for label in sorted(rows):
        row = rows[label]
        total = sum(row.values())
        others = sorted((item for item in row.items() if item[0] != label), key=lambda item: -item[1])
        words = "  ".join(f"{name} {count}" for name, count in others)
        yield f"  {label:<24}{row.get(label, 0):4} of {total:<4} {words}".rstrip()
