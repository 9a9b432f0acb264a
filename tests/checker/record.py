# SPDX-License-Identifier: MIT
"""The record of one death in the database: its process, its address space with what it was forked from, its rows, its gaps.
Opened read-only; nothing is asked of corelate."""
import ctypes
import sqlite3
from collections import namedtuple
from datetime import datetime, timezone

MASK = (1 << 64) - 1
FOREVER = (1 << 63) - 1
KINDS = {1: "seen", 2: "mmap", 3: "munmap", 4: "mremap", 5: "mprotect", 6: "pkey_mprotect", 7: "madvise", 8: "brk", 9: "shmat",
         10: "shmdt"}
EVENT = ("id, space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5, file_id, stack_id")


class Event(namedtuple("Event", EVENT.replace(",", ""))):
    __slots__ = ()

    @property
    def exit_ns(self):
        return self.enter_ns + max(self.duration_ns, 0)

    @property
    def name(self):
        return KINDS.get(self.kind, "?")

    @property
    def failed(self):
        return self.name != "brk" and -4095 <= self.result <= -1

    @property
    def args(self):
        return tuple(value & MASK for value in (self.a0, self.a1, self.a2, self.a3, self.a4, self.a5))


def overlap(first, second):
    """Two calls whose spans of time share a moment: nobody knows their order by the clock."""
    return first.enter_ns <= second.exit_ns and second.enter_ns <= first.exit_ns


