# SPDX-License-Identifier: MIT
"""A core dump as far as citations need it: segments, memory, the notes, the crashed thread's registers, the signal. 64-bit
little-endian x86-64 only; another one says so by is_readable."""
import bisect
import mmap
import os
import struct

PT_LOAD, PT_NOTE = 1, 4
NT_PRSTATUS, NT_SIGINFO, NT_AUXV, NT_FILE = 1, 0x53494749, 6, 0x46494C45
AT_ENTRY, AT_RANDOM, AT_SYSINFO_EHDR = 9, 25, 33
EM_X86_64 = 62
PAGE = 4096
PF_X, PF_W, PF_R = 1, 2, 4
# struct user_regs_struct, which elf_prstatus holds at 112.
REGISTERS = ("r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx", "rdx", "rsi", "rdi", "orig_rax",
             "rip", "cs", "eflags", "rsp", "ss")  # a report names them by their places


class Segment:
    __slots__ = ("start", "end", "flags", "offset", "bytes_in_core")

    def __init__(self, fields):
        _, self.flags, self.offset, self.start, _, self.bytes_in_core, size, _ = fields
        self.end = self.start + size


class Core:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if os.fstat(file.fileno()).st_size else b""
        self.is_readable = self.data[:6] == b"\x7fELF\x02\x01" and struct.unpack_from("<H", self.data, 18)[0] == EM_X86_64
        self.segments, self.notes = [], []
        if self.is_readable:
            self.read_headers()
        self.starts = [segment.start for segment in self.segments]
        self.auxv = self.read_auxv()
        self.files = self.read_files()

    def read_headers(self):
        place, count = struct.unpack_from("<Q", self.data, 32)[0], struct.unpack_from("<H", self.data, 56)[0]
        for index in range(count):
            fields = struct.unpack_from("<IIQQQQQQ", self.data, place + 56 * index)
            if fields[0] == PT_LOAD:
                self.segments.append(Segment(fields))
            elif fields[0] == PT_NOTE:
                self.read_notes(self.data[fields[2]:fields[2] + fields[5]])
        self.segments.sort(key=lambda segment: segment.start)

    def read_notes(self, data):
        at = 0
        while at + 12 <= len(data):
            name, size, kind = struct.unpack_from("<III", data, at)
            begin = at + 12 + (name + 3) // 4 * 4
            self.notes.append((kind, data[begin:begin + size]))
            at = begin + (size + 3) // 4 * 4

    def note(self, kind):
        return next((data for number, data in self.notes if number == kind), None)

    def read_auxv(self):
        data = self.note(NT_AUXV) or b""
        return dict(struct.unpack_from("<QQ", data, at) for at in range(0, len(data) - 15, 16))

    def read_files(self):
        """[(start, end, path, offset in the file)] of NT_FILE."""
        data = self.note(NT_FILE)
        if not data:
            return []
        count = struct.unpack_from("<Q", data)[0]
        names = data[16 + 24 * count:].split(b"\0")
        page = struct.unpack_from("<Q", data, 8)[0]
        found = []
        for index in range(count):
            start, end, offset = struct.unpack_from("<3Q", data, 16 + 24 * index)
            found.append((start, end, names[index].decode("utf-8", "replace"), offset * page))
        return found

    def registers(self, tid=0):
        """Of that thread, else of the first one, which took the signal. Empty where there is none."""
        found = [data for kind, data in self.notes if kind == NT_PRSTATUS]
        data = next((data for data in found if struct.unpack_from("<I", data, 32)[0] == tid), found[0] if found else None)
        return dict(zip(REGISTERS, struct.unpack_from("<21Q", data, 112))) if data and len(data) >= 280 else {}

    def siginfo(self):
        """(number, code, first word of the union, second one) or None."""
        data = self.note(NT_SIGINFO)
        if not data or len(data) < 32:
            return None
        number, _, code = struct.unpack_from("<iii", data)
        return number, code, struct.unpack_from("<Q", data, 16)[0], struct.unpack_from("<I", data, 16)[0]

    def segment(self, address):
        index = bisect.bisect_right(self.starts, address) - 1
        if index >= 0 and self.segments[index].start <= address < self.segments[index].end:
            return self.segments[index]
        return None

    def read(self, address, size):
        """None where the core does not hold all of it."""
        segment = self.segment(address)
        if not segment or address + size > segment.start + segment.bytes_in_core:
            return None
        at = segment.offset + address - segment.start
        return self.data[at:at + size]

    def word(self, address):
        data = self.read(address, 8)
        return struct.unpack("<Q", data)[0] if data and len(data) == 8 else None

    def file_at(self, address):
        return next((path for start, end, path, _ in self.files if start <= address < end), None)
