#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Who holds which uprobe: attached before the recorder and while it runs, by perf events, links and tracefs; and a process
# that exits with a status other than 0 inside a probed function.
# shellcheck source=tests/live/lib.sh
. "$(dirname "$0")/lib.sh"
live_begin "$@"
command -v bpftrace >/dev/null || skip "bpftrace is not installed"
[ -r /sys/bus/event_source/devices/uprobe/type ] || skip "this kernel has no uprobes for perf"
LEAK_EVENT=
live_cleanup_more() {
	[ -z "$LEAK_EVENT" ] || printf -- '-:%s\n' "$LEAK_EVENT" >>/sys/kernel/tracing/uprobe_events
}

VICTIM=$TMP/ledger_victim
cp "$VICTIMS/ledger_victim" "$VICTIM"
INODE=$(stat -c %i "$VICTIM")
# A symbol's file offset: text of a program is mapped with the same distance from address to offset.
OFFSET=$("$PYTHON" - "$VICTIM" <<-'END'
	import subprocess, sys
	path = sys.argv[1]
	for line in subprocess.check_output(["nm", path], text=True).splitlines():
	    address, _, name = line.split() if len(line.split()) == 3 else ("0", "", "")
	    if name == "probed":
	        address = int(address, 16)
	        break
	for line in subprocess.check_output(["readelf", "-lW", path], text=True).splitlines():
	    words = line.split()
	    if words[:1] == ["LOAD"]:
	        offset, start, size = int(words[1], 16), int(words[2], 16), int(words[4], 16)
	        if start <= address < start + size:
	            print(address - start + offset)
END
)

# tracer_start LOG PROGRAM: bpftrace in the background; sets TRACER.
tracer_start() {
	local log=$1

	bpftrace -e "$2" >"$log" 2>&1 9>&- &
	TRACER=$!
	LIVE_PIDS+=("$TRACER")
	within 30 grep -q Attaching "$log" || fail "bpftrace did not start: $(cat "$log")"
	# It says so before it attaches.
	within 30 holds_probes "$TRACER" || fail "bpftrace did not attach: $(cat "$log")"
}
holds_probes() {
	[ -n "$(listed "$1")" ]
}

tracer_stop() {
	local status=0

	kill -INT "$1"
	wait "$1" || status=$?
	forget "$1"
	equal "status of the tracer" "$status" 0
}

probe_rows() {
	query "SELECT count(*) FROM probe WHERE inode = $INODE AND offset = $OFFSET AND $1"
}
has_rows() {
	[ "$(probe_rows "$1")" -ge "$2" ]
}
listed() {
	"$BUILD/corelated" --list-probes | awk -F '\t' -v path="$VICTIM" -v pid="$1" '$2 == path && $6 == pid { print $1 }' |
		sort | tr '\n' ' '
}
is_listed() {
	[ "$(listed "$1")" = "$2" ]
}

# ---- attached before the recorder ----

tracer_start "$TMP/first" "uprobe:$VICTIM:probed { @in = count() } uretprobe:$VICTIM:probed { @out = count() }"
FIRST=$TRACER
within 30 is_listed "$FIRST" "uprobe uretprobe " || fail "list of the first tracer: $(listed "$FIRST")"
recorder_start --exe "$VICTIM"

# ---- attached while it runs, by a process that the filter does not take ----

before=$(now_ns)
tracer_start "$TMP/second" "uretprobe:$VICTIM:probed { @again = count() }"
SECOND=$TRACER
within 10 has_rows "holder_pid = $SECOND AND at_return = 1 AND attached_ns >= $before" 1 ||
	fail "no row for the second tracer"
equal "rows of the first tracer" "$(probe_rows "holder_pid = $FIRST AND attached_ns = 0 AND gone_ns = 0")" 2
equal "uretprobes of the first tracer" "$(probe_rows "holder_pid = $FIRST AND at_return = 1")" 1
equal "names" "$(query "SELECT DISTINCT holder_comm || ' ' || path FROM probe WHERE inode = $INODE")" "bpftrace $VICTIM"
equal "start of the holder" "$(query "SELECT holder_start_ns / 10000000 FROM probe WHERE holder_pid = $SECOND LIMIT 1")" \
	"$(sed 's/.*) //' "/proc/$SECOND/stat" | cut -d' ' -f20)"
equal "cgroup of the holder" "$(query "SELECT holder_cgroup FROM probe WHERE holder_pid = $SECOND LIMIT 1")" \
	"$(sed -n 's/^0:://p' "/proc/$SECOND/cgroup")"
