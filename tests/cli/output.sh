#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# -o FILE: one rule for every verb that writes a file (common/output.h), for root and for others.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
# What a runner of tests leaves open would be the caller's.
for number in 3 4 5 6 7 8 9 77; do
	eval "exec $number>&-"
done
fixture db=story.db core=core
public_programs
corelate=$work/bin/corelate
mkdir rooms
export TMPDIR=$work/rooms
chmod 755 story.db core
chmod 1777 rooms

# What is started: as this user, or as nobody.
user=()

# verb WORD ARGUMENT...: runs one of the verbs that write a file.
verb() {
	local word=$1

	shift
	case $word in
	report) set -- "$corelate" report --db "$work/story.db" --format=html "$@" "$work/core" ;;
	bundle) set -- "$corelate" bundle --db "$work/story.db" "$@" "$work/core" ;;
	repair) set -- "$corelate" repair --db "$work/story.db" "$work/core" "$@" ;;
	esac
	run ${user[@]+"${user[@]}"} "$@"
	expect_sane "$@"
}

# done_by WORD ARGUMENT...: must succeed and say nothing on standard error.
done_by() {
	verb "$@"
	[ "$status" -eq 0 ] && [ ! -s "$work/err" ] || {
		fail "$who: $*: status $status"
		show "$work/err"
	}
}

# not_by TEXT WORD ARGUMENT...: must fail with one sentence that holds TEXT.
not_by() {
	local text=$1

	shift
	verb "$@"
	[ "$status" -eq 1 ] && [ "$(wc -l <"$work/err")" -eq 1 ] && grep -qF -- "$text" "$work/err" || {
		fail "$who: $*: status $status, wanted: $text"
		show "$work/err"
	}
}

# whole WORD FILE: the file is what this verb writes.
whole() {
	checks=$((checks + 1))
	case $1 in
	report) [ "$(tail -n 1 "$2")" = '</html>' ] ;;
	bundle) zstd -dcq "$2" 2>/dev/null | tar -tf - 2>/dev/null | grep -qx core ;;
	repair) cmp -s "$2" "$work/core" ;;
	esac || fail "$who: $2 is not what $1 writes: $(ls -l "$2")"
}

# is WHAT GOT WANTED
is() {
	checks=$((checks + 1))
	[ "$2" = "$3" ] || fail "$who: $1 is '$2' and not '$3'"
}

# nothing_beside: no piece of a file was left.
nothing_beside() {
	checks=$((checks + 1))
	[ -z "$(find . -name '.corelate-*' -o -name '*.??????')" ] || fail "$who: left behind: $(find . -name '.corelate-*')"
}

# theirs FILE...: made by this script, but for the user.
theirs() {
	! is_root || chown -h "$owner" "$@"
}

