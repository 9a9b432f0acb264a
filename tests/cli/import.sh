#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Crashes of systemd-coredump's, imported: its files in each of their forms, its journal (of a real journald, where one
# can be run), what is wrong with a file, what comes while it watches; and how they are listed and found afterwards.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
boot=0123456789ab4cde8f0123456789abcd
fixture db=story.db core=core
fixture db=nobody.db crash=0 core=other slide=0x10000 core_name=cabinet
mkdir dumps

# rows [ARGUMENT...]: pid, corefile, class of each crash in the vault alone, oldest first.
rows() {
	"$corelate" list --db nobody.db --json "$@" | "$python" -c '
import json, sys
for row in json.load(sys.stdin):
	print(row["pid"], row["corefile"], row["class"] or "-", row["comm"] or "-")'
}
entries() { find vault -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l; }
# wanted NUMBER WHAT: so many entries, and no draft.
wanted() {
	checks=$((checks + 1))
	[ "$(entries)" -eq "$1" ] || fail "$(entries) entries where $1 were expected: $2"
	[ -z "$(find vault -name '.draft*' 2>/dev/null)" ] || fail "a draft was left: $2"
}
# import STATUS ARGUMENT...
import() {
	local expected=$1

	shift
	run "$corelate" import --db nobody.db "$@"
	expect_sane import "$@"
	[ "$status" -eq "$expected" ] || {
		fail "import $*: status $status where $expected was expected"
		show err
	}
}

# ---- its files ----
cp core "dumps/core.depot.1000.$boot.4242.1714979291345678"
zstd -q core -o "dumps/core.depot.1000.$boot.5000.1714979391345678.zst"
lz4 -q core "dumps/core.depot.1000.$boot.5001.1714979491345678.lz4"
xz -kc core >"dumps/core.depot.1000.$boot.5002.1714979591345678.xz"
if "$python" -c '
import os, sys
path = sys.argv[1]
for name, value in dict(pid="4242", uid="1000", gid="100", signal="11", hostname="story\x1b[31m\n", comm="depot", exe="/opt/\x1b[31m<b>").items():
	os.setxattr(path, "user.coredump." + name, value.encode())' "dumps/core.depot.1000.$boot.4242.1714979291345678" 2>/dev/null; then
	has_attributes=1
else
	has_attributes=
	echo 'partly skipped: no extended attributes here'
fi
import 0 --from dumps
wanted 4 'four forms of one core'
grep -q '4 imported, 0 already there, 0 not imported' err || fail "import tells: $(cat err)"
[ "$(rows | awk '{print $1, $2}' | tr '\n' ' ')" = '4242 present 5000 present 5001 present 5002 present ' ] || fail "rows: $(rows)"
# They can also be explained where they are.
accept "$corelate" explain --json ./core
"$python" -c 'import json, sys; d = json.load(sys.stdin); d["crash"]["core"] = None; print(d)' <out >plain
for form in 5000.1714979391345678.zst 5001.1714979491345678.lz4 5002.1714979591345678.xz; do
	accept "$corelate" explain --json "dumps/core.depot.1000.$boot.$form"
	expect_text "dumps/core.depot.1000.$boot.$form"
	"$python" -c 'import json, sys; d = json.load(sys.stdin); d["crash"]["core"] = None; print(d)' <out | cmp -s - plain ||
		fail "$form is explained otherwise than the plain core"
done
echo text | gzip >text.gz
refuse 1 'text.gz, unpacked: not a core file' "$corelate" explain ./text.gz
xz -kc core | head -c 200 >cut.xz
refuse 1 'cut.xz: cannot unpack' "$corelate" explain ./cut.xz
if [ "$has_attributes" ]; then
	accept "$corelate" list --db nobody.db --json=short 4242
	expect_text '"gid":100'
	expect_text '/opt/\u001B[31m<b>'
	accept "$corelate" list --db nobody.db 4242
	expect_text '/opt/\x1b[31m<b>'
	accept "$corelate" list --db nobody.db COREDUMP_GID=100
	accept "$corelate" list --db nobody.db _HOSTNAME=$'story\e[31m\n'
