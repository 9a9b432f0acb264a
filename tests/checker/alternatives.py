# SPDX-License-Identifier: MIT
"""What a citation must show to rule out an alternative, recomputed. Each function yields why it does not; kinds.json names them.
They are asked of alternatives that are ruled out only."""
import itertools
import re

import heap
import signals
import space
from case import number
from relations import STACK_REACH, call_of, current, place_before, some, span_of, truncation_of

FREES = re.compile(r"^(cfree|free|realloc|__libc_free|_int_free(_.*)?|munmap_chunk|_ZdlPv.*|_ZdaPv.*|operator delete.*)$")
NEEDED = {"read": 4, "write": 2, "execute": 1}


def covered_since_node(case, link, before, cited):
    """The coverage begins no later than the node's call."""
    call = call_of(case, link) if link["node"]["kind"] in ("call", "mapping") else None
    times = [call.enter_ns] if call else []
    row = truncation_of(case, link)
    if min(times + ([row["enter_ns"]] if row else []), default=cited["id"] or 0) < (cited["id"] or 0):
        yield "the coverage begins after the call that it is about"


def unmapped_in_core(case, link, before, cited):
    address = number(cited["address"]) or 0
    if address & -space.PAGE != (case.address or 0) & -space.PAGE:
        yield "it is about another page"
    if case.core and case.core.segment(address) and not case.end["before_handler"]:
        yield "the core has a mapping there"


def kernel_gave_address(case, link, before, cited):
    """The signal came from the processor, with this address."""
    address, code = number(cited["address"]) or 0, case.report["signal"]["code"]
    if case.end["before_handler"]:
        signal = case.report["fault"]["signal"] or {}
        code = signal.get("code", code)
        given = number(signal.get("address"))
    else:
        given = number(case.report["signal"]["address"])
    row = case.record.row("signal", cited["id"]) if case.record and cited["id"] else None
    if row:
        code, given = row["code"], row["address"] & ((1 << 64) - 1)
    if code is None or not 0 < code < 128:
        yield "the signal carries no address of the processor's"
    elif given is not None and address != given:
        yield f"the kernel gave {given:#x}"
    if case.address is not None and address != case.address:
        yield f"the end is at {case.end['address']}"


def one_history(case, link, before, cited):
    """All orders of the calls lead to the same."""
    address = place_before(case, before) if before else case.address
    found = case.histories(address, case.moment()) if case.record else None
    if found is not None and len({(history[-1].born, history[-1].died, history[-1].protected) for history in found if history}) > 1:
        yield "by their times the calls may have come in another order"


def range_not_remade(case, link, before, cited):
    first, second = case.event(cited["id"]), call_of(case, link)
    if first and second:
        if space.removed(first) != space.removed(second):
            yield "the call cited is no munmap of this range"
        elif space.covers_whole(case.record, *space.removed(second), first, second):
            yield "every page of the range was mapped again before the second munmap"


def calls_disjoint(case, link, before, cited):
    born, second = case.event(cited["id"]), call_of(case, link)
    firsts = [case.event(item["id"]) for item in link["citations"] if item["kind"] == "event"]
    first = next((call for call in firsts if call and call.name == "munmap"), None)
    if born and second and first and not first.exit_ns < born.enter_ns <= born.exit_ns < second.enter_ns:
        yield "two of the calls overlap in time"


def another_caller(case, link, before, cited):
    """The cited call was made by other code, or where that is not known by another thread, than the act."""
    other, act = case.event(cited["id"]), call_of(case, link)
    if not other or not act:
        return
    if other.id == act.id:
        yield "the call cited is the act itself"
        return
    one, two = case.caller(other), case.caller(act)
    if one and two and one[0] == two[0]:
        yield f"{one[0]} made both calls"
    elif not (one and two) and other.tid == act.tid and one == two:
        yield "nothing tells the two callers apart"


def only_this_mapping(case, link, before, cited):
    call = case.event(cited["id"])
    if call and before:
        start, end = span_of(before)
        for act in space.acts(call):
            if act.how == "unmap" and (act.start < start or act.end > end):
                yield f"the call unmapped {act.start:#x}-{act.end:#x}, more than {start:#x}-{end:#x}"


