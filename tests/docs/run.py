#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of a document and compares what they print with what the document shows.

Usage: run.py BUILD_DIRECTORY DOCUMENT [--fill]
    --fill  writes what the commands print into the document, below each command that shows nothing; for writers

docs/README.md tells the rules for writers. The commands of one document run one after another in one shell, in a
directory of their own. Exit status: 0 as shown, 1 not, 2 the document is malformed, 77 something
that the document needs is missing.
"""
import contextlib
import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import core_pattern  # noqa: E402
import document
import shape

SECONDS_A_COMMAND = 300
NOT_COPIED = shutil.ignore_patterns(".git", "build", "build-*", ".cache", "__pycache__")


class Stop(Exception):
    """The test ends here with this status."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status


def skip(why):
    raise Stop(77, "skipped: " + why)


def check_needs(needs):
    for need in needs:
        if need in ("tree", "alone"):
            pass
        elif need == "root":
            if os.geteuid() != 0:
                skip("it needs root")
        elif need == "bpf":
            if os.geteuid() != 0 or not os.access("/sys/kernel/btf/vmlinux", os.R_OK):
                skip("recording needs root and a kernel with BTF")
        elif need in ("cores", "core_pattern"):
            if not os.access(core_pattern.PATTERN, os.W_OK):
                skip("core_pattern cannot be set here")
        elif not shutil.which(need):
            skip(need + " is not installed")


@contextlib.contextmanager
def cores(needs, scratch):
    """Whoever crashes something shares core_pattern with the other tests; or has it, and the host, alone, and then puts it back
    whatever the document's commands have made of it."""
    if "core_pattern" in needs or "alone" in needs:
        with core_pattern.held(core_pattern.alone):
            kept = [pathlib.Path(core_pattern.PATTERN), pathlib.Path("/proc/sys/kernel/core_pipe_limit")]
            before = [path.read_text() for path in kept]
            core_pattern.write("%s/core.%%p" % scratch)
            try:
                yield
            finally:
                for path, text in zip(kept, before):
                    path.write_text(text)
    elif "cores" in needs:
        with core_pattern.held(core_pattern.share):
            yield
    else:
        yield


