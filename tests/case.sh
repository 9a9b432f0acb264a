# SPDX-License-Identifier: MIT
# What the runners of single crashes share (uretprobe/run-case.sh, heap/run-case.sh). The runner sets `name`, `mode`, `work`
# (where the crash is made) and `keep`; the pids in `tracer`, `recorder` and `victim` are ended when it leaves.
# shellcheck shell=bash
tracer='' recorder='' victim='' pattern_before='' work='' keep=''

skip() {
	printf '%-20s %-10s skipped: %s\n' "$name" "$mode" "$1"
	exit 77
}

die() {
	printf '%-20s %-10s broken: %s\n' "$name" "$mode" "$1"
	exit 1
}

# Only what is still ours is put back.
restore_pattern() {
	if [ -n "$pattern_before" ] && [ "$(cat /proc/sys/kernel/core_pattern)" = "$work/core.%p" ]; then
		printf '%s\n' "$pattern_before" >/proc/sys/kernel/core_pattern
	fi
	pattern_before=''
}

cleanup() {
	local status=$? pid

	trap - EXIT
	for pid in $tracer $victim $recorder; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	restore_pattern
	[ -n "$keep" ] || [ -z "$work" ] || rm -rf "$work"
	exit "$status"
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

gone() {
	! kill -0 "$1" 2>/dev/null
}