def no_earlier_life(case, link, before, cited):
    """No mapping of another ended at the address before the one in question was made; those that were replaced by their own
    maker, and what the loader maps to read, do not count."""
    address = case.address
    born = cited["id"]

    def earlier(history):
        lives = list(itertools.takewhile(lambda life: life.born != born, history))
        return [life for life in lives if life.died != born and not is_excused(case, life)]
    if case.record and not some(case, address, lambda history: not earlier(history), False, case.moment()):
        yield "another mapping had been there before, and ended"


def is_excused(case, life):
    born, died = case.event(life.born), case.event(life.died)
    if not born or not died:
        return True
    path = case.record.path(born.file_id) or ""
    if path.endswith("/ld.so.cache") or died.name == "mmap":
        return True
    one, two = case.caller(born), case.caller(died)
    return died.name == "madvise" or bool(one and two and one == two and died.name == "mremap")


def no_heap_block(case, link, before, cited):
    """The call was not free()'s: heap calls were recorded, and no block lay there before it; or its stack shows no free."""
    call = case.event(cited["id"])
    if not call:
        return
    frames = case.frames_of(call)
    if any(FREES.match(frame["function"] or "") for frame in frames):
        yield "the call's stack shows a free"
    block = case.record.rows("SELECT 1 FROM heap WHERE space_id = ? AND block <= ? AND block + size > ? AND enter_ns < ? LIMIT 1",
                             case.record.space_id, case.address, case.address, call.enter_ns) if (case.address or 0) < 1 << 63 else []
    if block:
        yield "a block of the heap lay there"


def core_refuses_access(case, link, before, cited):
    segment = case.core.segment(number(cited["address"]) or 0) if case.core else None
    if case.core and not segment:
        yield "the core has no mapping there"
    elif segment and not segment.start <= (case.address or 0) < segment.end:
        yield "the mapping cited is not that of the end's address"


def was_executable(case, link, before, cited):
    call = case.event(cited["id"])
    if call and call.name in ("seen", "mmap") and not call.args[2] & space.EXEC and not some(
            case, number(link["node"]["start"]),
            lambda history: any(life.born == call.id and (life.protection is None or life.protection & space.EXEC)
                                for life in history), False):
        yield "what was there before was not executable"


def page_is_zero(case, link, before, cited):
    page = (number(cited["address"]) or 0) & -space.PAGE
    data = case.core.read(page, space.PAGE) if case.core else None
    # The crashing functions may have stored a word or two since.
    if data is not None and sum(bool(any(data[at:at + 8])) for at in range(0, space.PAGE, 8)) > 16:
        yield "the page is not zero"


def made_before_act(case, link, before, cited):
    born = case.event(cited["id"])
    if born and not some(case, case.address, lambda history: current(history) and current(history).born == born.id, False,
                         case.moment()):
        yield "the call cited did not make the mapping that is there"


def far_from_stack(case, link, before, cited):
    value = number(cited["address"]) or 0
    if case.address is not None and abs(case.address - value) < STACK_REACH:
        yield "the fault is near the stack pointer"


def reached_page(case, link, before, cited):
    call, address = case.event(cited["id"]), place_before(case, before)
    if call and not any(act.start <= address < act.end and not act.maybe for act in space.acts(call)):
        yield "the call may not have come so far"


def no_writable_below(case, link, before, cited):
    """By a mapping: nothing writable right below. By a frame: the address is a constant of the instruction."""
    if cited["kind"] == "frame":
        operand = next((o for o in case.report["fault"]["operands"] if o.get("faulted")), None)
        if operand and re.search(r"\b(?!rip)(r[a-z0-9]{1,2}|e[a-z]{2})\b", operand["text"] or ""):
            yield "the address is no constant of the instruction"
        return
    start = span_of(before)[0] if before else 0
    segment = case.core.segment(start - 1) if case.core and start else None
    if segment and segment.flags & 2:
        yield "a writable mapping ends right below"


def register_is_value(case, link, before, cited):
    if (cited["id"] or 0) != (link["node"]["id"] or 0) or number(cited["address"]) != number(link["node"]["start"]):
        yield "it is another register or value"


def used_by_caller(case, link, before, cited):
    call = case.event(cited["id"])
    made = case.caller(call) if call else None
    used = next((frame["module"] for frame in case.frames if frame["module"]), None)
    if made and made[0] not in [frame["module"] for frame in case.frames]:
        yield f"{made[0]} made the call, {used} used the pointer"


