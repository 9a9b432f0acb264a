#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Progress: on a terminal, after a second, one line that is gone at the end; nowhere else.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"
fixture db=story.db core=core
clear=$'\r\e[K'

# on_terminal COLUMNS ARGUMENT...: $status, and what the terminal got in $work/terminal.
on_terminal() {
	checks=$((checks + 1))
	status=0
	timeout 90 "$python" "$here/on_terminal.py" terminal "$@" || status=$?
}

# A core that takes some seconds by its size alone.
truncate -s 1G large
dd if=core of=large conv=notrunc status=none
"$python" - large <<-'END'
	import sys, os
	# Bytes that zstd has to look at: every page of the first 500 MiB differs.
	with open(sys.argv[1], "r+b") as file:
	    file.seek(1 << 20)
	    block = os.urandom(1 << 20)
	    for i in range(500):
	        file.write(i.to_bytes(4, "little") + block[:-4])
END
evil=$'core.\e]0;evil\a\n<x>'
mv large "$evil"
on_terminal 60 "$corelate" import --db story.db --no-such-option
[ "$status" -eq 2 ] || fail "a bad option on a terminal: status $status"
on_terminal 60 "$corelate" import --db story.db "./$evil"
[ "$status" -eq 0 ] || { fail "import on a terminal: status $status"; show terminal; }
"$python" - terminal "$evil" <<-'END' || fail 'the progress of an import is not what it should be'
	import re, sys
	got = open(sys.argv[1], "rb").read()
	frames = got.split(b"\r\x1b[K")
	shown = [frame for frame in frames if frame.startswith(b"importing")]
	assert len(shown) >= 2, got[:2000]
	for frame in shown:
	    text = frame.split(b"\n")[0]
	    assert len(text.decode()) <= 59, text          # one line: the terminal is 60 columns wide
	    assert b"\x1b" not in text and b"\x07" not in text, text
	shares = [int(found) for frame in shown for found in re.findall(rb": (\d+) % \d+ s", frame)]
	assert shares and shares == sorted(shares) and shares[-1] > shares[0], shares
	# It is wiped away, and what is said stands on lines of its own.
	assert frames[-1].lstrip(b"\r\n").startswith(b"./core") or b"imported as" in frames[-1], frames[-1]
	assert b"\r\x1b[K" not in got[got.rindex(b"imported as"):], got[-500:]
END
on_terminal 200 "$corelate" explain --no-pager --db story.db "$(basename vault/2*)"
[ "$status" -eq 0 ] || { fail "explain on a terminal: status $status"; show terminal; }
"$python" - terminal <<-'END' || fail 'the progress of an explanation is not what it should be'
	import sys
	got = open(sys.argv[1], "rb").read()
	# Whether it takes a second here is the machine's business; what was shown is gone before the verdict comes.
	assert b"\r\x1b[K" not in got[got.index(b"double-munmap"):], got[:1000]
	before = got[:got.index(b"double-munmap")]
	assert b"unpacking" not in before or before.rindex(b"\r\x1b[K") > before.rindex(b"unpacking"), got[:1000]
END

# Nothing where nobody looks, and nothing for what is done in a moment.
rm -rf vault
run "$corelate" import --db story.db "./$evil"
grep -qF "$clear" out err && fail 'progress without a terminal'
on_terminal 80 "$corelate" explain --no-pager --db story.db ./core
grep -qF "$clear" terminal && fail 'progress for what is done in a moment'
rm -rf vault "$evil"

# ---- a recording that is watched ----
if is_root && [ -e /sys/kernel/btf/vmlinux ]; then
	on_terminal 100 --stop-after '/s, ' "$corelate" record --db record.db --comm no-such-program
	if grep -q 'cannot' terminal; then
		echo 'partly skipped: this host cannot record'
	else
		[ "$status" -eq 0 ] || { fail "record on a terminal: status $status"; show terminal; }
		grep -qE '[0-9]+ events stored, [0-9]+/s, [0-9]+ lost, [0-9.]+ MiB' terminal || { fail 'no status line'; show terminal; }
		tail -n 1 terminal | grep -qF "${clear}corelate:" || { fail 'the status line is not taken away'; show terminal; }
	fi
	timeout -s INT 3 "$corelate" record --db record.db --comm no-such-program >out 2>err || true
	grep -qF "$clear" err && fail 'a status line without a terminal'
fi
finish
