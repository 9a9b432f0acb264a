#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Bundles that were cut or changed, and bundles made to harm: each ends in an answer or in one sentence, and nothing is
# left of it, in the room or outside.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
command -v zstd >/dev/null || {
	echo 'skipped: zstd is not installed'
	exit 77
}
cd "$work"

fixture db=story.db core=core
mkdir rooms good evil cut changed results
export TMPDIR=$work/rooms
"$corelate" bundle --db story.db -o good.corelate ./core >/dev/null
tar --zstd -xf good.corelate -C good
"$python" "$here/make_bundles.py" good evil
"$build/tests/mutate" cut good.corelate cut 60
"$build/tests/mutate" change good.corelate changed 200 4
# Those cannot be known by their first bytes.
for file in cut/* changed/*; do
	mv "$file" "$file.corelate"
done

turn=0
try() {
	attempt "$1" explain "./$1"
	[ "$(wc -l <"results/$worker.err")" -le 1 ] || echo "$1: said more than one line" >>"results/$worker.failed"
	case $((turn++ % 4)) in
	0) attempt "$1" info --all "./$1" ;;
	1) attempt "$1" repair --dry-run "./$1" ;;
	esac
}

in_parallel evil/* cut/* changed/*
[ -z "$(ls -A rooms)" ] || fail "left behind: $(ls -A rooms)"
found=$(find / -xdev -name evil -newer good.corelate -not -path "$work/evil" -not -path '/proc/*' 2>/dev/null | head -1 || true)
[ -z "$found" ] || fail "written outside: $found"

# Not one of those that mean harm is taken for a bundle; all of the cut ones are refused.
for file in cut/* evil/*; do
	case $file in
	# What is in these is true, or is not looked at.
	evil/half-* | evil/look-* | evil/crash_id-* | evil/signal_id-* | evil/host-* | evil/record.db-* | evil/core-null* | \
		evil/looks-__.corelate | evil/another-* | evil/listed-name-*) continue ;;
	esac
	checks=$((checks + 1))
	! "$corelate" explain "./$file" >/dev/null 2>&1 || fail "$file was explained"
done
# The sentences say what is wrong.
refuse 1 'damaged: core is not what was packed' "$corelate" explain evil/wrong-sum.corelate
refuse 1 'damaged: record.db is missing' "$corelate" explain evil/missing.corelate
refuse 1 'made by a newer corelate' "$corelate" explain evil/newer.corelate
refuse 1 'too much for its own' "$corelate" explain evil/huge-1099511627776.corelate
refuse 1 'does not tell of' "$corelate" explain evil/unlisted-name-0.corelate
refuse 1 'does not tell of' "$corelate" explain evil/kind-50-etc-passwd.corelate
refuse 1 'is larger than its' "$corelate" explain evil/stored-less.corelate
refuse 1 'does not begin with a manifest.json' "$corelate" explain evil/no-manifest.corelate
refuse 1 'evil/core-words.corelate: its core: not a core file' "$corelate" explain evil/core-words.corelate
refuse 1 'its record.db: file is not a database' "$corelate" explain evil/record.db-words.corelate
refuse 1 'neither a core nor a recorded death' "$corelate" explain evil/nobody.corelate
finish
