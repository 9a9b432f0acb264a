#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Calls of the heap, with blocks and sizes that the victim knows, against the rows that they left.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"
HEAP=$VICTIMS/heap_calls

# record_with OPTIONS... -- COMMAND...: like record, with options; what the command prints is in $TMP/out.
record_with() {
	STATUS=0
	RECORDER_LOG=$(mktemp "$TMP/recorder.XXXXXX")
	"$CORELATE" record --db "$DB" "$@" >"$TMP/out" 2>"$RECORDER_LOG" 9>&- || STATUS=$?
}

# same_calls FILE [with-tid]: each line of it has its row, in this order within its thread.
same_calls() {
	"$PYTHON" - "$DB" "$@" <<-'END' || fail "rows of the heap differ from what the victim did"
		import sqlite3, sys

		db = sqlite3.connect("file:" + sys.argv[1] + "?mode=ro", uri=True)
		with_tid = len(sys.argv) > 3
		rows = [
		    (role, tid if with_tid else 0, old & (2**64 - 1), block & (2**64 - 1), size & (2**64 - 1), alignment, duration)
		    for role, tid, old, block, size, alignment, duration in db.execute(
		        "SELECT function_role.name, tid, old_block, block, size, alignment, duration_ns FROM heap "
		        "JOIN function_role USING (role) WHERE enter_ns >= (SELECT max(started_ns) FROM recording) ORDER BY heap.id")
		]
		number = lambda word: 0 if word == "(nil)" else int(word, 0)
		wrong, at = 0, 0
		for line in open(sys.argv[2]):
		    words = line.split()
		    tid = int(words.pop(1)) if with_tid else 0
		    wanted = (words[0], tid) + tuple(number(word) for word in words[1:])
		    found = next((i for i in range(at, len(rows)) if rows[i][:6] == wanted), None)
		    if found is None:
		        wrong += 1
		        print("   no row for", line.strip(), file=sys.stderr)
		    else:
		        at = found + 1
		        if rows[found][6] < 0:
		            wrong += 1
		            print("   no return for", line.strip(), file=sys.stderr)
		if not at:
		    sys.exit("   no calls at all")
		sys.exit(wrong > 0)
	END
}

# ---- a command: every function, two threads ----

record_with --heap -- "$HEAP" all
equal "status" "$STATUS" 0
same_calls "$TMP/out" with-tid
check_books
equal "calls that never returned" "$(query "SELECT count(*) FROM heap WHERE duration_ns < 0")" 0
# Nothing is told twice: the victim's own calls of malloc with sizes that nobody else asks for.
equal "mallocs of 100" "$(query "SELECT count(*) FROM v_heap WHERE role = 'malloc' AND size = 100")" 2
equal "frees without a stack" "$(query "SELECT count(*) FROM v_heap WHERE role = 'free' AND stack_id IS NULL")" 0
equal "mallocs with a stack" "$(query "SELECT count(*) FROM v_heap WHERE function = 'malloc' AND stack_id IS NOT NULL")" 0
equal "whole stacks" "$(query "SELECT count(*) FROM v_stack WHERE state <> 'whole'")" 0
equal "coverage" "$(query "SELECT count(*) FROM probe_coverage JOIN process ON process.id = process_id WHERE heap = 1")" 1

DB=$TMP/options.db
record_with --heap --stack-events malloc --stack-bytes 1K -- "$HEAP" all
same_calls "$TMP/out" with-tid
equal "mallocs without a stack" "$(query "SELECT count(*) FROM v_heap WHERE role = 'malloc' AND stack_id IS NULL")" 0
equal "bytes of a stack" "$(query "SELECT max(bytes) FROM v_stack")" 1024
check_books

# ---- C++ ----

if [ -x "$VICTIMS/heap-new" ]; then
	DB=$TMP/new.db
	record_with --heap -- "$VICTIMS/heap-new"
	equal "status of the C++ victim" "$STATUS" 0
	same_calls "$TMP/out"
	check_books
fi

# ---- a process that runs already: its earlier block is not known, the return of it is ----

DB=$TMP/attach.db
mkfifo "$TMP/line"
"$HEAP" wait <"$TMP/line" >"$TMP/waited" 9>&- &
WAITER=$!
LIVE_PIDS+=("$WAITER")
exec 8>"$TMP/line"
within 20 grep -q ready "$TMP/waited" || fail "the victim is not ready"
maps=$(grep -v '\[uprobes\]' "/proc/$WAITER/maps")
recorder_start --pid "$WAITER" --heap
early=$(awk '/^ready/ { print $2 }' "$TMP/waited")
echo go >&8
wait "$WAITER" || fail "the victim did not survive (status $?)"
forget "$WAITER"
exec 8>&-
recorder_stop
grep -v '^ready' "$TMP/waited" >"$TMP/out"
same_calls "$TMP/out" with-tid
equal "rows of the early block" "$(query "SELECT group_concat(role) FROM (SELECT role FROM v_heap WHERE '$early' IN (block, old_block) ORDER BY id LIMIT 1)")" free
check_books

# ---- deaths ----

DB=$TMP/double.db
record_with --heap -- "$HEAP" double-free
equal "status of the double free" "$STATUS" 134
block=$(head -1 "$TMP/out")
equal "both frees" "$(query "SELECT count(*), count(stack_id) FROM v_heap WHERE role = 'free' AND old_block = '$block'")" "2|2"
check_books

DB=$TMP/realloc.db
record_with --heap -- "$HEAP" in-realloc
equal "status inside realloc" "$STATUS" 134
block=$(head -1 "$TMP/out")
equal "the realloc that never returned" \
	"$(query "SELECT count(*), min(block), min(size), min(microseconds), min(stack_id > 0) FROM v_heap WHERE role = 'realloc' AND old_block = '$block'")" \
	"1||9000||1"
