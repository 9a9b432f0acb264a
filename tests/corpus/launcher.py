#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs programs and tells how each ended. A process of its own, so that a recorder can be told to record its
descendants. Reads one JSON object a line (program, arguments, environment, directory, seconds), answers with one."""
import json
import os
import resource
import signal
import subprocess
import sys


def prepare():
    resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    resource.setrlimit(resource.RLIMIT_STACK, (8 << 20, resource.RLIM_INFINITY))
    os.setsid()


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
            preexec_fn=prepare,
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
    return {"pid": process.pid, "status": status}


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))), flush=True)
