# SPDX-License-Identifier: MIT
"""Builds the programs of the cases, each only once for the same content.

A build is a list of words: O0 O1 O2 O3 Os (optimisation), fp / nofp (frame pointers), static, nopie, strip, nodebug,
ssp / nossp (stack protector), fortify, glibcxx (checks of libstdc++), clang, abort (Rust: panic=abort), cgo.
"""
import hashlib
import os
import shutil
import subprocess

SOURCES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "sources")

WORDS = {
    "fp": ["-fno-omit-frame-pointer", "-mno-omit-leaf-frame-pointer"],
    "nofp": ["-fomit-frame-pointer"],
    "static": ["-static"],
    "nopie": ["-no-pie", "-fno-pie"],
    "strip": ["-s"],
    "nodebug": ["-g0"],
    "ssp": ["-fstack-protector-all"],
    "nossp": ["-fno-stack-protector"],
    "fortify": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
    "glibcxx": ["-D_GLIBCXX_ASSERTIONS"],
    "clang": [],
}


class BuildError(Exception):
    pass


class Missing(Exception):
    """A tool that this machine lacks: the case is skipped."""


def tool(*names):
    """The first of `names` that is here; the distribution's own before others on the PATH."""
    for name in names:
        path = shutil.which(name, path="/usr/bin:/bin") or shutil.which(name)
        if path:
            return path
    raise Missing(names[0])


def c_words(case):
    words = []
    for word in case.build:
        if word[0] == "O" and len(word) == 2:
            words.append("-" + word)
        elif word in WORDS:
            words.extend(WORDS[word])
        else:
            raise BuildError(f"{case.name}: the word {word} is not known")
    return words


def c_command(case, source, output, more):
    cxx = source.endswith(".cc")
    if "clang" in case.build:
        compiler = [tool("clang++" if cxx else "clang")]
    else:
        compiler = [tool("g++" if cxx else "gcc")]
    words = c_words(case) + [f"-D{word}" for word in case.define] + case.flags
    std = "-std=gnu++17" if cxx else "-std=gnu17"
    return compiler + [std, "-D_GNU_SOURCE", "-g", "-w", "-pthread"] + words + more + ["-o", output, source, "-lm", "-ldl"]


def rust_command(case, source, output):
    level = "2" if "O2" in case.build else "0"
    command = [tool("rustc"), "--edition", "2021", "-C", f"opt-level={level}", "-o", output, source]
    command += ["-C", "strip=symbols"] if "strip" in case.build else ["-g"]
    command += ["-C", "panic=abort"] if "abort" in case.build else []
    command += ["-C", "force-frame-pointers=yes"] if "fp" in case.build else []
    command += ["-C", "overflow-checks=yes"] if "checks" in case.build else []
    return command + [f"--cfg={word}" for word in case.define] + case.flags


def go_command(case, source, output):
    command = [tool("go"), "build", "-o", output]
    if "O0" in case.build:
        command += ["-gcflags", "-N -l"]
    if "strip" in case.build:
        command += ["-ldflags", "-s -w"]
    return command + ["-tags", ",".join(case.define), source] if case.define else command + [source]


def digest(commands, paths):
    total = hashlib.sha256()
    for command in commands:
        total.update(repr(command).encode())
    for path in paths:
        with open(path, "rb") as file:
            total.update(file.read())
    return total.hexdigest()[:16]


def plan(case, output):
    """The commands and their sources; commands write into the directory of `output`."""
    source = os.path.join(SOURCES, case.program)
    kind = case.language
    if kind == "rust":
        return [rust_command(case, case.program, output)], [source]
    if kind == "go":
        return [go_command(case, case.program, output)], [source]
    commands, paths = [], [source]
    for name, library in case.libraries.items():
        place = os.path.join(os.path.dirname(output), name)
        shared = [w for w in case.build if w not in ("static", "nopie")]
        plain = type(case)(**{**case.__dict__, "build": shared})
        commands.append(c_command(plain, library, place, ["-shared", "-fPIC"]))
        paths.append(os.path.join(SOURCES, library))
    commands.append(c_command(case, case.program, output, []))
    return commands, paths


def build(case, cache):
    """Path of the program, in a directory of its own within `cache`."""
    name = case.bug
    for need in case.needs:
        check_need(need)
    commands, paths = plan(case, os.path.join("@", name))
    directory = os.path.join(cache, digest(commands, paths))
    program = os.path.join(directory, name)
    if os.path.exists(os.path.join(directory, ".built")):
        return program
    os.makedirs(directory, exist_ok=True)
    environment = dict(os.environ, LC_ALL="C", GO111MODULE="off", GOFLAGS="", GOTELEMETRY="off")
    environment["CGO_ENABLED"] = "1" if "cgo" in case.build else "0"
    environment.setdefault("GOCACHE", os.path.join(cache, "go"))
    for command in plan(case, program)[0]:
        done = subprocess.run(command, cwd=SOURCES, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise BuildError(f"{case.name}: {' '.join(command)}\n{done.stderr[-2000:]}")
    open(os.path.join(directory, ".built"), "w", encoding="ascii").close()
    return program


def check_need(need):
    """`cpu-without-FLAG`, else a program that must be installed."""
    if need.startswith("cpu-without-"):
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("flags") and need[len("cpu-without-"):] in line.split():
                    raise Missing(f"a processor without {need[len('cpu-without-'):]}")
    else:
        tool(need)
