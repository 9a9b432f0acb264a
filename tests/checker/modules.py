# SPDX-License-Identifier: MIT
"""Which file, and which function of it, an address was of: by the recorded mappings of files, else by the core's NT_FILE, and by the
symbol tables of the files where they are at hand."""
import bisect
import os
import struct

import space

SHT_SYMTAB, SHT_DYNSYM, STT_FUNC, STT_GNU_IFUNC, PT_LOAD = 2, 11, 2, 10, 1
MOST_BYTES = 64 << 20


class Symbols:
    """Functions of an ELF file: by offset in the file, since mappings tell those."""

    def __init__(self, path):
        self.names, self.functions = set(), []
        try:
            if os.path.getsize(path) > MOST_BYTES:
                return
            with open(path, "rb") as file:
                self.read(file.read())
        except (OSError, struct.error, ValueError):
            self.functions = []
        self.functions.sort()
        self.starts = [function[0] for function in self.functions]

    starts = ()

    def read(self, data):
        if data[:6] != b"\x7fELF\x02\x01":
            return
        segments, count = struct.unpack_from("<Q", data, 32)[0], struct.unpack_from("<H", data, 56)[0]
        loads = []
        for index in range(count):
            kind, _, offset, address, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", data, segments + 56 * index)
            if kind == PT_LOAD:
                loads.append((address, address + size, offset))
        sections, size, count = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 58)
        headers = [struct.unpack_from("<IIQQQQIIQQ", data, sections + size * index) for index in range(count)]
        for header in headers:
            if header[1] in (SHT_SYMTAB, SHT_DYNSYM):
                self.read_table(data, header, headers[header[6]], loads)

    def read_table(self, data, header, strings, loads):
        for name, info, _, section, value, size in struct.iter_unpack("<IBBHQQ", data[header[4]:header[4] + header[5]]):
            if info & 15 not in (STT_FUNC, STT_GNU_IFUNC) or not section:
                continue
            place = next((value - start + offset for start, end, offset in loads if start <= value < end), None)
            if place is None:
                continue
            begin = strings[4] + name
            text = data[begin:data.index(b"\0", begin)].decode("utf-8", "replace").split("@")[0]
            self.functions.append((place, max(size, 1), text))
            self.names.add(text)

    def at(self, place):
        """Names of all functions that hold the place."""
        last = bisect.bisect_right(self.starts, place)
        return {name for start, size, name in self.functions[max(last - 64, 0):last] if place < start + size}


class Modules:
    def __init__(self, core, record):
        self.core, self.record, self.maps, self.symbols = core, record, None, {}

    def mappings(self):
        """[(time, start, end, offset, path)] of the recorded mappings of files."""
        if self.maps is None:
            self.maps = []
            for event in self.record.events() if self.record else ():
                if event.file_id and event.name in ("seen", "mmap"):
                    start, end = space.added(event)
                    if start < end:
                        self.maps.append((event.enter_ns, start, end, event.args[5], self.record.path(event.file_id)))
        return self.maps

    def place(self, address, time=None):
        """(path, offset in the file) or None."""
        found = None
        for when, start, end, offset, path in self.mappings():
            if start <= address < end and (time is None or when <= time):
                found = path, address - start + offset
        if found is None and self.core:
            found = next(((path, address - start + offset) for start, end, path, offset in self.core.files if start <= address < end),
                         None)
        return found

    def path(self, address, time=None):
        found = self.place(address, time)
        return found[0] if found else None

    def called(self, address, time=None):
        """Names of the function that the direct call (e8) before a return address calls; a frame that a tail call has left."""
        found = self.called_place(address, time)
        return self.table(found[0]).at(found[1]) if found else set()

    def calls_stub(self, address, time=None):
        """It calls what has no name: a stub of the linkage table, which leads to another module."""
        return self.called_place(address, time) is not None and not self.called(address, time)

    def called_place(self, address, time=None):
        found = self.place(address, time)
        if not found:
            return None
        try:
            with open(found[0], "rb") as file:
                file.seek(max(found[1] - 5, 0))
                code = file.read(5)
        except OSError:
            return None
        if len(code) != 5 or code[0] != 0xE8:
            return None
        return found[0], found[1] + struct.unpack_from("<i", code, 1)[0]

    def table(self, path):
        if path not in self.symbols:
            self.symbols[path] = Symbols(path)
        return self.symbols[path]

    def functions(self, address, time=None):
        """Names of the function at an address; of a return address ask for one byte before. Empty: not known."""
        found = self.place(address, time)
        return self.table(found[0]).at(found[1]) if found else set()

    def function(self, address, time=None):
        return min(self.functions(address - 1, time), default=None)
