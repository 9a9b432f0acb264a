#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every object that we compile, and every program and library that we link, is hardened; looked for in the ELF files, not in the
flags that were asked for (cmake/hardening.cmake).

    hardening.py BUILD

Objects: those of compile_commands.json whose source is not of tests/, examples/ or bench/. Programs and libraries: those
of the build outside these directories. First each check is shown objects that lack what it looks for."""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile

PLAIN = ("tests", "examples", "bench", "CMakeFiles")
# With FORTIFY each of these becomes its __…_chk (glibc's bits/stdio2.h), whatever its arguments. (The compiler turns a
# __snprintf_chk that cannot overflow back.)
FORTIFIED = {"printf", "fprintf", "vprintf", "vfprintf", "asprintf", "vasprintf", "dprintf", "vdprintf"}
PT_DYNAMIC, PT_GNU_STACK, PT_GNU_RELRO = 2, 0x6474E551, 0x6474E552
DF_BIND_NOW, DF_1_NOW, DF_1_PIE = 8, 1, 0x08000000
EM_X86_64 = 62


def readelf(*arguments):
    return subprocess.run(["readelf", "-W", *arguments], check=True, capture_output=True, text=True, errors="replace").stdout


class Elf:
    """Headers and dynamic section; symbols through readelf."""

    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            self.bytes = file.read()
        if self.bytes[:4] != b"\x7fELF":
            raise ValueError(path)
        self.type, self.machine = struct.unpack_from("<HH", self.bytes, 16)
        offset, = struct.unpack_from("<Q", self.bytes, 32)
        count, = struct.unpack_from("<H", self.bytes, 56)
        self.programs = [struct.unpack_from("<IIQQQQQQ", self.bytes, offset + 56 * i) for i in range(count)]
        self.dynamic = {}
        for kind, _, place, _, _, size, _, _ in self.programs:
            for at in range(place, place + size, 16) if kind == PT_DYNAMIC else ():
                tag, value = struct.unpack_from("<qQ", self.bytes, at)
                self.dynamic.setdefault(tag, value)

    def undefined(self):
        return {line.split()[7].split("@")[0] for line in readelf("-s", self.path).splitlines() if len(line.split()) > 7 and line.split()[6] == "UND"}

    def functions(self):
        return [line.split()[7] for line in readelf("-s", self.path).splitlines()
                if len(line.split()) > 7 and line.split()[3] == "FUNC" and line.split()[6] != "UND"]

    def properties(self):
        match = re.search(r"x86 feature: ([A-Z, ]+)", readelf("-n", self.path))
        return {word.strip() for word in match.group(1).split(",")} if match else set()

    def producer(self):
        """What the compiler says that it was told (DW_AT_producer)."""
        match = re.search(r"DW_AT_producer.*?: (?:\(.*?\): )?(GNU .*|.*clang.*)", readelf("--debug-dump=info", "--dwarf-depth=1", self.path))
        return match.group(1) if match else ""


def object_problems(elf, fortified=True):
    if not elf.functions():
        return
    producer, undefined = elf.producer(), elf.undefined()
    if not producer:
        yield "no DW_AT_producer"
    if "-fstack-protector-strong" not in producer:
        yield "compiled without -fstack-protector-strong"
    if has_stack_array(elf.path) and "__stack_chk_fail" not in undefined:
        yield "a function with an array on its stack, and no __stack_chk_fail"
    if "-fstack-clash-protection" not in producer:
        yield "compiled without -fstack-clash-protection"
    if not re.search(r"-f(PIC|PIE|pic|pie)\b", producer):
        yield "compiled without -fPIC or -fPIE"
    if fortified and undefined & FORTIFIED:
        yield f"not fortified: it calls {', '.join(sorted(undefined & FORTIFIED))}"
    if elf.machine == EM_X86_64 and not {"IBT", "SHSTK"} <= elf.properties():
        yield "no mark of IBT and SHSTK"


# A local variable of a function (DW_AT_location DW_OP_fbreg) whose type is an array.
def has_stack_array(path):
    arrays, variables, at, tag, entry = set(), [], None, None, {}

    def close():
        if tag == "DW_TAG_array_type":
            arrays.add(at)
        elif tag == "DW_TAG_variable" and "fbreg" in entry.get("DW_AT_location", ""):
            variables.append(entry.get("DW_AT_type"))

    for line in readelf("--debug-dump=info", path).splitlines():
        match = re.match(r" *<\w+><(\w+)>: Abbrev Number: \d+ \((\w+)\)", line)
        if match:
            close()
            at, tag, entry = match.group(1), match.group(2), {}
            continue
        match = re.match(r" *<\w+> +(DW_AT_location|DW_AT_type) *: (.*)", line)
        if match:
            place = re.search(r"<0x(\w+)>", match.group(2))
            entry[match.group(1)] = place.group(1) if place and match.group(1) == "DW_AT_type" else match.group(2)
    close()
    return any(type_at in arrays for type_at in variables)


def program_problems(elf, fortified=True):
    flags, flags_1 = elf.dynamic.get(30, 0), elf.dynamic.get(0x6FFFFFFB, 0)
    is_library = not any(kind == 3 for kind, *_ in elf.programs)
    if elf.type != 3 or not (is_library or flags_1 & DF_1_PIE):
        yield "not position-independent (ET_DYN, DF_1_PIE)"
    if not any(kind == PT_GNU_RELRO for kind, *_ in elf.programs):
        yield "no PT_GNU_RELRO"
    if not (flags & DF_BIND_NOW or flags_1 & DF_1_NOW or 24 in elf.dynamic):
        yield "not bound at its start (BIND_NOW)"
    stacks = [program for program in elf.programs if program[0] == PT_GNU_STACK]
    if not stacks or stacks[0][1] & 1:
        yield "an executable stack"
    undefined = elf.undefined()
    if "__stack_chk_fail" not in undefined:
        yield "no __stack_chk_fail"
    if fortified and not any(name.endswith("_chk") for name in undefined):
        yield "nothing in it is fortified"
    if fortified and undefined & FORTIFIED:
        yield f"not fortified everywhere: it calls {', '.join(sorted(undefined & FORTIFIED))}"


def forced_marks(command):
    return re.findall(r"-z[ ,=]*(?:force-)?(?:ibt|shstk|ibtplt|cet-report\S*)\b|--(?:force-ibt|ibt|shstk)\b", command)


# ---- can it fail? ----

SOURCE = """#include <stdio.h>
#include <string.h>
__attribute__((noinline)) int say(const char *text) { char copy[64]; strcpy(copy, text); return printf("%s %zu", copy, strlen(copy)); }
int main(int argc, char **argv) { return say(argv[argc - 1]); }
"""
HARD = ["-g", "-O2", "-fPIE", "-fstack-protector-strong", "-fstack-clash-protection", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"]
HARD_LINK = ["-pie", "-Wl,-z,relro,-z,now"]


def self_test(compiler, machine):
    failures = []
    hard = HARD + (["-fcf-protection=full"] if machine == EM_X86_64 else [])
    with tempfile.TemporaryDirectory() as directory:
        source, out, program = (os.path.join(directory, name) for name in ("t.c", "t.o", "t"))
        with open(source, "w", encoding="ascii") as file:
            file.write(SOURCE)

        def compile_with(flags):
            subprocess.run([compiler, *flags, "-c", source, "-o", out], check=True)
            return list(object_problems(Elf(out)))

        def link_with(flags):
            subprocess.run([compiler, out, "-o", program, *flags], check=True)
            return list(program_problems(Elf(program)))

        def expect(found, words, what):
            if (words is None and found) or (words and not any(words in problem for problem in found)):
                failures.append(f"self-test: {what}: found {found}, expected {words}")

        for changed, words in (
            (["-fno-stack-protector"], "-fstack-protector-strong"),
            (["-fno-stack-protector"], "no __stack_chk_fail"),
            (["-U_FORTIFY_SOURCE"], "not fortified: it calls printf"),
            (["-fno-stack-clash-protection"], "-fstack-clash-protection"),
            (["-fno-pie"], "-fPIC or -fPIE"),
            (["-g0"], "no DW_AT_producer"),
        ):
            flags = [flag for flag in hard if flag.split("=")[0].replace("-fno-", "-f") not in
                     (changed[0].replace("-fno-", "-f"), "-fPIE" if changed[0] == "-fno-pie" else None,
                      "-fstack-protector-strong" if "protector" in changed[0] else None)]
            expect(compile_with(flags + changed), words, f"an object compiled with {changed[0]}")
        if machine == EM_X86_64:
            expect(compile_with(HARD + ["-fcf-protection=none"]), "IBT and SHSTK", "an object without marks")
            expect(compile_with(HARD + ["-fcf-protection=branch"]), "IBT and SHSTK", "an object with half of the marks")
        expect(compile_with(hard), None, "a hardened object")
        expect(link_with(HARD_LINK), None, "a hardened program")
        expect(link_with(["-no-pie", "-Wl,-z,relro,-z,now"]), "position-independent", "a program linked with -no-pie")
        expect(link_with(["-pie", "-Wl,-z,norelro,-z,now"]), "PT_GNU_RELRO", "a program linked with -z norelro")
        expect(link_with(["-pie", "-Wl,-z,relro,-z,lazy"]), "BIND_NOW", "a program linked with -z lazy")
        expect(link_with(HARD_LINK + ["-Wl,-z,execstack"]), "executable stack", "a program linked with -z execstack")
        compile_with(["-g", "-O2", "-fPIE", "-fno-stack-protector", "-U_FORTIFY_SOURCE"])
        expect(link_with(HARD_LINK), "__stack_chk_fail", "a program without guards")
        expect(link_with(HARD_LINK), "nothing in it is fortified", "a program without FORTIFY")
    for command, forced in (("gcc -Wl,-z,ibt a.o", True), ("gcc -Wl,-z,shstk", True), ("ld -z force-ibt", True), ("gcc -fcf-protection=full a.o", False),
                            ("gcc -Wl,-z,relro,-z,now", False), ("gcc -Wl,-z,now,-z,shstk", True)):
        if bool(forced_marks(command)) != forced:
            failures.append(f"self-test: {command}")
    return failures


# ---- the build ----


def is_plain(path, *roots):
    """Of tests, examples, benchmarks, or of CMake's own trials."""
    for root in roots:
        relative = os.path.relpath(path, root)
        if not relative.startswith(".."):
            return relative.split(os.sep)[0] in PLAIN
    return False


