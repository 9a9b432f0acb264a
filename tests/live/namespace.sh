#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Pids mislead: a container has its own, and the kernel uses them again. Crashes are matched by what is unique.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

unshare --pid --fork --mount-proc true 2>/dev/null || skip "pid namespaces are not to be had here"

# ---- two victims in two pid namespaces, both with the same pid there ----

recorder_start --exe "$VICTIMS/puppet"
for i in 1 2; do
	puppet_start unshare --pid --fork --mount-proc
	inner[i]=$PUPPET
	size=$((i << 20))
	tell map $size
	block[i]=${ANSWER% *}
	if [ "$i" = 1 ]; then
		tell unmap "${block[i]}" $size
		tell read "${block[i]}"
	else
		tell read 0x123456789000
	fi
	puppet_end
	[ -s "$CORES/core.$PUPPET" ] || fail "there is no core with the inner pid $PUPPET"
	mv "$CORES/core.$PUPPET" "$TMP/core-$i"
done
recorder_stop
check_books
equal "inner pids" "${inner[1]} ${inner[2]}" "1 1"
equal "pids in the record" "$(query "SELECT count(DISTINCT pid), min(namespace_pid), max(namespace_pid), count(*)
	FROM process WHERE id IN (SELECT process_id FROM signal)")" "2|1|1|2"
explain "$TMP/core-1"
equal "verdict of the first" "$(verdict)" "use-after-munmap proven"
equal "pid as the core has it" "$(json "$EXPLAINED" 'd["crash"]["pid"]')" 1
contains "unmap of the first" "$(json "$EXPLAINED" '" ".join(e["text"] for e in d["findings"][0]["evidence"])')" \
	"munmap(${block[1]}, 1048576)"
first=$(json "$EXPLAINED" 'd["crash"]["id"]')
explain "$TMP/core-2"
equal "fault of the second" "$(json "$EXPLAINED" 'd["fault"]["address"]')" 0x123456789000
equal "unmaps in the second" "$(json "$EXPLAINED" '[f for f in d["findings"] if "munmap" in f["class"]]')" "[]"
equal "the second was recorded" "$(json "$EXPLAINED" 'd["coverage"]["recorded"]')" True
[ "$first" != "$(json "$EXPLAINED" 'd["crash"]["id"]')" ] || fail "two crashes have the same id"
# The core by its path, the record by its id: the same.
explain "$first"
equal "verdict of the first by id" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" use-after-munmap
# With the newest core in place, core_pattern leads to it, and not to the older crash of the same name.
cp "$TMP/core-2" "$CORES/core.1"
explain "$first"
equal "core of the older crash" "$(json "$EXPLAINED" 'd["crash"]["core"]')" null
explain
equal "core of the newer crash" "$(json "$EXPLAINED" 'd["crash"]["core"]')" "$CORES/core.1"
cp "$TMP/core-1" "$CORES/core.1"
explain "$first"
equal "core of the older crash" "$(json "$EXPLAINED" 'd["crash"]["core"]')" "$CORES/core.1"

# ---- the same as a recorded command ----

DB=$TMP/inner.db
record unshare --pid --fork --mount-proc "$BUILD/examples/double-munmap"
equal "status" "$STATUS" 139
# The newest crash is that of unshare, which ends itself by the signal that its child died of.
explain double-munmap
equal "verdict" "$(verdict)" "double-munmap proven"
equal "pid" "$(json "$EXPLAINED" 'd["crash"]["pid"]')" 1
equal "core" "$(json "$EXPLAINED" 'd["crash"]["core"]')" "$CORES/core.1"

# ---- one pid, two processes ----

for mode in exec fork; do
	DB=$TMP/reborn-$mode.db
	rm -f "$CORES"/core.* "$TMP/reborn.in"
	mkfifo "$TMP/reborn.in"
	: >"$TMP/reborn.out"
	"$CORELATE" record --db "$DB" -- "$VICTIMS/reborn" "$mode" <"$TMP/reborn.in" >"$TMP/reborn.out" 2>"$TMP/log" 9>&- &
	RECORDER=$!
	LIVE_PIDS+=("$RECORDER")
	exec {REBORN_IN}>"$TMP/reborn.in"
	first_core() {
		read -r pid address <"$TMP/reborn.out" && [ -s "$CORES/core.$pid" ] && ! kill -0 "$pid" 2>/dev/null
	}
	if ! within 20 first_core; then
		fail "the first of the two did not crash: $(cat "$TMP/log")"
		exec {REBORN_IN}>&-
		continue
	fi
	mv "$CORES/core.$pid" "$TMP/first-core"
	printf 'go\n' >&"$REBORN_IN"
	exec {REBORN_IN}>&-
	STATUS=0
	wait "$RECORDER" || STATUS=$?
	forget "$RECORDER"
	equal "status of reborn $mode" "$STATUS" 0
	check_books
	equal "processes of one pid, $mode" "$(query "SELECT count(*), count(DISTINCT start_ns) FROM process WHERE pid = $pid")" "2|2"
	explain "$TMP/first-core"
	equal "verdict of the first, $mode" "$(verdict)" "use-after-munmap proven"
	equal "fault of the first, $mode" "$(json "$EXPLAINED" 'd["fault"]["address"]')" "$address"
	first=$(json "$EXPLAINED" 'd["crash"]["id"]')
	explain "$CORES/core.$pid"
	equal "unmaps in the second, $mode" "$(json "$EXPLAINED" '[f for f in d["findings"] if "munmap" in f["class"]]')" "[]"
	equal "the second was recorded, $mode" "$(json "$EXPLAINED" 'd["coverage"]["recorded"]')" True
	[ "$first" != "$(json "$EXPLAINED" 'd["crash"]["id"]')" ] || fail "two crashes of one pid have the same id ($mode)"
	equal "crashes in the list, $mode" "$("$CORELATE" list --db "$DB" | tail -n +2 | wc -l)" 2
done
live_end
