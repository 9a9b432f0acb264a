#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# What --heap and --probe come to: the plan that corelate record hands to the recorder, against binutils, for programs
# that are built here; and the calls that must be refused.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

# plan ARGUMENT...: sets $work/out to the plan with spaces for tabs.
plan() {
	accept "$corelate" record --print-plan "$@"
	cp out plan
	tr '\t' ' ' <plan >out
}

# has_line PATTERN: a whole line of the plan; in PATTERN a word that is or ends in 0x is any offset.
has_line() {
	local pattern=$1

	pattern=${pattern/%0x/0x[0-9a-f]+}
	checks=$((checks + 1))
	grep -qxE -- "${pattern//0x /0x[0-9a-f]+ }" out && return 0
	fail "no line '$1' in the plan:"
	show out
}

# agrees FUNCTION...: the plan agrees with binutils, and has these.
agrees() {
	checks=$((checks + 1))
	"$python" "$here/plan_check.py" "$@" <plan >said && return 0
	fail 'binutils and the plan disagree:'
	show said
}

refuse_plan() {
	local text=$1

	shift
	refuse 2 "$text" "$corelate" record --print-plan "$@"
}

cat >heap.c <<'END_OF_SOURCE'
#include <stdlib.h>
int main(void)
{
	void *volatile block = malloc(10);
	free(block);
	return 0;
}
END_OF_SOURCE
cc -o heap heap.c

# ---- the allocators ----
family=(malloc calloc realloc free aligned_alloc posix_memalign valloc)
plan --heap -- ./heap
agrees "${family[@]}" reallocarray
has_line 'argument [0-9]+ 0 reg:rdi u64'
# calloc of glibc may end in a jump to memset, which returns what it got.
grep -q ' malloc malloc ' out || fail 'malloc has no role'
plan --heap
agrees "${family[@]}"
for library in libjemalloc.so.2 libtcmalloc_minimal.so.4 libmimalloc.so.2; do
	if ! ldconfig -p 2>/dev/null | grep -q "^[[:space:]]$library " && ! /sbin/ldconfig -p | grep -q "$library "; then
		echo "partly skipped: no $library"
		continue
	fi
	plan --heap=$library
	agrees "${family[@]}" _Znam
	# A sanitizer's own malloc does not let another one be loaded before it.
	grep -q __asan_init "$corelate" && continue
	accept env LD_PRELOAD=$library "$corelate" record --print-plan --heap -- ./heap
	expect_text "$library"
	expect_text libc.so.6
	# One function for both: no claim which of them was called.
	[ $library = libjemalloc.so.2 ] || expect_text 'free and operator delete are one function'
done

# ---- static programs, and those without a heap ----
cc -static -o static heap.c
plan --heap -- ./static
agrees malloc calloc realloc free
expect_no_text 'libstdc++'
strip -o stripped static
refuse_plan 'static and stripped' --heap -- ./stripped
cat >none.s <<'END_OF_SOURCE'
	.globl _start
_start:	mov $60, %eax
	xor %edi, %edi
	syscall
END_OF_SOURCE
cc -nostdlib -static -o none none.s
refuse_plan 'neither it nor a library of it defines malloc' --heap -- ./none
refuse_plan 'defines no heap function' --heap=libm.so.6
refuse_plan "no library 'libnone.so.9'" --heap=libnone.so.9
refuse_plan "program's files are heap, " --heap=libnone.so.9 -- ./heap
refuse_plan 'cannot open ./libnone.so' --heap=./libnone.so
refuse_plan 'not an ELF file' --heap=./heap.c
refuse_plan 'cannot find the program nothing' --heap -- nothing
refuse_plan 'cannot find the program ./heap.c' --heap -- ./heap.c

# ---- where the dynamic linker would look ----
mkdir -p by-rpath by-runpath by-environment inner
cat >mine.c <<'END_OF_SOURCE'
#include <stddef.h>
static char pool[4096];
void *malloc(size_t size) { return size < sizeof(pool) ? pool : NULL; }
void free(void *block) { (void)block; }
END_OF_SOURCE
echo 'void *malloc(unsigned long); void *outer(void) { return malloc(1); }' >outer.c
echo 'void *outer(void); int main(void) { return !outer(); }' >main.c
for place in by-rpath by-runpath by-environment inner; do
	cc -shared -fPIC -o $place/libmine.so -Wl,-soname,libmine.so mine.c
done
# main -> libouter (runpath of main: by-runpath), libouter -> libmine (runpath of libouter, not main's).
cc -shared -fPIC -o by-runpath/libouter.so -Wl,-soname,libouter.so outer.c -Lby-rpath -lmine \
	-Wl,--enable-new-dtags,-rpath,'$ORIGIN/../inner'
