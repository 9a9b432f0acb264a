# SPDX-License-Identifier: MIT
"""What must hold between a link's node and the node before it (the first one: the end), recomputed from core and record. Each
function yields what does not hold; kinds.json names them. What cannot be recomputed for want of core or record yields nothing."""
import heap
import signals
import space
from case import number
from record import overlap

STACK_REACH = 65536


def span_of(link):
    return number(link["node"]["start"]) or 0, number(link["node"]["end"]) or 0


def call_of(case, link):
    return case.event(link["node"]["id"])


def place_before(case, before):
    """The address that the story is about, at this link: a word or an instruction that was read, else what the end accessed."""
    if before and before["node"]["kind"] in ("word", "code"):
        return number(before["node"]["start"])
    return case.address


def without_scratch(case, history):
    """Without what the loader mapped there last, to read its cache."""
    while history and history[-1].died:
        born = case.event(history[-1].born)
        if not born or not (case.record.path(born.file_id) or "").endswith("/ld.so.cache"):
            break
        history = history[:-1]
    return history


def current(history):
    return history[-1] if history and not history[-1].died else None


def some(case, address, test, sure, until=None):
    """Does `test` hold in one history (sure: in each)? True when nothing can be told."""
    found = case.histories(address, until)
    if not found:
        return True
    return all(map(test, found)) if sure else any(map(test, found))


def is_sure(link, name="other-order"):
    """The link claims to know the order of the calls."""
    return any(alternative["name"] == name and alternative["state"] == "ruled out" for alternative in link["alternatives"])


# ---- nodes ----


def end_in_node(case, link, before):
    start, end = span_of(link)
    if case.address is None or not start <= case.address < end:
        yield f"the end's address {case.end['address']} is not in {start:#x}-{end:#x}"


def node_is_made(case, link, before):
    """The mapping is what the call of its node made, or a piece of it."""
    call, (start, end) = call_of(case, link), span_of(link)
    if not link["node"]["id"] or not case.record:
        return
    if not call:
        yield "the node's call is not in the record"
        return
    made = space.added(call)
    if not (made[0] <= start < end <= made[1]):
        yield f"call {call.id} made {made[0]:#x}-{made[1]:#x}, not {start:#x}-{end:#x}"


def node_is_call(case, link, before):
    """The call's range is the one that the node gives."""
    call, given = call_of(case, link), span_of(link)
    if not case.record:
        return
    if not call:
        yield "the node's call is not in the record"
    elif given[0] and given not in [(act.start, act.end) for act in space.acts(call)]:
        yield f"call {call.id} did nothing to {given[0]:#x}-{given[1]:#x}"


def gone_at_end(case, link, before):
    """The node's mapping was the last at the address, and had ended."""
    number_of = link["node"]["id"]
    if case.core and not case.end["before_handler"] and case.core.segment(case.address or 0):
        yield "the core has a mapping at the end's address"

    def test(history):
        history = without_scratch(case, history)
        return history and history[-1].born == number_of and history[-1].died
    if not some(case, case.address, test, is_sure(link), case.record and case.moment()):
        yield f"by the recorded calls the last mapping there was not that of call {number_of}, ended"


def ends_it(case, link, before):
    """The node's call ended the mapping of the node before, at the end's address."""
    born, died = before["node"]["id"], link["node"]["id"]

    def test(history):
        history = without_scratch(case, history)
        return history and (history[-1].born, history[-1].died) == (born, died)
    if not some(case, case.address, test, is_sure(before), case.record and case.moment()):
        yield f"by the recorded calls call {died} did not end the mapping of call {born}"


def second_of_range(case, link, before):
    """An earlier cited munmap of exactly this range, and the victim born between the two."""
    second, born = call_of(case, link), case.event(before["node"]["id"])
    cited = [case.event(item["id"]) for item in link["citations"] if item["kind"] == "event"]
    if not second or not born:
        return
    if second.name != "munmap":
        yield f"call {second.id} is {second.name}"
        return
    firsts = [call for call in cited if call and call.name == "munmap" and call.id != second.id and
              space.removed(call) == space.removed(second) and call.enter_ns < second.enter_ns]
    if not firsts:
        yield "no earlier munmap of the same range is cited"
        return
    first = firsts[-1]
    if born.id not in [call.id for call in cited if call]:
        yield "the victim's birth is not cited"
    if is_sure(link, "concurrent-calls") and not first.exit_ns < born.enter_ns <= born.exit_ns < second.enter_ns:
        yield "the victim was not born between the two"
    for event in case.record.events():
        start, end = space.added(event)
        if first.exit_ns < event.enter_ns and event.exit_ns < second.enter_ns and start < end and \
                start <= space.removed(second)[0] and end >= space.removed(second)[1]:
            yield f"call {event.id} mapped the whole range again in between"


