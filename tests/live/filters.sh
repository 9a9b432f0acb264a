#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Whom a filter takes in mid-life: descendants that run already, and who changes into one that it describes. What was
# missed until then is a gap, over which nothing is proven; who changes back is followed until its next program.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

CGROUP=
live_cleanup_more() {
	[ -z "$CGROUP" ] || rmdir "$CGROUP"
}

NOBODY=$(id -u nobody)

markers() {
	query "SELECT group_concat(number) FROM (SELECT number FROM v_marker WHERE own = 1 ORDER BY id)"
}

# calls_of PID [TID]: in their order
calls_of() {
	query "SELECT group_concat(kind, ' ') FROM (SELECT v_event.kind AS kind FROM v_event
		WHERE pid = $1 AND tid = ${2:-tid} AND kind <> 'seen' ORDER BY id)"
}

# The puppet was missed until a moment at which it was known to be followed, which is a gap.
# check_match WHAT BEFORE_NS AFTER_NS: it matched between these moments.
check_match() {
	equal "$1: gap" "$(query "SELECT count(*), min(gap.from_ns <= $2), max(gap.to_ns >= $2 AND gap.to_ns <= $3), sum(gap.lost)
		FROM gap JOIN gap_cause USING (cause) WHERE name = 'filter did not match yet' AND gap.pid = $PUPPET")" "1|1|1|0"
	equal "$1: origin" "$(query "SELECT origin FROM space JOIN process ON process.id = process_id WHERE pid = $PUPPET
		ORDER BY space.id LIMIT 1")" 4
}

# The recorder looks for the mappings of one that matches a moment later.
has_mappings() {
	[ "$(query "SELECT count(DISTINCT path) FROM event JOIN file ON file.id = file_id
		JOIN space ON space.id = space_id JOIN process ON process.id = process_id
		WHERE kind = 1 AND pid = $PUPPET AND (path LIKE '%/libc%' OR path LIKE '%/puppet')")" = 2 ]
}

# ---- descendants that run already ----

puppet_start
tell worker map 1048576
old=${ANSWER% *}
tell worker pid
worker=$ANSWER
tell worker worker map 4096
tell worker worker pid
grandchild=$ANSWER
recorder_start --pid "$PUPPET"
tell worker burst 2
tell worker worker burst 1
tell worker fork burst 1
child=${ANSWER% *}
tell worker unmap "$old" 1048576
printf 'worker read %s\n' "$old" >&"$PUPPET_IN"
within 20 test -s "$CORES/core.$worker" || fail "the worker did not die"
tell exit 0
puppet_end
recorder_stop
check_books
equal "calls of a child" "$(calls_of "$worker")" "mmap munmap mmap munmap munmap"
equal "calls of a grandchild" "$(calls_of "$grandchild")" "mmap munmap"
equal "calls of a new grandchild" "$(calls_of "$child")" "mmap munmap"
equal "origins of descendants" "$(query "SELECT group_concat(origin) FROM (SELECT origin FROM space
	JOIN process ON process.id = process_id WHERE pid IN ($worker, $grandchild) ORDER BY pid = $grandchild)")" "3,3"
equal "processes" "$(query 'SELECT count(*) FROM process')" 4
explain "$CORES/core.$worker"
equal "verdict on a child" "$(verdict)" "use-after-munmap proven"
contains "what it did" "$(json "$EXPLAINED" '" ".join(e["text"] for e in d["findings"][0]["evidence"])')" \
	"munmap($old, 1048576)"

# ---- children born while the recorder looks for them ----

