#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A core names files of its choice as mapped. None but regular files by absolute paths may be opened, and none may hang
# the reader.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
cd "$work"

mkfifo fifo
ln -s "$work/fifo" link-to-fifo
ln -s loop loop
mkdir directory
mkdir below
printf 'not an ELF file\n' >below/relative
: >empty
truncate -s 1T sparse
printf 'secret of this test\n' >secret
name_of_300=/$(printf '%300s' '' | tr ' ' n)
paths=(/etc/shadow "$work/fifo" /dev/zero ../../x "$work/directory" "$name_of_300" "$work/link-to-fifo" "$work/loop"
	below/relative "$work/empty" "$work/sparse" "$work/secret" /proc/self/mem /proc/self/environ /proc/kmsg /dev/tty
	/sys/kernel/debug/tracing/trace_pipe '' / . '[heap]' '/dev/zero (deleted)' "$work/fifo (deleted)" "$work/below/../secret"
	/dev/stdin /dev/fd/0)

# cores PLACE: a core for every eight paths, with them in the place that PLACE names.
number=0
cores=()
for ((i = 0; i < ${#paths[@]}; i += 8)); do
	extra=()
	for path in "${paths[@]:i:8}"; do
		extra+=("extra_file=$path")
	done
	fixture core=core.$number "${extra[@]}"
	cores+=(core.$number)
	number=$((number + 1))
done
# The same paths as modules whose header and build-id are in the core, each with a build-id that no file has.
for path in "${paths[@]}"; do
	fixture core=core.$number "core_library=$path" "core_program=$path"
	cores+=(core.$number)
	number=$((number + 1))
done
fixture db=nobody.db crash=0

for core in "${cores[@]}"; do
	accept timeout 5 "$corelate" info --db nobody.db ./"$core"
	expect_no_text 'secret of this test'
done

if ! command -v strace >/dev/null || ! strace -o /dev/null true 2>/dev/null; then
	echo 'partly skipped: strace(1) is not installed, or may not trace'
	finish
	exit
fi
# LeakSanitizer cannot work in a process that is traced.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=0
for core in "${cores[@]}"; do
	strace -f -qq -s 4096 -e trace=open,openat,openat2 -o trace timeout 10 "$corelate" info --db nobody.db ./"$core" \
		>out 2>err </dev/null || fail "$core cannot be traced"
	cat trace >>traces
done
checks=$((checks + 1))
# Path and flags of every call that succeeded.
sed -nE 's/.*open(at2?)?\((AT_FDCWD, )?"(([^"\\]|\\.)*)", \{?(flags=)?([A-Z_|]+).* = [0-9]+$/\6 \3/p' traces | sort -u >opened
[ -s opened ] || fail 'the trace shows no open at all'
grep -q "/core.0$" opened || fail 'the trace does not even show the core'
while read -r flags path; do
	case $path in
	/proc/* | /sys/*) # /proc/self/… of the reader itself; but nothing that the cores name
		for named in "${paths[@]}"; do
			# A file of procfs is a regular one by its type, but reading it is asking the kernel.
			[ "$path" != "$named" ] || [ "$(stat -c %F "$path" 2>/dev/null)" = 'regular empty file' ] ||
				[ "$(stat -c %F "$path" 2>/dev/null)" = 'regular file' ] || fail "$path was opened"
		done
		continue
		;;
	esac
	for named in "${paths[@]}" "$work/x" "$work/../../x"; do
		[ "$path" = "$named" ] || continue
		case $(stat -Lc %F -- "$path" 2>/dev/null) in
		'regular file' | 'regular empty file') ;;
		*) fail "$path was opened, which is no regular file" ;;
		esac
		[[ $path = /* ]] || fail "the relative path $path of a core was opened"
		[[ $flags = *O_NONBLOCK* && $flags = *O_NOCTTY* && $flags = *O_CLOEXEC* ]] || fail "$path was opened with $flags only"
		[[ $flags = *O_RDONLY* ]] || fail "$path was opened with $flags"
	done
done <opened
# The child that parses opens nothing at all: what it needs was opened before.
finish
