# SPDX-License-Identifier: MIT
"""How deep an answer can go with the evidence that there is: the language of the labels, and what each class needs.

A label is the true chain of a fault as classes, the deepest first, each with the evidence that it needs:

    label = double-munmap | use-after-munmap | wild-pointer
    label = seccomp-kill if record | forwarded-signal<=likely if siginfo
    label = failed-call/allocation-failure if record | wild-pointer

A rung without `if` needs what NEEDS says of its class; X<=possible may be told no surer than that; X/Y are two names for one
rung. Of the rungs whose needs are met the first is what can be reached. Below the last lies `unknown`.

An act is what broke the rule, and by whom; several are wrong only together:

    act = munmap by arena_release | read by forward_message         code, seen doing it where its verb's evidence is there
    act = kill by process watchdog-quit                             a process
    act = write by ?append_trailer                                  computed or inferred at best: a suspect, never a culprit
"""
import re
from dataclasses import dataclass

CLASSES = """
    uretprobe-unwind uretprobe-sigill uretprobe-wrong-return uretprobe-seccomp stray-breakpoint misplaced-uprobe
    buffer-overflow double-close
    use-after-munmap double-munmap map-fixed-clobber protection-violation unloaded-code unloaded-data truncated-file no-space
    discarded-pages double-free use-after-free invalid-free heap-overflow heap-corruption misaligned-object
    stack-overflow stack-smash smashed-return use-after-return null-call wild-jump nx-execution
    null-dereference non-canonical-pointer wild-pointer uninitialized-pointer bit-flip
    allocation-failure failed-call reentrant-call deadlock
    assertion-failure uncaught-exception runtime-fatal deliberate-abort killed-by-process oom-kill resource-limit
    watchdog-timeout forwarded-signal seccomp-kill divide-by-zero illegal-instruction exit-status snapshot unknown
""".split()
CONFIDENCES = ["none", "possible", "likely", "proven"]

# Evidence that no state has: `stores`, who wrote what into memory; `calls`, system calls that failed (record --calls).
NOWHERE = {"stores", "calls"}
PIECES = {"heap", "record", "symbols", "debug", "executable", "libc", "libraries", "siginfo", "files"}
# Made of the pieces, see available().
DERIVED = {"core", "code", "address", "names", "message", "exception", "handled"}

# What each class needs where its label says nothing: [(highest confidence, need)]. Of what the C library or a runtime finds and
# aborts for, its message is needed, or it looks like an abort of the program's own.
NEEDS = {
    "use-after-munmap": [("proven", "record")],
    "double-munmap": [("proven", "record")],
    "map-fixed-clobber": [("proven", "record")],
    "discarded-pages": [("proven", "record")],
    # Strings and the C library's freed link_map still name the library and its range.
    "unloaded-code": [("proven", "record"), ("likely", "core")],
    "unloaded-data": [("proven", "record"), ("likely", "core")],
    "truncated-file": [("proven", "siginfo or record or code and files")],
    "protection-violation": [("proven", "address")],
    "null-dereference": [("proven", "address")],
    "wild-pointer": [("proven", "address")],
    # The kernel gives no address: the instruction tells which register it was, else what the registers hold is a hint.
    "non-canonical-pointer": [("proven", "code"), ("possible", "siginfo or record")],
    "null-call": [("proven", "core")],
    "wild-jump": [("proven", "core")],
    "nx-execution": [("proven", "core")],
    "stack-overflow": [("proven", "core")],
    "smashed-return": [("proven", "code"), ("possible", "core")],
    "bit-flip": [("proven", "code")],
    "stack-smash": [("proven", "message")],
    "assertion-failure": [("proven", "message")],
    "heap-corruption": [("proven", "message")],
    "double-free": [("proven", "heap or message")],
    "invalid-free": [("proven", "heap or message")],
    "use-after-free": [("proven", "heap or code")],
    "uncaught-exception": [("proven", "exception")],
    "runtime-fatal": [("proven", "exception")],
    "deadlock": [("proven", "exception")],
    "allocation-failure": [("proven", "record")],
    "deliberate-abort": [("proven", "core")],
    "killed-by-process": [("proven", "siginfo or record")],
    "resource-limit": [("proven", "siginfo or record")],
    "watchdog-timeout": [("proven", "siginfo or record")],
    "forwarded-signal": [("proven", "record")],
    "seccomp-kill": [("proven", "siginfo or record")],
    "divide-by-zero": [("proven", "siginfo or record or code")],
    "illegal-instruction": [("proven", "siginfo or record or code")],
}

