#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Cores that were cut, and cores with changed bytes: each ends in an answer or in a refusal.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/../cli/lib.sh"
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
cd "$work"

fixture db=story.db core=core
mkdir cut changed results
"$build/tests/mutate" cut core cut 200
"$build/tests/mutate" change core changed 500
# What parsers look for first stays, so that some of them get deep.
mkdir deep
"$build/tests/mutate" change core deep 100 400

# try FILE: a core to be explained, and shown by one of the other verbs in turn.
turn=0
try() {
	attempt "$1" explain --db story.db "./$1"
	case $((turn++ % 4)) in
	0) attempt "$1" info --all --db story.db "./$1" ;;
	1) attempt "$1" stack --all --db story.db "./$1" ;;
	2) attempt "$1" repair --dry-run --db story.db "./$1" ;;
	*) attempt "$1" why --db story.db 0x7ffff7a4f234 "./$1" ;;
	esac
}

in_parallel cut/* changed/* deep/*
# The whole core is none of them: if nothing could be read, the changes are too rough to test anything.
answered=$(cat results/*.answered | wc -l)
[ "$answered" -ge 400 ] || fail "only $answered of the attempts got an answer"
finish
