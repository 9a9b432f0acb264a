#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every verb of `corelate --help` occurs in some document, in a command that the document's test runs.

Usage: verbs.py BUILD_DIRECTORY DOCUMENT...
"""
import pathlib
import re
import subprocess
import sys

import document


def main(build, paths):
    help_text = subprocess.run([build + "/corelate", "--help"], capture_output=True, text=True, check=True).stdout
    verbs = re.findall(r"^  ([a-z][a-z-]*)\b", help_text.split("\n\n")[2], re.MULTILINE)
    if "explain" not in verbs:
        sys.exit("the list of verbs was not found in corelate --help")
    run = "\n".join(part.text for path in paths for part in document.read(pathlib.Path(path))[0] if part.kind == "run")
    missing = [verb for verb in verbs if not re.search(r"\bcorelate\s+%s\b" % re.escape(verb), run)]
    print("%d verbs, in no command that is run: %s" % (len(verbs), " ".join(missing) or "none"))
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
