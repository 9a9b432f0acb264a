# SPDX-License-Identifier: MIT
"""Relations and showings of links about signals, stacks' frames, and uretprobes; relations.py and alternatives.py list them."""
import re

from case import number

SENDING_CALLS = {62, 129, 200, 234, 297, 424}  # kill, rt_sigqueueinfo, tkill, tgkill, rt_tgsigqueueinfo, pidfd_send_signal
ORIG_RAX, RIP, RSP = 15, 16, 19
SIGILL, SIGTRAP, SIGSYS = 4, 5, 31
SI_KERNEL, SI_QUEUE, SYS_SECCOMP, TRAP_BRKPT, URETPROBE_CALL = 128, -1, 1, 1, 335
SANITIZERS = re.compile(r"^_?_*(asan|ubsan|tsan|msan|lsan|hwasan|sanitizer)_|^__sanitizer")
THROWING = re.compile(r"^(__cxa_(re)?throw|_Unwind_(RaiseException|Resume(_or_Rethrow)?|ForcedUnwind))$")
STOPS = (b"\xf4", b"\xcc", b"\xcd\x03", b"\x0f\x0b", b"\xcd\x29")
NEAR_BYTES = 1 << 20


def siginfo(case):
    return case.core.siginfo() if case.core else None


def sending(case):
    """The row of signal_sender of the fatal signal; None where nobody recorded it."""
    if not case.record or not case.record.signal:
        return None
    return case.record.base.execute("SELECT * FROM signal_sender WHERE signal_id = ?", (case.record.signal["id"],)).fetchone()


def own_pids(case):
    return {case.report["crash"]["pid"]} | ({case.record.process["pid"], case.record.process["namespace_pid"]} if case.record else set())


def node_number(link):
    return number(link["node"]["start"]) or 0


# ---- relations ----


def frame_on_stack(case, link, before):
    """The node is a frame of the crashed thread; an allocator may have failed in another."""
    index, pc = link["node"]["id"] or 0, node_number(link)
    if link["node"]["kind"] != "code":
        return
    pcs = {number(frame["pc"]) for frame in case.frames} | {case.register(RIP)}
    if index >= 0 and index < len(case.frames) and number(case.frames[index]["pc"]) != pc and pc not in pcs:
        yield f"frame {index} is at {case.frames[index]['pc']}, not {pc:#x}"
    elif pc and pc not in pcs and pc not in {number(frame["pc"]) for thread in case.report["threads"] for frame in thread["frames"]}:
        yield "no frame is there"


def sent_it_itself(case, link, before):
    """The signal's sender is the process, or the thread is in the call that sends it."""
    row, info = sending(case), siginfo(case)
    pids = {row["pid"]} if row else {info[3]} if info and info[1] <= 0 else set()
    rax = case.core.registers(case.report["crash"]["tid"]).get("orig_rax") if case.core else None
    if pids and not pids & own_pids(case) and rax not in SENDING_CALLS:
        yield f"process {min(pids)} sent the signal"


def sender_is_node(case, link, before):
    row, info, wanted = sending(case), siginfo(case), link["node"]["id"] or 0
    known = set()
    if row:
        known |= {row["pid"], row["first_sender_pid"]}
    if info and info[1] <= 0:
        known.add(info[3])
    if case.record and case.record.signal:
        known.add(case.record.signal["sender_pid"])
    if known & own_pids(case):
        known |= own_pids(case)
    if known and wanted not in known:
        yield f"process {wanted} is not the sender that was recorded, nor siginfo's"


def number_is_node(case, link, before):
    if (link["node"]["id"] or 0) != case.report["signal"]["number"]:
        yield f"the signal was {case.report['signal']['number']}"


def handled_is_node(case, link, before):
    row = sending(case)
    if row and link["basis"] == "observed" and row["first_number"] and link["node"]["id"] != row["first_number"]:
        yield f"the handler was called for signal {row['first_number']}"


