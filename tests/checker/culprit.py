# SPDX-License-Identifier: MIT
"""No accusation without an act: the culprit's act is cited by a link, and was seen to be the culprit's."""
import re

from case import is_library_code, names_of, number
from record import MASK

OWN = {"corelate", "corelated"}


def check(case):
    accused = case.report["culprit"]
    if not accused:
        return
    act = accused["act"]
    if not any(same(item, act) for link in case.links for item in link["citations"]):
        case.fail("culprit", f"{accused['name']}: its act, {act['kind']} {act['id']}, is cited by no link")
    CHECKS[accused["kind"]](case, accused, act)


def same(item, act):
    return item["kind"] == act["kind"] and item["id"] == act["id"] and \
        (act["address"] is None or item["kind"] != "frame" or item["address"] == act["address"])


def check_code(case, accused, act):
    if not accused["module"]:
        case.fail("culprit", f"{accused['name']}: code without a module")
    elif act["kind"] in ("event", "heap", "truncation"):
        check_caller(case, accused, act)
    elif act["kind"] == "frame":
        if not any(frame["module"] == accused["module"] and (not accused["function"] or accused["function"] in names_of(frame))
                   for frame in case.frames):
            case.fail("culprit", f"{accused['name']}: the crashed thread's stack does not have it")
    elif act["kind"] not in ("signal", "memory"):
        case.fail("culprit", f"{accused['name']}: a {act['kind']} shows no code at work")


def check_caller(case, accused, act):
    """The recorded stack of the call holds an address in the module, and in the function where the file has symbols."""
    if not case.record or not act["id"]:
        return
    row = case.record.row(act["kind"], act["id"])
    if not row:
        return  # citation.py says so
    if act["kind"] == "truncation" and row["pid"] != case.record.process["pid"]:
        case.fail("culprit", f"{accused['name']}: process {row['pid']} did it, whose code is not in this record")
        return
    time = row["exit_ns"] if act["kind"] == "truncation" else row["enter_ns"] + max(row["duration_ns"], 0)
    # A return address follows the call; a pc may begin a function.
    words = [word for word in case.record.stack_words(row) if word]
    held = [word for word in words if accused["module"] in (case.modules.path(word, time), case.core and case.core.file_at(word))]
    cited = [frame for frame in frames_of(case, act) if frame["module"] == accused["module"] and
             (not accused["function"] or accused["function"] in names_of(frame))]
    if not held:
        # A function that jumped away leaves nothing; where it was called through a stub, only that it is such a function is known.
        if accused["function"] in case.modules.table(accused["module"]).names and \
                any(case.modules.calls_stub(word, time) for word in words[1:3]):
            return
        if not cited or not any(number(frame["pc"]) & MASK in words for frame in cited):
            case.fail("culprit", f"{accused['name']}: the call's stack holds no address of {accused['module']}")
        return
    first = first_of_program(case, act, accused, time)
    if first:
        case.fail("culprit", f"{accused['name']}: the call was made in {first['function']} of {first['module']}")
    # Where it is inlined there is no address of its own: the function around it is in the name.
    wanted = {accused["function"], accused["name"].partition(" ")[2]} & case.modules.table(accused["module"]).names
    if accused["function"] in wanted and not any(
            wanted & (case.modules.functions(word - 1, time) | case.modules.functions(word, time) | case.modules.called(word, time))
            for word in held):
        case.fail("culprit", f"{accused['name']}: the call's stack holds no address of that function")


def first_of_program(case, act, accused, time):
    """The frame that made the call, where that is not the accused one: the innermost that is of no library."""
    for frame in frames_of(case, act):
        if frame["module"] == accused["module"] and (not accused["function"] or accused["function"] in names_of(frame) or
                                                     accused["function"] in case.modules.called(number(frame["pc"]), time)):
            return None
        if frame["module"] and not is_library_code(frame):
            return frame
    return None


def frames_of(case, act):
    for link in case.links:
        for item in link["citations"]:
            if item["kind"] == act["kind"] and item["id"] == act["id"] and item.get("stack"):
                return item["stack"]
    return []


def check_process(case, accused, act):
    senders = set()
    if case.record and case.record.signal:
        signal = case.record.signal
        senders.add((signal["sender_pid"], None))
        row = case.record.base.execute("SELECT * FROM signal_sender WHERE signal_id = ?", (signal["id"],)).fetchone()
        if row:
            senders |= {(row["pid"], row["comm"]), (row["first_sender_pid"], row["first_sender_comm"])}
    if case.record and act["kind"] == "truncation":
        row = case.record.row("truncation", act["id"])
        senders = {(row["pid"], row["comm"])} if row else set()
    info = case.core.siginfo() if case.core else None
    if info and info[1] <= 0:
        senders.add((info[3], None))
    if not any(pid == accused["pid"] and comm in (None, accused["process"]) for pid, comm in senders if pid):
        case.fail("culprit", f"{accused['name']} (pid {accused['pid']}): nothing shows that this process did it")
    own(case, accused)


def check_probe(case, accused, act):
    seen = [probe for probe in case.report["probes"] if probe["function"] == accused["function"] and
            probe["module"] == accused["module"]]
    if not any(set(probe["seen_in"]) & {"text", "stack", "record"} for probe in seen):
        case.fail("culprit", f"{accused['name']}: no such probe was seen in text, stack or record")
    if accused["pid"]:
        rows = case.record.rows("SELECT holder_comm FROM probe WHERE holder_pid = ?", accused["pid"]) if case.record else []
        if not rows:
            case.fail("culprit", f"{accused['name']}: process {accused['pid']} is not in the ledger of probes")
    own(case, accused)


def own(case, accused):
    if accused["process"] in OWN:
        case.fail("culprit", f"{accused['name']}: that is corelate itself")


def check_limit(case, accused, act):
    if not accused["name"] or not re.search(r"[A-Za-z]", accused["name"]):
        case.fail("culprit", "a limit without a name")


CHECKS = {"code": check_code, "process": check_process, "probe": check_probe, "limit": check_limit}
