#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check.py CORELATE DATABASE LOG [--no-gaps] [--json]

Holds a record against what its victim did (truth.py): every call has its row or lies under a gap of its lineage, every row
its call; who owns which address space; and for each page of each space the ends that SQL's mapping_life and v_mapping tell.
Prints one line a contradiction and a summary; status 1 when there is one."""
import argparse
import bisect
import json
import sqlite3
import subprocess
import sys

import truth

KINDS = {truth.MMAP: (2, 6), truth.MUNMAP: (3, 2), truth.MREMAP: (4, 5), truth.MPROTECT: (5, 3), truth.PKEY_MPROTECT: (6, 4),
         truth.MADVISE: (7, 3), truth.BRK: (8, 1), truth.SHMAT: (9, 3), truth.SHMDT: (10, 1)}
MASK = (1 << 64) - 1
RING_FULL, QUEUE_FULL = 1, 2


class Record:
    def __init__(self, database, corelate):
        self.database, self.corelate = database, corelate
        connection = sqlite3.connect("file:%s?mode=ro" % database, uri=True)
        connection.row_factory = sqlite3.Row
        read = lambda query: [dict(row) for row in connection.execute(query)]
        self.recording = read("SELECT * FROM recording ORDER BY id DESC LIMIT 1")[0]
        self.processes = {row["id"]: row for row in read("SELECT * FROM process")}
        self.spaces = {row["id"]: row for row in read("SELECT * FROM space")}
        self.sharers = read("SELECT * FROM space_sharer")
        self.gaps = read("SELECT * FROM gap")
        self.rows = {row["id"]: row for row in read("SELECT *, enter_ns + duration_ns AS exit_ns FROM event ORDER BY id")}
        connection.close()

    def ask(self, query):
        text = subprocess.run([self.corelate, "sql", "--no-pager", "--db", self.database, query], stdout=subprocess.PIPE,
                              check=True, text=True).stdout
        return [[int(cell) if cell else None for cell in line.split("|")] for line in text.splitlines()[1:]]


class Check:
    def __init__(self, record, log, most=20):
        self.record, self.most = record, most
        self.spaces, self.calls, self.unlogged = truth.read_log(log)
        truth.histories(self.spaces)
        self.found, self.counts = [], dict.fromkeys(
            ("calls", "rows", "missing", "lives", "open", "unknown protection", "excused by gaps", "unchecked pages", "unsure pages",
             "pages", "pages under gaps"), 0)
        self.space_of_row = {}  # truth's number of each space of the record
        self.row_space = {}  # and the other way

    def tell(self, text):
        self.found.append(text)

    def run(self):
        self.match()
        self.match_spaces()
        self.check_losses()
        self.check_owners()
        self.check_lives()
        self.check_views()

    # ---- rows and calls ----

    def is_ours(self, row, begun):
        """Can only be a call of the victim's that it wrote down: in the playground, or of the break once that is the
        victim's; the loader of a program asks only where it is."""
        if row["kind"] == 8:
            return row["a0"] and row["tid"] in begun and row["enter_ns"] > begun[row["tid"]]
        addresses = [row["a0"], row["result"]]
        if row["kind"] == 4:
            addresses.append(row["a4"])
        if row["kind"] == 9:
            addresses.append(row["a1"])
        return any(truth.PLAYGROUND <= address < truth.PLAYGROUND_END + truth.STRIDE for address in addresses)

    def match(self):
        by_thread = {}
        for call in self.calls:
            by_thread.setdefault(call.tid, []).append(call)
        starts = {tid: [call.before for call in calls] for tid, calls in by_thread.items()}
        begun = {}
        for space in self.spaces.values():
            begun.setdefault(space.tid, space.after)
        self.call_of_row = {}
        for row in self.record.rows.values():
            if row["kind"] == 1:
                continue
            calls = by_thread.get(row["tid"], [])
            at = bisect.bisect_right(starts.get(row["tid"], []), row["enter_ns"]) - 1
            call = calls[at] if at >= 0 else None
            if call and self.is_row_of(row, call):
                if call.row:
                    self.tell("event %d is a second row of %s" % (row["id"], call))
                call.row = row
                self.call_of_row[row["id"]] = call
            elif self.is_ours(row, begun):
                self.tell("event %d (kind %d, thread %d, %d to %d, result %#x, %s) never happened; nearest: %s" % (
                    row["id"], row["kind"], row["tid"], row["enter_ns"], row["exit_ns"], row["result"],
                    " ".join("%#x" % (row["a%d" % i] & MASK) for i in range(6)), call))
        self.counts["calls"], self.counts["rows"] = len(self.calls), len(self.call_of_row)
        self.missing = [call for call in self.calls if not call.row and call.after]
        self.counts["missing"] = len(self.missing)

    @staticmethod
    def is_row_of(row, call):
        kind, args = KINDS[call.number]
        return (row["kind"] == kind and call.before <= row["enter_ns"] and row["exit_ns"] <= call.until
                and (not call.after or row["result"] == call.result)
                and all(row["a%d" % i] & MASK == call.args[i] for i in range(args)))

    # ---- spaces ----

    def match_spaces(self):
        for call in self.calls:
            if not call.row:
                continue
            recorded = call.row["space_id"]
            if self.space_of_row.setdefault(recorded, call.space) != call.space:
                self.tell("event %d is one of space %d, which is the victim's %d, but %s" % (
                    call.row["id"], recorded, self.space_of_row[recorded], call))
            elif self.row_space.setdefault(call.space, recorded) != recorded:
                self.tell("event %d is one of space %d, but others of the victim's %d are of %d: %s" % (
                    call.row["id"], recorded, call.space, self.row_space[call.space], call))

    def check_owners(self):
        """Who is told once is there: processes with their ends, whose each space is, what it was copied from, who uses it."""
        processes = {}
        for process in self.record.processes.values():
            processes.setdefault(process["pid"], []).append(process)
        for number, space in self.spaces.items():
            for pid, _ in space.users:
                rows = processes.get(pid, [])
                if len(rows) != 1 or not rows[0]["exit_ns"]:
                    self.tell("process %d of the victim's space %d has %d rows, ends %s" % (
                        pid, number, len(rows), [row["exit_ns"] for row in rows]))
            recorded = self.record.spaces.get(self.row_space.get(number, 0))
            if not recorded:
                continue
            owner = self.record.processes.get(recorded["process_id"], {"pid": 0})
            if owner["pid"] != space.pid:
                self.tell("space %d is process %d's, not %d's" % (recorded["id"], owner["pid"], space.pid))
            if recorded["origin"] != space.origin:
                self.tell("space %d of process %d has origin %d, not %d" % (
                    recorded["id"], space.pid, recorded["origin"], space.origin))
            if space.origin == truth.BY_FORK:
                parent = self.row_space.get(space.parent)
                if parent and recorded["parent_space_id"] != parent:
                    self.tell("space %d was copied from space %d, not %d" % (recorded["id"], parent, recorded["parent_space_id"]))
                if not space.before <= recorded["from_ns"] <= space.after:
                    self.tell("space %d begins at %d, not within the fork (%d to %d)" % (
                        recorded["id"], recorded["from_ns"], space.before, space.after))
            sharers = {self.record.processes[row["process_id"]]["pid"] for row in self.record.sharers
                       if row["space_id"] == recorded["id"] and row["process_id"] in self.record.processes}
            for pid, _ in space.users[1:]:
                if pid not in sharers:
                    self.tell("space %d lacks its sharer, process %d" % (recorded["id"], pid))

    # ---- losses ----

    def check_losses(self):
        recording, gaps = self.record.recording, self.record.gaps
        told = sum(gap["lost"] for gap in gaps)
        if recording["emitted"] != recording["stored"] + recording["lost"] or recording["lost"] != told:
            self.tell("the books: %d emitted, %d stored, %d lost, %d in gaps" % (
                recording["emitted"], recording["stored"], recording["lost"], told))
        if len(self.missing) > told:
            self.tell("%d calls are missing, %d lost" % (len(self.missing), told))
        for call in self.missing:
            if not any(gap["pid"] in (0, call.pid) and gap["from_ns"] <= call.after and gap["to_ns"] >= call.before
                       for gap in gaps):
                self.tell("no row and no gap: %s" % call)
        self.check_edges()

    def check_edges(self):
        """A gap begins and ends with something that is not there: a call of its process, or what the victim did not write
        down. Its own process's kept calls are not inside of a call at its edge. Of a process that is none of the victim's,
        who attached a probe meanwhile may be missing."""
        spans = [(call.pid, call.before, call.until) for call in self.calls if not call.row] + self.unlogged
        for number, space in self.spaces.items():
            spans.append((space.pid, self.record.recording["started_ns"] if space.origin == truth.BY_EXEC else space.before, space.after))
            spans += [(pid, since - 10**9, since) for pid, since in space.users[1:]]
        ends = {}
        for call in self.calls:
            ends[call.pid] = max(ends.get(call.pid, 0), call.after)
        spans += [(pid, after, truth.FOREVER) for pid, after in ends.items()]
        ours = {0, *(span[0] for span in spans), *(process["pid"] for process in self.record.processes.values())}
        for gap in self.record.gaps:
            if gap["cause"] not in (RING_FULL, QUEUE_FULL) or gap["pid"] not in ours:
                continue
            for edge in ("from_ns", "to_ns"):
                if not any(gap["pid"] in (0, pid) and before <= gap[edge] <= after for pid, before, after in spans):
                    self.tell("gap %d (process %d, cause %d): nothing is missing at its %s %d" % (
                        gap["id"], gap["pid"], gap["cause"], edge, gap[edge]))

    def gaps_of(self, space):
        """Those of a space's lineage: who uses it, and its ancestors until the fork."""
        gaps, until = [], truth.FOREVER
        while True:
            pids = {pid for pid, _ in space.users} | {0}
            gaps += [(gap["from_ns"], min(gap["to_ns"], until)) for gap in self.record.gaps
                     if gap["pid"] in pids and gap["from_ns"] <= until]
            if space.origin == truth.BY_EXEC:
                return gaps
            until = min(until, space.after)
            space = self.spaces[space.parent]

    # ---- lives ----

    def read_lives(self):
        lives = {}
        for recorded, start, end, protection, file, made, gone, is_open in self.record.ask(
                'SELECT of.id, life.start, life."end", protection, file_id, made_event, gone_event, is_open FROM space AS of '
                "CROSS JOIN mapping_life(of.id) AS life"):
            space = self.spaces.get(self.space_of_row.get(recorded))
            for low, high in space.ranges if space else ():
                for page in range(max(start, low), min(end, high), truth.PAGE):
                    lives.setdefault((recorded, page), []).append((made, gone, protection, file, is_open))
        return lives

    def check_lives(self):
        lives = self.read_lives()
        self.truths = {}  # (space, page): possible lives
        for number, space in sorted(self.spaces.items()):
            gaps = self.gaps_of(space)
            pages = set(space.acts)
            for ancestor in truth.lineage(self.spaces, space):
                pages |= set(ancestor.acts)
            recorded = self.row_space.get(number)
            for page in sorted(pages):
                acts = truth.acts_of(self.spaces, space, page)
                unsure = any(page in one.unsure for one in (space, *truth.lineage(self.spaces, space)))
                try:
                    possible = None if unsure else truth.lives_of(acts)
                except truth.TooMany:
                    self.counts["unchecked pages"] += 1
                    unsure = True
                if unsure:
                    self.counts["unsure pages"] += 1
                    lives.pop((recorded, page), None)
                    continue
                if possible is None:
                    raise truth.Wrong("space %d, page %#x: no order explains what happened" % (number, page))
                self.counts["pages"] += 1
                if gaps:
                    first = min((act.before for act in acts if act.how == "map"), default=truth.FOREVER)
                    last = max((call.until for call in space.calls), default=truth.FOREVER)
                    self.counts["pages under gaps"] += self.under_gap(gaps, first, last)
                self.truths[number, page] = possible
                if recorded:
                    self.check_page(space, page, acts, possible, lives.pop((recorded, page), []), gaps)
        for (recorded, page), extra in sorted(lives.items()):
            space = self.spaces.get(self.space_of_row.get(recorded))
            extra = [life for life in extra if not life[4]]
            if extra and not self.under_gap(self.gaps_of(space), 0, truth.FOREVER):
                self.tell("space %d, page %#x: nothing was ever mapped there, but %s" % (recorded, page, extra))

    @staticmethod
    def under_gap(gaps, since, until):
        return any(start <= until and end >= since for start, end in gaps)

    @staticmethod
    def since(call):
        """What it did hangs on what was there: of mremap elsewhere, since whenever that was; of one that failed likewise."""
        return 0 if call.number == truth.MREMAP or call.failed else call.before

    def check_page(self, space, page, acts, possible, lives, gaps):
        recorded, told = self.row_space[space.number], set()
        where = "space %d (process %d), page %#x" % (recorded, space.pid, page)
        for made, gone, protection, _, is_open in lives:
            made_call, gone_call = self.call_of_row.get(made), self.call_of_row.get(gone)
            if not made_call:
                # What exec laid out, of the break; else a row that match() has told of.
                if is_in_playground(self.record.rows.get(made)):
                    self.tell("%s: made by event %s, which is no call of the victim's" % (where, made))
                continue
            told.add(made_call.index)
            self.counts["lives"] += 1
            if is_open:
                self.counts["open"] += 1
                continue
            end = gone_call.index if gone_call else None
            if protection < 0 or protection is None:
                self.counts["unknown protection"] += 1
            if any(life[0] == made_call.index and life[1] == end and (protection is None or protection in (-1, life[2]))
                   for life in possible):
                continue
            if self.under_gap(gaps, min(self.since(made_call), self.since(gone_call) if gone_call else truth.FOREVER),
                              gone_call.until if gone_call and not gone_call.failed else truth.FOREVER):
                self.counts["excused by gaps"] += 1
                continue
            self.tell("%s: [%s] ended by [%s] with protection %s; truth: %s" % (
                where, made_call, gone_call or "nothing", protection,
                "; ".join("[%s] with %d" % (self.name(life[1]), life[2]) for life in sorted(possible, key=str)
                          if life[0] == made_call.index) or "it never stood there"))
        makers = {act.call.index: act.call for act in acts if act.how == "map" and not act.maybe}
        for index, call in makers.items():
            # What a call that failed may have made is open, and may be no life.
            if index not in told and call.row and not call.failed and not self.under_gap(gaps, self.since(call), call.until):
                self.tell("%s: no life by [%s]" % (where, call))

    def name(self, index):
        return "nothing" if index is None else str(next(call for call in self.calls if call.index == index))

    # ---- v_mapping ----

    @staticmethod
    def made_by(call):
        """The pages that it may have made."""
        if call.number == truth.SHMAT:
            return truth.pages_of(call.result, truth.SHM_PAGES * truth.PAGE)
        return truth.pages_of(call.result, call.args[2 if call.number == truth.MREMAP else 1] if call.number != truth.BRK else 0)

    def check_views(self):
        """It ends a mapping with the first of its pages, so that all of them must have been checked."""
        ends = {}
        for (number, page), possible in self.truths.items():
            for made, gone, _ in possible:
                ends.setdefault((number, made), set()).add(gone)
        for event, gone, is_open in self.record.ask("SELECT event, gone_event, is_open FROM v_mapping WHERE made_by <> 'seen'"):
            call, end = self.call_of_row.get(event), self.call_of_row.get(gone)
            if not call or is_open or (call.space, call.index) not in ends or end and not end.after:
                continue
            if (end.index if end else None) in ends[call.space, call.index]:
                continue
            if not all((call.space, page) in self.truths for page in self.made_by(call)):
                continue
            space = self.spaces[call.space]
            if not self.under_gap(self.gaps_of(space), self.since(call),
                                  end.until if end and not end.failed else truth.FOREVER):
                self.tell("v_mapping: [%s] ended by [%s]; truth: %s" % (
                    call, end or "nothing", "; ".join(sorted(map(self.name, ends[call.space, call.index])))))


def is_in_playground(row):
    return row is None or truth.PLAYGROUND <= row["a0"] < truth.PLAYGROUND_END


def main():
    options = argparse.ArgumentParser()
    options.add_argument("corelate")
    options.add_argument("database")
    options.add_argument("log")
    options.add_argument("--no-gaps", action="store_true", help="there must be no gap")
    options.add_argument("--json", action="store_true", help="a summary for run.py")
    options = options.parse_args()
    record = Record(options.database, options.corelate)
    try:
        check = Check(record, options.log)
        check.run()
    except truth.Wrong as wrong:
        print("the victim's own notes: %s" % wrong, file=sys.stderr)
        return 2
    if options.no_gaps:
        for gap in record.gaps:
            check.tell("gap %s, though nothing pressed" % gap)
    for text in check.found[:20]:
        print(text, file=sys.stderr)
    recording = record.recording
    summary = {"events": recording["emitted"], "stored": recording["stored"], "lost": recording["lost"],
               "gaps": len(record.gaps), "contradictions": len(check.found), **check.counts}
    print(json.dumps(summary) if options.json else ", ".join("%s %s" % item for item in summary.items()))
    return 1 if check.found else 0


if __name__ == "__main__":
    sys.exit(main())