holds "programs of the first tracer" "$(probe_rows "holder_pid = $FIRST AND program_id > 0")" -eq 2

# ---- what tells no program, a link, a probe for one process ----

mkfifo "$TMP/held"
sleep 1000 >"$TMP/held" 9>&- &
KEEPER=$!
LIVE_PIDS+=("$KEEPER")
for how in perf link; do
	"$VICTIMS/ledger_tracer" "$how" "$VICTIM" "$OFFSET" <"$TMP/held" >"$TMP/tracer.$how" 9>&- &
	eval "HELD_$how=$!"
	LIVE_PIDS+=("$!")
	within 10 test -s "$TMP/tracer.$how" || fail "ledger_tracer $how said nothing"
done
equal "perf event" "$(cat "$TMP/tracer.perf")" attached
# shellcheck disable=SC2154 # set by the loop
within 10 has_rows "holder_pid = $HELD_perf AND how = 1 AND attached_ns > 0" 1 || fail "no row for a bare perf event"
if [ "$(cat "$TMP/tracer.link")" = attached ]; then
	# shellcheck disable=SC2154
	within 10 has_rows "holder_pid = $HELD_link AND how = 2 AND attached_ns > 0 AND at_return = 1" 1 ||
		fail "no row for a link"
	equal "list of a link" "$(listed "$HELD_link")" "uretprobe "
fi
if [ -w /sys/kernel/tracing/uprobe_events ]; then
	LEAK_EVENT=corelate_live/ledger$$
	printf 'r:%s %s:0x%x\n' "$LEAK_EVENT" "$VICTIM" "$OFFSET" >>/sys/kernel/tracing/uprobe_events
	within 15 has_rows "how = 3 AND holder_pid = 0 AND enabled = 0 AND at_return = 1" 1 || fail "no row for tracefs"
	printf -- '-:%s\n' "$LEAK_EVENT" >>/sys/kernel/tracing/uprobe_events
	LEAK_EVENT=
fi

# ---- the list for people ----

if "$CORELATE" help 2>&1 | grep -q '^ *probes '; then
	must "$CORELATE" probes >"$TMP/list"
	contains "list" "$(cat "$TMP/list")" "by bpftrace (pid $FIRST)"
	contains "list" "$(cat "$TMP/list")" "(probed)"
	must "$CORELATE" probes --json >"$TMP/list.json"
	equal "list as JSON" "$(json "$TMP/list.json" "sorted((p['kind'], p['function']) for p in d
		if p['attached_by'] and p['attached_by']['pid'] == $FIRST)")" \
		"[('uprobe', 'probed'), ('uretprobe', 'probed')]"
fi

# ---- exit inside a probed function, without a signal ----

status=0
"$VICTIM" 5 || status=$?
equal "status of the victim" "$status" 5
has_count() {
	[ "$(query "SELECT count(*) FROM $1")" = "$2" ]
}
within 10 has_count exit_state 1 || fail "no row for the exit"
equal "exit" "$(query "SELECT status || ' ' || (trampoline > 0) || ' ' || pending_uretprobes FROM v_exit")" "5 1 1"
equal "pending uretprobe" "$(query "SELECT inode || ' ' || offset || ' ' || (return_address > 0) FROM return_instance
	WHERE exit_state_id > 0")" "$INODE $OFFSET 1"
died=$(query 'SELECT time_ns FROM exit_state')
within 10 has_rows "last_seen_ns > $died AND at_return = 1 AND holder_pid IN ($FIRST, $SECOND)" 2 ||
	fail "no look at the holders after the exit"
# Nothing of that for one that ends well.
must "$VICTIM" 0
within 10 has_count "process WHERE exit_ns > 0" 2 || fail "the second victim's end is missing"
has_count exit_state 1 || fail "a row for a good exit"

# ---- gone with its holder ----

tracer_stop "$SECOND"
contains "what the second tracer counted" "$(cat "$TMP/second")" "@again: "
within 10 has_rows "holder_pid = $SECOND AND gone_ns > $died AND last_seen_ns = gone_ns" 1 || fail "the second is not gone"
equal "the first is there" "$(probe_rows "holder_pid = $FIRST AND gone_ns = 0")" 2
kill "$KEEPER"
tracer_stop "$FIRST"
contains "what the first tracer counted" "$(cat "$TMP/first")" "@out: "
recorder_stop
check_books
equal "probes that are left" "$(probe_rows "gone_ns = 0")" 0
equal "lost" "$(query 'SELECT lost FROM recording')" 0
is_listed "$FIRST" "" || fail "the first tracer is still listed"
live_end
