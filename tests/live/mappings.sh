#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Real crashes of the classes of mappings, recorded and not: who did it, in which function and line; files that another
# process cuts; and one signature for one cause, whatever the build.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

program=$VICTIMS/mappings
plugin=$VICTIMS/plugin.so

# crash NAME PROGRAM ARGUMENT...: runs it until it dies; its core is NAME.core.
crash() {
	local name=$1 pid status=0

	shift
	"$@" </dev/null >/dev/null 2>&1 9>&- &
	pid=$!
	wait "$pid" 2>/dev/null || status=$?
	# 3: this kernel does not know the advice.
	if [ "$status" -eq 3 ]; then
		return 3
	fi
	holds "status of $name" "$status" -ge 128
	must [ -s "$CORES/core.$pid" ]
	must mv "$CORES/core.$pid" "$TMP/$name.core"
}

# cut NAME COMMAND...: a victim that has mapped data.bin; the command, another process, makes that shorter.
cut() {
	local name=$1 line pid status=0

	shift
	head -c 20480 /dev/zero >"$TMP/data.bin"
	rm -f "$TMP/in" "$TMP/out"
	mkfifo "$TMP/in" "$TMP/out"
	"$program" cut "$TMP/data.bin" <"$TMP/in" >"$TMP/out" 2>/dev/null 9>&- &
	pid=$!
	LIVE_PIDS+=("$pid")
	exec {IN}>"$TMP/in" {OUT}<"$TMP/out"
	read -r -t 20 -u "$OUT" line || fail "$name: the victim did not come up"
	"$@"
	printf 'go\n' >&"$IN"
	exec {IN}>&- {OUT}<&-
	wait "$pid" 2>/dev/null || status=$?
	forget "$pid"
	equal "status of $name" "$status" 135
	must mv "$CORES/core.$pid" "$TMP/$name.core"
}

# explained NAME VERDICT: recorded; EVIDENCE has all of the verdict's lines.
explained() {
	explain "$TMP/$1.core"
	equal "$1" "$(verdict)" "$2"
	EVIDENCE=$(json "$EXPLAINED" 'd["findings"][0]["summary"] + chr(10) + chr(10).join(e["text"] for e in d["findings"][0]["evidence"])')
}

# alone NAME VERDICT: the same core without the record.
alone() {
	STATUS=0
	CORELATE_DB='' "$CORELATE" explain --json --db "$TMP/empty.db" "$TMP/$1.core" >"$TMP/alone.json" 2>/dev/null || STATUS=$?
	EXPLAINED=$TMP/alone.json
	equal "$1, not recorded" "$(verdict)" "$2"
}

# line FUNCTION: a regular place in it, "seal+0x21 (mappings.c:48)".
named() {
	grep -qE "mappings $1\+0x[0-9a-f]+ \(mappings\.c:[0-9]+\)" <<<"$EVIDENCE" || fail "$2: $1 and its line are not named in: $EVIDENCE"
}

# ---- the crashes ----

recorder_start --comm mappings
for name in sealed closed literal constant memfd clobbered clobbered-closed clobbered-by-move discarded unlinked; do
	crash "$name" "$program" "$name"
done
guards=yes
crash guarded "$program" guarded || guards=
for name in unloaded-code unloaded-data unloaded-bss; do
	crash "$name" "$program" "$name" "$plugin"
done
cut cut-open sh -c ": >'$TMP/data.bin'"
cut cut-ftruncate truncate -s 100 "$TMP/data.bin"
cut cut-path "$PYTHON" -c "import os; os.truncate('$TMP/data.bin', 5)"
cut cut-again truncate -s 200 "$TMP/data.bin"

# The same program with other lines, and not optimised: the same causes.
if command -v cc >/dev/null; then
	for build in moved plain; do
		mkdir "$TMP/$build"
		{ [ "$build" = plain ] || printf '/* moved */\n\n\n\n\n'; cat "$SOURCE/tests/live/victims/mappings.c"; } >"$TMP/$build/mappings.c"
		must cc -D_GNU_SOURCE -g "$([ "$build" = plain ] && echo -O0 || echo -O2)" -o "$TMP/$build/mappings" "$TMP/$build/mappings.c" -pthread
		crash "$build-sealed" "$TMP/$build/mappings" sealed
		crash "$build-discarded" "$TMP/$build/mappings" discarded
	done
	crash again-sealed "$program" sealed
fi
recorder_stop
check_books

