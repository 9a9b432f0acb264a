#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The walls between the rooms (CODING_STYLE.md, Walls), looked for in the sources; and every header compiled alone.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
failed=0

# forbid WHAT PATTERN FILE...: no file may match.
forbid() {
	local what=$1 pattern=$2 hits

	shift 2
	hits=$(grep -lE "$pattern" "$@" 2>/dev/null || true)
	[ -z "$hits" ] && return 0
	printf '%s:\n%s\n' "$what" "$hits"
	failed=1
}

shopt -s nullglob globstar
forbid 'libbpf outside collector/ and bpf/' '#include *<(bpf|linux/bpf)' analyzer/**/*.[ch] schema/**/*.[ch] cli/**/*.[ch] common/*.[ch]
forbid 'sqlite3 outside schema/' '#include *<sqlite3\.h>' analyzer/**/*.[ch] collector/**/*.[ch] cli/**/*.[ch] bpf/*.[ch] common/*.[ch]
# What schema/ shares among its own files; the tests of the store look inside.
internals='#include *"schema/(connection|open|open_lock|open_owner|index_[a-z]+|[a-z]+_internal|reader_lineage|row|slice|sql_embedded|sql_functions|sql_replay)\.h"'
forbid 'the inside of schema/ seen from outside' "$internals" analyzer/**/*.[ch] collector/**/*.[ch] cli/**/*.[ch] replay/*.[ch] vault/*.[ch] bundle/*.[ch] common/*.[ch] bpf/*.[ch] bench/*.[ch] tests/cli/*.[ch] tests/causes/*.[ch] tests/live/*.[ch]
# Benchmarks and tests make databases of their own.
forbid 'SQL outside schema/' '"[^"]*\b(SELECT [a-z*(]|INSERT (OR IGNORE )?INTO|UPDATE [a-z_]+ SET|DELETE FROM|PRAGMA [a-z_]|CREATE (TEMP )?(TABLE|VIEW|INDEX))' analyzer/**/*.[ch] collector/**/*.[ch] cli/**/*.[ch] replay/*.[ch] vault/*.[ch] bundle/*.[ch] common/*.[ch] bpf/*.[ch]
forbid 'a parameter without a name' '"[^"]*([=<>(,] *\?[0-9 ,)"]|\?[0-9])' schema/*.[ch]
forbid 'libarchive outside vault/ and cli/' '#include *<archive' analyzer/**/*.[ch] collector/**/*.[ch] schema/**/*.[ch] bpf/*.[ch] common/*.[ch]
forbid 'the vault sees another room' '#include *"(analyzer|schema|collector|bpf|cli)/|#include *<(sqlite3|libelf|gelf|elfutils/)' vault/*.[ch]
forbid 'replay sees another room' '#include *"(analyzer|collector|bpf|cli|vault|bundle)/|#include *"schema/([^r]|r[^e]|re[^c])|#include *<(sqlite3|bpf|elfutils/|libelf|gelf)' replay/*.[ch]
forbid 'I/O in replay/' '#include *<(stdio|unistd|fcntl|pthread|time|sys/(stat|socket|wait|syscall))\.h>' replay/*.[ch]
forbid 'the inside of replay/ seen from outside' '#include *"replay/(act|beside|order|pieces|step|sweep)\.h"' analyzer/**/*.[ch] schema/**/*.[ch] collector/**/*.[ch] cli/**/*.[ch] bundle/*.[ch] vault/*.[ch] bench/*.[ch]
forbid 'printing in the vault' '\b(printf|fputs|puts|fprintf)\(' vault/*.[ch]
elfutils='#include *<(elfutils/|dwarf\.h|gelf\.h|libelf\.h)'
others=()
for file in analyzer/**/*.[ch]; do
	case $file in analyzer/elf/* | analyzer/core/* | analyzer/unwind/* | analyzer/repair/*) ;; *) others+=("$file") ;; esac
done
forbid 'elfutils outside its rooms' "$elfutils" "${others[@]}" collector/**/*.[ch] schema/**/*.[ch] cli/**/*.[ch] common/*.[ch]
# A verdict's checker works everything out by itself: only what plants lies, or compares the kinds, may run a program.
checkers=()
for file in tests/checker/*.py; do
	case $file in */lies.py | */compare_kinds.py) ;; *) checkers+=("$file") ;; esac
