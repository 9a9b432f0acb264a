# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034 # what it sets is for the scripts
# What the live tests share. A script sources this file, calls live_begin "$@" with the build directory as its first
# argument, makes its checks, and ends with live_end. A failed check is told and counted, and the script goes on: each
# start of a recorder takes seconds, so that one run should tell all that is wrong.
set -euo pipefail
export LC_ALL=C
unset CORELATE_DB

PYTHON=/usr/bin/python3
FAILURES=0
LIVE_PIDS=()

skip() {
	printf 'skipped: %s\n' "$1"
	exit 77
}

fail() {
	FAILURES=$((FAILURES + 1))
	printf 'FAILED: %s\n' "$1" >&2
}

# equal WHAT GOT WANTED
equal() {
	[ "$2" = "$3" ] || fail "$1: got '$2', not '$3'"
}

# contains WHAT TEXT PART
contains() {
	case $2 in
	*"$3"*) ;;
	*) fail "$1: no '$3' in: ${2:0:400}" ;;
	esac
}

# lacks WHAT TEXT PART
lacks() {
	case $2 in
	*"$3"*) fail "$1: '$3' in: ${2:0:400}" ;;
	esac
}

# holds WHAT LEFT OPERATOR RIGHT, for numbers
holds() {
	# `test`, not [: shellcheck cannot read an operator in a variable there. A word that is no number fails it.
	test "$2" "$3" "$4" 2>/dev/null || fail "$1: '$2' $3 '$4' does not hold"
}

# within SECONDS COMMAND...: tries the command until it succeeds.
within() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.02
	done
}

# May this process make a BPF map? A container with all capabilities may still refuse the system call.
may_use_bpf() {
	"$PYTHON" - <<-'END'
		import ctypes, struct, sys
		attributes = ctypes.create_string_buffer(struct.pack("5I", 2, 4, 4, 1, 0), 128)
		sys.exit(ctypes.CDLL(None).syscall(321, 0, attributes, 128) < 0)
	END
}

live_cleanup() {
	local status=$? pid

	trap - EXIT
	for pid in ${LIVE_PIDS[@]+"${LIVE_PIDS[@]}"}; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	if [ -n "${CORE_PATTERN_BEFORE+set}" ]; then
		printf '%s\n' "$CORE_PATTERN_BEFORE" >/proc/sys/kernel/core_pattern
	fi
	[ -z "${CORE_LOCK:-}" ] || "$PYTHON" "$SOURCE/tests/core_pattern.py" leave 9 || true
	if type live_cleanup_more >/dev/null 2>&1; then
		live_cleanup_more || true
	fi
	[ -z "${TMP:-}" ] || rm -rf "$TMP"
	exit "$status"
}

# Sets BUILD, VICTIMS, CORELATE, TMP (which other users may pass through), DB and CORES, which becomes the working directory:
# what is crashed there leaves core.PID there. Several tests do so at the same time (tests/core_pattern.py).
live_begin() {
	live_prepare share "$@"
}

# The same for a test that sets core_pattern, or cannot be in one machine with others; it runs when no other test does.
# Meanwhile core_pattern is $CORES/core.%p.
live_begin_alone() {
	live_prepare alone "$@"
	CORE_PATTERN_BEFORE=$(cat /proc/sys/kernel/core_pattern)
	printf '%s\n' "$CORES/core.%p" >/proc/sys/kernel/core_pattern
}

live_prepare() {
	local how=$1

	shift
	BUILD=$(realpath "${1:?the build directory}")
	VICTIMS=$BUILD/tests/live
	CORELATE=$BUILD/corelate
	SOURCE=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../..")
	[ "$(id -u)" -eq 0 ] || skip "recording needs root"
	[ -r /sys/kernel/btf/vmlinux ] || skip "this kernel carries no type information (BTF)"
	may_use_bpf || skip "the bpf system call is refused here"
	[ -w /proc/sys/kernel/core_pattern ] || skip "core_pattern cannot be set here"
	exec 9>>/run/lock/corelate-live-tests
	trap live_cleanup EXIT
	trap 'exit 130' INT TERM HUP
	TMP=$(mktemp -d)
	chmod 711 "$TMP"
	CORES=$TMP/cores
	mkdir -m 1777 "$CORES"
	DB=$TMP/live.db
	CORE_LOCK=$how
	"$PYTHON" "$SOURCE/tests/core_pattern.py" "$how" 9 || skip "other tests keep core_pattern"
	cd "$CORES"
	ulimit -c unlimited
	export DB VICTIMS CORES SOURCE
}

live_end() {
	if [ "$FAILURES" -ne 0 ]; then
		case $(cat /proc/sys/kernel/core_pattern) in
		core.%p | "$CORES/core.%p") ;;
		*) printf 'core_pattern was changed by somebody else meanwhile: the failures may come from that\n' >&2 ;;
		esac
		exit 1
	fi
	printf 'ok\n'
}

# A command that must succeed as it stands, because the rest of the script hangs on it.
must() {
	"$@" || {
		fail "$* (status $?)"
		exit 1
	}
}

# ---- the recorder ----

recorder_is_ready() {
	grep -q '^corelate: recording ' "$RECORDER_LOG" || ! kill -0 "$RECORDER" 2>/dev/null
}

