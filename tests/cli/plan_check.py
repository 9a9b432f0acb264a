# SPDX-License-Identifier: MIT
"""Holds a probe plan, on standard input, against objdump and nm: plan_check.py FUNCTION...

Every entry is where nm says that a function of that name starts; every return site is a RET, or a jump where the plan
says that the result is elsewhere; and every RET that objdump shows inside a function with a result is a site of it. The
FUNCTIONs must all be planned. Prints what is wrong, and fails."""
import re
import subprocess
import sys
import urllib.parse

problems = []


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True, errors="replace").stdout


class File:
    """What binutils say of a file, by offsets in it."""

    def __init__(self, path):
        self.loads = []
        for line in run("readelf", "-lW", path).splitlines():
            words = line.split()
            if words[:1] == ["LOAD"]:
                self.loads.append([int(word, 16) for word in words[1:3] + words[4:5]])
        self.returns, self.jumps = set(), set()
        for line in run("objdump", "-d", "--no-show-raw-insn", path).splitlines():
            match = re.match(r" +([0-9a-f]+):\t((?:(?:repz|bnd|notrack|data16) )*)(\w+)", line)
            if match and match[3] in ("ret", "retq"):
                self.returns.add(self.offset(int(match[1], 16)))
            elif match and match[3] == "jmp":
                self.jumps.add(self.offset(int(match[1], 16)))
        self.symbols = {}
        for option in ("-D", "-a"):
            shown = subprocess.run(["nm", "-S", option, path], capture_output=True, text=True, check=False).stdout
            for line in shown.splitlines():
                match = re.match(r"([0-9a-f]+) (?:([0-9a-f]+) )?[tTwWiu] (.+)", line)
                if match:
                    name = match[3].split("@")[0]
                    self.symbols.setdefault(name, {})[self.offset(int(match[1], 16))] = int(match[2] or "0", 16)

    def offset(self, address):
        for offset, start, size in self.loads:
            if start <= address < start + size:
                return address - start + offset
        return None


files, functions = {}, {}
for number, line in enumerate(sys.stdin):
    words = [urllib.parse.unquote(word, errors="surrogateescape") for word in line.rstrip("\n").split("\t")]
    if number == 0:
        assert words == ["corelate-plan", "1"], words
    elif words[0] == "file":
        files[int(words[1])] = File(words[2])
        assert re.fullmatch(r"identity=\d+:\d+:\d+:\d+:\d+", words[3]), words
    elif words[0] == "function":
        assert len(words) == 8, words
        functions[int(words[1])] = {
            "file": int(words[2]), "offset": int(words[3], 16), "role": words[4], "name": words[5],
            "result": False, "entry": [], "returns": [], "hole": words[7],
        }
    elif words[0] == "argument":
        assert int(words[2]) < 6, words
    elif words[0] == "result":
        functions[int(words[1])]["result"] = True
    elif words[0] == "site":
        function = functions[int(words[1])]
        options = dict(word.split("=") for word in words[4:])
        where = (int(options.get("file", function["file"])), int(words[3], 16))
        function["entry" if words[2] == "entry" else "returns"].append((where, options))
    else:
        problems.append(f"a line that is none: {line}")

for function in functions.values():
    name, file = function["name"], files[function["file"]]
    starts = file.symbols.get(name, {})
    if function["offset"] not in starts:
        problems.append(f"{name}: nm knows none at {function['offset']:#x}")
    if [where for where, _ in function["entry"]] != [(function["file"], function["offset"])]:
        problems.append(f"{name}: entries {function['entry']}")
    sites = {where for where, _ in function["returns"]}
    for (number, offset), options in function["returns"]:
        if offset not in (files[number].jumps if "result" in options else files[number].returns):
            problems.append(f"{name}: {offset:#x} is no return")
    end = function["offset"] + starts.get(function["offset"], 0)
    for offset in file.returns:
        if function["result"] and function["offset"] <= offset < end and (function["file"], offset) not in sites:
            problems.append(f"{name}: the return at {offset:#x} is missing")
    if function["role"] in ("free", "delete") and function["returns"]:
        problems.append(f"{name}: a free needs no returns")
    if function["result"] and not function["returns"]:
        problems.append(f"{name}: it has a result and never returns")
for name in sys.argv[1:]:
    if name not in [function["name"] for function in functions.values()]:
        problems.append(f"{name} is not planned")
print("\n".join(problems) or f"{len(functions)} functions agree")
sys.exit(bool(problems))
