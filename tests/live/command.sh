#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate record -- COMMAND is like the command itself: status, user, input and output, interrupts.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# ---- status ----

record true
equal "status of true" "$STATUS" 0
contains "what the recorder says" "$(cat "$RECORDER_LOG")" "events stored, 0 lost"
# shellcheck disable=SC2016 # for the inner shell
record sh -c 'kill -KILL $$'
equal "status of a killed command" "$STATUS" 137
check_books
equal "its row" "$(query 'SELECT status FROM v_process ORDER BY id DESC LIMIT 1')" "signal 9"

DB=$TMP/none.db
record "$TMP/no-such-program"
equal "status of a command that is not there" "$STATUS" 127
contains "what is said" "$(cat "$RECORDER_LOG")" "cannot run $TMP/no-such-program: No such file or directory"
printf 'no program' >"$TMP/not-executable"
record "$TMP/not-executable"
equal "status of a command that may not run" "$STATUS" 126

# Options of the command are its own; a status of its own is passed on; input, output and errors are its own.
STATUS=0
# shellcheck disable=SC2016 # for the inner shell
output=$(printf 'in\n' | "$CORELATE" record --db "$DB" -- sh -c 'cat; echo "$1" >&2; exit 7' - --db 2>"$TMP/log") || STATUS=$?
equal "status 7" "$STATUS" 7
equal "output" "$output" in
contains "errors" "$(cat "$TMP/log")" $'\n--db\n'

# ---- user ----

output=$("$CORELATE" record --db "$DB" --user nobody -- sh -c 'id -u; id -G; id -g' 2>/dev/null | paste -sd,)
equal "identity of --user nobody" "$output" \
	"$(id -u nobody),$(setpriv --reuid nobody --regid "$(id -g nobody)" --init-groups id -G),$(id -g nobody)"
equal "uid in the record" "$(query 'SELECT uid FROM process ORDER BY id DESC LIMIT 1')" "$(id -u nobody)"
equal "SUDO_USER" "$(SUDO_USER=nobody "$CORELATE" record --db "$DB" -- id -u 2>/dev/null)" "$(id -u nobody)"
equal "--user before SUDO_USER" "$(SUDO_USER=nobody "$CORELATE" record --db "$DB" --user root -- id -u 2>/dev/null)" 0
equal "owner and mode of the database" "$(stat -c '%U %a' "$DB")" "root 600"
STATUS=0
"$CORELATE" record --db "$DB" --user no-such-user -- true 2>"$TMP/log" || STATUS=$?
equal "status of an unknown user" "$STATUS" 125
contains "what is said" "$(cat "$TMP/log")" "no user is called 'no-such-user'"
# Nobody cannot record, and is told why.
chmod 777 "$TMP"
STATUS=0
mkdir "$TMP/bin" # others may not pass to where the build is
cp "$CORELATE" "$BUILD/corelated" "$TMP/bin/"
setpriv --reuid nobody --regid nogroup --clear-groups "$TMP/bin/corelate" record --db "$TMP/nobody.db" -- true 2>"$TMP/log" ||
	STATUS=$?
chmod 711 "$TMP"
equal "status of an unprivileged recorder" "$STATUS" 125
contains "what is said" "$(cat "$TMP/log")" "root"

# ---- interrupts ----

# The command that reacts: tells what it got, and ends with a status of its own.
cat >"$TMP/trapper" <<'END'
#!/bin/bash
trap 'echo interrupted; exit 3' INT
trap 'echo terminated; exit 4' TERM
echo ready
while :; do sleep 0.05; done
END
chmod +x "$TMP/trapper"

trapper_is_ready() {
	grep -q ready "$TMP/trapped"
}

# interrupted SIGNAL WHOM: the recorder in a process group of its own (setsid), as a shell makes it.
interrupted() {
	: >"$TMP/trapped"
	# A background job of a script ignores SIGINT, which exec hands on: the Python program undoes that.
	"$PYTHON" -c '
import os, signal, sys
os.setsid()
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execv(sys.argv[1], sys.argv[1:])' "$CORELATE" record --db "$DB" -- "$TMP/trapper" >"$TMP/trapped" 2>"$TMP/log" 9>&- &
	RECORDER=$!
	LIVE_PIDS+=("$RECORDER")
	within 30 trapper_is_ready || fail "the command did not start"
	case $2 in
	group) kill -"$1" -- "-$RECORDER" ;;
	recorder) kill -"$1" "$RECORDER" ;;
	esac
	STATUS=0
	wait "$RECORDER" || STATUS=$?
	forget "$RECORDER"
}

# Ctrl-C goes to the whole group: the command decides, the recorder waits for it and ends properly.
interrupted INT group
equal "status after an interrupt" "$STATUS" 3
equal "what the command got" "$(paste -sd, "$TMP/trapped")" ready,interrupted
contains "the recorder's end" "$(cat "$TMP/log")" "events stored"
check_books
# SIGTERM to the recorder alone is handed on.
interrupted TERM recorder
equal "status after a termination" "$STATUS" 4
equal "what the command got" "$(paste -sd, "$TMP/trapped")" ready,terminated
check_books

# ---- recording others until SIGTERM ----

DB=$TMP/others.db
puppet_start
recorder_start --pid "$PUPPET"
tell map 4096
tell mark 1
recorder_stop
# Before anybody reads it: what the recorder leaves is one file, complete.
[ ! -e "$DB-wal" ] || fail "the write-ahead log was left behind"
[ ! -e "$DB-shm" ] || fail "the shared index of the log was left behind"
tell mark 2 # the puppet lives
equal "answer after the recording" "$ANSWER" "done"
check_books
holds "the end" "$(query 'SELECT ended_ns FROM recording')" -gt 0
equal "markers" "$(query 'SELECT group_concat(number) FROM v_marker WHERE own = 1')" 1
equal "the process goes on" "$(query 'SELECT status IS NULL FROM v_process')" 1

# Two recorders do not write the same database.
recorder_start --pid "$PUPPET"
STATUS=0
"$CORELATE" record --db "$DB" -- true 2>"$TMP/log" || STATUS=$?
equal "status of a second recorder" "$STATUS" 125
contains "what is said" "$(cat "$TMP/log")" "another recorder is writing"
recorder_stop
tell exit 0
puppet_end
live_end
