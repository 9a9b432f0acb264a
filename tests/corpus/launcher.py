#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs programs, several at a time, and tells how each ended. A process of its own, so that a recorder can be told to record its
descendants. Says "ready". Then it reads one JSON object a line (order, program, arguments, environment, directory, seconds,
pause), answers with one a line when it has ended (order, pid, status; status is null where it was ended because its time was over)."""
import json
import os
import resource
import signal
import subprocess
import sys
import time


def prepare(pause):
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.RLIM_INFINITY))
    os.setsid()
    time.sleep(pause)


def run(order):
    environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **order["environment"]}
    with open(os.path.join(order["directory"], "said"), "wb") as said:
        process = subprocess.Popen(
            [order["program"], *order["arguments"]],
            cwd=order["directory"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            preexec_fn=lambda: prepare(order["pause"]),
        )
        try:
            status = process.wait(order["seconds"])
        except subprocess.TimeoutExpired:
            status = None
        # Helpers of the victim (watchdogs, supervisors) go with it: they are its session.
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        if status is None:
            process.wait()
    return {"order": order["order"], "pid": process.pid, "status": status}


def reap(options):
    """Whether there was a child to reap."""
    try:
        return os.waitpid(-1, options)[0] != 0
    except ChildProcessError:
        return False


def answer(order):
    # One write: the answers of several do not mix.
    os.write(1, (json.dumps(run(order)) + "\n").encode())


# A recorder of the heap looks for the allocator in its mappings, which are made by now.
os.write(1, b"ready\n")
for line in sys.stdin:
    order = json.loads(line)
    if order["pause"]:
        # One after another, and no process more than the program's: each costs the recorder a while.
        answer(order)
    elif os.fork() == 0:
        answer(order)
        os._exit(0)
    while reap(os.WNOHANG):
        pass
while reap(0):
    pass
