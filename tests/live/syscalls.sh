#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Every recorded call, with arguments that the victim knows, against the rows that it left: no row too few, none too
# many, each in its place with its arguments, result, file, instruction, stack and times.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

mkdir "$TMP/here" "$TMP/elsewhere"
# shellcheck disable=SC2016 # for the inner shell
must unshare --mount --propagation private bash -c '
	mount -t tmpfs tmpfs "$2" && shift 2 && exec "$@"' - mount "$TMP/elsewhere" \
	"$CORELATE" record --db "$DB" -- "$VICTIMS/syscalls" "$TMP/here" "$TMP/elsewhere" >"$TMP/expected" 2>"$TMP/log"

equal "errno after the macros" "$(grep '^errno' "$TMP/expected")" "errno kept"
check_books

# Tells each row that differs; the columns are those that victims/syscalls.c documents.
"$PYTHON" - "$DB" "$TMP/expected" <<'END' || fail "rows differ from what the victim did"
import sqlite3, sys

db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
kinds = dict(db.execute("SELECT kind, name FROM memory_kind"))
# The kernel's two ways to read this clock may differ by less than this.
SLACK_NS = 1_000_000
wrong = 0


def tell(*words):
    global wrong
    wrong += 1
    print("  ", *words, file=sys.stderr)


def signed(text):
    number = int(text, 16)
    return number - (1 << 64) if number >= 1 << 63 else number


class Expected:
    def __init__(self, line):
        word = line.rstrip("\n").split(" ", 8 if line.startswith("call") else 11)
        if word[0] == "call":
            (_, self.kind, tid, before, after, ip, sp, top, rest) = word
            result, count, rest = rest.split(" ", 2)
            rest = rest.split(" ", int(count))
            self.arguments = [signed(a) for a in rest[: int(count)]]
            self.file = rest[int(count)] if len(rest) > int(count) else None
            self.place = [signed(ip), signed(sp), signed(top)]
            self.result = signed(result)
        else:
            (_, tid, before, after, ip, result, option, a0, a1, a2, a3, text) = word
            self.kind = "marker"
            self.result = signed(result)
            self.arguments = [signed(option)] + [signed(a) for a in (a0, a1, a2, a3)]
            self.place = [signed(ip)]
            self.file = text
        self.tid, self.before, self.after = int(tid), int(before), int(after)
        self.line = line.strip()


class Row:
    pass


def calls(tid, since, until):
    for r in db.execute(
        """SELECT event.id, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5,
        printf('%x:%x %x %s', device_major, device_minor, inode, path) AS file, file_id
        FROM event LEFT JOIN file ON file.id = file_id WHERE tid = ? AND enter_ns BETWEEN ? AND ? ORDER BY event.id""",
        (tid, since, until),
    ):
        row = Row()
        row.text = r
        row.kind, row.enter, row.duration = kinds[r[1]], r[2], r[3]
        row.place, row.result, row.arguments = list(r[4:7]), r[7], list(r[8:14])
        row.file = r[14] if r[15] else None
        yield row


def markers(tid, since, until):
    for r in db.execute(
        """SELECT id, enter_ns, exit_ns, ip, result, option, a0, a1, a2, a3, text FROM marker
        WHERE tid = ? AND enter_ns BETWEEN ? AND ? ORDER BY id""",
        (tid, since, until),
    ):
        row = Row()
        row.text = r
        row.kind, row.enter, row.duration = "marker", r[1], r[2] - r[1]
        row.place, row.result, row.arguments, row.file = [r[3]], r[4], list(r[5:10]), r[10] or ""
        yield row


def compare(wanted, got):
    if len(wanted) != len(got):
        tell(len(got), "rows, but the victim made", len(wanted), "calls")
    for w, g in zip(wanted, got):
        different = []
        if w.kind != g.kind:
            different.append("kind")
        if w.result != g.result:
            different.append("result")
        if w.arguments != g.arguments[: len(w.arguments)]:
            different.append("arguments")
        if w.place != g.place:
            different.append("place")
        if w.file != g.file:
            different.append("file or text")
        if not (w.before - SLACK_NS <= g.enter <= g.enter + g.duration <= w.after + SLACK_NS):
            different.append("time")
        if different:
            tell(", ".join(different), "differ:")
            tell("  did:     ", w.line)
            tell("  recorded:", g.text)


lines = [Expected(line) for line in open(sys.argv[2]) if line.split()[0] in ("call", "marker")]
tids = sorted({line.tid for line in lines})
if len(tids) != 2:
    tell("two threads made calls, not", len(tids))
covered = set()
for tid in tids:
    mine = [line for line in lines if line.tid == tid]
    ends = [line for line in mine if line.kind == "marker" and line.arguments[1] in (7001, 7002)]
    since, until = ends[0].before - SLACK_NS // 2, ends[-1].after + SLACK_NS // 2
    begin = db.execute("SELECT exit_ns FROM marker WHERE tid = ? AND a0 = 7001", (tid,)).fetchone()
    end = db.execute("SELECT enter_ns FROM marker WHERE tid = ? AND a0 = 7002", (tid,)).fetchone()
    if not begin or not end:
        tell("the markers 7001 and 7002 of thread", tid, "are missing")
        continue
    compare([line for line in mine if line.kind != "marker"], list(calls(tid, begin[0], end[0])))
    compare([line for line in mine if line.kind == "marker"], list(markers(tid, begin[0] - SLACK_NS, end[0] + SLACK_NS))[: sum(line.kind == "marker" for line in mine)])
    covered |= {line.kind for line in mine}
for kind in set(kinds.values()) - {"seen"} - covered:
    tell("the victim never made the call", kind)

# The instruction of every call lies in memory that may be executed, as far as the record itself knows.
space = db.execute("SELECT space_id FROM marker WHERE a0 = 7001 LIMIT 1").fetchone()[0]
executable = db.execute(
    "SELECT added_start, added_end FROM v_effect JOIN event USING (id) "
    "WHERE event.space_id = ? AND event.kind IN (1, 2) AND a2 & 4",
    (space,),
).fetchall()
for identifier, ip in db.execute("SELECT id, ip FROM event WHERE space_id = ? AND kind <> 1", (space,)):
    if not any(start <= ip < end for start, end in executable):
        tell("event", identifier, "was made at", hex(ip), "which is not in executable memory")

# The project's own macros.
magic = 0x6574616C65726F63
for number, text in ((31415, None), (27182, "a marker with a text"), (0, None)):
    rows = db.execute("SELECT result, text, option FROM marker WHERE a0 = ? AND a1 = ?", (number, magic)).fetchall()
    if rows != [(1, text, 3)]:
        tell("CORELATE_MARK", number, "left", rows)
    if db.execute("SELECT count(*) FROM v_marker WHERE own = 1 AND number = ?", (number,)).fetchone()[0] != 1:
        tell("v_marker does not know marker", number, "as one of the macros'")
sys.exit(wrong != 0)
END

if [ -x "$VICTIMS/marker-cxx" ]; then
	record "$VICTIMS/marker-cxx"
	equal "errno after the macros in C++" "$STATUS" 0
	equal "markers of C++" "$(query "SELECT number || ' ' || coalesce(text, '-') FROM v_marker
		WHERE own = 1 AND comm = 'marker-cxx' ORDER BY id" | paste -sd, -)" "161 -,162 from C++"
else
	printf 'no C++ compiler: the macros were tried in C alone\n'
fi
live_end
