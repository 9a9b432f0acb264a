#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""compare_kinds.py PROGRAM: the kinds of links that PROGRAM (print_kinds.c) prints are those of kinds.json, with the same class and the
same alternatives; and what kinds.json names is there: relations, showings, kinds."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import alternatives  # noqa: E402
import check  # noqa: E402
import citation  # noqa: E402
import relations  # noqa: E402


def compare(registry, kinds):
    for name in sorted(registry.keys() - kinds.keys()):
        yield f"{name} is not in kinds.json"
    for name in sorted(kinds.keys() - registry.keys()):
        yield f"{name} is in kinds.json, and in no row of the registry"
    for name in sorted(kinds.keys() & registry.keys()):
        found, (kind_class, stated) = kinds[name], registry[name]
        if found["class"] != kind_class:
            yield f"{name} has the class {kind_class}, in kinds.json {found['class']}"
        if found["alternatives"].keys() != stated:
            yield f"{name}: {sorted(found['alternatives'].keys() ^ stated)} is an alternative on one side only"


def inside(kinds):
    for name, kind in kinds.items():
        for before in kind["after"]:
            if before != "end" and before not in kinds:
                yield f"{name} follows {before}, which is no kind"
        for relation in kind["relations"]:
            if relation not in relations.RELATIONS:
                yield f"{name}: no relation {relation}"
        for alternative, rule in kind["alternatives"].items():
            for evidence, shows in rule["by"].items():
                if evidence not in citation.FOLLOWED or (shows and shows not in alternatives.SHOWS):
                    yield f"{name}/{alternative}: {evidence}: {shows}"


def main():
    registry = {}
    for line in subprocess.run(sys.argv[1:2], capture_output=True, text=True, check=True).stdout.splitlines():
        name, kind_class, *stated = line.split()
        registry[name] = (None if kind_class == "-" else kind_class, set(stated))
    kinds = check.load_kinds()
    found = [*compare(registry, kinds), *inside(kinds)]
    print("\n".join(found) or f"{len(kinds)} kinds agree")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
