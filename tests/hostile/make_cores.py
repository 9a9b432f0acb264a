#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cores whose headers and notes claim more than a process can have had, or more than the file holds.

    make_cores.py OUT LIBRARY [CASE...]

LIBRARY is an ELF file of this machine with a build-id. A good core, in which it is mapped, is made first (OUT/good);
each other core differs from it in one claim. Files that are not small are sparse. Nothing here has ever run."""
import os
import struct
import sys

PAGE = 4096
PF_X, PF_W, PF_R = 1, 2, 4
PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_PRPSINFO, NT_AUXV, NT_SIGINFO, NT_FILE = 1, 3, 6, 0x53494749, 0x46494C45
LIBRARY_AT = 0x7F1200000000
HEAP_AT = 0x555555560000
ARENA_AT = 0x7F0008000000
TRAMPOLINE_AT = 0x7FFFFFFFE000
STACK_AT = 0x7FFC00000000
STACK_BYTES = 0x21000
VDSO_AT = 0x7FFD00000000
FAULT_AT = 0x20000000000
# Of struct user_regs_struct.
RBP, RAX, RIP, RSP, FS_BASE = 4, 10, 16, 19, 21


def up(value, to=PAGE):
    return (value + to - 1) & -to


class Core:
    """What a core is made of. `segments`: [address, memory bytes, flags, bytes or size in the file]; a size is a hole."""

    def __init__(self, library):
        self.segments = []
        self.files = []
        self.auxv = {33: VDSO_AT, 25: STACK_AT + STACK_BYTES - 64, 9: LIBRARY_AT, 7: LIBRARY_AT}
        self.more_notes = b""
        self.notes_hole = 0  # bytes that the note segment is longer than its notes
        self.header_count = None  # what the section header says instead of the truth
        self.map_library(library, LIBRARY_AT)
        self.threads = [(100, self.registers())]
        self.stack = bytearray(STACK_BYTES)
        self.put_word(0x800, TRAMPOLINE_AT)
        self.heap = bytearray(0x21000)
        self.heap[8:16] = struct.pack("<Q", 0x291)
        self.heap[0x298:0x2A0] = struct.pack("<Q", 0x20D71)

    def put_word(self, offset, value):
        struct.pack_into("<Q", self.stack, offset, value)

    def registers(self, **changed):
        values = [HEAP_AT + 0x300 + 16 * i for i in range(27)]
        values[RIP], values[RSP], values[RBP] = self.segments[self.text()][0] + 0x100, STACK_AT + 0x800, STACK_AT + 0x900
        values[RAX], values[FS_BASE] = FAULT_AT, 0
        for name, value in changed.items():
            values[globals()[name]] = value
        return values

    def map_library(self, path, at):
        """As the kernel dumps it: the first page, and pages of text that are private since a probe was armed there."""
        with open(path, "rb") as file:
            content = file.read(16 << 20)
        phoff, = struct.unpack_from("<Q", content, 32)
        count, = struct.unpack_from("<H", content, 56)
        self.library_path = path
        for i in range(count):
            kind, flags, offset, address, _, in_file, in_memory, _ = struct.unpack_from("<IIQQQQQQ", content, phoff + 56 * i)
            if kind != PT_LOAD:
                continue
            start, first = at + (address & -PAGE), offset & -PAGE
            end = up(at + address + in_memory) if flags & PF_W else up(at + address + in_file)
            dumped = bytearray(content[first : first + (4 * PAGE if flags & PF_X else PAGE if first == 0 else 0)])
            if flags & PF_X:
                dumped[0x40] = 0xCC
                dumped[0x100:0x103] = b"\x48\x8b\x00"  # mov (%rax),%rax
            self.segments.append([start, end - start, flags, bytes(dumped)])
            self.files.append([start, end, first // PAGE, path])

    def text(self):
        """The place of the library's text in `segments` and in `files`."""
        return next(i for i, s in enumerate(self.segments) if s[2] & PF_X)

    def add_usual(self):
        self.segments.append([HEAP_AT, len(self.heap), PF_R | PF_W, bytes(self.heap)])
        self.segments.append([STACK_AT, len(self.stack), PF_R | PF_W, bytes(self.stack)])
        self.segments.append([VDSO_AT, 2 * PAGE, PF_R | PF_X, own_vdso()])
        self.segments.append([TRAMPOLINE_AT, PAGE, PF_X, b""])
        return self

    def find(self, address):
        return next(s for s in self.segments if s[0] == address)

    def notes(self):
        out = bytearray()

        def note(kind, data):
            out.extend(struct.pack("<III", 5, len(data), kind) + b"CORE\0\0\0\0" + data + b"\0" * (-len(data) % 4))

        def status(tid, registers):
            data = bytearray(336)
            struct.pack_into("<iii", data, 0, 11, 0, 0)
            struct.pack_into("<h", data, 12, 11)
            struct.pack_into("<i", data, 32, tid)
            struct.pack_into("<27Q", data, 112, *registers)
            note(NT_PRSTATUS, bytes(data))

        status(*self.threads[0])
        info = bytearray(136)
        struct.pack_into("<i", info, 24, 100)
        info[40:46] = b"victim"
        note(NT_PRPSINFO, bytes(info))
        note(NT_SIGINFO, struct.pack("<iiiiQ", 11, 0, 1, 0, FAULT_AT) + b"\0" * 104)
        note(NT_AUXV, b"".join(struct.pack("<QQ", *pair) for pair in self.auxv.items()) + b"\0" * 16)
        note(NT_FILE, struct.pack("<QQ", len(self.files), PAGE)
             + b"".join(struct.pack("<QQQ", *file[:3]) for file in self.files)
             + b"".join(file[3].encode() + b"\0" for file in self.files))
        for thread in self.threads[1:]:
            status(*thread)
        return bytes(out) + self.more_notes

    def write(self, path):
        self.segments.sort(key=lambda s: s[0])
        notes = self.notes()
        count = len(self.segments) + 1
        many = count >= 0xFFFF or self.header_count is not None
        headers = self.header_count if self.header_count is not None else count
        at = up(64 + 64 + 56 * count + len(notes))
        notes_at = 64 + 64 + 56 * count
        with open(path, "wb") as out:
            out.write(b"\x7fELF\2\1\1" + b"\0" * 9 + struct.pack("<HHIQQQIHHHHHH", 4, 62, 1, 0, 128, 64 if many else 0, 0, 64, 56,
                                                                 0xFFFF if many else count, 64, 1 if many else 0, 0))
            out.write(struct.pack("<IIQQQQIIQQ", 0, 0, 0, 0, 0, 1 if many else 0, 0, headers if many else 0, 0, 0))
            out.write(struct.pack("<IIQQQQQQ", PT_NOTE, 0, notes_at, 0, 0, len(notes) + self.notes_hole, 0, 4))
            places = []
            at = up(at + self.notes_hole)
            for start, size, flags, data in self.segments:
                length = data if isinstance(data, int) else len(data)
                out.write(struct.pack("<IIQQQQQQ", PT_LOAD, flags, at, start, 0, length, size, PAGE))
                places.append((at, data))
                at = up(at + length)
            out.write(notes)
            for place, data in places:
                if not isinstance(data, int) and data:
                    out.seek(place)
                    out.write(data)
            out.truncate(max(at, 128 + 56 * headers))


