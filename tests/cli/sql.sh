#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The named queries, each over a record that has an answer and over one that has none; the functions of SQL; the data
# dictionary; the columns of the views.
#
#   sql.sh BUILD-DIRECTORY               compares with golden/sql/
#   sql.sh BUILD-DIRECTORY --regenerate  writes golden/sql/ anew; read the difference before you commit it
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
regenerate=${2:-}
mkdir -p "$here/golden/sql"
cd "$work"
fixture db=story.db heap=1 gap=1
sqlite3 story.db <"$here/questions.sql"
fixture db=nobody.db crash=0

# compare NAME: the last output is golden/sql/NAME.
compare() {
	if [ "$regenerate" = --regenerate ]; then
		cp out "$here/golden/sql/$1"
	elif ! diff -u "$here/golden/sql/$1" out >diff 2>&1; then
		fail "not as in golden/sql/$1"
		head -n 60 diff
	fi
}

parameters() {
	case $1 in
	address-history | who-unmapped) echo 0x7ffff7a4f234 ;;
	heap-history) echo 0x555555574000 ;;
	mappings-at-crash) echo 5001 ;;
	markers-around-crash) echo 4242 ;;
	threads) echo 5001 ;;
	calls) echo inventory_put ;;
	esac
}

# ---- every query ----
accept "$corelate" sql --list
names=$(sed -n 's/^\([a-z0-9-][a-z0-9-]*\).*/\1/p' out)
[ "$(wc -w <<<"$names")" -ge 20 ] || fail 'fewer than twenty queries'
[ "$names" = "$(cd "$source_root/schema/queries" && printf '%s\n' *.sql | sed 's/\.sql$//' | LC_ALL=C sort)" ] ||
	fail 'the list is not that of schema/queries'
for name in $names; do
	accept "$corelate" sql --show "$name"
	cmp -s out "$source_root/schema/queries/$name.sql" || fail "--show $name prints another text"
	grep -q "^-- Example: corelate sql $name" out || fail "$name: its example is another query's"
	# shellcheck disable=SC2046 # words
	accept "$corelate" sql --db nobody.db "$name" $(parameters "$name")
	case $name in recordings | database-size) ;; *) [ ! -s out ] || fail "$name finds something where nothing is" ;; esac
	# shellcheck disable=SC2046
	accept "$corelate" sql --db story.db "$name" $(parameters "$name")
	[ "$(wc -l <out)" -ge 2 ] || fail "$name: no row"
	documented=$(sed -n 's/^-- Column: \([a-z0-9_]*\):.*/\1/p' "$source_root/schema/queries/$name.sql" | paste -sd '|')
	[ "$(head -1 out)" = "$documented" ] || fail "$name: the columns are not those that it documents"
	[ "$name" = database-size ] || compare "$name.txt"
done
accept "$corelate" sql --list --json
"$python" -c 'import json, sys
for query in json.load(open("out")):
    assert query["question"].endswith("?"), query["name"]
    for one in query["columns"] + query["parameters"]:
        assert one["meaning"].endswith("."), query["name"] + ": " + one["name"]' || fail 'the list as JSON'
accept "$corelate" sql --db story.db --json double-unmaps-last-day 1
"$python" -c 'import json; assert json.load(open("out"))[0]["taken_bytes"] == "262144"' || fail 'rows as JSON'
accept "$corelate" sql --db story.db --json=short 'SELECT 1 AS a, 2 AS a, NULL AS b'
expect_text '[{"a":"1","a:2":"2","b":null}]'
accept "$corelate" sql --db story.db --json 'SELECT 1 WHERE 0'
expect_text '[]'

