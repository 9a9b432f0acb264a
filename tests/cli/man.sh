#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The man pages, as the build makes them: nothing for the formatters to complain of, and something worth reading.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
pages=$build/packaging/man

"$corelate" help --format=json >table.json
"$python" - table.json >verbs <<'END'
import json, sys
for verb in json.load(open(sys.argv[1])):
    print(verb["name"])
    # Two options of a verb must not share a letter, and what is offered must be explained.
    letters = [option["letter"] for option in verb["options"] if option["letter"]]
    assert len(letters) == len(set(letters)), verb["name"]
    assert len({option["name"] for option in verb["options"]}) == len(verb["options"]), verb["name"]
    for option in verb["options"]:
        for word in (option["words"] or "").split("|"):
            assert word in option["help"] or "," in word, (verb["name"], option["name"], word)
END
names=(corelate.1 corelate-database.7)
while read -r verb; do
	names+=("corelate-$verb.1")
done <verbs
[ ${#names[@]} -ge 14 ] || fail "only ${#names[@]} pages"

for name in "${names[@]}"; do
	page=$pages/$name
	checks=$((checks + 1))
	[ -s "$page" ] || {
		fail "there is no $name"
		continue
	}
	if command -v mandoc >/dev/null; then
		mandoc -T lint -W warning "$page" >complaints 2>&1 || true
		[ ! -s complaints ] || { fail "mandoc on $name"; show complaints; }
	fi
	if command -v man >/dev/null; then
		MANROFFSEQ= MANWIDTH=80 LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l "$page" >shown 2>complaints </dev/null || fail "man on $name"
		[ ! -s complaints ] || { fail "man on $name"; show complaints; }
		# A description that is one, and not the summary again.
		words=$(sed -n '/^DESCRIPTION/,/^[A-Z]/p' shown | wc -w)
		[ "$words" -ge 40 ] || fail "the description of $name has $words words; what a page is to say stands in packaging/man/VERB.md"
	fi
	case $name in
	*.1)
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS 'EXIT STATUS' 'SEE ALSO' EXAMPLES; do
			grep -qx "\.SH $section" "$page" || fail "$name has no $section"
		done
		# Sections come once each.
		[ -z "$(grep '^\.SH' "$page" | sort | uniq -d)" ] || fail "$name has a section twice"
		;;
	esac
done
# Every view and table is in the page of the database.
sqlite=$work/empty.db
fixture db="$sqlite"
for table in $(sqlite3 "$sqlite" "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%'"); do
	grep -qF -- "$table" "$pages/corelate-database.7" || fail "corelate-database.7 does not tell of $table"
done
# Prose is inert: what would be a request to the formatter is text.
printf '.so /etc/passwd\n\\fBbold\\fR `a -b` and \047quoted\047\n\n    .ig\n    verbatim \\e\n\n- one\n- two\n\nterm\n: meaning\n\n## NOTES\nlast\n' >prose
accept "$corelate" help --format=man --prose prose list
if command -v man >/dev/null; then
	MANWIDTH=80 man --warnings -E UTF-8 -l out >shown 2>complaints
	[ ! -s complaints ] || { fail 'man on hostile prose'; show complaints; }
	for text in '.so /etc/passwd \fBbold\fR a -b and' '.ig' 'verbatim \e' 'meaning' 'NOTES'; do
		sed 's/.\x08//g' shown | grep -qF -- "$text" || fail "prose lost '$text'"
	done
fi
refuse 3 'cannot open nowhere' "$corelate" help --format=man --prose nowhere list
refuse 2 "there is no 'pdf'" "$corelate" help --format=pdf
finish
