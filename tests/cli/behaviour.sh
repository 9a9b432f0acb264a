#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Help, version, colour, and outputs that nobody reads.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core

# ---- help ----
accept "$corelate" --help
cp out help
mapfile -t verbs < <(sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p' help)
[ ${#verbs[@]} -ge 7 ] || fail "the help lists ${#verbs[@]} verbs"
for verb in record list info explain stack why sql; do
	[[ " ${verbs[*]} " = *" $verb "* ]] || fail "the help does not list $verb"
done
for spelling in help -h; do
	accept "$corelate" $spelling
	cmp -s out help || fail "corelate $spelling is not corelate --help"
done
for text in 'Usage: corelate' '--db FILE' '--json' 'CORELATE_DB' 'Exit status: 0 success, 1 failure, 2 bad usage, 3'; do
	grep -qF -- "$text" help || fail "the help does not tell of $text"
done
[ "$(awk 'length > 120' help | wc -l)" -eq 0 ] || fail 'the help has lines of more than 120 columns'
for verb in "${verbs[@]}"; do
	accept "$corelate" "$verb" --help
	expect_text "Usage: corelate $verb"
	cp out one
	accept "$corelate" help "$verb"
	cmp -s out one || fail "corelate help $verb is not corelate $verb --help"
	accept "$corelate" "$verb" -h
	cmp -s out one || fail "corelate $verb -h is not corelate $verb --help"
done
# Without a verb the same text comes, but as a failure.
run "$corelate"
[ "$status" -eq 2 ] && [ ! -s out ] && cmp -s err help || fail 'corelate without a verb is not its help on standard error'

# ---- version ----
accept "$corelate" --version
grep -qxE 'corelate [0-9]+\.[0-9]+\.[0-9]+' out || fail "not a version: $(cat out)"
accept "$corelate" record --version
expect_text "$("$corelate" --version | cut -d' ' -f2)"

# ---- a verb that is nearly one ----
refuse 2 "did you mean 'explain'?" "$corelate" explian
refuse 2 "did you mean 'list'?" "$corelate" lst
refuse 2 'see corelate --help' "$corelate" nonsense
refuse 2 'see corelate --help' "$corelate" "$(printf '%5000s' | tr ' ' e)"

# ---- a pager: on a terminal alone, the reader's own, and one that leaves early is no failure ----
if command -v script >/dev/null; then
	# on_terminal PAGER WORD...: what a terminal gets from corelate WORD..., its status at the end.
	on_terminal() {
		local pager=$1

		shift
		checks=$((checks + 1))
		PAGER=$pager TERM=xterm timeout 20 script -qec "'$corelate' $*; echo status=\$?" /dev/null >terminal </dev/null ||
			fail "corelate $* on a terminal: status $?"
	}
	on_terminal 'sed s/^/paged:/' explain --db story.db ./core
	grep -q '^paged:.*double-munmap' terminal || fail 'no pager on a terminal'
	grep -qF "${escape:=$'\e'}[1" terminal || fail 'the pager took the colour'
	on_terminal 'sed s/^/paged:/' explain --no-pager --db story.db ./core
	grep -q paged: terminal && fail 'a pager in spite of --no-pager'
	on_terminal '' explain --db story.db ./core
	grep -qF double-munmap terminal || fail 'an empty PAGER has taken the output'
	on_terminal 'sed s/^/paged:/' explain --json --db story.db ./core
	grep -q paged: terminal && fail 'a pager for JSON'
	on_terminal 'head -n 1' sql --db story.db "\"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) SELECT i FROM n\""
	grep -q 'status=0' terminal || fail 'a reader who leaves early is a failure'
	on_terminal false list --db story.db
	grep -q 'status=0' terminal || fail 'a pager that fails at once is a failure'
	SUDO_UID=1 on_terminal 'env' list --db story.db
	grep -q '^LESSSECURE=1' terminal || fail 'less may run commands under sudo'
	PAGER='sed s/^/paged:/' run "$corelate" list --db story.db
	grep -q paged: out && fail 'a pager without a terminal'
fi

# ---- colour: on a terminal alone, and not against the reader's wish ----
escape=$'\e'
accept "$corelate" explain --db story.db ./core
expect_no_text "$escape"
if command -v script >/dev/null; then
	TERM=xterm script -qec "'$corelate' explain --db story.db ./core" /dev/null >terminal </dev/null
	grep -qF "${escape}[1" terminal || fail 'no colour on a terminal'
	TERM=xterm NO_COLOR=1 script -qec "'$corelate' explain --db story.db ./core" /dev/null >terminal </dev/null
	grep -qF "$escape" terminal && fail 'colour on a terminal in spite of NO_COLOR'
	# An empty NO_COLOR is none (no-color.org).
	TERM=xterm NO_COLOR='' script -qec "'$corelate' explain --db story.db ./core" /dev/null >terminal </dev/null
	grep -qF "${escape}[1" terminal || fail 'an empty NO_COLOR has taken the colour away'
	TERM=xterm script -qec "'$corelate' explain --json --db story.db ./core" /dev/null >terminal </dev/null
	grep -qF "$escape" terminal && fail 'colour in JSON'
	checks=$((checks + 4))
else
	echo 'partly skipped: script(1) is not installed'
fi

# ---- options: anywhere, and ended by -- ----
accept "$corelate" explain --db story.db ./core
cp out wanted
accept "$corelate" explain ./core --db story.db
cmp -s out wanted || fail 'an option after the argument is not an option'
accept "$corelate" explain --db=story.db -- ./core
cmp -s out wanted || fail '--db=PATH or -- is not understood'
accept env CORELATE_DB=story.db "$corelate" explain ./core
cmp -s out wanted || fail 'CORELATE_DB is not used'
accept env CORELATE_DB=missing.db "$corelate" explain --db story.db ./core
cmp -s out wanted || fail '--db is not stronger than CORELATE_DB'
# A core needs no record: that the system's database is not there is no failure.
accept env CORELATE_DB= "$corelate" info ./core
# The dates are those of the reader's zone in text, and UTC in JSON.
accept env TZ=Asia/Tokyo "$corelate" info --db story.db
[ ! -e /usr/share/zoneinfo/Asia/Tokyo ] || expect_text '2024-05-06 16:08:11.345'
accept env TZ=Asia/Tokyo "$corelate" explain --json --db story.db
expect_text '2024-05-06T07:08:11.345678901Z'

# ---- nothing to show ----
fixture db=nobody.db crash=0
run "$corelate" list --db nobody.db
[ "$status" -eq 0 ] && [ ! -s out ] && grep -q 'No crash has been recorded' err || fail 'list does not say that it is empty'
accept "$corelate" list --json --db nobody.db
[ "$(tr -d ' \n' <out)" = '[]' ] || fail 'the JSON of an empty list is not an empty array'

# ---- outputs that nobody reads ----
for verb in "explain --db story.db ./core" "explain --json --db story.db ./core" "info --db story.db ./core" \
	"list --db story.db" "sql --db story.db SELECT/**/*/**/FROM/**/event"; do
	checks=$((checks + 2))
	status=0
	# shellcheck disable=SC2086 # words on purpose
	timeout 20 "$corelate" $verb >&- 2>err </dev/null || status=$?
	[ "$status" -eq 1 ] && grep -q '^corelate: cannot write' err || {
		fail "corelate $verb >&-: status $status where 1 was expected, standard error:"
		show err
	}
	# A reader that leaves early is no reason for a message.
	# shellcheck disable=SC2086 # words on purpose
	timeout 20 "$corelate" $verb 2>err </dev/null | head -c 1 >/dev/null || true
	[ ! -s err ] || {
		fail "corelate $verb | head: standard error:"
		show err
	}
	status=0
	# Without standard input and standard error nothing else may take their place.
	# shellcheck disable=SC2086 # words on purpose
	timeout 20 "$corelate" $verb >out 2>&- <&- || status=$?
	# shellcheck disable=SC2086 # words on purpose
	"$corelate" $verb >again
	[ "$status" -eq 0 ] && cmp -s out again || fail "corelate $verb <&- 2>&-: status $status, or another output"
done
# With all three of them closed an explanation is the same: it has children that silence themselves. Of a core alone, since
# SQLite takes the numbers below 3 for itself.
mkdir lone
"$python" "$here/../hostile/make_cores.py" lone "$(ldd "$BASH" | awk '$1 ~ /^libc\.so/ { print $3 }')" good
"$corelate" report -o told lone/good
checks=$((checks + 2))
status=0
timeout 20 "$corelate" report -o told-nobody lone/good <&- >&- 2>&- || status=$?
[ "$status" -le 1 ] && cmp -s told told-nobody || fail "corelate report <&- >&- 2>&-: status $status, or another report"
# What it starts finds them closed, as the caller has left them.
printf '#!/usr/bin/env bash\nls /proc/$$/fd >%q\n' "$work/open" >debugger
chmod 755 debugger
timeout 20 "$corelate" debug --db story.db --debugger "$work/debugger" ./core <&- >&- 2>&- || true
[ -s open ] && ! grep -qx '[012]' open || fail "a debugger of which all streams are closed has $(tr '\n' ' ' <open)"
# Probes are listed by the recorder that lies beside the program, whatever the PATH has.
if is_root; then
	mkdir beside elsewhere
	cp "$corelate" beside/corelate
	for place in beside elsewhere; do
		printf '#!/bin/sh\necho %s "$@" >%q\n' "$place" "$work/lister" >"$place/corelated"
		chmod 755 "$place/corelated"
	done
	checks=$((checks + 1))
	status=0
	PATH="$work/elsewhere:$PATH" timeout 20 beside/corelate probes >out 2>err || status=$?
	[ "$status" -eq 0 ] && grep -qx 'beside --list-probes' lister || {
		fail "corelate probes: status $status, and the probes were listed by: $(cat lister 2>&1)"
		show err
	}
fi
finish
