#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Calls that must fail: with their exit status, with one clear line, and without a word on standard output.
# 1 is failure, 2 a command line that makes no sense, 3 nothing of that name.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

fixture db=story.db core=core
fixture db=nobody.db crash=0
sqlite3 foreign.db 'CREATE TABLE mine (a); INSERT INTO mine VALUES (1)'
cp story.db newer.db
sqlite3 newer.db 'PRAGMA user_version = 999' >/dev/null
cp story.db older.db
sqlite3 older.db 'PRAGMA user_version = 1' >/dev/null # which it is not
cp story.db negative.db
sqlite3 negative.db 'PRAGMA user_version = -7' >/dev/null
printf 'just some words\n' >text
: >empty
mkdir directory
mkfifo fifo
printf '\050\265\057\375rest' >zstd.core
cp core i386.core
patch i386.core 4 '\001'
patch i386.core 18 '\003\000'
cp core arm.core
patch arm.core 4 '\001'
patch arm.core 18 '\050\000'
cp core aarch64.core
patch aarch64.core 18 '\267\000'
cp core big.core
patch big.core 5 '\002'
patch big.core 16 '\000\004'
patch big.core 18 '\000\026'
head -c 40 core >header.core
head -c 300 core >segments.core
head -c 400 core >notes.core

# ---- the command line ----
refuse 2 "no verb 'frobnicate'" "$corelate" frobnicate
refuse 2 "no verb ''" "$corelate" ''
refuse 2 "no verb 'frobnicate'" "$corelate" help frobnicate
refuse 2 '\x1b[31m' "$corelate" $'\e[31mred'
refuse 2 '\x1b[31m' "$corelate" help $'\e[31mred'
for verb in explain info stack list; do
	refuse 2 '--frobnicate' "$corelate" $verb --frobnicate
done
refuse 2 '-z' "$corelate" explain -z
refuse 2 '\x1b' "$corelate" explain $'--\e[31m'
refuse 2 '--db' "$corelate" explain --db
refuse 2 '--json' "$corelate" explain --json=yes
refuse 2 'list does not take' "$corelate" list --all
refuse 2 'info does not take' "$corelate" info --json
refuse 2 'stack does not take' "$corelate" stack --json
refuse 2 'why does not take' "$corelate" why -o x 0x1000
refuse 2 'sql does not take' "$corelate" sql -a 'SELECT 1'
refuse 2 'explain does not take' "$corelate" explain -o out
refuse 2 'probes does not take --db' "$corelate" probes --db x
refuse 2 "did you mean '--json'?" "$corelate" explain --jsn
refuse 2 "did you mean '--format'?" "$corelate" report --fromat=json
refuse 2 "did you mean '--no-pager'?" "$corelate" list --no-pagre
refuse 2 "did you mean '--stack-bytes'?" "$corelate" record --stack-byte5 4K
refuse 2 "option '--all=x'; see" "$corelate" explain --all=x
refuse 2 "option '-Z'" "$corelate" explain -aZ
refuse 2 "there is no 'yes'; there are off, short, pretty" "$corelate" explain --json=yes
refuse 2 "there is no ''" "$corelate" explain --json=
refuse 2 '\x1b[31m' "$corelate" explain $'--json=\e[31m'
refuse 2 "there is no 'text|json'" "$corelate" report '--format=text|json'
for verb in list info explain stack report; do
	refuse 2 "'yesterdayish' is not a moment" "$corelate" $verb --since yesterdayish
	refuse 2 "'\x1b[31m' is not a moment" "$corelate" $verb --until $'\e[31m'
	refuse 2 "'' is not a moment" "$corelate" $verb --since ''
	refuse 2 '--since is after --until' "$corelate" $verb --since now --until -1s
	refuse 3 'no crash is all of that' "$corelate" $verb --db story.db depot 4243
	refuse 3 'no crash is all of that' "$corelate" $verb --db story.db one two
	refuse 3 'no crash is all of that' "$corelate" $verb --db story.db --since now
