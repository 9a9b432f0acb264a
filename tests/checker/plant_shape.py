# SPDX-License-Identifier: MIT
"""Lies about a report's shape, its alternatives and its citations."""
from plant import Unfit, lie, need, shift


# ---- the shape ----


@lie("schema", "a field of the end is gone")
def _(truth):
    del truth.report["end"]["text"]


@lie("schema", "an address is a number")
def _(truth):
    truth.report["fault"]["address"] = 16


@lie("record", "the report is of another process")
def _(truth):
    truth.report["crash"]["pid"] += 1


@lie("verdict", "findings[0] is neither the cause nor the end")
def _(truth):
    truth.report["findings"][0]["class"] = "divide-by-zero"


@lie("verdict", "an end's class stands as a cause")
def _(truth):
    need(truth.report["cause"])["class"] = truth.report["findings"][0]["class"] = "wild-pointer"


@lie("verdict", "the finding is surer than the cause")
def _(truth):
    truth.links
    truth.report["findings"][0]["confidence"] = "none"


@lie("verdict", "a culprit without a cause")
def _(truth):
    need(truth.report["culprit"])
    truth.report["cause"] = None
    truth.report["findings"][0].update({"class": "unknown", "confidence": "none"})


@lie("verdict", "the cause is gone, and its class stayed")
def _(truth):
    need(truth.report["cause"])
    truth.report["cause"] = truth.report["culprit"] = None


@lie("no-links", "a cause without its chain")
def _(truth):
    truth.links.clear()


@lie("class", "the last link is gone")
def _(truth):
    if len(truth.links) < 2 or truth.links[-2]["class"] == truth.links[-1]["class"]:
        raise Unfit
    truth.links.pop()


@lie("chain", "the first link is gone")
def _(truth):
    if len(truth.links) < 2:
        raise Unfit
    truth.links.pop(0)


@lie("chain", "two links have changed places")
def _(truth):
    if len(truth.links) < 2:
        raise Unfit
    truth.links.reverse()


@lie("confidence", "the cause is surer than its weakest link")
def _(truth):
    truth.links
    if truth.report["cause"]["confidence"] == "proven":
        raise Unfit
    truth.report["cause"]["confidence"] = truth.report["findings"][0]["confidence"] = "proven"


@lie("confidence", "a link is surer than its alternatives allow")
def _(truth):
    link = need(next((link for link in truth.links if link["confidence"] != "proven"), None))
    link["confidence"] = truth.report["cause"]["confidence"] = truth.report["findings"][0]["confidence"] = "proven"


@lie("confidence", "a link over a gap is proven")
def _(truth):
    truth.proven()
    truth.links[-1]["over_gap"] = True


@lie("confidence", "an inferred link is proven")
def _(truth):
    truth.proven()
    truth.links[-1]["basis"] = "inferred"


@lie("uncited", "a link cites nothing")
def _(truth):
    truth.links[0]["citations"] = []


@lie("uncited", "a link does not cite its own call")
def _(truth):
    link = need(next((link for link in truth.links if link["node"]["kind"] == "call"), None))
    link["citations"] = [c for c in link["citations"] if c["id"] != link["node"]["id"]]


@lie("kind", "a kind of link that nobody knows")
def _(truth):
    truth.links[-1]["kind"] = "hunch"


@lie("kind", "a node of another kind")
def _(truth):
    truth.links[-1]["node"]["kind"] = "limit"


@lie("kind", "a basis that this kind cannot have")
def _(truth):
    link = truth.links[-1]
    link["basis"] = "inferred" if link["basis"] != "inferred" else "observed"


@lie("kind", "a link with another class")
def _(truth):
    truth.links[0]["class"] = "double-free"


# ---- alternatives ----


@lie("alternative", "an alternative is gone")
def _(truth):
    truth.links[-1]["alternatives"].pop()


@lie("alternative", "an alternative that this kind does not have")
def _(truth):
    truth.links[-1]["alternatives"][0]["name"] = "cosmic-ray"


