# SPDX-License-Identifier: MIT
# What the runners of single crashes share (uretprobe/run-case.sh, heap/run-case.sh). The runner sets `name`, `mode`, `work`
# (where the crash is made: the victim's working directory) and `keep`; the pids in `tracer`, `recorder` and `victim` are ended
# when it leaves.
# shellcheck shell=bash
tracer='' recorder='' victim='' shared='' work='' keep=''

skip() {
	printf '%-20s %-10s skipped: %s\n' "$name" "$mode" "$1"
	exit 77
}

die() {
	printf '%-20s %-10s broken: %s\n' "$name" "$mode" "$1"
	exit 1
}

# share_pattern: from now to leave_pattern what crashes in `work` leaves core.PID there. Descriptor 9 is not for children.
share_pattern() {
	exec 9>>/run/lock/corelate-live-tests
	/usr/bin/python3 "$here/../core_pattern.py" share 9 || skip "other tests keep core_pattern"
	shared=yes
	ulimit -c unlimited
}

leave_pattern() {
	[ -z "$shared" ] || /usr/bin/python3 "$here/../core_pattern.py" leave 9 || true
	shared=''
}

cleanup() {
	local status=$? pid

	trap - EXIT
	for pid in $tracer $victim $recorder; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	leave_pattern
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

# The record is whole.
audit_record() {
	local found

	found=$("$build/corelate" audit "$work/record.db" 2>&1) || die "audit: $found"
}

# The verdict in explained.json stands on what it cites (checker/check.py).
check_verdict() {
	local found database=()

	[ ! -e "$work/record.db" ] || [ "$mode" != record ] || database=(--db "$work/record.db")
	found=$(/usr/bin/python3 "$here/../checker/check.py" explained.json "${database[@]}" 2>&1) ||
		die "the verdict does not stand on what it cites: $found"
}