def parse_time(text):
    """Nanoseconds since 1970 of the report's "2026-11-30T22:30:38.080686182Z"."""
    seconds, rest = text[:19], text[20:].rstrip("Z")
    moment = datetime.strptime(seconds, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return int(moment.timestamp()) * 10**9 + int(rest.ljust(9, "0"))


class NoRecord(Exception):
    pass


class Record:
    """NoRecord when the database holds no death that is this report's."""

    def __init__(self, path, report, core=None):
        self.base = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        self.base.row_factory = sqlite3.Row
        self.signal, self.exit_state = self.find_death(report, core)
        death = self.signal or self.exit_state
        self.time_ns, self.space_id, self.process_id = death["time_ns"], death["space_id"], death["process_id"]
        self.process = self.row("process", self.process_id)
        self.recording = self.row("recording", self.process["recording_id"])
        self.spaces = self.lineage()
        self.cached_events = None

    def row(self, table, number):
        return self.base.execute(f"SELECT * FROM {table} WHERE id = ?", (number,)).fetchone()

    def rows(self, words, *values):
        return self.base.execute(words, values).fetchall()

    # ---- which death ----

    def find_death(self, report, core):
        wanted = parse_time(report["crash"]["time"]) if report["crash"]["time"] else None
        found = []
        for table, fatal in (("signal", "AND death.fatal = 1"), ("exit_state", "")):
            for row in self.rows(f"""SELECT death.*, recording.realtime_offset_ns AS offset, space.auxv_random AS random
                    FROM {table} AS death JOIN process ON process.id = death.process_id
                    JOIN recording ON recording.id = process.recording_id LEFT JOIN space ON space.id = death.space_id
                    WHERE ? IN (process.namespace_pid, process.pid) {fatal}""", report["crash"]["pid"]):
                if core and core.auxv.get(25) and row["random"] and row["random"] & MASK != core.auxv[25]:
                    continue
                found.append((abs(row["time_ns"] + row["offset"] - wanted) if wanted else 0, row["id"], table))
        if not found:
            raise NoRecord("the database holds no death of process %d" % report["crash"]["pid"])
        _, number, table = min(found)
        row = self.row(table, number)
        return (row, None) if table == "signal" else (None, row)

    def lineage(self):
        """{space.id: until when its history is this one's}: the space itself, and what it was forked from."""
        found, number, until = {}, self.space_id, self.time_ns
        while number and number not in found:
            row = self.row("space", number)
            found[number] = until
            if not row or not row["parent_space_id"]:
                break
            number, until = row["parent_space_id"], min(until, row["from_ns"])
        return found

    # ---- its rows ----

    def events(self):
        """All memory events of the lineage up to the death, by their end."""
        if self.cached_events is None:
            found = []
            for number, until in self.spaces.items():
                found += map(Event._make, map(tuple, self.rows(
                    f"SELECT {EVENT} FROM event WHERE space_id = ? AND enter_ns <= ? ORDER BY id", number, until)))
            self.cached_events = sorted(found, key=lambda event: event.id)
        return self.cached_events

    def event(self, number):
        return next((event for event in self.events() if event.id == number), None)

    def belongs(self, row):
        """A row with a space and a time is of this history."""
        return row is not None and row["space_id"] in self.spaces and \
            (row["enter_ns"] if "enter_ns" in row.keys() else row["time_ns"]) <= self.spaces[row["space_id"]]

    def gaps(self, since, until):
        """Rows of gap that touch [since, until] and concern the process, who shares its memory, or what it was forked from."""
        whom = {0: FOREVER, self.process["pid"]: FOREVER}
        for number, last in self.spaces.items():
            space = self.row("space", number)
            users = [space["process_id"]] if space else []
            users += [row["process_id"] for row in self.rows("SELECT process_id FROM space_sharer WHERE space_id = ?", number)]
            for user in users:
                process = self.row("process", user)
                if process:
                    whom[process["pid"]] = max(last, whom.get(process["pid"], 0))
        return [row for row in self.rows("SELECT * FROM gap WHERE recording_id = ? AND from_ns <= ? AND to_ns >= ?",
                                         self.recording["id"], until, since)
                if row["pid"] in whom and row["from_ns"] <= whom[row["pid"]]]

    def covers(self, since):
        """Why the record may not hold everything from `since` to the death; None when it does."""
        if since < self.recording["started_ns"]:
            return "the recording began later"
        if since > self.time_ns:
            return "that is after the death"
        gaps = self.gaps(since, self.time_ns)
        if gaps:
            return "a gap of the record, row %d, lies in that span" % gaps[0]["id"]
        if not self.recording["ended_ns"] and self.recording["last_commit_ns"] < self.time_ns:
            return "the recording broke off before the death"
        return None

    # ---- stacks ----

    def stack_words(self, event):
        """The words that a call's stack is known to hold: ip, the word on top, and each aligned word of the copied stack."""
        row = event if isinstance(event, sqlite3.Row) else event._asdict()
        words = [row["ip"] & MASK, row["top_word"] & MASK]
        number = row["stack_id"] if "stack_id" in row.keys() else 0
        data = self.stack_bytes(number) if number else b""
        words += [int.from_bytes(data[at:at + 8], "little") for at in range(0, len(data) - 7, 8)]
        return words

    def stack_bytes(self, number):
        slice_row = self.base.execute(
            "SELECT stack_slice.* FROM stack JOIN stack_slice ON stack_slice.id = slice_id WHERE stack.id = ?", (number,)).fetchone()
        data = b""
        for block in leb128(slice_row["blocks"]) if slice_row else ():
            row = self.row("stack_block", block)
            if not row:
                return data
            data += row["data"] if len(row["data"]) == row["size"] else unpack(row["data"], row["size"])
        return data

    def path(self, file_id):
        row = self.row("file", file_id) if file_id else None
        return row["path"] if row else None


def leb128(data):
    value = shift = 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if not byte & 128:
            yield value
            value = shift = 0


def unpack(data, size):
    """One zstd frame; nothing where the library is not there."""
    try:
        library = ctypes.CDLL("libzstd.so.1")
    except OSError:
        return b""
    library.ZSTD_decompress.restype = ctypes.c_size_t
    library.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]
    room = ctypes.create_string_buffer(size)
    done = library.ZSTD_decompress(room, size, data, len(data))
    return room.raw[:done] if done <= size else b""
