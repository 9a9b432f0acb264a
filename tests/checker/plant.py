# SPDX-License-Identifier: MIT
"""Lies for the checker: each changes one thing of a true report, or of a copy of the database that it stands on.

A lie is a function that is given a Truth and changes it, or raises Unfit where the report has nothing to change; its decorator
names the rule that must catch it, or the relation or the showing (kinds.json) whose name must stand in what is caught."""
import copy
import os
import sqlite3

LIES = []


class Unfit(Exception):
    pass


class Truth:
    """A report, its core, and a database of its own once a lie asks for it."""

    def __init__(self, name, report, core, database, place):
        self.name, self.report, self.core, self.database, self.place = name, report, core, database, place

    def copy(self):
        return Truth(self.name, copy.deepcopy(self.report), self.core, self.database, self.place)

    def execute(self, words, *values):
        need(self.database)
        if self.database != self.place:
            for ending in ("", "-wal", "-shm"):
                if os.path.exists(self.place + ending):
                    os.unlink(self.place + ending)
            source, copied = sqlite3.connect(f"file:{self.database}?mode=ro", uri=True), sqlite3.connect(self.place)
            source.backup(copied)
            source.close()
            copied.close()
            self.database = self.place
        base = sqlite3.connect(self.database)
        try:
            changed = base.execute(words, values).rowcount
            base.commit()
            return changed
        finally:
            base.close()

    def query(self, words, *values):
        base = sqlite3.connect(f"file:{need(self.database)}?mode=ro", uri=True)
        try:
            return base.execute(words, values).fetchall()
        finally:
            base.close()

    # ---- parts ----

    @property
    def links(self):
        cause = self.report["cause"]
        if not cause or not cause["links"]:
            raise Unfit
        return cause["links"]

    def link(self, *kinds):
        return need(next((link for link in self.links if link["kind"] in kinds), None))

    def alternative(self, name, state="ruled out", kind=None):
        return need(next((a for link in self.links for a in link["alternatives"] if a["name"] == name and a["state"] == state and
                          (not kind or a["citation"]["kind"] == kind)), None))

    def cited(self, kind):
        return need(next((c for link in self.links for c in link["citations"] if c["kind"] == kind), None))

    def event(self, number):
        names = ("id, space_id, tid, kind, enter_ns, duration_ns, result, a0, a1, a2, a3").split(", ")
        rows = self.query(f"SELECT {', '.join(names)} FROM event WHERE id = ?", number)
        return need(dict(zip(names, rows[0])) if rows else None)

    def insert_like(self, number, **changes):
        """A new row of event, like another one but for what is given."""
        columns = [row[1] for row in self.query("PRAGMA table_info(event)")]
        row = dict(zip(columns, self.query("SELECT * FROM event WHERE id = ?", number)[0]))
        row.update(changes)
        row["id"] = self.query("SELECT max(id) + 1 FROM event")[0][0]
        self.execute(f"INSERT INTO event ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def death(self):
        return need(next((c["id"] for link in self.links for c in link["citations"] if c["kind"] == "signal" and c["id"]), None))

    def proven(self):
        if need(self.report["cause"])["confidence"] != "proven":
            raise Unfit


def need(value):
    if value is None:
        raise Unfit
    return value


def shift(text, by):
    return "0x%x" % (int(need(text), 16) + by)


def lie(rule, text):
    def keep(function):
        LIES.append((rule, text, function))
        return function
    return keep


def truncation(truth):
    return need(next((c["id"] for c in truth.link("file-truncated")["citations"] if c["kind"] == "truncation"), None))


def accused(truth, kind="code"):
    culprit = need(truth.report["culprit"])
    if culprit["kind"] != kind:
        raise Unfit
    return culprit
