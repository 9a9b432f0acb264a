# SPDX-License-Identifier: MIT
"""Compares what a command printed with what a document shows, by shape where two runs differ. docs/README.md has the rule.

Everything that is a number (decimal, with a fraction, hexadecimal, an id of eight and more hexadecimal digits) equals any
other such number; a time equals any time in any unit, a size any size; names of days are alike; runs of blanks are one
blank. "..." stands for anything in a line, and alone in a line for any number of lines.
"""
import difflib
import re

ROOT = "/src/corelate"  # what the directory of the commands is called in the documents
PROGRAMS = "/usr/bin"  # and that of the programs

SHELL_SAYS = re.compile(r"^(?:/\S+|bash|environment): line \d+:\s+\d+ (.*\S)\s{2,}.*$|^(?:\S+): line \d+: ")
RULES = (
    (re.compile(r"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)\b"), "DAY"),
    (re.compile(r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b(?= +[0-9])"), "MONTH"),
    (re.compile(r"\b[0-9]+\.[0-9]+(?![0-9])"), "N"),
    (re.compile(r"\b(?:0x)?(?=[0-9a-f]*[0-9])[0-9a-f]{8,}\b"), "N"),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "N"),
    (re.compile(r"[0-9]+"), "N"),
    (re.compile(r"\bN ?(?:ns|us|µs|ms|s|min|h|d)\b"), "TIME"),
    (re.compile(r"\bN ?(?:B|[KMGT]i?B?)\b"), "SIZE"),
    (re.compile(r"\s+"), " "),
)


def tidy(lines, names):
    """What a reader would see in a terminal: directories under the names that they have in documents, and the shell's
    word on a death without its own place in the text."""
    tidied = []
    for line in lines:
        for path, name in names.items():
            line = line.replace(path, name)
        said = SHELL_SAYS.match(line)
        if said:
            line = said[1] if said[1] else "bash: " + line[said.end():]
        tidied.append(line)
    while tidied and not tidied[-1].strip():
        tidied.pop()
    return tidied


def normal(line, exact):
    line = line.strip()
    for pattern, word in RULES[-1:] if exact else RULES:
        line = pattern.sub(word, line)
    return line


def line_pattern(line, exact):
    """A regular expression for the line."""
    return re.compile(".*".join(re.escape(normal(piece, exact)) for piece in line.split("...")))


def pair(shown, got, exact=False):
    """[(a shown line, the line that it stands for)] where these lines tell the same, else None."""
    shown = list(shown)
    while shown and not shown[-1].strip():
        shown.pop()
    lines = [normal(line, exact) for line in got]
    dots = [line.strip() == "..." for line in shown]
    patterns = [line_pattern(line, exact) for line in shown]
    # fits[i][j]: the shown lines from i on tell the same as the others from j on.
    fits = [[False] * (len(lines) + 2) for _ in range(len(shown) + 1)]
    fits[len(shown)][len(lines)] = True
    for i in reversed(range(len(shown))):
        for j in reversed(range(len(lines) + 1)):
            if dots[i]:
                fits[i][j] = fits[i + 1][j] or fits[i][j + 1]
            else:
                fits[i][j] = j < len(lines) and fits[i + 1][j + 1] and patterns[i].fullmatch(lines[j]) is not None
    if not fits[0][0]:
        return None
    pairs, j = [], 0
    for i, line in enumerate(shown):
        while dots[i] and not fits[i + 1][j]:
            j += 1
        if not dots[i]:
            pairs.append((line, got[j]))
            j += 1
    return pairs


VALUE = re.compile(r"\b(?:0x[0-9a-f]+|(?=[0-9a-f]*[0-9])[0-9a-f]{8,}|[0-9]+)\b")


def canonical(value):
    """One spelling for an address with and without leading zeros."""
    return "0x" + (value[2:].lstrip("0") or "0") if value.startswith("0x") else value


def values(pairs):
    """What a shown address, id or pid is in this run: {shown: got}, from the parts of lines without dots."""
    found = {}
    for shown, got in pairs:
        pieces = shown.split("...")
        mine, others = VALUE.findall(pieces[0]), VALUE.findall(got)
        ends = [(VALUE.findall(pieces[-1]), VALUE.findall(got))] if len(pieces) > 1 else []
        for one, other in zip(mine, others):
            found.setdefault(canonical(one), canonical(other))
        for last, all_ in ends:
            for one, other in zip(reversed(last), reversed(all_)):
                found.setdefault(canonical(one), canonical(other))
    return {one: other for one, other in found.items() if len(one) >= 4}


def substitute(command, known):
    """The command with the values of this run in the place of those that the document shows."""
    def put(match):
        value = known.get(canonical(match[0]))
        if value is None:
            return match[0]
        return "0x" + value[2:].zfill(len(match[0]) - 2) if match[0].startswith("0x0") else value

    return VALUE.sub(put, command)


def difference(shown, got, exact=False):
    """For the person who has to mend it."""
    wanted = [line if line.strip() == "..." else normal(line, exact) for line in shown]
    lines = difflib.unified_diff(wanted, [normal(line, exact) for line in got], "shown", "got", lineterm="", n=1)
    return "\n".join("    " + line for line in lines) + "\n  what it printed:\n" + "\n".join("    " + line for line in got)