def own_vdso():
    for line in open("/proc/self/maps"):
        if line.rstrip().endswith("[vdso]"):
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            with open("/proc/self/mem", "rb") as memory:
                memory.seek(start)
                return memory.read(end - start)
    return b""


# ---- one claim each ----


def good(core):
    core.add_usual()


def file_range_huge(core):
    """The text's row of NT_FILE ends 2^60 bytes further: an unprivileged process can map a sparse file of 8 TiB."""
    core.files[core.text()][1] = 1 << 60
    core.add_usual()


def file_range_huge_unverified(core):
    """The same where neither side has a build-id, so that the text itself is compared."""
    path = os.path.join(os.path.abspath(sys.argv[1]), "no-build-id.so")
    content = bytearray(open(core.library_path, "rb").read())
    place = content.find(b"\4\0\0\0\x14\0\0\0\3\0\0\0GNU\0")
    content[place + 12 : place + 15] = b"XXX"
    with open(path, "wb") as out:
        out.write(content)
    core.segments, core.files = [], []
    core.map_library(path, LIBRARY_AT)
    core.files[core.text()][1] = 1 << 60
    core.add_usual()


def file_rows_overlap(core):
    """60,000 rows of NT_FILE over the same text, all of it dumped."""
    text = core.text()
    segment, row = core.segments[text], core.files[text]
    with open(core.library_path, "rb") as library:
        library.seek(row[2] * PAGE)
        segment[3] = library.read(segment[1])
    core.files += [[row[0] + i * 16, row[1], row[2], row[3]] for i in range(60000)]
    core.add_usual()


def memory_huge(core):
    """Each segment that is followed by a gap has 2^44 bytes of memory."""
    core.add_usual()
    core.find(HEAP_AT)[1] = 1 << 44
    core.find(STACK_AT)[1] = VDSO_AT - STACK_AT
    core.segments[core.text()][1] = PAGE * 64


