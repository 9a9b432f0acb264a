# SPDX-License-Identifier: MIT
# What the tests of the command line share. Source it with the build directory as $1: it makes a directory of its own,
# $work, that goes away with the test, and names the programs under test.
# shellcheck shell=bash

build=$(realpath "$1")
corelate=$build/corelate
make_fixture=$build/tests/make-fixture
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
schema=$source_root/analyzer/report/report.schema.json
# Debian's jsonschema belongs to Debian's interpreter, which need not be the first on the PATH.
python=/usr/bin/python3
[ -x "$python" ] || python=python3
work=$(mktemp -d)
# Other users, who may not enter a fresh directory, take part in some of the tests.
chmod 755 "$work"
checks=0
failures=0
background=()

cleanup() {
	local pid

	for pid in "${background[@]}"; do
		kill -KILL "$pid" 2>/dev/null || true
	done
	rm -rf "$work"
}
trap cleanup EXIT

# What the caller's surroundings must not change.
unset CORELATE_DB NO_COLOR DEBUGINFOD_URLS
export TZ=UTC LC_ALL=C.UTF-8 PAGER=cat CORELATE_VAULT=$work/vault
# Sanitizers must not end in an exit status that looks like a plain failure.
export ASAN_OPTIONS=abort_on_error=1 UBSAN_OPTIONS=abort_on_error=1:print_stacktrace=1

# fail WHAT...: counts a failure and goes on, so that one run tells all of them.
fail() {
	printf 'FAILED: %s\n' "$*"
	failures=$((failures + 1))
}

# show FILE: the beginning of a file, made harmless.
show() {
	head -c 2000 "$1" | cat -v | sed 's/^/	/'
}

# run COMMAND...: sets $status; the outputs are in $work/out and $work/err. A hang is status 124.
run() {
	checks=$((checks + 1))
	status=0
	timeout 20 "$@" >"$work/out" 2>"$work/err" </dev/null || status=$?
}

# A quoted command line, shortened, for messages.
words() {
	local text

	text=$(printf '%q ' "$@")
	text=${text//"$work"/DIR}
	text=${text//"$build"/BUILD}
	printf '%s' "${text:0:200}"
}

# expect_sane COMMAND...: the last run, which was COMMAND, neither hung nor crashed.
expect_sane() {
	if [ "$status" -eq 124 ] || [ "$status" -gt 128 ]; then
		fail "$(words "$@") ended with status $status (124: hung, above 128: killed by a signal)"
		show "$work/err"
	elif [ -s "$work/err" ] && grep -aqE 'AddressSanitizer|LeakSanitizer|runtime error:' "$work/err"; then
		fail "$(words "$@") was stopped by a sanitizer"
		show "$work/err"
	fi
}

# accept COMMAND...: must succeed and say nothing on standard error.
accept() {
	run "$@"
	expect_sane "$@"
	if [ "$status" -ne 0 ] || [ -s "$work/err" ]; then
		fail "$(words "$@"): status $status where 0 was expected, standard error:"
		show "$work/err"
	fi
}

# refuse STATUS TEXT COMMAND...: must end with STATUS, print nothing, and say one line with TEXT in it.
refuse() {
	local expected=$1 text=$2 problem=

	shift 2
	run "$@"
	expect_sane "$@"
	[ "$status" -eq "$expected" ] || problem="status $status where $expected was expected"
	[ ! -s "$work/out" ] || problem+="${problem:+; }something on standard output"
	[ "$(wc -l <"$work/err")" -eq 1 ] || problem+="${problem:+; }not one line on standard error"
	grep -aq '^corelate: [^:]' "$work/err" || problem+="${problem:+; }no line that begins with \"corelate: \" and words"
	grep -aqF -- "$text" "$work/err" || problem+="${problem:+; }no \"$text\""
	[ -z "$problem" ] && return 0
	fail "$(words "$@"): $problem"
	show "$work/err"
}

# expect_text TEXT: the last run printed TEXT.
expect_text() {
	grep -aqF -- "$1" "$work/out" && return 0
	fail "no \"$1\" in the output:"
	show "$work/out"
}

expect_no_text() {
	grep -aqF -- "$1" "$work/out" || return 0
	fail "\"$1\" in the output:"
	show "$work/out"
}

fixture() {
	"$make_fixture" "$@" || {
		printf 'make-fixture %s failed\n' "$(words "$@")"
		exit 1
	}
}

is_root() {
	[ "$(id -u)" -eq 0 ]
}

# Programs that an unprivileged user may run, wherever the build directory lies.
public_programs() {
	mkdir -p "$work/bin"
	cp "$build/corelate" "$build/corelated" "$work/bin/"
	chmod -R a+rX "$work/bin"
}

as_nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups --)

# patch FILE OFFSET BYTES: BYTES as printf(1) understands them.
patch() {
	# shellcheck disable=SC2059 # the bytes are the format
	printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

finish() {
	printf '%d checks, %d failures\n' "$checks" "$failures"
	[ "$failures" -eq 0 ]
}