check_books

# ---- a child of a process that is followed ----

DB=$TMP/fork.db
record_with --heap -- "$HEAP" fork
equal "status of the parent" "$STATUS" 0
child=$(cat "$TMP/out")
holds "calls of the child" "$(query "SELECT count(*) FROM v_heap WHERE pid = $child AND size = 777")" -ge 50
equal "a return to each" "$(query "SELECT count(*) FROM v_heap WHERE pid = $child AND size = 777 AND block IS NULL")" 0
equal "coverage of both" "$(query "SELECT count(*) FROM probe_coverage JOIN process ON process.id = process_id")" 2
holds "the child is covered later than it lives" \
	"$(query "SELECT from_ns > first_seen_ns FROM probe_coverage JOIN process ON process.id = process_id WHERE pid = $child")" -eq 1
equal "no call before" "$(query "SELECT count(*) FROM heap JOIN space ON space.id = space_id JOIN process ON process.id = space.process_id
	JOIN probe_coverage ON probe_coverage.process_id = process.id WHERE pid = $child AND enter_ns < probe_coverage.from_ns - 50000000")" 0
check_books

# ---- a child that shares its parent's memory: probed as itself, and each call told once ----

DB=$TMP/share.db
record_with --heap -- "$HEAP" share
equal "status of the parent" "$STATUS" 0
child=$(cat "$TMP/out")
holds "calls of the child" "$(query "SELECT count(*) FROM heap WHERE tid = $child AND role = 1 AND size = 777")" -ge 50
holds "calls of the child, once each" "$(query "SELECT count(*) FROM heap WHERE tid = $child AND role = 1 AND size = 777")" -le 200
equal "a return to each" "$(query "SELECT count(*) FROM heap WHERE tid = $child AND role = 1 AND duration_ns < 0")" 0
equal "coverage of both" "$(query "SELECT count(*), count(DISTINCT process_id) FROM probe_coverage")" "2|2"
check_books

# ---- one that dies before it is probed ----

DB=$TMP/short.db
# shellcheck disable=SC2016 # the shell that is recorded expands it
record_with --heap -- sh -c 'for i in 1 2 3 4 5 6 7 8; do "$0" double-free; done; true' "$HEAP"
equal "status of the parent" "$STATUS" 0
equal "short processes" "$(query "SELECT count(*) FROM process WHERE comm = 'heap_calls' AND exit_status & 127 = 6")" 8
equal "whose calls nothing says anything of" "$(query "SELECT count(*) FROM process WHERE NOT EXISTS
	(SELECT 1 FROM probe_coverage WHERE process_id = process.id)")" 0
equal "calls before it is said that they are seen" "$(query "SELECT count(*) FROM heap JOIN space ON space.id = space_id
	JOIN probe_coverage ON probe_coverage.process_id = space.process_id WHERE enter_ns < probe_coverage.from_ns - 50000000")" 0
# As many as were too short for their probes (on most machines all of them), and whoever asks for their deaths is told.
unseen=$(query "SELECT count(*) FROM process JOIN probe_coverage ON process_id = process.id WHERE from_ns >= exit_ns")
holds "processes that were too short" "$unseen" -ge 1
contains "what the recorder says of them" "$(cat "$RECORDER_LOG")" "no calls recorded of $unseen process"
pid=$(query "SELECT pid FROM process JOIN probe_coverage ON process_id = process.id WHERE from_ns >= exit_ns ORDER BY process.id LIMIT 1")
explain "$pid"
contains "the note" "$(json "$EXPLAINED" 'd["coverage"]["notes"]')" "no heap calls recorded: the process died before it was probed"
check_books

# ---- a function that is left by longjmp, and one that returns ----

DB=$TMP/leave.db
record_with --probe "$HEAP:leaver(int, char *) -> long" -- "$HEAP" leave 20
equal "status after longjmp" "$STATUS" 0
equal "calls that were left" "$(query "SELECT count(*) FROM v_call WHERE a0 = '0x0' AND a1 = 'left' AND result IS NULL")" 20
equal "the call that returned" "$(query "SELECT a0, a1, result FROM v_call WHERE result IS NOT NULL")" "0x7|stayed|0xd"
equal "heap functions" "$(query "SELECT count(*) FROM heap")" 0
check_books

# ---- plans that make no sense ----

plan() {
	printf '%b' "$1" >"$TMP/plan"
	record_with --probe-plan "$TMP/plan" -- true
	equal "status of: $1" "$STATUS" 125
	contains "message of: $1" "$(cat "$RECORDER_LOG")" "$2"
}
plan '' 'line 0: it is empty'
plan 'corelate-plan\t2\n' "not 'corelate-plan 1'"
plan 'corelate-plan\t1\nnonsense\n' 'line 2: '
plan 'corelate-plan\t1\nfile\t1\t/bin/true\n' 'numbered from 0'
plan 'corelate-plan\t1\nfile\t0\t/nowhere\nfunction\t0\t0\t0x10\tfree\tf\t\t\nsite\t0\tentry\t0x10\n' '/nowhere'
plan 'corelate-plan\t1\nfile\t0\t/bin/true\tidentity=1:2:3:4:5\nfunction\t0\t0\t0x10\tfree\tf\t\t\nsite\t0\tentry\t0x10\n' 'has changed'
plan 'corelate-plan\t1\nfile\t0\t/bin/true\nfunction\t0\t0\t0x10\tfree\tf\t\t\nargument\t0\t6\treg:rdi\tptr\n' 'line 4'
plan 'corelate-plan\t1\nfile\t0\t/bin/true\nfunction\t0\t0\t0x10\tfree\tf\t\t\nargument\t0\t0\treg:xmm0\tptr\n' 'line 4'
live_end
