#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who ended a process: named where it was seen, else not known. Many ends in one recording.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

cgroup=/sys/fs/cgroup/memory/corelate-senders-$$
[ -d /sys/fs/cgroup/memory ] || cgroup=/sys/fs/cgroup/corelate-senders-$$
live_cleanup_more() {
	rmdir "$cgroup" 2>/dev/null
}

# limit_memory: makes a group whose processes may have 16 MiB; false where that cannot be had.
limit_memory() {
	mkdir "$cgroup" 2>/dev/null || return 1
	printf '16777216\n' >"$cgroup/memory.limit_in_bytes" 2>/dev/null ||
		printf '16777216\n' >"$cgroup/memory.max" 2>/dev/null || return 1
	[ ! -e "$cgroup/memory.swap.max" ] || printf '0\n' >"$cgroup/memory.swap.max"
}

# victim MODE [PREFIX...]: starts it; sets VICTIM, its pid here, when it waits.
victim() {
	local mode=$1

	shift
	rm -f "$TMP/pid"
	"$@" "$VICTIMS/senders" "$mode" >"$TMP/pid" 9>&- &
	JOB=$!
	LIVE_PIDS+=("$JOB")
	within 20 test -s "$TMP/pid" || fail "senders $mode did not start"
	VICTIM=$JOB
}

# ended: the victim has.
ended() {
	wait "$JOB" 2>/dev/null || true
	forget "$JOB"
}

# Each end is noted as "NAME PID".
note() {
	ends[$1]=$2
}
declare -A ends
me=$(cat /proc/$$/comm)

recorder_start --pid $$

sh -c 'sleep 100 & p=$!; echo $p >"$1"; (sleep 0.2; kill -TERM $p); wait $p' sh "$TMP/term" 9>&- || true
note term "$(cat "$TMP/term")"
timeout 0.2 sh -c 'echo $$ >"$1"; exec sleep 9' sh "$TMP/timed" 9>&- || true
note timed "$(cat "$TMP/timed")"
sh -c 'echo $$ >"$1"; kill -TERM $$; sleep 9' sh "$TMP/own" 9>&- || true
note own "$(cat "$TMP/own")"
(
	trap - PIPE
	sh -c 'echo $$ >"$1"; exec yes' sh "$TMP/pipe" 9>&- | head -n 1 >/dev/null
) || true
note pipe "$(cat "$TMP/pipe")"
victim idle
note killed "$VICTIM"
kill -KILL "$VICTIM"
ended
victim alarm
note alarm "$VICTIM"
kill -ALRM "$VICTIM"
ended
if limit_memory; then
	victim hog sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec "$@"' sh "$cgroup"
	note hog "$VICTIM"
	ended
else
	printf 'partly skipped: no memory limit is to be had here\n'
fi
victim idle
note quit "$VICTIM"
kill -QUIT "$VICTIM"
ended
for mode in signal watchdog; do
	victim "$mode"
	note "$mode" "$VICTIM"
	ended
done
if unshare --pid --fork --mount-proc true 2>/dev/null; then
	# Not the namespace's first process, which such a signal does not end.
	# shellcheck disable=SC2016 # the inner shell's
	victim idle unshare --pid --fork --mount-proc sh -c '"$@" & wait' sh
	inner=$(pgrep -P "$(pgrep -P "$JOB" || true)" || true)
	note foreign "$inner"
	kill -QUIT "$inner"
	ended
fi
recorder_stop
check_books

# judge NAME: explains that end.
judge() {
	explain "${ends[$1]}"
	summary=$(json "$EXPLAINED" 'd["findings"][0]["summary"]')
}

# killed_by NAME COMM: the verdict names that process.
killed_by() {
	judge "$1"
	equal "verdict of $1" "$(verdict)" "killed-by-process proven"
	contains "summary of $1" "$summary" "($2)"
	contains "evidence of $1" "$(json "$EXPLAINED" '" ".join(e["text"] for e in d["findings"][0]["evidence"])')" \
		"($2) sent it"
}

# unseen NAME: nobody is accused.
unseen() {
	judge "$1"
	equal "verdict of $1" "$(verdict)" "unknown none"
	contains "summary of $1" "$summary" "its sender is not known"
	equal "the code of $1" "$(json "$EXPLAINED" 'd["signal"]["code"]')" null
	equal "accusations of $1" "$(json "$EXPLAINED" '[f["class"] for f in d["findings"] if "killed" in f["class"]]')" "[]"
}

killed_by term sh
killed_by timed timeout
killed_by killed "$me"
killed_by quit "$me"
lacks "summary of quit" "$summary" "process 0"
judge own
equal "verdict of own" "$(verdict)" "deliberate-abort likely"
judge pipe
equal "verdict of pipe" "$(verdict)" "killed-by-process likely"
contains "summary of pipe" "$summary" "pipe or socket"
# The first SIGALRM was sent by this script, the second by a timer.
unseen alarm
[ -z "${ends[hog]:-}" ] || unseen hog

# A thread sends a signal to its process, the kernel gives it to another one.
for mode in signal watchdog; do
	explain "$CORES/core.${ends[$mode]}"
	equal "verdict of $mode" "$(verdict)" "deliberate-abort likely"
	text=$(json "$EXPLAINED" 'd["findings"][0]["summary"]')
	contains "summary of $mode" "$text" "to its own process"
	contains "summary of $mode" "$text" "send_and_go_on"
	if [ "$mode" = signal ]; then
		contains "thread of $mode" "$text" "Thread ${ends[$mode]} "
	else
		lacks "thread of $mode" "$text" "Thread ${ends[$mode]} "
	fi
	# The core alone cannot tell which thread it was.
	"$CORELATE" explain --json "$CORES/core.${ends[$mode]}" >"$TMP/alone.json" || fail "explain of $mode alone"
	equal "verdict of $mode alone" "$(json "$TMP/alone.json" 'd["findings"][0]["class"] + " " + d["findings"][0]["confidence"]')" \
		"deliberate-abort likely"
	text=$(json "$TMP/alone.json" 'd["findings"][0]["summary"]')
	case $text in
	*"which of its threads did so is not known"*) ;;
	*"it is in kill()"*) # it had not run on yet
		if [ "$mode" = signal ]; then
			contains "thread of $mode alone" "$text" "Thread ${ends[$mode]} "
		else
			lacks "thread of $mode alone" "$text" "Thread ${ends[$mode]} "
		fi
		;;
	*) fail "summary of $mode alone: $text" ;;
	esac
done

# From outside the pid namespace: the core has a sender of pid 0, the record its name.
if [ -n "${ends[foreign]:-}" ]; then
	core=$CORES/core.$(cat "$TMP/pid")
	explain "$core"
	equal "verdict of foreign" "$(verdict)" "killed-by-process proven"
	contains "summary of foreign" "$(json "$EXPLAINED" 'd["findings"][0]["summary"]')" "($me)"
	"$CORELATE" explain --json "$core" >"$TMP/alone.json" || fail "explain of foreign alone"
	equal "verdict of foreign alone" "$(json "$TMP/alone.json" 'd["findings"][0]["class"]')" unknown
fi
live_end
