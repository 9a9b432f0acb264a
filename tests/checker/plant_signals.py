# SPDX-License-Identifier: MIT
"""Lies about signals, stacks and uretprobes. Most are a whole chain of such a kind, told of a crash that was another."""
import check
from plant import lie, need


def pretend(truth, kind, node, cited=None, basis=None):
    """The report's chain is now this one link. What `cited` may rule out is ruled out by it; the rest is open."""
    rule = check.load_kinds()[kind]
    cited = cited or {"kind": "signal", "id": None, "address": None}
    full = {"id": None, "start": None, "end": None, **node}
    alternatives = [{"name": name, "state": "ruled out" if cited["kind"] in by["by"] else "open", "text": "so it is",
                     "citation": dict(cited) if cited["kind"] in by["by"] else None} for name, by in rule["alternatives"].items()]
    link = {"kind": kind, "class": rule["class"], "basis": basis or rule["basis"][0], "confidence": "likely", "text": "so it was",
            "node": full, "over_gap": False, "citations": [{**cited, "text": "so it was", "stack": None, "stack_end": None}],
            "alternatives": alternatives}
    truth.report["cause"] = {"class": rule["class"] or "stack-overflow", "confidence": "likely", "summary": "so it was", "links": [link],
                             "background": []}
    truth.report["culprit"] = None


def signal_of(truth, database=True):
    need(truth.database if database else "")
    rows = truth.query("SELECT id FROM signal WHERE fatal = 1 AND namespace_tid = ? ORDER BY id DESC LIMIT 1", truth.report["crash"]["tid"])
    return {"kind": "signal", "id": need(rows[0][0] if rows else None), "address": None}


