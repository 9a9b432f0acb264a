# SPDX-License-Identifier: MIT
"""Rules about a verdict's shape, which need nothing but the report and kinds.json: what must be there, and how sure it may be."""

ENDS = {"unknown", "heap-corruption", "misaligned-object", "null-call", "wild-jump", "nx-execution", "null-dereference",
        "non-canonical-pointer", "wild-pointer", "divide-by-zero", "illegal-instruction", "snapshot"}
SURENESS = ("none", "possible", "likely", "proven")


def link_confidence(link):
    """By the table of links: what its basis, its alternatives and a gap leave of it."""
    states = [alternative["state"] for alternative in link["alternatives"]]
    if "as likely" in states:
        return "possible"
    is_open = "open" in states or "not examined" in states
    if link["basis"] == "inferred":
        return "possible" if is_open else "likely"
    return "likely" if is_open or link["over_gap"] else "proven"


def check_verdict(case):
    report, cause, end = case.report, case.cause, case.end
    first = report["findings"][0]
    if cause is None:
        if first["class"] not in ENDS:
            case.fail("verdict", f"findings[0] is {first['class']}, which is a cause, and there is none")
        elif first["class"] != "unknown" and first["class"] != end["class"]:
            case.fail("verdict", f"findings[0] is {first['class']}, and the end is {end['class']}")
        if first["confidence"] != "none":
            case.fail("verdict", f"no cause is known, and findings[0] is {first['confidence']}")
        if report["culprit"]:
            case.fail("verdict", "no cause is known, and a culprit is named")
        return
    if cause["class"] in ENDS:
        case.fail("verdict", f"{cause['class']} is only an end, and stands as a cause")
    if first["class"] != cause["class"]:
        case.fail("verdict", f"findings[0] is {first['class']}, and the cause {cause['class']}")
    if first["confidence"] != cause["confidence"]:
        case.fail("verdict", f"findings[0] is {first['confidence']}, and the cause {cause['confidence']}")
    if end["class"] is not None and end["class"] not in ENDS:
        case.fail("verdict", f"the end has the class {end['class']}, which is a cause's")


def check_links(case):
    if case.cause is None:
        return
    if not case.links:
        case.fail("no-links", f"{case.cause['class']} has no chain")
        return
    last = case.links[-1]
    if last["class"] != case.cause["class"]:
        case.fail("class", f"the cause is {case.cause['class']}, its last link's class {last['class']}")
    for link in case.links:
        if link["confidence"] != link_confidence(link):
            case.fail("confidence", f"{link['kind']} is said to be {link['confidence']}, and comes to {link_confidence(link)}")
        if not link["citations"]:
            case.fail("uncited", f"{link['kind']} cites nothing")
    weakest = min((link_confidence(link) for link in case.links), key=SURENESS.index)
    if case.cause["confidence"] != weakest:
        case.fail("confidence", f"the cause is said to be {case.cause['confidence']}, its weakest link is {weakest}")


def check_kinds(case, kinds):
    """Each link is of a known kind, stands where that kind may stand, and states every alternative of it."""
    before = "end"
    for link in case.links:
        kind = kinds.get(link["kind"])
        if kind is None:
            case.fail("kind", f"{link['kind']} is not in kinds.json")
            before = link["kind"]
            continue
        if before not in kind["after"]:
            case.fail("chain", f"{link['kind']} cannot follow {before}: a link is missing")
        if link["node"]["kind"] not in kind["node"]:
            case.fail("kind", f"the node of {link['kind']} is a {link['node']['kind']}")
        if link["basis"] not in kind["basis"]:
            case.fail("kind", f"{link['kind']} is said to be {link['basis']}")
        if link["class"] != kind["class"]:
            case.fail("kind", f"{link['kind']} has the class {link['class']}, by its meaning {kind['class']}")
        check_alternatives(case, link, kind)
        check_citations(case, link, kind)
        before = link["kind"]


def check_alternatives(case, link, kind):
    stated = [alternative["name"] for alternative in link["alternatives"]]
    for name in kind["alternatives"]:
        if stated.count(name) != 1:
            case.fail("alternative", f"{link['kind']} does not state {name} (once)")
    for name in stated:
        if name not in kind["alternatives"]:
            case.fail("alternative", f"{link['kind']} states {name}, which kinds.json does not know")
    for alternative in link["alternatives"]:
        rule = kind["alternatives"].get(alternative["name"])
        cited = alternative["citation"]
        if alternative["state"] == "not examined":
            case.fail("alternative", f"{link['kind']}: nobody examined {alternative['name']}")
        if alternative["state"] == "ruled out" and cited is None:
            case.fail("alternative", f"{link['kind']}: {alternative['name']} is ruled out by nothing")
        if alternative["state"] != "ruled out" and cited is not None:
            case.fail("alternative", f"{link['kind']}: {alternative['name']} is {alternative['state']}, and cites evidence")
        if alternative["state"] == "ruled out" and cited and rule and cited["kind"] not in rule["by"]:
            case.fail("alternative", f"{link['kind']}: a {cited['kind']} cannot rule out {alternative['name']}")


def check_citations(case, link, kind):
    for wanted in kind["cites"]:
        if wanted == "node":
            held = any(cited["kind"] in ("event", "heap", "signal") and cited["id"] == link["node"]["id"] for cited in link["citations"])
        else:
            held = any(cited["kind"] in wanted.split("|") for cited in link["citations"])
        if not held:
            case.fail("uncited", f"{link['kind']} does not cite its {wanted}")
