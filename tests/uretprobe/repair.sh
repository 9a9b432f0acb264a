#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate repair: other tools show the true stack of the copy; the core itself is never touched. Usage: repair.sh BUILD_DIRECTORY
set -euo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
build=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

fail() {
	printf 'FAILED: %s\n' "$*"
	failed=1
}

status=0
"$here/run-case.sh" "$build" nested-null-O2 --no-record --keep "$work/case" >"$work/log" 2>&1 || status=$?
[ "$status" -ne 77 ] || { cat "$work/log" && exit 77; }
core=$(echo "$work"/case/core.*)
[ -r "$core" ] || { cat "$work/log" && exit 1; }
before=$(sha256sum <"$core")

"$build/corelate" repair --db "$work/none.db" "$core" --dry-run >"$work/out" 2>&1 && fail "a database that was named and is not there was overlooked"
"$build/corelate" repair "$core" --dry-run >"$work/dry" || fail "dry run"
grep -q '^3 of 3 return addresses would be put back' "$work/dry" || fail "dry run: $(cat "$work/dry")"
[ "$(grep -c ' -> .*inferred' "$work/dry")" -eq 3 ] || fail "dry run lists: $(cat "$work/dry")"
"$build/corelate" repair "$core" -o "$work/repaired" >"$work/out" || fail "repair: $(cat "$work/out")"
"$build/corelate" repair "$core" -o "$core" 2>"$work/err" && fail "the core was overwritten"
grep -q 'never changed' "$work/err" || fail "overwriting: $(cat "$work/err")"
"$build/corelate" repair "$core" -o "$work/no/such/place" 2>"$work/err" && fail "a directory that is not there"
[ "$(sha256sum <"$core")" = "$before" ] || fail "the core was changed"
[ "$(stat -c %s "$core")" -eq "$(stat -c %s "$work/repaired")" ] || fail "the copy has another size"
[ "$(stat -c %b "$work/repaired")" -le $(($(stat -c %b "$core") + 16)) ] || fail "the copy is not sparse"
[ "$(cmp -l "$core" "$work/repaired" | wc -l)" -le 24 ] || fail "more than three words differ"

# shown TOOL FUNCTIONS: the functions that a backtrace names, in order.
shown() {
	local names

	names=$(sed -n 's/^#[0-9]* *\(0x[0-9a-f]* in \)\{0,1\}\(0x[0-9a-f]* \)\{0,1\}\([a-z_]*\).*/\3/p' "$2" | uniq | tr '\n' ' ') # gdb shows the first frame twice
	case $names in
	"leaf inner middle outer main "*) ;;
	*) fail "$1 shows: $names" ;;
	esac
}
gdb -nx -batch -ex bt "$work/case/victim" "$work/repaired" >"$work/gdb" 2>/dev/null || fail "gdb"
shown gdb "$work/gdb"
# corelate debug makes that copy itself, and takes it away again.
mkdir "$work/tmp"
TMPDIR=$work/tmp "$build/corelate" debug -A '-nx -batch -ex bt' "$core" >"$work/debug" 2>/dev/null || fail "debug"
shown debug "$work/debug"
[ -z "$(ls "$work/tmp")" ] || fail "debug left $(ls "$work/tmp")"
if command -v eu-stack >/dev/null; then
	eu-stack --core "$work/repaired" -e "$work/case/victim" >"$work/eu" 2>/dev/null || true
	shown eu-stack "$work/eu"
fi
if command -v lldb >/dev/null; then
	lldb -b -o bt -c "$work/repaired" "$work/case/victim" 2>/dev/null | grep -q 'main at' || fail "lldb"
fi
[ "$failed" -eq 0 ] && echo ok
exit "$failed"
