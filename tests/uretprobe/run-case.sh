#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Makes one crash with a real tracer attached and judges what corelate says of it, in one line.
#
# Usage: run-case.sh BUILD_DIRECTORY CASE [MODE] [--keep DIRECTORY]
#     --no-record  the core alone is given (default)
#     --record     the recorder ran before the tracer came
#     --unprobed   no tracer: the program alone must end as the case says, and its frames are the truth
#     --keep DIRECTORY  the victim, its core and the database are made there and stay there
# Exit status: 0 as expected, 1 not, 77 something that the case needs is missing.
set -euo pipefail
export LC_ALL=C
unset CORELATE_DB

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
VICTIMS=$here/victims
mode=no-record
# shellcheck source=../case.sh
. "$here/../case.sh"

# The victim said this word, or is gone.
said() {
	grep -qx "$1" said || ! kill -0 "$victim" 2>/dev/null
}

attached() {
	[ "$(bpftool perf show 2>/dev/null | grep -c "^pid $tracer ")" -ge "${#probes[@]}" ] || ! kill -0 "$tracer" 2>/dev/null
}

# bpftrace sets its handler after its probes: one signal may come too early.
interrupt_tracer() {
	kill -INT "$tracer" 2>/dev/null || return 0
	gone "$tracer"
}

# offset_of FUNCTION: its place in ./victim.
offset_of() {
	readelf -lW victim | awk '$1 == "LOAD" { print $2, $3, $5 }' >segments
	nm victim | awk -v function_name="$1" '$3 == function_name { address = $1 } END { print address }' | /usr/bin/python3 -c '
import sys
address = int(sys.stdin.read(), 16)
for line in open("segments"):
    offset, start, size = (int(word, 16) for word in line.split())
    if start <= address < start + size:
        print(hex(address - start + offset))'
}

agent_said() {
	grep -qx attached "agent.$1" || ! kill -0 "${agent_pids[$1]}" 2>/dev/null
}

