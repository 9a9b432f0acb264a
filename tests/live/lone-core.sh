#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Cores that lack what tells the cause: the siginfo, a library's file; and cores of processes that lived on.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# ---- programs ----

cat >"$TMP/chain.c" <<'END'
#include <stdlib.h>
struct link { struct link *next; long weight; };
__attribute__((noinline)) long second_weight(struct link *first) { return first->next->weight; }
int main(void) { return (int)second_weight(calloc(1, sizeof(struct link))); }
END
cat >"$TMP/overrun.c" <<'END'
#include <string.h>
__attribute__((noinline)) void take_name(const char *name)
{
	char buffer[8];

	strcpy(buffer, name);
	__asm__ volatile("" : : "r"(buffer) : "memory");
}
int main(int argc, char **argv) { take_name(argc > 1 ? argv[1] : "a name that is longer than that"); }
END
cat >"$TMP/giveup.c" <<'END'
#include <stdlib.h>
__attribute__((noinline)) void give_up(void) { abort(); }
int main(int argc, char **argv) { (void)argv; if (argc < 9) give_up(); return 0; }
END
cat >"$TMP/throw.cc" <<'END'
#include <stdexcept>
__attribute__((noinline)) void fail(int count) { if (count < 9) throw std::runtime_error("no room"); }
int main(int argc, char **) { fail(argc); }
END
compile=(-g -O1 -w -fno-delete-null-pointer-checks -fstack-protector-strong)
mkdir "$TMP/lib"
must cc "${compile[@]}" -o "$TMP/chain" "$TMP/chain.c"
must cc "${compile[@]}" -o "$TMP/overrun" "$TMP/overrun.c" -Wl,-rpath,"$TMP/lib"
must cc "${compile[@]}" -o "$TMP/giveup" "$TMP/giveup.c"
must cc "${compile[@]}" -s -o "$TMP/bare" "$TMP/giveup.c"
libc=$(ldd "$TMP/chain" | awk '$1 == "libc.so.6" { print $3 }')
must cp "$libc" "$TMP/lib/libc.so.6"

# crash PROGRAM: sets CORE. The process id that the kernel gave it is in the core's name alone.
crash() {
	rm -f "$CORES"/core.*
	"$TMP/$1" >/dev/null 2>&1 9>&- || true
	CORE=$TMP/core-of-$1
	mv "$CORES"/core.* "$CORE" || fail "$1 left no core"
}

# judge CORE: by the core alone; sets EXPLAINED and SUMMARY.
judge() {
	EXPLAINED=$TMP/explained.json
	"$CORELATE" explain --json "$1" >"$EXPLAINED" 2>"$TMP/errors" || fail "explain $1: $(cat "$TMP/errors")"
	SUMMARY=$(json "$EXPLAINED" 'd["findings"][0]["summary"]')
}

build_id() {
	readelf -n "$1" | awk '/Build ID/ { print $3 }'
}

# ---- without NT_SIGINFO: as qemu's user emulation and old kernels write them ----

crash chain
judge "$CORE"
equal "verdict with the siginfo" "$(verdict)" "null-dereference none"
"$PYTHON" - "$CORE" "$TMP/bare-core" <<-'END'
	import struct, sys
	data = bytearray(open(sys.argv[1], "rb").read())
	table, = struct.unpack_from("<Q", data, 32)
	count, = struct.unpack_from("<H", data, 56)
	for index in range(count):
	    kind, _, offset, _, _, size, _, _ = struct.unpack_from("<IIQQQQQQ", data, table + 56 * index)
	    at = offset
	    while kind == 4 and at < offset + size:
	        name, length, note = struct.unpack_from("<III", data, at)
	        if note == 0x53494749:  # NT_SIGINFO
	            struct.pack_into("<I", data, at + 8, 0x7777)
	        at += 12 + (name + 3) // 4 * 4 + (length + 3) // 4 * 4
	open(sys.argv[2], "wb").write(data)
END
judge "$TMP/bare-core"
equal "class without the siginfo" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" null-dereference
contains "summary without the siginfo" "$SUMMARY" second_weight
equal "code without the siginfo" "$(json "$EXPLAINED" 'd["signal"]["code"]')" null
equal "senders without the siginfo" \
	"$(json "$EXPLAINED" '[f["class"] for f in d["findings"] if f["class"] == "killed-by-process"]')" "[]"
lacks "text without the siginfo" "$("$CORELATE" explain "$TMP/bare-core")" SI_USER

# ---- a file that would tell is gone ----

# lost CORE MODULE WHAT: nothing is concluded; the report says what is missing and where it is from.
lost() {
	judge "$1"
	equal "verdict without $3" "$(verdict)" "unknown none"
	contains "summary without $3" "$SUMMARY" "$(basename "$2")"
	contains "summary without $3" "$SUMMARY" "is missing"
	contains "build-id of $3" "$SUMMARY" "$BUILD_ID"
	contains "what to do without $3" "$(json "$EXPLAINED" 'd["findings"][0]["next_step"]')" "$2"
}