cc -o by-new main.c -Lby-runpath -louter -Wl,--enable-new-dtags,-rpath,'$ORIGIN/by-runpath' -Wl,--allow-shlib-undefined
cc -Wl,--no-as-needed -o by-old main.c by-rpath/libmine.so by-runpath/libouter.so \
	-Wl,--disable-new-dtags,-rpath,'${ORIGIN}/by-rpath:$ORIGIN/by-runpath'
plan --heap -- ./by-new
has_line 'file [0-9]+ .*/inner/libmine.so identity=.*'
expect_no_text by-rpath
expect_no_text by-environment
plan --heap -- ./by-old
has_line 'file [0-9]+ .*/by-rpath/libmine.so identity=.*'
expect_no_text by-environment
accept env LD_LIBRARY_PATH="$work/by-environment" "$corelate" record --print-plan --heap -- ./by-new
expect_text by-environment/libmine.so
expect_no_text inner/libmine.so
# RPATH goes before it.
accept env LD_LIBRARY_PATH="$work/by-environment" "$corelate" record --print-plan --heap -- ./by-old
expect_text by-rpath/libmine.so
if [ -x "$(command -v ldd)" ]; then
	for program in by-new by-old; do
		plan --heap -- ./$program
		found=$(ldd ./$program | sed -n 's/.*libmine.so => \(.*\) (.*/\1/p')
		[ -n "$found" ] && expect_text "$(realpath "$found")"
	done
fi
printf '#!%s/by-new\n' "$work" >script
printf '#!/usr/bin/env -S by-old x\n' >script-of-env
chmod +x script script-of-env
plan --heap -- ./script
expect_text inner/libmine.so
accept env PATH="$work:$PATH" "$corelate" record --print-plan --heap -- ./script-of-env
expect_text by-rpath/libmine.so
plan --heap -- env -u SOME LD_LIBRARY_PATH="$work/by-environment" ./by-new --argument
expect_text by-environment/libmine.so
plan --heap -- env PATH="$work" OTHER= LD_PRELOAD="$work/inner/libmine.so" by-old
expect_text inner/libmine.so
expect_text libc.so.6
(exec -a sleeper sleep 60) &
background+=($!)
plan --heap --pid $!
agrees malloc free
refuse_plan "no process" --heap --pid 999999999 -- 2>/dev/null

# ---- functions ----
cat >victim.c <<'END_OF_SOURCE'
#include <stddef.h>
#define OPAQUE __attribute__((noipa))
OPAQUE int greet(const char *who, int times) { return who[0] + times; }
OPAQUE long keep(const void *bytes, size_t count, char kind) { return *(const char *)bytes + (long)count + kind; }
OPAQUE int eight(int a, int b, int c, int d, int e, int f, const char *g, int h) { return a + b + c + d + e + f + g[0] + h; }
OPAQUE long hand_on(const char *bytes, size_t count) { return keep(bytes, count, 1); }
OPAQUE long through(long (*function)(long), long value) { return function(value); }
static OPAQUE int twice(int a) { return a * 2; }
int other(int);
int main(int argc, char **argv)
{
	return greet(argv[0], argc) + (int)keep(argv[0], 1, 2) + eight(1, 2, 3, 4, 5, 6, "7", 8) +
	       (int)hand_on("x", 1) + (int)through(NULL, 0) + twice(argc) + other(argc);
}
END_OF_SOURCE
echo 'static __attribute__((noipa)) int twice(int a) { return a + a + 1; } int other(int a) { return twice(a); }' >other.c
cc -O2 -o victim victim.c other.c
plan --probe 'victim:greet(const char *who, int) -> int' --probe ./victim:greet -- ./victim
agrees greet
has_line 'function 0 0 0x plain greet \(const char \*who, int\) -> int '
has_line 'argument 0 0 reg:rdi string'
has_line 'argument 0 1 reg:rsi i32'
has_line 'result 0 reg:rax i32'
plan --probe './victim:keep(char[arg1], size_t, char)'
has_line 'argument 0 0 reg:rdi buffer:1'
has_line 'argument 0 2 reg:rdx i8'
has_line 'site 0 return 0x'
expect_no_text result
plan --probe './victim:keep(char[12], _, unsigned char c) -> void'
has_line 'argument 0 0 reg:rdi buffer:=12'
has_line 'argument 0 1 reg:rdx u8'
plan --probe './victim:eight(_, _, _, _, _, _, char *, int) -> int'
has_line 'argument 0 0 mem:rsp\+0x string'
grep -q 'mem:rsp+0x8 string' out || fail 'the seventh argument is not behind the return address'
has_line 'argument 0 1 mem:rsp\+0x10 i32'
# A tail call ends where its target does.
plan --probe './victim:hand_on(char *, size_t) -> long' --probe './victim:keep(_) -> long'
[ "$(awk '$1 == "site" && $3 == "return" { print $4 }' out | sort | uniq -d | wc -l)" -ge 1 ] ||
	fail 'the returns of the target of a tail call are not those of the caller'
