#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Runs every case in every mode, or those that are named, and prints a table.
# Usage: table.sh BUILD_DIRECTORY [CASE...]
set -euo pipefail

here=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
[ $# -ge 1 ] || { sed -n 's/^# Usage: /usage: /p' "$0" >&2 && exit 2; }
build=$1
shift
[ $# -gt 0 ] || set -- "$here"/cases/*
passed=0 failed=0 skipped=0
for name in "${@##*/}"; do
	for mode in unprobed no-record record; do
		status=0
		"$here/run-case.sh" "$build" "$name" "--$mode" || status=$?
		case $status in
		0) passed=$((passed + 1)) ;;
		77) skipped=$((skipped + 1)) ;;
		*) failed=$((failed + 1)) ;;
		esac
	done
done
printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ]
