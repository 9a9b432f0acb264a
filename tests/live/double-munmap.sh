#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The story that the project grew from: recorded, explained, and every verb tells the same.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

program=$BUILD/examples/double-munmap
record "$program"
equal "status of the recorded program" "$STATUS" 139
check_books

pid=$(query "SELECT pid FROM v_crash")
core=$CORES/core.$pid
must [ -s "$core" ]

# Found in every way, it is the same crash.
explain
must cp "$EXPLAINED" "$TMP/newest.json"
id=$(json "$EXPLAINED" 'd["crash"]["id"]')
for name in "$pid" "$core" double-munmap "$id" "$program"; do
	explain "$name"
	cmp -s "$EXPLAINED" "$TMP/newest.json" ||
		fail "explain $name differs from explain: $(diff "$EXPLAINED" "$TMP/newest.json" | head -5)"
done
(cd "$CORES" && "$CORELATE" explain --json --db "$DB" "core.$pid" | "$PYTHON" -c '
import json, sys
sys.exit(json.load(sys.stdin)["crash"]["id"] != sys.argv[1])' "$id") || fail "a relative core path names another crash"
equal "verdict" "$(verdict)" "double-munmap proven"

# ---- JSON ----

"$PYTHON" - "$EXPLAINED" "$SOURCE/analyzer/report/report.schema.json" "$pid" <<'END' || fail "the JSON report is wrong"
import json, re, sys

import jsonschema

report = json.load(open(sys.argv[1]))
schema = json.load(open(sys.argv[2]))
jsonschema.Draft202012Validator.check_schema(schema)
jsonschema.Draft202012Validator(schema).validate(report)
pid = int(sys.argv[3])
verdict = report["findings"][0]
evidence = "\n".join(item["text"] for item in verdict["evidence"])


def check(what, truth):
    if not truth:
        sys.exit("not true: " + what)


check("pid", report["crash"]["pid"] == pid and report["crash"]["comm"] == "double-munmap")
check("signal", report["signal"]["name"] == "SIGSEGV" and report["signal"]["code_name"] == "SEGV_MAPERR")
check("trustworthy", report["signal"]["trustworthy"] is True)
check("fault", report["fault"]["access"] == "read" and report["fault"]["address"] == report["signal"]["address"])
# The program reads the thirteenth byte of its block.
block = int(report["fault"]["address"], 16) - 12
check("block in the summary", "hit libdepot.so's live 256.0 KiB mapping" in verdict["summary"])
check("library in the summary", "libwalker.so unmapped" in verdict["summary"])
check("victim in the summary", "thread %d then used" % report["crash"]["tid"] in verdict["summary"])
check("the end", report["end"]["class"] == "wild-pointer" and report["end"]["confidence"] == "certain")
check("birth of the block", "mmap(NULL, 262144, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0) = 0x%x" % block in evidence)
check("two unmaps", len(re.findall(r"munmap\(0x[0-9a-f]+, 578560\)", evidence)) == 2)
check("first unmapper", re.search(r"libwalker\.so walker_step\+0x[0-9a-f]+ \(walker\.c:2[0-9]\)", evidence))
check("second unmapper", re.search(r"libwalker\.so walker_step_again\+0x[0-9a-f]+ \(walker\.c:3[0-9]\)", evidence))
check("caller of the first", "(main.c:" in evidence)
check("owner of the block", "libdepot.so depot_open" in evidence)
check("markers", evidence.count("between markers 8888 and 9999") == 3)
check("evidence has ids", all(e["id"] for e in verdict["evidence"] if e["kind"] == "event"))
check("next step", verdict["next_step"])
check("nothing against it", not verdict["counter_evidence"])
check("no losses", report["coverage"]["recorded"] and not report["coverage"]["gaps"])
top = [t for t in report["threads"] if t["crashed"]][0]["frames"]
check("stack", [f["function"] for f in top[:2]] == ["depot_read", "reader"])
check("line of the crash", top[0]["file"].endswith("depot.c") and top[0]["line"] == 26)
check("a build-id a module", all(f["build_id"] for f in top))
END

# ---- text ----

text=$("$CORELATE" explain --db "$DB")
case $text in
"double-munmap (proven): libwalker.so unmapped "*) ;;
*) fail "the text does not begin with the verdict: ${text%%$'\n'*}" ;;
esac
# Its lines are folded.
said=$(tr -s ' \n' ' ' <<<"$text")
for part in "live 256.0 KiB mapping" "mmap(NULL, 262144, PROT_NONE, " "walker_step+" "walker_step_again+" "walker.c:" \
	"between markers 8888 and 9999" "ms before the crash" "read 0x" ": SIGSEGV" "Why 1 0x" "next: libwalker.so walker_step+"; do
	contains "text of explain" "$said" "$part"
