#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Programs that were cut, and programs with changed bytes, of which functions are to be probed: each ends in a plan or in a
# refusal. The table of Go's functions and the notes of static probes are small here, so that many changes hit them.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

cat >victim.s <<'END_OF_SOURCE'
	.text
	.globl malloc, free, greet
	.type malloc, @function
	.type free, @function
	.type greet, @function
malloc:	test %rdi, %rdi
	je greet
	jmp *table(%rip)
	.size malloc, . - malloc
free:	ret
	.size free, . - free
greet:	nop
	mov %rdi, %rax
	ret
	.size greet, . - greet
	.balign 16
go:	cmp 16(%r14), %rsp
	jbe 1f
	ret
1:	jmp go
go_end:
	.data
table:	.quad greet
	.section .note.stapsdt, "", @note
	.balign 4
	.long 8, 2f - 1f, 3
	.asciz "stapsdt"
1:	.quad greet, base, 0
	.asciz "demo"
	.asciz "start"
	.asciz "8@%rdi -4@-20(%rbp) 8@8(%rax,%rbx,8) 4@table(%rip)"
2:	.balign 4
	.section .stapsdt.base, "aG", @progbits, .stapsdt.base, comdat
base:	.space 1
	.section .go.buildinfo, "aw"
	.ascii "\377 Go buildinf:"
	.byte 8, 2
	.space 16
	.byte 8
	.ascii "go1.19.8"
	.section .gopclntab, "aw"
	.balign 32
tab:	.long 0xfffffff0
	.byte 0, 0, 1, 8
	.quad 1, 0, go, names - tab, 0, 0, 0, functions - tab
names:	.byte 0
name:	.asciz "main.Go"
	.balign 8
functions: .long 0, one - functions, go_end - go
one:	.long 0, name - names
	.space 40
END_OF_SOURCE
cc -shared -nostdlib -o victim.so victim.s
strip victim.so
accept "$corelate" record --print-plan --heap=./victim.so --probe './victim.so:demo:start' \
	--probe './victim.so:main.Go(string) -> int' --probe './victim.so:greet(char *) -> char *'
# A plan's words are separated by tabs, which are harmless; everything else that a name may hold is not.
printf '#!/usr/bin/env bash\nset -o pipefail\n%q "$@" | tr "\\t" " "\n' "$corelate" >plain
chmod +x plain
corelate=$work/plain
mkdir cut changed deep results
"$build/tests/mutate" cut victim.so cut 40
"$build/tests/mutate" change victim.so changed 120
"$build/tests/mutate" change victim.so deep 200 64

try() {
	attempt "$1" record --print-plan "--heap=./$1" --probe "./$1:greet(char *) -> char *"
	attempt "$1" record --print-plan --probe "./$1:demo:start"
	attempt "$1" record --print-plan --probe "./$1:main.Go(string, int) -> int"
}

in_parallel cut/* changed/* deep/*
answered=$(cat results/*.answered | wc -l)
[ "$answered" -ge 200 ] || fail "only $answered of the attempts got an answer"
finish