def our_objects(build, source):
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        for entry in json.load(file):
            output = entry.get("output") or re.search(r"-o (\S+)", entry["command"]).group(1)
            output = os.path.join(entry["directory"], output)
            if not is_plain(entry["file"], build, source) and os.path.relpath(output, build).split(os.sep)[0] not in PLAIN[:3]:
                yield output, entry["command"]


def our_programs(build):
    for directory, names, files in os.walk(build):
        if directory == build:
            names[:] = [name for name in names if name not in PLAIN and not name.startswith("_CPack")]
        names[:] = [name for name in names if name not in ("CMakeFiles", "package")]
        for name in files:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                head = file.read(20)
            if head[:4] == b"\x7fELF" and struct.unpack_from("<H", head, 16)[0] in (2, 3) and struct.unpack_from("<H", head, 18)[0] != 247:
                yield path


def packaged_programs(build, directory):
    """What is in the Debian package: stripped, as it is installed."""
    if not (shutil.which("cpack") and shutil.which("dpkg-deb") and os.path.exists(os.path.join(build, "CPackConfig.cmake"))):
        return
    done = subprocess.run(["cpack", "--config", os.path.join(build, "CPackConfig.cmake"), "-B", os.path.join(directory, "package")],
                          capture_output=True, text=True, check=False)
    for name in os.listdir(os.path.join(directory, "package")) if done.returncode == 0 else ():
        if name.endswith(".deb"):
            root = os.path.join(directory, "root")
            subprocess.run(["dpkg-deb", "-x", os.path.join(directory, "package", name), root], check=True)
            yield from our_programs(root)


