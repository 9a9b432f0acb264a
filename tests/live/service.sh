#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# The units under a real systemd, that of this machine, booted in a root and in namespaces of its own: the hardening of the
# recorder's unit must leave it able to record, and the capture's must be able to set core_pattern and to give it back.
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
live_begin_alone "$@"
command -v dpkg-shlibdeps >/dev/null && [ -x /usr/lib/systemd/systemd ] || skip "this needs systemd and dpkg-dev"
! grep -q 'CORELATE_SANITIZE:BOOL=ON' "$BUILD/CMakeCache.txt" || skip 'sanitized programs are not packaged'
unified=$(awk '$3 == "cgroup2" {print $2; exit}' /proc/mounts)
[ -n "$unified" ] || skip "no cgroup2 is mounted"

root=$TMP/root
group=$unified/corelate-test-$$
live_cleanup_more() {
	[ -z "${systemd:-}" ] || kill -KILL "$systemd" 2>/dev/null || true
	[ -z "${booted:-}" ] || wait "$booted" 2>/dev/null || true
	# Processes leave a group some time after they have ended.
	[ ! -d "$group" ] || within 10 groups_are_gone || true
}
groups_are_gone() {
	find "$group" -depth -type d -exec rmdir {} \; 2>/dev/null
	[ ! -d "$group" ]
}

# ---- a root with the package, systemd, and no unit but ours ----
must cpack --config "$BUILD/CPackConfig.cmake" -B "$TMP/package" >"$TMP/log" 2>&1
mkdir "$root"
mapfile -t needed < <(dpkg-deb -f "$TMP"/package/*.deb Depends | tr ',' '\n' | sed 's/[(|].*//; s/ //g')
must "$PYTHON" "$SOURCE/tests/cli/clean_root.py" "$root" "${needed[@]}" dpkg coreutils dash bash grep sed tar findutils \
	diffutils libc-bin login perl-base init-system-helpers systemd util-linux mount
cp -a /usr/lib/systemd "$root/usr/lib/"
find "$root"/usr/lib/systemd/system -mindepth 1 -maxdepth 1 ! -name '*.slice' \
	! -name sysinit.target ! -name basic.target ! -name multi-user.target ! -name 'local-fs*.target' ! -name sockets.target \
	! -name timers.target ! -name paths.target ! -name slices.target ! -name shutdown.target ! -name umount.target \
	! -name final.target -exec rm -rf {} +
mkdir -p "$root/run" "$root/sys" "$root/old" "$root/root"
for device in 'null 1 3' 'zero 1 5' 'random 1 8' 'urandom 1 9'; do
	# shellcheck disable=SC2086 # three words
	set -- $device
	mknod -m 666 "$root/dev/$1" c "$2" "$3"
done
cp "$TMP"/package/*.deb "$root/root/corelate.deb"
must chroot "$root" dpkg --install /root/corelate.deb >"$TMP/log" 2>&1

# ---- boot ----
cat >"$TMP/boot" <<-END
	set -e
	mount --make-rprivate /
	mount --bind $root $root
	mount -t proc proc $root/proc
	mount -t sysfs sysfs $root/sys
	mount -t tracefs tracefs $root/sys/kernel/tracing
	mount -t cgroup2 cgroup2 $root/sys/fs/cgroup
	mount -t tmpfs tmpfs $root/run
	mount -t tmpfs tmpfs $root/tmp
	cd $root
	pivot_root . old
	umount -l /old
	exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin \
		/lib/systemd/systemd --system --unit=multi-user.target --log-target=null
END
mkdir "$group"
(
	echo "$BASHPID" >"$group/cgroup.procs"
	exec unshare --mount --pid --fork --kill-child --cgroup --uts --ipc sh "$TMP/boot" </dev/null >"$TMP/boot.log" 2>&1 9>&-
) &
booted=$!
LIVE_PIDS+=("$booted")
systemd_is_there() {
	systemd=$(pgrep -P "$booted") && [ "$(cat "/proc/$systemd/comm")" = systemd ]
}
inside() {
	nsenter --target "$systemd" --mount --pid --cgroup --uts --ipc "$@" 9>&-
}
is_up() {
	inside systemctl is-active --quiet multi-user.target 2>/dev/null
}
within 30 systemd_is_there || skip "no systemd boots here: $(tail -c 300 "$TMP/boot.log")"
within 30 is_up || skip "systemd does not come up here"

# A first boot, which this is, switches on what no preset forbids.
for unit in corelate-record.service corelate-capture.service corelate-import.service corelate-gc.timer; do
	equal "$unit after the installation" "$(inside systemctl is-enabled $unit 2>&1)" disabled
	equal "$unit after the boot" "$(inside systemctl is-active $unit)" inactive
done
equal 'core_pattern after the boot' "$(cat /proc/sys/kernel/core_pattern)" "$CORES/core.%p"

# ---- the recorder ----
started=0
inside systemctl start corelate-record.service || started=$?
equal 'start of the recorder' "$started" 0
equal 'state of the recorder' "$(inside systemctl is-active corelate-record.service)" active
pid=$(inside systemctl show --property=MainPID --value corelate-record.service)
equal 'the filter of system calls' "$(inside sed -n 's/^Seccomp:\t//p' "/proc/$pid/status")" 2
equal 'no new privileges' "$(inside sed -n 's/^NoNewPrivs:\t//p' "/proc/$pid/status")" 1
# CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH
equal 'capabilities' "$(inside sed -n 's/^CapEff:\t//p' "/proc/$pid/status")" 000000c000280004
status=0
cp /bin/sleep "$TMP/service-victim"
"$TMP/service-victim" 60 9>&- &
victim=$!
LIVE_PIDS+=("$victim")
within 5 grep -q service-victim "/proc/$victim/comm" || true
kill -SEGV "$victim"
wait "$victim" 2>/dev/null || status=$?
forget "$victim"
holds 'status of the victim' "$status" -gt 128
inside systemctl stop corelate-record.service || true
equal 'how the recorder ended' "$(inside systemctl show --property=Result --value corelate-record.service)" success
DB=$root/var/lib/corelate/corelate.db
holds 'events' "$(query 'SELECT count(*) FROM event')" -gt 100
equal 'books' "$(query 'SELECT emitted - stored - lost FROM recording')" 0
equal 'the crash' "$(query "SELECT signal FROM v_crash WHERE comm = 'service-victim'")" SIGSEGV
equal 'mode of the database' "$(stat -c %a "$DB")" 600

# ---- what systemd-coredump keeps ----
kept=$root/var/lib/systemd/coredump
mkdir -p "$kept"
holds 'cores of the victim' "$(find "$CORES" -name "core.$victim" | wc -l)" -eq 1
zstd -q "$CORES/core.$victim" -o "$kept/core.service-victim.0.$(tr -d - </proc/sys/kernel/random/boot_id).$victim.$(date +%s)000000.zst"
inside systemctl start corelate-import.service || fail 'the import does not start'
is_imported() {
	grep -qs '"findings"' "$root"/var/lib/corelate/crashes/2*/report.json
}
within 20 is_imported || fail "nothing was imported: $(find "$root/var/lib/corelate/crashes" | head -5)"
equal 'state of the import' "$(inside systemctl is-active corelate-import.service)" active
inside systemctl stop corelate-import.service || true
equal 'how the import ended' "$(inside systemctl show --property=Result --value corelate-import.service)" success
contains 'the imported crash' "$(inside corelate list --no-pager 2>&1)" service-victim

