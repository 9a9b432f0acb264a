# SPDX-License-Identifier: MIT
"""The table of cases: reads the file `cases`.

A section is one bug in one program. Each of its builds is a case, called SECTION@BUILD. Its fields (see the head of
`cases` for their meaning) are words of text; nothing here knows what corelate answers.
"""
import configparser
import re
from dataclasses import dataclass, field

CLASSES = """
    uretprobe-unwind uretprobe-sigill uretprobe-wrong-return uretprobe-seccomp stray-breakpoint
    use-after-munmap double-munmap map-fixed-clobber protection-violation unloaded-code unloaded-data truncated-file
    discarded-pages double-free use-after-free invalid-free heap-overflow heap-corruption
    stack-overflow stack-smash smashed-return null-call wild-jump nx-execution
    null-dereference non-canonical-pointer wild-pointer bit-flip
    assertion-failure uncaught-exception deliberate-abort killed-by-process forwarded-signal seccomp-kill
    divide-by-zero illegal-instruction unknown
""".split()
CONFIDENCES = ["none", "possible", "likely", "proven"]
FIELDS = """
    program define flags libraries builds arguments environment needs core signal label near-miss-of because
    also also-unrecorded also-recorded function function-recorded contains contains-recorded lacks
""".split()


class TableError(Exception):
    pass


@dataclass
class Case:
    """One program, built in one way. `also` maps an honest alternative to the highest confidence it may have."""

    name: str
    bug: str
    program: str
    build: list
    label: str
    define: list = field(default_factory=list)
    flags: list = field(default_factory=list)
    libraries: dict = field(default_factory=dict)
    arguments: list = field(default_factory=list)
    environment: dict = field(default_factory=dict)
    needs: list = field(default_factory=list)
    core: str = "parent"
    signals: list = field(default_factory=list)
    near: str = ""
    also: dict = field(default_factory=dict)
    also_unrecorded: dict = field(default_factory=dict)
    also_recorded: dict = field(default_factory=dict)
    function: list = field(default_factory=list)
    function_recorded: list = field(default_factory=list)
    contains: list = field(default_factory=list)
    contains_recorded: list = field(default_factory=list)
    lacks: list = field(default_factory=list)

    def answers(self, recorded):
        """What may be said of it: {class: highest confidence}."""
        allowed = dict(self.also_recorded if recorded else self.also_unrecorded)
        allowed.update(self.also)
        allowed[self.label] = "proven"
        return allowed

    def named(self):
        """Can the functions of the program be named at all?"""
        return "strip" not in self.build


def parts(text):
    return [part.strip() for part in text.split("|") if part.strip()]


def alternatives(text, where):
    """`wild-pointer | bit-flip<=possible`"""
    found = {}
    for part in parts(text):
        name, _, limit = part.partition("<=")
        limit = limit or "proven"
        if name not in CLASSES or limit not in CONFIDENCES:
            raise TableError(f"{where}: {part} is no class, or its limit no confidence")
        found[name] = limit
    return found


def section_cases(name, section):
    for key in section:
        if key not in FIELDS:
            raise TableError(f"{name}: the field {key} is not known")
    label = section.get("label")
    near = section.get("near-miss-of", "")
    if label not in CLASSES or (near and near not in CLASSES):
        raise TableError(f"{name}: {label} or {near} is no class")
    also = alternatives(section.get("also", ""), name)
    also_unrecorded = alternatives(section.get("also-unrecorded", ""), name)
    also_recorded = alternatives(section.get("also-recorded", ""), name)
    if (also or also_unrecorded or also_recorded) and not section.get("because"):
        raise TableError(f"{name}: alternatives need a reason (because)")
    for build in section.get("builds", "O0").split():
        yield Case(
            name=f"{name}@{build}",
            bug=name,
            program=section["program"],
            build=build.split("+"),
            label=label,
            define=section.get("define", "").split(),
            flags=section.get("flags", "").split(),
            libraries=dict(word.split(":", 1) for word in section.get("libraries", "").split()),
            arguments=section.get("arguments", "").split(),
            environment=dict(word.split("=", 1) for word in section.get("environment", "").split()),
            needs=section.get("needs", "").split(),
            core=section.get("core", "parent"),
            signals=section.get("signal", "SIGSEGV").split(),
            near=near,
            also=also,
            also_unrecorded=also_unrecorded,
            also_recorded=also_recorded,
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
