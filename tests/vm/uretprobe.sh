#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another kernel: uretprobes on Linux 6.1, with its int3 trampoline and its older return instances. A null dereference under
# three probed functions (recorded, and from the core alone), and a fiber that returns in another thread (SIGILL).
# Usage: uretprobe.sh BUILD_DIRECTORY
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

build=$(realpath "$1")
victims=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../uretprobe/victims")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for tool in qemu-system-x86_64 busybox cpio cc nm; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
kernel=$(vm_kernel) || { echo "skipped: no package with the 6.1 cloud kernel"; exit 77; }

# Addresses of a position-dependent program are its file offsets plus where the linker puts it.
mkdir -p "$work/bin"
cc -g -O2 -fomit-frame-pointer -pthread -D_GNU_SOURCE -o "$work/bin/nested" "$victims/nested.c"
cc -g -O2 -fomit-frame-pointer -pthread -D_GNU_SOURCE -o "$work/bin/fiber-migrate" "$victims/fiber-migrate.c"

# probe NAME PROGRAM FUNCTION: the tracefs line for a uretprobe.
probe() {
	printf 'r:%s %s/bin/%s:0x%s\n' "$1" "$work" "$2" "$(nm "$work/bin/$2" | sed -n "s/^\([0-9a-f]*\) T $3\$/\1/p")"
}

vm_root "$work/root" <<END
export NO_COLOR=1
mount -t tracefs tracefs /sys/kernel/tracing
echo '/tmp/core.%e' >/proc/sys/kernel/core_pattern
ulimit -c unlimited
echo "kernel \$(uname -r)"
cat /work/probes >/sys/kernel/tracing/uprobe_events || exit 1
echo 1 >/sys/kernel/tracing/events/uprobes/enable || exit 1
echo go | $build/corelate record --db /tmp/nested.db -- $work/bin/nested null
echo "nested-status \$?"
echo go | $build/corelate record --db /tmp/fiber.db -- $work/bin/fiber-migrate
echo "fiber-status \$?"
ls /tmp
echo "== recorded"
$build/corelate explain --db /tmp/nested.db || exit 1
echo "== alone"
CORELATE_DB=/tmp/none $build/corelate stack /tmp/core.nested 2>/dev/null || $build/corelate stack /tmp/core.nested || exit 1
echo "== fiber"
for core in /tmp/core.fiber*; do $build/corelate explain \$core --db /tmp/fiber.db; done
END
{
	for function in inner middle outer; do
		probe "$function" nested "$function"
	done
	probe work fiber-migrate work
} >"$work/root/work/probes"
vm_add "$work/root" "$build/corelate" "$build/corelated" "$work/bin/nested" "$work/bin/fiber-migrate"

if ! vm_run "$kernel" "$work/root" "$work/log" 200; then
	cat "$work/log"
	echo "the virtual machine did not finish its script"
	exit 1
fi
tr -d '\r' <"$work/log" >"$work/text"
failed=0
# expect SECTION PATTERN: in the part of the output after "== SECTION".
expect() {
	if ! sed -n "/^== $1/,/^== /p" "$work/text" | grep -q "$2"; then
		echo "missing in '$1': $2"
		failed=1
	fi
}
grep -q 'kernel 6\.1\.' "$work/text" || { echo "not Linux 6.1"; failed=1; }
for frame in '#1 .*inner+' '#2 .*middle+.*\[restored\]' '#3 .*outer+.*\[restored\]' '#4 .*main+.*\[restored\]'; do
	expect recorded "$frame"
	expect alone "${frame/restored/inferred}"
done
expect fiber '^uretprobe-sigill, proven'
if sed -n '/^== recorded/,/^== alone/p' "$work/text" | grep -qE '^(uretprobe|stray)'; then
	echo "a null dereference was blamed on a probe"
	failed=1
fi
[ "$failed" -eq 0 ] || cat "$work/text"
exit "$failed"
