#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The kernel hands real cores to corelate capture: what is kept, who did it, what is told to whom, and what happens when
# there is no room, no permission, or no sense in a name.
# shellcheck source=tests/live/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

live_cleanup_more() {
	if [ -n "${LIMIT_BEFORE:-}" ]; then
		printf '%s\n' "$LIMIT_BEFORE" >/proc/sys/kernel/core_pipe_limit
	fi
	! mountpoint -q "$TMP/small" || umount -l "$TMP/small"
	rm -rf /var/tmp/corelate-live-hook.*
	[ -z "${JOURNAL_MADE:-}" ] || rm -rf /run/systemd/journal
}

live_begin_alone "$@"
LIMIT_BEFORE=$(cat /proc/sys/kernel/core_pipe_limit)
# Under a path that core_pattern can hold, wherever the build is.
mkdir "$TMP/bin"
cp "$CORELATE" "$BUILD/corelated" "$TMP/bin/"
CORELATE=$TMP/bin/corelate
VAULT=$TMP/v
CONFIG=$TMP/c.conf
HOOKS=$TMP/hooks
HOOKED=$(mktemp -d /var/tmp/corelate-live-hook.XXXXXX)
chmod 1777 "$HOOKED"
mkdir "$HOOKS"
ulimit -Sc 0 # as most systems begin: it forbids nothing

