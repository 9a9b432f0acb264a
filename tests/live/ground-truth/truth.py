# SPDX-License-Identifier: MIT
"""What the victim did (log.h), as far as it can be told: for each page of each address space the acts that made and ended
its mappings, in every order that their times, the kernel's own rules and the looks at /proc/self/maps allow. Shares no
code with the recorder, the store or the replay."""
import struct
from collections import namedtuple

PAGE = 4096
PLAYGROUND = 0x100000000000
STRIDE = 0x40000
THREADS, SHARED = 8, 2
PLAYGROUND_END = PLAYGROUND + (THREADS + SHARED) * STRIDE
BRK_PAGES = 24
SHM_PAGES = 3
FOREVER = 1 << 62

HEAD = struct.Struct("<QQII")
NOTE = struct.Struct("<4I3Qq6Q")
CALL, SPACE, LOOK, MAPPING, UNLOGGED, SHARER = range(1, 7)
BY_EXEC, BY_FORK = 1, 2
MMAP, MPROTECT, MUNMAP, BRK, MREMAP, MADVISE, SHMAT, SHMDT, PKEY_MPROTECT = 9, 10, 11, 12, 25, 28, 30, 67, 329
NAMES = {MMAP: "mmap", MPROTECT: "mprotect", MUNMAP: "munmap", BRK: "brk", MREMAP: "mremap", MADVISE: "madvise",
         SHMAT: "shmat", SHMDT: "shmdt", PKEY_MPROTECT: "pkey_mprotect"}
MAP_FIXED, MAP_ANONYMOUS, MAP_SHARED, MAP_NOREPLACE = 0x10, 0x20, 1, 0x100000
MREMAP_FIXED, MREMAP_DONTUNMAP = 2, 4
SHM_RDONLY = 0o10000
WRITE = 2


class Wrong(Exception):
    """The victim's notes contradict themselves: a fault of the victim or of this file."""


class Call:
    __slots__ = ("index", "pid", "tid", "space", "before", "after", "number", "result", "args", "row")

    def __init__(self, index, note):
        _, self.pid, self.tid, self.space, self.before, self.after, self.number, self.result = note[:8]
        self.index, self.args, self.row = index, note[8:], None

    @property
    def until(self):
        return self.after or FOREVER

    @property
    def failed(self):
        return -4096 < self.result < 0

    def __str__(self):
        return "%s(%s) = %#x by thread %d of %d, %d to %d" % (
            NAMES.get(self.number, self.number), ", ".join("%#x" % arg for arg in self.args), self.result, self.tid, self.pid,
            self.before, self.after)


# What stands in a page: kind is file, anon, zero (shared anonymous memory), shm; writable: mprotect may make it so.
Content = namedtuple("Content", "kind offset writable")
# What an act does to one page. how: map, unmap, protect, look. maybe: it may not have acted. call: of the log; for a look
# its number. wants: free, mapped or None.
Act = namedtuple("Act", "how call thread before until protection content wants maybe")


class Space:
    def __init__(self, number, note):
        self.number, self.pid, self.tid = number, note[1], note[2]
        self.before, self.after, self.origin, self.threads = note[4], note[5], note[6], note[7]
        self.parent, self.parent_pid, self.brk, self.inode, self.segment, self.read_fd = note[8:14]
        self.calls, self.looks, self.users = [], [], [(note[1], note[5])]
        self.acts = {}  # page address: [Act]
        self.unsure = set()  # pages of calls that had not returned when their thread went down, or stopped somewhere
        self.ranges = ((PLAYGROUND, PLAYGROUND_END), (self.brk, self.brk + BRK_PAGES * PAGE))

    def is_shared_page(self, page):
        return bool(self.threads) and PLAYGROUND + THREADS * STRIDE <= page < PLAYGROUND_END

    def is_ours(self, page):
        return PLAYGROUND <= page < PLAYGROUND_END or self.brk <= page < self.brk + BRK_PAGES * PAGE


class Look:
    def __init__(self, index, note):
        self.index, self.before, self.after, self.tid = index, note[4], note[5], note[2]
        self.low, self.high = note[9:11]
        self.mappings = []


