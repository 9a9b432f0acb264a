#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Names that a crashed program chose for itself, against everything that shows them: a terminal must get text, and a
# program strict JSON.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
cd "$work"

long=$(printf '%4096s' '' | tr ' ' L)
declare -A payloads=(
	[escape]=$'\e[31mred\e[0m\e]0;title\a'
	[c1]=$'\xc2\x9b31m\xc2\x9d0;title\xc2\x9c'
	[newline]=$'one\ntwo\r\nthree'
	[tab]=$'a\tb\bc\x7fd\ve\f'
	[markup]='<script>alert(1)</script>&amp;<img src=x>'
	[quotes]=$'"\'`$(id)\\"'
	[sql]="'; DROP TABLE event; --"
	[invalid]=$'\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80 \x80'
	[cut]=$'name\xe2\x82'
	[marks]=$'a\u061cb\u200ec\u200fd\u2028e\u2029f\u0085g\u009bh\u007fi\u202aj\u2069'
	[reversed]=$'abc\u202egpj.exe\u2066x\u2069'
	[format]='%s%n%1$s%99999d'
	[link]='https://example.org/ www.example.org [x](http://a/) ![y](z) @someone #1 a@b.example $x$ | a | b |'
	[fence]='```` ` ~~~ <!-- --> *a* _b_ **c** ~~d~~ &lt; - [ ] [^1]'
	[list]='1. one'
	[long]=$long
	[long-wide]=$(printf '%1500s' '' | sed 's/ /\xe2\x82\xac/g')
	[empty]=''
)
# What a process can call itself where the recorder sees it, and what its core holds.
record_fields=(comm executable mapped_file marker_text directory filter)
core_fields=(core_name core_arguments core_program core_library)

# inert NAME: the outputs of the last run only show.
inert() {
	local found

	found=$("$build/tests/check-inert" out err) || fail "$1: it printed $found"
}

# markup NAME ARGUMENT...: the report as HTML and as Markdown shows names and obeys nothing in them.
markup() {
	local name=$1 form

	shift
	for form in html markdown sarif; do
		run "$corelate" report --format=$form "$@"
		expect_sane "$name:" report --format=$form "$@"
		[ "$status" -eq 0 ] && [ ! -s err ] || fail "$name: report --format=$form ended with status $status"
		cp out "$form/$name"
		inert "$name: report --format=$form"
	done
}

# fill FIELD...: a fixture with the payload in these fields. A path is a path whatever is in it.
fill() {
	local values=() field

	for field in "$@"; do
		case $field in
		executable | mapped_file | core_program | core_library) values+=("$field=/opt/$value") ;;
		*) values+=("$field=$value") ;;
		esac
	done
	rm -f story.db*
	fixture db=story.db core=core "${values[@]}"
}

# shows NAME COMMAND...: succeeds, and shows inert text.
shows() {
	local name=$1

	shift
	run "$corelate" "$@"
	expect_sane "$name:" "$@"
	[ "$status" -eq 0 ] || {
		fail "$name: corelate $1 ended with status $status"
		show err
	}
	inert "$name: corelate $1"
}

# json NAME KIND COMMAND...: succeeds, and keeps its output in KIND/NAME.
json() {
	local name=$1 kind=$2

	shift 2
	run "$corelate" "$@"
	expect_sane "$name:" "$@"
	[ "$status" -eq 0 ] && [ ! -s err ] || fail "$name: corelate $* ended with status $status or said something"
	cp out "$kind/$name"
	inert "$name: JSON of corelate $*"
}

statement='SELECT process.comm, space.comm, file.path, marker.text, signal.comm, directory, filter FROM process, space,
	file, signal, recording LEFT JOIN marker ON text IS NOT NULL'
mkdir report array html markdown sarif rendered
fixture db=nobody.db crash=0
for payload in "${!payloads[@]}"; do
	value=${payloads[$payload]}
	fill "${core_fields[@]}"
	for verb in explain info stack 'why 0x555555555010'; do
		# shellcheck disable=SC2086 # words on purpose
		shows "$payload in the core" $verb --db story.db ./core
	done
	json "$payload-core" report explain --json --db story.db ./core
	fill "${record_fields[@]}"
	shows "$payload in both" explain --db story.db ./core
	for verb in explain info list 'why 0x7ffff7a4f234' 'why 0x7ffff7a4f234 --all'; do
		# shellcheck disable=SC2086 # words on purpose
		shows "$payload in the record" $verb --db story.db
	done
	shows "$payload in the record" sql --db story.db "$statement"
	markup "$payload-record" --db story.db
	markup "$payload-both" --db story.db ./core
	json "$payload-record" report explain --json --db story.db
	json "$payload-both" report explain --json --db story.db ./core
	json "$payload-list" array list --json --db story.db
	json "$payload-sql" array sql --json --db story.db "$statement"
	# As an argument it must be as harmless in what is said about it.
	if [ -n "${payloads[$payload]}" ]; then
		for arguments in 'explain --db nobody.db' 'why --db nobody.db' 'sql --db nobody.db' 'list --db' 'explain --db' \
			'record --db x.db --uid' 'record --db x.db --exe' 'record --db x.db --pid' 'help'; do
			# shellcheck disable=SC2086 # words on purpose
			run "$corelate" $arguments "${payloads[$payload]}"
			expect_sane "$arguments" "$payload"
			[ "$status" -ne 0 ] || fail "corelate $arguments takes the payload $payload"
			inert "corelate $arguments with the payload $payload"
		done
	fi
