#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Another kernel: uretprobes on Linux 6.1, with its int3 trampoline and its older return instances. Runs the cases of
# tests/uretprobe that need no tracer but tracefs, recorded and from the core alone, and prints a row for each.
# Usage: uretprobe.sh BUILD_DIRECTORY
set -euo pipefail
# shellcheck source=tests/vm/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

CASES=(nested-null-O2 nested-null-O0 nested-abort nested-static tail-left tail-shared recursion-100 handler-between two-threads
	two-sites indirect fiber-migrate fiber-asm fiber-dropped fiber-null wrong-return cxx-throw-O2 cxx-nobody)

tests=$(realpath "$(dirname "${BASH_SOURCE[0]}")/../uretprobe")
VICTIMS=$tests/victims
work=$(mktemp -d)
build=$work/build
trap 'rm -rf "$work"' EXIT

for tool in qemu-system-x86_64 busybox cpio cc g++ nm python3; do
	command -v "$tool" >/dev/null || { echo "skipped: $tool is not installed"; exit 77; }
done
kernel=$(vm_kernel) || { echo "skipped: no package with the 6.1 cloud kernel"; exit 77; }

# What the case files call.
c_program() {
	local out=$1
	shift
	cc -g -pthread -D_GNU_SOURCE -o "$out" "$@"
}
cxx_program() {
	local out=$1
	shift
	g++ -g -pthread -o "$out" "$@"
}

load_case() {
	command=(./victim) needs=() probes=() verdict=not-tracing probed='' probed_bare=same frames='' least_bare=all never='' other=''
	# shellcheck source=/dev/null
	. "$tests/cases/$1"
}

mkdir -p "$work/cases" "$work/root/vm"
for name in "${CASES[@]}"; do
	load_case "$name"
	mkdir "$work/cases/$name"
	(cd "$work/cases/$name" && build_victim)
	for probe in "${probes[@]}"; do
		# What lies at an address of the program lies in its file where the executable segment says.
		read -r offset start < <(readelf -lW "$work/cases/$name/victim" | awk '$1 == "LOAD" && /R E/ { print $2, $3; exit }')
		address=$(nm "$work/cases/$name/victim" | awk -v f="${probe##*:}" '$3 == f && ($2 == "T" || $2 == "t") { print $1 }')
		printf 'r:p%s_%s %s/cases/%s/victim:0x%x\n' "${name//-/_}" "${probe##*:}" "$work" "$name" $((0x$address - start + offset))
	done >>"$work/root/vm/probes"
	printf '%s|%s\n' "$name" "${command[*]}" >>"$work/root/vm/list"
done

vm_programs "$1" "$build" corelate corelated
vm_root "$work/root" <<END
mount -t tracefs tracefs /sys/kernel/tracing
echo /tmp/core >/proc/sys/kernel/core_pattern
echo 0 >/proc/sys/kernel/core_uses_pid
ulimit -c unlimited
echo "kernel \$(uname -r)"
cat /vm/probes >/sys/kernel/tracing/uprobe_events || exit 1
echo 1 >/sys/kernel/tracing/events/uprobes/enable || exit 1
while IFS='|' read -r name command; do
	cd $work/cases/\$name
	rm -f /tmp/core
	printf '\n\n\n\n' | $build/corelate record --db /tmp/db -- \$command >/dev/null 2>&1
	echo "== \$name record-6.1"
	$build/corelate explain --json --db /tmp/db /tmp/core 2>/tmp/err || cat /tmp/err
	rm -f /tmp/db*
	echo "== \$name core-6.1"
	$build/corelate explain --json /tmp/core 2>/tmp/err || cat /tmp/err
	echo "== end"
done </vm/list
END
vm_add "$work/root" "$build/corelate" "$build/corelated"
for name in "${CASES[@]}"; do
	vm_add "$work/root" "$work/cases/$name/victim"
done

if ! vm_run "$kernel" "$work/root" "$work/log" 400; then
	tail -c 3000 "$work/log"
	echo "the virtual machine did not finish its script"
	exit 1
fi
tr -d '\r' <"$work/log" | sed 's/^.*\(kernel 6\.\)/\1/' >"$work/text"
grep -q '^kernel 6\.1\.' "$work/text" || { echo "not Linux 6.1"; exit 1; }
failed=0
for name in "${CASES[@]}"; do
	for mode in record-6.1 core-6.1; do
		load_case "$name"
		least=all
		if [ "$mode" = core-6.1 ]; then
			least=$least_bare
			[ "$probed_bare" = same ] || probed=$probed_bare
		fi
		sed -n "/^== $name $mode\$/,/^== /p" "$work/text" | grep -v '^== ' >"$work/report.json" || true
		python3 "$tests/judge.py" "$work/report.json" --case "$name" --mode "$mode" --verdict "$verdict" \
			--probed "$probed" --frames "$frames" --least "$least" --never "$never" --other "$other" \
			--sources "$VICTIMS" || failed=1
	done
done
exit "$failed"
