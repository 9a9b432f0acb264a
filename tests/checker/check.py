#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""check.py REPORT.json [--core CORE] [--db DB]: does the verdict stand on what it cites?

Reads what `corelate explain --json` printed, follows every citation into the core and the database, recomputes what can be
recomputed, and prints each rule that is broken: "RULE: what". Without --core the core is the one that the report names, if it is
there. Exit status: 0 when none is, 1 when one is, 2 when it cannot tell.
"""
import argparse
import json
import os
import sqlite3
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import alternatives  # noqa: E402
import chain  # noqa: E402
import citation  # noqa: E402
import culprit  # noqa: E402
import relations  # noqa: E402
from case import Case  # noqa: E402
from core import Core  # noqa: E402
from record import NoRecord, Record  # noqa: E402
from schema import Validator  # noqa: E402

SCHEMA = os.path.join(HERE, "../../analyzer/report/report.schema.json")


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def load_kinds():
    return load(os.path.join(HERE, "kinds.json"))["kinds"]


def check(report, core_path=None, database=None):
    """[(rule, what)] of a report as read; empty when all holds."""
    failures = [("schema", error) for error in Validator(load(SCHEMA)).errors(report)]
    if failures:
        return failures
    core, record = Core(core_path) if core_path else None, None
    if database and report["coverage"]["recorded"]:
        try:
            record = Record(database, report, core)
        except NoRecord as why:
            return [("record", str(why))]
    case, kinds = Case(report, core, record), load_kinds()
    chain.check_verdict(case)
    chain.check_links(case)
    chain.check_kinds(case, kinds)
    citation.check_all(case)
    alternatives.check_all(case, kinds)
    relations.check_all(case, kinds)
    culprit.check(case)
    return list(case.failures)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report")
    parser.add_argument("--core")
    parser.add_argument("--db")
    options = parser.parse_args()
    try:
        report = load(options.report)
        core = options.core or report.get("crash", {}).get("core")
        failures = check(report, core if core and os.path.exists(core) else None, options.db)
    except (OSError, ValueError, AttributeError, sqlite3.Error) as error:
        print(f"{options.report}: {error}")
        return 2
    for rule, what in failures:
        print(f"{rule}: {what}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