done

# ---- what is kept of a crash, and what its hooks and the journal are told ----
# An imported core says in attributes of its file who it was.
mkdir dumps hooks
cat >hooks/tell <<END
#!/bin/sh
tr '\0' '\n' </proc/self/environ >$work/told/environment
END
chmod 755 hooks/tell
printf 'cat >%s/told/report.new && mv %s/told/report.new %s/told/report\n' "$work" "$work" "$work" >>hooks/tell
mkdir -m 777 told
printf 'Hooks=%s/hooks\n' "$work" >hooks.conf
"$corelate" import --watch --db nobody.db --config hooks.conf --from dumps >watch.out 2>watch.err &
watcher=$!
background+=("$watcher")
# within FILE: waits for it.
within() {
	for _ in $(seq 200); do
		[ ! -s "$1" ] || return 0
		sleep 0.05
	done
}
for _ in $(seq 200); do
	! grep -q '^watching ' watch.err || break
	sleep 0.05
done
number=4242
for payload in "${!payloads[@]}"; do
	value=${payloads[$payload]}
	fill "${core_fields[@]}"
	rm -rf vault/*
	"$python" - core "$value" 2>/dev/null <<'END' || true
import os, sys
for name in "comm", "exe", "hostname", "cmdline", "cwd", "cgroup":
    os.setxattr(os.fsencode(sys.argv[1]), "user.coredump." + name, os.fsencode(sys.argv[2])[:60])
END
	number=$((number + 1))
	mv core "dumps/core.depot.1000.0123456789ab4cde8f0123456789abcd.$number.1714979291345678"
	within told/report
	# The environment is checked as lines, its end as well.
	for file in vault/*/crash.json vault/*/report.json told/environment told/report; do
		[ -s "$file" ] || fail "$payload: there is no $file"
		cp "$file" out
		inert "$payload: ${file##*/}"
	done
	grep -q '^CORELATE_COMM=' told/environment || [ -z "$value" ] || fail "$payload: the hook is told no name"
	for verb in list info; do
		shows "$payload in the vault" $verb --db nobody.db
	done
	json "$payload-vault" array list --json --db nobody.db
	json "$payload-vault" report explain --json --db nobody.db
	shows "$payload bundled" bundle --db nobody.db -o crash.corelate
	tar --zstd -xOf crash.corelate manifest.json >out
	inert "$payload: manifest.json"
	rm -f told/*
done
kill -TERM "$watcher"
wait "$watcher" || true
cp watch.out out
cp watch.err err
inert 'import --watch'

# A column's title is text of the caller.
run "$corelate" sql --db story.db "SELECT 1 AS \"${payloads[escape]}\", 2 AS \"${payloads[newline]}\""
inert 'the titles of columns'
json titles array sql --json --db story.db "SELECT 1 AS \"${payloads[escape]}\", 2 AS \"${payloads[reversed]}\""
json invalid-title array sql --json --db story.db "SELECT 1 AS \"${payloads[invalid]}\""
json same-title array sql --json --db story.db 'SELECT 1 AS a, 2 AS a'
json zero array sql --json --db story.db "SELECT 'a' || char(0) || 'b' AS a, 1e999 AS infinite"

if "$python" -c 'import jsonschema' 2>/dev/null; then
	"$python" "$source_root/tests/cli/validate.py" "$schema" report/* >complaints || fail 'reports that are not valid:'
	"$python" "$source_root/tests/cli/validate.py" - array/* >>complaints || fail 'arrays that are not strict JSON:'
	show complaints
else
	echo 'partly skipped: python3-jsonschema is not installed'
fi

"$python" "$source_root/tests/cli/markup.py" html/* >complaints || fail 'HTML that is more than a report:'
show complaints
if command -v cmark-gfm >/dev/null; then
	for file in markdown/*; do
		cmark-gfm -e autolink -e table -e strikethrough -e footnotes --unsafe "$file" >"rendered/${file#*/}"
	done
	"$python" "$source_root/tests/cli/markup.py" --fragment rendered/* >complaints ||
		fail 'Markdown that is more than a report:'
	show complaints
else
	echo 'partly skipped: cmark-gfm is not installed'
fi
"$python" - sarif/* <<'END' || fail 'SARIF that is no JSON'
import json, sys
for path in sys.argv[1:]:
    json.load(open(path, encoding="utf-8"))
END

# None of them is lost: what the JSON holds is the name itself, where it is UTF-8.
fixture db=exact.db "executable=/opt/${payloads[escape]}${payloads[markup]}${payloads[quotes]}"
run "$corelate" explain --json --db exact.db
wanted="/opt/${payloads[escape]}${payloads[markup]}${payloads[quotes]}" "$python" -c '
import json, os, sys
sys.exit(json.load(open("out"))["crash"]["exe"] != os.environ["wanted"])' || fail 'the JSON does not hold the name'
finish