configure() {
	printf 'Vault=%s\nDatabase=%s\nHooks=%s\n' "${1:-$VAULT}" "$DB" "$HOOKS" >"$CONFIG"
	[ $# -lt 2 ] || printf '%s\n' "${@:2}" >>"$CONFIG"
}

corelate() {
	"$CORELATE" "$@" --config "$CONFIG"
}

pattern() {
	cat /proc/sys/kernel/core_pattern
}

entries() {
	find "$VAULT" -mindepth 1 -maxdepth 1 -name '[0-9]*' 2>/dev/null | sort || true
}

count() {
	entries | wc -l
}

has_entries() {
	[ "$(count)" -ge "$1" ]
}

newest() {
	entries | tail -1
}

# fresh: an empty vault.
fresh() {
	rm -rf "$VAULT"
	configure "$@"
}

# crash COMMAND...: waits until the entry is there; sets ENTRY. The entry is named by the second: with others before it,
# start fresh.
crash() {
	"$@" >/dev/null 2>&1 9>&- || true
	within 20 has_entries 1 || fail "$*: nothing was kept"
	ENTRY=$(newest)
}

is_explained() {
	[ -e "$ENTRY/report.json" ]
}

fact() {
	json "$ENTRY/crash.json" "d[\"$1\"]"
}

told() {
	json "$ENTRY/report.json" "$1"
}

kernel_says() {
	dmesg | tail -n 200 | grep -F 'corelate['
}

# nothing_half FILE...: no draft is left.
nothing_half() {
	equal "drafts in $1" "$(find "$1" -name '.draft*' | wc -l)" 0
}

## install and uninstall

configure
BEFORE=$(pattern)
must corelate install --dry-run >"$TMP/out"
contains 'what install would do' "$(cat "$TMP/out")" "would set core_pattern to |$CORELATE capture"
equal 'core_pattern after a dry run' "$(pattern)" "$BEFORE"
must corelate install >"$TMP/out"
contains 'core_pattern' "$(pattern)" "|$CORELATE capture --config $CONFIG P=%P"
holds 'core_pipe_limit' "$(cat /proc/sys/kernel/core_pipe_limit)" -gt 0
contains 'a second install' "$(corelate install)" 'already installed'
must corelate uninstall >"$TMP/out"
equal 'core_pattern after install, install, uninstall' "$(pattern)" "$BEFORE"
equal 'core_pipe_limit after it' "$(cat /proc/sys/kernel/core_pipe_limit)" "$LIMIT_BEFORE"
contains 'a second uninstall' "$(corelate uninstall)" 'left alone'
must corelate install >"$TMP/out"
printf '%s\n' "$CORES/other.%p" >/proc/sys/kernel/core_pattern
contains 'uninstall of what another has set' "$(corelate uninstall)" "left alone: $CORES/other.%p"
equal 'core_pattern of another' "$(pattern)" "$CORES/other.%p"
printf '%s\n' "$BEFORE" >/proc/sys/kernel/core_pattern
printf '%s\n' "$LIMIT_BEFORE" >/proc/sys/kernel/core_pipe_limit

## a path that core_pattern cannot hold: 127 bytes, and no blank

LONG="$TMP/a directory with blanks/and a name/that is as long as only people who like to tell everything by a name can make it"
mkdir -p "$LONG"
cp "$CORELATE" "$BUILD/corelated" "$LONG/"
cp "$CONFIG" "$LONG/c.conf"
must "$LONG/corelate" install --config "$LONG/c.conf" >"$TMP/out"
contains 'core_pattern with links' "$(pattern)" '|/run/corelate/corelate capture --config /run/corelate/capture.conf P=%P'
contains 'what install says of links' "$(cat "$TMP/out")" "to $LONG/corelate"
equal 'the link to the program' "$(readlink /run/corelate/corelate)" "$LONG/corelate"
contains 'a second install with links' "$("$LONG/corelate" install --config "$LONG/c.conf")" 'already installed'
fresh
crash "$BUILD/examples/double-munmap"
equal 'a crash by links' "$(fact comm)" double-munmap
within 30 is_explained || fail "no report by links: $(kernel_says | tail -3)"
# Another program by the same names: the links lead to it.
mkdir "$LONG/2"
cp "$CORELATE" "$BUILD/corelated" "$LONG/2/"
must "$LONG/2/corelate" install --config "$LONG/c.conf" >"$TMP/out"
equal 'the link to another program' "$(readlink /run/corelate/corelate)" "$LONG/2/corelate"
must "$LONG/2/corelate" uninstall --config "$LONG/c.conf" >"$TMP/out"
equal 'core_pattern after uninstall' "$(pattern)" "$BEFORE"
[ ! -e /run/corelate ] || fail 'uninstall left /run/corelate'
# Where others could put links, none are made.
mkdir -m 777 /run/corelate
! "$LONG/corelate" install --config "$LONG/c.conf" >"$TMP/out" 2>&1 || fail 'install into a directory that others may write'
contains 'why not' "$(cat "$TMP/out")" '/run/corelate: not a directory that only root may write'
equal 'core_pattern after a refusal' "$(pattern)" "$BEFORE"
rmdir /run/corelate
fresh

## the same verdict from a core that the kernel wrote and from one that was kept

ulimit -Sc unlimited
"$BUILD/examples/double-munmap" >/dev/null 2>&1 9>&- || true
PLAIN=$(find "$CORES" -name 'core.*' | head -1)
record true >/dev/null 2>&1 # a record that knows nothing of it
explain "$PLAIN"
PLAIN_VERDICT="$(verdict) $(json "$EXPLAINED" 'd["crash"]["signature"]')"
ulimit -Sc 0

must corelate install >"$TMP/out"
crash "$BUILD/examples/double-munmap"
within 30 is_explained || fail "no report of double-munmap: $(kernel_says | tail -3)"
cp "$ENTRY/report.json" "$TMP/explained.json"
EXPLAINED=$TMP/explained.json
equal 'verdict of a kept core, without a record' "$(verdict) $(told 'd["crash"]["signature"]')" "$PLAIN_VERDICT"
equal 'mode of the vault' "$(stat -c '%a %u' "$VAULT")" '700 0'
equal 'mode of the entry' "$(stat -c '%a %u' "$ENTRY")" '700 0'
for file in core.zst crash.json report.json; do
	equal "mode of $file" "$(stat -c '%a %u' "$ENTRY/$file")" '600 0'
done
equal 'comm' "$(fact comm)" double-munmap
equal 'exe' "$(fact exe)" "$BUILD/examples/double-munmap"
equal 'signal' "$(fact signal)" 11
equal 'truncated' "$(fact truncated)" False
equal 'threads differ' "$([ "$(fact pid)" != "$(fact tid)" ] && echo yes)" yes
holds 'a core with holes is small when packed' "$(stat -c %s "$ENTRY/core.zst")" -lt $(($(fact core_bytes) / 10))
nothing_half "$VAULT"

## a recorded crash is explained with its record, which the recorder may not have stored yet

fresh
record "$BUILD/examples/double-munmap" >/dev/null 2>&1
within 20 has_entries 1 || fail 'the recorded crash was not kept'
ENTRY=$(newest)
within 30 is_explained || fail 'the recorded crash was not explained'
cp "$ENTRY/report.json" "$TMP/explained.json"
equal 'verdict with a record' "$(verdict)" 'double-munmap proven'
equal 'boot id' "$(told 'd["crash"]["boot_id"]')" "$(cat /proc/sys/kernel/random/boot_id)"

## the same while the recorder goes on: it is waited for

fresh
recorder_start --comm double-munmap
crash "$BUILD/examples/double-munmap"
within 30 is_explained || fail 'the crash under a running recorder was not explained'
cp "$ENTRY/report.json" "$TMP/explained.json"
equal 'verdict with a running recorder' "$(verdict)" 'double-munmap proven'
recorder_stop

## names that would do harm; a hook hears of it, in a clean environment and without rights; a bad hook harms nobody

cat >"$HOOKS/10-tell" <<-END
	#!/bin/sh
	{ env; id -u; grep -E '^(CapEff|CapPrm|NoNewPrivs)' /proc/self/status; } >$HOOKED/told
	cat >$HOOKED/stdin
	cmp -s $HOOKED/stdin "\$CORELATE_REPORT" && echo same >>$HOOKED/told
END
printf '#!/bin/sh\necho sorry; exit 3\n' >"$HOOKS/20-fails"
printf '#!/bin/sh\nsleep 60 & sleep 60\n' >"$HOOKS/30-hangs"
printf '#!/bin/sh\ntouch %s/open\n' "$HOOKED" >"$HOOKS/40-open"
printf '#!/bin/sh\ntouch %s/last\n' "$HOOKED" >"$HOOKS/50-last"
printf 'no program' >"$HOOKS/60-text"
chmod 755 "$HOOKS"/[1-5]*
chmod 777 "$HOOKS/40-open"
fresh "$VAULT" HookTimeout=2s
# shellcheck disable=SC2016 # expanded by the victim
crash sh -c 'printf "a\nb\033[31m\377</b>" >/proc/$$/comm; kill -SEGV $$'
equal 'a hostile name' "$(json "$ENTRY/crash.json" 'ascii(d["comm"])')" "'a\\nb\\x1b[31m\\ufffd</b>'"
within 30 test -e "$HOOKED/last" || fail 'the last hook did not run'
contains 'name for the hook' "$(cat "$HOOKED/told")" 'CORELATE_COMM=a\x0ab\x1b[31m'
contains 'class for the hook' "$(cat "$HOOKED/told")" 'CORELATE_CLASS=deliberate-abort'
contains 'report for the hook' "$(cat "$HOOKED/told")" 'same'
contains 'capabilities of the hook' "$(cat "$HOOKED/told")" 'CapEff:	0000000000000000'
contains 'the hook can gain nothing' "$(cat "$HOOKED/told")" 'NoNewPrivs:	1'
lacks 'the environment of the hook' "$(cat "$HOOKED/told")" VICTIMS
equal 'the hook is not root' "$(stat -c %u "$HOOKED/told")" "$(id -u corelate 2>/dev/null || id -u nobody)"
contains 'the hook that fails' "$(kernel_says)" "20-fails failed with status 3: sorry"
contains 'the hook that hangs' "$(kernel_says)" "30-hangs took over 2 s"
contains 'the hook that others may write' "$(kernel_says)" "40-open is not run"
equal 'the hook that others may write' "$([ -e "$HOOKED/open" ] && echo ran)" ''
lacks 'the log' "$(kernel_says)" $'\033'
gone() { [ "$(find /var/tmp -maxdepth 1 -name 'corelate-hooks-*' | wc -l)" -eq 0 ]; }
within 10 gone || fail 'the copy of the report stays'
rm -f "$HOOKS"/*

## the journal, where none runs: whatever is sent to its socket

if [ ! -e /run/systemd/journal ]; then
	cat >"$TMP/journal.py" <<-'END'
		import os, select, socket, sys
		journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		journal.bind("/run/systemd/journal/socket")
		print("ready", flush=True)
		while select.select([journal], [], [], 20)[0]:
		    entry = journal.recv(1 << 20)
		    if b"MESSAGE_ID=d66ff74a8a69474e9c92a62d7c362e7b\n" in entry:
		        sys.stdout.buffer.write(entry)
		        break
	END
	JOURNAL_MADE=1
	mkdir -p /run/systemd/journal
	"$PYTHON" "$TMP/journal.py" >"$TMP/journal" 9>&- &
	JOURNAL=$!
	LIVE_PIDS+=("$JOURNAL")
	listens() { [ -s "$TMP/journal" ]; }
	within 10 listens || fail 'no journal'
	fresh
	# shellcheck disable=SC2016 # expanded by the victim
	crash sh -c 'printf "a\nCORELATE_CLASS=b" >/proc/$$/comm; kill -SEGV $$'
	wait "$JOURNAL" || true
	forget "$JOURNAL"
	rm -rf /run/systemd/journal
	for field in PRIORITY=2 CORELATE_CLASS=deliberate-abort CORELATE_CONFIDENCE=proven "CORELATE_PID=$(fact pid)" \
		'CORELATE_COMM=a\x0aCORELATE_CLAS' "CORELATE_REPORT=$ENTRY/report.json" CORELATE_SIGNAL=11 \
		"CORELATE_CRASH_ID=$(told 'd["crash"]["id"]')" "CORELATE_SIGNATURE=$(told 'd["crash"]["signature"]')"; do
		grep -aqxF -- "$field" "$TMP/journal" || fail "no $field in the journal: $(cat -v "$TMP/journal")"
	done
	equal 'a name makes no field of its own' "$(grep -ac '^CORELATE_CLASS=' "$TMP/journal")" 1
fi

## a pid namespace of its own: both numbers

fresh
crash unshare --pid --fork --mount-proc "$BUILD/examples/double-munmap"
equal 'pid inside' "$(fact namespace_pid)" 1
holds 'pid outside' "$(fact pid)" -gt 1
within 30 is_explained || fail 'the crash in a namespace was not explained'
equal 'pid in the report' "$(told 'd["crash"]["pid"]')" 1

## files that the explaining user cannot open, that are gone, or that lie in another mount namespace

mkdir -m 700 "$TMP/private"
cp "$BUILD"/examples/double-munmap "$BUILD"/examples/lib*.so "$TMP/private"
functions='[f["function"] for t in d["threads"] if t["crashed"] for f in t["frames"]]'
fresh
crash env LD_LIBRARY_PATH="$TMP/private" "$TMP/private/double-munmap"
within 30 is_explained || fail 'a private program is not explained'
contains 'functions of a private program' "$(told "$functions")" "'depot_read', 'reader'"
fresh
# shellcheck disable=SC2016 # expanded by that shell
crash env LD_LIBRARY_PATH="$TMP/private" unshare --mount sh -c '
	mount -t tmpfs none /mnt && cp "$0"/* /mnt && rm -r "$0" && LD_LIBRARY_PATH=/mnt exec /mnt/double-munmap' "$TMP/private"
within 30 is_explained || fail 'a program of another mount namespace is not explained'
equal 'exe of another mount namespace' "$(fact exe)" /mnt/double-munmap
contains 'functions of a program of another mount namespace' "$(told "$functions")" "'depot_read', 'reader'"
mkdir -m 700 "$TMP/private"
cp "$BUILD"/tests/live/puppet "$TMP/private"
fresh
# shellcheck disable=SC2119 # it is started as it is
PUPPET_PROGRAM=$TMP/private/puppet puppet_start
rm -r "$TMP/private"
kill -SEGV "$PUPPET_JOB"
puppet_end
within 20 has_entries 1 || fail 'a deleted program: nothing was kept'
ENTRY=$(newest)
within 30 is_explained || fail 'a deleted program is not explained'
contains 'exe of a deleted program' "$(fact exe)" '/puppet (deleted)'
contains 'functions of a deleted program' "$(told "$functions")" "'main'"

## who reads the core has no rights

cat >"$TMP/watch.py" <<-'END'
	import glob, sys, time
	end = time.time() + 20
	while time.time() < end:
	    for path in glob.glob("/proc/[0-9]*/comm"):
	        try:
	            if open(path).read() != "corelate-drain\n":
	                continue
	            status = dict(l.split(":", 1) for l in open(path[:-4] + "status"))
	            # Before it has given them up it has read nothing.
	            if status["Seccomp"].strip() == "2":
	                print(*(status[k].strip().replace("\t", ",") for k in ("Uid", "Gid", "Groups", "CapEff", "CapPrm", "CapBnd", "NoNewPrivs")))
	                sys.exit()
	        except OSError:
	            pass
END
big_crash=("$PYTHON" -c 'import os, signal
kept = [os.urandom(1 << 20) for i in range(int(os.environ.get("MIB", "150")))]
os.kill(os.getpid(), signal.SIGSEGV)')
fresh
"$PYTHON" "$TMP/watch.py" >"$TMP/watched" 9>&- &
WATCH=$!
LIVE_PIDS+=("$WATCH")
crash "${big_crash[@]}"
wait "$WATCH" || true
forget "$WATCH"
NOBODY=$(id -u corelate 2>/dev/null || id -u nobody)
GROUP=$(id -g corelate 2>/dev/null || id -g nobody)
ZERO=0000000000000000
equal 'rights of the process that reads the core' "$(cat "$TMP/watched")" \
	"$NOBODY,$NOBODY,$NOBODY,$NOBODY $GROUP,$GROUP,$GROUP,$GROUP  $ZERO $ZERO $ZERO 1"
holds 'bytes of the large core' "$(fact core_bytes)" -gt $((150 << 20))

## two at once

fresh
"$BUILD/examples/double-munmap" >/dev/null 2>&1 9>&- &
FIRST=$!
LIVE_PIDS+=("$FIRST")
MIB=20 "${big_crash[@]}" >/dev/null 2>&1 9>&- || true
wait "$FIRST" || true
forget "$FIRST"
within 20 has_entries 2 || fail "two crashes at once: $(count) kept"
for ENTRY in $(entries); do
	equal "a core of two at once" "$(fact truncated) $(fact note)" 'False null'
	within 30 is_explained || fail 'one of two at once was not explained'
done

## limits: what is larger is cut and says so; a hard limit of 0 is respected

fresh "$VAULT" MaxCoreSize=2M
MIB=8 crash "${big_crash[@]}"
equal 'a core over MaxCoreSize' "$(fact core_bytes) $(fact truncated)" "$((2 << 20)) True"
contains 'its note' "$(fact note)" 'MaxCoreSize'
within 30 is_explained || fail 'a core that was cut is not explained'
fresh
crash sh -c 'ulimit -Hc 0; kill -SEGV $$'
equal 'a core that the process forbids' "$(fact core_bytes) $([ -e "$ENTRY/core.zst" ] && echo there)" '0 '
contains 'why there is none' "$(fact note)" 'RLIMIT_CORE'

## bounds

fresh "$VAULT" MaxUse=1 Explain=no
for _ in 1 2 3; do
	LAST=$(newest)
	"$BUILD/examples/double-munmap" >/dev/null 2>&1 9>&- || true
	changed() { [ -n "$(newest)" ] && [ "$(newest)" != "$LAST" ]; }
	within 20 changed || fail 'no newer entry'
	alone() { [ "$(count)" -eq 1 ]; }
	within 20 alone || fail "MaxUse=1: $(count) are kept"
done
corelate gc --max-age 1h --json >"$TMP/gc.json"
equal 'gc keeps what is young' "$(json "$TMP/gc.json" 'd["kept"], d["removed"]')" '(1, [])'
sleep 2.1
corelate gc --max-age 1s --dry-run >"$TMP/out"
contains 'gc without doing it' "$(cat "$TMP/out")" '1 would be removed'
equal 'after a dry run' "$(count)" 1
must corelate gc --max-age 1s >"$TMP/out"
equal 'after gc' "$(count)" 0

## no room: nothing half-written, what was there before is whole

mkdir "$TMP/small"
mount -t tmpfs -o size=4m,mode=700 corelate-test "$TMP/small"
VAULT=$TMP/small/v
configure "$VAULT" KeepFree=no
crash "$BUILD/examples/double-munmap"
KEPT=$ENTRY
within 30 is_explained || fail 'no explanation in a small vault'
BEFORE_SUM=$(cat "$KEPT"/* | cksum)
MIB=20 "${big_crash[@]}" >/dev/null 2>&1 9>&- || true
overflowed() { kernel_says | grep -qF 'No space left on device'; }
within 20 overflowed || fail "a full disk is not told of: $(kernel_says | tail -3)"
within 20 has_entries 2 || fail 'the crash that filled the disk was thrown away'
nothing_half "$VAULT"
equal 'the entry of before' "$(cat "$KEPT"/* | cksum)" "$BEFORE_SUM"
# Its core is cut, with what tells of the signal.
ENTRY=$(newest)
equal 'a core that filled the disk is cut' "$(fact truncated)" True
contains 'why it is' "$(fact note)" 'No space left on device'
within 30 is_explained || fail 'no explanation of a core that filled the disk'
contains 'its explanation' "$(told 'd["signal"]')" SIGSEGV
rm -rf "$ENTRY"
# With a reserve the core is cut in time, and kept.
configure "$VAULT" KeepFree=1M MaxUse=no
MIB=20 "${big_crash[@]}" >/dev/null 2>&1 9>&- || true
within 20 has_entries 1 || true
ENTRY=$(newest)
cut() { ENTRY=$(newest) && [ "$(fact truncated)" = True ]; }
within 20 cut || fail "KeepFree: $(cat "$ENTRY/crash.json")"
contains 'its note' "$(fact note)" 'KeepFree'
unmounted() { umount "$TMP/small" 2>/dev/null; }
within 30 unmounted || fail 'somebody stays in the small vault'
VAULT=$TMP/v

## nothing that fails holds the dying process

cat >"$TMP/time.py" <<-'END'
	import os, signal, sys, time
	begun = time.time()
	pid = os.fork()
	if pid == 0:
	    kept = b"x" * (64 << 20)
	    os.kill(os.getpid(), signal.SIGSEGV)
	status = os.waitpid(pid, 0)[1]
	print(os.WTERMSIG(status), time.time() - begun < 10, os.WCOREDUMP(status))
END
fresh "$VAULT"
equal 'a death that is captured' "$("$PYTHON" "$TMP/time.py" 9>&-)" '11 True True'
configure /dev/null/vault
contains 'a death without a vault' "$("$PYTHON" "$TMP/time.py" 9>&-)" '11 True'
complained() { kernel_says | grep -q '/dev/null.*Not a directory'; }
within 20 complained || fail "a vault that cannot be made is not told of: $(kernel_says | tail -3)"
printf 'MaxUse=much\n' >"$CONFIG"
configure_is_refused() { kernel_says | grep -qF "'much' is no value for MaxUse"; }
configure "$VAULT" MaxUse=much
crash "$BUILD/examples/double-munmap"
within 20 configure_is_refused || fail 'a bad setting is not told of'

configure
must corelate uninstall >"$TMP/out"
equal 'core_pattern at the end' "$(pattern)" "$BEFORE"
live_end