def text_huge(core):
    """512 GiB of text in the notes and in the segments, of which 16 KiB were dumped."""
    core.segments = core.segments[: core.text() + 1]
    core.files = core.files[: core.text() + 1]
    core.segments[-1][1] = 1 << 39
    core.files[-1][1] = core.segments[-1][0] + (1 << 39)
    core.add_usual()


def stack_huge(core):
    """The stack pointer at the start of 2^46 bytes of stack, of which 132 KiB were dumped."""
    core.segments.append([0x10000000000, 1 << 46, PF_R | PF_W, bytes(core.stack)])
    core.threads = [(100, core.registers(RSP=0x10000000800, RBP=0x10000000900))]
    core.add_usual()


def stack_is_a_hole(core):
    """256 GiB of stack that are a hole of the file."""
    core.segments.append([0x10000000000, 1 << 38, PF_R | PF_W, 1 << 38])
    core.threads = [(100, core.registers(RSP=0x10000000800, RBP=0x10000000900))]
    core.add_usual()


def loads_overlap(core):
    core.add_usual()
    core.segments.append([STACK_AT + PAGE, PAGE, PF_R | PF_W, b""])


def segments_many(core):
    """70,000 segments (their number is in the section header), each with a row of NT_FILE or without."""
    for i in range(70000):
        start = 0x100000000000 + i * 2 * PAGE
        core.segments.append([start, PAGE, PF_R | (PF_W if i % 3 else PF_X), b""])
        if i % 2:
            core.files.append([start, start + PAGE, 0, core.library_path])
    core.add_usual()


def mappings_anonymous_many(core):
    """70,000 writable mappings beside each other, with a guard each: stacks, for all that is known."""
    for i in range(70000):
        core.segments.append([0x100000000000 + i * 3 * PAGE, PAGE, 0, b""])
        core.segments.append([0x100000000000 + i * 3 * PAGE + PAGE, PAGE, PF_R | PF_W, b"\0" * 64])
    core.add_usual()


def header_count_huge(core):
    """2^31 program headers, of which nearly all are a hole."""
    core.add_usual()
    core.header_count = 1 << 31


def threads_many(core):
    """100,000 threads in the same place of the same stack."""
    core.threads += [(101 + i, core.registers()) for i in range(100000)]
    core.add_usual()


def threads_and_segments(core):
    """20,000 threads with a stack of their own each, a pointer into each."""
    for i in range(20000):
        start = 0x100000000000 + i * 2 * PAGE
        core.segments.append([start, PAGE, PF_R | PF_W, struct.pack("<QQ", start + 8, start)])
        core.threads.append((101 + i, core.registers(RSP=start + 8, RBP=start + 16, FS_BASE=start + 64)))
    core.add_usual()


def frames_many(core):
    """A chain of frame pointers through 8 MiB, in code without a file, on which 10,000 threads stand."""
    code_at = 0x100000000000
    core.stack = bytearray(8 << 20)
    for at in range(0, len(core.stack) - 16, 16):
        struct.pack_into("<QQ", core.stack, at, STACK_AT + at + 16, code_at + 0x105)
    core.auxv[25] = STACK_AT + len(core.stack) - 64
    core.segments.append([code_at, PAGE, PF_R | PF_X, b"\x90" * 0x100 + b"\xe8\0\0\0\0" + b"\x90" * 0x100])
    core.threads = [(100 + i, core.registers(RSP=STACK_AT, RBP=STACK_AT, RIP=code_at + 0x105)) for i in range(10000)]
    core.add_usual()


