# SPDX-License-Identifier: MIT
"""Relations and showings of links about an allocator's blocks; relations.py and alternatives.py list them."""
from case import number

MASK = (1 << 64) - 1


def call_of(case, link):
    node = link["node"]
    if not case.record or node["kind"] not in ("heap", "block") or not node["id"]:
        return None
    row = case.record.row("heap", node["id"])
    return row if row is not None and case.record.belongs(row) else None


def span_of(link):
    return number(link["node"]["start"]) or 0, number(link["node"]["end"]) or 0


def freed(row):
    return row["old_block"] & MASK


def exit_ns(row):
    return row["enter_ns"] + max(row["duration_ns"], 0)


def handed_out(case, address, since, until):
    """Rows of heap that handed out memory at the address after `since` began and before `until` began."""
    return [row for row in case.record.rows(
        "SELECT * FROM heap WHERE space_id = ? AND block <> 0 AND enter_ns > ? AND enter_ns < ?", case.record.space_id, since, until)
        if row["block"] & MASK <= address < (row["block"] & MASK) + max(row["size"], 1)]


# ---- relations ----


def frees(case, link, before):
    """The node's call gave back a block."""
    row = call_of(case, link)
    if row is not None and link["node"]["kind"] == "heap" and not freed(row):
        yield f"call {row['id']} freed nothing"


def freed_same_block(case, link, before):
    """The node's call freed what the call before frees again, earlier, and nobody got it in between."""
    first, second = call_of(case, link), call_of(case, before) if before else None
    if first is None or second is None or link["node"]["kind"] != "heap":
        return
    if freed(first) != freed(second):
        yield f"call {first['id']} freed {freed(first):#x}, call {second['id']} {freed(second):#x}"
    elif first["enter_ns"] > second["enter_ns"]:
        yield f"call {first['id']} came after call {second['id']}"
    elif [row for row in handed_out(case, freed(first), exit_ns(first), second["enter_ns"]) if exit_ns(row) < second["enter_ns"]]:
        yield "the block was handed out again in between"


def freed_block(case, link, before):
    """The node's call freed the block of the node before, and nobody got it until the death."""
    row = call_of(case, link)
    if row is None or not before or before["node"]["kind"] != "block":
        return
    start = span_of(before)[0]
    if freed(row) != start:
        yield f"call {row['id']} freed {freed(row):#x}, not the block at {start:#x}"
    elif handed_out(case, start, exit_ns(row), case.record.time_ns):
        yield "the block was handed out again after that"


def block_was_made(case, link, before):
    """The node is what its call handed out."""
    row = call_of(case, link)
    if row is None or link["node"]["kind"] != "block":
        return
    start, end = span_of(link)
    block = row["block"] & MASK
    if block and not (block <= start and end <= block + max(row["size"], 1) + 4096):
        yield f"call {row['id']} handed out {block:#x}, {row['size']} bytes"


def word_in_block(case, link, before):
    start, end = span_of(link)
    word = number(before["node"]["start"]) if before else None
    if word is not None and end and not start <= word < end:
        yield f"the word at {word:#x} is not in the block {start:#x}-{end:#x}"


def end_past_node(case, link, before):
    end = span_of(link)[1]
    if case.address is not None and end and case.address < end:
        yield "the end's access is in the block or in front of it"


def block_before_word(case, link, before):
    """The block ends by the word before: its header lies behind it."""
    start, end = span_of(link)
    word = number(before["node"]["start"]) if before else None
    if word is not None and end and not start <= word <= end + 4096:
        yield f"the word at {word:#x} does not lie behind the block {start:#x}-{end:#x}"


RELATIONS = (frees, freed_same_block, freed_block, block_was_made, word_in_block, end_past_node, block_before_word)


# ---- what rules out ----


def frees_disjoint(case, link, before, cited):
    first, second = call_of(case, link), call_of(case, before) if before else None
    if first is not None and second is not None and exit_ns(first) >= second["enter_ns"]:
        yield "the two calls overlap in time"


def never_handed_out_since(case, link, before, cited):
    """By the recorded calls, from the free on nobody got the block."""
    row = call_of(case, link)
    if row is None or not case.record:
        return
    since, address = cited["id"] or 0, span_of(link)[0] if link["node"]["kind"] == "block" else freed(row)
    frees_of = [other for other in case.record.rows("SELECT * FROM heap WHERE space_id = ? AND old_block = ?", case.record.space_id,
                                                    address - (1 << 64) if address >> 63 else address)]
    if link["node"]["kind"] == "block" and frees_of:
        last = max(frees_of, key=lambda other: other["enter_ns"])
        if handed_out(case, address, exit_ns(last), case.record.time_ns):
            yield "the block was handed out again after its last free"
    if since > case.record.time_ns:
        yield "the coverage begins after the death"


SHOWS = (frees_disjoint, never_handed_out_since)
