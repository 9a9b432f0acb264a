# SPDX-License-Identifier: MIT
"""What the recorded calls made of one page of an address space: every history that their times and the kernel's rules allow.

A small model of its own. Calls that overlap in time are tried in every order; a call that failed but may have acted is tried
both ways; an mmap that let the kernel choose found its place free. Where more calls overlap than MOST_AT_ONCE, or more
histories are left than MOST_HISTORIES, nothing is claimed (None)."""
import itertools
from collections import namedtuple

from record import MASK

PAGE = 4096
LIMIT = 1 << 62
MOST_AT_ONCE, MOST_HISTORIES = 6, 64
MAP_FIXED, MAP_ANONYMOUS, MAP_HUGETLB, MAP_NOREPLACE = 0x10, 0x20, 0x40000, 0x100000
MREMAP_FIXED, MREMAP_DONTUNMAP, SHM_REMAP = 2, 4, 0x4000
EBADF, EINTR, ENOMEM, EACCES, EEXIST, EOVERFLOW, EPERM = 9, 4, 12, 13, 17, 75, 1
DISCARDS = {4, 8, 9, 24, 102, 103}
DONTFORK, DOFORK, GUARD_INSTALL, GUARD_REMOVE = 10, 11, 102, 103
READ, WRITE, EXEC = 1, 2, 4

# What one call did to a range. how: unmap, map, protect, advise. maybe: it failed, or had not returned. free: it must have
# found the range free.
Act = namedtuple("Act", "how start end maybe free protection", defaults=(False, False, None))
# A mapping's life at the page. born, died, protected: event.id (died 0: it lives). advised: ((advice, event.id), ...)
Life = namedtuple("Life", "born died protection protected advised before")


def up(value, unit=PAGE):
    return (value + unit - 1) & -unit


def span(start, length, unit=PAGE):
    """Empty for what no kernel accepts."""
    if start % PAGE or start >= LIMIT or not 0 < length <= LIMIT:
        return 0, 0
    return start, start + up(length, unit)


def huge_unit(flags):
    if not flags & MAP_HUGETLB:
        return PAGE
    shift = flags >> 26 & 63
    return 1 << (shift if 12 <= shift <= 40 else 21)


def acts(event):
    """Of one call, in their order."""
    return [act for act in ACTS.get(event.name, lambda event: [])(event) if act.start < act.end]


def acts_seen(event):
    return [Act("map", *span(event.args[0], event.args[1]), protection=event.args[2], free=None)]


def acts_mmap(event):
    address, length, protection, flags = event.args[:4]
    fixed = flags & MAP_FIXED and not flags & MAP_NOREPLACE
    if not event.failed:
        where = span(event.result & MASK, length, huge_unit(flags))
        return ([Act("unmap", *where)] if fixed else []) + [Act("map", *where, free=not fixed, protection=protection)]
    never = event.result != -ENOMEM if flags & MAP_ANONYMOUS else -event.result in (EBADF, EEXIST, EINTR, EOVERFLOW)
    return [Act("unmap", *span(address, length, huge_unit(flags)), maybe=True)] if fixed and not never else []


def acts_munmap(event):
    return [Act("unmap", *span(event.args[0], event.args[1]))] if event.result == 0 else []


def acts_mremap(event):
    old, old_bytes, new_bytes, flags, asked = event.args[:5]
    if event.failed:
        if not flags & MREMAP_FIXED or event.result == -EINTR or old % PAGE:
            return []
        covered = span(asked, new_bytes)
        kept = flags & MREMAP_DONTUNMAP or covered[0] >= covered[1]
        return [Act("unmap", *covered, maybe=True)] + ([] if kept else [Act("unmap", *span(old, old_bytes), maybe=True)])
    if old_bytes > LIMIT or new_bytes > LIMIT:
        return []
    new, old_bytes, new_bytes = event.result & MASK, up(old_bytes), up(new_bytes)
    if old_bytes and not flags & MREMAP_DONTUNMAP and new == old:
        if new_bytes < old_bytes:
            return [Act("unmap", *span(old + new_bytes, old_bytes - new_bytes))]
        return [Act("map", *span(old + old_bytes, new_bytes - old_bytes), free=True)]
    found = [Act("unmap", *span(new, new_bytes))] if flags & MREMAP_FIXED else []
    found.append(Act("map", *span(new, new_bytes), free=not flags & MREMAP_FIXED))
    if not flags & MREMAP_DONTUNMAP:
        found.append(Act("unmap", *span(old, old_bytes)))
    return found


def acts_brk(event):
    old, new = event.args[1], event.result & MASK
    if old > LIMIT or new > LIMIT:
        return []
    old, new = up(old), up(new)
    return [Act("map", *span(old, new - old), protection=READ | WRITE)] if new > old else [Act("unmap", *span(new, old - new))]


def acts_shmat(event):
    if event.failed:
        return []
    where = span(event.result & MASK, event.args[3])
    over = event.args[2] & SHM_REMAP
    return ([Act("unmap", *where)] if over else []) + [Act("map", *where, free=not over)]


def acts_protect(event):
    if event.result not in (0, -ENOMEM, -EACCES, -EPERM):
        return []
    return [Act("protect", *span(event.args[0], event.args[1]), maybe=event.result != 0, protection=event.args[2])]