# by_all WORD: what holds for everybody. In a directory of the user's own.
by_all() {
	local inode

	# regular files
	done_by "$1" -o new
	whole "$1" new
	is "the mode of a new file" "$(stat -c %a new)" 600
	echo before >old
	chmod 644 old
	! is_root || chown "$owner:$group" old
	inode=$(stat -c %i old)
	exec {held}<old
	done_by "$1" -o old
	whole "$1" old
	is 'what a reader of the old file sees' "$(cat <&"$held")" before
	exec {held}<&-
	[ "$(stat -c %i old)" != "$inode" ] || fail "$who: $1: the file was not replaced but written over"
	is "the mode of a replaced file" "$(stat -c %a old)" "$([ "$1" = report ] && echo 644 || echo 600)"

	# a FIFO is written to
	mkfifo fifo
	theirs fifo
	timeout 20 cat fifo >from-fifo &
	done_by "$1" -o fifo
	wait $! || true
	whole "$1" from-fifo
	[ -p fifo ] || fail "$who: $1 has replaced a FIFO"
	# one whose reader has left, by a descriptor (by its name it could only be caught in time)
	piped=("$python" -c 'import os, signal, sys
ends = os.pipe(); os.close(ends[0]); os.dup2(ends[1], 9); signal.signal(signal.SIGPIPE, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])')
	user=(${user[@]+"${user[@]}"} "${piped[@]}")
	not_by 'cannot write /dev/fd/9: Broken pipe' "$1" -o /dev/fd/9
	user=(${user[@]:0:${#user[@]}-${#piped[@]}})

	# links: the target is what is replaced
	mkdir elsewhere
	echo before >elsewhere/target
	theirs elsewhere elsewhere/target
	ln -s elsewhere/target link
	done_by "$1" -o link
	[ -L link ] || fail "$who: $1 has replaced a link"
	whole "$1" elsewhere/target
	ln -s elsewhere/made dangling
	done_by "$1" -o dangling
	[ -L dangling ] || fail "$who: $1 has replaced a link that led nowhere"
	whole "$1" elsewhere/made
	ln -s "$PWD/elsewhere" directory
	ln -s directory again
	done_by "$1" -o again/through
	whole "$1" elsewhere/through
	ln -s fifo to-fifo
	timeout 20 cat fifo >from-fifo &
	done_by "$1" -o to-fifo
	wait $! || true
	whole "$1" from-fifo
	ln -s loop-b loop-a
	ln -s loop-a loop-b
	not_by 'Too many levels of symbolic links' "$1" -o loop-a
	ln -s "$PWD/missing/file" into-nothing
	not_by 'No such file or directory' "$1" -o into-nothing

	# descriptors of the caller's
	for path in /dev/stdout /dev/fd/1 /proc/self/fd/1; do
		verb "$1" -o "$path"
		is "$1 -o $path: status" "$status" 0
		whole "$1" "$work/out"
	done
	ln -s /dev/stdout to-stdout
	verb "$1" -o to-stdout
	whole "$1" "$work/out"
	[ -L to-stdout ] || fail "$who: $1 has replaced a link to a descriptor"
	printf 'before\n' >appended
	exec {held}>>appended
	done_by "$1" -o "/dev/fd/$held"
	exec {held}>&-
	is 'the beginning of what a descriptor appends to' "$(head -n 1 appended)" before
	tail -c +8 appended >rest
	whole "$1" rest
	exec {held}<appended
	not_by 'open for reading only' "$1" -o "/dev/fd/$held"
	exec {held}<&-
	for number in 3 4 5 6 7 8 9 77; do
		not_by "the caller has not opened descriptor $number" "$1" -o "/dev/fd/$number"
	done
	# /dev/full by a descriptor, and by its name
	exec {held}>/dev/full
	not_by 'No space left on device' "$1" -o "/dev/fd/$held"
	exec {held}>&-
	# Those of the host only for one who could not replace them if this rule were broken; root's are below.
	if [ "$owner" -ne 0 ]; then
		not_by 'cannot write /dev/full: No space left on device' "$1" -o /dev/full
		done_by "$1" -o /dev/null
	fi

	# what cannot be
	not_by 'Is a directory' "$1" -o elsewhere
	not_by 'Is a directory' "$1" -o elsewhere/
	not_by 'Is a directory' "$1" -o .
	not_by 'Not a directory' "$1" -o new/below
	not_by 'Not a directory' "$1" -o new/
	not_by 'No such file or directory' "$1" -o missing/below
	"$python" -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
	not_by 'it is a socket' "$1" -o socket
	nothing_beside
}

everybody() {
	local word

	for word in report bundle repair; do
		mkdir "$work/$who-$word"
		cd "$work/$who-$word"
		chown "$owner" .
		by_all "$word"
		cd "$work"
	done
}

# The core itself is never the target, whatever leads there.
who=$(id -un)
ln -s core to-core
not_by 'is the core itself, which is never changed' repair -o to-core
exec {held}>>core
not_by 'is the core itself, which is never changed' repair -o "/dev/fd/$held"
not_by 'it is to hold that file itself' bundle -o "/dev/fd/$held"
exec {held}>&-
not_by 'it is to hold that file itself' bundle -o to-core

owner=$(id -u)
group=$(id -g)
everybody
if ! is_root; then
	echo 'partly skipped: not root'
	finish
	exit
fi

# ---- root: devices of its own ----
who=root-devices
mkdir devices
cd devices
if mknod null c 1 3 2>/dev/null && mknod full c 1 7; then
	ln -s null to-null
	ln -s full to-full
	for word in report bundle repair; do
		done_by $word -o null
		done_by $word -o to-null
		not_by 'cannot write full: No space left on device' $word -o full
		not_by 'cannot write to-full: No space left on device' $word -o to-full
		is 'what is left' "$(stat -c '%F %t,%T' null full | tr '\n' ' ')" \
			'character special file 1,3 character special file 1,7 '
		[ -L to-null ] && [ -L to-full ] || fail "$word has replaced a link to a device"
	done
else
	echo 'partly skipped: no device can be made here'
fi
cd "$work"

# ---- root: where others may write ----
# allow_nobody DIRECTORY: by an access control list (acl(5), linux/posix_acl_xattr.h), without a tool that need not be installed.
allow_nobody() {
	"$python" -c 'import os, struct, sys
entries = ((1, 7, -1), (2, 7, 65534), (4, 5, -1), (16, 7, -1), (32, 5, -1))
os.setxattr(sys.argv[1], "system.posix_acl_access", struct.pack("<I", 2) + b"".join(struct.pack("<HHi", *entry) for entry in entries))' "$1"
}
who=root-shared
for mode in 1777 777 user group acl; do
	mkdir "shared-$mode"
	case $mode in
	acl)
		allow_nobody shared-acl 2>/dev/null || {
			echo 'partly skipped: no access control list can be set here'
			continue
		}
		is 'owner, group and mode' "$(stat -c '%u:%g %a' shared-acl)" '0:0 775'
		;;
	user) chown 65534 shared-user ;;
	group) chgrp 65534 shared-group && chmod 775 shared-group ;;
	*) chmod "$mode" "shared-$mode" ;;
	esac
	cd "shared-$mode"
	for word in report bundle repair; do
		done_by $word -o "new-$word"
		whole $word "new-$word"
		# A second time it is there, even though it is root's.
		cp "new-$word" before
		not_by 'where other users may write' $word -o "new-$word"
		cmp -s before "new-$word" || fail "$who: $word has changed a file in a directory of mode $mode"
		rm -f before "new-$word"
		# Others have made it ready.
		echo theirs >file
		mkfifo pipe
		mkdir -p "$work/mine"
		echo mine >"$work/mine/target"
		ln -s "$work/mine/target" leads-out
		ln -s "$work/mine/fresh" leads-nowhere
		ln -s "$work/mine" way-out
		ln file hard
		for path in file pipe hard; do
			not_by 'it is there already, in a directory where other users may write' $word -o $path
		done
		for path in leads-out leads-nowhere way-out/target way-out/fresh; do
			not_by 'it leads over a link in a directory where other users may write' $word -o $path
		done
		[ -p pipe ] || fail "$who: $word has replaced a FIFO"
		is 'their file' "$(cat file)" theirs
		is 'my file' "$(cat "$work/mine/target")" mine
		[ ! -e "$work/mine/fresh" ] || fail "$who: $word was led out by a link"
		# A link of root's own that leads in: for it both directories count.
		ln -sfn "$PWD/file" "$work/mine/leads-in"
		ln -sfn "$PWD/fresh" "$work/mine/leads-to-new"
		not_by 'it is there already, in a directory where other users may write' $word -o "$work/mine/leads-in"
		done_by $word -o "$work/mine/leads-to-new"
		whole $word fresh
		rm -rf fresh file pipe hard leads-out leads-nowhere way-out "$work/mine"
	done
	nothing_beside
	cd "$work"
