# SPDX-License-Identifier: MIT
"""A report with what it must stand on (core, record), and what all rules ask of the three."""
import re

import space
from modules import Modules

LIBRARIES = re.compile(r"^(libc|ld-linux[^.]*|ld-musl[^.]*|libpthread|libstdc\+\+|libc\+\+|libdl|libgcc_s|libtcmalloc[^.]*|libjemalloc"
                       r"|libmimalloc[^.]*|libcorelate-heap|ld|libm|librt)[-.][^/]*$")


def number(text):
    """Of an address in the report; None for null."""
    return int(text, 16) if isinstance(text, str) else None


WRAPPERS = re.compile(r"^_*(libc_)?(mmap(64)?|munmap|mprotect|pkey_mprotect|madvise|mremap|s?brk|shmat|shmdt|syscall|raise|kill|abort"
                      r"|gsignal|pthread_kill(_implementation)?)$")


# What the language's implementation brings, wherever it was compiled: std::, operator delete, deleting destructors, Rust's core.
IMPLEMENTATION = re.compile(r"^(_ZNK?St|_ZNK?9__gnu_cxx|_ZSt|_Z[dn][lawv]|_ZNK?(4core|3std|5alloc)\d|_ZN\d+_\$LT\$|rust_|__rust|runtime\."
                            r"|[cm]alloc$|realloc$|free$|__libc_|__free|cfree)|D[0-2]Ev$|(^|[^\w])std::")


def is_library_code(frame):
    """A library that does what its callers want, or such a function in a program itself."""
    function = frame["function"] or ""
    return is_library(frame["module"] or "") or bool(WRAPPERS.match(function)) or bool(IMPLEMENTATION.search(function))


def names_of(frame):
    """The function whose frame it is, and the one that is inlined there."""
    return {frame["function"], frame.get("inlined")} - {None}


def is_library(path):
    """One that does what its callers want: the C library, the loader, an allocator, a runtime."""
    return bool(LIBRARIES.match(path.rsplit("/", 1)[-1]))


class Failures(list):
    def add(self, rule, text):
        if (rule, text) not in self:
            self.append((rule, text))


class Case:
    def __init__(self, report, core=None, record=None):
        self.report, self.core, self.record = report, core if core and core.is_readable else None, record
        self.failures = Failures()
        self.modules = Modules(self.core, record)
        self.cause, self.end = report["cause"], report["end"]
        self.links = self.cause["links"] if self.cause else []
        self.address = number(self.end["address"])
        crashed = [thread for thread in report["threads"] if thread["crashed"]]
        self.frames = crashed[0]["frames"] if crashed else []
        self.cached = {}

    def fail(self, rule, text):
        self.failures.add(rule, text)

    # ---- the end ----

    def moment(self):
        """ns; when the end came: at the death, or at the signal whose handler then ended the process."""
        if not self.end["before_handler"]:
            return self.record.time_ns
        rows = self.record.rows(
            "SELECT time_ns FROM signal WHERE space_id = ? AND fatal = 0 AND address = ? AND time_ns <= ? ORDER BY time_ns DESC",
            self.record.space_id, signed(self.address or 0), self.record.time_ns)
        return rows[0]["time_ns"] if rows else self.record.time_ns

    def register(self, index):
        """Its value at the end, by the report; None when it does not say."""
        import core
        name = core.REGISTERS[index] if 0 <= index < len(core.REGISTERS) else None
        return next((number(register["value"]) for register in self.report.get("registers", ()) if register["name"] == name), None)

    def registers(self):
        return {number(register["value"]) for register in self.report.get("registers", ())}

    def permission(self):
        return {"read": space.READ, "write": space.WRITE, "execute": space.EXEC}.get(self.end["access"])

    # ---- the record ----

    def event(self, identity):
        return self.record.event(identity) if self.record and identity else None

    def histories(self, address, until=None):
        """As space.histories, each asked once."""
        if self.record is None or address is None:
            return None
        key = (address & -space.PAGE, until)
        if key not in self.cached:
            found = space.histories(self.record, address, until)
            is_last = until in (None, self.record.time_ns) and not self.end["before_handler"]
            self.cached[key] = self.as_in_core(found, address) if is_last else found
        return self.cached[key]

    def as_in_core(self, histories, address):
        """Those that end as the core has it: a call that failed may have acted or not, and the core shows which. All, where none does;
        and where calls overlap in time, which have no order even if the end fits one alone."""
        if not histories or len(histories) == 1 or not self.core or not space.are_ordered(self.record, address):
            return histories
        segment = self.core.segment(address)
        flags = (segment.flags & 4) >> 2 | segment.flags & 2 | (segment.flags & 1) << 2 if segment else None

        def fits(history):
            life = history[-1] if history and not history[-1].died else None
            return bool(life) == bool(segment) and (not life or life.protection in (None, flags))
        return {history for history in histories if fits(history)} or histories

    def frames_of(self, event):
        """The frames that the report gives for a recorded call: [] when it gives none."""
        for citation in self.all_citations():
            if citation["kind"] == "event" and citation["id"] == event.id and citation.get("stack"):
                return citation["stack"]
        return []

    def all_citations(self):
        for link in self.links:
            yield from link["citations"]
        if self.cause:
            yield from self.cause["background"]

    def caller(self, event):
        """(module, function) of the code that made a recorded call, as well as can be told: its first frame that is of no
        library which does what its callers want; None where nothing is known."""
        for frame in self.frames_of(event):
            if frame["module"] and not is_library_code(frame):
                return frame["module"], frame["function"]
        for word in self.record.stack_words(event)[:2]:
            path = self.modules.path(word, event.exit_ns)
            if path and not is_library(path):
                return path, self.modules.function(word, event.exit_ns)
        return None


def signed(value):
    return value - (1 << 64) if value >> 63 else value