crash overrun
judge "$CORE"
equal "verdict with the C library" "$(verdict)" "stack-smash proven"
BUILD_ID=$(build_id "$TMP/lib/libc.so.6")
must mv "$TMP/lib" "$TMP/lib-elsewhere"
lost "$CORE" "$TMP/lib/libc.so.6" "the C library"
# With the program gone, the C library's own word stays.
must mv "$TMP/lib-elsewhere" "$TMP/lib"
must mv "$TMP/overrun" "$TMP/overrun-elsewhere"
judge "$CORE"
equal "verdict without the program" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" stack-smash

crash giveup
judge "$CORE"
equal "verdict of abort()" "$(verdict)" "deliberate-abort proven"
BUILD_ID=$(build_id "$TMP/giveup")
must mv "$TMP/giveup" "$TMP/giveup-elsewhere"
lost "$CORE" "$TMP/giveup" "the program that aborts"
crash bare
judge "$CORE"
equal "verdict of abort() in a stripped program" "$(verdict)" "deliberate-abort possible"

if command -v c++ >/dev/null; then
	must c++ "${compile[@]}" -o "$TMP/throw" "$TMP/throw.cc" -Wl,-rpath,"$TMP/lib"
	library=$(ldd "$TMP/throw" | awk '$1 == "libstdc++.so.6" { print $3 }')
	must cp "$library" "$TMP/lib/libstdc++.so.6"
	crash throw
	judge "$CORE"
	equal "verdict with libstdc++" "$(verdict)" "uncaught-exception proven"
	BUILD_ID=$(build_id "$TMP/lib/libstdc++.so.6")
	must mv "$TMP/lib/libstdc++.so.6" "$TMP/"
	lost "$CORE" "$TMP/lib/libstdc++.so.6" "libstdc++"
fi

# ---- processes that lived on ----

# snapshot CORE WHAT
snapshot() {
	judge "$1"
	equal "verdict of $2" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" snapshot
	equal "findings of $2" "$(json "$EXPLAINED" 'len(d["findings"])')" 1
}

# start COMMAND...: in the background; sets JOB when it has printed a line.
start() {
	rm -f "$TMP/line"
	"$@" >"$TMP/line" 9>&- &
	JOB=$!
	LIVE_PIDS+=("$JOB")
	within 20 test -s "$TMP/line" || fail "$* did not start"
}

# stop SIGNAL
stop() {
	kill "-$1" "$JOB"
	wait "$JOB" 2>/dev/null || true
	forget "$JOB"
}

rm -f "$CORES"/core.*
start "$VICTIMS/senders" idle
if command -v gdb >/dev/null; then
	must gdb -q -batch -p "$JOB" -ex "generate-core-file $TMP/idle" >/dev/null 2>&1
	snapshot "$TMP/idle" "an idle process"
	contains "summary of an idle process" "$SUMMARY" SIGSTOP
fi
# Near miss: the same process, told to quit.
stop QUIT
judge "$CORES/core.$JOB"
equal "verdict of kill -QUIT" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" killed-by-process
start "$VICTIMS/senders" idle
stop TRAP
judge "$CORES/core.$JOB"
equal "verdict of kill -TRAP" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" killed-by-process

# in_gdb CORE PROGRAM ARGUMENT COMMAND...: has gdb run it and write the core.
in_gdb() {
	local core=$1 program=$2 argument=$3 commands=() command

	shift 3
	for command in "$@"; do
		commands+=(-ex "$command")
	done
	timeout 60 gdb -q -batch "${commands[@]}" -ex "generate-core-file $core" --args "$program" "$argument" \
		>"$TMP/gdb.log" 2>&1 9>&- || fail "gdb with $program: $(tail -3 "$TMP/gdb.log")"
}

if command -v gdb >/dev/null; then
	start "$VICTIMS/senders" threads
	must gdb -q -batch -p "$JOB" -ex "generate-core-file $TMP/threads" >/dev/null 2>&1
	stop KILL
	snapshot "$TMP/threads" "a process of several threads"
	in_gdb "$TMP/at-breakpoint" "$TMP/chain" x 'break second_weight' run
	snapshot "$TMP/at-breakpoint" "a process at a breakpoint"
	in_gdb "$TMP/stepped" "$TMP/chain" x 'break second_weight' run stepi
	snapshot "$TMP/stepped" "a process that was stepped"
	in_gdb "$TMP/at-call" "$TMP/chain" x 'catch syscall brk' run
	snapshot "$TMP/at-call" "a process at a system call"
	# Near miss: a debugger that holds a process at its fault has the crash at hand.
	in_gdb "$TMP/at-fault" "$TMP/chain" x run
	judge "$TMP/at-fault"
	equal "verdict of a fault in a debugger" "$(verdict)" "null-dereference none"
	in_gdb "$TMP/at-abort" "$TMP/bare" x run
	judge "$TMP/at-abort"
	equal "verdict of abort() in a debugger" "$(json "$EXPLAINED" 'd["findings"][0]["class"]')" deliberate-abort
fi
live_end
