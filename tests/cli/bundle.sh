#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate bundle: what it holds, where it goes, what it leaves behind; and that every verb reads it. That another
# machine gives the same answers is in tests/live/bundle.sh.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core heap=1
mkdir rooms
export TMPDIR=$work/rooms
bundle=("$corelate" bundle --db story.db)

nothing_left() {
	checks=$((checks + 1))
	[ -z "$(ls -A rooms)" ] || fail "$1: left behind: $(ls -A rooms)"
	[ -z "$(find . -maxdepth 1 -name 'crash.corelate?*' -o -maxdepth 1 -name 'full.corelate?*')" ] ||
		fail "$1: left beside the bundle: $(ls)"
}

# same_reports WHAT LEFT RIGHT: but for the core's path.
same_reports() {
	checks=$((checks + 1))
	"$python" - "$2" "$3" <<-'END' || fail "$1: the reports differ: $(diff "$2" "$3" | head)"
		import json, sys
		reports = [json.load(open(path)) for path in sys.argv[1:]]
		for report in reports:
		    report["crash"].pop("core")
		sys.exit(reports[0] != reports[1])
	END
}

# ---- a bundle, and what reads it ----
accept "${bundle[@]}" -o crash.corelate ./core
expect_text 'crash.corelate: '
expect_text 'record: 11 events of this process'
[ "$(stat -c %a crash.corelate)" = 600 ] || fail "its mode is $(stat -c %a crash.corelate)"
nothing_left 'bundle'
members=$(tar --zstd -tf crash.corelate)
[ "$members" = 'manifest.json
report.json
report.html
record.db
core' ] || fail "members: $members"
mkdir unpacked
tar --zstd -xf crash.corelate -C unpacked
cmp -s core unpacked/core || fail 'tar gives another core'
"$python" - unpacked <<-'END' || fail 'the manifest does not fit its members'
	import json, os, sys, zlib
	manifest = json.load(open(sys.argv[1] + "/manifest.json"))
	assert manifest["format"] == "corelate-bundle" and manifest["version"] == 1
	for member in manifest["members"]:
	    content = open(os.path.join(sys.argv[1], member["name"]), "rb").read()
	    assert member["bytes"] == member["stored"] == len(content), member
	    assert member["crc32"] == "%08x" % zlib.crc32(content), member
END
"$python" "$here/validate.py" "$schema" unpacked/report.json >complaints || fail "report.json: $(cat complaints)"
"$python" "$here/markup.py" unpacked/report.html >complaints || fail "report.html: $(cat complaints)"
accept sqlite3 unpacked/record.db 'PRAGMA integrity_check; SELECT count(*) FROM event'
expect_text 'ok'

accept "$corelate" explain --json --db story.db ./core
cp out here.json
cp crash.corelate 'another name' # known by what is in it
for file in crash.corelate './another name'; do
	accept "$corelate" explain --json "$file"
	cp out there.json
	same_reports "$file" here.json there.json
done
same_reports 'inside' here.json unpacked/report.json
grep -q '"core": "./another name"' there.json || fail 'the core is not called as the bundle'
for verb in info stack 'report --format=markdown' 'why 0x7ffff7a4f234' 'repair --dry-run'; do
	# shellcheck disable=SC2086 # words
	accept "$corelate" $verb --db story.db ./core
	sed '/^  core /d' out >expected
	# shellcheck disable=SC2086
	accept "$corelate" $verb crash.corelate
	sed '/^  core /d' out | cmp -s - expected || fail "$verb of a bundle: $(diff expected out)"
done
accept "$corelate" repair -o repaired crash.corelate
[ -s repaired ] || fail 'repair of a bundle wrote no core'
nothing_left 'reading'
# Its own record is asked, and no other.
fixture db=nobody.db crash=0
accept "$corelate" explain --json --db nobody.db crash.corelate
cp out there.json
same_reports 'with another database' here.json there.json

# ---- other crashes ----
accept "${bundle[@]}" -o record.corelate # the newest, by the record alone
expect_text 'core: none was found'
accept "$corelate" explain --json --db story.db
cp out here.json
accept "$corelate" explain --json record.corelate
cmp -s out here.json || fail 'a bundle of the record alone explains otherwise'
accept "${bundle[@]}" --no-core -o without.corelate ./core
expect_text 'core: left out'
tar --zstd -tf without.corelate | grep -qx core && fail '--no-core has a core in it'
accept "$corelate" explain --json without.corelate
cmp -s out here.json || fail 'a bundle without its core explains otherwise'
accept "$corelate" bundle --db nobody.db -o unrecorded.corelate ./core
expect_text 'record: none'
accept "$corelate" explain --json --db nobody.db ./core
cp out here.json
accept "$corelate" explain --json unrecorded.corelate
cp out there.json
same_reports 'unrecorded' here.json there.json
refuse 1 'without its core there is nothing to explain' "$corelate" bundle --db nobody.db --no-core -o no.corelate ./core
[ ! -e no.corelate ] || fail 'what was refused was written'

# Names are bytes.
fixture db=odd.db core=odd.core executable=$'/opt/a b/\e[31m%41\377"' core_program=$'/opt/a b/\e[31m%41\377"'
accept "$corelate" explain --json --db odd.db ./odd.core
cp out here.json
accept "$corelate" bundle --db odd.db -o odd.corelate ./odd.core
accept "$corelate" explain --json odd.corelate
cp out there.json
same_reports 'odd names' here.json there.json

# A core with holes comes back with them.
cp core sparse
truncate -s 3G sparse
accept "${bundle[@]}" -o sparse.corelate ./sparse
[ "$(stat -c %s sparse.corelate)" -lt 1000000 ] || fail "the bundle of a sparse core has $(stat -c %s sparse.corelate) bytes"
accept "$corelate" explain sparse.corelate
accept tar --zstd -tvf sparse.corelate core
expect_text 3221225472

# ---- where it goes ----
refuse 2 'bundle wants -o FILE' "${bundle[@]}" ./core
refuse 1 'is a bundle already' "${bundle[@]}" -o twice.corelate crash.corelate
refuse 1 'cannot write' "${bundle[@]}" -o missing/crash.corelate ./core
mkdir directory
refuse 1 'Is a directory' "${bundle[@]}" -o directory ./core
is_root || refuse 1 'No space left on device' "${bundle[@]}" -o /dev/full ./core
cp core before
refuse 1 'it is to hold that file itself' "${bundle[@]}" -o core ./core
cmp -s core before || fail 'the core was overwritten'
refuse 3 'no recorded crash' "${bundle[@]}" -o nobody.corelate nobody
# What was there is replaced, by a file of its own mode.
echo 'something older' >crash.corelate
chmod 644 crash.corelate
accept "${bundle[@]}" -o crash.corelate ./core
[ "$(stat -c %a crash.corelate)" = 600 ] || fail 'a replaced bundle keeps the old mode'
accept "$corelate" explain crash.corelate

# ---- no room ----
if is_root && unshare -m true 2>/dev/null; then
	head -c 3000000 /dev/urandom >>core # a core that does not pack
	# cramped SIZE DIRECTORY COMMAND...: with a small file system there, that holds a bundle.
	cat >cramped <<-'END'
		#!/bin/sh
		mount -t tmpfs -o size="$1",mode=755 none "$2" && cp crash.corelate "$2/full.corelate" || exit 99
		directory=$2
		shift 2
		"$@"
		status=$?
		ls -A "$directory" >listed
		cmp -s crash.corelate "$directory/full.corelate" || echo changed >>listed
		exit $status
	END
	cramped=(unshare -m sh cramped)
	mkdir small
	refuse 1 'No space left on device' "${cramped[@]}" 1m small "${bundle[@]}" -o small/full.corelate ./core
	[ "$(cat listed)" = full.corelate ] || fail "left on the full disk: $(cat listed)"
	export TMPDIR=$work/small
	refuse 1 'no room to unpack' "${cramped[@]}" 8m small "$corelate" explain crash.corelate
	[ "$(cat listed)" = full.corelate ] || fail "left of what there was no room for: $(cat listed)"
	export TMPDIR=$work/rooms
else
	echo 'partly skipped: a full file system needs root'
fi

# ---- an end that nobody expects ----
gone() {
	for _ in $(seq 200); do
		[ -n "$(ls -A rooms)" ] || return 0
		sleep 0.05
	done
	return 1
}
for signal in INT TERM HUP KILL; do
	checks=$((checks + 1))
	# A pipe that nobody reads holds it in the middle of its work.
	mkfifo fifo
	exec {held}<>fifo
	"$python" -c 'import fcntl, sys; fcntl.fcntl(int(sys.argv[1]), 1031, 4096)' "$held" # F_SETPIPE_SZ
	env --default-signal=INT "$corelate" report --format=html crash.corelate >fifo 2>/dev/null {held}<&- &
	pid=$!
	background+=("$pid")
	for _ in $(seq 200); do
		[ -z "$(ls -A rooms)" ] || break
		sleep 0.02
	done
	[ -n "$(ls -A rooms)" ] || fail "SIG$signal came too late"
	kill -s "$signal" "$pid"
	status=0
	wait "$pid" 2>/dev/null || status=$?
	[ "$status" -gt 128 ] || fail "SIG$signal: status $status"
	gone || fail "after SIG$signal: left behind: $(ls -A rooms)"
	exec {held}<&-
	rm fifo
done
nothing_left 'at the end'
finish
