#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""What explaining costs beside gdb, on the cores that `run.py BUILD --keep DIR` left. Not a test: it measures.

For each core: the wall time of `corelate explain` (the best of three, with the recording where there is one) and of
`gdb -batch -ex bt` (once; it is given the program). The aim is a tenth of gdb's time.
"""
import argparse
import os
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, HERE)
import builder  # noqa: E402
import crasher  # noqa: E402
import table  # noqa: E402

AIM = 0.1
LONGEST = 5


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("build", help="the build directory")
    parser.add_argument("keep", help="what run.py --keep left")
    parser.add_argument("--only", metavar="PATTERN", default="")
    parser.add_argument("--every", metavar="N", type=int, default=1, help="each Nth case (default: all)")
    return parser.parse_args()


def seconds(command):
    """Wall time; of gdb, which takes minutes for an endless recursion, no more than LONGEST.

    The limit is timeout(1)'s: a wait with a limit of Python's own looks again at growing intervals, and so measures them.
    """
    start = time.monotonic()
    subprocess.run(["timeout", str(LONGEST), *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                   stdin=subprocess.DEVNULL, check=False)
    return time.monotonic() - start


def measure(options, case, mode):
    """(explain, gdb) in seconds, or None where there is no core."""
    core = os.path.join(options.keep, mode, f"{case.name}.core")
    if not os.path.exists(core):
        return None
    command = [os.path.join(options.build, "corelate"), "explain"]
    if mode == "recorded":
        command += ["--db", crasher.database(options.keep, case)]
    explain = min(seconds(command + [core]) for _ in range(3))
    program = builder.build(case, os.path.join(options.keep, "built"))
    return explain, seconds(["gdb", "-nx", "-batch", "-ex", "bt", program, core])


def show(mode, rows):
    ratios = sorted(explain / gdb for _, explain, gdb in rows)
    print(f"{mode:<11}{len(rows):4} cores: explain {statistics.median(r[1] for r in rows) * 1000:6.1f} ms, gdb "
          f"{statistics.median(r[2] for r in rows) * 1000:6.1f} ms (medians); ratio {statistics.median(ratios):.3f}, "
          f"worst {ratios[-1]:.3f}, above {AIM}: {sum(ratio > AIM for ratio in ratios)}")
    for name, explain, gdb in sorted(rows, key=lambda row: row[2] and -row[1] / row[2])[:5]:
        print(f"{'':11}{explain / gdb:6.3f}  {explain * 1000:7.1f} ms of {gdb * 1000:7.1f} ms  {name}")


def main():
    options = arguments()
    paths = sorted(os.path.join(HERE, name) for name in os.listdir(HERE) if name.startswith("cases"))
    cases = [case for case in table.load(paths) if options.only in case.name][:: options.every]
    for mode in ("unrecorded", "recorded"):
        rows = []
        for case in cases:
            times = measure(options, case, mode)
            if times:
                rows.append((case.name, *times))
        if rows:
            show(mode, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