DB=$TMP/breed.db
printf 'worker breed %s\n' "$TMP/breed.enough" >"$TMP/breed.in"
mkfifo "$TMP/breed.hold"
cat "$TMP/breed.in" "$TMP/breed.hold" | "$VICTIMS/puppet" >"$TMP/breed.out" 9>&- &
breeder=$!
LIVE_PIDS+=("$breeder")
exec {HOLD}>"$TMP/breed.hold"
within 10 grep -q ' ' "$TMP/breed.out" || fail "nobody was born"
recorder_start --pid "$breeder"
ready=$(now_ns)
sleep 0.5
touch "$TMP/breed.enough"
within 30 grep -q '^done$' "$TMP/breed.out" || fail "the breeder does not end"
recorder_stop # it has the pipe open, too
exec {HOLD}>&-
wait "$breeder" || fail "the breeder failed"
forget "$breeder"
check_books
query "SELECT DISTINCT pid FROM v_event WHERE kind = 'mmap' ORDER BY pid" >"$TMP/breed.seen"
awk -v ready="$ready" '$1 != "pid" && NF == 2 && $2 > ready { print $1 }' "$TMP/breed.out" | sort -n >"$TMP/breed.all"
holds "children after the start" "$(wc -l <"$TMP/breed.all")" -gt 20
equal "children that never ended" "$(query "SELECT count(*) FROM process
	WHERE exit_ns = 0 AND $breeder NOT IN (pid, parent_pid)")" 0
equal "children that were missed" "$(sort "$TMP/breed.seen" | comm -13 - <(sort "$TMP/breed.all") | tr '\n' ' ')" ""

# ---- by user ----

number=0
for how in setuid setreuid setresuid; do
	number=$((number + 1))
	DB=$TMP/$how.db
	recorder_start --uid nobody
	puppet_start
	tell map 4096
	tell other burst 1
	tell mark 1
	before=$(now_ns)
	tell user "$how" "$NOBODY"
	equal "$how" "$ANSWER" 0
	after=$(now_ns)
	within 10 has_mappings || fail "mappings after $how"
	tell mark 2
	tell other burst 2
	tell fork mark 3
	if [ "$how" = setreuid ]; then
		tell user setreuid 0
		tell mark 4 # it goes on being followed
		tell fork mark 5
		tell exec "$VICTIMS/puppet"
		tell mark 6
		tell user setreuid "$NOBODY"
		tell mark 7
	fi
	tell exit 0
	puppet_end
	recorder_stop
	check_books
	if [ "$how" = setreuid ]; then
		equal "markers: user and back" "$(markers)" "2,3,4,5,7"
		equal "spaces: user and back" "$(query "SELECT group_concat(origin) FROM (SELECT origin FROM space
			JOIN process ON process.id = process_id WHERE pid = $PUPPET ORDER BY space.id)")" "4,1,4"
		equal "gaps: user and back" "$(query "SELECT count(*) FROM gap WHERE cause = 8 AND pid = $PUPPET")" 2
	else
		equal "markers after $how" "$(markers)" "2,3"
		check_match "$how" "$before" "$after"
	fi
	equal "second thread after $how" "$(query "SELECT count(*) FROM v_event WHERE pid = $PUPPET AND tid <> pid
		AND kind = 'munmap'")" 2
	equal "end after $how" "$(query "SELECT exit_ns > 0 FROM process WHERE pid = $PUPPET")" 1
done

# ---- by name ----

for how in name rename; do
	DB=$TMP/$how.db
	recorder_start --comm chosen
	puppet_start
	tell map 1048576
	old=${ANSWER% *}
	tell other burst 1
	tell mark 1
	tell other name chosen # a thread's name is not the process's
	tell mark 2
	tell unmap "$old" 1048576
	before=$(now_ns)
	tell "$how" chosen
	tell map 4096
	kept=${ANSWER% *}
	after=$(now_ns)
	within 10 has_mappings || fail "mappings after $how"
	tell mark 3
	tell other burst 2
	tell fork mark 4
	tell "$how" another
	tell mark 5 # it goes on being followed
	tell fork mark 6
	if [ "$how" = name ]; then
		tell read "$old"
	else
		tell unmap "$kept" 4096
		tell read "$kept"
	fi
	puppet_end
	equal "status of the puppet" "$PUPPET_STATUS" 139
	recorder_stop
	check_books
	equal "markers after $how" "$(markers)" "3,4,5,6"
	check_match "$how" "$before" "$after"
	equal "second thread after $how" "$(query "SELECT count(*) FROM v_event WHERE pid = $PUPPET AND tid <> pid
		AND kind = 'munmap'")" 2
	equal "name after $how" "$(query "SELECT comm FROM process WHERE pid = $PUPPET")" chosen
	explain "$CORES/core.$PUPPET"
	if [ "$how" = name ]; then
		# It was unmapped while nobody looked.
		equal "verdict over the gap" "$(verdict)" "wild-pointer none"
		contains "coverage" "$(json "$EXPLAINED" 'd["coverage"]["gaps"]')" "filter did not match yet"
	else
		equal "verdict after the gap" "$(verdict)" "use-after-munmap proven"
	fi
