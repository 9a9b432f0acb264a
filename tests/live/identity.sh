#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who a process is: complete in every recording, whatever the order in which its records come, with the user that it was
# born as and the one that it died as.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin_alone "$@"

# ---- the thread that attaches probes is done before the process is announced ----

for _ in 1 2; do
	"$CORELATE" record --heap --db "$DB" -- true 2>"$TMP/log" 9>&- || fail "recording: $(cat "$TMP/log")"
	check_books
done
equal "incomplete processes" "$(query 'SELECT count(*) FROM process WHERE namespace_pid = 0 OR start_ns = 0 OR
	parent_pid = 0 OR cgroup_id = 0 OR last_uid IS NULL OR comm <> '"'true'")" 0
equal "processes, spaces, coverage" "$(query 'SELECT (SELECT count(*) FROM process), (SELECT count(*) FROM space),
	(SELECT count(*) FROM probe_coverage JOIN process ON process.id = process_id)')" "2|4|2"

# ---- a command that is run as somebody else, and dies ----

nobody=$(id -u nobody)
DB=$TMP/user.db
rm -f "$CORES"/core.*
printf '%s\n' "$CORES/core.%p.%u" >/proc/sys/kernel/core_pattern
status=0
# shellcheck disable=SC2016 # the shell that dies expands it
SUDO_USER=nobody "$CORELATE" record --heap --db "$DB" -- sh -c 'kill -SEGV $$' 2>"$TMP/log" 9>&- || status=$?
equal "status of the command" "$status" 139
check_books
equal "users" "$(query 'SELECT uid, last_uid FROM process')" "0|$nobody"
equal "user in the list" "$("$CORELATE" list --json --db "$DB" | "$PYTHON" -c 'import json, sys; print(json.load(sys.stdin)[0]["uid"])')" \
	"$nobody"
# Its core is found by the user that it died as.
explain
contains "the core" "$(json "$EXPLAINED" 'd["crash"]["core"]')" "core.$(query 'SELECT namespace_pid FROM process').$nobody"
live_end
