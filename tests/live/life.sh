#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fork, vfork, spawn, exec, threads, ends; and crashes on memory whose story crosses a fork.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# fact FILE NAME FIELD: a field of the line "fact NAME ADDRESS TID".
fact() {
	awk -v name="$2" -v field="$3" '$1 == "fact" && $2 == name { print $field; exit }' "$1"
}

child() {
	awk -v name="$2" '$1 == "child" && $2 == name { print $3; exit }' "$1"
}

# ---- who was born, who died, of what ----

record "$VICTIMS/life" tree >"$TMP/tree"
equal "status of the tree" "$STATUS" 0
check_books
equal "children" "$(grep -c '^child' "$TMP/tree")" 11
root=$(query "SELECT pid FROM process ORDER BY id LIMIT 1")
while read -r _ name pid status; do
	equal "rows of child $name" "$(query "SELECT count(*) FROM process WHERE pid = $pid")" 1
	equal "end of child $name" "$(query "SELECT status, parent_pid FROM v_process WHERE pid = $pid")" "${status/_/ }|$root"
done < <(grep '^child' "$TMP/tree")
equal "core dumps" "$(query "SELECT group_concat(status, ',') FROM
	(SELECT status FROM v_process WHERE dumped_core = 1 ORDER BY status)")" "signal 11,signal 6"
equal "crashes" "$(query "SELECT group_concat(signal, ',') FROM (SELECT signal FROM v_crash ORDER BY id)")" \
	SIGKILL,SIGTERM,SIGSEGV,SIGABRT
equal "the end of the root" "$(query "SELECT status, executable FROM v_process WHERE pid = $root")" "exit 0|$VICTIMS/life"
equal "processes that never ended" "$(query 'SELECT count(*) FROM process WHERE exit_ns = 0')" 0
equal "spaces that never ended" "$(query 'SELECT count(*) FROM space WHERE to_ns = 0')" 0
equal "births before the first sight of it" "$(query 'SELECT count(*) FROM process WHERE start_ns > first_seen_ns')" 0

# Origins: a fork refers to its parent's space; an exec begins anew; vfork and spawn have no space of their own before it.
equal "spaces of fork" "$(query "SELECT origin, parent_space_id > 0 FROM space JOIN process ON process.id = process_id
	WHERE pid = $(child "$TMP/tree" fork) ORDER BY space.id" | paste -sd,)" "2|1"
equal "spaces of exec" "$(query "SELECT origin, parent_space_id > 0 FROM space JOIN process ON process.id = process_id
	WHERE pid = $(child "$TMP/tree" exec) ORDER BY space.id" | paste -sd,)" "2|1,1|0"
equal "spaces of thread-exec" "$(query "SELECT origin FROM space JOIN process ON process.id = process_id
	WHERE pid = $(child "$TMP/tree" thread-exec) ORDER BY space.id" | paste -sd,)" "2,1"
for name in vfork spawn; do
	equal "spaces of $name" "$(query "SELECT origin, parent_space_id FROM space JOIN process ON process.id = process_id
		WHERE pid = $(child "$TMP/tree" $name) ORDER BY space.id" | paste -sd,)" "1|0"
done
# The marker that a child set before its exec belongs to the space that the exec ended.
equal "marker before exec" "$(query "SELECT space.origin, marker.exit_ns <= space.to_ns FROM marker
	JOIN space ON space.id = space_id WHERE a0 = 501")" "2|1"
# The orphan: its parent has another name by now, or is gone; its row still says who made it.
equal "the grandchild" "$(query "SELECT v_process.status, parent.pid FROM marker JOIN space ON space.id = space_id
	JOIN v_process ON v_process.id = process_id
	LEFT JOIN process AS parent ON parent.pid = v_process.parent_pid WHERE marker.a0 = 777")" \
	"exit 9|$(child "$TMP/tree" middle)"