class Shell:
    """One bash for a whole document. Its commands have no standard input, and one stream for both outputs."""

    END = "-- the command ended --"

    def __init__(self, directory, environment):
        read, write = os.pipe()
        self.output = read
        self.process = subprocess.Popen(
            ["bash", "--norc", "--noprofile"], stdin=subprocess.PIPE, stdout=write, stderr=write, cwd=directory,
            env=environment, start_new_session=True)
        os.close(write)
        self.files = tempfile.TemporaryDirectory()
        self.send("ulimit -c unlimited")

    def send(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def run(self, command):
        """What it printed, as lines."""
        path = pathlib.Path(self.files.name, "command")
        path.write_text(command + "\n")
        # The status of the command stays what the next one sees as $?.
        self.send('(exit ${status:-0}); . %s </dev/null; status=$?; printf "\\n%s\\n"' % (path, self.END))
        text = b""
        deadline = time.monotonic() + SECONDS_A_COMMAND
        mark = ("\n%s\n" % self.END).encode()
        while mark not in text:
            ready, _, _ = select.select([self.output], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise Stop(1, "no end after %d s: %s" % (SECONDS_A_COMMAND, command))
            piece = os.read(self.output, 65536)
            if not piece:
                raise Stop(1, "the shell ended in: " + command)
            text += piece
        return text.split(mark)[0].decode(errors="replace").rstrip("\n").split("\n")

    def close(self):
        """Ends what the document left running: its own session and nothing else."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                break
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline and self.alive():
                time.sleep(0.1)
        self.process.wait()
        os.close(self.output)
        self.files.cleanup()

    def alive(self):
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
            return True
        except ProcessLookupError:
            return False


def short_programs(build, directory):
    """The programs under a path that does not depend on where the tree lies: what is shown must not, either (core_pattern, for
    one, has room for 127 bytes)."""
    for name in ("corelate", "corelated"):
        shutil.copy2(build / name, directory / name)
    os.chmod(directory, 0o755)
    return directory


def prepare(build, source, scratch, whole):
    """What the commands find: the examples, or the whole source tree, and their environment."""
    for name in [""] if whole else ["examples"]:
        shutil.copytree(source / name, scratch / name, ignore=NOT_COPIED, symlinks=True, dirs_exist_ok=True)
    os.chmod(scratch, 0o755)
    environment = dict(os.environ)
    for name in ("CORELATE_DB", "CORELATE_VAULT", "NO_COLOR", "PAGER", "LESS", "COLUMNS"):
        environment.pop(name, None)
    environment.update(
        PATH="%s:%s" % (build, environment["PATH"]), LC_ALL="C.UTF-8", TZ="UTC", PWD=str(scratch),
        CORELATE_DB="%s/corelate.db" % scratch, CORELATE_VAULT="%s/crashes" % scratch, DEBUGINFOD_URLS="")
    return environment


def audit(build, scratch):
    """What the document has recorded is whole; a database of a newer program, which it has built, is not for ours."""
    faulty = 0
    for path in sorted(scratch.rglob("*.db")):
        done = subprocess.run([str(build / "corelate"), "audit", str(path)], capture_output=True, text=True, timeout=60,
                              errors="replace")
        if done.returncode and "written by a newer corelate" not in done.stderr:
            faulty += 1
            print("%s: the record is not whole: %s%s" % (path.name, done.stdout, done.stderr))
    return faulty


def apply_patch(text, scratch):
    done = subprocess.run(["patch", "-p1", "--quiet", "--no-backup-if-mismatch"], input=text, text=True, cwd=scratch,
                          capture_output=True)
    if done.returncode:
        raise Stop(1, "a patch of the document does not apply: " + done.stdout + done.stderr)


def fill(path, printed, known):
    """Writes what was printed below its commands: printed is [(line number of the command's last line, lines)]."""
    shown_as = {got: shown for shown, got in known.items()}
    lines = path.read_text(encoding="utf-8").split("\n")
    for number, got in reversed(printed):
        lines[number:number] = [shape.substitute(line, shown_as) for line in got]
    path.write_text("\n".join(lines), encoding="utf-8")


def run(build, path, source, filling):
    parts, needs = document.read(path)
    check_needs(needs)
    ran = failed = 0
    known, printed = {}, []
    with tempfile.TemporaryDirectory(prefix="doc") as directory, tempfile.TemporaryDirectory(prefix="bin") as programs:
        scratch = pathlib.Path(directory).resolve()
        programs = short_programs(build, pathlib.Path(programs).resolve())
        environment = prepare(programs, source, scratch, "tree" in needs)
        with cores(needs, scratch):
            shell = Shell(scratch, environment)
            try:
                for part in parts:
                    if part.kind == "not-run":
                        print("not run: %s (%s:%d: %s)" % (part.text, path.name, part.line, part.reason))
                    elif part.kind == "file":
                        target = scratch / part.path
                        target.parent.mkdir(parents=True, exist_ok=True)
                        target.write_text(part.text)
                    elif part.kind == "patch":
                        apply_patch(part.text, scratch)
                    else:
                        exact = "$?" in part.text
                        got = shape.tidy(shell.run(shape.substitute(part.text, known)),
                                         {str(scratch): shape.ROOT, str(programs): shape.PROGRAMS, str(build): shape.PROGRAMS})
                        pairs = shape.pair(part.shown, got, exact)
                        ran += 1
                        if pairs:
                            known.update(shape.values(pairs))
                        if filling and not part.shown:
                            printed.append((part.line + part.text.count("\n"), got))
                        elif pairs is None:
                            failed += 1
                            print("%s:%d: not as shown: %s" % (path.name, part.line, part.text))
                            print(shape.difference(part.shown, got, exact))
            finally:
                shell.close()
            failed += audit(build, scratch)
    if filling:
        fill(path, printed, known)
    print("%s: %d commands run, %d not as shown, %d not run" %
          (path.name, ran, failed, sum(part.kind == "not-run" for part in parts)))
    return 1 if failed else 0


def main(arguments):
    words = [word for word in arguments if word != "--fill"]
    if len(words) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    build, path = (pathlib.Path(word).resolve() for word in words)
    source = pathlib.Path(__file__).resolve().parents[2]
    try:
        return run(build, path, source, len(words) != len(arguments))
    except document.Malformed as error:
        print(error, file=sys.stderr)
        return 2
    except Stop as stop:
        print(stop)
        return stop.status


if __name__ == "__main__":
    # Whoever ends the test ends what it started, and core_pattern is put back.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    sys.exit(main(sys.argv[1:]))