# start_agent NAME KIND:FUNCTION...
start_agent() {
	local name=$1 probe places=()

	shift
	for probe in "$@"; do
		places+=("${probe%%:*}:$(offset_of "${probe#*:}")")
	done
	cp agent "$name" && : >"agent.$name"
	"./$name" "$work/victim" "${places[@]}" >"agent.$name" 2>&1 8>&- 9>&- &
	agent_pids[$name]=$!
	tracer+=" $!"
	within 30 agent_said "$name" && ! gone "${agent_pids[$name]}" || die "$name did not attach: $(tail -n 1 "agent.$name")"
}

stop_agent() {
	[ -n "${agent_pids[$1]-}" ] || return 0
	kill -KILL "${agent_pids[$1]}"
	wait "${agent_pids[$1]}" 2>/dev/null || true
	tracer=${tracer/ ${agent_pids[$1]}/}
	unset "agent_pids[$1]"
}

stop_tracer() {
	within 10 interrupt_tracer || kill -KILL "$tracer"
	wait "$tracer" || true
	tracer=''
}

# ---- what a case may use to build ----

c_program() {
	local output=$1

	shift
	gcc -std=gnu17 -g -pthread -I "$VICTIMS" -o "$output" "$@"
}

cxx_program() {
	local output=$1

	shift
	g++ -g -I "$VICTIMS" -o "$output" "$@"
}

c_library() {
	c_program "$@" -shared -fPIC
}

go_program() {
	GOCACHE=${CORELATE_GO_CACHE:-$build/tests/uretprobe/go-cache} GO111MODULE=off GOFLAGS='' \
		go build -gcflags=-l -o "$1" "$2"
}

crystal_program() {
	CRYSTAL_CACHE_DIR=${CORELATE_CRYSTAL_CACHE:-$build/tests/uretprobe/crystal-cache} crystal build --no-color -o "$1" \
		--link-flags "-L$work -Wl,-rpath,$work" "$2"
}

# ---- arguments, the case ----

[ $# -ge 2 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2 && exit 2; }
start=$PWD
arguments=("$@")
attempt=${CORELATE_ATTEMPT:-1}
build=$(realpath "$1")
arguments[0]=$build
name=$2
shift 2
while [ $# -gt 0 ]; do
	case $1 in
	--record | --no-record | --unprobed) mode=${1#--} ;;
	--keep) keep=$(realpath -m "$2") && shift ;;
	*) echo "run-case.sh: $1?" >&2 && exit 2 ;;
	esac
	shift
done

# A case sets these; the first line of its file says what it is.
needs=(gcc)          # programs to build it with
command=(./victim)   # what is run
probes=()            # bpftrace probes; relative paths are those of the working directory
alone=crash          # how it ends without a tracer: crash or 0
ends=core            # how it ends with the tracer: core, or an exit status
agents=()            # "NAME KIND:FUNCTION…": other tracers, each of its own name; KIND is plain or return. No bpftrace then
record_options=()    # further options of corelate record
tracers=''           # FUNCTION=NAME: who must be named as the one that attached it; NAME,NAME: as possible holders alone
says=''              # an extended regular expression that the verdict's summary must fit
never_says=''        # one that no text of any finding may fit
detach=no            # yes: the tracer leaves after the victim said "inside"
verdict=not-tracing  # a class, or not-tracing: any but those that blame a tracer
verdict_bare=same    # another one where nothing was recorded, if that is all a core can show
probed=''            # functions that the report must name as probed
probed_bare=same     # the same where nothing was recorded, if fewer
frames=''            # the crashed thread, innermost first; see judge.py. Empty: not judged
least_bare=all       # how many of them must be right where nothing was recorded
never=''             # functions that no frame may show
other=''             # a part of another thread's frames
build_victim() { false; }
[ -r "$here/cases/$name" ] || { echo "run-case.sh: no case $name" >&2 && exit 2; }
# shellcheck source=/dev/null
. "$here/cases/$name"

[ "$(id -u)" -eq 0 ] || skip "uprobes need root"
tools=()
[ "${#probes[@]}" -eq 0 ] || tools=(bpftrace bpftool)
for tool in "${needs[@]}" gcc readelf "${tools[@]}" /usr/bin/python3; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
[ -w /proc/sys/kernel/core_pattern ] || skip "core_pattern cannot be set here"
if [ "$ends" != core ] && [ "$mode" = no-record ]; then
	skip "it leaves no core"
fi

trap cleanup EXIT
trap 'exit 130' INT TERM HUP
if [ -n "$keep" ]; then
	mkdir -p "$keep"
	work=$keep
	rm -f "$work"/*
else
	work=$(mktemp -d)
	chmod 711 "$work"
fi
cd "$work"
declare -A agent_pids=()
[ "${#agents[@]}" -eq 0 ] || c_program agent "$VICTIMS/agent.c" >>build.log 2>&1 || die "the agent does not build"
build_victim >>build.log 2>&1 || die "the victim does not build: $(tail -n 3 build.log)"

share_pattern

# ---- the crash ----

mkfifo orders
: >said
runner=()
[ "$mode" != record ] || runner=("$build/corelate" record --db "$work/record.db" "${record_options[@]}" --)
# Opened for both so that opening does not wait for the other end.
exec 8<>orders
GOTRACEBACK=crash "${runner[@]}" "${command[@]}" <orders >said 2>errors 8>&- 9>&- &
victim=$!
within 60 said ready && ! gone "$victim" || die "the victim did not start: $(tail -n 3 errors)"

# Other programs may crash meanwhile: only this one's core counts.
pid=$victim
[ "$mode" != record ] || pid=$(ps -o pid= --ppid "$victim" | tr -d ' ' | head -n 1)

if [ "$mode" != unprobed ] && [ "${#probes[@]}" -gt 0 ]; then
	for probe in "${probes[@]}"; do
		printf '%s { @++; }\n' "${probe/.\//$work/}"
	done >tracer.bt
	bpftrace tracer.bt >tracer.log 2>&1 8>&- 9>&- &
	tracer=$!
	within 30 attached && ! gone "$tracer" || die "bpftrace did not attach: $(tail -n 3 tracer.log)"
fi
if [ "$mode" != unprobed ]; then
	for agent in "${agents[@]}"; do
		# shellcheck disable=SC2086 # words
		start_agent $agent
	done
fi
exec 7>&2 2>/dev/null # the shell's own word on the signal that ends the victim
echo >&8
if [ "$detach" = yes ]; then
	within 20 said inside && ! gone "$victim" || die "the victim did not get inside"
	[ "${#probes[@]}" -eq 0 ] || [ -z "$tracer" ] || stop_tracer
	stop_agent leaver # the agent of that name is the one that leaves
	echo >&8
fi
within 60 gone "$victim" || die "the victim does not end"
status=0
wait "$victim" || status=$?
exec 2>&7 7>&-
victim=''
exec 8>&-
[ "${#probes[@]}" -eq 0 ] || [ -z "$tracer" ] || stop_tracer
for agent in "${!agent_pids[@]}"; do
	stop_agent "$agent"
done
pattern_now=$(cat /proc/sys/kernel/core_pattern)
leave_pattern
rm -f orders
if [ -n "$keep" ]; then
	printf '%s\n' "$(head -n 1 "$here/cases/$name" | cut -c 3-)" "command: ${command[*]}; mode: $mode; status $status" \
		"tracer: bpftrace tracer.bt, $([ "$detach" = yes ] && echo gone before the crash || echo there to the end)" >README
fi

# ---- what is said of it ----

core=''
[ ! -e "core.$pid" ] || core=core.$pid
wanted=$ends
[ "$mode" != unprobed ] || { [ "$alone" = crash ] && wanted=core || wanted=$alone; }
if [ "$wanted" != core ]; then
	[ -z "$core" ] && [ "$status" -eq "$wanted" ] || die "status $status ${core:+and a core}, not $wanted: $(tail -n 1 errors)"
	if [ "$mode" = unprobed ]; then
		printf '%-20s %-10s ends with %s: PASS\n' "$name" "$mode" "$wanted"
		exit 0
	fi
elif [ -z "$core" ]; then
	[ "$pattern_now" != core.%p ] || die "no core; status $status: $(tail -n 1 errors)"
	# Something that does not take the lock set core_pattern meanwhile.
	[ "$attempt" -lt 5 ] || skip "something else keeps setting core_pattern"
	cd "$start"
	[ -n "$keep" ] || rm -rf "$work"
	exec env CORELATE_ATTEMPT=$((attempt + 1)) "$here/run-case.sh" "${arguments[@]}"
fi

database=()
[ "$mode" != record ] || database=(--db "$work/record.db")
[ "$mode" != record ] || audit_record
printf '%s\n' "${database[*]-} ${core:+./$core}" >explained.by
NO_COLOR=1 "$build/corelate" explain --json "${database[@]}" ${core:+"./$core"} >explained.json 2>explain.log ||
	die "explain: $(tail -n 1 explain.log)"
check_verdict
NO_COLOR=1 "$build/corelate" stack "${database[@]}" ${core:+"./$core"} >stack.txt 2>>explain.log || true
if [ "$mode" = no-record ]; then
	[ "$probed_bare" = same ] || probed=$probed_bare
	[ "$verdict_bare" = same ] || verdict=$verdict_bare
else
	least_bare=all
fi
[ "$mode" != unprobed ] || { verdict=not-tracing probed='' says='' never_says=''; }
/usr/bin/python3 "$here/judge.py" explained.json --case "$name" --mode "$mode" --verdict "$verdict" --probed "$probed" \
	--frames "$frames" --least "$least_bare" --never "$never" --other "$other" --sources "$VICTIMS" \
	--tracers "$tracers" --says "$says" --never-says "$never_says"
