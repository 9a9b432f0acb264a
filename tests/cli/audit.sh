#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate audit: a whole record has no finding, each check finds the fault that is planted for it and no other check
# does, and what looks like a fault and is none is not told.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

fixture db=whole.db core=core heap=1 gap=1
# A row of every table that the fixture leaves empty, and the books of what is there.
sqlite3 whole.db "
	UPDATE recording SET emitted = 117, stored = 100, lost = 17, ended_ns = 1010000000000, last_commit_ns = 1010000000000,
		abi_version = 6;
	UPDATE process SET cgroup_id = 77;
	INSERT INTO thread_start VALUES (1, 1, 4243, 1001400000000);
	INSERT INTO syscall VALUES (1, 1, 4242, 3, 1001400000000, 5, -9, 4, 0, 0, 0, 0, 0);
	INSERT INTO space_sharer VALUES (1, 2, 1, 1001500000000);
	INSERT INTO stack_slice VALUES (901, 0, x'');
	INSERT INTO stack VALUES (901, 1, 0, 0, 0, 0, 0, 0, 4096, 901);
	UPDATE event SET stack_id = 901 WHERE id = (SELECT max(id) FROM event);
	UPDATE heap SET stack_id = 901 WHERE id = (SELECT max(id) FROM heap);
	UPDATE call SET stack_id = 901 WHERE id = (SELECT max(id) FROM call);
	UPDATE event SET file_id = 1 WHERE id = (SELECT max(id) FROM event);
	INSERT INTO exit_state SELECT 1, 1, 1, 4242, 42, 1002000000000, 256, 4096, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 'depot';
	INSERT INTO return_instance VALUES (NULL, 1, 4242, 0, 1, 2, 3, 0, 8, 1, 7, 16, 0);
	INSERT INTO return_instance VALUES (NULL, 0, 4242, 0, 1, 2, 3, 0, 8, 1, 7, 16, 1);
	INSERT INTO signal_sender VALUES (1, 1, 1, 1002000000000, 'init', 0, 0, 0, -1, 0, 0, 0, 0, '');
	INSERT INTO probe VALUES (1, 1, 1, '/bin/x', 8, 1, 7, 8, 1, 7, 16, 1, 1, 0, 0, 0, 50, 1, 'tracer', 77, '/', 0,
		1001400000000, 1001500000000, 1001600000000);
	INSERT INTO truncation VALUES (1, 1, 1, '', 1, 50, 50, 0, 'cp', 1001400000000, 1001400000000, 9, 0, 0, 0, 0, 0, 0);
	UPDATE probe_coverage SET process_id = 1;
	-- two of the child, so that a plant can damage one of them alone
	INSERT INTO probe_coverage VALUES (NULL, 1, 2, 9223372036854775807, 1), (NULL, 1, 2, 9223372036854775807, 1);
	INSERT INTO process SELECT 2, 1, 4300, 43, 4242, 1000, 1001500000000, 1001500000000, 1002000000000, 0, 77, 'child', 1000;
	INSERT INTO space SELECT 2, 2, 1, 2, 1001500000000, 1001600000000, auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base,
		'child', 1 FROM space;
	INSERT INTO space SELECT 3, 2, 0, 1, 1001600000000, 1002000000000, auxv_sysinfo_ehdr, auxv_random, auxv_entry, auxv_base,
		'child', 1 FROM space WHERE id = 1"

# audit DATABASE: runs it; `out` holds the JSON.
audit() {
	run "$corelate" audit --json "$1"
	[ ! -s err ] || fail "audit $1: $(show err)"
}

# The checks of the findings, once each.
found() {
	"$python" -c 'import json; print(" ".join(sorted({f["check"] for f in json.load(open("out"))["findings"]})))'
}

planted=()
# plant CHECKS SQL: the fault that the SQL makes in a whole record is found by those checks and by no others.
plant() {
	rm -f faulty.db
	cp whole.db faulty.db
	sqlite3 faulty.db "$2"
	audit faulty.db
	[ "$status" -eq 1 ] || fail "$1: status $status"
	[ "$(found)" = "$1" ] || fail "planted $1, found $(found): $(show out)"
	planted+=($1)
}

# innocent SQL: no fault.
innocent() {
	rm -f faulty.db
	cp whole.db faulty.db
	sqlite3 faulty.db "$1"
	audit faulty.db
	[ "$status" -eq 0 ] || fail "no fault, and status $status, $(found): $1"
}

