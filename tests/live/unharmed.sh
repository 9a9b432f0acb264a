#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The recorder leaves alone what it watches, and the host.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
live_begin "$@"

# ---- a command sees the same world ----

# What it prints about itself must not depend on who started it. The parent is another, and the pid.
cat >"$TMP/look" <<'END'
#!/bin/bash
env | grep -v '^_=' | sort
pwd
umask
ulimit -a
ls -l /proc/self/fd | grep -c ' -> '
grep -E '^(Sig(Blk|Ign|Cgt|Pnd)|Shd|Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|Threads|TracerPid|CoreDumping)' /proc/self/status
cat /proc/self/oom_score_adj /proc/self/autogroup /proc/self/cgroup /proc/self/coredump_filter /proc/self/personality
nice
readlink /proc/self/ns/*
echo "problem" >&2
seq 100000 | sort -R --random-source=/bin/true | md5sum
END
chmod +x "$TMP/look"
"$TMP/look" >"$TMP/bare" 2>"$TMP/bare-errors" 9>&- </dev/null
STATUS=0
"$CORELATE" record --db "$DB" -- "$TMP/look" >"$TMP/recorded" 2>"$TMP/recorded-errors" 9>&- </dev/null || STATUS=$?
equal "status" "$STATUS" 0
diff "$TMP/bare" "$TMP/recorded" >&2 || fail "the command saw another world (< bare, > recorded)"
# One line before and one after are the recorder's.
diff "$TMP/bare-errors" <(grep -v '^corelate: ' "$TMP/recorded-errors") >&2 || fail "other errors"
equal "lines of the recorder" "$(grep -c '^corelate: ' "$TMP/recorded-errors")" 2
check_books

# ---- a running process keeps its memory as it is ----

puppet_start
tell map 20480
maps=$(cat "/proc/$PUPPET/maps")
status=$(grep -E '^(Sig(Blk|Ign|Cgt|Pnd)|Shd|Threads|TracerPid|Vm(Size|Exe|Lib|Lck))' "/proc/$PUPPET/status")
recorder_start --pid "$PUPPET"
equal "uprobes while recorded" "$(grep -c uprobes "/proc/$PUPPET/maps" || true)" 0
equal "maps while recorded" "$(cat "/proc/$PUPPET/maps")" "$maps"
tell burst 1000
tell mark 5
equal "tracer" "$(awk '/^TracerPid/ { print $2 }' "/proc/$PUPPET/status")" 0
recorder_stop
equal "maps afterwards" "$(cat "/proc/$PUPPET/maps")" "$maps"
equal "status afterwards" "$(grep -E '^(Sig(Blk|Ign|Cgt|Pnd)|Shd|Threads|TracerPid|Vm(Size|Exe|Lib|Lck))' "/proc/$PUPPET/status")" "$status"
tell exit 0
puppet_end
equal "status of the puppet" "$PUPPET_STATUS" 0

# ---- the host keeps its mounts, and no BPF program stays ----

programs() {
	"$PYTHON" - <<-'END'
		# Ids of loaded BPF programs: BPF_PROG_GET_NEXT_ID.
		import ctypes, struct
		libc, after, found = ctypes.CDLL(None), 0, 0
		while True:
		    attributes = ctypes.create_string_buffer(struct.pack("4I", after, 0, 0, 0), 128)
		    if libc.syscall(321, 11, attributes, 128) < 0:
		        break
		    after = struct.unpack("4I", attributes.raw[:16])[1]
		    found += 1
		print(found)
	END
}

# shellcheck disable=SC2016 # for the inner shell
if unshare --mount --propagation private sh -c 'umount -l /sys/kernel/tracing' 2>/dev/null; then
	DB=$TMP/mounts.db
	before=$(cat /proc/self/mounts)
	# In a mount namespace without tracefs, which the recorder must mount for itself alone.
	unshare --mount --propagation private bash -c '
		umount -l /sys/kernel/tracing
		! mountpoint -q /sys/kernel/debug || umount -l /sys/kernel/debug
		cat /proc/self/mounts >"$3/inner-before"
		"$1" record --db "$2" -- cat /proc/self/mounts >"$3/inner-command" 2>"$3/log"
		cat /proc/self/mounts >"$3/inner-after"' - "$CORELATE" "$DB" "$TMP" ||
		fail "recording where tracefs is not mounted: $(cat "$TMP/log")"
	equal "mounts of the host" "$(cat /proc/self/mounts)" "$before"
	diff "$TMP/inner-before" "$TMP/inner-after" >&2 || fail "the recorder changed the mounts of its starter"
	diff "$TMP/inner-before" "$TMP/inner-command" >&2 || fail "the recorder changed the mounts of its command"
	check_books
else
	printf 'tracefs cannot be taken away here: its absence was not tried\n'
fi

loaded=$(programs)
no_more_programs() {
	[ "$(programs)" -le "$loaded" ]
}
record true
within 20 no_more_programs || fail "BPF programs stayed: $(programs) now, $loaded before"
live_end