def core_refuses(case, link, before):
    segment = case.core.segment(case.address or 0) if case.core else None
    needed = {"read": 4, "write": 2, "execute": 1}.get(case.end["access"])
    if not segment or case.end["before_handler"]:
        return
    if (segment.start, segment.end) != span_of(link) and not link["node"]["id"]:
        yield f"the core's mapping there is {segment.start:#x}-{segment.end:#x}"
    code = case.report["signal"]["code_name"]
    if needed and segment.flags & needed and code != "SEGV_PKUERR":
        yield f"the core's mapping there allows the {case.end['access']}"


def core_allows(case, link, before):
    segment = case.core.segment(case.address or 0) if case.core else None
    needed = {"read": 4, "write": 2, "execute": 1}.get(case.end["access"])
    if case.core and not segment:
        yield "the core has no mapping at the end's address"
    elif segment and needed and not segment.flags & needed:
        yield f"the core's mapping there refuses the {case.end['access']}"
    if case.report["signal"]["code_name"] != "SEGV_MAPERR" and not case.end["before_handler"]:
        yield "the signal was not SEGV_MAPERR"


def word_made_pointer(case, link, before):
    """The word that the core has there is a register's value at the end, or what was jumped to."""
    start, end = span_of(link)
    held = case.core.word(start) if case.core else None
    if held is None:
        if case.core and not case.core.file_at(start):
            yield f"the core does not hold the word at {start:#x}"
        return
    if end - start != 8:
        yield "the node is not a word"
    if held not in case.registers() | {case.address}:
        yield f"the word at {start:#x} is {held:#x}, which is in no register"
    if case.address is not None and 0 <= held < 4096 and case.address - held > 1 << 20:
        yield f"the word at {start:#x} is {held:#x}, from which no offset leads to {case.end['address']}"


def code_ran(case, link, before):
    pcs = {number(frame["pc"]) for frame in case.frames} | {case.register(16)}
    if number(link["node"]["start"]) not in pcs:
        yield "no frame of the crashed thread ran there"


def register_is_error(case, link, before):
    value = number(link["node"]["start"])
    if value != (1 << 64) - 1:
        yield "the value is not MAP_FAILED"
    if case.register(link["node"]["id"] or 0) not in (None, value):
        yield "the register does not hold it"


def call_failed(case, link, before):
    call = call_of(case, link)
    if case.record and (not call or not call.failed or call.name not in ("mmap", "mremap", "shmat")):
        yield "the node is no failed call for memory"
    elif call and call.tid != case.end["tid"] and case.end["tid"] is not None:
        yield f"call {call.id} was another thread's"


def took_permission(case, link, before):
    """The page allowed the access before the node's call, and not after it, until the end."""
    call, needed = call_of(case, link), case.permission()
    if not case.record or not call:
        return
    if call.name not in ("mprotect", "pkey_mprotect"):
        yield f"call {call.id} is {call.name}"
        return
    if not any(act.start <= (case.address or 0) < act.end for act in space.acts(call)):
        yield f"call {call.id} did not reach the end's address"
        return
    if needed and call.args[2] & needed and call.name != "pkey_mprotect":
        yield f"call {call.id} gives the permission"
    life = lambda history: current(history)  # noqa: E731
    earlier = case.histories(case.address, call.enter_ns - 1)
    if needed and earlier and is_sure(link) and \
            not any(life(history) and (life(history).protection is None or life(history).protection & needed) for history in earlier):
        yield "the page did not have the permission before"
    if needed and not some(case, case.address, lambda history: life(history) and (
            life(history).protection is None or not life(history).protection & needed), is_sure(link), case.moment()):
        yield "by the recorded calls the page had the permission at the end"


def replaced(case, link, before):
    """The node's call put the mapping there that is the last one, over one that lived."""
    address, call = place_before(case, before), call_of(case, link)
    if not case.record or not call:
        return
    acts = [act.how for act in space.acts(call) if act.start <= address < act.end]
    if "unmap" not in acts or "map" not in acts:
        yield f"call {call.id} put nothing over {address:#x}"
        return
    test = lambda history: current(history) and current(history).born == call.id and (  # noqa: E731
        len(history) > 1 and history[-2].died == call.id)
    if not some(case, address, test, is_sure(link), case.moment()):
        yield f"by the recorded calls call {call.id} did not replace what was at {address:#x}"
    under = [history[-2].born for history in case.histories(address, case.moment()) or () if len(history) > 1]
    if under and not any(item["kind"] == "event" and item["id"] in under for item in link["citations"]):
        yield "what was there before is not cited"


def advised(case, link, before, kinds, undo):
    address, call = place_before(case, before), call_of(case, link)
    if not case.record or not call:
        return
    if call.name != "madvise" or call.args[2] not in kinds:
        yield f"call {call.id} is no such madvise"
        return
    last = lambda history: [number_of for advice, number_of in current(history).advised  # noqa: E731
                            if advice in kinds or advice in undo][-1:] if current(history) else []
    if not some(case, address, lambda history: last(history) == [call.id], False, case.moment()):
        yield f"by the recorded calls call {call.id} is not the last such one on the page at {address:#x}"


