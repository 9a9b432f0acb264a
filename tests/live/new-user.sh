#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# A new user's path, with nothing but the README: the package is installed in a root that has what it depends on and
# nothing else; a program is recorded there and dies; the crash is listed, explained, reported, asked for and packed; and
# the bundle is opened in another such root, where that program never was.
# shellcheck source=tests/live/lib.sh disable=SC2119,SC2153 # functions with optional arguments; its variables
. "$(dirname "$0")/lib.sh"
for tool in cpack dpkg-shlibdeps dpkg-deb; do
	command -v "$tool" >/dev/null || skip "$tool is not installed"
done
! grep -q 'CORELATE_SANITIZE:BOOL=ON' "$1/CMakeCache.txt" || skip "sanitized programs are not packaged"
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
live_begin_alone "$@"
README=$SOURCE/README.md

# What a user types must be in the README: the verb, and each of its options with it.
named_in_readme() {
	local word

	grep -q "corelate $1" "$README" || fail "the README does not name: corelate $1"
	for word in "${@:2}"; do
		case $word in
		--) break ;;
		-?*) grep "corelate $1" "$README" | grep -q -e "${word%%=*}" ||
			fail "the README does not name ${word%%=*} of corelate $1" ;;
		esac
	done
}

# in_root ROOT COMMAND...: there, as in a container.
in_root() {
	"$PYTHON" "$SOURCE/tests/live/in_root.py" "$@" 9>&-
}

# user ROOT VERB WORD...: what the user types; the output is in OUTPUT and in $TMP/output.
user() {
	local root=$1
	shift
	named_in_readme "$@"
	STATUS=0
	in_root "$root" sh -c 'cd /root && exec corelate "$@"' sh "$@" >"$TMP/output" 2>"$TMP/errors" </dev/null || STATUS=$?
	OUTPUT=$(cat "$TMP/output" "$TMP/errors")
}

# clean_root DIRECTORY: with the package.
clean_root() {
	local needed

	mkdir "$1"
	mapfile -t needed < <(dpkg-deb -f "$DEB" Depends | tr ',' '\n' | sed 's/[(|].*//; s/ //g')
	"$PYTHON" "$SOURCE/tests/cli/clean_root.py" "$1" "${needed[@]}" dpkg coreutils dash bash grep sed tar findutils \
		diffutils libc-bin login perl-base init-system-helpers
	mknod -m 666 "$1/dev/null" c 1 3
	mkdir -p "$1/sys" "$1/root"
	# core_pattern names this directory; a process that changed its root finds it there.
	mkdir -p "$1$CORES"
	cp "$DEB" "$1/root/corelate.deb"
	must in_root "$1" dpkg --install /root/corelate.deb >"$TMP/installed"
}

cpack --config "$BUILD/CPackConfig.cmake" -B "$TMP/package" >"$TMP/log" 2>&1 || { fail "cpack: $(tail -n 3 "$TMP/log")" && exit 1; }
DEB=$(ls "$TMP"/package/*.deb)
HOST=$TMP/host
ELSEWHERE=$TMP/elsewhere
clean_root "$HOST"
clean_root "$ELSEWHERE"
[ ! -e "$HOST/usr/bin/gcc" ] && [ ! -e "$HOST/usr/bin/gdb" ] || fail "the root is not clean"

# The user's own program, built elsewhere as such programs are.
(cd "$HOST/root" && "$SOURCE/examples/compile" double-munmap >"$TMP/log" 2>&1) || fail "the example: $(cat "$TMP/log")"

user "$HOST" doctor
holds "status of doctor" "$STATUS" -le 1
contains "doctor" "$OUTPUT" "kernel"

user "$HOST" record -- ./double-munmap
equal "status of the recorded program" "$STATUS" 139
contains "record" "$OUTPUT" " 0 lost"

user "$HOST" list
contains "list" "$OUTPUT" "/root/double-munmap"
contains "list" "$OUTPUT" SIGSEGV
contains "list" "$OUTPUT" present
equal "lines of list" "$(wc -l <"$TMP/output")" 2

user "$HOST" explain
verdict='double-munmap (proven): libwalker.so unmapped '
contains "explain" "$OUTPUT" "$verdict"
contains "explain" "$OUTPUT" "walker_step_again+0x16 (walker.c:"
cp "$TMP/output" "$TMP/explained"

user "$HOST" report --format=html -o r.html
equal "status of report" "$STATUS" 0
contains "the page" "$(head -c 3000 "$HOST/root/r.html")" "<html"
contains "the page" "$(cat "$HOST/root/r.html")" "double-munmap"
lacks "the page" "$(cat "$HOST/root/r.html")" "<script"

user "$HOST" sql double-unmaps-last-day
equal "status of sql" "$STATUS" 0
contains "the named query" "$OUTPUT" libwalker.so

user "$HOST" bundle -o crash.corelate
equal "status of bundle" "$STATUS" 0
must [ -s "$HOST/root/crash.corelate" ]

# ---- elsewhere ----
must mv "$HOST/root/crash.corelate" "$ELSEWHERE/root/"
# Nothing of the first machine is left to look at.
must mv "$HOST" "$TMP/gone"
[ -z "$(find "$ELSEWHERE" -name 'double-munmap' -type f -o -name 'libwalker.so' -type f)" ] || fail "the victim is in the other root"
user "$ELSEWHERE" explain crash.corelate
contains "explain elsewhere" "$OUTPUT" "$verdict"
# The same answer, but for where the core is.
diff <(grep -v '^  core ' "$TMP/explained") <(grep -v '^  core ' "$TMP/output") >"$TMP/difference" ||
	fail "another answer elsewhere: $(head -n 10 "$TMP/difference")"
user "$ELSEWHERE" stack crash.corelate
contains "stack elsewhere" "$OUTPUT" "libdepot.so depot_read+"
contains "stack elsewhere" "$OUTPUT" "main.c:"
live_end
