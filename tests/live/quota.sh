#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# No more room: by the user's limit, and on the disk. What is not stored is counted, the crash is recorded still, the
# database stays whole, and recording resumes when there is room.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
if [ -z "${LIVE_MOUNTS:-}" ] && [ "$(id -u)" -eq 0 ]; then
	# A mount namespace of its own: the small disk goes with this script.
	export LIVE_MOUNTS=1
	unshare --mount true 2>/dev/null && exec unshare --mount --propagation private "$0" "$@"
fi
. "$(dirname "$0")/lib.sh"
live_begin "$@"

live_cleanup_more() {
	! mountpoint -q "$TMP/small" || umount -l "$TMP/small"
}

# ---- --quota ----

puppet_start
recorder_start --quota 1M --pid "$PUPPET"
tell map 1048576
block=${ANSWER% *}
tell unmap "$block" 1048576

quota_is_reached() {
	tell burst 20000
	[ "$(query "SELECT count(*) FROM gap WHERE cause = 3")" -gt 0 ]
}

within 30 quota_is_reached || fail "the quota is never reached"
tell read "$block"
puppet_end
equal "status of the puppet" "$PUPPET_STATUS" 139
recorder_stop
check_books
equal "causes of gaps" "$(query 'SELECT group_concat(DISTINCT cause) FROM v_gap')" "size limit of the store reached"
holds "what was stored" "$(query 'SELECT stored FROM recording')" -gt 1000
holds "size of the database" "$(stat -c %s "$DB")" -lt $((16 << 20))
equal "the crash" "$(query 'SELECT signal, pid FROM v_crash')" "SIGSEGV|$PUPPET"
equal "the end" "$(query "SELECT status FROM v_process WHERE pid = $PUPPET")" "signal 11"
explain "$CORES/core.$PUPPET"
equal "class over the quota's gap" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" use-after-munmap
lacks "verdict over the quota's gap" "$(verdict)" proven
holds "gaps in the report" "$(json "$EXPLAINED" 'len(d["coverage"]["gaps"])')" -gt 0

# A database that is over its limit from the beginning takes no events, and still the crash.
record_again() {
	STATUS=0
	"$CORELATE" record --quota 256K --db "$DB" -- "$BUILD/examples/double-munmap" own 2>"$TMP/log" || STATUS=$?
}
before=$(query 'SELECT count(*) FROM event')
record_again
check_books
equal "status over the quota" "$STATUS" 139
equal "crashes over the quota" "$(query 'SELECT count(*) FROM v_crash')" 2
equal "calls over the quota" "$(query "SELECT count(*) FROM event WHERE id > $before AND kind <> 1")" 0

# ---- a full disk ----

SMALL=$TMP/small
mkdir "$SMALL"
if [ -z "${LIVE_MOUNTS:-}" ] || ! mount -t tmpfs -o size=2m tmpfs "$SMALL"; then
	printf 'no small file system can be mounted here: a full disk was not tried\n'
	live_end
	exit
fi
DB=$SMALL/live.db
truncate -s 0 "$SMALL/filler"
head -c 700000 /dev/zero >"$SMALL/filler"
puppet_start
recorder_start --pid "$PUPPET"

# Each try is a marker of its own.
tries=1000
marker_is_stored() {
	tries=$((tries + 1))
	tell mark "$tries"
	sleep 0.2 # a commit is due each tenth of a second
	[ "$(query "SELECT count(*) FROM marker WHERE a0 = $tries")" -eq 1 ]
}

within 15 marker_is_stored || fail "nothing is stored"
early=$tries

disk_is_full() {
	tell burst 20000
	grep -q 'events are being lost' "$RECORDER_LOG"
}

within 30 disk_is_full || fail "the disk is never full"
tell burst 20000
kill -0 "$RECORDER" || fail "the recorder ended on a full disk"
equal "integrity on a full disk" "$(cp "$DB" "$DB-wal" "$TMP" && sqlite3 "$TMP/live.db" 'PRAGMA integrity_check')" ok
rm -f "$TMP/live.db" "$TMP/live.db-wal"
rm "$SMALL/filler"

# It goes on when there is room again.
within 15 marker_is_stored || fail "nothing is stored after room was made"
tell read 0x123456789000
puppet_end
equal "status of the puppet" "$PUPPET_STATUS" 139
recorder_stop
equal "warnings" "$(grep -c 'events are being lost' "$RECORDER_LOG")" 1
check_books
holds "losses on a full disk" "$(query "SELECT sum(lost) FROM v_gap WHERE cause = 'database error'")" -gt 0
equal "marker before" "$(query 'SELECT count(*) FROM v_marker WHERE own = 1 AND number = '"$early")" 1
equal "the crash" "$(query 'SELECT signal, pid FROM v_crash')" "SIGSEGV|$PUPPET"
equal "integrity" "$(sqlite3 "$DB" 'PRAGMA integrity_check')" ok
explain
lacks "verdict over the disk's gap" "$(verdict)" proven
live_end