def guarded(case, link, before):
    yield from advised(case, link, before, {space.GUARD_INSTALL}, {space.GUARD_REMOVE})


def emptied(case, link, before):
    yield from advised(case, link, before, {4, 8, 9, 24}, set())
    start = number(before["node"]["start"])
    if case.core and case.core.word(start) not in (0, None):
        yield f"the word at {start:#x} is not zero"


def in_page_of_end(case, link, before):
    start, end = span_of(link)
    if case.address is None or not start <= case.address < end or end - start != space.PAGE:
        yield "the node is not the page of the end's address"


def page_of_file(case, link, before):
    """The end's address is that page of the file."""
    found = case.modules.place(case.address or 0)
    if found and found[1] & -space.PAGE != span_of(link)[0]:
        yield f"the end's address is at offset {found[1]:#x} of {found[0]}"
    if case.report["signal"]["code_name"] != "BUS_ADRERR" and not case.end["before_handler"]:
        yield "the signal was not BUS_ADRERR"


def truncation_of(case, link):
    item = next((item for item in link["citations"] if item["kind"] == "truncation"), None)
    return case.record.row("truncation", item["id"]) if case.record and item and item["id"] else None


def left_too_short(case, link, before):
    """The cited call left the file so short that the page before is behind its end, or took out the page."""
    row = truncation_of(case, link)
    if not row:
        return
    page = span_of(before)[0] if before else 0
    if not (row["new_bytes"] <= page or row["offset"] <= page < row["offset"] + row["length"]):
        yield f"the call left {row['new_bytes']} bytes, and the page is at {page:#x}"
    if row["new_bytes"] != span_of(link)[0]:
        yield "the node has another size"


def unmapped_in_node(case, link, before):
    segment = case.core.segment(case.address or 0) if case.core else None
    if segment and not case.end["before_handler"]:
        yield "the core has a mapping at the end's address"


def was_stack(case, link, before):
    """Made as a stack, and unmapped by a call that is cited."""
    born = call_of(case, link)
    if not case.record or not born:
        return
    if born.name != "mmap" or not born.args[3] & 0x20000:
        yield f"call {born.id} made no stack"
    cited = [case.event(item["id"]) for item in link["citations"] if item["kind"] == "event"]
    if not any(call and any(act.how == "unmap" and act.start <= case.address < act.end for act in space.acts(call)) for call in cited):
        yield "no cited call unmapped it"


def lost_memory(case, link, before):
    yield from call_failed(case, link, before)
    call = call_of(case, link)
    if call and call.result != -space.ENOMEM:
        yield f"call {call.id} failed for another reason"


def calls_in_order(case):
    """An ordering claim between calls that overlap: of a chain that is proven, no two cited calls on the same pages."""
    if not case.cause or case.cause["confidence"] != "proven" or not case.record:
        return
    cited = {item["id"]: case.event(item["id"]) for link in case.links for item in link["citations"] if item["kind"] == "event"}
    calls = [call for call in cited.values() if call]
    for index, first in enumerate(calls):
        for second in calls[index + 1:]:
            if first.tid != second.tid and overlap(first, second) and touch(first, second) and \
                    not only_one_order(case, first, second):
                case.fail("order", f"the chain is proven, and calls {first.id} and {second.id} overlap in time")


def touch(first, second):
    return any(a.start < b.end and b.start < a.end for a in space.acts(first) for b in space.acts(second))


def only_one_order(case, first, second):
    """The kernel's rules leave one history at the end's address."""
    found = case.histories(case.address, case.moment())
    return found is not None and len(found) == 1


def no_gap(case):
    """A chain that is proven: from its first cited call to the death nothing was lost."""
    if not case.cause or case.cause["confidence"] != "proven" or not case.record:
        return
    times = []
    for link in case.links:
        for item in link["citations"]:
            if item["kind"] in ("event", "heap") and item["id"]:
                row = case.record.row(item["kind"], item["id"])
                times += [row["enter_ns"]] if row else []
    why = case.record.covers(min(times)) if times else None
    if why:
        case.fail("gap", f"the chain is proven, and {why}")


RELATIONS = {function.__name__.replace("_", "-"): function for function in (
    end_in_node, node_is_made, node_is_call, gone_at_end, ends_it, second_of_range, core_refuses, core_allows, word_made_pointer,
    code_ran, register_is_error, call_failed, took_permission, replaced, guarded, emptied, in_page_of_end, page_of_file, left_too_short, unmapped_in_node, was_stack,
    lost_memory)}
RELATIONS |= {function.__name__.replace("_", "-"): function for function in signals.RELATIONS + heap.RELATIONS}


def check_all(case, kinds):
    before = None
    for link in case.links:
        for name in kinds.get(link["kind"], {}).get("relations", ()):
            if before is None and name in ("ends-it", "second-of-range", "emptied", "left-too-short"):
                continue  # chain.py says that a link is missing
            for why in RELATIONS[name](case, link, before):
                case.fail("relation", f"{link['kind']}: {why} ({name})")
        before = link
    calls_in_order(case)
    no_gap(case)
