# SPDX-License-Identifier: MIT
"""Prints what a run of the corpus found."""
import collections

import judge
import monotony

ORDER = {"proven": 0, "likely": 1, "possible": 2, "none": 3, None: 4}


def cases(some):
    for case in some:
        print(f"{case.name:<48}{case.label:<24}{case.near}")
    near = sum(bool(case.near) for case in some)
    print(f"{len(some)} cases, {near} of them near misses, {len({case.label for case in some})} classes")


def failures(results):
    """Wrong ones and broken ones in every state; what is shallower or beyond its evidence only counted, but for the whole ones."""
    worst_first = judge.OUTCOMES[::-1]
    for result in sorted(results, key=lambda r: (worst_first.index(r["outcome"]), ORDER[r["confidence"]], r["case"])):
        whole = result["state"] in ("everything", "unrecorded")
        if result["outcome"] in ("wrong", "broken", "words") or (whole and result["outcome"] != "right"):
            print(f"{result['outcome']:<10}{result['state']:<16}{result['case']}: {result['why']}")
            if result["answer"]:
                print(f"{'':10}{result['answer']}, {result['confidence']}: {result['summary']}")


def violations(found):
    """Each, and how many of each kind and state."""
    for name, kind, more, less in found:
        print(f"{kind:<10}{name}: {more['state']} {more['answer']}, {more['confidence']}; {less['state']} {less['answer']}, "
              f"{less['confidence']}")


def count_violations(found, states):
    counts = collections.Counter((kind, less["state"]) for _, kind, _, less in found)
    if not counts:
        return
    print(f"\nless evidence, and no less an answer: {'':8}" + "".join(f"{kind:>10}" for kind in monotony.KINDS))
    for state in states:
        row = [counts[kind, state] for kind in monotony.KINDS]
        if any(row):
            print(f"  {state:<44}" + "".join(f"{number:>10}" for number in row))


def line(name, score):
    wrong = "".join(f"{score.wrong[level]:>9}" for level in ("proven", "likely", "possible"))
    middle = "".join(f"{score.outcomes[outcome]:>10}" for outcome in ("right", "words", "shallower", "beyond"))
    return f"  {name:<24}{score.count:>7}{middle}{wrong}{score.outcomes['broken']:>8}"


HEAD = (f"  {'':24}{'cases':>7}{'right':>10}{'words':>10}{'shallower':>10}{'beyond':>10}{'proven':>9}{'likely':>9}{'possible':>9}"
        f"{'broken':>8}")


def by_class(results):
    for label in sorted({result["label"] for result in results}):
        yield line(label, judge.Score([result for result in results if result["label"] == label]))


def matrix(results):
    """A row a label: its answers by number."""
    rows = collections.defaultdict(collections.Counter)
    for result in results:
        how = "" if result["outcome"] in ("right", "words") else f" ({result['outcome']})"
        rows[result["label"]][f"{result['answer']}{how}"] += 1
    for label in sorted(rows):
        yield f"  {label:<24}" + "  ".join(f"{answer} {number}" for answer, number in rows[label].most_common())


def everything(results, skipped, broken_rules, states):
    """Prints all."""
    failures(results)
    violations(broken_rules)
    for name, why in skipped.items():
        print(f"skipped   {name}: {why}")
    scores = {}
    for state in states:
        some = [result for result in results if result["state"] == state]
        if not some:
            continue
        scores[state] = judge.Score(some)
        print(f"\n{state}, by the true class (wrong ones by confidence)\n{HEAD}")
        print("\n".join(by_class(some)))
        if state in ("everything", "unrecorded"):
            print(f"\n{state}: true class, then answers\n" + "\n".join(matrix(some)))
    count_violations(broken_rules, states)
    print(f"\n{'all classes':<24}{HEAD[24:]}")
    for state, score in scores.items():
        some = [r for r in results if r["state"] == state and r["named"] is not None and r["outcome"] == "right"]
        print(line(state, score) + f"   {score.percent('right'):5.1f} % right; the culprit is in the text of "
              f"{sum(r['named'] for r in some)} of {len(some)}")
    recorded = [r for r in results if r["state"] == "everything"]
    print(f"heap calls were recorded of {sum(r['heap'] for r in recorded)} of {len(recorded)}")


def checked(results, unfounded):
    """What the checker of verdicts says of the answers with all evidence."""
    count = sum(result["state"] in ("everything", "unrecorded") and result["outcome"] != "broken" for result in results)
    for name, mode, rule, what in unfounded:
        print(f"unfounded {mode:<12}{name}: {rule}: {what}")
    names = {(name, mode) for name, mode, _, _ in unfounded}
    print(f"the checker followed {count} verdicts: {len(names)} do not stand on what they cite")
