#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Databases that the reader may not write: what they hold is shown all the same, and they stay as they are.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
is_root || {
	echo 'skipped: taking rights away needs root'
	exit 77
}
public_programs
corelate=$work/bin/corelate

# shows COMMAND...: the crash is listed and explained.
shows() {
	accept "$@" list --db "$database"
	expect_text depot
	accept "$@" explain --db "$database"
	expect_text double-munmap
	accept "$@" sql --db "$database" 'SELECT count(*) AS n FROM event'
	expect_text 5
}

# ---- a file and a directory without write permission ----
mkdir "$work/plain"
database=$work/plain/story.db
fixture db="$database"
chmod 444 "$database"
chmod 755 "$work/plain"
before=$(sha256sum "$database")
shows "${as_nobody[@]}" "$corelate"
chmod 777 "$work/plain"
shows "${as_nobody[@]}" "$corelate"
chmod 755 "$work/plain"
shows "$corelate"
[ "$(sha256sum "$database")" = "$before" ] || fail 'reading has changed the database'

# ---- a file that one may not read ----
chmod 600 "$database"
refuse 1 'ermission denied' "${as_nobody[@]}" "$corelate" list --db "$database"
chmod 444 "$database"
cp "$database" "$work/plain/core"
chmod 600 "$work/plain/core"
refuse 1 'ermission denied' "${as_nobody[@]}" "$corelate" explain --db "$database" "$work/plain/core"
mkdir "$work/secret"
cp "$database" "$work/secret/story.db"
chmod 700 "$work/secret"
refuse 1 'ermission denied' "${as_nobody[@]}" "$corelate" list --db "$work/secret/story.db"

# ---- the database of a recorder that was killed: most of it is in the log ----
# killed DIRECTORY: such a database in it.
killed() {
	mkdir "$1"
	database=$1/story.db
	# In a shell of its own, which keeps its word about the killed one to itself.
	(
		"$make_fixture" db="$database" die=1
		true
	) 2>/dev/null || true
	[ -s "$database-wal" ] || fail 'the fixture left no log'
	chmod 444 "$database"*
}
killed "$work/killed"
shows "$corelate"
accept "$corelate" explain --db "$database"
killed "$work/killed-foreign"
chmod 777 "$work/killed-foreign"
run "${as_nobody[@]}" "$corelate" list --db "$database"
expect_sane list
# What the log holds must be shown, or it must be said that it cannot be.
if [ "$status" -eq 0 ]; then
	expect_text depot
else
	refuse 1 'log beside the file' "${as_nobody[@]}" "$corelate" list --db "$database"
fi
# The log's index is gone and cannot be made again.
killed "$work/killed-closed"
rm "$database-shm"
refuse 1 'log beside the file' "${as_nobody[@]}" "$corelate" list --db "$database"
# The next recorder takes the log in and says since when nothing is known.
killed "$work/killed-next"
chmod 644 "$database"*
run "$corelate" record --db "$database" -- true
[ "$status" -eq 0 ] || {
	fail "recording into the database of a killed recorder: status $status"
	show "$work/err"
}
accept "$corelate" sql --db "$database" 'SELECT cause FROM v_gap'
expect_text 'recorder ended uncleanly'
accept "$corelate" list --db "$database"
expect_text depot

# ---- a read-only file system ----
if unshare -m true 2>/dev/null; then
	mkdir "$work/medium"
	database=$work/medium/story.db
	fixture db="$database"
	read_only=(unshare -m sh -c 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"' sh
		"$work/medium")
	shows "${read_only[@]}" "$corelate"
	killed "$work/medium-killed"
	read_only[-1]=$work/medium-killed
	rm "$database-shm"
	refuse 1 'log beside the file' "${read_only[@]}" "$corelate" list --db "$database"
else
	echo 'partly skipped: no private mount namespace can be made'
fi

# ---- what SQLite has to put beside a database holds nothing ----
for log in "$work"/plain/*-wal "$work"/medium/*-wal; do
	[ ! -s "$log" ] || fail "reading has left something in ${log#"$work"/}"
done
finish
