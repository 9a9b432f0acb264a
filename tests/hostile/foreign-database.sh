#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Root and the databases of others: it writes in none, whatever name leads there, and reads them without a trace.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
is_root || {
	echo 'skipped: not root'
	exit 77
}
public_programs
cd "$work"
fixture db=good.db core=core
sqlite3 good.db 'PRAGMA journal_mode = DELETE' >/dev/null
rm -f good.db-*

# state DIRECTORY: all that is in it, with contents.
state() {
	(cd "$1" && for file in $(ls -A | sort); do
		stat -c '%n %F %u:%g %a %s %y %h' "$file"
		[ ! -f "$file" ] || [ -L "$file" ] || sha256sum "$file"
	done)
}

# writers TEXT DATABASE: each verb that writes refuses it with TEXT, and nothing has changed in the directories here.
writers() {
	local text=$1 before

	shift
	before=$(state shared && state own)
	refuse 125 "$text" "$corelate" record --db "$1" -- true
	refuse 1 "$text" gc "$1"
	run "$build/corelated" --db "$1" -- true
	expect_sane corelated --db "$1"
	[ "$status" -ne 0 ] && grep -qF -- "$text" err || {
		fail "corelated --db $1: status $status"
		show err
	}
	checks=$((checks + 1))
	[ "$before" = "$(state shared && state own)" ] || {
		fail "something was written for $1:"
		diff <(printf '%s\n' "$before") <(state shared && state own) | head -10
	}
}

cat >gc <<'END'
#!/bin/sh
CORELATE_DB=$1
export CORELATE_DB
shift
# What it says of the vault before is not asked for.
"$CORELATE" gc --max-age no --max-bytes no --max-database-age 1s "$@" >told || exit $?
cat told
END
chmod 755 gc
export CORELATE=$corelate PATH=$work:$PATH

fresh() {
	rm -rf shared own
	mkdir -m 1777 shared
	mkdir own
}

# foreign FILE: another user's, that everybody may write.
foreign() {
	cp good.db "$1"
	chown 65534:65534 "$1"
	chmod 666 "$1"
}

theirs='belongs to user 65534: root writes in a database of its own alone'
fresh
foreign shared/x.db
writers "shared/x.db $theirs" shared/x.db
# by links: theirs, root's own in a place of everybody's, and root's own in its own
ln -s "$work/shared/x.db" shared/their-link
chown -h 65534 shared/their-link
writers 'it leads over a link in a directory where other users may write' shared/their-link
ln -s x.db shared/link
writers 'it leads over a link in a directory where other users may write' shared/link
ln -s ../shared/x.db own/link
writers "own/link $theirs" own/link
ln -s "$work/shared" own/directory
writers "own/directory/x.db $theirs" own/directory/x.db
# their link to a database of root's
cp good.db own/root.db
ln -s "$work/own/root.db" shared/to-root
chown -h 65534 shared/to-root
writers 'it leads over a link' shared/to-root
# a second name of a database of root's
ln own/root.db shared/hard
writers 'has another name as well' shared/hard
rm shared/hard
# one that is root's group's or everybody's to write is still root's; only its owner counts
chmod 600 shared/x.db
writers "$theirs" shared/x.db

# What is beside it is part of it: for a new one and for one of root's own.
for suffix in -wal -shm -journal -lock; do
	for database in new.db root.db; do
		fresh
		[ $database = new.db ] || cp good.db shared/root.db
		echo theirs >"shared/$database$suffix"
		chown 65534:65534 "shared/$database$suffix"
		chmod 666 "shared/$database$suffix"
		writers_of="shared/$database$suffix $theirs"
		before=$(state shared)
		refuse 125 "$writers_of" "$corelate" record --db shared/$database -- true
		[ $database = new.db ] || refuse 1 "$writers_of" gc shared/$database
		[ "$before" = "$(state shared)" ] || fail "something was written beside their $database$suffix"
		# a link or a FIFO of root's, by somebody who could make root do that
		rm "shared/$database$suffix"
		ln -s "$work/own/target" "shared/$database$suffix"
		refuse 125 'not a regular file' "$corelate" record --db shared/$database -- true
		[ ! -e own/target ] || fail "a link at $database$suffix was followed"
	done
done

# Its own it writes, in a directory of another user's too, again and again.
fresh
mkdir user
chown 65534 user
cp good.db user/own.db
accept gc user/own.db
cp good.db own/own.db
ln -s own.db own/link
accept gc own/link

# ---- reading ----
# readers DATABASE: each verb that reads answers, and leaves no trace.
readers() {
	local before

	before=$(state shared)
	accept "$corelate" list --db "$1"
	expect_text depot
	accept "$corelate" explain --db "$1" ./core
	accept "$corelate" sql --db "$1" 'SELECT count(*) FROM v_event'
	accept gc "$1" --dry-run
	checks=$((checks + 1))
	[ "$before" = "$(state shared)" ] || {
		fail "reading $1 left a trace:"
		diff <(printf '%s\n' "$before") <(state shared) | head -10
	}
}

fresh
foreign shared/x.db
readers shared/x.db
sqlite3 shared/x.db 'PRAGMA journal_mode = WAL' >/dev/null
rm -f shared/x.db-*
chown 65534:65534 shared/x.db
readers shared/x.db
ln -s x.db shared/link
readers shared/link
# one that its owner is writing: the log counts
"${as_nobody[@]}" "$python" -u - shared/x.db >ready <<'END' &
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("PRAGMA wal_autocheckpoint = 0")
database.execute("CREATE TABLE mine (a)")
database.execute("INSERT INTO mine VALUES (7)")
print("ready")
time.sleep(60)
END
writer=$!
background+=("$writer")
for _ in $(seq 200); do
	[ ! -s ready ] || break
	sleep 0.05
done
readers shared/x.db
accept "$corelate" sql --db shared/x.db 'SELECT a FROM mine'
expect_text 7
# killed: the log stays, with its index; then without
kill -KILL "$writer"
wait "$writer" 2>/dev/null || true
readers shared/x.db
accept "$corelate" sql --db shared/x.db 'SELECT a FROM mine'
expect_text 7
rm shared/x.db-shm
before=$(state shared)
refuse 1 "which root does not do in another user's database" "$corelate" list --db shared/x.db
[ "$before" = "$(state shared)" ] || fail 'a log without its index: something was written'
# Its owner may.
accept "${as_nobody[@]}" "$work/bin/corelate" list --db shared/x.db
finish
