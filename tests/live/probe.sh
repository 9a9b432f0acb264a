#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# --heap and --probe on real programs: every call with its arguments, what they point to, and its result, equal to what the
# program itself says; C, static C, C++, Go, static probes, and the allocators that can be had here.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"
cd "$TMP"

# probe OPTION... -- COMMAND...: records into a fresh database; standard output goes to $TMP/said.
number=0
probe() {
	DB=$TMP/$((number += 1)).db
	STATUS=0
	RECORDER_LOG=$(mktemp "$TMP/recorder.XXXXXX")
	"$CORELATE" record --db "$DB" "$@" >"$TMP/said" 2>"$RECORDER_LOG" 9>&- || STATUS=$?
	contains "what the recorder says of $*" "$(cat "$RECORDER_LOG")" ', 0 lost'
}

calls() {
	query "SELECT $1 FROM v_call ORDER BY seconds, id"
}

# heap_agrees WHAT: the lines that the program printed are, in their order, among the calls that were recorded.
heap_agrees() {
	query 'SELECT role, ifnull(old_block, "0x0"), ifnull(block, "0x0"), size, ifnull(alignment, 0) FROM v_heap
		ORDER BY seconds, id' >recorded
	"$PYTHON" - "$1" <<-'END_OF_CHECK' || fail "the heap of $1"
		import sys
		recorded = [line.strip().split("|") for line in open("recorded")]
		at, missing = 0, []
		for line in open("said"):
		    words = line.split()
		    # That a page is what valloc aligns to is not in its arguments.
		    found = next((i for i in range(at, len(recorded)) if recorded[i] == words), None)
		    if found is None:
		        missing.append(line.strip())
		    else:
		        at = found + 1
		if missing or at < 20:
		    print(f"{sys.argv[1]}: {len(recorded)} calls recorded; not among them, in this order: {missing[:5]}", file=sys.stderr)
		    sys.exit(1)
	END_OF_CHECK
	equal "calls of $1 whose return was not seen" "$(query 'SELECT count(*) FROM v_heap WHERE microseconds IS NULL')" 0
}

# ---- the heap ----

probe --heap -- "$VICTIMS/heap-family"
equal "status" "$STATUS" 0
heap_agrees glibc
contains "what was followed" "$(query 'SELECT DISTINCT path FROM v_function')" libc.so.6
cc -O2 -static -o static "$SOURCE/tests/live/victims/heap-family.c"
probe --heap -- ./static
heap_agrees 'a static program'
for library in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
	path=$(/sbin/ldconfig -p | sed -n "s|^[[:space:]]*$library .*x86-64.* => ||p" | head -n 1)
	if [ -z "$path" ]; then
		echo "partly skipped: no $library"
		continue
	fi
	probe --heap -- env LD_PRELOAD="$library" "$VICTIMS/heap-family"
	heap_agrees "$library, preloaded"
	[ "$(query "SELECT count(*) FROM v_function WHERE path LIKE '%$library%'")" -gt 5 ] || fail "no functions of $library"
	cc -O2 -Wl,--no-as-needed -o linked "$SOURCE/tests/live/victims/heap-family.c" "$path"
	probe "--heap=$library" -- ./linked
	# glibc's own functions are not asked for, and jemalloc and tcmalloc have no reallocarray.
	grep -v reallocarray said >less && mv less said
	heap_agrees "$library, linked"
done
cat >plus.cc <<'END_OF_SOURCE'
#include <cstdio>
#include <new>
struct alignas(64) Wide { char bytes[128]; };
template <typename T> T *hide(T *pointer) { asm volatile("" : "+r"(pointer)); return pointer; }
int main()
{
	int *one = hide(new int(1)), *many = hide(new int[100]), *quiet = hide(new (std::nothrow) int(2));
	Wide *wide = hide(new Wide);
	std::printf("%p %p %p %p\n", (void *)one, (void *)many, (void *)quiet, (void *)wide);
	delete one;
	delete[] many;
	delete quiet;
	delete wide;
}
END_OF_SOURCE
c++ -O2 -std=c++17 -o plus plus.cc
probe --heap -- ./plus
read -r one many quiet wide <said
equal "sizes of operator new" "$(query "SELECT group_concat(size || ' ' || ifnull(alignment, 0)) FROM (SELECT DISTINCT block,
	size, alignment FROM v_heap WHERE role = 'new' AND block IN ('$one', '$many', '$quiet', '$wide') ORDER BY id)")" \
	"4 0,400 0,4 0,128 64"
