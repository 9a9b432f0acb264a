# SPDX-License-Identifier: MIT
"""Lies about who did it."""
from plant import Unfit, accused, lie, need


@lie("culprit", "another function is accused")
def _(truth):
    accused(truth).update(function="innocent", name="innocent")


@lie("culprit", "the culprit's caller is accused")
def _(truth):
    culprit = accused(truth)
    frames = need(next((c["stack"] for link in truth.links for c in link["citations"] if c["id"] == culprit["act"]["id"] and c["stack"]),
                       None))
    index = next((i for i, frame in enumerate(frames) if frame["function"] == culprit["function"]), None)
    if index is None or index + 1 >= len(frames) or not frames[index + 1]["module"]:
        raise Unfit
    culprit.update(function=frames[index + 1]["function"], module=frames[index + 1]["module"])


@lie("culprit", "another module is accused")
def _(truth):
    accused(truth).update(module="/usr/lib/libinnocent.so", function=None)


@lie("culprit", "the act is cited by no link")
def _(truth):
    accused(truth)["act"]["id"] += 10**6


@lie("culprit", "the link no longer cites the act")
def _(truth):
    act = accused(truth)["act"]
    for link in truth.links:
        link["citations"] = [c for c in link["citations"] if c["id"] != act["id"]]


@lie("culprit", "the act is another's call")
def _(truth):
    culprit = accused(truth)
    act = truth.event(culprit["act"]["id"])
    rows = truth.query("SELECT ip, top_word, stack_id FROM event WHERE space_id = ? AND id < ? ORDER BY id LIMIT 1", act["space_id"],
                       act["id"])
    truth.execute("UPDATE event SET ip = ?, top_word = ?, stack_id = 0 WHERE id = ?", rows[0][0], 0, act["id"])
    for link in truth.links:
        for c in link["citations"]:
            c["stack"] = None


@lie("culprit", "a process that did not send the signal is accused")
def _(truth):
    if truth.report["culprit"] is None or truth.report["culprit"]["kind"] == "code":
        accused(truth).update(kind="process", pid=1, process="init")
    else:
        accused(truth, "process").update(pid=1)


@lie("culprit", "corelate's own recorder is accused")
def _(truth):
    need(truth.report["culprit"]).update(kind="process", pid=4, process="corelated")


@lie("culprit", "a probe that nobody saw is accused")
def _(truth):
    accused(truth).update(kind="probe")