def link_map_cycle(core):
    """A loader's list that leads back to itself, near a fault in nothing."""
    words = bytearray(1 << 20)
    for at in range(0, len(words) - 0x500, 0x500):
        here = HEAP_AT + 0x100000 + at
        struct.pack_into("<QQQQQ", words, at, 0x1000, here, here, here, here)
        struct.pack_into("<Q", words, at + 40, here)
        for i in range(7, 0x500 // 8):
            struct.pack_into("<Q", words, at + 8 * i, (0, 1 << 60)[i % 2])
    core.segments.append([HEAP_AT + 0x100000, len(words), PF_R | PF_W, bytes(words)])
    core.add_usual()


def vdso_huge(core):
    core.add_usual()
    core.find(VDSO_AT)[1] = TRAMPOLINE_AT - VDSO_AT


def vdso_headers_many(core):
    """The vdso's own header claims 65,534 program headers, each a note of 64 KiB."""
    core.add_usual()
    vdso = bytearray(own_vdso()) + bytearray(4 << 20)
    struct.pack_into("<QH", vdso, 32, 0x2000, 0)
    struct.pack_into("<H", vdso, 56, 65534)
    for i in range(65534):
        struct.pack_into("<IIQQQQQQ", vdso, 0x2000 + 56 * i, PT_NOTE if i else PT_LOAD, 4, 0, 0, 0, 65536, 65536, 4)
    segment = core.find(VDSO_AT)
    segment[1], segment[3] = len(vdso), bytes(vdso)


def heap_of_small_chunks(core):
    """A program break of 64 MiB in chunks of the smallest size, and registers that point all over it."""
    core.heap = bytearray(64 << 20)
    core.heap[8:16] = struct.pack("<Q", 0x291)
    chunk = struct.pack("<QQQQ", 0, 0x21, 0, 0)
    core.heap[0x290:] = chunk * ((len(core.heap) - 0x290) // 32) + bytes((len(core.heap) - 0x290) % 32)
    registers = [HEAP_AT + len(core.heap) - 0x100 - 64 * i for i in range(27)]
    for place in (RIP, RSP, RBP):
        registers[place] = core.threads[0][1][place]
    core.threads = [(100, registers)]
    core.auxv[9] = HEAP_AT - 2 * PAGE
    core.files.append([HEAP_AT - 2 * PAGE, HEAP_AT - PAGE, 0, "/nowhere/victim"])
    core.segments.append([HEAP_AT - 2 * PAGE, PAGE, PF_R, b""])
    core.add_usual()


def arenas_huge(core):
    """Arenas whose heaps claim all sizes there are, and whose tops lead out of them or to themselves."""
    for i, size in enumerate((0, PAGE, 64 << 20, (64 << 20) - 8, 1 << 40, 1 << 63, (1 << 64) - PAGE)):
        start = ARENA_AT + i * (64 << 20)
        words = bytearray(2 * PAGE)
        struct.pack_into("<QQQQ", words, 0, start + 0x30, start, size, size)
        struct.pack_into("<QQ", words, 0x30 + 0x60, start + 0x8A0, start + 0x8A0)
        struct.pack_into("<Q", words, 0x8A8, 0x295)
        struct.pack_into("<Q", words, 0x8A8 + 0x290, (1 << 64) - 11)
        core.segments.append([start, 64 << 20, PF_R | PF_W, bytes(words)])
    core.threads = [(100, core.registers(RAX=ARENA_AT + 0xB40))]
    core.add_usual()


def notes_are_a_hole(core):
    """512 GiB of notes, nearly all of them a hole."""
    core.notes_hole = 1 << 39
    core.add_usual()


def text_of_breakpoints(core):
    """Each byte of 1 MiB of text differs from the file in the way that a probe's does."""
    segment = core.segments[core.text()]
    segment[3] = b"\xcc" * min(1 << 20, segment[1])
    core.add_usual()


def trampolines_everywhere(core):
    """A stack of nothing but the trampoline's address, on which 5,000 threads stand."""
    core.stack = bytearray(struct.pack("<Q", TRAMPOLINE_AT) * (1 << 20))
    core.auxv[25] = STACK_AT + len(core.stack) - 64
    core.threads = [(100 + i, core.registers(RSP=STACK_AT + 8 * i)) for i in range(5000)]
    core.add_usual()


def file_is_a_hole(core):
    """The library is a sparse file of 4 TiB whose sections are as large as it says."""
    path = os.path.join(os.path.abspath(sys.argv[1]), "sparse.so")
    content = bytearray(open(core.library_path, "rb").read())
    shoff, = struct.unpack_from("<Q", content, 40)
    count, = struct.unpack_from("<H", content, 60)
    for i in range(1, count):
        kind, = struct.unpack_from("<I", content, shoff + 64 * i + 4)
        if kind in (2, 3, 11):  # symbols and their names
            struct.pack_into("<Q", content, shoff + 64 * i + 32, 3 << 40)
    with open(path, "wb") as out:
        out.write(content)
        out.truncate(4 << 40)
    core.segments, core.files = [], []
    core.map_library(path, LIBRARY_AT)
    core.files[core.text()][1] = core.segments[core.text()][0] + (4 << 40)
    core.add_usual()


CASES = (good, file_range_huge, file_range_huge_unverified, file_rows_overlap, memory_huge, text_huge, stack_huge, stack_is_a_hole,
         loads_overlap, segments_many, mappings_anonymous_many, header_count_huge, threads_many, threads_and_segments, frames_many,
         link_map_cycle, vdso_huge, vdso_headers_many, heap_of_small_chunks, arenas_huge, notes_are_a_hole, text_of_breakpoints,
         trampolines_everywhere, file_is_a_hole)


def main():
    directory, library = os.path.abspath(sys.argv[1]), os.path.realpath(sys.argv[2])
    for case in CASES:
        name = case.__name__.replace("_", "-")
        if sys.argv[3:] and name not in sys.argv[3:]:
            continue
        core = Core(library)
        case(core)
        core.write(os.path.join(directory, name))


if __name__ == "__main__":
    main()