def read_log(path):
    """(spaces by number, calls, spans without notes)"""
    with open(path, "rb") as file:
        data = file.read()
    used, room, _, _ = HEAD.unpack_from(data)
    if used > room:
        raise Wrong("the log is too small")
    spaces, calls, unlogged, open_looks = {}, [], [], {}
    notes = [NOTE.unpack_from(data, HEAD.size + i * NOTE.size) for i in range(used)]
    for note in notes:
        if note[0] == SPACE and note[5]:
            spaces[note[3]] = Space(note[3], note)
    for index, note in enumerate(notes):
        space = spaces.get(note[3])
        if note[0] == CALL:
            call = Call(index, note)
            calls.append(call)
            space.calls.append(call)
        elif note[0] == LOOK:
            open_looks[note[2]] = look = Look(index, note)
            if note[7]:
                space.looks.append(look)
        elif note[0] == MAPPING:
            open_looks[note[2]].mappings.append(note[8:13])
        elif note[0] == UNLOGGED:
            unlogged.append((note[1], note[4], note[5] or FOREVER))
        elif note[0] == SHARER:
            space.users.append((note[1], note[4]))
    return spaces, calls, unlogged


def pages_of(start, length):
    return range(start, start + (length + PAGE - 1) // PAGE * PAGE, PAGE)


class Model:
    """Makes the acts of a space. What one thread alone uses is followed exactly, call by call, and held against each look;
    of pages that several threads use only what a call does by itself is known."""

    def __init__(self, space, ancestors):
        self.space, self.state = space, {}
        self.read_only, until = set(), FOREVER
        for line in [space, *ancestors]:
            self.read_only |= {call.args[5] // PAGE // 16 for call in line.calls
                               if call.number == MMAP and call.args[4] == line.read_fd and call.before < until}
            until = line.before

    def add(self, page, how, call, protection=None, content=None, wants=None, maybe=False):
        if not self.space.is_ours(page):
            return
        self.space.acts.setdefault(page, []).append(
            Act(how, call, call.tid, call.before, call.until, protection, content, wants, maybe))
        if maybe or self.space.is_shared_page(page):
            return
        if how == "map":
            self.state[page] = (protection, content)
        elif how == "unmap":
            self.state.pop(page, None)
        elif how == "protect":
            self.state[page] = (protection, self.state[page][1])

    def run(self):
        events = [(call.before, 1, call) for call in self.space.calls]
        events += [(look.before, 0, look) for look in self.space.looks]
        events.sort(key=lambda event: event[:2])
        last = {}
        begins = self.space.origin == BY_FORK
        for _, what, item in events:
            if what == 1:
                self.take(item)
                last[item.tid] = item
            else:
                self.compare(item, begins, last.get(item.tid))
                begins = False

    def take(self, call):
        if not call.after:
            return self.take_unfinished(call)
        getattr(self, "take_" + NAMES[call.number])(call)

    def take_unfinished(self, call):
        """Nobody knows what became of it, but the pages that others use."""
        address, length = call.args[:2]
        if call.number in (SHMAT, SHMDT):
            address, length = call.args[1] if call.number == SHMAT else address, SHM_PAGES * PAGE
        if call.number == BRK:
            address, length = self.space.brk, BRK_PAGES * PAGE
        ranges = [(address, length)]
        if call.number == MREMAP and call.args[3] & MREMAP_FIXED:
            ranges.append((call.args[4], call.args[2]))
        for start, size in ranges:
            for page in pages_of(start & -PAGE, min(max(size, call.args[2]) + PAGE, 64 * PAGE)):
                self.space.unsure.add(page)
                if call.number in (MMAP, MUNMAP, MREMAP):
                    self.add(page, "unmap", call, maybe=True)

    def take_mmap(self, call):
        address, length, protection, flags, fd, offset = call.args
        if call.failed:
            return
        kind = "file"
        if flags & MAP_ANONYMOUS:
            kind = "zero" if flags & MAP_SHARED else "anon"
        fixed = flags & MAP_FIXED and not flags & MAP_NOREPLACE
        writable = kind != "file" or fd != self.space.read_fd
        for page in pages_of(call.result, length):
            place = page - call.result
            self.add(page, "map", call, protection,
                     Content(kind, 0 if kind == "anon" else place + (offset if kind == "file" else 0), writable),
                     None if fixed else "free")

    def take_munmap(self, call):
        if call.failed:
            return
        for page in pages_of(call.args[0], call.args[1]):
            self.add(page, "unmap", call)

    def take_mprotect(self, call):
        start, length, protection = call.args[:3]
        if call.failed and call.result not in (-12, -13):
            return
        if start % PAGE or length > 1 << 40:
            return
        for page in pages_of(start, length):
            if self.space.is_shared_page(page):
                self.add(page, "protect", call, protection, wants=None if call.failed else "mapped", maybe=call.failed)
                continue
            standing = self.state.get(page)
            if not self.space.is_ours(page):
                continue
            if not standing:
                if call.result != -12:
                    raise Wrong("no hole was expected at %#x: %s" % (page, call))
                break
            writable = standing[1].writable
            if writable is None: # what a fork has inherited
                if call.result == -13 and protection & WRITE:
                    # Which of those pages refused is not known, nor how far the call came.
                    self.space.unsure.update(pages_of(page, start + length - page))
                    break
                writable = True
            if protection & WRITE and not writable:
                if call.result != -13:
                    raise Wrong("a refusal was expected at %#x: %s" % (page, call))
                break
            self.add(page, "protect", call, protection, wants="mapped")

    take_pkey_mprotect = take_mprotect

    def take_madvise(self, call):
        pass

    def take_brk(self, call):
        begin, end = self.space.brk, call.result
        new = (end + PAGE - 1) // PAGE * PAGE
        for page in pages_of(begin, BRK_PAGES * PAGE):
            if page < new and page not in self.state:
                self.add(page, "map", call, 3, Content("anon", 0, True), "free")
            elif page >= new and page in self.state:
                self.add(page, "unmap", call)

    def take_shmat(self, call):
        if call.failed:
            return
        for page in pages_of(call.result, SHM_PAGES * PAGE):
            read_only = bool(call.args[2] & SHM_RDONLY)
            self.add(page, "map", call, 1 if read_only else 3, Content("shm", page - call.result, not read_only),
                     None if call.args[2] & 0o40000 else "free")

    def take_shmdt(self, call):
        """Only what is left of that attachment."""
        if call.failed:
            return
        for page in pages_of(call.args[0], SHM_PAGES * PAGE):
            standing = self.state.get(page)
            if standing and standing[1].kind == "shm" and standing[1].offset == page - call.args[0]:
                self.add(page, "unmap", call)

    def take_mremap(self, call):
        old, old_bytes, new_bytes, flags, _ = call.args[:5]
        new = call.result
        old_bytes, new_bytes = (old_bytes + PAGE - 1) // PAGE * PAGE, (new_bytes + PAGE - 1) // PAGE * PAGE
        if call.failed:
            # Of the thread's own pages, PAGES tells what came of it.
            for page in pages_of(call.args[4] if flags & MREMAP_FIXED else 0, new_bytes if flags & MREMAP_FIXED else 0):
                if self.space.is_shared_page(page):
                    self.add(page, "unmap", call, maybe=True)
            return
        wants = None if flags & MREMAP_FIXED else "free"
        if old_bytes == 0:
            protection, content = self.state[old]
            for page in pages_of(new, new_bytes):
                self.add(page, "map", call, protection, content._replace(offset=content.offset + page - new), wants)
            return
        if new == old:
            for page in pages_of(old + new_bytes, max(0, old_bytes - new_bytes)):
                self.add(page, "unmap", call)
            self.grow(call, old + old_bytes - PAGE, old + old_bytes, new_bytes - old_bytes, "free")
            return
        for page in pages_of(old + new_bytes, max(0, old_bytes - new_bytes)):
            self.add(page, "unmap", call)
        last = self.state.get(old + old_bytes - PAGE)
        for page in pages_of(old, min(old_bytes, new_bytes)):
            standing = self.state.get(page)
            if not standing:
                continue
            if not flags & MREMAP_DONTUNMAP:
                self.add(page, "unmap", call, wants="mapped")
            self.add(page - old + new, "map", call, standing[0], standing[1], wants)
        if new_bytes > old_bytes:
            for page in pages_of(new + old_bytes, new_bytes - old_bytes):
                self.add(page, "map", call, last[0], self.beyond(last[1], page - (new + old_bytes) + PAGE), wants)

    @staticmethod
    def beyond(content, distance):
        return content if content.kind == "anon" else content._replace(offset=content.offset + distance)

    def grow(self, call, last_page, start, length, wants):
        for page in pages_of(start, max(0, length)):
            protection, content = self.state[last_page]
            self.add(page, "map", call, protection, self.beyond(content, page - last_page), wants)

    def compare(self, look, begins, call):
        """Holds what is known against what was seen. A fork begins with what it sees; what a call that failed has done is
        known by what it has left."""
        seen, is_whole = {}, (look.low, look.high) == (PLAYGROUND, PLAYGROUND_END)
        for start, end, protection, offset, inode in look.mappings:
            for page in pages_of(start, end - start):
                if self.space.is_ours(page):
                    seen[page] = (protection, self.content_of(inode, offset + page - start))
        for page in sorted(set(seen) | set(self.state) | set(self.space.acts)):
            if not is_whole and not look.low <= page < look.high:
                continue
            found, known = seen.get(page), self.state.get(page)
            if begins:
                if found:
                    self.state[page] = found
            elif page in self.space.unsure:
                self.state.pop(page, None)
                if found:
                    self.state[page] = found
            elif not self.space.is_shared_page(page) and not fits(known, found):
                if is_whole or not call or not call.failed or call.number not in (MMAP, MREMAP):
                    raise Wrong("space %d, page %#x: %s is there at %d, not %s, after %s" % (
                        self.space.number, page, found, look.before, known, call))
                if found:
                    self.add(page, "map", call, *found)
                else:
                    self.add(page, "unmap", call)
            self.space.acts.setdefault(page, []).append(
                Act("look", look, look.tid, look.before, look.after, *(found or (None, None)), None, False))

    def content_of(self, inode, offset):
        if inode == 0:
            return Content("anon", 0, True)
        if inode == self.space.inode:
            is_known = self.space.origin != BY_FORK and offset // PAGE // 16 not in self.read_only
            return Content("file", offset, True if is_known else None)
        return Content("shm", offset, None) if inode == self.space.segment else Content("zero", offset, True)


def lineage(spaces, space):
    """Its ancestors by fork, the nearest first."""
    line = []
    while space.origin == BY_FORK:
        space = spaces[space.parent]
        line.append(space)
    return line


def histories(spaces):
    """Makes the acts of all spaces."""
    for number in sorted(spaces):
        Model(spaces[number], lineage(spaces, spaces[number])).run()


def acts_of(spaces, space, page):
    """What may have made a page of it what it is: of its ancestors what began before the fork."""
    if space.origin == BY_EXEC:
        return list(space.acts.get(page, []))
    acts = []
    for act in acts_of(spaces, spaces[space.parent], page):
        if act.how == "look" and act.until > space.before or act.before > space.after:
            continue
        acts.append(act._replace(maybe=act.maybe or act.until > space.before))
    return acts + space.acts.get(page, [])


class TooMany(Exception):
    """Orders."""


def take(state, act):
    """(possible, the state after `act`, the life that it ends)"""
    if act.how == "look":
        found = (act.protection, act.content) if act.content else None
        return fits(state and state[1:], found), state, None
    if act.wants == "free" and state or act.wants == "mapped" and not state:
        return False, None, None
    if act.how == "map":
        return True, (act.call.index, act.protection, act.content), state
    if act.how == "unmap":
        return True, None, state
    return True, (state[0], act.protection, state[2]) if state else None, None


def lives_of(acts, most_nodes=60000):
    """The lives that the acts of a page allow: a set of (index of the call that made it, index of the call that ended it
    or None, last protection)."""
    acts = sorted(acts, key=lambda act: act.before)
    count = len(acts)
    levels, edges = [{(0, 0, None): None}], []
    nodes = 0
    for _ in range(count):
        fresh, lines = {}, []
        for node in levels[-1]:
            low, mask, state = node
            soonest, threads = FOREVER, set()
            for i in range(low, count):
                if mask >> (i - low) & 1:
                    continue
                act = acts[i]
                if act.before > soonest:
                    break
                if act.thread not in threads:
                    done, base = mask | 1 << (i - low), low
                    while done & 1:
                        done, base = done >> 1, base + 1
                    possible, after, ended = take(state, act)
                    if possible:
                        target = (base, done, after)
                        fresh[target] = None
                        lines.append((node, target, (ended[0], act.call.index, ended[1]) if ended else None))
                    if act.maybe:
                        target = (base, done, state)
                        fresh[target] = None
                        lines.append((node, target, None))
                threads.add(act.thread)
                soonest = min(soonest, act.until)
        nodes += len(fresh)
        if nodes > most_nodes + 8 * count:
            raise TooMany
        if not fresh:
            return None
        levels.append(fresh)
        edges.append(lines)
    good, found = set(levels[-1]), set()
    for _, _, state in good:
        if state:
            found.add((state[0], None, state[1]))
    for lines in reversed(edges):
        before = set()
        for source, target, life in lines:
            if target in good:
                before.add(source)
                if life:
                    found.add(life)
        good = before
    return found


def fits(known, found):
    if not known or not found:
        return known == found
    # A huge page of the file, or memory that was moved, does not change offsets; shared anonymous memory has its own.
    return known[0] == found[0] and known[1].kind == found[1].kind and known[1].offset == found[1].offset