def is_seccomp_signal(case, link, before):
    info, first = siginfo(case), sending(case)
    if link["basis"] == "observed" and first and first["first_number"] == SIGSYS:
        return
    if case.report["signal"]["number"] != SIGSYS or (info and info[1] != SYS_SECCOMP):
        yield "the signal is not seccomp's"


def is_trampoline_fault(case, link, before):
    if case.report["signal"]["number"] != SIGILL or case.report["signal"]["code"] != SI_KERNEL:
        yield "the signal is not SIGILL of the kernel's own"
    if node_number(link) != case.register(RIP) and case.register(RIP) is not None:
        yield "the thread was elsewhere"


def word_in_core(case, link, before):
    if case.core and case.core.word(node_number(link)) is None:
        yield f"the core does not hold the word at {node_number(link):#x}"


def returned_there(case, link, before):
    """The word is where the thread is, or what a return was refused for."""
    word = case.core.word(node_number(link)) if case.core else None
    text = case.end["instruction"] or ""
    known = {case.register(RIP), case.address} | {number(frame["pc"]) for frame in case.frames}
    if word is not None and word not in known and not text.startswith("ret") and word + 1 not in known:
        yield f"the word at {node_number(link):#x} is {word:#x}, and the thread is not there"


def stack_ran_out(case, link, before):
    """The stack pointer, or what was touched, is by the lower end of the node's stack."""
    start, end = node_number(link), number(link["node"]["end"]) or 0
    rsp = case.register(RSP)
    if link["node"]["kind"] == "register":
        if rsp is not None and start != rsp:
            yield "the stack pointer had another value"
        return
    # A large frame may jump far below the stack; a goroutine's pointer is not in the register.
    room = max(NEAR_BYTES // 16, (end - start) // 4)
    places = {rsp, case.address} | {number(item["address"]) for item in link["citations"] if item["kind"] in ("memory", "register")}
    near = [place for place in places if place is not None and start - (1 << 32) <= place <= start + room]
    if places != {None} and not near:
        yield "neither the stack pointer nor the access is by the stack's lower end"


def access_is_end(case, link, before):
    start, end = node_number(link), number(link["node"]["end"]) or 0
    if case.address is None or not start <= case.address < end:
        yield "the end's access is elsewhere"


def stops_program(case, link, before):
    code = case.core.read(node_number(link), 2) if case.core else None
    if code and not code.startswith(STOPS):
        yield f"the core has {code.hex()} there, which stops nothing"


def breakpoint_in_core(case, link, before):
    code = case.core.read(node_number(link), 1) if case.core else None
    if code and code != b"\xcc":
        yield "the core has no breakpoint there"
    if case.report["signal"]["number"] != SIGTRAP:
        yield "the signal was no trap"


def slot_was_pending(case, link, before):
    item = next((item for item in link["citations"] if item["kind"] == "instance"), None)
    row = case.record.row("return_instance", item["id"]) if case.record and item and item["id"] else None
    if row and row["stack"] & ((1 << 64) - 1) != node_number(link):
        yield "the pending return had another slot"


def probe_was_seen(case, link, before):
    found = [probe for probe in case.report["probes"] if number(probe["address"]) == node_number(link) and probe["seen_in"]]
    if not found:
        yield "no probe was seen there"
    elif all(probe["kind"] == "uprobe" for probe in found):
        yield "the probe there takes no return address"


RELATIONS = (frame_on_stack, sent_it_itself, sender_is_node, number_is_node, handled_is_node, is_seccomp_signal, is_trampoline_fault,
             word_in_core, returned_there, stack_ran_out, access_is_end, stops_program, breakpoint_in_core, slot_was_pending,
             probe_was_seen)


# ---- what rules out ----


def sender_is_self(case, link, before, cited):
    yield from sent_it_itself(case, link, before)
    info = siginfo(case)
    if cited["kind"] == "note" and info and info[1] == SI_QUEUE:
        yield "with SI_QUEUE the sender chooses the pid"


def in_sending_call(case, link, before, cited):
    if (number(cited["address"]) or 0) not in SENDING_CALLS:
        yield "that system call sends no signal"


def sending_recorded(case, link, before, cited):
    row = sending(case)
    if not row:
        yield "nobody recorded the sending"


def not_in_handler(case, link, before, cited):
    row = sending(case)
    if not row:
        yield "nobody recorded the sending"
    elif row["first_number"] and row["first_sender_pid"] and row["first_sender_pid"] != row["pid"]:
        yield f"the sender was in a handler for signal {row['first_number']}"


def in_no_handler(case, link, before, cited):
    row = sending(case)
    if not row or row["first_number"]:
        yield "the sender was in a handler, or nobody saw it"


def kernel_filled_pid(case, link, before, cited):
    info = siginfo(case)
    if info and not (info[1] in (0, -6) or info[1] > 0):
        yield "the sender may have chosen what siginfo says"


def frames_unwound(case, link, before, cited):
    """No frame up to the cited one is a guess."""
    for index, frame in enumerate(case.frames[:(cited["id"] or 0) + 1]):
        if frame["trust"] in ("scan", "lost"):
            yield f"frame {index} is a guess ({frame['trust']})"
            return


def no_complaint(case, link, before, cited):
    if case.report["crash"]["abort_message"]:
        yield "the C library had left a message"


def named(case, pattern, cited=None):
    frames = case.frames if cited is None else case.frames[:(cited["id"] or 0) + 1]
    return next((frame["function"] for frame in frames if frame["function"] and pattern.match(frame["function"])), None)


def no_sanitizer(case, link, before, cited):
    if named(case, SANITIZERS, cited):
        yield f"{named(case, SANITIZERS, cited)} is on the stack"


def no_throw(case, link, before, cited):
    if named(case, THROWING):
        yield f"{named(case, THROWING)} is on the stack"


def frames_named(case, link, before, cited):
    for index, frame in enumerate(case.frames[:(cited["id"] or 0) + 1]):
        if not frame["function"]:
            yield f"frame {index} has no name"
            return


def no_return_taken(case, link, before, cited):
    """No frame on the stack had its return address taken. A frame above what is cited may have been."""
    if any(frame["trust"] in ("restored", "inferred") for frame in case.frames):
        yield "a return address on the stack was taken by a uretprobe"


def other_system_call(case, link, before, cited):
    info = case.core.note(0x53494749) if case.core else None
    if info and len(info) >= 28 and case.report["signal"]["number"] == SIGSYS and \
            int.from_bytes(info[24:28], "little") == URETPROBE_CALL:
        yield "the call is that of a uretprobe's trampoline"


def by_seccomp(case, link, before, cited):
    yield from is_seccomp_signal(case, link, before)


def trap_of_breakpoint(case, link, before, cited):
    if case.report["signal"]["code"] not in (SI_KERNEL, TRAP_BRKPT):
        yield "the trap's code is not that of a breakpoint"


def not_pending(case, link, before, cited):
    if not case.record or not case.record.signal:
        return
    rows = case.record.rows("SELECT 1 FROM return_instance WHERE signal_id = ? AND stack = ?", case.record.signal["id"], node_number(link))
    if rows:
        yield "the kernel had that return pending"


def kernel_sent_it(case, link, before, cited):
    if case.report["signal"]["code"] != SI_KERNEL:
        yield "the kernel did not send it of its own"


def slot_of_probe(case, link, before, cited):
    """The cited slot is one that the link cites as well, or the pending return's function is the probe."""
    if cited["kind"] == "instance" and case.record:
        row = case.record.row("return_instance", cited["id"]) if cited["id"] else None
        if row and row["function"] & ((1 << 64) - 1) != node_number(link):
            yield "the pending return is of another function"
    elif not any(item["kind"] == cited["kind"] and item["address"] == cited["address"] for item in link["citations"]):
        yield "the link does not cite that slot"


SHOWS = (sender_is_self, in_sending_call, sending_recorded, not_in_handler, in_no_handler, kernel_filled_pid, frames_unwound,
         no_complaint, no_sanitizer, no_throw, frames_named, no_return_taken, other_system_call, by_seccomp, trap_of_breakpoint,
         not_pending, kernel_sent_it, slot_of_probe)
