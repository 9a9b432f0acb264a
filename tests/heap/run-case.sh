#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes one crash of the heap and compares what corelate says of it with what AddressSanitizer says of the same source.
#
# Usage: run-case.sh BUILD_DIRECTORY CASE MODE [--keep DIRECTORY]
#     --record     the allocator's calls were recorded (corelate record --heap)
#     --bare       the core alone is given
# Exit status: 0 as expected, 1 not, 77 something that the case needs is missing.
set -euo pipefail
export LC_ALL=C
unset CORELATE_DB

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
V=$here/victims
mode=''
# shellcheck source=../case.sh
. "$here/../case.sh"

# ---- what a case may use: each builds ./victim, or with the sanitizer ./asan ----

c_program() {
	if [ "$1" = victim ]; then
		gcc -std=gnu17 -g -O1 -pthread -I "$V" -o victim "${@:2}"
	else
		gcc -std=gnu17 -g -O1 -pthread -fno-omit-frame-pointer -fsanitize=address -I "$V" -o asan "${@:2}"
	fi
}

cxx_program() {
	if [ "$1" = victim ]; then
		g++ -std=gnu++17 -g -O1 -o victim "${@:2}"
	else
		g++ -std=gnu++17 -g -O1 -fno-omit-frame-pointer -fsanitize=address -o asan "${@:2}"
	fi
}

# A C program and the two libraries; nothing may be inlined across them.
two_libraries() {
	local flags=(-std=gnu17 -g -O1 -fPIC -shared -I "$V") prefix=

	if [ "$1" = asan ]; then
		flags+=(-fno-omit-frame-pointer -fsanitize=address)
		prefix=asan-
	fi
	mkdir -p "${prefix}lib"
	gcc "${flags[@]}" -o "${prefix}lib/libmaker.so" "$V/maker.c"
	gcc "${flags[@]}" -o "${prefix}lib/libuser.so" "$V/user.c"
	c_program "$1" "$2" -L "${prefix}lib" -lmaker -luser -Wl,-rpath,"$PWD/${prefix}lib"
}

# ---- arguments, the case ----

[ $# -ge 3 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2 && exit 2; }
build=$(realpath "$1")
name=$2
mode=${3#--}
[ "${4-}" != --keep ] || keep=$(realpath -m "$5")

# A case sets these; the first line of its file says what it is.
needs=(gcc)
arguments=()        # of the victim
environment=()      # of the plain victim
attached=no         # yes: it says "ready", is recorded from then on, and goes on at a word
compare='allocated freed end'
skip_files=''       # source files whose frames are not a party's
confidence=''       # of the verdict when recorded; a|b
honest=''           # other classes that are honest with a record too; a|b
bare=''             # other classes that are honest without a record; a|b
build_program() { false; } # victim|asan
[ -r "$here/cases/$name" ] || { echo "run-case.sh: no case $name" >&2 && exit 2; }
# shellcheck source=/dev/null
. "$here/cases/$name"

for tool in "${needs[@]}" /usr/bin/python3; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ "$(id -u)" -eq 0 ] || skip "recording needs root"
[ -w /proc/sys/kernel/core_pattern ] || skip "core_pattern cannot be set here"

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ -n "$keep" ]; then
	mkdir -p "$keep"
	work=$keep
	rm -rf "${work:?}"/*
else
	work=$(mktemp -d)
	chmod 711 "$work"
fi
cd "$work"
for build_what in victim asan; do
	build_program $build_what >>build.log 2>&1 || die "it does not build: $(tail -n 3 build.log)"
done

# What AddressSanitizer says. Its own process is ended by it.
ASAN_OPTIONS=detect_leaks=0:abort_on_error=0:alloc_dealloc_mismatch=1 ./asan "${arguments[@]}" >/dev/null 2>asan.txt <<<go || true
grep -q 'ERROR: AddressSanitizer' asan.txt || die "AddressSanitizer says nothing: $(tail -n 1 asan.txt)"

# ---- the crash ----

share_pattern
exec 7>&2 2>/dev/null # the shell's own word on the signal that ends the victim
if [ "$attached" = yes ] && [ "$mode" = record ]; then
	mkfifo orders
	exec 8<>orders
	env "${environment[@]}" ./victim "${arguments[@]}" <orders >said 2>errors 8>&- 9>&- &
	victim=$!
	within 20 grep -q ready said || die "the victim did not start"
	"$build/corelate" record --heap --db record.db --pid "$victim" 2>recorder.log 8>&- 9>&- &
	recorder=$!
	within 60 grep -q '^corelate: recording ' recorder.log || die "the recorder did not start: $(cat recorder.log)"
	echo go >&8
	within 30 gone "$victim" || die "the victim does not end"
	wait "$victim" || true
	victim=''
	exec 8>&-
	kill -TERM "$recorder"
	wait "$recorder" || true
	recorder=''
elif [ "$mode" = record ]; then
	timeout 120 env "${environment[@]}" "$build/corelate" record --heap --db record.db -- ./victim "${arguments[@]}" \
		>said 2>recorder.log <<<go 9>&- || true
else
	timeout 60 env "${environment[@]}" ./victim "${arguments[@]}" >said 2>errors <<<go 9>&- || true
fi
exec 2>&7 7>&-
leave_pattern

core=''
for file in core.*; do
	[ ! -e "$file" ] || core=$file
done
[ -n "$core" ] || die "no core: $(tail -n 2 recorder.log errors 2>/dev/null | tr '\n' ' ')"
database=()
[ "$mode" != record ] || database=(--db "$work/record.db")
NO_COLOR=1 "$build/corelate" explain --json "${database[@]}" "./$core" >explained.json 2>explain.log ||
	die "explain: $(tail -n 1 explain.log)"
check_verdict
NO_COLOR=1 "$build/corelate" explain "${database[@]}" "./$core" >explained.txt 2>&1 || true
if [ "$mode" = record ]; then
	calls=$("$build/corelate" sql --db record.db 'SELECT count(*) FROM heap' | tail -n 1)
	audit_record
	[ "$calls" -gt 0 ] || die "no call of the allocator was recorded: $(tail -n 2 recorder.log | tr '\n' ' ')"
fi
/usr/bin/python3 "$here/judge.py" explained.json --name "$name" --mode "$mode" --asan asan.txt --sources "$V" \
	--skip "$skip_files" --compare "$compare" --confidence "$confidence" --honest "$honest" --bare "$bare"