# ---- functions ----
# gives SQL TEXT: the one value.
gives() {
	accept "$corelate" sql --db story.db "SELECT coalesce($1, 'NULL') AS value"
	[ "$(tail -n +2 out)" = "$2" ] || fail "$1 gives $(tail -n +2 out) where $2 was expected"
}
gives 'addr(140737348165632)' 0x7ffff7a4e000
gives 'addr(-1)' 0xffffffffffffffff
gives "address('0x10')" 16
gives 'page_floor(4097)' 4096
gives 'page_ceil(4097)' 8192
gives 'page_ceil(4096)' 4096
gives 'addr(page_ceil(-1))' 0x0
gives 'overlaps(1, 2, 2, 3)' 0
gives 'overlaps(1, 3, 2, 3)' 1
gives 'overlaps(2, 2, 1, 3)' 0
gives 'overlaps(0, -1, -4096, -2)' 1
gives 'errno_name(-12)' ENOMEM
gives 'errno_name(4094)' 'errno 4094'
gives 'errno_name(0)' NULL
gives 'signal_name(11)' SIGSEGV
gives 'signal_name(40)' 'signal 40'
gives 'protection(5)' r-x
gives 'protection(-1)' NULL
gives 'map_flags(0x22)' 'MAP_PRIVATE|MAP_ANONYMOUS'
gives 'map_flags(1 << 40)' 0x10000000000
gives 'map_flags(-1)' "$("$corelate" sql --db story.db 'SELECT map_flags(-1)' | tail -n 1)"
gives 'date_of(1002345678901, 1)' '2024-05-06 07:08:11.345678'
gives 'date_of(1002345678901)' '2024-05-06 07:08:11.345678'
gives 'date_of(1002345678901, 2)' NULL
gives 'date_of(1, 9223372036854775807)' NULL
gives 'date_of(9223372036854775807, 1)' NULL
gives 'symbol(10, 0x10000010, 1001000001800)' plugin.so+0x10
gives 'symbol(10, 0x10000010, 1001000009000)' NULL
gives 'symbol(10, 0x10000010)' NULL
gives 'symbol(99, 1)' NULL
for call in 'addr(NULL)' 'address(NULL)' 'page_floor(NULL)' 'page_ceil(NULL)' 'overlaps(1, NULL, 2, 3)' 'errno_name(NULL)' \
	'signal_name(NULL)' 'protection(NULL)' 'map_flags(NULL)' 'date_of(NULL)' 'date_of(NULL, 1)' 'date_of(1, NULL)' \
	'symbol(NULL, 1)' 'symbol(1, 1, NULL)'; do
	gives "$call" NULL
done
gives '(SELECT count(*) FROM mapping_life(1))' 2
gives '(SELECT count(*) FROM mapping_life(-1))' 0
gives '(SELECT count(*) FROM mapping_life(99))' 0
accept "$corelate" sql --db story.db 'SELECT ?1 + 1 AS n, ?2 AS t' 0x10 "'; DROP TABLE event; --"
expect_text "17|'; DROP TABLE event; --"

# ---- symbols: of a file that is still the one that was mapped, and of one that has changed ----
# awk reads to the end: readelf would die of a closed pipe.
text=$(readelf -lW "$corelate" | awk '$1 == "LOAD" && /R E/ {text = $2} END {print text}')
virtual=$(readelf -lW "$corelate" | awk '$1 == "LOAD" && /R E/ {virtual = $3} END {print virtual}')
main=$(readelf -sW "$corelate" | awk '$8 == "main" {main = "0x" $2} END {print main}')
device=$(stat -c %d "$corelate")
sqlite3 story.db "INSERT INTO file VALUES (30, $((device >> 8 & 0xfff)), $((device & 0xff)), $(stat -c %i "$corelate"), '$corelate');
UPDATE recording SET realtime_offset_ns = $(date +%s)000000000 - 1000000000000 WHERE id = 1;
INSERT INTO event (space_id, tid, kind, enter_ns, duration_ns, ip, sp, top_word, result, a0, a1, a2, a3, a4, a5, file_id)
	VALUES (10, 5001, 2, 1001500000000, 1, 0, 0, 0, 0x90000000, 0, 0x40000000, 5, 2, 3, $((text)), 30)"
gives "symbol(10, 0x90000000 + $((main - virtual)) + 3, 1001600000000)" "main+0x3 ($(basename "$corelate"))"
sqlite3 story.db 'UPDATE recording SET realtime_offset_ns = 1000 WHERE id = 1'
gives "symbol(10, 0x90000000 + $((main - virtual)) + 3, 1001600000000)" \
	"$(basename "$corelate")+0x$(printf %x $((text + main - virtual + 3)))"