done
timeline=$("$CORELATE" explain --all --db "$DB")
for part in "-- marker 8888" "-- marker 9999" "the crash: read of 0x"; do
	contains "text of explain --all" "$timeline" "$part"
done
equal "colour in a file" "$(printf '%s' "$text" | grep -c $'\033' || true)" 0

# ---- the other verbs ----

address=$(json "$EXPLAINED" 'd["fault"]["address"]')
tid=$(json "$EXPLAINED" 'd["crash"]["tid"]')
why=$("$CORELATE" why --db "$DB" "$address")
contains "why" "$why" "$address was not mapped when the process died"
equal "unmaps in why" "$(grep -c 'munmap(0x' <<<"$why")" 2
contains "why" "$why" "mmap(NULL, 262144, PROT_NONE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)"
contains "why" "$why" "the crash: read of $address"
# The same for an address that lives: the code that died.
pc=$(json "$EXPLAINED" '[t for t in d["threads"] if t["crashed"]][0]["frames"][0]["pc"]')
why=$("$CORELATE" why --db "$DB" "$pc")
contains "why of the code" "$why" "libdepot.so, offset 0x"
lacks "why of the code" "$why" "was not mapped"

stack=$("$CORELATE" stack --db "$DB")
contains "stack" "$stack" "Thread $tid, crashed"
contains "stack" "$stack" "libdepot.so depot_read+"
contains "stack" "$stack" "main.c:"
equal "threads in stack" "$(grep -c '^Thread ' <<<"$stack")" 2

info=$("$CORELATE" info --db "$DB")
for part in "pid $pid, thread $tid" "SIGSEGV" "$core" "$id" "$program"; do
	contains "info" "$info" "$part"
done
list=$("$CORELATE" list --db "$DB")
equal "lines of list" "$(wc -l <<<"$list")" 2
for part in "$pid" SIGSEGV present "$id" "$program"; do
	contains "list" "$list" "$part"
done
"$CORELATE" list --json --db "$DB" >"$TMP/list.json"
equal "list as JSON" "$(json "$TMP/list.json" 'len(d), d[0]["pid"], d[0]["id"], d[0]["core"], d[0]["signal"]')" \
	"(1, $pid, '$id', True, 'SIGSEGV')"

# The block's row: its birth, and the call that ended it.
block=$(printf '0x%x' $((address - 12)))
equal "the block in v_mapping" "$(query "SELECT bytes, made_by, gone_by, pid, comm FROM v_mapping
	WHERE pid = $pid AND start = '$block' AND made_by = 'mmap' AND bytes = 262144")" \
	"262144|mmap|munmap|$pid|double-munmap"
equal "lives of the walker's range" "$(query "SELECT path LIKE '%/bash', gone_by FROM v_mapping
	WHERE pid = $pid AND bytes = 581632")" "1|munmap"

# Without the core the record alone still tells the story; the core alone still tells where it died.
must mv "$core" "$TMP/moved"
explain
equal "verdict without the core" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" double-munmap
equal "id without the core" "$(json "$EXPLAINED" 'd["crash"]["id"]')" "$id"
equal "core in the report" "$(json "$EXPLAINED" 'd["crash"]["core"]')" null
explain "$TMP/moved"
equal "verdict of a core elsewhere" "$(verdict)" "double-munmap proven"
STATUS=0
"$CORELATE" explain --json --db "$TMP/nothing.db" "$TMP/moved" >/dev/null 2>"$TMP/error" || STATUS=$?
equal "status with a database that is not there" "$STATUS" 3
contains "error of a missing database" "$(cat "$TMP/error")" "nothing.db"

# ---- any sqlite3 ----

for view in v_event v_mapping v_marker v_process v_crash v_gap; do
	sqlite3 -readonly "$DB" "SELECT * FROM $view" >"$TMP/rows" 2>"$TMP/error" ||
		fail "sqlite3 cannot read $view: $(cat "$TMP/error")"
	[ "$view" = v_gap ] || [ -s "$TMP/rows" ] || fail "$view is empty"
done
equal "integrity" "$(sqlite3 "$DB" 'PRAGMA integrity_check')" ok
live_end