for block in $one $many $quiet $wide; do
	holds "operator delete of $block" "$(query "SELECT count(*) FROM v_heap WHERE role = 'delete' AND old_block = '$block'")" -ge 1
	holds "free below it" "$(query "SELECT count(*) FROM v_heap WHERE role = 'free' AND old_block = '$block'")" -ge 1
done

# ---- functions of C ----

cat >victim.c <<'END_OF_SOURCE'
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#define OPAQUE __attribute__((noipa))
OPAQUE int greet(const char *who, int times) { return times < 0 ? -1 : (int)strlen(who) * times; }
OPAQUE long keep(const void *bytes, size_t count, char kind) { return ((const char *)bytes)[0] + (long)count + kind; }
OPAQUE long hand_on(const char *bytes, size_t count) { return keep(bytes, count, 1); }
OPAQUE int eight(int a, int b, int c, int d, int e, int f, const char *g, int h) { return a + b + c + d + e + f + g[0] + h; }
OPAQUE unsigned depth(unsigned n)
{
	unsigned below = n == 0 ? -1u : depth(n - 1);

	__asm__ volatile("" : "+r"(below)); /* not a loop */
	return below + 1;
}
int main(void)
{
	char bytes[] = {'a', 0, 'b', 'c', 'd'};

	/* The kernel side reads what is in memory, and a page of the file comes there when it is first used. */
	__asm__ volatile("" : : "r"(*(volatile const char *)"world"), "r"(*(volatile const char *)"tail"),
			 "r"(*(volatile const char *)"seven"));

	long sum = greet("world", 3) + greet("", -7) + keep(bytes, 4, 'z') + hand_on("tail", 3) +
		   eight(1, 2, 3, 4, 5, 6, "seven", 8) + depth(100);

	return sum < 0;
}
END_OF_SOURCE
cc -O2 -fomit-frame-pointer -o victim victim.c
probe --probe 'victim:greet(const char *, int) -> int' -- ./victim
equal "greet" "$(calls "a0 || ' ' || a1 || ' ' || result")" $'world 0x3 0xf\n 0xfffffffffffffff9 0xffffffffffffffff'
probe --probe 'victim:keep(char[arg1], size_t, char) -> long' --probe 'victim:hand_on(char *, size_t) -> long' -- ./victim
equal "the bytes of a buffer" "$(query "SELECT hex(t0) FROM call, function ON function.id = function_id WHERE name = 'keep'
	ORDER BY call.enter_ns LIMIT 1")" 61006263
equal "results of keep" "$(query "SELECT group_concat(result) FROM v_call WHERE function = 'keep'")" \
	"$(printf '0x%x,0x%x' $((97 + 4 + 122)) $((116 + 3 + 1)))"
# It ends in a jump to keep, and returns what that does.
equal "the result of a tail call" "$(query "SELECT result FROM v_call WHERE function = 'hand_on'")" "$(printf '0x%x' 120)"
probe --probe './victim:eight(_, _, _, _, _, _, char *, int) -> int' --probe './victim:greet' -- ./victim
equal "arguments on the stack" "$(query "SELECT a0 || a1 || result FROM v_call WHERE function = 'eight'")" \
	"seven0x8$(printf '0x%x' $((21 + 115 + 8)))"
equal "calls without types" "$(query "SELECT count(*) || ifnull(max(result), 'none') FROM v_call WHERE function = 'greet'")" 2none
probe --probe './victim:depth(unsigned) -> unsigned' -- ./victim
# Of calls in each other the outer sixteen are followed to their return.
equal "a hundred calls in each other" "$(query 'SELECT count(*) || " " || sum(a0 = result) || " " || sum(ifnull(a0 <> result, 0))
	FROM v_call')" '101 16 0'
probe --probe 'libc.so.6:strlen(char *) -> size_t' -- ./victim
equal "an IFUNC" "$(query "SELECT DISTINCT result FROM v_call WHERE a0 = 'world'")" 0x5