done

# ---- by program ----

DB=$TMP/exe.db
PUPPET_PROGRAM=$TMP/other-puppet
cp "$VICTIMS/puppet" "$PUPPET_PROGRAM"
recorder_start --exe "$VICTIMS/puppet"
puppet_start
tell mark 1
tell other burst 1
tell exec "$VICTIMS/puppet"
tell mark 2
tell fork mark 3
tell map 4096
old=${ANSWER% *}
tell exec "$PUPPET_PROGRAM"
tell mark 4
tell exec "$VICTIMS/puppet"
tell map 4096
old=${ANSWER% *}
tell unmap "$old" 4096
tell read "$old"
puppet_end
recorder_stop
check_books
equal "markers by program" "$(markers)" "2,3"
equal "spaces by program" "$(query "SELECT group_concat(origin) FROM (SELECT origin FROM space
	JOIN process ON process.id = process_id WHERE pid = $PUPPET ORDER BY space.id)")" "1,1,1"
equal "gaps by program" "$(query "SELECT count(*) FROM gap WHERE cause = 8")" 0
explain "$CORES/core.$PUPPET"
equal "verdict by program" "$(verdict)" "use-after-munmap proven"

# ---- by cgroup ----

PUPPET_PROGRAM=
for root in /sys/fs/cgroup /sys/fs/cgroup/unified; do
	if [ "$(stat -f -c %T "$root" 2>/dev/null)" = cgroup2fs ] && mkdir "$root/corelate-live-filters" 2>/dev/null; then
		CGROUP=$root/corelate-live-filters
		break
	fi
done
if [ -n "$CGROUP" ]; then
	DB=$TMP/cgroup.db
	recorder_start --cgroup "$CGROUP"
	puppet_start
	home=$root$(sed -n 's/^0:://p' "/proc/$PUPPET/cgroup")
	tell mark 1
	tell other burst 1
	tell into "$CGROUP" mark 2
	born=${ANSWER% *}
	tell mark 3
	before=$(now_ns)
	printf '%s\n' "$PUPPET" >"$CGROUP/cgroup.procs"
	after=$(now_ns)
	within 10 has_mappings || fail "mappings after the move"
	tell mark 4
	tell other burst 2
	tell fork mark 5
	printf '%s\n' "$PUPPET" >"$home/cgroup.procs"
	tell mark 6 # it goes on being followed
	tell exec "$VICTIMS/puppet"
	tell mark 7
	tell exit 0
	puppet_end
	recorder_stop
	check_books
	equal "markers by cgroup" "$(markers)" "2,4,5,6"
	check_match cgroup "$before" "$after"
	equal "second thread by cgroup" "$(query "SELECT count(*) FROM v_event WHERE pid = $PUPPET AND tid <> pid
		AND kind = 'munmap'")" 2
	equal "born in the cgroup of a parent that is not" "$(query "SELECT origin FROM space
		JOIN process ON process.id = process_id WHERE pid = $born")" 4
	equal "gap of the one that was born there" "$(query "SELECT count(*) FROM gap WHERE cause = 8 AND pid = $born")" 1
	within 5 rmdir "$CGROUP" || fail "the cgroup is not empty"
	CGROUP=
else
	printf 'no cgroup (v2) can be made here: --cgroup was not tried\n'
fi
live_end