def sender(truth, **changes):
    """The sending of the signal is in the database, as told."""
    row = {"signal_id": signal_of(truth)["id"], "pid": 77, "tid": 77, "time_ns": 1, "comm": "other", "first_number": 0, "first_code": 0,
           "first_address": 0, "first_system_call": -1, "first_sender_pid": 0, "first_pid": 0, "first_tid": 0, "first_time_ns": 0,
           "first_sender_comm": "", **changes}
    truth.execute(f"INSERT OR REPLACE INTO signal_sender ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())


def frame(index=0):
    return {"kind": "frame", "id": index or None, "address": None}


CODE = {"kind": "code", "start": "0x1234"}
WORD = {"kind": "word", "start": "0x1230", "end": "0x1238"}


@lie("frame-on-stack", "code that no frame ran called abort")
def _(truth):
    pretend(truth, "called-abort", CODE, frame())


@lie("sent-it-itself", "another process sent what the thread is said to have sent")
def _(truth):
    sender(truth)
    pretend(truth, "own-signal", CODE, signal_of(truth))


@lie("sender-is-self", "siginfo's pid is said to be the process's own")
def _(truth):
    sender(truth)
    pretend(truth, "own-signal", CODE, signal_of(truth))


@lie("sender-is-node", "another process than the sender")
def _(truth):
    sender(truth)
    pretend(truth, "sent-by-process", {"kind": "process", "id": 78}, signal_of(truth), "observed")


@lie("sending-recorded", "a sending that nobody recorded")
def _(truth):
    if truth.report["signal"]["code"] <= 0:
        need(None)
    pretend(truth, "sent-by-process", {"kind": "process", "id": 78}, signal_of(truth), "observed")


@lie("not-in-handler", "the sender had passed on another's signal")
def _(truth):
    sender(truth, first_number=15, first_sender_pid=78)
    pretend(truth, "sent-by-process", {"kind": "process", "id": 77}, signal_of(truth), "observed")


@lie("in-no-handler", "the process was in a handler")
def _(truth):
    sender(truth, first_number=11)
    pretend(truth, "own-process-signal", {"kind": "process", "id": truth.report["crash"]["pid"]}, signal_of(truth), "observed")


@lie("handled-is-node", "the handler was called for another signal")
def _(truth):
    sender(truth, first_number=15)
    pretend(truth, "handled-signal", {"kind": "signal", "id": 10}, signal_of(truth), "observed")


@lie("number-is-node", "another signal than the process died of")
def _(truth):
    pretend(truth, "sent-by-kernel", {"kind": "signal", "id": 31}, signal_of(truth))


@lie("kernel-filled-pid", "with sigqueue(3) the sender chose the pid")
def _(truth):
    if truth.report["signal"]["code"] != -1:
        need(None)
    pretend(truth, "sent-by-process", {"kind": "process", "id": 77}, {"kind": "note", "id": 0x53494749, "address": None}, "computed")


@lie("in-sending-call", "the thread's system call sends nothing")
def _(truth):
    pretend(truth, "own-signal", CODE, {"kind": "register", "id": 15, "address": "0x1"})


@lie("frames-unwound", "a guessed frame is called unwound")
def _(truth):
    frames = next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"]
    frames[0]["trust"] = "scan"
    pretend(truth, "terminated", {"kind": "code", "start": frames[0]["pc"]}, frame())


@lie("no-complaint", "the C library had printed why")
def _(truth):
    truth.report["crash"]["abort_message"] = "free(): invalid pointer"
    pretend(truth, "called-abort", CODE, frame())


@lie("no-sanitizer", "a sanitizer is on the stack")
def _(truth):
    next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"][0]["function"] = "__asan_report_error"
    pretend(truth, "called-abort", CODE, frame())


@lie("no-throw", "an exception was being thrown")
def _(truth):
    next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"][0]["function"] = "__cxa_throw"
    pretend(truth, "terminated", CODE, frame())


@lie("frames-named", "a caller has no name")
def _(truth):
    next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"][0]["function"] = None
    pretend(truth, "called-abort", CODE, frame())


@lie("no-return-taken", "a return address was a uretprobe's")
def _(truth):
    next(thread for thread in truth.report["threads"] if thread["crashed"])["frames"][-1]["trust"] = "restored"
    pretend(truth, "unrecovered-panic", CODE, frame())


@lie("is-seccomp-signal", "a fault is called seccomp's doing")
def _(truth):
    pretend(truth, "refused-call", {"kind": "signal", "id": 31}, signal_of(truth))


@lie("by-seccomp", "a signal of another's is called seccomp's")
def _(truth):
    pretend(truth, "refused-call", {"kind": "signal", "id": 31}, signal_of(truth))


@lie("other-system-call", "the refused call was the trampoline's")
def _(truth):
    if truth.report["signal"]["number"] != 31:
        need(None)
    changed = bytearray(open(truth.core, "rb").read())
    at = changed.find(bytes.fromhex("1f000000000000000100000000000000"))
    changed[at + 24:at + 28] = (335).to_bytes(4, "little")
    truth.core = truth.place + ".core"
    open(truth.core, "wb").write(changed)
    pretend(truth, "refused-call", {"kind": "signal", "id": 31}, {"kind": "note", "id": 0x53494749, "address": None})


@lie("word-in-core", "a word that the core does not hold was overwritten")
def _(truth):
    pretend(truth, "overwritten-return", WORD, {"kind": "memory", "id": None, "address": "0x1230"})


@lie("returned-there", "a word was returned to, and the thread is elsewhere")
def _(truth):
    from core import Core
    core = Core(truth.core)
    sp = core.registers()["rsp"] & -8
    start = next((place for place in range(sp, sp + 4096, 8) if 0 < (core.word(place) or 0) < 1 << 20), None)
    pretend(truth, "overwritten-return", {"kind": "word", "start": "0x%x" % need(start), "end": "0x%x" % (start + 8)},
            {"kind": "memory", "id": None, "address": "0x%x" % start})


@lie("stack-ran-out", "the thread was in the middle of its stack")
def _(truth):
    from core import Core
    sp = Core(truth.core).registers()["rsp"]
    pretend(truth, "ran-off-stack", {"kind": "stack", "start": "0x%x" % (sp - (64 << 20)), "end": "0x%x" % (sp + 4096)},
            {"kind": "frame", "id": None, "address": None})


@lie("access-is-end", "a write past the stack, which was elsewhere")
def _(truth):
    pretend(truth, "ran-off-the-top", {"kind": "access", "start": "0x1234", "end": "0x1235"}, signal_of(truth))


@lie("stops-program", "an instruction that stops nothing")
def _(truth):
    from core import Core
    core = Core(truth.core)
    sp = core.registers()["rsp"]
    need(core.read(sp, 2))
    pretend(truth, "stop-instruction", {"kind": "code", "start": "0x%x" % sp}, {"kind": "memory", "id": None, "address": "0x%x" % sp})


@lie("breakpoint-in-core", "a breakpoint that the core does not hold")
def _(truth):
    pretend(truth, "foreign-breakpoint", CODE, signal_of(truth))


@lie("trap-of-breakpoint", "a fault is called a breakpoint's trap")
def _(truth):
    if truth.report["signal"]["code"] in (1, 128):
        need(None)
    pretend(truth, "foreign-breakpoint", CODE, signal_of(truth))


@lie("is-trampoline-fault", "a fault of the program's is called the trampoline's")
def _(truth):
    pretend(truth, "no-return-instance", CODE, signal_of(truth))


@lie("kernel-sent-it", "the kernel did not send it of its own")
def _(truth):
    pretend(truth, "no-return-instance", CODE, signal_of(truth))


def pending(truth, **changes):
    row = {"id": 1, "signal_id": signal_of(truth)["id"], "tid": 1, "depth": 0, "function": 0x5000, "stack": 0x1230, "return_address": 1,
           "chained": 0, "device_major": 0, "device_minor": 0, "inode": 0, "offset": 0, **changes}
    truth.execute(f"INSERT OR REPLACE INTO return_instance ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())


@lie("slot-was-pending", "another slot was pending")
def _(truth):
    pending(truth, stack=0x9990)
    pretend(truth, "pending-return-passed", WORD, {"kind": "instance", "id": 1, "address": None})


@lie("not-pending", "the kernel had that return pending")
def _(truth):
    pending(truth)
    pretend(truth, "orphaned-trampoline", WORD, signal_of(truth))


@lie("probe-was-seen", "a uretprobe that nobody saw")
def _(truth):
    pretend(truth, "return-taken-wrong", {"kind": "probe", "start": "0x1234"}, {"kind": "memory", "id": None, "address": "0x1230"})


@lie("slot-of-probe", "the pending return was another function's")
def _(truth):
    pending(truth)
    pretend(truth, "return-taken-wrong", {"kind": "probe", "start": "0x1234"}, {"kind": "instance", "id": 1, "address": None})
