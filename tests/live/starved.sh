#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A recorder that does not get to run while processes are born and die: whatever else is lost, each of them is there with
# its parent and its end.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

mkfifo "$TMP/hold"
{ printf 'breed %s\n' "$TMP/enough" && cat "$TMP/hold"; } | "$VICTIMS/puppet" >"$TMP/out" 9>&- &
breeder=$!
LIVE_PIDS+=("$breeder")
exec {HOLD}>"$TMP/hold"
within 10 grep -q '^[0-9]* [0-9]*$' "$TMP/out" || fail "nobody was born"
recorder_start --pid "$breeder" --ring 4K
ready=$(now_ns)
daemon=$(pgrep -x -P "$RECORDER" corelated || printf '%s\n' "$RECORDER")
# Longer than the rings hold announcements.
for _ in 1 2; do
	kill -STOP "$daemon"
	sleep 1.5
	kill -CONT "$daemon"
	sleep 0.2
done
touch "$TMP/enough"
within 30 grep -q '^done$' "$TMP/out" || fail "the breeder does not end"
recorder_stop
exec {HOLD}>&-
wait "$breeder" || fail "the breeder failed"
forget "$breeder"
check_books
holds "events that were lost" "$(query 'SELECT lost FROM recording')" -gt 0
query "SELECT pid FROM process WHERE exit_ns > 0 AND parent_pid = $breeder" | sort >"$TMP/ended"
awk -v ready="$ready" '$1 != "pid" && NF == 2 && $2 > ready { print $1 }' "$TMP/out" | sort >"$TMP/born"
holds "children" "$(wc -l <"$TMP/born")" -gt 400
equal "children that are missing, or have no end" "$(comm -13 "$TMP/ended" "$TMP/born" | tr '\n' ' ')" ""
equal "processes that never ended" "$(query "SELECT count(*) FROM process WHERE exit_ns = 0 AND pid <> $breeder")" 0
live_end
