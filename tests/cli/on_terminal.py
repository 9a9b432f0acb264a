#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a command on a terminal of its own, COLUMNS wide, and writes what the terminal got to FILE.

on_terminal.py FILE COLUMNS [--stop-after TEXT] COMMAND...: with --stop-after the command gets SIGINT once TEXT was seen.
Its exit status is that of the command.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

path, columns, *command = sys.argv[1:]
wanted = None
if command[0] == "--stop-after":
    wanted, command = command[1].encode(), command[2:]
child, terminal = pty.fork()
if child == 0:
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(columns), 0, 0))
got = b""
end = time.time() + 60
while time.time() < end:
    if not select.select([terminal], [], [], 1)[0]:
        continue
    try:
        piece = os.read(terminal, 65536)
    except OSError:  # the other side is closed
        break
    if not piece:
        break
    got += piece
    if wanted and wanted in got:
        os.kill(child, signal.SIGINT)
        wanted = None
else:
    os.kill(child, signal.SIGKILL)
with open(path, "wb") as out:
    out.write(got)
status = os.waitpid(child, 0)[1]
sys.exit(os.waitstatus_to_exitcode(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