fi
for core in vault/*/core.zst; do
	zstd -dqc "$core" | cmp -s - core || fail "$core is not the core"
	[ "$(stat -c %a "$core")" = 600 ] || fail "$core may be read by others"
done

# Again, and by another name of the same file: nothing new.
import 0 --from dumps
wanted 4 'imported twice'
grep -q '0 imported, 4 already there' err || fail "the second import tells: $(cat err)"
ln -s "dumps/core.depot.1000.$boot.5000.1714979391345678.zst" link
import 0 link ./core
wanted 4 'a link to one of them, and the same core without a name'

# ---- the record and its crash are one row ----
accept "$corelate" list --db story.db --json
[ "$("$python" -c 'import json; print(sum(row["pid"] == 4242 for row in json.load(open("out"))))')" = 1 ] ||
	fail 'a recorded death and its core in the vault are not one row'
"$python" -c '
import json
row = next(row for row in json.load(open("out")) if row["pid"] == 4242)
assert row["corefile"] == "present" and row["entry"] and row["exe"] == "/opt/story/bin/depot", row
assert row["time_ns"] == 1714979291345678901, row' || fail 'the row is not that of record and vault'
accept "$corelate" info --db story.db ./core
cp out by-path
accept "$corelate" info --db story.db 4242
# It is the same but for what the core is called.
diff <(grep -v '^  core ' by-path) <(grep -v '^  core ' out) >diff || { fail 'a core of the vault tells something else'; show diff; }
for verb in explain info stack 'why 0x7ffff7a4f234' 'report --format=html'; do
	# shellcheck disable=SC2086 # words on purpose
	accept "$corelate" $verb --db story.db depot
done
accept "$corelate" explain --db story.db 4242
expect_text 'vault/'
expect_text 'double-munmap (proven)'
accept "$corelate" repair --db story.db --dry-run 4242
entry=$(basename "$(find vault -name '*-5001-*')")
accept "$corelate" info --db nobody.db "$entry"
accept "$corelate" explain --db nobody.db 5002
accept env CORELATE_DB= "$corelate" explain depot 5002
accept "$corelate" list --db story.db --group
expect_text 'double-munmap (proven)'

# ---- explained at once ----
rm -rf vault
import 0 --db story.db --from dumps
accept "$corelate" list --db story.db 4242
expect_text 'double-munmap (proven)'
[ "$(find vault -name report.json | wc -l)" -eq 4 ] || fail 'not each of them has its report'
import 0 ./other --json
"$python" -c '
import json
(one,) = json.load(open("out"))
assert one["status"] == "imported" and one["entry"] and one["error"] is None, one' || fail 'import --json'
accept "$corelate" list --db nobody.db cabinet

# A core without a name, and the record of its death.
rm -rf vault
import 0 ./core
accept "$corelate" list --db story.db --json=short
[ "$("$python" -c 'import json; print(len(json.load(open("out"))))')" = 1 ] || fail 'a core that came alone is not its recorded death'
expect_text '"pid":4242,"namespace_pid":42,'
expect_text '"corefile":"present"'
accept "$corelate" list --db nobody.db 42
expect_text ' 42 '

# ---- what is wrong with it ----
rm -rf vault bad
mkdir bad
printf 'no core at all\n' >"bad/core.a.0.$boot.1.1714979291345678"
: >"bad/core.a.0.$boot.2.1714979291345678"
zstd -qc core | head -c 300 >"bad/core.a.0.$boot.3.1714979291345678.zst"
printf '\050\265\057\375junk' >"bad/core.a.0.$boot.4.1714979291345678.zst"
cp "$corelate" "bad/core.a.0.$boot.5.1714979291345678"
head -c 100 core >"bad/core.a.0.$boot.6.1714979291345678"
mkfifo "bad/core.a.0.$boot.7.1714979291345678"
ln -s "$work/core" "bad/core.a.0.$boot.8.1714979291345678"
mkdir "bad/core.a.0.$boot.9.1714979291345678"
xz -kc text 2>/dev/null >"bad/core.a.0.$boot.10.1714979291345678.xz" || true
touch -d '1 hour ago' bad/core*
cp core bad/.#core.still-made
import 1 --from bad
wanted 0 'nothing but bad files'
[ "$(grep -c '^corelate: .*: refused: ' err)" -eq 10 ] || { fail 'not each bad file is told of'; show err; }
import 3 --from nowhere
import 1 nowhere/core
import 3 nowhere.journal
refuse 1 'cannot read the journal' "$corelate" import --db nobody.db "$(printf 'x' >broken.journal && echo broken.journal)"
import 2 --from ''
wanted 0 'nothing that is there'

# A bomb: 4 GiB of zeros behind the notes, in a few hundred KiB.
{ cat core; head -c 4294967296 /dev/zero; } | zstd -q -T1 >bomb.zst
printf 'MaxCoreSize=1M\n' >small.conf
import 1 --config small.conf bomb.zst
grep -q 'unpacks to more than 1048576 bytes' err || { fail 'a bomb is not refused for what it is'; show err; }
rm -f bomb.zst
wanted 0 'a bomb'
printf 'KeepFree=1000T\n' >full.conf
import 1 --config full.conf ./core
grep -q 'not enough room' err || { fail 'a full disk is not told'; show err; }
wanted 0 'a full disk'

# A name that is one of the terminal's commands, markup, or SQL.
evil="core.a\\x1b\\x5b31m\\x0a'\\x3b--<b>.0.$boot.77.1714979291345678"
mkdir evil
cp core "evil/$evil"
cp other $'evil/core.\e[31m\n<script>'
import 0 --from evil
grep -q $'\e' out err && fail 'an escape of a file name came through'
accept "$corelate" list --db nobody.db 77
expect_text ' 77 '
grep -q $'\e' out && fail 'an escape of a name came through in the list'
accept "$corelate" list --db nobody.db --json 77
"$python" -c 'import json; (row,) = json.load(open("out")); assert row["comm"].startswith("a\x1b[31m\n") and row["uid"] == 0, row' || fail 'the name is not kept'
rm -rf vault

# ---- a file that grows ----
mkdir grows
growing="grows/core.a.0.$boot.1.1714979291345678"
exec 7>"$growing"
cat core >&7
import 1 --from grows
grep -q 'skipped: somebody is still writing' err || { fail 'a file that grows is taken'; show err; }
wanted 0 'a file that grows'
exec 7>&-
import 0 --from grows
wanted 1 'a file that has grown'
rm -rf vault

# ---- two at once ----
"$corelate" import --db nobody.db --from dumps >one 2>&1 &
first=$!
"$corelate" import --db nobody.db --from dumps >two 2>&1 || fail 'one of two imports at once failed'
wait $first || fail 'the other of two imports at once failed'
[ -z "$(find vault -name '.draft*')" ] || fail 'two imports at once have left a draft'
import 0 --from dumps
rm -rf vault

# ---- watching ----
mkdir watched
printf 'Hooks=%s/hooks\n' "$work" >watch.conf
"$corelate" import --watch --db story.db --config watch.conf --from watched >watch.out 2>watch.err &
watcher=$!
background+=("$watcher")
for _ in $(seq 100); do
	grep -q '^watching ' watch.err && break
	sleep 0.1
done
grep -q '^watching watched' watch.err || fail 'import --watch does not say that it watches'
# imported NUMBER: waits for so many lines.
imported() {
	checks=$((checks + 1))
	for _ in $(seq 100); do
		[ "$(grep -c ': imported as ' watch.out)" -ge "$1" ] && return 0
		sleep 0.1
	done
	fail "not $1 imported while it watches"
	show watch.out
	show watch.err
}
cp core "watched/core.depot.1000.$boot.4242.1714979291345678"
imported 1
grep -q 'double-munmap (proven)' watch.out || fail 'what comes is not explained'
zstd -q core -o made && mv made "watched/core.depot.1000.$boot.5000.1714979391345678.zst"
imported 2
ln core "watched/core.depot.1000.$boot.5001.1714979491345678"
imported 3
exec 7>"watched/core.depot.1000.$boot.5002.1714979591345678"
head -c 2000 core >&7
tail -c +2001 core >&7
exec 7>&-
imported 4
kill -TERM $watcher
status=0
wait $watcher || status=$?
[ "$status" -eq 0 ] || fail "import --watch ended with status $status after SIGTERM"
wanted 4 'what came while it watched'
for core in vault/*/core.zst; do
	zstd -dqc "$core" | cmp -s - core || fail "$core is not what came"
