# SPDX-License-Identifier: MIT
"""Follows each citation to what it names: a row of the database, bytes, a note or a mapping of the core, a frame or register of the
report."""
import re

from case import number
from record import MASK

FOLLOWED = ("event", "signal", "memory", "frame", "heap", "register", "mapping", "coverage", "instance", "file", "note", "truncation")


def check_all(case):
    for link in case.links:
        for cited in link["citations"]:
            follow(case, cited, link["kind"])
        for alternative in link["alternatives"]:
            if alternative["citation"]:
                follow(case, {**alternative["citation"], "text": None}, f"{link['kind']}/{alternative['name']}")
    for cited in case.cause["background"] if case.links else ():
        follow(case, cited, "background")
    for name in ("culprit", "suspect"):
        accused = case.report[name]
        # A suspect's frame may be cited by any instruction of its function.
        if accused and not (name == "suspect" and accused["act"]["kind"] == "frame"):
            follow(case, {**accused["act"], "text": None}, name)


def follow(case, cited, where):
    why = FOLLOW[cited["kind"]](case, cited)
    if why:
        case.fail("citation", f"{where}: {cited['kind']} {cited['id']} {cited['address'] or ''}: {why}")


def needs_record(case):
    return None if case.record else "there is no record of this process"


def follow_event(case, cited):
    if not case.record:
        return needs_record(case)
    event = case.event(cited["id"])
    if not event:
        row = case.record.row("event", cited["id"]) if cited["id"] else None
        return "it is of another process, or after the death" if row else "no such row"
    return told_wrongly(event, cited["text"])


def told_wrongly(event, text):
    """Does the sentence say another call than the row?"""
    if not text:
        return None
    thread = re.search(r"by thread (\d+)", text)
    if thread and int(thread.group(1)) != event.tid:
        return f"the row is of thread {event.tid}, the sentence says {thread.group(1)}"
    call = re.search(r"\b(mmap|munmap|mremap|mprotect|pkey_mprotect|madvise|brk|shmat|shmdt)\(([^)]*)\)", text)
    if call:
        if call.group(1) != event.name:
            return f"the row is {event.name}, the sentence says {call.group(1)}"
        known = set(event.args) | {event.result & MASK}
        for word in re.findall(r"0x[0-9a-f]+", call.group(2)):
            if int(word, 16) not in known:
                return f"the row has no argument {word}"
    return None


def follow_heap(case, cited):
    if not case.record:
        return needs_record(case)
    row = case.record.row("heap", cited["id"]) if cited["id"] else None
    if not row:
        return "no such row"
    if not case.record.belongs(row):
        return "it is of another process, or after the death"
    thread = re.search(r"by thread (\d+)", cited["text"] or "")
    if thread and int(thread.group(1)) != row["tid"]:
        return f"the row is of thread {row['tid']}"
    address = number(cited["address"])
    if address is not None and address not in (row["block"] & MASK, row["old_block"] & MASK) and \
            not row["block"] & MASK <= address <= (row["block"] & MASK) + row["size"]:
        return "the row is of another block"
    return None


def follow_signal(case, cited):
    address = number(cited["address"])
    if cited["id"] and case.record:
        row = case.record.row("signal", cited["id"])
        if not row:
            return "no such row"
        if row["process_id"] != case.record.process_id:
            return "it is of another process"
        known = {row["address"] & MASK, row["rip"] & MASK, case.address, number(case.report["signal"]["address"])}
        known |= {sent["first_address"] & MASK for sent in case.record.rows("SELECT * FROM signal_sender WHERE signal_id = ?", cited["id"])}
        if address is not None and address not in known:
            return "the row has another address"
        return None
    if cited["id"]:
        return needs_record(case)
    info = case.core.siginfo() if case.core else None
    if info and info[0] != case.report["signal"]["number"]:
        return "the core's siginfo is of another signal"
    if address is not None and address not in (case.address, number(case.report["signal"]["address"]), case.register(16),
                                               case.register(19)):
        return "neither the signal nor the end has that address"
    return None


