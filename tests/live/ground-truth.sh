#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# ground-truth.sh BUILD [--runs N] [--first N] [--table FILE] [--keep]
# A victim writes down each of its memory calls, by eight threads that fight over the same pages, in forks, vforks and
# programs that they become; the record and its gaps must explain every page, with room for it and without
# (ground-truth/run.py).
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"
live_begin "$@"
shift
"$PYTHON" "$SOURCE/tests/live/ground-truth/run.py" "$BUILD" "$@" 9>&- || fail "the ground truth and the record differ"
live_end