audit whole.db
[ "$status" -eq 0 ] || fail "a whole record: $(show out)"
run "$corelate" audit whole.db
[ "$status" -eq 0 ] && [ "$(cat out)" = '0 findings in 1 recording of 2 processes' ] || fail "in words: $(show out)"

# ---- books ----

plant books 'UPDATE recording SET emitted = emitted + 1'
plant books-gaps 'DELETE FROM gap'
plant books-gaps 'INSERT INTO gap VALUES (NULL, 1, 0, 1, 1001695678901, 1001695678902, 1)'
plant books-rows 'UPDATE recording SET stored = 3, emitted = 20'
plant books-end 'INSERT INTO recording SELECT 2, boot_id, started_ns, 0, started_ns, realtime_offset_ns, 6, 0, 0, 0, kernel_release,
	filter, corelate_version FROM recording; INSERT INTO recording SELECT 3, boot_id, started_ns, 0, started_ns,
	realtime_offset_ns, 6, 0, 0, 0, kernel_release, filter, corelate_version FROM recording WHERE id = 1'

# ---- completeness ----

for column in namespace_pid parent_pid cgroup_id; do
	plant complete-process "UPDATE process SET $column = 0 WHERE id = 2"
	grep -q "process 2 (pid 4300, child) lacks $column\"" out || fail "what it lacks: $(show out)"
done
plant complete-process "UPDATE process SET comm = '' WHERE id = 2"
plant complete-process 'UPDATE process SET start_ns = 0 WHERE id = 2'
plant complete-process 'UPDATE process SET last_uid = NULL WHERE id = 2'
plant complete-space 'UPDATE space SET auxv_random = 0 WHERE id = 3'
plant complete-space 'UPDATE space SET executable_file_id = 0 WHERE id = 3'
plant complete-end 'UPDATE space SET to_ns = 0 WHERE id = 3'
plant complete-coverage 'DELETE FROM probe_coverage WHERE process_id = 2'
plant complete-file "INSERT INTO file VALUES (900, 8, 1, 900, '')"

# ---- order ----

plant order-recording 'UPDATE recording SET last_commit_ns = ended_ns + 1'
plant order-process 'UPDATE process SET first_seen_ns = start_ns - 1 WHERE id = 1'
plant 'order-process order-space' 'UPDATE process SET exit_ns = first_seen_ns - 1 WHERE id = 2'
plant order-space 'UPDATE space SET from_ns = 1001499999999, origin = 4 WHERE id = 2'
plant order-space 'UPDATE space SET from_ns = 1 WHERE id = 2'
plant 'life-space order-space' 'UPDATE space SET to_ns = 1002000000001 WHERE id = 2'
plant order-event 'UPDATE event SET enter_ns = 1002346678902 WHERE id = 1'
plant order-event 'UPDATE event SET kind = 1, enter_ns = 1002346678902 WHERE id = 1'
plant order-event 'UPDATE event SET enter_ns = 1000000000001, duration_ns = 5 WHERE id = 1'
plant order-heap 'UPDATE heap SET enter_ns = 1002346678902 WHERE id = 1'
plant order-call 'UPDATE call SET duration_ns = -5 WHERE id = 1'
plant order-syscall 'UPDATE syscall SET enter_ns = 1002346678902'
plant order-marker 'UPDATE marker SET exit_ns = enter_ns - 1 WHERE id = 1'
plant order-signal 'UPDATE signal SET time_ns = 1002346678902'
plant order-gap 'UPDATE gap SET to_ns = from_ns - 1'
plant order-probe 'UPDATE probe SET gone_ns = last_seen_ns - 1'

# ---- lives ----

again="INSERT INTO probe_coverage VALUES (NULL, 1, 3, 9223372036854775807, 1);
	INSERT INTO process SELECT 3, recording_id, pid, namespace_pid, parent_pid, uid, %s, first_seen_ns + 600000000,
	exit_ns + 600000000, 0, cgroup_id, comm, last_uid FROM process WHERE id = 2"
# shellcheck disable=SC2059 # the format is the statement
plant life-overlap "$(printf "$again" 'start_ns + 400000000')"
# shellcheck disable=SC2059
plant life-twice "$(printf "$again" start_ns)"
# shellcheck disable=SC2059
plant life-overlap "$(printf "$again" 'start_ns + 600000000'); UPDATE process SET exit_ns = 0 WHERE id = 2"
# The pid's next owner, who began when the former one had ended; and one whose end a gap may hide.
# shellcheck disable=SC2059
innocent "$(printf "$again" 'start_ns + 600000000')"
# shellcheck disable=SC2059
innocent "$(printf "$again" 'start_ns + 600000000'); UPDATE process SET exit_ns = 0 WHERE id = 2;
	INSERT INTO gap VALUES (NULL, 1, 4300, 1, 1002000000000, 1002000000000, 1); UPDATE recording SET lost = 18, emitted = 118"