def follow_memory(case, cited):
    address = number(cited["address"]) or 0
    if not case.core or not address:
        return None if case.core or case.record else "there is no core"
    segment = case.core.segment(address)
    if segment and segment.start + segment.bytes_in_core > address:
        return None
    if case.core.file_at(address) or (segment and never_written(case, segment)):
        return None
    return "the core has no bytes there, and no file that holds them"


def never_written(case, segment):
    """Anonymous memory that the kernel left out of a core that has such memory: nothing was ever stored in it, so that it is zero
    (fs/coredump.c, vma_dump_size: no anon_vma); unless the program asked for it to be left out (MADV_DONTDUMP)."""
    has_anonymous = any(other.bytes_in_core and other.flags & 2 and not case.core.file_at(other.start) for other in case.core.segments)
    asked = any(event.name == "madvise" and event.args[2] == 16 and event.args[0] < segment.end and
                event.args[0] + event.args[1] > segment.start for event in case.record.events()) if case.record else False
    return not segment.bytes_in_core and has_anonymous and not asked


def follow_frame(case, cited):
    index, address = cited["id"] or 0, number(cited["address"])
    if not 0 <= index < len(case.frames):
        return f"the crashed thread has {len(case.frames)} frames"
    pc = number(case.frames[index]["pc"])
    # A frame may be cited by its return address or by the call before it.
    if address and case.end["before_handler"]:
        return None if any(number(frame["pc"]) - 16 <= address <= number(frame["pc"]) + 1 for frame in case.frames) else \
            "no frame has that pc"
    return None if not address or pc - 16 <= address <= pc + 1 else f"that frame's pc is {pc:#x}"


def follow_register(case, cited):
    value, known = number(cited["address"]) or 0, case.register(cited["id"] or 0)
    if known is not None and known != value:
        return f"its value was {known:#x}"
    if case.core and not case.end["before_handler"]:
        import core
        name = core.REGISTERS[cited["id"] or 0] if (cited["id"] or 0) < len(core.REGISTERS) else None
        held = case.core.registers(case.report["crash"]["tid"]).get(name)
        if held is not None and held != value:
            return f"the core's value is {held:#x}"
    return None


def follow_mapping(case, cited):
    address = number(cited["address"])
    if not case.core:
        return "there is no core"
    if address is None:
        return None if not case.core.segment(0) else "the core maps address 0"
    segment = case.core.segment(address)
    if segment and segment.start != address:
        return f"the core has a mapping there, which starts at {segment.start:#x}"
    return None


def follow_coverage(case, cited):
    if not case.record:
        return needs_record(case)
    return case.record.covers(cited["id"] or 0)


def follow_instance(case, cited):
    if not case.record:
        return needs_record(case)
    row = case.record.row("return_instance", cited["id"]) if cited["id"] else None
    if not row:
        return "no such row"
    death = (row["signal_id"], case.record.signal and case.record.signal["id"]) if row["signal_id"] else \
        (row["exit_state_id"], case.record.exit_state and case.record.exit_state["id"])
    return None if death[0] == death[1] else "it is of another death"


def follow_truncation(case, cited):
    if not case.record:
        return needs_record(case)
    row = case.record.row("truncation", cited["id"]) if cited["id"] else None
    if not row:
        return "no such row"
    if row["recording_id"] != case.record.recording["id"]:
        return "it is of another recording"
    return "it came after the death" if row["enter_ns"] > case.record.time_ns else None


def follow_file(case, cited):
    return None  # a file of the host: what it was then, nobody can tell now


def follow_note(case, cited):
    if not case.core:
        return "there is no core"
    return None if case.core.note(cited["id"] or 0) is not None else "the core has no such note"


FOLLOW = {name: globals()[f"follow_{name}"] for name in FOLLOWED}