def acts_advise(event):
    holes = event.result == -ENOMEM and event.args[2] in (4, 8, 24)
    return [Act("advise", *span(event.args[0], event.args[1]), maybe=event.result != 0 and not holes)]


ACTS = {"seen": acts_seen, "mmap": acts_mmap, "munmap": acts_munmap, "mremap": acts_mremap, "brk": acts_brk, "shmat": acts_shmat,
        "shmdt": acts_munmap, "mprotect": acts_protect, "pkey_mprotect": acts_protect, "madvise": acts_advise}


def removed(event):
    return next(((act.start, act.end) for act in acts(event) if act.how == "unmap"), (0, 0))


def added(event):
    return next(((act.start, act.end) for act in acts(event) if act.how == "map"), (0, 0))


class Impossible(Exception):
    pass


def step(history, event, act, strict):
    """The history after it; a history is a tuple of lives, of which the last may live."""
    life = history[-1] if history and not history[-1].died else None
    if act.how == "map":
        if life and act.free is None:
            return history  # found in place: what a call has just put there
        if life and act.free and strict:
            raise Impossible
        if life:
            history = history[:-1] + (life._replace(died=event.id),)
        protection = act.protection
        if event.name == "mremap" and history:
            protection = None
        return history + (Life(event.id, 0, protection, event.id, (), None),)
    if not life:
        if act.how == "protect" and strict and not act.maybe and history:
            raise Impossible
        return history
    if act.how == "unmap":
        return history[:-1] + (life._replace(died=event.id),)
    if act.how == "protect":
        return history[:-1] + (life._replace(protection=act.protection, protected=event.id, before=life.protection),)
    return history[:-1] + (life._replace(advised=life.advised + ((event.args[2], event.id),)),)


def ways(event, page, until):
    """Each way in which a call may have acted on the page: a list of lists of acts."""
    here = [act for act in acts(event) if act.start <= page < act.end]
    if not here:
        return []
    if any(act.maybe for act in here) or event.exit_ns > until:
        return [here, []]
    return [here]


def clusters(events):
    """Runs of calls that overlap in time, by their entries."""
    found, until = [], -1
    for event in sorted(events, key=lambda event: (event.enter_ns, event.id)):
        if event.enter_ns > until:
            found.append([])
        found[-1].append(event)
        until = max(until, event.exit_ns)
    return found


def orders(cluster):
    for order in itertools.permutations(cluster):
        if all(not later.exit_ns < earlier.enter_ns for i, earlier in enumerate(order) for later in order[i + 1:]):
            yield order


def advance(histories, cluster, page, untils, strict):
    found = set()
    choices = {event.id: ways(event, page, untils[event.space_id]) for event in cluster}
    for order in orders(cluster):
        for way in itertools.product(*(choices[event.id] for event in order)):
            for history in histories:
                try:
                    for event, some in zip(order, way):
                        for act in some:
                            history = step(history, event, act, strict)
                    found.add(history)
                except Impossible:
                    continue
    return found


def fork(history):
    """What a child inherits: not what was kept from it."""
    life = history[-1] if history and not history[-1].died else None
    kept = [(advice, number) for advice, number in (life.advised if life else ()) if advice in (DONTFORK, DOFORK)]
    return history[:-1] + (life._replace(died=kept[-1][1]),) if kept and kept[-1][0] == DONTFORK else history


def are_ordered(record, address):
    """No two recorded calls on the page overlap in time."""
    page = address & -PAGE
    events = [event for event in record.events() if any(act.start <= page < act.end for act in acts(event))]
    return all(len(cluster) == 1 for cluster in clusters(events))


def histories(record, address, until=None):
    """All that are possible at `until` (default: the death); None where too much is open."""
    page, until = address & -PAGE, until or record.time_ns
    untils = {number: min(last, until) for number, last in record.spaces.items()}
    found, space = {()}, None
    events = [event for event in record.events()
              if event.enter_ns <= untils[event.space_id] and any(act.start <= page < act.end for act in acts(event))]
    for cluster in clusters(events):
        if space not in (None, cluster[0].space_id):
            found = {fork(history) for history in found}
        space = cluster[-1].space_id
        if len(cluster) > MOST_AT_ONCE:
            return None
        found = advance(found, cluster, page, untils, True) or advance(found, cluster, page, untils, False)
        if len(found) > MOST_HISTORIES:
            return None
    return {fork(history) for history in found} if space not in (None, record.space_id) else found


def covers_whole(record, start, end, after, before):
    """Was every page of [start, end) mapped again between the two calls, of which the first had freed it all?"""
    pieces = []
    for event in sorted(record.events(), key=lambda event: event.enter_ns):
        if event.id in (after.id, before.id) or event.exit_ns <= after.exit_ns or event.enter_ns >= before.enter_ns:
            continue
        for act in acts(event):
            if act.how == "unmap":
                pieces = [piece for low, high in pieces
                          for piece in ((low, min(high, act.start)), (max(low, act.end), high)) if piece[0] < piece[1]]
            elif act.how == "map":
                pieces.append((max(act.start, start), min(act.end, end)))
    at = start
    for low, high in sorted(pieces):
        if low <= at:
            at = max(at, high)
    return at >= end