# A database that knows none of them.
DB_BEFORE=$DB DB=$TMP/empty.db
record true
DB=$DB_BEFORE

# ---- what is said of them ----

explained sealed "protection-violation proven"
named seal sealed
contains sealed "$EVIDENCE" "mprotect("
contains sealed "$EVIDENCE" "from rw- to r--"
explained closed "protection-violation proven"
named close_door closed
explained literal "protection-violation likely"
contains literal "$EVIDENCE" ".rodata"
explained constant "protection-violation likely"
contains constant "$EVIDENCE" "answers+0x"
alone sealed "protection-violation likely"
alone literal "protection-violation likely"

explained memfd "truncated-file proven"
named shrink memfd
contains memfd "$EVIDENCE" "from 16384 to 100 bytes"
alone memfd "truncated-file likely"
explained cut-open "truncated-file proven"
contains cut-open "$EVIDENCE" "to 0 bytes: open with O_TRUNC by sh (pid "
explained cut-ftruncate "truncated-file proven"
contains cut-ftruncate "$EVIDENCE" "from 20480 to 100 bytes: ftruncate by truncate (pid "
contains cut-ftruncate "$EVIDENCE" "data.bin"
explained cut-path "truncated-file likely"
contains cut-path "$EVIDENCE" "to 5 bytes: truncate by python3 (pid "

explained unloaded-code "unloaded-code proven"
contains unloaded-code "$EVIDENCE" "plugin.so"
contains unloaded-code "$EVIDENCE" ".text, in plugin_callback+0x0"
contains unloaded-code "$EVIDENCE" "unloaded (dlclose): munmap("
explained unloaded-data "unloaded-data proven"
contains unloaded-data "$EVIDENCE" ".rodata"
explained unloaded-bss "unloaded-data proven"
contains unloaded-bss "$EVIDENCE" "plugin_counters+0x"
alone unloaded-code "unloaded-code likely"
alone unloaded-data "unloaded-data likely"

explained clobbered "map-fixed-clobber likely"
named place_over clobbered
contains clobbered "$EVIDENCE" "which holds 0x0; its whole page is zero"
explained clobbered-closed "map-fixed-clobber likely"
named place_over clobbered-closed
explained clobbered-by-move "map-fixed-clobber likely"
contains clobbered-by-move "$EVIDENCE" "mremap("
explained discarded "discarded-pages likely"
named discard discarded
if [ -n "$guards" ]; then
	explained guarded "discarded-pages proven"
	named guard guarded
fi
# A null pointer that the program stored itself: nothing was taken from it.
explain "$TMP/unlinked.core"
equal "unlinked" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" null-dereference
equal "classes of unlinked" "$(json "$EXPLAINED" '[f["class"] for f in d["findings"] if f["class"] in ("discarded-pages", "map-fixed-clobber")]')" "[]"

# ---- one cause, one signature ----

# signature NAME
signature() {
	explain "$TMP/$1.core"
	json "$EXPLAINED" 'd["crash"]["signature"]'
}

if command -v cc >/dev/null; then
	sealed=$(signature sealed) discarded=$(signature discarded)
	for build in moved plain again; do
		equal "signature of $build-sealed" "$(signature "$build-sealed")" "$sealed"
	done
	for build in moved plain; do
		equal "signature of $build-discarded" "$(signature "$build-discarded")" "$discarded"
	done
	[ "$sealed" != "$discarded" ] || fail "two causes have one signature"
fi
[ "$(signature cut-ftruncate)" = "$(signature cut-again)" ] || fail "one cutter has two signatures"

# The groups of the list: these cores are not where core_pattern put them, so the records alone are grouped.
"$CORELATE" list --group --json --db "$DB" >"$TMP/groups.json" || fail "list --group (status $?)"
equal "crashes in groups" "$(json "$TMP/groups.json" 'sum(g["count"] for g in d["groups"]) == d["explained"] and d["failed"] == 0')" True
holds "groups" "$(json "$TMP/groups.json" 'len(d["groups"])')" -lt "$(json "$TMP/groups.json" 'd["explained"]')"
"$CORELATE" list --group --limit 2 --db "$DB" >"$TMP/groups.txt" 2>"$TMP/error" || fail "list --group --limit (status $?)"
contains "words about what was left out" "$(cat "$TMP/error")" "older ones left out"
STATUS=0
"$CORELATE" list --group --limit none --db "$DB" >/dev/null 2>&1 || STATUS=$?
equal "status of a bad limit" "$STATUS" 1
live_end
