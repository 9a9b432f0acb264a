# SPDX-License-Identifier: MIT
"""Views of the host's files in which some are gone, or lack their symbols or debug information.

A view is a mount namespace of its own, in which an overlay lies over each directory that holds such a file: a whiteout where the
file is gone, a changed copy where a part of it is. Nothing outside sees it, and it goes with the process that holds it. What
runs in a view that hides the C library starts by the loader and libraries of the real directory, bound beside.
"""
import os
import shutil
import stat
import subprocess

import elfnotes

DEBUG_DIRECTORY = "/usr/lib/debug"
LOADER_DIRECTORY = "real"

# bind FROM TO, or overlay UPPER DIRECTORY. Once libraries are hidden only the shell's own words work: they are hidden last.
HOLDER = """
set -e
run() { if [ -n "$LOADER" ]; then "$LOADER" --library-path "$LIBRARIES" "$MOUNT" "$@"; else "$MOUNT" "$@"; fi; }
while [ $# -ge 3 ]; do
	if [ "$1" = bind ]; then "$MOUNT" --bind "$2" "$3"; else run -t overlay -o "lowerdir=$2:$3" corelate-view "$3"; fi
	shift 3
done
echo ready
read -r end || :
"""


class ViewError(Exception):
    pass


def debug_file(path):
    """The separate debug file of `path` that is installed, or None."""
    identity = elfnotes.build_id(path)
    if not identity:
        return None
    place = f"{DEBUG_DIRECTORY}/.build-id/{identity[:2]}/{identity[2:]}.debug"
    return os.path.realpath(place) if os.path.exists(place) else None


def is_symbols(name):
    return name in (".symtab", ".strtab", ".symtab_shndx")


def is_debug(name):
    return name.startswith((".debug", ".zdebug", ".gdb_index"))


def is_libc(path):
    return os.path.basename(path).startswith(("libc.so", "libc-2.", "ld-musl"))


class Files:
    """The files that the cores name, and what each is: `programs` are executables, below `built` with their own libraries."""

    def __init__(self, built, programs, names):
        self.built = os.path.realpath(built)
        self.programs = {os.path.realpath(program) for program in programs}
        self.names = sorted({name for name in names if os.path.isfile(name)} | self.programs)
        self.debug_files = {name: debug_file(name) for name in self.names if name not in self.programs}

    def piece(self, name):
        return "executable" if name in self.programs else "libc" if is_libc(name) else "libraries"

    def root(self, name):
        """The directory over which the overlay that holds `name` is to lie."""
        for root in (self.built, DEBUG_DIRECTORY):
            if name.startswith(root + "/"):
                return root
        return os.path.dirname(name)


class View:
    """Without the pieces in `removed` (executable, libc, libraries, symbols, debug); `place` is a directory for its files."""

    def __init__(self, files, removed, place, copies):
        self.files, self.removed, self.place, self.copies = files, removed, place, copies
        self.roots = {}
        self.prefix = []
        for name in files.names:
            self.take_from(name)
        self.hold()

    def take_from(self, name):
        gone = self.files.piece(name) in self.removed
        debug = self.files.debug_files.get(name)
        if gone:
            self.hide(name)
        else:
            self.change(name)
        if debug and (gone or "debug" in self.removed):
            self.hide(debug)
        elif debug:
            self.change(debug)

    def upper(self, name):
        root = self.files.root(name)
        upper = self.roots.setdefault(root, os.path.join(self.place, str(len(self.roots))))
        place = os.path.join(upper, os.path.relpath(name, root))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        return place

    def hide(self, name):
        place = self.upper(name)
        if not os.path.lexists(place):
            os.mknod(place, stat.S_IFCHR, os.makedev(0, 0))

    def change(self, name):
        parts = frozenset(self.removed & {"symbols", "debug"})
        if parts and self.copies.get(name, parts):
            place = self.upper(name)
            if not os.path.lexists(place):
                os.link(self.copies.get(name, parts), place)

    def hold(self):
        """Starts the process whose namespace it is."""
        libraries = [root for root in self.roots if root not in (self.files.built, DEBUG_DIRECTORY)]
        orders, real, loader = [], [], ""
        for number, root in enumerate(libraries):
            beside = os.path.join(self.place, f"{LOADER_DIRECTORY}{number}")
            os.makedirs(beside)
            orders += ["bind", root, beside]
            real.append(beside)
        if libraries:
            interpreter = os.path.realpath(elfnotes.interpreter(shutil.which("mount")))
            root = os.path.dirname(interpreter)
            loader = os.path.join(real[libraries.index(root)], os.path.basename(interpreter)) if root in libraries else interpreter
            self.prefix = [loader, "--library-path", ":".join(real)]
        for root in sorted(self.roots, key=lambda root: root in libraries):
            orders += ["overlay", self.roots[root], root]
        environment = dict(os.environ, MOUNT=shutil.which("mount"), LOADER=loader, LIBRARIES=":".join(real))
        self.holder = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "--", "sh", "-c", HOLDER, "view", *orders],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        if self.holder.stdout.readline() != "ready\n":
            raise ViewError(f"a view cannot be made: {self.holder.communicate()[1].strip()}")

    def command(self, words):
        """What runs `words` in it."""
        return ["nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "--", *self.prefix, *words]

    def close(self):
        self.holder.communicate()


class Copies:
    """Files without their symbols or debug information, each made once."""

    def __init__(self, place):
        self.place = place
        self.made = {}

    def get(self, name, parts):
        """Path of the copy of `name` without `parts`; None where it has none of them."""
        key = (name, parts)
        if key not in self.made:
            self.made[key] = self.make(name, parts)
        return self.made[key]

    def make(self, name, parts):
        with open(name, "rb") as file:
            data = file.read()
        changed = elfnotes.without_sections(
            data, lambda section: ("symbols" in parts and is_symbols(section)) or ("debug" in parts and is_debug(section)))
        if changed == data:
            return None
        place = os.path.join(self.place, str(len(self.made)))
        with open(place, "wb") as file:
            file.write(changed)
        shutil.copystat(name, place)
        return place
