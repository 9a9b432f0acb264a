#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Cores that claim what no process can have had (make_cores.py): every verb ends soon with its answer, because loops walk what was
# dumped, and not because of --time-limit or --memory-limit.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
cd "$work"

# A library with a build-id that is on every machine: what this shell uses.
library=$(ldd "$BASH" | awk '$1 ~ /^libc\.so/ { print $3 }')
[ -n "$library" ] || {
	echo 'skipped: bash is not linked with libc.so'
	exit 77
}
# libelf asks for what a file claims, and takes a NULL for an answer.
export ASAN_OPTIONS=$ASAN_OPTIONS:allocator_may_return_null=1
mkdir cores
export TMPDIR=$work
"$python" "$here/make_cores.py" cores "$library"

# answer NAME VERB ARGUMENT...: within the time, with status 0 and an answer; of a refused core a sentence.
answer() {
	local name=$1 verb=$2 expected=0

	shift
	case $name in
	header-count-huge | loads-overlap) expected=1 ;;
	esac
	checks=$((checks + 1))
	status=0
	timeout 30 "$corelate" "$@" --no-pager "./cores/$name" >out 2>err </dev/null || status=$?
	[ "$status" -ne 124 ] || fail "$verb $name did not end within 30 s"
	[ "$status" -eq "$expected" ] || [ "$status" -eq 124 ] || {
		fail "$verb $name: status $status where $expected was expected"
		show err
	}
	if [ "$expected" -eq 0 ] && [ "$status" -eq 0 ]; then
		[ -s out ] || [ -s err ] || fail "$verb $name said nothing"
	fi
	! grep -qE -- '--(time|memory)-limit' out err || {
		fail "$verb $name ended at a limit, or came by one"
		show err
	}
}

for path in cores/*; do
	case $path in
	*.so) continue ;;
	esac
	name=${path##*/}
	answer "$name" explain --all
	answer "$name" stack --all
	answer "$name" info
	answer "$name" why 0x555555560010
	answer "$name" repair --dry-run
	answer "$name" report --format=json
	answer "$name" debug --debugger=true
	answer "$name" bundle -o x.corelate
done
# What makes the others differ from it must not be what the answer hangs on.
run "$corelate" explain ./cores/good
expect_text 'wild-pointer'
run "$corelate" explain ./cores/file-range-huge
expect_text 'a probe on libc.so.6+0x26040'
# The file itself: a library whose sections say that they have 3 TiB.
checks=$((checks + 1))
timeout 30 "$corelate" check cores/sparse.so >out 2>err </dev/null || [ $? -ne 124 ] || fail 'check sparse.so did not end within 30 s'

finish