# recorder_start OPTION...: in the background, writing DB; returns when it records. Sets RECORDER (its pid) and
# RECORDER_LOG (its standard error).
recorder_start() {
	RECORDER_LOG=$(mktemp "$TMP/recorder.XXXXXX")
	# The lock must not outlive this script in a child.
	"$CORELATE" record --db "$DB" "$@" 2>"$RECORDER_LOG" 9>&- &
	RECORDER=$!
	LIVE_PIDS+=("$RECORDER")
	if ! within 60 recorder_is_ready || ! grep -q '^corelate: recording ' "$RECORDER_LOG"; then
		fail "the recorder did not start: $(cat "$RECORDER_LOG")"
		exit 1
	fi
}

# recorder_stop: ends it properly.
recorder_stop() {
	local status=0

	kill -TERM "$RECORDER"
	wait "$RECORDER" || status=$?
	forget "$RECORDER"
	equal "status of the recorder after SIGTERM" "$status" 0
}

# forget PID: it has ended, and the number may soon be another's.
forget() {
	local others=() pid

	for pid in ${LIVE_PIDS[@]+"${LIVE_PIDS[@]}"}; do
		[ "$pid" = "$1" ] || others+=("$pid")
	done
	LIVE_PIDS=(${others[@]+"${others[@]}"})
}

# record COMMAND...: records it into DB, in CORES; sets STATUS and RECORDER_LOG.
record() {
	STATUS=0
	RECORDER_LOG=$(mktemp "$TMP/recorder.XXXXXX")
	(cd "$CORES" && exec "$CORELATE" record --db "$DB" -- "$@" 2>"$RECORDER_LOG" 9>&-) || STATUS=$?
}

# ---- what was recorded ----

# query SQL: rows without the title, cells separated by |. One that fails gives words that no check expects.
query() {
	"$CORELATE" sql --db "$DB" "$1" | tail -n +2 || printf 'the query failed\n'
}

# explain WORD...: writes the report to EXPLAINED as JSON, and checks it; its text is that of explain_text.
explain() {
	EXPLAINED=$TMP/explained.json
	"$CORELATE" explain --json --db "$DB" "$@" >"$EXPLAINED" || {
		fail "explain $* (status $?)"
		printf '{"findings": [{"class": "none", "confidence": "none", "summary": "", "evidence": []}]}\n' >"$EXPLAINED"
		return
	}
	check_verdict "$@"
}

# check_verdict WORD...: what EXPLAINED says stands on what it cites (checker/check.py). Of a bundle the report names no core; BUNDLED_CORE is
# the one that was put into it.
check_verdict() {
	local found

	found=$("$PYTHON" "$SOURCE/tests/checker/check.py" "$EXPLAINED" --db "$DB" ${BUNDLED_CORE:+--core "$BUNDLED_CORE"} 2>&1) ||
		fail "the verdict of explain $* does not stand on what it cites: $found"
}

# json FILE EXPRESSION: a Python expression over the document `d`.
json() {
	"$PYTHON" -c '
import json, sys
d = json.load(open(sys.argv[1]))
value = eval(sys.argv[2])
print("null" if value is None else value)' "$1" "$2"
}

verdict() {
	json "$EXPLAINED" 'd["findings"][0]["class"] + " " + d["findings"][0]["confidence"]'
}

# Of the newest recording: every event that was emitted is stored or counted as lost, and each loss has its gap. Of all
# that is in DB: the record is whole.
check_books() {
	local row

	row=$(query "SELECT emitted = stored + lost, lost = (SELECT coalesce(sum(lost), 0) FROM gap WHERE recording_id =
		recording.id), ended_ns > started_ns, emitted || ' = ' || stored || ' + ' || lost
		FROM recording ORDER BY id DESC LIMIT 1")
	case $row in
	'1|1|1|'*) ;;
	*) fail "the books (balanced|gaps agree|ended|emitted = stored + lost): $row" ;;
	esac
	check_audit
}

# The record in DB is whole.
check_audit() {
	local found

	found=$("$CORELATE" audit --db "$DB" 2>&1) || fail "audit: ${found:0:1000}"
}

now_ns() {
	"$PYTHON" -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME))'
}

# ---- the puppet: victims/puppet.c does what it is told on its standard input and answers each line with one ----

# puppet_start [COMMAND PREFIX...]: sets PUPPET (its own idea of its pid). One at a time.
puppet_start() {
	local line

	rm -f "$TMP/puppet.in" "$TMP/puppet.out"
	mkfifo "$TMP/puppet.in" "$TMP/puppet.out"
	"$@" "${PUPPET_PROGRAM:-$VICTIMS/puppet}" <"$TMP/puppet.in" >"$TMP/puppet.out" 9>&- &
	PUPPET_JOB=$!
	LIVE_PIDS+=("$PUPPET_JOB")
	exec {PUPPET_IN}>"$TMP/puppet.in" {PUPPET_OUT}<"$TMP/puppet.out"
	read -r -t 20 -u "$PUPPET_OUT" line || {
		fail "the puppet did not start"
		exit 1
	}
	PUPPET=${line#pid }
}

# tell WORD...: the answer is in ANSWER, or empty when it died instead.
tell() {
	printf '%s\n' "$*" >&"$PUPPET_IN"
	ANSWER=
	read -r -t 30 -u "$PUPPET_OUT" ANSWER || true
}

# puppet_end: waits for it; sets PUPPET_STATUS.
puppet_end() {
	exec {PUPPET_IN}>&- {PUPPET_OUT}<&-
	PUPPET_STATUS=0
	wait "$PUPPET_JOB" || PUPPET_STATUS=$?
	forget "$PUPPET_JOB"
}
