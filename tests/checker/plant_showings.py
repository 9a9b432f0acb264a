# SPDX-License-Identifier: MIT
"""Lies about what rules out an alternative."""
import copy

from plant import Unfit, accused, lie, need, shift, truncation


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
