#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The checker passes real reports, and catches every lie that is planted in them (lies.py).
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/../live/lib.sh"
live_begin "$@"

# crash NAME PROGRAM ARGUMENT...: runs it until it dies; its core is NAME.core.
crash() {
	local name=$1 pid

	shift
	"$@" </dev/null >/dev/null 2>&1 9>&- &
	pid=$!
	wait "$pid" 2>/dev/null || true
	[ ! -s "$CORES/core.$pid" ] || must mv "$CORES/core.$pid" "$TMP/$name.core"
}

recorder_start --pid $$
for name in sealed constant clobbered clobbered-closed clobbered-by-move discarded guarded; do
	crash "$name" "$VICTIMS/mappings" "$name"
done
crash double-munmap "$BUILD/examples/double-munmap"
for name in used stack twice unchecked code aborted queued refused; do
	crash "$name" "$BUILD/tests/checker/checker-victim" "$name"
done
for name in cut cut-by-other; do
	crash "$name" "$BUILD/tests/checker/checker-victim" "$name" "$TMP/data.bin"
done
crash unloaded-code "$VICTIMS/mappings" unloaded-code "$VICTIMS/plugin.so"
[ ! -x "$BUILD/tests/checker/checker-thrown" ] || crash thrown "$BUILD/tests/checker/checker-thrown"
recorder_stop
check_books

# heap NAME: the same under a recorder of heap calls; its core is NAME.heap.core.
heap() {
	local core

	"$CORELATE" record --heap --db "$TMP/heap.db" -- "$BUILD/tests/checker/checker-victim" "$1" </dev/null >/dev/null 2>&1 9>&- || true
	for core in "$CORES"/core.*; do
		[ ! -s "$core" ] || must mv "$core" "$TMP/$1.heap.core"
	done
}

rm -f "$CORES"/core.*
for name in freed freed-twice freed-inside freed-large overrun; do
	heap "$name"
done
[ -n "${KEEP:-}" ] && cp -r "$TMP" "$KEEP"
"$PYTHON" "$SOURCE/tests/checker/lies.py" "$BUILD" "$TMP" || fail "the checker does not catch what it must"
live_end
