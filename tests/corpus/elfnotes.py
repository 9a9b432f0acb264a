# SPDX-License-Identifier: MIT
"""Reads and changes ELF files as far as taking evidence away needs it: the notes of cores, the sections of programs.

64-bit little-endian only, as the programs of the corpus are. Nothing here knows what corelate makes of it.
"""
import struct

PT_LOAD = 1
PT_NOTE = 4
NT_PRSTATUS = 1
PRSTATUS_PC = 112 + 8 * 16
NT_SIGINFO = 0x53494749
NT_FILE = 0x46494C45
NT_GNU_BUILD_ID = 3
HEADER_BYTES = 64
SECTION = struct.Struct("<IIQQQQIIQQ")
SEGMENT = struct.Struct("<IIQQQQQQ")


def is_elf(data):
    return data[:6] == b"\x7fELF\x02\x01"


def segments(file):
    """[(offset of the program header, its fields)]"""
    file.seek(0)
    header = file.read(HEADER_BYTES)
    place, count = struct.unpack_from("<Q", header, 32)[0], struct.unpack_from("<H", header, 56)[0]
    file.seek(place)
    table = file.read(SEGMENT.size * count)
    return [(place + at, SEGMENT.unpack_from(table, at)) for at in range(0, SEGMENT.size * count, SEGMENT.size)]


def notes(data):
    """[(name, type, descriptor, all its bytes)] of a note segment."""
    at = 0
    while at + 12 <= len(data):
        name_size, size, kind = struct.unpack_from("<III", data, at)
        name_end = at + 12 + (name_size + 3) // 4 * 4
        end = name_end + (size + 3) // 4 * 4
        yield data[at + 12 : at + 12 + name_size].rstrip(b"\0"), kind, data[name_end : name_end + size], data[at:end]
        at = end


def core_notes(path):
    with open(path, "rb") as file:
        for _, (kind, _, offset, _, _, size, _, _) in segments(file):
            if kind == PT_NOTE:
                file.seek(offset)
                yield from notes(file.read(size))


def core_files(path):
    """Paths that NT_FILE names, each once; none when there is no such note."""
    found = []
    for _, kind, data, _ in core_notes(path):
        if kind == NT_FILE:
            count = struct.unpack_from("<Q", data)[0]
            names = data[16 + 24 * count :].split(b"\0")[:count]
            found += [name.decode("utf-8", "surrogateescape") for name in names]
    return list(dict.fromkeys(found))


def dumps_its_code(path):
    """Does the core hold the instruction at which its first thread ended (x86-64)? Code that was made by the program, or a page
    that a probe has made the process's own."""
    pcs = (struct.unpack_from("<Q", data, PRSTATUS_PC)[0] for _, kind, data, _ in core_notes(path) if kind == NT_PRSTATUS)
    pc = next(pcs, 0)
    with open(path, "rb") as file:
        return any(kind == PT_LOAD and start <= pc < start + size
                   for _, (kind, _, _, start, _, size, _, _) in segments(file))


def remove_core_notes(path, kinds):
    """Takes the notes of these types out of the core at `path`: what follows moves up, the segment gets shorter."""
    with open(path, "r+b") as file:
        for place, fields in segments(file):
            if fields[0] != PT_NOTE:
                continue
            file.seek(fields[2])
            data = file.read(fields[5])
            kept = b"".join(whole for _, kind, _, whole in notes(data) if kind not in kinds)
            file.seek(fields[2])
            file.write(kept.ljust(len(data), b"\0"))
            file.seek(place)
            file.write(SEGMENT.pack(*fields[:5], len(kept), *fields[6:]))


def section_headers(data):
    """[(offset of the header, name, fields)]"""
    if not is_elf(data):
        return []
    place, count, strings = struct.unpack_from("<Q", data, 40)[0], *struct.unpack_from("<HH", data, 60)
    headers = [(place + at * SECTION.size, SECTION.unpack_from(data, place + at * SECTION.size)) for at in range(count)]
    if not headers:
        return []
    names = headers[strings][1][4]
    return [(at, bytes(data[names + fields[0] : data.index(b"\0", names + fields[0])]).decode("ascii", "replace"), fields)
            for at, fields in headers]


def section_names(path):
    with open(path, "rb") as file:
        return {name for _, name, _ in section_headers(file.read())}


def without_sections(data, unwanted):
    """The file with the headers of those sections emptied whose name `unwanted` says yes to; contents stay where they are,
    but nothing leads to them any more."""
    changed = bytearray(data)
    for at, name, _ in section_headers(data):
        if unwanted(name):
            changed[at : at + SECTION.size] = bytes(SECTION.size)
    return bytes(changed)


def build_id(path):
    """Hexadecimal, or None."""
    with open(path, "rb") as file:
        data = file.read()
    for _, name, fields in section_headers(data):
        if name == ".note.gnu.build-id":
            for _, kind, descriptor, _ in notes(data[fields[4] : fields[4] + fields[5]]):
                if kind == NT_GNU_BUILD_ID:
                    return descriptor.hex()
    return None


def interpreter(path):
    """The program's dynamic loader, or None."""
    with open(path, "rb") as file:
        for _, (kind, _, offset, _, _, size, _, _) in segments(file):
            if kind == 3:
                file.seek(offset)
                return file.read(size).rstrip(b"\0").decode()
    return None
