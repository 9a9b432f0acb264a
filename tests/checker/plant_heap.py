# SPDX-License-Identifier: MIT
"""Lies about an allocator's blocks."""
from plant import lie, need, shift


def column(truth, number, name):
    rows = truth.query(f"SELECT {name} FROM heap WHERE id = ?", number)
    return need(rows[0][0] if rows else None)


def insert_like(truth, number, **changes):
    columns = [row[1] for row in truth.query("PRAGMA table_info(heap)")]
    row = dict(zip(columns, truth.query("SELECT * FROM heap WHERE id = ?", number)[0]))
    row.update(changes)
    row["id"] = truth.query("SELECT max(id) + 1 FROM heap")[0][0]
    truth.execute(f"INSERT INTO heap ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())


def call(truth, *kinds):
    link = truth.link(*kinds)
    if link["node"]["kind"] != "heap":
        need(None)
    return need(link["node"]["id"])


def handed_out_after(truth, number):
    """Somebody got the block right after that free."""
    insert_like(truth, number, enter_ns=column(truth, number, "enter_ns") + 1, duration_ns=0, role=1, old_block=0,
                block=column(truth, number, "old_block"), size=32)


@lie("frees", "the call freed nothing")
def _(truth):
    truth.execute("UPDATE heap SET old_block = 0 WHERE id = ?", call(truth, "freed-again", "freed-pointer", "freed-before-use"))


@lie("freed-same-block", "the first call freed another block")
def _(truth):
    truth.execute("UPDATE heap SET old_block = old_block + 64 WHERE id = ?", call(truth, "freed-first"))


@lie("freed-same-block", "the block was handed out again between the two frees")
def _(truth):
    number = call(truth, "freed-first")
    truth.link("freed-again")
    handed_out_after(truth, number)


@lie("freed-same-block", "the first free came after the second")
def _(truth):
    truth.execute("UPDATE heap SET enter_ns = ? WHERE id = ?", column(truth, call(truth, "freed-again"), "enter_ns") + 5,
                  call(truth, "freed-first"))


@lie("frees-disjoint", "the two frees overlap in time")
def _(truth):
    truth.alternative("concurrent-frees")
    first, second = call(truth, "freed-first"), call(truth, "freed-again")
    truth.execute("UPDATE heap SET duration_ns = ? WHERE id = ?",
                  column(truth, second, "enter_ns") - column(truth, first, "enter_ns") + 1, first)


@lie("freed-block", "the call freed another block")
def _(truth):
    truth.execute("UPDATE heap SET old_block = old_block + 64 WHERE id = ?", call(truth, "freed-before-use"))


@lie("freed-block", "the block was handed out again before it was used")
def _(truth):
    handed_out_after(truth, call(truth, "freed-before-use"))


@lie("never-handed-out-since", "the block was handed out again after its last free")
def _(truth):
    truth.alternative("handed-out-again", kind="coverage")
    handed_out_after(truth, call(truth, "freed-before-use"))


@lie("block-was-made", "the call handed out another block")
def _(truth):
    node = truth.link("in-freed-block", "word-in-freed-block", "past-block", "behind-block")["node"]
    truth.execute("UPDATE heap SET block = block + 1048576 WHERE id = ?", need(node["id"]))


@lie("word-in-block", "the word is in another block")
def _(truth):
    node = truth.link("word-in-freed-block")["node"]
    node["start"], node["end"] = shift(node["start"], 4096), shift(node["end"], 4096)


@lie("end-past-node", "the access was in the block")
def _(truth):
    link = truth.link("in-freed-block")
    link["kind"] = "past-block"


@lie("block-before-word", "the block is elsewhere")
def _(truth):
    node = truth.link("behind-block")["node"]
    node["start"], node["end"] = shift(node["start"], 1 << 20), shift(node["end"], 1 << 20)


@lie("citation", "another block's call is cited")
def _(truth):
    cited = truth.cited("heap")
    cited["address"] = "0x7777000"
