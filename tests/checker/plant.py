# SPDX-License-Identifier: MIT
"""Lies for the checker: each changes one thing of a true report, or of a copy of the database that it stands on.

A lie is a function that is given a Truth and changes it, or raises Unfit where the report has nothing to change; its decorator
names the rule that must catch it, or the relation or the showing (kinds.json) whose name must stand in what is caught."""
import copy
import os
import sqlite3

LIES = []


class Unfit(Exception):
    pass


class Truth:
    """A report, its core, and a database of its own once a lie asks for it."""

    def __init__(self, name, report, core, database, place):
        self.name, self.report, self.core, self.database, self.place = name, report, core, database, place

    def copy(self):
        return Truth(self.name, copy.deepcopy(self.report), self.core, self.database, self.place)

    def execute(self, words, *values):
        need(self.database)
        if self.database != self.place:
            for ending in ("", "-wal", "-shm"):
                if os.path.exists(self.place + ending):
                    os.unlink(self.place + ending)
            source, copied = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True), sqlite3.connect(self.place)
            source.backup(copied)
            source.close()
            copied.close()
            self.database = self.place
        base = sqlite3.connect(self.database)
        try:
            changed = base.execute(words, values).rowcount
            base.commit()
            return changed
        finally:
            base.close()

    def query(self, words, *values):
        base = sqlite3.connect(f"file:{need(self.database)}?mode=ro", uri=True)
        try:
            return base.execute(words, values).fetchall()
        finally:
            base.close()

    # ---- parts ----

    @property
    def links(self):
        cause = self.report["cause"]
        if not cause or not cause["links"]:
            raise Unfit
        return cause["links"]

    def link(self, *kinds):
        return need(next((link for link in self.links if link["kind"] in kinds), None))

    def alternative(self, name, state="ruled out", kind=None):
        return need(next((a for link in self.links for a in link["alternatives"] if a["name"] == name and a["state"] == state and
                          (not kind or a["citation"]["kind"] == kind)), None))

    def cited(self, kind):
        return need(next((c for link in self.links for c in link["citations"] if c["kind"] == kind), None))

    def event(self, number):
        names = ("id, space_id, tid, kind, enter_ns, duration_ns, result, a0, a1, a2, a3").split(", ")
        rows = self.query(f"SELECT {', '.join(names)} FROM event WHERE id = ?", number)
        return need(dict(zip(names, rows[0])) if rows else None)

    def insert_like(self, number, **changes):
        """A new row of event, like another one but for what is given."""
        columns = [row[1] for row in self.query("PRAGMA table_info(event)")]
        row = dict(zip(columns, self.query("SELECT * FROM event WHERE id = ?", number)[0]))
        row.update(changes)
        row["id"] = self.query("SELECT max(id) + 1 FROM event")[0][0]
        self.execute(f"INSERT INTO event ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def death(self):
        return need(next((c["id"] for link in self.links for c in link["citations"] if c["kind"] == "signal" and c["id"]), None))

    def proven(self):
        if need(self.report["cause"])["confidence"] != "proven":
            raise Unfit


def need(value):
    if value is None:
        raise Unfit
    return value


def shift(text, by):
    return "0x%x" % (int(need(text), 16) + by)


def lie(rule, text):
    def keep(function):
        LIES.append((rule, text, function))
        return function
    return keep


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


# ---- what does not hold ----


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


# ---- what does not rule out ----


@lie("covered-since-node", "covered only since after the call")
def _(truth):
    event = truth.event(truth.links[-1]["node"]["id"])
    truth.alternative("unseen-change")["citation"]["id"] = event["enter_ns"] + 1


@lie("covered-since-node", "covered only since after the mapping")
def _(truth):
    event = truth.event(truth.link("ended-mapping")["node"]["id"])
    truth.alternative("unseen-mapping")["citation"]["id"] = event["enter_ns"] + 1


@lie("unmapped-in-core", "another page is unmapped")
def _(truth):
    cited = truth.alternative("page-mapped")["citation"]
    cited["address"] = shift(cited["address"], 1 << 40)


@lie("kernel-gave-address", "the signal was sent by a process")
def _(truth):
    truth.alternative("other-address")
    truth.execute("UPDATE signal SET code = -6 WHERE id = ?", truth.death())


@lie("kernel-gave-address", "the kernel gave no address (SI_KERNEL)")
def _(truth):
    truth.alternative("other-address")
    truth.execute("UPDATE signal SET code = 128 WHERE id = ?", truth.death())


@lie("one-history", "another call of another thread overlaps")
def _(truth):
    truth.alternative("other-order")
    link = truth.link("unmapped-before-use", "second-munmap", "permission-removed", "mapped-over", "contents-mapped-over")
    event = truth.event(link["node"]["id"])
    truth.insert_like(link["node"]["id"], enter_ns=event["enter_ns"], duration_ns=event["duration_ns"], tid=event["tid"] + 1)


@lie("range-not-remade", "the range was mapped again piece by piece")
def _(truth):
    link = truth.link("second-munmap")
    truth.alternative("range-in-use")
    second, born = truth.event(link["node"]["id"]), truth.link("ended-mapping")["node"]
    start, middle = second["a0"], int(born["start"], 16)
    for low, high in ((start, middle), (int(born["end"], 16), second["a0"] + (second["a1"] + 4095) // 4096 * 4096)):
        if low < high:
            truth.insert_like(born["id"], enter_ns=second["enter_ns"] - 3, duration_ns=1, result=low, a0=low, a1=high - low, a3=0x32)


@lie("calls-disjoint", "the victim's birth overlaps the second munmap")
def _(truth):
    truth.alternative("concurrent-calls")
    second = truth.event(truth.link("second-munmap")["node"]["id"])
    born = truth.event(truth.link("ended-mapping")["node"]["id"])
    truth.execute("UPDATE event SET duration_ns = ? WHERE id = ?", second["enter_ns"] - born["enter_ns"] + 1, born["id"])


@lie("another-caller", "the act itself is cited as another's")
def _(truth):
    found = [a for name in ("own-mapping", "own-memory", "freed-memory") for link in truth.links for a in link["alternatives"]
             if a["name"] == name]
    need(found or None)[0].update(state="ruled out",
                                  citation={"kind": "event", "id": truth.links[-1]["node"]["id"], "address": None})


@lie("another-caller", "a call by the same code is cited as another's")
def _(truth):
    for link in truth.links:
        for alternative in link["alternatives"]:
            others = [c["id"] for c in link["citations"] if c["kind"] == "event" and c["id"] != link["node"]["id"]]
            if alternative["name"] in ("own-mapping", "own-memory") and alternative["state"] != "ruled out" and others:
                alternative.update(state="ruled out", citation={"kind": "event", "id": others[-1], "address": None})
                return
    raise Unfit


@lie("only-this-mapping", "the call unmapped more")
def _(truth):
    truth.alternative("other-target")
    truth.execute("UPDATE event SET a1 = a1 + 8192 WHERE id = ?", truth.link("unmapped-before-use")["node"]["id"])


@lie("no-earlier-life", "another mapping had come and gone there")
def _(truth):
    truth.alternative("earlier-mapping")
    born = truth.event(truth.links[0]["node"]["id"])
    start = int(truth.links[0]["node"]["start"], 16)
    for ago, changes in ((9, {"result": start, "a0": 0}), (5, {"kind": 3, "result": 0, "a0": start})):
        truth.insert_like(born["id"], enter_ns=born["enter_ns"] - ago, duration_ns=1, tid=born["tid"] + 1, a1=4096 * 64, ip=1,
                          top_word=1, **changes)


@lie("no-heap-block", "the call's stack shows a free")
def _(truth):
    truth.alternative("heap-block")
    number = truth.link("unmapped-before-use")["node"]["id"]
    cited = next(c for c in truth.link("unmapped-before-use")["citations"] if c["id"] == number)
    frame = copy.deepcopy((need(cited["stack"]) or [need(None)])[0])
    frame["function"] = "free"
    cited["stack"].insert(1, frame)


@lie("core-refuses-access", "another mapping of the core is cited")
def _(truth):
    cited = truth.alternative("other-permissions")["citation"]
    from core import Core
    own = int(cited["address"], 16)
    cited["address"] = "0x%x" % need(next((s.start for s in Core(truth.core).segments if s.start != own), None))


@lie("page-is-zero", "a page that is full is cited as empty")
def _(truth):
    from core import Core
    core = Core(truth.core)
    sp = core.registers()["rsp"]
    truth.alternative("stored-since")["citation"]["address"] = "0x%x" % need(sp if core.word(sp) is not None else None)


@lie("made-before-act", "another call is cited as the mapping's")
def _(truth):
    truth.alternative("mapped-since", kind="event")["citation"]["id"] = truth.links[-1]["node"]["id"]


@lie("far-from-stack", "the stack pointer is near the fault")
def _(truth):
    cited = truth.alternative("stack-guard")["citation"]
    cited["address"] = shift(truth.report["end"]["address"], 4096)


@lie("reached-page", "the call failed before it came so far")
def _(truth):
    truth.alternative("partial-call")
    truth.execute("UPDATE event SET result = -22 WHERE id = ?", truth.links[-1]["node"]["id"])


@lie("no-writable-below", "the address of an index is called a constant")
def _(truth):
    alternative = need(next((a for link in truth.links for a in link["alternatives"] if a["name"] == "overrun-of-neighbour"), None))
    frame = next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"][0]
    alternative.update(state="ruled out", citation={"kind": "frame", "id": None, "address": frame["pc"]})


@lie("register-is-error", "the register held something else")
def _(truth):
    truth.link("error-pointer")["node"]["start"] = "0x1000"


@lie("register-is-value", "another register is cited")
def _(truth):
    truth.alternative("arithmetic")["citation"]["id"] = 5


@lie("call-failed", "the call had succeeded")
def _(truth):
    truth.execute("UPDATE event SET result = 4096 WHERE id = ?", truth.link("unchecked-failure")["node"]["id"])


@lie("only-failed-call", "another call of the thread had failed, too")
def _(truth):
    truth.alternative("other-call")
    number = truth.link("unchecked-failure")["node"]["id"]
    truth.insert_like(number, enter_ns=truth.event(number)["enter_ns"] - 5, duration_ns=1)


@lie("used-by-caller", "another module made the call")
def _(truth):
    truth.alternative("other-function")
    for cited in truth.link("unchecked-failure")["citations"]:
        for frame in cited["stack"] or ():
            frame["module"] = "/usr/lib/libinnocent.so"


@lie("was-executable", "the old mapping was no code")
def _(truth):
    truth.execute("UPDATE event SET a2 = 3 WHERE id = ?", truth.alternative("wild-jump")["citation"]["id"])


@lie("in-page-of-end", "the guard is elsewhere")
def _(truth):
    node = truth.link("guard-inferred")["node"]
    node["start"], node["end"] = shift(node["start"], 8192), shift(node["end"], 8192)


@lie("page-of-file", "another page of the file")
def _(truth):
    node = truth.link("page-behind-file-end")["node"]
    node["start"], node["end"] = shift(node["start"], 4096), shift(node["end"], 4096)


def truncation(truth):
    return need(next((c["id"] for c in truth.link("file-truncated")["citations"] if c["kind"] == "truncation"), None))


@lie("left-too-short", "the call left the file long enough")
def _(truth):
    truth.execute("UPDATE truncation SET new_bytes = 1 << 30 WHERE id = ?", truncation(truth))


@lie("leaves-too-short", "a truncation that left the page is cited")
def _(truth):
    truth.alternative("io-error", kind="truncation")
    truth.execute("UPDATE truncation SET new_bytes = 1 << 30 WHERE id = ?", truncation(truth))


@lie("same-file", "another file was truncated")
def _(truth):
    truth.alternative("other-file")
    number = truncation(truth)
    truth.execute("UPDATE truncation SET file_id = (SELECT min(id) FROM file WHERE id <> truncation.file_id) WHERE id = ?", number)


@lie("mapped-before-loss", "the file was truncated before it was mapped")
def _(truth):
    truth.alternative("mapped-too-much", kind="event")
    truth.execute("UPDATE truncation SET enter_ns = enter_ns - 10000000000, exit_ns = exit_ns - 10000000000 WHERE id = ?",
                  truncation(truth))


@lie("ended-before-death", "the truncation had not ended")
def _(truth):
    truth.alternative("call-unfinished")
    truth.execute("UPDATE truncation SET exit_ns = exit_ns + 10000000000 WHERE id = ?", truncation(truth))


@lie("citation", "a truncation after the death")
def _(truth):
    truth.execute("UPDATE truncation SET enter_ns = enter_ns + 10000000000, exit_ns = exit_ns + 10000000000 WHERE id = ?",
                  truncation(truth))


@lie("culprit", "another process is accused of the truncation")
def _(truth):
    truncation(truth)
    accused(truth, "process").update(pid=1, process="init")


@lie("by-loader", "the program itself unmapped the library")
def _(truth):
    truth.alternative("other-unmapping")
    number = truth.link("code-unloaded", "data-unloaded")["node"]["id"]
    space = truth.event(number)["space_id"]
    rows = truth.query("SELECT result FROM event JOIN file ON file.id = file_id WHERE space_id = ? AND path LIKE '%/plugin.so' LIMIT 1",
                       space)
    truth.execute("UPDATE event SET ip = ?, top_word = 0, stack_id = 0 WHERE id = ?", need(rows[0][0] if rows else None) + 16, number)


@lie("unmapped-in-node", "the core has the library mapped")
def _(truth):
    truth.link("unloaded-code-remains", "unloaded-data-remains")
    from core import Core
    address = "0x%x" % Core(truth.core).registers()["rsp"]
    for where in (truth.report["end"], truth.report["fault"]):
        where["address"] = address


@lie("was-stack", "the mapping was made as no stack")
def _(truth):
    truth.execute("UPDATE event SET a3 = 34 WHERE id = ?", truth.link("dead-stack")["node"]["id"])


@lie("stack-elsewhere", "the thread's own stack")
def _(truth):
    link = truth.link("dead-stack")
    truth.alternative("running-thread")["citation"]["address"] = shift(link["node"]["start"], 64)


@lie("lost-memory", "the call had failed for another reason")
def _(truth):
    truth.execute("UPDATE event SET result = -22 WHERE id = ?", truth.link("refused-memory")["node"]["id"])


@lie("one-failure", "an earlier call had failed, too")
def _(truth):
    truth.alternative("earlier-failure")
    number = truth.link("refused-memory")["node"]["id"]
    event = truth.event(number)
    truth.execute("UPDATE event SET result = -12 WHERE id = (SELECT min(id) FROM event WHERE kind = 2 AND tid = ? AND space_id = ?)",
                  event["tid"], event["space_id"])


# ---- culprits ----


def accused(truth, kind="code"):
    culprit = need(truth.report["culprit"])
    if culprit["kind"] != kind:
        raise Unfit
    return culprit


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
