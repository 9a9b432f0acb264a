#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Recording what runs already: by pid with descendants, by name, program, user and cgroup; and everybody.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

CGROUP=
BYSTANDER=
live_cleanup_more() {
	[ -z "$CGROUP" ] || rmdir "$CGROUP"
}

# Somebody who makes calls all the time and matches no filter below; ended by live_cleanup.
bystander_start() {
	mkfifo "$TMP/bystander"
	cp "$VICTIMS/puppet" "$TMP/bystander-prog"
	"$TMP/bystander-prog" <"$TMP/bystander" >/dev/null 9>&- &
	BYSTANDER=$!
	LIVE_PIDS+=("$BYSTANDER")
	exec {BYSTANDER_IN}>"$TMP/bystander"
	printf 'tick 100000\n' >&"$BYSTANDER_IN"
}
bystander_start

rows_of() {
	query "SELECT count(*) FROM process WHERE pid = $1"
}

# ---- one process, with what it had before, and its children ----

puppet_start
tell map 1048576
old=${ANSWER% *}
tell map 8192
kept=${ANSWER% *}
tell fork map 4096
recorder_start --pid "$PUPPET"
tell mark 7
tell unmap "$old" 1048576
equal "unmap" "$ANSWER" 0
tell fork burst 3
child=${ANSWER% *}
tell fork fork burst 2
tell read "$old"
puppet_end
equal "status of the puppet" "$PUPPET_STATUS" 139
recorder_stop
check_books
row=$(query "SELECT a1, enter_ns - (SELECT started_ns FROM recording) < 250000000 FROM event
	JOIN space ON space.id = space_id JOIN process ON process.id = process_id
	WHERE pid = $PUPPET AND kind = 1 AND a0 <= $((kept)) AND a0 + a1 > $((kept))")
holds "size of an earlier mapping" "${row%|*}" -ge 8192
equal "moment of the snapshot" "${row#*|}" 1
for what in puppet "libc%" "ld-linux%"; do
	holds "earlier mappings of $what" "$(query "SELECT count(*) FROM event JOIN file ON file.id = file_id
		WHERE kind = 1 AND path LIKE '%/$what'")" -gt 0
done
equal "origin" "$(query "SELECT origin FROM space JOIN process ON process.id = process_id WHERE pid = $PUPPET")" 3
equal "rows of the bystander" "$(rows_of "$BYSTANDER")" 0
equal "processes" "$(query 'SELECT count(*) FROM process')" 4
equal "calls of the child" "$(query "SELECT group_concat(kind, ' ') FROM (SELECT v_event.kind AS kind FROM v_event
	WHERE pid = $child ORDER BY id)")" "mmap munmap mmap munmap mmap munmap"
equal "calls of the grandchild" "$(query "SELECT count(*) FROM v_event JOIN process USING (pid)
	WHERE parent_pid IN (SELECT pid FROM process WHERE parent_pid = $PUPPET AND pid <> $child)")" 4
explain "$CORES/core.$PUPPET"
equal "verdict of the snapshot" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" use-after-munmap
contains "unmap of the snapshot" "$(json "$EXPLAINED" '" ".join(e["text"] for e in d["findings"][0]["evidence"])')" \
	"munmap($old, 1048576)"

# ---- by name ----

DB=$TMP/comm.db
PUPPET_PROGRAM=$TMP/named-puppet
cp "$VICTIMS/puppet" "$PUPPET_PROGRAM"
puppet_start
recorder_start --comm named-puppet
tell map 4096
# One that takes the name while it is being watched for.
"$VICTIMS/puppet" <<<$'mark 11\nname named-puppet\nmark 12\nmap 4096' >/dev/null
# One that is born with it.
must "$PUPPET_PROGRAM" <<<"mark 13" >/dev/null
tell exit 0
puppet_end
recorder_stop
check_books
equal "markers by name" "$(query "SELECT group_concat(number) FROM (SELECT number FROM v_marker WHERE own = 1
	ORDER BY id)")" "12,13"
holds "calls by name" "$(query "SELECT count(*) FROM v_event WHERE pid = $PUPPET AND kind = 'mmap'")" -gt 0
equal "others by name" "$(query "SELECT count(*) FROM process WHERE comm <> 'named-puppet'")" 0
equal "rows of the bystander" "$(rows_of "$BYSTANDER")" 0

# ---- by program, whatever its name ----

DB=$TMP/exe.db
recorder_start --exe "$PUPPET_PROGRAM"
ln -s "$PUPPET_PROGRAM" "$TMP/alias"
(exec -a whatever "$TMP/alias" <<<"mark 21" >/dev/null)
must "$VICTIMS/puppet" <<<"mark 22" >/dev/null # a copy of it is another program
recorder_stop
equal "markers by program" "$(query 'SELECT group_concat(number) FROM v_marker WHERE own = 1')" 21
equal "others by program" "$(query "SELECT count(*) FROM v_process WHERE executable <> '$PUPPET_PROGRAM'")" 0

# ---- by user ----

DB=$TMP/uid.db
recorder_start --uid nobody
must setpriv --reuid nobody --regid nogroup --clear-groups "$PUPPET_PROGRAM" <<<"mark 31" >/dev/null
must "$PUPPET_PROGRAM" <<<"mark 32" >/dev/null
(
	printf 'map 4096\n'
	printf 'read 0x123456789000\n'
) | setpriv --reuid nobody --regid nogroup --clear-groups "$PUPPET_PROGRAM" >/dev/null || true
recorder_stop
check_books
equal "markers by user" "$(query 'SELECT group_concat(number) FROM v_marker WHERE own = 1')" 31
equal "others by user" "$(query "SELECT count(*) FROM process WHERE uid <> $(id -u nobody)")" 0
# This user may have others that crash meanwhile.
equal "crashes by user" "$(query "SELECT count(*) FROM v_crash WHERE comm = 'named-puppet'")" 1
explain named-puppet
equal "a core of another user" "$(json "$EXPLAINED" 'd["crash"]["core"] is not None')" True

# ---- by cgroup ----

for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	if [ "$(stat -f -c %T "$root" 2>/dev/null)" = cgroup2fs ] && mkdir "$root/corelate-live-test" 2>/dev/null; then
		CGROUP=$root/corelate-live-test
		break
	fi
done
if [ -n "$CGROUP" ]; then
	mkdir "$CGROUP/below"
	DB=$TMP/cgroup.db
	recorder_start --cgroup "$CGROUP"
	# shellcheck disable=SC2016 # for the inner shell
	must sh -c 'echo $$ >"$1/cgroup.procs" && exec "$2"' - "$CGROUP" "$PUPPET_PROGRAM" <<<"mark 41" >/dev/null
	# shellcheck disable=SC2016 # for the inner shell
	must sh -c 'echo $$ >"$1/below/cgroup.procs" && exec "$2"' - "$CGROUP" "$PUPPET_PROGRAM" <<<"mark 42" >/dev/null
	must "$PUPPET_PROGRAM" <<<"mark 43" >/dev/null
	recorder_stop
	check_books
	equal "markers by cgroup" "$(query "SELECT group_concat(number) FROM (SELECT number FROM v_marker WHERE own = 1
		ORDER BY id)")" "41,42"
	equal "cgroup of the processes" "$(query "SELECT count(*) FROM process WHERE comm = 'named-puppet'
		AND cgroup_id IN ($(stat -c %i "$CGROUP"), $(stat -c %i "$CGROUP/below"))")" 2
	equal "rows of the bystander" "$(rows_of "$BYSTANDER")" 0
	within 5 rmdir "$CGROUP/below" || fail "the cgroup is not empty"
else
	printf 'no cgroup (v2) can be made here: --cgroup was not tried\n'
fi

# ---- two criteria must both hold ----

DB=$TMP/both.db
recorder_start --exe "$PUPPET_PROGRAM" --uid nobody
must "$PUPPET_PROGRAM" <<<"mark 51" >/dev/null
must setpriv --reuid nobody --regid nogroup --clear-groups "$PUPPET_PROGRAM" <<<"mark 52" >/dev/null
cp "$VICTIMS/puppet" "$TMP/other-puppet"
must setpriv --reuid nobody --regid nogroup --clear-groups "$TMP/other-puppet" <<<"mark 53" >/dev/null
recorder_stop
equal "markers by program and user" "$(query 'SELECT group_concat(number) FROM v_marker WHERE own = 1')" 52

# ---- everybody ----

DB=$TMP/all.db
recorder_start
recorder=$RECORDER
must "$PUPPET_PROGRAM" <<<"mark 61" >/dev/null
recorder_stop
check_books
holds "rows of the bystander" "$(rows_of "$BYSTANDER")" -eq 1
holds "calls of the bystander" "$(query "SELECT count(*) FROM v_event WHERE pid = $BYSTANDER AND kind = 'mmap'")" -gt 0
equal "the shell that runs this" "$(query "SELECT origin FROM space JOIN process ON process.id = process_id
	WHERE pid = $$ ORDER BY space.id LIMIT 1")" 3
equal "marker of the new one" "$(query 'SELECT count(*) FROM v_marker WHERE own = 1 AND number = 61')" 1
equal "rows of the recorder" "$(rows_of "$recorder")" 0
live_end