# Attached to a process that runs already.
sleep 60 9>&- &
forgotten=$!
LIVE_PIDS+=("$forgotten")
DB=$TMP/attached.db
recorder_start --pid "$forgotten" --heap --probe 'libc.so.6:getpid'
recorder_stop
holds "functions of a process" "$(query 'SELECT count(*) FROM v_function')" -gt 8
kill -KILL "$forgotten"
wait "$forgotten" 2>/dev/null || true
forget "$forgotten"

# ---- static probes ----

if echo '#include <sys/sdt.h>' | cc -E - >/dev/null 2>&1; then
	cat >usdt.c <<'END_OF_SOURCE'
#define _SDT_HAS_SEMAPHORES 1
#include <sys/sdt.h>
__extension__ unsigned short demo_start_semaphore __attribute__((section(".probes")));
unsigned short demo_twice_semaphore __attribute__((section(".probes")));
static volatile int counter = 77;
int main(int argc, char **argv)
{
	volatile long words[4] = {1, 2, 3, 4};

	if (demo_start_semaphore)
		DTRACE_PROBE2(demo, start, argc, argv[1]);
	DTRACE_PROBE2(demo, twice, words[argc], counter);
	DTRACE_PROBE1(demo, twice, (signed char)-3);
	return demo_start_semaphore == 0;
}
END_OF_SOURCE
	cc -O2 -o usdt usdt.c
	probe --probe ./usdt:demo:start --probe usdt:./usdt:demo:twice -- ./usdt argument
	# Its status is that of its semaphore: somebody listens.
	equal "the semaphore" "$STATUS" 0
	equal "static probes" "$(calls "function || ' ' || a0 || ' ' || ifnull(a1, '')")" \
		$'demo:start 0x2 '"$(query "SELECT a1 FROM v_call WHERE function = 'demo:start'")"$'\ndemo:twice 0x3 0x4d\ndemo:twice 0xfffffffffffffffd 0x0'
	probe --probe ./usdt:demo:twice -- ./usdt argument
	equal "the semaphore of a probe that nobody asked for" "$STATUS" 1
else
	echo 'partly skipped: no sys/sdt.h'
fi

# ---- Go ----

if command -v go >/dev/null; then
	cat >gopher.go <<'END_OF_SOURCE'
package main

import "fmt"

type T struct{ a, b int }

//go:noinline
func greet(who string, times int) int { return len(who) * times }

//go:noinline
func (t *T) Method(x int32, bytes []byte) (int, error) { return t.b + int(x) + len(bytes), nil }

// Frames large enough that the stack has to grow, and moves, while calls are open.
//
//go:noinline
func deep(n int) int {
	var room [512]byte
	room[n%512] = byte(n)
	if n == 0 {
		return int(room[1])
	}
	return deep(n-1) + 1
}

func main() {
	done := make(chan int)
	t := &T{1, 2}
	n, _ := t.Method(3, []byte("bytes"))
	go func() { done <- deep(200) }()
	fmt.Println(greet("hello", n), <-done)
}
END_OF_SOURCE
	HOME=$TMP GOCACHE=$TMP/gocache go build -o gopher gopher.go
	strip -o gopher-stripped gopher
	for program in gopher gopher-stripped; do
		probe --probe "./$program:main.greet(string, int) -> int" \
			--probe "./$program:main.(*T).Method(int32, []byte) -> (int, error)" \
			--probe "./$program:main.deep(int) -> int" -- ./$program
		equal "what $program says" "$(cat said)" '50 200'
		equal "greet of $program" "$(query "SELECT a0 || a1 || a2 || result FROM v_call WHERE function = 'main.greet'")" \
			hello0x50xa0x32
		equal "Method of $program" "$(query "SELECT a1 || a2 || a3 || result FROM v_call WHERE function LIKE 'main.(%'")" \
			0x3bytes0x50xa
		# One call each, although those that find too little room start twice. A stack that moved loses returns,
		# and never gives a wrong one.
		equal "calls of deep" "$(query "SELECT count(*) || ' ' || count(DISTINCT a0) || ' ' ||
			sum(ifnull(a0 <> result, 0)) FROM v_call WHERE function = 'main.deep'")" '201 201 0'
		holds "of which have a result" "$(query "SELECT count(result) FROM v_call WHERE function = 'main.deep'")" -gt 0
	done
	chmod -R u+w gocache
else
	echo 'partly skipped: no go'
fi
live_end
