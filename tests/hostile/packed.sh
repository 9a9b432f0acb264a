#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Cores that somebody else has compressed: a small file must not fill a disk.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
command -v zstd >/dev/null || {
	echo 'skipped: zstd is not installed'
	exit 77
}
cd "$work"
fixture db=story.db core=core
mkdir rooms
export TMPDIR=$work/rooms
# follow BYTES BYTE COMMAND...: the core and so many bytes after it, packed.
follow() {
	local bytes=$1 byte=$2

	shift 2
	(
		cat core
		head -c "$bytes" /dev/zero | tr '\0' "$byte"
	) | "$@"
}

# What repeats itself more than any program's memory does is refused, by whatever it was packed.
follow 600M '\252' zstd -q -1 -c >bomb.zst
follow 600M '\252' xz -0 -c >bomb.xz
follow 600M '\252' bzip2 -1 -c >bomb.bz2
for bomb in bomb.*; do
	[ "$(stat -c %s $bomb)" -lt 1000000 ] || fail "$bomb is none: $(stat -c %s $bomb) bytes"
	refuse 1 'too much for its own' timeout 60 "$corelate" explain --db story.db ./$bomb
done
# So is one whose bytes are zeros but for one in each page.
"$python" -c 'import sys
page = bytes(4095) + b"x"
for _ in range(800 << 8): sys.stdout.buffer.write(page)' | cat core - | zstd -q -1 -c >sprinkled.zst
refuse 1 'too much for its own' "$corelate" explain --db story.db ./sprinkled.zst
# A little of it is a core's, and so are gigabytes of zeros: they are holes.
follow 64M '\252' zstd -q -1 -c >patterned.zst
accept "$corelate" explain --db story.db ./patterned.zst
follow 3G '\0' zstd -q -1 -c >sparse.zst
accept "$corelate" explain --db story.db ./sparse.zst
# Packed less well, more is allowed: the bound follows the file's size.
(
	cat core
	head -c 3M /dev/urandom
	head -c 600M /dev/zero | tr '\0' '\252'
) | zstd -q -1 -c >mixed.zst
accept "$corelate" explain --db story.db ./mixed.zst
# A disk is left with some room, and it is said what is missing.
if is_root && unshare -m true 2>/dev/null; then
	mkdir small
	refuse 1 'no room in' unshare -m sh -c 'mount -t tmpfs -o size=128m none small && TMPDIR=$PWD/small exec "$@"' sh \
		"$corelate" explain --db story.db ./mixed.zst
else
	echo 'partly skipped: a full file system needs root'
fi
[ -z "$(ls -A rooms)" ] || fail "left behind: $(ls -A rooms)"
finish