# ---- names and values that are not to be obeyed ----
accept "$corelate" sql --db story.db $'SELECT \'\e[31m\' || char(8238) || x\'ff0a\' AS "\e]0;x\a"'
grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' out && fail 'a control character in text'
accept "$corelate" sql --db story.db --json $'SELECT CAST(x\'ff1b5b33316d\' AS TEXT) AS "\e[1m"'
"$python" -c 'import json; assert json.load(open("out")) == [{"\x1b[1m": "\ufffd\x1b[31m"}]' || fail 'bytes as JSON'
grep -qaP '[\x00-\x08\x0b-\x1f\x7f]' out && fail 'a control character in JSON'

# ---- a statement that does not end: Ctrl-C, and a reader who has gone ----
endless='WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
checks=$((checks + 1))
status=0
# A shell's background jobs ignore SIGINT, and timeout passes what it sends.
timeout -s INT 1 "$corelate" sql --db story.db "$endless" >out 2>err || status=$?
[ "$status" -eq 124 ] && [ ! -s out ] && grep -q '^corelate: interrupted$' err || fail "Ctrl-C: status $status, $(cat err)"
checks=$((checks + 1))
status=0
timeout 20 "$corelate" sql --db story.db "${endless/count(\*)/i}" 2>err | head -n 3 >out || status=${PIPESTATUS[0]}
[ "$status" -ne 124 ] && [ "$(wc -l <out)" -eq 3 ] || fail "a reader that has gone: status $status"
checks=$((checks + 1))
# Nobody is there to read what has not been written yet.
(timeout 20 "$corelate" sql --db story.db "$endless" 2>err; echo $? >status) | true
[ "$(cat status)" -ne 124 ] || fail 'a reader that was never there'

# ---- the dictionary, and the views' columns ----
accept "$corelate" sql --dictionary --format=json
"$python" - <<'PYTHON' || fail 'something in the dictionary has no meaning'
import json
tables = json.load(open("out"))
assert len(tables) > 30
for table in tables:
    assert table["meaning"], table["name"]
    for column in table["columns"]:
        assert column["meaning"], table["name"] + "." + column["name"]
units = {t["name"]: {c["name"]: c["unit"] for c in t["columns"]} for t in tables}
assert units["event"]["enter_ns"] == "ns" and units["event"]["ip"] == "address"
assert units["stack"]["asked_bytes"] == "bytes" and units["v_crash"]["date"] == "UTC"
with open("out", "w") as views:
    for table in tables:
        if table["kind"] == "view":
            print(table["name"] + ":", *(c["name"] for c in table["columns"]), file=views)
PYTHON
compare views.txt
accept "$corelate" sql --dictionary
expect_text 'entry of the call'
accept "$corelate" sql --dictionary --format=markdown
expect_text '| `enter_ns` | INTEGER | ns | entry of the call |'
# shellcheck disable=SC2013 # words
for view in $(cut -d : -f 1 "$here/golden/sql/views.txt"); do
	accept "$corelate" sql --db story.db "SELECT * FROM $view"
done
# A query has a v_mapping that the replay ends. It makes mappings as the database's own does, and does not look for the
# ends that the other tells, which takes the square of what was never unmapped.
made='event, space_id, pid, comm, start, "end", bytes, protection, path, made_by, made_tid, made_date, made_seconds'
for views in 'v_mapping EXCEPT SELECT %s FROM main.v_mapping' 'main.v_mapping EXCEPT SELECT %s FROM v_mapping'; do
	accept "$corelate" sql --db story.db --json "SELECT $made FROM ${views/\%s/$made}"
	expect_text '[]'
done
accept "$corelate" sql --db story.db 'EXPLAIN QUERY PLAN SELECT count(*) FROM v_mapping'
expect_text 'mapping_life'
expect_no_text 'CORRELATED'
finish