done
# Its own directory in one of those is its own.
mkdir shared-1777/own
echo before >shared-1777/own/file
done_by report -o shared-1777/own/file
whole report shared-1777/own/file
# Who owned the file owns the new one.
who=root-owner
mkdir owned
echo before >owned/file
chown 65534:65534 owned/file
chmod 640 owned/file
done_by report -o owned/file
is 'owner and mode of a replaced file' "$(stat -c '%u:%g %a' owned/file)" '65534:65534 640'
done_by bundle -o owned/file
is 'owner and mode of a replaced file that is private' "$(stat -c '%u:%g %a' owned/file)" '0:0 600'

# ---- root: a full disk ----
who=root-full
mkdir small
for word in report bundle repair; do
	if ! mount -t tmpfs -o size=4k,mode=700 none small 2>/dev/null; then
		echo 'partly skipped: no tmpfs can be mounted here'
		break
	fi
	echo before >small/file
	not_by 'No space left on device' $word -o small/file
	is 'the file on a full disk' "$(cat small/file)" before
	is 'what lies on a full disk' "$(ls -A small)" file
	umount small
done

# ---- nobody ----
who=nobody
owner=65534
group=65534
user=("${as_nobody[@]}")
everybody
# Where it may not write.
mkdir closed
echo before >closed/file
for word in report bundle repair; do
	not_by 'Permission denied' $word -o closed/new
	not_by 'Permission denied' $word -o closed/file
done
is 'a file in a closed directory' "$(cat closed/file)" before
# It may replace what is there where everybody may write, and follows its own links.
mkdir -m 1777 open
echo before >open/file
chown 65534 open/file
ln -s file open/link
chown -h 65534 open/link
done_by report -o open/link
whole report open/file
finish