RECORDED_VERBS = {"munmap", "mmap", "mremap", "madvise", "mprotect", "brk", "shmdt", "dlclose", "truncate", "malloc", "return"}
VERB_NEEDS = {"free": "heap", "fopen": "calls", **{verb: "record" for verb in RECORDED_VERBS}}
VERBS = {*VERB_NEEDS, *"""abort assert call divide frame instruction jump kill limit lock panic read recurse syscall throw
    write""".split()}


class LabelError(Exception):
    pass


@dataclass(frozen=True)
class Rung:
    classes: tuple  # names for it, the first one ours
    limit: str  # no surer than that
    need: str  # words joined by `and` and `or`; `and` binds more


@dataclass(frozen=True)
class Act:
    verb: str
    name: str  # a function, or a process's command name
    is_process: bool
    is_suspect: bool
    need: str


def met(need, available):
    return any(all(word in available for word in part.split(" and ")) for part in need.split(" or "))


def checked_need(need):
    words = re.split(" and | or ", need)
    if not set(words) <= PIECES | DERIVED | NOWHERE:
        raise LabelError(f"{need}: no such evidence")
    return need


def split_if(text):
    head, _, need = text.partition(" if ")
    return head.strip(), checked_need(need.strip()) if need else None


def parse_label(text):
    """The rungs of a label."""
    rungs = []
    for part in filter(None, map(str.strip, text.split("|"))):
        head, need = split_if(part)
        names, _, limit = head.partition("<=")
        classes = tuple(names.split("/"))
        if not set(classes) <= set(CLASSES) or (limit or "proven") not in CONFIDENCES:
            raise LabelError(f"{part}: no class, or its limit no confidence")
        if need:
            rungs.append(Rung(classes, limit or "proven", need))
            continue
        if classes[0] not in NEEDS:
            raise LabelError(f"{part}: what it needs is to be said")
        for most, default in NEEDS[classes[0]]:
            rungs.append(Rung(classes, min(limit or "proven", most, key=CONFIDENCES.index), checked_need(default)))
    if not rungs:
        raise LabelError("no label")
    return rungs


def parse_acts(text):
    acts = []
    for part in filter(None, map(str.strip, text.split("|"))):
        head, need = split_if(part)
        found = re.fullmatch(r"(\w+) by (process )?(\?)?(\S+)", head)
        if not found or found[1] not in VERBS or (found[2] and found[3]):
            raise LabelError(f"{part}: no act")
        default = "siginfo or record" if found[1] == "kill" and found[2] else VERB_NEEDS.get(found[1], "core")
        acts.append(Act(found[1], found[4], bool(found[2]), bool(found[3]), need or default))
    return acts


def available(case, present, removed):
    """What there is of evidence: the pieces that the crash has and that are not taken away, and what they make together.

    core: always. code: the instruction at which it ended, in its file (`dies-in`) or in the core. address: the fault address.
    names: functions of the program. message: why the C library aborts. exception: what was thrown, or why a runtime ended the
    program. handled: an earlier signal, whose handler ended the program.
    """
    found = present - removed
    if "libc" not in present and "executable" in found:  # a static program
        found |= {"libc", "libraries"}
    found |= {"core"}
    if case.dies_in in found or "text" in found:
        found |= {"code"}
    if "executable" in found and found & {"symbols", "debug"}:
        found |= {"names"}
    if met("siginfo or record or code", found):
        found |= {"address"}
    if "libc" in found and ("libc" in present or "names" in found):
        found |= {"message"}
    if met({"rust": "libc and names", "go": "executable"}.get(case.language, "libc and libraries"), found):
        found |= {"exception"}
    if met("record or libc and executable", found):
        found |= {"handled"}
    return found


def missing(rung, found):
    """What it lacks, in words; empty when it is reached."""
    if met(rung.need, found):
        return ""
    return " or ".join(" and ".join(w for w in part.split(" and ") if w not in found) for part in rung.need.split(" or "))


def culprits(case, found):
    """(names of code, names of processes) that may be named as culprits, because their act was seen."""
    seen = [act for act in case.acts if not act.is_suspect and met(act.need, found)]
    return ({act.name for act in seen if not act.is_process and "names" in found}, {a.name for a in seen if a.is_process})