plan --probe './victim:through(void *, long) -> long'
expect_text 'jump through a pointer'
plan --probe './victim:greet' --probe ./victim:greet
[ "$(grep -c '^function' out)" -eq 1 ] || fail 'one function is planned twice'
expect_no_text return
offset=$(awk '$1 == "function" { print $4 }' out)
plan --probe "./victim:$offset(char *, int) -> int"
has_line 'function 0 0 0x plain greet .*'
second=$(objdump -d victim --no-show-raw-insn | sed -n '/<greet>:/,/^$/p' | sed -n 's/^ *\([0-9a-f]*\):.*/\1/p' | sed -n 2p)
first=$(objdump -d victim --no-show-raw-insn | sed -n '/<greet>:/,/^$/p' | sed -n 's/^ *\([0-9a-f]*\):.*/\1/p' | sed -n 1p)
step=$((0x$second - 0x$first))
plan --probe "$(printf './victim:greet+0x%x' $step)"
has_line "$(printf 'function 0 0 0x plain greet\\+0x%x  ' $step)"
has_line 'site 0 entry 0x'
if [ $step -gt 1 ]; then
	refuse_plan 'inside an instruction' --probe "./victim:greet+0x1"
fi
# IFUNC: what it may be, in every version.
plan --probe 'libc.so.6:memcpy(_, _, size_t) -> void *' -- ./heap
[ "$(grep -c '^function' out)" -gt 2 ] || fail 'an IFUNC has no implementations'

refuse_plan 'near it: greet' --probe './victim:gret'
refuse_plan 'is not a type that is known' --probe './victim:greet(foo_t)'
refuse_plan 'vector register' --probe './victim:greet(double)'
refuse_plan 'vector register' --probe './victim:greet() -> float'
refuse_plan 'by value' --probe './victim:greet(struct x)'
refuse_plan 'at most 6 words' --probe './victim:greet(int, int, int, int, int, int, int)'
refuse_plan 'argument 5' --probe './victim:greet(char[arg5], int)'
refuse_plan 'a parenthesis is missing' --probe './victim:greet(int'
refuse_plan 'an argument has no type' --probe './victim:greet(int,)'
refuse_plan 'no type behind' --probe './victim:greet(int) ->'
refuse_plan "before '->'" --probe './victim:greet -> int'
refuse_plan 'it takes LIB:FUNCTION' --probe 'greet'
refuse_plan 'it takes LIB:FUNCTION' --probe ':greet'
refuse_plan 'no function behind the colon' --probe './victim:'
refuse_plan 'there is no +0x' --probe './victim:greet+0x10000'
refuse_plan 'is not in its code' --probe './victim:0x0'
refuse_plan '2 functions of' --probe './victim:twice'
refuse_plan 'only uses' --probe './heap:malloc'
refuse_plan 'no static probe a:b in' --probe './victim:a:b'
refuse_plan '\x1b[31m' --probe $'./victim:\e[31mred'
refuse_plan "a value for '--probe'" --probe
run "$corelate" record --db x.db --heap=libnone.so.9 -- ./heap
[ "$status" -eq 2 ] && [ ! -e x.db ] || fail 'a plan that is refused leaves a database, or another status'

# ---- C++ ----
cat >plus.cc <<'END_OF_SOURCE'
#define OPAQUE __attribute__((noipa))
namespace ns {
struct C {
	int x;
	OPAQUE int m(int a) { return x + a; }
	OPAQUE int m(char const *s) const { return x + s[0]; }
};
OPAQUE int f(int a) { return a; }
}
int main() { ns::C c{3}; return c.m(4) + c.m("s") + ns::f(2); }
END_OF_SOURCE
c++ -O2 -o plus plus.cc
plan --probe './plus:ns::C::m(this, char const *) -> int' --probe './plus:_ZN2ns1fEi' --probe './plus:ns::f(int) -> int'
has_line 'argument 0 0 reg:rdi ptr'
has_line 'argument 0 1 reg:rsi string'
[ "$(grep -c '^function' out)" -eq 2 ] || fail 'a mangled and a demangled name are two functions'
refuse_plan '2 functions of' --probe './plus:ns::C::m'

# ---- static probes ----
if echo '#include <sys/sdt.h>' | cc -E - >/dev/null 2>&1; then
	cat >usdt.c <<'END_OF_SOURCE'