done
for verb in list info explain; do
	refuse 1 "'COREDUMP_UNIT=x'" "$corelate" $verb --db story.db COREDUMP_UNIT=x
	refuse 1 '\x1b' "$corelate" $verb --db story.db $'FIELD=\e[31m'
done
refuse 3 'no crash is all of that' "$corelate" list --db story.db frobnicate
for number in 0 -1 x '' 1x 99999999999999999999; do
	refuse 2 '-n takes a number above 0' "$corelate" list --db story.db -n "$number"
done
refuse 2 'wants a value' "$corelate" list -n
for option in -1 -r -q --no-legend; do
	refuse 2 'does not take' "$corelate" explain $option
done
refuse 2 'does not take' "$corelate" sql --since now 'SELECT 1'
refuse 2 'usage' "$corelate" why
refuse 2 'usage' "$corelate" why 1 2 3
refuse 2 'usage' "$corelate" sql
refuse 2 'usage' "$corelate" sql --list crashes
refuse 2 'usage' "$corelate" sql --list --dictionary
refuse 2 'usage' "$corelate" sql --show crashes crashes
refuse 2 'usage' "$corelate" sql --format=json crashes
refuse 2 "there is no 'html'" "$corelate" sql --dictionary --format=html
refuse 3 "no query 'frobnicate'" "$corelate" sql frobnicate
refuse 3 "did you mean 'crashes'" "$corelate" sql crashs
refuse 3 "no query '" "$corelate" sql --show $'\e[31m'
for address in xyz 0x '' -1 ' -1' 0x1g 0x10000000000000000 '1 2' 12.5; do
	refuse 2 'is not an address' "$corelate" why --db story.db -- "$address"
done

# ---- the database ----
for verb in explain info stack list; do
	refuse 3 'missing.db' "$corelate" $verb --db missing.db
	refuse 1 'not one of corelate' "$corelate" $verb --db foreign.db
done
refuse 3 'missing.db' "$corelate" sql --db missing.db 'SELECT 1'
refuse 3 'missing.db' "$corelate" explain --db missing.db ./core
refuse 3 'missing.db' env CORELATE_DB=missing.db "$corelate" list
refuse 3 'nowhere' "$corelate" list --db nowhere/at/all.db
refuse 1 'Not a directory' "$corelate" list --db text/story.db
refuse 2 '--db' "$corelate" list --db ''
refuse 1 'newer corelate' "$corelate" list --db newer.db
refuse 1 'not that of a corelate store' "$corelate" list --db older.db
refuse 1 'impossible version -7' "$corelate" list --db negative.db
refuse 1 'not a database' "$corelate" list --db text
refuse 1 'not a database' "$corelate" list --db core
refuse 1 'empty file' "$corelate" list --db empty
refuse 1 'not a regular file' "$corelate" list --db directory
refuse 1 'not a regular file' "$corelate" list --db fifo
refuse 1 'not a regular file' "$corelate" list --db /dev/zero
refuse 1 'not one of corelate' "$corelate" explain --db foreign.db ./core
refuse 3 'no crash has been recorded' "$corelate" explain --db nobody.db
refuse 3 'no core' "$corelate" stack --db story.db

# ---- the crash ----
refuse 3 "'frobnicate'" "$corelate" explain --db story.db frobnicate
refuse 3 "'4711'" "$corelate" info --db story.db 4711
refuse 3 "'0123456789abcdef'" "$corelate" stack --db story.db 0123456789abcdef
refuse 3 '\x1b[31m' "$corelate" explain --db story.db $'\e[31mred'
refuse 3 "''" "$corelate" explain --db story.db ''
refuse 3 'nothing/core' "$corelate" explain --db story.db ./nothing/core
for verb in explain info stack; do
	refuse 1 'not an ELF file' "$corelate" $verb --db story.db ./text
	refuse 1 'empty' "$corelate" $verb --db story.db ./empty
	refuse 1 'not a regular file' "$corelate" $verb --db story.db ./directory
	refuse 1 'not a regular file' "$corelate" $verb --db story.db ./fifo