plant life-space 'UPDATE space SET to_ns = 1001700000000 WHERE id = 2'

# ---- rows that are not there ----

while read -r table column target; do
	plant "reference-$target" "UPDATE $table SET $column = 4711 WHERE rowid = (SELECT max(rowid) FROM $table WHERE $column > 0)"
	grep -q "$table row .*: $column 4711 is no row of $target" out || fail "$table.$column: $(show out)"
done <<'END'
probe recording_id recording
function recording_id recording
probe_coverage recording_id recording
truncation recording_id recording
thread_start process_id process
exit_state process_id process
space_sharer process_id process
signal process_id process
probe_coverage process_id process
event space_id space
heap space_id space
call space_id space
marker space_id space
syscall space_id space
space_sharer space_id space
signal space_id space
exit_state space_id space
space parent_space_id space
event file_id file
space executable_file_id file
truncation file_id file
function file_id file
heap function_id function
call function_id function
event stack_id stack
heap stack_id stack
call stack_id stack
stack slice_id stack_slice
return_instance signal_id signal
return_instance exit_state_id exit_state
signal_sender signal_id signal
END
sed -n 's/^	{"\([a-z_]*\)", "[a-z_]*", "\([a-z_]*\)", "\([a-z_]*\)", .*/\1 \2 \3/p' "$source_root/schema/audit.c" | sort >listed
# Those that more hangs on than one check sees.
plant 'reference-recording' 'INSERT INTO gap VALUES (NULL, 4711, 0, 1, 1001695678901, 1001695678902, 0)'
plant 'reference-recording' 'UPDATE process SET recording_id = 4711 WHERE id = 2'
plant 'reference-process' 'UPDATE space SET process_id = 4711 WHERE id = 2'
[ "$(wc -l <listed)" -eq 34 ] || fail "columns that lead to rows: $(wc -l <listed); plant a fault for the new one"
plant reference-death 'UPDATE return_instance SET signal_id = 0 WHERE signal_id = 1'

# ---- what is none ----

innocent 'UPDATE event SET enter_ns = 1002346678902 WHERE id = 1; UPDATE space_sharer SET space_id = 1'

innocent 'UPDATE recording SET abi_version = 5; UPDATE process SET last_uid = NULL'
innocent 'UPDATE recording SET ended_ns = 0'
innocent 'UPDATE process SET parent_pid = 0, pid = 1 WHERE id = 2'
innocent 'UPDATE process SET exit_ns = 0 WHERE id = 2; UPDATE space SET to_ns = 0 WHERE id = 3'
innocent 'DELETE FROM space WHERE id = 2; INSERT INTO prune_rest VALUES (2, 2)'
innocent 'UPDATE heap SET duration_ns = -1'

# ---- as a command ----

for file in "$source_root"/schema/audit/*.sql; do
	check=$(basename "$file" .sql)
	case " ${planted[*]} " in
	*" $check "*) ;;
	*) fail "no fault is planted for $check" ;;
	esac
done
# One line a finding, and not a hundred of one kind.
cp whole.db many.db
sqlite3 many.db "WITH RECURSIVE n(i) AS (SELECT 1000 UNION ALL SELECT i + 1 FROM n WHERE i < 1099)
	INSERT INTO file SELECT i, 8, 1, i, '' FROM n"
run "$corelate" audit many.db
[ "$status" -eq 1 ] || fail "many findings: status $status"
[ "$(grep -c '^complete-file: file ' out)" -eq 20 ] && grep -qx 'complete-file: and 80 more' out &&
	[ "$(tail -n 1 out)" = '100 findings in 1 recording of 2 processes' ] || fail "many findings: $(show out)"
run "$corelate" audit --db many.db
[ "$status" -eq 1 ] || fail "--db: status $status"
run "$corelate" audit nothing.db
[ "$status" -eq 3 ] || fail "no database: status $status"
run "$corelate" audit core
[ "$status" -eq 1 ] && [ -s err ] && [ ! -s out ] || fail "no database at all: status $status, $(show out)"
finish