# What exec lays out itself: the program with its segments, the interpreter, the stack, the vdso.
for name in exec vfork spawn thread-exec; do
	space="(SELECT max(space.id) FROM space JOIN process ON process.id = process_id WHERE pid = $(child "$TMP/tree" $name))"
	equal "what exec maps in $name" "$(query "SELECT
		(SELECT count(*) >= 4 FROM event JOIN file ON file.id = file_id
			WHERE space_id = s.id AND kind = 1 AND path = '$VICTIMS/life'),
		(SELECT count(*) >= 3 FROM event JOIN file ON file.id = file_id
			WHERE space_id = s.id AND kind = 1 AND path LIKE '%/ld-linux%'),
		(SELECT count(*) FROM event
			WHERE space_id = s.id AND kind = 1 AND s.auxv_random BETWEEN a0 AND a0 + a1 - 1 AND a3 & 0x100),
		(SELECT count(*) FROM event WHERE space_id = s.id AND kind = 1 AND a0 = s.auxv_sysinfo_ehdr),
		(SELECT count(*) FROM event WHERE space_id = s.id AND kind = 1 AND a2 & 4
			AND s.auxv_entry BETWEEN a0 AND a0 + a1 - 1),
		(SELECT count(*) FROM event WHERE space_id = s.id AND kind = 1 AND a0 = s.auxv_base),
		comm FROM space AS s WHERE s.id = $space")" "1|1|1|1|1|1|life"
	# The program's own calls (its loader maps libc) stand in the new space too.
	holds "calls after exec in $name" "$(query "SELECT count(*) FROM event JOIN file ON file.id = file_id
		WHERE space_id = $space AND kind = 2 AND path LIKE '%/libc%'")" -gt 0
done

# Threads: three, born in this process.
while read -r _ tid; do
	equal "birth of thread $tid" "$(query "SELECT pid FROM thread_start JOIN process ON process.id = process_id
		WHERE tid = $tid")" "$root"
done < <(grep '^thread' "$TMP/tree")

# ---- crashes across a fork ----

# crash_of NAME VERDICT: runs the mode NAME and compares the verdict on the newest crash.
crash_of() {
	DB=$TMP/$1.db
	record "$VICTIMS/life" "$1" >"$TMP/$1"
	check_books
	explain
	equal "verdict of $1" "$(verdict)" "$2"
}

# agrees NAME PID: the report names the block, the call that took it and the thread that made the call.
agrees() {
	local block tid

	block=$(fact "$TMP/$1" unmapped 3)
	tid=$(fact "$TMP/$1" unmapped 4)
	equal "process of $1" "$(json "$EXPLAINED" 'd["crash"]["pid"]')" "$2"
	equal "fault of $1" "$(json "$EXPLAINED" 'd["fault"]["address"]')" "$block"
	contains "unmapper of $1" "$(json "$EXPLAINED" '" ".join(e["text"] for e in d["findings"][0]["evidence"])')" \
		"munmap($block, 1048576) = 0 by thread $tid"
	contains "summary of $1" "$(json "$EXPLAINED" 'd["findings"][0]["summary"]')" "that thread $tid had unmapped"
	# By its core as well as by its record.
	explain "$CORES/core.$2"
	equal "verdict of the core of $1" "$(verdict)" "use-after-munmap proven"
}

crash_of fork-parent "use-after-munmap proven"
agrees fork-parent "$(child "$TMP/fork-parent" user)"

crash_of fork-child "use-after-munmap proven"
agrees fork-child "$(child "$TMP/fork-child" user)"
equal "unmapper is the child" "$(fact "$TMP/fork-child" unmapped 4)" "$(child "$TMP/fork-child" user)"

# What the parent does after the fork is not the child's history.
crash_of fork-other "wild-pointer none"
block=$(fact "$TMP/fork-other" kept 3)
why=$("$CORELATE" why --db "$DB" "$block")
lacks "the block in the child" "$why" "munmap($block, 1048576)"
contains "the block in the child" "$why" "= $block"
contains "the block in the child" "$why" "lies in the mapping"

crash_of vfork "use-after-munmap proven"
agrees vfork "$(fact "$TMP/vfork" parent 4)"
# The child's markers stand beside its munmap, in the space that both used.
contains "markers of the vfork child" "$("$CORELATE" explain --db "$DB" --all)" "-- marker 601"

crash_of vfork-child "use-after-munmap proven"
agrees vfork-child "$(child "$TMP/vfork-child" user)"
equal "the parent of the vfork child" "$(query "SELECT count(*) FROM v_process WHERE status = 'exit 0'")" 1
"$CORELATE" bundle -o "$TMP/vfork-child.corelate" "$CORES/core.$(child "$TMP/vfork-child" user)" --db "$DB" >/dev/null ||
	fail "a bundle of the vfork child"
BUNDLED_CORE=$CORES/core.$(child "$TMP/vfork-child" user) explain "$TMP/vfork-child.corelate"
equal "verdict of its bundle" "$(verdict)" "use-after-munmap proven"
live_end