done
refuse 1 'not a regular file' "$corelate" explain --db story.db /dev/zero
refuse 1 'an ELF program' "$corelate" explain --db story.db "$corelate"
refuse 1 'cannot unpack' "$corelate" explain --db story.db zstd.core
refuse 1 'i386' "$corelate" explain --db story.db i386.core
refuse 1 'a core of arm' "$corelate" explain --db story.db arm.core
refuse 1 'aarch64' "$corelate" explain --db story.db aarch64.core
refuse 1 's390 (64-bit, big-endian)' "$corelate" explain --db story.db big.core
refuse 1 'truncated in its ELF header' "$corelate" explain --db story.db header.core
refuse 1 'truncated before its notes' "$corelate" explain --db story.db segments.core
refuse 1 'truncated before its notes' "$corelate" explain --db story.db notes.core
refuse 1 'not an ELF file' "$corelate" why --db story.db 0x1000 ./text

# ---- repair: the core itself is never changed ----
before=$(sha256sum core)
ln core second-name
ln -s core link
refuse 2 'usage' "$corelate" repair
refuse 2 'either -o OUT or --dry-run' "$corelate" repair --db story.db ./core
refuse 2 'either -o OUT or --dry-run' "$corelate" repair --db story.db ./core -o out.core --dry-run
refuse 3 'no core' "$corelate" repair --db story.db depot -o out.core
refuse 1 'not an ELF file' "$corelate" repair --db story.db ./text -o out.core
for out in core ./core second-name link; do
	refuse 1 "$out" "$corelate" repair --db story.db ./core -o $out
done
refuse 1 'nowhere/out' "$corelate" repair --db story.db ./core -o nowhere/out
refuse 1 'directory' "$corelate" repair --db story.db ./core -o directory
refuse 1 '/dev/full' "$corelate" repair --db story.db ./core -o /dev/full
refuse 2 '-o' "$corelate" repair --db story.db ./core -o ''
[ "$(sha256sum core)" = "$before" ] || fail 'repair has changed the core'
[ ! -e out.core ] || fail 'a repair that was refused has left something'

# ---- SQL ----
before=$(sha256sum story.db)
for statement in 'DELETE FROM event' 'UPDATE process SET pid = 1' 'DROP TABLE event' 'CREATE TABLE t (a)' \
	"INSERT INTO gap SELECT * FROM gap" 'PRAGMA user_version = 9' 'PRAGMA journal_mode = DELETE' \
	'PRAGMA writable_schema = ON' 'VACUUM' "VACUUM INTO '$work/copy.db'" "ATTACH '$work/other.db' AS other" 'BEGIN' \
	'REINDEX' 'ANALYZE' 'CREATE TEMP TABLE t (a)'; do
	refuse 1 'only statements that read' "$corelate" sql --db story.db "$statement"
done
[ "$(sha256sum story.db)" = "$before" ] || fail 'a statement that was refused has changed the database'
for file in copy.db other.db; do
	[ ! -e $file ] || fail "a statement that was refused has made $file"
done
refuse 1 'load_extension' "$corelate" sql --db story.db "SELECT load_extension('$work/x.so')"
refuse 1 'one statement' "$corelate" sql --db story.db 'SELECT 1; SELECT 2'
refuse 1 'has 0 parameters' "$corelate" sql --db story.db 'SELECT 1' 'SELECT 2'
refuse 1 'has 1 parameter' "$corelate" sql --db story.db 'SELECT ?1'
refuse 2 'wants the parameter address' "$corelate" sql --db story.db who-unmapped
refuse 2 'not an address' "$corelate" sql --db story.db who-unmapped "0'; DROP TABLE event"
refuse 2 'not an address' "$corelate" sql --db story.db who-unmapped ''
refuse 2 'not a number' "$corelate" sql --db story.db who-unmapped 0x1000 $'\e[31m'
refuse 2 'takes 2 parameters' "$corelate" sql --db story.db who-unmapped 1 2 3
refuse 3 'missing.db' "$corelate" sql --db missing.db crashes
for call in 'addr()' 'addr(1, 2)' "addr('x')" "addr(1.5)" "addr(x'00')" "page_ceil('0x')" 'overlaps(1, 2, 3)' \
	"overlaps(1, 2, 3, 'x')" "symbol('x', 1)" 'symbol(1)' "symbol(1, 2, x'00')" "date_of('today')" \
	"address('99999999999999999999999')"; do
	refuse 1 '' "$corelate" sql --db story.db "SELECT $call"
