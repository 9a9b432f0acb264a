# SPDX-License-Identifier: MIT
"""A Markdown document as its tests see it: the commands with what they print, in order. docs/README.md has the rules."""
import dataclasses
import re

FENCE = re.compile(r"^(\s*)```(.*)$")
COMMENT = re.compile(r"^<!--\s*(not run|test needs):\s*(.*?)\s*-->\s*$")


class Malformed(Exception):
    pass


@dataclasses.dataclass
class Part:
    """kind: run (a command with the lines that it shows), not-run, file, patch."""
    kind: str
    line: int
    text: str = ""
    shown: list = dataclasses.field(default_factory=list)
    reason: str = ""
    path: str = ""


def blocks(path):
    """(line number, words of the info string, lines, the comment right before) of each fenced block."""
    lines = path.read_text(encoding="utf-8").split("\n")
    comment = None
    inside = None
    for number, line in enumerate(lines, 1):
        fence = FENCE.match(line)
        if inside is None and fence:
            inside = (number, fence[2].split(), [], comment)
            indent = len(fence[1])
            comment = None
        elif inside is not None and fence and not fence[2]:
            yield inside
            inside = None
        elif inside is not None:
            inside[2].append(line[indent:] if not line[:indent].strip() else line)
        elif line.strip():
            comment = COMMENT.match(line) or None
            if comment and comment[1] == "test needs":
                yield number, ["needs"], comment[2].split(), None
    if inside is not None:
        raise Malformed("%s:%d: the block does not end" % (path.name, inside[0]))


def commands(number, lines, name):
    """The commands of a console block. A line that begins with "> " continues the command above it."""
    part = None
    for offset, line in enumerate(lines, 1):
        if line.startswith(("$ ", "# ")):
            if part:
                yield part
            part = Part("run", number + offset, line[2:])
        elif part is None:
            raise Malformed("%s:%d: a console block begins with a command" % (name, number + offset))
        elif line.startswith("> ") and not part.shown:
            part.text += "\n" + line[2:]
        else:
            part.shown.append(line)
    if part:
        yield part


def read(path):
    """The parts in order, and what the document needs (words)."""
    parts, needs = [], []
    for number, info, lines, comment in blocks(path):
        if info == ["needs"]:
            needs += lines
        elif info[:1] == ["console"]:
            for part in commands(number, lines, path.name):
                if comment and comment[1] == "not run":
                    if not comment[2]:
                        raise Malformed("%s:%d: not run without a reason" % (path.name, number))
                    part.kind, part.reason = "not-run", comment[2]
                parts.append(part)
        elif len(info) > 1 and info[1].startswith("file="):
            parts.append(Part("file", number, "\n".join(lines) + "\n", path=info[1][5:]))
        elif info == ["diff", "apply"]:
            parts.append(Part("patch", number, "\n".join(lines) + "\n"))
        elif comment and comment[1] == "not run":
            raise Malformed("%s:%d: only a console block is run or not" % (path.name, number))
    return parts, needs
