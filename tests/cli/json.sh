#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The JSON of explain is what report.schema.json promises, and says what it should.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

"$python" -c 'import jsonschema' 2>/dev/null || {
	echo 'skipped: python3-jsonschema is not installed'
	exit 77
}

# report NAME ARGUMENT...: keeps the JSON of explain as NAME.json.
report() {
	local name=$1

	shift
	accept "$corelate" explain --json "$@"
	cp "$work/out" "$work/$name.json"
	"$python" "$here/validate.py" "$schema" "$work/$name.json" || fail "$name: not valid by the schema"
}

# says NAME EXPRESSION: the Python expression holds for r, the report.
says() {
	checks=$((checks + 1))
	"$python" -c "import json,sys; r=json.load(open(sys.argv[1])); sys.exit(not ($2))" "$work/$1.json" ||
		fail "$1: not so: $2"
}

fixture db="$work/story.db" core="$work/core"
fixture db="$work/gap.db" gap=1
fixture db="$work/nobody.db" crash=0
fixture db="$work/abort.db" core="$work/abort.core" signal=6 code=-6
report both --db "$work/story.db" "$work/core"
report core-alone --db "$work/nobody.db" "$work/core"
report record-alone --db "$work/story.db"
report unknown --db "$work/abort.db" "$work/abort.core"
report gap --db "$work/gap.db" "$work/core"

says both 'r["findings"][0]["class"] == "double-munmap" and r["findings"][0]["confidence"] == "proven"'
says both 'r["crash"]["pid"] == 42 and r["crash"]["tid"] == 42 and r["crash"]["time"] == "2024-05-06T07:08:11.345678901Z"'
says both 'r["signal"]["name"] == "SIGSEGV" and r["signal"]["address"] == "0x7ffff7a4f234"'
says both 'r["fault"]["access"] == "read" and r["fault"]["operands"][0]["address"] == "0x7ffff7a4f234"'
says both 'r["coverage"]["recorded"] and r["coverage"]["events"] == 11 and r["coverage"]["lost"] == 0'
says both 'len(r["threads"]) == 2 and r["threads"][0]["crashed"] and not r["threads"][1]["crashed"]'
says both 'sorted({e["id"] for e in r["findings"][0]["evidence"] if e["kind"] == "event"}) == [1, 2, 3, 5]'
says both '[e["id"] for e in r["cause"]["background"]] == [1] and r["end"]["confidence"] == "certain"'
says both 'r["culprit"]["act"] == {"kind": "event", "id": 5, "address": None} and r["suspect"] is None'
says both 'all(l["citations"] and l["alternatives"] for l in r["cause"]["links"])'
# Nothing but what was recorded tells who it was: without it nobody is accused.
# Nobody saw that the memory had been unmapped: that it leads nowhere is all that can be said.
says core-alone 'r["findings"][0]["class"] == "wild-pointer" and r["findings"][0]["confidence"] == "none"'
says core-alone 'r["cause"] is None and r["culprit"] is None and r["end"]["class"] == "wild-pointer"'
says core-alone 'not r["coverage"]["recorded"] and r["crash"]["time"] is None and r["crash"]["boot_id"] is None'
# Without the core, nobody has seen that the page was not mapped.
says record-alone 'r["findings"][0]["class"] == "double-munmap" and r["findings"][0]["confidence"] == "likely"'
says record-alone 'r["crash"]["core"] is None and r["threads"] == [] and r["fault"]["instruction"] is None'
says record-alone 'any("core" in line for line in r["findings"][0]["missing"])'
says unknown 'r["findings"][0]["class"] in ("unknown", "deliberate-abort", "forwarded-signal")'
says unknown 'r["fault"]["address"] is None and r["signal"]["address"] is None'
# The gap lies between the first munmap and the crash.
says gap 'r["findings"][0]["class"] == "double-munmap" and r["findings"][0]["confidence"] == "likely"'
says gap 'r["coverage"]["lost"] == 17 and r["coverage"]["gaps"][0]["cause"] == "ring buffer full"'

# The same crash has the same name from wherever it is told.
checks=$((checks + 1))
"$python" - "$work" <<'END' || fail "the id differs between core and record"
import json, sys
both, core, record = (json.load(open(f"{sys.argv[1]}/{name}.json"))["crash"]
                      for name in ("both", "core-alone", "record-alone"))
sys.exit(not (both["id"] == core["id"] == record["id"]))
END

# One bug has one signature, wherever address space randomisation puts the code.
for what in core record; do
	for slide in 0 0x3a5000; do
		fixture db="$work/slide.db" core="$work/slide.core" slide=$slide
		arguments=(--db "$work/slide.db")
		[ $what = record ] || arguments+=("$work/slide.core")
		report slide-$what-$slide "${arguments[@]}"
		sed -n 's/.*"signature": //p' "$work/slide-$what-$slide.json" >>"$work/$what.signatures"
		rm "$work/slide.db"*
	done
	[ "$(sort -u "$work/$what.signatures" | wc -l)" -eq 1 ] ||
		fail "explaining the $what: the signature depends on where the code was loaded"
done

# Arrays of other verbs.
for arguments in 'list' 'sql SELECT/**/*/**/FROM/**/v_event' 'sql SELECT/**/1/**/WHERE/**/0'; do
	# shellcheck disable=SC2086 # words on purpose
	accept "$corelate" $arguments --json --db "$work/story.db"
	"$python" "$here/validate.py" - "$work/out" || fail "$arguments --json"
done
finish