def only_failed_call(case, link, before, cited):
    act = call_of(case, link)
    if act and cited["id"] != act.id:
        yield "it cites another call"
    others = [event for event in case.record.events() if event.failed and event.name in ("mmap", "mremap", "shmat") and
              act and event.tid == act.tid and event.id != act.id] if case.record else []
    if others:
        yield f"call {others[0].id} of the same thread failed too"


def leaves_too_short(case, link, before, cited):
    row = case.record.row("truncation", cited["id"]) if case.record else None
    page = span_of(link)[0]
    if row and not (row["new_bytes"] <= page or row["offset"] <= page < row["offset"] + row["length"]):
        yield "the call left the page in the file"


def same_file(case, link, before, cited):
    """By device and inode the truncated file is the one that is mapped there."""
    row = case.record.row("truncation", cited["id"]) if case.record else None
    mapped = {event.file_id for event in case.record.events() if event.file_id and
              space.added(event)[0] <= (case.address or 0) < space.added(event)[1]} if case.record else ()
    if not row or not mapped:
        return
    names = ("device_major", "device_minor", "inode")
    files = [tuple(case.record.row("file", number_of)[name] for name in names) for number_of in mapped]
    cut = case.record.row("file", row["file_id"])
    if not cut or tuple(cut[name] for name in names) not in files:
        yield "the call was on another file"


def mapped_before_loss(case, link, before, cited):
    row, born = truncation_of(case, link), case.event(cited["id"])
    if row and born and born.enter_ns > row["exit_ns"]:
        yield "the file was mapped after it was truncated"


def ended_before_death(case, link, before, cited):
    row = case.record.row("truncation", cited["id"]) if case.record else None
    if row and row["exit_ns"] >= case.record.time_ns:
        yield "the call was still under way"


def by_loader(case, link, before, cited):
    """The call's stack holds an address of the dynamic linker."""
    call = case.event(cited["id"])
    paths = {case.modules.path(word, call.exit_ns) for word in case.record.stack_words(call) if word} if call else set()
    names = {path.rsplit("/", 1)[-1] for path in paths if path}
    if call and names and not any(name.startswith(("ld-", "ld.so", "libc.", "libc-")) for name in names):
        yield "the dynamic linker is not on the call's stack"


def stack_elsewhere(case, link, before, cited):
    start, end = span_of(link)
    if start <= (number(cited["address"]) or 0) <= end:
        yield "the stack pointer lies in it"


def one_failure(case, link, before, cited):
    """Other failed calls for memory of this thread follow each other directly: attempts of one."""
    act = case.event(cited["id"])
    own = [event for event in case.record.events() if event.tid == act.tid] if act else []
    last = None
    for index, event in enumerate(own):
        if event.failed and event.name in ("mmap", "mremap", "shmat") and event.id <= act.id:
            if last is not None and index - last > 4:
                yield f"call {own[last].id} of the same thread failed too"
            last = index


SHOWS = {function.__name__.replace("_", "-"): function for function in (
    covered_since_node, unmapped_in_core, kernel_gave_address, one_history, range_not_remade, calls_disjoint, another_caller,
    only_this_mapping, no_earlier_life, no_heap_block, core_refuses_access, was_executable, page_is_zero, made_before_act,
    far_from_stack, reached_page, no_writable_below, register_is_value, used_by_caller, only_failed_call, leaves_too_short, same_file,
    mapped_before_loss, ended_before_death, by_loader, stack_elsewhere, one_failure)}
SHOWS |= {function.__name__.replace("_", "-"): function for function in signals.SHOWS + heap.SHOWS}


def check_all(case, kinds):
    before = None
    for link in case.links:
        rules = kinds.get(link["kind"], {}).get("alternatives", {})
        for alternative in link["alternatives"]:
            cited, rule = alternative["citation"], rules.get(alternative["name"], {})
            if alternative["state"] != "ruled out" or not cited:
                continue
            shows = rule.get("by", {}).get(cited["kind"])
            for why in SHOWS[shows](case, link, before, cited) if shows else ():
                case.fail("shown", f"{link['kind']}/{alternative['name']}: {why} ({shows})")
        before = link
