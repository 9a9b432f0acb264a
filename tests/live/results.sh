#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# record --calls: system calls that failed, and those of descriptors.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

must "$CORELATE" record --db "$DB" --calls -- "$VICTIMS/descriptors" 2>"$TMP/log"
check_books
equal "calls of descriptors" "$(query "SELECT group_concat(call || ' ' || coalesce(error, 0), ', ') FROM v_syscall
	WHERE call = 'dup' OR (call = 'close' AND a0 = (SELECT result FROM v_syscall WHERE call = 'dup')
	AND id > (SELECT id FROM v_syscall WHERE call = 'dup'))")" "dup 0, close 0, close 9"
equal "the call that failed" "$(query "SELECT error, result FROM v_syscall WHERE call = 'openat' AND error = 2
	ORDER BY id DESC LIMIT 1")" "2|-2"
holds "calls without a duration" "$(query 'SELECT count(*) FROM syscall WHERE duration_ns < 0 OR enter_ns = 0')" -eq 0
twice=$("$CORELATE" sql --db "$DB" closed-twice)
contains "who closed it again" "$twice" second_close
contains "who had closed it" "$twice" first_close

# What a close takes from somebody else is a close that succeeds.
DB=$TMP/reused.db
STATUS=0
"$CORELATE" record --db "$DB" --calls -- "$VICTIMS/descriptors" reused 2>"$TMP/log" || STATUS=$?
equal "closes and duplicates" "$(query "SELECT group_concat(call || ' ' || coalesce(error, 0), ', ') FROM v_syscall
	WHERE call IN ('dup', 'fcntl') OR (call = 'close' AND a0 = (SELECT result FROM v_syscall WHERE call = 'dup')
	AND id > (SELECT id FROM v_syscall WHERE call = 'dup'))")" "dup 0, close 0, fcntl 0, close 0"
equal "closed in vain" "$("$CORELATE" sql --db "$DB" closed-twice | tail -n +2)" ""

# Without the option there is none.
DB=$TMP/none.db
record "$VICTIMS/descriptors"
equal "rows without the option" "$(query 'SELECT count(*) FROM syscall')" 0
live_end
