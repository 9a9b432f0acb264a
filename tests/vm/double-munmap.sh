#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another kernel: records and explains the double munmap on Linux 6.1. Usage: double-munmap.sh BUILD_DIRECTORY
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

work=$(mktemp -d)
build=$work/build
trap 'rm -rf "$work"' EXIT

for tool in qemu-system-x86_64 busybox cpio; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
kernel=$(vm_kernel) || { echo "skipped: no package with the 6.1 cloud kernel"; exit 77; }

vm_programs "$1" "$build" corelate corelated examples/double-munmap examples/libwalker.so examples/libdepot.so
vm_root "$work/root" <<END
export LD_LIBRARY_PATH=$build/examples
echo '/tmp/core.%p' >/proc/sys/kernel/core_pattern
ulimit -c unlimited
export NO_COLOR=1 PAGER=cat
echo "kernel \$(uname -r)"
$build/corelate record --db /tmp/t.db -- $build/examples/double-munmap
echo "status \$?"
$build/corelate explain --db /tmp/t.db 2>/tmp/err || { cat /tmp/err; exit 1; }
$build/corelate sql --db /tmp/t.db 'select emitted = stored + lost as balanced, lost from recording' || exit 1
# With every filter: each has a program of its own.
mount -t cgroup2 none /sys/fs/cgroup
$build/corelate record --db /tmp/f.db --comm double-munmap --uid 0 --cgroup /sys/fs/cgroup -- $build/examples/double-munmap
$build/corelate sql --db /tmp/f.db "select 'filtered', count(*), sum(kind = 'munmap') > 0 from v_event" || exit 1
$build/corelate record --calls --db /tmp/c.db -- $build/examples/double-munmap
$build/corelate sql --db /tmp/c.db "select 'closes', count(*) > 0, 'failed', sum(result < 0) > 0 from syscall" || exit 1
END
vm_add "$work/root" "$build/corelate" "$build/corelated" "$build/examples/double-munmap" "$build/examples/libwalker.so" \
	"$build/examples/libdepot.so" /usr/bin/bash

if ! vm_run "$kernel" "$work/root" "$work/log" 150; then
	cat "$work/log"
	echo "the virtual machine did not finish its script"
	exit 1
fi
failed=0
# Not in a pipe: grep -q leaves it early, and what writes into it then fails.
tr -d '\r' <"$work/log" >"$work/said"
for expected in 'kernel 6\.1\.' '^status 139$' '^double-munmap (proven): libwalker.so unmapped' '^1|0$' \
	'^filtered|[1-9][0-9]*|1$' '^closes|1|failed|1$' \
	'libwalker.so walker_step_again+0x[0-9a-f]* (walker.c:31)' 'depot_read+0x[0-9a-f]* (depot.c'; do
	if ! grep -q "$expected" "$work/said"; then
		echo "missing: $expected"
		failed=1
	fi
done
[ "$failed" -eq 0 ] || cat "$work/log"
exit "$failed"
