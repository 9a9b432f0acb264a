# SPDX-License-Identifier: MIT
"""Lies about what a link has to do with the node before it, and about gaps and orders."""
from plant import Unfit, lie, need, shift


@lie("gap", "proven, and the database has a gap before the death")
def _(truth):
    truth.proven()
    event = truth.event(truth.links[-1]["node"]["id"])
    pid = truth.query("SELECT pid FROM process JOIN signal ON signal.process_id = process.id WHERE signal.id = ?", truth.death())[0][0]
    truth.execute("INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost) SELECT recording.id, ?, 1, ?, ?, 1 FROM recording",
                  pid, event["enter_ns"], event["enter_ns"] + 1)


@lie("order", "proven, and two of the calls overlap in time")
def _(truth):
    truth.proven()
    calls = [truth.event(c["id"]) for link in truth.links for c in link["citations"] if c["kind"] == "event"]
    calls = {call["id"]: call for call in calls}
    if len(calls) < 2:
        raise Unfit
    first, last = calls[min(calls)], calls[max(calls)]
    truth.execute("UPDATE event SET enter_ns = ?, duration_ns = duration_ns + ?, tid = tid + 1 WHERE id = ?", first["enter_ns"],
                  last["enter_ns"] - first["enter_ns"], last["id"])


@lie("end-in-node", "the end is at another address")
def _(truth):
    for where in (truth.report["end"], truth.report["fault"], truth.report["signal"]):
        where["address"] = shift(where["address"], 1 << 30)
    if truth.links[0]["node"]["kind"] != "mapping":
        raise Unfit


@lie("node-is-made", "the node is the mapping of another call")
def _(truth):
    node = truth.link("ended-mapping", "refused-access")["node"]
    event = truth.event(need(node["id"]))
    node["id"] = truth.query("SELECT id FROM event WHERE space_id = ? AND id <> ? AND kind = 2 LIMIT 1", event["space_id"], node["id"])[0][0]


@lie("node-is-call", "the node's range is larger than the call's")
def _(truth):
    node = truth.link("unmapped-before-use", "second-munmap", "mapped-over", "contents-mapped-over")["node"]
    node["end"] = shift(node["end"], 1 << 20)


@lie("gone-at-end", "a later mapping at the address is in the database")
def _(truth):
    node = truth.link("ended-mapping")["node"]
    moment = truth.query("SELECT time_ns FROM signal WHERE id = ?", truth.death())[0][0]
    truth.insert_like(node["id"], enter_ns=moment - 2, duration_ns=1)


@lie("ends-it", "the call that ended the mapping is gone from the database")
def _(truth):
    truth.execute("DELETE FROM event WHERE id = ?", truth.link("unmapped-before-use", "second-munmap")["node"]["id"])


@lie("ends-it", "another unmapping at the same time is in the database")
def _(truth):
    number = truth.link("unmapped-before-use", "second-munmap")["node"]["id"]
    event = truth.event(number)
    truth.insert_like(number, enter_ns=event["enter_ns"] - 2, duration_ns=1)


@lie("second-of-range", "the first munmap is not cited")
def _(truth):
    link = truth.link("second-munmap")
    link["citations"] = [c for c in link["citations"] if not (c["text"].startswith("first munmap"))]


@lie("second-of-range", "the first munmap was of another range")
def _(truth):
    link = truth.link("second-munmap")
    first = need(next((c for c in link["citations"] if c["kind"] == "event" and c["id"] < link["node"]["id"] and
                       truth.event(c["id"])["kind"] == 3), None))
    truth.execute("UPDATE event SET a1 = a1 + 8192 WHERE id = ?", first["id"])


@lie("second-of-range", "somebody mapped the whole range again in between")
def _(truth):
    link = truth.link("second-munmap")
    second = truth.event(link["node"]["id"])
    born = truth.link("ended-mapping")["node"]["id"]
    truth.insert_like(born, enter_ns=second["enter_ns"] - 2, duration_ns=1, result=second["a0"], a0=second["a0"], a1=second["a1"],
                      a3=0x32)


@lie("core-refuses", "the end is a read, which the mapping allows")
def _(truth):
    truth.link("refused-access")
    if truth.report["end"]["access"] != "write":
        raise Unfit
    truth.report["end"]["access"] = "read"


@lie("took-permission", "the call gave the permission")
def _(truth):
    truth.execute("UPDATE event SET a2 = 7 WHERE id = ?", truth.link("permission-removed")["node"]["id"])


@lie("took-permission", "the page never had the permission")
def _(truth):
    number = truth.link("permission-removed")["node"]["id"]
    truth.execute("UPDATE event SET a2 = 0 WHERE id < ? AND kind IN (1, 2, 5, 6) AND space_id = ?", number,
                  truth.event(number)["space_id"])


@lie("replaced", "the call was not fixed: it replaced nothing")
def _(truth):
    truth.execute("UPDATE event SET a3 = 34 WHERE id = ? AND kind = 2",
                  truth.link("mapped-over", "contents-mapped-over")["node"]["id"])


@lie("replaced", "what was there before is gone from the database")
def _(truth):
    link = truth.link("mapped-over", "contents-mapped-over")
    before = need(next((c["id"] for c in link["citations"] if c["kind"] == "event" and c["id"] != link["node"]["id"]), None))
    truth.execute("DELETE FROM event WHERE id = ?", before)


@lie("word-made-pointer", "the pointer was loaded from another word")
def _(truth):
    from core import Core
    node, core = truth.link("pointer-from-page")["node"], Core(truth.core)
    start = core.registers()["rsp"] & -8
    node["start"], node["end"] = "0x%x" % start, "0x%x" % (start + 8)
    for register in truth.report["registers"]:
        if register["value"] == "0x%x" % (core.word(start) or 0):
            raise Unfit


@lie("emptied", "the call was no discard")
def _(truth):
    truth.execute("UPDATE event SET a2 = 3 WHERE id = ?", truth.link("page-emptied")["node"]["id"])


@lie("guarded", "the guard was taken away again")
def _(truth):
    number = truth.link("guard-installed")["node"]["id"]
    event = truth.event(number)
    truth.insert_like(number, enter_ns=event["enter_ns"] + event["duration_ns"] + 1, duration_ns=1, a2=103)


@lie("core-allows", "the signal was a refusal")
def _(truth):
    truth.link("absent-page")
    truth.report["signal"]["code_name"], truth.report["signal"]["code"] = "SEGV_ACCERR", 2


@lie("code-ran", "the code ran elsewhere")
def _(truth):
    node = truth.link("forbidden-use", "code-in-page")["node"]
    node["start"] = shift(node["start"], 64)