def main():
    build = os.path.realpath(sys.argv[1])
    with open(os.path.join(build, "CMakeCache.txt"), encoding="utf-8") as file:
        cache = dict(re.findall(r"^(\w+):\w+=(.*)$", file.read(), re.M))
    if cache.get("CORELATE_SANITIZE") == "ON":
        print("skipped: a sanitizer brings checks of its own")
        sys.exit(77)
    source = cache["CMAKE_HOME_DIRECTORY"]
    fortified = cache.get("CMAKE_BUILD_TYPE") != "Debug"
    objects = sorted(our_objects(build, source))
    programs = sorted(our_programs(build))
    failures = self_test(cache["CMAKE_C_COMPILER"], Elf(programs[0]).machine)
    for path, command in objects:
        failures += [f"{os.path.relpath(path, build)}: {problem}" for problem in object_problems(Elf(path), fortified)]
        failures += [f"{os.path.relpath(path, build)}: {mark} in its command" for mark in forced_marks(command)]
    for name in ("corelate", "corelated"):
        if os.path.join(build, name) not in programs:
            failures.append(f"{name} was not looked at")
    # No directory of ours may be forgotten.
    seen = {os.path.relpath(path, build).split(os.sep)[0] for path, _ in objects}
    for name in ("CMakeFiles", "analyzer", "bundle", "cli", "collector", "schema", "vault"):
        if name not in seen:
            failures.append(f"no object of {name} was looked at")
    with tempfile.TemporaryDirectory() as directory:
        packaged = list(packaged_programs(build, directory))
        for path in programs + packaged:
            failures += [f"{path}: {problem}" for problem in program_problems(Elf(path), fortified)]
        counts = f"{len(objects)} objects, {len(programs)} programs and libraries, {len(packaged)} in the package"
    ninja = os.path.join(build, "build.ninja")
    if os.path.exists(ninja):
        with open(ninja, encoding="utf-8") as file:
            failures += [f"build.ninja: {mark}" for mark in forced_marks(file.read())]
    for failure in failures:
        print(f"FAILED: {failure}")
    print(f"{counts}, {len(failures)} failures")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