@lie("alternative", "ruled out by nothing")
def _(truth):
    need(next((a for a in truth.links[-1]["alternatives"] if a["state"] == "ruled out"), None))["citation"] = None


@lie("alternative", "not examined")
def _(truth):
    truth.links[-1]["alternatives"][0].update(state="not examined", citation=None)


@lie("alternative", "what is open is called ruled out, by what cannot")
def _(truth):
    link = need(next((link for link in truth.links for a in link["alternatives"] if a["state"] == "open"), None))
    opened = next(a for a in link["alternatives"] if a["state"] == "open")
    opened.update(state="ruled out", citation={"kind": "note", "id": 1, "address": None})


# ---- citations ----


@lie("citation", "a row of event that is not there")
def _(truth):
    truth.cited("event")["id"] += 10**9


@lie("citation", "a row of another process")
def _(truth):
    space = truth.event(truth.cited("event")["id"])["space_id"]
    rows = truth.query("SELECT event.id FROM event WHERE space_id > ? LIMIT 1", space)
    truth.cited("event")["id"] = need(rows[0][0] if rows else None)


@lie("citation", "another call of the same process")
def _(truth):
    event = truth.event(truth.cited("event")["id"])
    rows = truth.query("SELECT id FROM event WHERE space_id = ? AND kind <> ? LIMIT 1", event["space_id"], event["kind"])
    truth.cited("event")["id"] = need(rows[0][0] if rows else None)


@lie("citation", "the sentence names another thread")
def _(truth):
    cited = truth.cited("event")
    text = cited["text"].replace("by thread ", "by thread 9")
    if text == cited["text"]:
        raise Unfit
    cited["text"] = text


@lie("citation", "the cited row is gone from the database")
def _(truth):
    truth.execute("DELETE FROM event WHERE id = ?", truth.cited("event")["id"])


@lie("citation", "a signal that is not there")
def _(truth):
    cited = truth.cited("signal")
    cited["id"] = need(cited["id"]) + 10**6


@lie("citation", "a signal with another address")
def _(truth):
    truth.cited("signal")["address"] = "0x123000"


@lie("citation", "memory that the core does not hold")
def _(truth):
    truth.cited("memory")["address"] = "0x1000"


@lie("citation", "a frame that the stack does not have")
def _(truth):
    truth.cited("frame")["id"] = 999


@lie("citation", "a frame with another pc")
def _(truth):
    cited = truth.cited("frame")
    cited["address"] = shift(cited["address"], 4096)


@lie("citation", "a register with another value")
def _(truth):
    cited = need(next((a["citation"] for link in truth.links for a in link["alternatives"]
                       if a["citation"] and a["citation"]["kind"] == "register"), None))
    cited["address"] = "0x1234"


@lie("citation", "a mapping that starts elsewhere")
def _(truth):
    cited = truth.cited("mapping")
    cited["address"] = shift(cited["address"], 1)


@lie("citation", "covered since before the recording")
def _(truth):
    need(next((a["citation"] for link in truth.links for a in link["alternatives"]
               if a["citation"] and a["citation"]["kind"] == "coverage"), None))["id"] = 1


@lie("citation", "covered, and the database has a gap there")
def _(truth):
    since = need(next((a["citation"]["id"] for link in truth.links for a in link["alternatives"]
                       if a["citation"] and a["citation"]["kind"] == "coverage"), None))
    truth.execute("INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost) SELECT recording.id, 0, 1, ?, ?, 3 FROM recording",
                  since + 1, since + 2)


@lie("citation", "a note that the core does not have")
def _(truth):
    truth.links[0]["citations"].append({"kind": "note", "id": 12345, "address": None, "text": "a note", "stack": None,
                                        "stack_end": None})


@lie("citation", "a pending return that was not recorded")
def _(truth):
    truth.links[0]["citations"].append({"kind": "instance", "id": 12345, "address": None, "text": "a return", "stack": None,
                                        "stack_end": None})


@lie("citation", "a heap call that was not recorded")
def _(truth):
    truth.links[0]["citations"].append({"kind": "heap", "id": 10**9, "address": None, "text": "free", "stack": None,
                                        "stack_end": None})