done
rm -rf vault

# ---- a journal ----
journald=/lib/systemd/systemd-journald
if is_root && [ -x $journald ] && command -v unshare >/dev/null && logger --help 2>/dev/null | grep -q journald; then
	cp "dumps/core.depot.1000.$boot.5000.1714979391345678.zst" dumps/core.in-journal.zst
	cat >journald.sh <<-END
		set -e
		mount --make-rprivate /
		mount -t tmpfs tmpfs /run
		mkdir -p /run/systemd/journal /run/log/journal /run/conf
		printf '[Journal]\nStorage=volatile\nReadKMsg=no\nAudit=no\nForwardToSyslog=no\n' >/run/conf/journald.conf
		[ ! -e /etc/systemd/journald.conf ] || mount --bind /run/conf/journald.conf /etc/systemd/journald.conf
		$journald >journald.log 2>&1 &
		pid=\$!
		for i in \$(seq 100); do [ -S /run/systemd/journal/socket ] && break; sleep 0.1; done
		send() {
			printf 'MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1\nMESSAGE=dumped core\nCOREDUMP_UID=1000\nCOREDUMP_GID=100\nCOREDUMP_SIGNAL=11\nCOREDUMP_COMM=depot\n'
			printf '%s\n' "\$@"
		}
		send COREDUMP_PID=6000 COREDUMP_TIMESTAMP=1714979291000000 COREDUMP_EXE=/opt/story/bin/depot COREDUMP_HOSTNAME=story COREDUMP_FILENAME=/elsewhere/core.in-journal.zst | logger --journald
		send COREDUMP_PID=6001 COREDUMP_TIMESTAMP=1714979391000000 COREDUMP_FILENAME=/elsewhere/core.gone.zst | logger --journald
		send COREDUMP_PID=6002 COREDUMP_TIMESTAMP=1714979491000000 COREDUMP_EXE=\$'/opt/\\e[31mred' | logger --journald
		send COREDUMP_PID=6003 COREDUMP_TIMESTAMP=1714979591000000 COREDUMP_FILENAME=/etc/../etc/passwd | logger --journald
		send COREDUMP_PID=x COREDUMP_TIMESTAMP=1 | logger --journald
		for i in \$(seq 100); do
			[ "\$(journalctl -D /run/log/journal -q -o cat MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1 2>/dev/null | wc -l)" -ge 5 ] && break
			sleep 0.1
		done
		kill -TERM \$pid
		wait \$pid || true
		find /run/log/journal -name '*.journal' -exec cp {} . \;
	END
	timeout 60 unshare -m bash journald.sh || fail "no journal: $(cat journald.log)"
	import 0 --from dumps system.journal
	[ "$(rows | awk '{print $1, $2}' | tr '\n' ' ')" = '6000 present 6001 missing 6002 none 6003 missing ' ] || fail "from the journal: $(rows)"
	accept "$corelate" list --db nobody.db 6002
	expect_text '/opt/\x1b[31mred'
	accept "$corelate" explain --db nobody.db 6000
	refuse 3 'neither a core nor a record was kept' "$corelate" explain --db nobody.db 6001
	refuse 3 'removed since' "$corelate" info --db nobody.db 6001
	accept "$corelate" list --db nobody.db --json=short 6000
	expect_text '"hostname":"story"'
	expect_text '"gid":100'
	import 0 --from dumps system.journal
	wanted 4 'a journal that was imported twice'
	grep -q '0 imported, 4 already there' err || fail "a journal again: $(cat err)"
else
	echo 'partly skipped: no journald that could be run, or not root'
fi
finish