# ---- core_pattern ----
limit=$(cat /proc/sys/kernel/core_pipe_limit)
started=0
inside systemctl start corelate-capture.service || started=$?
equal 'start of the capture' "$started" 0
contains 'core_pattern' "$(cat /proc/sys/kernel/core_pattern)" '|/usr/bin/corelate capture '
inside systemctl stop corelate-capture.service || true
equal 'core_pattern after the capture' "$(cat /proc/sys/kernel/core_pattern)" "$CORES/core.%p"
equal 'core_pipe_limit after the capture' "$(cat /proc/sys/kernel/core_pipe_limit)" "$limit"
# Keeping within limits: what a capture left behind long ago goes.
left=$root/var/lib/corelate/crashes/.draft-0011223344556677
mkdir -p -m 700 "$left"
touch -d '3 days ago' "$left"
inside systemctl start corelate-gc.service || fail 'gc does not run'
equal 'how gc ended' "$(inside systemctl show --property=Result --value corelate-gc.service)" success
[ ! -e "$left" ] || fail 'gc leaves an old draft'

# Removing the package with the capture at work gives core_pattern back, too.
inside systemctl start corelate-capture.service || fail 'the capture does not start again'
inside dpkg --remove corelate >"$TMP/log" 2>&1 || fail "dpkg --remove: $(tail -c 300 "$TMP/log")"
equal 'core_pattern after the removal' "$(cat /proc/sys/kernel/core_pattern)" "$CORES/core.%p"

# So it does where nothing but the verb was used.
inside dpkg --install /root/corelate.deb >"$TMP/log" 2>&1 || fail "dpkg --install: $(tail -c 300 "$TMP/log")"
inside corelate install >"$TMP/log" 2>&1 || fail "corelate install: $(tail -c 300 "$TMP/log")"
contains 'core_pattern after corelate install' "$(cat /proc/sys/kernel/core_pattern)" '|/usr/bin/corelate capture '
inside dpkg --remove corelate >"$TMP/log" 2>&1 || fail "dpkg --remove: $(tail -c 300 "$TMP/log")"
equal 'core_pattern after the second removal' "$(cat /proc/sys/kernel/core_pattern)" "$CORES/core.%p"
live_end
