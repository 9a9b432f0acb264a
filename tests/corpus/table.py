# SPDX-License-Identifier: MIT
"""The table of cases: reads the file `cases`.

A section is one bug in one program. Each of its builds is a case, called SECTION@BUILD. Its fields (see the head of
`cases` for their meaning) are words of text; nothing here knows what corelate answers.
"""
import configparser
import os
import re
from dataclasses import dataclass, field

import reach

FIELDS = """
    program define flags libraries builds arguments environment needs core signal label act dies-in near-miss-of because
    function function-recorded contains contains-recorded lacks
""".split()


LANGUAGES = {".c": "c", ".cc": "c++", ".rs": "rust", ".go": "go"}
# What the allocator's calls tell something about.
OF_THE_HEAP = {"double-free", "use-after-free", "invalid-free", "heap-overflow", "heap-corruption"}


class TableError(Exception):
    pass


@dataclass
class Case:
    """One program, built in one way. `rungs` is the true chain as classes, `acts` what broke the rule: see reach.py."""

    name: str
    bug: str
    program: str
    build: list
    rungs: list
    acts: list = field(default_factory=list)
    dies_in: str = "executable"
    define: list = field(default_factory=list)
    flags: list = field(default_factory=list)
    libraries: dict = field(default_factory=dict)
    arguments: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)
    core: str = "parent"
    signals: list = field(default_factory=list)
    near: str = ""
    function: list = field(default_factory=list)
    function_recorded: list = field(default_factory=list)
    contains: list = field(default_factory=list)
    contains_recorded: list = field(default_factory=list)
    lacks: list = field(default_factory=list)

    @property
    def label(self):
        return self.rungs[0].classes[0]

    @property
    def language(self):
        return LANGUAGES[os.path.splitext(self.program)[1]]

    def of_the_heap(self):
        """Would a record of the heap's calls tell something? Those of static programs are not followed, and a program that makes
        blocks until its stack overflows would take minutes."""
        classes = {name for rung in self.rungs for name in rung.classes} | {self.near}
        return bool(classes & OF_THE_HEAP) and "static" not in self.build and self.label != "stack-overflow"

    def named(self):
        """Can the functions of the program be named at all?"""
        return "strip" not in self.build


def parts(text):
    return [part.strip() for part in text.split("|") if part.strip()]


def section_cases(name, section):
    for key in section:
        if key not in FIELDS:
            raise TableError(f"{name}: the field {key} is not known")
    near = section.get("near-miss-of", "")
    dies_in = section.get("dies-in", "executable")
    if (near and near not in reach.CLASSES) or dies_in not in ("executable", "libc", "libraries"):
        raise TableError(f"{name}: {near} is no class, or {dies_in} no place")
    try:
        rungs, acts = reach.parse_label(section.get("label", "")), reach.parse_acts(section.get("act", ""))
    except reach.LabelError as error:
        raise TableError(f"{name}: {error}") from None
    for build in section.get("builds", "O0").split():
        yield Case(
            name=f"{name}@{build}",
            bug=name,
            program=section["program"],
            build=build.split("+"),
            rungs=rungs,
            acts=acts,
            dies_in=dies_in,
            define=section.get("define", "").split(),
            flags=section.get("flags", "").split(),
            libraries=dict(word.split(":", 1) for word in section.get("libraries", "").split()),
            arguments=section.get("arguments", "").split(),
            environment=dict(word.split("=", 1) for word in section.get("environment", "").split()),
            needs=section.get("needs", "").split(),
            core=section.get("core", "parent"),
            signals=section.get("signal", "SIGSEGV").split(),
            near=near,
            function=parts(section.get("function", "")),
            function_recorded=parts(section.get("function-recorded", "")),
            contains=parts(section.get("contains", "")),
            contains_recorded=parts(section.get("contains-recorded", "")),
            lacks=parts(section.get("lacks", "")),
        )


def load(paths):
    """All cases of the tables at `paths`, in their order."""
    cases = []
    for path in paths:
        parser = configparser.ConfigParser(interpolation=None, strict=True, delimiters=("=",), default_section="-")
        parser.optionxform = str
        with open(path, encoding="utf-8") as file:
            parser.read_file(file)
        for name in parser.sections():
            if not re.fullmatch(r"[a-z0-9-]+", name):
                raise TableError(f"{path}: {name} is no name")
            cases.extend(section_cases(name, parser[name]))
    names = [case.name for case in cases]
    for name in names:
        if names.count(name) > 1:
            raise TableError(f"{name} is there twice")
    return cases
