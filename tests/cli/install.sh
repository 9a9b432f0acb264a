#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate install that fails half-way: what the kernel was told before goes on working. The kernel's settings are files of our own
# here, in a mount namespace of our own; that install does what it should is live/capture's.
set -euo pipefail
if [ "${2:-}" != inside ]; then
	unshare --mount --propagation private true 2>/dev/null || {
		echo 'skipped: no mount namespace can be made here'
		exit 77
	}
	exec unshare --mount --propagation private bash "$0" "$1" inside
fi
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
# core_pattern holds 127 bytes and no blanks: by links.
long="$work/a directory with blanks and a name that is as long as only people who like to tell everything by a name can make it"
mkdir -p "$long/2"
for directory in "$long" "$long/2"; do
	cp "$build/corelate" "$directory/"
done
for number in 1 2; do
	printf 'Vault=%s/vault%d\nDatabase=%s/none.db\n' "$work" $number "$work" >"$long/$number.conf"
done
echo core >pattern
# Not 0: a file, unlike that of the kernel, does not become shorter.
echo 16 >limit
mount -t tmpfs none /run
mount --bind pattern /proc/sys/kernel/core_pattern
mount --bind limit /proc/sys/kernel/core_pipe_limit

# state: all that a failure must leave as it is.
state() {
	cat pattern
	[ ! -d /run/corelate ] || find /run/corelate -type l -printf '%f -> %l\n' | sort
	tail -n +1 ./*.core_pattern 2>/dev/null || true
}

# unchanged WHAT COMMAND...: the kernel refuses, and nothing is different.
unchanged() {
	local what=$1 before

	shift
	before=$(state)
	mount -o remount,bind,ro /proc/sys/kernel/core_pattern
	refuse 1 'cannot set /proc/sys/kernel/core_pattern: Read-only file system' "$@"
	mount -o remount,bind,rw /proc/sys/kernel/core_pattern
	[ "$(state)" = "$before" ] || fail "$what: before: $before
after: $(state)"
}

unchanged 'a first install' "$long/corelate" install --config "$long/1.conf"
[ ! -e /run/corelate ] || fail 'a first install that failed has left /run/corelate'
accept "$long/corelate" install --config "$long/1.conf"
expect_text "through links in /run/corelate"
[ "$(readlink /run/corelate/corelate)" = "$long/corelate" ] || fail "no link: $(state)"
unchanged 'another program' "$long/2/corelate" install --config "$long/1.conf"
unchanged 'another vault' "$long/corelate" install --config "$long/2.conf"
finish
