#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# corelate capture, run by hand: whatever fails while a core is kept, the crash is not lost. The process that "dies" is one
# that sleeps. What the kernel itself hands over is tests/live/capture.sh's.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core
# The hooks' user must be able to write there.
mkdir hooks
mkdir -m 1777 told
cat >hooks/tell <<END
#!/bin/sh
env | sort >$work/told/environment.new
cat >$work/told/report
mv $work/told/environment.new $work/told/environment
END
chmod 755 hooks/tell
sleep 1000 &
dying=$!
background+=("$dying")
words=("P=$dying" "p=$dying" "I=$dying" "i=$dying" "u=0" "g=0" "s=11")
vault=$work/vault

# settings KEY=VALUE...
settings() {
	printf 'Vault=%s\nDatabase=%s/none.db\nHooks=%s/hooks\n' "$vault" "$work" "$work" >capture.conf
	printf '%s\n' "$@" >>capture.conf
}

# capture FILE: the core is what is read from there.
capture() {
	checks=$((checks + 1))
	rm -f told/*
	status=0
	timeout 60 "$corelate" capture --config capture.conf "${words[@]}" <"$1" >out 2>err || status=$?
	expect_sane capture "$1"
}

newest() {
	find "$vault" -mindepth 1 -maxdepth 1 -type d -name '[0-9]*' | sort | tail -1
}

# fact EXPRESSION: of the newest entry's crash.json, `d`.
fact() {
	"$python" -c 'import json, sys; d = json.load(open(sys.argv[1])); print(eval(sys.argv[2]))' "$(newest)/crash.json" "$1"
}

is() {
	checks=$((checks + 1))
	[ "$2" = "$3" ] || fail "$1 is '$2' and not '$3'"
}

# kept WHAT STATE NOTE: the crash is there, its core in that state and with that reason, and everybody is told.
kept() {
	local entry

	is "$1: status" "$status" 0
	entry=$(newest)
	[ -n "$entry" ] || {
		fail "$1: no entry: $(cat err)"
		return
	}
	is "$1: who" "$(fact '(d["pid"], d["signal"], d["comm"])')" "($dying, 11, 'sleep')"
	[ "$2" = absent ] || is "$1: truncated" "$(fact 'd["truncated"]')" "$([ "$2" = cut ] && echo True || echo False)"
	is "$1: has a core" "$(fact 'd["core_bytes"] > 0')" "$([ "$2" = absent ] && echo False || echo True)"
	is "$1: a core file" "$([ -e "$entry/core.zst" ] && echo True || echo False)" "$([ "$2" = absent ] && echo False || echo True)"
	case $(fact 'd["note"]') in
	*"$3"*) ;;
	*) fail "$1: its note is '$(fact 'd["note"]')', without '$3'" ;;
	esac
	hooked "$1" "$2" "$3"
	# list, info and explain say it.
	CORELATE_VAULT=$vault run "$corelate" list --db nobody.db --json
	"$python" - out "$2" "$3" <<'END' || fail "$1: list says $(cat out)"
import json, sys
row = json.load(open(sys.argv[1]))[-1]
states = {"present": "present", "cut": "truncated", "absent": "none"}
sys.exit(row["corefile"] != states[sys.argv[2]] or sys.argv[3] not in (row["note"] or ""))
END
	for verb in info explain; do
		CORELATE_VAULT=$vault run "$corelate" $verb --db nobody.db "$dying"
		expect_sane $verb
		tr -s ' \n' ' ' <out | cat - err | grep -qF -- "$3" || {
			fail "$1: $verb does not say '$3':"
			show out
			show err
		}
	done
	[ -z "$(find "$vault" -name '.draft*')" ] || fail "$1: a draft was left"
}

# hooked WHAT STATE NOTE: the hook ran, and knows.
hooked() {
	checks=$((checks + 1))
	grep -qx "CORELATE_PID=$dying" told/environment && grep -qx "CORELATE_CORE=$2" told/environment || {
		fail "$1: the hook was told: $(cat told/environment 2>&1)"
		return
	}
	[ "$2" = present ] || grep -q "^CORELATE_NOTE=.*$3" told/environment ||
		fail "$1: the hook is not told why: $(cat told/environment)"
	[ "$2" = absent ] || "$python" -c 'import json, sys; json.load(open(sys.argv[1]))' told/report ||
		fail "$1: the hook has no report"
}

fixture db=nobody.db crash=0
# A core of which the disk holds a part: what comes after its own bytes does not pack.
(
	cat core
	head -c 8000000 /dev/urandom
) >large
settings
capture core
kept 'a whole core' present ''

# ---- limits ----
settings MaxCoreSize=1M KeepFree=no
rm -rf vault
capture large
kept 'more than MaxCoreSize' cut 'larger than MaxCoreSize'
settings KeepFree=1000T
rm -rf vault
capture large
kept 'less room than KeepFree' absent 'less than KeepFree'
# What was kept before goes, the newest stays whatever its size.
settings MaxUse=1M KeepFree=no
rm -rf vault
capture core
first=$(newest)
sleep 1.1 # names are by the second
capture large
kept 'a vault at its limit' present ''
[ ! -e "$first" ] && [ "$(find vault -mindepth 1 -maxdepth 1 -name '[0-9]*' | wc -l)" -eq 1 ] || fail "MaxUse: $(ls vault)"

# ---- time, and what happens to the process that packs ----
mkfifo slow
# slowly COMMAND...: a core that comes from there and never ends, captured in the background.
slowly() {
	rm -rf vault told/*
	("$@"; exec sleep 1000) >slow &
	feeder=$!
	background+=("$feeder")
	status=0
	timeout 60 "$corelate" capture --config capture.conf "${words[@]}" <slow >out 2>err &
	job=$!
	background+=("$job")
}
await() {
	checks=$((checks + 1))
	status=0
	wait $job || status=$?
	kill -KILL "$feeder" 2>/dev/null || true
	wait "$feeder" 2>/dev/null || true
}
packer() {
	for _ in $(seq 200); do
		for process in $(pgrep -x corelate-drain || true); do
			[ "$(tr '\0' ' ' <"/proc/$process/cmdline" 2>/dev/null | grep -c "$work\|P=$dying")" = 0 ] || {
				echo "$process"
				return
			}
		done
		sleep 0.02
	done
}
settings CoreTimeout=1s
slowly cat core
await
kept 'a core that does not end' cut 'reading it took over 1 s'
slowly true
await
kept 'a core that does not begin' absent 'reading it took over 1 s'
settings
slowly cat core
kill -KILL "$(packer)"
await
kept 'a packer that is killed' absent 'killed by signal 9'
settings CoreTimeout=1s
slowly cat core
kill -STOP "$(packer)"
await
kept 'a packer that hangs' absent 'did not stop'
settings
rm -rf vault
mkdir directory
capture directory
kept 'a core that cannot be read' absent 'cannot read the core'
rm -rf vault
capture nobody.db
kept 'what is no core' absent 'is no core'

# ---- the record ----
# recorded: the record of the fixture, as one of this boot and of the process that dies, by a recorder that is at work.
recorded() {
	rm -f record.db*
	cp story.db record.db
	"$python" - record.db "$dying" <<'END'
import sqlite3, struct, sys, time
words = struct.iter_unpack("QQ", open("/proc/%s/auxv" % sys.argv[2], "rb").read())
auxv = {key: value for key, value in words}
boot = open("/proc/sys/kernel/random/boot_id").read().strip()
database = sqlite3.connect(sys.argv[1], isolation_level=None)
signed = lambda value: value - (1 << 64) if value >> 63 else value
database.execute("UPDATE recording SET boot_id = ?, ended_ns = 0, last_commit_ns = 1002000000000", (boot,))
database.execute("UPDATE space SET auxv_sysinfo_ehdr = ?, auxv_random = ?, auxv_entry = ?, auxv_base = ?",
                 [signed(auxv.get(key, 0)) for key in (33, 25, 9, 7)])
database.execute("UPDATE process SET pid = ?, namespace_pid = ?", (sys.argv[2], sys.argv[2]))
END
}

# commit SECONDS [SQL]: then the recorder stores that, and says that it is complete until now.
commit() {
	sleep "$1"
	sqlite3 -cmd '.timeout 5000' record.db "BEGIN; ${2:-}; UPDATE recording SET last_commit_ns =
		$("$python" -c 'import time; print(time.clock_gettime_ns(time.CLOCK_BOOTTIME) + 10**9)'); COMMIT" >/dev/null
}

# gaps: of the newest report.
gaps() {
	"$python" -c 'import json, sys; print(len(json.load(open(sys.argv[1]))["coverage"]["gaps"]))' "$(newest)/report.json"
}

settings "Database=$work/record.db"
recorded
commit 0
rm -rf vault
capture directory
kept 'a record without a core' absent 'cannot read the core'
grep -qx 'CORELATE_CLASS=double-munmap' told/environment || fail "a record without a core: $(cat told/environment)"
is 'gaps of a complete record' "$(gaps)" 0
grep -qF 'no core was kept: cannot read the core' "$(newest)/report.json" || fail 'the report does not say that there is no core'
# What was lost before the death comes after the death itself: the explanation waits for it.
recorded
rm -rf vault
commit 1.5 'INSERT INTO gap (recording_id, pid, cause, from_ns, to_ns, lost)
	SELECT 1, pid, 1, 1001400000000, 1002300000000, 3 FROM process' &
capture directory
wait $!
is 'gaps of a record that was not complete yet' "$(gaps)" 1
# A recorder that hangs is not waited for for ever.
recorded
rm -rf vault
SECONDS=0
capture directory
[ "$SECONDS" -lt 15 ] || fail "a recorder that hangs holds the explanation for $SECONDS s"
grep -qx 'CORELATE_CLASS=double-munmap' told/environment || fail "a recorder that hangs: $(cat told/environment)"
settings

# ---- where nothing can be written ----
# unkept WHAT NOTE: there is no entry; the journal and the hooks are told all the same.
unkept() {
	is "$1: status" "$status" 1
	grep -q "sleep (pid $dying) died; it could not be kept: " err || fail "$1: $(cat err)"
	hooked "$1" absent "$2"
}
vault=$work/file/vault
echo 'no directory' >file
settings
capture core
unkept 'a vault that cannot be' 'Not a directory'
# The record explains it all the same.
settings "Database=$work/record.db"
commit 0
capture core
unkept 'a vault that cannot be, recorded' 'Not a directory'
grep -qx 'CORELATE_CLASS=double-munmap' told/environment && grep -q double-munmap told/report ||
	fail "unkept, but recorded: $(cat told/environment)"
vault=$work/vault
if is_root && mount -t tmpfs -o size=64k,mode=700 none directory 2>/dev/null; then
	umount directory
	trap 'umount -l "$work/disk" 2>/dev/null || true; cleanup' EXIT
	mkdir disk
	vault=$work/disk/vault
	settings KeepFree=no
	# the core fills the disk
	mount -t tmpfs -o size=1m,mode=700 none disk
	capture large
	kept 'a core that fills the disk' cut 'No space left on device'
	# it was full before, of older crashes
	sleep 1.1
	capture core
	head -c 2000000 /dev/zero >disk/rest 2>/dev/null || true
	sleep 1.1
	capture large
	is 'on a disk full of older crashes: status' "$status" 0
	grep -q 'removed ' err || fail "older crashes made no room: $(cat err)"
	[ "$(find disk/vault -name crash.json | wc -l)" -eq 2 ] || fail "on a full disk: $(ls disk/vault)"
	umount disk
	# it is full of other things
	mount -t tmpfs -o size=256k,mode=700 none disk
	head -c 2000000 /dev/zero >disk/rest 2>/dev/null || true
	capture large
	unkept 'a disk full of other things' 'No space left on device'
	umount disk
	# nor are there inodes
	mount -t tmpfs -o size=1m,nr_inodes=2,mode=700 none disk
	capture core
	unkept 'a disk without inodes' 'No space left on device'
	umount disk
	# read-only
	mount -t tmpfs -o size=1m,ro none disk
	capture core
	unkept 'a disk that is read-only' 'Read-only file system'
	umount disk
else
	echo 'partly skipped: no tmpfs can be mounted here'
fi
finish