done
forbid 'the checker runs a program' 'subprocess|os\.(system|popen|exec)' "${checkers[@]}"
# The analyzer's lower rooms see those before them alone; of the store, only the plain data of a record.
behind=
for room in elf core code unwind repair; do
	behind+="${behind:+|}$room"
	for file in analyzer/$room/*.[ch]; do
		hits=$(grep -E '#include *"(analyzer|schema|replay|bundle|vault|cli)/' "$file" | grep -vE "\"analyzer/($behind)/|\"schema/record_[a-z]+\.h\"" || true)
		[ -z "$hits" ] && continue
		printf 'analyzer/%s/ sees a room above it:\n%s: %s\n' "$room" "$file" "$hits"
		failed=1
	done
done
forbid 'elf/, core/, code/ see the store' '#include *"schema/' analyzer/{elf,core,code}/*.[ch]
decoders=()
for file in analyzer/**/*.[ch] tests/unit/*.[ch]; do
	[ "$file" = analyzer/code/code_x86.c ] || decoders+=("$file")
done
forbid 'Zydis outside code_x86.c' '#include *<Zydis/' "${decoders[@]}" collector/**/*.[ch] schema/**/*.[ch] cli/**/*.[ch] common/*.[ch] bundle/*.[ch]
forbid 'the collector sees the analyzer' '#include *"analyzer/' collector/**/*.[ch] schema/**/*.[ch] common/*.[ch]
forbid 'a bundle knows of packing alone' '#include *("(collector|bpf|cli|schema|vault|analyzer/(assemble|facts|causes|ends|report|evidence))/|<(sqlite3|bpf))' bundle/*.[ch]
forbid 'the analyzer sees the collector or bpf' '#include *"(collector|bpf)/' analyzer/**/*.[ch] schema/**/*.[ch] cli/**/*.[ch] common/*.[ch]
pure=(replay/*.[ch] analyzer/timeline.[ch] analyzer/evidence/*.[ch] analyzer/finding.[ch] analyzer/causes.[ch] analyzer/link.[ch] analyzer/causes/*.[ch] analyzer/ends/*.[ch] analyzer/words.[ch])
forbid 'I/O in a pure module' '\b(fopen|open|printf|fprintf|fputs|puts|getenv|store_reader_[a-z_]+|core_open|fork|time|localtime|gmtime)\(' "${pure[@]}"
# Deadlines are by the monotonic clock (common/deadline.h); the date is for dates.
forbid 'a deadline by the date' 'time\(NULL\) *[-+<>]|[<>] *time\(NULL\)|\balarm\(|setitimer\(|CLOCK_REALTIME, (&next|&end|&deadline)' cli/*.c vault/*.c bundle/*.c collector/*.c common/*.[ch] schema/*.c
# One place forks and reaps.
forbid 'a child process by hand, not of common/child' '(^|[^_[:alnum:]])(fork|vfork|waitpid|waitid|wait4|posix_spawnp?)\(' analyzer/**/*.c schema/*.c replay/*.c cli/*.c vault/*.c bundle/*.c collector/*.c
forbid 'exit below main' '\b(exit|abort)\(.*\);' analyzer/**/*.[ch] schema/**/*.[ch] replay/*.[ch] common/*.[ch]
forbid 'what is known of a crash rests on what is said of it' '#include *"analyzer/(evidence/|causes|ends/|link|report|finding|signature)' analyzer/{elf,core,code,unwind,repair,facts,assemble,probe}/*.[ch] analyzer/crash*.[ch] analyzer/timeline.[ch] analyzer/chronicle.[ch]
# A crash is built by the steps of assemble/; everybody else has it const, and nobody has a copy.
made=()
for file in analyzer/**/*.[ch]; do
	case $file in analyzer/assemble/* | analyzer/crash*.[ch]) ;; *) made+=("$file") ;; esac
done
forbid 'a crash that is not const, outside assemble/' '(^|[(,])[[:space:]]*struct (crash|crash_from_core|crash_from_record|crash_facts) (\*|[a-z_]+( =|;))' "${made[@]}"
forbid 'a copy of a crash' 'struct crash [a-z_]+ = \*|= \*crash;' analyzer/**/*.[ch]
forbid 'a static in a cause or an end' '^[[:space:]]+static (const )?[a-z_ ]+(\*)? *[a-z_]+(\[[^]]*\])? *;|^[[:space:]]+static [^c(][^(]*[;=]' analyzer/causes/*.c analyzer/ends/*.c

for header in common/*.h replay/*.h schema/*.h vault/*.h analyzer/**/*.h cli/*.h bundle/*.h collector/*.h bpf/event.h include/corelate/*.h; do
	if ! cc -std=gnu17 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-function -I. -fsyntax-only -x c "$header" 2>/tmp/walls.$$; then
		printf '%s does not compile alone:\n' "$header"
		cat /tmp/walls.$$
		failed=1
	fi
done
rm -f /tmp/walls.$$
exit "$failed"