#include <sys/sdt.h>
#include <stddef.h>
static volatile int counter = 7;
unsigned short demo_guarded_semaphore __attribute__((section(".probes")));
int main(int argc, char **argv)
{
	long words[4] = {1, 2, 3, 4};

	DTRACE_PROBE3(demo, start, argc, argv[0], 5);
	DTRACE_PROBE2(demo, twice, words[argc & 3], counter);
	DTRACE_PROBE1(demo, twice, (char)-3);
	return demo_guarded_semaphore;
}
END_OF_SOURCE
	cc -O2 -o usdt usdt.c
	plan --probe './usdt:demo:start' --probe 'usdt:./usdt:demo:twice'
	has_line 'function 0 0 0x usdt demo:start  '
	has_line 'argument 0 0 reg:rdi i32'
	has_line 'argument 0 2 const:5 i32'
	has_line 'argument 1 1 mem:rip\+0x i32'
	[ "$(grep -c '^function.*demo:twice' out)" -eq 2 ] || fail 'a static probe at two places is not two'
	# What readelf says of each place, in the file's addresses.
	for place in $(readelf -nW usdt | sed -n 's/.*Location: 0x0*\([0-9a-f]*\),.*/\1/p'); do
		checks=$((checks + 1))
		"$python" - "$place" <<-'END_OF_CHECK' || fail "no site at $place"
			import re, subprocess, sys
			address = int(sys.argv[1], 16)
			for line in subprocess.run(["readelf", "-lW", "usdt"], capture_output=True, text=True).stdout.splitlines():
			    words = line.split()
			    if words[:1] == ["LOAD"] and int(words[2], 16) <= address < int(words[2], 16) + int(words[5], 16):
			        offset = address - int(words[2], 16) + int(words[1], 16)
			sys.exit(f"entry 0x{offset:x}" not in open("out").read())
		END_OF_CHECK
	done
	refuse_plan 'which has demo:start, demo:twice' --probe './usdt:demo:stop'
	sed 's/#include <sys/#define _SDT_HAS_SEMAPHORES 1\n&/; s/demo_guarded/demo_start/g; /DTRACE_PROBE[12]/d' usdt.c >semaphore.c
	cc -O2 -o semaphore semaphore.c
	plan --probe './semaphore:demo:start'
	has_line 'site 0 entry 0x semaphore=0x'
else
	echo 'partly skipped: no sys/sdt.h'
fi

# ---- Go ----
if command -v go >/dev/null; then
	mkdir go
	cat >go/main.go <<'END_OF_SOURCE'
package main

import "os"

type T struct{ a, b int }

//go:noinline
func greet(who string, times int) int { os.Stdout.WriteString(who); return len(who) * times }

//go:noinline
func (t *T) Method(x int32, bytes []byte) (int, error) { os.Stdout.Write(bytes); return t.b + int(x), nil }

func main() {
	t := &T{1, 2}
	n, _ := t.Method(3, []byte("bytes"))
	os.Exit(greet("hello", n) & 1)
}
END_OF_SOURCE
	(cd go && HOME=$work GOCACHE=$work/cache GOFLAGS=-mod=mod go build -o ../gopher main.go)
	strip -o gopher-stripped gopher
	for program in gopher gopher-stripped; do
		plan --probe "./$program:main.greet(string, int) -> int" \
			--probe "./$program:main.(*T).Method(int32, []byte) -> (int, error)"
		has_line 'argument 0 0 reg:rax buffer:1'
		has_line 'argument 0 1 reg:rbx i64'
		has_line 'argument 0 2 reg:rcx i64'
		has_line 'result 0 reg:rax i64'
		has_line 'argument 1 0 reg:rax ptr'
		has_line 'argument 1 1 reg:rbx i32'
		has_line 'argument 1 2 reg:rcx buffer:3'
		grep ^site out >$program.sites
		refuse_plan 'Go program' --heap -- ./$program
	done
	cmp -s gopher.sites gopher-stripped.sites || fail 'stripped, the functions lie elsewhere'
	# Behind the check of the stack, which a function that grows it passes twice.
	entry=$(awk '$2 == 0 && $3 == "entry" { print $4 }' gopher.sites)
	jump=$(objdump -d gopher --no-show-raw-insn --disassemble=main.greet |
		sed -n '/\tjbe /{n;s/^ *\([0-9a-f]*\):.*/\1/p;q}')
	[ $((entry & 0xfff)) -eq $((0x$jump & 0xfff)) ] || fail "the entry $entry is not behind the check, at $jump"
	refuse_plan 'near it: main.greet' --probe './gopher-stripped:main.gret(string)'
	refuse_plan 'vector register' --probe './gopher:main.greet(float64)'
	run "$corelate" check ./gopher-stripped main.greet
	[ "$status" -eq 4 ] || fail "check of a stripped Go program: status $status"
	expect_text 'main.greet at 0x'
	rm -rf cache 2>/dev/null || chmod -R u+w cache
else
	echo 'partly skipped: no go'
fi
finish