done
refuse 1 'one statement' "$corelate" sql --db story.db 'SELECT 1; DELETE FROM event'
refuse 1 'syntax error' "$corelate" sql --db story.db 'SELEKT 1'
refuse 1 'no such table' "$corelate" sql --db story.db 'SELECT * FROM absent'
refuse 1 'no such column' "$corelate" sql --db story.db 'SELECT absent FROM event'
refuse 1 'statement' "$corelate" sql --db story.db ''
refuse 1 'statement' "$corelate" sql --db story.db -- '-- only a comment'
refuse 1 '\x1b[31m' "$corelate" sql --db story.db $'SELECT "\e[31mred"."x"'

# ---- keeping crashes ----
printf 'MaxUse=1G\nMaxAge=long ago\n' >bad.conf
printf 'Vault=%s/text/below\n' "$work" >text.conf
printf 'Vault=%s/kept\n' "$work" >kept.conf
refuse 2 'usage: corelate capture' "$corelate" capture
refuse 2 "'1234' makes no sense" "$corelate" capture 1234
refuse 2 "'P=-1' makes no sense" "$corelate" capture P=-1
refuse 2 "'P=4294967296' makes no sense" "$corelate" capture P=4294967296
refuse 2 "'s=eleven' makes no sense" "$corelate" capture P=1 s=eleven
refuse 2 'which process?' "$corelate" capture s=11
refuse 1 'there is no process 4294967295' "$corelate" capture --config kept.conf P=4294967295 s=11 F=
refuse 2 'usage: corelate install' "$corelate" install now
refuse 3 'no.conf' "$corelate" install --config no.conf
refuse 1 "bad.conf:2: 'long ago' is no value for MaxAge" "$corelate" install --config bad.conf
refuse 3 'no.conf' "$corelate" uninstall --config no.conf
refuse 1 "bad.conf:2: 'long ago' is no value for MaxAge" "$corelate" gc --config bad.conf
refuse 2 "'many' is no value for --max-bytes" "$corelate" gc --config kept.conf --max-bytes many
refuse 2 "'-1d' is no value for --max-age" "$corelate" gc --config kept.conf --max-age=-1d
refuse 1 'text/below' "$corelate" gc --config text.conf
[ ! -e kept ] || fail 'a call that failed made a vault'

# ---- standard output ----
# full ARGUMENT...: nothing can be written; that must not pass for success.
full() {
	checks=$((checks + 1))
	status=0
	timeout 20 "$corelate" "$@" >/dev/full 2>"$work/err" </dev/null || status=$?
	expect_sane "$@"
	if [ "$status" -ne 1 ] || ! grep -q '^corelate: cannot write' err || [ "$(wc -l <err)" -ne 1 ]; then
		fail "corelate $* >/dev/full: status $status where 1 was expected, standard error:"
		show err
	fi
}
full explain --db story.db ./core
full explain --db story.db --json ./core
full info --db story.db ./core
full stack --db story.db ./core
full why --db story.db 0x7ffff7a4f234
full list --db story.db
full list --db story.db --json
full sql --db story.db 'SELECT * FROM v_event'
full sql --db story.db --json 'SELECT * FROM v_event'
full --help
full explain --help
full --version
finish
